"""Parties that start at once meet, every time: many starts, with mutual TLS.

Minutes, so not in the suite: `pytest tests/multiparty/many_meetings.py`.
"""

import pytest

from gateways import Site


# A peer that resets the connection in the middle of a handshake leaves a socket to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("count", "starts"), [(3, 500), (12, 50)])
def test_parties_that_start_at_once_always_meet(count, starts):
    names = [f"party{number}" for number in range(count)]
    for _ in range(starts):
        with Site(*names) as site:
            for name in names:
                site.make(name)
            gateways = site.meet_all()
            refused = {name: gateway.statistics()["peers"] for name, gateway in gateways.items()}
            for name, peers in refused.items():
                assert not any(peer["refused"] for peer in peers.values()), (name, peers)
