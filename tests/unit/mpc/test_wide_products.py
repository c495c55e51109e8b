"""Variances, covariances and norms of numbers of every size up to 2**22: as numpy's, not as their squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from junto.mpc.plan import trace
from junto.mpc.wide_products import NAME, WIDE
from mpc_programs import Engine
from tries import each_once

ROWS = 40
UNIT = 2.0**-18

FUNCTIONS: dict[str, tuple[str, Callable[..., Any]]] = {
    "variance": ("_var", lambda m, x: m.var(x)),
    "of columns": ("_var", lambda m, x: m.var(x.reshape(-1, 2), axis=0)),
    "of rows": ("_var", lambda m, x: m.var(x.reshape(2, -1), axis=1, keepdims=True, ddof=1)),
    "deviation": ("_std", lambda m, x: m.std(x)),
    "without NaN": ("nanvar", lambda m, x: m.nanvar(x)),
    "deviation without NaN": ("nanstd", lambda m, x: m.nanstd(x, ddof=1)),
    "covariance": ("cov", lambda m, x: m.cov(x.reshape(2, -1))),
    "of columns, covariance": ("cov", lambda m, x: m.cov(x.reshape(-1, 2), rowvar=False, bias=True)),
    "correlation": ("corrcoef", lambda m, x: m.corrcoef(x[::2] + x[1::2], x[::2])),
    "norm": ("norm", lambda m, x: m.linalg.norm(x[:8])),
    "norms": ("norm", lambda m, x: m.linalg.norm(x.reshape(-1, 2), axis=1)),
    "standard scores": ("_std", lambda m, x: (x - m.mean(x)) / m.std(x)),
}
"""Each with the function of jax that it is tried for."""


def test_each_function_is_tried() -> None:
    assert {name for name, _ in FUNCTIONS.values()} == set(WIDE)


@pytest.mark.parametrize(("size", "name"), each_once([1.0, 1e3, 2e5, 1e6], FUNCTIONS))
def test_large_numbers_are_right(name: str, size: float) -> None:
    _, function = FUNCTIONS[name]
    numbers = np.random.default_rng(3).uniform(-0.2, 1, ROWS) * size
    x = (np.rint(numbers / UNIT) * UNIT).astype(np.float32)
    engine = Engine("plain")
    got = engine.run(lambda v: function(jnp, v), x)
    np.testing.assert_allclose(got, function(np, x.astype(np.float64)), rtol=1e-4, atol=32 * UNIT)
    assert engine.overflows == []


def test_with_shares_too() -> None:
    x = np.random.default_rng(4).uniform(0, 1e6, ROWS).astype(np.float32)
    got = Engine("secure").run(lambda v: (v.std(), jnp.cov(v.reshape(2, -1))), x)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(got[0], wide.std(), rtol=1e-5)
    np.testing.assert_allclose(got[1], np.cov(wide.reshape(2, -1)), rtol=1e-5)


@pytest.mark.parametrize("number", [0.1, 700.3, 3e6])
def test_what_is_constant_does_not_vary(number: float) -> None:
    """Neither does the error of the mean make a negative variance, of which the root is no number."""
    x = np.full(ROWS, number, np.float32)
    for name in ("variance", "deviation", "without NaN"):
        got = float(Engine("plain").run(lambda v, name=name: FUNCTIONS[name][1](jnp, v), x))
        assert 0 <= got <= np.sqrt(3 * UNIT)


def test_what_is_too_large_is_reported() -> None:
    engine = Engine("plain")
    engine.run(jnp.std, np.array([3e7, -3e7], np.float32))
    assert engine.overflows


def test_a_function_of_the_same_name_is_computed_as_written() -> None:
    def norm(x: Any) -> Any:
        return jnp.sum(x * x)

    names = {each.name for each in trace(norm, (np.ones(3, np.float32),), {}).block.steps}
    assert NAME not in names


def centred(x: Any) -> Any:
    """Of columns."""
    return x - x.mean(-2 if x.ndim > 1 else None, keepdims=True)


def correlated(m: Any, x: Any, y: Any, by: Callable[[Any, Any], Any]) -> Any:
    """By dot products."""
    return (x @ y) / by(x @ x, y @ y)


def group(m: Any, x: Any, squares: Callable[[Any, Any], Any]) -> Any:
    """The variance of a group of a secret number of rows."""
    mask = x > x.mean()
    mean = m.where(mask, x, 0).sum() / mask.sum()
    return squares(mask, x - mean) / mask.sum()


BY_HAND: dict[str, Callable[[Any, Any], Any]] = {
    "variance": lambda m, x: ((x - x.mean()) ** 2).mean(),
    "of columns": lambda m, x: m.mean(m.square(x.reshape(-1, 2)), axis=0, keepdims=True),
    "another divisor": lambda m, x: ((x - x.mean()) ** 2).sum() / (len(x) - 1),
    "two factors": lambda m, x: 0.5 * m.sum((x - x[::-1]) ** 2) * (1 / ROWS),
    "mean error": lambda m, x: m.sqrt(m.mean((x - x[::-1]) ** 2)),
    "as a power": lambda m, x: m.mean((x - x[::-1]) ** 2) ** 0.5,
    "length": lambda m, x: m.sqrt(m.sum(x[:8] * x[:8])),
    "scores": lambda m, x: (x - x.mean()) / m.sqrt(((x - x.mean()) ** 2).mean()),
    "ratios": lambda m, x: m.sum((x[:8] * 2**-8) ** 2) / (1 + m.abs(x) * 2**-4),
    "covariance": lambda m, x: (centred(x) * centred(x[::-1])).mean(),
    "as a dot product": lambda m, x: centred(x) @ centred(x[::-1]) / len(x),
    "of a matrix": lambda m, x: (lambda c: c.T @ c / (len(c) - 1))(centred(x.reshape(-1, 2))),
    "einsum": lambda m, x: (lambda c: m.einsum("ij,ik->jk", c, c) / len(c))(centred(x.reshape(-1, 2))),
    "tensordot": lambda m, x: m.tensordot(*[centred(x.reshape(-1, 2))] * 2, axes=([0], [0])) / 20,
    "of a batch": lambda m, x: (lambda c: c.transpose(0, 2, 1) @ c / 20)(centred(x.reshape(2, -1, 1))),
    "vdot": lambda m, x: m.sqrt(m.vdot(centred(x), centred(x)) / x.size),
    "of a group": lambda m, x: group(m, x, lambda mask, v: m.where(mask, v * v, 0).sum()),
    "of a group, masked": lambda m, x: group(m, x, lambda mask, v: (v * mask) @ (v * mask)),
    "R2": lambda m, x: 1 - m.sum((x - 0.9 * x[::-1]) ** 2) / m.sum(centred(x) ** 2),
    "slope": lambda m, x: m.dot(centred(x), centred(x[::-1])) / m.dot(centred(x), centred(x)),
    "weighted mean": lambda m, x: (x * x[::-1]).sum() / x[::-1].sum(),
    "shares": lambda m, x: x / x.sum(),
    "lorenz": lambda m, x: m.cumsum(x) / x.sum(),
    "ratio of sums": lambda m, x: x[:4].sum() / x.sum(),
    "distance": lambda m, x: m.sqrt(m.dot(x - x[::-1], x - x[::-1])),
    "in two dimensions": lambda m, x: m.sqrt((x - 2 * x[::-1]) ** 2 + (2 * x + x[::-1]) ** 2),
    "by deviations": lambda m, x: (centred(x) * centred(x[::-1])).mean() / (x.std() * x[::2].std()),
    "by a root": lambda m, x: correlated(m, centred(x), centred(x[::-1] + x), lambda v, w: m.sqrt(v * w)),
    "by two roots": lambda m, x: correlated(m, x, x[::-1], lambda v, w: m.sqrt(v) * m.sqrt(w)),
    "of columns, by an outer product": lambda m, x: (
        lambda c: c.T @ c / len(c) / (lambda s: s[:, None] * s[None])(m.sqrt((c * c).mean(0)))
    )(centred(x.reshape(-1, 2))),
    "concentration": lambda m, x: (x**2).sum() / x.sum() ** 2,
    "effective number": lambda m, x: x.sum() ** 2 / (x @ x),
    "chi-square": lambda m, x: (
        lambda t: (lambda e: ((t - e) ** 2 / e).sum() / t.sum())(
            t.sum(1, keepdims=True) * t.sum(0, keepdims=True) / t.sum()
        )
    )(x[:6].reshape(2, 3)),
    "a unit vector": lambda m, x: x / m.sqrt(x @ x),
    "expected counts": lambda m, x: (lambda t: t.sum(1, keepdims=True) * t.sum(0, keepdims=True) / t.sum())(
        x[:6].reshape(2, 3)
    ),
}
"""As users write them."""


@pytest.mark.parametrize(("size", "name"), each_once([1.0, 1e3, 2e5, 1e6], BY_HAND))
def test_large_numbers_are_right_by_hand_too(name: str, size: float) -> None:
    function = BY_HAND[name]
    x = (np.rint(np.random.default_rng(3).uniform(0.1, 1, ROWS) * size / UNIT) * UNIT).astype(np.float32)
    engine = Engine("plain")
    got = engine.run(lambda v: function(jnp, v), x)
    np.testing.assert_allclose(got, function(np, x.astype(np.float64)), rtol=1e-4, atol=64 * UNIT)
    assert engine.overflows == []


MANY = [
    "by a root",
    "concentration",
    "R2",
    "slope",
    "weighted mean",
    "shares",
    "a unit vector",
    "distance",
    "of a group",
    "as a dot product",
]


@pytest.mark.parametrize("rows", [3_000, 100_000])
def test_the_number_of_rows_does_not_matter(rows: int) -> None:
    """A sum need not fit if what it is divided by, or its root, does."""
    x = np.random.default_rng(rows).uniform(0.1, 1, rows).astype(np.float32) * np.float32(1e6)
    engine = Engine("plain")
    got = engine.run(lambda v: [BY_HAND[name](jnp, v) for name in MANY], x)
    for name, found in zip(MANY, got, strict=True):
        want = BY_HAND[name](np, x.astype(np.float64))
        np.testing.assert_allclose(found, want, rtol=1e-4, atol=64 * UNIT, err_msg=name)
    assert engine.overflows == []


def test_quotients_of_sums_with_shares_too() -> None:
    x = np.random.default_rng(4).uniform(0, 1e6, ROWS).astype(np.float32)
    names = ["slope", "weighted mean", "distance", "of a group"]
    got = Engine("secure").run(lambda v: [BY_HAND[name](jnp, v) for name in names], x)
    for name, found in zip(names, got, strict=True):
        np.testing.assert_allclose(found, BY_HAND[name](np, x.astype(np.float64)), rtol=1e-4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jnp.sum(x * jnp.tanh(x)) / 7,  # no square, and no data
        lambda x: x.reshape(2, 2).T @ (jnp.tanh(x[:2]) - x[2:]) / 2,  # as in a gradient
        lambda x: jnp.sqrt(0.9 * x + 0.1 * x * x),  # as an optimizer has it
        lambda x: jnp.sum(x * x).astype(int) / 7,  # of whole numbers, of which parts are not
        lambda x: jnp.sum(x * x) * 7,  # what is not divided must fit
        lambda x: jnp.max(x * x) / 7,
        lambda x: x + jnp.sqrt(jnp.sum(jnp.arange(3.0) ** 2)),  # all know it
    ],
)
def test_other_sums_stay_as_they_are(function: Callable[..., Any]) -> None:
    assert not trace(function, (np.ones(4, np.float32),), {}).block.has(NAME)
