"""A function of jax's that is computed in another way is so only for the parameters that this way honours."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from junto.mpc.settings import MpcSettings
from mpc_programs import Engine
from tries import each_once

ROWS = np.random.default_rng(11).uniform(-3, 3, (3, 4)).astype(np.float32)
SYMMETRIC = np.array([[3, 1, 0.5], [1, -2, 0.25], [0.5, 0.25, 0.8]], np.float32)


@pytest.mark.parametrize(("rtol", "hermitian"), each_once([None, 0.0, 0.1, 0.5], [False, True]))
def test_a_pseudo_inverse_leaves_out_the_singular_values_that_it_is_told_to(rtol, hermitian):
    matrix = SYMMETRIC if hermitian else ROWS

    def inverse(a):
        return jnp.linalg.pinv(a, rtol=rtol, hermitian=hermitian)

    with jax.enable_x64(True):
        right = inverse(jnp.asarray(matrix, np.float64))
    np.testing.assert_allclose(Engine("plain").run(inverse, matrix), right, atol=1e-3)


RINGS = {"FM64": MpcSettings(), "FM128": MpcSettings(fraction=32, width=128)}
OF_ANY_SIZE = {
    "cond": (jnp.linalg.cond, np.float32([[0.6, 0.3, 0.1], [0.2, 0.9, 0.7], [0.8, 0.4, 0.5]])),
    "frexp": (jnp.frexp, np.float32([0.75, -0.3, 0.0])),
}
"""Functions that are rewritten with the least number, or the greatest, that a ring has."""


@pytest.mark.parametrize(("ring", "name"), each_once(RINGS, OF_ANY_SIZE))
def test_what_knows_the_least_number_is_right_or_reported_of_any_size(name, ring):
    function, numbers = OF_ANY_SIZE[name]
    for power in (-40, -30, -20, -10, 0, 20, 40, *([60] if ring == "FM128" and name == "frexp" else [])):
        engine, given = Engine("plain", RINGS[ring]), np.ldexp(numbers, power).astype(np.float32)
        with jax.enable_x64(True):
            want = jax.tree_util.tree_leaves(function(jnp.asarray(given, np.float64)))
        got = jax.tree_util.tree_leaves(engine.run(function, given))
        right = all(np.allclose(*pair, rtol=1e-3) for pair in zip(got, want, strict=True))
        assert right or engine.digits or engine.overflows, (power, got, want)
