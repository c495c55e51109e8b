"""Signals end a command where Python does not lose them.

Python raises what a signal asks for wherever the script's thread is. Two places lose it: a callback that the
interpreter makes by itself (a garbage collection's, a finalizer), whose errors it ignores, and the import of
a library, which may take any error for "not installed", or be left half loaded. So an import is let end
first, and what a callback has lost is asked for again.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from junto.cli import parent_watchdog
from junto.errors import Terminated

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

MOST_S = 3.0
"""An import that takes longer is interrupted all the same: it may be the script's own work."""

AGAIN_S = 0.02

SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

_OURS = str(Path(__file__).resolve().parents[1])


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP raise `Terminated` here, so that what was started is also ended; Ctrl-C is not lost.

    What the caller has set to be ignored stays so, but in a party of a simulation: a shell's background job
    does not hear Ctrl-C, and one behind `nohup` outlives its terminal.
    """
    came: dict[int, float] = {}

    def end(number: int, frame: FrameType | None) -> None:
        first = came.setdefault(number, time.monotonic())
        if _importing(frame) and time.monotonic() - first < MOST_S:
            _again(number)
            return
        del came[number]
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    def lost(what: UnraisableHookArgs) -> None:
        if issubclass(what.exc_type, KeyboardInterrupt):
            _again(signal.SIGTERM if issubclass(what.exc_type, Terminated) else signal.SIGINT)
        else:
            ignored(what)

    simulated = parent_watchdog.VARIABLE in os.environ
    numbers = [each for each in SIGNALS if simulated or signal.getsignal(each) is not signal.SIG_IGN]
    before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}
    ignored, sys.unraisablehook = sys.unraisablehook, lost
    for number in numbers:
        before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = ignored


def _importing(frame: FrameType | None) -> bool:
    """Whether a library is being imported, not counting what surrounds a call of ours."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return True
        if name.startswith(_OURS):
            return False
        frame = frame.f_back
    return False


def _again(number: int) -> None:
    """As if the signal came once more, soon. No lock of `threading` is taken: the script may hold it."""

    def come() -> None:
        time.sleep(AGAIN_S)
        _thread.interrupt_main(signal.Signals(number))

    _thread.start_new_thread(come, ())
