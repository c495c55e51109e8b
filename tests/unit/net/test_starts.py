"""Two starts of one party, as of two runs that follow each other: the one that is connected counts."""

import itertools
from types import SimpleNamespace

import pytest

from gateways import FACTS, Site, in_parallel, until
from junto.net import handshake
from junto.net.api import Abort
from junto.net.meeting import AnotherStart, Meeting, Restarted

NAMES = ("alice", "bob")


def hello(name: str, nonce: bytes):
    return handshake.hello(name, "junto", NAMES, FACTS, nonce * 16)


@pytest.mark.parametrize(
    ("known", "connected", "over", "again"),
    [(False,) * 4, *itertools.product([True], *[[False, True]] * 3)],
)
def test_which_start_of_a_party_counts(known, connected, over, again):
    """The one that we know while a connection of it stands; later ones before the run, and none in it."""
    bob = SimpleNamespace(is_open=lambda: True, is_reached=lambda: True, is_here=lambda: connected)
    meeting = Meeting(hello("alice", b"a"), {"bob": bob})
    if known:
        assert meeting.greet(hello("bob", b"1"))
    first = meeting.run
    if over:
        assert meeting.wait(0, print) == first
    came = hello("bob", b"1" if again else b"2")
    if again:
        assert not meeting.greet(came)
        assert meeting.run == first
    elif connected or over:
        with pytest.raises(AnotherStart if connected else Restarted):
            meeting.greet(came)
        assert meeting.run == first
    else:
        assert meeting.greet(came)
        assert meeting.run not in (None, first)


@pytest.mark.parametrize("ended", ["in agreement", "told"])
def test_who_begins_the_next_run_earlier_waits_for_who_still_ends_the_last_one(ended):
    with Site(*NAMES) as site:
        alice, bob = site.meet()
        if ended == "told":
            bob.abort(Abort("interrupted", "bob was interrupted"), 10)
        else:
            in_parallel(lambda: alice.leave(20), lambda: bob.leave(20))
        bob.close()
        bob = site.start("bob")
        until(lambda: alice.statistics()["peers"]["bob"]["refused"])
        alice.close()
        site.start("alice")
        site._meet(60)
