"""Many conversations in one thread, each a generator that yields what it waits for.

Only for the time in which the nodes meet: handshakes with whoever connects, bounded in number and time.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Generator
from typing import NamedTuple, TypeAlias, TypeVar

from junto.mpc.links.pipe import SocketPipe
from junto.net.api import PipeEnded

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

T = TypeVar("T")


class Wish(NamedTuple):
    """Continue when the socket is ready for the event (True is sent back), or at a time (False)."""

    connection: socket.socket | None
    event: int
    until: float


Steps: TypeAlias = Generator[Wish, bool, T]
"""A conversation, or a part of one; `T` is what it comes to."""


class LoopTask:
    """One running conversation.

    Attributes:
        stage: how far it has come; what has come less far is given up first.
    """

    __slots__ = ("stage", "steps", "wish")

    def __init__(self) -> None:
        self.stage: int = 0
        self.steps: Steps[None]
        self.wish: Wish = Wish(None, 0, 0.0)


class Loop:
    """Runs tasks until somebody has had enough. What a task raises, `turn` raises.

    Use as a context manager: leaving it closes every generator, whose `finally` clauses close their sockets.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._tasks: dict[LoopTask, None] = {}
        self._alarm, self._waker = socket.socketpair()
        self._selector.register(self._alarm, READ)

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *_: object) -> None:
        for task in list(self._tasks):
            self.drop(task)
        self._selector.close()
        self._alarm.close()
        self._waker.close()

    def wake(self) -> None:
        """End this `turn` and all that follow at once; may be called from another thread."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def start(self, task: LoopTask, steps: Steps[None]) -> None:
        """Run `steps` until it waits for the first time; `turn` continues it."""
        task.steps = steps
        self._tasks[task] = None
        self._resume(task, None)

    def drop(self, task: LoopTask) -> None:
        """End a task."""
        self._forget(task)
        task.steps.close()

    def turn(self, until: float) -> None:
        """Continue whatever is ready; wait for that until `until` at most."""
        next_time = min((task.wish.until for task in self._tasks), default=until)
        ready = self._selector.select(max(min(next_time, until) - time.monotonic(), 0))
        for key, _ in ready:
            if key.data is not None and key.data in self._tasks:
                self._resume(key.data, True)
        now = time.monotonic()
        for task in [each for each in self._tasks if each.wish.until <= now]:
            if task in self._tasks:
                self._resume(task, False)

    def _resume(self, task: LoopTask, answer: bool | None) -> None:
        before = task.wish.connection
        try:
            wish = next(task.steps) if answer is None else task.steps.send(answer)
        except BaseException as error:
            self._forget(task)
            if isinstance(error, StopIteration):
                return
            raise
        if (before, task.wish.event) != (wish.connection, wish.event) or answer is None:
            self._unregister(before)
            if wish.connection is not None:
                self._selector.register(wish.connection, wish.event, task)
        task.wish = wish

    def _forget(self, task: LoopTask) -> None:
        if self._tasks.pop(task, task) is None:
            self._unregister(task.wish.connection)

    def _unregister(self, connection: socket.socket | None) -> None:
        if connection is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(connection)


# ---------------------------------------------------------------------------- steps


def pause(until: float) -> Steps[None]:
    """Nothing, until then."""
    yield Wish(None, 0, until)


def ready(connection: socket.socket, event: int, until: float) -> Steps[None]:
    """Until the socket is ready. Raises TimeoutError."""
    if not (yield Wish(connection, event, until)):
        raise TimeoutError("no answer in time")


def write_all(pipe: SocketPipe, data: bytes, until: float) -> Steps[None]:
    """Send `data`. Raises PipeEnded, TimeoutError."""
    view = memoryview(data)
    while view:
        count = pipe.write(view)
        view = view[count:]
        if not count:
            yield from ready(pipe.connection, WRITE, until)


def read_exactly(pipe: SocketPipe, size: int, until: float) -> Steps[bytes]:
    """Receive `size` bytes. Raises PipeEnded, TimeoutError."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        count = pipe.read(view)
        view = view[count:]
        if not count:
            yield from ready(pipe.connection, READ, until)
    return bytes(buffer)


__all__ = [
    "READ",
    "WRITE",
    "Loop",
    "LoopTask",
    "PipeEnded",
    "Steps",
    "Wish",
    "pause",
    "read_exactly",
    "ready",
    "write_all",
]
