"""Find the size of a positive secret, and a polynomial piece by piece on what is left.

Paper:     the size by comparisons with all powers of 8 at once (as in the "multi-threshold" normalisation of
           Catrina and Saxena, "Secure computation with fixed-point numbers", FC 2010, section 5, with a
           coarser step); the pieces by one-time tables, `Gates.lookup`.

A positive x = 8**-k y, y in [1/8, 1) times 2**top: then any function that is easy in y and in 8**-k is easy
in x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic

import numpy as np

from junto.mpc.functions.fixedpoint import product
from junto.mpc.functions.tables import Function, chebyshev, fixed_table
from junto.mpc.gates import BITS, B, Digit, Gates, R, Words
from junto.mpc.rounds import together

STEP = 3
"""Thresholds are powers of 2**STEP."""

WIDTH = 6
"""Bits of y that choose a piece."""

DEGREE = 3
INNER = 26
"""Bits after the point while a piece is evaluated."""

BACK = 22
"""Bits after the point of a piece's result, and of the power of 2 that scales it back: their product is below
2**18."""

PIECEWISE: Mapping[str, Function] = {
    "reciprocal": lambda y: 1 / y,
    "rsqrt": lambda y: y**-0.5,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "log": np.log,
}


@dataclass(frozen=True, slots=True)
class Size(Generic[R, B]):
    """What is known of x.

    Attributes:
        above: for k = 1, 2 ...: whether x is at least 2**(top - STEP k).
        y: x scaled to [2**(top - STEP), 2**top).
        top: see above.
        levels: how many steps there are.
    """

    above: Sequence[B]
    y: R
    top: int
    levels: int


async def size(g: Gates[R, B], x: R, fraction: int) -> Size[R, B]:
    """Scale x > 0 to [1/8, 1): 5 rounds, 91 bytes for 18 bits of fraction, of a ready operand.

    The least x has its lowest bit alone, the greatest is below 2**(62 - fraction) in the ring, 2**26 as a
    number with 18 bits.
    """
    top = BITS - 2 - fraction
    levels = -(-top // STEP) - 1
    x = await g.hold(x)
    tests = [_at_least(g, x, np.uint64(1 << (top - STEP * k))) for k in range(1, levels + 1)]
    above = await together(*tests)
    factor = by_level(g, above, [float(1 << min(STEP * k, top)) for k in range(levels + 1)], 0)
    y = await g.multiply(x, factor)
    return Size(above, y, top, levels)


async def _at_least(g: Gates[R, B], x: R, bound: np.uint64) -> B:
    below = await g.negative(g.add_public(x, np.array(0 - int(bound), np.int64).astype(np.uint64)))
    return g.flip(below, np.array(True))


def by_level(g: Gates[R, B], above: Sequence[B], values: Sequence[float], fraction: int) -> R:
    """The public number of x's level: values[0] for the greatest x. No round.

    x is on level k if it is above the threshold k + 1, but not above k. So the number is the last one, and
    each threshold that x is above adds a difference.
    """
    numbers = [round(value * (1 << fraction)) for value in values]
    total = g.constant(np.full(above[0].shape, numbers[-1] % 2**64, np.uint64))
    for k, bit in enumerate(above):
        step = np.array((numbers[k] - numbers[k + 1]) % 2**64, np.uint64)
        total = g.add(total, g.scale(g.to_ring(bit), step))
    return total


async def piecewise(g: Gates[R, B], scaled: Size[R, B], name: str, fraction: int) -> R:
    """A function of y in [1/8, 1), with `fraction` bits: 5 rounds, 64 bytes. A cubic on each of 56 pieces.

    Offline: 8 * 64 bytes for all tables together.
    """
    low = scaled.top - WIDTH
    tables = _tables(name, fraction)
    base = np.array([1 << WIDTH, *range(1, 1 << WIDTH)], np.uint64) << np.uint64(low)
    y = await g.hold(scaled.y)
    start, *coefficients = await g.lookup(y, Digit(low, WIDTH), [base, *tables])
    rest = g.subtract(y, start)
    # In (-1/64, 1/64): exact enough with INNER bits.
    t, *held = await together(g.truncate(rest, scaled.top - INNER), *[g.hold(c) for c in coefficients[1:]])
    square = await product(g, t, t, INNER)
    cube = await product(g, square, t, INNER)
    terms = [g.multiply(power, c) for power, c in zip((t, square, cube), held, strict=True)]
    total = g.scale(coefficients[0], np.array(1 << INNER, np.uint64))
    for term in await together(*terms):
        total = g.add(total, term)
    return await g.truncate(total, INNER)


@cache
def _tables(name: str, fraction: int) -> list[Words]:
    """For each coefficient, lowest first, its table over the pieces.

    A piece reaches one width to either side of its base, for a digit may be one too high. Place 0 is the
    piece around 1: digits below 1/8 do not occur, unless x is 0.
    """
    width = 1 / (1 << WIDTH)
    rows = []
    for i in (1 << WIDTH, *range(1, 1 << WIDTH)):
        centre = max(i, 1 << (WIDTH - STEP)) * width
        low, high = centre - width, centre + width
        rows.append(chebyshev(PIECEWISE[name], low, high, DEGREE))
    columns = np.array(rows).T
    return [fixed_table(column, fraction) for column in columns]
