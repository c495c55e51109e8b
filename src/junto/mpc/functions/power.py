"""Powers."""

from __future__ import annotations

import numpy as np

from junto.mpc.functions.exponential import exp
from junto.mpc.functions.fixedpoint import product
from junto.mpc.functions.logarithm import log
from junto.mpc.functions.reciprocal import reciprocal
from junto.mpc.functions.tables import fixed
from junto.mpc.gates import B, Gates, R


async def integer_pow(g: Gates[R, B], x: R, exponent: int, fraction: int) -> R:
    """x**exponent for a public whole number, by squaring.

    Error: that of a product a step; of a negative exponent also that of `reciprocal`.
    Cost: 2 log2(exponent) products, log2(exponent) + 1 rounds of a ready operand.
    """
    if exponent < 0:
        return await reciprocal(g, await integer_pow(g, x, -exponent, fraction), fraction)
    result: R | None = None
    while exponent:
        if exponent & 1:
            result = x if result is None else await product(g, result, x, fraction)
        exponent >>= 1
        if exponent:
            x = await product(g, x, x, fraction)
    return g.constant(np.full(x.shape, fixed(1.0, fraction))) if result is None else result


async def pow(g: Gates[R, B], x: R, y: R, fraction: int) -> R:
    """x**y = e**(y log(x)) for x > 0; of another x some number.

    Range: that of `exp` for y log(x). Error: relative, that of `log` times |y|, and that of `exp`.
    """
    return await exp(g, await product(g, y, await log(g, x, fraction), fraction), fraction)
