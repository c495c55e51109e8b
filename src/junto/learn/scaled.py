"""Arrays with a power of two beside them: on an SPU as exact at 1e-9 as at 1e9.

A fixed-point number has so many digits after the point, whatever its size. So a number whose size is not
known beforehand is held as ``digits * 2**exponent``: both secret, the digits of a size that fixed point is
good at. Whoever is shown such a value learns the digits and the exponent.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.device.spu.object import SPUObject

DIGITS, EXPONENT = "digits", "exponent"

FINEST, LARGEST = -18, 21
"""Exponents of powers of two by which digits up to 32 can be multiplied in fixed point."""

ROOM: Final = 19
"""Bits before the point of the digits that a party shares: sums of a million of them stay in range."""


def is_scaled(value: Any) -> bool:
    """Whether a handle has digits and an exponent of its own."""
    return isinstance(value, SPUObject) and value.told.reading is unscaled


def scaled(digits: SPUObject, exponent: SPUObject, power: SPUObject) -> SPUObject:
    """A handle of ``digits * 2**exponent``, which is shown so; functions on the SPU get it as fixed point.

    Args:
        digits: an array.
        exponent: a whole number.
        power: ``2**exponent`` as far as fixed point goes.
    """
    spu = digits.device
    value: SPUObject = spu(jnp.multiply)(digits, power)
    return value.read_as(spu(_told, num_returns_policy="single")(digits, exponent), unscaled)


def _told(digits: Any, exponent: Any) -> dict[str, Any]:
    return {DIGITS: digits, EXPONENT: exponent}


def unscaled(told: Any) -> NDArray[np.float64]:
    """``digits * 2**exponent``, in the clear."""
    return np.asarray(np.ldexp(np.asarray(told[DIGITS], np.float64), told[EXPONENT]))


def in_digits(values: NDArray[np.float64], room: int = ROOM) -> dict[str, Any]:
    """The other way, at the owner of values: digits below ``2**room``."""
    exponent = exponent_of(values) - room
    return {DIGITS: np.ldexp(values, -exponent), EXPONENT: np.int32(exponent)}


def exponent_of(values: Any) -> int:
    """The least e with all values below 2**e in magnitude; 0 if all are 0."""
    largest = float(np.max(np.abs(values), initial=0.0))
    return int(np.frexp(largest)[1]) if largest else 0


# -------------------------------------------------------------------- on the SPU


def unit(exponent: Any) -> Any:
    """``2**exponent`` of a secret whole number as far as fixed point goes: 0 below, the largest beyond."""
    known = np.arange(FINEST, LARGEST + 1)
    here = jnp.minimum(exponent, LARGEST) == known.astype(np.int32)
    return here.astype(jnp.float32) @ powers(known)


def aligned(one: Any, exponent: Any, other: Any, others: Any) -> tuple[Any, Any, Any]:
    """The digits of two arrays under one exponent, the greater of theirs; and that exponent."""
    common = jnp.maximum(exponent, others)
    return _shrunk(one, common - exponent), _shrunk(other, common - others), common


def one_below_the_other(parts: Any) -> dict[str, Any]:
    """Arrays with exponents of their own as one, with the greatest of them."""
    exponents = [jnp.asarray(each[EXPONENT]) for each in parts]
    common = functools.reduce(jnp.maximum, exponents)
    digits = [
        _shrunk(each[DIGITS], common - exponent) for each, exponent in zip(parts, exponents, strict=True)
    ]
    return {DIGITS: jnp.concatenate(digits), EXPONENT: common}


def _shrunk(digits: Any, bits: Any) -> Any:
    """``digits / 2**bits``, in two steps: half of `bits` is no more than fixed point has after the point."""
    known = np.arange(-2 * FINEST + 1)
    here = (bits == known.astype(np.int32)).astype(jnp.float32)
    first, second = (here @ (2.0**-half).astype(np.float32) for half in (known // 2, known - known // 2))
    return digits * first * second


def powers(exponents: Any) -> NDArray[np.float32]:
    """Two to the power of public exponents."""
    return np.asarray(np.ldexp(1.0, np.asarray(exponents)), np.float32)
