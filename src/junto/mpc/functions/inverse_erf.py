"""The inverse of the error function.

Paper: Giles, "Approximating the erfinv function", GPU Computing Gems, 2011: a polynomial in
w = -log(1 - x**2) for w < 5, and one in sqrt(w) beyond; the coefficients here are our own interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from junto.mpc.functions.fixedpoint import below, powers, product
from junto.mpc.functions.logarithm import log
from junto.mpc.functions.roots import sqrt
from junto.mpc.functions.tables import chebyshev, fixed
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

_SPLIT = 5.0
_MOST = 12.0
_DEGREE = 8


async def erf_inv(g: Gates[R, B], x: R, fraction: int) -> R:
    """The x of which `x` is the error function, |x| < 1 - 2**-14.

    Error: 2e-4 for |x| < 0.99; beyond, what the lowest bits of 1 - x**2 allow.
    """
    x = await g.hold(x)
    rest = g.subtract(_constant(g, x.shape, 1.0, fraction), await product(g, x, x, fraction))
    w = await g.hold(g.negate(await log(g, rest, fraction)))
    root = sqrt(g, w, fraction)
    near, far_at, is_near = await together(
        _polynomial(g, g.add_public(w, fixed(-_SPLIT / 2, fraction)), _near(), fraction),
        root,
        below(g, w, fixed(_SPLIT, fraction)),
    )
    middle = (_SPLIT**0.5 + _MOST**0.5) / 2
    far = await _polynomial(g, g.add_public(far_at, fixed(-middle, fraction)), _far(), fraction)
    return await product(g, x, await g.choose(is_near, near, far), fraction)


async def _polynomial(g: Gates[R, B], x: R, coefficients: Sequence[float], fraction: int) -> R:
    found = await powers(g, x, len(coefficients) - 1, fraction, loose=True)
    total = _constant(g, x.shape, coefficients[0], 2 * fraction)
    for value, c in zip(found, coefficients[1:], strict=True):
        total = g.add(total, g.scale(value, fixed(c, fraction)))
    return await g.truncate(total, fraction, loose=True)


def _constant(g: Gates[R, B], shape: tuple[int, ...], value: float, fraction: int) -> R:
    return g.constant(np.full(shape, fixed(value, fraction)))


@cache
def _near() -> tuple[float, ...]:
    return _rounded(chebyshev(_ratio, 0.0, _SPLIT, _DEGREE))


@cache
def _far() -> tuple[float, ...]:
    return _rounded(chebyshev(lambda root: _ratio(root**2), _SPLIT**0.5, _MOST**0.5, _DEGREE))


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(c) for c in np.rint(values * 2**30) / 2**30)


def _ratio(w: NDArray[np.float64]) -> NDArray[np.float64]:
    """erf_inv(x) / x at 1 - x**2 = e**-w, by bisection with the standard library's erfc."""
    from math import erfc, pi

    values = []
    for each in np.atleast_1d(w):
        x = float(np.sqrt(-np.expm1(-max(float(each), 1e-12))))
        complement = float(np.exp(-each) / (1 + x))
        low, high = 0.0, 6.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if erfc(middle) > complement else (low, middle)
        values.append(low / x if x > 1e-3 else pi**0.5 / 2)
    return np.array(values)
