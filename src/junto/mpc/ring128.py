"""Arrays of ring elements of 128 bits, which numpy has no type for.

A `WideArray` is an array of pairs of words, the lower one first, so that an element lies in memory as a
number of 128 bits does. Whatever moves elements (reshape, slices, gather, concatenate, broadcast) is numpy's
own; the arithmetic, which is here, comes by numpy's operators as it does for `uint64`: everything wraps
around silently and exactly. Other operands are numbers: Python's integers modulo 2**128, and *words in two's
complement*, as all public words are here. So what is computed with small constants is the same in both rings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from junto.native import Kernels, kernels
from junto.native.array_pointers import PAIR, room_for, same_place

WIDE_BITS: Final = 128
WIDE_DTYPE: Final = PAIR
_WORD: Final = 1 << 64
_HALF: Final = np.uint64(32)
_LOW_HALF: Final = np.uint64(0xFFFFFFFF)
_TOP: Final = np.uint64(63)
_ZERO: Final = np.uint64(0)
_SHORT: Final = 64
"""Rows of so few elements are no matrix for the tiles of a product."""
_FEW: Final = 64
"""Of so few integers numpy makes elements as quickly as a kernel does."""

_Words: TypeAlias = NDArray[np.uint64]
_Pair: TypeAlias = tuple[_Words, _Words]
"""Lower words, and upper ones."""


class WideArray(np.ndarray[Any, Any]):
    """See the module. Made by `wide_zeros`, `wide_from`, `widened` and `wide_of_floats`."""

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Any:
        act = _METHODS.get((ufunc, method))
        if act is None or any(hasattr(each, "widened") for each in inputs):
            return NotImplemented
        if out is not None and (ufunc, method) in _IN_PLACE:
            options["into"] = out[0]
        with np.errstate(over="ignore"):
            made = act(*inputs, **options)
        if out is None:
            return made
        (into,) = out
        if not isinstance(into, WideArray) and into.dtype == WIDE_DTYPE:
            into = into.view(WideArray)
        if not same_place(made, into):
            into[...] = made
        return into

    def __array_function__(
        self, func: Callable[..., Any], types: Any, args: Any, kwargs: Mapping[str, Any]
    ) -> Any:
        if func in _JOINS and "out" not in kwargs:
            made = func([_octets(widened(part)) for part in args[0]], *args[1:], **kwargs)
            return made.view(WIDE_DTYPE).view(WideArray)
        if func is np.where:
            args = (args[0], *_all_wide(args[1:]))
        return as_ring(super().__array_function__(func, types, args, kwargs))

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return np.array(found, WIDE_DTYPE).view(WideArray) if isinstance(found, np.void) else found

    def __setitem__(self, index: Any, value: Any) -> None:
        _octets(self)[index] = _octets(widened(value))

    def __eq__(self, other: Any) -> Any:
        return _equal(self, other)

    def __ne__(self, other: Any) -> Any:
        return _not_equal(self, other)

    __hash__ = None

    @property
    def low(self) -> _Words:
        """The lower words."""
        found: _Words = self.view(np.ndarray)["low"]
        return found

    @property
    def high(self) -> _Words:
        """The upper words."""
        found: _Words = self.view(np.ndarray)["high"]
        return found


_JOINS: Final = frozenset({np.concatenate, np.stack, np.hstack, np.vstack})


_OCTETS: Final = np.dtype("V16")


def _octets(x: NDArray[Any]) -> NDArray[Any]:
    """The same elements as octets, which numpy moves at once; pairs it would move word by word."""
    return x.view(np.ndarray).view(_OCTETS)


def _all_wide(parts: Sequence[Any]) -> Any:
    return [widened(part) for part in parts]


def as_ring(made: Any) -> Any:
    """What moves and sums of elements gave: numpy forgets at times what an array of pairs is."""
    if isinstance(made, list | tuple):
        return type(made)(map(as_ring, made))
    if isinstance(made, np.ndarray) and made.dtype == WIDE_DTYPE and type(made) is np.ndarray:
        return made.view(WideArray)
    return made


# -------------------------------------------------------------------- making them


def wide_zeros(shape: int | tuple[int, ...]) -> WideArray:
    """Zeros."""
    return np.zeros(shape, WIDE_DTYPE).view(WideArray)


def wide_from(words: _Words) -> WideArray:
    """Words, two an element in the last axis, as elements: a view."""
    return np.ascontiguousarray(words).view(WIDE_DTYPE)[..., 0].view(WideArray)


def words_of_wide(x: WideArray) -> _Words:
    """The inverse of `wide_from`: [..., 2]."""
    plain = np.ascontiguousarray(x.view(np.ndarray))
    return plain.view(np.uint64).reshape(*x.shape, 2)


def from_octets(data: memoryview | bytes, width: int) -> Any:
    """Elements of the ring modulo 2**width as they lie in memory: one row of them, a view."""
    if is_wide(width):
        return np.frombuffer(data, WIDE_DTYPE).view(WideArray)
    return np.frombuffer(data, np.uint64)


def _joined(low: ArrayLike, high: ArrayLike) -> WideArray:
    shape = np.broadcast_shapes(np.shape(low), np.shape(high))
    made = np.empty(shape, WIDE_DTYPE)
    made["low"], made["high"] = low, high
    return made.view(WideArray)


def widened(x: Any) -> WideArray:
    """Numbers as elements: words and signed integers with their sign, truth values as 0 and 1.

    Raises:
        TypeError: they are no integers.
    """
    if isinstance(x, WideArray):
        return x
    if hasattr(x, "widened"):  # an outline, which has no elements
        made: WideArray = x.widened(WIDE_DTYPE)
        return made
    if isinstance(x, int) and not isinstance(x, bool):
        return _joined(np.uint64(x % _WORD), np.uint64((x >> 64) % _WORD))
    array = np.asarray(x)
    if array.dtype == WIDE_DTYPE:
        return array.view(WideArray)
    if array.dtype.kind not in "biu":
        raise TypeError(f"integers are wanted, not {array.dtype}")
    if array.dtype == np.uint64:
        array = array.view(np.int64)
    native = kernels() if array.size > _FEW else None
    if native is None:
        return extended(array)
    short = array.dtype in (np.bool_, np.int8)
    return native.wide_extended(array if short else array.astype(np.int64, copy=False)).view(WideArray)


def extended(x: NDArray[Any]) -> WideArray:
    """Truth values or signed integers as elements, in numpy."""
    signed = x.astype(np.int64, copy=False)
    return _joined(signed.view(np.uint64), (signed >> 63).view(np.uint64))


def unsigned(x: _Words) -> WideArray:
    """Words as numbers without a sign."""
    return _joined(x, _ZERO)


def wide_of_integers(numbers: Sequence[int]) -> WideArray:
    """Python's integers, modulo 2**128: [count]."""
    low = np.array([number % _WORD for number in numbers], np.uint64)
    return _joined(low, np.array([(number >> 64) % _WORD for number in numbers], np.uint64))


