"""Our values on their way to one party. A state machine: events in, instructions out, no I/O.

The law:

* A value is sent once it lies within the receiver's window: its operation is at most `WINDOW` ahead of the
  receiver's position, and at most `AHEAD` values lie ahead of that position. Values up to the position are
  demanded: they always go. What must wait goes in the order of operations, so nobody waits for a value
  that is stuck behind another one.
* A transfer gets its number when it is first sent, and keeps it when it is sent again after a break.
* A small value goes whole. A large one is offered, and its chunks follow once it is accepted, several
  large ones in turn, at most `IN_FLIGHT_BYTES` of all of them together unacknowledged. The receiver
  acknowledges whatever arrives without waiting for more, so this never lasts.
* At most `ABOARD` transfers are begun and not over, so the receiver's set of them has few gaps. Those ahead
  of the receiver's position are fewer (`AHEAD`); the others it takes without waiting for what is not begun.
* After a break the receiver says what it has; the rest is sent again from there.
* Ordered streams have a window of their own (`ordered`) and do not wait for values, nor values for them: the
  two go in turn.
"""

from __future__ import annotations

import enum
import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from junto.net.api import Failure, Stamp, TransferKey
from junto.net.frames import (
    BATCH_BYTES,
    CHUNK_BYTES,
    INLINE_BYTES,
    STREAMS,
    ControlFrame,
    Declined,
    Failed,
    Offer,
    Resumed,
    Value,
)
from junto.net.header import Ordered
from junto.net.ordered import StreamWriter
from junto.net.story import Story
from junto.wire.payload import Payload

WINDOW = 1024
AHEAD = 16_384
IN_FLIGHT_BYTES = 32 << 20
ABOARD = 65_536


class TransferState(enum.Enum):
    """Of one transfer."""

    HELD = "held"  # outside the receiver's window
    READY = "ready"  # may go
    SENT = "sent"  # whole, not acknowledged
    OFFERED = "offered"
    FLOWING = "flowing"  # accepted: its chunks go
    OVER = "over"


class TransferEvent(enum.Enum):
    """What happens to a transfer."""

    RELEASE = "release"
    SEND = "send"
    OFFER = "offer"
    ACCEPT = "accept"
    SETTLE = "settle"
    BREAK = "break"
    CONTINUE = "continue"


TRANSITIONS: Mapping[tuple[TransferState, TransferEvent], TransferState] = {
    (TransferState.HELD, TransferEvent.RELEASE): TransferState.READY,
    (TransferState.READY, TransferEvent.SEND): TransferState.SENT,
    (TransferState.READY, TransferEvent.OFFER): TransferState.OFFERED,
    (
        TransferState.READY,
        TransferEvent.SETTLE,
    ): TransferState.OVER,  # sent before a break, and it had arrived
    (
        TransferState.READY,
        TransferEvent.CONTINUE,
    ): TransferState.FLOWING,  # offered before a break, and it had arrived in part
    (TransferState.READY, TransferEvent.BREAK): TransferState.READY,
    (TransferState.SENT, TransferEvent.SETTLE): TransferState.OVER,
    (
        TransferState.SENT,
        TransferEvent.ACCEPT,
    ): TransferState.FLOWING,  # no room for it then: now it is sent as chunks
    (TransferState.SENT, TransferEvent.BREAK): TransferState.READY,
    (TransferState.OFFERED, TransferEvent.ACCEPT): TransferState.FLOWING,
    (TransferState.OFFERED, TransferEvent.SETTLE): TransferState.OVER,
    (TransferState.OFFERED, TransferEvent.BREAK): TransferState.READY,
    (TransferState.FLOWING, TransferEvent.SETTLE): TransferState.OVER,
    (TransferState.FLOWING, TransferEvent.BREAK): TransferState.READY,
}


