"""1 / x and x / y."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import numpy as np

from junto.mpc.functions.constant_tables import coefficients
from junto.mpc.functions.fixedpoint import product, with_sign, within
from junto.mpc.functions.normalise import (
    FEW,
    INNER,
    STEP,
    Magnitude,
    Normalised,
    by_powers,
    longest,
    reach,
    scale_down,
    size,
    size_of_any,
)
from junto.mpc.functions.polynomial import polynomial
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import start, together

_SPARE = 3
"""Bits after the point, beyond those of the result, of what is multiplied by the polynomial in the end."""


def _top(g: Gates[R, B], fraction: int) -> int:
    """Divisors of small size, and what larger ones are taken down to, are below 15/16 2**_top as elements."""
    return g.bits - 2 - fraction


def _whole(g: Gates[R, B], fraction: int) -> int:
    """As `_top`, of any divisor: in the ring of 64 bits whatever a number can be, up to 4e12 for 18 bits."""
    return max(_top(g, fraction), min(g.bits - 4, 60))


def _within(g: Gates[R, B], y: R, what: str, top: int, fraction: int) -> None:
    most = float(15 << (top - 4)) / (1 << fraction)
    within(g, y, what, (2.0**-fraction, most), fraction)


async def reciprocal(g: Gates[R, B], x: R, fraction: int) -> R:
    """1 / x for x of either sign. 1 / 0 is 0, and the debug mode reports it.

    Range: |x| from one unit in the last place to 15/16 2**(60 - fraction), 4e12 for 18 bits.
    Error: 3e-5 relative, or two units in the last place.
    Cost: 9 rounds, 213 bytes of a ready operand; of more than `normalise.FEW`, 14 rounds, 111 bytes.
    """
    if prod(x.shape) > FEW:
        return await _of_many(g, x, fraction)
    top = _whole(g, fraction)
    of, negative = await size_of_any(g, x, top)
    _within(g, of.x, "the reciprocal", top, fraction)
    return await _reciprocal(g, of, fraction, partial(_turned, g, negative))


async def _of_many(g: Gates[R, B], x: R, fraction: int) -> R:
    """Of what is too large for the lower levels, where the result is nothing, only that."""
    top = _top(g, fraction)
    of, negative = await size_of_any(g, x, top)
    _within(g, of.x, "the reciprocal", _whole(g, fraction), fraction)
    sign = await start(_sign_of_near(g, of.x, top, negative))
    found = await _reciprocal(g, of, fraction, loose=True)
    return await g.multiply(await sign, found)


async def _sign_of_near(g: Gates[R, B], magnitude: R, top: int, negative: B) -> R:
    """1 or -1 of numbers below 15/16 2**top, else 0: the sum of two bits, ready to be multiplied."""
    near = await g.negative(g.add_public(magnitude, g.word(-(15 << (top - 4)))))
    below = g.to_ring(await g.both(near, negative))
    return g.subtract(g.to_ring(near), g.scale(below, np.array(2, np.uint64)))


async def reciprocal_of_positive(g: Gates[R, B], x: R, fraction: int) -> R:
    """1 / x for x >= 0. Of a negative number: some number.

    Range: x up to 15/16 2**(62 - 2 fraction), 6e7 for 18 bits. Error: as `reciprocal`.
    Cost: 9 rounds, 92 bytes of a ready operand.
    """
    return await _reciprocal(g, await size(g, x, _top(g, fraction)), fraction)


Change = Callable[[R], Awaitable[R]]
"""What is done to a result before the polynomial for its last digits is there: it gets its sign."""


async def _reciprocal(
    g: Gates[R, B],
    of: Magnitude[R, B],
    fraction: int,
    change: Change[R] | None = None,
    *,
    loose: bool = False,
) -> R:
    top = min(of.top, _top(g, fraction))
    scaled = await scale_down(g, of, top)
    # x = X / 2**fraction and X = 2**e d (1 + u), so 1 / x = 2**(fraction - e) / d / (1 + u) <= 2**fraction
    if of.top > top:  # of the highest levels, which only whole numbers have, nothing
        weights = [1 << (top - e) if e <= top else 0 for e in of.exponents]
        found = await of.times(g, weights, scaled.inverse)
    else:
        found, _ = await by_powers(g, of, scaled.inverse, STEP)
    drop = scaled.inverse_bits + top - 2 * fraction - _SPARE
    width = min(INNER, g.bits - 3 - 2 * fraction - _SPARE)
    first, rest = await together(_changed(g.truncate(found, drop), change), _rest(g, scaled, width))
    return await product(g, first, rest, width + _SPARE, loose=loose)


async def _changed(x: Awaitable[R], change: Change[R] | None) -> R:
    return await x if change is None else await change(await x)


async def _turned(g: Gates[R, B], negative: B, x: R) -> R:
    return await g.hold(await with_sign(g, x, negative))


@dataclass(frozen=True, slots=True)
class Bits:
    """Bits after the point of a quotient x / y, where they are not those of all other numbers.

    Attributes:
        x: of the dividend.
        y: of the divisor.
        result: of the quotient.
    """

    x: int
    y: int
    result: int


ROOM = 4
"""A quotient has so many bits less than a product after the point, so that it may be as large as others."""


@dataclass(frozen=True, slots=True)
class _Scales:
    """How a division goes about it.

    Attributes:
        shift: by how many bits more than the divisor's size the dividend is shifted.
        quotient: the result is below 2**quotient as a ring element.
        top: see `scale_down`.
        rest: bits after the point of the polynomial.
    """

    shift: int
    quotient: int
    top: int
    rest: int


def _scales(g: Gates[R, B], fraction: int, of: Bits | None) -> _Scales:
    if of is None or of.result <= fraction:
        shift = fraction if of is None else of.y - of.x + of.result
        return _Scales(shift, g.bits - 4 - fraction, _top(g, fraction), fraction)
    return _Scales(of.y - of.x + of.result - _SPARE, g.bits - 8, min(reach(g), _top(g, fraction)), INNER)


async def divide(g: Gates[R, B], x: R, y: R, fraction: int, bits: Bits | None = None) -> R:
    """The quotient x / y of any signs. x / 0 is 0, and the debug mode reports it.

    The dividend is scaled like the divisor, and then multiplied by an inverse between 1 and 16. So the
    quotient of two large numbers is as exact as any.

    Args:
        g: the gates.
        x: the dividend.
        y: the divisor.
        fraction: bits after the point that other numbers have.
        bits: those of these, if they have others. Range then: |x| and |y| up to 15/16 2**(k - 4) as ring
            elements, and, if it has more, |x / y| up to 2**(k - 8).

    Range: |x| and |y| as in `reciprocal`, |x / y| < 2**(60 - 2 fraction), 1.6e7 for 18 bits.
    Error: 4e-5 relative, or eight units in the last place.
    Cost: 9 rounds, 245 bytes of ready operands; of more than `normalise.FEW`, 14 rounds, 178 bytes.
    """
    inner = fraction if bits is None else bits.y
    top = _whole(g, fraction) if inner <= fraction else longest(g, inner)
    of, negative = await size_of_any(g, y, top)
    _within(g, of.x, "a division by the magnitude", top, inner)
    scales = _scales(g, fraction, bits)
    if bits is not None and bits.result > fraction:
        return await _in_two_parts(g, x, of, scales, partial(_turned, g, negative))
    if of.sides is None:
        return await with_sign(g, await _divided(g, x, of, scales), negative)
    return await _divided(g, x, of, scales, partial(_turned, g, negative))


async def divide_by_positive(g: Gates[R, B], x: R, y: R, fraction: int) -> R:
    """The quotient x / y for y >= 0. Of a negative divisor: some number.

    Range: y up to 15/16 2**(62 - 2 fraction), 6e7 for 18 bits. Error: as `divide`.
    Cost: 9 rounds, 124 bytes of ready operands.
    """
    return await _divided(g, x, await size(g, y, _top(g, fraction)), _scales(g, fraction, None))


async def _divided(
    g: Gates[R, B], x: R, of: Magnitude[R, B], scales: _Scales, change: Change[R] | None = None
) -> R:
    dividend, scaled = await together(_shifted(g, x, of, scales), scale_down(g, of, scales.top))
    first, rest = await together(
        _changed(product(g, g.unvouched(dividend), scaled.inverse, scaled.inverse_bits + 1), change),
        _rest(g, scaled, scales.rest),
    )
    return await product(g, first, rest, scales.rest + _SPARE - 1)


_MANTISSA = 24
"""Bits after the point of one over the divisor on the highest level, where the dividend has many."""


async def _in_two_parts(g: Gates[R, B], x: R, of: Magnitude[R, B], scales: _Scales, change: Change[R]) -> R:
    """Upper and lower bits of the dividend apart, so that no product has more bits than the quotient."""
    whole, scaled = await together(_shifted(g, x, of, scales), scale_down(g, of, scales.top))
    inverse, rest, (high, low) = await together(
        change(scaled.inverse), _rest(g, scaled, scales.rest), _halves(g, g.unvouched(whole))
    )
    mantissa = await product(g, inverse, rest, scaled.inverse_bits + scales.rest - _MANTISSA)
    upper, lower = await together(g.multiply(high, mantissa), product(g, low, mantissa, _MANTISSA))
    return g.add(upper, lower)


async def _halves(g: Gates[R, B], x: R) -> tuple[R, R]:
    high = await g.truncate(x, _MANTISSA)
    low = await g.hold(g.subtract(x, g.scale(high, g.word(1 << _MANTISSA))))
    return high, g.vouched(low)


async def _rest(g: Gates[R, B], scaled: Normalised[R], out: int) -> R:
    """1 / (1 + u). Of 0 the polynomial is out of range, and what it is multiplied by is 0."""
    return await polynomial(g, scaled.u, coefficients("reciprocal"), (INNER, out), loose=True)


@dataclass(frozen=True, slots=True)
class _Tier:
    """Levels of size whose dividends are shifted together, without leaving the ring.

    Attributes:
        exponents: of the levels, the lowest first.
        early: so many of the dividend's lowest bits are left out before it is shifted.
    """

    exponents: tuple[int, ...]
    early: int

    def fits(self, g: Gates[R, B], scales: _Scales) -> bool:
        """Whether dividends of a quotient in range have room for the shift."""
        most, quotient = g.bits - 4, scales.quotient - scales.shift
        sizes = [min(most, quotient + e) - e for e in self.exponents]
        return max(sizes) + self.exponents[-1] - self.early <= g.bits - 3

    def factors(self, exponents: Sequence[int]) -> list[int]:
        """By what the dividend of each level is multiplied."""
        return [1 << (self.exponents[-1] - e) if e in self.exponents else 0 for e in exponents]


async def _shifted(g: Gates[R, B], x: R, of: Magnitude[R, B], scales: _Scales) -> R:
    """The dividend as x 2**-e with three bits more than `shift`, a ready operand. 2 rounds, 32 bytes."""
    bits = scales.shift + _SPARE
    tiers = _tiers(g, of.exponents, scales)
    early = tiers[-1].early if tiers else 0
    whole, short = await together(g.hold(x), g.truncate(x, early) if early else g.hold(x))
    kept = [1 << (bits - e) if e <= bits else 0 for e in of.exponents]
    factors = [each.factors(of.exponents) for each in tiers]
    now = sum(not each.early for each in tiers)  # the lowest
    low, *parts = await of.times_each(g, [kept, *factors[:now]], whole)
    if early:
        parts += await of.times_each(g, factors[now:], short)
    drops = [each.exponents[-1] - bits - each.early for each in tiers]
    for part in await together(*map(partial(_cut, g), parts, drops)):
        low = g.add(low, part)
    return await g.hold(low)


async def _cut(g: Gates[R, B], x: R, drop: int) -> R:
    return await g.truncate(x, drop) if drop else x


def _tiers(g: Gates[R, B], exponents: Sequence[int], scales: _Scales) -> list[_Tier]:
    """Of the levels whose dividends lose bits, the lowest first; from the second on some are lost before."""
    tiers: list[_Tier] = []
    bits = scales.shift + _SPARE
    for e in sorted(e for e in exponents if e > bits):
        longer = tiers and replace(tiers[-1], exponents=(*tiers[-1].exponents, e))
        if longer and longer.fits(g, scales):
            tiers[-1] = longer
        else:
            early = (tiers[-1].early or e - bits) if tiers else 0
            tiers.append(_Tier((e,), early))
    return tiers