def integers_of_wide(x: WideArray) -> list[int]:
    """Elements as Python's integers with their sign, in one row."""
    pairs = zip(x.low.reshape(-1).tolist(), x.high.reshape(-1).view(np.int64).tolist(), strict=True)
    return [low + (high << 64) for low, high in pairs]


def wide_of_floats(x: ArrayLike) -> WideArray:
    """Whole numbers below 2**127 in magnitude, as floats, in two's complement."""
    numbers = np.asarray(x, np.float64)
    magnitude = np.abs(numbers)
    high = np.floor(np.ldexp(magnitude, -64))
    low = magnitude - np.ldexp(high, 64)  # exact: the rest of a float's digits
    found = _joined(low.astype(np.uint64), high.astype(np.uint64))
    return _where(numbers < 0, 0 - found, found)


def floats_of_wide(x: WideArray) -> NDArray[np.float64]:
    """Elements as signed numbers, rounded to floats."""
    negative = is_negative(x)
    magnitude = _where(negative, 0 - x, x)
    found = np.ldexp(magnitude.high.astype(np.float64), 64) + magnitude.low.astype(np.float64)
    return np.asarray(np.where(negative, -found, found))


def _where(condition: NDArray[np.bool_], x: Any, y: Any) -> WideArray:
    return _joined(np.where(condition, x.low, y.low), np.where(condition, x.high, y.high))


