"""What two parties without a helper need of each other: shares of functions of their masks.

A source of correlated randomness is one method, `Correlations.make`, called by both parties at the same
place with demands of the same kinds and shapes, in the same order. Each gives its pieces of the masks, and
gets its piece of what is wanted. The plan's whole demand is known before it runs, and no demand depends on
what another one gives, so that many are made at once, in a number of messages that does not depend on how
many.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import BITS
from junto.mpc.protocol.demands import (
    Bilinear,
    BothBits,
    Conjunction,
    Cut,
    DigitPads,
    Number,
    PlaneDemand,
    Product,
    RingDemand,
    Selected,
    Square,
    Turn,
    WordPads,
    crosses,
)
from junto.mpc.ring128 import ring_bits

Demand: TypeAlias = RingDemand | PlaneDemand | Cut | DigitPads | WordPads

Made: TypeAlias = tuple[NDArray[Any], ...]
"""What a party gets for a demand:

* a ring demand: its piece of the sum, in the demand's shape; of a `Turn`, with `PAIR_TURN_SCALE` bits;
* a demand for planes: its piece of the exclusive or, [count, words];
* a `Cut`: what is missing of `low`, and where `top` is the opposite of the highest bit, 0 or 1 (both are
  public, the same at both parties), and its piece of `top` as a sum;
* pads: what their demand says.
"""

PAIR_TURN_SCALE = 40
"""Bits after the point of sines and cosines: products of two numbers with half as many."""


class Correlations(ABC):
    """One party's end of a source."""

    @property
    @abstractmethod
    def sent(self) -> int:
        """Bytes that this party has sent for it so far."""

    @abstractmethod
    def make(self, demands: Sequence[Demand]) -> list[Made]:
        """What is demanded, in that order. Both parties call it at the same time.

        Raises:
            LinkError: the other party is gone, or sends anything else than what is due.
        """


class Renewed(Correlations):
    """A source that begins anew after an operation that failed: its two ends may be at different places.

    Args:
        begin: makes a source, for the last operation that failed (-1: none).
        last_failed: which one that is; the same at both parties.
    """

    def __init__(self, begin: Callable[[int], Correlations], last_failed: Callable[[], int]) -> None:
        self._begin = begin
        self._last_failed = last_failed
        self._source: tuple[int, Correlations] | None = None
        self._sent_before = 0

    @property
    def sent(self) -> int:
        return self._sent_before + (self._source[1].sent if self._source else 0)

    def make(self, demands: Sequence[Demand]) -> list[Made]:
        failed = self._last_failed()
        if self._source is None or self._source[0] != failed:
            self._sent_before = self.sent
            self._source = (failed, self._begin(failed))
        return self._source[1].make(demands)


def width_of(demand: Demand) -> int:
    """Bits of the ring whose elements are made for a demand; of planes and pads those of a word."""
    match demand:
        case Product() | Bilinear():
            return ring_bits(demand.left)
        case Square():
            return ring_bits(demand.mask)
        case Cut():
            return ring_bits(demand.low)
        case Selected():
            return ring_bits(demand.right)
        case Number() | BothBits() | Turn():
            return demand.width
    return BITS


def transfers(demand: Demand) -> int:
    """About how many oblivious transfers of one bit a demand takes, in which batches are measured."""
    wide = width_of(demand) // BITS
    match demand:
        case Product(_, _, shape, held):
            return 64 * wide**2 * sum(crosses(*held)) * int(np.prod(shape, dtype=np.int64))
        case Square():
            return 64 * wide**2 * demand.mask.size
        case Bilinear():
            return 64 * wide**2 * (demand.left.size + demand.right.size)
        case Selected(_, _, shape) | BothBits(_, _, shape):
            return 2 * wide * int(np.prod(shape, dtype=np.int64))
        case Number():
            return wide * demand.bits.size
        case Turn():
            return 88 * wide * demand.cos.size
        case Cut():
            return 110 * wide * demand.mask.size
        case DigitPads():
            return 4 * demand.layers * demand.digits * demand.numbers.size
        case WordPads():
            return (demand.tables << demand.digit.width) * demand.numbers.size
        case Conjunction():
            return 128 * demand.left.size
    raise TypeError(f"two parties cannot make a {type(demand).__name__}; only a helper deals it")
