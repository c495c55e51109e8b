"""Polynomials with public coefficients, of a secret number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from junto.mpc.functions.constant_tables import fixed
from junto.mpc.functions.fixedpoint import product
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

ROOM = 4
"""So many bits fewer than the ring has stand after the point in the terms of a sum, which stays below 4."""

DEGREE = 4
"""Of the parts of which a polynomial is the sum."""


async def polynomial(
    g: Gates[R, B], x: R, coefficients: Sequence[float], fractions: tuple[int, int], *, loose: bool = False
) -> R:
    """A polynomial of degree 4 or 8, lowest coefficient first, below 4 for |x| < 1.

    Of degree 4, only x**2 is opened: x x**2 and x**2 x**2 are products of ready numbers, and the sum is
    truncated once. Of degree 8, x**4 is, too, and what it is multiplied by: a polynomial of degree 4.

    Args:
        g: the gates.
        x: a ready operand.
        coefficients: five of them, or nine.
        fractions: bits after the point of x, and of the result.
        loose: as in `Gates.truncate`.

    Cost: 2 rounds, 16 bytes; of degree 8, which is for the ring of 128 bits, 3 rounds, 64 bytes.
    """
    inner, out = fractions
    room = g.bits - ROOM
    spare = room - 2 * inner
    square = await product(g, x, x, inner, loose=loose)
    cube, fourth = await together(g.multiply(x, square), g.multiply(square, square))
    low = ((x, spare + inner), (square, spare + inner), (cube, spare))

    def summed(first: Sequence[float], terms: Sequence[tuple[R, int]]) -> R:
        total = g.constant(np.full(x.shape, fixed(first[0], room)))
        for (power, bits), c in zip(terms, first[1:], strict=True):
            total = g.add(total, g.scale(power, fixed(c, bits)))
        return total

    if len(coefficients) == DEGREE + 1:
        total = summed(coefficients, (*low, (fourth, spare)))
    else:
        upper = summed(coefficients[DEGREE:], (*low, (fourth, spare)))
        high, upper = await together(
            g.truncate(fourth, inner, loose=loose), g.truncate(upper, inner, loose=loose)
        )
        total = g.add(summed(coefficients[:DEGREE], low), await g.multiply(high, upper))
    return await g.truncate(total, room - out, loose=loose)
