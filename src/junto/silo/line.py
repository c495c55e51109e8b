"""Our half of one stream: what is said next. gRPC pulls; whoever has something to say wakes it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from junto.silo.frames import Frame, pack

Pull = Callable[["Line"], bytes | float | None]
"""The next message for this line; or for how many seconds to wait for more (None: until woken)."""


class Line:
    """One stream's sending half.

    Frames said here go before everything else; then comes what `pull` yields, once the line is open.

    Attributes:
        open: whether values may flow.
        run: the run that the dialler wants to resume, while the answer is due.
        closed: whether it is over.
        sent_messages, sent_bytes: counted.
    """

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._urgent: deque[Frame] = deque()
        self._asleep = threading.Lock()
        self._asleep.acquire()
        self.open = False
        self.run: bytes | None = None
        self.closed = False
        self.sent_messages = 0
        self.sent_bytes = 0

    def say(self, *frames: Frame) -> None:
        """Send these before anything else."""
        self._urgent.extend(frames)
        self.wake()

    def wake(self) -> None:
        """There is something to send."""
        # The lock is a binary semaphore: released at most once until `messages` acquires it again.
        try:
            self._asleep.release()
        except RuntimeError:
            return

    def close(self, *last: Frame) -> None:
        """End our half, after these last words."""
        self.open = False
        self._urgent.extend(last)
        self.closed = True
        self.wake()

    def messages(self) -> Iterator[bytes]:
        """What gRPC sends."""
        while True:
            message = self._next()
            if isinstance(message, bytes):
                self.sent_messages += 1
                self.sent_bytes += len(message)
                yield message
            elif self.closed:
                return
            else:
                self._asleep.acquire(timeout=-1 if message is None else message)

    def _next(self) -> bytes | float | None:
        if self._urgent:
            frames = []
            while self._urgent:
                frames.append(self._urgent.popleft())
            return pack(frames)
        return self._pull(self) if self.open else None
