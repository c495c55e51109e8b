"""What passes between us and one party, both ways: the law of `delivery`, a lock, and the lines in use.

A connection outlives its lines. The party has named one on which it wants our values, and we one on which we
want its: while a line carries both directions, that is the same one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from junto.config.model import LinkSettings
from junto.errors import ConfigError, DeadlineExceeded, JuntoError, PartyAborted, ProtocolViolation
from junto.locks import Event
from junto.net import frames as f
from junto.net.api import Activity, Arrival, Delivery, Events, Failure, Outcome, Stamp, TransferKey
from junto.net.buffers import Buffer, MemoryBuffer, SpillBuffer
from junto.net.header import FOLLOWS, MARK, MARKS, Kind, Ordered, following, parse
from junto.net.line import Line, StreamsLock
from junto.net.mailbox import Mailbox
from junto.net.ordered import StreamReader, StreamWriter
from junto.net.outbox import Outbox
from junto.net.pace import Pace
from junto.net.steps import Deliver, Outgoing, Refusal, Transfer, TransferState
from junto.wire.payload import Payload

ACK_DELAY_S = 0.01
"""Acknowledgements of small values wait for each other so long."""

NOWHERE = Activity(Stamp(0, b"", "", ""))


@dataclass(slots=True)
class Passed:
    """Values that are over, and bytes of values and streams."""

    values: int = 0
    nbytes: int = 0


class PeerConnection:
    """See the module. Thread-safe; callbacks and `events` are called without the lock held.

    Args:
        party: the other one.
        link: quota, limits and where to spill.
        events: the program layer; hears where the party's program is.
        parties: all of the job: whom it may speak of.
        refuse: hears of each message that is not taken.
        hear_word: hears each frame that is no value, answer or position.

    Attributes:
        outbox, mailbox: what is on its way; under the lock.
        sends: the line on which the party wants our values.
        wants: the line on which we want its values.
        sent, received: what has passed.
        heard: when the party was last heard of (monotonic seconds).
        lost: why nothing passes any more.
    """

    def __init__(
        self,
        party: str,
        link: LinkSettings,
        events: Events,
        parties: Collection[str],
        refuse: Callable[[Refusal], None],
        hear_word: Callable[[Line, f.Any], None],
    ) -> None:
        self._party, self._link, self._events, self._parties = party, link, events, parties
        self._refuse, self._hear_word = refuse, hear_word
        self.lock = StreamsLock()
        self.outbox = Outbox()
        self.mailbox = Mailbox(self._open_buffer, link.quota_bytes, link.max_value_bytes)
        self.sends: Line | None = None
        self.wants: Line | None = None
        self.sent, self.received = Passed(), Passed()
        self.heard: float = time.monotonic()
        self.lost: JuntoError | None = None
        self._theirs = NOWHERE
        self._undelivered: Exception | None = None  # the first error of a delivery
        self._turn = 0  # of the line that the party has named last
        self._asked = 0  # of the line that we have named last
        self._turned = False  # what comes on it answers that
        self._before: Pace | None = None  # of the line before
        self._ack_due = 0.0  # when what has come is acknowledged; the line knows

    # The program.

    def push(self, key: TransferKey, stamp: Stamp, value: Payload | Failure) -> Delivery:
        """See `Gateway.push`."""
        with self.lock:
            error, line = self.lost, self.sends
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

    def expect(self, key: TransferKey) -> Arrival:
        """See `Gateway.expect`."""
        with self.lock:
            arrival, done = self.mailbox.expect(key)
            error = self.lost
        self._deliver(done)
        if error is not None:
            arrival.settle(error)  # unless it was here already
        self.answer()
        return arrival

    def advance(self, operation: int) -> None:
        """Our program has come as far as `operation`."""
        with self.lock:
            refusals, done = self.mailbox.advance(operation)
        for refusal in refusals:
            self._refuse(refusal)
        self.answer()
        self._deliver(done)

    def tick(self) -> None:
        """A heartbeat has passed."""
        with self.lock:
            self.mailbox.tick()
        self.answer()

    def open_stream(self, stream: int) -> tuple[StreamReader, StreamWriter]:
        """Our halves of a stream. Raises ValueError if it was open before, or there are too many."""
        with self.lock:
            reader, writer = self.mailbox.open_stream(stream), self.outbox.streams.open(stream)
            reader.trouble = self.lost
            if self.lost is not None:
                writer.drop(self.lost)
        self.answer()
        return reader, writer

    def lose(self, error: JuntoError) -> None:
        """Nothing passes any more: everything that is on its way fails with `error`."""
        with self.lock:
            self.lost = error
            pushed, expected = self.outbox.clear(error), self.mailbox.clear()
            if pushed:
                self._undelivered = self._undelivered or error
            for reader in self.mailbox.streams.values():
                reader.trouble = reader.trouble or error
            self.lock.tell()
        for each in (*pushed, *expected):
            each.settle(error)

    # The lines.

    def want(self, line: Line, *more: f.ControlFrame) -> None:
        """From here on we want values on this line; its other end hears what we have, and `more`."""
        with self.lock:
            self.wants = line
            resumed = self.mailbox.resume()
            self._asked, self._turned = resumed.turn, not line.named
            line.named = True
            line.start(resumed, *more)
        line.wake()

    def resume(self, line: Line, resumed: f.Resumed) -> None:
        """The party has named this line, and said what it has, unless it has named another one since."""
        with self.lock:
            if resumed.turn < self._turn or line.closed:
                return
            self._turn = resumed.turn
            done = self.outbox.resume(resumed)
            if line.sends:
                line.keep(f.Turned(resumed.turn))
            elif self._before is not None:
                line.pace.open(self._before.after())
            line.sends = True
            self.sends = line
            self.lock.tell()
        line.wake()
        for transfer, declined in done:
            self._settle(transfer, declined)

    def drop(self, line: Line) -> None:
        """A line is over."""
        with self.lock:
            if line is self.sends:
                self.sends, self._before = None, line.pace
                self.outbox.interrupted()
            if line is self.wants:
                self.wants = None

    def forget(self) -> None:
        """Another run: what the party has said belongs to none."""
        with self.lock:
            self._turn = 0

    def clear(self) -> None:
        """Let go of what is here in part."""
        with self.lock:
            self.mailbox.clear()

    def pull(self, line: Line) -> bytes | float | None:
        """The next message for a line, or when there is one; see `Line`."""
        wait: float | None = None
        step: list[f.ControlFrame] | Outgoing | Ordered | None = None
        with self.lock:
            if line is self.wants:
                if self._ack_due and not self.mailbox.owes:
                    wait = self._ack_due - time.monotonic()
                if self.mailbox.owes or (wait is not None and wait <= 0):
                    self._ack_due, wait = 0.0, None
                    step = self.mailbox.take() or None
            pace, paced = line.pace, step is None
            if step is None and line is self.sends and pace.sent - pace.there < pace.window:
                step = self.outbox.take(pace.piece)
        if step is None:
            return wait
        if isinstance(step, Ordered):
            message = line.shorten(step)
        else:
            message = f.pack_chunk(*step) if isinstance(step, Outgoing) else f.pack(step)
        if paced:
            pace.sent += len(message)
        return message

    def answer(self) -> None:
        """See that what is due to be said of what has come is said, now or a little later."""
        with self.lock:
            line, due = self.wants, self.mailbox.owes
            if self.mailbox.unsaid and not self._ack_due:
                self._ack_due, due = time.monotonic() + ACK_DELAY_S, True
        if due and line is not None:
            line.wake()

    # What is heard.

    def hear_frame(self, line: Line, message: bytes) -> bool:
        """A message on an open line; False: it is no frame of an ordered stream, and not heard."""
        header = line.heard
        if header is not None and message[:1] == FOLLOWS:
            frame = Ordered(header, memoryview(message)[1:])
        elif message[:1] == MARK:
            try:
                frame = parse(message)
            except ValueError:
                return False
        else:
            return False
        line.heard = following(frame.header)
        self.heard = time.monotonic()
        kind, _, stream, number, _ = frame.header
        refusal = None
        with self.lock:
            if line is not self.wants or not self._turned:
                return True
            reader = self.mailbox.streams.get(stream)
            if reader is None:
                refusal = Refusal("out of order", "a frame of a stream that is not open here")
            else:
                try:
                    if reader.take(number, frame, last=kind == Kind.END):
                        self.received.nbytes += len(frame.body)
                        self.mailbox.moved += 1
                except ValueError as error:
                    refusal = Refusal("out of place", str(error))
                    reader.trouble = reader.trouble or self._violation(refusal)
                self.lock.tell()
        if refusal is not None:
            self._refuse(refusal)
        elif self.mailbox.tells:
            self.answer()
        return True

    def hear(self, line: Line, message: bytes | list[f.Any]) -> None:
        """A message on an open line; or its frames, if it was opened already."""
        opened: list[f.Any] | f.Chunk | Ordered
        if isinstance(message, list):
            opened = message
        elif message[:1] in MARKS and self.hear_frame(line, message):
            return
        else:
            try:
                opened = f.open_message(message)
            except ProtocolViolation as error:
                self._refuse(Refusal("malformed", error.message))
                return line.refuse("malformed", error.message, final=False)
        self.heard = time.monotonic()
        if isinstance(opened, f.Chunk):
            return self._chunk(line, opened)
        for frame in opened if isinstance(opened, list) else ():
            match frame:
                case f.Value() | f.Failed() | f.Offer():
                    self._value(line, frame)
                case f.Ack() | f.Accept() | f.Declined():
                    self._answered(line, frame)
                case f.Heartbeat():
                    self._theirs = frame.activity
                    self._position(frame.activity)
                case f.Ping():
                    line.say(f.Pong(frame.sent))
                case f.Pong():
                    self._paced(line, frame)
                case f.Resumed():
                    self.resume(line, frame)
                    self._hear_word(line, frame)
                case f.Turned():
                    with self.lock:  # what follows on a line that was named before was asked for with this
                        self._turned |= line is self.wants and frame.turn == self._asked
                case _:
                    self._hear_word(line, frame)
        self.answer()

    def _paced(self, line: Line, pong: f.Pong) -> None:
        """The party has heard what we have sent on this line: there is room for more."""
        if not line.pace.hear(pong.sent, time.monotonic()):
            self._refuse(Refusal("out of order", "an answer to a ping that nobody has sent"))
        line.wake()

    def _position(self, activity: Activity) -> None:
        """Where the party's program is."""
        with self.lock:
            line = self.sends if self.outbox.advance(activity.stamp.operation) else None
        if line is not None:
            line.wake()
        self._events.on_activity(self._party, activity)

    def _value(self, line: Line, frame: f.Value | f.Failed | f.Offer) -> None:
        # Its position first, before the value is judged, so that a divergence is found first.
        self._position(replace(self._theirs, stamp=frame.stamp))
        if isinstance(frame, f.Failed) and frame.failure.party not in self._parties:
            # An operation fails at a party of the job; if another one is named, at whoever says so.
            self._refuse(Refusal("malformed", "a failure names a party that is not in this job"))
            frame = replace(frame, failure=replace(frame.failure, party=self._party))
        try:
            with self.lock:
                if line is not self.wants or not self._turned:
                    return
                done = self.mailbox.offer(frame) if isinstance(frame, f.Offer) else self.mailbox.whole(frame)
                if isinstance(frame, f.Value):
                    self.received.values += 1
                    self.received.nbytes += len(frame.payload)
        except Refusal as refusal:
            return self._refused(refusal)
        return self._deliver(done)

    def _chunk(self, line: Line, chunk: f.Chunk) -> None:
        """A part of a large value. It is stored without the lock: the program goes on meanwhile."""
        try:
            with self.lock:
                if line is not self.wants or not self._turned:
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
                return  # the new line brings these bytes again
            done = self.mailbox.written(write, failure)
            self.received.nbytes += len(write.data)
            self.received.values += write.entry.there == write.entry.nbytes
        self.answer()
        self._deliver(done)

    def _answered(self, line: Line, frame: f.Ack | f.Accept | f.Declined) -> None:
        """The party says what it has, or wants, of what we send."""
        done: list[Transfer] = []
        with self.lock:
            if line is not self.sends:
                return  # it is told again on the line in use
            if isinstance(frame, f.Ack):
                done = self.outbox.settle(frame.settled)
                for number, nbytes in frame.partial:
                    self.outbox.acknowledge(number, nbytes)
                self.outbox.advance(frame.position)
                for writer in self.outbox.streams.hear(frame.streams):
                    text = f"{self._party} has read more of a stream than there is"
                    writer.trouble = writer.trouble or _violation(self._party, text)
            elif isinstance(frame, f.Accept):
                self.outbox.accept(frame.transfer)
            else:
                done = self.outbox.settle((frame.transfer,))
            due = self.outbox.due
        if due:  # only then: a wake-up for nothing costs the thread that does have work its processor
            line.wake()
        for transfer in done:
            self._settle(transfer, frame if isinstance(frame, f.Declined) else None)
        if isinstance(frame, f.Ack) and frame.streams:
            with self.lock:
                self.lock.tell()
            self._hear_word(line, frame)

    # Inside.

    def _settle(self, transfer: Transfer, declined: f.Declined | None) -> None:
        """It is delivered, or was not taken: if the receiver's disk is full, nobody did anything wrong."""
        if declined is None:
            self.sent.values += 1
            self.sent.nbytes += transfer.nbytes
            return transfer.settle(None)
        error: PartyAborted | ProtocolViolation
        if declined.no_room:
            fix = f"make room on the disk of {self._party} (spill_dir), or raise quota_bytes there"
            error = PartyAborted(f"{self._party} has {declined.cause}", party=self._party, fix=fix)
        else:
            error = _violation(self._party, f"{self._party} did not take a value of ours: {declined.cause}")
        self._undelivered = self._undelivered or error
        return transfer.settle(error)

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


def _violation(party: str, text: str, fix: str = "") -> ProtocolViolation:
    error = ProtocolViolation(text, fix=fix)
    error.party = party
    return error


def _tell(done: Event, _: Delivery) -> None:
    done.set()
