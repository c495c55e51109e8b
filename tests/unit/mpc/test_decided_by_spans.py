"""Whole numbers of which so much is known that a comparison, or an index, is decided without their values."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from junto.mpc.settings import MpcSettings
from mpc_programs import Engine

SIGNS = np.array([0.5, -2, 3, -0.1], np.float32)
SPANS = [(3, 4), (-4, -3), (0, 0), (0, 1), (-1, 1)]
"""The two numbers that are chosen between, of which 3, for three places, are all out of bounds or none."""

MADE = {
    "sign": jnp.sign,
    "floor divided": lambda i: i // 2,
    "remainder": lambda i: i % 3,
    "by itself turned round": lambda i: jnp.floor_divide(i, i[::-1] + 5),
    "shifted": lambda i: lax.shift_right_logical(i, i[::-1]),
    "shifted with its sign": lambda i: lax.shift_right_arithmetic(i, i[::-1]),
    "shifted up": lambda i: lax.shift_left(i, i[::-1]),
    "clipped": lambda i: jnp.clip(i, 0, 2),
    "clipped above": lambda i: jnp.clip(i, 5, 6),
    "chosen": lambda i: jnp.where(i > 2, i, 7),
    "chosen by both": lambda i: jnp.where((i > -9) & (i < 9), i, 7),
    "counted": lambda i: jnp.bincount(jnp.abs(i), length=3),
    "one-hot": lambda i: jax.nn.one_hot(i, 3),
    "read": lambda i: jnp.arange(3).at[i].get(mode="fill", fill_value=7),
    "read within": lambda i: jnp.take(jnp.arange(3), i, mode="clip"),
    "written": lambda i: jnp.zeros((3, 3), int).at[i, i[::-1]].set(i, mode="drop"),
    "the greatest so far": lambda i: jnp.zeros(3, int).at[i].max(i),
    "sums by group": lambda i: jax.ops.segment_sum(SIGNS.astype(int), i, num_segments=3),
    "switched": lambda i: lax.switch(i[0], [lambda: 5, lambda: 6]),
}


@pytest.mark.parametrize("name", MADE)
def test_what_spans_decide_is_what_jax_says(name):
    def made(x, least, most):
        return MADE[name](jnp.where(x > 0, least, most))

    theirs = jax.jit(made)  # once for all spans: compiling takes longer than all the rest
    for span in SPANS:
        found = Engine("plain").run(lambda x, span=span: made(x, *span), SIGNS)
        np.testing.assert_array_equal(found, theirs(SIGNS, *span))


@pytest.mark.parametrize("engine", ["plain", "secure", "pair"])
def test_an_integer_without_a_sign_is_no_negative_float_in_the_wider_ring(engine):
    x = np.array([7, 2**64 - 6144, 2**63 + 2048, 10], np.uint64)
    divisors = np.array([1, 1, 1, 2], np.uint64)

    def floats(x, y):
        return [each.astype(float) for each in (x, x // y, x >> 1, jnp.maximum(x, y), x[y.astype(int)])]

    with jax.enable_x64(True):
        found = Engine(engine, MpcSettings(fraction=32, width=128)).run(floats, x, divisors)
        np.testing.assert_allclose(found, floats(jnp.asarray(x), jnp.asarray(divisors)), rtol=1e-12)
