"""Numbers taken apart once, by which many others are divided, or by whose square roots.

Paper:     as `normalise`; the dividend is scaled like the divisor, as in `reciprocal.divide`.

x / y and x / sqrt(y) are x 2**-s m: s one of few whole numbers, m from 1 to 17. So the result is as exact as
any, also of large numbers, where x times a reciprocal with 18 bits after the point would not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np

from junto.mpc.functions.constant_tables import coefficients, fixed
from junto.mpc.functions.fixedpoint import product, within
from junto.mpc.functions.normalise import (
    INNER,
    Magnitude,
    entries_near,
    near_top,
    rest_near,
    scale_near,
    size,
    size_of_any,
    times_levels,
)
from junto.mpc.functions.polynomial import polynomial
from junto.mpc.functions.roots import ENTRIES, TABLE
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import RoundFuture, start, together

_MANTISSA = 20
"""Bits after the point of m."""

_SPARE = 4
"""Bits after the point, beyond those of the result, of x 2**-s."""

_TIER = 8
"""Dividends whose shifts differ by no more are shifted together, without leaving the ring."""


_TOP = 48
"""Up to which level the roots of sums of squares are taken."""


def _top(g: Gates[R, B]) -> int:
    """Divisors are below 15/16 2**_top as ring elements."""
    return g.bits - 16


@dataclass(frozen=True, slots=True)
class Divisor(Generic[R, B]):
    """What is divided by.

    Attributes:
        reached: which bounds between the levels of size it has reached, as 0 and 1 in a new last axis.
        shifts: s on each level, the highest first.
        mantissa: m, as soon as it is there; with the sign that the quotient gets.
    """

    reached: R
    shifts: Sequence[int]
    mantissa: RoundFuture[R]


@dataclass(frozen=True, slots=True)
class Sized(Generic[R]):
    """What is known of a divisor before it is inverted.

    Attributes:
        near: its magnitude on the highest level of size, a ready operand.
        reached: as in `Divisor`.
        negative: whether it is below 0, as 0 or 1, ready to be multiplied.
        exponents: of its size on each level, the highest first.
    """

    near: R
    reached: R
    negative: R
    exponents: Sequence[int]


async def divisor(g: Gates[R, B], y: R, fraction: int) -> Divisor[R, B]:
    """Prepare to divide by y, of either sign. By 0: what is divided becomes 0, and the debug mode reports it.

    Range: |y| from one unit in the last place to 15/16 2**48 of them, 1e9 for 18 bits.
    Cost: 4 rounds of a ready operand; the mantissa takes 5 more; 167 bytes. Of more than `FEW`: 8 rounds,
    130 bytes.
    """
    of, negative = await size_of_any(g, y, _top(g))
    expect_divisor(g, of.x, fraction)
    return await inverted(g, await _sized(g, of, g.to_ring(negative)), fraction)


def expect_divisor(g: Gates[R, B], magnitude: R, fraction: int) -> None:
    """Have the debug mode say it if a magnitude is out of the range of `divisor`."""
    within(g, magnitude, "a division by the magnitude", (2.0**-fraction, _most(_top(g), fraction)), fraction)


async def sized(g: Gates[R, B], magnitude: R, negative: R) -> Sized[R]:
    """What `divisor` finds of a number, from its magnitude and its sign: 5 rounds, 55 bytes."""
    return await _sized(g, await size(g, magnitude, _top(g)), negative)


async def _sized(g: Gates[R, B], of: Magnitude[R, B], negative: R) -> Sized[R]:
    near = await g.hold(await near_top(g, of))
    return Sized(near, await of.reached(g), negative, of.exponents)


async def inverted(g: Gates[R, B], y: Sized[R], fraction: int) -> Divisor[R, B]:
    """`divisor` of what was sized: no round; its mantissa takes 5."""
    return Divisor(y.reached, [e - fraction for e in y.exponents], await start(_inverse(g, y)))


async def _inverse(g: Gates[R, B], y: Sized[R]) -> R:
    """The mantissa.

    1 / (1 + u) but for u**8, |u| <= 1/5, is (1 - u) (1 + u**2) (1 + u**4). The inverse of the number from the
    table is multiplied by one after the other, so it waits for none of them.
    """
    inverse, bits, _ = await entries_near(g, y.near, _top(g))
    twice = g.scale(await g.multiply(y.negative, inverse), np.array(2, np.uint64))
    u, signed = await together(rest_near(g, y.near, _top(g), inverse), g.hold(g.subtract(inverse, twice)))
    one = fixed(1.0, INNER)
    square, first = await together(
        product(g, u, u, INNER, loose=True),
        product(g, signed, g.add_public(g.negate(u), one), bits, loose=True),
    )
    fourth, second = await together(
        product(g, square, square, INNER, loose=True),
        product(g, first, g.add_public(square, one), INNER, loose=True),
    )
    return await product(g, second, g.add_public(fourth, one), INNER + INNER - _MANTISSA, loose=True)


async def root_divisor(g: Gates[R, B], y: R, fraction: int) -> Divisor[R, B]:
    """Prepare to divide by the square root of y > 0. Of another y: some number, which the debug mode reports.

    Range: as `divisor`; half of it for an odd fraction.
    Cost: 3 rounds of a ready operand; the mantissa takes 6 more; 102 bytes.
    """
    top = _top(g) - fraction % 2  # so that every level's number is 4**s
    within(g, y, "the reciprocal root", (2.0**-fraction, _most(top, fraction)), fraction)
    of = await size(g, y, top)
    mantissa = await start(_inverse_root(g, await near_top(g, of), top))
    return Divisor(await of.reached(g), [(e - fraction) // 2 for e in of.exponents], mantissa)


async def norm_divisor(g: Gates[R, B], squares: R, bits: int) -> Divisor[R, B]:
    """Prepare to divide by the square root of numbers below 15/16 with so many, even, bits after the point.

    As `root_divisor`, but exact of the smallest ones, too; by 0: what is divided becomes 0.
    Cost: 4 rounds of an additive operand; the mantissa takes 7 more.
    """
    of = await size(g, squares, bits)
    mantissa = await start(_inverse_norm(g, await near_top(g, of), bits))
    return Divisor(await of.reached(g), [(e - bits) // 2 for e in of.exponents], mantissa)


async def _inverse_norm(g: Gates[R, B], squares: R, bits: int) -> R:
    return await _inverse_root(g, await g.truncate(squares, bits - _TOP), _TOP)


async def _inverse_root(g: Gates[R, B], near: R, top: int) -> R:
    """The mantissa, of a number on the highest level."""
    scaled = await scale_near(g, await g.hold(near), top, [ENTRIES["rsqrt"]], ready=True)
    rest = await polynomial(g, scaled.u, coefficients("rsqrt"), (INNER, INNER), loose=True)
    return await product(g, scaled.tables[0], rest, TABLE + INNER - _MANTISSA)


def _most(top: int, fraction: int) -> float:
    return 15 / 16 * 2.0 ** (top - fraction)


async def divided(g: Gates[R, B], x: R, by: Divisor[R, B]) -> R:
    """`x` divided by what was prepared, which broadcasts to it, with as many bits after the point as x has.

    Range: the quotient below 2**38 as a ring element, 1e6 for 18 bits.
    Error: 6e-6 relative, or five units in the last place.
    Cost: 2 rounds, 40 bytes, of what can be multiplied; 32 by a root. The first needs no mantissa.
    """
    first, *others = map(g.unvouched, await _shifted(g, x, by.reached, by.shifts, _SPARE))
    mantissa = await by.mantissa
    total = await g.multiply(first, mantissa)
    for part in others:
        total = g.add(total, await g.multiply(part, mantissa))
    return await g.truncate(total, _SPARE + _MANTISSA)


@dataclass(frozen=True, slots=True)
class Level(Generic[R, B]):
    """By which power of two numbers are taken down, because some of them are large.

    Attributes:
        reached: which bounds between the levels of size they reach, as 0 and 1 in a new last axis.
        shifts: the power's exponent on each level, the highest first; 0 from some level on.
    """

    reached: R
    shifts: Sequence[int]


async def level(g: Gates[R, B], magnitude: R, most: int) -> Level[R, B]:
    """That which takes a magnitude down below 2**most as a ring element: 3 rounds of a ready operand.

    What is taken down has `most - 4` bits left at least: it loses nothing that matters beside the magnitude.
    """
    of = await size(g, magnitude, g.bits - 6)
    return Level(await of.reached(g), [max(0, e - most) for e in of.exponents])


async def taken_down(g: Gates[R, B], x: R, by: Level[R, B]) -> R:
    """`x` 2**-s: 2 rounds, 32 bytes; not a ready operand."""
    first, *others = await _shifted(g, await g.hold(x), by.reached, by.shifts, 0)
    for part in others:
        first = g.add(first, part)
    return first


async def taken_up(g: Gates[R, B], x: R, by: Level[R, B]) -> R:
    """`x` 2**s: 1 round, 8 bytes; not a ready operand."""
    (found,) = await times_levels(g, by.reached, [[1 << s for s in by.shifts]], x)
    return found


def lower(by: Divisor[R, B], most: int) -> tuple[Divisor[R, B], Level[R, B]]:
    """The same divisor, if it is first taken down below 2**most; and how what it divides is taken down."""
    shifts = [max(0, s - most) for s in by.shifts]
    rest = [s - down for s, down in zip(by.shifts, shifts, strict=True)]
    return Divisor(by.reached, rest, by.mantissa), Level(by.reached, shifts)


async def _shifted(g: Gates[R, B], x: R, reached: R, shifts: Sequence[int], spare: int) -> Sequence[R]:
    """Ready operands whose sum is x 2**(spare - s), s that of x's level: 1 round, 8 bytes each."""
    return await shifted(g, x, reached, [spare - s for s in shifts])


async def shifted(g: Gates[R, B], x: R, reached: R, powers: Sequence[int]) -> Sequence[R]:
    """Ready operands whose sum is x 2**p, p that of x's level: 1 round, 8 bytes each, of a ready operand."""
    tiers = _tiers(powers)
    rows = [[1 << (powers[k] + down) if k in tier else 0 for k in range(len(powers))] for down, tier in tiers]
    parts = await times_levels(g, reached, rows, x)
    return await together(
        *[
            g.truncate(part, down) if down else g.hold(part)
            for part, (down, _) in zip(parts, tiers, strict=True)
        ]
    )


def _tiers(powers: Sequence[int]) -> list[tuple[int, set[int]]]:
    """Levels that are shifted together, and down by how much: those that lose bits few at a time."""
    tiers: list[tuple[int, set[int]]] = []
    losing = sorted((k for k, power in enumerate(powers) if power < 0), key=lambda k: powers[k])
    for k in losing:
        if tiers and powers[k] + tiers[-1][0] <= _TIER:
            tiers[-1][1].add(k)
        else:
            tiers.append((-powers[k], {k}))
    return [*tiers, (0, {k for k, power in enumerate(powers) if power >= 0})]
