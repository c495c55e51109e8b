"""The two directions between us and one party: the law of `delivery` under a lock, and the line in use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from junto.config.model import LinkSettings
from junto.errors import ConfigError, DeadlineExceeded, JuntoError, PartyAborted, ProtocolViolation
from junto.locks import Event
from junto.net import frames as f
from junto.net.api import Arrival, Delivery, Failure, Outcome, Stamp, TransferKey
from junto.net.buffers import Buffer, MemoryBuffer, SpillBuffer
from junto.net.delivery import Mailbox, Outbox
from junto.net.header import Kind, Ordered
from junto.net.line import Line, StreamsLock
from junto.net.ordered import StreamReader, StreamWriter
from junto.net.steps import Deliver, Outgoing, Refusal, Transfer, TransferState
from junto.wire.payload import Payload

ACK_DELAY_S = 0.01
"""Acknowledgements of small values wait for each other so long."""


def _violation(party: str, text: str, fix: str = "") -> ProtocolViolation:
    error = ProtocolViolation(text, fix=fix)
    error.party = party
    return error


def _tell(done: Event, _: Delivery) -> None:
    done.set()


class Sending:
    """Our values on their way to one party. Thread-safe; callbacks run without a lock held.

    Args:
        party: to whom.
        changed: called when a stream may be written again, or never will be.

    Attributes:
        outbox: what is on its way; under the lock.
        line: on which the receiver wants them.
        values, nbytes: delivered so far.
    """

    def __init__(self, party: str, changed: Callable[[], None]) -> None:
        self.line: Line | None = None
        self.values: int = 0
        self.nbytes: int = 0
        self.lock = threading.Lock()
        self.outbox: Outbox = Outbox()
        self._party, self._changed = party, changed
        self._undelivered: Exception | None = None  # the first error of a delivery
        self._given_up: JuntoError | None = None
        self._turn = 0

    # The program.

    def push(self, key: TransferKey, stamp: Stamp, value: Payload | Failure) -> Delivery:
        """See `Gateway.push`."""
        with self.lock:
            error, line = self._given_up, self.line
            delivery = self.outbox.push(key, stamp, value) if error is None else Transfer(key, stamp, value)
        if error is not None:
            delivery.settle(error)
        elif line is not None and delivery.state is not TransferState.HELD:
            line.wake()
        return delivery

    def flush(self, ends: float | None) -> None:
        """Wait until nothing is on its way. Raises the first delivery's error, DeadlineExceeded."""
        with self.lock:
            waiting = list(self.outbox.underway)
        for delivery in waiting:
            done = Event()
            delivery.add_done_callback(partial(_tell, done))
            if not done.wait(None if ends is None else max(ends - time.monotonic(), 0)):
                raise DeadlineExceeded(f"{self._party} has not taken everything that was sent to it")
        if self._undelivered is not None:
            raise self._undelivered

    def open_stream(self, stream: int) -> StreamWriter:
        """Our half of an ordered stream."""
        with self.lock:
            writer = self.outbox.streams.open(stream)
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
            done = self.outbox.resume(resumed)
            if line.sends:
                line.keep(f.Turned(resumed.turn))
            line.sends = True
            self.line = line
        line.wake()
        for transfer, declined in done:
            self._settle(transfer, declined)
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
        return f.pack_chunk(*step) if isinstance(step, Outgoing) else f.pack(step)

    def position(self, operation: int) -> None:
        """The receiver's program has come as far as `operation`."""
        if operation > self.outbox.position:
            with self.lock:
                due = self.outbox.advance(operation)
            if due:
                self._wake()

    def forget(self) -> None:
        """Another run: what the receiver has said belongs to none."""
        with self.lock:
            self._turn = 0

    def hear(self, line: Line, frame: f.Ack | f.Accept | f.Declined) -> None:
        """An answer of the receiver."""
        declined, streams = None, False
        done: list[Transfer] = []
        with self.lock:
            if line is not self.line:
                return  # it is told again on the line in use
            if isinstance(frame, f.Ack):
                done = self.outbox.settle(frame.settled)
                for number, nbytes in frame.partial:
                    self.outbox.acknowledge(number, nbytes)
                self.outbox.advance(frame.position)
                streams = bool(frame.streams)
                for writer in self.outbox.streams.hear(frame.streams):
                    text = f"{self._party} has read more of a stream than there is"
                    writer.trouble = writer.trouble or _violation(self._party, text)
            elif isinstance(frame, f.Accept):
                self.outbox.accept(frame.transfer)
            else:
                declined, done = frame, self.outbox.settle((frame.transfer,))
            due = self.outbox.due
        if due:
            self._wake()
        for transfer in done:
            self._settle(transfer, declined)
        if streams:
            self._changed()

    def give_up(self, error: JuntoError) -> bool:
        """Nothing more will be delivered; whether something was on its way."""
        with self.lock:
            self._given_up = error
            lost = self.outbox.clear(error)
            if lost:
                self._undelivered = self._undelivered or error
        self._changed()
        for delivery in lost:
            delivery.settle(error)
        return bool(lost)

    def _settle(self, transfer: Transfer, declined: f.Declined | None) -> None:
        """It is delivered, or was not taken: if the receiver's disk is full, nobody did anything wrong."""
        if declined is None:
            self.values += 1
            self.nbytes += transfer.nbytes
            return transfer.settle(None)
        error: PartyAborted | ProtocolViolation
        if declined.no_room:
            fix = f"make room on the disk of {self._party} (spill_dir), or raise quota_bytes there"
            error = PartyAborted(f"{self._party} has {declined.cause}", party=self._party, fix=fix)
        else:
            error = _violation(self._party, f"{self._party} did not take a value of ours: {declined.cause}")
        self._undelivered = self._undelivered or error
        return transfer.settle(error)

    def _wake(self) -> None:
        # Only if something is due: a wake-up for nothing costs the thread that does have work its processor.
        line = self.line
        if line is not None:
            line.wake()


