"""The two halves of an ordered stream, such as the rounds of an SPU. State machines: no I/O, no clock.

The law:

* Nothing is sent before the reader has opened its end. It says so by saying how many frames it has read: 0.
* The writer pushes a frame while it is less than `WINDOW` frames, and less than `WINDOW_BYTES`, ahead of what
  the reader has said; after that only the one that says that the writer has ended.
* The reader says how much it has read after half a window, in frames or in bytes. So a writer that waits for
  the window waits for a reader that has frames to read, and for nothing else.
* After a break the reader says it again, and everything from there is sent again, whatever the reader says
  meanwhile. What had come is let go by its number; any other number than the next one is refused.
* Whatever comes for an end that is closed counts as read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from junto.net.header import Header, Kind, Ordered

WINDOW = 256
"""Frames. What the reader says is a message of its own: of a round it is then less than half a byte."""

WINDOW_BYTES = 32 << 20
"""As much as values may have on their way."""

STREAMS = 65_536
"""Ordered streams that two parties may open in one run."""

FRAME_BYTES = 1 << 19
"""Of the largest frame, its header left out: like a chunk of a value, see `frames.CHUNK_BYTES`."""


class StreamWriter:
    """The sending half.

    Args:
        due: gets each frame that may go.
        stream: its number.

    Attributes:
        pushed: frames so far.
        read: so many the reader has said to have read.
        opened: the reader has opened its end.
        ended: nothing more is pushed.
        trouble: why the other end will never read any more.
    """

    __slots__ = ("_ahead", "_due", "_frames", "_stream", "ended", "opened", "pushed", "read", "trouble")

    def __init__(self, due: deque[Ordered], stream: int) -> None:
        self._due, self._stream = due, stream
        self._frames: deque[Ordered] = deque()  # from `read` on
        self._ahead = 0  # bytes of them
        self.pushed: int = 0
        self.read: int = 0
        self.opened: bool = False
        self.ended: bool = False
        self.trouble: Exception | None = None

    @property
    def room(self) -> bool:
        """Whether another frame may be pushed."""
        return not self.ended and self.pushed - self.read < WINDOW and self._ahead < WINDOW_BYTES

    @property
    def unread(self) -> bool:
        """Whether the reader, who has opened its end, has not said that it has read everything."""
        return self.opened and self.read < self.pushed

    def push(self, kind: Kind, detail: int, check: int, body: bytes | memoryview) -> bool:
        """Another frame, with the number `pushed`; False: no room. For the last one, END, there always is."""
        last = kind is Kind.END
        if self.ended or not (last or (self.pushed - self.read < WINDOW and self._ahead < WINDOW_BYTES)):
            return False
        frame = Ordered(Header(kind, detail, self._stream, self.pushed, check), body)
        self._frames.append(frame)
        self._ahead += len(body)
        self.pushed += 1
        self.ended = last
        if self.opened:
            self._due.append(frame)
        return True

    def hear(self, read: int) -> bool:
        """The reader has read so many; False: it cannot have."""
        if read > self.pushed:
            return False
        while self.read < read:
            self._ahead -= len(self._frames.popleft().body)
            self.read += 1
        if not self.opened:
            self.opened = True
            self.resume()
        return True

    def resume(self) -> None:
        """A new line is open, and the reader has said again what it has read: what follows is sent again."""
        if self.opened:
            self._due.extend(self._frames)

    def drop(self, error: Exception) -> None:
        """Nothing more will be read."""
        self._frames.clear()
        self.read = self.pushed
        self.ended = True
        self.trouble = self.trouble or error


class StreamWriters:
    """Ours with one party.

    Attributes:
        due: the frames that may go.
    """

    def __init__(self) -> None:
        self.due: deque[Ordered] = deque()
        self._writers: dict[int, StreamWriter] = {}

    def open(self, stream: int) -> StreamWriter:
        """The one with this number."""
        return self._writers.setdefault(stream, StreamWriter(self.due, stream))

    def hear(self, read: Iterable[tuple[int, int]]) -> list[StreamWriter]:
        """The reader has read so many frames of these streams; those of which it says what cannot be."""
        known = (each for each in read if each[0] in self._writers or len(self._writers) < STREAMS)
        return [writer for stream, count in known if not (writer := self.open(stream)).hear(count)]

    def resume(self, read: Iterable[tuple[int, int]]) -> None:
        """The same on a new connection, where all goes again from there."""
        self.hear(read)
        self.due.clear()
        for writer in self._writers.values():
            writer.resume()

    def unread(self) -> bool:
        """Whether the reader of one has not said that it has read all of it."""
        return any(writer.unread for writer in self._writers.values())

    def drop(self, error: Exception) -> None:
        """Nobody will read them."""
        for writer in self._writers.values():
            writer.drop(error)
        self.due.clear()


class StreamReader:
    """The receiving half.

    Args:
        tells: gets the reader, by its stream's number, when the writer has to be told how much was read.
        stream: the number.

    Attributes:
        frames: to read.
        nbytes: of what has come, headers left out.
        ended: the writer has said that it has ended.
        closed: nobody reads any more.
        trouble: why nothing more will come.
    """

    __slots__ = (
        "_due", "_held", "_read", "_received", "_stream", "_tells", "_told", "_untold",
        "closed", "ended", "frames", "nbytes", "trouble",
    )  # fmt: skip

    def __init__(self, tells: dict[int, StreamReader], stream: int) -> None:
        self._tells, self._stream = tells, stream
        self.frames: deque[Ordered] = deque()
        self._received = self._read = 0
        self._due = 0  # the next one on the line in use
        self._told = -1
        self._held = self._untold = 0  # bytes: to read, and read since it was told
        self.nbytes: int = 0
        self.ended: bool = False
        self.closed: bool = False
        self.trouble: Exception | None = None
        tells[stream] = self

    def take(self, number: int, frame: Ordered, *, last: bool) -> bool:
        """A frame has come; whether it is new. Raises ValueError for one that is not due."""
        if number != self._due:
            raise ValueError(f"frame {number} of a stream came; frame {self._due} is due")
        if number - self._read >= WINDOW + last or (
            number >= self._received and self._held >= WINDOW_BYTES and not last
        ):
            raise ValueError("a frame of a stream came for which there is no room")
        self._due = number + 1
        if number < self._received:
            return False
        if self.ended:
            raise ValueError("a frame of a stream came after its end")
        self.ended = last
        self._received += 1
        self.nbytes += len(frame.body)
        self._held += len(frame.body)
        if self.closed:
            self.close()
        else:
            self.frames.append(frame)
        return True

    def pop(self) -> Ordered | None:
        """The next frame, if it is here."""
        if not self.frames:
            return None
        frame = self.frames.popleft()
        size = len(frame.body)
        self._read, self._held, self._untold = self._read + 1, self._held - size, self._untold + size
        if self._read - self._told >= WINDOW // 2 or self._untold >= WINDOW_BYTES // 2 or self._told < 0:
            self._tells[self._stream] = self
        return frame

    def close(self) -> None:
        """Nobody reads any more: whatever comes counts as read."""
        self.closed = True
        self.frames.clear()
        self._read, self._held = self._received, 0
        if self._read > self._told:
            self._tells[self._stream] = self

    def say(self) -> int:
        """How many were read, for the writer."""
        self._told, self._untold = self._read, 0
        return self._read

    def resume(self) -> int:
        """The same on a new line, on which the writer goes on from there."""
        self._due = self._read
        return self.say()
