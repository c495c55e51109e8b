"""The two futures of the seam: a value expected, a value on its way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from junto.net.api import Arrival, Delivery, Failure

log: logging.Logger = logging.getLogger("junto.net")

T = TypeVar("T")
Outcome = memoryview | Failure | Exception


class _Once(Generic[T]):
    """A result that is set once, how far it is, and callbacks for it. Thread-safe."""

    def __init__(self, nbytes: int = 0) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Any], None]] | None = []  # None: it is there
        self._result: T | None = None
        self._progress = (0, nbytes)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call `callback(self)` once the result is set."""
        with self._lock:
            if self._callbacks is not None:
                self._callbacks.append(callback)
                return
        self._run((callback,))

    def progress(self) -> tuple[int, int]:
        """(bytes there, bytes in all)."""
        return self._progress

    def advance(self, there: int, nbytes: int) -> None:
        """So much is there."""
        self._progress = (there, nbytes)

    def settle(self, result: T) -> None:
        """Set the result and run the callbacks; a second call changes nothing."""
        with self._lock:
            callbacks, self._callbacks = self._callbacks, None
            if callbacks is None:
                return
            self._result = result
            nbytes = len(result) if isinstance(result, memoryview) else self._progress[1]
            if not isinstance(result, Exception):
                self._progress = (nbytes, nbytes)
        self._run(callbacks)

    def _get(self) -> T | None:
        if self._callbacks is not None:
            raise RuntimeError("asked for before it is done")
        return self._result

    def _run(self, callbacks: tuple[Callable[[Any], None], ...] | list[Callable[[Any], None]]) -> None:
        for callback in callbacks:
            try:
                callback(self)
            except Exception:
                log.exception("a callback of the gateway failed")


class Awaited(_Once[Outcome], Arrival):
    """A value expected from another party."""

    def outcome(self) -> Outcome:
        outcome = self._get()
        if outcome is None:
            raise RuntimeError("an arrival without an outcome")
        return outcome


class Dispatched(_Once[Exception | None], Delivery):
    """A value on its way to another party.

    Args:
        nbytes: its size.
    """

    def error(self) -> Exception | None:
        return self._get()
