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
from junto.mpc.lattice.residues import PRIMES, column, minus, plus, times
from junto.native import kernels

DEGREE: Final = 8192
"""n: see `ring_lwe` for what it is worth."""


@cache
def tables(primes: tuple[int, ...] = PRIMES, n: int = DEGREE) -> Words:
    """Powers of roots of unity for primes, in bit-reversed order, [primes, 4, n].

    Of psi, with psi**n = -1, and their quotients floor(w 2**64 / p); then of its inverse. The first power of
    the inverse, which is 1 and is not needed, is 1 / n instead.
    """
    made = np.empty((len(primes), 4, n), np.uint64)
    bits = n.bit_length() - 1
    places = np.zeros(1, np.intp)
    for _ in range(bits):
        places = np.concatenate([2 * places, 2 * places + 1])
    for prime, into in zip(primes, made, strict=True):
        psi, modulo = _root(prime, 2 * n), np.array(prime, np.uint64)
        for start, root, first in ((0, psi, 1), (2, pow(psi, -1, prime), pow(n, -1, prime))):
            powers = np.ones(1, np.uint64)
            while len(powers) < n:
                by = np.array(pow(root, len(powers), prime), np.uint64)
                powers = np.concatenate([powers, times(powers, by, modulo)])
            powers[0] = first
            into[start] = powers[places]
            into[start + 1] = _quotients(into[start], modulo)
    made.flags.writeable = False
    return made


def _quotients(x: Words, prime: Words) -> Words:
    """floor(x 2**64 / prime), a few digits after the other."""
    made = np.zeros_like(x)
    for digits in (14, 14, 14, 14, 8):
        more, x = np.divmod(x << np.uint64(digits), prime)
        made = made << np.uint64(digits) | more
    return made


def _root(prime: int, order: int) -> int:
    """The first power of a small number that has this order, a power of two."""
    return next(
        root
        for base in range(2, prime)
        if pow(root := pow(base, (prime - 1) // order, prime), order // 2, prime) == prime - 1
    )


def values(x: Words, primes: tuple[int, ...] = PRIMES) -> Words:
    """Coefficients [..., primes, n] as values at the roots, modulo the first primes; may be put into x."""
    return _transformed(x, primes, back=False)


def coefficients(x: Words, primes: tuple[int, ...] = PRIMES) -> Words:
    """The inverse of `values`; may be put into x."""
    return _transformed(x, primes, back=True)


def _transformed(x: Words, primes: tuple[int, ...], *, back: bool) -> Words:
    count, n = x.shape[-2:]
    flat = np.ascontiguousarray(x).reshape(-1, count, n)
    some = primes[:count]
    native = kernels()
    if native is not None:
        native.transform(flat, tables(some, n), column(some)[:, 0], back=back)
    else:
        (backward if back else forward)(flat, tables(some, n), column(some))
    return flat.reshape(x.shape)


def summed_products(x: Words, y: Words, primes: tuple[int, ...] = PRIMES) -> Words:
    """Sums of products of values: [..., terms, primes, n] and [terms, primes, n] to [..., primes, n]."""
    flat = x.reshape(-1, *x.shape[-3:])
    native, by = kernels(), column(primes[: x.shape[-2]])
    made = dot(flat, y, by) if native is None else native.dot(flat, y, by[:, 0])
    return made.reshape(*x.shape[:-3], *x.shape[-2:])


def combined(x: Words, factors: Words, primes: tuple[int, ...]) -> Words:
    """Sums of numbers below 2**50 [..., terms, n], times one of [terms, primes] each: [..., primes, n]."""
    flat = x.reshape(-1, *x.shape[-2:])
    native, by = kernels(), column(primes)
    made = combine(flat, factors, by) if native is None else native.combine(flat, factors, by[:, 0])
    return made.reshape(*x.shape[:-2], *made.shape[-2:])


# -------------------------------------------------------------------- twins of the kernels


def forward(x: Words, powers: Words, moduli: Words) -> None:
    """`values` of [count, primes, n], in place."""
    count, several, n = x.shape
    m, half, primes = 1, n // 2, moduli[:, :, None]
    while m < n:
        pairs = x.reshape(count, several, m, 2, half)
        low, high = pairs[..., 0, :], pairs[..., 1, :]
        scaled = times(high, powers[:, 0, m : 2 * m, None], primes)
        high[...] = minus(low, scaled, primes)
        low[...] = plus(low, scaled, primes)
        m, half = 2 * m, half // 2


def backward(x: Words, powers: Words, moduli: Words) -> None:
    """`coefficients` of [count, primes, n], in place."""
    count, several, n = x.shape
    m, half, primes = n // 2, 1, moduli[:, :, None]
    while m:
        pairs = x.reshape(count, several, m, 2, half)
        low, high = pairs[..., 0, :], pairs[..., 1, :]
        difference = minus(low, high, primes)
        low[...] = plus(low, high, primes)
        high[...] = times(difference, powers[:, 2, m : 2 * m, None], primes)
        m, half = m // 2, 2 * half
    x[...] = times(x, powers[:, 2, :1], moduli)


def dot(x: Words, y: Words, primes: Words) -> Words:
    """`summed_products` of [count, terms, primes, n]."""
    total = np.zeros((len(x), *x.shape[2:]), np.uint64)
    for term, factor in enumerate(y):
        total = plus(total, times(x[:, term], factor, primes), primes)
    return total


def combine(x: Words, factors: Words, primes: Words) -> Words:
    """`combined` of [count, terms, n]."""
    total = np.zeros((len(x), len(primes), x.shape[-1]), np.uint64)
    for term, factor in enumerate(factors):
        total = plus(total, times(x[:, term, None], factor[:, None], primes), primes)
    return total
