"""Quotients by small whole numbers: how many members a group has, how many rows a mask leaves.

Paper:     as `normalise`, with tables over the whole number itself: s = 2**e d with d from 1 to 2.
"""

from __future__ import annotations

import numpy as np

from junto.mpc.functions.fixedpoint import product, within
from junto.mpc.gates import B, Digit, Gates, R, Words
from junto.mpc.rounds import together

_SPARE = 2
"""Bits after the point, beyond those of the result, of x 2**-e."""

_MANTISSA = 17
"""Bits after the point of 1 / d: the quotient times it, and with the spare bits, is in the ring."""


async def divide_by_count(g: Gates[R, B], x: R, count: R, most: int) -> R:
    """The quotient x / count for whole numbers 0 <= count <= most, with the fraction of x.

    By 0: 0, and the debug mode reports it.

    Range: the quotient below 2**42 as a ring element, 1.6e7 for 18 bits.
    Error: 8e-6 relative, or two units in the last place.
    Cost: 3 rounds, 40 bytes of ready operands; offline a word for each number up to `most`.
    """
    within(g, count, "a division by a count", (1, most), 0)
    width = most.bit_length()
    powers, inverses = _tables(width)
    count, x = await together(g.hold(count), g.hold(x))
    found = await g.lookup(count, Digit(0, width), [powers, inverses])
    power, inverse = await together(*[g.hold(each) for each in found])
    return await product(g, await product(g, x, power, width - 1), inverse, _MANTISSA + _SPARE)


def _tables(width: int) -> tuple[Words, Words]:
    """For each count with 2**e at most: 2**(width - 1 + _SPARE - e), and 2**e / count."""
    powers, inverses = np.zeros((2, 1 << width), np.uint64)
    for count in range(1, 1 << width):
        exponent = count.bit_length() - 1
        powers[count] = 1 << (width - 1 + _SPARE - exponent)
        inverses[count] = ((1 << (exponent + _MANTISSA + 1)) // count + 1) // 2
    return powers, inverses
