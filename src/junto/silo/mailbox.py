"""Values of one party on their way to us. A state machine: events in, instructions out.

The law:

* What the program expects is always taken. What comes before its time is kept if its operation is at most
  `WINDOW` ahead of ours, and if it fits into the quota; else its bytes are let go and asked for once they
  are expected (a small one then comes as chunks, like a large one).
* What is of an operation that lies behind us and is expected by nobody is declined; so is a second value
  for a key, and a value beyond the size limit. Each of these, and each message that the protocol does not
  allow, raises `Refusal`, which the peer counts.
* A value that nobody expects most often means that the programs differ. Its sender is told a little later
  (`tick`), so that it hears of that first.
* Each transfer is taken once; its number says so, also after a break.
* Bytes that are in memory and that the program has not got yet count against the quota; an expected value
  beyond it is received into a file.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from junto.silo.api import Failure, Key
from junto.silo.buffers import Buffer
from junto.silo.frames import Accept, Ack, Declined, Failed, Frame, Offer, Resumed, Value
from junto.silo.outbox import AHEAD, WINDOW
from junto.silo.story import Story

AT_HAND = 65_536
"""Values of our present operation that may arrive before the program has said that it expects them."""

ACK_BYTES = 4 << 20
AT_ONCE = 2_000
SPARSE = 1 << 20

UNEXPECTED = "unexpected"

OpenBuffer = Callable[[int, bool], Buffer]
"""(bytes, spill) -> buffer; raises OSError."""


class Refusal(Exception):
    """A message of the other party is not taken.

    Attributes:
        kind: under which it is counted.
        text: for the log.
        fails: the key that the program expects and will not get for it.
    """

    def __init__(self, kind: str, text: str, fails: Key | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.fails = fails


class State(enum.Enum):
    """Of one key."""

    NEW = "new"
    EXPECTED = "expected"  # by the program; nothing has come
    PARKED = "parked"  # here, before its time
    DEFERRED = "deferred"  # known, not here; asked for once it is expected
    EARLY = "early"  # arriving, before its time
    ARRIVING = "arriving"  # expected and arriving
    OVER = "over"


class Event(enum.Enum):
    """What happens to a key."""

    EXPECT = "expect"
    WHOLE = "whole"
    TAKE = "take"
    DEFER = "defer"
    COMPLETE = "complete"
    BREAK = "break"
    DROP = "drop"


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.NEW, Event.EXPECT): State.EXPECTED,
    (State.NEW, Event.WHOLE): State.PARKED,
    (State.NEW, Event.TAKE): State.EARLY,
    (State.NEW, Event.DEFER): State.DEFERRED,
    (State.EXPECTED, Event.WHOLE): State.OVER,
    (State.EXPECTED, Event.TAKE): State.ARRIVING,
    (State.EXPECTED, Event.DROP): State.OVER,
    (State.DEFERRED, Event.EXPECT): State.ARRIVING,
    (State.DEFERRED, Event.BREAK): State.OVER,
    (State.DEFERRED, Event.DROP): State.OVER,
    (State.EARLY, Event.EXPECT): State.ARRIVING,
    (State.EARLY, Event.COMPLETE): State.PARKED,
    (State.EARLY, Event.DROP): State.OVER,
    (State.ARRIVING, Event.COMPLETE): State.OVER,
    (State.ARRIVING, Event.DROP): State.OVER,
    (State.PARKED, Event.EXPECT): State.OVER,
    (State.PARKED, Event.DROP): State.OVER,
}


@dataclass(slots=True, eq=False)
class Entry:
    """One key.

    Attributes:
        key: which.
        story: its state.
        transfer: under which number it comes.
        nbytes, received, acked: of it.
        buffer: what it arrives in.
        in_memory: bytes that count against the quota.
        content: once it is here.
    """

    key: Key
    story: Story[State, Event] = field(default_factory=lambda: Story(TRANSITIONS, State.NEW))
    transfer: int = -1
    nbytes: int = 0
    received: int = 0
    acked: int = 0
    buffer: Buffer | None = None
    in_memory: int = 0
    content: memoryview | Failure | None = None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Instruction: the program's `key` is over."""

    key: Key
    content: memoryview | Failure | OSError


