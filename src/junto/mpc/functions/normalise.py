"""Write a positive secret as a power of 2, a number from a table, and a rest near 1.

Paper:     the power by comparisons with all powers of 16 at once (as in the normalisation of Catrina and
           Saxena, "Secure computation with fixed-point numbers", FC 2010, section 5, with a coarser step);
           the number by a one-time table, `Gates.lookup`. Its inverse takes the rest to 1 + u, as in tables
           of logarithms since Briggs: Muller, Elementary Functions, 3rd edition, chapter 4.

A positive x is 2**e d (1 + u), e one of few whole numbers, d one of 61 numbers, |u| <= 1/5. So a function
that is easy in e and d, and is a polynomial in u, is easy in x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from itertools import pairwise
from math import prod
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from junto.mpc.functions.constant_tables import exact, ring_table
from junto.mpc.functions.fixedpoint import absolute
from junto.mpc.gates import B, Digit, Gates, R, Words
from junto.mpc.ring import RowSums
from junto.mpc.rounds import RoundFuture, start, together

STEP = 4
"""One level of size is a factor of 2**STEP."""

FEW = 1 << 12
"""Of more numbers, 50 bytes for each (and 1,100 offline) take longer than five rounds do, far apart."""

MOST = 16
"""With more bounds between the levels, the size of many numbers is found in two steps."""

MORE, SEVERAL = 1 << 13, 5
"""Of more numbers, and on more levels, what a level multiplies by is opened before something is multiplied by
it: then one word is dealt for each number in place of one for each bound."""

GROUP = 6
"""Levels that the first of two steps does not tell apart: about the square root of 24."""

WIDTH = 6
"""Bits of the scaled number that choose d."""

INNER, WIDE_INNER = 22, 40
"""Bits after the point of u; in the ring of 128 bits where a polynomial of degree 8 is taken of it."""

_MOST = 1 / 5
"""The greatest |u|."""

_PLACES = 1 << WIDTH
_LEAST = _PLACES * 15 / 256 * 119 / 120
"""The scaled number is from 15/256 to 15/16, so that neither of its ends falls on the place of 0; less 1/120,
for what is by so much below a bound may count as having reached it."""


@dataclass(frozen=True, slots=True)
class LevelPart(Generic[R]):
    """One of the parts of which a level is the sum.

    Attributes:
        reached: which bounds x has reached, as 0 and 1 in a new last axis, the highest bound first.
        exponents: that part of e, the highest first; one more of them.
    """

    reached: R
    exponents: Sequence[int]


@dataclass(slots=True)
class Magnitude(Generic[R, B]):
    """How large x is.

    Attributes:
        x: a ready operand, or |x| of one with `sides`.
        top: x is below 15/16 2**top as a ring element.
        exponents: e on each level, the highest first; of an x with no bit after the point.
        above: in a new last axis, which bounds between the levels x has reached, the highest bound first; if
            its size was found in two steps, for each step.
        near: such a number on the highest level.
        sides: of a number of either sign, in a new last axis: it itself where it has reached a bound above 0,
            then where it has reached one below 0, and where it is below 0.
    """

    x: R
    top: int
    exponents: Sequence[int]
    above: Sequence[B]
    near: R | None = None
    sides: R | None = None
    _parts: Sequence[LevelPart[R]] = ()
    _reached: RoundFuture[R] | None = None
    _factors: dict[tuple[int | None, ...], RoundFuture[R]] = field(default_factory=dict)

    def parts(self, g: Gates[R, B]) -> Sequence[LevelPart[R]]:
        """Of what the level is the sum: itself, unless it was found in two steps."""
        if not self._parts:
            steps = [self.exponents] if len(self.above) == 1 else _split(self.exponents)
            rings = [g.to_ring(each) for each in self.above]
            self._parts = [LevelPart(ring, each) for ring, each in zip(rings, steps, strict=True)]
        return self._parts

    async def reached(self, g: Gates[R, B]) -> R:
        """Which bounds between the levels x has reached, as numbers. After two steps: 1 round, 20 bits."""
        if len(self.above) == 1:
            return self.parts(g)[0].reached
        if self._reached is None:
            self._reached = await start(_joined(g, self.above, len(self.exponents) - 1))
        return await self._reached

    async def times(self, g: Gates[R, B], numbers: Sequence[int], x: R, part: int | None = None) -> R:
        """`times_level`; by that of one of the parts."""
        (found,) = await self.times_each(g, [numbers], x, part)
        return found

    async def times_each(
        self, g: Gates[R, B], rows: Sequence[Sequence[int]], x: R, part: int | None = None
    ) -> list[R]:
        """`times_levels`; by those of one of the parts. Of more than `MORE`: once a row 1 round, 8 bytes."""
        reached = await self.reached(g) if part is None else self.parts(g)[part].reached
        if prod(x.shape) <= MORE or len(rows[0]) <= SEVERAL:
            return await times_levels(g, reached, rows, x)
        factors = await together(*[self._factor(g, reached, row, part) for row in rows])
        return [await g.multiply(factor, x) for factor in factors]

    async def _factor(self, g: Gates[R, B], reached: R, numbers: Sequence[int], part: int | None) -> R:
        key = (0 if part is None and len(self.above) == 1 else part, *numbers)
        if key not in self._factors:
            self._factors[key] = await start(g.hold(by_level(g, reached, numbers)))
        return await self._factors[key]


@dataclass(frozen=True, slots=True)
class Normalised(Generic[R]):
    """What else is known of x.

    Attributes:
        u: see the module; a ready operand.
        inverse: 1 / d, a ready operand with `inverse_bits` after the point; 0 if x is 0.
        tables: the entries asked for.
    """

    u: R
    inverse: R
    inverse_bits: int
    tables: Sequence[R]


Entry = Callable[[Decimal | None], int]
"""Makes an entry of a table from d; None where x is 0."""


async def size(g: Gates[R, B], x: R, top: int) -> Magnitude[R, B]:
    """Find the level of a ring element x, 0 <= x < 15/16 2**top. Of a negative x comes nothing sensible.

    Cost: 3 rounds, 37 bytes for 44 bits, of a ready operand: one comparison for four bits. In two steps, of
    many numbers in the ring of 128 bits: 8 rounds, 46 bytes for 94 bits, where one step takes 4 and 184.
    """
    bounds, exponents = _levels(top)
    x = await g.hold(x)
    if prod(x.shape) > FEW and len(bounds) > MOST:
        return await _in_two_steps(g, x, top)
    return Magnitude(x, top, exponents, [await _not_below(g, x, bounds, top)])


async def _not_below(g: Gates[R, B], x: R, bounds: Sequence[int], top: int, *, exact: bool = True) -> B:
    return g.flip(await g.below(x, bounds, top + 1, exact=exact), np.array(True))


async def _in_two_steps(g: Gates[R, B], x: R, top: int) -> Magnitude[R, B]:
    """First on which levels together x is, then, taken up to the highest of them, on which of these."""
    bounds, exponents = _levels(top)
    groups = [_not_below(g, x, [bound], top, exact=False) for bound in bounds[GROUP - 1 :: GROUP]]
    first = g.join(await together(*groups), _side_by_side)
    of = Magnitude(x, top, exponents, [first])
    raised = [1 << (STEP * GROUP * k) for k in range(first.shape[-1] + 1)]
    moved = await g.hold(await times_level(g, g.to_ring(first), raised, x))
    second = await _not_below(g, moved, bounds[: GROUP - 1], top, exact=False)
    of = Magnitude(x, top, exponents, [first, second])
    of.near = await of.times(g, [1 << (STEP * k) for k in range(GROUP)], moved, 1)
    return of


def _split(exponents: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """The parts of the exponents of levels that were found in two steps."""
    groups = -(-len(exponents) // GROUP)
    return [-STEP * GROUP * k for k in range(groups)], [exponents[0] - STEP * k for k in range(GROUP)]


async def _joined(g: Gates[R, B], above: Sequence[B], count: int) -> R:
    """Which of `count` bounds are reached, of the two steps.

    Of the group of levels that x is on, those of the second step; all above it are not, and all below it are.
    """
    first, second = above
    groups = first.shape[-1] + 1
    here = g.flip(g.arrange(first, _between_zeros), np.arange(groups + 1) == groups)
    higher, this = (g.arrange(here, partial(_column, k, k + groups)) for k in range(2))
    in_it = await g.both(g.xor(higher, this), g.arrange(second, lambda array: array[..., None, :]))
    found = g.join([g.xor(in_it, higher), this], _side_by_side)
    return g.to_ring(g.arrange(found, lambda array: array.reshape(*array.shape[:-2], -1)[..., :count]))


def _side_by_side(*parts: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.concatenate(parts, -1)


def _between_zeros(array: NDArray[np.generic]) -> NDArray[np.generic]:
    nothing = np.zeros_like(array[..., :1])
    return np.concatenate([nothing, array, nothing], -1)


def _column(start: int, stop: int, array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array[..., start:stop, None]


async def size_of_any(g: Gates[R, B], x: R, top: int) -> tuple[Magnitude[R, B], B]:
    """`size` of |x|, and whether x is below 0.

    Of few numbers, which wait for rounds, in those of one comparison: with bounds of both signs, and 0. Of
    many, which wait for bytes, the sign first.

    Cost: 3 rounds, 79 bytes for 44 bits, of a ready operand; of more than `FEW`, 7 rounds and 50 bytes.
    """
    x = await g.hold(x)
    if prod(x.shape) > FEW:
        magnitude, negative = await absolute(g, x)
        return await size(g, magnitude, top), negative
    bounds, exponents = _levels(top)
    column = g.arrange(x, lambda array: array[..., None])
    below = await g.below(x, [*bounds, *(1 - b for b in bounds), 0], top + 1)
    count = len(bounds)
    reached = g.flip(below, np.arange(2 * count + 1) < count)
    high, low = (g.arrange(reached, partial(_part, k * count, (k + 1) * count)) for k in range(2))
    sides = await g.multiply(g.to_ring(reached), column)
    double = g.scale(g.arrange(sides, _last), np.array(2, np.uint64))
    of = Magnitude(g.subtract(x, double), top, exponents, [g.xor(high, low)], sides=sides)
    return of, g.arrange(reached, _last)


def _part(start: int, stop: int, array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array[..., start:stop]


def _last(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array[..., -1]


async def scale(
    g: Gates[R, B],
    of: Magnitude[R, B],
    entries: Sequence[Entry] = (),
    *,
    ready: bool = False,
    inner: int = INNER,
) -> Normalised[R]:
    """Take x apart.

    Args:
        g: the gates.
        of: its size.
        entries: further tables over d. Each must be the same object whenever it makes the same table.
        ready: whether their entries are to be ready operands, 8 bytes each.
        inner: bits after the point of u.

    Cost: 3 rounds, 24 bytes; offline 64 words of table and a word for each bound.
    """
    y = await g.hold(await near_top(g, of))
    inverse, bits, found = await entries_near(g, y, of.top, entries, ready=ready)
    return Normalised(await rest_near(g, y, of.top, inverse, inner), inverse, bits, found)


async def near_top(g: Gates[R, B], of: Magnitude[R, B]) -> R:
    """`on_top` of the number itself."""
    if of.near is not None:
        return of.near
    if of.sides is None:
        return await on_top(g, of, of.x)
    steps, last = _steps(g, _powers(of))
    weights = np.concatenate([steps, 0 - steps, np.zeros(1, np.uint64)])
    return g.add(g.linear(of.sides, RowSums(weights)), g.scale(of.x, last))


async def on_top(g: Gates[R, B], of: Magnitude[R, B], x: R) -> R:
    """`x` 2**(STEP k) on level k: this takes the number up to the highest level. No round if ready."""
    return await of.times(g, _powers(of), x)


def _powers(of: Magnitude[R, B]) -> list[int]:
    return [1 << (STEP * k) for k in range(len(of.exponents))]


async def scale_down(
    g: Gates[R, B],
    of: Magnitude[R, B],
    top: int,
    entries: Sequence[Entry] = (),
    *,
    ready: bool = False,
    inner: int = INNER,
) -> Normalised[R]:
    """`scale` as that of a number whose highest level is `top`, or less: the lowest bits do not count."""
    if of.top <= top:
        return await scale(g, of, entries, ready=ready, inner=inner)
    near = await near_top(g, of)
    bits = _inverse_bits(g, top)
    held, short = await together(g.hold(near), g.truncate(near, of.top - top))
    tables = [_inverses(bits), *[_table(bits, entry) for entry in entries]]
    inverse, *found = await g.lookup(held, Digit(of.top - WIDTH, WIDTH), tables)
    inverse, *made = await together(*[g.hold(each) for each in (inverse, *(found if ready else ()))])
    rest = await rest_near(g, g.vouched(short), top, inverse, inner)
    return Normalised(rest, inverse, bits, made if ready else found)


def reach(g: Gates[R, B]) -> int:
    """Numbers above 2**reach as ring elements are taken down before they are multiplied by their inverse."""
    return max(g.bits - 34, 60)


def longest(g: Gates[R, B], fraction: int) -> int:
    """What has so many bits after the point, more than others, is below 15/16 2**longest as a ring element.

    An even number of bits before the point, so that their root's are a whole number.
    """
    return g.bits - 4 - fraction % 2


async def scale_near(
    g: Gates[R, B], y: R, top: int, entries: Sequence[Entry] = (), *, ready: bool = False
) -> Normalised[R]:
    """`scale` for a number y on the highest level, from 15/256 to 15/16 of 2**top; a ready operand."""
    inverse, bits, found = await entries_near(g, y, top, entries, ready=ready)
    return Normalised(await rest_near(g, y, top, inverse), inverse, bits, found)


async def entries_near(
    g: Gates[R, B], y: R, top: int, entries: Sequence[Entry] = (), *, ready: bool = False
) -> tuple[R, int, Sequence[R]]:
    """Of `scale_near` the inverse, its bits after the point, and the tables: 1 round."""
    bits = _inverse_bits(g, top)
    tables = [_inverses(bits), *[_table(bits, entry) for entry in entries]]
    inverse, *found = await g.lookup(y, Digit(top - WIDTH, WIDTH), tables)
    inverse, *held = await together(*[g.hold(each) for each in (inverse, *(found if ready else ()))])
    return inverse, bits, held if ready else found


FINEST = 40
"""An inverse needs no more bits after the point."""


def _inverse_bits(g: Gates[R, B], top: int) -> int:
    return min(g.bits - 4 - top, FINEST)


async def rest_near(g: Gates[R, B], y: R, top: int, inverse: R, inner: int = INNER) -> R:
    """Of `scale_near` u, from the inverse: 1 round. Of a number that is not on that level: some number."""
    bits = _inverse_bits(g, top)
    one = ring_table([-(1 << (top + bits))]).reshape(())
    product = g.add_public(await g.multiply(y, inverse), one)
    return await g.truncate(product, top + bits - inner, loose=True)


def by_level(g: Gates[R, B], reached: R, numbers: Sequence[int]) -> R:
    """The public number of x's level, the highest level's first. No round; no ready operand."""
    steps, last = _steps(g, numbers)
    return g.add_public(g.linear(reached, RowSums(steps)), last)


async def times_level(g: Gates[R, B], reached: R, numbers: Sequence[int], x: R) -> R:
    """The same, times a secret. No round of a ready operand, but a dealt word for each bound."""
    (found,) = await times_levels(g, reached, [numbers], x)
    return found


async def by_powers(g: Gates[R, B], of: Magnitude[R, B], x: R, step: int) -> tuple[R, int]:
    """`x` 2**(lift + step k) on level k, the highest being 0; and lift, the least with only whole numbers.

    No round of a ready operand; after two steps 1 round and 8 bytes, but a word is dealt for each bound of
    these alone.
    """
    lift = 0
    for i, part in reversed(list(enumerate(of.parts(g)))):
        apart = [(part.exponents[0] - e) // STEP * step for e in part.exponents]
        x = await of.times(g, [1 << each - min(apart) for each in apart], x, i)
        lift -= min(apart)
    return x, lift


async def times_levels(g: Gates[R, B], reached: R, rows: Sequence[Sequence[int]], x: R) -> list[R]:
    """`times_level` for several choices of numbers, at the cost of one; the bits as ring elements."""
    parts = await g.multiply(reached, g.arrange(x, lambda array: array[..., None]))
    found = []
    for steps, last in [_steps(g, row) for row in rows]:
        found.append(g.add(g.linear(parts, RowSums(steps)), g.scale(x, last)))
    return found


def _steps(g: Gates[R, B], numbers: Sequence[int]) -> tuple[Words, Words]:
    """What reaching each bound adds to the number of the last level, and that number."""
    differences = [above - below for above, below in pairwise(numbers)]
    return g.words(differences), g.word(numbers[-1])


@cache
def _levels(top: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The bounds between the levels, and the exponent on each level; one more of them."""
    count = -(-(top - STEP) // STEP)
    # x 2**(STEP k) < 15/16 2**top on level k, so what reaches 15 2**(top - 4 - STEP k) is on a higher one.
    shifts = [top - STEP - STEP * k for k in range(1, count + 1)]
    bounds = [15 << shift if shift >= 0 else -(-15 >> -shift) for shift in shifts]
    return tuple(bounds), tuple(top - STEP * k for k in range(count + 1))


@cache
def _inverses(bits: int) -> Words:
    return ring_table(inverse or 0 for inverse in _numbers(bits))


@cache
def _table(bits: int, entry: Entry) -> Words:
    with exact():
        return ring_table(entry(None if i is None else (1 << bits) / Decimal(i)) for i in _numbers(bits))


@cache
def _numbers(bits: int) -> tuple[int | None, ...]:
    """1 / d as a whole number, at each place; None where x is 0.

    A place is seen by numbers from one below it to one above it, for a digit may be one too high. Neighbours
    have one d, in the middle, as long as |u| stays what it is: so tables over d change at few places.
    """
    found: list[int | None] = [None] * _PLACES
    first = next(i for i in range(_PLACES) if _seen(i, i)[1] > _LEAST)
    while first < _PLACES:
        alike = [i for i in range(first, _PLACES) if i == first or _spread(*_seen(first, i)) <= _MOST]
        low, high = _seen(first, alike[-1])
        found[first : alike[-1] + 1] = [round((_PLACES << (bits + 1)) / (low + high))] * len(alike)
        first = alike[-1] + 1
    return tuple(found)


def _seen(first: int, last: int) -> tuple[float, float]:
    """From where to where numbers see these places."""
    return max(first - 1.0, _LEAST), min(last + 1.0, float(_PLACES))


def _spread(low: float, high: float) -> float:
    """|u| at both ends."""
    return (high - low) / (high + low)
