"""A gateway that is closed leaves no thread behind, neither of its own nor of gRPC's.

gRPC's threads are daemons: one that the interpreter's end stops while it holds a call's lock has whoever
collects that call wait for ever.
"""

import threading
import time

import pytest

from gateways import Site, until
from junto.net.grpc_carrier import GrpcCall

SENT = GrpcCall._sent


def slowly_ending(self, messages):
    yield from SENT(self, messages)
    time.sleep(0.3)  # as on a busy machine: whoever does not wait finds it alive


@pytest.mark.parametrize("tls", [True, False])
def test_no_thread_is_left(tls, monkeypatch):
    monkeypatch.setattr(GrpcCall, "_sent", slowly_ending)
    with Site("alice", "bob", "carol", tls=tls) as site:
        gateway, *_ = site.meet()
        ways = gateway._ways.values()
        # Two have met by a line of each.
        until(lambda: all({end.line.ours for end in way._ends} == {True, False} for way in ways))
        calls = [way._call for way in ways]
        until(lambda: all(call._threads for call in calls) and len(gateway._threads) == 5)
        own = set(gateway._threads)
        sending = {thread for call in calls for thread in call._threads}
        assert len(own) == 2 + 1 + 2  # it dials two, hears two, and says that it is alive
        assert len(sending) == 2
        began = time.monotonic()
        gateway.close()
        hearing = {thread for call in calls for thread in call._threads} - sending
        assert len(hearing) == 2
        assert [thread.name for thread in own | sending | hearing if thread.is_alive()] == []
        assert time.monotonic() - began < 60
        assert threading.current_thread() not in hearing


def test_who_probes_is_not_waited_for(monkeypatch):
    """A frozen party would keep the end of a run waiting: its probe holds no call, and makes none."""
    going = threading.Event()

    def frozen(*_):
        assert going.wait(120)
        raise OSError("too late")

    with Site() as site:
        gateway = site.make("alice")
        monkeypatch.setattr(gateway._carrier, "probe", frozen)
        monkeypatch.setattr("junto.net.gateway.SETTLED_S", 60.0)
        gateway.start()
        (way,) = gateway._ways.values()
        probing = until(lambda: way.probing)
        gateway.close()
        assert probing.is_alive()
        going.set()
        probing.join(60)
        assert (probing.is_alive(), way._call) == (False, None)
