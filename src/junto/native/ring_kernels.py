"""The kernels for elements of a ring one by one, and row by row: a part of the page in front."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.native.array_pointers import PAIR, WORD, Pairs, Words, address, read, written
from junto.native.threads import shared_out

_POINTER, _SIZE, _CHOICE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
_STEPS: Final = ctypes.c_int64 * 4
_PAIRS: Final = 1 << 15
"""Elements of 128 bits that are worth a thread."""
_MOST_PLACES: Final = 127
_EXTENDED: Final = (np.dtype(np.bool_), np.dtype(np.int8), np.dtype(np.int64))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MaskedNumbers:
    """What a party knows of masked bits, e xor r, and of a product with them.

    Args:
        flags: e, public.
        number: a piece of r as a ring element.
        dealt: a share of r times the mask of the secret.
    """

    flags: NDArray[np.bool_]
    number: NDArray[Any]
    dealt: NDArray[Any]


class _BitProduct(ctypes.Structure):
    """`struct bit_product`."""

    _fields_ = (
        *((f"array{i}", _POINTER) for i in range(6)),
        ("columns", _SIZE),
        ("steps", _SIZE * 4),
        ("wide", _SIZE),
    )


class _BitSums(ctypes.Structure):
    """`struct bit_sums`."""

    _fields_ = (*((f"array{i}", _POINTER) for i in range(4)), *((f"size{i}", _SIZE) for i in range(3)))


class RingKernels:
    """See `kernels.Kernels`, of which this is a part.

    Args:
        library: the compiled library.
        level: the most that may be used.
    """

    def __init__(self, library: ctypes.CDLL, level: int) -> None:
        self._level = level
        self._wide_each = library.wide_each
        self._wide_each.argtypes = [*[_POINTER] * 3, *[_SIZE] * 2, _POINTER, _CHOICE]
        self._shift = library.wide_shift
        self._shift.argtypes = [*[_POINTER] * 2, _SIZE, *[_CHOICE] * 2]
        self._extend = library.wide_extend
        self._extend.argtypes = [*[_POINTER] * 2, _SIZE, _CHOICE]
        self._sum = library.wide_sum
        self._sum.argtypes = [*[_POINTER] * 2, *[_SIZE] * 3, _CHOICE]
        self._bit_times = library.bit_times
        self._bit_times.argtypes = [_POINTER, *[_SIZE] * 2]
        self._bit_dots = library.bit_dots
        self._bit_dots.argtypes = [_POINTER, *[_SIZE] * 2]
        self._dots = library.dots
        self._dots.argtypes = [*[_POINTER] * 3, *[_SIZE] * 2, *[_CHOICE] * 2]
        self._lookup = library.lookup
        self._lookup.argtypes = [*[_POINTER] * 4, *[_SIZE] * 4, *[_CHOICE] * 2]
        self._hide = library.lookup_hide
        self._hide.argtypes = [*[_POINTER] * 3, *[_SIZE] * 3, *[_CHOICE] * 2]
        for each in (
            self._wide_each, self._shift, self._extend, self._sum, self._dots, self._bit_times,
            self._bit_dots, self._lookup, self._hide,
        ):  # fmt: skip
            each.restype = None

    # ---------------------------------------------------------------- elements of 128 bits

    def wide_add_into(self, x: Pairs, y: Pairs, out: Pairs) -> None:
        """`out[...] = x + y` modulo 2**128, element by element.

        Args:
            x, y: pairs of words, of shapes that broadcast to that of `out`. Either may be `out`, but no other
                part of it.
            out: one element after the other.

        Raises:
            TypeError: one of them is no array of pairs of words.
            ValueError: the shapes do not fit, or `out` cannot be written so.
        """
        self._pair_by_pair(x, y, out, 0)

    def wide_subtract_into(self, x: Pairs, y: Pairs, out: Pairs) -> None:
        """`out[...] = x - y`: see `wide_add_into`."""
        self._pair_by_pair(x, y, out, 1)

    def wide_multiply_into(self, x: Pairs, y: Pairs, out: Pairs) -> None:
        """`out[...] = x * y`: see `wide_add_into`."""
        self._pair_by_pair(x, y, out, 2)

    def wide_multiply_less_into(self, x: Pairs, y: Pairs, out: Pairs) -> None:
        """`out[...] = x * y - out`: see `wide_add_into`."""
        self._pair_by_pair(x, y, out, 3)

    def _pair_by_pair(self, x: Pairs, y: Pairs, out: Pairs, operation: int) -> None:
        if (found := _few(out, x, y)) is not None:
            starts, (at, by) = found
            self._wide_each(*starts, 1, out.size, _STEPS(0, at, 0, by), operation)
            return
        _one_after_the_other(out)
        (rows, columns), (x, y), steps = _laid_out([x, y], out.shape, PAIR)
        to, at, by = address(out), address(x), address(y)
        given = _STEPS(*steps[0], *steps[1])

        def some_rows(first: int, last: int) -> None:
            places = [to + 16 * columns * first, at + 16 * steps[0][0] * first, by + 16 * steps[1][0] * first]
            self._wide_each(*places, last - first, columns, given, operation)

        def some_columns(first: int, last: int) -> None:
            places = [to + 16 * first, at + 16 * steps[0][1] * first, by + 16 * steps[1][1] * first]
            self._wide_each(*places, 1, last - first, given, operation)

        if rows == 1:
            shared_out(columns, _PAIRS, some_columns)
        else:
            shared_out(rows, max(1, _PAIRS // max(1, columns)), some_rows)

    def wide_left_shift_into(self, x: Pairs, places: int, out: Pairs) -> None:
        """`out[...] = x << places`.

        Args:
            x: pairs of words, of the shape of `out`; may be `out`, but no other part of it.
            places: from 0 to 127.
            out: one element after the other.

        Raises:
            TypeError: one of them is no array of pairs of words.
            ValueError: other places or shapes, or `out` cannot be written so.
        """
        self._shifted(x, places, out, 0)

    def wide_right_shift_into(self, x: Pairs, places: int, out: Pairs) -> None:
        """`out[...] = x >> places` of numbers without a sign: see `wide_left_shift_into`."""
        self._shifted(x, places, out, 1)

    def wide_signed_shift_into(self, x: Pairs, places: int, out: Pairs) -> None:
        """`out[...] = x >> places` of numbers in two's complement: see `wide_left_shift_into`."""
        self._shifted(x, places, out, 2)

    def _shifted(self, x: Pairs, places: int, out: Pairs, kind: int) -> None:
        if 0 <= places <= _MOST_PLACES and (found := _few(out, x)) is not None and found[1] == [1]:
            self._shift(*found[0], out.size, places, kind)
            return
        x = np.require(read(x, out.ndim, PAIR), requirements="C")
        _one_after_the_other(out)
        if x.shape != out.shape or not 0 <= places <= _MOST_PLACES:
            raise ValueError(f"{x.shape} cannot be shifted by {places} and put into {out.shape}")
        to, at = address(out), address(x)
        shared_out(
            out.size,
            _PAIRS,
            lambda first, last: self._shift(to + 16 * first, at + 16 * first, last - first, places, kind),
        )

    def wide_extended(self, x: NDArray[Any]) -> Pairs:
        """Truth values, or signed integers of 8 or 64 bits, as pairs of words with their sign.

        Raises:
            TypeError: an array of another type.
        """
        if not isinstance(x, np.ndarray) or x.dtype not in _EXTENDED:
            raise TypeError(f"a kernel takes truth values or signed integers here, not {x.dtype}")
        x = np.require(x, requirements=["C", "A"])
        out = np.empty(x.shape, PAIR)
        to, at, octets = address(out), address(x), x.itemsize
        shared_out(
            x.size,
            _PAIRS,
            lambda first, last: self._extend(to + 16 * first, at + octets * first, last - first, octets),
        )
        return out

    def wide_sum(self, x: Pairs, axis: int, *, running: bool = False) -> Pairs:
        """Sums over one axis modulo 2**128; if `running`, all those of what comes before and of each element.

        Raises:
            TypeError: no array of pairs of words.
            ValueError: there is no such axis.
        """
        x = np.ascontiguousarray(read(x, np.ndim(x), PAIR))
        if not 0 <= axis < x.ndim:
            raise ValueError(f"an array of {x.ndim} dimensions has no axis {axis}")
        outer, count, inner = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
        if not x.size:
            return np.zeros(x.shape if running else x.shape[:axis] + x.shape[axis + 1 :], PAIR)
        out = np.empty(x.shape if running else x.shape[:axis] + x.shape[axis + 1 :], PAIR)
        to, at, each = address(out), address(x), 16 * inner * (count if running else 1)

        def some(first: int, last: int) -> None:
            places = to + each * first, at + 16 * count * inner * first
            self._sum(*places, last - first, count, inner, int(running))

        shared_out(outer, max(1, _PAIRS // (count * inner)), some)
        return out

    # ---------------------------------------------------------------- bits and secrets

    def bit_times(self, bits: MaskedNumbers, opened: NDArray[Any], own: NDArray[Any]) -> NDArray[Any]:
        """Shares of products of bits and of secrets: `multiply.bit_times_in_numpy`.

        Args:
            bits: what is known of the bits.
            opened, own: of the secrets; of shapes that broadcast to that of the bits.

        Raises:
            TypeError: an array of another type.
            ValueError: other shapes.
        """
        dtype = PAIR if bits.number.dtype == PAIR else WORD
        flags, shape = np.require(bits.flags, requirements="C"), bits.flags.shape
        if flags.dtype != np.bool_:
            raise TypeError(f"a kernel takes truth values here, not {flags.dtype}")
        given = [np.require(read(x, len(shape), dtype), requirements="C") for x in (bits.number, bits.dealt)]
        if any(x.shape != shape for x in given):
            raise ValueError(f"no products of bits {shape} with masks {[x.shape for x in given]}")
        (rows, columns), both, steps = _laid_out([opened, own], shape, dtype)
        out, wide = np.empty(shape, dtype), int(dtype == PAIR)
        kept = [out, flags, *given, *both]
        if rows == 1:  # one after the other, or one for all: columns take the part of rows
            rows, columns, steps = columns, 1, [(near, 0) for _, near in steps]
        job = _BitProduct(*map(address, kept), columns, (*steps[0], *steps[1]), wide)
        place = ctypes.addressof(job)
        shared_out(
            rows, max(1, _PAIRS // max(1, columns)), lambda first, last: self._bit_times(place, first, last)
        )
        return out

    def bit_dots(
        self, flags: NDArray[np.bool_], number: NDArray[Any], weights: NDArray[Any], first: bool
    ) -> NDArray[Any]:
        """Pieces of the sum of each row of masked bits times weights: `shares.bit_sums_in_numpy`.

        Args:
            flags: e of e xor r, public, [rows, count].
            number: a piece of each r as a ring element, likewise.
            weights: [count], of the same type.
            first: whether this is P0.

        Returns:
            [rows].

        Raises:
            TypeError: an array of another type.
            ValueError: other shapes.
        """
        dtype = PAIR if number.dtype == PAIR else WORD
        if flags.dtype != np.bool_:
            raise TypeError(f"a kernel takes truth values here, not {flags.dtype}")
        flags = np.require(flags, requirements="C")
        number = np.require(read(number, 2, dtype), requirements="C")
        weights = np.require(read(weights, 1, dtype), requirements="C")
        if flags.shape != number.shape or len(weights) != number.shape[1]:
            raise ValueError(f"no sums of bits {flags.shape} with masks {number.shape} times {weights.shape}")
        out = np.empty(len(number), dtype)
        kept = [out, flags, number, weights]
        job = _BitSums(*map(address, kept), len(weights), int(first), int(dtype == PAIR))
        place = ctypes.addressof(job)
        least = max(1, _PAIRS // max(1, len(weights)))
        shared_out(len(out), least, lambda start, stop: self._bit_dots(place, start, stop))
        return out

    # ---------------------------------------------------------------- rows

    def dots(self, x: NDArray[Any], factors: NDArray[Any]) -> NDArray[Any]:
        """The sum of products of each row of x [rows, count] with factors [count]: words, or pairs of them.

        Returns:
            [rows].

        Raises:
            TypeError: an array of another type.
            ValueError: other shapes.
        """
        dtype = PAIR if x.dtype == PAIR else WORD
        x, factors = (np.ascontiguousarray(read(each, n, dtype)) for each, n in ((x, 2), (factors, 1)))
        rows, count = x.shape
        if count != len(factors):
            raise ValueError(f"rows of {x.shape} have no products with {factors.shape}")
        out = np.empty(rows, dtype)
        to, at, by, size, wide = address(out), address(x), address(factors), x.itemsize, int(dtype == PAIR)

        def some(first: int, last: int) -> None:
            places = to + size * first, at + size * count * first, by
            self._dots(*places, last - first, count, wide, self._level)

        shared_out(rows, max(1, _PAIRS // max(1, count)), some)
        return out

    def lookup(self, tables: NDArray[Any], digits: Words, hot: NDArray[Any]) -> NDArray[Any]:
        """The sums over i of T[d - u i] hot[i] for digits d, modulo the tables' length: see `dealt`.

        Args:
            tables: [several, entries], words or pairs of words; u entries to a place, both powers of two.
            digits: public ones, [lanes].
            hot: [lanes, places], of the same type.

        Returns:
            [several, lanes].

        Raises:
            TypeError: an array of another type.
            ValueError: other shapes.
        """
        dtype = PAIR if hot.dtype == PAIR else WORD
        tables, digits = read(tables, 2, dtype), np.ascontiguousarray(read(digits, 1))
        hot = np.ascontiguousarray(read(hot, 2, dtype))
        lanes, count = hot.shape
        step = tables.shape[1] // max(1, count)
        fits = tables.shape[1] == step * count and step.bit_count() == count.bit_count() == 1
        if not fits or len(digits) != lanes:
            raise ValueError(f"no entries of {tables.shape} tables for {digits.shape} digits, {hot.shape}")
        rows = tables.reshape(len(tables), count, step).swapaxes(1, 2)
        backwards = np.ascontiguousarray(np.concatenate([rows[..., :1], rows[..., :0:-1]] * 2, -1))
        out = np.empty((len(tables), lanes), dtype)
        at = address(out), address(backwards), address(digits), address(hot)
        self._lookup(*at, lanes, count, step, len(tables), int(dtype == PAIR), self._level)
        return out

    def hide_one_hot(self, digits: Words, entries: NDArray[Any], pads: NDArray[Any]) -> None:
        """Put vectors that have an entry at their digit, and else 0, without `pads` into `pads`.

        Args:
            digits: [lanes], a place times u and the number of an entry. At a place that is not there is none.
            entries: [u], a power of two of them; words or pairs of words.
            pads: [lanes, places], of the same type.

        Raises:
            TypeError: an array of another type.
            ValueError: other shapes, or `pads` cannot be written so.
        """
        dtype = PAIR if pads.dtype == PAIR else WORD
        digits, entries = (np.ascontiguousarray(read(x, 1, d)) for x, d in ((digits, WORD), (entries, dtype)))
        lanes, count = written(pads, 2, dtype).shape
        if len(digits) != lanes or len(entries).bit_count() != 1 or not pads.flags.c_contiguous:
            raise ValueError(
                f"no vectors of {digits.shape} digits, {entries.shape}, without {pads.shape} pads"
            )
        at = address(pads), address(digits), address(entries)
        self._hide(*at, lanes, count, len(entries), int(dtype == PAIR), self._level)


def _few(out: Pairs, *operands: Pairs) -> tuple[list[int], list[int]] | None:
    """Where few elements lie, and how far apart those of each operand: 1, or 0 of a single one.

    None: there are many, or they lie otherwise than the result's. To look further takes longer than few do.
    """
    arrays, steps = (out, *operands), []
    for x in arrays:
        if not isinstance(x, np.ndarray) or (x.dtype is not PAIR and x.dtype != PAIR) or x.size >= _PAIRS:
            return None
        if not x.flags.c_contiguous or (x.shape != out.shape and (x.size != 1 or x.ndim > out.ndim)):
            return None
        steps.append(int(x.shape == out.shape))
    places = [address(x) for x in arrays]
    fits = out.flags.writeable and not any(place % 8 for place in places)
    return (places, steps[1:]) if fits else None


def _one_after_the_other(out: Pairs) -> None:
    written(out, out.ndim, PAIR)
    if not out.flags.c_contiguous:
        raise ValueError("the elements of the result must lie one after the other")


def _laid_out(
    given: Sequence[NDArray[Any]], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[tuple[int, int], list[NDArray[Any]], list[tuple[int, int]]]:
    """Operands of a shape as rows and columns: how many, the arrays, and how far apart rows and columns are.

    Axes over which the elements of each operand lie evenly are one. Where more than two are left, operands
    are copied.

    Raises:
        TypeError: an array of another type.
        ValueError: they do not broadcast to the shape.
    """
    each = dtype.itemsize
    arrays = [np.broadcast_to(read(np.asarray(x), np.ndim(x), dtype), shape) for x in given]
    axes: list[tuple[int, list[int]]] = []
    for size, *steps in zip(shape, *[x.strides for x in arrays], strict=True):
        if size != 1:
            if axes and all(far == size * near for far, near in zip(axes[-1][1], steps, strict=True)):
                axes[-1] = axes[-1][0] * size, steps
            else:
                axes.append((size, steps))
    if len(axes) > 2 or any(step % each for _, steps in axes for step in steps):
        return (1, prod(shape)), [np.ascontiguousarray(x) for x in arrays], [(0, 1)] * len(given)
    axes = [(1, [0] * len(given))] * (2 - len(axes)) + axes
    (rows, far), (columns, near) = axes
    return (rows, columns), arrays, [(a // each, b // each) for a, b in zip(far, near, strict=True)]
