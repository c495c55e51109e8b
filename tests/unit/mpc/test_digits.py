"""The debug mode says where a number has too few digits, and only there."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from junto.mpc.digits import STEPS
from mpc_programs import Engine

UNIT = 2.0**-18
MULTIPLY = {
    "cbrt": (jnp.cbrt, 2),
    "div": (lambda x: 3 / x, 20),
    "log": (jnp.log, 2),
    "mul": (lambda x: x * 1000.0, 20),
    "pow": (lambda x: x**-0.5, 20),
    "rsqrt": (lax.rsqrt, 20),
    "sqrt": (jnp.sqrt, 2),
}
"""Of each step that multiplies an error, and how many units are too few."""

FINE = {
    "a sum": lambda x: x + 1000,
    "a whole number": lambda x: 1000 * jnp.round(1 + x),
    "a small result": lambda x: x * 0.5,
    "an integer's quotient": lambda x: 1 / (1 + x).astype(jnp.int32).astype(jnp.float32),
    "a factor that is taken back": lambda x: (1 + x) * 2e-6 * 1e6,
}


def said(function, number: float) -> list[str]:
    engine = Engine("plain")
    engine.run(function, np.array([0.5, number], np.float32))
    return [sentence for _, sentence in engine.digits]


def test_every_step_has_a_case():
    assert set(MULTIPLY) == set(STEPS)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_few_digits_are_reported_and_many_are_not(name):
    function, units = MULTIPLY[name]
    (sentence,) = said(function, units * UNIT)
    assert "has few digits" in sentence
    assert said(function, 1000 * UNIT) == []


@pytest.mark.parametrize("name", FINE)
def test_what_is_right_is_not_reported(name):
    assert said(FINE[name], 2 * UNIT) == []
