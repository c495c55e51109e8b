"""Both ends of a pair of parties without a network: events in, messages out, and a clock that a test moves.

What the laws of flow are told against. An end is driven through the narrow page that a gateway uses: the
program pushes, expects and comes to operations; a stream opens, breaks, is pulled for its next message and
hears one. Between the ends stand queues. A thread that sends sleeps when it has nothing to say, exactly as
it would: only a wake, or the time it was told, lets it look again, so a lost wake is a standstill here, too.
"""

from __future__ import annotations

import enum
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from gateways import Heard, payload, stamp
from junto.config.model import Address, LinkSettings, PartySettings
from junto.errors import PartyUnreachable
from junto.locks import Event
from junto.net import connection, delivery, line, pace, peer
from junto.net import frames as f
from junto.net.api import Activity, Failure, TransferKey
from junto.net.line import Line

SMALL = {
    "WINDOW": 4,
    "AHEAD": 3,
    "ABOARD": 5,
    "IN_FLIGHT_BYTES": 30,
    "CHUNK_BYTES": 10,
    "INLINE_BYTES": 8,
    "ACK_BYTES": 15,
    "ABREAST": 2,
    "AT_ONCE": 3,
}
"""The constants of the law, made small: every limit is met within a few values."""

PACED = {"FIRST_BYTES": 40, "LEAST_BYTES": 8, "MOST_BYTES": 100}
"""And with them little may be on its way on a line."""

LOST = PartyUnreachable("it is gone", party="bob")


def connection_of(party: str = "bob", refuse: Callable[[Any], None] = lambda refusal: None) -> Any:
    """What passes between us and a party, of whom nothing else is known."""
    parties = frozenset({"alice", party})
    return connection.PeerConnection(
        party, LinkSettings(), Heard(), parties, refuse, lambda line, frame: None
    )


class Clock:
    """In place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1.0

    def monotonic(self) -> float:
        return self.now


class Thread(Line):
    """A line with what its sending thread does: awake, or asleep until woken or for so long."""

    def __init__(self, pull: Any, clock: Clock) -> None:
        self.awake = True
        self.until: float | None = None
        self.clock = clock
        super().__init__(pull)

    def wake(self, one: bool = False) -> None:
        self.awake = True

    def due(self) -> bool:
        return self.awake or (self.until is not None and self.until <= self.clock.now)

    def turn(self) -> bytes | None:
        """One round of the loop in `messages`."""
        message = self.step()
        if isinstance(message, bytes):
            return message
        self.awake, self.until = False, None if message is None else self.clock.now + message
        return None


class End:
    """One party's view of the other."""

    def __init__(self, me: str, other: str, link: LinkSettings) -> None:
        nowhere = Address("127.0.0.1", 1)
        self.me = me
        self.peer = peer.Peer(PartySettings(other, nowhere, nowhere), link, Heard(), (me, other))
        self.position = 0
        self.pushed: dict[TransferKey, bytes | Failure] = {}
        self.delivered: dict[TransferKey, list[Exception | None]] = {}
        self.expected: dict[TransferKey, list[Any]] = {}

    def come_to(self, operation: int) -> None:
        """The program begins this operation."""
        self.position = operation
        self.peer.publish(Activity(stamp(operation)))

    def push(self, key: TransferKey, value: bytes | Failure) -> None:
        """The program sends a value."""
        self.pushed[key] = value
        results = self.delivered[key] = []
        content = value if isinstance(value, Failure) else payload(value)
        delivery = self.peer.connection.push(key, stamp(key.operation), content)
        delivery.add_done_callback(lambda done: results.append(done.error()))

    def expect(self, key: TransferKey) -> None:
        """The program needs a value."""
        results = self.expected[key] = []
        arrival = self.peer.connection.expect(key)
        arrival.add_done_callback(lambda done: results.append(plain(done.outcome())))


def plain(outcome: Any) -> Any:
    return bytes(outcome) if isinstance(outcome, memoryview) else outcome


class Stream:
    """A stream that `dialler` has opened to `dialled`: two threads, two queues of messages."""

    def __init__(self, dialler: End, dialled: End, clock: Clock) -> None:
        self.dialler, self.dialled = dialler, dialled
        self.out = Thread(dialler.peer.connection.pull, clock)
        self.out.on_refused = lambda _: None  # who dials hears it
        self.back = Thread(dialled.peer.connection.pull, clock)
        self.forward: deque[bytes] = deque()
        self.backward: deque[bytes] = deque()
        self.cut = False
        dialled.peer.opened(self.back)

    def steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """What can happen next."""
        if not self.cut:
            if self.out.due():
                yield "send", lambda: self._send(self.out, self.forward)
            if self.back.due():
                yield "answer", lambda: self._send(self.back, self.backward)
            if self.backward:
                yield "hear answer", self._hear_back
        if self.forward:
            yield "hear", self._hear_forward

    def breaks(self, still: int) -> None:
        """The network is gone. The first `still` messages on their way forward arrive all the same, late."""
        self.cut = True
        self.backward.clear()
        while len(self.forward) > still:
            self.forward.pop()
        self.dialler.peer.drop(self.out)

    def noticed(self) -> None:
        """The dialled side hears that it is over."""
        self.forward.clear()
        self.dialled.peer.drop(self.back)

    def _send(self, thread: Thread, queue: deque[bytes]) -> None:
        message = thread.turn()
        if message is not None:
            assert len(message) <= f.MESSAGE_BYTES
            queue.append(message)

    def _hear_forward(self) -> None:
        self.dialled.peer.connection.hear(self.back, self.forward.popleft())

    def _hear_back(self) -> None:
        message = self.backward.popleft()
        if not self.out.open:
            self.dialler.peer.opened(self.out)
        self.dialler.peer.connection.hear(self.out, message)


