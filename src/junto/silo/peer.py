"""One other party: its outbox, its mailbox, its two streams, and whether it is alive."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from junto.config.model import LinkSettings, PartySettings
from junto.errors import DeadlineExceeded, JuntoError, PartyUnreachable, ProtocolViolation
from junto.silo import frames as f
from junto.silo.api import Activity, Arrival, Delivery, Events, Failure, Key, Stamp
from junto.silo.buffers import Buffer, MemoryBuffer, SpillBuffer
from junto.silo.line import Line
from junto.silo.mailbox import Deliver, Mailbox, Refusal, Write
from junto.silo.outbox import Advanced, Instruction, Outbox, Outgoing
from junto.silo.refusals import Refusals
from junto.silo.settled import Awaited, Dispatched, Outcome
from junto.wire.payload import Payload

log = logging.getLogger("junto.silo")

ACK_DELAY_S = 0.002
MAX_REFUSALS = 256
PATIENCE = 6
"""A party whose network answers but whose program is silent (a task holds the interpreter) gets so many times
the peer timeout."""

NOWHERE = Stamp(0, b"", "", "")


@dataclass(slots=True)
class Traffic:
    """Counted for a person."""

    values: Counter[str] = field(default_factory=Counter)
    nbytes: Counter[str] = field(default_factory=Counter)


class Peer:
    """See the module. Thread-safe; `events` are called without a lock held.

    Args:
        settings: of the party.
        link: of the session.
        events: the program layer.
    """

    def __init__(self, settings: PartySettings, link: LinkSettings, events: Events) -> None:
        self.name = settings.name
        self.address = settings.address
        self.refusals = Refusals()
        self.traffic = Traffic()
        self.finished = threading.Condition()
        self._link = link
        self._events = events
        self._lock = threading.Lock()
        self._outbox = Outbox()
        self._mailbox = Mailbox(self._open_buffer, link.quota_bytes, link.max_value_bytes)
        self._arrivals: dict[Key, Awaited] = {}
        self._deliveries: dict[Key, Dispatched] = {}
        self._standing: dict[str, f.Frame] = {}
        self._forward: Line | None = None
        self._back: Line | None = None
        self._ours = Activity(NOWHERE)
        self._theirs = Activity(NOWHERE)
        self._ack_due = 0.0
        self.heard = time.monotonic()
        self.down_since: float | None = None
        self.down_cause = ""
        self.lost_to: JuntoError | None = None
        self.left = False
        self.ended = False

    # The program's side.

    def push(self, key: Key, stamp: Stamp, value: Payload | Failure) -> Delivery:
        """See `Gateway.push`."""
        delivery = Dispatched(value.nbytes if isinstance(value, Payload) else 0)
        if isinstance(value, Failure):
            value = f.clip_failure(value)
        with self._lock:
            error = self.lost_to
            if error is None:
                self._deliveries[key] = delivery
                self._outbox.push(key, f.clip_stamp(stamp), value)
        if error is not None:
            delivery.settle(error)
        self._wake(self._forward)
        return delivery

    def expect(self, key: Key) -> Arrival:
        """See `Gateway.expect`."""
        arrival = Awaited()
        with self._lock:
            deliver = self._mailbox.expect(key)
            error = self.lost_to
            if deliver is None and error is None:
                self._arrivals[key] = arrival
            due = self._mailbox.owes
        if deliver is not None:
            arrival.settle(self._content(deliver))
        elif error is not None:
            arrival.settle(error)
        if due:
            self._wake(self._back)
        return arrival

    def publish(self, activity: Activity) -> None:
        """Our program is at `activity`."""
        with self._lock:
            self._ours = f.clip_activity(activity)
            dropped = self._mailbox.advance(activity.stamp.operation)
            due = self._mailbox.owes
        for refusal in dropped:
            self.refused(refusal)
        if due:
            self._wake(self._back)

    def beat(self) -> None:
        """Send a heartbeat on each stream."""
        with self._lock:
            due = self._mailbox.tick()
        if due:
            self._wake(self._back)
        heartbeat = f.Heartbeat(self._ours)
        for line in (self._forward, self._back):
            if line is not None and line.open:
                line.say(heartbeat)

    def stand(self, what: str, frame: f.Frame) -> None:
        """Send `frame` on each stream, and again on new ones, until it is noted."""
        with self._lock:
            self._standing[what] = frame
            lines = [line for line in (self._forward, self._back) if line is not None and line.open]
        for line in lines:
            line.say(frame)

    def tell_history(self, history: tuple[Stamp, ...]) -> None:
        """See `Gateway.send_history`."""
        stamps = tuple(f.clip_stamp(stamp) for stamp in history[-f.HISTORY_STAMPS :])
        self.stand("history", f.History(stamps))

    def flush(self, ends: float | None) -> None:
        """Wait until nothing is on its way to it. Raises the first error, DeadlineExceeded."""
        with self._lock:
            waiting = list(self._deliveries.values())
        event = threading.Event()
        for delivery in waiting:
            event.clear()
            delivery.add_done_callback(lambda _: event.set())
            if not event.wait(None if ends is None else max(ends - time.monotonic(), 0)):
                raise DeadlineExceeded(f"{self.name} has not taken everything that was sent to it")
            error = delivery.error()
            if error is not None:
                raise error

    def say_bye(self) -> None:
        """We have finished."""
        self.stand("bye", f.Bye(self._outbox.numbers))

    def is_through(self, what: str) -> bool:
        """Whether it has noted our `what`, or is gone."""
        return what not in self._standing or self.lost_to is not None

    @property
    def unsettled(self) -> int:
        """How many values are on their way to it."""
        return self._outbox.unsettled

    # Streams.

    def forward_line(self) -> Line:
        """For the stream that we dial."""
        return Line(self._pull_forward)

    def back_line(self) -> Line:
        """For the stream that it has dialled."""
        return Line(self._pull_back)

    def open_forward(self, line: Line, resumed: f.Resumed) -> None:
        """Our stream is open."""
        with self._lock:
            instructions = self._outbox.resume(resumed)
            self._forward = line
            line.open = True
            standing = list(self._standing.values())
        self.down_since = None
        line.say(f.Heartbeat(self._ours), *standing)
        self._follow(instructions)

    def open_back(self, line: Line) -> None:
        """Its stream is open, and replaces the one before."""
        with self._lock:
            old, self._back = self._back, line
            line.say(self._mailbox.resume(), f.Heartbeat(self._ours), *self._standing.values())
            line.open = True
        if old is not None and old is not line:
            old.close()
        line.wake()

    def drop(self, line: Line, cause: str = "") -> None:
        """A stream is over."""
        line.close()
        with self._lock:
            if line is self._forward:
                self._forward = None
                self._outbox.interrupted()
            elif line is self._back:
                self._back = None
        if cause:
            self.down(cause)
        with self.finished:
            self.finished.notify_all()

    def down(self, cause: str) -> None:
        """We cannot reach it at the moment."""
        if self.down_since is None:
            self.down_since = time.monotonic()
        self.down_cause = cause

    def hang_up(self, *last: f.Frame) -> None:
        """End both streams."""
        for line in (self._forward, self._back):
            if line is not None:
                line.close(*(last if line is self._back else ()))

    def _pull_forward(self) -> bytes | float | None:
        with self._lock:
            step = self._outbox.take()
        if step is None:
            return None
        if isinstance(step, Outgoing):
            return f.pack_chunk(step.transfer, step.offset, step.pieces)
        return f.pack(step)

    def _pull_back(self) -> bytes | float | None:
        with self._lock:
            wait = self._ack_due - time.monotonic() if self._ack_due else 0.0
            if wait > 0 and not self._mailbox.owes:
                return wait
            self._ack_due = 0.0
            frames = self._mailbox.take()
        return f.pack(frames) if frames else None

    # What it says.

    def hear_forward(self, line: Line, message: list[f.Forward] | f.Chunk) -> None:
        """A message on the stream that it has dialled, once open."""
        self.heard = time.monotonic()
        if isinstance(message, f.Chunk):
            self._chunk(line, message)
            return
        for frame in message:
            if line is not self._back:
                return
            match frame:
                case f.Value() | f.Failed() | f.Offer():
                    self._value(line, frame)
                case f.Hello() | f.Resume():
                    self.refused(Refusal("malformed", "a handshake on an open stream"))
                case _:
                    self._either(line, frame)
        self._due()

    def hear_back(self, line: Line, message: list[f.Back]) -> None:
        """A message on the stream that we have dialled, once open."""
        self.heard = time.monotonic()
        for frame in message:
            instructions: list[Instruction] = []
            match frame:
                case f.Ack():
                    with self._lock:
                        instructions = self._outbox.settle(frame.settled)
                        for number, nbytes in frame.partial:
                            instructions += self._outbox.acknowledge(number, nbytes)
                        self._outbox.position(frame.position)
                case f.Accept():
                    with self._lock:
                        self._outbox.accept(frame.transfer)
                case f.Declined():
                    with self._lock:
                        instructions = self._outbox.settle((frame.transfer,), frame.cause)
                case f.Hello() | f.Refused() | f.Resumed():
                    self.refused(Refusal("malformed", "a handshake on an open stream"))
                case _:
                    self._either(line, frame)
            self._follow(instructions)
        line.wake()

    def _either(self, line: Line, frame: f.Either) -> None:
        match frame:
            case f.Heartbeat():
                with self._lock:
                    self._theirs = frame.activity
                    self._outbox.position(frame.activity.stamp.operation)
                self._wake(self._forward)
                self._events.on_activity(self.name, frame.activity)
            case f.Ending():
                line.say(f.Noted("ending"))
                if not self.ended:
                    self.ended = True
                    self._events.on_abort(self.name, frame.abort)
            case f.History():
                line.say(f.Noted("history"))
                self._events.on_history(self.name, frame.stamps)
            case f.Bye():
                line.say(f.Noted("bye"))
                if not self.left:
                    self.left = True
                    self._events.on_left(self.name)
                with self.finished:
                    self.finished.notify_all()
            case f.Noted():
                with self._lock:
                    self._standing.pop(frame.what, None)
                with self.finished:
                    self.finished.notify_all()

    def _value(self, line: Line, frame: f.Value | f.Failed | f.Offer) -> None:
        stamp = frame.stamp
        activity = msgspec.structs.replace(self._theirs, stamp=stamp)
        self._events.on_activity(self.name, activity)
        try:
            with self._lock:
                if line is not self._back:
                    return
                self._outbox.position(stamp.operation)
                deliver = (
                    self._mailbox.offer(frame) if isinstance(frame, f.Offer) else self._mailbox.whole(frame)
                )
                arrival = self._arrivals.get(frame.key)
        except Refusal as refusal:
            self.refused(refusal)
            return
        if isinstance(frame, f.Value):
            self.traffic.values["received"] += 1
            self.traffic.nbytes["received"] += len(frame.payload)
        elif isinstance(frame, f.Offer) and arrival is not None:
            arrival.advance(0, frame.nbytes)
        self._deliver(deliver)

    def _chunk(self, line: Line, chunk: f.Chunk) -> None:
        try:
            with self._lock:
                if line is not self._back:
                    return
                write = self._mailbox.chunk(chunk.transfer, chunk.offset, chunk.data)
        except Refusal as refusal:
            self.refused(refusal)
            return
        if write is not None:
            self._store(line, write)

    def _store(self, line: Line, write: Write) -> None:
        failure: OSError | None = None
        try:
            write.buffer.write(write.offset, write.data)
        except OSError as error:
            failure = error
        entry = write.entry
        with self._lock:
            if line is not self._back:
                return  # the new stream brings these bytes again
            if failure is not None:
                deliver = self._mailbox.failed(write, failure)
            else:
                deliver = self._mailbox.written(write)
            arrival = self._arrivals.get(entry.key)
            due = self._mailbox.owes
        if arrival is not None:
            arrival.advance(entry.received, entry.nbytes)
        self.traffic.nbytes["received"] += len(write.data)
        if entry.received == entry.nbytes:
            self.traffic.values["received"] += 1
            self._due()
        self._deliver(deliver)
        if due:
            self._wake(self._back)

    def _due(self) -> None:
        with self._lock:
            if self._ack_due == 0.0:
                self._ack_due = time.monotonic() + ACK_DELAY_S
        self._wake(self._back)

    def _deliver(self, deliver: Deliver | None) -> None:
        if deliver is None:
            return
        with self._lock:
            arrival = self._arrivals.pop(deliver.key, None)
        if arrival is not None:
            arrival.settle(self._content(deliver))

    def _content(self, deliver: Deliver) -> Outcome:
        if isinstance(deliver.content, OSError):
            return ProtocolViolation(
                f"value {deliver.key.index} of operation {deliver.key.operation} from {self.name} could not be "
                f"received: {deliver.content.strerror or deliver.content}",
                fix="give spill_dir a folder with room, or raise quota_bytes",
            )
        return deliver.content

    def _follow(self, instructions: Iterable[Instruction]) -> None:
        for instruction in instructions:
            if isinstance(instruction, Advanced):
                delivery = self._deliveries.get(instruction.key)
                if delivery is not None:
                    delivery.advance(instruction.nbytes)
                continue
            with self._lock:
                delivery = self._deliveries.pop(instruction.key, None)
            if delivery is None:
                continue
            self.traffic.values["sent"] += 1
            self.traffic.nbytes["sent"] += delivery.progress()[1]
            cause = instruction.cause
            delivery.settle(None if cause is None else self._declined(cause))

    def _declined(self, cause: str) -> ProtocolViolation:
        error = ProtocolViolation(f"{self.name} did not take a value of ours: {cause}")
        error.party = self.name
        return error

    def refused(self, refusal: Refusal) -> None:
        """Count a message that is not taken; too many of them end the run with this party."""
        total = self.refusals.count(self.name, refusal.kind, refusal.text)
        if refusal.fails is not None:
            with self._lock:
                arrival = self._arrivals.pop(refusal.fails, None)
            if arrival is not None:
                arrival.settle(self._violation(refusal.text))
        if total >= MAX_REFUSALS and self.lost_to is None:
            self.lose(self._violation(f"it sent {total} messages that the protocol does not allow"))

    def _violation(self, text: str) -> ProtocolViolation:
        error = ProtocolViolation(f"{self.name}: {text}", fix=f"ask {self.name}; its log says more")
        error.party = self.name
        return error

    # Life and death.

    def check_alive(self, now: float) -> None:
        """Give the party up if nothing was heard of it for too long."""
        silent = now - self.heard
        if self.lost_to is not None or silent <= self._link.peer_timeout_s:
            return
        line = self._forward
        if line is not None and line.open and silent <= PATIENCE * self._link.peer_timeout_s:
            return
        last = f"last heard of {silent:.1f} s ago"
        if self.down_since is not None:
            last += f", {self.down_cause} for {now - self.down_since:.1f} s"
        elif line is not None and line.open:
            last += "; its machine answers, its program does not"
        self.lose(
            PartyUnreachable(
                f"{self.name} at {self.address} is out of reach: {last}",
                party=self.name,
                fix=f"see whether {self.name} still runs (its log), then start the run again at every party",
            )
        )

    def lose(self, error: JuntoError) -> None:
        """Give the party up: everything that depends on it fails with `error`."""
        with self._lock:
            if self.lost_to is not None:
                return
            self.lost_to = error
            arrivals, self._arrivals = list(self._arrivals.values()), {}
            deliveries, self._deliveries = list(self._deliveries.values()), {}
            quiet = (self.left and not deliveries) or self.ended
        self.hang_up(f.Refused("given up", f"given up: {error.message}"[: f.DETAIL_CHARS], final=True))
        if not quiet:
            self._events.on_unreachable(self.name, error)
        for arrival in arrivals:
            arrival.settle(error)
        for delivery in deliveries:
            delivery.settle(error)
        with self.finished:
            self.finished.notify_all()

    def statistics(self) -> dict[str, Any]:
        """For a person."""
        return {
            "address": str(self.address),
            "state": "left" if self.left else "lost" if self.lost_to else "open" if self._forward else "down",
            "sent": {"values": self.traffic.values["sent"], "bytes": self.traffic.nbytes["sent"]},
            "received": {"values": self.traffic.values["received"], "bytes": self.traffic.nbytes["received"]},
            "in_memory_bytes": self._mailbox.in_memory,
            "early_values": self._mailbox.early,
            "refused": self.refusals.by_cause(),
        }

    def _open_buffer(self, nbytes: int, spill: bool) -> Buffer:
        return SpillBuffer(nbytes, self._link.spill_dir) if spill else MemoryBuffer(nbytes)

    @staticmethod
    def _wake(line: Line | None) -> None:
        if line is not None:
            line.wake()
