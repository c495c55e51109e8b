"""NaN and infinity that a function writes: the result is jax's, or the function is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.interpreters import ad

from junto.errors import NotComputable
from junto.mpc.primitives import infinite
from junto.mpc.primitives.table import TABLE
from mpc_programs import Engine, agree
from tries import each_once

PLAIN = Engine("plain")
X = np.array([1, 2, 5], np.float32)
D = np.array([0, 1, 2, 1])
INF = jnp.inf

Program = Callable[[Any], Any]


def determinants(x: Any) -> Any:
    """Logarithms of two of them; jax's own code says what they are if a matrix has no inverse."""
    m = jnp.outer(x[D], x[D]) + jnp.eye(4)
    return jnp.linalg.slogdet(jnp.stack([m, 2 * m]))[1]


def masked(x: Any, other: Any) -> Any:
    return jnp.where(x > 1, x, other)


RIGHT: dict[str, Program] = {
    "softmax": lambda x: jax.nn.softmax(masked(x, -INF)),
    "softmax of a part": lambda x: jax.nn.softmax(x, where=x > 1),
    "logsumexp": lambda x: jax.nn.logsumexp(masked(x, -INF)),
    "logsumexp of nothing": lambda x: jnp.exp(jax.nn.logsumexp(jnp.where(x > 9, x, -INF))),
    "logaddexp": lambda x: jnp.logaddexp(masked(x, -INF), x),
    "is finite": lambda x: [jnp.isfinite(masked(x, each)) for each in (INF, -INF)],
    "is infinite": lambda x: [jnp.isinf(masked(x, each)) for each in (INF, -INF)],
    "is positive infinity": lambda x: (jnp.isposinf(masked(x, INF)), jnp.isneginf(masked(x, -INF))),
    "extremum and then a product": lambda x: jnp.min(x, where=x > 1, initial=INF) * 2,
    "extremum of nothing": lambda x: jnp.isfinite(jnp.max(jnp.where(x > 9, x, -INF))),
    "extremum of something": lambda x: jnp.isfinite(jnp.max(masked(x, -INF))),
    "divided by": lambda x: x / INF,
    "exp": lambda x: jnp.exp(masked(x, -INF)),
    "where": lambda x: jnp.argmin(masked(x, INF)),
    "clip": lambda x: jnp.clip(x, -INF, 3) * 2,
    "pooling": lambda x: lax.reduce_window(x, -INF, lax.max, (2,), (1,), "SAME") * 2,
    "loop": lambda x: lax.scan(lambda c, v: (jnp.minimum(c, v), None), INF, x)[0] * 2,
    "running": lambda x: jnp.exp(lax.cummax(masked(x, -INF))),
    "three times": lambda x: jax.nn.sigmoid(masked(x, -INF) - INF - INF),
    "nanmin": jnp.nanmin,
    "a weight of 0 of what is below the number for infinity": lambda x: jax.nn.logsumexp(
        1e10 * (x - 6), b=jnp.sign(x - 1)
    ),
    "divided by what may be": lambda x: (
        x / masked(x, INF),
        1 / masked(x, -INF),
        jnp.sum(x / masked(x, INF)),
    ),
    "a determinant's logarithm": lambda x: -0.5 * jnp.linalg.slogdet(jnp.outer(x[D], x[D]) + jnp.eye(4))[1],
    "bounded, where jax's own code writes it, and then a sum": lambda x: jnp.sum(
        jnp.maximum(determinants(x), -50.0)
    ),
    "no determinant": lambda x: jnp.exp(jnp.linalg.slogdet(jnp.diag(x[D] - 1))[1]),
    "hypotenuse": lambda x: jnp.hypot(x, x[::-1]) * 2,
    "density": lambda x: jnp.exp(jax.scipy.stats.expon.logpdf(x - 3)),
    "bounded and then a sum": lambda x: jnp.sum(jnp.maximum(jax.scipy.stats.expon.logpdf(x - 3), -50.0)),
    "clipped and then a sum": lambda x: jnp.sum(jnp.clip(masked(x, INF), 0, 9)),
    "isnan": lambda x: (jnp.isnan(x), jnp.nan_to_num(x)),
    "nan that is never chosen": lambda x: jnp.where(np.array([True, True, True]), x, jnp.nan),
    "nan between public numbers": lambda x: x + jnp.nansum(jnp.array([1, jnp.nan])),
    "moments of rows that a secret chooses": lambda x: [
        f(x, where=x > 1, **ddof)
        for f in (jnp.mean, jnp.var, jnp.std, jnp.nanvar, jnp.nanstd)
        for ddof in ({}, {"ddof": 1})
        if f is not jnp.mean or not ddof
    ],
    "their derivatives": jax.grad(lambda x: jnp.std(x, where=x > 1) + jnp.var(x, where=x > 1)),
}

