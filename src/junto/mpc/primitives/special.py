"""Functions that jax computes until they converge: here by a fixed number of terms, chosen by comparisons.

Each is written in jax, and computed as if the caller had written it: what it costs is what its steps cost.

Paper:     Abramowitz and Stegun, Handbook of Mathematical Functions, 9.8.1 to 9.8.4 (Bessel functions) and
           23.2.5 (zeta, by Euler and Maclaurin's sum); Temme, "The asymptotic expansion of the incomplete
           gamma functions", SIAM J. Math. Anal. 10, 1979: for a from 8 on, where a smaller one is taken up
           by 8 terms of the series. The polynomials of that are our own. And "Incomplete Laplace integrals",
           SIAM J. Math. Anal. 18, 1987, for beta in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import factorial, pi
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from junto.errors import NotComputable
from junto.mpc.plan_steps import Block, Builder
from junto.mpc.primitives import elementwise, ops
from junto.mpc.primitives.blocks import in_blocks
from junto.mpc.primitives.context import Cell, Context
from junto.mpc.values import Public, Secret, Value

Params = Mapping[str, Any]
Array = jax.Array

# ---------------------------------------------------------------- the incomplete gamma function

_UP = 8
"""A smaller first parameter is taken up by so much."""

_LEAST, _MOST = -0.793, 0.56
"""The range of (x - a) / (x + a) where the result, for a from 8 on, is neither 0 nor 1."""

_RATIO = (
    *(-0.743567, -0.187664, 0.433371, 0.199365, -0.238024),
    *(0.034935, -0.179239, 0.112941, -0.667048, 0.999984),
)
"""Of that quotient: sqrt(2 (m - log(1 + m))) / m with m = x / a - 1, up to 6e-5."""

_FIRST = (-0.051567, 0.028189, 0.023333, 0.043483, -0.007085, 0.16669, -0.333268)
"""Of the same, 1 / m less the inverse of that root: the first term of Temme's series."""


def _igamma(a: Array, x: Array) -> Array:
    """The lower incomplete gamma function, by all of it.

    Range: a from 0.01 to 1e6, x from 0 to 1e6. Error: 1e-4 up to a = 1000, 3e-4 beyond.
    """
    x = jnp.maximum(x, 0)
    small = a < _UP
    up = jnp.where(small, a + _UP, a)
    part = jnp.clip((x - up) / (x + up), _LEAST, _MOST)
    inverse = jax.lax.rsqrt(up)
    far = jnp.clip((x - up) * inverse * np.sqrt(0.5), -16, 16)
    z = jnp.clip(far * _horner(_RATIO, part), -5, 5)
    rest = jnp.exp(-z * z) * inverse * _horner(_FIRST, part) / np.sqrt(2 * pi)
    whole = 0.5 + 0.5 * jax.lax.erf(z) - rest
    return jnp.clip(whole + jnp.where(small & (x > 0), _series(a, x), 0), 0, 1)


def _series(a: Array, x: Array) -> Array:
    """The first 8 terms x**(a + k) exp(-x) / gamma(a + k + 1), for a < 8."""
    a, x = jnp.clip(a, 0, _UP), jnp.clip(x, 2.0**-18, 8.0 * _UP)
    factors = jnp.log(a[..., None] + np.arange(1, _UP, dtype=a.dtype))
    later = jnp.cumsum(factors, -1)
    gammas = jax.lax.lgamma(a + 1)[..., None] + jnp.concatenate([0 * a[..., None], later], -1)
    powers = (a[..., None] + np.arange(_UP, dtype=a.dtype)) * jnp.log(x)[..., None]
    return jnp.exp(jnp.clip(powers - x[..., None] - gammas, -32, 0)).sum(-1)


def _igammac(a: Array, x: Array) -> Array:
    """The upper one.

    Range: a from 0.01 to 1e6, x from 0 to 1e6. Error: 1e-4 up to a = 1000, 3e-4 beyond.
    """
    return 1 - _igamma(a, x)


# ---------------------------------------------------------------- the incomplete beta function


