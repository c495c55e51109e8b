"""Ordered, authenticated channels between the nodes of one SPU.

A `Channel` connects two nodes: messages whose size both know beforehand (`send`, `receive`, `exchange`: one
message each way is one round), and a stream of bytes one way (`write`, `read`), for the helper. Each frame
carries its number and the operation that it belongs to; whatever is not exactly what is due is a
`LinkError` that names the operation, the node and the source line, and nothing of it is used.

    build          channels to all other nodes over TLS 1.3 with both certificates, one connection a pair
    Meeting        the same, for who wants to cancel it from another thread
    memory_pair    both ends of a channel in one process, for the simulation
    shared_secret  32 bytes that only the two ends of a channel know
    FramedChannel  a channel over any other `Pipe` of bytes

The pieces are in `junto.mpc.links`: `frame` is what is on the wire; `framed` what a channel does with it,
with `outgoing` and `incoming` as its halves; `pipe` the bytes below; `meeting`, `handshake` and `greeting`
how nodes find each other, in the one thread of `loop`.
"""

from __future__ import annotations

from collections.abc import Sequence

from junto.mpc.links.channel import Channel, Counters, Record
from junto.mpc.links.channel_keys import shared_secret
from junto.mpc.links.framed import Ends, FramedChannel
from junto.mpc.links.greeting import Greeting
from junto.mpc.links.message_buffers import Piece
from junto.mpc.links.node_meeting import NodeMeeting, OnWait
from junto.mpc.links.options import ALPN, Credentials, LinkOptions, NodeOptions
from junto.mpc.links.pipe import memory_pipes
from junto.mpc.links.tls_handshake import Introduction
from junto.net.api import Pipe, PipeEnded
from junto.net.header import Reason


def build(
    nodes: Sequence[NodeOptions], own: Introduction, options: LinkOptions, on_wait: OnWait | None = None
) -> dict[str, Channel]:
    """Channels from this node to all others, by name; waits for late ones. Raises what `NodeMeeting` does."""
    return NodeMeeting(nodes, own, options, on_wait).run()


def memory_pair(
    names: tuple[str, str] = ("P0", "P1"), options: LinkOptions | None = None, binding: bytes = b""
) -> tuple[Channel, Channel]:
    """Both ends of a channel for two threads: the same frames, checks and deadlines, without a socket.

    Args:
        names: of the first and the second node; the first channel belongs to the first.
        options: numbers; the deadlines count here, too.
        binding: what both agreed on (`Channel.binding`).
    """
    first, second = memory_pipes()
    options = options or LinkOptions()
    return (
        FramedChannel(first, Ends(names[0], names[1], binding), options),
        FramedChannel(second, Ends(names[1], names[0], binding), options),
    )


__all__ = [
    "ALPN",
    "Channel",
    "Counters",
    "Credentials",
    "Ends",
    "FramedChannel",
    "Greeting",
    "Introduction",
    "LinkOptions",
    "NodeMeeting",
    "NodeOptions",
    "OnWait",
    "Piece",
    "Pipe",
    "PipeEnded",
    "Reason",
    "Record",
    "build",
    "memory_pair",
    "shared_secret",
]
