"""Memory of callers, as bytes: what is sent, and where goes what arrives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from junto.net.header import Kind

Piece: TypeAlias = bytes | bytearray | memoryview | NDArray[Any]
"""Anything whose bytes lie in one block of memory. An array travels as its bytes, in its own byte order."""


def bytes_of(part: Piece) -> memoryview:
    """The bytes of a piece. Raises TypeError if they are not one block."""
    view = memoryview(cast(memoryview, part))
    return view.cast("B") if view.nbytes else memoryview(b"")


def size_of(views: Sequence[memoryview]) -> int:
    """How many bytes they are together."""
    return sum(map(len, views))


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

    def take(self, part: memoryview) -> int:
        """Store as much of what has arrived as is missing; how many bytes."""
        count = min(len(part), self.left)
        if count:
            if self._memory is None:
                self._memory = np.empty(self.size, np.uint8).data
            start = self.size - self.left
            self._memory[start : start + count] = part[:count]
            self.left -= count
        self.done = not self.left
        return count
