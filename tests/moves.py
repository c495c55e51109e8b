"""What is moved between parties, for tests that look at what crosses."""

from __future__ import annotations

import pytest

from junto.device.pyu import PYU, PYUObject


def watched_moves(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, PYUObject]]:
    """A list to which each value that is moved from now on is added: (from, to, handle there)."""
    seen: list[tuple[str, str, PYUObject]] = []
    move = PYUObject.moved_to

    def watched(self: PYUObject, device: PYU) -> PYUObject:
        moved = move(self, device)
        if moved is not self:
            seen.append((self.device.party, device.party, moved))
        return moved

    monkeypatch.setattr(PYUObject, "moved_to", watched)
    return seen
