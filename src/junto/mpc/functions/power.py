"""Powers."""

from __future__ import annotations

import numpy as np

from junto.mpc.functions.constant_tables import fixed
from junto.mpc.functions.exponential import exp
from junto.mpc.functions.fixedpoint import product, within
from junto.mpc.functions.logarithm import log_of
from junto.mpc.functions.normalise import longest
from junto.mpc.functions.reciprocal import reciprocal
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

_SPARE = 4
"""Bits after the point of the logarithm, beyond those of the result."""


async def integer_pow(g: Gates[R, B], x: R, exponent: int, fraction: int) -> R:
    """x**exponent for a public whole number, by squaring.

    Error: that of a product a step; of a negative exponent -n also n times that of `reciprocal`, relative.
    Cost: of a ready operand, one round and 8 bytes for each bit of the exponent but the first, and 8 bytes
    for each further bit that is set.
    """
    if exponent < 0:
        return await integer_pow(g, await reciprocal(g, x, fraction), -exponent, fraction)
    if not exponent:
        return g.constant(np.full(x.shape, fixed(1.0, fraction)))
    power, result = x, None
    while True:
        if exponent & 1:
            result = power if result is None else await product(g, result, power, fraction)
        exponent >>= 1
        if not exponent:
            return power if result is None else result
        power = await product(g, power, power, fraction)


async def pow(g: Gates[R, B], x: R, y: R, fraction: int, inner: int = 0) -> R:
    """x**y = e**(y log(x)) for x > 0, which may have more bits after the point (`inner`); else some number.

    Range: that of `exp` for y log(x). Error: relative, 4e-5 and (5e-6 + a unit in the last place) |y|.
    Cost: 14 rounds, 137 bytes of ready operands.
    """
    inner = inner or fraction
    top = longest(g, inner) if inner > fraction else g.bits - 2 - fraction
    within(g, x, "a power", (2.0**-inner, float(15 << (top - 4)) / (1 << inner)), inner)
    finer = fraction + _SPARE
    y, logarithm = await together(g.hold(y), log_of(g, x, (inner, finer), top))
    return await exp(g, await product(g, y, logarithm, finer), fraction)
