"""Messages that are not taken: counted by cause, logged ever more rarely."""

from __future__ import annotations

import logging
import threading
from collections import Counter

log: logging.Logger = logging.getLogger("junto.net")


class Refusals:
    """Counters. Thread-safe; the log gets the 1st, 2nd, 4th, 8th ... of a kind, so nobody can flood it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, who: str, kind: str, text: str) -> int:
        """Note one message of `who`; returns how many there were in all."""
        with self._lock:
            self._counts[kind] += 1
            number, total = self._counts[kind], self._counts.total()
        if number & (number - 1) == 0:
            log.warning("refused from %s (%s, %d so far): %s", who, kind, number, text)
        return total

    def by_cause(self) -> dict[str, int]:
        """How many of each kind."""
        with self._lock:
            return dict(self._counts)
