"""Logarithms."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from junto.mpc.functions.constant_tables import coefficients, exact, fixed, rounded
from junto.mpc.functions.fixedpoint import largest, within
from junto.mpc.functions.normalise import INNER, WIDE_INNER, Entry, by_level, longest, reach, scale_down, size
from junto.mpc.functions.polynomial import polynomial
from junto.mpc.gates import BITS, B, Gates, R


async def log(g: Gates[R, B], x: R, fraction: int, inner: int = 0, out: int = 0) -> R:
    """The natural logarithm of x > 0, which may have more bits after the point than others (`inner`).

    Of 0 that of half a unit in the last place; of a negative number: some number.

    Range: up to 15/16 2**(62 - 2 fraction), 6e7 for 18 bits.
    Error: 5e-6 absolute, of 128 bits 4e-10, and two units in the last place.
    Cost: 8 rounds, 76 bytes of a ready operand.
    """
    inner, out = inner or fraction, out or fraction
    top = longest(g, inner) if inner > fraction else g.bits - 2 - fraction
    within(g, x, "the logarithm", (2.0**-inner, float(15 << (top - 4)) / (1 << inner)), inner)
    return await log_of(g, x, (inner, out), top)


async def log1p(g: Gates[R, B], x: R, fraction: int) -> R:
    """log(1 + x) for x > -1. As `log`."""
    return await log(g, g.add_public(x, fixed(1.0, fraction)), fraction)


async def log2(g: Gates[R, B], x: R, fraction: int) -> R:
    """The logarithm to base 2 of x > 0. As `log`, with one round and 8 bytes more."""
    within(g, x, "the logarithm", (2.0**-fraction, largest(g, fraction)), fraction)
    finer = fraction + 4
    natural = await log_of(g, x, (fraction, finer), g.bits - 2 - fraction)
    return await g.truncate(g.scale(natural, fixed(1.4426950408889634, finer)), 2 * finer - fraction)


async def log_of(g: Gates[R, B], x: R, fractions: tuple[int, int], top: int) -> R:
    """The natural logarithm of x, not a ready operand.

    Args:
        g: the gates.
        x: below 15/16 2**top as a ring element.
        fractions: bits after the point of x, and of the result.
        top: see `normalise.Size`.
    """
    inner, out = fractions
    of = await size(g, x, top)
    factors = coefficients("log", g.bits)
    fine = INNER if g.bits <= BITS else WIDE_INNER
    scaled = await scale_down(g, of, reach(g), [_entry(inner, out, top, factors)], inner=fine)
    rest = await polynomial(g, scaled.u, factors, (fine, out), loose=True)
    with exact():
        *others, last = [[e * Decimal(2).ln() for e in part.exponents] for part in of.parts(g)]
        sizes = [*others, [each - inner * Decimal(2).ln() for each in last]]
        numbers = [[rounded(each, out) for each in part] for part in sizes]
    total = g.add(rest, scaled.tables[0])
    for part, own in zip(of.parts(g), numbers, strict=True):
        total = g.add(total, by_level(g, part.reached, own))
    return total


@cache
def _entry(inner: int, out: int, top: int, factors: tuple[float, ...]) -> Entry:
    """The table of log(d). At 0, what makes the sum log(2**-(inner + 1))."""

    def entry(d: Decimal | None) -> int:
        if d is not None:
            return rounded(d.ln(), out)
        at_minus_one = sum(Decimal(c) * (-1) ** k for k, c in enumerate(factors))
        least = -(-(top - 4) // 4) * 4
        return rounded(-(top - least + 1) * Decimal(2).ln() - at_minus_one, out)

    return entry
