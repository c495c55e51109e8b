"""Where a large value is received into: memory, or beyond a party's quota a file without a name.

Nothing is committed beyond the bytes that have arrived: address space is reserved, a file grows as it is
written. So a length that lies costs its sender the bytes.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
from abc import ABC, abstractmethod


class Buffer(ABC):
    """Holds one value while it arrives."""

    @abstractmethod
    def write(self, offset: int, data: memoryview) -> None:
        """Store a part. Raises OSError (no space left)."""

    @abstractmethod
    def view(self) -> memoryview:
        """The whole value, once all of it is there. The view keeps the memory alive."""

    @abstractmethod
    def discard(self) -> None:
        """Let go of it at once."""


class MemoryBuffer(Buffer):
    """Anonymous memory in huge pages where the system has them: page faults cost half of the throughput.

    Raises OSError if so much address space cannot be had.
    """

    def __init__(self, nbytes: int) -> None:
        self._map: mmap.mmap | None = _reserve(nbytes)
        self._view = memoryview(self._map)

    def write(self, offset: int, data: memoryview) -> None:
        if self._map is not None:
            self._view[offset : offset + len(data)] = data

    def view(self) -> memoryview:
        return self._view

    def discard(self) -> None:
        self._map = None
        self._view = memoryview(b"")  # the last view that somebody still holds keeps the memory


class SpillBuffer(Buffer):
    """A file that has no name, in `folder` (None: the system's temporary folder); gone with the process."""

    def __init__(self, nbytes: int, folder: str | None) -> None:
        self._nbytes = nbytes
        self._lock = threading.Lock()  # a closed descriptor may be another file's: nobody writes then
        self._file = tempfile.TemporaryFile(prefix="junto-", dir=folder)  # noqa: SIM115 - outlives this call

    def write(self, offset: int, data: memoryview) -> None:
        with self._lock:
            while data and not self._file.closed:
                written = os.pwrite(self._file.fileno(), data, offset)
                offset += written
                data = data[written:]

    def view(self) -> memoryview:
        # A private map: whoever writes into the value gets pages of its own, the file stays as it came.
        with self._lock, self._file:
            return memoryview(mmap.mmap(self._file.fileno(), self._nbytes, access=mmap.ACCESS_COPY))

    def discard(self) -> None:
        with self._lock:
            self._file.close()


def _reserve(nbytes: int) -> mmap.mmap:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    try:
        memory = mmap.mmap(-1, nbytes, flags=flags)
    except (OverflowError, ValueError, MemoryError) as error:
        raise OSError(f"{nbytes} bytes of memory cannot be reserved") from error
    if hasattr(mmap, "MADV_HUGEPAGE"):
        try:
            memory.madvise(mmap.MADV_HUGEPAGE)
        except OSError:  # this kernel has no huge pages; small ones do
            return memory
    return memory
