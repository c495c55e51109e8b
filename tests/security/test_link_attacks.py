"""Whoever sends a link something else than what is due gets an error out of it, and nothing more."""

from __future__ import annotations

import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from junto.config.model import Address
from junto.errors import IdentityError, LinkError, PartyUnreachable
from junto.mpc.links.greeting import GREETING_BYTES, NodeHello
from junto.mpc.links.node_meeting import PENDING
from junto.mpc.node_links import ALPN, Channel, Greeting, LinkOptions, NodeOptions
from junto.net.header import HEADER_BYTES, MORE, Kind, parse
from link_helpers import QUICK, Authority, both, frame, good, meeting, meeting_with, rogue_pair, some_nodes

SHORT = LinkOptions(connect_retry_times=4, connect_retry_interval_ms=100, handshake_timeout_ms=400)
PATIENT = replace(QUICK, connect_retry_times=100, handshake_timeout_ms=2000)
M, S = Kind.MESSAGE, Kind.STREAM


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


# ---------------------------------------------------------------------------- frames


def send_raw(data: bytes, *calls: Callable[[Channel], Any], close: bool = False) -> LinkError:
    """Write bytes to bob's channel, let him do the calls, and hand out the error of the last one."""
    bare, bob = rogue_pair(replace(QUICK, recv_timeout_ms=200))
    bob.label(1, "fit.py:31")
    assert bare.write(memoryview(data)) == len(data)
    if close:
        bare.close()
    for call in calls[:-1]:
        call(bob)
    with pytest.raises(LinkError) as raised:
        calls[-1](bob)
    bob.close()
    assert (raised.value.party, raised.value.operation, raised.value.line) == (
        "alice",
        "operation 1",
        "fit.py:31",
    )
    return raised.value


def receive(size: int) -> Callable[[Channel], Any]:
    return lambda channel: channel.receive(size)


def read(size: int) -> Callable[[Channel], Any]:
    return lambda channel: channel.read(size)


FIRST, SECOND = frame(M, 0, b"first"), frame(M, 1, b"other")


@pytest.mark.parametrize(
    ("data", "calls", "text"),
    [
        (FIRST * 2, [receive(5), receive(5)], "message number 0 arrived; number 1 is due"),
        (SECOND + FIRST, [receive(5)], "message number 1 arrived; number 0 is due"),
        (
            FIRST + frame(M, 2, b"later"),
            [receive(5), receive(5)],
            "message number 2 arrived; number 1 is due",
        ),
        (frame(M, 2**64 - 1, b"first"), [receive(5)], "number 18446744073709551615 arrived"),
        (frame(M, 0, b"", length=2**64 - 1), [receive(5)], "has 18446744073709551615 bytes; 5 are due"),
        (frame(M, 0, b"first", operation=2), [receive(5)], "for operation 2; operation 1 is due"),
        (
            frame(M, 0, b"first", operation="reveal"),
            [receive(5)],
            "for another operation; operation 1 is due",
        ),
        (frame(99, 0, b"first"), [receive(5)], "a frame of kind 99 arrived; a message is due"),
        (frame(0, 0, b""), [read(5)], "a frame of kind 0 arrived; a piece of the stream is due"),
        (frame(Kind.GREETING, 0, b"first"), [receive(5)], "a frame of kind 5 arrived"),
        (frame(S, 0, b"first"), [receive(5)], "a piece of the stream arrived; a message is due"),
        (frame(S, 0, b""), [read(5)], "a piece of the stream is not well-formed"),
        (FIRST, [read(5)], "a message arrived; a piece of the stream is due"),
        (b"GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n", [receive(5)], "what arrives is no frame of a link"),
        (bytes(HEADER_BYTES), [receive(5)], "what arrives is no frame of a link"),
        (frame(Kind.ABORT, 0, b""), [receive(5)], "it gave up: reason 0"),
        (frame(Kind.END, 0, b""), [receive(5)], "a frame of kind 11 arrived; a message is due"),
        (frame(M, 0, b"first", detail=MORE), [receive(5)], "the message is cut otherwise than into 5 bytes"),
        (frame(M, 0, b"", detail=MORE), [receive(5)], "the message is cut otherwise than into 5 bytes"),
        (frame(M, 0, b"firs", detail=MORE) + SECOND, [receive(5)], "the message has 9 bytes; 5 are due"),
        (
            frame(M, 0, b"fir", detail=MORE) + frame(S, 1, b"st"),
            [receive(5)],
            "a piece of the stream arrived",
        ),
        (frame(M, 0, b"fi", detail=MORE) + frame(M, 1, b"r", 2), [receive(5)], "for operation 2"),
        (frame(M, 0, b"first", detail=2), [receive(5)], "what arrives is no frame of a link"),
        (frame(S, 0, b"first", detail=MORE), [read(5)], "what arrives is no frame of a link"),
        (FIRST[:-1], [receive(5)], "nothing arrived for 0.2 s"),
        (FIRST[:9], [receive(5)], "nothing arrived for 0.2 s"),
        (b"", [receive(5)], "nothing arrived for 0.2 s"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_frame_that_is_not_due(data: bytes, calls: list[Callable[[Channel], Any]], text: str) -> None:
    assert text in str(send_raw(data, *calls))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "the connection ended ("),
        (FIRST[:9], "the connection ended after 9 of 36 bytes of a header"),
        (FIRST[:38], "the connection ended after 2 of 5 bytes"),
    ],
)
def test_a_link_that_is_cut_off(data: bytes, text: str) -> None:
    assert text in str(send_raw(data, receive(5), close=True))


