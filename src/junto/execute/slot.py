"""A value of this process: the `Ref` behind the debug and embedded executors."""

from __future__ import annotations

import logging
import threading
from abc import ABC
from collections.abc import Callable, Iterable
from typing import Any

from junto.errors import SessionError
from junto.execute.executor import Promise, Ref

log: logging.Logger = logging.getLogger("junto.execute")


class SettledRef(Ref, ABC):
    """A `Ref` that is settled once, with an error or without. Thread-safe."""

    __slots__ = ("_callbacks", "_error", "_lock", "_value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._value: Any = None
        # None once done, so that one attribute says both.
        self._callbacks: list[Callable[[Ref], None]] | None = []

    def done(self) -> bool:
        return self._callbacks is None

    def add_done_callback(self, callback: Callable[[Ref], None]) -> None:
        with self._lock:
            if self._callbacks is not None:
                self._callbacks.append(callback)
                return
        _tell(self, (callback,))

    def error(self) -> BaseException | None:
        if self._callbacks is not None:
            raise SessionError("this value is not there yet", fix="sf.wait for it first")
        return self._error

    def settle(self, error: BaseException | None, value: Any = None) -> None:
        """It is there (None), or `error` is in its place.

        Raises:
            SessionError: it was settled before.
        """
        with self._lock:
            if self._callbacks is None:
                raise SessionError(
                    "this value is there already", fix="report it: junto itself has filled it twice"
                )
            self._error, self._value = error, value
            callbacks, self._callbacks = self._callbacks, None
        _tell(self, callbacks)


class Slot(SettledRef, Promise):
    """Holds a value of this process once it is fulfilled."""

    __slots__ = ()

    def value(self) -> Any:
        error = self.error()
        if error is not None:
            raise error
        return self._value

    def set_value(self, value: Any) -> None:
        self.settle(None, value)

    def set_error(self, error: BaseException) -> None:
        self.settle(error)


def _tell(ref: Ref, callbacks: Iterable[Callable[[Ref], None]]) -> None:
    """Call each of `callbacks`; one that raises (a bug) is logged and does not keep the others."""
    for callback in callbacks:
        try:
            callback(ref)
        except Exception:
            log.exception("a callback of a value that is there failed")


def when_done(refs: Iterable[Ref], start: Callable[[], None]) -> None:
    """Call `start` once all of `refs` are done: at once if they are, else in the thread of the last one."""
    missing = [ref for ref in refs if not ref.done()]
    if missing:
        _Countdown(missing, start)
    else:
        start()


class _Countdown:
    def __init__(self, refs: list[Ref], start: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._left = len(refs)
        self._start = start
        for ref in refs:
            ref.add_done_callback(self._one)

    def _one(self, _: Ref) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._start()
