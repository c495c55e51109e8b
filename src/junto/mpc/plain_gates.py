"""The gates on plain values, with the rounding of the real ones: for the debug mode and for tests.

Nothing is secret here and nothing is sent. A number that leaves its range, which under MPC would be a wrong
value and no more, is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import BITS, BilinearMap, Digit, Flags, Gates, Powers, Words, left_out
from junto.mpc.magnitudes import extent, in_range
from junto.mpc.protocol.demands import times_factor
from junto.mpc.ring import matmul, shift_right
from junto.mpc.ring128 import (
    as_ring,
    bit_field,
    elements,
    floats,
    highest_words,
    is_below_zero,
    lowest_words,
    unsigned,
    widened,
)


class PlainRing:
    """An array of ring elements in the clear; `overflown` if what it is made of did not fit.

    Integers may wrap, as jax's do. So this is said only where a fixed-point number is used: where it is
    truncated, or leaves the program.

    Attributes:
        exact: of an argument or a result of a call, the numbers that it stands for, in float64 (`twins`).
    """

    __slots__ = ("bound", "doubts", "exact", "home", "overflown", "words")

    def __init__(self, words: Words, overflown: bool = False) -> None:
        self.words: Words = as_ring(np.asanyarray(words))
        self.overflown: bool = overflown
        self.bound: int | None = None
        self.doubts: tuple[Any, ...] = ()
        self.home: str | None = None
        self.exact: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Public, like every shape."""
        return self.words.shape


class PlainBits:
    """An array of bits in the clear."""

    __slots__ = ("flags",)

    def __init__(self, flags: Flags) -> None:
        self.flags: Flags = np.asarray(flags, np.bool_)

    @property
    def shape(self) -> tuple[int, ...]:
        """Public, like every shape."""
        return self.flags.shape


