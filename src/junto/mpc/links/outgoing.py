"""What a channel sends: frames in a queue, and the stream's last bytes that wait for company."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from junto.mpc.links.channel import Counters
from junto.mpc.links.message_buffers import gathered, size_of
from junto.mpc.links.place import Place
from junto.net.api import Pipe
from junto.net.header import MORE, Header, Kind, pack

STREAM_BYTES = 64 << 10
"""What is held back of a stream."""

_BURST = 32


class OutgoingFrames:
    """The sending half of a channel. Nothing in it waits."""

    def __init__(self, pipe: Pipe, place: Place, counters: Counters) -> None:
        self._pipe = pipe
        self._place = place
        self._counters = counters
        self._pieces: deque[memoryview] = deque()
        self._number = 0
        self._held = bytearray()
        self._marked = place.check

    @property
    def busy(self) -> bool:
        """Whether a frame is queued that is not written yet, or not to its end."""
        return bool(self._pieces)

    def message(self, views: list[memoryview]) -> None:
        """Queue a message, behind what is held back of the stream."""
        self.release()
        self._counters.payload_sent += size_of(views)
        self._frame(Kind.MESSAGE, self._place.check, views)

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
        if size_of(views):
            self._held = bytearray()
            self._frame(Kind.STREAM, self._marked, views)

    def ended(self, kind: Kind, operation: int, reason: bytes = b"") -> None:
        """Queue how an operation ended here; nothing more of the stream belongs to it."""
        if kind is Kind.LEFT_OUT:
            self._held = bytearray()
        self.release()
        self._frame(kind, operation, [memoryview(reason)])

    def push(self) -> bool:
        """Write what the pipe takes; whether it took anything. Raises PipeEnded."""
        moved = False
        for _ in range(_BURST):
            if not self._pieces:
                break
            piece = self._pieces[0]
            count = self._pipe.write(piece)
            if not count:
                break
            moved = True
            self._counters.wire_sent += count
            if count == len(piece):
                self._pieces.popleft()
            else:
                self._pieces[0] = piece[count:]
        return moved

    def goodbye(self, kind: Kind, detail: int) -> None:
        """Write a last frame if it can be done at once. Raises PipeEnded.

        In the middle of a frame nothing else can be said: the other node sees that it ended.
        """
        if not self._pieces:
            self._pipe.write(memoryview(self._header(kind, detail, 0, 0)))

    def _frame(self, kind: Kind, check: int, views: list[memoryview]) -> None:
        size, most = size_of(views), self._pipe.frame_bytes
        if most is None:
            self._pieces.extend(gathered(self._header(kind, 0, check, size), views))
        elif size <= most or kind not in (Kind.MESSAGE, Kind.STREAM):
            self._pieces.append(memoryview(b"".join((self._header(kind, 0, check, size), *views))))
        else:
            for parts in _cut(views, most):
                part = size_of(parts)
                size -= part
                more = MORE if size and kind is Kind.MESSAGE else 0
                self._pieces.append(memoryview(b"".join((self._header(kind, more, check, part), *parts))))

    def _header(self, kind: Kind, detail: int, check: int, length: int) -> bytes:
        number, self._number = self._number, self._number + 1
        self._counters.messages_sent += 1
        return pack(Header(kind, detail, self._pipe.stream, number, check, length))


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
