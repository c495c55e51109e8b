"""What two parties say to each other beside the values of the program, for a protocol between the two.

A greeting goes like a value: the gateway has authenticated who sends it. What follows goes on ordered streams
of the same connection. No operation waits for any of it, and the ledger has one line a stream and direction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from junto.net.api import Arrival, Delivery, Failure, Gateway, OrderedStream, Stamp, TransferKey
from junto.program.exchange import CrossingObserver, ValueTransfer
from junto.program.timeline import Traffic
from junto.wire.payload import Payload, Summary

LANES = 4
"""How many streams two parties may have beside one operation; lane 0 is the greeting's."""

KIND = "link"
"""What the ledger calls them."""

OnMessage = Callable[[memoryview | Exception], None]
"""Called with a message, or with why it never comes, from the network's threads: must not block."""


def beside(site: str, ways: Sequence[tuple[str, str]], crossed: Sequence[int]) -> list[Traffic]:
    """So many bytes on each way, of an operation at `site`."""
    return [
        Traffic(site, KIND, *ends, _SUMMARY.type_name, 1, nbytes)
        for ends, nbytes in zip(ways, crossed, strict=True)
        if nbytes
    ]


class Aside:
    """All of it between us and one other party, for one operation, which carries no values. Thread-safe.

    Args:
        gateway: the door.
        stamp: of the operation; the same at both.
        ends: our name and the other party's.
        is_trusted: whether a party runs our program; nothing is heard of one that does not.
    """

    def __init__(
        self, gateway: Gateway, stamp: Stamp, ends: tuple[str, str], is_trusted: Callable[[str], bool]
    ) -> None:
        self._gateway = gateway
        self._stamp = stamp
        self._me: str = ends[0]
        self.party: str = ends[1]
        self._is_trusted = is_trusted
        self._lock = threading.Lock()
        self._greeting = [0, 0]
        self._streams: dict[int, OrderedStream] = {}
        self._written: set[int] = set()

    def greet(self, message: bytes) -> Delivery:
        """Send the greeting."""
        with self._lock:
            self._greeting[0] += len(message)
        payload = Payload((memoryview(message),), len(message), _SUMMARY)
        return self._gateway.push(self.party, self._key, self._stamp, payload)

    def hear(self, then: OnMessage) -> None:
        """Ask for the other party's greeting; `then` is called once, perhaps at once."""

        def arrived(arrival: Arrival) -> None:
            if not self._is_trusted(self.party):
                return  # the session's fault, which is on its way, ends whoever waits
            outcome = arrival.outcome()
            if isinstance(outcome, Failure):
                outcome = ValueError("a failure arrived, where only messages do")
            if isinstance(outcome, memoryview):
                with self._lock:
                    self._greeting[1] += len(outcome)
            then(outcome)

        self._gateway.expect(self.party, self._key).add_done_callback(arrived)

    def stream(self, lane: int, frame_bytes: int | None = None) -> OrderedStream:
        """Our end of an ordered stream; both parties open it.

        Args:
            lane: from 1, below `LANES`; the same at both.
            frame_bytes: see `Pipe`.
        """
        number = self._stamp.operation * LANES + lane
        stream = self._gateway.stream(self.party, number, lambda: self._is_trusted(self.party), frame_bytes)
        with self._lock:
            self._streams[lane] = stream
        return stream

    def traffic(self) -> list[Traffic]:
        """What has crossed and is not in the ledger yet."""
        ways = self._ways
        return [item for _, *crossed in self._crossed() for item in beside(self._stamp.site, ways, crossed)]

    def account(self, witness: CrossingObserver) -> None:
        """Write into the ledger, once, what has crossed."""
        for lane, sent, received in self._crossed():
            if sent:
                witness.sent(ValueTransfer(self._stamp, lane, KIND, *self._ways[0]), _SUMMARY, sent)
            if received:
                witness.received(ValueTransfer(self._stamp, lane, KIND, *self._ways[1]), _SUMMARY, received)
            self._written.add(lane)

    @property
    def _ways(self) -> tuple[tuple[str, str], tuple[str, str]]:
        return (self._me, self.party), (self.party, self._me)

    def _crossed(self) -> list[tuple[int, int, int]]:
        """(lane, bytes sent, bytes received) of what is not written yet."""
        with self._lock:
            sent, received = self._greeting
            lanes = [(0, sent, received)]
            lanes += [(lane, *each.traffic()) for lane, each in self._streams.items()]
        return [each for each in lanes if each[0] not in self._written]

    @property
    def _key(self) -> TransferKey:
        return TransferKey(self._stamp.operation, 0)


_SUMMARY = Summary("messages")
