"""What a party says of itself, without a network."""

from gateways import Heard, stamp
from junto.config.model import Address, LinkSettings, PartySettings
from junto.net.api import Activity
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
