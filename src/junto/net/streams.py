"""Our end of an ordered stream: frames go straight into the outbox, and come straight from the mailbox."""

from __future__ import annotations

from collections.abc import Callable

from junto.locks import Condition
from junto.net.api import OrderedStream, PipeEnded
from junto.net.header import Header, Kind, pack
from junto.net.ordered import FRAME_BYTES
from junto.net.receiving import Receiving
from junto.net.sending import Sending


class PeerStream(OrderedStream):
    """See `Gateway.stream`.

    Args:
        stream: its number.
        sending, receiving: the two directions of the peer at the other end.
        is_trusted: nothing is read while this is false.
        frame_bytes: of the largest frame, after its header.
    """

    def __init__(
        self,
        stream: int,
        sending: Sending,
        receiving: Receiving,
        is_trusted: Callable[[], bool],
        frame_bytes: int | None = None,
    ) -> None:
        self.stream = stream
        self.frame_bytes: int = min(frame_bytes or FRAME_BYTES, FRAME_BYTES)
        self._sending, self._receiving = sending, receiving
        self._is_trusted = is_trusted
        # Of the thread that reads and writes:
        self._rest = memoryview(b"")
        self._written = self._sent = 0
        self._over = False
        # Of the network's threads, too, under the lock:
        self._changed = Condition()
        self._waiting = self._received = 0
        self._ended = False  # the other end has said that it sends nothing more
        self._trouble: Exception | None = None
        self._awake = False
        self._closed = False
        sending.open_stream(stream, self._got_on)
        receiving.open_stream(stream, self._arrived)

    def write(self, data: memoryview) -> int:
        with self._changed:
            if self._ended or self._trouble is not None:
                raise PipeEnded from self._trouble
        if not self._sending.write(self.stream, bytes(data)):
            return 0
        self._written += 1
        self._sent += len(data)
        return len(data)

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
            over = self._trouble is not None
            may_read = reading and (over or self._over or (self._waiting > 0 and self._is_trusted()))
            may_write = writing and (over or self._ended or self._sending.has_room(self.stream))
            return self._awake or may_read or may_write

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
        end = pack(Header(Kind.END, 0, self.stream, self._written, 0, 0))
        self._sending.write(self.stream, end, last=True)
        self._receiving.close_stream(self.stream)

    def traffic(self) -> tuple[int, int]:
        with self._changed:
            return self._sent, self._received

    def _next(self, *, may_end: bool) -> bool:
        """Take the next frame, if it is here. Raises PipeEnded if there is none any more."""
        with self._changed:
            frame = self._receiving.read(self.stream) if self._waiting and self._is_trusted() else None
            self._waiting -= frame is not None
            trouble = self._trouble
        if frame is not None and frame[1] != Kind.END:
            self._rest = frame
            return True
        self._over = self._over or frame is not None
        if may_end and (self._over or trouble is not None):
            raise PipeEnded from trouble
        return False

    def _arrived(self, frame: memoryview | Exception) -> None:
        with self._changed:
            if isinstance(frame, Exception):
                self._trouble = self._trouble or frame
            else:
                self._ended = self._ended or frame[1] == Kind.END
                self._received += len(frame) if frame[1] != Kind.END else 0
                self._waiting += not self._closed
            self._changed.notify_all()

    def _got_on(self, error: Exception | None) -> None:
        """The other end has read, or never will."""
        with self._changed:
            self._trouble = self._trouble or error
            self._changed.notify_all()
