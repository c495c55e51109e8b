"""Work of this party that is not finished: operations that run, values not yet handed over."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from junto.errors import RemoteError
from junto.execute.executor import Ref
from junto.locks import Condition
from junto.net.api import Stamp


class InFlight:
    """Counts unfinished work and remembers failures that nobody has looked at. Thread-safe.

    Args:
        took: is told how many seconds a piece of work of an operation took.
    """

    def __init__(self, took: Callable[[Stamp, float], None] | None = None) -> None:
        self._took = took
        self._changed = Condition()
        self._running: dict[int, tuple[Stamp, float]] = {}
        self._tickets = 0
        self._unseen: dict[int, RemoteError] = {}
        self._seen: set[int] = (
            set()
        )  # one failure may come here more than once, in two values of an operation

    def watch(self, stamp: Stamp, refs: tuple[Ref, ...]) -> None:
        """Count the operation as running until all of `refs` are done."""
        for ref in refs:
            ticket = self.enter(stamp)
            ref.add_done_callback(partial(self._done, ticket, stamp))

    def enter(self, stamp: Stamp) -> int:
        """Something of operation `stamp` begins; end it with `leave`."""
        with self._changed:
            self._tickets += 1
            self._running[self._tickets] = stamp, time.monotonic()
            return self._tickets

    def leave(self, ticket: int) -> None:
        """It is over."""
        with self._changed:
            over = self._running.pop(ticket, None)
            if not self._running:
                self._changed.notify_all()
        if over is not None and self._took is not None:
            stamp, began = over
            self._took(stamp, time.monotonic() - began)

    def oldest(self) -> Stamp | None:
        """The oldest operation that still runs."""
        with self._changed:
            stamp, _ = next(iter(self._running.values()), (None, 0.0))
            return stamp

    def seen(self, operation: int) -> None:
        """The failure of `operation` has reached a script."""
        with self._changed:
            self._seen.add(operation)
            self._unseen.pop(operation, None)

    def heard(self, error: RemoteError) -> None:
        """A value that was to come here failed where it was made; now the failure is ours to look at."""
        self._note(error)

    def unseen(self) -> RemoteError | None:
        """A failure of ours, or of a value for us (not the poison of an argument), that reached nobody."""
        with self._changed:
            return next(iter(self._unseen.values()), None)

    def forget(self) -> None:
        """What runs now is not waited for any more: the script was interrupted."""
        with self._changed:
            self._running.clear()
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """Block until nothing runs (True) or the time is over (False)."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout_s)

    def _done(self, ticket: int, stamp: Stamp, ref: Ref) -> None:
        error = ref.error()
        if isinstance(error, RemoteError) and error.origin.operation == stamp.operation:
            self._note(error)
        self.leave(ticket)

    def _note(self, error: RemoteError) -> None:
        with self._changed:
            if error.origin.operation not in self._seen:
                self._unseen[error.origin.operation] = error