class Receiving:
    """Values of one party on their way to us. Thread-safe; callbacks run without a lock held.

    Args:
        party: from whom.
        link: quota, limits and where to spill.
        refuse: hears of each message that is not taken.

    Attributes:
        mailbox: what is on its way; under the lock.
        line: on which we want them.
        answers: something may be due to be said; see `pull`.
        values, nbytes: received so far.
    """

    def __init__(self, party: str, link: LinkSettings, refuse: Callable[[Refusal], None]) -> None:
        self.line: Line | None = None
        self.answers: bool = False
        self.values: int = 0
        self.nbytes: int = 0
        self._party, self._link, self._refuse = party, link, refuse
        self.lock = StreamsLock()
        self.mailbox: Mailbox = Mailbox(self._open_buffer, link.quota_bytes, link.max_value_bytes)
        self._ack_due = 0.0
        self._line_knows = False
        self._asked = 0  # the turn of the line that was named last
        self._turned = False  # what comes on it answers that
        self._given_up: JuntoError | None = None

    # The program.

    def expect(self, key: TransferKey) -> Arrival:
        """See `Gateway.expect`."""
        with self.lock:
            arrival, done = self.mailbox.expect(key)
            error, owes = self._given_up, self.mailbox.owes
        self._deliver(done)
        if error is not None:
            arrival.settle(error)  # unless it was here already
        self._wake(owes)
        return arrival

    def advance(self, operation: int) -> None:
        """Our program has come as far as `operation`."""
        with self.lock:
            refusals, done = self.mailbox.advance(operation)
            owes = self.mailbox.owes
        for refusal in refusals:
            self._refuse(refusal)
        self._wake(owes)
        self._deliver(done)

    def tick(self) -> None:
        """A heartbeat has passed."""
        with self.lock:
            owes = self.mailbox.tick()
        self._wake(owes)

    # The line.

    def open(self, line: Line, *more: f.ControlFrame) -> None:
        """From here on we want the values on this line; its other end hears what we have, and `more`."""
        with self.lock:
            self.line = line
            resumed = self.mailbox.resume()
            self._asked, self._turned = resumed.turn, not line.named
            line.named = self.answers = True
            line.start(resumed, *more)
        line.wake()

    def turned(self, line: Line, frame: f.Turned) -> None:
        """What follows on a line that was named before was asked for with the turn that is said."""
        with self.lock:
            if line is self.line and frame.turn == self._asked:
                self._turned = True

    def close(self, line: Line) -> bool:
        """A line is over; whether it was the one in use."""
        with self.lock:
            if line is not self.line:
                return False
            self.line = None
        return True

    def pull(self, line: Line) -> bytes | float | None:
        """The next message for this line; see `Line`. Whoever makes one due sets `answers`."""
        with self.lock:
            if line is not self.line:
                return None
            if not (self._ack_due or self.mailbox.owes):
                self.answers = False
                return None
            wait = self._ack_due - time.monotonic() if self._ack_due else 0.0
            if wait > 0 and not self.mailbox.owes:
                return wait
            self._ack_due = 0.0
            frames = self.mailbox.take()
        return f.pack(frames) if frames else None

    def value(self, line: Line, frame: f.Value | f.Failed | f.Offer) -> None:
        """A small value, a failure or an offer."""
        try:
            with self.lock:
                if line is not self.line or not self._turned:
                    return
                done = self.mailbox.offer(frame) if isinstance(frame, f.Offer) else self.mailbox.whole(frame)
                if not self._ack_due:
                    self._ack_due, self._line_knows = time.monotonic() + ACK_DELAY_S, False
        except Refusal as refusal:
            return self._refused(refusal)
        if isinstance(frame, f.Value):
            self.values += 1
            self.nbytes += len(frame.payload)
        return self._deliver(done)

    def chunk(self, line: Line, chunk: f.Chunk) -> None:
        """A part of a large value. It is stored without the lock: the program goes on meanwhile."""
        try:
            with self.lock:
                if line is not self.line or not self._turned:
                    return
                turn, write = self._asked, self.mailbox.chunk(chunk.transfer, chunk.offset, chunk.data)
        except Refusal as refusal:
            return self._refused(refusal)
        if write is None:
            return
        failure: OSError | None = None
        try:
            write.buffer.write(write.offset, write.data)
        except OSError as error:
            failure = error
        with self.lock:
            if turn != self._asked:
                return  # the new connection brings these bytes again
            done = self.mailbox.written(write, failure)
            if not self._ack_due:
                self._ack_due, self._line_knows = time.monotonic() + ACK_DELAY_S, False
        self.nbytes += len(write.data)
        self.values += write.entry.there == write.entry.nbytes
        self.wake()
        self._deliver(done)

    # Ordered streams.

    def open_stream(self, stream: int) -> StreamReader:
        """Our half of a stream. Raises ValueError if it was open before, or there are too many."""
        with self.lock:
            reader = self.mailbox.open_stream(stream)
            reader.trouble = self._given_up
        self.tell()
        return reader

    def ordered(self, line: Line, frame: Ordered) -> None:
        """A frame of a stream."""
        kind, _, stream, number, _ = frame.header
        refusal = None
        with self.lock:
            if line is not self.line or not self._turned:
                return
            reader = self.mailbox.streams.get(stream)
            if reader is None:
                refusal = Refusal("out of order", "a frame of a stream that is not open here")
            else:
                try:
                    if reader.take(number, frame, last=kind == Kind.END):
                        self.nbytes += len(frame.body)
                        self.mailbox.moved += 1
                except ValueError as error:
                    refusal = Refusal("out of place", str(error))
                    reader.trouble = reader.trouble or self._violation(refusal)
                self.lock.tell()
        if refusal is not None:
            self._refuse(refusal)
        elif self.mailbox.tells:
            self.tell()

    # The end.

    def give_up(self, error: JuntoError) -> None:
        """Nothing more will come: everything that is expected fails with `error`."""
        with self.lock:
            self._given_up = error
            lost = self.mailbox.clear()
            for reader in self.mailbox.streams.values():
                reader.trouble = reader.trouble or error
            self.lock.tell()
        for arrival in lost:
            arrival.settle(error)

    def clear(self) -> None:
        """Let go of what is here in part."""
        with self.lock:
            self.mailbox.clear()

    def _deliver(self, done: list[Deliver]) -> None:
        for arrival, content in done:
            outcome: Outcome = content
            if isinstance(content, OSError):
                why = content.strerror or content
                outcome = ConfigError(
                    f"there is no room for {arrival}, from {self._party}: {why}",
                    fix="give spill_dir a folder with room, or raise quota_bytes",
                )
            arrival.settle(outcome)

    def _refused(self, refusal: Refusal) -> None:
        if refusal.fails is not None:
            refusal.fails.settle(self._violation(refusal))
        self._refuse(refusal)

    def _violation(self, refusal: Refusal) -> ProtocolViolation:
        fix = f"ask {self._party}; its log says more"
        return _violation(self._party, f"{self._party}: {refusal.text}", fix)

    def _open_buffer(self, nbytes: int, spill: bool) -> Buffer:
        return SpillBuffer(nbytes, self._link.spill_dir) if spill else MemoryBuffer(nbytes)

    def wake(self) -> None:
        """Messages have been heard: acknowledgements are due, now or a little later."""
        with self.lock:
            owes = self.mailbox.owes or (self._ack_due != 0.0 and not self._line_knows)
            self._line_knows = True
        self._wake(owes)

    def look_again(self) -> None:
        """Whoever waits for a stream has a reason to."""
        with self.lock:
            self.lock.tell()

    def tell(self) -> None:
        """Somebody has read of a stream, and its writer has to know."""
        self._wake(True)

    def _wake(self, owes: bool) -> None:
        line = self.line
        if owes and line is not None:
            self.answers = True
            line.wake()
