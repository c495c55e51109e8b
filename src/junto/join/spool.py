"""Records in the order of a random-looking 128-bit tag, in memory or, if they are many, on disk.

Records come in any order and leave sorted. They are laid into buckets by the first bits of their tag, so
that one bucket at a time is sorted in memory; the tags are results of a block cipher or points of a
curve, hence spread evenly. Files lie in a folder of mode 0700 that goes when its `Scratch` does.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from junto.native import kernels

Array = npt.NDArray[Any]

IN_MEMORY = 64 << 20
_BUCKET = 16 << 20


class Scratch:
    """Room for what is larger than memory.

    Args:
        folder: where (None: the system's temporary folder).
        in_memory: bytes of one array or spool that stay in memory.
    """

    def __init__(self, folder: str | None = None, in_memory: int = IN_MEMORY) -> None:
        self._parent = folder
        self.in_memory = in_memory
        self._folder: Path | None = None
        self._remove: Callable[[], object] = _nothing
        self._files = 0

    def file(self) -> Path:
        """A new file's path."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="junto-join-", dir=self._parent))
            self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._files += 1
        return self._folder / f"{self._files:06d}"

    def full(self, shape: tuple[int, ...], value: int) -> npt.NDArray[np.int64]:
        """An array of whole numbers, all `value` at first."""
        if math.prod(shape) * 8 <= self.in_memory:
            return np.full(shape, value, np.int64) if value else np.zeros(shape, np.int64)
        array = np.memmap(self.file(), np.int64, "w+", shape=shape)
        if value:  # a file of zeros takes no room on the disk: `shape` may be what another party says
            array[:] = value
        return array

    def close(self) -> None:
        """Remove the files. Idempotent."""
        self._remove()


class Bucket:
    """Records in the order of their tags; of equal ones in the order they came.

    Args:
        fields: the fields of all of them, ``high`` and ``low`` of the tags among them.
        ordered: they are in that order already; otherwise a field is brought into it when it is asked for.
    """

    def __init__(self, fields: Mapping[str, Array], ordered: bool = False) -> None:
        self._fields = fields
        self._order: npt.NDArray[np.intp] | None = np.arange(len(self)) if ordered else None

    def __len__(self) -> int:
        return len(self._fields["high"])

    def sort(self) -> npt.NDArray[np.intp]:
        """Which record is at each place, found once."""
        if self._order is None:
            self._order = order_of(self._fields["high"], self._fields["low"])
        return self._order

    def __getitem__(self, name: str) -> Array:
        """A field of all records."""
        return np.take(self._fields[name], self.sort(), axis=0)

    def at(self, name: str, places: npt.NDArray[np.int64]) -> Array:
        """The same of the records at some places."""
        return np.take(self._fields[name], self.sort()[places], axis=0)


class Spool:
    """Records on their way to being sorted by their tag.

    Args:
        fields: numpy fields beside the tag.
        count: how many records there will be (tells whether memory is enough).
        scratch: where they go otherwise.
    """

    def __init__(self, fields: list[tuple[Any, ...]], count: int, scratch: Scratch) -> None:
        self.dtype: np.dtype[np.void] = np.dtype([("high", "<u8"), ("low", "<u8"), *fields])
        nbytes = count * self.dtype.itemsize
        self._bits = 0 if nbytes <= scratch.in_memory else min(12, (nbytes // _bucket(scratch)).bit_length())
        self._held: list[Mapping[str, Array]] = []
        self._waiting = 0
        self._paths = [scratch.file() for _ in range(1 << self._bits)] if self._bits else []
        self.count: int = 0

    @property
    def bits(self) -> int:
        """Leading bits of the tag by which the buckets are told apart."""
        return self._bits

    def add(self, tags: npt.NDArray[np.uint64], **fields: Array) -> None:
        """Put records in: tags of shape (count, 2), and one array a field. The arrays are not copied."""
        self.count += len(tags)
        self._held.append({"high": tags[:, 0], "low": tags[:, 1], **fields})
        self._waiting += len(tags) * self.dtype.itemsize
        if self._bits and self._waiting >= _BUCKET:
            self._lay_down()

    def _lay_down(self) -> None:
        """Append what is held to the files of its buckets."""
        fields, self._waiting = self._whole(), 0
        records = np.empty(len(fields["high"]), self.dtype)
        for name, values in fields.items():
            records[name] = values
        bucket = records["high"] >> np.uint64(64 - self._bits)
        order = np.argsort(bucket, kind="stable")
        ends = np.searchsorted(bucket[order], np.arange(1 << self._bits), side="right")
        for part, path in zip(np.split(np.take(records, order), ends[:-1]), self._paths, strict=True):
            with path.open("ab") as file:
                part.tofile(file)

    def buckets(self) -> Iterator[Bucket]:
        """The records, bucket by bucket."""
        if not self._bits:
            yield Bucket(self._whole())
            return
        self._lay_down()
        for path in self._paths:
            held = np.fromfile(path, self.dtype) if path.exists() else np.empty(0, self.dtype)
            path.unlink(missing_ok=True)
            held = _sorted(held)
            yield Bucket({name: held[name] for name in self._names}, ordered=True)

    def _whole(self) -> Mapping[str, Array]:
        held, self._held = self._held, []
        return {
            name: np.concatenate([np.empty(0, self.dtype[name]), *(each[name] for each in held)])
            for name in self._names
        }

    @property
    def _names(self) -> tuple[str, ...]:
        return self.dtype.names or ()


def batches(pieces: Iterator[Array], size: int) -> Iterator[Array]:
    """The same rows in batches of `size` (the last one may be shorter)."""
    rest: list[Array] = []
    held = 0
    for piece in pieces:
        rest.append(piece)
        held += len(piece)
        if held < size:
            continue
        joined = np.concatenate(rest)
        whole = len(joined) - len(joined) % size
        for start in range(0, whole, size):
            yield joined[start : start + size]
        rest, held = [joined[whole:]], len(joined) - whole
    if held:
        yield np.concatenate(rest)


def _nothing() -> None:
    """There is no folder yet."""


def _bucket(scratch: Scratch) -> int:
    return min(_BUCKET, max(scratch.in_memory, 1))


def order_of(high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """What sorts these tags; equal ones keep their order.

    Sorting whole tags is slow. The places stand in the last bits of one word, whose first bits few different
    tags share: what begins alike and differs is sorted once more.
    """
    bits = np.uint64(len(high).bit_length())
    places = (np.uint64(1) << bits) - np.uint64(1)
    packed = high & ~places
    packed |= np.arange(len(high), dtype=np.uint64)
    sort_words(packed, int(bits), 64)
    order = (packed & places).astype(np.intp)
    packed >>= bits
    alike = np.flatnonzero(packed[1:] == packed[:-1])
    one, next_one = order[alike], order[alike + 1]
    differ = (high[one] != high[next_one]) | (low[one] != low[next_one])
    if differ.any():
        begins = np.concatenate([[True], packed[1:] != packed[:-1]])
        run = np.cumsum(begins)
        again = np.zeros(run[-1] + 1, bool)
        again[run[alike[differ]]] = True
        touched = np.flatnonzero(again[run])
        some = order[touched]
        order[touched] = some[np.lexsort((low[some], high[some]))]
    return order


def order_of_numbers(numbers: npt.NDArray[np.uint64], most: int) -> npt.NDArray[np.intp]:
    """What sorts numbers up to `most`; equal ones keep their order.

    Raises:
        ValueError: there is no room for a number and its place in one word.
    """
    bits, width = len(numbers).bit_length(), most.bit_length()
    if bits + width > 64:
        raise ValueError(f"{len(numbers)} numbers up to {most} and their places are not in one word")
    packed = numbers << np.uint64(bits)
    packed |= np.arange(len(numbers), dtype=np.uint64)
    sort_words(packed, bits, bits + width)
    packed &= (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    return packed.astype(np.intp)


def put_back(rows: Array, order: npt.NDArray[np.intp]) -> Array:
    """Each row i at ``order[i]``: to read here and there is quicker than to write."""
    back = np.empty(len(order), np.intp)
    back[order] = np.arange(len(order))
    return np.take(rows, back, axis=0)


def sort_words(words: npt.NDArray[np.uint64], low: int, high: int) -> None:
    """Put words in the order of their bits from `low` on, below `high`; of equal ones the order stays."""
    if (native := kernels()) is not None:
        native.sort_words(words, low, high)
    else:
        words[:] = plainly_sorted(words, low, high)


def plainly_sorted(words: npt.NDArray[np.uint64], low: int, high: int) -> npt.NDArray[np.uint64]:
    """The same without a kernel, as a new array."""
    mask = np.uint64((1 << high) - (1 << low))
    return words[np.argsort(words & mask, kind="stable")]


def _sorted(records: Array) -> Array:
    order = order_of(records["high"], records["low"])
    words, odd = divmod(records.dtype.itemsize, 8)
    if odd:
        return np.take(records, order)
    rows = records.view(np.uint64).reshape(len(records), words)  # which is copied several times as quickly
    return np.take(rows, order, axis=0).view(records.dtype).reshape(len(records))
