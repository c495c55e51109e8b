"""The debug mode warns of a function outside of its domain where its result is chosen, and only there."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mpc_programs import Engine

NUMBERS = np.array([-3.0, 0.5, 2.0, -0.25, 40.0], np.float32)

DISCARDED = {
    "log": lambda x: jnp.where(x > 0, jnp.log(x), 0.0),
    "scaled log": lambda x: jnp.where(x > 0, 2 * jnp.log(x) + 1, x),
    "one way or the other": lambda x: jnp.where(x > 0, jnp.log(x), jnp.log(-x)),
    "sqrt": lambda x: jnp.where(x > 0, jnp.sqrt(x), -x),
    "rsqrt": lambda x: jnp.where(x > 0, jax.lax.rsqrt(x), 0.0),
    "exp": lambda x: jnp.where(x < 5, jnp.exp(x), 150.0),
    "acos": lambda x: jnp.where(jnp.abs(x) < 1, jnp.arccos(x), 0.0),
    "atanh": lambda x: jnp.where(jnp.abs(x) < 1, jnp.arctanh(x), 0.0),
    "pow": lambda x: jnp.where(x > 0, x**1.5, 0.0),
    "lgamma": lambda x: jnp.where(x > 0, jax.lax.lgamma(x), 0.0),
    "quotient": lambda x: jnp.where(x == 2, 7.0, 1 / (x - 2)),
    "chosen again": lambda x: jnp.where(x > 0, jnp.where(x < 9, jnp.log(x), 2.0), 0.0),
    "cut and turned": lambda x: jnp.where(x[:2:-1] > 0, jnp.log(x)[:2:-1], 0.0),
    "joined": lambda x: jnp.where(jnp.tile(x, 2) > 0, jnp.concatenate([x, jnp.log(x)]), 0.0),
    "joined and cut": lambda x: jnp.where(x > 0, jnp.concatenate([jnp.log(x), jnp.sqrt(x)])[:5], 0.0),
    "density": lambda x: jax.scipy.stats.chi2.pdf(x, 3.0),
    "tail": lambda x: jax.scipy.stats.pareto.sf(x, 3.0),
}
"""Right whatever the function gives where it is not chosen."""

CHOSEN = {
    "log": jnp.log,
    "the wrong way": lambda x: jnp.where(x > 0, x, jnp.log(x)),
    "within another choice": lambda x: jnp.where(x < 9, jnp.where(x < 1, jnp.log(x), 2.0), 0.0),
    "before it is chosen": lambda x: jnp.where(x > 0, jnp.log(x).sum(), 0.0),
    "cut": lambda x: jnp.where(x[2:] > 0, jnp.log(x)[:3], 0.0),
    "turned": lambda x: jnp.where(x > 0, jnp.log(x)[::-1], 0.0),
    "joined": lambda x: jnp.where(jnp.tile(x, 2) > -1, jnp.concatenate([x, jnp.log(x)]), 0.0),
    "joined first": lambda x: jnp.where(jnp.tile(x, 2) > -1, jnp.concatenate([jnp.log(x), x]), 0.0),
    "by it": lambda x: jnp.where(jnp.log(x) > 0, x, 0.0),
    "and elsewhere": lambda x: (lambda y: jnp.where(x > 0, y, 0.0) + y[::-1])(jnp.log(x)),
    "in a loop": lambda x: jax.lax.fori_loop(0, 2, lambda i, s: s + jnp.log(x), x),
    "a large exponential": lambda x: jnp.where(x > 5, jnp.exp(x), 1.0),
    "a root of little": lambda x: jnp.where(x > -1, jnp.sqrt(x), 1.0),
}


def warnings(function):
    engine = Engine("plain")
    found = engine.run(function, NUMBERS)
    return found, [sentence for _, sentence in engine.overflows + engine.digits]


@pytest.mark.parametrize("name", DISCARDED)
def test_what_nobody_chooses_is_not_reported(name):
    found, said = warnings(DISCARDED[name])
    assert said == []
    with jax.enable_x64(True):
        right = DISCARDED[name](jnp.asarray(NUMBERS, np.float64))
    np.testing.assert_allclose(found, right, rtol=1e-3, atol=2.5e-4)


@pytest.mark.parametrize("name", CHOSEN)
def test_what_is_chosen_is_reported(name):
    assert any("some number comes out" in sentence for sentence in warnings(CHOSEN[name])[1])
