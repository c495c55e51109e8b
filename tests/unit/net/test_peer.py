"""What a party says of itself, without a network."""

import time

import pytest

from gateways import Heard, stamp
from junto.config.model import Address, LinkSettings, PartySettings
from junto.net.api import Activity
from junto.net.line import Line, Route
from junto.net.peer import Peer


def test_a_heartbeat_says_no_position_before_the_window_there_is_open(monkeypatch):
    """Else the other party sends at once what lies a window ahead of it, and it is refused here."""
    nowhere = Address("127.0.0.1", 1)
    peer = Peer(PartySettings("bob", nowhere, nowhere), LinkSettings(), Heard())
    said: list[int] = []

    def advance(operation: int) -> None:
        said.append(peer._pulse().activity.stamp.operation)

    monkeypatch.setattr(peer.connection, "advance", advance)
    peer.publish(Activity(stamp(7)))
    assert said == [0]
    assert peer._pulse().activity.stamp.operation == 7


@pytest.mark.parametrize(("ago", "said"), [(None, False), (9.0, True), (2000.0, False)])
def test_a_party_that_is_gone_after_our_own_standstill_is_not_blamed_alone(monkeypatch, ago, said):
    """It gave us up while we slept, and left: see `test_absence.py` for who counts the seconds."""
    nowhere, now = Address("127.0.0.1", 1), time.monotonic() + 3000
    heard = Heard()
    monkeypatch.setattr(heard, "last_seen", lambda party: f"{party} at operation 7", raising=False)
    peer = Peer(PartySettings("bob", nowhere, nowhere), LinkSettings(), heard)
    peer.connection.heard = now - 8.5
    if ago is not None:
        peer.stood_still = (now - ago, 29.0)
    peer.check_alive(now)
    assert ("this process did not run for 29 s before, so bob" in peer.lost_to.message) == said
    assert ("sleep" in peer.lost_to.fix) == said
    assert "start the run again" in peer.lost_to.fix
    assert "; when last heard of it was bob at operation 7" in peer.lost_to.message


def test_of_two_lines_that_come_the_same_way_the_later_one_stays():
    nowhere = Address("127.0.0.1", 1)
    peer = Peer(PartySettings("bob", nowhere, nowhere), LinkSettings(), Heard())
    ways = [(route, ours) for route in (Route(), Route("bob:1")) for ours in (False, True)]
    lines = [Line(lambda _: None, route) for route, _ in ways]
    for line, (_, ours) in zip(lines, ways, strict=True):
        line.on_refused = print if ours else None
        peer.opened(line)
    assert not any(line.closed for line in lines)
    assert peer.connection.wants is lines[2]  # a direct one, which they have dialled
    for which, (route, ours) in enumerate(ways):
        later = Line(lambda _: None, route)
        later.on_refused = print if ours else None
        peer.opened(later)
        assert [line.closed for line in lines] == [number <= which for number in range(4)]