@dataclass(frozen=True, slots=True)
class Write:
    """Instruction: store this part, then call `Mailbox.written`."""

    entry: Entry
    buffer: Buffer
    offset: int
    data: memoryview


class Numbers:
    """A set of transfer numbers, small because they come nearly in order."""

    def __init__(self) -> None:
        self.below = 0
        self._also: set[int] = set()

    def __contains__(self, number: int) -> bool:
        return number < self.below or number in self._also

    def __len__(self) -> int:
        return self.below + len(self._also)

    def add(self, number: int) -> None:
        """Add a number."""
        self._also.add(number)
        while self.below in self._also:
            self._also.remove(self.below)
            self.below += 1

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """What lies above `below`, as (first, last)."""
        found: list[tuple[int, int]] = []
        for number in sorted(self._also):
            if found and found[-1][1] == number - 1:
                found[-1] = (found[-1][0], number)
            else:
                found.append((number, number))
        return tuple(found)


class Mailbox:
    """See the module. Not thread-safe: its peer holds a lock.

    Args:
        open_buffer: makes room for a large value.
        quota_bytes: how much may be kept in memory.
        max_value_bytes: the largest value that is taken; None: any.
    """

    def __init__(self, open_buffer: OpenBuffer, quota_bytes: int, max_value_bytes: int | None) -> None:
        self._open_buffer = open_buffer
        self._quota = quota_bytes
        self._max_value = max_value_bytes
        self._entries: dict[Key, Entry] = {}
        self._arriving: dict[int, Entry] = {}
        self._deferred: dict[int, Entry] = {}
        self._early: dict[Key, Entry] = {}
        self._numbers = Numbers()
        self._in_memory = 0
        self._position = 0
        self._told = 0
        self._settled: list[int] = []
        self._urgent = False
        self._answers: list[Frame] = []
        self._later: tuple[list[Frame], list[Frame]] = ([], [])

    @property
    def in_memory(self) -> int:
        """Bytes in memory that the program has not got."""
        return self._in_memory

    @property
    def early(self) -> int:
        """How many values are known before their time."""
        return len(self._early)

    @property
    def settled(self) -> int:
        """How many transfers were taken or declined."""
        return len(self._numbers)

    # Events from the program.

    def advance(self, position: int) -> list[Refusal]:
        """The program has come as far as `position`; what lies behind it and is expected by nobody goes."""
        if position <= self._position:
            return []
        self._position = position
        refusals = []
        if self._early:
            for entry in [each for each in self._early.values() if each.key.operation < position]:
                refusals.append(self._decline(entry, _unexpected(entry.key)))
        return refusals

    def expect(self, key: Key) -> Deliver | None:
        """The program needs `key`. Raises InvalidTransition if it has said so before."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry(key)
        before = entry.story.state
        entry.story.tell(Event.EXPECT)
        self._early.pop(key, None)
        if before is State.PARKED and entry.content is not None:
            return self._hand_over(entry, entry.content)
        if before is State.DEFERRED:
            del self._deferred[entry.transfer]
            return self._begin(entry)
        return None

    def clear(self) -> None:
        """Nothing more will come: let go of what is here in part."""
        for entry in list(self._arriving.values()):
            self._release(entry, Event.DROP)
        self._arriving.clear()

    # Events from the other party.

    def whole(self, frame: Value | Failed) -> Deliver | None:
        """A small value, or a failure in place of one. Raises Refusal."""
        entry = self._admit(frame)
        content = _own(frame.payload) if isinstance(frame, Value) else frame.failure
        size = len(content) if isinstance(content, memoryview) else 0
        expected = entry.story.state is State.EXPECTED
        if not expected and self._in_memory + size > self._quota and size:
            self._defer(entry, frame.transfer, size)
            return None
        entry.transfer, entry.nbytes, entry.received = frame.transfer, size, size
        entry.story.tell(Event.WHOLE)
        self._take(frame.transfer)
        if expected:
            return self._hand_over(entry, content)
        self._charge(entry, size)
        entry.content = content
        self._early[entry.key] = entry
        return None

    def offer(self, frame: Offer) -> Deliver | None:
        """A large value is offered. Raises Refusal."""
        if frame.nbytes == 0:
            raise Refusal("malformed", "an offer of nothing")
        entry = self._admit(frame)
        if self._max_value is not None and frame.nbytes > self._max_value:
            raise self._too_large(entry, frame)
        expected = entry.story.state is State.EXPECTED
        if not expected and self._in_memory + frame.nbytes > self._quota:
            self._defer(entry, frame.transfer, frame.nbytes)
            return None
        entry.transfer, entry.nbytes = frame.transfer, frame.nbytes
        entry.story.tell(Event.TAKE)
        if not expected:
            self._early[entry.key] = entry
        return self._begin(entry)

    def chunk(self, transfer: int, offset: int, data: memoryview) -> Write | None:
        """A part of a large value. Raises Refusal."""
        entry = self._arriving.get(transfer)
        if entry is None or entry.buffer is None:
            if transfer in self._numbers:
                return None  # it was declined or failed here while its chunks were on their way
            raise Refusal("chunk of nothing", f"a chunk of transfer {transfer}, which is not under way")
        if offset != entry.received or offset + len(data) > entry.nbytes:
            raise Refusal("chunk out of place", f"a chunk of transfer {transfer} is not where it should be")
        return Write(entry, entry.buffer, offset, data)

    def written(self, write: Write) -> Deliver | None:
        """The part is stored."""
        entry = write.entry
        if self._arriving.get(entry.transfer) is not entry or entry.received != write.offset:
            return None
        entry.received += len(write.data)
        if entry.received < entry.nbytes:
            return None
        try:
            entry.content = write.buffer.view()
        except OSError as error:
            return self._give_up(entry, error)
        entry.buffer = None
        del self._arriving[entry.transfer]
        self._take(entry.transfer)
        self._urgent = True
        if entry.story.tell(Event.COMPLETE) is State.OVER:
            return self._hand_over(entry, entry.content)
        return None

    def failed(self, write: Write, error: OSError) -> Deliver | None:
        """The part could not be stored (no space left)."""
        if self._arriving.get(write.entry.transfer) is not write.entry:
            return None
        return self._give_up(write.entry, error)

    def resume(self) -> Resumed:
        """A new stream is open: what we have. What was only offered will be offered again."""
        self._answers.clear()
        self._settled.clear()
        self._later = ([], [])
        for entry in self._deferred.values():
            entry.story.tell(Event.BREAK)
            del self._early[entry.key], self._entries[entry.key]
        self._deferred.clear()
        for entry in self._arriving.values():
            entry.acked = entry.received
        self._told = self._position
        partial = tuple((number, entry.received) for number, entry in self._arriving.items())
        return Resumed(self._numbers.below, self._numbers.ranges(), partial, self._position)

    def tick(self) -> bool:
        """A heartbeat has passed; whether an answer that had to wait is due now."""
        due, waiting = self._later
        self._answers += due
        self._later = (waiting, [])
        return bool(due)

    # What to answer next.

    def take(self) -> list[Frame]:
        """Acknowledgements and answers that are due, each once."""
        frames, self._answers = self._answers[:AT_ONCE], self._answers[AT_ONCE:]
        self._urgent = False
        settled = tuple(self._settled[:AT_ONCE])
        del self._settled[:AT_ONCE]
        partial = []
        for number, entry in self._arriving.items():
            if entry.received - entry.acked >= ACK_BYTES:
                entry.acked = entry.received
                partial.append((number, entry.received))
        if settled or partial or self._position - self._told >= WINDOW // 4:
            self._told = self._position
            frames.append(Ack(settled, tuple(partial), self._position))
        return frames

    @property
    def owes(self) -> bool:
        """Whether an answer is due now (acknowledgements of small values can wait a little)."""
        if self._urgent or self._answers or self._position - self._told >= WINDOW // 4:
            return True
        return any(entry.received - entry.acked >= ACK_BYTES for entry in self._arriving.values())

    # Inside.

    def _admit(self, frame: Value | Failed | Offer) -> Entry:
        key, transfer = frame.key, frame.transfer
        if transfer in self._numbers or transfer in self._arriving or transfer in self._deferred:
            raise Refusal("duplicate", f"transfer {transfer} came twice")
        if transfer > self._numbers.below + SPARSE:
            raise Refusal("malformed", f"transfer {transfer} leaves too many numbers out")
        entry = self._entries.get(key)
        if entry is None:
            self._check_early(frame)
            entry = self._entries[key] = Entry(key)
        elif entry.story.state is not State.EXPECTED:
            raise self._declined(transfer, "second value", f"a second value for {_name(key)}")
        return entry

    def _check_early(self, frame: Value | Failed | Offer) -> None:
        key = frame.key
        if key.operation < self._position:
            refusal = _unexpected(key)
        elif key.operation > self._position + WINDOW:
            refusal = Refusal("beyond the window", f"{_name(key)} lies too far ahead of our program")
        elif len(self._early) >= AHEAD + AT_HAND:
            refusal = Refusal("too many", "too many values before their time")
        else:
            return
        raise self._declined(frame.transfer, refusal.kind, refusal.text)

    def _too_large(self, entry: Entry, frame: Offer) -> Refusal:
        text = f"{_name(frame.key)} has {frame.nbytes} bytes, more than max_value_bytes = {self._max_value}"
        refusal = self._declined(frame.transfer, "too large", text)
        if entry.story.state is State.EXPECTED:
            refusal.fails = frame.key
            entry.story.tell(Event.DROP)
        self._forget(entry)
        return refusal

    def _declined(self, transfer: int, kind: str, text: str) -> Refusal:
        self._numbers.add(transfer)
        answers = self._later[1] if kind == UNEXPECTED else self._answers
        answers.append(Declined(transfer, text))
        return Refusal(kind, text)

    def _decline(self, entry: Entry, refusal: Refusal) -> Refusal:
        if entry.story.state is not State.PARKED:
            self._arriving.pop(entry.transfer, None)
            self._deferred.pop(entry.transfer, None)
            self._declined(entry.transfer, refusal.kind, refusal.text)
        self._release(entry, Event.DROP)
        return refusal

    def _defer(self, entry: Entry, transfer: int, nbytes: int) -> None:
        entry.transfer, entry.nbytes, entry.received = transfer, nbytes, 0
        entry.story.tell(Event.DEFER)
        self._deferred[transfer] = entry
        self._early[entry.key] = entry

    def _begin(self, entry: Entry) -> Deliver | None:
        spill = self._in_memory + entry.nbytes > self._quota
        try:
            entry.buffer = self._open_buffer(entry.nbytes, spill)
        except OSError as error:
            return self._give_up(entry, error)
        if not spill:
            self._charge(entry, entry.nbytes)
        self._arriving[entry.transfer] = entry
        self._answers.append(Accept(entry.transfer))
        return None

    def _give_up(self, entry: Entry, error: OSError) -> Deliver | None:
        self._arriving.pop(entry.transfer, None)
        text = f"no room for {_name(entry.key)}: {error.strerror or error}"
        self._declined(entry.transfer, "no room", text)
        expected = entry.story.state is State.ARRIVING
        self._release(entry, Event.DROP)
        return Deliver(entry.key, error) if expected else None

    def _hand_over(self, entry: Entry, content: memoryview | Failure) -> Deliver:
        self._forget(entry)
        return Deliver(entry.key, content)

    def _release(self, entry: Entry, event: Event) -> None:
        entry.story.tell(event)
        if entry.buffer is not None:
            entry.buffer.discard()
            entry.buffer = None
        self._forget(entry)

    def _forget(self, entry: Entry) -> None:
        self._in_memory -= entry.in_memory
        entry.in_memory = 0
        entry.content = None
        self._early.pop(entry.key, None)
        self._entries.pop(entry.key, None)

    def _charge(self, entry: Entry, nbytes: int) -> None:
        entry.in_memory = nbytes
        self._in_memory += nbytes

    def _take(self, transfer: int) -> None:
        self._numbers.add(transfer)
        self._settled.append(transfer)


def _own(payload: memoryview) -> memoryview:
    """A copy that is aligned, writable, and does not keep the message alive that it came in."""
    return memoryview(bytearray(payload))


def _name(key: Key) -> str:
    return f"value {key.index} of operation {key.operation}"


def _unexpected(key: Key) -> Refusal:
    return Refusal(UNEXPECTED, f"nobody expects {_name(key)}")
