"""Who comes to a bare TLS socket without being awaited is few, soon gone, and keeps nobody out."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from gateways import FACTS, QUICK, Mallory, Proxy, Site, in_parallel, outcome, payload, stamp, until
from junto.config.model import LinkSettings
from junto.net import frames as f
from junto.net import handshake
from junto.net.api import TransferKey
from junto.net.gateway import SiloGateway
from junto.net.socket_carrier import PENDING
from junto.reach.tls_context import SOCKET_ALPN, client_context

# A peer that resets the connection in the middle of a handshake leaves a socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")

HELLO = b"\x16\x03\x01\x02\x00\x01"
"""The beginning of a ClientHello."""

PATIENT = LinkSettings(peer_timeout_s=60.0, heartbeat_s=0.2)


@contextmanager
def waiting(link: LinkSettings = QUICK) -> Iterator[Site]:
    """Alice listens, and awaits bob."""
    with Site("alice", "bob", carrier="socket", link=link) as site:
        site.start("alice")
        yield site


def knock(site: Site) -> socket.socket:
    address = site.cluster["alice"].address
    return socket.create_connection((address.host, address.port), 10)


def then_bob_comes(site: Site) -> None:
    """After all that, the right party still meets alice, and values pass."""
    site.start("bob")
    runs = in_parallel(*(lambda g=g: g.meet(20, lambda _: None) for g in site.gateways.values()))
    assert isinstance(runs[0], bytes)
    assert runs[0] == runs[1]
    carries(site.gateways["bob"], site.gateways["alice"])


def carries(bob: SiloGateway, alice: SiloGateway) -> None:
    arrival = alice.expect("bob", TransferKey(1, 0))
    bob.push("alice", TransferKey(1, 0), stamp(1), payload(b"hello"))
    assert outcome(arrival) == b"hello"


def ended(connection: socket.socket, timeout: float) -> bool:
    """Whether the other side hangs up in time."""
    connection.settimeout(timeout)
    try:
        while connection.recv(10_000):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def test_junk_is_hung_up_on():
    with waiting() as site:
        for junk in (b"GET / HTTP/1.1\r\n\r\n", bytes(300), os.urandom(5000), f.pack([f.Bye(0)])):
            with knock(site) as connection:
                connection.sendall(junk)
                assert ended(connection, 10)
        then_bob_comes(site)


def context_of(site: Site, party: str) -> ssl.SSLContext:
    credentials = site.credentials[party]
    assert credentials is not None
    return client_context(credentials, SOCKET_ALPN)


def test_no_certificate_no_entry():
    with waiting() as site:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.set_alpn_protocols([SOCKET_ALPN])
        context.load_verify_locations(cadata=site.credentials["bob"].ca_cert.decode())
        with (
            knock(site) as plain,
            pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"),
            context.wrap_socket(plain) as connection,
        ):
            connection.recv(1)
        then_bob_comes(site)


def test_another_protocol_on_tls_is_hung_up_on_before_it_is_greeted():
    with waiting() as site:
        context = context_of(site, "bob")
        context.set_alpn_protocols(["h2"])
        with knock(site) as plain, context.wrap_socket(plain) as connection:
            assert connection.recv(1) == b""


@pytest.mark.parametrize(
    "said",
    [
        b"\xff\xff\xff\xff",
        (f.MESSAGE_BYTES + 1).to_bytes(4, "big") + b"x",
        bytes(4),
        b"\x00\x00\x00\x05hello",
        b"\x00\x00\x00\x05hel",
    ],
    ids=["longest", "longer than any", "nothing", "no frame", "cut off"],
)
def test_whoever_says_no_hello_gets_no_further(said):
    with waiting() as site:
        with knock(site) as plain, context_of(site, "bob").wrap_socket(plain) as connection:
            connection.settimeout(10)
            assert connection.recv(4) == bytes(4)
            connection.sendall(said)
            assert ended(connection, 10)
        then_bob_comes(site)


def test_what_a_stranger_says_is_printed_without_control_characters(caplog):
    with waiting() as site, caplog.at_level("WARNING", "junto"):
        hello = f.pack([handshake.hello("bob~[2J~INFO all is well", "junto", site.parties, FACTS, bytes(16))])
        message = hello.replace(b"bob~[2J~INFO", b"bob\x1b[2J\nINFO")
        with knock(site) as plain, context_of(site, "bob").wrap_socket(plain) as connection:
            connection.sendall(len(message).to_bytes(4, "big") + message)
            assert ended(connection, 10)
        until(lambda: "bob?[2J?INFO all is well" in caplog.text)
        assert "\x1b" not in caplog.text
        then_bob_comes(site)


def test_a_handshake_that_does_not_go_on_is_hung_up_on():
    with waiting() as site:
        connections = [knock(site) for _ in range(6)]
        for connection in connections[3:]:
            connection.sendall(HELLO)
        known = context_of(site, "bob").wrap_socket(knock(site))  # a certificate, and then nothing
        for connection in (*connections, known):
            assert ended(connection, 2 * QUICK.peer_timeout_s + 3)
            connection.close()
        then_bob_comes(site)


def test_slow_strangers_in_every_place_do_not_keep_the_right_party_out():
    with waiting(PATIENT) as site:
        slow = [knock(site) for _ in range(PENDING + 20)]
        for connection in slow:
            with suppress(OSError):
                connection.sendall(HELLO)
        then_bob_comes(site)
        for connection in slow:
            connection.close()


def test_who_has_come_further_is_not_dropped_for_those_who_say_nothing():
    with waiting(PATIENT) as site, knock(site) as begun:
        known = context_of(site, "bob").wrap_socket(knock(site))
        known.settimeout(10)
        assert known.recv(4) == bytes(4)
        begun.sendall(HELLO)
        first = knock(site)
        silent = [knock(site) for _ in range(PENDING + 20)]
        assert ended(first, 10)
        assert not ended(begun, 0.2)
        known.sendall(b"\x00\x00\x00\x05hello")
        assert known.recv(1) == b"\x00"  # it is answered: refused, and why
        for connection in (known, first, *silent):
            connection.close()


FLOOD = """
import itertools, socket, sys
kept = []
for number in itertools.count():
    try:
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
        if number % 2:
            connection.sendall(b"\\x16\\x03\\x01\\x02\\x00" if number % 4 == 1 else b"junk" * 20)
    except OSError:
        continue
    kept.append(connection)
    if len(kept) > 400:
        kept.pop(0).close()
    if number == 10_000:
        print("enough", flush=True)
