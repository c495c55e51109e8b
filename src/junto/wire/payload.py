"""An encoded value: one parsed header and raw buffers that are never copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """What the ledger says of a value: never its content.

    Attributes:
        type_name: for a person, such as ``ndarray[float64]`` or ``DataFrame``.
        shape: dimensions where the value has them.
    """

    type_name: str
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """The byte string ``b"".join(pieces)``, kept in pieces so that an array is sent from where it lies.

    Attributes:
        pieces: non-empty contiguous byte views (format ``B``), in order.
        nbytes: their total length.
        summary: for the ledger.
    """

    pieces: tuple[memoryview, ...]
    nbytes: int
    summary: Summary

    def chunks(self, size: int, start: int = 0) -> Iterator[list[memoryview]]:
        """Yield the byte string from offset `start` in runs of at most `size` bytes, without a copy."""
        run: list[memoryview] = []
        room = size
        skip = start
        for piece in self.pieces:
            if skip >= len(piece):
                skip -= len(piece)
                continue
            at, skip = skip, 0
            while at < len(piece):
                part = piece[at : at + room]
                run.append(part)
                at += len(part)
                room -= len(part)
                if room == 0:
                    yield run
                    run, room = [], size
        if run:
            yield run
