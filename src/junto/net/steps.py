"""One value on its way, at either end: its states, in two tables, and what is known of it. See `delivery`.

A step that is not in its table is a mistake of ours: it raises with the story of how it came about.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

from junto.net import frames as f
from junto.net.api import Arrival, Delivery, Failure, Stamp, TransferKey
from junto.net.buffers import Buffer
from junto.wire.payload import Payload


class TransferState(enum.Enum):
    """Of one value that we send."""

    HELD = "held"  # outside the receiver's window
    READY = "ready"  # may go
    SENT = "sent"  # whole, not acknowledged
    OFFERED = "offered"
    FLOWING = "flowing"  # accepted: its chunks go
    OVER = "over"


class TransferEvent(enum.Enum):
    """What happens to it."""

    RELEASE = "release"
    SEND = "send"
    OFFER = "offer"
    ACCEPT = "accept"
    SETTLE = "settle"
    BREAK = "break"
    CONTINUE = "continue"


_T, _H = TransferState, TransferEvent
SENDING: Mapping[tuple[TransferState, TransferEvent], TransferState] = {
    (_T.HELD, _H.RELEASE): _T.READY,
    (_T.READY, _H.SEND): _T.SENT,
    (_T.READY, _H.OFFER): _T.OFFERED,
    (_T.READY, _H.SETTLE): _T.OVER,  # sent before a break, and it had arrived
    (_T.READY, _H.CONTINUE): _T.FLOWING,  # offered before a break, and it had arrived in part
    (_T.READY, _H.BREAK): _T.READY,
    (_T.SENT, _H.SETTLE): _T.OVER,
    (_T.SENT, _H.ACCEPT): _T.FLOWING,  # no room for it then: now it is sent as chunks
    (_T.SENT, _H.BREAK): _T.READY,
    (_T.OFFERED, _H.ACCEPT): _T.FLOWING,
    (_T.OFFERED, _H.SETTLE): _T.OVER,
    (_T.OFFERED, _H.BREAK): _T.READY,
    (_T.FLOWING, _H.SETTLE): _T.OVER,
    (_T.FLOWING, _H.BREAK): _T.READY,
}


class ArrivalState(enum.Enum):
    """Of one key of the other party's."""

    NEW = "new"
    EXPECTED = "expected"  # by the program; nothing has come
    PARKED = "parked"  # here, before its time
    DEFERRED = "deferred"  # known, not here; asked for once it is expected
    WANTED = "wanted"  # known, not here, expected: asked for when it is its turn
    EARLY = "early"  # arriving, before its time
    ARRIVING = "arriving"  # expected and arriving
    OVER = "over"


class ArrivalEvent(enum.Enum):
    """What happens to it."""

    EXPECT = "expect"
    WHOLE = "whole"
    TAKE = "take"
    BEGIN = "begin"
    DEFER = "defer"
    COMPLETE = "complete"
    BREAK = "break"
    DROP = "drop"


_A, _E = ArrivalState, ArrivalEvent
RECEIVING: Mapping[tuple[ArrivalState, ArrivalEvent], ArrivalState] = {
    (_A.NEW, _E.EXPECT): _A.EXPECTED,
    (_A.NEW, _E.WHOLE): _A.PARKED,
    (_A.NEW, _E.TAKE): _A.EARLY,
    (_A.NEW, _E.DEFER): _A.DEFERRED,
    (_A.EXPECTED, _E.WHOLE): _A.OVER,
    (_A.EXPECTED, _E.TAKE): _A.WANTED,
    (_A.EXPECTED, _E.DROP): _A.OVER,
    (_A.WANTED, _E.BEGIN): _A.ARRIVING,
    (_A.WANTED, _E.BREAK): _A.EXPECTED,  # it will be offered again
    (_A.WANTED, _E.DROP): _A.OVER,
    (_A.DEFERRED, _E.EXPECT): _A.WANTED,
    (_A.DEFERRED, _E.BREAK): _A.OVER,
    (_A.DEFERRED, _E.DROP): _A.OVER,
    (_A.EARLY, _E.EXPECT): _A.ARRIVING,
    (_A.EARLY, _E.COMPLETE): _A.PARKED,
    (_A.EARLY, _E.DROP): _A.OVER,
    (_A.ARRIVING, _E.COMPLETE): _A.OVER,
    (_A.ARRIVING, _E.DROP): _A.OVER,
    (_A.PARKED, _E.EXPECT): _A.OVER,
    (_A.PARKED, _E.DROP): _A.OVER,
}


State = TypeVar("State", bound=enum.Enum)
Event = TypeVar("Event", bound=enum.Enum)


class InvalidTransition(Exception):
    """Our own mistake: the machine was asked for a step that its table does not have."""


class Story(Generic[State, Event]):
    """Base of what goes through states by a table, and remembers how it came where it is.

    Attributes:
        table: (state, event) -> state; what is not in it is a mistake.
        state: where it is; a class says where it begins.
    """

    table: Mapping[tuple[State, Event], State]
    state: State
    _past: tuple[Event, ...] = ()

    def tell(self, event: Event) -> State:
        """Take one step. Raises InvalidTransition."""
        after = self.table.get((self.state, event))
        if after is None:
            past = ", ".join(str(each.value) for each in self._past) or "nothing"
            raise InvalidTransition(f"{event.value!r} in state {self.state.value!r} after: {past}")
        self._past = (*self._past[-15:], event)
        self.state = after
        return after