def _betainc(a: Array, b: Array, x: Array) -> Array:
    """The regularised incomplete beta function.

    Range: a and b from 0.01 to 1000. Error: 3e-4, and what half a unit of x makes of the result.
    """
    a, b, x = jnp.broadcast_arrays(a, b, x)
    within = jnp.clip(x, _LAST, 1 - _LAST)
    small_a, small_b = a < _UP, b < _UP
    up_a, up_b = (jnp.where(small, each + _UP, each) for small, each in ((small_a, a), (small_b, b)))
    found = _far_beta(up_a, up_b, within)
    found = found + jnp.where(small_a, _steps_up(a, b, within), 0)
    found = found - jnp.where(small_b, _steps_up(b, up_a, 1 - within), 0)
    return jnp.where(x < 1, jnp.where(x > 0, jnp.clip(found, 0, 1), 0), 1)


_LAST = 2.0**-18
"""The least number beside 0, as it is by default."""


def _far_beta(a: Array, b: Array, x: Array) -> Array:
    """For a and b from 8 on: of one root and one erf, as Temme's of gamma, whose quotients it has."""
    n = a + b
    gap = b * x - a * (1 - x)
    p, q = a / n, b / n
    left = jnp.clip(gap / (n * x + a), _LEAST, _MOST)
    right = jnp.clip(-gap / (n * (1 - x) + b), _LEAST, _MOST)
    ratios = _horner(_RATIO, left), _horner(_RATIO, right)
    slopes = [
        ratio * (ratio + 1) * _horner(_FIRST, part) for ratio, part in zip(ratios, (left, right), strict=True)
    ]
    root = jnp.sqrt(q * ratios[0] ** 2 + p * ratios[1] ** 2)
    inverse = jnp.sqrt(n / jnp.maximum(a, b)) * jax.lax.rsqrt(jnp.minimum(a, b))
    z = jnp.clip(jnp.clip(gap * inverse, -16, 16) * root, -7, 7)
    first = (slopes[1] * p * p - slopes[0] * q * q) / (root * (root + 1))
    rest = jnp.exp(-z * z / 2) * inverse * first / np.sqrt(2 * pi)
    return jnp.asarray(0.5 + 0.5 * jax.lax.erf(z * np.sqrt(0.5)) + rest)


def _steps_up(a: Array, b: Array, x: Array) -> Array:
    """What 8 more of a < 8 lose: gamma(a + b + k) / gamma(a + k + 1) / gamma(b) x**(a + k) (1 - x)**b."""
    a, k = jnp.clip(a, 0, _UP), np.arange(_UP, dtype=a.dtype)
    down = jnp.log(x)
    first = _log_ratio(a, b) + a * down + _log_power(x, b) - jax.lax.lgamma(a + 1)
    steps = jnp.log((a + b)[..., None] + k[:-1]) - jnp.log(a[..., None] + k[1:]) + down[..., None]
    later = first[..., None] + jnp.cumsum(steps, -1)
    terms = jnp.concatenate([first[..., None], later], -1)
    return jnp.exp(jnp.clip(terms, -32, 0)).sum(-1)


def _log_ratio(a: Array, b: Array) -> Array:
    """log(gamma(a + b) / gamma(b)) for a < 8; of a large b as a difference of Stirling's series."""
    low, high = jnp.minimum(b, _UP), jnp.maximum(b, _UP)
    near = jax.lax.lgamma(a + low) - jax.lax.lgamma(low)
    bend = _horner(_RATIO, a / (a + 2 * high))
    far = (a - 0.5) * jnp.log(high + a) + 0.5 * jnp.log(high) - a / high * a / 2 * bend * bend
    return jnp.where(b < _UP, near, far + (1 / (high + a) - 1 / high) / 12)


def _log_power(x: Array, b: Array) -> Array:
    """log((1 - x)**b); of a large b from its series, for the error of a logarithm would be as large."""
    bend = _horner(_RATIO, jnp.maximum(-x / (2 - x), _LEAST))
    series = -b * x * (1 + x / 2 * bend * bend)
    return jnp.where((b < _UP) | (x > 0.75), b * jnp.log(1 - x), series)


# ---------------------------------------------------------------- Bessel functions

_SPLIT = 3.75

_I0_NEAR = (0.0045813, 0.0360768, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1.0)
_I0_FAR = (
    *(0.00392377, -0.01647633, 0.02635537, -0.02057706, 0.00916281),
    *(-0.00157565, 0.00225319, 0.01328592, 0.39894228),
)
_I1_NEAR = (0.00032411, 0.00301532, 0.02658733, 0.15084934, 0.51498869, 0.87890594, 0.5)
_I1_FAR = (
    *(-0.00420059, 0.01787654, -0.02895312, 0.02282967, -0.01031555),
    *(0.00163801, -0.00362018, -0.03988024, 0.39894228),
)
"""From the highest power, of (x / 3.75)**2 and of 3.75 / x."""


