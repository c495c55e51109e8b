"""The law of values between two parties: which go and when, which are taken, and each exactly once.

Pure: events in, instructions out; no socket, no thread, no clock. Each party has an `Outbox` of what it
sends to the other one, and a `Mailbox` of what comes from there. `connection` gives them a lock and lines.

* A value is sent once it lies within the receiver's window: its operation is at most `WINDOW` ahead of the
  receiver's position, and at most `AHEAD` values lie ahead of that position. Values up to the position are
  demanded: they always go. What must wait goes in the order of operations, so nobody waits for a value
  that is stuck behind another one.
* A transfer gets its number when it is first sent, and keeps it when it is sent again after a break. The
  receiver takes each number once.
* A small value goes whole. A large one is offered, and its chunks follow once it is accepted, several
  large ones in turn, at most `IN_FLIGHT_BYTES` of all of them together unacknowledged.
* At most `ABOARD` transfers are begun and not over, so the receiver's set of them has few gaps. Those ahead
  of the receiver's position are fewer (`AHEAD`); the others it takes without waiting for what is not begun.
* What the receiver's program expects is always taken, large ones at most `ABREAST` at a time, in the order of
  keys. What comes before its time is kept if it lies in the window, and if it fits into the quota; else its
  bytes are let go and asked for once they are expected (a small one then comes as chunks, like a large one).
  Bytes that are in memory and that the program has not got yet count against the quota; an expected value
  beyond it is received into a file.
* Whatever has arrived is acknowledged without anything more having to come: at once when `ACK_BYTES` have
  come since the last time, over all transfers, else a moment later. So a sender that waits for
  acknowledgements never waits for what waits for it.
* What is of an operation that lies behind the receiver and is expected by nobody is declined; so is a second
  value for a key, and a value beyond the size limit. Each of these, and each message that the protocol does
  not allow, raises `Refusal`, which the peer counts. A value that nobody expects most often means that the
  programs differ. Its sender is told a little later (`tick`), so that it hears of that first.
* After a break the receiver says what it has (`Resumed`); the rest is sent again from there.
* Ordered streams have a window of their own (`ordered`) and do not wait for values, nor values for them: the
  two go in turn. A stream that is not open here carries nothing.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable

from junto.net import frames as f
from junto.net.api import Failure, Stamp, TransferKey
from junto.net.buffers import Buffer
from junto.net.header import Ordered
from junto.net.ordered import STREAMS, StreamReader, StreamWriters
from junto.net.steps import ArrivalEvent as _E
from junto.net.steps import ArrivalState as _A
from junto.net.steps import ArrivingEntry, Deliver, Numbers, Outgoing, Refusal, Transfer, Write
from junto.net.steps import TransferEvent as _H
from junto.net.steps import TransferState as _T
from junto.wire.payload import Payload

WINDOW = 1024
AHEAD = 16_384
IN_FLIGHT_BYTES = 32 << 20
ABOARD = 65_536

AT_HAND = 65_536
"""Values of our present operation that may arrive before the program has said that it expects them."""

ACK_BYTES = IN_FLIGHT_BYTES // 8
"""A good part of what the sender may have unacknowledged, so that it need not stop; of all transfers
together, because its limit is one of all transfers."""

ABREAST = 32
"""Large values that arrive at a time: beyond the quota each holds a file open, and a process has few."""

UNEXPECTED, NO_ROOM = "unexpected", "no room"


class Outbox:
    """Ours to one party. Not thread-safe.

    Attributes:
        numbers: how many transfers were begun.
        underway: all values that are on their way, in the order of the program.
        position: of the receiver's program, as far as we know.
        moved: grows with every answer of the receiver that takes something on.
        streams: our ends of ordered streams.
    """

    def __init__(self) -> None:
        self._held: list[tuple[int, int, Transfer]] = []
        self._ready, self._flowing = deque[Transfer](), deque[Transfer]()
        self._live: dict[int, Transfer] = {}
        self._ahead: list[int] = []  # operations of the values that were released ahead of the position
        self._pushed = self._in_flight = 0
        self.position: int = 0
        self.numbers: int = 0
        self.underway: dict[Transfer, None] = {}
        self.moved: int = 0
        self.streams: StreamWriters = StreamWriters()
        self._rounds = self.streams.due
        self._chunk_is_next, self._round_is_next = False, True

    @property
    def due(self) -> bool:
        """Whether something may be sent now."""
        return bool(self._rounds) or bool(self._ready and self._may_begin()) or self._may_flow()

    def must_move(self) -> Transfer | None:
        """The oldest value that the receiver's program needs, as far as we know, so that it must get on."""
        for transfer in self._live.values():
            if transfer.state is _T.FLOWING or transfer.key.operation < self.position:
                return transfer
        return None

    # Events.

    def push(self, key: TransferKey, stamp: Stamp, content: Payload | Failure) -> Transfer:
        """The program sends a value."""
        transfer = Transfer(key, stamp, content)
        self._pushed += 1
        self.underway[transfer] = None
        heapq.heappush(self._held, (key.operation, self._pushed, transfer))
        self._release()
        return transfer

    def advance(self, operation: int) -> bool:
        """The receiver's program has come as far as `operation`; whether more may go by that."""
        if operation <= self.position:
            return False
        self.position = operation
        while self._ahead and self._ahead[0] <= operation:
            heapq.heappop(self._ahead)
        return bool(self._held) and self._release()

    def accept(self, number: int) -> None:
        """The receiver wants the chunks of a transfer."""
        transfer = self._live.get(number)
        if transfer is not None and transfer.state in (_T.OFFERED, _T.SENT):
            self.moved += 1
            self._flow(transfer, _H.ACCEPT, 0)

    def acknowledge(self, number: int, nbytes: int) -> bool:
        """The receiver has the first `nbytes` of a transfer; whether that is news."""
        transfer = self._live.get(number)
        flows = transfer is not None and transfer.state is _T.FLOWING
        if transfer is None or not flows or not transfer.there < nbytes <= transfer.sent:
            return False
        self._in_flight -= nbytes - transfer.there
        transfer.there = nbytes
        self.moved += 1
        return True

    def settle(self, numbers: Iterable[int]) -> list[Transfer]:
        """The receiver has these transfers, or has declined them; which are over by that."""
        done = [transfer for number in numbers if (transfer := self._live.pop(number, None)) is not None]
        for transfer in done:
            if transfer.state is _T.FLOWING:
                self._in_flight -= transfer.sent - transfer.there
                if transfer in self._flowing:
                    self._flowing.remove(transfer)
            transfer.tell(_H.SETTLE)
            transfer.chunks = None
            self.underway.pop(transfer, None)
        self.moved += len(done)
        return done

    def interrupted(self) -> None:
        """The connection is broken: nothing that is not acknowledged counts as sent."""
        for number in sorted(self._live, reverse=True):
            transfer = self._live[number]
            if transfer.state is not _T.READY:
                transfer.tell(_H.BREAK)
                transfer.chunks = None
                self._ready.appendleft(transfer)
        self._flowing.clear()
        self._in_flight = 0
        self._rounds.clear()

    def resume(self, resumed: f.Resumed) -> list[tuple[Transfer, f.Declined | None]]:
        """A new connection is open, and the receiver has said what it has; what is over by that, and how."""
        self.interrupted()
        declined = {each.transfer: each for each in resumed.declined}
        ranges = resumed.also
        arrived = [
            number
            for number in self._live
            if number in declined
            or number < resumed.below
            or any(first <= number <= last for first, last in ranges)
        ]
        done = [(transfer, declined.get(transfer.number or 0)) for transfer in self.settle(arrived)]
        for number, nbytes in resumed.partial:
            transfer = self._live.get(number)
            if transfer is not None and transfer.state is _T.READY and nbytes <= transfer.nbytes:
                self._flow(transfer, _H.CONTINUE, nbytes)
        self.advance(resumed.position)
        self.streams.resume(resumed.streams)
        return done

    def clear(self, error: Exception) -> list[Transfer]:
        """Nobody will read anything any more; what was on its way."""
        self.streams.drop(error)
        lost = list(self.underway)
        self.underway.clear()
        return lost

    # What to send next.

    def take(self) -> list[f.ControlFrame] | Outgoing | Ordered | None:
        """The next thing to send: streams and values in turn, of values small ones and a chunk in turn."""
        if self._rounds:
            self._round_is_next = not self._round_is_next
            if not (self._ready or self._flowing) or not self._round_is_next:
                return self._rounds.popleft()
        frames: list[f.ControlFrame] = []
        if self._ready and not (self._chunk_is_next and self._may_flow()):
            size = 0
            while size < f.BATCH_BYTES and self._may_begin():
                transfer = self._ready.popleft()
                frames.append(self._frame(transfer))
                size += transfer.frame_bytes
        self._chunk_is_next = bool(frames)
        if frames:
            return frames
        chunk = self._take_chunk() if self._flowing else None
        return chunk or (self._rounds.popleft() if self._rounds else None)

    def _may_begin(self) -> bool:
        """Whether the next one that is ready may go: it has been begun before, or there is room."""
        while self._ready and self._ready[0].state is not _T.READY:
            self._ready.popleft()  # settled, or flowing since a break
        return bool(self._ready) and (self._ready[0].number is not None or len(self._live) < ABOARD)

    def _may_flow(self) -> bool:
        return bool(self._flowing) and self._in_flight < IN_FLIGHT_BYTES

    def _frame(self, transfer: Transfer) -> f.ControlFrame:
        if transfer.number is None:
            transfer.number = self.numbers
            self.numbers += 1
            self._live[transfer.number] = transfer
        number, key, stamp, content = transfer.number, transfer.key, transfer.stamp, transfer.content
        if isinstance(content, Payload) and content.nbytes > f.INLINE_BYTES:
            transfer.tell(_H.OFFER)
            return f.Offer(number, key, stamp, content.nbytes)
        transfer.tell(_H.SEND)
        if isinstance(content, Failure):
            return f.Failed(number, key, stamp, content)
        return f.Value(number, key, stamp, memoryview(b"".join(content.pieces)))

    def _take_chunk(self) -> Outgoing | None:
        while self._may_flow():
            transfer = self._flowing.popleft()
            pieces = next(transfer.chunks or iter(()), None)
            if pieces is None or transfer.number is None:
                continue
            outgoing = Outgoing(transfer.number, transfer.sent, pieces)
            size = sum(map(len, pieces))
            transfer.sent += size
            self._in_flight += size
            if transfer.sent < transfer.nbytes:
                self._flowing.append(transfer)
            return outgoing
        return None

    def _flow(self, transfer: Transfer, event: _H, start: int) -> None:
        if isinstance(transfer.content, Payload):
            transfer.tell(event)
            transfer.sent = transfer.there = start
            transfer.chunks = transfer.content.chunks(f.CHUNK_BYTES, start)
            self._flowing.append(transfer)

    def _release(self) -> bool:
        before = len(self._ready)
        while self._held:
            operation = self._held[0][0]
            if operation > self.position:
                if operation > self.position + WINDOW or len(self._ahead) >= AHEAD:
                    break
                heapq.heappush(self._ahead, operation)
            transfer = heapq.heappop(self._held)[2]
            transfer.tell(_H.RELEASE)
            self._ready.append(transfer)
        return len(self._ready) > before


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
        busy = len(self._arriving) >= ABREAST or self._turns
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
        if settled or partial or streams or self._position - self._told >= WINDOW // 4:
            self._told = self._position
            frames.append(f.Ack(settled, tuple(partial), self._position, streams))
        return frames

    @property
    def owes(self) -> bool:
        """Whether an answer is due now."""
        behind = self._position - self._told >= WINDOW // 4
        return self._urgent or bool(self._answers or self.tells) or behind or self.unsaid >= ACK_BYTES

    # Inside.

    def _admit(self, frame: f.Value | f.Failed | f.Offer) -> ArrivingEntry:
        key, transfer = frame.key, frame.transfer
        next_one = transfer == self._numbers.below  # as a rule: then it is new, and leaves nothing out
        known = not next_one and transfer in self._numbers
        if known or transfer in self._arriving or transfer in self._waiting:
            raise Refusal("duplicate", f"transfer {transfer} came twice")
        if not next_one and self._numbers.gaps > ABOARD:
            raise Refusal("malformed", f"the transfers up to {transfer} leave too many numbers out")
        entry = self._entries.get(key)
        if entry is None:
            entry = ArrivingEntry(key)
            if key.operation < self._position:
                raise self._declined(transfer, UNEXPECTED, f"nobody expects {entry}")
            if key.operation > self._position + WINDOW:
                text = f"{entry} lies too far ahead of our program"
                raise self._declined(transfer, "beyond the window", text)
            if len(self.early) >= AHEAD + AT_HAND:
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
        while self._turns and len(self._arriving) < ABREAST:
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