REFUSED: dict[str, Program] = {
    "times": lambda x: x * INF,
    "divided": lambda x: INF / x,
    "power": lambda x: x**INF,
    "sum": lambda x: jnp.sum(masked(x, INF)),
    "mean": lambda x: jnp.mean(masked(x, INF)),
    "sum, where jax's own code writes it": lambda x: jnp.sum(determinants(x)),
    "maximum, of which one side may be": lambda x: 2 * jnp.maximum(masked(x, INF), 3),
    "minimum, that goes to infinity": lambda x: 2 * jnp.min(masked(x, -INF)),
    "matrix": lambda x: masked(x, INF) @ x,
    "scaled": lambda x: jax.nn.softmax(masked(x, -INF) / 8),
    "exp of plus infinity": lambda x: jnp.exp(masked(x, INF)),
    "integer": lambda x: masked(x, INF).astype(int),
    "floor": lambda x: jnp.floor(masked(x, -INF)),
    "result": lambda x: masked(x, INF),
    "result, constant": lambda x: (x, jnp.full(3, INF)),
    "chosen by a condition": lambda x: 2 * lax.cond(x[0] > 0, lambda: jnp.float32(INF), lambda: x[1]),
    "four times": lambda x: jax.nn.sigmoid(masked(x, -INF) - INF - INF - INF),
    "is finite, too late": lambda x: jnp.isfinite(2 * jnp.max(masked(x, -INF))),
    "moved": lambda x: 2 * jnp.concatenate([x, masked(x, INF)[::-1]]),
    "written": lambda x: 2 * x.at[1].set(INF),
    "by zero": lambda x: x / 0,
    "by a public number that is zero": lambda x: x / jnp.array([1.0, 0, 2]),
    "rest of zero": lambda x: jnp.fmod(x, jnp.float32(0)),
    "nan": lambda x: x + jnp.nan,
    "nan, constant": lambda x: (x, jnp.float32(jnp.nan)),
    "nan as a mask": lambda x: masked(x, jnp.nan),
    "nanmean": lambda x: jnp.nanmean(masked(x, jnp.nan)),
    "nanstd": lambda x: jnp.nanstd(masked(x, jnp.nan)),
    "nan in a matrix": lambda x: x @ jnp.array([1, jnp.nan, 2]),
    "nan by a public condition": lambda x: jnp.where(np.array([True, False, True]), x, jnp.nan),
    "nan beyond the bounds": lambda x: jnp.take(x, jnp.array([0, 7])),
    "nan in a loop": lambda x: lax.fori_loop(0, 3, lambda i, c: jnp.maximum(c, jnp.nan), x[0]),
    "nan by a secret condition": lambda x: lax.cond(x[0] > 0, lambda: jnp.float32(jnp.nan), lambda: x[1]),
    "nan compared": lambda x: x < jnp.nan,
    "nan of a negative base": lambda x: jnp.float32(-2) ** x,
}


OUTSIDE: dict[str, Program] = {
    "density": lambda x: jax.scipy.stats.expon.pdf(x - 2),
    "its logarithm": lambda x: jax.scipy.stats.expon.logpdf(x - 2),
    "a product of densities": lambda x: jax.scipy.stats.uniform.logpdf(x, 0.0, 3.0).sum(),
    "of both parameters": lambda x: jax.scipy.stats.beta.logpdf(x / 3, x, x),
    "quantile": lambda x: jax.scipy.stats.norm.ppf(jnp.clip((x - 1) / 2, 0, 1)),
    "divergence": lambda x: jax.scipy.special.rel_entr(x, x - 1),
    "entropy": lambda x: jax.scipy.special.entr(x - 2),
    "a sum of exponentials by weights": lambda x: jax.nn.logsumexp(x, b=x - 1),
    "by public weights": lambda x: jax.scipy.special.logsumexp(x, b=np.array([2.0, -1.0, 0.5])),
    "of some": lambda x: jax.nn.logsumexp(x, where=x > 1, b=x),
}
"""Each of some numbers for which jax's own functions say infinity, and of others."""


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_of_a_domain_infinity_is_the_number_for_it(name: str) -> None:
    want = jax.tree.map(
        lambda each: np.clip(np.asarray(each), -infinite.OUTSIDE, infinite.OUTSIDE), OUTSIDE[name](X)
    )
    agree(PLAIN.run(OUTSIDE[name], X), want)