class Pair:
    """Two parties, a stream dialled by each, and what can happen."""

    def __init__(self, link: LinkSettings, constants: dict[str, int] = SMALL, both: bool = True) -> None:
        self.clock = Clock()
        self.patch = pytest.MonkeyPatch()
        for module in (delivery, f, pace):
            for name in constants.keys() & vars(module).keys():
                self.patch.setattr(module, name, constants[name])
        for module in (connection, line, peer):
            self.patch.setattr(module, "time", self.clock)
        self.alice, self.bob = End("alice", "bob", link), End("bob", "alice", link)
        self.streams = [Stream(self.alice, self.bob, self.clock)]
        if both:
            self.streams.append(Stream(self.bob, self.alice, self.clock))
        self.old: list[Stream] = []

    def close(self) -> None:
        for end in (self.alice, self.bob):
            end.peer.close()
        self.patch.undo()

    def steps(self) -> list[tuple[str, Callable[[], None]]]:
        """What can happen by itself: the network and the threads, and time that a thread waits for."""
        found = [
            (f"{stream.dialler.me} -> {stream.dialled.me}: {name}", step)
            for stream in (*self.old, *self.streams)
            for name, step in stream.steps()
        ]
        waits = [
            line.until
            for stream in self.streams
            if not stream.cut
            for line in (stream.out, stream.back)
            if line.until is not None and line.until > self.clock.now
        ]
        if not found and waits:
            found.append(("time", lambda: setattr(self.clock, "now", min(waits))))
        return found

    def settle(self, most: int = 20_000) -> int:
        """Let happen what can, in turn, until nothing can; how many steps it took."""
        for count in range(most):
            steps = self.steps()
            if not steps:
                return count
            steps[count % len(steps)][1]()
        raise AssertionError(f"still busy after {most} steps")

    def redial(self, index: int) -> None:
        """Open a broken stream anew; the dialled side may not have noticed yet that the old one is over."""
        old = self.streams[index]
        self.old.append(old)
        self.streams[index] = Stream(old.dialler, old.dialled, self.clock)

    def ends(self) -> tuple[tuple[End, End], ...]:
        """(sender, receiver), both ways."""
        return (self.alice, self.bob), (self.bob, self.alice)


IGNORED = frozenset({"heard", "moved", "sent_messages", "sent_bytes", "_events", "patch", "_link"})


def snapshot(thing: Any, ignored: frozenset[str] = IGNORED) -> tuple[Any, ...]:
    """All that decides what can happen next, as something that can be compared.

    One flat row: each thing before its parts, with their names or number, so that no two trees have the same
    row. That the very same thing stands in two places counts where it can be changed.
    """
    row: list[Any] = []
    seen: dict[int, tuple[int, Any]] = {}
    todo = [thing]
    while todo:
        each = todo.pop()
        kind = type(each)
        if kind in ATOMS:
            row.append(each)
            continue
        look, mutable, names = looked_at(kind, ignored)
        if look is not None:
            row.append(look(each))
            continue
        if mutable:
            if id(each) in seen:
                row += "seen", seen[id(each)][0]
                continue
            seen[id(each)] = len(seen), each  # it lives on with it, so nothing else has its id
        if names is None:
            parts = [*each, *each.values()] if isinstance(each, dict) else [*each]
            row += kind.__name__, len(parts)
            todo += parts
            continue
        inside = [name for name in getattr(each, "__dict__", ()) if name not in ignored]
        row += kind.__name__, *inside
        todo += [getattr(each, name, ABSENT) for name in names]
        todo += [each.__dict__[name] for name in inside]
    return tuple(row)


ATOMS = frozenset({type(None), bool, int, float, str, bytes})
ABSENT = "no such attribute"
LOCKS = (type(threading.Lock()), type(threading.RLock()), Event)


@cache
def looked_at(
    kind: type, ignored: frozenset[str]
) -> tuple[Callable[[Any], Any] | None, bool, tuple[str, ...] | None]:
    """What is kept of a thing without parts, or None; whether it can be changed; its parts' names or None."""
    if issubclass(kind, int | float | str | bytes):
        return lambda thing: thing, False, None
    if issubclass(kind, enum.Enum):
        return lambda thing: thing.name, False, None
    if issubclass(kind, memoryview | bytearray):
        return bytes, False, None
    if issubclass(kind, set | frozenset):
        return lambda thing: frozenset(snapshot(each, ignored) for each in thing), False, None
    if issubclass(kind, (*LOCKS, Iterator, Callable)):
        return lambda _: None, False, None
    if issubclass(kind, dict | list | tuple | deque):
        return None, not issubclass(kind, tuple), None
    names = [name for each in kind.__mro__ for name in getattr(each, "__slots__", ())]
    names += getattr(kind, "__struct_fields__", ())
    frozen = getattr(getattr(kind, "__struct_config__", None), "frozen", False)
    kept = (name for name in dict.fromkeys(names) if name not in {*ignored, "__dict__", "__weakref__"})
    return None, not frozen, tuple(kept)
