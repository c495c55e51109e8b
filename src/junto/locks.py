"""What threads wait with: an interrupt of the script's thread leaves none of it locked.

Python raises KeyboardInterrupt in the script's thread after any call, and where a function or a turn of a
loop begins. `threading.Condition` is entered and left by functions written in Python, so it may be raised
there while the lock is held, and nothing would ever release it: every later call would stand still. To enter
or to leave a lock itself is one step.
"""

from __future__ import annotations

import _thread
import time
from collections.abc import Callable
from functools import cache, wraps
from typing import TypeVar

T = TypeVar("T")


class Condition(_thread.RLock):  # type: ignore[misc]  # not final, whatever its stub says
    """As `threading.Condition`, and a lock itself. Whoever waits has entered it once."""

    def __init__(self) -> None:
        self._waiters: list[_thread.LockType] = []

    def wait(self, timeout_s: float | None = None) -> bool:
        """Release it until somebody notifies (True) or the time is over (False)."""
        waiter = _thread.allocate_lock()
        waiter.acquire()
        self._waiters.append(waiter)
        try:
            self.release()  # first, so that it is released wherever the next line but one takes it again
            return waiter.acquire(True, -1 if timeout_s is None else max(timeout_s, 0.0))
        finally:
            self.acquire()
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def wait_for(self, what: Callable[[], T], timeout_s: float | None = None) -> T:
        """Wait until `what` holds or the time is over; what it gave last."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while not (found := what()):
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return found

    def notify_all(self) -> None:
        """Whoever waits looks again."""
        while self._waiters:
            waiter = self._waiters[-1]
            if waiter.locked():  # else an interrupt came before it was taken out below
                waiter.release()
            self._waiters.pop()


class Event:
    """As `threading.Event`."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._there = False

    def is_set(self) -> bool:
        """Whether it has happened."""
        return self._there

    def set(self) -> None:
        """It happened: every wait ends."""
        self._there = True
        with self._changed:
            self._changed.notify_all()

    def clear(self) -> None:
        """It has not happened yet."""
        self._there = False

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether it has happened, waited for as long as is said (None: for ever)."""
        with self._changed:
            return self._changed.wait_for(self.is_set, timeout_s)


def once(make: Callable[[], T]) -> Callable[[], T]:
    """`make`, called once a process: `functools.cache` calls it for each thread that comes before it is done.

    Where all parties live in one process, each has threads that come at the same time.
    """
    alone, made = _thread.RLock(), cache(make)

    @wraps(make)
    def get() -> T:
        with alone:
            return made()

    get.cache_clear = made.cache_clear  # type: ignore[attr-defined]
    return get
