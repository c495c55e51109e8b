"""1 / x and x / y."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from junto.mpc.functions.constant_tables import coefficients
from junto.mpc.functions.fixedpoint import largest, product, with_sign, within
from junto.mpc.functions.normalise import (
    INNER,
    Magnitude,
    Normalised,
    scale,
    size,
    size_of_any,
    times_level,
    times_levels,
)
from junto.mpc.functions.polynomial import quartic
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

_SPARE = 3
"""Bits after the point, beyond those of the result, of what is multiplied by the polynomial in the end."""

_TIER = 3
"""Levels of size whose dividends can be shifted together without leaving the ring."""


async def reciprocal(g: Gates[R, B], x: R, fraction: int) -> R:
    """1 / x for x of either sign. 1 / 0 is 0, and the debug mode reports it.

    Range: |x| from one unit in the last place to 15/16 2**(62 - 2 fraction), 6e7 for 18 bits.
    Error: 3e-5 relative, or two units in the last place.
    Cost: 9 rounds, 140 bytes of a ready operand; of more than `normalise.FEW`, 13 rounds, 105 bytes.
    """
    of, negative = await size_of_any(g, x, g.bits - 2 - fraction)
    within(g, of.x, "the reciprocal", (2.0**-fraction, largest(g, fraction)), fraction)
    if of.sides is None:
        return await with_sign(g, await _reciprocal(g, of, fraction), negative)
    return await _reciprocal(g, of, fraction, negative)


async def reciprocal_of_positive(g: Gates[R, B], x: R, fraction: int) -> R:
    """1 / x for x >= 0. Of a negative number: some number.

    Range and error: as `reciprocal`. Cost: 9 rounds, 92 bytes of a ready operand.
    """
    return await _reciprocal(g, await size(g, x, g.bits - 2 - fraction), fraction)


async def _reciprocal(g: Gates[R, B], of: Magnitude[R, B], fraction: int, negative: B | None = None) -> R:
    top = of.top
    scaled = await scale(g, of)
    # x = X / 2**fraction and X = 2**e d (1 + u), so 1 / x = 2**(fraction - e) / d / (1 + u) <= 2**fraction.
    weights = [1 << (top - e) for e in of.exponents]
    found = await times_level(g, of.above, weights, scaled.inverse)
    drop = scaled.inverse_bits + top - 2 * fraction - _SPARE
    width = min(INNER, g.bits - 3 - 2 * fraction - _SPARE)
    first, rest = await together(_signed(g, g.truncate(found, drop), negative), _rest(g, scaled, width))
    return await product(g, first, rest, width + _SPARE)


async def _signed(g: Gates[R, B], x: Awaitable[R], negative: B | None) -> R:
    """`x`, with the sign that the result gets: it is there before the polynomial is."""
    return await x if negative is None else await g.hold(await with_sign(g, await x, negative))


async def divide(g: Gates[R, B], x: R, y: R, fraction: int) -> R:
    """The quotient x / y of any signs. x / 0 is 0, and the debug mode reports it.

    The dividend is scaled like the divisor, and then multiplied by an inverse between 1 and 16. So the
    quotient of two large numbers is as exact as any.

    Range: |y| as in `reciprocal`, |x / y| < 2**(60 - 2 fraction), 1.6e7 for 18 bits.
    Error: 4e-5 relative, or eight units in the last place.
    Cost: 9 rounds, 164 bytes of ready operands; of more than `normalise.FEW`, 13 rounds, 129 bytes.
    """
    of, negative = await size_of_any(g, y, g.bits - 2 - fraction)
    within(g, of.x, "a division by the magnitude", (2.0**-fraction, largest(g, fraction)), fraction)
    if of.sides is None:
        return await with_sign(g, await _divided(g, x, of, fraction), negative)
    return await _divided(g, x, of, fraction, negative)


async def divide_by_positive(g: Gates[R, B], x: R, y: R, fraction: int) -> R:
    """The quotient x / y for y >= 0. Of a negative divisor: some number.

    Range and error: as `divide`. Cost: 9 rounds, 116 bytes of ready operands.
    """
    return await _divided(g, x, await size(g, y, g.bits - 2 - fraction), fraction)


async def _divided(g: Gates[R, B], x: R, of: Magnitude[R, B], fraction: int, negative: B | None = None) -> R:
    dividend, scaled = await together(_shifted(g, x, of, fraction), scale(g, of))
    first, rest = await together(
        _signed(g, product(g, g.unvouched(dividend), scaled.inverse, scaled.inverse_bits + 1), negative),
        _rest(g, scaled, fraction),
    )
    return await product(g, first, rest, fraction + _SPARE - 1)


async def _rest(g: Gates[R, B], scaled: Normalised[R], out: int) -> R:
    """1 / (1 + u). Of 0 the polynomial is out of range, and what it is multiplied by is 0."""
    return await quartic(g, scaled.u, coefficients("reciprocal"), (INNER, out), loose=True)


async def _shifted(g: Gates[R, B], x: R, of: Magnitude[R, B], fraction: int) -> R:
    """The dividend as x 2**-e with three bits more than `fraction`, a ready operand. 2 rounds, 24 bytes."""
    bits = fraction + _SPARE
    tiers = _tiers(of.exponents, bits)
    tops = [max(bits, *(of.exponents[k] for k in tier)) for tier in tiers]
    rows = [
        [1 << (most - e) if k in tier else 0 for k, e in enumerate(of.exponents)]
        for tier, most in zip(tiers, tops, strict=True)
    ]
    *high, low = await times_levels(g, g.to_ring(of.above), rows, x)
    for part in await together(
        *[g.truncate(part, most - bits) for part, most in zip(high, tops, strict=False)]
    ):
        low = g.add(low, part)
    return await g.hold(low)


def _tiers(exponents: Sequence[int], bits: int) -> list[range]:
    """Levels that are shifted together: those that need not lose a bit, and every three of the others."""
    losing = sum(e > bits for e in exponents)
    tiers = [range(k, min(k + _TIER, losing)) for k in range(0, losing, _TIER)]
    return [*tiers, range(losing, len(exponents))]
