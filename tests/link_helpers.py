"""Links for tests: pairs of channels over every transport, and ends that do not keep to the rules."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import trustme

from gateways import Heard
from junto.config.model import Address, LinkSettings, PartySettings
from junto.mpc.links.framed import Ends, FramedChannel
from junto.mpc.links.pipe import MemoryPipe, memory_pipes
from junto.mpc.node_links import (
    ALPN,
    Channel,
    Credentials,
    Greeting,
    Introduction,
    LinkOptions,
    NodeMeeting,
    NodeOptions,
    memory_pair,
)
from junto.net import frames as f
from junto.net.api import OrderedStream
from junto.net.header import Header, check_of, pack
from junto.net.identity import accepted_name
from junto.net.line import StreamSender
from junto.net.peer import Peer
from parties import free_ports

QUICK = LinkOptions(recv_timeout_ms=10_000, connect_retry_interval_ms=200)


def both(*calls: Callable[[], Any], timeout: float = 30) -> list[Any]:
    """Run the calls in threads of their own; their results, or the exceptions they raised."""
    results: list[Any] = [None] * len(calls)

    def run(index: int) -> None:
        try:
            results[index] = calls[index]()
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
    assert not any(thread.is_alive() for thread in threads), "a call still waits"
    return results


def good(results: list[Any]) -> list[Any]:
    """The results, none of which is an exception."""
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def some_nodes(*names: str) -> list[NodeOptions]:
    """Nodes on loopback, at ports that are free."""
    places = [Address("127.0.0.1", port) for port in free_ports(len(names))]
    return [NodeOptions(name, place, place) for name, place in zip(names, places, strict=True)]


def settings_of(nodes: list[NodeOptions]) -> dict[str, PartySettings]:
    """The nodes as the parties of a job."""
    return {node.name: PartySettings(node.name, node.address, node.listen) for node in nodes}


class Authority:
    """A CA, and credentials from it."""

    def __init__(self) -> None:
        self.ca = trustme.CA()

    def contexts(self, name: str, alpn: str = ALPN) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """For calling and for being called, with a certificate that names `name`."""
        certificate = self.ca.issue_cert(name)
        made = []
        for protocol in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER):
            context = ssl.SSLContext(protocol)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_REQUIRED
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.set_alpn_protocols([alpn])
            self.ca.configure_trust(context)
            certificate.configure_cert(context)
            made.append(context)
        return made[0], made[1]

    def credentials(self, name: str, nodes: list[NodeOptions], alpn: str = ALPN) -> Credentials:
        """What the node `name` brings; certificates are judged as between silos."""
        client, server = self.contexts(name, alpn)
        parties = settings_of(nodes)

        def verify(der: bytes, party: str) -> None:
            accepted_name(der, party, parties)

        return Credentials(client, server, verify)


def meeting(
    nodes: list[NodeOptions],
    me: str,
    authority: Authority | None,
    options: LinkOptions = QUICK,
    greeting: Greeting | None = None,
    *,
    on_wait: Callable[[str, float], None] | None = None,
) -> NodeMeeting:
    """One node's attempt to meet the others."""
    credentials = authority.credentials(me, nodes) if authority else None
    return meeting_with(nodes, me, credentials, options, greeting, on_wait)


def meeting_with(
    nodes: list[NodeOptions],
    me: str,
    credentials: Credentials | None,
    options: LinkOptions = QUICK,
    greeting: Greeting | None = None,
    on_wait: Callable[[str, float], None] | None = None,
) -> NodeMeeting:
    """The same with credentials that need not fit."""
    return NodeMeeting(nodes, Introduction(me, credentials, greeting or Greeting(b"job")), options, on_wait)


@contextmanager
def channels(
    transport: str, authority: Authority, options: LinkOptions = QUICK
) -> Iterator[tuple[Channel, Channel]]:
    """Alice's and Bob's channel, in memory, over TCP, or on a stream of their gateways' connection."""
    if transport == "memory":
        pair = memory_pair(("alice", "bob"), options)
    elif transport == "stream":
        one, other = peer_streams()
        pair = (
            FramedChannel(one, Ends("alice", "bob"), options),
            FramedChannel(other, Ends("bob", "alice"), options),
        )
    else:
        nodes, ca = some_nodes("alice", "bob"), authority if transport == "tls" else None
        alice, bob = good(both(*(meeting(nodes, each.name, ca, options).run for each in nodes)))
        pair = alice["bob"], bob["alice"]
    try:
        yield pair
    finally:
        for channel in pair:
            channel.close()


def peer_streams(frame_bytes: int = 100_000) -> tuple[OrderedStream, OrderedStream]:
    """Both ends of an ordered stream of two parties, whose lines are threads that hand messages over."""
    link, nowhere = LinkSettings(), Address("127.0.0.1", 1)
    parties = ("alice", "bob")
    peers = {name: Peer(PartySettings(name, nowhere, nowhere), link, Heard()) for name in parties}
    for me, other in (parties, parties[::-1]):
        dialler, dialled = peers[other], peers[me]  # each as the other side has it
        out, back = StreamSender(dialler.pull), StreamSender(dialled.pull)
        dialled.open_theirs(back)

        def hear(dialler: Peer, out: StreamSender, message: bytes) -> None:
            opened = f.open_message(message)
            if not out.open:
                assert isinstance(opened, list)
                assert isinstance(opened[0], f.Resumed)
                dialler.open_ours(out, opened.pop(0))
            dialler.hear(out, opened)

        def carry(line: StreamSender, hear: Callable[[bytes], None]) -> None:
            for message in line.messages():
                hear(message)

        def heard(dialled: Peer, back: StreamSender, message: bytes) -> None:
            dialled.hear(back, f.open_message(message))

        for line, then in ((out, partial(heard, dialled, back)), (back, partial(hear, dialler, out))):
            threading.Thread(target=carry, args=(line, then), daemon=True).start()
    made = [peers[other].stream(4, lambda: True, frame_bytes) for other in reversed(parties)]
    return made[0], made[1]


def rogue_pair(options: LinkOptions = QUICK) -> tuple[MemoryPipe, FramedChannel]:
    """The bare pipe of somebody who writes what he likes, and the channel of bob, who takes him for alice."""
    bare, other = memory_pipes()
    return bare, FramedChannel(other, Ends("bob", "alice"), options)


def frame(
    kind: int,
    number: int,
    data: bytes,
    operation: int | str = 1,
    length: int | None = None,
    detail: int = 0,
) -> bytes:
    """The bytes of one frame; nothing in it needs to be true."""
    check = check_of(operation)
    return pack(Header(kind, detail, 0, number, check, len(data) if length is None else length)) + data
