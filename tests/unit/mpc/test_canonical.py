"""Plans do not depend on the version of jax, and programs that differ have different ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import plan_digests
from junto.mpc import fingerprint
from junto.mpc.canonical import text
from junto.mpc.plan import trace
from junto.mpc.primitives.primitive_parameters import HONOURED
from junto.mpc.rewritten import NEWER
from mpc_programs import Engine

X = np.array([0.5, 1.0, 2.0, -1.0], np.float32)


def test_functions_become_the_plans_that_other_versions_make():
    assert not plan_digests.unlike(plan_digests.digests(every=3))  # all of them: `make matrix`


def test_what_a_rule_reads_is_part_of_the_text():
    read = {name for names in HONOURED.values() for name in names}
    assert not fingerprint.IRRELEVANT & read


@pytest.mark.parametrize("function", [jnp.sin, lambda v: v * 2])
def test_functions_applied_at_an_index_are_two_functions(function):
    def both(x):
        return x.at[0].apply(jnp.cos), x.at[0].apply(function)

    one, other = (trace(lambda x, f=f: x.at[0].apply(f), [X], {}).fingerprint for f in (jnp.cos, function))
    assert one != other
    for got, expected in zip(Engine("plain").run(both, X), both(jnp.asarray(X)), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-3)


WRITTEN_OUT = {
    "stack": lambda x: jnp.stack([x, 2 * x], 1),
    "tile": lambda x: jnp.tile(x, (2, 3)),
    "unstack": lambda x: jnp.unstack(x.reshape(2, 2), axis=1),
}
"""Primitives of newer versions, as this one makes them."""


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_primitive_of_newer_versions_is_written_out(name):
    function = WRITTEN_OUT[name]
    assert name in NEWER
    assert name not in " ".join(text(trace(function, [X], {}).block))
    for got, expected in zip(
        jax.tree.leaves(Engine("plain").run(function, X)), jax.tree.leaves(function(X)), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=1e-3)


DEFINED = {
    "log2": (jnp.log2, [np.abs(X)]),
    "one_minus_square": (lambda x: 1 - x**2, [X]),
    "polynomial": (lambda x, a, b, c: a + b * x + c * x**2, [X, X[::-1], X[:1], X[1]]),
}
"""What primitives that this version may lack compute: the constant of a polynomial comes first."""


@pytest.mark.parametrize("name", DEFINED)
def test_a_primitive_that_is_written_out_computes_the_same(name):
    function, operands = DEFINED[name]
    given = [jnp.asarray(each) for each in operands]
    np.testing.assert_allclose(NEWER[name]({}, *given), function(*given), rtol=1e-6)


LIKE = {
    "a slice of all": (lambda x: lax.slice(x, (0,), (4,)) + 1, lambda x: x + 1),
    "strides of 1": (lambda x: lax.slice(x, (1,), (3,), (1,)), lambda x: lax.slice(x, (1,), (3,))),
    "a shape that stays": (lambda x: x.reshape(4) * 2, lambda x: x * 2),
    "the order of equal numbers that are alone": (
        lambda x: lax.sort(x, is_stable=False),
        lambda x: lax.sort(x, is_stable=True),
    ),
}


@pytest.mark.parametrize("name", LIKE)
def test_what_changes_nothing_leaves_no_trace(name):
    one, other = (trace(each, [X], {}).fingerprint for each in LIKE[name])
    assert one == other


UNLIKE = {
    "the order of equal numbers with others behind them": (
        lambda x: lax.sort((x, x[::-1]), is_stable=False),
        lambda x: lax.sort((x, x[::-1]), is_stable=True),
    ),
    "a direction": (lambda x: lax.cumsum(x, reverse=True), lambda x: lax.cumsum(x)),
    "a length": (lambda x: lax.fori_loop(0, 3, lambda _, v: v + x, x), lambda x: x + x + x + x),
    "a stride": (lambda x: lax.slice(x, (0,), (4,), (2,)), lambda x: lax.slice(x, (0,), (4,), (3,))),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_what_changes_a_result_does(name):
    one, other = (trace(each, [X], {}).fingerprint for each in UNLIKE[name])
    assert one != other
