"""What each party of a real SPU receives, for tests that look at it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import junto as sf
from junto.program.program import Program

LIMIT = 400.0
"""Chi-square with 255 degrees of freedom exceeds this once in 10**7 uniform samples."""


class Views:
    """All that anybody receives while it watches.

    Attributes:
        values: passages between parties, and what came.
        messages: of the links: SPU, receiver, sender, operation, bytes.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.values: list[tuple[Any, Any]] = []
        self.messages: list[tuple[str, str, str, str, bytes]] = []
        real = Program.transfer

        def transfer(program: Program, passage: Any, ref: Any) -> Any:
            arrived = real(program, passage, ref)
            if arrived is not None:
                self.values.append((passage, arrived))
            return arrived

        patch.setattr(Program, "transfer", transfer)

    def watch(self, spu: sf.SPU) -> sf.SPU:
        """The links of `spu`, too."""
        for role, seat in spu.engine._seats.items():
            for peer, channel in seat.channels.items():
                channel.record(partial(self._hear, spu.name, role, peer))
        return spu

    def _hear(self, name: str, role: str, peer: str, operation: str, data: bytes) -> None:
        self.messages.append((name, role, peer, operation, data))

    def pieces(self, begin: int = 0) -> Iterator[tuple[Any, np.ndarray]]:
        """Keys and pieces of secrets between parties, as bytes."""
        for passage, ref in self.values[begin:]:
            value = ref.value()
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, bytes):
                    yield passage, np.frombuffer(part, np.uint8)
                elif isinstance(part, np.ndarray):
                    yield passage, part.reshape(-1).view(np.uint8)


def chi_square(data: np.ndarray) -> float:
    expected = len(data) / 256
    return float(((np.bincount(data, minlength=256) - expected) ** 2 / expected).sum())
