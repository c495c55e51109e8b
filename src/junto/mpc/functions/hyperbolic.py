"""The inverse hyperbolic functions: logarithms of x and a square root."""

from __future__ import annotations

import numpy as np

from junto.mpc.functions.constant_tables import fixed
from junto.mpc.functions.fixedpoint import absolute, below, largest, with_sign, within
from junto.mpc.functions.logarithm import log, log1p
from junto.mpc.functions.roots import root_of
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

_FINER = 8
"""Bits after the point, beyond those of x, of x**2 + 1 and x**2 - 1: near 0 their roots need them."""

_LARGE = 256.0
"""From here on, both functions are log(2 x) but for 4e-6."""


async def asinh(g: Gates[R, B], x: R, fraction: int) -> R:
    """The number whose hyperbolic sine is x: log(|x| + sqrt(x**2 + 1)), with the sign of x.

    Range: |x| < 15/16 2**(61 - 2 fraction), 3e7 for 18 bits. Error: 2e-5.
    Cost: 30 rounds, 242 bytes of a ready operand.
    """
    within(
        g, x, "the inverse hyperbolic sine", (-largest(g, fraction) / 2, largest(g, fraction) / 2), fraction
    )
    magnitude, negative = await absolute(g, await g.hold(x))
    return await with_sign(g, await g.hold(await _of_positive(g, magnitude, 1.0, fraction)), negative)


async def acosh(g: Gates[R, B], x: R, fraction: int) -> R:
    """The number x >= 0 whose hyperbolic cosine is x: log(x + sqrt(x**2 - 1)). Of x < 1: some number.

    Range: up to 15/16 2**(61 - 2 fraction), 3e7 for 18 bits. Error: 2e-5; near 1, 1.4e-4.
    Cost: 25 rounds, 221 bytes of a ready operand.
    """
    within(g, x, "the inverse hyperbolic cosine", (1.0, largest(g, fraction) / 2), fraction)
    return await _of_positive(g, x, -1.0, fraction)


async def atanh(g: Gates[R, B], x: R, fraction: int) -> R:
    """The number whose hyperbolic tangent is x, |x| < 1: half of log(1 + x) - log(1 - x).

    Error: 1e-5 and two units in the last place. Cost: 9 rounds, 161 bytes of a ready operand.
    """
    x = await g.hold(x)
    up, down = await together(log1p(g, x, fraction), log1p(g, g.negate(x), fraction))
    return await g.truncate(g.subtract(up, down), 1)


async def _of_positive(g: Gates[R, B], x: R, one: float, fraction: int) -> R:
    """log(x + sqrt(x**2 + one)) for x >= 0."""
    x = await g.hold(x)
    small = g.to_ring(await below(g, x, fixed(_LARGE, fraction)))
    # what is large would leave the range; its root, which is x but for little, is that of 1 here
    rest = await g.hold(await g.multiply(small, g.add_public(x, fixed(-1.0, fraction))))
    base = g.add_public(rest, fixed(1.0, fraction))
    square = g.add_public(await g.multiply(base, base), fixed(one, 2 * fraction))
    fine = fraction + _FINER
    root = await root_of(
        g, await g.truncate(square, 2 * fraction - fine), "sqrt", (fine, fraction), g.bits - 2 - fraction
    )
    more = await g.multiply(small, await g.hold(g.subtract(root, x)))
    return await log(g, g.add(g.scale(x, np.array(2, np.uint64)), more), fraction)