@dataclass(slots=True, eq=False)
class Transfer:
    """One value on its way.

    Attributes:
        key, stamp, content: what is sent.
        story: its state.
        frame_bytes: at most so many bytes does its control frame take (four a character).
        number: given at the first sending.
        nbytes: size of the value; a failure has none.
        sent, acked: bytes of a large value.
        chunks: the rest of its bytes, while it flows.
    """

    key: TransferKey
    stamp: Stamp
    content: Payload | Failure
    story: Story[TransferState, TransferEvent]
    frame_bytes: int
    number: int | None = None
    nbytes: int = 0
    sent: int = 0
    acked: int = 0
    chunks: Iterator[list[memoryview]] | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Instruction: send this part of a large value."""

    transfer: int
    offset: int
    pieces: list[memoryview]


@dataclass(frozen=True, slots=True)
class DeliverySettled:
    """Instruction: the delivery of `key` is over; `declined` says why it was not taken, if so."""

    key: TransferKey
    declined: Declined | None = None


@dataclass(frozen=True, slots=True)
class Advanced:
    """Instruction: so much of `key` is acknowledged."""

    key: TransferKey
    nbytes: int


Instruction: TypeAlias = DeliverySettled | Advanced


class Outbox:
    """See the module. Not thread-safe: its peer holds a lock.

    Attributes:
        numbers: how many transfers were begun.
        moved: grows with every answer of the receiver that takes something on.
    """

    def __init__(self) -> None:
        self._held: list[tuple[int, int, Transfer]] = []
        self._ready: deque[Transfer] = deque()
        self._flowing: deque[Transfer] = deque()
        self._live: dict[int, Transfer] = {}
        self._ahead: list[int] = []  # operations of the values that were released ahead of the position
        self._pushed = 0
        self.numbers: int = 0
        self._settled = 0
        self._position = 0
        self._in_flight = 0
        self._chunk_is_next = False
        self.moved: int = 0
        self._streams: dict[int, StreamWriter] = {}
        self._rounds: deque[Ordered] = deque()  # the frames that may go
        self._round_is_next = True

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way."""
        return self._settled == self._pushed

    @property
    def due(self) -> bool:
        """Whether something may be sent now."""
        flows = self._flowing and self._in_flight < IN_FLIGHT_BYTES
        return bool(self._rounds) or self._may_begin() or bool(flows)

    @property
    def unsettled(self) -> int:
        """How many values are on their way."""
        return self._pushed - self._settled

    def must_move(self) -> tuple[TransferKey, int, int] | None:
        """The oldest value that the receiver's program needs, as far as we know, so that it must get on."""
        for transfer in self._live.values():
            if transfer.story.state is TransferState.FLOWING or transfer.key.operation < self._position:
                return (transfer.key, transfer.acked, transfer.nbytes)
        return None

    # Events.

    def push(self, key: TransferKey, stamp: Stamp, content: Payload | Failure) -> None:
        """The program sends a value."""
        self._pushed += 1
        nbytes, size = 0, 100 + 4 * (len(stamp.text) + len(stamp.site))
        if isinstance(content, Failure):
            texts = (content.text, content.site, content.error_type, content.detail)
            size += 2_000 + 4 * sum(map(len, texts))
        else:
            nbytes = content.nbytes
            size += nbytes if nbytes <= INLINE_BYTES else 0
        story = Story(TRANSITIONS, TransferState.HELD)
        transfer = Transfer(key, stamp, content, story, size, nbytes=nbytes)
        heapq.heappush(self._held, (key.operation, self._pushed, transfer))
        self._release()

    def position(self, operation: int) -> bool:
        """The receiver's program has come as far as `operation`; whether that is news."""
        if operation <= self._position:
            return False
        self._position = operation
        while self._ahead and self._ahead[0] <= operation:
            heapq.heappop(self._ahead)
        self._release()
        return True

    def accept(self, number: int) -> None:
        """The receiver wants the chunks of a transfer."""
        transfer = self._live.get(number)
        if transfer is not None and transfer.story.state in (TransferState.OFFERED, TransferState.SENT):
            self.moved += 1
            self._flow(transfer, TransferEvent.ACCEPT, 0)

    def acknowledge(self, number: int, nbytes: int) -> list[Instruction]:
        """The receiver has the first `nbytes` of a transfer."""
        transfer = self._live.get(number)
        if transfer is None or transfer.story.state is not TransferState.FLOWING:
            return []
        if not transfer.acked < nbytes <= transfer.sent:
            return []
        self._in_flight -= nbytes - transfer.acked
        transfer.acked = nbytes
        self.moved += 1
        return [Advanced(transfer.key, nbytes)]

    def decline(self, declined: Declined) -> list[Instruction]:
        """The receiver does not take a transfer."""
        return self.settle((declined.transfer,), declined)

    def settle(self, numbers: Iterable[int], declined: Declined | None = None) -> list[Instruction]:
        """The receiver has these transfers, or has declined them."""
        done: list[Instruction] = []
        for number in numbers:
            transfer = self._live.pop(number, None)
            if transfer is None:
                continue
            if transfer.story.state is TransferState.FLOWING:
                self._in_flight -= transfer.sent - transfer.acked
                if transfer in self._flowing:
                    self._flowing.remove(transfer)
            transfer.story.tell(TransferEvent.SETTLE)
            transfer.chunks = None
            self._settled += 1
            self.moved += 1
            done.append(DeliverySettled(transfer.key, declined))
        return done

    def interrupted(self) -> None:
        """The connection is broken: nothing that is not acknowledged counts as sent."""
        for number in sorted(self._live, reverse=True):
            transfer = self._live[number]
            if transfer.story.state is not TransferState.READY:
                transfer.story.tell(TransferEvent.BREAK)
                transfer.chunks = None
                self._ready.appendleft(transfer)
        self._flowing.clear()
        self._in_flight = 0
        self._rounds.clear()

    def resume(self, resumed: Resumed) -> list[Instruction]:
        """A new connection is open; the receiver has said what it has."""
        self.interrupted()
        done = [each for declined in resumed.declined for each in self.decline(declined)]
        ranges = resumed.also
        arrived = [
            number
            for number in self._live
            if number < resumed.below or any(first <= number <= last for first, last in ranges)
        ]
        done += self.settle(arrived)
        for number, nbytes in resumed.partial:
            transfer = self._live.get(number)
            if (
                transfer is not None
                and transfer.story.state is TransferState.READY
                and nbytes <= transfer.nbytes
            ):
                self._flow(transfer, TransferEvent.CONTINUE, nbytes)
                done.append(Advanced(transfer.key, nbytes))
        self.position(resumed.position)
        self.hear_streams(resumed.streams)
        self._rounds.clear()
        for writer in self._streams.values():
            writer.resume()
        return done

    # Ordered streams.

    def stream(self, stream: int) -> StreamWriter:
        """Our half of an ordered stream."""
        return self._streams.setdefault(stream, StreamWriter(self._rounds, stream))

    def hear_streams(self, read: Iterable[tuple[int, int]]) -> list[StreamWriter]:
        """The reader has read so many frames of these streams; those of which it says what cannot be."""
        known = (each for each in read if each[0] in self._streams or len(self._streams) < STREAMS)
        return [writer for stream, count in known if not (writer := self.stream(stream)).hear(count)]

    def unread(self) -> bool:
        """Whether the reader of a stream has not said that it has read all of it."""
        return any(writer.unread for writer in self._streams.values())

    def drop_streams(self, error: Exception) -> None:
        """Nobody will read them."""
        for writer in self._streams.values():
            writer.drop(error)
        self._rounds.clear()

    # What to send next.

    def take(self) -> list[ControlFrame] | Outgoing | Ordered | None:
        """The next thing to send, streams and values in turn. None: nothing may be sent now."""
        if not (self._ready or self._flowing):
            return self._rounds.popleft() if self._rounds else None
        if not (self._flowing or self._rounds):
            return self._take_frames() or None
        self._round_is_next = not self._round_is_next
        value = self._take_value() if self._round_is_next or not self._rounds else None
        return value or (self._rounds.popleft() if self._rounds else None)

    def _take_value(self) -> list[ControlFrame] | Outgoing | None:
        """Small ones and a chunk in turn."""
        chunk = self._take_chunk() if self._chunk_is_next else None
        if chunk is None:
            self._chunk_is_next = True
            frames = self._take_frames()
            if frames:
                return frames
            chunk = self._take_chunk()
        self._chunk_is_next = chunk is None
        return chunk

    def _may_begin(self) -> bool:
        """Whether the next one that is ready may go: it has been begun before, or there is room."""
        while self._ready and self._ready[0].story.state is not TransferState.READY:
            self._ready.popleft()  # settled, or flowing since a break
        return bool(self._ready) and (self._ready[0].number is not None or len(self._live) < ABOARD)

    def _take_frames(self) -> list[ControlFrame]:
        frames: list[ControlFrame] = []
        size = 0
        while size < BATCH_BYTES and self._may_begin():
            transfer = self._ready.popleft()
            frames.append(self._frame(transfer))
            size += transfer.frame_bytes
        return frames

    def _frame(self, transfer: Transfer) -> ControlFrame:
        if transfer.number is None:
            transfer.number = self.numbers
            self.numbers += 1
            self._live[transfer.number] = transfer
        number, key, stamp, content = transfer.number, transfer.key, transfer.stamp, transfer.content
        if isinstance(content, Failure):
            transfer.story.tell(TransferEvent.SEND)
            return Failed(number, key, stamp, content)
        if content.nbytes <= INLINE_BYTES:
            transfer.story.tell(TransferEvent.SEND)
            return Value(number, key, stamp, memoryview(b"".join(content.pieces)))
        transfer.story.tell(TransferEvent.OFFER)
        return Offer(number, key, stamp, content.nbytes)

    def _take_chunk(self) -> Outgoing | None:
        while self._flowing and self._in_flight < IN_FLIGHT_BYTES:
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

    def _flow(self, transfer: Transfer, event: TransferEvent, start: int) -> None:
        if not isinstance(transfer.content, Payload):
            return
        transfer.story.tell(event)
        transfer.sent = transfer.acked = start
        transfer.chunks = transfer.content.chunks(CHUNK_BYTES, start)
        self._flowing.append(transfer)

    def _release(self) -> None:
        while self._held:
            operation = self._held[0][0]
            if operation > self._position:
                if operation > self._position + WINDOW or len(self._ahead) >= AHEAD:
                    return
                heapq.heappush(self._ahead, operation)
            transfer = heapq.heappop(self._held)[2]
            transfer.story.tell(TransferEvent.RELEASE)
            self._ready.append(transfer)
