"""The logarithm of the gamma function, and its derivative, for positive numbers.

Paper:     Abramowitz and Stegun, Handbook of Mathematical Functions, 6.1.15, 6.1.41, 6.3.5 and 6.3.18:
           Stirling's series for x >= 4; a smaller x is taken up by 4 first.
"""

from __future__ import annotations

from math import log as log_of_number
from math import pi

import numpy as np

from junto.mpc.functions.constant_tables import fixed
from junto.mpc.functions.fixedpoint import below, largest, product, within
from junto.mpc.functions.logarithm import log, log_of
from junto.mpc.functions.reciprocal import divide_by_positive, reciprocal_of_positive
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

_UP = 4
"""Smaller numbers are taken up by so much."""

_FINE = 10
"""Bits after the point, beyond those of x, of x (x + 3)."""

_PRODUCT = 12
"""The same of x (x + 1) (x + 2) (x + 3), below 840."""


async def lgamma(g: Gates[R, B], x: R, fraction: int) -> R:
    """log(gamma(x)) for x > 0; else some number.

    Range: up to 2**(57 - 2 fraction), 2e6 for 18 bits.
    Error: 1e-4 absolute from 2**-14 on, or 2e-5 relative. Cost: 20 rounds, 338 bytes of a ready operand.
    """
    x = await g.hold(x)
    most = 2.0 ** (g.bits - 7 - 2 * fraction)
    within(g, x, "the logarithm of gamma", (2.0**-fraction, most), fraction)
    small, z = await _taken_up(g, x, fraction)
    (down, inverse), factors = await together(
        _logarithm_and_inverse(g, z, fraction), _log_of_factors(g, x, small, fraction)
    )
    held = await g.hold(g.add_public(z, fixed(-0.5, fraction)))
    main, square = await together(
        _product_of(g, held, down, fraction), product(g, inverse, inverse, fraction)
    )
    rest = g.add_public(g.scale(square, fixed(-1 / 360, fraction)), fixed(1 / 12, 2 * fraction))
    rest = await product(g, await g.truncate(rest, fraction), inverse, fraction)
    constant = g.add_public(g.negate(z), fixed(log_of_number(2 * pi) / 2, fraction))
    return g.subtract(g.add(g.add(main, rest), constant), factors)


async def digamma(g: Gates[R, B], x: R, fraction: int) -> R:
    """The derivative of log(gamma(x)) for x > 0; else some number.

    Range: up to 15/16 2**(62 - 2 fraction), 6e7 for 18 bits, from one unit in the last place.
    Error: 1e-4, or 6e-5 relative. Cost: 21 rounds, 454 bytes of a ready operand.
    """
    x = await g.hold(x)
    within(g, x, "the digamma function", (2.0**-fraction, largest(g, fraction)), fraction)
    small, z = await _taken_up(g, x, fraction)
    (down, inverse), steps = await together(
        _logarithm_and_inverse(g, z, fraction), _sum_of_inverses(g, x, small, fraction)
    )
    square = await product(g, inverse, inverse, fraction)
    fourth = await product(g, square, square, fraction)
    series = g.add(g.scale(inverse, fixed(-1 / 2, fraction)), g.scale(square, fixed(-1 / 12, fraction)))
    series = await g.truncate(g.add(series, g.scale(fourth, fixed(1 / 120, fraction))), fraction)
    return g.subtract(g.add(down, series), steps)


async def _taken_up(g: Gates[R, B], x: R, fraction: int) -> tuple[R, R]:
    """Whether x is small, as a number; and x + 4 if it is, else x, a ready operand."""
    small = g.to_ring(await below(g, x, fixed(_UP, fraction)))
    return small, await g.hold(g.add(x, g.scale(small, fixed(_UP, fraction))))


async def _logarithm_and_inverse(g: Gates[R, B], z: R, fraction: int) -> tuple[R, R]:
    down, inverse = await together(log(g, z, fraction), reciprocal_of_positive(g, z, fraction))
    return down, inverse


async def _product_of(g: Gates[R, B], x: R, y: R, fraction: int) -> R:
    return await product(g, x, await g.hold(y), fraction)


async def _log_of_factors(g: Gates[R, B], x: R, small: R, fraction: int) -> R:
    """log(x (x + 1) (x + 2) (x + 3)) of a small x; else the logarithm of 1."""
    x = await g.hold(await g.multiply(small, x))
    # q = x (x + 3), and the product is q (q + 2)
    q = g.add(await g.multiply(x, x), g.scale(x, fixed(3.0, fraction)))
    fine, coarse = await together(g.truncate(q, fraction - _FINE), g.truncate(q, fraction))
    both = await g.multiply(fine, g.add_public(coarse, fixed(2.0, fraction)))
    inner = fraction + _PRODUCT
    found = await g.truncate(both, 2 * fraction + _FINE - inner)
    one = g.add_public(g.scale(small, fixed(-1.0, inner)), fixed(1.0, inner))
    return await log_of(g, g.add(found, one), (inner, fraction), g.bits - 2 - fraction)


async def _sum_of_inverses(g: Gates[R, B], x: R, small: R, fraction: int) -> R:
    """1 / x + 1 / (x + 1) + 1 / (x + 2) + 1 / (x + 3) of a small x; else 0."""
    # a large x would leave the range: 1 in its place
    part = await g.hold(await g.multiply(small, g.add_public(x, fixed(-1.0, fraction))))
    x = g.add_public(part, fixed(1.0, fraction))
    square = await product(g, x, x, fraction)
    cube = await product(g, x, square, fraction)
    top = g.add(g.scale(square, _whole(3)), g.scale(x, _whole(12)))
    bottom = g.add(cube, g.add(g.scale(square, _whole(6)), g.scale(x, _whole(11))))
    first, others = await together(
        reciprocal_of_positive(g, x, fraction),
        divide_by_positive(
            g,
            g.add_public(top, fixed(11.0, fraction)),
            g.add_public(bottom, fixed(6.0, fraction)),
            fraction,
        ),
    )
    return await g.multiply(small, await g.hold(g.add(first, others)))


def _whole(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    return np.array(number, np.uint64)