def is_negative(x: WideArray) -> NDArray[np.bool_]:
    """Whether numbers are less than 0 in two's complement."""
    return np.asarray(x.high >> _TOP == 1)


# -------------------------------------------------------------------- arithmetic


def _pair(x: Any) -> _Pair:
    found = widened(x)
    return found.low, found.high


def _add(x: Any, y: Any, into: Any = None) -> Any:
    return _each(x, y, into, add_pairs, Kernels.wide_add_into)


def _subtract(x: Any, y: Any, into: Any = None) -> Any:
    return _each(x, y, into, subtract_pairs, Kernels.wide_subtract_into)


def _negative(x: Any) -> WideArray:
    return _subtract(0, x)  # type: ignore[no-any-return]


def _multiply(x: Any, y: Any, into: Any = None) -> Any:
    return _each(x, y, into, multiply_pairs, Kernels.wide_multiply_into)


def _each(
    x: Any,
    y: Any,
    into: Any,
    twin: Callable[[WideArray, WideArray], WideArray],
    kernel: Callable[[Kernels, Any, Any, Any], None],
) -> Any:
    x, y = widened(x), widened(y)
    native = kernels()
    if native is None:
        return twin(x, y)
    shape = x.shape if x.shape == y.shape else np.broadcast_shapes(x.shape, y.shape)
    made = room_for(shape, into, x, y).view(WideArray)
    kernel(native, x.view(np.ndarray), y.view(np.ndarray), made.view(np.ndarray))
    return made


def add_pairs(x: WideArray, y: WideArray) -> WideArray:
    """`x + y` in numpy."""
    low = x.low + y.low
    return _joined(low, x.high + y.high + (low < y.low))


def subtract_pairs(x: WideArray, y: WideArray) -> WideArray:
    """`x - y` in numpy."""
    return _joined(x.low - y.low, x.high - y.high - (x.low < y.low))


def multiply_pairs(x: WideArray, y: WideArray) -> WideArray:
    """`x * y` in numpy."""
    return _joined(x.low * y.low, upper_product(x.low, y.low) + x.low * y.high + x.high * y.low)


def upper_product(x: _Words, y: _Words) -> _Words:
    """The upper half of the product of unsigned words: `x * y >> 64`, of all 128 bits."""
    a, b, c, d = x >> _HALF, x & _LOW_HALF, y >> _HALF, y & _LOW_HALF
    middle = a * d + (b * d >> _HALF)
    upper: _Words = a * c + (middle >> _HALF) + ((b * c + (middle & _LOW_HALF)) >> _HALF)
    return upper


def high_product_wide(x: WideArray, factor: _Words) -> WideArray:
    """`x * factor >> 64`, of all 192 bits, of unsigned elements and unsigned words."""
    with np.errstate(over="ignore"):
        upper: WideArray = _add(unsigned(upper_product(x.low, factor)), unsigned(x.high) * unsigned(factor))
        return upper


def _left_shift(x: Any, count: Any, into: Any = None) -> Any:
    return _shifted(x, count, into, shift_pairs_left, Kernels.wide_left_shift_into)


def _right_shift(x: Any, count: Any, into: Any = None) -> Any:
    return _shifted(x, count, into, shift_pairs_right, Kernels.wide_right_shift_into)


def shift_right_wide(x: WideArray, count: int) -> WideArray:
    """Divide by 2**count, rounded down, of numbers in two's complement; count from 0 to 127."""
    return _shifted(x, count, None, shift_pairs_signed, Kernels.wide_signed_shift_into)  # type: ignore[no-any-return]


