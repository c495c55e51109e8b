"""Coefficients: computed once, where they are first used, and the same at every node.

Nodes whose public numbers differ in one bit get shares that do not fit. So every coefficient is rounded to a
coarser grid than the error with which it was computed: what a machine's libraries make different is rounded
away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Words

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def fixed(value: float, fraction: int) -> Words:
    """One public number as a ring element."""
    return np.array(round(value * (1 << fraction)) % 2**64, np.uint64)


def fixed_table(values: Sequence[float] | NDArray[np.float64], fraction: int) -> Words:
    """A table of public numbers as ring elements."""
    return np.array([round(float(value) * (1 << fraction)) % 2**64 for value in values], np.uint64)


def chebyshev(function: Function, low: float, high: float, degree: int) -> NDArray[np.float64]:
    """Coefficients, lowest first, of a polynomial in x less the middle, nearly the best on [low, high].

    Interpolation at Chebyshev's nodes (Trefethen, Approximation Theory and Approximation Practice, chapter
    16).
    """
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1)) * half
    found = np.polynomial.polynomial.polyfit(nodes, function(nodes + middle), degree)
    return np.asarray(found, np.float64)


@cache
def sine_series(name: str, period: float, limit: float, terms: int) -> tuple[float, ...]:
    """Sines of a period that make an odd function on [-limit, limit].

    s[k] is the coefficient of sin(2 pi k x / period), s[0] = 0.
    Least squares on a fine grid; between `limit` and the period's end the sum is free to bend back, with a
    slight pull towards small coefficients. Rounded to 24 bits.
    """
    x = np.linspace(0, limit, 4000)
    basis = np.sin(2 * np.pi * np.outer(x, np.arange(1, terms + 1)) / period)
    pull = 1e-7 * np.eye(terms)
    target = np.concatenate([ODD[name](x), np.zeros(terms)])
    found = np.linalg.lstsq(np.concatenate([basis, pull]), target, rcond=None)[0]
    return (0.0, *(float(np.rint(value * 2**24) / 2**24) for value in found))


def _half_logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * np.tanh(x / 2)


def _erf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    from math import erf

    return np.array([erf(value) for value in x])


ODD: Mapping[str, Function] = {"half logistic": _half_logistic, "erf": _erf}
