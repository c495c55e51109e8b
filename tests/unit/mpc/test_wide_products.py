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


@pytest.mark.parametrize("size", [1.0, 1e3, 2e5, 1e6])
@pytest.mark.parametrize("name", FUNCTIONS)
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
}
"""As users write them."""


@pytest.mark.parametrize("size", [1.0, 1e3, 2e5, 1e6])
@pytest.mark.parametrize("name", BY_HAND)
def test_large_numbers_are_right_by_hand_too(name: str, size: float) -> None:
    function = BY_HAND[name]
    x = (np.rint(np.random.default_rng(3).uniform(0.1, 1, ROWS) * size / UNIT) * UNIT).astype(np.float32)
    engine = Engine("plain")
    got = engine.run(lambda v: function(jnp, v), x)
    np.testing.assert_allclose(got, function(np, x.astype(np.float64)), rtol=1e-4, atol=64 * UNIT)
    assert engine.overflows == []


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jnp.sum(x * x[::-1]) / 7,  # no square
        lambda x: jnp.sum(x * x).astype(int) / 7,  # of whole numbers, of which parts are not
        lambda x: jnp.sum(x * x) * 7,  # what is not divided must fit
        lambda x: jnp.max(x * x) / 7,
        lambda x: x + jnp.sqrt(jnp.sum(jnp.arange(3.0) ** 2)),  # all know it
    ],
)
def test_other_sums_stay_as_they_are(function: Callable[..., Any]) -> None:
    assert not trace(function, (np.ones(4, np.float32),), {}).block.has(NAME)
