"""What a protocol asks to be dealt: functions of masks, by name.

A demand names its masks and what is wanted of them, so that whoever deals can choose how. The helper has the
masks in full and computes `whole`; two parties without a helper have a piece each and make shares of the
same from oblivious transfer (`junto.mpc.preprocess`). A compute party only says what it is about to read: its
planes may be None.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from junto.mpc.bits import Planes
from junto.mpc.gates import BITS, BilinearMap, Digit, Flags, Words
from junto.mpc.outline import Outline, outline
from junto.mpc.ring import high_product, matmul
from junto.mpc.ring128 import (
    WideArray,
    as_ring,
    bit_field,
    elements,
    high_product_wide,
    ring_bits,
    unsigned,
    widened,
)
from junto.mpc.waves import TURN_SCALE, turns
from junto.native import kernels

ONES = np.uint64(2**BITS - 1)
ONE: Words = np.ones(1, np.uint64)
TOP = np.uint64(BITS - 1)
BOTH = 0b11
"""Who has a piece of a mask that is not 0, a bit for each compute party: here both."""


class RingDemand(ABC):
    """Something that is dealt as a sum of two ring elements."""

    __slots__ = ()

    @abstractmethod
    def whole(self) -> Words:
        """What is wanted, from masks in full."""

    def hide(self, pads: Words) -> Words:
        """Give `whole`, and put what is left of it without `pads`, a row of elements, in their place."""
        value = elements(self.whole(), ring_bits(pads))
        np.subtract(value.reshape(-1), pads, out=pads)
        return value  # type: ignore[no-any-return]


class PlaneDemand(ABC):
    """Something that is dealt as an exclusive or of two bits."""

    __slots__ = ()

    @abstractmethod
    def whole(self) -> Planes:
        """What is wanted, from masks in full: [count, words]."""


# -------------------------------------------------------------------- ring elements


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Product(RingDemand):
    """Element by element, broadcast to `shape`; `held`: who has a piece of each, see `crosses`."""

    left: Words
    right: Words
    shape: tuple[int, ...]
    held: tuple[int, int]

    def whole(self) -> Words:
        return np.broadcast_to(self.left * self.right, self.shape)

    def hide(self, pads: Words) -> Words:
        """Nobody who deals reads these products, so it gives an outline of them."""
        native = kernels() if isinstance(pads, WideArray) else None
        if native is None:
            RingDemand.hide(self, pads)
        else:
            x, y = (np.broadcast_to(widened(each), self.shape) for each in (self.left, self.right))
            into = pads.view(np.ndarray).reshape(self.shape)
            native.wide_multiply_less_into(x.view(np.ndarray), y.view(np.ndarray), into)
        return outline(self.shape, pads.dtype)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Square(RingDemand):
    """A mask times itself."""

    mask: Words

    def whole(self) -> Words:
        return self.mask * self.mask


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bilinear(RingDemand):
    """A public bilinear map; `held`: who has a piece of each, see `crosses`."""

    left: Words
    right: Words
    map: BilinearMap
    held: tuple[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result, without computing it."""
        return self.map(self.left, self.right, no_product).shape

    def whole(self) -> Words:
        return as_ring(self.map(self.left, self.right, matmul))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Quotient(RingDemand):
    """`mask >> bits`, or `mask * factor >> 64`."""

    mask: Words
    bits: int
    factor: Words | None = None

    def whole(self) -> Words:
        if self.factor is not None:
            return times_factor(self.mask, self.factor)
        return self.mask >> np.uint64(self.bits)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rest(RingDemand):
    """The lowest `bits` bits of a mask: 64 at most."""

    mask: Words
    bits: int

    def whole(self) -> Words:
        return bit_field(self.mask, 0, self.bits)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TopBit(RingDemand):
    """The highest bit, of `width`, as a number."""

    mask: Words
    width: int = BITS

    def whole(self) -> Words:
        return self.mask >> np.uint64(self.width - 1)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Unsigned(RingDemand):
    """A mask of words as a number without a sign, in the larger ring."""

    mask: Words

    def whole(self) -> Words:
        return unsigned(self.mask)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Number(RingDemand):
    """Bits as numbers 0 and 1, of `width` bits."""

    bits: Flags
    width: int = BITS

    def whole(self) -> Words:
        return self.bits.astype(np.uint64)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Guarded(RingDemand):
    """`mask`, or 1, where the bits `at` of the last axis of `bits` are all set, else 0."""

    bits: Flags
    at: Sequence[int]
    mask: Words | None = None

    def whole(self) -> Words:
        guard: Words = np.asarray(self.bits[..., list(self.at)].all(-1)).astype(np.uint64)
        return guard if self.mask is None else np.asanyarray(guard * self.mask)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hot(RingDemand):
    """For each of `count` places 1 where the digit of a mask is that, else 0: [lanes, count].

    With `entries`, a power of 2 of them, a digit has lower bits as well: in place of 1 stands their entry.
    """

    digits: Words
    count: int
    entries: Words = field(default_factory=lambda: ONE)

    def whole(self) -> Words:
        step = np.uint64(len(self.entries))
        chosen = as_ring(np.zeros((len(self.digits), 1), self.entries.dtype))
        for i, entry in enumerate(self.entries):  # all of them, for which it is is secret
            chosen = chosen + np.equal(self.digits % step, np.uint64(i)).astype(np.uint64)[:, None] * entry
        places = np.arange(self.count, dtype=np.uint64)
        return np.asanyarray(np.equal((self.digits // step)[:, None], places).astype(np.uint64) * chosen)

    def hide(self, pads: Words) -> Words:
        """Nobody who deals reads these vectors, so it gives an outline of them."""
        native = None if isinstance(pads, Outline) else kernels()
        if native is None:
            RingDemand.hide(self, pads)
        else:
            entries = elements(self.entries, ring_bits(pads)).view(np.ndarray)
            native.hide_one_hot(self.digits, entries, pads.view(np.ndarray).reshape(-1, self.count))
        return outline((len(self.digits), self.count), pads.dtype)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Turns(RingDemand):
    """Cosine and sine of 1 to `count` times the masks as angles, see `waves.turns`: [count, 2, lanes]."""

    mask: Words
    period: int
    count: int

    def whole(self) -> Words:
        return turns(self.mask, self.period, self.count)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Turn(RingDemand):
    """Cosine and sine of an angle, with `TURN_SCALE` bits after the point, of `width`: [2, ...]."""

    cos: NDArray[np.float64]
    sin: NDArray[np.float64]
    width: int = BITS

    def whole(self) -> Words:
        return turned(np.stack([self.cos, self.sin]))


def times_factor(x: Words, factor: Words) -> Words:
    """`x * factor >> 64` of numbers without a sign."""
    return high_product_wide(x, factor) if isinstance(x, WideArray) else high_product(x, factor)


def no_product(a: Words, b: Words) -> Words:
    """Zeros in the shape of a product of matrices."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = (*batch, a.shape[-2], b.shape[-1])
    return as_ring(np.zeros(shape, a.dtype))  # type: ignore[no-any-return]


def crosses(left: int, right: int) -> tuple[bool, bool]:
    """Which products of one party's piece with the other's there are, by who has pieces that are not 0.

    Args:
        left, right: bit i is set if P_i has such a piece of that mask.

    Returns:
        Of P0's left piece with P1's right one; of P1's left piece with P0's right one.
    """
    return bool(left & 1 and right & 2), bool(left & 2 and right & 1)


def turned(values: NDArray[np.float64]) -> Words:
    """Numbers between -1 and 1 with `TURN_SCALE` bits after the point."""
    return np.rint(values * float(1 << TURN_SCALE)).astype(np.int64).astype(np.uint64)


# -------------------------------------------------------------------- ring elements, without a helper


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Selected(RingDemand):
    """`right` where the bit is set, else 0, broadcast to `shape`. The bit's pieces are an exclusive or."""

    bits: Flags
    right: Words
    shape: tuple[int, ...]

    def whole(self) -> Words:
        return np.broadcast_to(self.bits * self.right, self.shape)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BothBits(RingDemand):
    """The product of two bits as a number of `width` bits, broadcast to `shape`.

    Their pieces are an exclusive or.
    """

    left: Flags
    right: Flags
    shape: tuple[int, ...]
    width: int = BITS

    def whole(self) -> Words:
        return np.broadcast_to(self.left & self.right, self.shape).astype(np.uint64)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cut:
    """What `Role.cut` gives: both parties learn what their choices lack.

    Attributes:
        mask: a party's piece.
        low: what it has chosen as its piece of `mask >> shift`, as a sum.
        top: what it has chosen as its piece of the highest bit, as an exclusive or.
        shift: by how many bits, 1 to two less than the ring has. 0 without a factor: `mask` has words, and
            `low` is the same number modulo 2**128.
        factor: instead of a shift: `low` is of `mask * factor >> 64`, to a unit in the last place.
    """

    mask: Words
    low: Words
    top: Flags
    shift: int
    factor: Words | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DigitPads:
    """One-time pads for one bit pair in sixteen, for each digit of four bits of P1's numbers.

    P0 gets for each layer and digit a word of sixteen entries of `width` bits; P1 gets of each word the entry
    at its own digit, and nothing of the others. [layers, digits, lanes]

    Attributes:
        numbers: P1's numbers, [lanes]; at P0 whatever it has of that shape.
        digits: how many digits, lowest first.
        layers: how many words a digit.
        width: bits of an entry, 1 or 2.
    """

    numbers: Words
    digits: int
    layers: int
    width: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WordPads:
    """One-time pads for one row in `2**digit.width`, for a digit of P1's numbers.

    P0 gets all rows, [2**width, tables, lanes]; P1 gets the row at its own digit, [tables, lanes].
    """

    numbers: Words
    digit: Digit
    tables: int


PadDemand = DigitPads | WordPads


# -------------------------------------------------------------------- bits


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HotBits(PlaneDemand):
    """For each lane a word: of its lowest `count` bits that is set whose place, and the digit, add up to 0.

    Modulo `count`, a power of 2. One plane, of 64 lanes for each of the digits.
    """

    digits: Words
    count: int

    def whole(self) -> Planes:
        places = (0 - self.digits) & np.uint64(self.count - 1)
        return np.asanyarray(np.uint64(1) << places)[None]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BitsOf(PlaneDemand):
    """The given bits of a mask themselves."""

    mask: Planes | None

    def whole(self) -> Planes:
        return _here(self.mask)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Conjunction(PlaneDemand):
    """`left & right`: [count, words] and the same or [several, count, words]."""

    left: Planes
    right: Planes
    lanes: int

    def whole(self) -> Planes:
        both = self.left & self.right
        return both.reshape(int(np.prod(both.shape[:-1])), both.shape[-1])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Monomials(PlaneDemand):
    """The products of each group of `radix` neighbouring bits over each of `sets` of positions.

    A set is a number whose bits say which positions; so are those of `sets` ordered that a set without its
    lowest position comes before it, if at all.
    """

    mask: Planes | None
    sets: Sequence[int]
    groups: int
    radix: int

    def whole(self) -> Planes:
        bits = grouped(_here(self.mask), self.groups, self.radix)
        made = np.empty((len(self.sets), *bits.shape[1:]), np.uint64)
        known = dict(zip(self.sets, made, strict=True))
        for s, into in known.items():
            low, rest = (s & -s).bit_length() - 1, s & (s - 1)
            if rest:
                np.bitwise_and(bits[low], known[rest], out=into)
            else:
                into[...] = bits[low]
        return made.reshape(-1, bits.shape[-1])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mixed(PlaneDemand):
    """One bit of a group, times a monomial of another mask's group, for each (position, set) of `keys`."""

    made: Planes
    passed: Planes
    keys: Sequence[tuple[int, int]]
    groups: int
    radix: int

    def whole(self) -> Planes:
        made = grouped(self.made, self.groups, self.radix)
        passed = grouped(self.passed, self.groups, self.radix)
        products: dict[int, Planes] = {0: np.full(made[0].shape, ONES, np.uint64)}
        for s in range(1, 1 << self.radix):
            products[s] = passed[(s & -s).bit_length() - 1] & products[s & (s - 1)]
        found = np.empty((len(self.keys), *made.shape[1:]), np.uint64)
        for into, (j, s) in zip(found, self.keys, strict=True):
            np.bitwise_and(made[j], products[s], out=into)
        return found.reshape(-1, made.shape[-1])


def grouped(planes: Planes, groups: int, radix: int) -> Planes:
    """[radix, groups, words]: the bits of each position together."""
    return planes.reshape(groups, radix, -1).swapaxes(0, 1)


def _here(planes: Planes | None) -> Planes:
    if planes is None:
        raise TypeError("only who deals has the bits of a mask")
    return planes
