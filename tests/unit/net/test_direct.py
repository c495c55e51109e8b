"""Connections at addresses of their own: met in time or named, and preferred while they stand."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from gateways import QUICK, USE, Proxy, Site, in_parallel, outcome, payload, places, stamp, until
from junto.config.model import Address
from junto.errors import (
    ConfigError,
    HandshakeRefused,
    IdentityError,
    JuntoError,
    LinkError,
    ListenError,
    PartyUnreachable,
)
from junto.net import frames as f
from junto.net.api import DirectAddress, TransferKey
from junto.net.line import Line
from junto.net.socket_carrier import SocketCarrier
from junto.net.way import SPARE_S
from junto.reach.probe import ProbeReport
from junto.reach.tls_context import SOCKET_ALPN, client_context, server_context

# A peer that resets the connection in the middle of a handshake leaves a socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")


def opened(site, at, patience_s=10.0, names=None):
    """What each party's attempt comes to: None if all of its ways are open."""

    def attempt(name):
        site.gateways[name].direct(at, USE).run(patience_s, lambda party, seconds: None)

    return in_parallel(*(lambda name=name: attempt(name) for name in names or at))


def all_goes(site, one: str, other: str) -> set[bool]:
    """Of the lines on which the two say that they want values: whether they are direct."""
    peers = [site.gateways[me]._peers[them] for me, them in ((one, other), (other, one))]
    lines = [line for peer in peers for line in (peer.connection.sends, peer.connection.wants)]
    return {line.route.direct for line in lines if line is not None}


def passes(site, sender, receiver, operation, data=b"value"):
    arrival = site.gateways[receiver].expect(sender, TransferKey(operation, 0))
    site.gateways[sender].push(receiver, TransferKey(operation, 0), stamp(operation), payload(data))
    assert outcome(arrival) == data


@pytest.mark.parametrize("tls", [True, False])
def test_everything_between_three_goes_there_until_it_breaks_and_again_once_it_stands(tls):
    with Site("carol", "alice", "bob", tls=tls) as site:
        site.meet()
        at = places("alice", "bob", "carol")
        proxy = Proxy(at["alice"].address.port)
        at["alice"] = replace(at["alice"], address=Address("127.0.0.1", proxy.port))
        assert opened(site, at) == [None] * 3
        pairs = (("alice", "bob"), ("alice", "carol"), ("bob", "carol"))
        for pair in pairs:
            until(lambda pair=pair: all_goes(site, *pair) == {True})
        passes(site, "alice", "bob", 1, b"x" * 3_000_000)
        proxy.cut()
        until(lambda: all_goes(site, "alice", "bob") == {False})
        passes(site, "bob", "alice", 2)
        assert all_goes(site, "bob", "carol") == {True}  # that one was not cut
        proxy.restore()
        until(lambda: all_goes(site, "alice", "bob") == {True})
        passes(site, "alice", "bob", 3)
        in_parallel(*(lambda g=g: g.leave(10) for g in site.gateways.values()))
        for gateway in site.gateways.values():
            assert gateway.statistics()["refused"] == {}
        proxy.close()


def test_two_devices_may_have_the_same_addresses_or_others():
    with Site("alice", "bob") as site:
        site.meet()
        first, second = places("alice", "bob"), places("alice", "bob")
        for at in (first, first, second, first):
            assert opened(site, at) == [None, None]
        until(lambda: all_goes(site, "alice", "bob") == {True})
        passes(site, "alice", "bob", 1)


@pytest.mark.parametrize("tls", [True, False])
def test_parties_with_a_socket_address_talk_there_and_the_third_one_as_usual(tls):
    with Site("alice", "bob", "carol", tls=tls) as site:
        for name, place in places("alice", "bob").items():
            site.cluster[name] = replace(site.cluster[name], socket=place.address, socket_listen=place.listen)
        site.meet()
        until(lambda: all_goes(site, "alice", "bob") == {True})
        assert all_goes(site, "alice", "carol") == all_goes(site, "bob", "carol") == {False}
        for operation, (one, other) in enumerate((("alice", "bob"), ("bob", "carol")), 1):
            passes(site, one, other, operation)
        assert site.cluster["alice"].socket.port in site.gateways["bob"].ports()
        in_parallel(*(lambda g=g: g.leave(10) for g in site.gateways.values()))


