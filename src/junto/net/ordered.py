"""The two halves of an ordered stream, such as the rounds of an SPU. State machines: no I/O, no clock.

The law:

* Nothing is sent before the reader has opened its end. It says so by saying how many frames it has read: 0.
* The writer is at most `WINDOW` frames ahead of what the reader has said; the frame after that may only be
  the one that says that the writer has ended.
* The reader says how much it has read after half a window, and when it has nothing more to read. So a writer
  that waits for the window waits for a reader that has frames to read, and for nothing else.
* After a break the reader says it again, and everything from there is sent again. What had come is let go by
  its number. The writer passes over what the reader says meanwhile to have read; any other number than the
  next one is refused.
* Whatever comes for an end that is closed counts as read.
"""

from __future__ import annotations

from collections import deque

from junto.net.header import Ordered

WINDOW = 64
"""Frames. With frames of `FRAME_BYTES` it is as much as values may have on their way."""

FRAME_BYTES = 1 << 19
"""Of the largest frame, its header left out: like a chunk of a value, see `frames.CHUNK_BYTES`."""


class StreamWriter:
    """The sending half.

    Attributes:
        pushed: frames so far.
        read: so many the reader has said to have read.
        opened: the reader has opened its end.
        ended: nothing more is pushed.
    """

    __slots__ = ("_frames", "_next", "ended", "opened", "pushed", "read")

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()  # from `read` on
        self._next = 0  # the next one for the line in use
        self.pushed: int = 0
        self.read: int = 0
        self.opened: bool = False
        self.ended: bool = False

    @property
    def room(self) -> bool:
        """Whether another frame may be pushed."""
        return not self.ended and self.pushed - self.read < WINDOW

    @property
    def unread(self) -> bool:
        """Whether the reader, who has opened its end, has not said that it has read everything."""
        return self.opened and self.read < self.pushed

    def push(self, frame: bytes, *, last: bool = False) -> None:
        """Another frame, with the number `pushed`. For the last one there always is room."""
        self._frames.append(frame)
        self.pushed += 1
        self.ended = last

    def hear(self, read: int) -> bool:
        """The reader has read so many; False: it cannot have."""
        if read > self.pushed:
            return False
        self.opened = True
        while self.read < read:
            self._frames.popleft()
            self.read += 1
        self._next = max(self._next, self.read)
        return True

    def take(self) -> bytes | None:
        """The next frame for the line in use."""
        if not self.opened or self._next == self.pushed:
            return None
        self._next += 1
        return self._frames[self._next - 1 - self.read]

    def resume(self) -> int:
        """A new line is open, and the reader has said again what it has read: how many frames follow."""
        self._next = self.read
        return len(self._frames) if self.opened else 0

    def drop(self) -> None:
        """Nothing more will be read."""
        self._frames.clear()
        self.read = self._next = self.pushed
        self.ended = True


class StreamReader:
    """The receiving half.

    Attributes:
        closed: nobody reads any more.
    """

    __slots__ = ("_due", "_ended", "_frames", "_read", "_received", "_told", "closed")

    def __init__(self) -> None:
        self._frames: deque[Ordered] = deque()
        self._received = self._read = 0
        self._due = 0  # the next one on the line in use
        self._told = -1
        self._ended = False
        self.closed: bool = False

    @property
    def waiting(self) -> bool:
        """Whether there is a frame to read."""
        return bool(self._frames)

    @property
    def owes(self) -> bool:
        """Whether the writer has to be told now how much was read."""
        unsaid = self._read - self._told
        return unsaid >= WINDOW // 2 or self._told < 0 or (self.closed and unsaid > 0)

    def take(self, number: int, frame: Ordered, *, last: bool) -> bool:
        """A frame has come; whether it is new. Raises ValueError for one that is not due."""
        if not self._due <= number <= max(self._due, self._told):
            raise ValueError(f"frame {number} of a stream came; frame {self._due} is due")
        if number - self._read >= WINDOW + last:
            raise ValueError("a frame of a stream came for which there is no room")
        self._due = number + 1
        if number < self._received:
            return False
        if self._ended:
            raise ValueError("a frame of a stream came after its end")
        self._ended = last
        self._received += 1
        if self.closed:
            self._read = self._received
        else:
            self._frames.append(frame)
        return True

    def pop(self) -> Ordered | None:
        """The next frame, if it is here."""
        if not self._frames:
            return None
        self._read += 1
        return self._frames.popleft()

    def close(self) -> None:
        """Nobody reads any more."""
        self.closed = True
        self._frames.clear()
        self._read = self._received

    def say(self) -> int:
        """How many were read, for the writer."""
        self._told = self._read
        return self._read

    def resume(self) -> int:
        """The same on a new line, on which the writer goes on from there."""
        self._due = self._read
        return self.say()
