"""Our end of an ordered stream."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import get_ident

from junto.net.api import OrderedStream, PipeEnded
from junto.net.connection import PeerConnection
from junto.net.header import Kind, Ordered
from junto.net.ordered import FRAME_BYTES


class PeerStream(OrderedStream):
    """See `Gateway.stream`.

    Args:
        stream: its number.
        connection: to the party at the other end.
        is_trusted: nothing is read while this is false.
        frame_bytes: of the largest frame, after its header.
    """

    def __init__(
        self,
        stream: int,
        connection: PeerConnection,
        is_trusted: Callable[[], bool],
        frame_bytes: int | None = None,
    ) -> None:
        self.frame_bytes: int = min(frame_bytes or FRAME_BYTES, FRAME_BYTES)
        self._connection, self._lock = connection, connection.lock
        self._is_trusted = is_trusted
        self._sent = 0
        self._over = False  # all was read
        self._awake = False
        self._reader, self._writer = connection.open_stream(stream)

    def write(self, kind: Kind, detail: int, check: int, body: bytes | memoryview) -> bool:
        trouble = self._writer.trouble or self._reader.trouble
        if self._reader.ended or trouble is not None:
            raise PipeEnded from trouble
        with self._lock:
            if not self._writer.push(kind, detail, check, body):
                return False
            line = self._connection.sends
        self._sent += len(body)
        if line is not None:
            line.wake(one=True)
        return True

    def read(self) -> Ordered | None:
        if self._reader.frames and self._is_trusted():
            with self._lock:
                frame = self._reader.pop()
                tells = self._connection.mailbox.tells
            if tells:
                self._connection.answer()
            if frame is not None and frame.header.kind != Kind.END:
                return frame
            self._over = self._over or frame is not None
        trouble = self._writer.trouble or self._reader.trouble
        if self._over or trouble is not None:
            raise PipeEnded from trouble
        return None

    def wait(self, reading: bool, writing: bool, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        writer, reader, lock, connection = self._writer, self._reader, self._lock, self._connection
        crowded = False  # the line's thread, or another one, reads what comes
        with lock:
            while not (self._awake or writer.trouble or reader.trouble):
                if reading and (self._over or (reader.frames and self._is_trusted())):
                    break
                if writing and (reader.ended or writer.room):
                    break
                left = until - time.monotonic()
                if left <= 0:
                    return False
                line = connection.wants
                in_place = None if line is None or crowded else line.in_place
                if in_place is None or line is None:
                    lock.wait(left)
                    crowded = False
                    continue
                lock.attending[get_ident()] = in_place
                lock.release()
                try:
                    crowded = not in_place.attend(partial(connection.hear_frame, line), until)
                finally:
                    lock.acquire()
                    lock.attending.pop(get_ident(), None)
            return True

    def wake(self) -> None:
        with self._lock:
            self._awake = True
            self._lock.tell()

    def rest(self) -> None:
        line = self._connection.wants
        if line is not None and line.in_place is not None:
            line.in_place.rest()

    def close(self) -> None:
        with self._lock:
            if self._reader.closed:
                return
            self._writer.push(Kind.END, 0, 0, b"")
            line = self._connection.sends
        if line is not None:
            line.wake()  # the end first: else a writer that waits would find room, and take all for sent
        with self._lock:
            self._reader.close()
        self._connection.answer()

    def traffic(self) -> tuple[int, int]:
        with self._lock:
            return self._sent, self._reader.nbytes
