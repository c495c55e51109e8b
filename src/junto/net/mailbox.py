"""Values of one party on their way to us. A state machine: events in, instructions out.

The law:

* What the program expects is always taken, large ones at most `ABREAST` at a time, in the order of keys. What
  comes before its time is kept if its operation is at most `WINDOW` ahead of ours, and if it fits into the
  quota; else its bytes are let go and asked for once they are expected (a small one then comes as chunks,
  like a large one).
* Whatever has arrived is acknowledged without anything more having to come: at once when `ACK_BYTES` have
  come since the last time, over all transfers, else a moment later. So a sender that waits for
  acknowledgements never waits for what waits for it.
* What is of an operation that lies behind us and is expected by nobody is declined; so is a second value
  for a key, and a value beyond the size limit. Each of these, and each message that the protocol does not
  allow, raises `Refusal`, which the peer counts.
* A value that nobody expects most often means that the programs differ. Its sender is told a little later
  (`tick`), so that it hears of that first.
* Each transfer is taken once; its number says so, also after a break.
* Bytes that are in memory and that the program has not got yet count against the quota; an expected value
  beyond it is received into a file.
* Ordered streams have a window of their own, see `ordered`; a stream that is not open here carries nothing.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable

from junto.net.api import TransferKey
from junto.net.arriving import ArrivalEvent, ArrivalState, ArrivingEntry, Deliver, Write
from junto.net.buffers import Buffer
from junto.net.frames import (
    AT_ONCE,
    STREAMS,
    Accept,
    Ack,
    ControlFrame,
    Declined,
    Failed,
    Offer,
    Resumed,
    Value,
)
from junto.net.numbers import Numbers
from junto.net.ordered import StreamReader
from junto.net.outbox import ABOARD, AHEAD, IN_FLIGHT_BYTES, WINDOW

AT_HAND = 65_536
"""Values of our present operation that may arrive before the program has said that it expects them."""

ACK_BYTES = IN_FLIGHT_BYTES // 8
"""A good part of what the sender may have unacknowledged, so that it need not stop; of all transfers
together, because its limit is one of all transfers."""

ABREAST = 32
"""Large values that arrive at a time: beyond the quota each holds a file open, and a process has few."""

UNEXPECTED, NO_ROOM = "unexpected", "no room"

OpenBuffer = Callable[[int, bool], Buffer]
"""(bytes, spill) -> buffer; raises OSError."""


class Refusal(Exception):
    """A message of the other party is not taken.

    Attributes:
        kind: under which it is counted.
        text: for the log.
        fails: the key that the program expects and will not get for it.
    """

    def __init__(self, kind: str, text: str, fails: TransferKey | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.fails = fails


class Mailbox:
    """See the module. Not thread-safe: its peer holds a lock.

    Args:
        open_buffer: makes room for a large value.
        quota_bytes: how much may be kept in memory.
        max_value_bytes: the largest value that is taken; None: any.

    Attributes:
        in_memory: bytes in memory that the program has not got.
        moved: grows with everything that comes and is taken.
        streams: the ordered ones that are open here.
        tells: of these, the ones whose writer has to be told now how much was read.
    """

    def __init__(self, open_buffer: OpenBuffer, quota_bytes: int, max_value_bytes: int | None) -> None:
        self._open_buffer = open_buffer
        self._quota = quota_bytes
        self._max_value = max_value_bytes
        self._entries: dict[TransferKey, ArrivingEntry] = {}
        self._arriving: dict[int, ArrivingEntry] = {}
        self._waiting: dict[int, ArrivingEntry] = {}  # deferred and wanted ones
        self._turns: list[tuple[int, int, ArrivingEntry]] = []  # the wanted ones, a heap by key
        self._early: dict[TransferKey, ArrivingEntry] = {}
        self._numbers = Numbers()
        self.in_memory: int = 0
        self._position = 0
        self._told = 0
        self._settled: list[int] = []
        self._unsaid = 0  # bytes that came since the last acknowledgement
        self.moved: int = 0
        self._urgent = False
        self._answers: list[ControlFrame] = []
        self._later: tuple[list[ControlFrame], list[ControlFrame]] = ([], [])
        self._turn = 0
        self._declines: deque[Declined] = deque(maxlen=AT_ONCE)
        self.streams: dict[int, StreamReader] = {}
        self.tells: dict[int, StreamReader] = {}

    @property
    def early(self) -> int:
        """How many values are known before their time."""
        return len(self._early)

    @property
    def settled(self) -> int:
        """How many transfers were taken or declined."""
        return len(self._numbers)

    def must_move(self) -> tuple[TransferKey, int, int] | None:
        """A value that was asked for and whose bytes therefore have to come: the oldest."""
        entry = min(self._arriving.values(), key=lambda each: each.transfer, default=None)
        return None if entry is None else (entry.key, entry.received, entry.nbytes)

    # Events from the program.

    def advance(self, position: int) -> tuple[list[Refusal], list[Deliver]]:
        """The program has come as far as `position`; what lies behind it and is expected by nobody goes."""
        if position <= self._position:
            return [], []
        self._position = position
        refusals = []
        if self._early:
            for entry in [each for each in self._early.values() if each.key.operation < position]:
                refusals.append(self._decline(entry, _unexpected(entry.key)))
        return refusals, self._next_turns() if self._turns else []

    def expect(self, key: TransferKey) -> list[Deliver]:
        """The program needs `key`. Raises InvalidTransition if it has said so before."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = ArrivingEntry(key)
        before = entry.story.state
        entry.story.tell(ArrivalEvent.EXPECT)
        self._early.pop(key, None)
        if before is ArrivalState.PARKED and (content := entry.content) is not None:
            self._forget(entry)
            return [Deliver(key, content)]
        return self._want(entry) if before is ArrivalState.DEFERRED else []

    def clear(self) -> None:
        """Nothing more will come: let go of what is here in part."""
        for entry in (*self._arriving.values(), *self._waiting.values()):
            self._release(entry, ArrivalEvent.DROP)
        self._arriving.clear()
        self._waiting.clear()
        self._turns.clear()

    # Events from the other party.

    def whole(self, frame: Value | Failed) -> list[Deliver]:
        """A small value, or a failure in place of one. Raises Refusal."""
        entry = self._admit(frame)
        # A copy that is aligned, writable, and does not keep the message alive that it came in.
        content = memoryview(bytearray(frame.payload)) if isinstance(frame, Value) else frame.failure
        size = len(content) if isinstance(content, memoryview) else 0
        expected = entry.story.state is ArrivalState.EXPECTED
        if not expected and self.in_memory + size > self._quota and size:
            self._defer(entry, frame.transfer, size)
            return []
        entry.transfer, entry.nbytes, entry.received = frame.transfer, size, size
        entry.story.tell(ArrivalEvent.WHOLE)
        self._numbers.add(frame.transfer)
        self._settled.append(frame.transfer)
        if expected:
            self._forget(entry)
            return [Deliver(frame.key, content)]
        self._charge(entry, size)
        entry.content = content
        self._early[entry.key] = entry
        return []

    def offer(self, frame: Offer) -> list[Deliver]:
        """A large value is offered. Raises Refusal."""
        if frame.nbytes == 0:
            raise Refusal("malformed", "an offer of nothing")
        entry = self._admit(frame)
        if self._max_value is not None and frame.nbytes > self._max_value:
            raise self._too_large(entry, frame)
        expected = entry.story.state is ArrivalState.EXPECTED
        busy = len(self._arriving) >= ABREAST or self._turns
        if not expected and (busy or self.in_memory + frame.nbytes > self._quota):
            self._defer(entry, frame.transfer, frame.nbytes)
            return []
        entry.transfer, entry.nbytes = frame.transfer, frame.nbytes
        entry.story.tell(ArrivalEvent.TAKE)
        if expected:
            self._waiting[entry.transfer] = entry
            return self._want(entry)
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

    def written(self, write: Write) -> list[Deliver]:
        """The part is stored."""
        entry = write.entry
        if self._arriving.get(entry.transfer) is not entry or entry.received != write.offset:
            return []
        entry.received += len(write.data)
        self._unsaid += len(write.data)
        self.moved += 1
        return self._completed(entry, write.buffer) if entry.received == entry.nbytes else []

    def _completed(self, entry: ArrivingEntry, buffer: Buffer) -> list[Deliver]:
        try:
            content = entry.content = buffer.view()
        except OSError as error:
            return self._give_up(entry, error) + self._next_turns()
        entry.buffer = None
        del self._arriving[entry.transfer]
        self._numbers.add(entry.transfer)
        self._settled.append(entry.transfer)
        self._urgent = True
        if entry.story.tell(ArrivalEvent.COMPLETE) is not ArrivalState.OVER:
            return self._next_turns()
        self._forget(entry)
        return [Deliver(entry.key, content), *self._next_turns()]

    def failed(self, write: Write, error: OSError) -> list[Deliver]:
        """The part could not be stored (no space left)."""
        if self._arriving.get(write.entry.transfer) is not write.entry:
            return []
        return self._give_up(write.entry, error) + self._next_turns()

    def resume(self) -> Resumed:
        """A new connection is open: what we have. What was only offered will be offered again."""
        self._answers.clear()
        self._settled.clear()
        self._later = ([], [])
        for entry in self._waiting.values():
            if entry.story.tell(ArrivalEvent.BREAK) is ArrivalState.OVER:
                del self._early[entry.key], self._entries[entry.key]
        self._waiting.clear()
        self._turns.clear()
        self._unsaid = 0
        for entry in self._arriving.values():
            entry.acked = entry.received
        self._told = self._position
        partial = tuple((number, entry.received) for number, entry in self._arriving.items())
        streams = tuple((number, reader.resume()) for number, reader in self.streams.items())
        self.tells.clear()
        self._turn += 1
        also = self._numbers.ranges()
        declined = tuple(self._declines)
        return Resumed(self._numbers.below, also, partial, self._position, streams, self._turn, declined)

    def tick(self) -> bool:
        """A heartbeat has passed; whether an answer that had to wait is due now."""
        due, waiting = self._later
        self._answers += due
        self._later = (waiting, [])
        return bool(due)

    # Ordered streams.

    def open_stream(self, stream: int) -> StreamReader:
        """Our end of a stream is open. Raises ValueError if it was before, or there are too many."""
        if stream in self.streams:
            raise ValueError(f"stream {stream} is opened a second time")
        if len(self.streams) >= STREAMS:
            raise ValueError(f"there are {STREAMS} streams between the two parties already")
        reader = self.streams[stream] = StreamReader(self.tells, stream)
        return reader

    # What to answer next.

    def take(self) -> list[ControlFrame]:
        """Acknowledgements and answers that are due, each once."""
        frames, self._answers = self._answers[:AT_ONCE], self._answers[AT_ONCE:]
        self._urgent = False
        settled = tuple(self._settled[:AT_ONCE])
        del self._settled[:AT_ONCE]
        partial = []
        for number, entry in self._arriving.items():
            if entry.received > entry.acked:
                entry.acked = entry.received
                partial.append((number, entry.received))
        self._unsaid = 0
        streams = tuple((number, self.tells.pop(number).say()) for number in [*self.tells][:AT_ONCE])
        if settled or partial or streams or self._position - self._told >= WINDOW // 4:
            self._told = self._position
            frames.append(Ack(settled, tuple(partial), self._position, streams))
        return frames

    @property
    def owes(self) -> bool:
        """Whether an answer is due now."""
        behind = self._position - self._told >= WINDOW // 4
        return self._urgent or bool(self._answers or self.tells) or behind or self._unsaid >= ACK_BYTES

    # Inside.

    def _admit(self, frame: Value | Failed | Offer) -> ArrivingEntry:
        key, transfer = frame.key, frame.transfer
        next_one = transfer == self._numbers.below  # as a rule: then it is new, and leaves nothing out
        known = not next_one and transfer in self._numbers
        if known or transfer in self._arriving or transfer in self._waiting:
            raise Refusal("duplicate", f"transfer {transfer} came twice")
        if not next_one and self._numbers.gaps > ABOARD:
            raise Refusal("malformed", f"the transfers up to {transfer} leave too many numbers out")
        entry = self._entries.get(key)
        if entry is None:
            self._check_early(frame)
            entry = self._entries[key] = ArrivingEntry(key)
        elif entry.story.state is not ArrivalState.EXPECTED:
            raise self._declined(transfer, "second value", f"a second value for {_name(key)}")
        self.moved += 1
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

    def _too_large(self, entry: ArrivingEntry, frame: Offer) -> Refusal:
        text = f"{_name(frame.key)} has {frame.nbytes} bytes, more than max_value_bytes = {self._max_value}"
        refusal = self._declined(frame.transfer, "too large", text)
        if entry.story.state is ArrivalState.EXPECTED:
            refusal.fails = frame.key
            entry.story.tell(ArrivalEvent.DROP)
        self._forget(entry)
        return refusal

    def _declined(self, transfer: int, kind: str, text: str) -> Refusal:
        self._numbers.add(transfer)
        declined = Declined(transfer, text, no_room=kind == NO_ROOM)
        (self._later[1] if kind == UNEXPECTED else self._answers).append(declined)
        self._declines.append(declined)
        return Refusal(kind, text)

    def _decline(self, entry: ArrivingEntry, refusal: Refusal) -> Refusal:
        if entry.story.state is not ArrivalState.PARKED:
            self._arriving.pop(entry.transfer, None)
            self._waiting.pop(entry.transfer, None)
            self._declined(entry.transfer, refusal.kind, refusal.text)
        self._release(entry, ArrivalEvent.DROP)
        return refusal

    def _defer(self, entry: ArrivingEntry, transfer: int, nbytes: int) -> None:
        entry.transfer, entry.nbytes, entry.received = transfer, nbytes, 0
        entry.story.tell(ArrivalEvent.DEFER)
        self._waiting[transfer] = entry
        self._early[entry.key] = entry

    def _want(self, entry: ArrivingEntry) -> list[Deliver]:
        heapq.heappush(self._turns, (entry.key.operation, entry.key.index, entry))
        return self._next_turns()

    def _next_turns(self) -> list[Deliver]:
        """Ask for what is wanted, as many at a time as may be."""
        done: list[Deliver] = []
        while self._turns and len(self._arriving) < ABREAST:
            entry = heapq.heappop(self._turns)[2]
            del self._waiting[entry.transfer]
            entry.story.tell(ArrivalEvent.BEGIN)
            done += self._begin(entry)
        return done

    def _begin(self, entry: ArrivingEntry) -> list[Deliver]:
        spill = self.in_memory + entry.nbytes > self._quota
        try:
            entry.buffer = self._open_buffer(entry.nbytes, spill)
        except OSError as error:
            return self._give_up(entry, error)
        if not spill:
            self._charge(entry, entry.nbytes)
        self._arriving[entry.transfer] = entry
        self._answers.append(Accept(entry.transfer))
        return []

    def _give_up(self, entry: ArrivingEntry, error: OSError) -> list[Deliver]:
        self._arriving.pop(entry.transfer, None)
        text = f"no room for {_name(entry.key)}: {error.strerror or error}"
        self._declined(entry.transfer, NO_ROOM, text)
        expected = entry.story.state is ArrivalState.ARRIVING
        self._release(entry, ArrivalEvent.DROP)
        return [Deliver(entry.key, error)] if expected else []

    def _release(self, entry: ArrivingEntry, event: ArrivalEvent) -> None:
        entry.story.tell(event)
        if entry.buffer is not None:
            entry.buffer.discard()
            entry.buffer = None
        self._forget(entry)

    def _forget(self, entry: ArrivingEntry) -> None:
        self.in_memory -= entry.in_memory
        entry.in_memory = 0
        entry.content = None
        self._early.pop(entry.key, None)
        self._entries.pop(entry.key, None)

    def _charge(self, entry: ArrivingEntry, nbytes: int) -> None:
        entry.in_memory = nbytes
        self.in_memory += nbytes


def _name(key: TransferKey) -> str:
    return f"value {key.index} of operation {key.operation}"


def _unexpected(key: TransferKey) -> Refusal:
    return Refusal(UNEXPECTED, f"nobody expects {_name(key)}")
