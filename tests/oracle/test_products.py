"""Products of matrices against numpy in float64: their error is that of the operands' last places."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from junto.mpc.settings import MpcSettings
from mpc_programs import Engine

UNIT = 2.0**-18


@pytest.mark.parametrize("engine", ["plain", "secure"])
@pytest.mark.parametrize("depth", [1, 30, 1000, 20_000])
@pytest.mark.parametrize("size", [2.0**-10, 1.0, 2.0**8])
def test_a_product_of_matrices(engine, depth, size):
    rng = np.random.default_rng(depth)
    x = rng.uniform(-size, size, (8, depth)).astype(np.float32)
    y = rng.uniform(-1 / depth, 1 / depth, (depth, 5)).astype(np.float32) * 16
    found = np.asarray(Engine(engine, MpcSettings()).run(jnp.matmul, x, y), np.float64)
    exact = x.astype(np.float64) @ y.astype(np.float64)
    # each operand is off by half a unit at most, the truncation by one more and the result's rounding
    bound = UNIT / 2 * (np.abs(x).sum(1)[:, None] + np.abs(y).sum(0)[None, :]) + 2 * UNIT
    bound = bound + np.abs(exact) * 2.0**-24
    assert (np.abs(found - exact) <= bound).all()
    # half a unit is the worst: what is rounded at random adds up as a root
    chance = UNIT * (
        1 + np.sqrt((x.astype(float) ** 2).sum(1).max() / 12 + (y.astype(float) ** 2).sum(0).max() / 12)
    )
    assert np.sqrt(np.mean((found - exact) ** 2)) <= 3 * chance + np.abs(exact).max() * 2.0**-24
