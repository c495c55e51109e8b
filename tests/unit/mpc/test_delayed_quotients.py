"""Products with one over a secret are right whatever the size of the numbers, or the debug mode says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from junto.mpc.plan import trace
from junto.mpc.plan_steps import form_of
from mpc_programs import Engine
from tries import each_once

UNIT = 2.0**-18
WEIGHTS = np.array([0.6, -1.1, 0.9, 1.3, -0.7, 0.8], np.float32)


def deviation(x: Any) -> Any:
    return jnp.sqrt(jnp.mean((x - x.mean()) ** 2))


def layer(x: Any) -> Any:
    return jnp.sum(WEIGHTS * (x - x.mean()) * lax.rsqrt(x.var() + 1e-5))


def cosine(x: Any, y: Any) -> Any:
    return x @ y / (jnp.linalg.norm(x) * jnp.linalg.norm(y))


PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "a deviation's gradient": lambda x, y: jax.grad(jnp.std)(x),
    "by hand": lambda x, y: jax.grad(deviation)(x),
    "a norm's gradient": lambda x, y: jax.grad(jnp.linalg.norm)(x),
    "a direction's gradient": lambda x, y: jax.grad(lambda v: jnp.sum(WEIGHTS * v / jnp.linalg.norm(v)))(x),
    "a cosine's gradient": lambda x, y: jax.grad(lambda v: cosine(v, y))(x),
    "a layer": lambda x, y: (x - x.mean()) * lax.rsqrt(x.var() + 1e-5),
    "a layer's gradient": lambda x, y: jax.grad(layer)(x),
    "a quotient's gradient": lambda x, y: jax.grad(lambda v: jnp.sum(x / v))(y),
    "a public number over a root": lambda x, y: x * (3.0 / jnp.sqrt(y)),
    "a public number over a secret": lambda x, y: x * (-WEIGHTS / y),
    "moved": lambda x, y: x[:, None] * (1 / y)[None, ::-1],
    "powers": lambda x, y: x * y**-2 + x * y**-1.5 + x * y**-0.5,
    "a chain": lambda x, y: x * x * (1 / y) * (1 / y),
    "a power of one over a secret": lambda x, y: x * (1 / jnp.sqrt(y)) ** 3,
    "divided by one over a secret": lambda x, y: x / (100 / y) / (1 + jnp.abs(x)),
    "twice": lambda x, y: x / y**2 * jnp.max(y),
}


@pytest.mark.parametrize(("name", "size"), each_once(PROGRAMS, [1e-3, 1.0, 1e3, 1e6]))
def test_numbers_of_every_size_are_right_or_named(name: str, size: float) -> None:
    rng = np.random.default_rng(3)
    x, y = (
        (np.rint(each * size / UNIT) * UNIT).astype(np.float32)
        for each in (rng.uniform(-1, 1, 6), rng.uniform(0.3, 1, 6))
    )
    engine = Engine("plain")
    got = engine.run(PROGRAMS[name], x, y)
    with jax.enable_x64(True):
        want = np.asarray(PROGRAMS[name](jnp.asarray(x, np.float64), jnp.asarray(y, np.float64)))
    error = np.abs(got - want) - np.maximum(64 * UNIT, 1e-2 * np.abs(want))
    assert (error <= 0).all() or (size < 1 and (engine.digits or engine.overflows))


def test_with_shares_too() -> None:
    x = np.random.default_rng(4).uniform(-1e4, 1e4, 6).astype(np.float32)
    got = Engine("secure").run(jax.grad(jnp.std), x)
    np.testing.assert_allclose(got, (x - x.mean()) / (6 * x.std()), rtol=1e-3, atol=16 * UNIT)


POWERS: dict[str, Callable[[Any, Any], Any]] = {
    "secret": lambda x, y: x * (1 / y) ** x,
    "secret, alone": lambda x, y: (1 / y) ** x,
    "of a root": lambda x, y: x * lax.rsqrt(y) ** x,
    "several": lambda x, y: x * (1 / y) ** WEIGHTS,
    "0": lambda x, y: x * (1 / y) ** 0.0,
}


@pytest.mark.parametrize("name", POWERS)
def test_powers_of_one_over_a_secret_whose_exponent_is_not_one_number(name: str) -> None:
    x, y = np.random.default_rng(5).uniform(0.3, 2, (2, 6)).astype(np.float32)
    got = Engine("secure").run(POWERS[name], x, y)
    np.testing.assert_allclose(got, POWERS[name](x, jnp.asarray(y)), rtol=2e-4, atol=16 * UNIT)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (1 / jnp.sqrt(x)) * (1 - 1 / jnp.sqrt(x)),  # one over it is needed anyway
        lambda x: x / jnp.sqrt(x + 1) * lax.sin(x),
    ],
)
def test_other_quotients_are_computed_as_they_are_written(function: Callable[[Any], Any]) -> None:
    names = {(each.name, each.given) for each in trace(function, [WEIGHTS], {}).block.steps}
    written = jax.make_jaxpr(function)(WEIGHTS).eqns
    assert names == {(each.primitive.name, tuple(form_of(x.aval) for x in each.invars)) for each in written}
