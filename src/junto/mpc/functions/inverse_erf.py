"""The inverse of the error function.

Paper: Giles, "Approximating the erfinv function", GPU Computing Gems, 2011: a polynomial in
w = -log(1 - x**2) for w < 5, and one in sqrt(w) beyond; the coefficients are our own.
"""

from __future__ import annotations

from junto.mpc.functions.constant_tables import coefficients, fixed
from junto.mpc.functions.fixedpoint import below, product, with_sign, within
from junto.mpc.functions.logarithm import log_of
from junto.mpc.functions.polynomial import polynomial
from junto.mpc.functions.roots import root_of
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

SPLIT = 5.0
"""Where one polynomial gives way to the other."""

FAR = 2.875
"""The middle of the interval of sqrt(w) beyond."""


async def erf_inv(g: Gates[R, B], x: R, fraction: int) -> R:
    """The number of which x is the error function, |x| < 1; beyond, some number.

    Error: 1e-4 up to |x| = 1 - 2**-14.
    Cost: 25 rounds, 250 bytes of a ready operand.
    """
    x = await g.hold(x)
    within(g, x, "the inverse error function", (2.0**-fraction - 1, 1 - 2.0**-fraction), fraction)
    square, negative = await together(g.multiply(x, x), g.negative(x))
    rest = g.add_public(g.negate(square), fixed(1.0, 2 * fraction))
    finer = fraction + 2
    w = await g.hold(g.negate(await log_of(g, rest, (2 * fraction, finer), g.bits - 2 - fraction)))
    near, far, is_near = await together(
        _near(g, x, w, fraction), _far(g, w, fraction), below(g, w, fixed(SPLIT, finer))
    )
    return await g.choose(is_near, near, await with_sign(g, far, negative))


async def _near(g: Gates[R, B], x: R, w: R, fraction: int) -> R:
    """Evaluate x times a polynomial in (w - 5/2) / 4: a quarter is two bits more after the point."""
    u = g.add_public(w, fixed(-SPLIT / 2, fraction + 2))
    ratio = await polynomial(g, u, coefficients("erf_inv near"), (fraction + 4, fraction), loose=True)
    return await product(g, x, ratio, fraction, loose=True)


async def _far(g: Gates[R, B], w: R, fraction: int) -> R:
    """A polynomial in sqrt(w) - 2.875."""
    fine = fraction + 2
    root = await root_of(g, w, "sqrt", (fine, fine), g.bits - 2 - fraction)
    u = g.add_public(root, fixed(-FAR, fine))
    return await polynomial(g, u, coefficients("erf_inv far"), (fine, fraction), loose=True)
