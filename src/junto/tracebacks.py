"""Whose frames a traceback holds: the script's, ours, or those of what lies between."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

_PYTHONS: Final = (str(Path(threading.__file__).parent), "<frozen")
"""Files of Python's own library: below a frame of ours nobody asks for its frames."""

_TRACERS: Final = frozenset({"jax", "jaxlib"})
"""Whoever calls a function of the script's to trace it."""


def is_ours(trace: TracebackType | None) -> bool:
    """Whether the innermost frame is one of this package: then the error may be a fault of it."""
    *_, innermost = [None, *frames(trace)]
    return innermost is not None and _library(innermost) == "junto"


def of_the_script(trace: TracebackType | None) -> TracebackType | None:
    """What is left of it without our frames and those of what we call or are called by; None for nothing."""
    kept, entered = [], False
    for frame in frames(trace):
        ours = _library(frame) == "junto"
        entered = entered or ours
        below = entered and (_library(frame) in _TRACERS or _is_pythons(frame.tb_frame.f_code.co_filename))
        if not ours and not below:
            kept.append(frame)
    return chained(kept)


def frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    """From the outermost to the innermost."""
    while trace is not None:
        yield trace
        trace = trace.tb_next


def chained(kept: Sequence[TracebackType]) -> TracebackType | None:
    """A traceback of these frames; None for none."""
    result: TracebackType | None = None
    for each in reversed(kept):
        result = TracebackType(result, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return result


def _library(trace: TracebackType) -> str:
    name: str = trace.tb_frame.f_globals.get("__name__", "")
    return name.partition(".")[0]


def _is_pythons(path: str) -> bool:
    return path.startswith(_PYTHONS) and "-packages" not in path
