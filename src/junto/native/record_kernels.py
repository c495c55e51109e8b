"""The kernels for records of tables: the part of the page in front that joins need."""

from __future__ import annotations

import ctypes
from typing import Final

import numpy as np
from numpy.typing import NDArray

from junto.native.array_pointers import Octets, Words, address, bands_read, octets_read, read, written
from junto.native.threads import shared_out

Whole = NDArray[np.int64]

_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_int64
_BLOCK: Final = 16
_ROW: Final = 32
_TAGGED: Final = 1 << 15
"""Tags that are worth a thread."""


class RecordKernels:
    """See `kernels.Kernels`, of which this is a part.

    Args:
        library: the compiled library.
        has_aes: whether this machine has AES of its own, and may use it.
    """

    def __init__(self, library: ctypes.CDLL, has_aes: bool) -> None:
        self.has_aes: bool = has_aes
        self._sort = library.sort_words
        self._sort.argtypes = [*[_POINTER] * 2, _SIZE, *[ctypes.c_int] * 2]
        self._merge = library.merge_tags
        self._merge.argtypes, self._merge.restype = [*[_POINTER] * 5, _SIZE], _SIZE
        self._lay = library.lay_values
        self._lay.argtypes = [*[_POINTER] * 5, *[_SIZE] * 2]
        self._tags = library.aes_tags
        self._tags.argtypes = [*[_POINTER] * 2, *[_SIZE] * 2, ctypes.c_char_p]
        self._band_lay = library.band_lay
        self._band_lay.argtypes = [*[_POINTER] * 4, *[_SIZE] * 2]
        self._band_solve = library.band_solve
        self._band_solve.argtypes = [*[_POINTER] * 2, *[_SIZE] * 2]
        for function in (self._sort, self._tags, self._band_solve):
            function.restype = None

    def sort_words(self, x: Words, low: int, high: int) -> None:
        """Put words in the order of some of their bits, in place; of equal ones the order stays.

        Args:
            x: [count], one after the other.
            low, high: the bits from number `low` on, below number `high`; the lowest bit has number 0.

        Raises:
            TypeError: no array of words.
            ValueError: not one after the other, or no such bits.
        """
        if not written(x, 1).flags.c_contiguous or not 0 <= low <= high <= 64:
            raise ValueError(f"no order of {x.shape} words by bits {low} to {high}")
        scratch = np.empty_like(x)
        self._sort(address(x), address(scratch), len(x), low, high)

    def merge_tags(self, high: Words, low: Words, ends: Whole) -> tuple[Whole, int]:
        """Equal numbers for equal tags of several sets, each of which is in ascending order.

        Args:
            high, low: the two words of each tag, set after set.
            ends: where each set ends.

        Returns:
            From 0 on, in the order of the tags; and how many different tags there are.

        Raises:
            TypeError: no arrays of words.
            ValueError: other shapes, or no such ends.
        """
        high, low = np.ascontiguousarray(read(high, 1)), np.ascontiguousarray(read(low, 1))
        bounds = [0, *map(int, ends)]
        if len(high) != len(low) or bounds != sorted(bounds) or bounds[-1] != len(high):
            raise ValueError(f"no sets of {high.shape} and {low.shape} words that end at {bounds[1:]}")
        heads, last = np.array(bounds[:-1], np.int64), np.array(bounds[1:], np.int64)
        groups = np.empty(len(high), np.int64)
        arrays = (groups, high, low, heads, last)
        return groups, int(self._merge(*(address(each) for each in arrays), len(last)))

    def lay_values(self, out: Octets, places: Whole, data: Octets, starts: Whole, lengths: Whole) -> None:
        """Lay the length and the bytes of a value into each row whose place is not 0, and move its place on.

        Args:
            out: [count, 32], one after the other.
            places: where in its row, [count].
            data: [n].
            starts, lengths: of each value in `data`, [count].

        Raises:
            TypeError: arrays of other types.
            ValueError: other shapes, a value that is not in `data`, or a row without room for it.
        """
        if octets_read(out, _ROW) is not out or not out.flags.writeable:
            raise ValueError("values are laid into rows one after the other")
        whole, data = np.dtype(np.int64), octets_read(data[:, None], 1)
        starts, lengths = (np.ascontiguousarray(read(each, 1, whole)) for each in (starts, lengths))
        sizes = {len(out), len(written(places, 1, whole)), len(starts), len(lengths)}
        if len(sizes) > 1 or not places.flags.c_contiguous:
            raise ValueError(f"no {len(starts)} values for {len(out)} rows")
        arrays = (out, places, data, starts, lengths)
        if self._lay(*(address(each) for each in arrays), len(out), len(data)):
            raise ValueError("a value is not in the data, or has no room in its row")

    def lay_bands(self, starts: Words, bands: Words, values: Words, echelon: Words) -> bool:
        """Put rows into a system that each row's band of a table sums up to the row's value: see `okvs`.

        Args:
            starts: where each row's band starts, [rows]; quickest in ascending order.
            bands: which of the slots from there on are summed up, [rows, words].
            values: [rows, 2].
            echelon: [slots, words + 2], zeros at first: the rows that are there already.

        Returns:
            Whether they do not contradict each other; `echelon` is not to be used if they do.

        Raises:
            TypeError: no array of words.
            ValueError: other shapes, or a band beyond the table.
        """
        starts, bands = bands_read(starts, bands, len(echelon))
        values = np.ascontiguousarray(read(values, 2))
        if values.shape != (len(starts), 2):
            raise ValueError(f"no values {values.shape} of bands {bands.shape}")
        words = bands.shape[1]
        if written(echelon, 2).shape[1] != words + 2 or not echelon.flags.c_contiguous:
            raise ValueError(f"no echelon form {echelon.shape} of bands {bands.shape}")
        addresses = address(echelon), address(starts), address(bands), address(values)
        return not self._band_lay(*addresses, len(starts), words)

    def solve_bands(self, echelon: Words, out: Words) -> None:
        """Fill a table so that all rows of a system hold.

        Args:
            echelon: see `lay_bands`.
            out: [slots, 2]; what stands in slots that are not needed stays there.

        Raises:
            TypeError: no array of words.
            ValueError: other shapes.
        """
        held, words = np.ascontiguousarray(read(echelon, 2)), echelon.shape[1] - 2
        if not 1 <= words <= 8 or written(out, 2).shape != (len(held), 2) or not out.flags.c_contiguous:
            raise ValueError(f"no table {out.shape} of an echelon form {held.shape}")
        self._band_solve(address(out), address(held), len(held), words)

    def tags(self, key: bytes, rows: Octets) -> Octets:
        """CBC-MAC by AES-128 of rows of bytes: see `junto.join.tags`.

        Args:
            key: 16 bytes.
            rows: [count, size], a multiple of 16 bytes each.

        Returns:
            [count, 16].

        Raises:
            TypeError: no array of bytes.
            ValueError: it has another shape, or this machine has no AES.
        """
        source = octets_read(rows, rows.shape[-1])
        size = source.shape[1]
        if not self.has_aes or len(key) != _BLOCK or size % _BLOCK:
            raise ValueError(f"no tags of {rows.shape} bytes")
        out = np.empty((len(source), _BLOCK), np.uint8)
        to, at = address(out), address(source)
        shared_out(
            len(source),
            _TAGGED,
            lambda start, stop: self._tags(
                to + _BLOCK * start, at + size * start, stop - start, size // _BLOCK, key
            ),
        )
        return out
