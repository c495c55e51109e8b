"""Sines and cosines of numbers of any size, tangents, and the inverse functions."""

from __future__ import annotations

from decimal import Decimal
from math import pi

import numpy as np

from junto.mpc.functions.constant_tables import exact, fixed, rounded
from junto.mpc.functions.fixedpoint import absolute, below, with_sign, within
from junto.mpc.functions.reciprocal import divide, divide_by_positive
from junto.mpc.functions.roots import root_of
from junto.mpc.functions.series import odd_series
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

PI = Decimal("3.14159265358979323846264338327950288419716939937511")

_PERIOD = 2
"""The series of the inverse functions have period 2**2."""


async def sin(g: Gates[R, B], x: R, fraction: int) -> R:
    """The sine, for all x. Error: 1e-5 + 5e-14 |x|. Cost: 1 round, 8 bytes of a ready operand."""
    return await _wave(g, x, (0.0, 1.0), (), fraction)


async def cos(g: Gates[R, B], x: R, fraction: int) -> R:
    """The cosine, for all x. Error: 1e-5 + 5e-14 |x|. Cost: 1 round, 8 bytes of a ready operand."""
    return await _wave(g, x, (), (0.0, 1.0), fraction)


async def tan(g: Gates[R, B], x: R, fraction: int) -> R:
    """The tangent, sin(x) / cos(x): the errors of both and of `divide`.

    Cost: 11 rounds, 188 bytes of a ready operand.
    """
    x = await g.hold(x)
    top, bottom = await together(sin(g, x, fraction), cos(g, x, fraction))
    return await divide(g, top, bottom, fraction)


async def _wave(
    g: Gates[R, B], x: R, sines: tuple[float, ...], cosines: tuple[float, ...], fraction: int
) -> R:
    # A turn is the whole ring, whose own wrapping takes turns off: 1 / (2 pi) has all bits there are.
    with exact():
        turn = rounded(1 / (2 * PI), g.bits - fraction)
    turns = g.scale(await g.hold(x), g.word(turn))
    wave = await g.series(turns, g.bits, sines, cosines)
    return await g.truncate(wave, g.fine - fraction)


async def atan(g: Gates[R, B], x: R, fraction: int) -> R:
    """The inverse tangent, for all x. Error: 5e-5. Cost: that of `atan2`."""
    return await atan2(g, x, _constant(g, x.shape, 1.0, fraction), fraction)


async def atan2(g: Gates[R, B], y: R, x: R, fraction: int) -> R:
    """The angle of the point (x, y), in [-pi, pi]; 0 for (0, 0).

    Range: |x|, |y| as in `divide`. Error: 6e-5. Cost: 22 rounds, 195 bytes of ready operands.
    """
    y, x = await together(g.hold(y), g.hold(x))
    (up, under), (right, left) = await together(absolute(g, y), absolute(g, x))
    steep = await g.negative(g.subtract(right, up))
    # the smaller of |x| and |y|, and the larger one
    part = await g.multiply(g.to_ring(steep), await g.hold(g.subtract(right, up)))
    small, large = g.add(up, part), g.subtract(right, part)
    slope = await divide_by_positive(g, small, large, fraction)
    angle = await odd_series(g, slope, "atan", fraction + _PERIOD, fraction)
    angle = await _reflected(g, steep, angle, fixed(pi / 2, fraction))
    angle = await _reflected(g, left, angle, fixed(pi, fraction))
    return await with_sign(g, await g.hold(angle), under)


async def asin(g: Gates[R, B], x: R, fraction: int) -> R:
    """The inverse sine, |x| <= 1; beyond, some number.

    A series for |x| <= 1/2; above, pi / 2 - 2 asin(sqrt((1 - |x|) / 2)).

    Error: 3e-5; near 1 that of a square root of few bits. Cost: 16 rounds, 142 bytes of a ready operand.
    """
    within(g, x, "the inverse sine", (-1.0, 1.0), fraction)
    magnitude, negative = await absolute(g, await g.hold(x))
    magnitude = await g.hold(magnitude)
    # 1 - |x| is twice the number if one bit more is taken to be after the point.
    half = g.negate(g.add_public(magnitude, fixed(-1.0, fraction)))
    root, small = await together(
        root_of(g, half, "sqrt", (fraction + 1, fraction), g.bits - 2 - fraction),
        below(g, magnitude, fixed(0.5, fraction)),
    )
    inner = await g.choose(small, magnitude, root)
    angle = await odd_series(g, inner, "asin", fraction + _PERIOD, fraction)
    large = g.add_public(g.scale(angle, fixed(-2.0, 0)), fixed(pi / 2, fraction))
    return await with_sign(g, await g.hold(await g.choose(small, angle, large)), negative)


async def acos(g: Gates[R, B], x: R, fraction: int) -> R:
    """The inverse cosine, |x| <= 1: pi / 2 - asin(x)."""
    return g.negate(g.add_public(await asin(g, x, fraction), fixed(-pi / 2, fraction)))


async def _reflected(
    g: Gates[R, B], where: B, angle: R, about: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]
) -> R:
    """`about - angle` where the bit is set, else the angle."""
    return g.add(
        angle, await g.multiply(g.to_ring(where), g.add_public(g.scale(angle, fixed(-2.0, 0)), about))
    )


def _constant(g: Gates[R, B], shape: tuple[int, ...], value: float, fraction: int) -> R:
    return g.constant(np.full(shape, fixed(value, fraction)))
