"""What of a program must be right in proportion, and which of its results keep the digits of squares."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from junto.mpc.plan import trace
from junto.mpc.primitives.context import fraction_of
from junto.mpc.proportions import Proportions, proportions
from junto.mpc.values import Secret

ROW = jax.ShapeDtypeStruct((8,), np.float32)
MEAN_TO_SQUARE = 3
"""A sum of 8 squares has three bits less than one of them, so that it has room."""


def of(function, given=None) -> Proportions:
    plan = trace(function, (ROW, ROW), {})
    return proportions(plan.block, [given, None])


@pytest.mark.parametrize(
    ("function", "less"),
    [
        (lambda x, y: x * x, 0),
        (lambda x, y: (x**2).mean(), 0),
        (lambda x, y: (x**2).sum(), MEAN_TO_SQUARE),
        (lambda x, y: 0.9 * y + 0.1 * x * x, None),
        (lambda x, y: 0.9 * y + 0.1 * x**2, 0),  # a running mean
        (lambda x, y: y + x**2, None),  # y may be larger than any square
        (lambda x, y: x * y, None),
        (lambda x, y: jnp.sqrt(x * x), None),
        (lambda x, y: jnp.where(x > 0, x * x, y), None),
    ],
)
def test_results_that_are_made_of_squares_alone_keep_their_digits(function, less):
    assert of(function).results == (less,)


def test_what_came_so_leaves_so():
    assert of(lambda x, y: x[::-1], given=0).results == (0,)
    assert of(lambda x, y: x + y, given=0).results == (None,)


def test_of_products_those_matter_that_a_root_or_a_quotient_is_taken_of():
    assert not any(of(lambda x, y: jnp.tanh(x * y)).slots.values())
    for use in (jnp.sqrt, jnp.log, jax.lax.rsqrt, lambda z: 1 / z):
        assert any(of(lambda x, y, use=use: use(x * y)).slots.values())


@pytest.mark.parametrize(
    ("fraction", "scale", "bits"),
    [(64, None, 64), (64, 0.001, 64), (50, 0.001, 60), (64, 1000.0, 55), (32, 0.9, 33)],
)
def test_a_number_has_as_many_digits_as_leave_it_its_range(fraction, scale, bits):
    held = None if scale is None else np.asarray(scale)
    x = Secret(np.zeros(1), np.dtype(np.float64), (1,), fraction, scale=held)
    assert fraction_of(x, 64) == bits
