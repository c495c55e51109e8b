"""Every primitive of the table against jax itself, on the plain gates and under the protocol.

The list is also what says that a primitive is supported: one without a case here fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from junto.errors import NotComputable
from junto.mpc import interpret as interpreter
from junto.mpc.plain_gates import PlainGates
from junto.mpc.plan import trace
from junto.mpc.plan_steps import CONTROL, Block
from junto.mpc.primitives import primitive_parameters
from junto.mpc.primitives.context import PrimitiveRule
from junto.mpc.primitives.lifting import COMPARED, NUMBERS
from junto.mpc.primitives.primitive_parameters import check_parameters
from junto.mpc.primitives.revealing import reveal_inside
from junto.mpc.primitives.table import TABLE
from junto.mpc.settings import MpcSettings
from mpc_programs import Engine, agree

RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 4)).astype(np.float32)
Y = RNG.normal(size=(3, 4)).astype(np.float32)
POSITIVE = np.abs(X) + np.float32(0.25)
N = RNG.integers(-9, 9, (3, 4)).astype(np.int32)
M = RNG.integers(-9, 9, (3, 4)).astype(np.int32)
U = RNG.integers(0, 2**32, (3, 4)).astype(np.uint32)
WIDE = np.array([-(2**31), -1, 0, 1, 2**31 - 1, 12345], np.int32)
BYTE = np.array([0, 1, 127, 128, 255], np.uint8)
B = X > 0
C = Y > 0
MANY = RNG.integers(0, 4, 150).astype(np.int32)
HALVES = np.array([-2.5, -1.5, -0.5, -0.2, 0.0, 0.5, 1.5, 2.5, 2.75], np.float32)
INDEX = np.array([2, 0, -1], np.int32)
SQUARE = np.array(
    [[2.0, -0.3, 0.25, 0.5], [0.5, 1.5, -0.75, 0.1], [-2.5, 0.5, 1.0, 0.3], [0.2, 0.4, -0.6, -1.5]],
    np.float32,
)
EMPTY = np.zeros((0, 3), np.float32)
SCALAR = np.float32(1.5)
RNG_IMAGE = RNG.normal(size=(2, 2, 5, 4)).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """`function(*args)`, which must use `primitive`."""

    primitive: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    tolerance: float = 1e-3


def case(primitive: str, function: Callable[..., Any], *args: Any, tolerance: float = 1e-3) -> Case:
    return Case(primitive, function, args, tolerance)


def _hard_divisions(dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """The ends of a dtype, small numbers and 0, by each other."""
    ends = np.iinfo(dtype)
    numbers = np.array([ends.min, ends.max, 0, 1, 7, ends.max // 2, (ends.max + ends.min) // 2], dtype)
    return tuple(np.ascontiguousarray(each.reshape(-1)) for each in np.meshgrid(numbers, numbers))  # type: ignore[return-value]


def _every_division(n: Any, m: Any) -> Any:
    return lax.div(n, m), lax.rem(n, m), n // m, n % m, jnp.fmod(n, m)


def _so_many_turns(x: Any, turns: Any) -> Any:
    """Under `vmap` a row that is done waits for the others."""

    def turn(state: Any) -> Any:
        done, number, key, flags, count = state
        half = number * 0.5 + jax.random.uniform(key)
        return done + 1, half * number, jax.random.fold_in(key, done), half > number, count * 2 + flags

    start = (0, x, jax.random.key(7), x > 9, jnp.zeros_like(x, jnp.int32) + 1)
    done, number, _, flags, count = lax.while_loop(lambda s: s[0] < turns, turn, start)
    return done, number, flags, count


def _triangular_solves(a: Any, b: Any) -> Any:
    """Both triangles of `a`, as they are, turned, and with ones for the diagonal; `a` on either side."""
    return [
        lax.linalg.triangular_solve(
            a, b if left else b.T, left_side=left, lower=lower, transpose_a=turned, unit_diagonal=not turned
        )
        for left in (True, False)
        for lower in (True, False)
        for turned in (True, False)
    ]


CASES = [
    # arithmetic
    case("add", lambda x, y: (x + y, x + 2.5, 1 - (0.5 + x)), X, Y),
    case("add", lambda x: x + x.sum(), EMPTY),
    case("add", lambda n, m: n + m * 3, WIDE, WIDE),
    case("add", lambda b: b + 1, BYTE),
    case("add_any", jax.grad(lambda x: (x * jnp.sin(x)).sum()), X),
    case("sub", lambda x, y: (x - y, 1 - x, x[0] - y[:, :1]), X, Y),
    case("sub", lambda n: (n - 5, 5 - n), U),
    case("mul", lambda x, y: (x * y, 3 * x, x * 1e-4, x * X, x[0] * y[:, :1]), X, Y),
    case("mul", lambda n: n * 1_000_000_007, WIDE),
    case("mul", lambda b, x: b * x, B, X),
    case("mul", lambda s: s * s, SCALAR),
    case("neg", lambda x, n: (-x, -n), X, WIDE),
    case("div", lambda x, y: (x / y, x / 3, 2 / y, x / x.sum(1, keepdims=True)), X, POSITIVE),
    case("div", lambda n: [lax.div(n, np.int32(d)) for d in (1, 2, 3, 7, -4, 1000)], WIDE),
    case("div", lambda n: n // jnp.arange(1, 5), N),
    case("div", lambda n, m: lax.div(n, m), N, np.where(M == 0, 3, M).astype(np.int32)),
    case("div", lambda n: lax.div(n, np.uint8(10)), BYTE),
    case("div", _every_division, *_hard_divisions(np.int8)),
    case("div", _every_division, *_hard_divisions(np.int32)),
    case("div", _every_division, *_hard_divisions(np.uint16)),
    case("div", _every_division, *_hard_divisions(np.uint32)),
    case("div", lambda n: (n // 10, n % 7, n // np.uint32(2**31 + 1), n // 3, n % 0), U),
    case("div", lambda n, m: (n[:, None] // m, 7 // m, n * 50_000_000 // 3), N[0], M[0]),
    case("rem", lambda n: [lax.rem(n, np.int32(d)) for d in (1, 2, 3, 7, -4, 1000)], WIDE),
    case("rem", lambda n: n % 5, N),
    case(
        "rem",
        lambda x, y: (
            lax.rem(x, y),
            x // y,
            x % -y,
            lax.rem(x, np.float32(0.625)),
            7 % y,
            y % y,
            jnp.fmod(-x, x),
        ),
        np.arange(-1000, 1000, 71, dtype=np.float32) / 8,
        np.arange(3, 32, dtype=np.float32) / 8,
    ),
    case("rem", lambda x: (x % 0.75, lax.rem(x, np.float32(-0.5))), X),
    case("square", lambda x: jnp.square(x).sum(), X),
    case("integer_pow", lambda x: (x**3, x**5, x**-2), POSITIVE, tolerance=5e-3),
    case("integer_pow", lambda n: n**3, N),
    case("pow", lambda x: (jnp.vander(x[0]), (1 + x[0] ** 2)[:, None] ** jnp.arange(-3, 4)), X),
    case("pow", lambda x, y: (x**1.5, x**y, 2.0**y, x**0.5), POSITIVE, Y, tolerance=3e-3),
    case("abs", lambda x, n: (abs(x), abs(n)), X, WIDE[1:]),
    case("sign", lambda x, n: (jnp.sign(x), jnp.sign(n)), HALVES, WIDE),
    case("sign", lambda n: jnp.sign(n), U),
    # comparison and choice
    case("lt", lambda x, y: (x < y, x < 0.5, x > 0.25), X, Y),
    case("lt", lambda x, y: (jnp.signbit(x), jnp.copysign(x, y), jax.scipy.special.gammasgn(x)), X, Y),
    case("lt", lambda n: (n < n[::-1], n < 3, n < -1), WIDE),
    case("lt", lambda n: (n < n[0], n < np.uint32(2**31)), U),
    case("lt", lambda b, c: lax.lt(b, c), B, C),
    case("lt", lambda n: n * 100_000_000 < n, N),
    case("le", lambda x, n: (x <= x[0], n <= n[0], n <= 3), X, N),
    case("gt", lambda x, n: (x > x[0], n > n[0], x > -jnp.inf), X, N),
    case("ge", lambda x, n: (x >= x[0], n >= n[0], n >= -2), X, N),
    case("eq", lambda x, n: (x == x[0], n == n[0], n == 3, n * 2**30 == 0), X, N),
    case("eq", lambda b, c: b == c, B, C),
    case("ne", lambda x, n: (x != x[0], n != n[0], jnp.isnan(x)), X, N),
    case("eq_to", lambda x: _total_order("eq_to", x), X),
    case("lt_to", lambda x: _total_order("lt_to", x), X),
    case("le_to", lambda x: _total_order("le_to", x), X),
    case("is_finite", lambda x: jnp.isfinite(x) & (x > 0), X),
    case("max", lambda x, y: (jnp.maximum(x, y), jax.nn.relu(x), jnp.maximum(-jnp.inf, x)), X, Y),
    case("max", lambda n: (jnp.maximum(n, n[::-1]), jnp.maximum(n, 7)), WIDE),
    case("max", lambda b, c: jnp.maximum(b, c), B, C),
    case("min", lambda x, y: (jnp.minimum(x, y), jnp.minimum(x, 0.5)), X, Y),
    case("min", lambda n: jnp.minimum(n, n[0]), U),
    case("clamp", lambda x, n: (lax.clamp(-0.5, x, 0.5), lax.clamp(-2, n, 3)), X, N),
    case("clamp", lambda x, y: lax.clamp(y, x, y + 1), X, Y),
    case("select_n", lambda x, y: (jnp.where(x > y, x, 0), jnp.where(x > 0, 1.0, -2.0)), X, Y),
    case("select_n", lambda b, x: lax.select_n(b, x), B, X),
    case("select_n", lambda x, n: jnp.where(X > 0, x, n), X, N),
    case("select_n", lambda b, c: (jnp.where(b, c, True), jnp.where(b, True, c)), B, C),
    case("select_n", lambda x, n: lax.select_n(jnp.clip(n, 0, 2), x, 2 * x, 3 * x), X, N),
    # logic
    case("and", lambda b, c, n: (b & c, n & 6, n & n[0]), B, C, N),
    case("or", lambda b, c, n: (b | c, n | 6, n | n[0]), B, C, N),
    case("xor", lambda b, c, n: (b ^ c, n ^ 6, n ^ n[0]), B, C, N),
    case("not", lambda b, n, u: (~b, ~n, ~u), B, WIDE, U),
    case("shift_left", lambda n: (n << 3, n << 31, lax.shift_left(n, n & 35)), N),
    case("shift_right_arithmetic", lambda n: (n >> 2, lax.shift_right_arithmetic(n, n & 35)), N),
    case("shift_right_logical", lambda u: (u >> 5, lax.shift_right_logical(u, u & 35)), U),
    case(
        "shift_right_logical",
        lambda n: lax.shift_right_logical(n, jnp.arange(12, dtype=jnp.int32).reshape(3, 4)),
        N,
    ),
    case("population_count", lambda n: lax.population_count(n), WIDE),
    case("clz", lambda n: lax.clz(n), WIDE),
    # functions
    case("exp", lambda x: jnp.exp(x), X),
    case("exp2", lambda x: jnp.exp2(x), X),
    case("expm1", lambda x: jnp.expm1(x), X),
    case("log", lambda x: jnp.log(x), POSITIVE),
    case("log1p", lambda x: jnp.log1p(x), POSITIVE),
    case("logistic", lambda x: jax.nn.sigmoid(x), X),
    case("tanh", lambda x: jnp.tanh(x), X),
    case("erf", lambda x: lax.erf(x), X),
    case("erfc", lambda x: lax.erfc(x), X),
    case("erf_inv", lambda x: lax.erf_inv(x / 4), X, tolerance=3e-3),
    case("sqrt", lambda x: jnp.sqrt(x), POSITIVE),
    case("rsqrt", lambda x: lax.rsqrt(x), POSITIVE),
    case("cbrt", lambda x: jnp.cbrt(x), X, tolerance=3e-3),
    case("sin", lambda x: jnp.sin(x), X),
    case("cos", lambda x: jnp.cos(x), X),
    case("tan", lambda x: jnp.tan(x / 2), X, tolerance=3e-3),
    case("asin", lambda x: jnp.arcsin(x / 4), X, tolerance=3e-3),
    case("acos", lambda x: jnp.arccos(x / 4), X, tolerance=3e-3),
    case("atan", lambda x: jnp.arctan(x), X),
    case("atan2", lambda x, y: jnp.arctan2(x, y), X, Y),
    case("asinh", lambda x: jnp.arcsinh(x * 300), X),
    case("acosh", lambda x: jnp.arccosh(1 + x * x), X, tolerance=3e-3),
    case("atanh", lambda x: jnp.arctanh(x / 4), X),
    case("lgamma", lambda x: jax.scipy.special.gammaln(x * 4), POSITIVE),
    case("lgamma", lambda x: jax.scipy.special.gamma(x * 4), POSITIVE),
    case("bessel_i0e", lambda x: (jax.scipy.special.i0e(x * 3), jnp.i0(x)), X),
    case("bessel_i1e", lambda x: (jax.scipy.special.i1e(x * 3), jax.scipy.special.i1(x)), X),
    case("igamma", lambda x, y: jax.scipy.special.gammainc(x * 20, y), POSITIVE, POSITIVE * 20),
    case("igammac", lambda x: jax.scipy.stats.chi2.sf(x * 4, 3), POSITIVE),
    case("regularized_incomplete_beta", lambda x: jax.scipy.special.betainc(x * 9, 0.5, x / 2), POSITIVE),
    case("zeta", lambda x: jax.scipy.special.zeta(1 + x, x), POSITIVE + 0.5, tolerance=3e-3),
    case("polygamma", lambda x: [jax.scipy.special.polygamma(n, x) for n in (0, 1, 2)], POSITIVE + 1),
    case("select_n", jnp.frexp, np.array([0, 1, -0.75, 2**-18, 1e5, -3e7], np.float32)),
    case("digamma", lambda x: jax.grad(lambda t: jax.scipy.special.gammaln(t).sum())(x), POSITIVE),
    case("sinh", lambda x: jnp.sinh(x), X),
    case("cosh", lambda x: jnp.cosh(x), X),
    # rounding and conversion
    case("floor", lambda x: jnp.floor(x), HALVES),
    case("ceil", lambda x: jnp.ceil(x), HALVES),
    case("round", lambda x: (jnp.round(x), lax.round(x)), HALVES),
    case("convert_element_type", lambda x: x.astype(jnp.int32), HALVES * 3),
    case("convert_element_type", lambda x, n: (x.astype(bool), n.astype(bool)), HALVES, N),
    case("convert_element_type", lambda b: (b.astype(jnp.float32) / 2, b.astype(jnp.uint8)), B),
    case("convert_element_type", lambda n: (n.astype(jnp.uint8), n.astype(jnp.int16)), N * 1000),
    case("convert_element_type", lambda n: (n * 2**30).astype(jnp.float32) / 2**20, N),
    case("convert_element_type", lambda n: n.astype(jnp.uint8).astype(jnp.int32), N),
    case("bitcast_convert_type", lambda n: lax.bitcast_convert_type(n, jnp.uint32), WIDE),
    case("reduce_precision", lambda x: lax.reduce_precision(x, 8, 23), X),
    # shape
    case("broadcast_in_dim", lambda x: x[:, None] + x[None], X),
    case("broadcast_in_dim", lambda s: jnp.broadcast_to(s, (0, 2)), SCALAR),
    case("broadcast_in_dim", lambda x: _spread(x[:, :1]), X),
    case("broadcast_in_dim", lambda x: _spread(x[:, :1] > 0), X),
    case("concatenate", lambda x, y: jnp.concatenate([x, y * 2, jnp.ones((1, 4))]), X, Y),
    case("concatenate", lambda x: jnp.concatenate([x, jnp.full((2, 4), -jnp.inf)]).max(0), X),
    case("concatenate", lambda b: jnp.concatenate([b, b], 1), B),
    case("copy", lambda x: jnp.array(x, copy=True) + 0, X),
    case("optimization_barrier", lambda x: lax.optimization_barrier((x, 2 * x)), X),
    case("pad", lambda x: jnp.pad(x, ((1, 2), (0, 1))), X),
    case("pad", lambda x: lax.pad(x, np.float32(0.5), ((1, -1, 2), (-2, 1, 0))), X),
    case("pad", lambda x: lax.pad(x, np.float32(0), ((-1, -1, 1), (-1, 3, 2))), X),
    case("pad", lambda n: lax.pad(n, n[0, 0], ((0, 1, 0), (0, 0, 1))), N),
    case("reshape", lambda x, b: (x.reshape(2, 6), b.reshape(-1)), X, B),
    case("reshape", lambda x: x.reshape(3, 0), EMPTY),
    case("rev", lambda x, n: (x[::-1], n[::-1, ::-1]), X, N),
    case("slice", lambda x: (x[1:, ::2], x[:0]), X),
    case("split", lambda x: jnp.split(x, 2, 1), X),
    case("squeeze", lambda x: x[:, 1] + x[1, 0], X),
    case("concatenate", lambda x, y: jnp.stack([x, y], 1), X, Y),
    case("squeeze", lambda x: jnp.unstack(x, axis=1), X),
    case("stop_gradient", lambda x: lax.stop_gradient(x) * 2, X),
    case("reshape", lambda x: jnp.tile(x, (2, 1)), X),
    case("transpose", lambda x, b: (x.T, b.T), X, B),
    # reductions
    case("reduce_sum", lambda x, n: (x.sum(0), n.sum(), (x * x).sum(1), x.mean(), x.var()), X, N),
    case("reduce_sum", lambda x: (x.sum(0), x.sum(1)), EMPTY),
    case("reduce_sum", lambda b: b.sum(1), B),
    case("reduce_prod", lambda x, n: (x.prod(1), n.prod(0)), X, N),
    case("reduce_prod", lambda x: x.prod(0), EMPTY),
    case("reduce_max", lambda x, n: (x.max(1), n.max(), x.max((0, 1))), X, N),
    case("reduce_max", lambda x: x.max(1), EMPTY),
    case("reduce_max", lambda n: (n * 1_000_000_007).max(), N),
    case("reduce_min", lambda x, n: (x.min(0), n.min(1)), X, U),
    case("reduce_and", lambda b: (b.all(), b.all(1), jnp.tile(b, (1, 9)).all(1)), B),
    case("reduce_and", lambda n: lax.reduce_and_p.bind(n, axes=(1,)), N),
    case("reduce_or", lambda b: (b.any(), b.any(1), jnp.tile(b, (1, 9)).any(1)), B),
    case("reduce_xor", lambda b: lax.reduce_xor_p.bind(b, axes=(1,)), B),
    case("argmax", lambda x, n, b: (x.argmax(), x.argmax(1), n.argmax(0), b.argmax(1)), X, N, B),
    case("argmin", lambda x, n: (x.argmin(), x.argmin(1), n.argmin(0)), X, N),
    case("argmin", lambda n: jnp.argmin(n, 0), N * 0),
    case("cumsum", lambda x, n: (jnp.cumsum(x, 0), jnp.cumsum(n, 1), lax.cumsum(x, 1, reverse=True)), X, N),
    case("cumprod", lambda x: jnp.cumprod(x, 1), X),
    case("cummax", lambda x: (lax.cummax(x, 1), lax.cummax(x, 0, reverse=True)), X),
    case("cummin", lambda n: lax.cummin(n, 1), N),
    case("cumlogsumexp", lambda x: lax.cumlogsumexp(x, 1), X),
    case(
        "reduce_window_max",
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "SAME"),
        X,
    ),
    case("reduce_window_min", lambda n: lax.reduce_window(n, 2**31 - 1, lax.min, (2, 3), (1, 2), "VALID"), N),
    case("reduce_window_sum", lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 2), (2, 2), "SAME"), X),
    case(
        "select_and_scatter_add",
        jax.grad(lambda x: (lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "SAME") * X).sum()),
        X,
    ),
    # indices and order
    case(
        "gather",
        lambda x: (x[jnp.array([1, 0, -1])], x.at[jnp.array([7, 0])].get(mode="fill", fill_value=5)),
        X,
    ),
    case("gather", lambda x, i: x[i], X, INDEX),
    case("gather", lambda n, i: n[i, i], N, INDEX),
    case("gather", lambda b, i: b[i], B, INDEX),
    case("gather", lambda i: jnp.arange(9.0)[i], INDEX),
    case("gather", lambda x, i: jnp.take_along_axis(x, i[:, None], 1), X, INDEX),
    case("gather", lambda x, i: x.at[i + 2].get(mode="clip"), X, INDEX),
    case("gather", lambda n, i: n.at[i + 2].get(mode="fill"), N, INDEX),
    case("dynamic_slice", lambda x: lax.dynamic_slice(x, (9, -9), (2, 2)), X),
    case("dynamic_slice", lambda x, i: [lax.dynamic_slice(x, (i[k], 1), (2, 2)) for k in range(3)], X, INDEX),
    case("dynamic_slice", lambda x, i: lax.dynamic_slice(x, (i[0], i[1]), (1, 2)), X, INDEX),
    case("dynamic_update_slice", lambda x, y: lax.dynamic_update_slice(x, y[:1, :2], (9, 1)), X, Y),
    case(
        "dynamic_update_slice",
        lambda x, y, i: lax.dynamic_update_slice(x, y[:2, :2], (i[0], i[1])),
        X,
        Y,
        INDEX,
    ),
    case("dynamic_update_slice", lambda b, i: lax.dynamic_update_slice(b, ~b[:2, :2], (i[0], 1)), B, INDEX),
    case("psum", jax.vmap(lambda x: lax.psum(x, "i") + lax.pmean(x, "i"), axis_name="i"), X),
    case("psum", jax.vmap(lambda n: lax.psum((n, n > 0), "i"), axis_name="i"), N),
    case("pmax", jax.vmap(lambda x: x - lax.pmax(x, "i"), axis_name="i"), X),
    case("pmin", jax.vmap(lambda x, n: lax.pmin((x, n), "i"), axis_name="i"), X, N),
    case("device_put", lambda x: jax.device_put(x) * 2, X),
    case("scatter", lambda x, i: x.at[i].apply(jnp.exp), X, np.array([2, 0, 2, -9], np.int32)),
    case("scatter", lambda x: x.at[jnp.array([1, 1, 3])].apply(lambda y: 2 * y + 1), X),
    case("scatter", lambda b, i: b.at[i, 0].apply(jnp.logical_not), B, INDEX),
    case("scatter", lambda x: (x.at[1].set(2.0), x.at[jnp.array([0, 9])].set(x[:2])), X),
    case("scatter", lambda x, i: x.at[i].set(x * 2), X, INDEX),
    case("scatter", lambda x, i: x.at[i[0]].set(5.0), X, INDEX),
    case("scatter", lambda x, i: x.at[i * 0 + 1].set(x), X, INDEX),
    case("scatter-add", lambda x: x.at[jnp.array([0, 0, 1])].add(x), X),
    case("scatter-add", lambda x, i: jax.ops.segment_sum(x, i, 3), X, np.abs(INDEX)),
    case("scatter-add", lambda n, i: n.at[i].add(1), N, INDEX),
    case("scatter-sub", lambda x: x.at[jnp.array([0, 0, 1])].subtract(x), X),
    case("scatter-mul", lambda x: x.at[jnp.array([0, 0, 1])].mul(x), X),
    case("scatter-max", lambda x, y: x.at[jnp.array([0, 0, 1])].max(y), X, Y),
    case("scatter-min", lambda x, y: x.at[jnp.array([0, 0, 1])].min(y), X, Y),
    case("scatter-mul", lambda x, y, i: x.at[i].mul(y), X, Y, INDEX),
    case("scatter-max", lambda x, y, i: x.at[i].max(y), X, Y, INDEX),
    case(
        "scatter-max",
        lambda x, i: (jnp.maximum(jax.ops.segment_max(x, i, 4), -9), jax.ops.segment_min(x, i * 0, 1)),
        X,
        INDEX + 1,
    ),
    case("scatter-max", lambda n, m, i: (n.at[i, i].max(m[0, 0]), n.at[:, i].max(m[:, :3])), N, M, INDEX),
    case("scatter-max", lambda x, i: jax.vmap(lambda a, j: a.at[j].max(0.3))(x, i), X, INDEX),
    case("scatter-min", lambda x, y, i: x.at[i].min(y, mode="drop"), X, Y, INDEX + 1),
    case("scatter-min", lambda b, c, i: (b.at[i].min(c), b.at[i].max(c)), B, C, INDEX * 0),
    case("sort", lambda x, n: (jnp.sort(x), jnp.sort(n, 0), jnp.argsort(x), jnp.argsort(n)), X, N),
    case("sort", lambda n: jnp.sort(n), WIDE),
    case("sort", lambda b: (jnp.sort(b, 1), jnp.argsort(b, 1)), B),
    case("sort", lambda n, x: lax.sort((n % 3, x, n), num_keys=2), N, X),
    case("sort", lambda n, x: lax.sort((n % 3, x), num_keys=1, dimension=0), N, X),
    case("sort", lambda x: (jax.random.permutation(jax.random.key(3), x), jnp.median(x)), X),
    case(
        "sort",
        lambda n, x: (jnp.argsort(n), lax.sort((n, x), num_keys=1, is_stable=True)),
        MANY,
        MANY * np.float32(0.5),
    ),
    case("approx_top_k", lambda x: (lax.approx_max_k(x, 2), lax.approx_min_k(x, 3, 0)), X),
    case("top_k", lambda n: lax.top_k(n, 20), MANY),
    case("top_k", lambda x, n: (lax.top_k(x, 2), lax.top_k(n % 3, 3)), X, N),
    # linear algebra
    case("dot_general", lambda x, y: (x @ y.T, x @ Y.T, X.T @ y, jnp.einsum("ij,ij->i", x, y)), X, Y),
    case("dot_general", lambda n, m: (n @ m.T, n @ N.T), N, M),
    case("dot_general", lambda x: x @ x.T, EMPTY),
    case("dot_general", lambda x: jnp.einsum("bij,bjk->bik", x, jnp.swapaxes(x, 1, 2)), X.reshape(3, 2, 2)),
    case(
        "conv_general_dilated",
        lambda x, y: lax.conv_general_dilated(x[None, None], y[None, None, :2, :2], (1, 1), "SAME"),
        X,
        Y,
    ),
    case(
        "conv_general_dilated",
        jax.grad(
            lambda k: (
                lax.conv_general_dilated(
                    RNG_IMAGE, k, (2, 1), ((1, 0), (0, 2)), rhs_dilation=(1, 2), feature_group_count=2
                )
                ** 2
            ).sum()
        ),
        RNG.normal(size=(4, 1, 2, 2)).astype(np.float32),
        tolerance=3e-3,
    ),
    case("cholesky", lambda x: jnp.linalg.cholesky(x @ x.T + jnp.eye(3)), X, tolerance=3e-3),
    case(
        "cholesky",
        lambda x, y: jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(x @ x.T + jnp.eye(3)), y),
        X,
        Y[:, 0],
        tolerance=3e-3,
    ),
    case("pow", lambda x, n: (jnp.ldexp(x, n), jnp.ldexp(x, 3)), X, N),
    case("pow", lambda n: (np.float32(0.9) ** n, (-2.0) ** (n % 4)), np.array([0, 1, 7, -2], np.int32)),
    case("eigh", lambda x: jnp.linalg.eigvalsh(x), SQUARE, tolerance=3e-3),
    case(
        "eigh",
        lambda x: lax.linalg.eigh(x, lower=False, sort_eigenvalues=False)[1].sum(),
        SQUARE,
        tolerance=3e-3,
    ),
    case("qr", lambda x: (*jnp.linalg.qr(x), jnp.linalg.qr(x.T, mode="complete")), X),
    case("svd", lambda x: (jnp.linalg.svd(x, compute_uv=False), jnp.linalg.pinv(x)), X, tolerance=3e-3),
    case("svd", lambda x: jnp.abs(jnp.linalg.svd(x[:2], full_matrices=True)[2][:2]), X, tolerance=3e-3),
    case("lu", lambda x: lax.linalg.lu(x), SQUARE),
    case("lu", lambda x: lax.linalg.lu(x.reshape(2, 2, 3)), X, tolerance=3e-3),
    case("lu", lambda x, y: (jnp.linalg.solve(x, y), jnp.linalg.det(x)), SQUARE, Y[0], tolerance=3e-3),
    case("lu", jax.grad(lambda x: jnp.linalg.inv(x).sum()), SQUARE, tolerance=3e-3),
    case(
        "lu_pivots_to_permutation",
        lambda x: lax.linalg.lu_pivots_to_permutation(lax.linalg.lu(x)[1], 4),
        SQUARE,
    ),
    case("wide_product", lambda x: (jnp.var(x), jnp.cov(x)), SQUARE),
    case("wide_quotient", lambda x: ((x * x.T).sum() / x.sum(), 3 / (x * x).sum(0)), SQUARE),
    case("wide_root", lambda x: jnp.sqrt((x * x).sum(1)), SQUARE),
    case("triangular_solve", _triangular_solves, SQUARE, Y.T[:, :2]),
    case("triangular_solve", lambda y: _triangular_solves(SQUARE, y), Y.T[:, :2]),
    case("triangular_solve", lambda x: _triangular_solves(x, Y.T[:, :2]), SQUARE),
    # control flow
    case("cond", lambda x: lax.platform_dependent(x, tpu=jnp.sin, default=jnp.square), X),
    case("cond", lambda x: lax.cond(x.sum() > 0, lambda a: (a + 1, a > 0), lambda a: (a * 2, a < 0), x), X),
    case(
        "cond",
        lambda n, x: lax.switch(n, [lambda a: a, lambda a: 2 * a, lambda a: -a], x),
        N[0, 0] * 0 + 1,
        X,
    ),
    case("scan", lambda x: lax.scan(lambda c, t: (c + t, c * t), x[0], x), X),
    case("scan", lambda x: lax.scan(lambda c, t: (c + t, (c, 1)), x[0], x, reverse=True), X),
    case("scan", lambda x: lax.map(lambda r: jnp.where(r.sum() > 0, r * 2, r), x), X),
    case("scan", lambda x: lax.fori_loop(0, 3, lambda i, c: c * 0.5 + i, x), X),
    case(
        "reveal_inside",
        lambda x, n, b: [reveal_inside(each, name="x") for each in (x * x, n, b)],
        X,
        WIDE,
        X > 0,
    ),
    case("while", lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] / 2), (0, x))[1], X),
    case("while", lambda x: jax.vmap(_so_many_turns)(x, jnp.arange(3)), X),
]


def _total_order(name: str, x: Any) -> Any:
    from jax.extend.core import primitives

    return getattr(primitives, f"{name}_p").bind(x, x[::-1])


def _spread(column: Any) -> Any:
    """What needs every element of an array that repeats one column."""
    wide = jnp.broadcast_to(column, (3, 4))
    return (
        wide.sum(1),
        wide.reshape(-1),
        jnp.concatenate([wide, wide]),
        jnp.cumsum(wide, 1),
        wide[:, 2],
        wide.T,
        wide.astype(jnp.float32) @ wide.T.astype(jnp.float32),
        jnp.sort(wide, 0),
        wide,
    )


def identified(each: Case) -> str:
    return each.primitive


def steps_of(block: Block) -> Iterator[str]:
    for step in block.steps:
        yield step.name
        for inner in step.blocks:
            yield from steps_of(inner)


FIRST = {each.primitive: each for each in reversed(CASES)}
SAMPLED = [*FIRST.values()][::3]
"""For the protocol of which each gate costs most."""


def under(engine: str, each: Case) -> Any:
    """What a primitive does is tried on plain gates; its first case says that it works under a protocol."""
    sampled = any(each is one for one in SAMPLED) if engine == "oblivious" else each is FIRST[each.primitive]
    marks = [pytest.mark.slow] if sampled else [pytest.mark.slow, pytest.mark.long]
    return pytest.param(engine, each, marks=marks, id=f"{engine}-{identified(each)}")


@pytest.mark.parametrize(
    "each",
    [pytest.param(each, marks=() if each is FIRST[each.primitive] else pytest.mark.slow) for each in CASES],
    ids=identified,
)
def test_like_jax(each: Case) -> None:
    assert each.primitive in set(steps_of(trace(each.function, each.args, {}).block)), "the case misses it"
    got = Engine("plain").run(each.function, *each.args)
    agree(got, jax.jit(each.function)(*each.args), each.tolerance)


@pytest.mark.parametrize(
    ("engine", "each"), [under(engine, each) for engine in ("secure", "pair", "oblivious") for each in CASES]
)
def test_like_jax_under_each_protocol(engine: str, each: Case) -> None:
    got = Engine(engine).run(each.function, *each.args)
    agree(got, jax.jit(each.function)(*each.args), each.tolerance)


def with_bools(each: Case) -> Iterator[Case]:
    """The case with one operand as bools, or all, where such reach its primitive."""
    many = range(len(each.args))
    for chosen in [*([k] for k in many), *([list(many)] if len(many) > 1 else [])]:
        args = tuple(np.asarray(x) > 0 if k in chosen else x for k, x in enumerate(each.args))
        try:
            steps = trace(each.function, args, {}).block.steps
        except (IndexError, TypeError, ValueError, FutureWarning):
            continue
        if any(
            form.dtype == np.bool_ for step in steps if step.name == each.primitive for form in step.given
        ):
            yield replace(each, args=args)


ELSEWHERE = COMPARED | frozenset(each for each in NUMBERS if "scatter" not in each) | {"qr", "svd"}
"""Tried with bools where dtypes are mixed; or right up to signs and rotations alone."""


@pytest.mark.parametrize("name", sorted(set(TABLE) - ELSEWHERE))
def test_bools_where_there_were_numbers(name: str) -> None:
    """As in jax; or refused with a sentence of its own."""
    for each in [other for one in CASES if one.primitive == name for other in with_bools(one)]:
        refused = ""
        try:
            got = Engine("plain").run(each.function, *each.args)
        except NotComputable as refusal:
            refused = str(refusal)
        assert "error in junto" not in refused
        if not refused:
            agree(got, jax.jit(each.function)(*each.args), 3e-3)


def test_every_row_of_the_table_has_a_case() -> None:
    assert {each.primitive for each in CASES} == set(TABLE)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_integers_of_64_bits_divide_like_jax(dtype: Any) -> None:
    x, y = _hard_divisions(dtype)
    with jax.enable_x64(True):
        want = jax.jit(_every_division)(x, y)
        agree(Engine("plain").run(_every_division, x, y), want)
        some = jax.jit(_every_division)(x[::7], y[::7])
        agree(Engine("secure").run(_every_division, x[::7], y[::7]), some)


def _extremes(n: Any) -> Any:
    found = n.max(-1), n.min(-1), jnp.argmax(n, -1), jnp.argmin(n, -1)
    return *found, lax.cummax(n, 1), lax.cummin(n, 1, reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 16, 17, 22])
def test_extremes_of_so_many(count: int) -> None:
    """Ties among them; also of numbers so far apart that their differences wrap."""
    for numbers in (RNG.integers(0, 4, (6, count)), RNG.integers(-(2**63), 2**63, (2, count))):
        with jax.enable_x64(True):
            want = jax.jit(_extremes)(numbers)
            agree(Engine("plain").run(_extremes, numbers), want)
            agree(Engine("secure").run(_extremes, numbers), want)


COSTLY = (
    *(
        "acosh",
        "atan2",
        "div",
        "erf",
        "exp",
        "lgamma",
        "log",
        "logistic",
        "pow",
        "rsqrt",
        "rem",
        "sinh",
        "tanh",
    ),
    *("and", "ceil", "clz", "convert_element_type", "floor", "or", "population_count", "round", "shift_left"),
    *("shift_right_arithmetic", "shift_right_logical", "xor", "lt", "eq"),
)


@pytest.mark.slow
@pytest.mark.parametrize("each", [FIRST[each] for each in COSTLY], ids=identified)
def test_in_small_blocks_it_is_the_same(each: Case) -> None:
    engine = Engine(
        "secure" if each.primitive in ("rem", "exp", "lt", "and") else "plain", MpcSettings(block=5)
    )
    agree(engine.run(each.function, *each.args), jax.jit(each.function)(*each.args), each.tolerance)


def record(patch: pytest.MonkeyPatch, name: str) -> list[int]:
    """The sizes of all arrays that this gate will make."""
    gate, sizes = getattr(PlainGates, name), [0]

    async def watched(self: PlainGates, x: Any, *others: Any, **options: Any) -> Any:
        made = await gate(self, x, *others, **options)
        sizes.extend(int(np.prod(each.shape)) for each in (made if isinstance(made, list) else [made]))
        return made

    patch.setattr(PlainGates, name, watched)
    return sizes


@pytest.mark.parametrize(
    "function",
    [
        jnp.exp,
        jax.nn.sigmoid,
        jnp.reciprocal,
        jnp.log,
        jnp.floor,
        lambda x: jax.lax.rem(x, jnp.full_like(x, 0.3)),
        lambda x: x.astype(jnp.int32) // 7,
    ],
)
def test_a_costly_function_of_many_numbers_takes_no_more_memory_than_of_a_block(
    function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest array that a product, a table or a number's bits make, beside the operands themselves."""
    sizes = {}
    for count in (1000, 4000):
        with monkeypatch.context() as patch:
            made = [record(patch, name) for name in ("multiply", "decompose", "lookup")]
            Engine("plain", MpcSettings(block=500)).run(
                function, np.linspace(0.5, 4, count, dtype=np.float32)
            )
        sizes[count] = max(size for each in made for size in each)
    assert sizes[1000] == sizes[4000]


