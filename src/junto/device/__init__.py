"""Devices: where values live, and how they move.

The names of the package itself, under the place where SecretFlow has them: ``from junto.device import PYU``.
"""

from __future__ import annotations

from typing import Any

NAMES = frozenset(
    {
        "PYU",
        "SPU",
        "Device",
        "DeviceObject",
        "PYUObject",
        "SPUCompilerNumReturnsPolicy",
        "SPUObject",
        "init",
        "proxy",
        "reveal",
        "shutdown",
        "to",
        "wait",
        "with_device",
    }
)


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        from junto.secretflow import found

        return found(f"device.{name}")
    import junto

    return getattr(junto, name)


def __dir__() -> list[str]:
    return sorted(NAMES)
