"""Square roots, their reciprocals, and cube roots."""

from __future__ import annotations

from junto.mpc.functions.fixedpoint import absolute, product, with_sign
from junto.mpc.functions.normalise import BACK, Size, by_level, piecewise, size
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together


async def sqrt(g: Gates[R, B], x: R, fraction: int) -> R:
    """The square root of x >= 0. Of a negative number: some number.

    Error: 1e-5 relative, or a unit in the last place. Cost: 11 rounds of a ready operand.
    """
    return await _root(g, x, "sqrt", 0.5, fraction)


async def rsqrt(g: Gates[R, B], x: R, fraction: int) -> R:
    """One over the square root of x > 0. Of 0 or a negative number: some number.

    Error: 2e-5 relative, or two units in the last place. Cost: 11 rounds of a ready operand.
    """
    return await _root(g, x, "rsqrt", -0.5, fraction)


async def cbrt(g: Gates[R, B], x: R, fraction: int) -> R:
    """The cube root of x of either sign.

    Error: 1e-5 relative, or a unit in the last place. Cost: 14 rounds of a ready operand.
    """
    magnitude, negative = await absolute(g, await g.hold(x))
    return await with_sign(g, await _root(g, magnitude, "cbrt", 1 / 3, fraction), negative)


async def _root(g: Gates[R, B], x: R, name: str, exponent: float, fraction: int) -> R:
    """x**exponent = y**exponent (x / y)**exponent, and x / y is a power of 2 that the level knows."""
    scaled: Size[R, B] = await size(g, x, fraction)
    powers = [
        2.0 ** (exponent * (scaled.top - fraction - min(3 * k, scaled.top))) for k in range(scaled.levels + 1)
    ]
    root, back = await together(
        piecewise(g, scaled, name, BACK), g.hold(by_level(g, scaled.above, powers, BACK))
    )
    return await product(g, root, back, 2 * BACK - fraction)