SHARES: dict[str, Program] = {
    "density": lambda x: jax.scipy.stats.dirichlet.pdf(x / x.sum(), X),
    "its logarithm": lambda x: jax.scipy.stats.dirichlet.logpdf(x / x.sum(), X),
    "derivative": jax.grad(lambda x: jax.scipy.stats.dirichlet.logpdf(x / x.sum(), X)),
    "of no shares": lambda x: jax.scipy.stats.dirichlet.pdf(x / x.sum() * 1.01, X),
}


@pytest.mark.parametrize("name", SHARES)
def test_a_domain_as_narrow_as_a_rounding_is_as_wide_as_one_of_fixed_point(name: str) -> None:
    want = np.asarray(SHARES[name](jnp.asarray(X)))
    assert np.max(np.abs(PLAIN.run(SHARES[name], X) - want)) < 2e-3 * (1 + np.max(np.abs(want)))


BAD: dict[str, Program] = {
    "parameters that all know": lambda x: jax.scipy.stats.beta.logpdf(x, 2.0, -1.0),
}


@pytest.mark.parametrize("name", BAD)
def test_outside_of_a_domain_that_all_know_there_is_no_number(name: str) -> None:
    with pytest.raises(NotComputable, match=r"infinity|NaN"):
        PLAIN.run(BAD[name], X)


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_stays(name: str) -> None:
    agree(PLAIN.run(RIGHT[name], X), jax.tree_util.tree_map(np.asarray, RIGHT[name](jnp.asarray(X))))


@pytest.mark.parametrize("name", REFUSED)
def test_everything_else_is_refused(name: str) -> None:
    with pytest.raises(NotComputable, match=r"inf|NaN|are 0") as caught:
        PLAIN.run(REFUSED[name], X)
    assert "fix:" in str(caught.value)


NEEDS_MORE = ("integer_pow", "reduce_precision", "select_n")
UNARY = [name for name in sorted(TABLE) if hasattr(lax, name) and name not in NEEDS_MORE]


@pytest.mark.parametrize(("sign", "name"), each_once([1, -1], UNARY))
def test_a_function_of_infinity_is_the_right_number_or_refused(name: str, sign: int) -> None:
    """All that take one float; jax itself says what is right."""
    function = getattr(lax, name)

    def program(x: Any) -> Any:
        return function(masked(x, sign * INF))

    try:
        want = jax.tree_util.tree_map(np.asarray, program(jnp.asarray(X)))
    except TypeError:
        return  # not of one float
    if name not in infinite.FLAT and not (name in infinite.FLAT_BELOW and sign < 0):
        with pytest.raises(NotComputable, match="inf"):
            PLAIN.run(program, X)
    else:
        agree(PLAIN.run(program, X), want)


def test_every_primitive_that_is_named_exists() -> None:
    named = infinite.CARRY | infinite.FLAT | infinite.FLAT_BELOW | infinite.EXTREMES
    assert named - {"copy_p", "device_put"} <= set(TABLE)
    assert infinite.EXTREMES <= infinite.CARRY
    assert not infinite.CARRY & (infinite.FLAT | infinite.FLAT_BELOW)


NAN = np.full(3, np.nan, np.float32)
SPREADING = {
    name: getattr(lax, name) if hasattr(lax, name) else ad.add_jaxvals_p.bind
    for name in sorted(infinite.SPREADING)
}


@pytest.mark.parametrize("chosen", [False, True])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("name", SPREADING)
def test_nan_spreads_to_what_all_know_and_may_be_left_out_there(name, first, chosen):
    def function(x: Any, nan: Any, which: Any) -> Any:
        made = SPREADING[name](*((nan, x) if first else (x, nan)))
        return jnp.where(which, jnp.sqrt(made * 2), x)

    if not chosen:
        agree(PLAIN.run(function, X, NAN, np.zeros(3, bool), public=[1, 2]), X)
        return
    with pytest.raises(NotComputable, match="is NaN"):
        PLAIN.run(function, X, NAN, np.ones(3, bool), public=[1, 2])


def test_a_number_that_is_nan_in_one_place_is_refused_as_ever():
    mixed = np.array([jnp.nan, 1, 1], np.float32)
    with pytest.raises(NotComputable, match="is NaN"):
        PLAIN.run(
            lambda x, some, which: jnp.where(which, x * some, x), X, mixed, np.zeros(3, bool), public=[1, 2]
        )
