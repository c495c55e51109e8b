"""The interface of a link: what one node can do with the connection to one other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from junto.mpc.links.message_buffers import Piece
from junto.net.header import Reason

Record: TypeAlias = Callable[[str, bytes], None]
"""Called with the operation and a copy of each payload that arrived, for tests of what a node sees."""


@dataclass(slots=True)
class Counters:
    """What has passed a channel so far.

    Attributes:
        rounds: exchanges.
        messages_sent, messages_received: frames, those of a stream included.
        payload_sent, payload_received: bytes that the caller sent and received.
        wire_sent, wire_received: the same with the link's own headers, without those of TLS (22 bytes for
            each 16 KiB) and of TCP.
    """

    rounds: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    payload_sent: int = 0
    payload_received: int = 0
    wire_sent: int = 0
    wire_received: int = 0


class LeftOut(Exception):
    """The other node has left out the operation under way, and goes on with the next one.

    Attributes:
        peer: the other node.
        reason: what it says of why, up to `MOST_REASON` bytes; nobody has looked at them.
    """

    def __init__(self, peer: str, reason: bytes) -> None:
        super().__init__(f"{peer} has left this operation out")
        self.peer = peer
        self.reason = reason


MOST_REASON = 1 << 14


class Channel(ABC):
    """Ordered messages and a stream of bytes, to and from one other node.

    A channel belongs to one thread at a time; only `cancel`, `abort` and `close` may be called from another
    one, and then end what it is doing. After an error it carries nothing any more.

    Everything that sends or receives raises LinkError: the other node is silent for longer than the deadline,
    is gone, gave up, or sent anything else than what is due. Or LeftOut, and then it carries what follows.
    Buffers must not change until the call is over.

    Attributes:
        me, peer: the names of the two nodes.
        binding: bytes on which both nodes agreed when they met, different for each run and device.
        counters: what has passed so far.
    """

    me: str
    peer: str
    binding: bytes
    counters: Counters

    @property
    @abstractmethod
    def operation(self) -> int | str:
        """What `label` was told last."""

    @property
    @abstractmethod
    def line(self) -> str:
        """What `label` was told last."""

    @abstractmethod
    def label(self, operation: int | str, line: str = "") -> None:
        """Name what follows, at both nodes alike: the operation is compared, the line stands in errors."""

    @abstractmethod
    def send(self, parts: Sequence[Piece]) -> None:
        """Send one message made of `parts`. Waits while the other node takes nothing, without reading.

        So two nodes that send each other more than the system buffers wait for nothing: use `exchange`.
        """

    @abstractmethod
    def receive(self, size: int) -> memoryview:
        """The next message, which must have `size` bytes; its memory is the caller's."""

    @abstractmethod
    def exchange(self, parts: Sequence[Piece], size: int) -> memoryview:
        """`send(parts)` and `receive(size)` at the same time: one round."""

    @abstractmethod
    def write(self, parts: Sequence[Piece]) -> None:
        """Append to the stream. Up to 64 KiB stay here until `flush`, the next message, or `close`.

        Waits while the other node reads nothing and the system's buffers are full.
        """

    @abstractmethod
    def flush(self) -> None:
        """Send what `write` still holds."""

    @abstractmethod
    def read(self, size: int) -> memoryview:
        """The next `size` bytes of the stream, whatever the sizes in which they were written."""

    @abstractmethod
    def leave_out(self, operation: int, reason: bytes, *, wait: bool = True) -> None:
        """Say that this node has left out an operation, in its middle or before it began.

        What the other node has sent for it, or still sends, is dropped. Whoever waits for us in it is told:
        its call ends with `LeftOut`. `wait`: until that is sent; else it goes with what is sent next.
        """

    @abstractmethod
    def done(self, operation: int) -> None:
        """Say, with what is sent next, that an operation is over here; see `last_left_out`."""

    @abstractmethod
    def last_left_out(self) -> int:
        """The last operation that either node has left out; -1: none. Both get the same answer.

        Of operations of which each node says how they ended: waits until the other one has said as much of
        them as this one.
        """

    @abstractmethod
    def rest(self) -> None:
        """Say that nobody waits here for a while: the connection is then read for others at once."""

    @abstractmethod
    def record(self, sink: Record | None) -> None:
        """Show every payload that arrives from now on to `sink`; None: to nobody."""

    @abstractmethod
    def cancel(self, error: BaseException) -> None:
        """End the call that waits in another thread, and all that follow, with `error`. The first counts."""

    @abstractmethod
    def abort(self, reason: Reason) -> None:
        """Tell the other node that this one gives up, if it can be told at once, and close."""

    @abstractmethod
    def close(self) -> None:
        """Send what `write` still holds, say goodbye and close. Raises nothing; may be called twice."""