def test_a_socket_address_that_leads_nowhere_ends_the_meeting_with_its_cause():
    with Site("alice", "bob") as site:
        at = places("alice", "bob")
        for name, place in at.items():
            site.cluster[name] = replace(site.cluster[name], socket=place.address, socket_listen=place.listen)
        site.make("alice").start()
        nowhere = Address("127.0.0.1", 1)
        site.cluster["alice"] = replace(site.cluster["alice"], socket=nowhere)
        site.make("bob").start()
        errors = in_parallel(*(lambda g=g: g.meet(10, lambda _: None) for g in site.gateways.values()))
        assert [type(error) for error in errors] == [PartyUnreachable] * 2
        assert "alice did not come to its socket_address within 2 s (alice at 127.0.0.1:1: conn" in str(
            errors[1]
        )
        assert "junto doctor" in errors[1].fix


@pytest.mark.parametrize("late", ["alice", "bob"])
def test_a_late_party_is_awaited_whoever_dials(late):
    with Site("alice", "bob") as site:
        site.meet()
        at = places("alice", "bob")
        waiting, heard = next(name for name in at if name != late), threading.Event()

        def early():
            site.gateways[waiting].direct(at, USE).run(
                20, lambda party, _: heard.set() if party == late else None
            )

        def later():
            assert heard.wait(10)
            opened(site, at, names=[late])

        assert in_parallel(early, later) == [None, None]


@pytest.mark.parametrize("absent", ["alice", "bob"])
def test_a_party_that_never_comes_is_named_in_time(absent):
    with Site("alice", "bob") as site:
        site.meet()
        at = places("alice", "bob")
        began = time.monotonic()
        (error,) = opened(site, at, 0.5, names=[name for name in at if name != absent])
        assert time.monotonic() - began < 5
        assert isinstance(error, PartyUnreachable)
        assert error.party == absent
        assert f"{absent} did not come to the link of the SPU within 0.5 s" in error.message
        passes(site, "alice", "bob", 1)  # the usual connection is as it was


def test_cancel_ends_the_wait_with_just_that_error():
    with Site("alice", "bob") as site:
        site.meet()
        ways, error = (
            site.gateways["alice"].direct(places("alice", "bob"), USE),
            JuntoError("the run is over"),
        )
        threading.Timer(0.1, ways.cancel, [error]).start()
        with pytest.raises(JuntoError) as raised:
            ways.run(60, lambda *_: None)
        assert raised.value is error


def test_a_port_that_is_taken_is_our_own_error():
    with Site("alice", "bob") as site, socket.create_server(("127.0.0.1", 0)) as taken:
        site.meet()
        place = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(ListenError, match=f"cannot listen at {place}"):
            site.gateways["alice"].direct(
                {"alice": DirectAddress(place, place), "bob": DirectAddress(place, place)}, USE
            )


def test_plaintext_does_not_leave_the_machine():
    with Site("alice", "bob", tls=False) as site:
        carrier = SocketCarrier(None, site.cluster, site.link)
        for attempt in (
            lambda: carrier.listen(Address("192.0.2.1", 9), lambda *_: None),
            lambda: carrier.probe(Address("192.0.2.1", 9), "bob", 1.0),
        ):
            with pytest.raises(ConfigError, match=r"needs TLS .*: 192\.0\.2\.1:9"):
                attempt()


@contextmanager
def somebody(place: Address, answer) -> Iterator[list[bytes]]:
    """Somebody else at an address; what the callers said after the handshake."""
    heard: list[bytes] = []
    with socket.create_server((place.host, place.port)) as server:
        server.settimeout(10)

        def listen():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.settimeout(5)
                with connection, suppress(OSError):
                    heard.append(answer(connection))

        threading.Thread(target=listen, daemon=True).start()
        yield heard


def on_tls(credentials, alpn):
    context = server_context(credentials, alpn)

    def answer(connection: socket.socket) -> bytes:
        with context.wrap_socket(connection, server_side=True) as secured:
            try:
                return secured.recv(1000)
            except (OSError, ssl.SSLError):
                return b""

    return answer


def told(frame: f.ControlFrame) -> bytes:
    """A frame as it stands on a bare socket."""
    message = f.pack([frame])
    return len(message).to_bytes(4, "big") + message


