"""A process that did not run for a while says so: its own standstill is no other party's silence."""

import logging

from gateways import Site, until
from junto.config.model import LinkSettings
from junto.net import gateway

PATIENT = LinkSettings(peer_timeout_s=120.0, heartbeat_s=0.2)


def test_a_process_that_was_stopped_or_slept_says_so_and_blames_nobody(monkeypatch, caplog):
    """Of a machine that slept the monotonic clock knows nothing."""
    slept, since_boot = [0.0], gateway.since_boot
    monkeypatch.setattr(gateway, "since_boot", lambda: since_boot() + sum(slept))
    with Site(tls=False, link=PATIENT) as site, caplog.at_level(logging.WARNING, "junto.net"):
        site.meet()
        slept.append(4000)
        until(lambda: sum("did not run for 40" in said for said in caplog.messages) >= 2, 60)
        beats = site.heard["alice"].activities
        before = len(beats)
        until(lambda: len(beats) > before + 8, 60)
        assert site.heard["alice"].events.empty()
        for gateway_ in site.gateways.values():
            assert all(round(peer.stood_still[1], -2) == 4000 for peer in gateway_._peers.values())
