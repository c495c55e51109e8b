"""Bytes between two nodes of an SPU through their parties' gateways: a pipe without a port of its own.

What is written goes in messages of at most `PIECE_BYTES` on one lane (see `Aside`). A receiver expects
`WINDOW` of them ahead of what it has read, and says on a second lane, each time that it has read half of
that, how many it has read: so a node that does not read is not filled with what others send. A sender gets
only so far ahead of such a grant that at most two can be on their way to it, and one message that says that
the pipe is closed: a receiver of grants expects `GRANTS` of them ahead.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from typing import Protocol

from junto.mpc.links.pipe import Pipe, PipeEnded

WINDOW = 32
PIECE_BYTES = 1 << 20
GRANTS = 4

_GRANT = struct.Struct(">BQ")
_READ, _CLOSED = 0, 1


class Lane(Protocol):
    """Numbered messages in both directions: what a pipe needs of `Aside`."""

    def push(self, number: int, message: bytes) -> object:
        """Send message `number`; never blocks."""

    def expect(self, number: int, then: Callable[[memoryview | Exception], None]) -> None:
        """Call `then` with message `number` once it is here, or with why it never comes."""


class TunnelPipe(Pipe):
    """See the module.

    Args:
        data: carries the bytes.
        grants: says how many messages were read.
        piece_bytes: of the largest message; each end may have its own.
    """

    def __init__(self, data: Lane, grants: Lane, piece_bytes: int = PIECE_BYTES) -> None:
        self._data, self._grants = data, grants
        self._piece_bytes = piece_bytes
        self._changed = threading.Condition()
        # Written by the thread that owns the pipe:
        self._sent = 0
        self._read = 0
        self._granted = 0
        self._grants_sent = 0
        self._rest = memoryview(b"")
        # Written by the network's threads, too, under the lock:
        self._arrived: dict[int, memoryview] = {}
        self._may_send = WINDOW
        self._peer_sent: int | None = None
        self._trouble: Exception | None = None
        self._awake = False
        self._closed = False
        self._expect(0, WINDOW)
        for number in range(GRANTS):
            self._expect_grant(number)

    # ------------------------------------------------------------------ what the interface promises

    def write(self, data: memoryview) -> int:
        with self._changed:
            if self._trouble is not None or self._peer_sent is not None:
                raise PipeEnded from self._trouble
            if self._sent == self._may_send or not len(data):
                return 0
            number, self._sent = self._sent, self._sent + 1
        piece = bytes(data[: self._piece_bytes])  # it may have to be sent again, so it is ours
        self._data.push(number, piece)
        return len(piece)

    def read(self, into: memoryview) -> int:
        done = 0
        while done < len(into) and (len(self._rest) or self._next(may_end=not done)):
            piece = self._rest[: len(into) - done]
            into[done : done + len(piece)] = piece
            self._rest = self._rest[len(piece) :]
            done += len(piece)
        return done

    def wait(self, reading: bool, writing: bool, timeout_s: float) -> bool:
        def possible() -> bool:
            ended = self._trouble is not None or self._peer_sent is not None
            return (
                self._awake
                or (reading and (self._read in self._arrived or self._is_over()))
                or (writing and (self._may_send > self._sent or ended))
            )

        with self._changed:
            return self._changed.wait_for(possible, timeout_s)

    def wake(self) -> None:
        with self._changed:
            self._awake = True
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._arrived.clear()
        self._say(_CLOSED, self._sent)

    # ------------------------------------------------------------------ reading

    def _next(self, *, may_end: bool) -> bool:
        """Take the next message, if it is here. Raises PipeEnded if there is none any more."""
        with self._changed:
            message = self._arrived.pop(self._read, None)
            if message is None:
                if may_end and self._is_over():
                    raise PipeEnded from self._trouble
                return False
        self._rest = message
        self._read += 1
        if self._read - self._granted == WINDOW // 2:
            self._expect(self._granted + WINDOW, self._read + WINDOW)
            self._granted = self._read
            self._say(_READ, self._read)
        return True

    def _is_over(self) -> bool:
        return self._trouble is not None or (self._peer_sent is not None and self._read >= self._peer_sent)

    def _expect(self, first: int, below: int) -> None:
        for number in range(first, below):
            self._data.expect(number, lambda message, number=number: self._take(number, message))  # type: ignore[misc]

    def _take(self, number: int, message: memoryview | Exception) -> None:
        with self._changed:
            if isinstance(message, Exception):
                self._trouble = self._trouble or message
            elif not len(message):
                self._trouble = self._trouble or _strange("a piece of nothing")
            elif not self._closed:
                self._arrived[number] = message
            self._changed.notify_all()

    # ------------------------------------------------------------------ grants

    def _say(self, kind: int, count: int) -> None:
        self._grants.push(self._grants_sent, _GRANT.pack(kind, count))
        self._grants_sent += 1

    def _expect_grant(self, number: int) -> None:
        self._grants.expect(number, lambda message: self._hear(number, message))

    def _hear(self, number: int, message: memoryview | Exception) -> None:
        """A grant. After a break they may come in another order: what they say only grows."""
        problem = message if isinstance(message, Exception) else self._heed(bytes(message))
        with self._changed:
            self._trouble = self._trouble or problem
            self._changed.notify_all()
            if problem is not None or self._closed:
                return
        self._expect_grant(number + GRANTS)

    def _heed(self, message: bytes) -> Exception | None:
        try:
            kind, count = _GRANT.unpack(message)
        except struct.error:
            return _strange("a grant of another size")
        with self._changed:
            if kind == _CLOSED:
                self._peer_sent = count
            elif kind == _READ and count <= self._sent:
                self._may_send = max(self._may_send, count + WINDOW)
            else:
                return _strange("a grant for what was not sent")
        return None


def _strange(what: str) -> ValueError:
    return ValueError(f"{what} arrived on the way through the gateways")
