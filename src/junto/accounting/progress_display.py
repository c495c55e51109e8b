"""Who is shown how far the work of this process has come: a terminal, a log, a simulation, or nobody."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from junto.accounting.progress import VARIABLE, Board, Look, figures
from junto.accounting.status import Display, LogReporter, Reporter
from junto.locks import Event
from junto.log import at_terminal

log: logging.Logger = logging.getLogger("junto.progress")

AFTER_S = 1.0
"""Work that is over sooner is not worth a line."""

TICK_S = 0.25
PIPE_BYTES = 1 << 16

LINGER = 2
"""So many ticks without work end a line: between two computations of a training it stays."""

CLOSE_S = 2.0

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 32.0
"""Between two lines of a log; each pause is twice the one before."""


def choose(environment: Mapping[str, str] = os.environ) -> tuple[Reporter, Display, bool]:
    """Who reports waits, who shows work, and whether it does so before anybody asks."""
    said = environment.get(VARIABLE, "")
    if "/" in said:
        return LogReporter(), PipeLines(said), True
    if at_terminal():
        from junto.accounting.status_line import LiveLine

        line = LiveLine()
        return line, line, said != "0"
    return LogReporter(), LogLines(), said not in ("", "0")


class LogLines(Display):
    """A log line every now and then, ever more rarely while the work goes on, for a file or a pipe.

    Shown because somebody asked, so the level of the log does not hide it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: float | None = None
        self._pause = FIRST_PAUSE_S

    def show(self, look: Look) -> None:
        now = self._clock()
        if self._next is None or now >= self._next:
            self._next, self._pause = now + self._pause, min(2 * self._pause, LONGEST_PAUSE_S)
            log.setLevel(logging.INFO)
            log.info("%s: %s", look.name, ", ".join(figures(look)))

    def hide(self) -> None:
        self._next, self._pause = None, FIRST_PAUSE_S


class PipeLines(Display):
    """JSON lines into a named pipe, for `junto simulate`; whoever reads slowly misses some.

    Args:
        path: of the pipe.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None

    def show(self, look: Look) -> None:
        self._write(msgspec.json.encode(look) + b"\n")

    def hide(self) -> None:
        self._write(b"null\n")

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, line: bytes) -> None:
        with suppress(OSError):  # nobody reads, or not fast enough: it is only to look at
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            os.write(self._descriptor, line)


class StatusPipe:
    """The end at which `junto simulate` reads what a party's `PipeLines` says.

    Attributes:
        path: of the named pipe.

    Args:
        path: where it is made; `.progress` is appended.
    """

    def __init__(self, path: Path) -> None:
        self.path: str = f"{path}.progress"
        os.mkfifo(self.path, 0o600)
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self._rest = b""

    def newest(self) -> list[Look | None]:
        """What was said last, if anything new; None in it: nothing is under way. Never waits."""
        with suppress(BlockingIOError):
            while some := os.read(self._descriptor, PIPE_BYTES):
                self._rest += some
        *lines, self._rest = self._rest.split(b"\n")
        with suppress(msgspec.MsgspecError):  # not from us, or half a line: it is only to look at
            return [msgspec.json.decode(line, type=Look | None) for line in lines[-1:]]
        return []

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


class Watcher:
    """Looks at a board and shows what it sees, from a thread of its own that begins when it is first asked.

    Args:
        board: what is under way.
        display: who shows it.
    """

    def __init__(self, board: Board, display: Display) -> None:
        self._board = board
        self._display = display
        self._thread: threading.Thread | None = None
        self._over = Event()
        self._shown = False

    def switch(self, shown: bool) -> None:
        """Show work from now on, or no longer."""
        self._shown = shown
        if shown and self._thread is None and not self._over.is_set():
            thread = threading.Thread(target=self._loop, name="junto-progress", daemon=True)
            thread.start()
            self._thread = thread

    def close(self) -> None:
        """Nothing is shown any more. Idempotent."""
        self._over.set()
        self._board.busy.set()
        if self._thread is not None:
            self._thread.join(CLOSE_S)  # a terminal that stands still holds nobody up
        self._display.close()

    def _loop(self) -> None:
        idle = LINGER
        while not self._over.is_set():
            look = self._board.look() if self._shown else None
            if look is not None and look.seconds >= AFTER_S:
                self._display.show(look)
                idle = 0
            elif look is None:
                idle += 1
                if idle == LINGER:
                    self._display.hide()
            self._over.wait(TICK_S)
            if idle >= LINGER:
                self._board.busy.wait()
        self._display.hide()
