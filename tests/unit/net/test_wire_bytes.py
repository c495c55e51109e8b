"""How many bytes a round of an SPU takes on the wire: what the system says to have sent, TLS included."""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
import threading
from contextlib import suppress

import pytest

from gateways import LinkSettings, Site, until
from junto.mpc.channel import Channel, Ends
from junto.mpc.link_options import LinkOptions
from junto.net.ordered import WINDOW
from link_helpers import both, good

ROUND = {"socket": 36, "grpc": 46}
"""Of one party and round. TLS 22 and our header 1 on both; a length 4, or gRPC's 14; 8 are the share. The
rest is what the reader says of half a window. gRPC sends pings besides, by the clock, left out here."""

CALM = LinkSettings(peer_timeout_s=600.0, heartbeat_s=100.0, channel_options=(("grpc.http2.bdp_probe", 0),))
LOOKS = 20
ACKED = struct.Struct("@120xQ")
"""In Linux's `tcp_info`: bytes that the other side has acknowledged."""


def sent(ports: set[int]) -> int:
    """Bytes that both parties have sent, once the system has acknowledged all of them."""
    total = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # gone meanwhile, or not connected
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as one:
                tcp = one.family in (socket.AF_INET, socket.AF_INET6)
                if tcp and {one.getsockname()[1], one.getpeername()[1]} & ports:
                    total += ACKED.unpack_from(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192))[0]
    return total


def stands(looks: list[int], now: int) -> bool:
    """Whether it has been the same for a while: no other connection is being made, either."""
    looks.append(now)
    return len(looks) > LOOKS and set(looks[-LOOKS:]) == {now}


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not say")
@pytest.mark.parametrize("carrier", ROUND)
def test_a_round_of_8_bytes(carrier: str) -> None:
    with Site("alice", "bob", carrier=carrier, link=CALM) as job:
        job.meet()
        ports = set().union(*(gateway.ports() for gateway in job.gateways.values()))
        ends = (("alice", "bob"), ("bob", "alice"))
        channels = [
            Channel(job.gateways[me].stream(peer, 1, lambda: True), Ends(me, peer), LinkOptions())
            for me, peer in ends
        ]
        barrier, seen = threading.Barrier(2, timeout=60), list[int]()

        def rounds(channel: Channel) -> None:
            channel.label(1)
            for count in (8, WINDOW):
                for _ in range(count):
                    channel.exchange([bytes(8)], 8)
                if not barrier.wait():
                    looks = list[int]()
                    until(lambda looks=looks: stands(looks, sent(ports)))
                    seen.append(looks[-1])
                barrier.wait()

        good(both(*(lambda channel=channel: rounds(channel) for channel in channels), timeout=120))
        for channel in channels:
            channel.close()
        assert 35 < (seen[1] - seen[0]) / (2 * WINDOW) <= ROUND[carrier]
