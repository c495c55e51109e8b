"""Frames in both directions, in order, to another node in this process.

Nothing in these pipes blocks but `wait`, so one thread can send and receive at once.
"""

from __future__ import annotations

import threading
from collections import deque

from junto.net.api import Pipe, PipeEnded
from junto.net.header import Ordered, parse
from junto.net.ordered import FRAME_BYTES

MEMORY_BYTES = 4 << 20
"""What a pipe in memory holds in each direction before its writer has to wait."""


class _Lane:
    """One direction."""

    __slots__ = ("ended", "frames", "size")

    def __init__(self) -> None:
        self.frames: deque[bytes] = deque()
        self.size: int = 0
        self.ended: bool = False


class MemoryPipe(Pipe):
    """An end of a pair of pipes for two threads of one process; made by `memory_pipes`."""

    frame_bytes: int = FRAME_BYTES

    def __init__(self, lock: threading.Lock, incoming: _Lane, outgoing: _Lane) -> None:
        self._changed = threading.Condition(lock)
        self._in = incoming
        self._out = outgoing
        self._other: MemoryPipe = self
        self._awake = False

    def connect(self, other: MemoryPipe) -> None:
        """Name the other end, whose waits this one ends."""
        self._other = other

    def write(self, frame: bytes) -> bool:
        with self._changed:
            if self._in.ended or self._out.ended:
                raise PipeEnded
            if self._out.size >= MEMORY_BYTES:
                return False
            self._out.frames.append(frame)
            self._out.size += len(frame)
            self._other._changed.notify()
            return True

    def read(self) -> Ordered | None:
        with self._changed:
            if not self._in.frames:
                if self._in.ended:
                    raise PipeEnded
                return None
            frame = self._in.frames.popleft()
            self._in.size -= len(frame)
            self._other._changed.notify()
        return parse(frame)

    def wait(self, reading: bool, writing: bool, timeout_s: float) -> bool:
        def possible() -> bool:
            return (
                self._awake
                or (reading and (bool(self._in.frames) or self._in.ended))
                or (writing and (self._out.size < MEMORY_BYTES or self._in.ended))
            )

        with self._changed:
            return self._changed.wait_for(possible, timeout_s)

    def wake(self) -> None:
        with self._changed:
            self._awake = True
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._out.ended = True
            self._other._changed.notify_all()


def memory_pipes() -> tuple[MemoryPipe, MemoryPipe]:
    """The two ends of one pipe."""
    lock, there, back = threading.Lock(), _Lane(), _Lane()
    one, other = MemoryPipe(lock, back, there), MemoryPipe(lock, there, back)
    one.connect(other)
    other.connect(one)
    return one, other
