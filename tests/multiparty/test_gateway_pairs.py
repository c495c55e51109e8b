"""Gateways against each other: values of all sizes, broken networks, dead processes, agreed ends."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace

import pytest

from gateways import (
    FACTS,
    QUICK,
    USE,
    Proxy,
    Site,
    error_of,
    in_parallel,
    outcome,
    payload,
    places,
    stamp,
    until,
)
from junto.certificates import ephemeral
from junto.config.model import Address, LinkSettings
from junto.errors import (
    ConfigError,
    DeadlineExceeded,
    HandshakeRefused,
    IdentityError,
    ListenError,
    PartyAborted,
    PartyUnreachable,
    ProtocolViolation,
)
from junto.net.api import Abort, Activity, DirectAddress, Failure, TransferKey
from junto.net.header import Kind
from junto.net.peer import PATIENCE
from parties import CONTINUE, KILL, STOP, free_ports

BOTH = pytest.mark.usefixtures("every_carrier")
# A peer that resets the connection in the middle of a handshake leaves a socket to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket"),
]


def noise(nbytes: int) -> bytearray:
    return bytearray(os.urandom(1 << 16)) * (nbytes >> 16) + bytearray(os.urandom(nbytes & 0xFFFF))


# Meeting.


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plaintext"])
def test_three_parties_agree_on_a_run(tls):
    with Site("alice", "bob", "carol", tls=tls) as site:
        assert len(site.meet()) == 3


@BOTH
def test_a_party_that_nobody_reaches_takes_part_over_the_connection_that_it_has_opened():
    with Site("alice", "bob") as site:
        proxy = Proxy(site.cluster["alice"].address.port)
        site.reroute("alice", proxy.port)
        site.reroute("bob", free_ports(1)[0])  # behind a NAT that forwards nothing
        alice, bob = site.meet()
        streams = [one.stream(other, 4, lambda: True) for one, other in ((alice, "bob"), (bob, "alice"))]
        for turn in range(3):
            key = TransferKey(1, turn)
            sent = [
                one.push(other, key, stamp(1), payload(noise(3 << 20)))
                for one, other in ((alice, "bob"), (bob, "alice"))
            ]
            got = [one.expect(other, key) for one, other in ((alice, "bob"), (bob, "alice"))]
            for stream in streams:
                assert stream.write(Kind.MESSAGE, 0, 0, b"x")
            proxy.cut()
            proxy.restore()
            assert [len(outcome(each)) for each in got] == [3 << 20] * 2
            assert [error_of(each) for each in sent] == [None] * 2
            for stream in streams:
                until(lambda stream=stream: stream.read())
        in_parallel(alice.close, bob.close)
        proxy.close()


def test_parties_come_in_any_order_and_the_late_one_is_named():
    with Site("alice", "bob", "carol") as site:
        alice, bob = site.start("alice"), site.start("bob")
        lines: list[str] = []
        saw = threading.Event()

        def status(line: str) -> None:
            lines.append(line)
            saw.set()

        late = threading.Thread(target=lambda: (saw.wait(10), site.start("carol")))
        late.start()
        runs = in_parallel(
            lambda: alice.meet(15, status),
            lambda: bob.meet(15, lambda _: None),
            lambda: (saw.wait(10), late.join(), site.gateways["carol"].meet(15, lambda _: None))[-1],
        )
        assert len(set(runs)) == 1, runs
        assert isinstance(runs[0], bytes)
        where = site.cluster["carol"].address
        assert lines
        assert all(f"for carol at {where}: " in line and "refused" in line for line in lines), lines


def test_a_party_that_never_comes_is_awaited_until_the_deadline():
    with Site() as site, pytest.raises(DeadlineExceeded, match=r"bob at .*refused") as caught:
        site.start("alice").meet(0.3, lambda _: None)
    assert caught.value.party == "bob"


@BOTH
def test_different_settings_are_the_same_printed_difference_on_both_sides():
    with Site() as site:
        site.start("alice")
        site.start("bob", facts={**FACTS, "wire pickle": "restricted"}, job_name="another")
        errors = in_parallel(*(lambda g=g: g.meet(10, lambda _: None) for g in site.gateways.values()))
        for error in errors:
            assert isinstance(error, HandshakeRefused)
            for text in (
                "job name",
                "alice  junto",
                "bob    another",
                "wire pickle",
                "alice  -",
                "bob    restricted",
            ):
                assert text in error.message


@BOTH
def test_a_certificate_of_another_ca_is_an_identity_error():
    with Site() as site:
        site.start("alice")
        site.credentials["bob"] = ephemeral(["bob"])["bob"]
        site.start("bob")
        errors = in_parallel(*(lambda g=g: g.meet(10, lambda _: None) for g in site.gateways.values()))
        assert [type(error) for error in errors] == [IdentityError, IdentityError], errors


@BOTH
def test_a_party_restarted_while_others_are_awaited_is_met_again():
    with Site("alice", "bob", "carol") as site:
        alice, bob = site.start("alice"), site.start("bob")
        until(lambda: "bob" in alice._meeting._nonces and "alice" in bob._meeting._nonces)
        bob.close()
        bob = site.start("bob")
        carol = site.start("carol")
        runs = in_parallel(*(lambda g=g: g.meet(15, lambda _: None) for g in (alice, bob, carol)))
        assert len(set(runs)) == 1, runs
        assert isinstance(runs[0], bytes), runs


@BOTH
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plaintext"])
def test_a_taken_port_is_one_sentence(tls):
    with Site(tls=tls) as site:
        site.start("alice")
        with pytest.raises(
            ListenError, match=rf"cannot listen at {site.cluster['alice'].listen}: address already"
        ):
            site.make("alice").start()


def test_listening_where_told_and_nowhere_else():
    with Site() as site:
        settings = site.cluster["alice"]
        site.cluster["alice"] = replace(settings, listen=Address("127.0.0.2", settings.listen.port))
        site.start("alice")
        listening = subprocess.run(
            ["grep", "-ihE", f":{settings.listen.port:04X} 0+:0000 0A", "/proc/net/tcp", "/proc/net/tcp6"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        assert f"0200007F:{settings.listen.port:04X}" in listening[1], listening


# Values.


@BOTH
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plaintext"])
def test_values_of_all_sizes_arrive_unchanged(tls):
    with Site(tls=tls) as site:
        alice, bob = site.meet()
        for number, size in enumerate((0, 1, 65536, 65537, 1 << 20, (1 << 20) + 1, 9_000_001), 1):
            data = noise(size)
            arrival = bob.expect("alice", TransferKey(number, 0))
            for gateway in (alice, bob):
                gateway.publish(Activity(stamp(number)))
            delivery = alice.push("bob", TransferKey(number, 0), stamp(number), payload(data))
            received = outcome(arrival)
            assert received == data
            assert not received.readonly
            assert error_of(delivery) is None
            assert arrival.progress() == delivery.progress() == (size, size)
        heard = [
            activity.stamp.operation for party, activity in site.heard["bob"].activities if party == "alice"
        ]
        assert set(range(1, 8)) <= set(heard)


def test_a_failure_arrives_in_place_of_a_value():
    with Site() as site:
        alice, bob = site.meet()
        told = "long " * 10_000
        failure = Failure("alice", 1, "alice(f)", "x.py:1", "ValueError", "abcd", told)
        arrival = bob.expect("alice", TransferKey(1, 0))
        alice.push("bob", TransferKey(1, 0), stamp(1), failure)
        received = outcome(arrival)
        assert isinstance(received, Failure)
        assert received.error_type == "ValueError"
        assert received == failure
        assert received.detail.endswith("long ")
        assert len(received.detail) < len(told)


def test_values_before_their_time_wait_for_the_program():
    with Site() as site:
        alice, bob = site.meet()
        small = alice.push("bob", TransferKey(1, 0), stamp(1), payload(b"small"))
        large = alice.push("bob", TransferKey(2, 0), stamp(2), payload(noise(3 << 20)))
        far = alice.push("bob", TransferKey(5000, 0), stamp(5000), payload(b"far"))
        assert error_of(small) is None
        assert error_of(large) is None
        assert far.progress() == (0, 3)
        assert bob.statistics()["peers"]["alice"]["early_values"] == 2
        bob.publish(Activity(stamp(1)))
        assert outcome(bob.expect("alice", TransferKey(1, 0))) == b"small"
        bob.publish(Activity(stamp(2)))
        assert len(outcome(bob.expect("alice", TransferKey(2, 0)))) == 3 << 20
        bob.publish(Activity(stamp(5000)))
        assert outcome(bob.expect("alice", TransferKey(5000, 0))) == b"far"
        assert bob.statistics()["peers"]["alice"]["refused"] == {}


def test_a_receiver_beyond_its_quota_spills_what_it_needs_and_defers_the_rest(tmp_path):
    link = replace(QUICK, quota_bytes=1 << 20, spill_dir=str(tmp_path))
    with Site(link=link) as site:
        alice, bob = site.meet()
        data = {number: noise(3 << 20) for number in (1, 2)}
        tiny = [
            alice.push("bob", TransferKey(3, index), stamp(3), payload(bytes([index]) * 60_000))
            for index in range(40)
        ]
        for number, bytes_ in data.items():
            alice.push("bob", TransferKey(3, 100 + number), stamp(3), payload(bytes_))
        until(lambda: bob.statistics()["peers"]["alice"]["early_values"] == 42)
        assert bob.statistics()["peers"]["alice"]["in_memory_bytes"] <= 1 << 20
        bob.publish(Activity(stamp(3)))
        arrivals = {number: bob.expect("alice", TransferKey(3, 100 + number)) for number in data}
        rest = [bob.expect("alice", TransferKey(3, index)) for index in range(40)]
        for number, arrival in arrivals.items():
            assert outcome(arrival) == data[number]
        assert [outcome(arrival) == bytes([index]) * 60_000 for index, arrival in enumerate(rest)] == [
            True
        ] * 40
        assert all(error_of(delivery) is None for delivery in tiny)
        assert bob.statistics()["peers"]["alice"]["in_memory_bytes"] == 0
        assert list(tmp_path.iterdir()) == []


def test_a_full_spill_folder_is_an_error_at_both_and_not_a_hang():
    with Site(link=replace(QUICK, quota_bytes=1000, spill_dir="/nonexistent/folder")) as site:
        alice, bob = site.meet()
        arrival = bob.expect("alice", TransferKey(1, 0))
        delivery = alice.push("bob", TransferKey(1, 0), stamp(1), payload(noise(2 << 20)))
        received = outcome(arrival)
        assert isinstance(received, ConfigError), "it is bob's disk, and no fault of alice"
        assert "spill_dir" in received.fix
        refused = error_of(delivery)
        assert isinstance(refused, PartyAborted), "nobody broke the protocol"
        assert (refused.party, refused.message[:11]) == ("bob", "bob has no ")
        assert "disk of bob" in refused.fix


def test_a_value_beyond_the_limit_is_refused_at_both():
    with Site(link=replace(QUICK, max_value_bytes=1 << 20)) as site:
        alice, bob = site.meet()
        arrival = bob.expect("alice", TransferKey(1, 0))
        delivery = alice.push("bob", TransferKey(1, 0), stamp(1), payload(noise(2 << 20)))
        for error in (outcome(arrival), error_of(delivery)):
            assert isinstance(error, ProtocolViolation)
            assert "max_value_bytes" in error.message
        assert bob.statistics()["peers"]["alice"]["refused"] == {"too large": 1}


@BOTH
def test_small_values_overtake_a_large_one_and_large_ones_share_the_line():
    with Site() as site:
        alice, bob = site.meet()
        large = [bob.expect("alice", TransferKey(1, index)) for index in range(2)]
        small = bob.expect("alice", TransferKey(2, 0))
        data = noise(96 << 20)
        for index in range(2):
            alice.push("bob", TransferKey(1, index), stamp(1), payload(data))
        until(lambda: all(0 < arrival.progress()[0] < len(data) for arrival in large))
        seen: list[int] = []
        small.add_done_callback(lambda _: seen.extend(arrival.progress()[0] for arrival in large))
        alice.push("bob", TransferKey(2, 0), stamp(2), payload(b"small"))
        assert outcome(small) == b"small"
        assert all(0 < received < len(data) for received in seen), seen
        assert all(outcome(arrival) == data for arrival in large)


@BOTH
def test_ten_thousand_small_values_each_way():
    with Site() as site:
        alice, bob = site.meet()
        count = 10_000
        ends = {"alice": (alice, "bob"), "bob": (bob, "alice")}

        def side(me: str) -> bool:
            gateway, other = ends[me]
            arrivals = []
            for number in range(1, count + 1):
                gateway.publish(Activity(stamp(number)))
                arrivals.append(gateway.expect(other, TransferKey(number, 0)))
                gateway.push(other, TransferKey(number, 0), stamp(number), payload(f"{me} {number}".encode()))
            gateway.flush(20)
            return all(outcome(a) == f"{other} {n}".encode() for n, a in enumerate(arrivals, 1))

        assert in_parallel(lambda: side("alice"), lambda: side("bob")) == [True, True]


# A network that breaks.


@BOTH
def test_a_value_resumes_after_a_cut_and_arrives_once_unchanged():
    with Site() as site:
        direct = site.cluster["bob"].address.port
        proxy = Proxy(direct)
        site.reroute("bob", proxy.port)
        alice, bob = site.meet()
        data = noise(200 << 20)
        arrival = bob.expect("alice", TransferKey(1, 0))
        before = [bob.expect("alice", TransferKey(2, index)) for index in range(50)]
        delivery = alice.push("bob", TransferKey(1, 0), stamp(1), payload(data))
        cuts = 0
        for part in (20, 80, 140):
            until(lambda part=part: arrival.progress()[0] > part << 20)
            proxy.cut()
            cuts += 1
            for index in range(50):
                if index % 3 == cuts - 1:
                    alice.push("bob", TransferKey(2, index), stamp(2), payload(bytes([index])))
            proxy.restore()
        received = outcome(arrival, 30)
        assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
        assert error_of(delivery) is None
        for index, one in enumerate(before):
            if index % 3 < cuts:
                assert outcome(one) == bytes([index])
        assert proxy.forwarded < len(data) + (3 * 40 << 20), "it was sent again from the start"
        assert bob.statistics()["peers"]["alice"]["refused"] == {}
        proxy.close()


def test_a_network_that_stays_down_makes_a_party_unreachable():
    with Site() as site:
        proxies = {party: Proxy(site.cluster[party].address.port) for party in site.parties}
        for party, proxy in proxies.items():
            site.reroute(party, proxy.port)
        _, bob = site.meet()
        arrival = bob.expect("alice", TransferKey(1, 0))
        delivery = bob.push("alice", TransferKey(4000, 0), stamp(4000), payload(b"beyond the window"))
        for proxy in proxies.values():
            proxy.cut()
        kind, party, error = site.heard["bob"].next(10)
        assert (kind, party) == ("unreachable", "alice")
        assert isinstance(error, PartyUnreachable)
        assert "last heard of" in error.message
        assert " for " in error.message
        assert outcome(arrival) is error
        assert error_of(delivery) is error
        assert outcome(bob.expect("alice", TransferKey(2, 0))) is error
        assert error_of(bob.push("alice", TransferKey(2, 0), stamp(2), payload(b""))) is error
        for proxy in proxies.values():
            proxy.close()


# The end.


@BOTH
def test_leaving_together_loses_nothing():
    with Site("alice", "bob", "carol") as site:
        alice, bob, carol = site.meet()
        arrivals = [bob.expect("alice", TransferKey(1, index)) for index in range(100)]
        for index in range(100):
            alice.push("bob", TransferKey(1, index), stamp(1), payload(noise(10_000)))
        assert in_parallel(*(lambda g=g: g.leave(10) for g in (alice, bob, carol))) == [None] * 3
        assert all(len(outcome(arrival, 1)) == 10_000 for arrival in arrivals)
        for party in site.parties:
            assert {site.heard[party].next(5)[0] for _ in range(2)} == {"left"}


def test_leaving_waits_for_the_others_and_says_whom_it_waited_for():
    with Site() as site:
        alice, _ = site.meet()
        with pytest.raises(DeadlineExceeded, match="bob has not ended"):
            alice.leave(0.3)


@BOTH
def test_an_abort_overtakes_a_large_value_and_is_noted():
    with Site() as site:
        alice, bob = site.meet()
        arrival = bob.expect("alice", TransferKey(1, 0))
        alice.push("bob", TransferKey(1, 0), stamp(1), payload(noise(400 << 20)))
        until(lambda: arrival.progress()[0] > 0)
        alice.abort(Abort("interrupted", "alice was interrupted"), 5)
        assert site.heard["bob"].next(1) == ("abort", "alice", Abort("interrupted", "alice was interrupted"))
        assert arrival.progress()[0] < 400 << 20
        with pytest.raises(PartyAborted):
            bob.leave(5)


def test_a_history_is_told_once():
    with Site() as site:
        alice, _ = site.meet()
        alice.send_history("bob", tuple(stamp(n) for n in range(600)))
        kind, party, history = site.heard["bob"].next(5)
        assert (kind, party) == ("history", "alice")
        assert [each.operation for each in history] == list(range(472, 600))


def test_flush_waits_and_raises():
    with Site() as site:
        alice, _ = site.meet()
        alice.push("bob", TransferKey(5000, 0), stamp(5000), payload(b"beyond the window"))
        with pytest.raises(DeadlineExceeded, match="bob"):
            alice.flush(0.2)


def test_activity_travels_at_once_when_asked():
    with Site(link=replace(QUICK, heartbeat_s=60.0, peer_timeout_s=600.0)) as site:
        alice, _ = site.meet()
        activity = Activity(stamp(7), ("bob",), 7, "operation 3 train")
        alice.publish(activity, now=True)
        until(lambda: ("alice", activity) in site.heard["bob"].activities)


# Other processes.

CHILD = """
import json, sys, threading, time, os
from junto.config.model import Address, LinkSettings, Mode, PartySettings, Settings, TlsSettings
from junto.net.api import Activity, DirectAddress, DirectUse, Events, TransferKey, Stamp
from junto.net.gateway import SiloGateway
from junto.net.socket_carrier import SocketCarrier
from junto.wire.payload import Payload, Summary
told = json.loads(sys.stdin.readline())
class Quiet(Events):
    def on_activity(self, party, activity): pass
    def on_abort(self, party, abort): pass
    def on_history(self, party, history): pass
    def on_unreachable(self, party, error): print("unreachable", party, flush=True)
    def on_left(self, party): pass
