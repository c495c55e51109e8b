"""Nodes that meet: late ones are awaited, wrong ones are told why, and nobody waits for ever."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace

import pytest

from junto.config.model import Address
from junto.errors import (
    ConfigError,
    HandshakeRefused,
    IdentityError,
    JuntoError,
    ListenError,
    PartyUnreachable,
)
from junto.mpc.node_links import Channel, Credentials, Greeting, LinkOptions, NodeOptions, shared_secret
from link_helpers import QUICK, Authority, both, good, meeting, some_nodes

SHORT = LinkOptions(connect_retry_times=4, connect_retry_interval_ms=100, handshake_timeout_ms=300)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def close_all(links: list[dict[str, Channel]]) -> None:
    for link in links:
        for channel in link.values():
            channel.close()


@pytest.mark.parametrize("secured", [True, False])
def test_each_of_three_gets_a_channel_to_each_other(authority: Authority, secured: bool) -> None:
    nodes = some_nodes("carol", "alice", "bob")
    ca = authority if secured else None
    links = good(both(*(meeting(nodes, node.name, ca).run for node in nodes)))
    try:
        assert [list(link) for link in links] == [["alice", "bob"], ["carol", "bob"], ["carol", "alice"]]

        def talk(me: str, link: dict[str, Channel]) -> list[str]:
            for channel in link.values():
                channel.send([me.encode().ljust(8)])
            return [bytes(channel.receive(8)).decode().strip() for channel in link.values()]

        said = good(both(*(lambda n=n, k=k: talk(n.name, k) for n, k in zip(nodes, links, strict=True))))
        assert said == [list(link) for link in links]
        assert links[0]["alice"].binding == links[1]["carol"].binding != links[0]["bob"].binding
        one, other = good(
            both(lambda: shared_secret(links[0]["bob"]), lambda: shared_secret(links[2]["carol"]))
        )
        assert one == other
    finally:
        close_all(links)


@pytest.mark.slow
@pytest.mark.parametrize("late", ["alice", "bob"])
def test_a_late_node_is_awaited_whoever_dials(authority: Authority, late: str) -> None:
    nodes = some_nodes("alice", "bob")
    told: list[tuple[str, float]] = []
    told_twice = threading.Event()
    early = next(node.name for node in nodes if node.name != late)

    def on_wait(party: str, seconds: float) -> None:
        told.append((party, seconds))
        if len(told) == 2:
            told_twice.set()

    def come_late() -> dict[str, Channel]:
        assert told_twice.wait(10)
        return meeting(nodes, late, authority).run()

    options = replace(QUICK, connect_retry_times=50)
    links = good(both(meeting(nodes, early, authority, options, on_wait=on_wait).run, come_late))
    close_all(links)
    assert {party for party, _ in told} == {late}
    assert 0.9 < told[0][1] < told[1][1]


@pytest.mark.slow
@pytest.mark.parametrize("me", ["alice", "bob"])
def test_a_node_that_never_comes_is_named_in_time(authority: Authority, me: str) -> None:
    start = time.monotonic()
    with pytest.raises(PartyUnreachable, match=r"did not come to the link of the SPU within 0\.4 s") as error:
        meeting(some_nodes("alice", "bob"), me, authority, SHORT).run()
    assert time.monotonic() - start < 5
    assert error.value.party == ("bob" if me == "alice" else "alice")
    if me == "bob":
        assert "connection refused" in error.value.message


def test_a_difference_is_printed_at_both_the_same(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    texts = {"alice": "field: FM64\nfraction: 18", "bob": "field: FM64\nfraction: 20\nbeaver: ttp"}
    start = time.monotonic()
    errors = both(
        *(
            meeting(nodes, name, authority, greeting=Greeting(name.encode(), text)).run
            for name, text in texts.items()
        )
    )
    assert time.monotonic() - start < 3
    assert [type(error) for error in errors] == [HandshakeRefused] * 2
    assert errors[0].message == errors[1].message
    assert errors[0].message.splitlines() == [
        "alice and bob do not have the same SPU:",
        "  fraction",
        "    alice  18",
        "    bob    20",
        "  beaver",
        "    alice  -",
        "    bob    ttp",
    ]


def test_another_run_is_refused_when_nobody_else_comes(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    errors = both(
        *(meeting(nodes, n, authority, SHORT, Greeting(n.encode(), "a: 1")).run for n in ("alice", "bob"))
    )
    for error in errors:
        assert isinstance(error, HandshakeRefused)
        assert (
            "alice and bob have the same settings, but belong to different runs or devices" in error.message
        )


def test_a_program_of_the_last_run_does_not_stop_the_next_one(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    old, new = Greeting(b"run 1", "a: 1"), Greeting(b"run 2", "a: 1")
    options = replace(QUICK, connect_retry_times=20)
    stale = meeting(nodes, "bob", authority, options, old)
    refused = threading.Event()
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.extend(both(stale.run)), daemon=True)
    thread.start()
    alice = meeting(nodes, "alice", authority, options, new, on_wait=lambda *_: refused.set())

    def come() -> dict[str, Channel]:
        assert refused.wait(10)
        return meeting(nodes, "bob", authority, options, new).run()

    links = good(both(alice.run, come))
    close_all(links)
    stale.cancel(RuntimeError("over"))
    thread.join(10)
    assert isinstance(results[0], RuntimeError)


def test_cancel_ends_the_wait_with_just_that_error(authority: Authority) -> None:
    for me in ("alice", "bob"):
        waiting = meeting(some_nodes("alice", "bob"), me, authority, replace(QUICK, connect_retry_times=999))
        why = ValueError("the program layer says so")
        timer = threading.Timer(0.1, waiting.cancel, [why])
        timer.start()
        assert both(waiting.run, timeout=240)[0] is why
        timer.join()


def test_a_cancelled_meeting_does_not_begin(authority: Authority) -> None:
    waiting = meeting(some_nodes("alice", "bob"), "alice", authority)
    why = ValueError("before it began")
    waiting.cancel(why)
    assert both(waiting.run)[0] is why


def test_plaintext_does_not_leave_the_machine() -> None:
    here = some_nodes("alice", "bob")
    for address, listen in (("bob.example", "127.0.0.1"), ("127.0.0.1", "0.0.0.0")):
        nodes = [here[0], NodeOptions("bob", Address(address, 9), Address(listen, 9))]
        with pytest.raises(ConfigError, match=r"needs TLS as soon as it leaves the machine"):
            meeting(nodes, "alice", None)


def test_plaintext_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "junto"):  # another test's session may have asked for less
        meeting(some_nodes("alice", "bob"), "alice", None)
    assert "not encrypted" in caplog.text


@pytest.mark.parametrize("names", [("alice", "alice"), ("bob", "carol")])
def test_nodes_are_different_and_this_one_is_among_them(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="the nodes of an SPU are different parties, alice among them"):
        meeting(some_nodes(*names), "alice", None)


def test_a_port_that_is_taken_is_our_own_error(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    with (
        socket.create_server(("127.0.0.1", nodes[0].listen.port)),
        pytest.raises(
            ListenError, match=r"the SPU cannot listen at 127\.0\.0\.1:\d+: Address already in use"
        ),
    ):
        meeting(nodes, "alice", authority).run()


def test_the_port_is_free_again_afterwards(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    for _ in range(3):
        close_all(good(both(*(meeting(nodes, node.name, authority).run for node in nodes))))


def test_host_names_are_looked_up(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    nodes[0] = replace(nodes[0], address=Address("localhost", nodes[0].address.port))
    close_all(good(both(*(meeting(nodes, node.name, authority).run for node in nodes))))


def test_a_name_that_nobody_knows_is_said(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    nodes[0] = replace(nodes[0], address=Address("no-such-host.invalid", 1))
    with pytest.raises(PartyUnreachable, match=r"no-such-host\.invalid"):
        meeting(nodes, "bob", authority, SHORT).run()


@pytest.mark.slow
def test_one_side_without_certificates_is_told_so(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    alice, bob = both(meeting(nodes, "alice", authority, SHORT).run, meeting(nodes, "bob", None, SHORT).run)
    assert isinstance(bob, PartyUnreachable)
    assert "it may expect TLS, and we have no certificates" in bob.message
    assert isinstance(alice, PartyUnreachable)
    assert "no handshake of TLS 1.3" in alice.message
    alice, bob = both(meeting(nodes, "alice", None, SHORT).run, meeting(nodes, "bob", authority, SHORT).run)
    assert isinstance(alice, JuntoError)
    assert "it speaks TLS, and we have no certificates" in alice.message
    assert isinstance(bob, JuntoError)


def test_contexts_that_would_accept_strangers_are_refused(authority: Authority) -> None:
    import ssl

    client, server = authority.contexts("alice")
    server.verify_mode = ssl.CERT_OPTIONAL
    with pytest.raises(ConfigError, match="a certificate from both sides"):
        Credentials(client, server, lambda der, party: None)
    client, server = authority.contexts("alice")
    client.minimum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ConfigError, match=r"needs TLS 1\.3"):
        Credentials(client, server, lambda der, party: None)


def test_nodes_in_the_wrong_place_are_told_so(authority: Authority) -> None:
    nodes = some_nodes("alice", "bob")
    others = [*nodes[:1], NodeOptions("carol", nodes[1].address, nodes[1].listen)]
    alice, carol = both(
        meeting(nodes, "alice", authority, SHORT).run, meeting(others, "carol", authority, SHORT).run
    )
    assert isinstance(carol, HandshakeRefused)
    assert not isinstance(carol, IdentityError)
    assert "alice turned us away: carol is not awaited here" in carol.message
    assert isinstance(alice, PartyUnreachable)
    assert "carol is not awaited here" in alice.message
