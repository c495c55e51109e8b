"""A function of jax's that is computed in another way is so only for the parameters that this way honours."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mpc_programs import Engine

ROWS = np.random.default_rng(11).uniform(-3, 3, (3, 4)).astype(np.float32)
SYMMETRIC = np.array([[3, 1, 0.5], [1, -2, 0.25], [0.5, 0.25, 0.8]], np.float32)


@pytest.mark.parametrize("rtol", [None, 0.0, 0.1, 0.5])
@pytest.mark.parametrize("hermitian", [False, True])
def test_a_pseudo_inverse_leaves_out_the_singular_values_that_it_is_told_to(rtol, hermitian):
    matrix = SYMMETRIC if hermitian else ROWS

    def inverse(a):
        return jnp.linalg.pinv(a, rtol=rtol, hermitian=hermitian)

    with jax.enable_x64(True):
        right = inverse(jnp.asarray(matrix, np.float64))
    np.testing.assert_allclose(Engine("plain").run(inverse, matrix), right, atol=1e-3)
