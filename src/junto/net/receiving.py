"""Values of one party on their way to us: the mailbox, its arrivals, and the line that they come on."""

from __future__ import annotations

import time
from collections.abc import Callable

from junto.config.model import LinkSettings
from junto.errors import ConfigError, JuntoError, ProtocolViolation
from junto.net import frames as f
from junto.net.api import Arrival, TransferKey
from junto.net.arriving import Deliver, Write
from junto.net.buffers import Buffer, MemoryBuffer, SpillBuffer
from junto.net.header import Kind, Ordered
from junto.net.line import Line, StreamsLock
from junto.net.mailbox import Mailbox, Refusal
from junto.net.ordered import StreamReader
from junto.net.settled import Awaited, Outcome

ACK_DELAY_S = 0.01
"""Acknowledgements of small values wait for each other so long."""


class Receiving:
    """See the module. Thread-safe; callbacks run without a lock held.

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
        self._party = party
        self._link = link
        self._refuse = refuse
        self.lock = StreamsLock()
        self.mailbox: Mailbox = Mailbox(self._open_buffer, link.quota_bytes, link.max_value_bytes)
        self._arrivals: dict[TransferKey, Awaited] = {}
        self._ack_due = 0.0
        self._line_knows = False
        self._asked = 0  # the turn of the line that was named last
        self._turned = False  # what comes on it answers that
        self._given_up: JuntoError | None = None

    # The program.

    def expect(self, key: TransferKey) -> Arrival:
        """See `Gateway.expect`."""
        arrival = Awaited()
        with self.lock:
            delivered = self.mailbox.expect(key)
            self._arrivals[key] = arrival
            error = self._given_up
            owes = self.mailbox.owes
        if delivered:
            self._deliver(delivered)
        if error is not None:
            with self.lock:
                self._arrivals.pop(key, None)
            arrival.settle(error)  # unless it was here already
        if owes:
            self._wake(owes)
        return arrival

    def advance(self, operation: int) -> None:
        """Our program has come as far as `operation`."""
        with self.lock:
            refusals, delivered = self.mailbox.advance(operation)
            owes = self.mailbox.owes
        for refusal in refusals:
            self._refuse(refusal)
        if owes:
            self._wake(owes)
        if delivered:
            self._deliver(delivered)

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
                if isinstance(frame, f.Offer):
                    delivered = self.mailbox.offer(frame)
                else:
                    delivered = self.mailbox.whole(frame)
                arrival = self._arrivals.get(frame.key)
                if not self._ack_due:
                    self._ack_due, self._line_knows = time.monotonic() + ACK_DELAY_S, False
        except Refusal as refusal:
            self._refused(refusal)
            return
        if isinstance(frame, f.Value):
            self.values += 1
            self.nbytes += len(frame.payload)
        elif isinstance(frame, f.Offer) and arrival is not None:
            arrival.advance(0, frame.nbytes)
        self._deliver(delivered)

    def chunk(self, line: Line, chunk: f.Chunk) -> None:
        """A part of a large value. It is stored without the lock: the program goes on meanwhile."""
        try:
            with self.lock:
                if line is not self.line or not self._turned:
                    return
                turn, write = self._asked, self.mailbox.chunk(chunk.transfer, chunk.offset, chunk.data)
        except Refusal as refusal:
            self._refused(refusal)
            return
        if write is None:
            return
        failure: OSError | None = None
        try:
            write.buffer.write(write.offset, write.data)
        except OSError as error:
            failure = error
        self._written(turn, write, failure)

    def _written(self, turn: int, write: Write, failure: OSError | None) -> None:
        entry = write.entry
        with self.lock:
            if turn != self._asked:
                return  # the new connection brings these bytes again
            if failure is None:
                delivered = self.mailbox.written(write)
            else:
                delivered = self.mailbox.failed(write, failure)
            arrival = self._arrivals.get(entry.key)
            if not self._ack_due:
                self._ack_due, self._line_knows = time.monotonic() + ACK_DELAY_S, False
        self.nbytes += len(write.data)
        self.values += entry.received == entry.nbytes
        if arrival is not None:
            arrival.advance(entry.received, entry.nbytes)
        self.wake()
        self._deliver(delivered)

    # Ordered streams.

    def open_stream(self, stream: int) -> StreamReader:
        """Our half of a stream. Raises ValueError if it was open before, or there are too many."""
        with self.lock:
            reader = self.mailbox.open_stream(stream)
            reader.trouble = self._given_up
        self._wake(True)
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
                    violation = self._violation(refusal.text, f"ask {self._party}; its log says more")
                    reader.trouble = reader.trouble or violation
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
            self.mailbox.clear()
            arrivals, self._arrivals = list(self._arrivals.values()), {}
            for reader in self.mailbox.streams.values():
                reader.trouble = reader.trouble or error
            self.lock.tell()
        for arrival in arrivals:
            arrival.settle(error)

    def clear(self) -> None:
        """Let go of what is here in part."""
        with self.lock:
            self.mailbox.clear()

    def _deliver(self, delivered: list[Deliver]) -> None:
        for deliver in delivered:
            with self.lock:
                arrival = self._arrivals.pop(deliver.key, None)
            if arrival is not None:
                content = deliver.content
                arrival.settle(
                    self._no_room(deliver.key, content) if isinstance(content, OSError) else content
                )

    def _no_room(self, key: TransferKey, error: OSError) -> Outcome:
        why = error.strerror or error
        return ConfigError(
            f"there is no room for value {key.index} of operation {key.operation}, from {self._party}: {why}",
            fix="give spill_dir a folder with room, or raise quota_bytes",
        )

    def _refused(self, refusal: Refusal) -> None:
        if refusal.fails is not None:
            with self.lock:
                arrival = self._arrivals.pop(refusal.fails, None)
            if arrival is not None:
                arrival.settle(self._violation(refusal.text, f"ask {self._party}; its log says more"))
        self._refuse(refusal)

    def _violation(self, text: str, fix: str) -> ProtocolViolation:
        error = ProtocolViolation(f"{self._party}: {text}", fix=fix)
        error.party = self._party
        return error

    def _open_buffer(self, nbytes: int, spill: bool) -> Buffer:
        return SpillBuffer(nbytes, self._link.spill_dir) if spill else MemoryBuffer(nbytes)

    def wake(self) -> None:
        """Messages have been heard: acknowledgements are due, now or a little later."""
        with self.lock:
            owes = self.mailbox.owes or (self._ack_due != 0.0 and not self._line_knows)
            self._line_knows = True
        if owes:
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
