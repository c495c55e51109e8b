"""Ordered, authenticated channels between the nodes of one SPU.

A `Channel` connects two nodes: messages whose size both know beforehand (`send`, `receive`, `exchange`: one
message each way is one round), and a stream of bytes one way (`write`, `read`), for the helper. Each frame
carries its number and the operation that it belongs to; whatever is not exactly what is due is a
`LinkError` that names the operation, the node and the source line, and nothing of it is used.

    memory_pair    both ends of a channel in one process, for the simulation
    shared_secret  32 bytes that only the two ends of a channel know
    FramedChannel  a channel over any other `Pipe`, such as an ordered stream of the parties' connection

The pieces are in `junto.mpc.links`: `framed` is what a channel does with frames, with `outgoing` and
`incoming` as its halves; `pipe` is memory as a pipe; `greeting` what all nodes have to have in common. What
is on the wire, and how parties find each other, is the network's (`junto.net`).
"""

from __future__ import annotations

from junto.mpc.links.channel import Channel, Counters, Record
from junto.mpc.links.channel_keys import shared_secret
from junto.mpc.links.framed import Ends, FramedChannel
from junto.mpc.links.greeting import Greeting
from junto.mpc.links.message_buffers import Piece
from junto.mpc.links.options import LinkOptions
from junto.mpc.links.pipe import memory_pipes
from junto.net.api import Pipe, PipeEnded
from junto.net.header import Reason


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
    "Channel",
    "Counters",
    "Ends",
    "FramedChannel",
    "Greeting",
    "LinkOptions",
    "Piece",
    "Pipe",
    "PipeEnded",
    "Reason",
    "Record",
    "memory_pair",
    "shared_secret",
]
