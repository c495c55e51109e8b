"""Sums over the rows on an SPU, block by block, so that memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

BLOCK: Final = 1 << 21
"""Numbers of one party that are shared at once."""


def blocks(rows: int, width: int) -> Iterator[tuple[int, int]]:
    """Where blocks of rows of so many numbers each begin and end."""
    size = max(1, BLOCK // max(width, 1))
    for start in range(0, rows, size):
        yield start, min(start + size, rows)


def rows_of(array: Any, start: int, stop: int) -> Any:
    """At the owner: rows of an array."""
    return array[start:stop]