cluster = {p: PartySettings(p, Address(*a), Address(*a)) for p, a in told["cluster"].items()}
tls = TlsSettings(*(part.encode() for part in told["tls"]))
settings = Settings(Mode.PRODUCTION, tuple(cluster), "bob", cluster, tls, link=LinkSettings(**told["link"]))
carrier = SocketCarrier(tls, cluster, settings.link) if told["bare"] else None
gateway = SiloGateway(settings, told["facts"], Quiet(), carrier)
def stamp(n): return Stamp(n, b"d" * 16, "op", "x.py:1")
def push(n, data):
    view = memoryview(data)
    return gateway.push("alice", TransferKey(n, 0), stamp(n), Payload((view,), len(view), Summary("bytes")))
gateway.start()
gateway.meet(15, lambda _: None)
direct = {p: DirectAddress(Address(*a), Address(*a)) for p, a in told["direct"].items()}
if direct:
    gateway.direct(direct, DirectUse("it", "")).run(20, lambda *_: None)
print("met", flush=True)
"""


class Child:
    """Bob in a process of his own."""

    def __init__(self, site: Site, script: str, direct: Mapping[str, DirectAddress] | None = None) -> None:
        tls = site.credentials["bob"]
        told = {
            "cluster": {p: [s.address.host, s.address.port] for p, s in site.cluster.items()},
            "tls": [tls.ca_cert.decode(), tls.cert.decode(), tls.key.decode()],
            "link": {k: v for k, v in asdict(site.link).items() if k in ("peer_timeout_s", "heartbeat_s")},
            "facts": FACTS,
            "bare": site.bare,
            "direct": {p: [a.address.host, a.address.port] for p, a in (direct or {}).items()},
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD + script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.tell(json.dumps(told))

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=240)

    def tell(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def says(self, line: str) -> None:
        said = self.process.stdout.readline().strip()
        assert said == line, (said, self.process.stderr.read() if not said else "")

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def ends(self, timeout: float = 10) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, err


@pytest.mark.parametrize("direct", [False, True], ids=["usual", "direct"])
@pytest.mark.parametrize(
    ("link", "how"),
    [
        pytest.param(QUICK, KILL, id="quick-killed"),
        pytest.param(QUICK, STOP, id="quick-frozen"),
        pytest.param(LinkSettings(), KILL, id="default-killed"),
        pytest.param(LinkSettings(), STOP, id="default-frozen", marks=pytest.mark.long),
    ],
)
def test_a_dead_process_is_found_in_time(how, link, direct):
    at = places("alice", "bob") if direct else {}
    with (
        Site(link=link) as site,
        Child(site, "push(1, os.urandom(1 << 16) * 16000)\nsys.stdin.readline()", at) as child,
    ):
        alice = site.start("alice")
        alice.meet(15, lambda _: None)
        if direct:
            alice.direct(at, USE).run(20, lambda *_: None)
        arrival = alice.expect("bob", TransferKey(1, 0))
        until(lambda: arrival.progress()[0] > 1 << 20)
        child.signal(how)
        # Half of what a party gets whose machine answers: a bare socket's does, also for a frozen process.
        kind, party, error = site.heard["alice"].next(PATIENCE / 2 * link.peer_timeout_s)
        assert (kind, party) == ("unreachable", "bob")
        assert outcome(arrival, 1) is error
        if how == STOP:
            child.signal(CONTINUE)
            child.says("met")
            child.says("unreachable alice")


@BOTH
@pytest.mark.parametrize("direct", [False, True], ids=["usual", "direct"])
def test_a_process_whose_interpreter_is_held_is_not_dead(direct):
    at = places("alice", "bob") if direct else {}
    hold = (
        "sys.stdin.readline(); import ctypes; ctypes.PyDLL(None).sleep(6)\n"
        "push(1, b'x'); sys.stdin.readline()"
    )
    with Site() as site, Child(site, hold, at) as child:
        alice = site.start("alice")
        alice.meet(15, lambda _: None)
        if direct:
            alice.direct(at, USE).run(20, lambda *_: None)
        child.says("met")
        child.tell("now")
        assert outcome(alice.expect("bob", TransferKey(1, 0)), 15) == b"x"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("sys.stdin.readline(); gateway.close()", 0),
        ("sys.stdin.readline()", 0),
        ("import atexit; atexit.register(gateway.close); sys.stdin.readline()", 0),
        ("import atexit; atexit.register(lambda: gateway.leave(5)); atexit.register(push, 1, b'x' * 100)", 0),
        (
            "from junto.net.api import Abort; import atexit; sys.stdin.readline()\n"
            "atexit.register(lambda: (gateway.abort(Abort('exit', 'bye'), 5), gateway.close()))\n"
            "raise SystemExit(3)",
            3,
        ),
        ("sys.stdin.readline(); raise KeyboardInterrupt", 130),
    ],
    ids=["closed", "left-open", "closed-at-exit", "left-at-exit", "aborted-at-exit", "interrupted"],
)
def test_a_process_ends_quickly_and_prints_nothing(script, code):
    with Site() as site, Child(site, script) as child:
        alice = site.start("alice")
        alice.meet(15, lambda _: None)
        child.tell("go on")
        if "leave" in script:
            arrival = alice.expect("bob", TransferKey(1, 0))
            alice.leave(10)
            assert outcome(arrival, 1) == b"x" * 100
        returned, out, err = child.ends()
        assert out == "met\n"
        if code == 130:
            assert returned != 0
            assert err.strip().endswith("KeyboardInterrupt")
        else:
            assert (returned, err) == (code, "")
        if "abort" in script:
            assert site.heard["alice"].next(5)[0] == "abort"


@BOTH
def test_closing_leaves_no_thread_and_no_port():
    with Site() as site:
        before = set(threading.enumerate())
        for gateway in site.meet():
            gateway.close()
            gateway.close()
        until(lambda: not [t for t in set(threading.enumerate()) - before if t.name.startswith("junto-")])
        site.start("alice")
