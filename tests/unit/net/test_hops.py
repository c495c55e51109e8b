"""How many functions of ours a round of an SPU and a small value pass: it may only become fewer."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType

import pytest

import junto
from gateways import LinkSettings, Site, payload, stamp, until
from junto.mpc.channel import Channel, Ends
from junto.mpc.link_options import LinkOptions
from junto.net.api import TransferKey
from link_helpers import both, good

ROOT = str(Path(junto.__file__).parent)
TIMES = 16
CALM = LinkSettings(peer_timeout_s=600.0, heartbeat_s=100.0)
"""No heartbeat passes meanwhile."""

ROUND = {"socket": (29, 9), "grpc": (30, 10)}
"""Functions and files of one exchange of 8 bytes, both ways: made, sent, received, and handed over.

A busy machine adds a few: then another thread reads than the one that waits.
"""

VALUE = {"socket": (32, 11), "grpc": (30, 10)}
"""Of one small value, from `push` to the program that waits for it; outbox and mailbox are a file each."""


class Passed:
    """Which functions run, in all threads, while it is `on`; those that run now and then do not count."""

    def __init__(self) -> None:
        self.on = False
        self.codes: Counter[CodeType] = Counter()

    def hear(self, frame: FrameType, event: str, _: object) -> None:
        if self.on and event == "call":
            self.codes[frame.f_code] += 1

    def at_most(self, functions: int, files: int) -> None:
        often = [code for code, count in self.codes.items() if count >= TIMES // 2]
        ours = [code for code in often if code.co_filename.startswith(ROOT)]
        names = sorted(f"{code.co_filename[len(ROOT) + 1 :]} {code.co_qualname}" for code in ours)
        assert len(names) <= functions, "\n".join([str(len(names)), *names])
        assert len({name.split()[0] for name in names}) <= files, "\n".join(names)


@pytest.fixture(scope="module", params=["socket", "grpc"])
def site(request: pytest.FixtureRequest) -> Iterator[tuple[str, Site, Passed]]:
    passed = Passed()
    threading.setprofile(passed.hear)
    try:
        with Site("alice", "bob", carrier=request.param, link=CALM) as site:
            site.meet()
            yield request.param, site, passed
    finally:
        threading.setprofile(None)


def test_a_round(site: tuple[str, Site, Passed]) -> None:
    carrier, job, passed = site
    channels = [
        Channel(job.gateways[me].stream(other, 1, lambda: True), Ends(me, other), LinkOptions())
        for me, other in (("alice", "bob"), ("bob", "alice"))
    ]
    barrier = threading.Barrier(2)

    def rounds(channel: Channel) -> None:
        channel.label(1)
        for index in range(40 + TIMES):
            if index == 40:
                barrier.wait()
                time.sleep(
                    0.3
                )  # after 32 rounds the writer hears that they were read: not in one that counts
                passed.on = True
            channel.exchange([bytes(8)], 8)
        passed.on = False

    passed.codes.clear()
    good(both(*(lambda channel=channel: rounds(channel) for channel in channels)))
    passed.at_most(*ROUND[carrier])
    for channel in channels:
        channel.close()


def test_a_small_value(site: tuple[str, Site, Passed]) -> None:
    carrier, job, passed = site
    alice, bob = job.gateways["alice"], job.gateways["bob"]
    passed.codes.clear()
    for operation in range(1, 4 + TIMES):
        key, came = TransferKey(operation, 0), list[object]()

        def arrived(arrival: object, came: list[object] = came) -> None:
            passed.on = False
            came.append(arrival)

        bob.expect("alice", key).add_done_callback(arrived)
        passed.on = operation > 3
        sys.setprofile(passed.hear)
        delivery = alice.push("bob", key, stamp(operation), payload(b"a number"))
        sys.setprofile(None)
        until(lambda came=came: came)
        alice.flush(10.0)
        assert delivery.error() is None
    passed.at_most(*VALUE[carrier])
