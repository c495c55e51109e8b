"""What two parties need of each other: from oblivious transfer, large products by `lattice`.

Demands of one kind and form are made together, kind after kind in the order in which they first come: the
same order at both parties, for it depends on the plan alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from junto.mpc.lattice.lattice_products import LatticeProducts
from junto.mpc.lattice.slot_products import SlotProducts
from junto.mpc.ot.extension import Extension, OtSettings
from junto.mpc.preprocess import making, one_time_pads, turns
from junto.mpc.preprocess.correlations import Correlations, Demand, Made, width_of
from junto.mpc.preprocess.elements import ElementProducts
from junto.mpc.preprocess.matrices import MatrixProducts
from junto.mpc.prg import KEY_BYTES, Stream
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
)
from junto.mpc.protocol.role import Wire


class Oblivious(Correlations):
    """One party's end. The two meet when something is asked for the first time.

    Args:
        wire: to the other party.
        index: 0 or 1.
        own: a keystream of this party alone.
        session: names the device and the run, the same at both parties; never used twice.
        peer: the other party, for errors.
        settings: numbers of the transfers.
    """

    def __init__(
        self,
        wire: Wire,
        index: int,
        own: Stream,
        session: bytes,
        peer: str,
        settings: OtSettings | None = None,
    ) -> None:
        self._wire = _Counted(wire)
        self._meeting = (index, own, session, settings, peer)
        self._sources: _Sources | None = None

    @property
    def sent(self) -> int:
        return self._wire.sent

    def make(self, demands: Sequence[Demand]) -> list[Made]:
        if self._sources is None:
            self._sources = _Sources(self._wire, *self._meeting)
        alike: dict[Hashable, list[int]] = {}
        for number, demand in enumerate(demands):
            alike.setdefault((width_of(demand), _form(demand)), []).append(number)
        made: list[Made] = [()] * len(demands)
        for numbers in alike.values():
            results = self._make(self._sources, [demands[number] for number in numbers])
            for number, result in zip(numbers, results, strict=True):
                made[number] = result
        return made

    def _make(self, sources: _Sources, demands: Sequence[Any]) -> Sequence[Made]:
        """Of one form."""
        if isinstance(demands[0], Cut):
            return making.cuts(sources.extension, self._wire.exchange, demands)
        return [(each,) for each in _made(sources, demands)]


class _Sources:
    """What is made of what: see `Oblivious` for the arguments."""

    def __init__(
        self,
        wire: _Counted,
        index: int,
        own: Stream,
        session: bytes,
        settings: OtSettings | None,
        peer: str,
    ) -> None:
        lattice = LatticeProducts(wire.exchange, Stream(own.octets(KEY_BYTES)), peer)
        slots = SlotProducts(wire.exchange, index, Stream(own.octets(KEY_BYTES)), peer)
        self.extension = Extension(wire, index, own, session, settings, peer)
        self.matrices = MatrixProducts(self.extension, lattice, slots)
        self.elements = ElementProducts(self.extension, slots)


class _Counted:
    """The wire, and what was sent on it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.sent = 0

    def exchange(self, parts: Sequence[memoryview], size: int) -> memoryview:
        self.sent += sum(part.nbytes for part in parts)
        return self._wire.exchange(parts, size)


def _form(demand: Demand) -> Hashable:
    """What demands that are made together have in common: public, so shapes and types alone."""
    match demand:
        case Product(left, right, shape, held):
            return Product, left.shape == right.shape == shape, crosses(*held)
        case Cut():
            return Cut, demand.shift, demand.factor is None
        case DigitPads():
            return DigitPads, demand.digits, demand.layers, demand.width
        case WordPads():
            return WordPads, demand.digit.width, demand.tables
        case Conjunction():
            return Conjunction, 1 if demand.right.ndim == 2 else len(demand.right)
    return type(demand)


def _made(sources: _Sources, demands: Sequence[Any]) -> Sequence[np.ndarray[Any, Any]]:
    extension = sources.extension
    match demands[0]:
        case Product() as one:
            if one.left.shape == one.right.shape == one.shape:
                return making.elements(sources.elements, demands)
            return making.broadcast(sources.matrices, sources.elements, demands)
        case Square():
            return making.squares(sources.elements, demands)
        case Bilinear():
            return making.bilinear(sources.matrices, demands)
        case Selected():
            return making.selected(extension, demands)
        case Number():
            return making.numbers(extension, demands)
        case BothBits():
            return making.both_bits(extension, demands)
        case Turn():
            return turns.turns(extension, demands)
        case Conjunction():
            return making.planes(extension, demands)
        case DigitPads():
            return one_time_pads.digit_pads(extension, demands)
        case WordPads():
            return one_time_pads.word_pads(extension, demands)
    raise TypeError(f"two parties cannot make a {type(demands[0]).__name__}; only a helper deals it")