class Transfer(Story[TransferState, TransferEvent], Delivery):
    """One value that we send: what, how far it is, and the delivery that the program waits for.

    Attributes:
        key, stamp, content: what is sent.
        number: given at the first sending.
        frame_bytes: at most so many bytes does its control frame take (four a character).
        sent: bytes of a large value; `there`: acknowledged ones.
        chunks: the rest of its bytes, while it flows; in pieces of `piece` bytes.
    """

    table = SENDING
    state = TransferState.HELD

    def __init__(self, key: TransferKey, stamp: Stamp, content: Payload | Failure) -> None:
        self.key, self.stamp, self.content = key, stamp, content
        self.frame_bytes = 100 + 4 * (len(stamp.text) + len(stamp.site))
        nbytes = 0
        if isinstance(content, Failure):
            texts = (content.text, content.site, content.error_type, content.detail)
            self.frame_bytes += 2_000 + 4 * sum(map(len, texts))
        else:
            nbytes = content.nbytes
            self.frame_bytes += nbytes if nbytes <= f.INLINE_BYTES else 0
        self.nbytes = nbytes
        self.number: int | None = None
        self.sent = 0
        self.chunks: Iterator[list[memoryview]] | None = None
        self.piece = 0


class Outgoing(NamedTuple):
    """Instruction: send this part of a large value."""

    transfer: int
    offset: int
    pieces: list[memoryview]


class Refusal(Exception):
    """A message of the other party is not taken.

    Attributes:
        kind: under which it is counted.
        text: for the log.
        fails: what the program expects and will not get for it.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text
        self.fails: ArrivingEntry | None = None


class ArrivingEntry(Story[ArrivalState, ArrivalEvent], Arrival):
    """One key of the other party's, from when it is expected or comes until the program has its value.

    Attributes:
        transfer: under which number it comes.
        told: of the bytes that are `there`, those that were acknowledged.
        buffer: what it arrives in.
        in_memory: bytes that count against the quota.
        content: once it is here.
    """

    table = RECEIVING
    state = ArrivalState.NEW

    def __init__(self, key: TransferKey) -> None:
        self.key = key
        self.transfer = -1
        self.told = self.in_memory = 0
        self.buffer: Buffer | None = None
        self.content: memoryview | Failure | None = None

    def __str__(self) -> str:
        return f"value {self.key.index} of operation {self.key.operation}"


class Deliver(NamedTuple):
    """Instruction: what the program expects is over."""

    arrival: ArrivingEntry
    content: memoryview | Failure | OSError


class Write(NamedTuple):
    """Instruction: store this part, then call `Mailbox.written`."""

    entry: ArrivingEntry
    buffer: Buffer
    offset: int
    data: memoryview


class Numbers:
    """A set of transfer numbers that come nearly in order: `below`, and ranges above it.

    What it costs grows with the gaps, not with the numbers.
    """

    def __init__(self) -> None:
        self.below: int = 0
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._count = 0

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number)
        return number < self.below or (place > 0 and number <= self._lasts[place - 1])

    def __len__(self) -> int:
        return self._count

    @property
    def gaps(self) -> int:
        """How many ranges lie above `below`."""
        return len(self._firsts)

    def add(self, number: int) -> None:
        """Add a number that is not in it."""
        if number == self.below and not self._firsts:  # as a rule: they come in order
            self.below += 1
            self._count += 1
            return
        if number in self:
            return
        self._count += 1
        place = bisect_right(self._firsts, number)
        joins_left = place > 0 and self._lasts[place - 1] == number - 1
        joins_right = place < len(self._firsts) and self._firsts[place] == number + 1
        if joins_left and joins_right:
            self._lasts[place - 1] = self._lasts[place]
            del self._firsts[place], self._lasts[place]
        elif joins_left:
            self._lasts[place - 1] = number
        elif joins_right:
            self._firsts[place] = number
        else:
            self._firsts.insert(place, number)
            self._lasts.insert(place, number)
        if self._firsts[0] == self.below:
            self.below = self._lasts[0] + 1
            del self._firsts[0], self._lasts[0]

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """What lies above `below`, as (first, last)."""
        return tuple(zip(self._firsts, self._lasts, strict=True))


def covered(ranges: Sequence[tuple[int, int]]) -> Callable[[int], bool]:
    """Whether a number lies in one of these ranges (first, last), which a peer may have put in any order.

    The time for all numbers grows with the ranges and the numbers, and not with their product.
    """
    ordered = sorted(ranges)
    firsts = [first for first, _ in ordered]
    furthest = list(accumulate((last for _, last in ordered), max))

    def holds(number: int) -> bool:
        place = bisect_right(firsts, number)
        return place > 0 and number <= furthest[place - 1]

    return holds
