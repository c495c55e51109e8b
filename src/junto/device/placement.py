"""`to` and `with_device`: the verbs that name a device first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from junto.device.boundary import public
from junto.device.handle import Device, DeviceObject
from junto.device.pyu import PYU, put
from junto.errors import DeviceError
from junto.tree import leaves, map_leaves


@public
def to(device: Device, data: Any) -> Any:
    """Put data of the script on a device, or move handles there.

    Args:
        device: where to: a PYU or, for handles, an SPU.
        data: a value that the script of that party has (the others' copies are not looked at),
            or a tree that holds handles.

    Returns:
        One handle, or the tree with handles on `device`.

    Raises:
        DeviceError: there is no such move.
    """
    if isinstance(device, PYU):
        return put(device, data)
    if not isinstance(device, Device):
        raise DeviceError(
            f"to() takes a device, not {type(device).__name__}",
            fix='sf.to(alice, value), where alice = sf.PYU("alice")',
        )
    handles = [leaf for leaf in leaves(data) if leaf is not None]
    if not handles or not all(isinstance(leaf, DeviceObject) for leaf in handles):
        raise DeviceError(
            f"to() puts handles on {device!r}, and nobody is the owner of a value of the script",
            fix="say whose it is: sf.to(alice, data).to(spu); what all know is an argument as it is",
        )
    return map_leaves(lambda leaf: None if leaf is None else leaf.to(device), data)


@public
def with_device(
    device: PYU, *, num_returns: int | None = None, **options: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the function runs on `device` whenever it is called.

    Args:
        device: a PYU.
        num_returns: as in a call of the PYU.
        **options: the PYU call's further options.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        return device(function, num_returns=num_returns, **options)

    return decorate
