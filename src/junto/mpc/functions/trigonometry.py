"""Sines and cosines of numbers of any size, tangents, and the inverse functions."""

from __future__ import annotations

from functools import cache
from math import pi

import numpy as np

from junto.mpc.functions.fixedpoint import absolute, below, powers, product, with_sign
from junto.mpc.functions.reciprocal import divide, reciprocal_of_positive
from junto.mpc.functions.roots import rsqrt
from junto.mpc.functions.tables import chebyshev, fixed
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

_TURN = 24
"""Bits with which 1 / (2 pi) is taken: the angle's error is below 4e-8 times its size."""
_SERIES_FRACTION = 40


async def sin(g: Gates[R, B], x: R, fraction: int) -> R:
    """The sine of x in radians.

    Error: 1e-5 + 4e-8 |x|. Cost: 1 round, 8 bytes of a ready operand.
    """
    return await _wave(g, x, (0.0, 1.0), (), fraction)


async def cos(g: Gates[R, B], x: R, fraction: int) -> R:
    """The cosine of x in radians.

    Error: 1e-5 + 4e-8 |x|. Cost: 1 round, 8 bytes of a ready operand.
    """
    return await _wave(g, x, (), (0.0, 1.0), fraction)


async def tan(g: Gates[R, B], x: R, fraction: int) -> R:
    """The tangent, as a quotient."""
    x = await g.hold(x)
    top, bottom = await together(sin(g, x, fraction), cos(g, x, fraction))
    return await divide(g, top, bottom, fraction)


async def _wave(
    g: Gates[R, B], x: R, sines: tuple[float, ...], cosines: tuple[float, ...], fraction: int
) -> R:
    # A turn of x 2**TURN / (2 pi) is a power of two, and the ring's wrapping around takes whole turns off.
    turns = g.scale(await g.hold(x), np.array(round(2**_TURN / (2 * pi)), np.uint64))
    wave = await g.series(turns, fraction + _TURN, sines, cosines, _SERIES_FRACTION)
    return await g.truncate(wave, _SERIES_FRACTION - fraction)


async def atan(g: Gates[R, B], x: R, fraction: int) -> R:
    """The inverse tangent; of a number above 1 by that of its reciprocal.

    Error: 5e-5.
    """
    magnitude, negative = await absolute(g, await g.hold(x))
    size = await g.hold(magnitude)
    small = await below(g, size, fixed(1.0, fraction))
    one = g.constant(np.full(x.shape, fixed(1.0, fraction)))
    inverse = await reciprocal_of_positive(g, await g.choose(small, one, size), fraction)
    angle = await _small_angle(g, await g.choose(small, size, inverse), fraction)
    quarter = g.constant(np.full(x.shape, fixed(pi / 2, fraction)))
    return await with_sign(g, await g.choose(small, angle, g.subtract(quarter, angle)), negative)


async def atan2(g: Gates[R, B], y: R, x: R, fraction: int) -> R:
    """The angle of the point (x, y); of (0, 0) some number.

    Error: 1e-4 where the larger of the two is at least 1/16.
    """
    y, x = await together(g.hold(y), g.hold(x))
    (up, below_axis), (right, left) = await together(absolute(g, y), absolute(g, x))
    up, right = await together(g.hold(up), g.hold(right))
    steep = await g.negative(g.subtract(right, up))
    top, bottom = await together(g.choose(steep, right, up), g.choose(steep, up, right))
    slope = await product(g, top, await reciprocal_of_positive(g, bottom, fraction), fraction)
    angle = await _small_angle(g, slope, fraction)
    quarter = g.constant(np.full(angle.shape, fixed(pi / 2, fraction)))
    angle = await g.choose(steep, g.subtract(quarter, angle), angle)
    half = g.constant(np.full(angle.shape, fixed(pi, fraction)))
    angle = await g.choose(left, g.subtract(half, angle), angle)
    return await with_sign(g, angle, below_axis)


async def asin(g: Gates[R, B], x: R, fraction: int) -> R:
    """The inverse sine of |x| < 1, as atan(x / sqrt(1 - x**2))."""
    x = await g.hold(x)
    rest = g.subtract(g.constant(np.full(x.shape, fixed(1.0, fraction))), await product(g, x, x, fraction))
    return await atan(g, await product(g, x, await rsqrt(g, rest, fraction), fraction), fraction)


async def acos(g: Gates[R, B], x: R, fraction: int) -> R:
    """The inverse cosine, |x| < 1."""
    quarter = g.constant(np.full(x.shape, fixed(pi / 2, fraction)))
    return g.subtract(quarter, await asin(g, x, fraction))


async def _small_angle(g: Gates[R, B], x: R, fraction: int) -> R:
    """The inverse tangent in [0, 1]: an odd polynomial of degree 11."""
    square = await product(g, x, x, fraction)
    found = await powers(g, square, 5, fraction)
    total = g.constant(np.full(x.shape, fixed(_odd_atan()[0], 2 * fraction)))
    for z, c in zip(found, _odd_atan()[1:], strict=True):
        total = g.add(total, g.scale(z, fixed(c, fraction)))
    return await product(g, x, await g.truncate(total, fraction), fraction)


@cache
def _odd_atan() -> tuple[float, ...]:
    shifted = chebyshev(lambda z: np.arctan(np.sqrt(np.abs(z) + 1e-30)) / np.sqrt(np.abs(z) + 1e-30), 0, 1, 5)
    at_zero = np.polynomial.Polynomial(shifted)(np.polynomial.Polynomial([-0.5, 1.0])).coef
    return tuple(float(c) for c in np.rint(at_zero * 2**30) / 2**30)
