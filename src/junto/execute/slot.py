"""A value of this process: the `Ref` behind the debug and embedded executors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from junto.errors import SessionError
from junto.execute.base import Promise, Ref

_UNSET: Any = object()


class Slot(Promise):
    """Holds a value or an error once it is fulfilled. Thread-safe."""

    __slots__ = ("_callbacks", "_error", "_lock", "_value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: Any = _UNSET
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Ref], None]] | None = []

    def done(self) -> bool:
        return self._callbacks is None

    def add_done_callback(self, callback: Callable[[Ref], None]) -> None:
        with self._lock:
            if self._callbacks is not None:
                self._callbacks.append(callback)
                return
        callback(self)

    def error(self) -> BaseException | None:
        if not self.done():
            raise SessionError("this value is not there yet")
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
        for callback in callbacks:
            callback(self)