@contextmanager
def greeting(site: Site, bob: Any) -> Iterator[tuple[ssl.SSLSocket, threading.Thread, list[Any]]]:
    """Bob begins his hello at alice, whose patience is 0.2 s: his socket, her thread and its result."""
    at, results = places("alice", "bob"), []
    waiting = threading.Thread(target=lambda: results.append(opened(site, at, 0.2, names=["alice"])))
    waiting.start()
    place = at["alice"].address
    until(lambda: _listens(place))
    context = client_context(site.credentials["bob"], SOCKET_ALPN)
    with socket.create_connection((place.host, place.port)) as plain, context.wrap_socket(plain) as secured:
        secured.sendall(told(bob._meeting.mine))
        yield secured, waiting, results


def _listens(place: Address) -> bool:
    with suppress(OSError), socket.create_connection((place.host, place.port)):
        return True
    return False


def test_a_handshake_under_way_when_patience_ends_may_end_well():
    with Site("alice", "bob") as site:
        _, bob = site.meet()
        with greeting(site, bob) as (secured, waiting, results):
            waiting.join(0.2 + SPARE_S + 0.3)
            assert waiting.is_alive()
            secured.sendall(told(f.Resume(bob._meeting.run)))
            waiting.join(10)
        assert results == [[None]]


def test_a_handshake_that_does_not_go_on_is_awaited_no_longer_than_a_silent_party():
    with Site("alice", "bob", link=replace(QUICK, peer_timeout_s=1.0)) as site:
        _, bob = site.meet()
        with greeting(site, bob) as (_, waiting, results):
            waiting.join(10)
        assert isinstance(results[0][0], PartyUnreachable)


def test_who_comes_where_another_device_listens_is_awaited_until_its_own_does():
    with Site("alice", "bob", "carol") as site:
        site.meet()
        at = places("alice", "bob", "carol")
        pair, other = ({name: at[name] for name in ("alice", who)} for who in ("bob", "carol"))
        assert opened(site, pair) == [None, None]
        (error,) = opened(site, other, 0.5, names=["carol"])
        assert isinstance(error, PartyUnreachable)
        assert (
            f"alice at {at['alice'].address} refuses us: 'carol' is not awaited at this addr" in error.message
        )
        passes(site, "carol", "alice", 1)
        assert site.gateways["carol"]._peers["alice"]._down is None
        assert opened(site, other) == [None, None]
        until(lambda: all_goes(site, "alice", "carol") == {True})


def test_who_answers_after_the_probe_has_to_be_the_party_too():
    with Site("alice", "bob", "carol", carrier="socket") as site:
        site.start("carol")
        line = Line(lambda _: None)
        line.say(f.Bye(0))
        report = ProbeReport("alice", site.cluster["carol"].address, ())  # as if alice had answered there
        call = site.carrier(site.credentials["bob"]).dial(report, line)
        assert list(call) == []
        assert "carol" in call.reason
        assert line.closed


@pytest.mark.parametrize("tls", [True, False])
def test_who_is_meant_for_another_party_is_told_whom_it_reached(tls):
    with Site("alice", "bob", "carol", tls=tls) as site:
        site.meet()
        at = places("alice", "bob", "carol")
        swapped = {"alice": at["bob"], "bob": at["alice"], "carol": at["carol"]}
        results = in_parallel(
            *(lambda n=n: site.gateways[n].direct(at, USE).run(1, lambda *_: None) for n in ("alice", "bob")),
            lambda: site.gateways["carol"].direct(swapped, USE).run(1, lambda *_: None),
        )
        assert isinstance(results[2], IdentityError)
        assert "bob" in results[2].message
        assert str(at["bob"].address) in results[2].message or str(at["alice"].address) in results[2].message


def web(connection: socket.socket) -> bytes:
    connection.recv(10)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    return b""


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (lambda site: on_tls(site.credentials["carol"], "junto/1"), IdentityError, "carol"),
        (
            lambda site: on_tls(Site("alice").credentials["alice"], "junto/1"),
            IdentityError,
            "and another key",
        ),
        (lambda site: on_tls(site.credentials["alice"], "h2"), HandshakeRefused, "ALPN junto/1"),
        (lambda site: web, HandshakeRefused, "TLS"),
    ],
    ids=["another party", "another CA", "another service", "no TLS"],
)
def test_who_answers_and_is_not_the_party_is_named_and_learns_nothing(answer, kind, text):
    with Site("alice", "bob", "carol") as site:
        site.meet()
        at = places("alice", "bob")
        with somebody(at["alice"].address, answer(site)) as heard:
            (error,) = opened(site, at, 10, names=["bob"])
        assert isinstance(error, kind)
        assert text in error.message
        assert not any(heard)
        assert not isinstance(error, LinkError)
        passes(site, "alice", "bob", 1)
