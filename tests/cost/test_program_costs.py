"""Rounds and bytes of whole jax functions, exactly: the goals, and what is
reached.

Sent by one compute party; inputs come in additive form, so their masking counts too. A change here is a
change of what users pay: raise a number only with a reason.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from junto.mpc.primitives.revealing import reveal_inside
from mpc_programs import Engine

RNG = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def regression_step(table, label, weights):
    error = jax.nn.sigmoid(table @ weights) - label
    return weights - 0.1 * (table.T @ error) / len(label)


def k_means(points):
    """Two turns."""
    centres = points[:3]
    for _ in range(2):
        nearest = jnp.argmin(((points[:, None] - centres) ** 2).sum(-1), 1)
        members = jax.nn.one_hot(nearest, 3)
        centres = members.T @ points / jnp.maximum(members.sum(0), 1)[:, None]
    return centres


def adam(weights, gradient):
    """One step."""
    first, second = 0.1 * gradient, gradient**2
    return weights - 0.01 * (first / 0.1) / (jnp.sqrt(second) + 0.01)


def covariance(table):
    centred = table - table.mean(0)
    return centred.T @ centred / (len(table) - 1)


# function, arguments, goal (rounds, bytes an element), elements
PROGRAMS = {
    "less": (lambda x, y: x < y, (numbers(64), numbers(64)), (4, 13), 64),
    "multiply": (lambda x, y: x * y, (numbers(64), numbers(64)), (2, 16), 64),
    "relu": (jax.nn.relu, (numbers(64),), (4, 13), 64),
    "exp": (jnp.exp, (numbers(64),), (8, 80), 64),
    "logistic": (jax.nn.sigmoid, (numbers(64),), (8, 100), 64),
    "tanh": (jnp.tanh, (numbers(64),), (8, 100), 64),
    "log": (jnp.log, (np.abs(numbers(64)) + 0.1,), (14, 150), 64),
    "rsqrt": (jax.lax.rsqrt, (np.abs(numbers(64)) + 0.1,), (14, 150), 64),
    "reciprocal": (jnp.reciprocal, (numbers(64) + 3,), (9, 214), 64),
    "sort of 1024": (jnp.sort, (numbers(1024),), (120, 2600), 1024),
    "softmax of 64": (partial(jax.nn.softmax, axis=1), (numbers(64, 64),), (40, 250), 64 * 64),
    "greatest of 64": (partial(jnp.max, axis=1), (numbers(8, 64),), (12, 20), 8 * 64),
    "its place": (partial(jnp.argmax, axis=1), (numbers(8, 64),), (12, 22), 8 * 64),
    "two turns of k-means": (k_means, (numbers(60, 4),), (28, None), 1),
    "a step of Adam": (adam, (numbers(60), numbers(60)), (24, None), 1),
    "mean of a mask": (lambda x, m: (x * m).sum() / m.sum(), (numbers(200), numbers(200) > 0), (4, None), 1),
    "covariance of many rows": (covariance, (numbers(4096, 8),), (6, 33), 4096 * 8),
    "regression step": (regression_step, (numbers(128, 20), numbers(128), numbers(20)), (12, None), 1),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_function_costs(name):
    function, arguments, (rounds, nbytes), elements = PROGRAMS[name]
    engine = Engine("secure")
    engine.run(function, *arguments)
    print(name, engine.rounds, engine.opened / elements)
    assert engine.rounds <= rounds
    if nbytes is not None:
        assert engine.opened <= nbytes * elements


def test_nothing_of_the_table_is_sent_again_in_a_loop():
    def steps(count):
        def train(table, label, weights):
            return jax.lax.fori_loop(0, count, lambda _, w: regression_step(table, label, w), weights)

        engine = Engine("secure")
        engine.run(train, numbers(128, 20), numbers(128), numbers(20))
        return engine.opened

    each = steps(4) - steps(3)
    assert each == steps(3) - steps(2)
    assert each < 128 * 20 * 8 / 2  # the table alone has 20,480 bytes


@pytest.mark.parametrize("function", [jax.nn.sigmoid, jnp.tanh, jax.lax.erf], ids=lambda f: f.__name__)
def test_a_function_that_levels_off_takes_a_product_before_its_truncation(function):
    # the inputs are masked already; the product is, and then come 3 rounds of comparison
    table, weights = numbers(64, 20) * 3, numbers(20) * 3
    engine = Engine("secure")
    found = engine.run(lambda x, w: function(x @ w), table, weights)
    assert engine.rounds == 4
    assert np.abs(found - np.asarray(function(jnp.asarray(table @ weights)))).max() < 1e-4


@pytest.mark.parametrize(
    "value", [numbers(6), np.arange(6, dtype=np.int32), numbers(6) > 0], ids=lambda v: v.dtype.name
)
def test_to_reveal_inside_takes_one_round_and_one_element_each_way(value):
    costs = []
    for function in (lambda x: x[::-1], lambda x: reveal_inside(x[::-1], name="x")):
        engine = Engine("secure")
        engine.run(function, value)
        costs.append((engine.rounds, engine.opened))
    (before, sent), (rounds, opened) = costs
    assert (rounds - before, opened - sent) == (1, 1 if value.dtype == np.bool_ else 8 * value.size)
