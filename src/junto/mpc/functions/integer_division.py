"""Exact quotients of secret whole numbers.

Paper:     an approximate quotient, corrected by its remainder: Catrina and Saxena, "Secure computation with
           fixed-point numbers", FC 2010, section 4; here twice, with one inverse, and then to the last unit
           by comparisons.
"""

from __future__ import annotations

import numpy as np

from junto.mpc.functions.fixedpoint import product
from junto.mpc.functions.normalise import INNER, STEP, Size, scale, size, times_level
from junto.mpc.functions.polynomial import quartic
from junto.mpc.functions.tables import coefficients, ring_table
from junto.mpc.gates import BITS, B, Gates, R
from junto.mpc.rounds import together

LONGEST = 32
"""Bits of the greatest numbers that can be divided."""

_SHORTEST = 28
"""Shorter numbers are treated like those of so many bits."""

_INVERSE = 18
"""Bits after the point of the divisor's inverse."""

_OFF = 3
"""By how much the second quotient may still be off."""


async def divide_magnitudes(g: Gates[R, B], x: R, y: R, bits: int) -> R:
    """floor(x / y) for whole numbers 0 <= x < 2**bits, 0 < y < 2**bits; exact, no ready operand.

    Of a divisor 0 comes some number. The remainder is x - y times the result.

    Args:
        g: the gates.
        x: the dividend.
        y: the divisor.
        bits: up to 32; the fewer, the cheaper.

    Cost: 18 rounds, 167 bytes of ready operands of 31 bits.

    Raises:
        ValueError: `bits` is not from 1 to 32.
    """
    if not 1 <= bits <= LONGEST:
        raise ValueError(f"numbers of {bits} bits cannot be divided, only those of 1 to {LONGEST} bits")
    x, of = await together(g.hold(x), size(g, y, max(bits, _SHORTEST) + 1))
    drop = max(0, bits - _kept(of))
    high, inverse = await together(g.truncate(x, drop) if drop else g.hold(x), _inverse(g, of))
    first = await _quotient(g, high, inverse, of, drop)
    rest = await g.hold(g.subtract(x, await g.multiply(first, of.x)))
    second = await _quotient(g, rest, inverse, of, 0)
    rest = await g.hold(g.subtract(rest, await g.multiply(second, of.x)))
    return g.add(g.add(first, second), await _last(g, rest, of.x))


async def _inverse(g: Gates[R, B], of: Size[R, B]) -> R:
    """2**e / y, between 1 and 18, off by 3e-5 of itself."""
    scaled = await scale(g, of)
    rest = await quartic(g, scaled.u, coefficients("reciprocal"), (INNER, INNER))
    return await product(g, scaled.inverse, rest, scaled.inverse_bits + INNER - _INVERSE)


def _kept(of: Size[R, B]) -> int:
    """The highest bits of a dividend that find room beside the inverse and the shift by its level."""
    return BITS - 8 - STEP * len(of.exponents)


async def _quotient(g: Gates[R, B], x: R, inverse: R, of: Size[R, B], drop: int) -> R:
    """2**drop x / y, off by 3e-5 of itself and by one."""
    normal = await product(g, x, inverse, _INVERSE)
    most = max(of.exponents) - drop
    weights = [1 << (most - (e - drop)) for e in of.exponents]
    return await g.truncate(await times_level(g, of.above, weights, normal), most)


async def _last(g: Gates[R, B], rest: R, y: R) -> R:
    """How often y > 0 goes into a rest between -3 y and 4 y."""
    multiples = ring_table(-k for k in range(-_OFF + 1, _OFF + 1))
    column = g.arrange(rest, lambda array: array[..., None])
    reached = g.add(column, g.scale(g.arrange(y, lambda array: array[..., None]), multiples))
    short = g.to_ring(await g.negative(reached))
    count = g.linear(short, lambda each: np.asarray(each.sum(axis=-1, dtype=np.uint64)))
    return g.negate(g.add_public(count, ring_table([-_OFF]).reshape(())))
