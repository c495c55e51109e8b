"""What a secret jax program computes with: public arrays, secret ones, and how numbers become ring elements.

A float is a fixed-point number, an integer a ring element, a bool a secret bit. Three liberties save most of
the cost of a program, and are why a `Secret` says more than its shape:

* *Public factors wait.* `x / 100` changes no ring element: `scale` says by what they are still to be
  multiplied. That happens as they are truncated, in one gate with all of the factor's digits; so a sum that
  is divided is not cut off before, and `x * 2e-6 * 1e6` loses nothing.
* *The point floats.* A float's `fraction` is whatever the operations before it left: 0 after a conversion
  from an integer, so that a mask times a number needs no truncation; more than the settings' after a product
  that nobody has truncated yet, so that `sum(x * y)` truncates one number and not one for each product.
* *Thin arrays.* `value` may be smaller than `shape`, as long as it broadcasts to it:
  `x / jnp.sum(x)[:, None]` takes one reciprocal a row. Only rules that move elements make them full.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from junto.errors import NotComputable
from junto.mpc.gates import BITS, Flags, Words
from junto.mpc.ring128 import WideArray, as_ring, elements, floats, is_wide, lowest_words, wide_of_floats
from junto.mpc.settings import MpcSettings

Span: TypeAlias = tuple[int, int]
"""The least and the greatest value that an integer can have here, whatever the inputs."""

Kind: TypeAlias = Literal["fixed", "integer", "bits"]

LARGEST = 1 << 61
"""See `largest_element`, in the ring of 64 bits."""

WHOLE_RING: Span = (-(1 << 63), (1 << 63) - 1)
"""The numbers of 64 bits."""


def largest_element(width: int) -> int:
    """No fixed-point number's element is larger: differences of two of them still have the right sign."""
    return 1 << (width - 3)


def whole_ring(width: int) -> Span:
    """All elements of a ring, as signed numbers."""
    return -(1 << (width - 1)), (1 << (width - 1)) - 1


class Side(NamedTuple):
    """How far a secret may lie in one direction, where it stands for infinity.

    Attributes:
        times: how often the largest number is added up in it at most; 0: it is a number.
        rare: whether it is infinite only where nothing else was there to be chosen.
    """

    times: int = 0
    rare: bool = False

    @property
    def sure(self) -> bool:
        """Whether one must expect it."""
        return self.times > 0 and not self.rare


class Infinite(NamedTuple):
    """Whether a secret may hold what stands for infinity; see `primitives.infinite`.

    Attributes:
        up: plus infinity.
        down: minus infinity.
        lost: whether its size does not tell any more.
        foreseen: whether it is so for what jax's own code must expect (`Public.foreseen`).
    """

    up: Side = Side()
    down: Side = Side()
    lost: bool = False
    foreseen: bool = False

    def __bool__(self) -> bool:
        return self.up.times > 0 or self.down.times > 0