def _shifted(
    x: Any,
    count: Any,
    into: Any,
    twin: Callable[[WideArray, Any], WideArray],
    kernel: Callable[[Kernels, Any, int, Any], None],
) -> Any:
    x = widened(x)
    native = kernels() if np.ndim(count) == 0 else None
    if native is None:
        return twin(x, count)
    made = room_for(x.shape, into, x).view(WideArray)
    kernel(native, x.view(np.ndarray), int(lowest_words(np.asarray(count))), made.view(np.ndarray))
    return made


def _places(count: Any) -> tuple[_Words, NDArray[np.bool_]]:
    """Places within a word, and whether a whole word more."""
    places = np.asarray(count.low if isinstance(count, WideArray) else count).astype(np.uint64)
    return places & _TOP, places >= 64


def shift_pairs_left(x: WideArray, count: Any) -> WideArray:
    """`x << count` in numpy."""
    a, b = x.low, x.high
    places, far = _places(count)
    over = np.where(places == 0, _ZERO, a >> ((np.uint64(64) - places) & _TOP))
    return _joined(np.where(far, _ZERO, a << places), np.where(far, a << places, (b << places) | over))


def shift_pairs_right(x: WideArray, count: Any) -> WideArray:
    """`x >> count` of numbers without a sign, in numpy."""
    a, b = x.low, x.high
    places, far = _places(count)
    over = np.where(places == 0, _ZERO, b << ((np.uint64(64) - places) & _TOP))
    return _joined(np.where(far, b >> places, (a >> places) | over), np.where(far, _ZERO, b >> places))


def shift_pairs_signed(x: WideArray, count: int) -> WideArray:
    """`x >> count` of numbers in two's complement, in numpy."""
    sign = (x.high.view(np.int64) >> 63).view(np.uint64)
    if count >= 64:
        return _joined((x.high.view(np.int64) >> (count - 64)).view(np.uint64), sign)
    if not count:
        return x.copy()
    low = (x.low >> np.uint64(count)) | (x.high << np.uint64(64 - count))
    return _joined(low, (x.high.view(np.int64) >> count).view(np.uint64))


def _bitwise(ufunc: np.ufunc) -> Callable[..., WideArray]:
    def act(x: Any, y: Any) -> WideArray:
        (a, b), (c, d) = _pair(x), _pair(y)
        return _joined(ufunc(a, c), ufunc(b, d))

    return act


def _invert(x: Any) -> WideArray:
    a, b = _pair(x)
    return _joined(~a, ~b)


def _equal(x: Any, y: Any) -> NDArray[np.bool_]:
    (a, b), (c, d) = _pair(x), _pair(y)
    return np.asarray((a == c) & (b == d))


def _not_equal(x: Any, y: Any) -> NDArray[np.bool_]:
    return ~_equal(x, y)


# -------------------------------------------------------------------- sums


def _sum(x: Any, axis: Any = 0, dtype: Any = None, keepdims: bool = False, **options: Any) -> WideArray:
    native = kernels()
    x = widened(x)
    if native is None:
        return sum_pairs(x, axis, keepdims=keepdims)
    axes = sorted(each % x.ndim for each in (range(x.ndim) if axis is None else np.atleast_1d(axis)))
    for at in reversed(axes):
        x = native.wide_sum(x.view(np.ndarray), at).view(WideArray)
        x = np.expand_dims(x, at) if keepdims else x
    return x  # type: ignore[no-any-return]


def _segments(x: Any, indices: Any, axis: int = 0, dtype: Any = None) -> WideArray:
    return _carried([np.add.reduceat(limb, indices, axis=axis) for limb in _limbs(x)])


def _running(x: Any, axis: int = 0, dtype: Any = None) -> WideArray:
    native = kernels()
    if native is None:
        return running_pairs(widened(x), axis)
    x = widened(x)
    return native.wide_sum(x.view(np.ndarray), axis % x.ndim, running=True).view(WideArray)


