"""What a node tells the others of an operation that it has left out, and what it makes of their word."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from junto.device.spu.node_context import NodeContext
from junto.errors import LinkError, Origin, RemoteError
from junto.log import printable
from junto.mpc.channel import MOST_REASON, LeftOut
from junto.net.api import Failure
from junto.net.header import Reason
from junto.program.failure import remote_error, told


class NodeLinks:
    """A node's channels, as its thread uses them (`node.Links`).

    Args:
        seat: of the node.
        parties: of the job; nobody else can be blamed.
    """

    def __init__(self, seat: NodeContext, parties: Sequence[str]) -> None:
        self._seat = seat
        self._parties = parties

    def interrupt(self, error: Exception) -> None:
        """See `node.Links`."""
        for channel in self._seat.channels.values():
            channel.cancel(error)

    def abort(self, error: Exception) -> None:
        """See `node.Links`."""
        for channel in self._seat.channels.values():
            channel.abort(Reason.LINK if isinstance(error, LinkError) else Reason.FAILED)

    def leave_out(self, operation: int, error: BaseException) -> None:
        """See `node.Links`."""
        reason = _packed(told(self._as_remote(operation, error)))
        for peer, channel in self._seat.channels.items():
            channel.leave_out(operation, reason, wait=peer in self._readers)

    def done(self, operation: int) -> None:
        """See `node.Links`. Only two parties alone need it, to agree on what they have made together."""
        if self._seat.source is not None:
            self._seat.channels[self._seat.peer].done(operation)

    def rest(self) -> None:
        """See `node.Links`."""
        for channel in self._seat.channels.values():
            channel.rest()

    def reason(self, left_out: LeftOut) -> BaseException:
        """See `node.Links`."""
        try:
            failure = msgspec.msgpack.decode(left_out.reason, type=Failure)
        except msgspec.MsgspecError:
            failure = None
        if failure is None or failure.party not in self._parties:
            return LinkError(
                f"{left_out.peer} has left an operation out, and does not say why as it has to",
                party=left_out.peer,
            )
        names = ("text", "site", "error_type", "incident", "detail", "fix")
        clean = {name: printable(getattr(failure, name), 2000) for name in names}
        return remote_error(msgspec.structs.replace(failure, **clean))

    @property
    def _readers(self) -> Sequence[str]:
        """The nodes that wait for what this one sends."""
        seat = self._seat
        return seat.compute if seat.index is not None else seat.compute[1:]

    def _as_remote(self, operation: int, error: BaseException) -> RemoteError:
        if isinstance(error, RemoteError):
            return error
        return RemoteError(Origin(self._seat.home, operation, "", "", type(error).__name__, ""))


def _packed(failure: Failure) -> bytes:
    """With as much of its long texts as the channel takes: what is cut off in the middle says nothing."""
    packed = msgspec.msgpack.encode(failure)
    if len(packed) <= MOST_REASON:
        return packed
    short = msgspec.structs.replace(failure, detail=failure.detail[-_SHORT:], fix=failure.fix[:_SHORT])
    return msgspec.msgpack.encode(short)


_SHORT = 600
"""Characters of at most 4 bytes: with the name and four texts of 500 each, no more than `MOST_REASON`."""
