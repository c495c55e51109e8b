"""What a channel sends: frames in a queue, and the stream's last bytes that wait for company."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from junto.mpc.links.channel import Counters
from junto.mpc.links.message_buffers import size_of
from junto.mpc.links.place import Place
from junto.net.api import Pipe
from junto.net.header import MORE, Header, Kind, pack

STREAM_BYTES = 64 << 10
"""What is held back of a stream."""

_BURST = 32


class OutgoingFrames:
    """The sending half of a channel. Nothing in it waits.

    Attributes:
        frames: those that are not written yet.
    """

    def __init__(self, pipe: Pipe, place: Place, counters: Counters) -> None:
        self._pipe = pipe
        self._place = place
        self._counters = counters
        self.frames: deque[bytes] = deque()
        self._number = 0
        self._held = bytearray()
        self._marked = place.check

    def message(self, views: list[memoryview], size: int) -> None:
        """Queue a message of `size` bytes, behind what is held back of the stream."""
        if self._held:
            self.release()
        self._counters.payload_sent += size
        self._frame(Kind.MESSAGE, self._place.check, views, size)

    def stream(self, views: list[memoryview]) -> bool:
        """Append to the stream; whether that queues a frame. A frame has bytes of one operation."""
        size = size_of(views)
        self._counters.payload_sent += size
        if size and self._place.check != self._marked:
            self.release()
            self._marked = self._place.check
        if len(self._held) + size > STREAM_BYTES:
            self.release(views)
            return True
        for view in views:
            self._held += view
        return False

    def release(self, views: list[memoryview] | None = None) -> None:
        """Queue what is held back of the stream, and `views` behind it, as one frame if there is anything."""
        views = [memoryview(self._held), *(views or [])]
        if size := size_of(views):
            self._held = bytearray()
            self._frame(Kind.STREAM, self._marked, views, size)

    def ended(self, kind: Kind, operation: int, reason: bytes = b"") -> None:
        """Queue how an operation ended here; nothing more of the stream belongs to it."""
        if kind is Kind.LEFT_OUT:
            self._held = bytearray()
        self.release()
        self._frame(kind, operation, [memoryview(reason)], len(reason))

    def push(self) -> bool:
        """Write what the pipe takes; whether it took anything. Raises PipeEnded."""
        moved, frames = False, self.frames
        for _ in range(min(len(frames), _BURST)):
            if not self._pipe.write(frames[0]):
                break
            moved = True
            self._counters.wire_sent += len(frames.popleft())
        return moved

    def goodbye(self, kind: Kind, detail: int) -> None:
        """Write a last frame if it can be done at once. Raises PipeEnded.

        With others before it, it cannot: the other node sees that the link ended.
        """
        if not self.frames:
            self._pipe.write(self._header(kind, detail, 0))

    def _frame(self, kind: Kind, check: int, views: list[memoryview], size: int) -> None:
        most = self._pipe.frame_bytes
        if size <= most or kind not in (Kind.MESSAGE, Kind.STREAM):
            self.frames.append(b"".join((self._header(kind, 0, check), *views)))
            return
        for parts in _cut(views, most):
            size -= size_of(parts)
            more = MORE if size and kind is Kind.MESSAGE else 0
            self.frames.append(b"".join((self._header(kind, more, check), *parts)))

    def _header(self, kind: Kind, detail: int, check: int) -> bytes:
        number, self._number = self._number, self._number + 1
        self._counters.messages_sent += 1
        return pack(Header(kind, detail, self._pipe.stream, number, check))


def _cut(views: Iterable[memoryview], most: int) -> Iterator[list[memoryview]]:
    """The same bytes in parts of `most`."""
    part: list[memoryview] = []
    room = most
    for view in views:
        while len(view):
            part.append(view[:room])
            view = view[room:]
            room -= len(part[-1])
            if not room:
                yield part
                part, room = [], most
    if part:
        yield part
