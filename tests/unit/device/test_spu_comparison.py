"""The parties compare what they were told of an SPU, with a few lines in place of the network."""

import threading

import pytest

from junto.device.spu.comparison import Introductions
from junto.errors import HandshakeRefused, LinkError, PartyAborted, PartyUnreachable
from junto.mpc.greeting import Greeting, NodeHello
from junto.mpc.link_options import LinkOptions
from junto.net.api import Delivery
from link_helpers import both

QUICK = LinkOptions(connect_retry_times=1, connect_retry_interval_ms=200, handshake_timeout_ms=200)


class Way:
    """One party's end of what it and another one say; `said` replaces what the other one says."""

    def __init__(self, said=None):
        self.said = said
        self.other = self
        self.gate = None

    def greet(self, message):
        delivery = Delivery()
        delivery.settle(None)
        if self.other is not self:
            self.other.then(memoryview(message))
        return delivery

    def hear(self, then):
        self.then = then
        if self.said is not None:
            then(memoryview(self.said))
        if self.gate is not None:  # a gateway keeps what comes early; here both are ready first
            self.gate.wait(5)


def greeting(text="field: FM64", digest=b"d"):
    return Greeting(digest, text)


def meeting(one, other, options=QUICK):
    ways = Way(), Way()
    ways[0].other, ways[1].other = ways[1], ways[0]
    ways[0].gate = ways[1].gate = threading.Barrier(2)
    said = []
    pair = [
        Introductions(me, what, {peer: way}, options, lambda *told: said.append(told))
        for me, peer, what, way in (("alice", "bob", one, ways[0]), ("bob", "alice", other, ways[1]))
    ]
    return both(*(each.run for each in pair))


def test_nodes_with_the_same_settings_meet():
    assert meeting(greeting(), greeting()) == [None, None]


def test_both_print_the_same_difference():
    one, other = meeting(greeting("field: FM64\nbits: 18"), greeting("field: FM64\nbits: 20", b"e"))
    assert isinstance(one, HandshakeRefused)
    assert isinstance(other, HandshakeRefused)
    assert one.message == other.message
    assert all(word in one.message for word in ("bits", "18", "20"))
    assert "field" not in one.message


@pytest.mark.parametrize(
    "message",
    [b"nonsense", NodeHello("carol", "bob", greeting()).pack(), NodeHello("alice", "eve", greeting()).pack()],
)
def test_what_is_no_greeting_from_there_to_here_is_named(message):
    with pytest.raises(LinkError, match="alice"):
        Introductions("bob", greeting(), {"alice": Way(message)}, QUICK, print).run()


def test_who_does_not_come_is_named_in_time():
    with pytest.raises(PartyUnreachable, match=r"carol did not come to the link of the SPU within 0\.2 s"):
        Introductions("bob", greeting(), {"carol": Way()}, QUICK, print).run()


def test_a_fault_of_the_run_ends_the_wait():
    introductions = Introductions("bob", greeting(), {"carol": Way()}, LinkOptions(), print)
    introductions.cancel(PartyAborted("carol ended the run", party="carol"))
    with pytest.raises(PartyAborted):
        introductions.run()
