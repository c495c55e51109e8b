"""`reveal`, `wait` and `barrier`: the operations in which all parties take part.

`reveal` is the only door to plaintext; within a function on an SPU, with its caller's word, `reveal_inside`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from junto.device.boundary import public
from junto.device.current import current
from junto.device.handle import Device, DeviceObject
from junto.device.pyu import PYU
from junto.errors import DeviceError
from junto.program.operation import Description, structure
from junto.tree import leaves, map_leaves


class Undisclosed:
    """Stands at a party for a value that was revealed to others only. Using it is an error."""

    __slots__ = ("_to",)

    def __init__(self, to: tuple[str, ...]) -> None:
        self._to = to

    def __repr__(self) -> str:
        return f"<undisclosed: revealed to {', '.join(self._to)} only>"

    def __bool__(self) -> bool:
        raise DeviceError(
            f"this value was revealed to {', '.join(self._to)} only",
            fix="nothing that all parties decide may depend on it; reveal it to all, if all may see it",
        )


@public
def reveal(tree: Any, to: str | PYU | Sequence[str | PYU] | None = None) -> Any:
    """Show values to parties, and return them; blocks until they are there.

    Args:
        tree: handles in dicts, lists and tuples; plain leaves stay as they are.
        to: the parties that may see them, by name or device (default: all).

    Returns:
        The same tree with values in place of handles. A party that `to` leaves out gets `Undisclosed`
        in their place. In the single-process modes the script sees what any receiver sees.

    Raises:
        RemoteError: an operation that a value depends on failed, at whichever party.
        PartyUnreachable, PartyAborted, ProgramDivergence, DeadlineExceeded: see `junto.errors`.
    """
    receivers = _receivers(to)
    return _reveal(tree, receivers, "" if to is None else ",".join(receivers))


def reveal_as(what: str, tree: Any) -> Any:
    """`reveal` to all parties; every ledger says `what` it was."""
    return _reveal(tree, current().program.parties, what)


def _reveal(tree: Any, receivers: tuple[str, ...], said: str) -> Any:
    program = current().program
    handles = _handles(tree)
    stamp = program.begin(Description("reveal", said, "", structure(tree, DeviceObject)))
    shown = [handle.disclose(stamp, index, receivers) for index, handle in enumerate(handles)]
    program.wait(stamp, [item for part in shown for item in part.awaited])
    values = iter([part.value.value() if part.value else Undisclosed(receivers) for part in shown])
    return map_leaves(lambda leaf: next(values) if isinstance(leaf, DeviceObject) else leaf, tree)


@public
def wait(tree: Any) -> None:
    """Block until every value in `tree` is computed, without showing any.

    Raises:
        RemoteError: an operation that one depends on failed, at whichever party.
    """
    program = current().program
    handles = _handles(tree)
    stamp = program.begin(Description("wait", "", "", structure(tree, DeviceObject)))
    settled = [handle.settle(stamp, index) for index, handle in enumerate(handles)]
    program.wait(stamp, [item for items in settled for item in items])


@public
def barrier() -> None:
    """Block until every party's script has come here."""
    program = current().program
    stamp = program.begin(Description("barrier"))
    program.rendezvous(stamp)


def _handles(tree: Any) -> list[DeviceObject]:
    handles = [leaf for leaf in leaves(tree) if isinstance(leaf, DeviceObject)]
    for handle in handles:
        handle.check_run()
    return handles


def _receivers(to: str | PYU | Sequence[str | PYU] | None) -> tuple[str, ...]:
    program = current().program
    if to is None:
        return program.parties
    names = [_party(each) for each in ((to,) if isinstance(to, str | Device) else to)]
    if not names:
        raise DeviceError("reveal(x, to=[]) would show it to nobody", fix="name at least one party")
    for name in names:
        program.check_party(name)
    return tuple(party for party in program.parties if party in names)


def _party(receiver: Any) -> str:
    if isinstance(receiver, PYU):
        return receiver.party
    if isinstance(receiver, Device):
        raise DeviceError(f"{receiver!r} is nobody to reveal to", fix="name parties, or their PYUs")
    return str(receiver)
