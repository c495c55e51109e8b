"""A party that `junto simulate` started ends when the simulation does, however that ends.

The simulation holds the writing end of a pipe; the operating system closes it with its process, also after
SIGKILL. The party reads: when the pipe ends, so does the party, and whatever it started in its process group.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "JUNTO_LIFELINE"
GRACE_S = 8.0


@contextmanager
def pipe() -> Iterator[int]:
    """The simulation's side: the reading end, for the parties to inherit."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


@contextmanager
def held() -> Iterator[None]:
    """The party's side; does nothing in a process that no simulation started."""
    text = os.environ.pop(VARIABLE, "")
    if not text:
        yield
        return
    descriptor = int(text)
    os.set_inheritable(descriptor, False)
    cut, ended = threading.Event(), threading.Event()

    def watch() -> None:
        os.read(descriptor, 1)
        cut.set()
        os.kill(os.getpid(), signal.SIGTERM)
        if not ended.wait(GRACE_S):
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="junto-lifeline", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        if cut.is_set():
            os.killpg(0, signal.SIGKILL)
