"""With which power of its inputs a result grows: what comes of these, multiplied, says it, too."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import Literal

from junto.mpc.degrees import PLAIN, degrees_of, joined, power, size

X, Y = np.array([1.5, 4.0, 2.0]), np.array([3.0, 0.5, 8.0])

PROGRAMS = {
    "a sum of what is alike": lambda x, y: x + x[::-1],
    "a sum with a number": lambda x, y: jnp.maximum(x, 2.0),
    "a product": lambda x, y: x * y * y,
    "a quotient": lambda x, y: x / (y * y),
    "a square": lambda x, y: jax.lax.square(x) * y,
    "a cube": lambda x, y: jax.lax.integer_pow(x, 3) / y,
    "roots": lambda x, y: jnp.sqrt(x) * jax.lax.rsqrt(y) * jnp.cbrt(x),
    "a power": lambda x, y: x**-1.5 * y,
    "what is standardised": lambda x, y: (x - x.sum()) / jnp.sqrt((x * x).sum()) * y,
    "a product of matrices": lambda x, y: jnp.dot(x, y) / x,
}


def degrees(function):
    """Of the result, and the slots of both inputs."""
    with jax.enable_x64(True):
        program = jax.make_jaxpr(function)(X, Y).jaxpr
    slots, constants = {}, {}

    def slot(each):
        if isinstance(each, Literal):
            constants[-len(constants) - 1] = np.asarray(each.val)
            return -len(constants)
        return slots.setdefault(each, len(slots))

    given = [slot(each) for each in program.invars]
    steps = [
        SimpleNamespace(
            name=each.primitive.name,
            params=each.params,
            inputs=[slot(one) for one in each.invars],
            outputs=[slot(one) for one in each.outvars],
        )
        for each in program.eqns
    ]
    found = degrees_of(steps, set(constants), constants)
    return found[slot(program.outvars[0])], given


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "a sum with a number"])
def test_a_result_grows_as_it_is_said(name):
    function = PROGRAMS[name]
    degree, slots = degrees(function)
    for which, each in enumerate(slots):
        given = [X, Y]
        given[which] = given[which] * 7.0
        grown, was = (np.asarray(function(*map(jnp.asarray, both)), float) for both in (given, [X, Y]))
        np.testing.assert_allclose(grown, was * 7.0 ** float(degree.get(each, 0)), rtol=1e-5)
    assert set(degree) <= set(slots)


def test_what_is_public_beside_a_secret_may_be_anything():
    degree, (x, _) = degrees(PROGRAMS["a sum with a number"])
    assert degree == {x: 1}


def test_what_grows_otherwise_or_is_no_power_is_an_input_of_its_own():
    for function in (lambda x, y: x + y, lambda x, y: jnp.exp(x), lambda x, y: x**y):
        degree, given = degrees(function)
        assert list(degree.values()) == [1]
        assert not set(degree) & set(given)


def test_degrees_add_up_and_are_multiplied():
    x, y = {1: Fraction(2), 2: Fraction(1, 2)}, {2: Fraction(1, 2), 3: Fraction(-1)}
    assert joined(x, y, 1) == {1: 2, 2: 1, 3: -1}
    assert joined(x, y, -1) == {1: 2, 3: 1}
    assert power(x, Fraction(-2)) == {1: -4, 2: -1}
    assert power(x, Fraction(0)) == PLAIN
    assert (size(x), size(y), size(PLAIN)) == (Fraction(5, 2), Fraction(3, 2), 0)
