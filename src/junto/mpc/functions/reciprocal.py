"""1 / x and x / y."""

from __future__ import annotations

from junto.mpc.functions.fixedpoint import absolute, product, with_sign
from junto.mpc.functions.normalise import BACK, by_level, piecewise, size
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together


async def reciprocal(g: Gates[R, B], x: R, fraction: int) -> R:
    """1 / x for x of either sign.

    Range: |x| from 2**-16 to 2**26 (18 bits of fraction); 1 / 0 is some number.
    Error: 3e-5 relative, or two units in the last place.
    Cost: 14 rounds of a ready operand.
    """
    magnitude, negative = await absolute(g, await g.hold(x))
    return await with_sign(g, await reciprocal_of_positive(g, magnitude, fraction), negative)


async def reciprocal_of_positive(g: Gates[R, B], x: R, fraction: int) -> R:
    """1 / x for x > 0: three rounds fewer than for either sign."""
    scaled = await size(g, x, fraction)
    # x = y 2**top / factor / 2**fraction, so 1 / x = (1 / y) factor 2**(fraction - top), on level k
    # 2**(min(3 k, top) + fraction - top).
    powers = [2.0 ** (min(3 * k, scaled.top) + fraction - scaled.top) for k in range(scaled.levels + 1)]
    inverse, back = await together(
        piecewise(g, scaled, "reciprocal", BACK), g.hold(by_level(g, scaled.above, powers, BACK))
    )
    return await product(g, inverse, back, 2 * BACK - fraction)


async def divide(g: Gates[R, B], x: R, y: R, fraction: int) -> R:
    """`x / y`: a reciprocal and a product. The error is that of the reciprocal, times x."""
    inverse = await reciprocal(g, y, fraction)
    return await product(g, x, inverse, fraction)
