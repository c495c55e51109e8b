"""Why the session cannot go on: set once, heard by every wait."""

from __future__ import annotations

import threading
from collections.abc import Callable

from junto.errors import JuntoError
from junto.locks import Event


class SessionFault:
    """The first error that ends the session, if there is one. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._error: JuntoError | None = None
        self._listeners: dict[int, Callable[[], None]] = {}
        self._tickets = 0

    @property
    def error(self) -> JuntoError | None:
        """The error, or None while all is well."""
        return self._error

    def set(self, error: JuntoError) -> bool:
        """End the session with `error`; False if it had ended already."""
        with self._lock:
            if self._error is not None:
                return False
            self._error = error
            listeners = list(self._listeners.values())
        for listener in listeners:
            listener()
        return True

    def check(self) -> None:
        """Raise the error, if there is one."""
        error = self._error
        if error is not None:
            raise error.with_traceback(None)

    def within(self, timeout_s: float) -> JuntoError | None:
        """The error, waited for as long as is said."""
        there = Event()
        unsubscribe = self.subscribe(there.set)
        there.wait(timeout_s)
        unsubscribe()
        return self._error

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when the error is set (at once if it is). Returns how to unsubscribe."""
        with self._lock:
            self._tickets += 1
            ticket = self._tickets
            self._listeners[ticket] = listener
            late = self._error is not None
        if late:
            listener()
        return lambda: self._forget(ticket)

    def _forget(self, ticket: int) -> None:
        with self._lock:
            self._listeners.pop(ticket, None)
