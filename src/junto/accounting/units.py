"""Bytes, rates and times as a person reads them."""

from __future__ import annotations

import math

_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def bytes_text(count: int) -> str:
    """``12.3 MB``."""
    for unit, least in _UNITS:
        if count >= least:
            return f"{count / least:.3g} {unit}"
    return f"{count} B"


def bits_text(count: float) -> str:
    """``100 Mbit/s``."""
    return f"{count / 1e9:g} Gbit/s" if count >= 1e9 else f"{count / 1e6:g} Mbit/s"


def seconds_text(seconds: float) -> str:
    """``12 ms``."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def duration(seconds: float) -> str:
    """``0:09``, ``12:30``, ``1:02:03``."""
    whole = max(math.ceil(seconds), 0)
    hours, minutes = whole // 3600, whole // 60 % 60
    clock = f"{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
    return f"{hours}:{clock}" if hours else clock
