"""Bytes in both directions, in order, to another node in this process.

These pipes know no messages. Nothing in them blocks but `wait`, so one thread can send and receive at once.
"""

from __future__ import annotations

import threading
from collections import deque

from junto.net.api import Pipe, PipeEnded

MEMORY_BYTES = 4 << 20
"""What a pipe in memory holds in each direction before its writer has to wait."""


class _Lane:
    """One direction."""

    __slots__ = ("chunks", "ended", "size")

    def __init__(self) -> None:
        self.chunks: deque[memoryview] = deque()
        self.size: int = 0
        self.ended: bool = False


class MemoryPipe(Pipe):
    """An end of a pair of pipes for two threads of one process; made by `memory_pipes`."""

    def __init__(self, lock: threading.Lock, incoming: _Lane, outgoing: _Lane) -> None:
        self._changed = threading.Condition(lock)
        self._in = incoming
        self._out = outgoing
        self._other: MemoryPipe = self
        self._awake = False

    def connect(self, other: MemoryPipe) -> None:
        """Name the other end, whose waits this one ends."""
        self._other = other

    def write(self, data: memoryview) -> int:
        with self._changed:
            if self._in.ended or self._out.ended:
                raise PipeEnded
            taken = min(len(data), MEMORY_BYTES - self._out.size)
            if taken:
                self._out.chunks.append(memoryview(bytes(data[:taken])))
                self._out.size += taken
                self._other._changed.notify()
            return taken

    def read(self, into: memoryview) -> int:
        with self._changed:
            chunks, done = self._in.chunks, 0
            while chunks and done < len(into):
                first = chunks.popleft()
                piece = first[: len(into) - done]
                into[done : done + len(piece)] = piece
                done += len(piece)
                if len(piece) < len(first):
                    chunks.appendleft(first[len(piece) :])
            if done:
                self._in.size -= done
                self._other._changed.notify()
            elif self._in.ended and len(into):
                raise PipeEnded
            return done

    def wait(self, reading: bool, writing: bool, timeout_s: float) -> bool:
        def possible() -> bool:
            return (
                self._awake
                or (reading and (self._in.size > 0 or self._in.ended))
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
