"""The kernels for polynomials modulo several primes: the part of the page in front that lattices need."""

from __future__ import annotations

import ctypes
from typing import Final

import numpy as np

from junto.native.array_pointers import Words, address, read, written
from junto.native.threads import shared_out

_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_int64
_LEAST: Final = 1 << 15
"""Coefficients that are worth a thread."""
_BITS: Final = range(45, 51)
_BELOW: Final = 1 << 24
"""Primes are at most so much below a power of two: `lattice.c` says why."""
_LONGEST: Final = 1 << 15
_MOST_TERMS: Final = 1 << 28


class LatticeKernels:
    """See `kernels.Kernels`, of which this is a part.

    Args:
        library: the compiled library.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._transform = library.lattice_transform
        self._transform.argtypes = [*[_POINTER] * 3, *[_SIZE] * 4, ctypes.c_int]
        self._transform.restype = None
        self._dot = library.lattice_dot
        self._combine = library.lattice_combine
        for function in (self._dot, self._combine):
            function.argtypes = [*[_POINTER] * 4, *[_SIZE] * 5]
            function.restype = None

    def transform(self, x: Words, tables: Words, primes: Words, *, back: bool) -> None:
        """Polynomials to their values at the roots of X**n + 1, or back, in place: see `negacyclic`.

        Args:
            x: coefficients below the primes, [count, primes, n], one after the other.
            tables: powers, quotients, and both for the way back, [primes, 4, n].
            primes: each below 2**45, ... or 2**50, but by 2**24 at most.
            back: whether it is the way back.

        Raises:
            TypeError: no array of words.
            ValueError: other shapes, no power of two from 2 to 2**15, or other primes.
        """
        tables, primes = np.ascontiguousarray(read(tables, 3)), _primes_read(primes)
        count, several, n = written(x, 3).shape
        fits = several == len(primes) and tables.shape == (several, 4, n) and x.flags.c_contiguous
        if not fits or not 2 <= n <= _LONGEST or n & (n - 1):
            raise ValueError(f"no transform of {x.shape} by {tables.shape}")
        to, by, modulo = address(x), address(tables), address(primes)
        shared_out(
            count * several,
            max(1, _LEAST // n),
            lambda first, last: self._transform(to, by, modulo, several, n, first, last, int(back)),
        )

    def dot(self, x: Words, y: Words, primes: Words) -> Words:
        """Sums of products, modulo each prime, value by value.

        Args:
            x: below the primes, [count, terms, primes, n].
            y: below the primes, [terms, primes, n].
            primes: see `transform`.

        Returns:
            [count, primes, n].

        Raises:
            TypeError: no array of words.
            ValueError: other shapes or primes, or more than 2**28 terms.
        """
        x, y = np.ascontiguousarray(read(x, 4)), np.ascontiguousarray(read(y, 3))
        primes = _primes_read(primes)
        count, terms, several, n = x.shape
        if y.shape != (terms, several, n) or several != len(primes) or terms > _MOST_TERMS:
            raise ValueError(f"no sums of products of {x.shape} and {y.shape}")
        out = np.empty((count, several, n), np.uint64)
        places = address(out), address(x), address(y), address(primes)
        shared_out(
            count * several,
            max(1, _LEAST // max(1, n * terms)),
            lambda first, last: self._dot(*places, terms, several, n, first, last),
        )
        return out

    def combine(self, x: Words, factors: Words, primes: Words) -> Words:
        """Sums of arrays times a number each, modulo each prime.

        Args:
            x: below 2**50, [count, terms, n].
            factors: below the primes, [terms, primes].
            primes: see `transform`.

        Returns:
            [count, primes, n].

        Raises:
            TypeError: no array of words.
            ValueError: other shapes or primes, or more than 2**28 terms.
        """
        x, factors = np.ascontiguousarray(read(x, 3)), np.ascontiguousarray(read(factors, 2))
        primes = _primes_read(primes)
        (count, terms, n), several = x.shape, len(primes)
        if factors.shape != (terms, several) or terms > _MOST_TERMS:
            raise ValueError(f"no sums of products of {x.shape} and {factors.shape}")
        out = np.empty((count, several, n), np.uint64)
        places = address(out), address(x), address(factors), address(primes)
        shared_out(
            count * several,
            max(1, _LEAST // max(1, n * terms)),
            lambda first, last: self._combine(*places, terms, several, n, first, last),
        )
        return out


def _primes_read(primes: Words) -> Words:
    primes = np.ascontiguousarray(read(primes, 1))
    if not len(primes) or not all(_is_below(int(prime)) for prime in primes):
        raise ValueError("the primes must be less than 2**24 below a power of two from 2**45 to 2**50")
    return primes


def _is_below(prime: int) -> bool:
    bits = prime.bit_length()
    return bits in _BITS and (1 << bits) - prime < _BELOW
