"""The two futures of the seam: a value expected, a value on its way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from junto.net.api import Arrival, Delivery, Failure

log: logging.Logger = logging.getLogger("junto.net")

T = TypeVar("T")
Outcome = memoryview | Failure | Exception


class _Once(Generic[T]):
    """A result that is set once, and callbacks for it. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._done = False
        self._result: T | None = None

    def set(self, result: T) -> None:
        """Set the result and run the callbacks; a second call changes nothing."""
        with self._lock:
            if self._done:
                return
            self._done, self._result = True, result
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            _run(callback)

    def then(self, callback: Callable[[], None]) -> None:
        """Run `callback` once the result is set."""
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        _run(callback)

    def get(self) -> T | None:
        """The result. Raises RuntimeError before it is set."""
        if not self._done:
            raise RuntimeError("asked for before it is done")
        return self._result


def _run(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        log.exception("a callback of the gateway failed")


class Awaited(Arrival):
    """A value expected from another party."""

    def __init__(self) -> None:
        self._once: _Once[Outcome] = _Once()
        self._progress = (0, 0)

    def add_done_callback(self, callback: Callable[[Arrival], None]) -> None:
        self._once.then(lambda: callback(self))

    def outcome(self) -> Outcome:
        outcome = self._once.get()
        if outcome is None:
            raise RuntimeError("an arrival without an outcome")
        return outcome

    def progress(self) -> tuple[int, int]:
        return self._progress

    def advance(self, received: int, nbytes: int) -> None:
        """So much has come."""
        self._progress = (received, nbytes)

    def settle(self, outcome: Outcome) -> None:
        """It is here, or never will be."""
        if isinstance(outcome, memoryview):
            self._progress = (len(outcome), len(outcome))
        self._once.set(outcome)


class Dispatched(Delivery):
    """A value on its way to another party.

    Args:
        nbytes: its size.
    """

    def __init__(self, nbytes: int) -> None:
        self._once: _Once[Exception | None] = _Once()
        self._progress = (0, nbytes)

    def add_done_callback(self, callback: Callable[[Delivery], None]) -> None:
        self._once.then(lambda: callback(self))

    def error(self) -> Exception | None:
        return self._once.get()

    def progress(self) -> tuple[int, int]:
        return self._progress

    def advance(self, acked: int) -> None:
        """So much is acknowledged."""
        self._progress = (acked, self._progress[1])

    def settle(self, error: Exception | None) -> None:
        """It is delivered, or never will be."""
        if error is None:
            self._progress = (self._progress[1], self._progress[1])
        self._once.set(error)
