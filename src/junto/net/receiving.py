"""Values of one party on their way to us: the mailbox, its arrivals, and the line that they come on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from junto.config.model import LinkSettings
from junto.errors import ConfigError, JuntoError, ProtocolViolation
from junto.net import frames as f
from junto.net.api import Arrival, TransferKey
from junto.net.arriving import Deliver, Write
from junto.net.buffers import Buffer, MemoryBuffer, SpillBuffer
from junto.net.header import Ordered
from junto.net.line import StreamSender
from junto.net.mailbox import Mailbox, Refusal
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
        line: on which we want them.
        values, nbytes: received so far.
    """

    def __init__(self, party: str, link: LinkSettings, refuse: Callable[[Refusal], None]) -> None:
        self.line: StreamSender | None = None
        self.values: int = 0
        self.nbytes: int = 0
        self._party = party
        self._link = link
        self._refuse = refuse
        self._lock = threading.Lock()
        self._mailbox = Mailbox(self._open_buffer, link.quota_bytes, link.max_value_bytes)
        self._arrivals: dict[TransferKey, Awaited] = {}
        self._ack_due = 0.0
        self._line_knows = False
        self._asked = 0  # the turn of the line that was named last
        self._turned = False  # what comes on it answers that
        self._given_up: JuntoError | None = None
        self._readers: dict[int, Callable[[Ordered | Exception], None]] = {}

    @property
    def settled(self) -> int:
        """How many transfers were taken or declined."""
        return self._mailbox.settled

    @property
    def early(self) -> int:
        """How many values are known before their time."""
        return self._mailbox.early

    @property
    def in_memory(self) -> int:
        """Bytes in memory that the program has not got."""
        return self._mailbox.in_memory

    @property
    def moved(self) -> int:
        """Grows with everything that gets on."""
        return self._mailbox.moved

    def must_move(self) -> tuple[TransferKey, int, int] | None:
        """The oldest value that has to get on (key, bytes here, bytes in all): it was asked for."""
        with self._lock:
            return self._mailbox.must_move()

    # The program.

    def expect(self, key: TransferKey) -> Arrival:
        """See `Gateway.expect`."""
        arrival = Awaited()
        with self._lock:
            delivered = self._mailbox.expect(key)
            self._arrivals[key] = arrival
            error = self._given_up
            owes = self._mailbox.owes
        if delivered:
            self._deliver(delivered)
        if error is not None:
            with self._lock:
                self._arrivals.pop(key, None)
            arrival.settle(error)  # unless it was here already
        if owes:
            self._wake(owes)
        return arrival

    def advance(self, operation: int) -> None:
        """Our program has come as far as `operation`."""
        with self._lock:
            refusals, delivered = self._mailbox.advance(operation)
            owes = self._mailbox.owes
        for refusal in refusals:
            self._refuse(refusal)
        if owes:
            self._wake(owes)
        if delivered:
            self._deliver(delivered)

    def tick(self) -> None:
        """A heartbeat has passed."""
        with self._lock:
            owes = self._mailbox.tick()
        self._wake(owes)

    # The line.

    def open(self, line: StreamSender, *more: f.ControlFrame) -> None:
        """From here on we want the values on this line; its other end hears what we have, and `more`."""
        with self._lock:
            self.line = line
            resumed = self._mailbox.resume()
            self._asked, self._turned = resumed.turn, not line.named
            line.named = True
            line.start(resumed, *more)
        line.wake()

    def turned(self, line: StreamSender, frame: f.Turned) -> None:
        """What follows on a line that was named before was asked for with the turn that is said."""
        with self._lock:
            if line is self.line and frame.turn == self._asked:
                self._turned = True

    def close(self, line: StreamSender) -> bool:
        """A line is over; whether it was the one in use."""
        with self._lock:
            if line is not self.line:
                return False
            self.line = None
        return True

    def pull(self, line: StreamSender) -> bytes | float | None:
        """The next message for this line; see `StreamSender`."""
        with self._lock:
            if line is not self.line or not (self._ack_due or self._mailbox.owes):
                return None
            wait = self._ack_due - time.monotonic() if self._ack_due else 0.0
            if wait > 0 and not self._mailbox.owes:
                return wait
            self._ack_due = 0.0
            frames = self._mailbox.take()
        return f.pack(frames) if frames else None

    def value(self, line: StreamSender, frame: f.Value | f.Failed | f.Offer) -> None:
        """A small value, a failure or an offer."""
        try:
            with self._lock:
                if line is not self.line or not self._turned:
                    return
                if isinstance(frame, f.Offer):
                    delivered = self._mailbox.offer(frame)
                else:
                    delivered = self._mailbox.whole(frame)
                arrival = self._arrivals.get(frame.key)
                self._acknowledge_soon()
        except Refusal as refusal:
            self._refused(refusal)
            return
        if isinstance(frame, f.Value):
            self.values += 1
            self.nbytes += len(frame.payload)
        elif isinstance(frame, f.Offer) and arrival is not None:
            arrival.advance(0, frame.nbytes)
        self._deliver(delivered)

    def chunk(self, line: StreamSender, chunk: f.Chunk) -> None:
        """A part of a large value. It is stored without the lock: the program goes on meanwhile."""
        try:
            with self._lock:
                if line is not self.line or not self._turned:
                    return
                turn, write = self._asked, self._mailbox.chunk(chunk.transfer, chunk.offset, chunk.data)
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
        with self._lock:
            if turn != self._asked:
                return  # the new stream brings these bytes again
            if failure is None:
                delivered = self._mailbox.written(write)
            else:
                delivered = self._mailbox.failed(write, failure)
            arrival = self._arrivals.get(entry.key)
            self._acknowledge_soon()
        self.nbytes += len(write.data)
        self.values += entry.received == entry.nbytes
        if arrival is not None:
            arrival.advance(entry.received, entry.nbytes)
        self.wake()
        self._deliver(delivered)

    # Ordered streams.

    def open_stream(self, stream: int, arrived: Callable[[Ordered | Exception], None]) -> None:
        """Our end of a stream is open.

        `arrived` is called with each new frame, or with why no more will come. Raises ValueError if it was
        open before, or there are too many.
        """
        with self._lock:
            self._mailbox.open_stream(stream)
            self._readers[stream] = arrived
            error = self._given_up
        if error is not None:
            arrived(error)
        self._wake(True)

    def read(self, stream: int) -> Ordered | None:
        """The next frame of a stream, if it is here."""
        with self._lock:
            frame, told = self._mailbox.pop(stream)
        if told:
            self._wake(True)
        return frame

    def close_stream(self, stream: int) -> None:
        """Nobody reads a stream any more: whatever comes counts as read."""
        with self._lock:
            self._mailbox.close_stream(stream)
        self._wake(True)

    def ordered(self, line: StreamSender, frame: Ordered) -> None:
        """A frame of a stream."""
        stream = frame.header.stream
        try:
            with self._lock:
                if line is not self.line or not self._turned:
                    return
                new = self._mailbox.ordered(frame)
        except Refusal as refusal:
            self._refuse(refusal)
            arrived = self._readers.get(stream)
            if arrived is not None:
                arrived(self._violation(refusal.text, f"ask {self._party}; its log says more"))
            return
        if new:
            self.nbytes += len(frame.body)
            self._readers[stream](frame)
        if self._mailbox.tells:
            self._wake(True)

    # The end.

    def give_up(self, error: JuntoError) -> None:
        """Nothing more will come: everything that is expected fails with `error`."""
        with self._lock:
            self._given_up = error
            self._mailbox.clear()
            arrivals, self._arrivals = list(self._arrivals.values()), {}
        for arrived in list(self._readers.values()):
            arrived(error)
        for arrival in arrivals:
            arrival.settle(error)

    def clear(self) -> None:
        """Let go of what is here in part."""
        with self._lock:
            self._mailbox.clear()

    def _acknowledge_soon(self) -> None:
        if self._ack_due == 0.0 and self._mailbox.unsaid:
            self._ack_due, self._line_knows = time.monotonic() + ACK_DELAY_S, False

    def _deliver(self, delivered: list[Deliver]) -> None:
        for deliver in delivered:
            with self._lock:
                arrival = self._arrivals.pop(deliver.key, None)
            if arrival is not None:
                arrival.settle(self._outcome(deliver))

    def _outcome(self, deliver: Deliver) -> Outcome:
        if not isinstance(deliver.content, OSError):
            return deliver.content
        key, why = deliver.key, deliver.content.strerror or deliver.content
        return ConfigError(
            f"there is no room for value {key.index} of operation {key.operation}, from {self._party}: {why}",
            fix="give spill_dir a folder with room, or raise quota_bytes",
        )

    def _refused(self, refusal: Refusal) -> None:
        if refusal.fails is not None:
            with self._lock:
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
        with self._lock:
            owes = self._mailbox.owes or (self._ack_due != 0.0 and not self._line_knows)
            self._line_knows = True
        if owes:
            self._wake(owes)

    def _wake(self, owes: bool) -> None:
        line = self.line
        if owes and line is not None:
            line.wake()
