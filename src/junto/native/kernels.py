"""The page in front of the C kernels: nothing is called before its arrays are what the kernel takes them for.

A kernel is given addresses and numbers; it cannot see that an array is too short. So each method says what
it takes, and `_array` and `_view` are the only ways from an array to an address. Words are 64 bits; an
element of a wider ring is several of them, the lowest first, in a last dimension.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.native.library import loaded
from junto.native.threads import shared_out

Words: TypeAlias = NDArray[np.uint64]

BASE, AVX2, AVX512 = range(3)
"""Instructions that a kernel may use; the names are those of `kernels.h`."""

_WORD: Final = np.dtype(np.uint64)
_PRODUCTS: Final = 1 << 21
"""Products of words that are worth a thread."""
_POINTER, _SIZE, _LEVEL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int


class Kernels:
    """The kernels of one library.

    Args:
        library: one that `library.judged` has let pass.
        level: the most that may be used; what this machine has, if not given.

    Raises:
        ValueError: this machine has not so much.
    """

    def __init__(self, library: ctypes.CDLL, level: int | None = None) -> None:
        there = int(library.kernels_level())
        self.level = there if level is None else level
        if not BASE <= self.level <= there:
            raise ValueError(f"this machine has level {there}, not {self.level}")
        self._matmul64 = library.matmul64
        self._matmul64.argtypes = [*[_POINTER] * 3, *[_SIZE] * 8, _LEVEL]

    # ---------------------------------------------------------------- rings

    def matmul_into(self, a: Words, b: Words, out: Words) -> None:
        """`out[...] = a @ b` modulo 2**64, of matrices [m, k] and [k, n] with any strides.

        Args:
            a, b: operands.
            out: [m, n], of which no word is one of `a` or `b`; the words of a row lie one after the other.

        Raises:
            TypeError: one of them is no array of words.
            ValueError: the shapes do not fit, or `out` cannot be written so.
            MemoryError: there is no room for copies of parts of the operands.
        """
        for each in (a, b, out):
            _view(each, 2)
        (m, k), n = a.shape, b.shape[1]
        if k != len(b) or out.shape != (m, n):
            raise ValueError(f"{a.shape} times {b.shape} cannot be put into {out.shape}")
        if not out.size:
            return
        if not out.flags.writeable or (n > 1 and out.strides[1] != _WORD.itemsize):
            raise ValueError(
                "the words of a row of the result must lie one after the other, and be writeable"
            )
        failed: list[int] = []

        def rows(start: int, stop: int) -> None:
            failed.append(self._product(out[start:stop], a[start:stop], b))

        def columns(start: int, stop: int) -> None:
            failed.append(self._product(out[:, start:stop], a, b[:, start:stop]))

        if m >= n:
            shared_out(m, max(8, _PRODUCTS // max(1, k * n)), rows)
        else:
            shared_out(n, max(16, _PRODUCTS // max(1, k * m)), columns)
        if any(failed):
            raise MemoryError("there is no memory for a product of matrices")

    def _product(self, out: Words, a: Words, b: Words) -> int:
        (m, k), n = a.shape, b.shape[1]
        steps = (out.strides[0], *a.strides, *b.strides)
        return int(
            self._matmul64(_at(out), _at(a), _at(b), m, k, n, *[step // 8 for step in steps], self.level)
        )


@cache
def kernels() -> Kernels | None:
    """Those of this process; None: numpy computes.

    Raises:
        ConfigError: see `library.loaded`.
    """
    library = loaded().library
    return None if library is None else Kernels(library)


# -------------------------------------------------------------------- from arrays to addresses


def _view(x: Words, dimensions: int) -> int:
    """The address of the first element of an array with any strides.

    Raises:
        TypeError: it is no array of words.
        ValueError: it has another number of dimensions, or words that do not lie where words may lie.
    """
    if not isinstance(x, np.ndarray) or x.dtype != _WORD:
        raise TypeError(f"a kernel takes arrays of uint64, not {getattr(x, 'dtype', type(x).__name__)}")
    if x.ndim != dimensions:
        raise ValueError(f"an array of {dimensions} dimensions is wanted, not of {x.ndim}")
    if not x.flags.aligned or any(step % 8 for step in x.strides):
        raise ValueError("the words of an array must lie at multiples of 8 bytes")
    return _at(x)


def _array(x: NDArray[Any], shape: tuple[int, ...], dtype: Any = _WORD, *, written: bool = False) -> int:
    """The address of an array whose elements lie one after the other.

    Raises:
        TypeError: it is no array of this type.
        ValueError: it has another shape, does not lie so, or must not be `written`.
    """
    if not isinstance(x, np.ndarray) or x.dtype != dtype:
        raise TypeError(f"a kernel takes {dtype} here, not {getattr(x, 'dtype', type(x).__name__)}")
    if x.shape != shape:
        raise ValueError(f"an array of shape {shape} is wanted, not of {x.shape}")
    if not x.flags.c_contiguous or not x.flags.aligned or (written and not x.flags.writeable):
        raise ValueError("the elements of an array must lie one after the other, in memory of their own")
    return _at(x)


def _at(x: NDArray[Any]) -> int:
    return int(x.__array_interface__["data"][0])