def test_a_stream_that_announces_more_than_there_is_takes_no_memory() -> None:
    bare, bob = rogue_pair(replace(QUICK, recv_timeout_ms=200))
    bare.write(memoryview(frame(S, 0, b"all there is", "before the first operation", 2**63)))
    assert bytes(bob.read(12)) == b"all there is"
    with pytest.raises(LinkError, match="nothing arrived"):
        bob.read(1)
    bob.close()


CHECKED = [at + start for start in (0, len(FIRST)) for at in range(HEADER_BYTES)]


@pytest.mark.parametrize("position", CHECKED)
def test_no_byte_of_a_header_can_be_changed(position: int) -> None:
    # The content is TLS's business; what the frames say about it is ours.
    whole = FIRST + SECOND
    for flip in (1, 0x80, random.Random(position).randrange(2, 256)):
        changed = bytearray(whole)
        changed[position] ^= flip
        bare, bob = rogue_pair(replace(QUICK, recv_timeout_ms=20))
        bob.label(1)
        bare.write(memoryview(bytes(changed)))
        with pytest.raises(LinkError):
            bob.receive(5), bob.receive(5)
        bob.close()


# ---------------------------------------------------------------------------- who is who


def outcome(nodes: list[NodeOptions], alice: Authority, bob: Authority, bob_shows: str = "bob") -> list[Any]:
    """What alice's and bob's attempts come to; bob's certificate names `bob_shows`."""
    attempt = meeting_with(nodes, "bob", bob.credentials(bob_shows, nodes), SHORT)
    return both(meeting(nodes, "alice", alice, SHORT).run, attempt.run)


def test_a_caller_with_another_partys_certificate_is_turned_away_and_told(authority: Authority) -> None:
    alice, bob = outcome(some_nodes("alice", "bob", "carol"), authority, authority, "carol")
    assert isinstance(bob, IdentityError)
    assert "alice turned us away: bob is not who it says: the certificate carries DNS:carol" in bob.message
    assert isinstance(alice, PartyUnreachable)
    assert "bob is not who it says" in alice.message


