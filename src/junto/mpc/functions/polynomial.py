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


async def quartic(
    g: Gates[R, B], x: R, coefficients: Sequence[float], fractions: tuple[int, int], *, loose: bool = False
) -> R:
    """A polynomial of degree 4, lowest coefficient first, below 4 for |x| < 1.

    Only x**2 is opened: x x**2 and x**2 x**2 are products of ready numbers, and the sum is truncated once.

    Args:
        g: the gates.
        x: a ready operand.
        coefficients: five of them.
        fractions: bits after the point of x, and of the result.
        loose: as in `Gates.truncate`.

    Cost: 2 rounds, 16 bytes.
    """
    inner, out = fractions
    room = g.bits - ROOM
    spare = room - 2 * inner
    square = await product(g, x, x, inner, loose=loose)
    cube, fourth = await together(g.multiply(x, square), g.multiply(square, square))
    terms = ((cube, spare), (fourth, spare))
    low = ((x, spare + inner), (square, spare + inner))
    total = g.constant(np.full(x.shape, fixed(coefficients[0], room)))
    for (power, bits), c in zip((*low, *terms), coefficients[1:], strict=True):
        total = g.add(total, g.scale(power, fixed(c, bits)))
    return await g.truncate(total, room - out, loose=loose)
