"""Exponential functions."""

from __future__ import annotations

from functools import cache
from math import log

import numpy as np

from junto.mpc.functions.fixedpoint import below, powers
from junto.mpc.functions.tables import chebyshev, fixed, fixed_table
from junto.mpc.gates import B, Digit, Gates, R, Words
from junto.mpc.rounds import together

WIDTH = 6
"""Bits of x that choose from the table: [-16, 16) in steps of 1/2."""

HIGHEST = 11.0
"""e**x is right below this; above, it is about e**HIGHEST."""

LOWEST = -15.5
"""e**x is 0 below this."""

DEGREE = 4
_TABLE_FRACTION = 26


async def exp(g: Gates[R, B], x: R, fraction: int) -> R:
    """e**x for x < 11 (18 bits); of a greater x up to 16 about e**11, beyond it some number.

    e**x = e**d e**t with d a multiple of 1/2 from a table and |t| < 1/2 by a polynomial of degree 4. 0 below
    -15.5.

    Error: 1e-5 relative, or two units in the last place. Cost: 6 rounds, 45 bytes of a ready operand.
    """
    return await _exp(g, x, fraction)


async def exp2(g: Gates[R, B], x: R, fraction: int) -> R:
    """2**x: like `exp`, whose range is that of x log(2)."""
    scaled = await g.truncate(g.scale(x, fixed(log(2.0), 2 * fraction)), 2 * fraction)
    return await _exp(g, scaled, fraction)


async def expm1(g: Gates[R, B], x: R, fraction: int) -> R:
    """e**x - 1; for a small x as exact as `exp`, in units in the last place."""
    return g.add_public(await exp(g, x, fraction), fixed(-1.0, fraction))


async def _exp(g: Gates[R, B], x: R, fraction: int) -> R:
    x = await g.hold(x)
    small, result = await together(below(g, x, fixed(LOWEST, fraction)), _inside(g, x, fraction))
    kept = g.to_ring(g.flip(small, np.array(True)))
    return await g.multiply(kept, result)


async def _inside(g: Gates[R, B], x: R, fraction: int) -> R:
    """e**x in [-16, 16)."""
    base, table = _tables(fraction)
    start, entry = await g.lookup(x, Digit(fraction - 1, WIDTH), [base, table])
    rest, held = await together(g.hold(g.subtract(x, start)), g.hold(entry))
    found = await powers(g, rest, 4, fraction, loose=True)
    small = _coefficients()
    total = g.constant(np.full(x.shape, fixed(small[0], 2 * fraction)))
    for t, c in zip(found, small[1:], strict=False):
        total = g.add(total, g.scale(t, fixed(c, fraction)))
    inner = await g.truncate(total, fraction, loose=True)
    return await g.truncate(await g.multiply(inner, held), _TABLE_FRACTION, loose=True)


@cache
def _tables(fraction: int) -> tuple[Words, Words]:
    """The multiples d, and e**d, for the places of d modulo 32."""
    steps = 1 << WIDTH
    places = [(i if i < steps // 2 else i - steps) / 2 for i in range(steps)]
    return fixed_table(places, fraction), fixed_table(np.exp(np.minimum(places, HIGHEST)), _TABLE_FRACTION)


@cache
def _coefficients() -> tuple[float, ...]:
    return tuple(float(c) for c in np.rint(chebyshev(np.exp, -0.5, 0.5, DEGREE) * 2**30) / 2**30)
