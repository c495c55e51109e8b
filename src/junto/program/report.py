"""What a person sees while something is awaited."""

from __future__ import annotations

import logging
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass

log = logging.getLogger("junto.wait")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far what is awaited has come.

    Attributes:
        done, total: bytes, or steps of a computation; a total of 0: nobody knows.
        of_bytes: which of the two.
        detail: more about a computation, in words.
    """

    done: int = 0
    total: int = 0
    of_bytes: bool = True
    detail: str = ""

    def __str__(self) -> str:
        if not self.total:
            return ""
        if self.of_bytes:
            return f"{self.done >> 20} of {self.total >> 20} MiB"
        return f"{min(self.done / self.total, 0.99):.0%} done; {self.detail}"


class Reporter(ABC):
    """Shows waits. Called from the waiting thread only."""

    @abstractmethod
    def waiting(self, line: str, progress: Progress) -> None:
        """One more second has passed."""

    @abstractmethod
    def over(self) -> None:
        """The wait is over."""


class LogReporter(Reporter):
    """A log line at first, then ever more rarely: after 1, 2, 4 ... up to 32 calls."""

    def __init__(self) -> None:
        self._calls = 0
        self._next = 1

    def waiting(self, line: str, progress: Progress) -> None:
        self._calls += 1
        if self._calls >= self._next:
            self._next = self._calls + min(self._calls, 32)
            log.info("%s%s", line, f" ({progress})" if progress.total else "")

    def over(self) -> None:
        self._calls = 0
        self._next = 1


def choose_reporter() -> Reporter:
    """A live line if a person sits at a terminal, log lines else."""
    if sys.stderr.isatty():
        from junto.program.liveline import LiveReporter

        return LiveReporter()
    return LogReporter()
