"""What a person sees while something is awaited, or under way."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod

from junto.accounting.progress import Look

log: logging.Logger = logging.getLogger("junto.wait")


class Reporter(ABC):
    """Shows waits. Called from the waiting thread only."""

    @abstractmethod
    def waiting(self, line: str, progress: tuple[int, int]) -> None:
        """One more second has passed. `progress`: bytes done and in all, (0, 0) if unknown."""

    @abstractmethod
    def over(self) -> None:
        """The wait is over."""


class LogReporter(Reporter):
    """A log line at first, then ever more rarely: after 1, 2, 4 ... up to 32 calls."""

    def __init__(self) -> None:
        self._calls = 0
        self._next = 1

    def waiting(self, line: str, progress: tuple[int, int]) -> None:
        self._calls += 1
        if self._calls >= self._next:
            self._next = self._calls + min(self._calls, 32)
            done, total = progress
            log.info("%s%s", line, f" ({done >> 20} of {total >> 20} MiB)" if total else "")

    def over(self) -> None:
        self._calls = 0
        self._next = 1


class Display(ABC):
    """Shows work that is under way. Called from one thread."""

    @abstractmethod
    def show(self, look: Look) -> None:
        """It has come so far."""

    @abstractmethod
    def hide(self) -> None:
        """Nothing is under way."""

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of everything. Idempotent."""