def _bessel_i0e(x: Array) -> Array:
    """Bessel's modified function of order 0, times exp(-|x|), up to 5e-5."""
    size = jnp.abs(x)
    return _scaled_bessel(size, _I0_NEAR, _I0_FAR, 1)


def _bessel_i1e(x: Array) -> Array:
    """Bessel's modified function of order 1, times exp(-|x|), up to 5e-5."""
    size = jnp.abs(x)
    found = _scaled_bessel(size, _I1_NEAR, _I1_FAR, jnp.minimum(size, _SPLIT))
    return jnp.where(x < 0, -found, found)


def _scaled_bessel(size: Array, near: Sequence[float], far: Sequence[float], factor: Any) -> Array:
    low, high = jnp.minimum(size, _SPLIT), jnp.maximum(size, _SPLIT)
    below = jnp.exp(-low) * factor * _horner(near, (low / _SPLIT) ** 2)
    return jnp.where(size < _SPLIT, below, _horner(far, _SPLIT / high) * jax.lax.rsqrt(high))


# ---------------------------------------------------------------- zeta

_TERMS = 8


def _zeta(s: Array, q: Array) -> Array:
    """Hurwitz' function.

    Range: s from 1.1, and q > 0 of which q**-s is in range. Error: 2e-4, or 1e-4 relative.
    """
    # so many terms, and the rest as an integral with its first corrections
    end = q + _TERMS
    last = end**-s
    rest = end / (s - 1) + 0.5 + s / (12 * end) - s * (s + 1) * (s + 2) / (720 * end**3)
    return sum((q + k) ** -s for k in range(1, _TERMS)) + q**-s + last * rest


async def polygamma(c: Context, params: Params, order: Value, x: Value) -> Value:
    """The derivatives of digamma, for x > 0: of each public order from 0 on."""
    if isinstance(order, Secret):
        raise NotComputable("`polygamma` of a secret order has no secret form", fix="make the order public")
    result: Value = Public(np.zeros((), x.dtype))
    for each in np.unique(order.array):
        number = int(each)
        if number == 0:
            found: Value = await elementwise.applied(c, "digamma", ops.secret(x))
        else:
            s = Public(np.full(x.shape, number + 1, x.dtype))
            sums = ops.secret(await zeta(c, params, s, x))
            found = ops.scaled(c, sums, np.asarray((-1.0) ** (number + 1) * factorial(number)))
        result = await ops.select(c, Public(order.array == each), await c.settled(found), result)
    return result


# ---------------------------------------------------------------- rules


def _horner(factors: Sequence[float], x: Array) -> Array:
    """The polynomial of these factors, the highest power first."""
    total = factors[0] * x + factors[1]
    for each in factors[2:]:
        total = total * x + each
    return total


def of(function: Callable[..., Array]) -> Callable[..., Any]:
    """The rule of a primitive that is this function of jax arrays, element by element."""

    @in_blocks
    async def rule(c: Context, params: Params, *operands: Value) -> Value:
        forms = tuple((each.shape, np.dtype(each.dtype).name) for each in operands)
        block = _block(function, forms, c.step.line)
        (cell,) = await c.run(block, [Cell(c.full(x) if isinstance(x, Secret) else x) for x in operands])
        return await c.settled(await cell.get())

    rule.__doc__ = function.__doc__
    return rule


@lru_cache(maxsize=64)
def _block(function: Callable[..., Array], forms: Sequence[tuple[Any, str]], line: str) -> Block:
    shapes = [jax.ShapeDtypeStruct(shape, name) for shape, name in forms]  # type: ignore[no-untyped-call]
    return Builder().block(jax.make_jaxpr(function)(*shapes), line)


betainc: Callable[..., Any] = of(_betainc)
igamma: Callable[..., Any] = of(_igamma)
igammac: Callable[..., Any] = of(_igammac)
bessel_i0e: Callable[..., Any] = of(_bessel_i0e)
bessel_i1e: Callable[..., Any] = of(_bessel_i1e)
zeta: Callable[..., Any] = of(_zeta)
