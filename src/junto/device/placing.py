"""`to` and `with_device`: the verbs that name a device first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from junto.device.handle import Device
from junto.device.pyu import PYU, put
from junto.errors import DeviceError


def to(device: Device, data: Any) -> Any:
    """Put data of the script on a device, or move handles there.

    Args:
        device: where to.
        data: a value that the script of that party has (the others' copies are not looked at),
            or a tree that holds handles.

    Returns:
        One handle, or the tree with handles on `device`.

    Raises:
        DeviceError: there is no such move.
    """
    if not isinstance(device, PYU):
        raise DeviceError(f"to() takes a PYU, not {device!r}")
    return put(device, data)


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
