"""Bytes in both directions, in order, to one other node: in memory, over TCP, over TLS.

These pipes know no messages. Nothing in them blocks but `wait`, so one thread can send and receive at once.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from typing import cast

from junto.net.api import Pipe, PipeEnded

MEMORY_BYTES = 4 << 20
"""What a pipe in memory holds in each direction before its writer has to wait."""

_AT_ONCE = 1 << 30
"""OpenSSL counts the bytes of a call in an int."""


# ---------------------------------------------------------------------------- in memory


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


# ---------------------------------------------------------------------------- over TCP


class SocketPipe(Pipe):
    """A connected TCP socket, which from here on belongs to the pipe."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self._alarm, self._waker = socket.socketpair()
        self._poll = select.poll()
        self._poll.register(self._alarm.fileno(), select.POLLIN)
        self._poll.register(connection.fileno(), select.POLLIN)
        self._events = select.POLLIN
        self._closed = False

    def write(self, data: memoryview) -> int:
        try:
            return self.connection.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise PipeEnded from error

    def read(self, into: memoryview) -> int:
        try:
            count = self.connection.recv_into(into)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise PipeEnded from error
        if count == 0 and len(into):
            raise PipeEnded
        return count

    def wait(self, reading: bool, writing: bool, timeout_s: float) -> bool:
        events = (select.POLLIN if reading else 0) | (select.POLLOUT if writing else 0)
        if events != self._events:
            self._poll.modify(self.connection.fileno(), events)
            self._events = events
        return bool(self._poll.poll(max(timeout_s, 0) * 1000))

    def wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
        for each in (self.connection, self._alarm, self._waker):
            each.close()


class TlsPipe(SocketPipe):
    """A TLS connection whose handshake is done, or is done before the first read or write."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        super().__init__(connection)
        self.tls = connection
        # With a buffer it answers with a number, and any buffer will do; its published types do not say so.
        self._read_into = cast("Callable[[int, memoryview], int]", connection.read)
        self._crossed = 0  # what else OpenSSL waits for: a read that has to write first, or the reverse

    def write(self, data: memoryview) -> int:
        try:
            return self.tls.write(data[:_AT_ONCE]) if len(data) else 0
        except ssl.SSLWantWriteError:
            return 0
        except ssl.SSLWantReadError:
            self._crossed = select.POLLIN
            return 0
        except (OSError, ValueError) as error:
            raise PipeEnded from error

    def read(self, into: memoryview) -> int:
        if not len(into):
            return 0
        try:
            count = self._read_into(min(len(into), _AT_ONCE), into)
        except ssl.SSLWantReadError:
            return 0
        except ssl.SSLWantWriteError:
            self._crossed = select.POLLOUT
            return 0
        except (OSError, ValueError) as error:
            raise PipeEnded from error
        if count == 0:
            raise PipeEnded
        return count

    def wait(self, reading: bool, writing: bool, timeout_s: float) -> bool:
        if self._crossed:
            crossed, self._crossed = self._crossed, 0
            reading, writing = reading or crossed == select.POLLIN, writing or crossed == select.POLLOUT
        return super().wait(reading, writing, timeout_s)
