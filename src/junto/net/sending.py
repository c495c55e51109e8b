"""Our values on their way to one party: the outbox, its deliveries, and the line that they go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from junto.errors import DeadlineExceeded, JuntoError, PartyAborted, ProtocolViolation
from junto.locks import Event
from junto.net import frames as f
from junto.net.api import Delivery, Failure, Stamp, TransferKey
from junto.net.header import Ordered
from junto.net.line import Line
from junto.net.ordered import StreamWriter
from junto.net.outbox import Advanced, Instruction, Outbox, Outgoing
from junto.net.settled import Dispatched
from junto.wire.payload import Payload


class Sending:
    """See the module. Thread-safe; callbacks run without a lock held.

    Args:
        party: to whom.
        changed: called when a stream may be written again, or never will be.

    Attributes:
        outbox: what is on its way; under the lock.
        line: on which the receiver wants them.
        undelivered: the first error of a delivery.
        values, nbytes: delivered so far.
    """

    def __init__(self, party: str, changed: Callable[[], None]) -> None:
        self.line: Line | None = None
        self.undelivered: Exception | None = None
        self.values: int = 0
        self.nbytes: int = 0
        self._party = party
        self.lock = threading.Lock()
        self._changed = changed
        self.outbox: Outbox = Outbox()
        self._deliveries: dict[TransferKey, Dispatched] = {}
        self._given_up: JuntoError | None = None
        self._turn = 0

    # The program.

    def push(self, key: TransferKey, stamp: Stamp, value: Payload | Failure) -> Delivery:
        """See `Gateway.push`."""
        if isinstance(value, Failure):
            value = f.clip_failure(value)
        delivery = Dispatched(value.nbytes if isinstance(value, Payload) else 0)
        with self.lock:
            error = self._given_up
            if error is None:
                self._deliveries[key] = delivery
                self.outbox.push(key, f.clip_stamp(stamp), value)
            due = self.outbox.due
        if error is not None:
            delivery.settle(error)
        self._wake(due)
        return delivery

    def flush(self, ends: float | None) -> None:
        """Wait until nothing is on its way. Raises the first delivery's error, DeadlineExceeded."""
        with self.lock:
            waiting = list(self._deliveries.values())
        for delivery in waiting:
            done = Event()
            delivery.add_done_callback(lambda _, done=done: done.set())  # type: ignore[misc]
            if not done.wait(None if ends is None else max(ends - time.monotonic(), 0)):
                raise DeadlineExceeded(f"{self._party} has not taken everything that was sent to it")
        if self.undelivered is not None:
            raise self.undelivered

    # Ordered streams.

    def open_stream(self, stream: int) -> StreamWriter:
        """Our half of a stream."""
        with self.lock:
            writer = self.outbox.stream(stream)
            if self._given_up is not None:
                writer.drop(self._given_up)
        return writer

    # The line.

    def open(self, line: Line, resumed: f.Resumed) -> None:
        """The receiver has named this line, and said what it has, unless it has named another one since."""
        with self.lock:
            if resumed.turn < self._turn or line.closed:
                return
            self._turn = resumed.turn
            instructions = self.outbox.resume(resumed)
            if line.sends:
                line.keep(f.Turned(resumed.turn))
            line.sends = True
            self.line = line
        line.wake()
        self._follow(instructions)
        self._changed()

    def close(self, line: Line) -> bool:
        """A line is over; whether it was the one in use."""
        with self.lock:
            if line is not self.line:
                return False
            self.line = None
            self.outbox.interrupted()
        return True

    def pull(self, line: Line) -> bytes | None:
        """The next message for this line; see `Line`."""
        with self.lock:
            step = self.outbox.take() if line is self.line else None
        if step is None:
            return None
        if isinstance(step, Ordered):
            return line.shorten(step)
        if isinstance(step, Outgoing):
            return f.pack_chunk(step.transfer, step.offset, step.pieces)
        return f.pack(step)

    def position(self, operation: int) -> None:
        """The receiver's program has come as far as `operation`."""
        with self.lock:
            due = self.outbox.position(operation) and self.outbox.due
        if due:
            self._wake(due)

    def forget(self) -> None:
        """Another run: what the receiver has said belongs to none."""
        with self.lock:
            self._turn = 0

    def hear(self, line: Line, frame: f.Ack | f.Accept | f.Declined) -> None:
        """An answer of the receiver."""
        instructions: list[Instruction] = []
        with self.lock:
            if line is not self.line:
                return  # it is told again on the line in use
            match frame:
                case f.Ack():
                    instructions = self.outbox.settle(frame.settled)
                    for number, nbytes in frame.partial:
                        instructions += self.outbox.acknowledge(number, nbytes)
                    self.outbox.position(frame.position)
                    if frame.streams:
                        self._hear_streams(frame.streams)
                case f.Accept():
                    self.outbox.accept(frame.transfer)
                case f.Declined():
                    instructions = self.outbox.decline(frame)
            due = self.outbox.due
        self._wake(due)
        self._follow(instructions)
        if isinstance(frame, f.Ack) and frame.streams:
            self._changed()

    def _hear_streams(self, read: Iterable[tuple[int, int]]) -> None:
        for writer in self.outbox.hear_streams(read):
            text = f"{self._party} has read more of a stream than there is"
            writer.trouble = writer.trouble or self._violation(text)

    def give_up(self, error: JuntoError) -> bool:
        """Nothing more will be delivered; whether something was on its way."""
        with self.lock:
            self._given_up = error
            deliveries, self._deliveries = list(self._deliveries.values()), {}
            self.outbox.drop_streams(error)
            if deliveries:
                self.undelivered = self.undelivered or error
        self._changed()
        for delivery in deliveries:
            delivery.settle(error)
        return bool(deliveries)

    def _follow(self, instructions: Iterable[Instruction]) -> None:
        for instruction in instructions:
            with self.lock:
                if isinstance(instruction, Advanced):
                    underway = self._deliveries.get(instruction.key)
                else:
                    underway = self._deliveries.pop(instruction.key, None)
            if underway is None:
                continue
            if isinstance(instruction, Advanced):
                underway.advance(instruction.nbytes, underway.progress()[1])
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
