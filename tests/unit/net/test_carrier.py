"""Both carriers by their one page: who has called, messages whole and in order, and an end that is heard."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator

import pytest

from gateways import QUICK, Site
from junto.net.carrier import Caller, Carrier, CarrierConnection
from junto.net.frames import MESSAGE_BYTES
from junto.net.grpc_carrier import GrpcCarrier
from junto.net.line import Line
from junto.net.socket_carrier import SocketCarrier

MESSAGES = [b"first", bytes(100_000), bytes(range(256)) * 2, bytes(MESSAGE_BYTES), b"last"]


class End:
    """A line that is open, what it still has to say, and what is heard on the connection."""

    def __init__(self) -> None:
        self.due: deque[bytes] = deque()
        self.heard: queue.Queue[bytes | None] = queue.Queue()
        self.line = Line(lambda _: self.due.popleft() if self.due else None)
        self.line.open = True

    def say(self, messages: Iterable[bytes]) -> None:
        self.due.extend(messages)
        self.line.wake()

    def hear(self, messages: Iterable[bytes]) -> None:
        def run() -> None:
            for message in messages:
                self.heard.put(message)
            self.heard.put(None)

        threading.Thread(target=run, daemon=True).start()


class Two:
    """Bob listens, alice has dialled him."""

    def __init__(self, kind: type[Carrier]) -> None:
        self.site = site = Site("alice", "bob")
        alice, bob = (kind(site.credentials[name], site.cluster, QUICK) for name in ("alice", "bob"))
        self.callers: queue.Queue[Caller] = queue.Queue()
        self.alice, self.bob = End(), End()
        self.listener = bob.listen(site.cluster["bob"].listen, self._accept)
        self.listener.start()
        report = alice.probe(site.cluster["bob"].address, "bob", 20.0)
        assert report.ok, report
        self.call: CarrierConnection = alice.dial(report, self.alice.line)
        self.alice.hear(self.call)

    def _accept(self, caller: Caller, messages: Iterator[bytes]) -> Line:
        self.callers.put(caller)
        self.bob.hear(messages)
        return self.bob.line

    def close(self) -> None:
        self.call.close()
        self.bob.line.close()  # as whoever hears the end does: a listener that stops waits for it
        self.listener.stop(5.0)


@pytest.fixture(params=[GrpcCarrier, SocketCarrier], ids=["grpc", "socket"])
def two(request: pytest.FixtureRequest) -> Iterator[Two]:
    made = Two(request.param)
    yield made
    made.close()


def test_messages_come_whole_and_in_order_both_ways_and_the_caller_is_named(two: Two) -> None:
    two.alice.say(MESSAGES)
    assert [two.bob.heard.get(timeout=20) for _ in MESSAGES] == MESSAGES
    two.bob.say(reversed(MESSAGES))
    assert [two.alice.heard.get(timeout=20) for _ in MESSAGES] == MESSAGES[::-1]
    caller = two.callers.get(timeout=20)
    assert (caller.party, caller.error) == ("alice", None)
    assert "127.0.0.1" in caller.place


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_the_last_words_of_who_closes_come_before_the_end(two: Two, who: str) -> None:
    two.alice.say([b"hello"])
    assert two.bob.heard.get(timeout=20) == b"hello"
    closes, hears = (two.alice, two.bob) if who == "alice" else (two.bob, two.alice)
    closes.say([b"last words"])
    assert hears.heard.get(timeout=20) == b"last words"
    closes.line.close()
    hears.line.close()  # as whoever hears the end does
    assert hears.heard.get(timeout=20) is None


def test_a_connection_that_is_closed_at_once_ends_and_lets_its_threads_go(two: Two) -> None:
    two.call.close()
    two.call.join(20.0)
    assert two.alice.heard.get(timeout=20) is None
    two.call.close()  # twice is allowed
