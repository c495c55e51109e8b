"""The integrals of sine and cosine, and Fresnel's, against scipy."""

from __future__ import annotations

import jax.scipy.special
import numpy as np
import pytest
from scipy import special

from mpc_programs import Engine

SIZES = np.concatenate([[0.01, 1.599, 1.601, 3.999, 4.001, 80, 500], np.linspace(0.1, 30, 60)])
X = np.concatenate([SIZES, -SIZES]).astype(np.float32)


@pytest.mark.parametrize("name", ["sici", "fresnel"])
def test_as_scipy_has_them(name):
    function = getattr(jax.scipy.special, name)
    got = Engine("plain").run(lambda x: function(x), X)
    first, second = getattr(special, name)(np.abs(X.astype(np.float64)))
    sign = np.sign(X)
    np.testing.assert_allclose(got[0], first * sign, atol=1e-4)
    np.testing.assert_allclose(got[1], second * (sign if name == "fresnel" else 1), atol=3e-4)