def sum_pairs(x: WideArray, axis: Any, *, keepdims: bool = False) -> WideArray:
    """`x.sum(axis)` in numpy."""
    return _carried([limb.sum(axis=axis, dtype=np.uint64, keepdims=keepdims) for limb in _limbs(x)])


def running_pairs(x: WideArray, axis: int) -> WideArray:
    """`np.cumsum(x, axis)` in numpy."""
    return _carried([np.cumsum(limb, axis=axis, dtype=np.uint64) for limb in _limbs(x)])


def _limbs(x: Any) -> list[_Words]:
    """Of 32 bits: so many of them add up in a word without a carry lost."""
    a, b = _pair(x)
    return [a & _LOW_HALF, a >> _HALF, b & _LOW_HALF, b >> _HALF]


def _carried(limbs: list[_Words]) -> WideArray:
    """From sums of fewer than 2**32 limbs each."""
    found: list[_Words] = []
    carry: Any = _ZERO
    for limb in limbs:
        total = limb + carry
        found.append(total & _LOW_HALF)
        carry = total >> _HALF
    return _joined(found[0] | found[1] << _HALF, found[2] | found[3] << _HALF)


def _add_at(x: Any, index: Any, values: Any) -> None:
    found = [limb.copy() for limb in _limbs(x)]
    for limb, more in zip(found, _limbs(values), strict=True):
        np.add.at(limb, index, more)
    x[...] = _carried(found)


# -------------------------------------------------------------------- products of matrices

_LIMB: Final = 26
_COUNT: Final = 5
_DEPTH: Final = 1 << (64 - 2 * _LIMB)
"""So many products of two limbs add up in a word."""


def matmul_wide(a: Any, b: Any, product: Callable[[_Words, _Words], _Words] = np.matmul) -> WideArray:
    """`a @ b` of arrays of two dimensions or more; without a kernel by `matmul_limbs`."""
    x, y = widened(a), widened(b)
    native = kernels()
    if native is None or x.shape[-1] != y.shape[-2]:
        return matmul_limbs(x, y, product)
    if x.ndim == 2 and y.shape[1:] == (1,) and len(y) <= _SHORT and x.flags.c_contiguous:
        return native.dots(x.view(np.ndarray), y.view(np.ndarray)[:, 0])[:, None].view(WideArray)
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    made = np.empty((*batch, x.shape[-2], y.shape[-1]), WIDE_DTYPE)
    left, right = (np.broadcast_to(each.view(np.ndarray), (*batch, *each.shape[-2:])) for each in (x, y))
    native.wide_matmul_into(left, right, made)
    return made.view(WideArray)


def matmul_limbs(
    x: WideArray, y: WideArray, product: Callable[[_Words, _Words], _Words] = np.matmul
) -> WideArray:
    """The same by products of matrices of limbs modulo 2**64."""
    depth = x.shape[-1]
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    total = wide_zeros((*batch, x.shape[-2], y.shape[-1]))
    for start in range(0, depth, _DEPTH):
        left = _split(x[..., start : start + _DEPTH])
        right = _split(y[..., start : start + _DEPTH, :])
        for place in range(_COUNT):
            here = [unsigned(product(left[i], right[place - i])) for i in range(place + 1)]
            total += sum(here[1:], start=here[0]) << np.uint64(_LIMB * place)
    return total


def _split(x: WideArray) -> list[_Words]:
    mask = np.uint64((1 << _LIMB) - 1)
    return [np.ascontiguousarray(_right_shift(x, np.uint64(_LIMB * k)).low & mask) for k in range(_COUNT)]


