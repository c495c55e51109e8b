"""From arrays to addresses: what may be read and written where, and what is refused."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]
Octets: TypeAlias = NDArray[np.uint8]
Pairs: TypeAlias = NDArray[Any]
"""Elements of 128 bits: of the dtype `PAIR`, whose words lie in memory as those of one number do."""

WORD: Final = np.dtype(np.uint64)
FLOAT: Final = np.dtype(np.float64)
PAIR: Final = np.dtype([("low", np.uint64), ("high", np.uint64)])
_BAND: Final = 8
"""Words of a band, at most: `band.c` has room for so many."""


def bit_count(count: int, least: int = 0) -> int:
    """How many bits of a word.

    Raises:
        ValueError: not from `least` to 64.
    """
    if not least <= count <= 64:
        raise ValueError(f"a word has 64 bits, not {count}")
    return count


def read(x: NDArray[Any], dimensions: int, dtype: np.dtype[Any] = WORD) -> NDArray[Any]:
    """An array to be read, with any strides; a copy of it, if its words do not lie where words may lie.

    Args:
        x: the array.
        dimensions: that it must have.
        dtype: of its elements, `WORD`, `PAIR` or `FLOAT`.

    Raises:
        TypeError: it is no array of these.
        ValueError: it has another number of dimensions.
    """
    if not isinstance(x, np.ndarray) or x.dtype != dtype:
        raise TypeError(
            f"a kernel takes {'pairs of words' if dtype == PAIR else f'arrays of {dtype}'} here, "
            f"not {getattr(x, 'dtype', type(x).__name__)}"
        )
    if x.ndim != dimensions:
        raise ValueError(f"an array of {dimensions} dimensions is wanted, not of {x.ndim}")
    if not address(x) % 8 and not any(step % 8 for step in x.strides):
        return x
    return np.array(x, order="C")


def bands_read(starts: Words, bands: Words, slots: int) -> tuple[Words, Words]:
    """Where bands start, and their bits.

    Raises:
        TypeError: no array of words.
        ValueError: other shapes, or a band that is not within the slots.
    """
    starts, bands = np.ascontiguousarray(read(starts, 1)), np.ascontiguousarray(read(bands, 2))
    last = slots - 64 * bands.shape[1]
    if len(starts) != len(bands) or not 1 <= bands.shape[1] <= _BAND or last < 0:
        raise ValueError(f"no bands of {starts.shape} and {bands.shape} in {slots} slots")
    if len(starts) and int(starts.max()) > last:
        raise ValueError("a band is not within the table")
    return starts, bands


def octets_read(x: Octets, each: int) -> Octets:
    """An array of bytes to be read, [count, each], one after the other; words may be read in it.

    Raises:
        TypeError: it is no array of bytes.
        ValueError: it has another shape.
    """
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8:
        raise TypeError(f"a kernel takes bytes here, not {getattr(x, 'dtype', type(x).__name__)}")
    if x.ndim != 2 or x.shape[1] != each:
        raise ValueError(f"an array of shape (count, {each}) is wanted, not {x.shape}")
    return x if x.flags.c_contiguous and address(x) % 8 == 0 else np.array(x, order="C")


def written(x: NDArray[Any], dimensions: int, dtype: np.dtype[Any] = WORD) -> NDArray[Any]:
    """An array to be written; see `read`.

    Raises:
        TypeError: it is no array of these.
        ValueError: it has another number of dimensions, or words that cannot be written where they lie.
    """
    if read(x, dimensions, dtype) is not x or not x.flags.writeable:
        raise ValueError("a result is put into an array whose words may be written, at multiples of 8 bytes")
    return x


def address_or_0(x: Words | None) -> int:
    """Where an array starts; 0: there is none."""
    return 0 if x is None else address(x)


def address(x: NDArray[Any]) -> int:
    """Where an array starts."""
    return x.ctypes.data  # of pairs of words ten times as quick as `__array_interface__`


def room_for(shape: tuple[int, ...], into: Any, *operands: Pairs) -> Pairs:
    """`into`, where a kernel may write it: over an operand in its own place alone. Else a new array."""
    if (
        isinstance(into, np.ndarray)
        and into.dtype == PAIR
        and into.shape == shape
        and into.flags.carray
        and all(same_place(x, into) or not np.may_share_memory(x, into) for x in operands)
    ):
        return into
    return np.empty(shape, PAIR)


def same_place(x: NDArray[Any], y: NDArray[Any]) -> bool:
    """Whether they are the same elements in the same places."""
    return address(x) == address(y) and x.shape == y.shape and x.strides == y.strides
