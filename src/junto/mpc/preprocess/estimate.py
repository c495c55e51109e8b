"""What a demand costs a party to send, before anything is made: by the formulas of `junto.mpc.ot`.

Blocks are rounded up to whole words, each is checked with 128 transfers more and 48 bytes, and 128 transfers
are made to begin with, about 25 KB; none of that is counted here, so small plans send more than this says.
What products by homomorphic encryption send is exact, but for the public keys: of matrices 205 KB each way
the first time, of elements 1.9 MB.
"""

from __future__ import annotations

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.ot.extension import OtSettings
from junto.mpc.ot.scaling import ScalingWidths
from junto.mpc.ot.softspoken import rows_of
from junto.mpc.preprocess.correlations import Demand, width_of
from junto.mpc.preprocess.elements import broadcast_bytes, covered, elements_bytes, groups_for
from junto.mpc.preprocess.matrices import matrices_bytes
from junto.mpc.protocol.demands import (
    Bilinear,
    BothBits,
    Conjunction,
    Cut,
    DigitPads,
    Number,
    Product,
    Selected,
    Square,
    Turn,
    WordPads,
    crosses,
    no_product,
)
from junto.mpc.ring128 import ring_bits
from junto.mpc.waves import TURN_SCALE

_CUT_DIGITS_JOINED = 2
"""Joins of three ranges of places (below the point, above it, the top) to the carries that are wanted."""


def sent(demand: Demand, party: int, settings: OtSettings | None = None) -> int:
    """About how many bytes a party sends for a demand."""
    return round(_Estimate(party, settings or OtSettings(), width_of(demand)).of(demand))


class _Estimate:
    """For one party.

    Attributes:
        transfer: bytes of a transfer that the party chooses in.
    """

    def __init__(self, party: int, settings: OtSettings, width: int) -> None:
        self._party = party
        self._width = width
        self._settings = settings
        self.transfer = rows_of(settings.field_bits) / 8

    def of(self, demand: Demand) -> float:
        match demand:
            case Product():
                return self._products(demand)
            case Square():
                return self._square(demand.mask.size)
            case Bilinear():
                return self._bilinear(demand)
            case Selected(_, _, shape):
                return _size(shape) * self._scaled(ScalingWidths(1, self._width))
            case Number():
                return demand.bits.size * self._scaled(ScalingWidths(1, self._width)) / 2
            case BothBits(_, _, shape):
                return _size(shape) * (self._conjunction(1) + self._scaled(ScalingWidths(1, self._width)) / 2)
            case Conjunction():
                several = 1 if demand.right.ndim == 2 else len(demand.right)
                return len(demand.left) * demand.lanes * self._conjunction(several)
            case Cut():
                return demand.mask.size * (
                    self._cut(demand.shift) if demand.shift else self._rescaled(ring_bits(demand.mask))
                )
            case Turn():
                return demand.cos.size * self._scaled(ScalingWidths(TURN_SCALE + 2, self._width, width=2))
            case DigitPads():
                return self._party * 4 * demand.digits * demand.numbers.size * self.transfer
            case WordPads():
                return self._party * demand.digit.width * demand.numbers.size * self.transfer
        raise TypeError(f"two parties cannot make a {type(demand).__name__}; only a helper deals it")

    def _scaled(self, form: ScalingWidths) -> float:
        """Of one number of ours and one of the other party's."""
        return form.bits * self.transfer + form.nbytes

    def _conjunction(self, several: int) -> float:
        return self.transfer + several / 8

    def _cut(self, shift: int) -> float:
        """See `making.cuts`."""
        sizes = [-(-count // 4) for count in (shift, self._width - 1 - shift, 1)]
        leaves = sum(sizes) * (2 * self.transfer + 2)
        joins = sum(size - 1 for size in sizes) * self._conjunction(2)
        joins += _CUT_DIGITS_JOINED * self._conjunction(1)
        numbers = self._scaled(ScalingWidths(1, self._width)) + self._scaled(ScalingWidths(1, shift)) / 2
        return leaves + joins + numbers + self._width / 8 + 1 / 8

    def _rescaled(self, mask_bits: int) -> float:
        """The same by a factor, or to the larger ring: one range of places less, and a carry less."""
        sizes = [-(-(mask_bits - 1) // 4), 1]
        leaves = sum(sizes) * (2 * self.transfer + 2)
        joins = (sizes[0] - 1) * self._conjunction(2) + self._conjunction(1)
        numbers = self._scaled(ScalingWidths(1)) / 2 + self._scaled(ScalingWidths(1, self._width)) / 2
        return leaves + joins + numbers + self._width / 8 + 1 / 8

    def _products(self, demand: Product) -> float:
        if demand.left.shape == demand.right.shape == demand.shape:
            ways = crosses(*demand.held)
            return elements_bytes(_size(demand.shape), ways, self._party, self._settings, self._width)
        return broadcast_bytes(demand, self._party, self._settings)[0]

    def _square(self, size: int) -> float:
        groups = groups_for(size, 1, self._settings, self._width)
        rest = size - covered(groups, size)
        return groups.sent(self._party) + rest * self._scaled(ScalingWidths(self._width, self._width)) / 2

    def _bilinear(self, demand: Bilinear) -> float:
        ways, total = crosses(*demand.held), 0.0

        def product(a: Words, b: Words) -> Words:
            nonlocal total
            total += matrices_bytes(a.shape, b.shape, ways, self._party, self._settings, self._width)
            return no_product(a, b)

        demand.map(demand.left, demand.right, product)
        return total


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))