NOWHERE = Infinite()
"""It is a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Public:
    """An array that every node knows.

    Args:
        array: a numpy array; of jax's own dtypes (random keys) a jax array.
        foreseen: whether its infinities are written in jax's own code, for what it must expect: the logarithm
            of a singular matrix' determinant, say.
        outside: whether its infinities and NaN are what a function of jax.scipy says outside of its domain.
    """

    array: Any
    foreseen: bool = False
    outside: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """As jax sees it."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """As jax sees it."""
        found: np.dtype[Any] = np.dtype(self.array.dtype)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Secret:
    """An array of which a node holds a share.

    Args:
        value: the gates' ring array, or bits for dtype bool; broadcasts to `shape`.
        dtype: as jax sees it.
        shape: as jax sees it.
        fraction: of a float, bits after the point; else 0.
        scale: of a float, what its numbers are still to be multiplied by, in float64, one number or an array
            that broadcasts to `shape`; None: nothing.
        span: of an integer, the values that it can have; of a float without bits after the point likewise, if
            it is known (`whole_span`). It may lie outside its dtype's range after sums
            and products: then the ring element is right modulo `2**width` only, and `Context.wrapped` makes
            it good where that matters (wider dtypes, floats, division, shifts to the right).
        infinite: of a float, whether it may be infinity.
        twin: in the debug mode, the same number in float64 (`twins.Twin`).
    """

    value: Any
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fraction: int = 0
    span: Span = WHOLE_RING
    infinite: Infinite = NOWHERE
    scale: NDArray[np.float64] | None = field(default=None, repr=False)
    twin: Any = field(default=None, repr=False)

    @property
    def kind(self) -> Kind:
        """How it is held."""
        return kind(self.dtype)

    @property
    def thin(self) -> bool:
        """Whether `value` is still to be broadcast."""
        return tuple(self.value.shape) != self.shape


Value: TypeAlias = Public | Secret


@cache
def kind(dtype: DTypeLike) -> Kind:
    """How the dtype's secrets are held.

    Raises:
        NotComputable: complex numbers and other dtypes have no secret form.
    """
    which: np.dtype[Any] = np.dtype(dtype)
    if which == np.bool_:
        return "bits"
    if np.issubdtype(which, np.integer):
        return "integer"
    if np.issubdtype(which, np.floating) or which.name == "bfloat16":
        return "fixed"
    raise NotComputable(
        f"a secret of dtype {which.name} cannot be computed with",
        fix="use floats, integers or bools; a complex number as two floats",
    )


@cache
def dtype_span(dtype: DTypeLike) -> Span:
    """The values of an integer dtype, as ring elements, so signed for uint64, too; `(0, 0)` of others."""
    which = np.dtype(dtype)
    if not np.issubdtype(which, np.integer):
        return (0, 0)
    if which.itemsize == 8:
        return WHOLE_RING
    return int(np.iinfo(which).min), int(np.iinfo(which).max)


def incoming(value: Any, dtype: DTypeLike, settings: MpcSettings) -> Secret:
    """What `encode` made of an array of this dtype, once it is shared.

    Args:
        value: the gates' array.
        dtype: of the array, as jax sees it (`plan.Plan.inputs`).
        settings: how it is held (`MpcSettings.held_as`).
    """
    which = np.dtype(dtype)
    fraction = settings.fraction if kind(which) == "fixed" else 0
    return Secret(value, which, tuple(value.shape), fraction, dtype_span(which))


def largest_incoming(x: Secret, width: int) -> int:
    """No element of an argument is larger, in the ring modulo 2**width: `encode` refuses it."""
    return largest_element(width) if x.kind == "fixed" else max(-x.span[0], x.span[1])


def encode(array: NDArray[Any], settings: MpcSettings, name: str = "an input") -> Words | Flags:
    """An input in the form that is shared: bits of a bool, ring elements of others.

    Args:
        array: what is to be shared.
        settings: those of the SPU.
        name: of the input, for messages.

    Raises:
        NotComputable: NaN, infinity, a number out of range, or a dtype that has no secret form.
    """
    match kind(array.dtype):
        case "bits":
            return np.asarray(array, dtype=np.bool_)
        case "integer":
            return cast(Words, elements(integer_words(array), settings.width))
        case "fixed":
            return _encode_input(array, settings, name)


def _encode_input(array: NDArray[Any], settings: MpcSettings, name: str) -> Words:
    numbers = np.asarray(array, dtype=np.float64)
    if not np.isfinite(numbers).all():
        what = "NaN" if np.isnan(numbers).any() else "infinity"
        raise NotComputable(
            f"{name} has {what}, which a fixed-point number cannot be",
            fix="replace them before the call, for instance with numpy.nan_to_num",
        )
    limit = largest_element(settings.width) / (1 << settings.fraction)
    if numbers.size and float(np.abs(numbers).max()) >= limit:
        raise NotComputable(
            f"{name} has numbers of {limit:.3g} or more, too large with {settings.fraction} fraction bits",
            fix="scale it down (standardise the columns), or use fewer fraction bits",
        )
    return fixed_words(numbers, settings.fraction, settings.width)


def decode(words: Words | Flags, dtype: DTypeLike, settings: MpcSettings) -> NDArray[Any]:
    """What was revealed, as an array of `dtype`. Integers of fewer than 64 bits wrap, like jax's."""
    which = np.dtype(dtype)
    match kind(which):
        case "bits":
            return np.asarray(words, dtype=np.bool_)
        case "integer":
            return lowest_words(as_ring(np.asanyarray(words))).astype(which)
        case "fixed":
            signed = floats(as_ring(np.asanyarray(words)))
            return np.asarray(np.ldexp(signed, -settings.fraction)).astype(which)


def integer_words(array: NDArray[Any]) -> Words:
    """Integers or bools as words in two's complement; elements of a wider ring as they are."""
    if isinstance(array, WideArray):
        return array
    return np.asarray(array).astype(np.int64 if array.dtype.kind != "u" else np.uint64).astype(np.uint64)


def fixed_words(array: NDArray[Any], fraction: int, width: int = BITS) -> Words:
    """Public numbers as elements of the ring modulo 2**width with `fraction` bits after the point.

    A program's constants need not be data: infinity and what is beyond the range, which start a minimum or
    mask a score, become the largest number of either sign. They must not be scaled afterwards:
    `exact_fraction` gives them all the bits that they will have. (What may be done with it: `infinite`.)

    Raises:
        NotComputable: one of them is NaN. Every public number that meets a secret comes by here.
    """
    numbers = np.asarray(array).astype(np.float64)
    if np.isnan(numbers).any():
        raise NotComputable(
            "a public number that meets secret ones is NaN, which a fixed-point number cannot be",
            fix="leave out what is missing where it is used, as in jnp.mean(x, where=x > 1) or "
            "jnp.min(x, where=x > 1, initial=jnp.inf); or put a number in its place",
        )
    most = float(largest_element(width))
    bounded = np.clip(np.rint(np.ldexp(np.clip(numbers, -most, most), fraction)), -most, most)
    if is_wide(width):
        return wide_of_floats(bounded)
    return np.asarray(bounded.astype(np.int64)).view(np.uint64)


def wrapping(operation: np.ufunc, *operands: Any) -> Words:
    """A ufunc on ring elements, in their ring; numpy would warn of single numbers."""
    with np.errstate(over="ignore"):
        return np.asanyarray(operation(*operands))


def word(number: int) -> Words:
    """One public ring element."""
    return np.asarray(number % (1 << 64), dtype=np.uint64)


def exact_fraction(array: NDArray[Any], most: int, width: int = BITS) -> int:
    """The fewest bits after the point that hold every number of `array` exactly, but `most` at most.

    `most`, too, if a number is infinite or has no room to be brought to `most` bits later (`fixed_words`).
    """
    numbers = np.asarray(array).astype(np.float64)
    numbers = numbers[numbers != 0]
    if not numbers.size:
        return 0
    if not bool(np.abs(numbers).max() < math.ldexp(1.0, width - 3 - most)):
        return most
    mantissa, exponent = np.frexp(numbers)
    whole = np.abs(np.ldexp(mantissa, 53).astype(np.int64))
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return int(np.clip((53 - exponent - zeros).max(), 0, most))
