"""The inverse of a correlation matrix is what its constants promise, by numpy."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from junto.learn.newton import inverse, polished

RIDGE = 2.0**-10
"""What `newton` says is added to the diagonal."""


def correlation(size: int, seed: int, likeness: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(400, 1))
    return np.corrcoef(likeness * common + rng.normal(size=(400, size)), rowvar=False)


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(("size", "likeness"), [(2, 0.0), (5, 1.0), (12, 4.0)])
def test_the_inverse_is_that_of_the_matrix_with_its_ridge(size, likeness):
    c = correlation(size, 1, likeness)
    want = np.linalg.inv(c + RIDGE * np.eye(size))
    assert np.abs(np.asarray(inverse(c, RIDGE)) - want).max() < 1e-9 * np.abs(want).max()


@pytest.mark.parametrize(("size", "likeness"), [(2, 0.0), (5, 1.0), (12, 4.0)])
def test_polishing_leaves_the_fourth_power_of_the_ridge(size, likeness):
    """In the direction of an eigenvalue e, (ridge / (e + ridge)) ** 4 of the inverse is missing."""
    c = correlation(size, 2, likeness)
    values, vectors = np.linalg.eigh(c)
    left = (RIDGE / (values + RIDGE)) ** 4
    want = (vectors * ((1 - left) / values)) @ vectors.T
    assert np.abs(np.asarray(polished(c, inverse(c, RIDGE))) - want).max() < 1e-9 * np.abs(want).max()