_METHODS: Final[Mapping[tuple[np.ufunc, str], Callable[..., Any]]] = {
    (np.add, "__call__"): _add,
    (np.subtract, "__call__"): _subtract,
    (np.negative, "__call__"): _negative,
    (np.multiply, "__call__"): _multiply,
    (np.matmul, "__call__"): matmul_wide,
    (np.left_shift, "__call__"): _left_shift,
    (np.right_shift, "__call__"): _right_shift,
    (np.bitwise_and, "__call__"): _bitwise(np.bitwise_and),
    (np.bitwise_or, "__call__"): _bitwise(np.bitwise_or),
    (np.bitwise_xor, "__call__"): _bitwise(np.bitwise_xor),
    (np.invert, "__call__"): _invert,
    (np.equal, "__call__"): _equal,
    (np.not_equal, "__call__"): _not_equal,
    (np.add, "reduce"): _sum,
    (np.add, "reduceat"): _segments,
    (np.add, "accumulate"): _running,
    (np.add, "at"): _add_at,
}
"""What the operators do."""

_IN_PLACE: Final = frozenset(
    (each, "__call__") for each in (np.add, np.subtract, np.multiply, np.left_shift, np.right_shift)
)
"""Those that can put their result where they are told to."""


# -------------------------------------------------------------------- either ring


def ring_bits(x: Any) -> int:
    """Of which ring an array has elements."""
    return WIDE_BITS if x.dtype == WIDE_DTYPE else 64


def is_wide(width: int) -> bool:
    """Whether elements modulo 2**width are pairs of words."""
    return width > 64


def zeros(shape: int | tuple[int, ...], width: int) -> Any:
    """Zeros of the ring modulo 2**width."""
    return wide_zeros(shape) if is_wide(width) else np.zeros(shape, np.uint64)


def number(value: int, width: int) -> Any:
    """One number as an element of the ring modulo 2**width (of words, where that is less than 64 bits)."""
    return widened(value) if is_wide(width) else np.asarray(value % _WORD, np.uint64)


def elements(words: Any, width: int) -> Any:
    """Integers as elements of the ring modulo 2**width; words with their sign."""
    return widened(words) if is_wide(width) else lowest_words(words)


def integers(x: NDArray[Any], width: int) -> Any:
    """Truth values or signed integers as elements of the ring modulo 2**width."""
    return widened(x) if is_wide(width) else x.astype(np.int64).view(np.uint64)


def floats(x: Any) -> NDArray[np.float64]:
    """Elements of either ring as signed numbers, rounded to floats."""
    return (
        floats_of_wide(x) if isinstance(x, WideArray) else lowest_words(x).view(np.int64).astype(np.float64)
    )


def is_below_zero(x: Any) -> NDArray[np.bool_]:
    """Whether elements of either ring are less than 0 in two's complement."""
    return is_negative(x) if isinstance(x, WideArray) else np.asarray(x.view(np.int64) < 0)


def lowest_words(x: Any) -> _Words:
    """The lowest 64 bits of elements of either ring."""
    found: _Words = x if ring_bits(x) == 64 else x.low if isinstance(x, WideArray) else x.astype(np.uint64)
    return found


def bit_field(x: Any, low: int, count: int) -> _Words:
    """`count` bits of elements of either ring from bit `low` on, as words: 64 at most."""
    mask = np.uint64((1 << count) - 1)
    if not isinstance(x, WideArray):
        found: _Words = lowest_words(x >> np.uint64(low)) & mask
    elif low >= 64:
        found = (x.high >> np.uint64(low - 64)) & mask
    elif low + count <= 64:
        found = (x.low >> np.uint64(low)) & mask
    else:
        found = (_right_shift(x, np.uint64(low)).low) & mask
    return found


def highest_words(x: Any) -> _Words:
    """The highest 64 bits of elements of either ring."""
    found: _Words = x if ring_bits(x) == 64 else x.high if isinstance(x, WideArray) else x.astype(np.uint64)
    return np.ascontiguousarray(found).reshape(found.shape) if isinstance(x, WideArray) else found


def element_bytes(width: int) -> int:
    """Bytes of an element on the wire."""
    return 16 if is_wide(width) else 8
