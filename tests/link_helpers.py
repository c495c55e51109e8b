"""Links for tests: pairs of channels over every transport, and ends that do not keep to the rules."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from gateways import Heard, Site
from junto.config.model import Address, LinkSettings, PartySettings
from junto.mpc.channel import Channel, Ends
from junto.mpc.link_options import LinkOptions
from junto.mpc.memory_pipe import MemoryPipe, memory_pair, memory_pipes
from junto.net.api import OrderedStream
from junto.net.header import Header, check_of, pack
from junto.net.line import Line
from junto.net.peer import Peer
from junto.net.streams import PeerStream

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


class Wires:
    """Alice and bob on a bare TLS 1.3 socket, met when it is first needed, and streams between them."""

    def __init__(self) -> None:
        self._site = Site("alice", "bob", carrier="socket")
        self._number = 0

    def streams(self) -> tuple[OrderedStream, OrderedStream]:
        """Both ends of another stream."""
        if not self._site.gateways:
            self._site.meet()
        self._number += 1
        made = [
            self._site.gateways[me].stream(other, self._number, lambda: True, 100_000)
            for me, other in (("alice", "bob"), ("bob", "alice"))
        ]
        return made[0], made[1]

    def close(self) -> None:
        self._site.__exit__()


@contextmanager
def channels(transport: str, wires: Wires, options: LinkOptions = QUICK) -> Iterator[tuple[Channel, Channel]]:
    """Alice's and Bob's channel: in memory, or a stream, handed over by threads or carried by a socket."""
    if transport == "memory":
        pair = memory_pair(("alice", "bob"), options)
    else:
        one, other = peer_streams() if transport == "stream" else wires.streams()
        pair = (
            Channel(one, Ends("alice", "bob"), options),
            Channel(other, Ends("bob", "alice"), options),
        )
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
        out, back = Line(dialler.connection.pull), Line(dialled.connection.pull)
        out.on_refused = print
        dialled.opened(back)

        def hear(dialler: Peer, out: Line, message: bytes) -> None:
            if not out.open:
                dialler.opened(out)
            dialler.connection.hear(out, message)

        def carry(line: Line, hear: Callable[[bytes], None]) -> None:
            for message in line.messages():
                hear(message)

        for line, then in (
            (out, partial(dialled.connection.hear, back)),
            (back, partial(hear, dialler, out)),
        ):
            threading.Thread(target=carry, args=(line, then), daemon=True).start()
    made = [PeerStream(4, peers[other].connection, lambda: True, frame_bytes) for other in reversed(parties)]
    return made[0], made[1]


def rogue_pair(options: LinkOptions = QUICK) -> tuple[MemoryPipe, Channel]:
    """The bare pipe of somebody who writes what he likes, and the channel of bob, who takes him for alice."""
    bare, other = memory_pipes()
    return bare, Channel(other, Ends("bob", "alice"), options)


def frame(kind: int, number: int, data: bytes, operation: int | str = 1, detail: int = 0) -> bytes:
    """The bytes of one frame; nothing in it needs to be true."""
    return pack(Header(kind, detail, 0, number, check_of(operation))) + data
