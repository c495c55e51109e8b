"""Remainders of floats by secret numbers, against numpy's."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from mpc_programs import Engine


@pytest.mark.parametrize("size", [1e2, 1e4, 1e6, 4e6])
@pytest.mark.parametrize("divisor", [2.0**-7, 0.625, 3.0, 1024.5])
def test_a_remainder_is_that_of_the_numbers_held_or_is_reported(size: float, divisor: float) -> None:
    x = np.rint(np.random.default_rng(5).uniform(-1, 1, 20) * size * 16).astype(np.float32) / 16
    engine = Engine("plain")
    got = engine.run(jnp.fmod, x, np.full(20, divisor, np.float32))
    right = np.array_equal(got, np.fmod(x, np.float32(divisor)))
    assert right or engine.overflows
    assert right or size / divisor > 16_000
