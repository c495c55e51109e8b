"""THE table of moves: from which device a value gets to which, and by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from junto.device.handle import Device, DeviceObject
from junto.errors import DeviceError


def _pyu_to_pyu(value: Any, device: Any) -> Any:
    return value.moved_to(device)


def _pyu_to_spu(value: Any, device: Any) -> Any:
    return device.take(value)


def _spu_to_pyu(value: Any, device: Any) -> Any:
    return value.shown_to(device)


def _spu_to_spu(value: Any, device: Any) -> Any:
    return device.receive(value)


MOVES: Final[Mapping[tuple[str, str], Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        ("PYU", "PYU"): _pyu_to_pyu,  # in the clear: the new owner may read it
        ("PYU", "SPU"): _pyu_to_spu,  # in shares: nobody learns anything but its layout
        ("SPU", "PYU"): _spu_to_pyu,  # in the clear: the new owner may read it
        ("SPU", "SPU"): _spu_to_spu,  # in shares of shares: nobody learns it; others could, by colluding
    }
)


def move(value: DeviceObject, device: Device) -> Any:
    """`value` on `device`.

    Raises:
        DeviceError: `device` is none, or the table has no such move.
    """
    if not isinstance(device, Device):
        raise DeviceError(
            f".to() takes a device, not {type(device).__name__}", fix='for example x.to(sf.PYU("bob"))'
        )
    step = MOVES.get((value.device.kind, device.kind))
    if step is None:
        there = ", ".join(f"{source} -> {target}" for source, target in MOVES)
        raise DeviceError(
            f"there is no move {value.device.kind} -> {device.kind}; there are: {there}",
            fix="move it to one of these first",
        )
    return step(value, device)
