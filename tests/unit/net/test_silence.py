"""A party is given up when it has been silent for too long: not a heartbeat later, nor sooner."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways import Heard, Site
from junto.config.model import LinkSettings
from junto.net import gateway as gateway_file
from junto.net import peer as peer_file
from tries import tries

SITE = Site(tls=False)


class Clock:
    """Time that passes while somebody waits, and by nothing else."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@settings(max_examples=tries(60), deadline=None)
@given(
    timeout_s=st.floats(0.5, 60),
    beats=st.floats(0.01, 0.5),
    words=st.lists(st.floats(0, 1), max_size=6),
)
def test_a_silence_ends_when_it_is_over(timeout_s, beats, words):
    """`words`: after which part of the timeout it is heard of once more."""
    clock, heard = Clock(), Heard()
    link = LinkSettings(peer_timeout_s=timeout_s, heartbeat_s=timeout_s * beats)
    made = gateway_file.SiloGateway(SITE.settings("alice", link=link), {}, heard)
    made._meeting = SimpleNamespace(over=True, close=lambda: None)
    (bob,) = made._peers.values()
    bob.connection.heard = clock.now
    due = [clock.now]
    for share in words:
        due.append(due[-1] + share * timeout_s * 0.999)

    def wait(nap):
        assert nap >= 0
        clock.now += max(nap, 1e-6)
        bob.connection.heard = max(at for at in due if at <= clock.now)
        return bob.lost_to is not None

    made._closed = SimpleNamespace(wait=wait)
    with pytest.MonkeyPatch.context() as patch:
        for each in (gateway_file, peer_file):
            patch.setattr(each, "time", clock)
        patch.setattr(gateway_file, "since_boot", clock.monotonic)
        patch.setattr(bob, "hang_up", lambda *_: None)
        lost_at: list[float] = []
        patch.setattr(heard, "on_unreachable", lambda *_: lost_at.append(clock.now))
        made._beat()
    assert math.isclose(lost_at[0], due[-1] + timeout_s, abs_tol=1e-3)
