"""Memory of callers, as bytes: what is sent, and where goes what arrives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from junto.net.header import Kind

Piece: TypeAlias = bytes | bytearray | memoryview | NDArray[Any]
"""Anything whose bytes lie in one block of memory. An array travels as its bytes, in its own byte order."""

RECORD_BYTES = 16 << 10
"""The largest TLS record. Smaller parts are copied together: one record costs more than its bytes."""


def bytes_of(part: Piece) -> memoryview:
    """The bytes of a piece. Raises TypeError if they are not one block."""
    view = memoryview(cast(memoryview, part))
    return view.cast("B") if view.nbytes else memoryview(b"")


def size_of(views: Sequence[memoryview]) -> int:
    """How many bytes they are together."""
    return sum(map(len, views))


def gathered(header: bytes, views: Sequence[memoryview]) -> list[memoryview]:
    """Header and views as pieces to write: small ones copied together, large ones where they are."""
    pieces: list[memoryview] = []
    small = bytearray(header)
    for view in views:
        room = RECORD_BYTES - len(small)
        small += view[:room]
        rest = view[room:]
        if not len(rest):
            continue
        pieces.append(memoryview(small))
        small = bytearray()
        if len(rest) < RECORD_BYTES:
            small += rest
        else:
            pieces.append(rest)
    if small:
        pieces.append(memoryview(small))
    return pieces


class Due:
    """Bytes that have to arrive now: where they go, and how many are still missing.

    Args:
        size: how many. The memory is taken when a header has announced bytes that fit.

    Attributes:
        done: nothing is missing.
    """

    __slots__ = ("_memory", "done", "kind", "left", "size")

    def __init__(self, kind: Kind, size: int) -> None:
        self.kind: Kind = kind
        self.size: int = size
        self.left: int = size
        self.done: bool = kind is Kind.STREAM and not size  # an empty message still has a header
        self._memory: memoryview | None = None

    @property
    def memory(self) -> memoryview:
        """All of it."""
        if self._memory is None:
            self._memory = np.empty(self.size, np.uint8).data
        return self._memory

    def begin(self) -> None:
        """A header has announced bytes."""
        self.done = not self.left

    def view(self, limit: int) -> memoryview:
        """Where the next bytes go, at most `limit` of them."""
        return self.memory[self.size - self.left :][:limit]

    def advance(self, count: int) -> None:
        """Note that `count` bytes have arrived at `view`."""
        self.left -= count
        self.done = not self.left
