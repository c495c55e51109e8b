"""How much may be on its way on one line: about what the way brings in a second.

Between two parties lie buffers, of their systems and of each proxy, which take many megabytes at once. On a
slow way those stand there for half a minute, and whatever shows that we are alive stands behind them: the
other side takes the connection for dead and opens a new one, on which all of it is sent again. So the sender
asks now and then (`Ping`), and the answer (`Pong`) says that what was sent before has been heard. How long
that took says what the way brings: the idea of congestion control by delay (Brakmo and Peterson, TCP Vegas,
IEEE JSAC 13(8), 1995).

The law: who may not send for lack of room has asked, or is about to ask, for what makes room; an answer goes
before everything else; and every answer wakes the sender.
"""

from __future__ import annotations

import threading
from collections import deque

SLOW_S = 1.0
"""What is heard later stands in buffers. Well below the time after which gRPC takes a ping for lost."""

FIRST_BYTES = 1 << 20
"""Until it is known how fast the way is."""

LEAST_BYTES = 1 << 16
"""Half a second of a way that brings a megabit a second."""

PARTS = 4
"""So often is asked while as much goes as may be on its way."""

MOST_BYTES = 128 << 20
"""More than values and a stream have on their way, with what is heard before it is asked for: who is fast is
never held back."""


class Pace:
    """See the module. Thread-safe; `sent` is of the thread whose turn it is to send.

    Attributes:
        sent: bytes that went on the line.
        there: so many of them the party is known to have heard.
        window: it may have so many on their way.
        piece: no larger part of a value goes in one message; None: messages are as large as usual.
        ask_at: once so many are sent, the party is asked.
    """

    def __init__(self) -> None:
        self.sent: int = 0
        self.there: int = 0
        self.piece: int | None = None
        self._asked = deque[tuple[int, int, float]]()  # bytes sent, of them on their way; when
        self._last = self._changed = 0
        self._lock = threading.Lock()
        self.open(FIRST_BYTES)

    def open(self, window: int) -> None:
        """As much may be on its way, until it is known how fast the way is."""
        with self._lock:
            self._set(window)

    def after(self) -> int:
        """What the next line may begin with: little, if this one broke before all was answered."""
        with self._lock:
            return LEAST_BYTES if self._asked else min(self.window, FIRST_BYTES)

    def ask(self, now: float) -> int:
        """What the party is asked, now."""
        with self._lock:
            self._last = self.sent
            self._asked.append((self.sent, self.sent - self.there, now))
            self._set(self.window)
            return self._last

    def hear(self, nbytes: int, now: float) -> bool:
        """The answer to `ask`, or to several at once; False: nobody has asked for that."""
        with self._lock:
            places = [place for place, _, _ in self._asked]
            if nbytes not in places:
                return False
            for _ in range(places.index(nbytes) + 1):
                self.there, waiting, since = self._asked.popleft()
            delay, window = now - since, self.window
            if delay > SLOW_S:
                window = max(int(waiting * SLOW_S / delay), LEAST_BYTES)
            elif delay < 0.75 * SLOW_S and waiting >= window // PARTS and nbytes > self._changed:
                window = min(2 * window, MOST_BYTES)
            if window != self.window:
                self._changed = self.sent  # what was asked before tells nothing of the new one
            self._set(window)
            return True

    def _set(self, window: int) -> None:
        self.window = window
        self.piece = window // 4 if window < FIRST_BYTES else None
        self.ask_at = self._last + window // PARTS