"""


@pytest.mark.slow
def test_ten_thousand_strangers_cost_little_and_the_right_party_gets_through():
    with waiting(PATIENT) as site:
        knock(site).close()
        threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
        command = [sys.executable, "-c", FLOOD, str(site.cluster["alice"].address.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as flood:
            assert flood.stdout is not None
            try:
                assert flood.stdout.readline() == b"enough\n"
                until(lambda: threading.active_count() <= threads + PENDING + 20)
                until(lambda: len(os.listdir("/proc/self/fd")) <= files + PENDING + 20)
                then_bob_comes(site)  # while the flood goes on
            finally:
                flood.kill()


class Wiretap(Proxy):
    """May change, repeat or withhold what passes."""

    meddle: Callable[[bytes], bytes] = staticmethod(bytes)

    def _changed(self, data: bytes) -> bytes:
        return self.meddle(data)


@pytest.mark.parametrize("change", ["flip", "repeat", "drop", "cut"])
def test_a_change_on_the_wire_ends_the_connection_and_the_value_comes_unchanged_on_the_next(change):
    changes: dict[str, Callable[[bytes], bytes]] = {
        "flip": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        "repeat": lambda data: data * 2,
        "drop": lambda _: b"",
        "cut": lambda data: data[: len(data) // 2],
    }
    with Site("alice", "bob", carrier="socket") as site:
        taps = {party: Wiretap(site.cluster[party].address.port) for party in site.parties}
        for party, tap in taps.items():
            site.reroute(party, tap.port)
        alice, bob = site.meet()
        carries(bob, alice)
        changed: list[bytes] = []

        def once(data: bytes) -> bytes:
            if changed:
                return data
            changed.append(data)
            return changes[change](data)

        for tap in taps.values():
            tap.meddle = once
        arrival = alice.expect("bob", TransferKey(2, 0))
        data = os.urandom(200_000)
        bob.push("alice", TransferKey(2, 0), stamp(2), payload(data))
        assert outcome(arrival) == data
        assert changed
        for tap in taps.values():
            tap.close()


def test_what_was_recorded_on_the_wire_is_of_no_use():
    with waiting() as site:
        mallory = Mallory(site, "bob", "alice")
        recorded: list[bytes] = []
        tap = Wiretap(site.cluster["alice"].address.port)
        tap.meddle = lambda data: recorded.append(data) or data
        hello = f.pack([mallory.hello])
        with (
            socket.create_connection(("127.0.0.1", tap.port), 10) as plain,
            context_of(site, "bob").wrap_socket(plain) as connection,
        ):
            connection.recv(4)
            connection.sendall(len(hello).to_bytes(4, "big") + hello)
            connection.recv(4)
        mallory.close()
        tap.close()
        assert recorded
        with knock(site) as connection:
            for data in recorded:
                with suppress(OSError):
                    connection.sendall(data)
            assert ended(connection, 10)
        then_bob_comes(site)
