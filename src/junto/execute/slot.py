"""A value of this process: the `Ref` behind the debug and embedded executors."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from junto.errors import SessionError
from junto.execute.base import Promise, Ref

log = logging.getLogger("junto.execute")


class Slot(Promise):
    """Holds a value or an error once it is fulfilled. Thread-safe."""

    __slots__ = ("_callbacks", "_error", "_lock", "_value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: Any = None
        self._error: BaseException | None = None
        # None once done, so that one attribute says both.
        self._callbacks: list[Callable[[Ref], None]] | None = []

    def done(self) -> bool:
        return self._callbacks is None

    def add_done_callback(self, callback: Callable[[Ref], None]) -> None:
        with self._lock:
            if self._callbacks is not None:
                self._callbacks.append(callback)
                return
        tell(self, (callback,))

    def error(self) -> BaseException | None:
        if self._callbacks is not None:
            raise not_there()
        return self._error

    def value(self) -> Any:
        error = self.error()
        if error is not None:
            raise error
        return self._value

    def set_value(self, value: Any) -> None:
        self._fulfil(value, None)

    def set_error(self, error: BaseException) -> None:
        self._fulfil(None, error)

    def _fulfil(self, value: Any, error: BaseException | None) -> None:
        with self._lock:
            if self._callbacks is None:
                raise SessionError("this value is there already")
            self._value, self._error = value, error
            callbacks, self._callbacks = self._callbacks, None
        tell(self, callbacks)


def tell(ref: Ref, callbacks: Iterable[Callable[[Ref], None]]) -> None:
    """Call each of `callbacks`; one that raises (a bug) is logged and does not keep the others."""
    for callback in callbacks:
        try:
            callback(ref)
        except Exception:
            log.exception("a callback of a value that is there failed")


def not_there() -> SessionError:
    """Somebody asked for a value too early."""
    return SessionError("this value is not there yet", fix="sf.wait for it first")


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
