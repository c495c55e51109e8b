"""Frames in both directions, in order, to another node in this process.

Nothing in these pipes blocks but `wait`, so one thread can send and receive at once.
"""

from __future__ import annotations

import threading
from collections import deque

from junto.mpc.channel import Channel, Ends
from junto.mpc.link_options import LinkOptions
from junto.net.api import Pipe, PipeEnded
from junto.net.header import Header, Kind, Ordered, pack, parse
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
        self._sent = self._received = 0

    def connect(self, other: MemoryPipe) -> None:
        """Name the other end, whose waits this one ends."""
        self._other = other

    def write(self, kind: Kind, detail: int, check: int, body: bytes | memoryview) -> bool:
        done = self.put(pack(Header(kind, detail, 0, self._sent, check)) + body)
        self._sent += done
        return done

    def put(self, frame: bytes) -> bool:
        """Take a frame with its header, whatever it is; see `write`."""
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
        came, due = parse(frame), self._received
        if came.header.number != due:
            raise ValueError(f"message number {came.header.number} arrived; number {due} is due")
        if came.header.stream:
            raise ValueError("a message of another stream arrived")
        self._received += 1
        return came

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


def memory_pair(
    names: tuple[str, str] = ("P0", "P1"), options: LinkOptions | None = None, binding: bytes = b""
) -> tuple[Channel, Channel]:
    """Both ends of a channel for two threads: the same frames, checks and deadlines, without a socket.

    Args:
        names: of the first and the second node; the first channel belongs to the first.
        options: numbers; the deadlines count here, too.
        binding: what both agreed on (see `Channel`).
    """
    first, second = memory_pipes()
    options = options or LinkOptions()
    return (
        Channel(first, Ends(names[0], names[1], binding), options),
        Channel(second, Ends(names[1], names[0], binding), options),
    )
