"""How large a secret vector is, whatever its size: brought near 1 before it is squared.

Which power of two does that is found on the SPU and stays secret. The sum of magnitudes needs no product, so
it tells the size of any vector; the Euclidean norm is at most that sum, and at least that sum over sqrt(n).
So a vector whose sum is brought to between 2**8 and 2**12 has a sum of squares that is neither lost below the
last bit nor beyond the range of products.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import jax.numpy as jnp
import numpy as np

from junto.learn.scaled import powers

LAST: Final = 2.0**-18
"""The least fixed-point number above 0."""

HALF_RANGE: Final = 12
"""The scaled vector's sum of magnitudes is below 2**HALF_RANGE: squares end at 2**26."""

SIZES: Final = np.arange(-24, 33, 4)
"""Exponents that a vector may be divided by."""

TWICE: Final = 16
"""From this exponent on a division is two, for 2**-18 is the least factor that there is."""

DIGITS: Final = np.arange(-4, 9, 4)
"""Exponents that are told apart of the scaled vector's norm: from 2**8 / sqrt(n) to 2**HALF_RANGE."""


class Norm(NamedTuple):
    """``digits * 2**exponent``: digits from 1 to 16, 0 where everything is."""

    digits: Any
    exponent: Any


def norm(x: Any, exponent: Any = 0, least: float = LAST) -> Norm:
    """The Euclidean norm of ``x * 2**exponent``.

    Args:
        x: [n], below 2**25; its sum of magnitudes below 2**44, which is also what fixed point ends at.
        exponent: a secret or public whole number.
        least: a sum of magnitudes below this counts as 0.
    """
    bounds = [least, *np.ldexp(1.0, HALF_RANGE + SIZES[:-1])]
    reached = jnp.sum(jnp.abs(x)) >= np.array(bounds, np.float32)
    here = _last(reached)
    small = jnp.where(reached[int(np.searchsorted(SIZES, TWICE))], x * 2.0**-TWICE, x)
    scaled = small * (_float(here) @ powers(np.where(SIZES >= TWICE, TWICE, 0) - SIZES))
    root = jnp.sqrt(jnp.sum(scaled * scaled))
    place = _last(root >= powers(DIGITS))
    digits = jnp.where(reached[0], root * (_float(place) @ powers(-DIGITS)), 0.0)
    return Norm(digits, here @ _whole(SIZES) + place @ _whole(DIGITS) + exponent)


def _last(reached: Any) -> Any:
    """1 at the last of the bounds that are reached."""
    counted = reached.astype(jnp.int32)
    return counted - jnp.concatenate([counted[1:], jnp.zeros(1, jnp.int32)])


def _float(here: Any) -> Any:
    return here.astype(jnp.float32)


def _whole(numbers: Any) -> Any:
    return np.asarray(numbers, np.int32)


def ratio(one: Norm, other: Norm) -> Any:
    """The first over the second, from 2**-12 to 2**12; beyond that, some number beyond that."""
    shift = jnp.clip(one.exponent - other.exponent, -12, 12)
    known = _whole(np.arange(-12, 13))
    return one.digits / other.digits * (_float(shift == known) @ powers(known))


def root_mean_square(x: Any, exponent: Any, weight: Any = None) -> Norm:
    """That of ``x * 2**exponent``, as rows weigh."""
    if weight is None:
        found = norm(x, exponent)
        half = len(x).bit_length() // 2
        return Norm(found.digits * (2.0**half / len(x) ** 0.5), found.exponent - half)
    root = jnp.sqrt(weight)
    found, whole = norm(x * root, exponent), norm(root)
    return Norm(found.digits / jnp.maximum(whole.digits, 1.0), found.exponent - whole.exponent)


def weighted_mean(x: Any, weight: Any) -> tuple[Any, Any]:
    """The mean as rows weigh, by numbers from 0 to 1; and the exponent that it lacks."""
    bits, whole = (len(x) - 1).bit_length(), norm(jnp.sum(weight)[None])
    return jnp.sum(x * weight) * 2.0**-bits / jnp.maximum(whole.digits, 1.0), bits - whole.exponent


def centred_as_weighed(x: Any, weight: Any) -> Any:
    """The vector without its mean as rows weigh."""
    mean_, exponent = weighted_mean(x, weight)
    known = np.arange(-TWICE, len(x).bit_length() + 1)
    return x - mean_ * (_float(exponent == _whole(known)) @ powers(known))


def centred(x: Any) -> Any:
    """The vector without its mean, which is taken of differences: so constant ones are exactly 0."""
    gaps = x - x[0]
    return gaps - mean(gaps)


def mean(x: Any) -> Any:
    """The mean: the sum is brought down by a power of two before it is multiplied, and so keeps its range."""
    bits = (len(x) - 1).bit_length()
    return (jnp.sum(x) * 2.0**-bits) * (2.0**bits / len(x))
