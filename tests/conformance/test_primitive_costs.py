"""What each primitive costs under the protocol, and the page of the documentation that says so.

`JUNTO_WRITE_PAGES=1 python -m pytest tests/conformance/test_primitive_costs.py` writes the page anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import ceil, log10
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import primitives

from junto.mpc.primitives.elementwise import function
from junto.mpc.primitives.revealing import reveal_inside
from junto.mpc.primitives.table import TABLE
from junto.mpc.visibility import ALTERNATIVES
from mpc_programs import Engine

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "spu-primitives.md"
RNG = np.random.default_rng(5)
COUNT = 64


def _numbers(low: float, high: float) -> np.ndarray:
    """Numbers that fixed point holds exactly: so what errs is the primitive."""
    return np.asarray(np.round(RNG.uniform(low, high, COUNT) * 2**12) / 2**12, np.float32)


X, Y, S, W = _numbers(0.5, 2), _numbers(0.5, 2), _numbers(-0.9, 0.9), _numbers(-4, 4)
N = RNG.integers(-100, 100, COUNT).astype(np.int32)
M = RNG.integers(1, 100, COUNT).astype(np.int32)
B = X > 1
C = Y > 1
SQUARE = X.reshape(8, 8)
POSITIVE = np.asarray(SQUARE @ SQUARE.T / 8 + 4 * np.eye(8), np.float32)
INDEX = np.int32(3)
MAX = -np.float32(np.inf)
Probe = tuple[str, Callable[..., Any], tuple[Any, ...]]


def _pooled(name: str, start: np.float32) -> Probe:
    def pool(x: jax.Array) -> jax.Array:
        return lax.reduce_window(x, start, getattr(lax, name), (2, 2), (2, 2), "VALID")

    return "2x2", pool, (SQUARE,)


def _shift(name: str) -> Probe:
    return "by a public number", lambda n: getattr(lax, name)(n, np.int32(3)), (N,)


PROBES: Mapping[str, Probe] = {
    "abs": ("", jnp.abs, (W,)),
    "acos": ("", jnp.arccos, (S,)),
    "acosh": ("", jnp.arccosh, (X + 1,)),
    "add": ("", jnp.add, (X, Y)),
    "add_any": ("", lambda x, y: primitives.add_jaxvals_p.bind(x, y), (X, Y)),
    "and": ("bools", jnp.logical_and, (B, C)),
    "approx_top_k": ("8 of 64", lambda x: lax.approx_max_k(x, 8), (X,)),
    "argmax": ("of 64", jnp.argmax, (X,)),
    "argmin": ("of 64", jnp.argmin, (X,)),
    "asin": ("", jnp.arcsin, (S,)),
    "asinh": ("", jnp.arcsinh, (W,)),
    "atan": ("", jnp.arctan, (W,)),
    "atan2": ("", jnp.arctan2, (W, S)),
    "atanh": ("", jnp.arctanh, (S,)),
    "bitcast_convert_type": ("int32 to uint32", lambda n: lax.bitcast_convert_type(n, jnp.uint32), (N,)),
    "broadcast_in_dim": ("", lambda x: jnp.broadcast_to(x, (2, COUNT)), (X,)),
    "cbrt": ("", jnp.cbrt, (W,)),
    "ceil": ("", jnp.ceil, (W,)),
    "cholesky": ("8x8", jnp.linalg.cholesky, (POSITIVE,)),
    "clamp": ("public bounds", lambda x: lax.clamp(np.float32(-1), x, np.float32(1)), (W,)),
    "clz": ("", lax.clz, (N,)),
    "concatenate": ("", lambda x, y: jnp.concatenate([x, y]), (X, Y)),
    "cond": ("secret condition", lambda b, x: lax.cond(b, lambda t: t, lambda t: -t, x), (B[0], X)),
    "conv_general_dilated": (
        "8x8 by 2x2",
        lambda x, y: lax.conv_general_dilated(x[None, None], y[None, None, :2, :2], (1, 1), "SAME"),
        (SQUARE, SQUARE),
    ),
    "convert_element_type": ("float32 to int32", lambda x: x.astype(jnp.int32), (W,)),
    "device_put": ("", lambda x: jax.device_put(x), (X,)),
    "copy": ("", lambda x: jnp.array(x, copy=True), (X,)),
    "cos": ("", jnp.cos, (W,)),
    "cosh": ("", jnp.cosh, (W,)),
    "cumlogsumexp": ("of 64", lax.cumlogsumexp, (W,)),
    "cummax": ("of 64", lax.cummax, (X,)),
    "cummin": ("of 64", lax.cummin, (X,)),
    "cumprod": ("of 64", lambda x: jnp.cumprod(x / 2 + 0.4), (S,)),
    "cumsum": ("of 64", jnp.cumsum, (X,)),
    "bessel_i0e": ("", lax.bessel_i0e, (W,)),
    "bessel_i1e": ("", lax.bessel_i1e, (W,)),
    "igamma": ("", lax.igamma, (X, X[::-1])),
    "igammac": ("", lax.igammac, (X, X[::-1])),
    "regularized_incomplete_beta": ("", lambda x: lax.betainc(x, x[::-1], x / 8), (X,)),
    "polygamma": ("of order 1", partial(jax.scipy.special.polygamma, 1), (X,)),
    "zeta": ("", lax.zeta, (1 + X, X)),
    "digamma": ("", jax.scipy.special.digamma, (X,)),
    "div": ("floats", jnp.divide, (W, X)),
    "dot_general": ("8x8 by 8x8", jnp.matmul, (SQUARE, SQUARE)),
    "dynamic_slice": ("one of 64", lambda x, i: lax.dynamic_slice(x, (i,), (1,)), (X, INDEX)),
    "dynamic_update_slice": ("one of 64", lambda x, i: lax.dynamic_update_slice(x, x[:1], (i,)), (X, INDEX)),
    "eigh": ("8x8", jnp.linalg.eigvalsh, (POSITIVE,)),
    "eq": ("", jnp.equal, (X, Y)),
    "eq_to": ("", lambda x, y: primitives.eq_to_p.bind(x, y), (X, Y)),
    "erf": ("", lax.erf, (W,)),
    "erf_inv": ("", lax.erf_inv, (S,)),
    "erfc": ("", lax.erfc, (W,)),
    "exp": ("", jnp.exp, (W,)),
    "exp2": ("", jnp.exp2, (W,)),
    "expm1": ("", jnp.expm1, (W,)),
    "floor": ("", jnp.floor, (W,)),
    "gather": ("one of 64, secret index", lambda x, i: x.at[i[None]].get(mode="clip"), (X, INDEX)),
    "ge": ("", jnp.greater_equal, (X, Y)),
    "gt": ("", jnp.greater, (X, Y)),
    "integer_pow": ("cube", lambda x: x**3, (X,)),
    "is_finite": ("", jnp.isfinite, (X,)),
    "le": ("", jnp.less_equal, (X, Y)),
    "le_to": ("", lambda x, y: primitives.le_to_p.bind(x, y), (X, Y)),
    "lgamma": ("", jax.scipy.special.gammaln, (X,)),
    "log": ("", jnp.log, (X,)),
    "log1p": ("", jnp.log1p, (X,)),
    "logistic": ("", jax.nn.sigmoid, (W,)),
    "lt": ("", jnp.less, (X, Y)),
    "lt_to": ("", lambda x, y: primitives.lt_to_p.bind(x, y), (X, Y)),
    "lu": ("8x8", lambda x: lax.linalg.lu(x)[0], (POSITIVE,)),
    "lu_pivots_to_permutation": (
        "8 of 8",
        lambda n: lax.linalg.lu_pivots_to_permutation(n, 8),
        (np.array([3, 1, 4, 5, 4, 7, 6, 7], np.int32),),
    ),
    "max": ("", jnp.maximum, (X, Y)),
    "min": ("", jnp.minimum, (X, Y)),
    "mul": ("", jnp.multiply, (X, Y)),
    "ne": ("", jnp.not_equal, (X, Y)),
    "neg": ("", jnp.negative, (X,)),
    "not": ("", jnp.logical_not, (B,)),
    "optimization_barrier": ("", lax.optimization_barrier, (X,)),
    "or": ("bools", jnp.logical_or, (B, C)),
    "pad": ("", lambda x: jnp.pad(x, 1), (X,)),
    "population_count": ("", lax.population_count, (N,)),
    "pow": ("floats", jnp.power, (X, Y)),
    "pmax": ("8x8", jax.vmap(lambda x: lax.pmax(x, "i"), axis_name="i"), (SQUARE,)),
    "pmin": ("8x8", jax.vmap(lambda x: lax.pmin(x, "i"), axis_name="i"), (SQUARE,)),
    "psum": ("8x8", jax.vmap(lambda x: lax.psum(x, "i"), axis_name="i"), (SQUARE,)),
    "qr": ("8x8", jnp.linalg.qr, (POSITIVE,)),
    "reduce_and": ("of 64", jnp.all, (B,)),
    "reduce_max": ("of 64", jnp.max, (X,)),
    "reduce_min": ("of 64", jnp.min, (X,)),
    "reduce_or": ("of 64", jnp.any, (B,)),
    "reduce_precision": ("", lambda x: lax.reduce_precision(x, 8, 23), (X,)),
    "reduce_prod": ("of 64", lambda x: jnp.prod(x / 2 + 0.9), (S,)),
    "reduce_sum": ("of 64", jnp.sum, (X,)),
    "reduce_window_max": _pooled("max", MAX),
    "reduce_window_min": _pooled("min", -MAX),
    "reduce_window_sum": _pooled("add", np.float32(0)),
    "reduce_xor": ("of 64", lambda b: lax.reduce_xor_p.bind(b, axes=(0,)), (B,)),
    "rem": ("by a public integer", lambda n: lax.rem(n, np.int32(7)), (N,)),
    "reshape": ("", lambda x: x.reshape(8, 8), (X,)),
    "rev": ("", lambda x: x[::-1], (X,)),
    "reveal_inside": ("", lambda x: reveal_inside(x, name="x"), (X,)),
    "round": ("", jnp.round, (W,)),
    "rsqrt": ("", lax.rsqrt, (X,)),
    "scan": ("4 sums", lambda x: lax.scan(lambda c, t: (c + t, None), x[0], x)[0], (X.reshape(4, 16),)),
    "scatter": ("one of 64, secret index", lambda x, i: x.at[i].set(x[0]), (X, np.array([3]))),
    "scatter-add": (
        "one of 64, secret index",
        lambda x, i: x.at[i].add(x[:1], mode="drop"),
        (X, np.array([3])),
    ),
    "scatter-max": ("public index", lambda x: x.at[jnp.array([3])].max(x[:1]), (X,)),
    "scatter-min": ("public index", lambda x: x.at[jnp.array([3])].min(x[:1]), (X,)),
    "scatter-mul": ("public index", lambda x: x.at[jnp.array([3])].mul(x[:1]), (X,)),
    "scatter-sub": ("public index", lambda x: x.at[jnp.array([3])].subtract(x[:1]), (X,)),
    "select_and_scatter_add": (
        "2x2",
        jax.grad(lambda x: (lax.reduce_window(x, MAX, lax.max, (2, 2), (2, 2), "VALID")).sum()),
        (SQUARE,),
    ),
    "select_n": ("", lambda b, x, y: jnp.where(b, x, y), (B, X, Y)),
    "shift_left": _shift("shift_left"),
    "shift_right_arithmetic": _shift("shift_right_arithmetic"),
    "shift_right_logical": _shift("shift_right_logical"),
    "sign": ("", jnp.sign, (W,)),
    "sin": ("", jnp.sin, (W,)),
    "sinh": ("", jnp.sinh, (W,)),
    "slice": ("", lambda x: x[1:], (X,)),
    "sort": ("of 64", jnp.sort, (X,)),
    "split": ("", lambda x: jnp.split(x, 2), (X,)),
    "sqrt": ("", jnp.sqrt, (X,)),
    "square": ("", jnp.square, (X,)),
    "squeeze": ("", lambda x: x[0], (X[None],)),
    "stop_gradient": ("", lax.stop_gradient, (X,)),
    "sub": ("", jnp.subtract, (X, Y)),
    "svd": ("8x8", lambda x: jnp.linalg.svd(x, compute_uv=False), (POSITIVE,)),
    "tan": ("", jnp.tan, (S,)),
    "tanh": ("", jnp.tanh, (W,)),
    "top_k": ("8 of 64", lambda x: lax.top_k(x, 8), (X,)),
    "transpose": ("", jnp.transpose, (SQUARE,)),
    "wide_product": ("variance of 64", jnp.var, (W,)),
    "wide_quotient": ("of two sums of 64 squares", lambda x, y: (x * x).sum() / (y * y).sum(), (W, X)),
    "wide_root": ("of a sum of 64 squares", lambda x: jnp.sqrt((x * x).sum()), (W,)),
    "triangular_solve": (
        "8x8, 8 right sides",
        lambda x, y: lax.linalg.triangular_solve(x, y, left_side=True),
        (POSITIVE, SQUARE),
    ),
    "while": (
        "public condition",
        lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] + 1), (0, x))[1],
        (X,),
    ),
    "xor": ("bools", jnp.logical_xor, (B, C)),
}

FURTHER: Sequence[tuple[str, Probe]] = [
    ("div", ("integers", lax.div, (N, M))),
    ("rem", ("integers", lax.rem, (N, M))),
    ("scatter-max", ("one of 64, secret index", lambda x, i: x.at[i].max(x[:1]), (X, np.array([3])))),
    ("rem", ("floats", lax.rem, (W, X))),
]
"""More rows of the same primitives."""

HEAD = """# What an SPU can compute

