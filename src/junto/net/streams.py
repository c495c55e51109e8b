"""Our end of an ordered stream: frames go straight into the outbox, and come straight from the mailbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from junto.locks import Condition
from junto.net.api import OrderedStream, PipeEnded
from junto.net.header import Header, Kind, Ordered, pack
from junto.net.line import InlineCarrier, StreamSender
from junto.net.ordered import FRAME_BYTES
from junto.net.receiving import Receiving
from junto.net.sending import Sending


class PeerStream(OrderedStream):
    """See `Gateway.stream`.

    Args:
        stream: its number.
        ways: the two directions of the peer at the other end.
        hear: takes a message of its connection that is a frame of any of its streams, see `Peer.hear_frame`.
        is_trusted: nothing is read while this is false.
        frame_bytes: of the largest frame, after its header.
    """

    def __init__(
        self,
        stream: int,
        ways: tuple[Sending, Receiving],
        hear: Callable[[StreamSender, bytes], bool],
        is_trusted: Callable[[], bool],
        frame_bytes: int | None = None,
    ) -> None:
        self.stream = stream
        self.frame_bytes: int = min(frame_bytes or FRAME_BYTES, FRAME_BYTES)
        self._sending, self._receiving = sending, receiving = ways
        self._hear = hear
        self._is_trusted = is_trusted
        # Of the thread that reads and writes:
        self._written = self._sent = 0
        self._over = False
        # Of the network's threads, too, under the lock:
        self._changed = Condition()
        self._waiting = self._received = 0
        self._ended = False  # the other end has said that it sends nothing more
        self._trouble: Exception | None = None
        self._awake = False
        self._closed = False
        self._attends: InlineCarrier | None = None
        sending.open_stream(stream, self._got_on)
        receiving.open_stream(stream, self._arrived)

    def write(self, frame: bytes) -> bool:
        if self._ended or self._trouble is not None:
            raise PipeEnded from self._trouble
        if not self._sending.write(self.stream, frame):
            return False
        self._written += 1
        self._sent += len(frame)
        return True

    def read(self) -> Ordered | None:
        if self._waiting and self._is_trusted():
            frame = self._receiving.read(self.stream)
            with self._changed:
                self._waiting -= frame is not None
            if frame is not None and frame.header.kind != Kind.END:
                return frame
            self._over = self._over or frame is not None
        if self._over or self._trouble is not None:
            raise PipeEnded from self._trouble
        return None

    def wait(self, reading: bool, writing: bool, timeout_s: float) -> bool:
        def possible() -> bool:
            over = self._trouble is not None
            may_read = reading and (over or self._over or (self._waiting > 0 and self._is_trusted()))
            may_write = writing and (over or self._ended or self._sending.has_room(self.stream))
            return self._awake or may_read or may_write

        until = time.monotonic() + timeout_s
        crowded = False  # the connection's thread, or another one, reads what comes
        with self._changed:
            while not possible():
                left = until - time.monotonic()
                if left <= 0:
                    return False
                line = self._receiving.line
                self._attends = in_place = None if line is None or crowded else line.in_place
                if in_place is None or line is None:
                    self._changed.wait(left)
                    crowded = False
                    continue
                self._changed.release()
                try:
                    crowded = not in_place.attend(partial(self._heard, line), until)
                finally:
                    self._changed.acquire()
                    self._attends = None
            return True

    def wake(self) -> None:
        with self._changed:
            self._awake = True
            self._notify()

    def rest(self) -> None:
        line = self._receiving.line
        if line is not None and line.in_place is not None:
            line.in_place.rest()

    def _heard(self, line: StreamSender, message: bytes) -> bool:
        self._attends = None  # this thread does not wait any more
        return self._hear(line, message)

    def _notify(self) -> None:
        """Whoever waits looks again; under the lock."""
        self._changed.notify_all()
        if self._attends is not None:
            self._attends.alarm()

    def close(self) -> None:
        with self._changed:
            if self._closed:
                return
            self._closed = True
        end = pack(Header(Kind.END, 0, self.stream, self._written, 0))
        self._sending.write(self.stream, end, last=True)
        self._receiving.close_stream(self.stream)

    def traffic(self) -> tuple[int, int]:
        with self._changed:
            return self._sent, self._received

    def _arrived(self, frame: Ordered | Exception) -> None:
        with self._changed:
            if isinstance(frame, Exception):
                self._trouble = self._trouble or frame
            else:
                ends = frame.header.kind == Kind.END
                self._ended = self._ended or ends
                self._received += 0 if ends else frame.nbytes
                self._waiting += not self._closed
            self._notify()

    def _got_on(self, error: Exception | None) -> None:
        """The other end has read, or never will."""
        with self._changed:
            self._trouble = self._trouble or error
            self._notify()
