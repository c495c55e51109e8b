"""Our values on their way to one party: the outbox, its deliveries, and the line that they go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from junto.errors import DeadlineExceeded, JuntoError, PartyAborted, ProtocolViolation
from junto.locks import Event
from junto.net import frames as f
from junto.net.api import Delivery, Failure, Stamp, TransferKey
from junto.net.line import StreamSender
from junto.net.outbox import Advanced, Instruction, Outbox, Outgoing
from junto.net.settled import Dispatched
from junto.wire.payload import Payload


class Sending:
    """See the module. Thread-safe; callbacks run without a lock held.

    Args:
        party: to whom.

    Attributes:
        line: on which the receiver wants them.
        undelivered: the first error of a delivery.
        values, nbytes: delivered so far.
    """

    def __init__(self, party: str) -> None:
        self.line: StreamSender | None = None
        self.undelivered: Exception | None = None
        self.values: int = 0
        self.nbytes: int = 0
        self._party = party
        self._lock = threading.Lock()
        self._outbox = Outbox()
        self._deliveries: dict[TransferKey, Dispatched] = {}
        self._given_up: JuntoError | None = None
        self._turn = 0
        self._writers: dict[int, Callable[[Exception | None], None]] = {}

    @property
    def begun(self) -> int:
        """How many transfers were begun."""
        return self._outbox.numbers

    @property
    def unsettled(self) -> int:
        """How many values are on their way."""
        return self._outbox.unsettled

    @property
    def moved(self) -> int:
        """Grows with everything that gets on."""
        return self._outbox.moved

    def must_move(self) -> tuple[TransferKey, int, int] | None:
        """The oldest value that has to get on (key, bytes acknowledged, bytes): it is needed there."""
        with self._lock:
            return self._outbox.must_move()

    # The program.

    def push(self, key: TransferKey, stamp: Stamp, value: Payload | Failure) -> Delivery:
        """See `Gateway.push`."""
        if isinstance(value, Failure):
            value = f.clip_failure(value)
        delivery = Dispatched(value.nbytes if isinstance(value, Payload) else 0)
        with self._lock:
            error = self._given_up
            if error is None:
                self._deliveries[key] = delivery
                self._outbox.push(key, f.clip_stamp(stamp), value)
            due = self._outbox.due
        if error is not None:
            delivery.settle(error)
        self._wake(due)
        return delivery

    def flush(self, ends: float | None) -> None:
        """Wait until nothing is on its way. Raises the first delivery's error, DeadlineExceeded."""
        with self._lock:
            waiting = list(self._deliveries.values())
        for delivery in waiting:
            done = Event()
            delivery.add_done_callback(lambda _, done=done: done.set())  # type: ignore[misc]
            if not done.wait(None if ends is None else max(ends - time.monotonic(), 0)):
                raise DeadlineExceeded(f"{self._party} has not taken everything that was sent to it")
        if self.undelivered is not None:
            raise self.undelivered

    # Ordered streams.

    def open_stream(self, stream: int, changed: Callable[[Exception | None], None]) -> None:
        """`changed` is called when the reader has got on (None), or nothing more can be written, and why."""
        with self._lock:
            self._outbox.stream(stream)
            self._writers[stream] = changed
            error = self._given_up
        if error is not None:
            changed(error)

    def write(self, stream: int, frame: bytes, *, last: bool = False) -> bool:
        """The next frame of a stream; False: there is no room for it now."""
        with self._lock:
            written = self._outbox.write(stream, frame, last=last)
        line = self.line
        if written and line is not None:
            line.wake(one=True)
        return written

    def has_room(self, stream: int) -> bool:
        """Whether `write` would take a frame."""
        return self._outbox.stream(stream).room

    def unread(self) -> bool:
        """Whether somebody has not read all of a stream."""
        with self._lock:
            return self._outbox.unread()

    def _hear_streams(self, read: Iterable[tuple[int, int]], wrong: Iterable[int]) -> None:
        for stream, _ in read:
            changed = self._writers.get(stream)
            if changed is not None:
                changed(None)
        for stream in wrong:
            changed = self._writers.get(stream)
            if changed is not None:
                changed(self._violation(f"{self._party} has read more of a stream than there is"))

    # The line.

    def open(self, line: StreamSender, resumed: f.Resumed) -> None:
        """The receiver has named this line, and said what it has, unless it has named another one since."""
        with self._lock:
            if resumed.turn < self._turn or line.closed:
                return
            self._turn = resumed.turn
            instructions = self._outbox.resume(resumed)
            if line.sends:
                line.keep(f.Turned(resumed.turn))
            line.sends = True
            self.line = line
        line.wake()
        self._follow(instructions)
        self._hear_streams(resumed.streams, ())

    def close(self, line: StreamSender) -> bool:
        """A line is over; whether it was the one in use."""
        with self._lock:
            if line is not self.line:
                return False
            self.line = None
            self._outbox.interrupted()
        return True

    def pull(self, line: StreamSender) -> bytes | None:
        """The next message for this line; see `StreamSender`."""
        with self._lock:
            step = self._outbox.take() if line is self.line else None
        if step is None:
            return None
        if isinstance(step, bytes):
            return step
        if isinstance(step, Outgoing):
            return f.pack_chunk(step.transfer, step.offset, step.pieces)
        return f.pack(step)

    def position(self, operation: int) -> None:
        """The receiver's program has come as far as `operation`."""
        with self._lock:
            self._outbox.position(operation)
            due = self._outbox.due
        self._wake(due)

    def forget(self) -> None:
        """Another run: what the receiver has said belongs to none."""
        with self._lock:
            self._turn = 0

    def hear(self, line: StreamSender, frame: f.Ack | f.Accept | f.Declined) -> None:
        """An answer of the receiver."""
        instructions: list[Instruction] = []
        streams: tuple[tuple[int, int], ...] = ()
        wrong: list[int] = []
        with self._lock:
            if line is not self.line:
                return  # it is told again on the line in use
            match frame:
                case f.Ack():
                    instructions = self._outbox.settle(frame.settled)
                    for number, nbytes in frame.partial:
                        instructions += self._outbox.acknowledge(number, nbytes)
                    self._outbox.position(frame.position)
                    streams, wrong = frame.streams, self._outbox.hear_streams(frame.streams)
                case f.Accept():
                    self._outbox.accept(frame.transfer)
                case f.Declined():
                    instructions = self._outbox.decline(frame)
            due = self._outbox.due
        self._wake(due)
        self._follow(instructions)
        self._hear_streams(streams, wrong)

    def give_up(self, error: JuntoError) -> bool:
        """Nothing more will be delivered; whether something was on its way."""
        with self._lock:
            self._given_up = error
            deliveries, self._deliveries = list(self._deliveries.values()), {}
            self._outbox.drop_streams()
            if deliveries:
                self.undelivered = self.undelivered or error
        for changed in self._writers.values():
            changed(error)
        for delivery in deliveries:
            delivery.settle(error)
        return bool(deliveries)

    def _follow(self, instructions: Iterable[Instruction]) -> None:
        for instruction in instructions:
            with self._lock:
                if isinstance(instruction, Advanced):
                    underway = self._deliveries.get(instruction.key)
                else:
                    underway = self._deliveries.pop(instruction.key, None)
            if underway is None:
                continue
            if isinstance(instruction, Advanced):
                underway.advance(instruction.nbytes)
            elif instruction.declined is None:
                self.values += 1
                self.nbytes += underway.progress()[1]
                underway.settle(None)
            else:
                underway.settle(self._declined(instruction.declined))

    def _declined(self, declined: f.Declined) -> JuntoError:
        """Why a value was not taken; a receiver whose disk is full did nothing wrong, and neither did we."""
        error: PartyAborted | ProtocolViolation
        cause = declined.cause
        if declined.no_room:
            fix = f"make room on the disk of {self._party} (spill_dir), or raise quota_bytes there"
            error = PartyAborted(f"{self._party} has {cause}", party=self._party, fix=fix)
        else:
            error = self._violation(f"{self._party} did not take a value of ours: {cause}")
        self.undelivered = self.undelivered or error
        return error

    def _violation(self, text: str) -> ProtocolViolation:
        error = ProtocolViolation(text)
        error.party = self._party
        return error

    def _wake(self, due: bool) -> None:
        # Every wake-up that finds nothing to send costs the thread that does have work its processor.
        line = self.line
        if due and line is not None:
            line.wake()
