"""Messages to and from one other party beside the values of the program, for a protocol between the two.

They take the same way as values: the gateway has authenticated who sends them, and sends them again after a
break. But no operation waits for one, and the ledger has one line for all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from junto.program.exchange import Passage, Witness
from junto.program.timeline import Traffic
from junto.silo.api import Arrival, Delivery, Failure, Gateway, Key, Stamp
from junto.wire.payload import Payload, Summary

LANES = 8
"""How many streams of messages two parties may have beside one operation."""

TURN = (1 << 31) // LANES
"""So many messages of a lane have different keys; the next one has that of the first, which is long over."""

LARGEST = 1 << 20
"""Bytes of the largest message: what travels whole, without being offered first."""

KIND = "link"
"""What the ledger calls them."""

OnMessage = Callable[[memoryview | Exception], None]
"""Called with a message, or with why it never comes, from the network's threads: must not block."""


class Aside:
    """One lane between us and another party. Thread-safe; nothing in it blocks.

    Messages are numbered from 0, separately in each direction. Their keys are of the operation `stamp`, which
    therefore must not carry values of its own. The other party takes a message only after it has said that it
    expects it, so the two sides have to agree on how far one may run ahead (one that comes before the other
    side has come to `stamp` is kept for it). Fewer than `TURN` messages may be on their way at once.

    Args:
        gateway: the door.
        stamp: which operation they belong to; the same at both.
        ends: our name and the other party's.
        lane: below `LANES`; the same at both.
        is_trusted: whether a party runs our program; nothing is heard of one that does not.
    """

    def __init__(
        self,
        gateway: Gateway,
        stamp: Stamp,
        ends: tuple[str, str],
        lane: int,
        is_trusted: Callable[[str], bool],
    ) -> None:
        self._gateway = gateway
        self._stamp = stamp
        self._me, self.party = ends
        self._lane = lane
        self._is_trusted = is_trusted
        self._lock = threading.Lock()
        self._sent = self._received = 0

    def push(self, number: int, message: bytes) -> Delivery:
        """Send message `number`, of at most `LARGEST` bytes."""
        with self._lock:
            self._sent += len(message)
        view = memoryview(message)
        payload = Payload((view,) if message else (), len(message), _SUMMARY)
        return self._gateway.push(self.party, self._key(number), self._stamp, payload)

    def expect(self, number: int, then: OnMessage) -> None:
        """Ask for message `number`; `then` is called once, perhaps at once."""

        def arrived(arrival: Arrival) -> None:
            if not self._is_trusted(self.party):
                return  # the session's fault, which is on its way, ends whoever waits
            outcome = arrival.outcome()
            if isinstance(outcome, Failure):
                outcome = ValueError("a failure arrived, where only messages do")
            if isinstance(outcome, memoryview):
                with self._lock:
                    self._received += len(outcome)
            then(outcome)

        self._gateway.expect(self.party, self._key(number)).add_done_callback(arrived)

    def traffic(self) -> list[Traffic]:
        """What has crossed and is not in the ledger yet."""
        with self._lock:
            ways = ((self._me, self.party, self._sent), (self.party, self._me, self._received))
        return [
            Traffic(self._stamp.site, KIND, sender, receiver, _SUMMARY.type_name, 1, nbytes)
            for sender, receiver, nbytes in ways
            if nbytes
        ]

    def account(self, witness: Witness) -> None:
        """Write into the ledger what has crossed since this was called last."""
        with self._lock:
            sent, self._sent = self._sent, 0
            received, self._received = self._received, 0
        if sent:
            witness.sent(Passage(self._stamp, self._lane, KIND, self._me, self.party), _SUMMARY, sent)
        if received:
            witness.received(Passage(self._stamp, self._lane, KIND, self.party, self._me), _SUMMARY, received)

    def _key(self, number: int) -> Key:
        return Key(self._stamp.operation, number % TURN * LANES + self._lane)


_SUMMARY = Summary("messages")