class PlainGates(Gates[PlainRing, PlainBits]):
    """See the module.

    Args:
        on_overflow: called with a sentence when a number is out of range where it must not be; None: silence.
        carry: the unit in the last place by which a truncation may be too large: called with the shape,
            returns 0 or 1 for each element (None: always 0). The real one has 0 or 1 as chance has it.
        bits: see `Gates.bits`.
        put_off: asked whether such a sentence need not be said yet (`Twins.put_off`).
    """

    def __init__(
        self,
        on_overflow: Callable[[str], None] | None = None,
        carry: Callable[[tuple[int, ...]], Words] | None = None,
        bits: int = BITS,
        put_off: Callable[[str, bool], bool] | None = None,
    ) -> None:
        self.bits = bits
        self._put_off = put_off
        self._on_overflow = on_overflow
        self._carry = carry

    def constant(self, value: Words) -> PlainRing:
        return PlainRing(elements(value, self.bits))

    def constant_bits(self, value: Flags) -> PlainBits:
        return PlainBits(value)

    def arrange(self, x: Any, move: Callable[..., Any]) -> Any:
        return self.join([x], move)

    def join(self, parts: Any, move: Callable[..., Any]) -> Any:
        if isinstance(parts[0], PlainBits):
            return PlainBits(move(*[part.flags for part in parts]))
        return PlainRing(move(*[part.words for part in parts]), any(part.overflown for part in parts))

    def add(self, x: PlainRing, y: PlainRing) -> PlainRing:
        return PlainRing(_ring(np.add, x.words, y.words), x.overflown or y.overflown)

    def subtract(self, x: PlainRing, y: PlainRing) -> PlainRing:
        return PlainRing(_ring(np.subtract, x.words, y.words), x.overflown or y.overflown)

    def negate(self, x: PlainRing) -> PlainRing:
        return PlainRing(_ring(np.negative, x.words), x.overflown)

    def add_public(self, x: PlainRing, c: Words) -> PlainRing:
        return PlainRing(_ring(np.add, x.words, self.element(c)), x.overflown)

    def scale(self, x: PlainRing, c: Words, *, bounded: bool = False) -> PlainRing:
        c = self.element(c)
        wrong = bounded and self._watches and self._does_not_fit(x.words, c)
        return PlainRing(_ring(np.multiply, x.words, c), x.overflown or wrong)

    def linear(self, x: PlainRing, map: Callable[[Words], Words], *, bounded: int = 0) -> PlainRing:
        wrong = bounded > 0 and self._watches and self._leaves_range(map, [x.words])
        return PlainRing(map(x.words), x.overflown or wrong)

    def expect(self, x: PlainRing, least: int, most: int, otherwise: str, *, domain: bool = False) -> None:
        if self._watches and x.words.size:
            lowest, highest = extent(x.words)
            if x.overflown or lowest < least or highest > most:
                self._report(otherwise, domain)

    async def narrowed(self, x: PlainRing, cut: int = 0) -> PlainRing:
        return PlainRing(lowest_words(shift_right(x.words, cut) if cut else x.words), x.overflown)

    async def widened(self, x: PlainRing) -> PlainRing:
        return PlainRing(widened(x.words), x.overflown)

    def to_ring(self, b: PlainBits) -> PlainRing:
        return PlainRing(elements(b.flags.astype(np.uint64), self.bits))

    def xor(self, a: PlainBits, b: PlainBits) -> PlainBits:
        return PlainBits(a.flags ^ b.flags)

    def flip(self, a: PlainBits, where: Flags) -> PlainBits:
        return PlainBits(a.flags ^ where)

    async def hold(self, x: PlainRing) -> PlainRing:
        return x

    async def multiply(self, x: PlainRing, y: PlainRing) -> PlainRing:
        wrong = self._watches and self._does_not_fit(x.words, y.words)
        return PlainRing(_ring(np.multiply, x.words, y.words), x.overflown or y.overflown or wrong)

    async def bilinear(self, x: PlainRing, y: PlainRing, map: BilinearMap) -> PlainRing:
        made, wrong = map(x.words, y.words, matmul), False
        if self._watches:
            wrong = self._leaves_range(lambda a, b: map(a, b, matmul), [x.words, y.words])
        return PlainRing(made, x.overflown or y.overflown or wrong)

    async def truncate(self, x: PlainRing, bits: int, *, loose: bool = False) -> PlainRing:
        if not loose:
            self._expect_truncatable(x)
        down = shift_right(x.words, bits)
        return PlainRing(down if self._carry is None else _ring(np.add, down, self._carry(x.shape)))

    async def rescale(self, x: PlainRing, factor: Words) -> PlainRing:
        self._expect_truncatable(x)
        whole = unsigned(factor) << np.uint64(self.bits - BITS) if self.bits > BITS else factor
        negative = np.where(is_below_zero(x.words), whole, np.uint64(0))
        down = _ring(np.subtract, times_factor(x.words, factor), negative)
        return PlainRing(down if self._carry is None else _ring(np.add, down, self._carry(down.shape)))

    async def negative(self, x: PlainRing, bits: int | None = None) -> PlainBits:
        return PlainBits(is_below_zero(self._lowest(x, bits)))

    async def below(self, x: PlainRing, bounds: Sequence[int], bits: int, *, exact: bool = True) -> PlainBits:
        if not exact and self._carry is not None:
            carry = elements(self._carry(x.shape), self.bits) << np.uint64(left_out(bounds))
            x = PlainRing(x.words + carry)
        return await super().below(x, bounds, bits)

    async def zero(self, x: PlainRing, bits: int | None = None) -> PlainBits:
        return PlainBits(self._lowest(x, bits) == 0)

    async def both(self, a: PlainBits, b: PlainBits) -> PlainBits:
        return PlainBits(a.flags & b.flags)

    async def choose(self, b: PlainBits, x: PlainRing, y: PlainRing) -> PlainRing:
        return PlainRing(np.where(b.flags, x.words, y.words))

    async def guard(self, b: PlainBits, xs: Sequence[PlainRing]) -> Sequence[PlainRing]:
        return [PlainRing(np.where(b.flags.all(-1), x.words, np.uint64(0))) for x in xs]

    async def decompose(self, x: PlainRing, bits: int | None = None) -> PlainBits:
        places = x.words[..., None] >> np.arange(bits or self.bits, dtype=np.uint64)
        return PlainBits(lowest_words(places & np.uint64(1)).astype(np.bool_))

    async def lookup(self, x: PlainRing, digit: Digit, tables: Sequence[Words]) -> Sequence[PlainRing]:
        at, _ = self._digit(x, digit)
        return [PlainRing(elements(table[at], self.bits)) for table in tables]

    async def power(self, x: PlainRing, digit: Digit, powers: Powers) -> tuple[PlainRing, PlainRing, int]:
        at, carry = self._digit(x, digit)
        low = elements(bit_field(x.words, 0, digit.low), self.bits)
        rest = _ring(np.subtract, low, elements(carry << np.uint64(digit.low), self.bits))
        return PlainRing(rest), PlainRing(elements(powers.entries[at], self.bits)), 0

    def _digit(self, x: PlainRing, digit: Digit) -> tuple[NDArray[np.int64], Words]:
        """As a place in a table, and by how much it is too high."""
        moved, carry = x.words >> np.uint64(digit.low), np.zeros(x.shape, np.uint64)
        if self._carry is not None and digit.low:  # what has no lower bits has no carry
            carry = lowest_words(self._carry(x.shape))
            moved = _ring(np.add, moved, carry)
        return (lowest_words(moved) & np.uint64((1 << digit.width) - 1)).astype(np.int64), carry

    async def reveal(self, x: Any) -> Any:
        return x.flags if isinstance(x, PlainBits) else x.words

    async def series(
        self, x: PlainRing, period: int, sines: Sequence[float], cosines: Sequence[float]
    ) -> PlainRing:
        rest = highest_words(x.words << np.uint64(self.bits - period)).view(np.int64)
        angle = 2 * np.pi * np.ldexp(rest.astype(np.float64), -BITS)
        total = np.zeros(x.shape)
        for k, value in enumerate(sines):
            total = total + value * np.sin(k * angle)
        for k, value in enumerate(cosines):
            total = total + value * np.cos(k * angle)
        found = np.rint(np.ldexp(total, self.fine)).astype(np.int64).astype(np.uint64)
        return PlainRing(elements(found, self.bits))

    def _lowest(self, x: PlainRing, bits: int | None) -> Words:
        """The lowest bits, as the highest ones."""
        return np.asanyarray(x.words << np.uint64(self.bits - (bits or self.bits)))

    def _expect_truncatable(self, x: PlainRing) -> None:
        if x.overflown:
            what = f"it does not fit into {self.bits} bits"
            self._report(f"a product of fixed-point numbers is out of range: {what}")
        elif x.words.size and not in_range(x.words, 1 << (self.bits - 2)):
            self._report(f"a fixed-point number is out of range: its element is not below 2**{self.bits - 2}")

    def _does_not_fit(self, x: Words, y: Words) -> bool:
        """Whether a product leaves the ring."""
        bound = 2.0 ** (self.bits - 1)
        if _largest(x) * _largest(y) < bound:
            return False
        left, right = floats(x), floats(y)
        return bool(np.abs(left * right).max(initial=0.0) >= bound)

    def _leaves_range(self, map: Callable[..., Words], operands: Sequence[Words]) -> bool:
        """Whether the result of a linear or bilinear map leaves the range of a truncation.

        The same map of the operands' highest bits tells, for that is small enough to be right.
        """
        lengths = [int(_largest(each)).bit_length() for each in operands]
        terms = min((each.size for each in operands), default=0)
        if len(operands) == 2 and sum(lengths) + terms.bit_length() < self.bits - 1:
            return False
        shifts = [max(0, length - KEPT) for length in lengths]
        high = [_shortened(each, shift) for each, shift in zip(operands, shifts, strict=True)]
        return _largest(as_ring(map(*high))) * 2.0 ** sum(shifts) >= 2.0 ** (self.bits - 1)

    @property
    def _watches(self) -> bool:
        return self._on_overflow is not None

    def _report(self, sentence: str, domain: bool = False) -> None:
        if self._on_overflow is not None and not (self._put_off and self._put_off(sentence, domain)):
            self._on_overflow(sentence)


def _ring(ufunc: np.ufunc, *operands: Words) -> Words:
    """In the ring without a word, single numbers too."""
    with np.errstate(over="ignore"):
        return np.asanyarray(ufunc(*operands))


def _largest(x: Words) -> float:
    """The greatest magnitude."""
    signed = floats(x)
    return max(float(signed.max()), -float(signed.min())) if signed.size else 0.0


KEPT = 24
"""Bits of each operand of a map that say whether its result fits."""


def _shortened(x: Words, bits: int) -> Words:
    """Without the lowest bits, towards zero."""
    negative = is_below_zero(x)
    down = shift_right(np.where(negative, _ring(np.negative, x), x), bits)
    return np.asanyarray(np.where(negative, _ring(np.negative, down), down))
