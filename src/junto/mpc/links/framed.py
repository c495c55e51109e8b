"""A channel over any pipe: both halves at once, deadlines, and the end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from junto.errors import LinkError
from junto.mpc.links.channel import MOST_REASON, Channel, Counters, LeftOut, Record
from junto.mpc.links.incoming import Incoming
from junto.mpc.links.message_buffers import Due, Piece, bytes_of
from junto.mpc.links.options import LinkOptions
from junto.mpc.links.outgoing import OutgoingFrames
from junto.mpc.links.place import Place
from junto.net.api import Pipe, PipeEnded
from junto.net.header import Kind, Reason, text_of


@dataclass(frozen=True, slots=True)
class Ends:
    """Who stands at the two ends of a channel, and what they agreed on (see `Channel.binding`)."""

    me: str
    peer: str
    binding: bytes = field(default=b"", repr=False)


class FramedChannel(Channel):
    """A channel over any pipe.

    Args:
        pipe: belongs to the channel from here on.
    """

    def __init__(self, pipe: Pipe, ends: Ends, options: LinkOptions) -> None:
        self.me: str = ends.me
        self.peer: str = ends.peer
        self.binding: bytes = ends.binding
        self.counters: Counters = Counters()
        self._pipe = pipe
        self._place = Place(ends.peer)
        self._out = OutgoingFrames(pipe, self._place, self.counters)
        self._in = Incoming(pipe, self._place, self.counters)
        self._ended = -1
        self._max = options.max_message_bytes
        self._receive_s = options.recv_timeout_ms / 1000
        self._send_s = (options.send_timeout_ms or options.recv_timeout_ms) / 1000
        self._record: Record | None = None
        self._turn = threading.Lock()
        self._stop: BaseException | None = None
        self._failed = ""
        self._leaving: tuple[Kind, int] | None = None
        self._closed = False

    # ------------------------------------------------------------------ what the interface promises

    @property
    def operation(self) -> int | str:
        return self._place.operation

    @property
    def line(self) -> str:
        return self._place.line

    def label(self, operation: int | str, line: str = "") -> None:
        self._place.enter(operation, line)

    def send(self, parts: Sequence[Piece]) -> None:
        self._message(parts, None)

    def receive(self, size: int) -> memoryview:
        due = Due(Kind.MESSAGE, size)
        self._message(None, due)
        return due.memory

    def exchange(self, parts: Sequence[Piece], size: int) -> memoryview:
        due = Due(Kind.MESSAGE, size)
        self._message(parts, due)
        return due.memory

    def write(self, parts: Sequence[Piece]) -> None:
        views = [bytes_of(part) for part in parts]
        self._run(lambda: self._out.stream(views), None)

    def flush(self) -> None:
        self._run(self._out.release, None)

    def read(self, size: int) -> memoryview:
        due = Due(Kind.STREAM, size)
        self._run(self._out.release, due)
        self._arrived(due)
        return due.memory

    def leave_out(self, operation: int, reason: bytes, *, wait: bool = True) -> None:
        self._in.leave_out(operation)
        self._ended = operation
        self._out.ended(Kind.LEFT_OUT, operation, reason[:MOST_REASON])
        if wait:
            self._run(lambda: None, None)
        else:
            with contextlib.suppress(PipeEnded):
                self._out.push()

    def done(self, operation: int) -> None:
        self._ended = operation
        self._out.ended(Kind.DONE, operation)

    def rest(self) -> None:
        self._pipe.rest()

    def last_left_out(self) -> int:
        while self._in.ended < self._ended:
            self._run(self._out.release, Due(Kind.DONE, 0))
        return self._in.last_left_out

    def record(self, sink: Record | None) -> None:
        self._record = sink

    def cancel(self, error: BaseException) -> None:
        if self._stop is None:
            self._stop = error
        self._pipe.wake()

    def abort(self, reason: Reason) -> None:
        self._leave(Kind.ABORT, reason)

    def close(self) -> None:
        if self._turn.locked():
            return self.abort(Reason.STOPPED)
        if self._stop is None and not self._failed:
            with contextlib.suppress(LinkError):
                self.flush()
        return self._leave(Kind.CLOSE, 0)

    # ------------------------------------------------------------------ one call, from its start to its end

    def _message(self, parts: Sequence[Piece] | None, due: Due | None) -> None:
        """Send a message, receive one, or both at once."""
        views = None if parts is None else [bytes_of(part) for part in parts]
        size = 0 if views is None else sum(map(len, views))
        if size > self._max or (due is not None and due.size > self._max):
            raise self._too_long(max(size, 0 if due is None else due.size))
        # What is held back of a stream, the other node may need to go on.
        self._run(self._out.release if views is None else partial(self._out.message, views, size), due)
        if due is not None:
            self._arrived(due)
            self.counters.rounds += views is not None

    def _arrived(self, due: Due) -> None:
        self.counters.payload_received += due.size
        if self._record is not None:
            self._record(text_of(self.operation), bytes(due.memory))

    def _too_long(self, size: int) -> LinkError:
        return self._place.error(
            f"a message of {size} bytes is longer than max_message_bytes, {self._max}",
            "raise it at all nodes, or compute in smaller blocks",
        )

    def _run(self, queue: Callable[[], object], due: Due | None) -> None:
        """Call `queue`, then move bytes until all that is queued is sent and what is due is there."""
        if not self._turn.acquire(blocking=False):
            raise self._place.error("two threads use this end of the link at once")
        try:
            if self._stop is not None:
                raise self._stop
            if self._failed:
                raise self._place.error(f"the link has failed before: {self._failed}")
            queue()
            self._move(due)
        except LeftOut:
            raise
        except BaseException as error:
            self._failed = self._failed or getattr(error, "message", type(error).__name__)
            raise
        finally:
            self._turn.release()
            if self._leaving is not None:
                self._settle()

    def _move(self, due: Due | None) -> None:
        progress, frames = time.monotonic(), self._out.frames
        while True:
            try:
                sent = bool(frames) and self._out.push()
            except PipeEnded:
                raise self._in.last_words() from None
            received = (due is not None or not sent) and self._in.pull(due)
            awaiting = due is not None and not due.done
            if not awaiting and not frames:
                return
            if self._stop is not None:
                raise self._stop
            if sent or received:
                progress = time.monotonic()
            if not (received or (sent and frames)):
                self._wait(awaiting, progress)

    def _wait(self, reading: bool, progress: float) -> None:
        """Until something can be done. The deadline counts from the last byte that moved."""
        limit = self._receive_s if reading else self._send_s
        left = max(progress + limit - time.monotonic(), 0)
        if self._pipe.wait(reading or self._in.hears, bool(self._out.frames), left) or self._stop is not None:
            return
        look = f"see what {self.peer} is doing; "
        if reading:
            text, fix = "nothing arrived", "a computation that takes longer needs a larger recv_timeout_ms"
        else:
            text, fix = "it took nothing of what is sent to it", "it may need a larger send_timeout_ms"
        raise self._place.error(f"{text} for {limit:.1f} s", look + fix)

    # ------------------------------------------------------------------ the end

    def _leave(self, kind: Kind, detail: int) -> None:
        if self._leaving is None:
            self._leaving = (kind, detail)
        self.cancel(self._place.error("this node has closed the link"))
        self._settle()

    def _settle(self) -> None:
        """Close, if that is wanted, unless a call is under way: it settles this when it ends."""
        if self._leaving is None or not self._turn.acquire(blocking=False):
            return
        try:
            if not self._closed:
                self._closed = True
                with contextlib.suppress(PipeEnded):
                    self._out.goodbye(*self._leaving)
                self._pipe.close()
        finally:
            self._turn.release()