# ---------------------------------------------------------------- parameters


class _Read(dict[str, Any]):
    """Parameters that note which of them are read."""

    def __init__(self, params: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(params)
        self._read = read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._read.add(name)
        return super().get(name, default)


def _noting(entry: PrimitiveRule, given: set[str], read: set[str]) -> PrimitiveRule:
    async def rule(c: Any, params: Mapping[str, Any], *operands: Any) -> Any:
        given.update(params)
        made = entry.rule(c, _Read(params, read), *operands)
        return await made

    return replace(entry, rule=rule)


@pytest.mark.parametrize("primitive", sorted(TABLE))
def test_every_parameter_is_honoured_or_has_no_meaning(
    primitive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: set[str] = set()
    read: set[str] = set()
    monkeypatch.setattr(interpreter, "TABLE", {**TABLE, primitive: _noting(TABLE[primitive], given, read)})
    for each in CASES:
        if each.primitive == primitive:
            Engine("plain").run(each.function, *each.args)
    honoured = primitive_parameters.HONOURED.get(primitive, frozenset())
    meaningless = {*primitive_parameters.IRRELEVANT[""], *primitive_parameters.IRRELEVANT.get(primitive, {})}
    assert given - meaningless - set(CONTROL.get(primitive, ())) == honoured & given
    assert honoured & given <= read, f"nobody reads {honoured - read}"
    assert not honoured & meaningless
    said = {
        name
        for name, why in primitive_parameters.IRRELEVANT.get(primitive, {}).items()
        if " versions of jax" not in why
    }
    assert said <= given, "a line for what jax does not have"
    assert honoured <= given | {"unique_indices"}


def test_a_parameter_that_nobody_knows_is_refused_unless_it_says_nothing() -> None:
    plan = trace(jnp.sort, [X], {})
    (step,) = [each for each in plan.block.steps if each.name == "sort"]
    for value in (None, False, ()):
        check_parameters(replace(step, params={**step.params, "upside_down": value}), "")
    with pytest.raises(NotComputable, match=r"upside_down=True.*x\.py:3"):
        check_parameters(replace(step, params={**step.params, "upside_down": True}), ", at x.py:3")


def test_a_rule_refuses_what_a_parameter_asks_for_and_it_cannot_do() -> None:
    with pytest.raises(NotComputable, match="reduce_precision"):
        Engine("plain").run(lambda x: lax.reduce_precision(x, 5, 10), X)


def test_a_product_of_a_wider_dtype_is_computed_in_it() -> None:
    numbers = np.array([100, -128, 127], np.int8)
    found = Engine("plain").run(lambda n: lax.mul_p.bind(n, n, out_dtype=jnp.int16), numbers)
    np.testing.assert_array_equal(found, numbers.astype(np.int16) ** 2)
    assert found.dtype == np.int16
