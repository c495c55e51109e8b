"""Messages and a stream of bytes between two nodes of an SPU: ordered, and compared with what is due.

A `Channel` connects two nodes: messages whose size both know beforehand (`send`, `receive`, `exchange`: one
message each way is one round), and a stream of bytes one way (`write`, `read`), for the helper. It speaks
over a `Pipe`, such as an ordered stream of the parties' connection, which brings each frame once and in
order. Each frame says to which operation it belongs; whatever is not exactly what is due is a `LinkError`
that names the operation, the node and the source line, and nothing of it is used.

A frame is taken when somebody asks for something, and nothing is read ahead. So a node that does not read is
not filled with what others send: the pipe holds a window of frames, and then the sender waits.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.errors import LinkError
from junto.mpc.link_options import LinkOptions
from junto.net.api import Pipe, PipeEnded
from junto.net.header import (
    MORE,
    NO_FRAME,
    Header,
    Kind,
    Reason,
    check_of,
    sentence_of,
    text_of,
    text_of_check,
)

Piece: TypeAlias = bytes | bytearray | memoryview | NDArray[Any]
"""Anything whose bytes lie in one block of memory. An array travels as its bytes, in its own byte order."""

Record: TypeAlias = Callable[[str, bytes], None]
"""Called with the operation and a copy of each payload that arrived, for tests of what a node sees."""

STREAM_BYTES = 64 << 10
"""What is held back of a stream."""

MOST_REASON = 1 << 14

_joined: Callable[[Sequence[Piece]], bytes] = b"".join  # type: ignore[assignment]  # arrays are buffers, too

_BURST = 32
"""Frames that go one way before it is looked at the other one."""

_OUTCOMES: Final = (Kind.LEFT_OUT, Kind.DONE)
_NOTHING: Final = memoryview(b"")
_NONE: Final = Header(0, 0, 0, 0, 0)
_NAMES: Final[Mapping[int, str]] = {
    Kind.MESSAGE: "a message",
    Kind.STREAM: "a piece of the stream",
    Kind.DONE: "the end of an operation",
}


@dataclass(frozen=True, slots=True)
class Ends:
    """Who stands at the two ends of a channel, and what they agreed on (see `Channel`)."""

    me: str
    peer: str
    binding: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Counters:
    """What has passed a channel so far.

    Attributes:
        rounds: exchanges.
        messages_sent, messages_received: frames, those of a stream included.
        payload_sent, payload_received: bytes that the caller sent and received.
    """

    rounds: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    payload_sent: int = 0
    payload_received: int = 0


class LeftOut(Exception):
    """The other node has left out the operation under way, and goes on with the next one.

    Attributes:
        peer: the other node.
        reason: what it says of why, up to `MOST_REASON` bytes; nobody has looked at them.
    """

    def __init__(self, peer: str, reason: bytes) -> None:
        super().__init__(f"{peer} has left this operation out")
        self.peer = peer
        self.reason = reason


class Channel:
    """See the module.

    A channel belongs to one thread at a time; only `cancel`, `abort` and `close` may be called from another
    one, and then end what it is doing. After an error it carries nothing any more.

    Everything that sends or receives raises LinkError: the other node is silent for longer than the deadline,
    is gone, gave up, or sent anything else than what is due. Or LeftOut, and then it carries what follows.
    Buffers must not change until the call is over.

    Args:
        pipe: belongs to the channel from here on.

    Attributes:
        me, peer: the names of the two nodes.
        binding: bytes on which both nodes agreed when they met, different for each run and device.
        counters: what has passed so far.
        operation, line: what `label` was told last.
    """

    def __init__(self, pipe: Pipe, ends: Ends, options: LinkOptions) -> None:
        self.me: str = ends.me
        self.peer: str = ends.peer
        self.binding: bytes = ends.binding
        self.counters: Counters = Counters()
        self.label("before the first operation")
        self._pipe = pipe
        self._max = options.max_message_bytes
        self._receive_s = options.recv_timeout_ms / 1000
        self._send_s = (options.send_timeout_ms or options.recv_timeout_ms) / 1000
        self._record: Record | None = None
        self._turn = threading.Lock()
        self._stop: BaseException | None = None
        self._failed = ""
        self._leaving: tuple[Kind, int] | None = None
        self._closed = False
        # What is sent: frames that the pipe has not taken, and a stream's last bytes, which wait for more.
        self._frames: deque[tuple[Kind, int, int, bytes | memoryview]] = deque()
        self._held = bytearray()
        self._marked = self._check
        # What is due: how much of it is missing, and where it goes.
        self._due: Kind | None = None
        self._size = self._missing = 0
        self._memory: memoryview | None = None
        # What has arrived: the rest of the last frame, and whether it waits to be compared with anything.
        self._header, self._left = _NONE, _NOTHING
        self._waits = False
        # Operations that were left out, and how those ended that are over.
        self._unwanted: set[int] = set()
        self._told: tuple[int, LeftOut] | None = None
        self._ended = self._ended_there = self._last_left_out = -1

    def label(self, operation: int | str, line: str = "") -> None:
        """Name what follows, at both nodes alike: the operation is compared, the line stands in errors.

        Raises ValueError for a number that is none.
        """
        self._check = check_of(operation)
        self.operation: int | str = operation
        self.line: str = line

    def send(self, parts: Sequence[Piece]) -> None:
        """Send one message made of `parts`. Waits while the other node takes nothing, without reading.

        So two nodes that send each other more than the pipe takes wait for nothing: use `exchange`.
        """
        self._call(Kind.MESSAGE, _joined(parts), None, 0)

    def receive(self, size: int) -> memoryview:
        """The next message, which must have `size` bytes; its memory is the caller's."""
        return self._call(None, b"", Kind.MESSAGE, size)

    def exchange(self, parts: Sequence[Piece], size: int) -> memoryview:
        """`send(parts)` and `receive(size)` at the same time: one round."""
        memory = self._call(Kind.MESSAGE, _joined(parts), Kind.MESSAGE, size)
        self.counters.rounds += 1
        return memory

    def write(self, octets: bytes | memoryview) -> None:
        """Append to the stream. Up to 64 KiB stay here until `flush`, the next message, or `close`.

        More than that is sent from where it lies, and sent again if the connection breaks: so it belongs to
        the channel from here on, and nobody may change it any more. Waits while the other node reads nothing
        and the pipe is full.
        """
        self._call(Kind.STREAM, octets, None, 0)

    def flush(self) -> None:
        """Send what `write` still holds."""
        self._call(None, b"", None, 0)

    def read(self, size: int) -> memoryview:
        """The next `size` bytes of the stream, whatever the sizes in which they were written."""
        return self._call(None, b"", Kind.STREAM, size)

    def leave_out(self, operation: int, reason: bytes, *, wait: bool = True) -> None:
        """Say that this node has left out an operation, in its middle or before it began.

        What the other node has sent for it, or still sends, is dropped. Whoever waits for us in it is told:
        its call ends with `LeftOut`. `wait`: until that is sent; else it goes with what is sent next.
        """
        self._unwanted.add(operation)
        self._last_left_out = max(self._last_left_out, operation)
        self._held = bytearray()  # nothing more of the stream belongs to it
        self._over(Kind.LEFT_OUT, operation, reason[:MOST_REASON])
        if wait:
            self._call(None, b"", None, 0)
        else:
            with contextlib.suppress(PipeEnded):
                self._push()

    def done(self, operation: int) -> None:
        """Say, with what is sent next, that an operation is over here; see `last_left_out`."""
        self._release()
        self._over(Kind.DONE, operation, b"")

    def last_left_out(self) -> int:
        """The last operation that either node has left out; -1: none. Both get the same answer.

        Of operations of which each node says how they ended: waits until the other one has said as much of
        them as this one.
        """
        while self._ended_there < self._ended:
            self._call(None, b"", Kind.DONE, 1)
        return self._last_left_out

    def rest(self) -> None:
        """Say that nobody waits here for a while: the connection is then read for others at once."""
        self._pipe.rest()

    def record(self, sink: Record | None) -> None:
        """Show every payload that arrives from now on to `sink`; None: to nobody."""
        self._record = sink

    def cancel(self, error: BaseException) -> None:
        """End the call that waits in another thread, and all that follow, with `error`. The first counts."""
        if self._stop is None:
            self._stop = error
        self._pipe.wake()

    def abort(self, reason: Reason) -> None:
        """Tell the other node that this one gives up, if it can be told at once, and close."""
        self._leave(Kind.ABORT, reason)

    def close(self) -> None:
        """Send what `write` still holds, say goodbye and close. Raises nothing; may be called twice."""
        if self._turn.locked():
            return self.abort(Reason.STOPPED)
        if self._stop is None and not self._failed:
            with contextlib.suppress(LinkError):
                self.flush()
        return self._leave(Kind.CLOSE, 0)

    # One call, from its start to its end.

    def _call(self, out: Kind | None, body: bytes | memoryview, due: Kind | None, size: int) -> memoryview:
        """Queue `body`, then move frames until all that is queued is sent and what is due is there."""
        if max(len(body), size) > self._max and Kind.MESSAGE in (out, due):
            raise self._too_long(max(len(body), size))
        if not self._turn.acquire(blocking=False):
            raise self._error("two threads use this end of the link at once")
        try:
            if self._stop is not None:
                raise self._stop
            if self._failed:
                raise self._error(f"the link has failed before: {self._failed}")
            if out is Kind.STREAM:
                self._hold(body)
            elif self._held:  # the other node may need it to go on
                self._release()
            if out is not None:
                self.counters.payload_sent += len(body)
            if out is Kind.MESSAGE:
                if len(body) > self._pipe.frame_bytes:
                    self._cut(out, self._check, body)
                else:
                    self._frames.append((out, 0, self._check, body))
            self._size = self._missing = size
            self._due, self._memory = due if size or due is Kind.MESSAGE else None, None
            if self._frames or self._due is not None:
                self._move(due)
            memory = self._memory or memoryview(bytearray())
            if due is not None:
                self.counters.payload_received += len(memory)
            if self._record is not None and due in (Kind.MESSAGE, Kind.STREAM):
                self._record(text_of(self.operation), bytes(memory))
            return memory
        except LeftOut:
            raise
        except BaseException as error:
            self._failed = self._failed or getattr(error, "message", type(error).__name__)
            raise
        finally:
            self._turn.release()
            if self._leaving is not None:
                self._settle()

    def _move(self, due: Kind | None) -> None:
        progress, frames = time.monotonic(), self._frames
        while True:
            try:
                sent = bool(frames) and self._push()
            except PipeEnded:
                raise self._last_words() from None
            received = (self._due is not None or (due is None and not sent)) and self._pull()
            if self._due is None and not frames:
                return
            if self._stop is not None:
                raise self._stop
            if sent or received:
                progress = time.monotonic()
            if not (received or (sent and frames)):
                self._wait(progress)

    def _wait(self, progress: float) -> None:
        """Until something can be done. The deadline counts from the last byte that moved."""
        reading = self._due is not None
        limit = self._receive_s if reading else self._send_s
        left = max(progress + limit - time.monotonic(), 0)
        # While nothing is due, something can be heard if no frame waits for whoever asks next.
        hears = not (self._waits or (len(self._left) and self._header.check not in self._unwanted))
        if self._pipe.wait(reading or hears, bool(self._frames), left) or self._stop is not None:
            return
        look = f"see what {self.peer} is doing; "
        if reading:
            text, fix = "nothing arrived", "a computation that takes longer needs a larger recv_timeout_ms"
        else:
            text, fix = "it took nothing of what is sent to it", "it may need a larger send_timeout_ms"
        raise self._error(f"{text} for {limit:.1f} s", look + fix)

    def _error(self, text: str, fix: str = "") -> LinkError:
        operation = text_of(self.operation)
        where = f"{operation} at {self.line}" if self.line else operation
        return LinkError(
            f"{self.peer}: {text} ({where})", party=self.peer, operation=operation, line=self.line, fix=fix
        )

    def _too_long(self, size: int) -> LinkError:
        return self._error(
            f"a message of {size} bytes is longer than max_message_bytes, {self._max}",
            "raise it at all nodes, or compute in smaller blocks",
        )

    # What is sent. Nothing here waits.

    def _hold(self, body: bytes | memoryview) -> None:
        """Append to the stream. A frame has bytes of one operation."""
        if len(body) and self._check != self._marked:
            self._release()
            self._marked = self._check
        if len(body) > STREAM_BYTES:
            self._release()
            self._cut(Kind.STREAM, self._marked, body)
        else:
            self._held += body
            if len(self._held) > STREAM_BYTES:
                self._release()

    def _release(self) -> None:
        """Queue what is held back of the stream."""
        held, self._held = self._held, bytearray()
        if held:
            self._cut(Kind.STREAM, self._marked, held)

    def _over(self, kind: Kind, operation: int, reason: bytes) -> None:
        """Queue how an operation ended here."""
        self._ended = operation
        self._frames.append((kind, 0, operation, reason))

    def _cut(self, kind: Kind, check: int, body: bytes | bytearray | memoryview) -> None:
        view, most = memoryview(body), self._pipe.frame_bytes
        for start in range(0, len(view), most):
            more = MORE if kind is Kind.MESSAGE and start + most < len(view) else 0
            self._frames.append((kind, more, check, view[start : start + most]))

    def _push(self) -> bool:
        """Write what the pipe takes; whether it took anything. Raises PipeEnded."""
        frames, write, count = self._frames, self._pipe.write, 0
        while frames and count < _BURST and write(*frames[0]):
            frames.popleft()
            count += 1
        self.counters.messages_sent += count
        return count > 0

    # What is received. Nothing here waits.

    def _pull(self) -> bool:
        """Take what is there of what is due; whether anything was. Nothing due: what is said of operations.

        Raises:
            LinkError: what comes is not what is due.
            LeftOut: the other node has left this operation out.
        """
        due, moved = self._due, False
        if due is not None and self._told is not None and self._told[0] == self._check:
            raise self._told[1]
        for _ in range(_BURST):
            if not (self._waits or len(self._left)):
                try:
                    frame = self._pipe.read()
                except PipeEnded:
                    raise self._cut_off() from None
                except ValueError as error:
                    raise self._error(str(error)) from None
                if frame is None:
                    break
                self._header, self._left = frame.header, memoryview(frame.body)
                self._waits = moved = True
            compared = self._waits
            if compared and self._size == self._missing == len(self._left):
                kind, detail, _, _, check = self._header
                # The whole of the message that is due, as a rule: then nothing needs a sentence.
                if kind == due == Kind.MESSAGE and check == self._check not in self._unwanted and not detail:
                    self._memory = memoryview(bytearray(self._left))  # aligned, and the caller's
                    self._left, self._waits, self._due = _NOTHING, False, None
                    self.counters.messages_received += 1
                    return True
            if compared and not self._begin():
                break
            if self._header.check in self._unwanted:
                self._left = _NOTHING
            elif len(self._left):
                if due is None:
                    break
                if not compared and (problem := self._difference(due, under_way=True)):
                    raise self._error(problem)
                self._store()
            if due is not None and self._due is None:
                break
        return moved

    def _store(self) -> None:
        """Keep as much of what has arrived as is missing; memory is taken for what was asked for only."""
        part, self._left = self._left[: self._missing], self._left[self._missing :]
        if self._memory is None:
            self._memory = np.empty(self._size, np.uint8).data
        start = self._size - self._missing
        self._memory[start : start + len(part)] = part
        self._missing -= len(part)
        if not self._missing:
            self._due = None

    def _begin(self) -> bool:
        """Compare a header with what is due, if it is anybody's turn."""
        header = self._header
        if self._due is None and (header.kind not in _OUTCOMES or header.check > self._check):
            return False
        if problem := _departure(header) or self._strange():
            raise self._error(problem)
        self._waits = False
        self.counters.messages_received += 1
        if header.kind in _OUTCOMES:
            reason, self._left = bytes(self._left), _NOTHING
            self._heed(reason)
        return True

    def _heed(self, reason: bytes) -> None:
        """How an operation ended at the other node."""
        check = self._ended_there = self._header.check
        self._unwanted.difference_update([each for each in self._unwanted if each < check])
        if self._header.kind == Kind.LEFT_OUT:
            self._last_left_out = max(self._last_left_out, check)
            if check == self._check and check not in self._unwanted:
                self._unwanted.add(check)
                self._told = check, LeftOut(self.peer, reason)
                raise self._told[1]
        if self._due is Kind.DONE:
            self._due = None

    def _strange(self) -> str:
        """What is wrong with a header; empty if nothing is."""
        header = self._header
        if header.detail not in (0, MORE if header.kind == Kind.MESSAGE else 0):
            return NO_FRAME
        if header.kind in _OUTCOMES:
            most = MOST_REASON if header.kind == Kind.LEFT_OUT else 0
            late = not self._ended_there < header.check <= self._check
            return "what it says of an operation is not well-formed" if late or len(self._left) > most else ""
        if header.check in self._unwanted and header.kind in (Kind.MESSAGE, Kind.STREAM):
            return ""
        return "" if self._due is None else self._difference(self._due)

    def _difference(self, due: Kind, *, under_way: bool = False) -> str:
        """What is wrong with the frame, for what is due."""
        kind, _, _, _, check = self._header
        if kind == Kind.STREAM and under_way and due is not Kind.STREAM:
            return f"{len(self._left)} bytes of the stream were not read before {_kind(due)} was awaited"
        if kind != due:
            return f"{_kind(kind)} arrived; {_kind(due)} is due"
        if check != self._check:
            what = "the stream" if due is Kind.STREAM else "the message"
            return f"{what} is for {text_of_check(check)}; {text_of(self.operation)} is due"
        if due is Kind.STREAM:
            return "" if len(self._left) or under_way else "a piece of the stream is not well-formed"
        return "" if under_way else self._wrong_size()

    def _wrong_size(self) -> str:
        """What is wrong with the length of a message, or of a part of it."""
        length, missing = len(self._left), self._missing
        if not self._header.detail:
            whole = self._size - missing + length
            return "" if length == missing else f"the message has {whole} bytes; {self._size} are due"
        return "" if 0 < length < missing else f"the message is cut otherwise than into {self._size} bytes"

    # The end.

    def _last_words(self) -> LinkError:
        """The other node takes nothing any more: why, if it has said so in what is still to be read."""
        header = self._header if self._waits else _NONE
        with contextlib.suppress(PipeEnded, ValueError):
            while not (text := _departure(header)):
                frame = self._pipe.read()
                if frame is None:
                    break
                header = frame.header
            if text:
                return self._error(text)
        self._due = None
        return self._cut_off()

    def _cut_off(self) -> LinkError:
        where = ""
        if self._due is not None and self._missing < self._size:
            where = f" after {self._size - self._missing} of {self._size} bytes"
        return self._error(
            f"the connection ended{where}",
            f"see whether {self.peer}'s process is still there, and what it said last",
        )

    def _leave(self, kind: Kind, detail: int) -> None:
        if self._leaving is None:
            self._leaving = (kind, detail)
        self.cancel(self._error("this node has closed the link"))
        self._settle()

    def _settle(self) -> None:
        """Close, if that is wanted, unless a call is under way: it settles this when it ends.

        With other frames before it, a goodbye cannot be said: the other node sees that the link ended.
        """
        if self._leaving is None or not self._turn.acquire(blocking=False):
            return
        try:
            if not self._closed:
                self._closed = True
                kind, detail = self._leaving
                with contextlib.suppress(PipeEnded):
                    if not self._frames:
                        self._pipe.write(kind, detail, 0, b"")
                self._pipe.close()
        finally:
            self._turn.release()


def _departure(header: Header) -> str:
    """What a frame says that is the last one of its sender; empty for all others."""
    if header.kind == Kind.ABORT:
        return f"it gave up: {sentence_of(header.detail)}"
    return "it ended the link" if header.kind == Kind.CLOSE else ""


def _kind(kind: int) -> str:
    return _NAMES.get(kind, f"a frame of kind {kind}")
