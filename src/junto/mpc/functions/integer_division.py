"""Exact quotients of secret whole numbers.

Paper:     an approximate quotient, corrected by its remainder: Catrina and Saxena, "Secure computation with
           fixed-point numbers", FC 2010, section 4; here twice, with one inverse, and then to the last unit
           by comparisons.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from junto.mpc.functions.constant_tables import coefficients, ring_table
from junto.mpc.functions.fixedpoint import product
from junto.mpc.functions.normalise import INNER, STEP, Magnitude, scale, size, times_level
from junto.mpc.functions.polynomial import polynomial
from junto.mpc.gates import B, Gates, R, Words
from junto.mpc.rounds import together

LONGEST = 32
"""Bits of the greatest numbers that can be divided."""

_SHORTEST = 28
"""Shorter numbers are treated like those of so many bits."""

_INVERSE = 18
"""Bits after the point of the divisor's inverse."""

_OFF = 3
"""By how much the second quotient may still be off."""


async def divide_magnitudes(g: Gates[R, B], x: R, y: R, bits: int) -> tuple[R, R]:
    """floor(x / y) and the rest, x - y floor(x / y), for whole numbers 0 <= x < 2**bits, 0 < y < 2**bits.

    Exact; no ready operands. A divisor 0 gives 0, or a number near it, and the rest x.

    Args:
        g: the gates.
        x: the dividend.
        y: the divisor.
        bits: up to 32; the fewer, the cheaper.

    Cost: 18 rounds, 153 bytes of ready operands of 31 bits.

    Raises:
        ValueError: `bits` is not from 1 to 32.
    """
    if not 1 <= bits <= LONGEST:
        raise ValueError(f"numbers of {bits} bits cannot be divided, only those of 1 to {LONGEST} bits")
    x, of = await together(g.hold(x), size(g, y, max(bits, _SHORTEST) + 1))
    drop = max(0, bits - _kept(g, of))
    high, inverse = await together(g.truncate(x, drop) if drop else g.hold(x), _inverse(g, of))
    first = await _quotient(g, high, inverse, of, drop)
    rest = await g.hold(g.subtract(x, await g.multiply(first, of.x)))
    second = await _quotient(g, rest, inverse, of, 0)
    rest = await g.hold(g.subtract(rest, await g.multiply(second, of.x)))
    third, rest = await _last(g, rest, of.x)
    return g.add(g.add(first, second), third), rest


async def divide_long(g: Gates[R, B], x: R, y: R, bits: int) -> tuple[R, R]:
    """As `divide_magnitudes` for numbers of up to 64 bits: digit by digit, as on paper.

    Numbers are unsigned: what is negative as a ring element is 2**63 or more. A divisor 0 gives some number.

    Cost: 4 rounds and 13 bytes for each bit; of 64 bits, 266 rounds and 885 bytes in all, of ready operands.
    """
    x, y = await together(g.hold(x), g.hold(y))
    if bits == 64 and g.bits > 64:
        x, y = await together(_unsigned(g, x), _unsigned(g, y))
    huge = await _by_huge(g, x, y) if bits == g.bits else None
    digits = await g.decompose(x, bits)
    left = quotient = g.constant(np.zeros(np.broadcast_shapes(x.shape, y.shape), np.uint64))
    for place in reversed(range(bits)):
        digit = g.to_ring(g.arrange(digits, partial(_place, place)))
        # left < y <= 2**63, so 2 left + 1 - y is in the signed range
        taken = await g.hold(g.subtract(g.add(g.scale(left, ring_table([2])[0]), digit), y))
        short = g.to_ring(await g.negative(taken))
        left = g.add(taken, await g.multiply(short, y))
        weight = ring_table([1 << place])[0]
        quotient = g.add_public(g.subtract(quotient, g.scale(short, weight)), weight)
    if huge is None:
        return quotient, left
    is_huge, once, rest = huge
    return await together(g.choose(is_huge, once, quotient), g.choose(is_huge, rest, left))


def _place(place: int, array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array[..., place]


async def _unsigned(g: Gates[R, B], x: R) -> R:
    """Where the ring has room for it, a number of 64 bits without a sign in place of one with it."""
    return await g.hold(g.add(x, g.scale(g.to_ring(await g.negative(x)), g.word(1 << 64))))


async def _by_huge(g: Gates[R, B], x: R, y: R) -> tuple[B, R, R]:
    """Whether y >= 2**63; and quotient and rest if it is: 1 and x - y, or 0 and x."""
    gap = g.subtract(x, y)
    y_huge, x_huge, less = await together(g.negative(y), g.negative(x), g.negative(gap))
    once = await g.both(x_huge, g.flip(less, np.array(True)))
    times = g.to_ring(once)
    return y_huge, times, g.subtract(x, await g.multiply(times, y))


async def _inverse(g: Gates[R, B], of: Magnitude[R, B]) -> R:
    """2**e / y, between 1 and 18, off by 3e-5 of itself; 0 of 0, for which the polynomial is out of range."""
    scaled = await scale(g, of)
    rest = await polynomial(g, scaled.u, coefficients("reciprocal"), (INNER, INNER), loose=True)
    return await product(g, scaled.inverse, rest, scaled.inverse_bits + INNER - _INVERSE)


def _kept(g: Gates[R, B], of: Magnitude[R, B]) -> int:
    """The highest bits of a dividend that find room beside the inverse and the shift by its level."""
    return g.bits - 8 - STEP * len(of.exponents)


async def _quotient(g: Gates[R, B], x: R, inverse: R, of: Magnitude[R, B], drop: int) -> R:
    """2**drop x / y, off by 3e-5 of itself and by one."""
    normal = await product(g, x, inverse, _INVERSE)
    most = max(of.exponents) - drop
    weights = [1 << (most - (e - drop)) for e in of.exponents]
    return await g.truncate(await times_level(g, await of.reached(g), weights, normal), most)


async def _last(g: Gates[R, B], rest: R, y: R) -> tuple[R, R]:
    """How often y > 0 goes into a rest between -3 y and 4 y, and what is left then."""
    multiples = ring_table(-k for k in range(-_OFF + 1, _OFF + 1))
    column, divisor = (g.arrange(each, lambda array: array[..., None]) for each in (rest, y))
    short = g.to_ring(await g.negative(g.add(column, g.scale(divisor, multiples))))
    missed = g.linear(short, _summed)
    left = g.add(rest, g.linear(await g.multiply(short, divisor), _summed))
    times = ring_table([_OFF]).reshape(())
    return g.negate(g.add_public(missed, 0 - times)), g.subtract(left, g.scale(y, times))


def _summed(words: Words) -> Words:
    return np.asarray(words.sum(axis=-1, dtype=np.uint64))
