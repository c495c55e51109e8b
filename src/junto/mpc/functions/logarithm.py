"""Natural logarithms."""

from __future__ import annotations

from math import log as of_number

import numpy as np

from junto.mpc.functions.normalise import by_level, piecewise, size
from junto.mpc.functions.tables import fixed
from junto.mpc.gates import B, Gates, R


async def log(g: Gates[R, B], x: R, fraction: int) -> R:
    """The natural logarithm of x > 0. Of 0 or a negative number: some number.

    Error: 2e-5 absolute, two units in the last place for 18 bits; of an x of few bits, that of x itself.
    Cost: 11 rounds of a ready operand.
    """
    scaled = await size(g, x, fraction)
    inner = await piecewise(g, scaled, "log", fraction)
    shifts = [
        of_number(2.0) * (scaled.top - fraction - min(3 * k, scaled.top)) for k in range(scaled.levels + 1)
    ]
    return g.add(inner, by_level(g, scaled.above, shifts, fraction))


async def log1p(g: Gates[R, B], x: R, fraction: int) -> R:
    """log(1 + x) for x > -1."""
    return await log(g, g.add_public(x, fixed(1.0, fraction)), fraction)


async def log2(g: Gates[R, B], x: R, fraction: int) -> R:
    """The logarithm to base 2 of x > 0."""
    natural = await log(g, x, fraction)
    return await g.truncate(g.scale(natural, fixed(1 / np.log(2), fraction)), fraction)
