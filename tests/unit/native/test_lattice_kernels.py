"""What lattices need of the C kernels, against products of polynomials by Python's whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

import native_rows
from junto.mpc.lattice import negacyclic
from junto.mpc.lattice.residues import PRIMES
from junto.native import library
from junto.native.lattice_kernels import LatticeKernels

there = library.loaded().library
pytestmark = pytest.mark.skipif(there is None, reason=library.status())
LATTICES: list[LatticeKernels] = native_rows.levels(there)
MODULI = np.array(PRIMES, np.uint64)
RNG = np.random.default_rng(5)
every_level = pytest.mark.parametrize("kernels", LATTICES, ids=lambda each: f"level {each.level}")


def drawn(*shape: int) -> np.ndarray:
    """Below each prime, [..., primes, n]; the largest ones among them."""
    made = np.stack([RNG.integers(0, p, shape, dtype=np.uint64) for p in PRIMES], axis=-2)
    made[..., 0] = MODULI - np.uint64(1)
    return made


def negacyclic_product(x: list[int], y: list[int], prime: int) -> list[int]:
    """Modulo X**n + 1."""
    out = [0] * len(x)
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            place, sign = (i + j) % len(x), 1 - 2 * ((i + j) // len(x))
            out[place] = (out[place] + sign * a * b) % prime
    return out


@every_level
@pytest.mark.parametrize("n", [2, 8, 32])
def test_products_of_values_at_the_roots_are_products_of_polynomials(kernels: LatticeKernels, n: int) -> None:
    tables, (x, y) = negacyclic.tables(PRIMES, n), (drawn(2, n), drawn(1, n))
    at_roots = [each.copy() for each in (x, y)]
    for each in at_roots:
        kernels.transform(each, tables, MODULI, back=False)
    values = kernels.dot(at_roots[0][:, None], at_roots[1], MODULI)  # one term each
    kernels.transform(values, tables, MODULI, back=True)
    for row, left in enumerate(x):
        for place, prime in enumerate(PRIMES):
            expected = negacyclic_product(left[place].tolist(), y[0, place].tolist(), prime)
            assert values[row, place].tolist() == expected


@every_level
def test_there_and_back_is_where_it_began(kernels: LatticeKernels) -> None:
    x = drawn(3, 64)
    found, tables = x.copy(), negacyclic.tables(PRIMES, 64)
    kernels.transform(found, tables, MODULI, back=False)
    assert (found != x).any()
    kernels.transform(found, tables, MODULI, back=True)
    np.testing.assert_array_equal(found, x)


@every_level
@pytest.mark.parametrize("terms", [0, 1, 7, 40])
def test_sums_are_exact_modulo_each_prime(kernels: LatticeKernels, terms: int) -> None:
    x, y, n = drawn(2, terms, 5), drawn(terms, 5), 5
    exact = (
        (x.astype(object) * y.astype(object)).sum(axis=1) if terms else np.zeros((2, len(PRIMES), n), object)
    )
    np.testing.assert_array_equal(kernels.dot(x, y, MODULI), exact % MODULI.astype(object)[:, None])
    small, factors = x[:, :, 0], drawn(terms, 1)[..., 0]
    exact = np.einsum("ctn,tp->cpn", small.astype(object), factors.astype(object))
    np.testing.assert_array_equal(
        kernels.combine(small, factors, MODULI), exact % MODULI.astype(object)[:, None]
    )


@every_level
def test_what_does_not_fit_is_refused(kernels: LatticeKernels) -> None:
    tables, x = negacyclic.tables(PRIMES, 8), drawn(1, 8)
    refused = [
        lambda: kernels.transform(x[..., :6].copy(), tables[..., :6], MODULI, back=False),
        lambda: kernels.transform(x, negacyclic.tables(PRIMES, 4), MODULI, back=False),
        lambda: kernels.transform(x[:, ::-1], tables, MODULI, back=False),
        lambda: kernels.transform(x, tables, MODULI[:1], back=False),
        lambda: kernels.dot(x[:, None], x[:, :, :4], MODULI),
        lambda: kernels.combine(x, x[0], MODULI),
        lambda: kernels.dot(x[:, None], x, np.array([2**44 - 1, *PRIMES[1:]], np.uint64)),
        lambda: kernels.dot(x[:, None], x, np.array([2**50 - 2**24, *PRIMES[1:]], np.uint64)),
        lambda: kernels.dot(np.zeros((1, 1, 0, 8), np.uint64), np.zeros((1, 0, 8), np.uint64), MODULI[:0]),
    ]
    for each in refused:
        with pytest.raises(ValueError, match=r"no transform|no sums|the primes must be"):
            each()
    with pytest.raises(TypeError):
        kernels.transform(x.astype(np.int64), tables, MODULI, back=False)