def test_who_answers_with_another_partys_certificate_learns_nothing(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob", "carol")
    with listener(authority.contexts("carol")[1], nodes[0]) as heard:
        result = both(meeting(nodes, "bob", authority, SHORT).run)[0]
    assert isinstance(result, IdentityError)
    assert "wanted was alice" in result.message
    assert heard == [b""]


def test_a_certificate_of_another_ca_is_refused_by_both(authority: Authority) -> None:
    nodes, stranger = some_nodes("alice", "bob"), Authority()
    alice, bob = outcome(nodes, authority, stranger)
    assert isinstance(bob, IdentityError)
    assert "alice: its certificate is not trusted" in bob.message
    assert isinstance(alice, PartyUnreachable)

    trusting = Authority()  # its CA is unknown to alice, but it trusts hers
    credentials = trusting.credentials("bob", nodes)
    authority.ca.configure_trust(credentials.client_context)
    attempt = meeting_with(nodes, "bob", credentials, SHORT)
    alice, bob = both(meeting(nodes, "alice", authority, SHORT).run, attempt.run)
    assert isinstance(bob, IdentityError)
    assert "alice does not accept our certificate" in bob.message
    assert isinstance(alice, PartyUnreachable)
    assert "its certificate is not trusted" in alice.message


@contextmanager
def listener(context: ssl.SSLContext, node: NodeOptions) -> Iterator[list[bytes]]:
    """Somebody else at a node's address, who notes what the first caller says after the handshake."""
    heard: list[bytes] = []
    with socket.create_server((node.listen.host, node.listen.port)) as server:
        server.settimeout(10)

        def listen() -> None:
            connection, _ = server.accept()
            connection.settimeout(10)
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                try:
                    heard.append(secured.recv(1000))
                except OSError:
                    heard.append(b"")

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield heard
        thread.join(10)


def test_another_service_with_a_valid_certificate_is_told_apart(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    with listener(authority.contexts("alice", alpn="h2")[1], nodes[0]) as heard:
        result = both(meeting(nodes, "bob", authority, SHORT).run)[0]
    assert isinstance(result, LinkError)
    assert "speaks TLS, but is no node of an SPU" in result.message
    assert not any(heard)


def test_another_service_without_tls_is_told_apart(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    with socket.create_server((nodes[0].listen.host, nodes[0].listen.port)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        result = both(meeting(nodes, "bob", authority, SHORT).run, answer)[0]
    assert isinstance(result, LinkError)
    assert "alice does not speak TLS 1.3" in result.message


# ---------------------------------------------------------------------------- strangers at the door


@contextmanager
def waiting_alice(
    nodes: list[NodeOptions], authority: Authority, options: LinkOptions = PATIENT
) -> Iterator[list[Any]]:
    """Alice, who awaits the others while the test knocks; what it comes to is added at the end."""
    results: list[Any] = []
    alice = meeting(nodes, "alice", authority, options)
    thread = threading.Thread(target=lambda: results.extend(both(alice.run, timeout=240)), daemon=True)
    thread.start()
    try:
        yield results
    finally:
        thread.join(0.1)
        alice.cancel(RuntimeError("the test is over"))
        thread.join(10)


def knock(node: NodeOptions) -> socket.socket:
    """A TCP connection to a node that is about to listen."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection((node.address.host, node.address.port), 10)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def then_bob_comes(nodes: list[NodeOptions], authority: Authority, results: list[Any]) -> None:
    """After all that, the right node still gets its channel."""
    bob = good(both(meeting(nodes, "bob", authority, PATIENT).run))[0]["alice"]
    deadline = time.monotonic() + 10
    while not results and time.monotonic() < deadline:
        time.sleep(0.01)
    alice = good(results)[0]["bob"]
    good(both(lambda: alice.exchange([b"hello"], 3), lambda: bob.exchange([b"bob"], 5)))
    alice.close()
    bob.close()


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


def test_junk_is_hung_up_on(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    with waiting_alice(nodes, authority) as results:
        for junk in (b"GET / HTTP/1.1\r\n\r\n", bytes(300), os.urandom(5000), frame(M, 0, b"first")):
            with knock(nodes[0]) as connection:
                connection.sendall(junk)
                assert ended(connection, 10)
        then_bob_comes(nodes, authority, results)


def test_no_certificate_no_entry(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols([ALPN])
    authority.ca.configure_trust(context)
    with waiting_alice(nodes, authority) as results:
        with (
            knock(nodes[0]) as plain,
            pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"),
            context.wrap_socket(plain) as connection,
        ):
            connection.recv(1)
        then_bob_comes(nodes, authority, results)


def test_older_tls_is_refused(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    context, _ = authority.contexts("bob")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with waiting_alice(nodes, authority) as results:
        with knock(nodes[0]) as plain, pytest.raises(ssl.SSLError), context.wrap_socket(plain):
            pass
        then_bob_comes(nodes, authority, results)


@pytest.mark.parametrize(
    "said",
    [
        frame(Kind.READY, 0, b""),
        frame(Kind.GREETING, 0, b"no greeting"),
        frame(Kind.GREETING, 0, b"\xff\xff" * 4),
        frame(Kind.GREETING, 0, NodeHello("bob", "alice", Greeting(b"job")).pack() + b"more"),
        frame(Kind.GREETING, 0, b"", length=GREETING_BYTES + 1),
        frame(Kind.GREETING, 0, b"", length=2**63),
        frame(Kind.GREETING, 0, NodeHello("alice", "alice", Greeting(b"job")).pack()),
        frame(Kind.GREETING, 0, NodeHello("mallory", "alice", Greeting(b"job")).pack()),
        frame(Kind.GREETING, 0, NodeHello("bob", "carol", Greeting(b"job")).pack()),
        frame(Kind.GREETING, 0, NodeHello("bob", "alice", Greeting(b"job")).pack()),
    ],
)
def test_a_stranger_with_a_certificate_of_the_ca_gets_no_further(authority: Authority, said: bytes) -> None:
    # Its certificate names carol; its words may say what they like.
    nodes = some_nodes("alice", "bob")
    context, _ = authority.contexts("carol")
    with waiting_alice(nodes, authority) as results:
        with knock(nodes[0]) as plain, context.wrap_socket(plain) as connection:
            connection.sendall(said)
            assert ended(connection, 10)
        then_bob_comes(nodes, authority, results)


def test_what_a_stranger_says_is_printed_without_control_characters(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    context, _ = authority.contexts("carol")
    with waiting_alice(nodes, authority, replace(SHORT, connect_retry_times=5)) as results:
        with knock(nodes[0]) as plain, context.wrap_socket(plain) as connection:
            name = "bob\x1b[2J\nINFO all is well"
            connection.sendall(frame(Kind.GREETING, 0, NodeHello(name, "alice", Greeting(b"job")).pack()))
            assert ended(connection, 10)
        deadline = time.monotonic() + 10
        while not results and time.monotonic() < deadline:
            time.sleep(0.01)
    assert isinstance(results[0], PartyUnreachable)
    assert "bob?[2J?INFO all is well" in results[0].message


def test_a_handshake_that_does_not_go_on_is_hung_up_on(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    with waiting_alice(nodes, authority, replace(PATIENT, handshake_timeout_ms=300)) as results:
        silent = [knock(nodes[0]) for _ in range(3)]
        slow = [knock(nodes[0]) for _ in range(3)]
        for connection in slow:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        for connection in silent + slow:
            assert ended(connection, 5)
            connection.close()
        then_bob_comes(nodes, authority, results)


def test_slow_strangers_in_every_place_do_not_keep_the_right_node_out(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    with waiting_alice(nodes, authority, replace(PATIENT, handshake_timeout_ms=20_000)) as results:
        slow = [knock(nodes[0]) for _ in range(PENDING + 20)]
        for connection in slow:
            with suppress(OSError):
                connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        start = time.monotonic()
        then_bob_comes(nodes, authority, results)
        assert time.monotonic() - start < 5
        for connection in slow:
            connection.close()


def test_who_has_said_more_is_not_dropped_for_those_who_say_nothing(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    context, _ = authority.contexts("bob")
    with (
        waiting_alice(nodes, authority, replace(PATIENT, handshake_timeout_ms=20_000)),
        knock(nodes[0]) as begun,
        knock(nodes[0]) as plain,
        context.wrap_socket(plain) as known,
    ):
        begun.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        time.sleep(0.1)
        silent = [knock(nodes[0]) for _ in range(PENDING + 20)]
        assert ended(silent[0], 5)
        assert not ended(begun, 0.2)
        known.settimeout(5)
        known.sendall(
            frame(Kind.GREETING, 0, NodeHello("bob", "alice", Greeting(b"job")).pack(), operation=0)
        )
        assert parse(known.recv(HEADER_BYTES)).kind == Kind.GREETING
        for connection in silent:
            connection.close()


def test_a_handshake_under_way_when_patience_ends_may_end_well(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    context, _ = authority.contexts("bob")
    patience = replace(SHORT, connect_retry_times=3, handshake_timeout_ms=5_000)
    with (
        waiting_alice(nodes, authority, patience) as results,
        knock(nodes[0]) as plain,
        context.wrap_socket(plain) as connection,
    ):
        time.sleep(patience.patience_s + 1)
        connection.sendall(frame(Kind.GREETING, 0, NodeHello("bob", "alice", Greeting(b"job")).pack()))
        connection.sendall(frame(Kind.READY, 0, b""))
        deadline = time.monotonic() + 5
        while not results and time.monotonic() < deadline:
            time.sleep(0.01)
        good(results)[0]["bob"].close()


def test_a_node_that_was_meant_for_another_one_is_told_whom_it_reached(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob", "carol")
    context, _ = authority.contexts("bob")
    with (
        waiting_alice(nodes, authority),
        knock(nodes[0]) as plain,
        context.wrap_socket(plain) as connection,
    ):
        connection.sendall(frame(Kind.GREETING, 0, NodeHello("bob", "carol", Greeting(b"job")).pack()))
        header = parse(connection.recv(HEADER_BYTES))
        assert header.kind == Kind.REFUSED
        assert connection.recv(header.length) == b"bob wants carol, and this is alice"


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
def test_ten_thousand_strangers_cost_little_and_the_right_node_gets_through(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    with waiting_alice(nodes, authority) as results:
        knock(nodes[0]).close()
        threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
        command = [sys.executable, "-c", FLOOD, str(nodes[0].address.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as flood:
            assert flood.stdout is not None
            try:
                assert flood.stdout.readline() == b"enough\n"
                assert threading.active_count() == threads
                assert len(os.listdir("/proc/self/fd")) <= files + PENDING + 10
                assert not results
                then_bob_comes(nodes, authority, results)  # while the flood goes on
            finally:
                flood.kill()


# ---------------------------------------------------------------------------- on the wire


class Wiretap:
    """Stands between bob and alice and may change, repeat or withhold what bob sends."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._server.getsockname()[1])
        self.meddle: Callable[[bytes], bytes] = bytes
        self._open = [self._server]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            caller, _ = self._server.accept()
            while True:
                try:
                    called = socket.create_connection((self._target.host, self._target.port))
                    break
                except ConnectionRefusedError:
                    time.sleep(0.01)
            self._open += [caller, called]
            threading.Thread(target=self._carry, args=(called, caller, False), daemon=True).start()
            self._carry(caller, called, True)

    def _carry(self, source: socket.socket, sink: socket.socket, meddling: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(self.meddle(data) if meddling else data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.mark.parametrize("change", ["flip", "repeat", "drop", "cut"])
def test_a_change_on_the_wire_is_an_error_and_nothing_is_received(authority: Authority, change: str) -> None:
    nodes = some_nodes("alice", "bob")
    tap = Wiretap(nodes[0].address)
    tapped = [replace(nodes[0], address=tap.address), nodes[1]]
    changes: dict[str, Callable[[bytes], bytes]] = {
        "flip": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        "repeat": lambda data: data * 2,
        "drop": lambda data: b"",
        "cut": lambda data: data[: len(data) // 2],
    }
    try:
        links = good(both(meeting(nodes, "alice", authority).run, meeting(tapped, "bob", authority).run))
        alice, bob = links[0]["bob"], links[1]["alice"]
        good(both(lambda: bob.send([b"well"]), lambda: alice.receive(4)))
        tap.meddle = changes[change]
        bob.send([b"changed on the way"])
        if change != "flip":
            tap.meddle = bytes
            bob.send([b"the next"])
            bob.close()

        def take() -> list[bytes]:
            return [bytes(alice.receive(18)), bytes(alice.receive(8)), bytes(alice.receive(8))]

        result = both(take)[0]
        assert isinstance(result, LinkError)
        for channel in (alice, bob):
            channel.close()
    finally:
        tap.close()


def test_a_greeting_of_another_run_recorded_on_the_wire_is_of_no_use(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    tap = Wiretap(nodes[0].address)
    tapped = [replace(nodes[0], address=tap.address), nodes[1]]
    recorded: list[bytes] = []

    def keep(data: bytes) -> bytes:
        recorded.append(data)
        return data

    tap.meddle = keep
    links = good(both(meeting(nodes, "alice", authority).run, meeting(tapped, "bob", authority).run))
    for link in links:
        for channel in link.values():
            channel.close()
    tap.close()
    assert recorded
    with waiting_alice(nodes, authority) as results:
        with knock(nodes[0]) as connection:
            for data in recorded:
                with suppress(OSError):
                    connection.sendall(data)
            assert ended(connection, 10)
        then_bob_comes(nodes, authority, results)
