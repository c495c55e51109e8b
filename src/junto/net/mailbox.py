"""What comes from one party, by the law of `delivery`: what is taken, kept or declined, and answered."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable

from junto.net import delivery as law
from junto.net import frames as f
from junto.net.api import TransferKey
from junto.net.buffers import Buffer
from junto.net.ordered import STREAMS, StreamReader
from junto.net.steps import ArrivalEvent as _E
from junto.net.steps import ArrivalState as _A
from junto.net.steps import ArrivingEntry, Deliver, Numbers, Refusal, Write

UNEXPECTED, NO_ROOM = "unexpected", "no room"


class Mailbox:
    """One party's, on their way to us. Not thread-safe.

    Args:
        open_buffer: (bytes, spill) -> room for a large value; raises OSError.
        quota_bytes: how much may be kept in memory.
        max_value_bytes: the largest value that is taken; None: any.

    Attributes:
        in_memory: bytes in memory that the program has not got.
        early: what is known before its time.
        moved, unsaid: grow with what comes; the latter in bytes, since the last acknowledgement.
        streams: the ordered ones that are open here.
        tells: of these, the ones whose writer has to be told now how much was read.
    """

    def __init__(
        self, open_buffer: Callable[[int, bool], Buffer], quota_bytes: int, max_value_bytes: int | None
    ) -> None:
        self._open_buffer, self._quota, self._max_value = open_buffer, quota_bytes, max_value_bytes
        self._entries: dict[TransferKey, ArrivingEntry] = {}
        self._arriving: dict[int, ArrivingEntry] = {}
        self._waiting: dict[int, ArrivingEntry] = {}  # deferred and wanted ones
        self._turns: list[tuple[int, int, ArrivingEntry]] = []  # the wanted ones, a heap by key
        self.early: dict[TransferKey, ArrivingEntry] = {}
        self._numbers = Numbers()
        self.in_memory: int = 0
        self.moved: int = 0
        self._position = self._told = self._turn = 0
        self._settled: list[int] = []
        self.unsaid, self._urgent = 0, False  # the latter: a large value is whole
        self._answers: list[f.ControlFrame] = []
        self._later: tuple[list[f.ControlFrame], list[f.ControlFrame]] = ([], [])
        self._declines: deque[f.Declined] = deque(maxlen=f.AT_ONCE)
        self.streams: dict[int, StreamReader] = {}
        self.tells: dict[int, StreamReader] = {}

    @property
    def settled(self) -> int:
        """How many transfers were taken or declined."""
        return len(self._numbers)

    def must_move(self) -> ArrivingEntry | None:
        """A value that was asked for and whose bytes therefore have to come: the oldest."""
        return min(self._arriving.values(), key=lambda each: each.transfer, default=None)

    # Events from the program.

    def advance(self, position: int) -> tuple[list[Refusal], list[Deliver]]:
        """The program has come as far as `position`; what lies behind it and is expected by nobody goes."""
        if position <= self._position:
            return [], []
        self._position = position
        refusals = []
        for entry in [each for each in self.early.values() if each.key.operation < position]:
            if entry.state is not _A.PARKED:
                self._arriving.pop(entry.transfer, None)
                self._waiting.pop(entry.transfer, None)
                self._declined(entry.transfer, UNEXPECTED, f"nobody expects {entry}")
            self._drop(entry)
            refusals.append(Refusal(UNEXPECTED, f"nobody expects {entry}"))
        return refusals, self._next_turns()

    def expect(self, key: TransferKey) -> tuple[ArrivingEntry, list[Deliver]]:
        """The program needs `key`. Raises InvalidTransition if it has said so before."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = ArrivingEntry(key)
        before, content = entry.state, entry.content
        entry.tell(_E.EXPECT)
        self.early.pop(key, None)
        if before is _A.PARKED and content is not None:
            self._forget(entry)
            return entry, [Deliver(entry, content)]
        return entry, self._want(entry) if before is _A.DEFERRED else []

    def clear(self) -> list[ArrivingEntry]:
        """Nothing more will come: let go of what is here in part. What the program expects in vain."""
        expected = (_A.EXPECTED, _A.WANTED, _A.ARRIVING)
        lost = [each for each in self._entries.values() if each.state in expected]
        for entry in (*self._arriving.values(), *self._waiting.values()):
            self._drop(entry)
        self._arriving.clear()
        self._waiting.clear()
        self._turns.clear()
        return lost

    # Events from the other party.

    def whole(self, frame: f.Value | f.Failed) -> list[Deliver]:
        """A small value, or a failure in place of one. Raises Refusal."""
        entry, transfer = self._admit(frame), frame.transfer
        # A copy that is aligned, writable, and does not keep the message alive that it came in.
        content = memoryview(bytearray(frame.payload)) if isinstance(frame, f.Value) else frame.failure
        size = len(content) if isinstance(content, memoryview) else 0
        expected = entry.state is _A.EXPECTED
        if size and not expected and self.in_memory + size > self._quota:
            self._defer(entry, transfer, size)
            return []
        entry.tell(_E.WHOLE)
        self._numbers.add(transfer)
        self._settled.append(transfer)
        self.unsaid += size or 1
        if expected:
            del self._entries[entry.key]
            return [Deliver(entry, content)]
        entry.transfer, entry.nbytes, entry.there, entry.content = transfer, size, size, content
        entry.in_memory = size
        self.in_memory += size
        self.early[entry.key] = entry
        return []

    def offer(self, frame: f.Offer) -> list[Deliver]:
        """A large value is offered. Raises Refusal."""
        if frame.nbytes == 0:
            raise Refusal("malformed", "an offer of nothing")
        entry = self._admit(frame)
        expected = entry.state is _A.EXPECTED
        if self._max_value is not None and frame.nbytes > self._max_value:
            text = f"{entry} has {frame.nbytes} bytes, more than max_value_bytes = {self._max_value}"
            refusal = self._declined(frame.transfer, "too large", text)
            if expected:
                entry.tell(_E.DROP)
                refusal.fails = entry
            self._forget(entry)
            raise refusal
        busy = len(self._arriving) >= law.ABREAST or self._turns
        if not expected and (busy or self.in_memory + frame.nbytes > self._quota):
            self._defer(entry, frame.transfer, frame.nbytes)
            return []
        entry.transfer, entry.nbytes = frame.transfer, frame.nbytes
        entry.tell(_E.TAKE)
        if expected:
            self._waiting[entry.transfer] = entry
            return self._want(entry)
        self.early[entry.key] = entry
        return self._begin(entry)

    def chunk(self, transfer: int, offset: int, data: memoryview) -> Write | None:
        """A part of a large value. Raises Refusal."""
        entry = self._arriving.get(transfer)
        if entry is None or entry.buffer is None:
            if transfer in self._numbers:
                return None  # it was declined or failed here while its chunks were on their way
            raise Refusal("chunk of nothing", f"a chunk of transfer {transfer}, which is not under way")
        if offset != entry.there or offset + len(data) > entry.nbytes:
            raise Refusal("chunk out of place", f"a chunk of transfer {transfer} is not where it should be")
        return Write(entry, entry.buffer, offset, data)

    def written(self, write: Write, failure: OSError | None = None) -> list[Deliver]:
        """The part is stored, or could not be (no space left)."""
        entry = write.entry
        if self._arriving.get(entry.transfer) is not entry or entry.there != write.offset:
            return []
        if failure is not None:
            return self._give_up(entry, failure) + self._next_turns()
        entry.there += len(write.data)
        self.unsaid += len(write.data)
        self.moved += 1
        if entry.there < entry.nbytes:
            return []
        try:
            content = entry.content = write.buffer.view()
        except OSError as error:
            return self._give_up(entry, error) + self._next_turns()
        entry.buffer = None
        del self._arriving[entry.transfer]
        self._numbers.add(entry.transfer)
        self._settled.append(entry.transfer)
        self._urgent = True
        done: list[Deliver] = []
        if entry.tell(_E.COMPLETE) is _A.OVER:
            self._forget(entry)
            done.append(Deliver(entry, content))
        return done + self._next_turns()

    def resume(self) -> f.Resumed:
        """A new connection is open: what we have. What was only offered will be offered again."""
        self._answers.clear()
        self._settled.clear()
        self._later = ([], [])
        for entry in self._waiting.values():
            if entry.tell(_E.BREAK) is _A.OVER:
                del self.early[entry.key], self._entries[entry.key]
        self._waiting.clear()
        self._turns.clear()
        self.unsaid = 0
        for entry in self._arriving.values():
            entry.told = entry.there
        self._told = self._position
        partial = tuple((number, entry.there) for number, entry in self._arriving.items())
        streams = tuple((number, reader.resume()) for number, reader in self.streams.items())
        self.tells.clear()
        self._turn += 1
        below, also, declined = self._numbers.below, self._numbers.ranges(), tuple(self._declines)
        return f.Resumed(below, also, partial, self._position, streams, self._turn, declined)

    def tick(self) -> None:
        """A heartbeat has passed: answers that had to wait for two of them are due now."""
        due, waiting = self._later
        self._answers += due
        self._later = (waiting, [])

    def open_stream(self, stream: int) -> StreamReader:
        """Our end of an ordered stream is open. Raises ValueError if it was, or there are too many."""
        if stream in self.streams:
            raise ValueError(f"stream {stream} is opened a second time")
        if len(self.streams) >= STREAMS:
            raise ValueError(f"there are {STREAMS} streams between the two parties already")
        reader = self.streams[stream] = StreamReader(self.tells, stream)
        return reader

    # What to answer next.

    def take(self) -> list[f.ControlFrame]:
        """Acknowledgements and answers that are due, each once."""
        frames, self._answers = self._answers[: f.AT_ONCE], self._answers[f.AT_ONCE :]
        self._urgent = False
        settled = tuple(self._settled[: f.AT_ONCE])
        del self._settled[: f.AT_ONCE]
        partial = []
        for number, entry in self._arriving.items():
            if entry.there > entry.told:
                entry.told = entry.there
                partial.append((number, entry.there))
        self.unsaid = 0
        streams = tuple((number, self.tells.pop(number).say()) for number in [*self.tells][: f.AT_ONCE])
        if settled or partial or streams or self._position - self._told >= law.WINDOW // 4:
            self._told = self._position
            frames.append(f.Ack(settled, tuple(partial), self._position, streams))
        return frames

    @property
    def owes(self) -> bool:
        """Whether an answer is due now."""
        behind = self._position - self._told >= law.WINDOW // 4
        return self._urgent or bool(self._answers or self.tells) or behind or self.unsaid >= law.ACK_BYTES

    # Inside.

    def _admit(self, frame: f.Value | f.Failed | f.Offer) -> ArrivingEntry:
        key, transfer = frame.key, frame.transfer
        next_one = transfer == self._numbers.below  # as a rule: then it is new, and leaves nothing out
        known = not next_one and transfer in self._numbers
        if known or transfer in self._arriving or transfer in self._waiting:
            raise Refusal("duplicate", f"transfer {transfer} came twice")
        if not next_one and self._numbers.gaps > law.ABOARD:
            raise Refusal("malformed", f"the transfers up to {transfer} leave too many numbers out")
        entry = self._entries.get(key)
        if entry is None:
            entry = ArrivingEntry(key)
            if key.operation < self._position:
                raise self._declined(transfer, UNEXPECTED, f"nobody expects {entry}")
            if key.operation > self._position + law.WINDOW:
                text = f"{entry} lies too far ahead of our program"
                raise self._declined(transfer, "beyond the window", text)
            if len(self.early) >= law.AHEAD + law.AT_HAND:
                raise self._declined(transfer, "too many", "too many values before their time")
            self._entries[key] = entry
        elif entry.state is not _A.EXPECTED:
            raise self._declined(transfer, "second value", f"a second value for {entry}")
        self.moved += 1
        return entry

    def _declined(self, transfer: int, kind: str, text: str) -> Refusal:
        self._numbers.add(transfer)
        declined = f.Declined(transfer, text, no_room=kind == NO_ROOM)
        (self._later[1] if kind == UNEXPECTED else self._answers).append(declined)
        self._declines.append(declined)
        return Refusal(kind, text)

    def _defer(self, entry: ArrivingEntry, transfer: int, nbytes: int) -> None:
        entry.transfer, entry.nbytes, entry.there = transfer, nbytes, 0
        entry.tell(_E.DEFER)
        self._waiting[transfer] = self.early[entry.key] = entry

    def _want(self, entry: ArrivingEntry) -> list[Deliver]:
        heapq.heappush(self._turns, (entry.key.operation, entry.key.index, entry))
        return self._next_turns()

    def _next_turns(self) -> list[Deliver]:
        """Ask for what is wanted, as many at a time as may be."""
        done: list[Deliver] = []
        while self._turns and len(self._arriving) < law.ABREAST:
            entry = heapq.heappop(self._turns)[2]
            del self._waiting[entry.transfer]
            entry.tell(_E.BEGIN)
            done += self._begin(entry)
        return done

    def _begin(self, entry: ArrivingEntry) -> list[Deliver]:
        spill = self.in_memory + entry.nbytes > self._quota
        try:
            entry.buffer = self._open_buffer(entry.nbytes, spill)
        except OSError as error:
            return self._give_up(entry, error)
        if not spill:
            entry.in_memory = entry.nbytes
            self.in_memory += entry.nbytes
        self._arriving[entry.transfer] = entry
        self._answers.append(f.Accept(entry.transfer))
        return []

    def _give_up(self, entry: ArrivingEntry, error: OSError) -> list[Deliver]:
        self._arriving.pop(entry.transfer, None)
        self._declined(entry.transfer, NO_ROOM, f"no room for {entry}: {error.strerror or error}")
        expected = entry.state is _A.ARRIVING
        self._drop(entry)
        return [Deliver(entry, error)] if expected else []

    def _drop(self, entry: ArrivingEntry) -> None:
        entry.tell(_E.DROP)
        if entry.buffer is not None:
            entry.buffer.discard()
            entry.buffer = None
        self._forget(entry)

    def _forget(self, entry: ArrivingEntry) -> None:
        self.in_memory -= entry.in_memory
        entry.in_memory = 0
        entry.content = None
        self.early.pop(entry.key, None)
        self._entries.pop(entry.key, None)
