"""Polynomials modulo X**n + 1 and modulo primes: at its roots their products are products of values.

Paper:     Longa, Naehrig, "Speeding up the number theoretic transform for faster ideal lattice-based
           cryptography", CANS 2016, section 3.
Computes:  transforms in both directions, and sums of products of values.
Cost:      n log2(n) / 2 products for each prime; no branch and no address depends on a coefficient.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.lattice.residues import PRIMES, minus, moduli, plus, times
from junto.native import kernels

DEGREE: Final = 8192
"""n: see `ring_lwe` for what it is worth."""


@cache
def tables(count: int, n: int = DEGREE) -> Words:
    """Powers of roots of unity for the first primes, in bit-reversed order, [count, 4, n].

    Of psi, with psi**n = -1, and their quotients floor(w 2**64 / p); then of its inverse. The first power of
    the inverse, which is 1 and is not needed, is 1 / n instead.
    """
    made = np.empty((count, 4, n), np.uint64)
    bits = n.bit_length() - 1
    places = [int(format(i, f"0{bits}b")[::-1], 2) for i in range(n)]
    for prime, into in zip(PRIMES, made, strict=False):
        psi = _root(prime, 2 * n)
        for start, root, first in ((0, psi, 1), (2, pow(psi, -1, prime), pow(n, -1, prime))):
            powers = [1] * n
            for i in range(1, n):
                powers[i] = powers[i - 1] * root % prime
            ordered = [first, *(powers[place] for place in places[1:])]
            into[start], into[start + 1] = ordered, [(power << 64) // prime for power in ordered]
    made.flags.writeable = False
    return made


def _root(prime: int, order: int) -> int:
    """The first power of a small number that has this order, a power of two."""
    return next(
        root
        for base in range(2, prime)
        if pow(root := pow(base, (prime - 1) // order, prime), order // 2, prime) == prime - 1
    )


def values(x: Words) -> Words:
    """Coefficients [..., primes, n] as values at the roots; may be put into x."""
    return _transformed(x, back=False)


def coefficients(x: Words) -> Words:
    """The inverse of `values`; may be put into x."""
    return _transformed(x, back=True)


def _transformed(x: Words, *, back: bool) -> Words:
    count, n = x.shape[-2:]
    flat = np.ascontiguousarray(x).reshape(-1, count, n)
    native = kernels()
    if native is not None:
        native.transform(flat, tables(count, n), moduli(count)[:, 0], back=back)
    else:
        (backward if back else forward)(flat, tables(count, n))
    return flat.reshape(x.shape)


def summed_products(x: Words, y: Words) -> Words:
    """Sums of products of values: [..., terms, primes, n] and [terms, primes, n] to [..., primes, n]."""
    flat = x.reshape(-1, *x.shape[-3:])
    native = kernels()
    primes = moduli(x.shape[-2])
    made = dot(flat, y) if native is None else native.dot(flat, y, primes[:, 0])
    return made.reshape(*x.shape[:-3], *x.shape[-2:])


# -------------------------------------------------------------------- twins of the kernels


def forward(x: Words, powers: Words) -> None:
    """`values` of [count, primes, n], in place."""
    count, several, n = x.shape
    m, half, primes = 1, n // 2, moduli(several)[:, :, None]
    while m < n:
        pairs = x.reshape(count, several, m, 2, half)
        low, high = pairs[..., 0, :], pairs[..., 1, :]
        scaled = times(high, powers[:, 0, m : 2 * m, None], primes)
        high[...] = minus(low, scaled, primes)
        low[...] = plus(low, scaled, primes)
        m, half = 2 * m, half // 2


def backward(x: Words, powers: Words) -> None:
    """`coefficients` of [count, primes, n], in place."""
    count, several, n = x.shape
    m, half, primes = n // 2, 1, moduli(several)[:, :, None]
    while m:
        pairs = x.reshape(count, several, m, 2, half)
        low, high = pairs[..., 0, :], pairs[..., 1, :]
        difference = minus(low, high, primes)
        low[...] = plus(low, high, primes)
        high[...] = times(difference, powers[:, 2, m : 2 * m, None], primes)
        m, half = m // 2, 2 * half
    x[...] = times(x, powers[:, 2, :1], moduli(several))


def dot(x: Words, y: Words) -> Words:
    """`summed_products` of [count, terms, primes, n]."""
    primes = moduli(x.shape[-2])
    total = np.zeros((len(x), *x.shape[2:]), np.uint64)
    for term, factor in enumerate(y):
        total = plus(total, times(x[:, term], factor, primes), primes)
    return total