Every jax primitive that secrets can enter. What is not in the first table is refused when the function is
traced, by name and line ([J108](../errors/J108.md)). Anything at all may be done with public values: jax
itself computes it.

*Rounds*: messages that wait for each other, of ready operands. *Bytes*: sent online by one compute party for
each element of the result. Both are counts, taken from a run with 64 elements; operations that do not need
each other share their rounds. *Error*: the greatest absolute one over 64 inputs with 18 fraction bits (the
result's own step is 3.8e-06), between -4 and 4 where the function is defined there. 0 stands for exact.

<!-- Written by tests/conformance/test_primitive_costs.py, which also checks it. -->

| primitive | here | rounds | bytes | error | note |
|---|---|---|---|---|---|
"""

TAIL = """
Refused, and what to do instead:

| primitive | instead |
|---|---|
"""


def measured(row: Probe) -> tuple[int, float, float]:
    """Rounds, bytes an element, and the greatest error."""
    _, probe, args = row
    engine = Engine("secure")
    got = jax.tree_util.tree_leaves(engine.run(probe, *args))
    want = [np.asarray(each) for each in jax.tree_util.tree_leaves(jax.jit(probe)(*args))]
    count = sum(each.size for each in want)
    error = max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in zip(got, want, strict=True))
    return engine.rounds, engine.opened / max(1, count), error


def rounded_up(error: float) -> float:
    """To one digit."""
    if error < 1e-9:
        return 0.0
    step = 10.0 ** -ceil(-log10(error))
    return float(f"{ceil(error / step * 0.999999) * step:.0e}")


def _note(name: str) -> str:
    """What the rule says of itself; of a function, where it holds."""
    entry = TABLE[name]
    text = entry.rule.__doc__ or function(name).__doc__ or ""
    stated = re.search(r"Range: (.*?\.)\s+(Error|Cost):", text, re.S)
    sentence = f"Range: {stated[1]}" if stated else text.split("\n\n")[0]
    return " ".join(sentence.split()).replace("|", "\\|")


def written(step: int = 1) -> str:
    """The page, or every so manieth row of it."""
    rows = []
    probes = [*PROBES.items(), *FURTHER]
    for name, probe in sorted(probes, key=lambda each: each[0])[::step]:
        rounds, size, error = measured(probe)
        cells = [
            f"`{name}`",
            probe[0],
            str(rounds),
            f"{size:.3g}",
            f"{rounded_up(error):.0e}".replace("0e+00", "0"),
            _note(name),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    refused = [f"| `{name}` | {ALTERNATIVES[name]} |" for name in sorted(ALTERNATIVES)]
    return HEAD + "\n".join(rows) + "\n" + TAIL + "\n".join(refused) + "\n"


def cells(page: str) -> list[list[str]]:
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    return [[each.strip() for each in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.long)])
def test_the_page_is_current(step: int) -> None:
    """Of all primitives that rounds and bytes are those foretold: cost/test_explained_costs.py."""
    assert set(PROBES) == set(TABLE)
    fresh = written(step)
    if os.environ.get("JUNTO_WRITE_PAGES") and step == 1:
        PAGE.write_text(fresh)
    page = PAGE.read_text()
    assert page.startswith(HEAD)
    count = len(PROBES) + len(FURTHER)
    expected = [*cells(page)[:count:step], *cells(page)[count:]]
    for ours, theirs in zip(cells(fresh), expected, strict=True):
        if len(ours) < 5:
            assert ours == theirs
            continue
        assert ours[:4] + ours[5:] == theirs[:4] + theirs[5:]
        # the last bits of a float depend on the processor; an error is a bound
        assert float(ours[4]) <= float(theirs[4]) * 1.5 + 1e-6, ours[0]
