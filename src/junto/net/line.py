"""Our half of one connection: what is said next. The carrier pulls; whoever has something to say wakes it."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import get_ident

from junto.config.model import Address
from junto.locks import Condition
from junto.net import header as h
from junto.net.frames import ControlFrame, Heartbeat, Ping, Pong, Refused, Turned, pack
from junto.net.pace import Pace

Pull = Callable[["Line"], bytes | float | None]
"""The next message for this line; or for how many seconds to wait for more (None: until woken)."""


@dataclass(frozen=True, slots=True)
class Route:
    """Which way a line goes.

    Attributes:
        at: "": to the party's usual address; else to this one. It is preferred while it stands.
        dials: where we dial; None: the party does.
        pinged: the carrier itself asks whether the other process runs; while the line is open, it does.
    """

    at: str = ""
    dials: Address | None = None
    pinged: bool = True

    @property
    def direct(self) -> bool:
        """Whether it goes to an address of its own."""
        return bool(self.at)


USUAL = Route()

LINGER_S = 1.0
"""How long the other side may take to read our last words once we have closed."""

SOON_S = 0.001
"""So much later may the carrier's thread look, which sends what nobody had to say at once."""


class InlineCarrier(ABC):
    """A carrier's end of a line that any thread can use: who has something to say, or waits for something.

    Attributes:
        busy: a message waits until the network takes it.
    """

    busy: bool

    @abstractmethod
    def send(self, message: bytes | None, patience: Callable[[], float | None] | None = None) -> bool:
        """Send the next message, if it is not `busy`, or the rest of the last one; whether it is all sent.

        `patience`: wait until it is, for so many seconds (None: for ever). Else it takes no time, and that
        the connection is over is for who waits.
        """

    @abstractmethod
    def attend(self, hear: Callable[[bytes], bool], until: float) -> bool:
        """Read here until `hear` was called once, see `MessageSocket`; False: others read."""

    @abstractmethod
    def alarm(self) -> None:
        """End the `attend` of another thread, or the next one."""

    @abstractmethod
    def rest(self) -> None:
        """Nobody will attend for a while."""


class StreamsLock(Condition):  # type: ignore[misc]  # not final, see `locks`
    """The lock of what comes from one party; who waits for a frame of its streams, waits on it.

    Attributes:
        attending: by their threads: those that read a connection themselves meanwhile.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attending: dict[int, InlineCarrier] = {}

    def tell(self) -> None:
        """Whoever waits looks again; under the lock."""
        if self._waiters:
            self.notify_all()
        for thread, in_place in self.attending.items():
            if thread != get_ident():  # it has heard something itself: it does not wait any more
                in_place.alarm()


class Line:
    """One connection's sending half.

    Frames said here go before everything else; then comes what `pull` yields, once the line is open.

    Attributes:
        route: which way it goes.
        open: whether values may flow.
        closed: whether it is over.
        heard: the header of the next frame that is heard, if it is like the last one.
        named, sends: it was wanted for values before: by us for theirs, by them for ours.
        on_refused: of a line that we have dialled: hears what the party refuses it with.
        in_place: set by a carrier that needs no other thread to send and to read.
        pace: how much may be on its way.
    """

    def __init__(self, pull: Pull, route: Route = USUAL) -> None:
        self.route: Route = route
        self._pull = pull
        self._lock = threading.RLock()
        self._urgent: deque[ControlFrame] = deque()
        self._pulse: Heartbeat | None = None
        self._asleep = threading.Lock()
        self._asleep.acquire()
        self.open: bool = False
        self.closed: bool = False
        self.heard: h.Header | None = None
        self._said: h.Header | None = None  # the same of those that are said
        self.named = self.sends = False
        self.on_refused: Callable[[Refused], None] | None = None
        self.in_place: InlineCarrier | None = None
        self.pace: Pace = Pace()
        self._turn = threading.Lock()  # to send
        self._sleeps_until = math.inf  # the carrier's thread, at most

    @property
    def ours(self) -> bool:
        """Whether we have dialled it."""
        return self.on_refused is not None

    def say(self, *frames: ControlFrame) -> None:
        """Send these before anything else, see `keep`."""
        self.keep(*frames)
        self.wake()

    def keep(self, *frames: ControlFrame) -> None:
        """Send these before anything else, once it is woken.

        A frame waits once, however often it is said, and of those that only count if they are the newest only
        that one: a party that makes us answer and does not read the answers takes none of our memory.
        """
        with self._lock:
            for frame in frames:
                if isinstance(frame, Heartbeat):
                    self._pulse = frame
                elif frame not in self._urgent:
                    if isinstance(frame, Turned | Pong):
                        self._urgent = deque(each for each in self._urgent if type(each) is not type(frame))
                    self._urgent.append(frame)

    def start(self, *frames: ControlFrame) -> None:
        """Let values flow, after these frames; `wake` it then.

        It is open before anybody can hear the frames, so what is answered to them finds it open.
        """
        with self._lock:
            self.keep(*frames)
            self.open = True

    def wake(self, one: bool = False) -> None:
        """There is something to send; `one`: one message more than before, and no more.

        Who makes several due at once, wakes it without `one`. So each that is due has somebody who sends it:
        here, if the network takes it at once, or in the carrier's thread.
        """
        in_place = self.in_place
        if in_place is not None and self._turn.acquire(blocking=False):
            try:
                message = None if in_place.busy else self.step()
                if isinstance(message, bytes) and in_place.send(message):
                    message = None if one and self.pace.sent < self.pace.ask_at else self.step()
                    if isinstance(message, bytes):
                        in_place.send(message)
                if isinstance(message, float):  # an answer waits for more: does the thread know?
                    done = self._sleeps_until <= time.monotonic() + message + SOON_S
                else:
                    done = message is None and not in_place.busy
                if done and not self.closed:
                    return
            finally:
                self._turn.release()
        with contextlib.suppress(RuntimeError):
            # The lock is a binary semaphore: released at most once until `sleep` acquires it again.
            self._asleep.release()

    def close(self, *last: ControlFrame) -> None:
        """End our half, after these last words."""
        with self._lock:
            self.open = False
            self.keep(*last)
            self.closed = True
        self.wake()

    def refuse(self, kind: str, text: str, *, final: bool) -> None:
        """End it, and tell whoever has dialled it why."""
        self.close(*(() if self.ours else (Refused(kind, text, final),)))

    def messages(self) -> Iterator[bytes]:
        """What is sent, for the carrier's thread, which waits for it."""
        while True:
            with self._turn:
                if self.in_place is not None:
                    self.in_place.send(None, lambda: LINGER_S if self.closed else None)
                message = self.step()
                if isinstance(message, bytes):
                    yield message
                    continue
                self._sleeps_until = math.inf if message is None else time.monotonic() + message
            if self.closed:
                return
            self.sleep(message)

    def sleep(self, seconds: float | None) -> None:
        """Until woken, or for as long as `step` has said."""
        self._asleep.acquire(timeout=-1 if seconds is None else seconds)

    def step(self) -> bytes | float | None:
        """The next message, or for how many seconds to sleep (None: until woken)."""
        opened, pace = self.open, self.pace  # first: who opens it has said before what goes before all else
        if pace.sent >= pace.ask_at and opened:
            self.keep(Ping(pace.ask(time.monotonic())))
        if self._urgent or self._pulse is not None:
            with self._lock:
                frames = [*self._urgent, *([] if self._pulse is None else [self._pulse])]
                self._urgent.clear()
                self._pulse = None
            if frames:
                return pack(frames)
        return self._pull(self) if opened else None

    def shorten(self, frame: h.Ordered) -> bytes:
        """The next frame of an ordered stream as it goes on this line."""
        header, body = frame.header, frame.body
        foretold, self._said = self._said, h.following(header)
        return b"".join((h.FOLLOWS if header == foretold else h.pack(header), body))
