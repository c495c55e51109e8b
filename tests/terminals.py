"""A terminal for tests: a command at a pseudo-terminal, and what a person sees of its output."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

LINES, COLUMNS = 50, 160
CONTROL = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|[\r\n]|[^\x1b\r\n]+")


class Screen:
    """As much of a terminal as lines need that are drawn, erased and drawn again; it never wraps.

    Attributes:
        seen: every line that stood complete at some moment, in the order in which they appeared.
    """

    def __init__(self) -> None:
        self._lines = [""]
        self._row = self._column = 0
        self.seen: dict[str, None] = {}

    @property
    def text(self) -> list[str]:
        """What stands there now, without lines that are empty."""
        return [line.rstrip() for line in self._lines if line.strip()]

    def feed(self, text: str) -> None:
        """What a program writes."""
        for found in CONTROL.finditer(text):
            if found[2]:
                self._control(found[1], found[2])
            elif found[0] == "\r":
                self._column = 0
            elif found[0] == "\n":
                self._next()
            else:
                self._write(found[0])

    def _write(self, text: str) -> None:
        line = self._lines[self._row].ljust(self._column)
        self._lines[self._row] = line[: self._column] + text + line[self._column + len(text) :]
        self._column += len(text)
        self.seen.setdefault(self._lines[self._row].rstrip())

    def _next(self) -> None:
        self._row += 1
        if self._row == len(self._lines):
            self._lines.append("")

    def _control(self, numbers: str, letter: str) -> None:
        if letter == "A":
            self._row = max(0, self._row - int(numbers or 1))
        elif letter == "K":
            self._lines[self._row] = "" if numbers == "2" else self._lines[self._row][: self._column]
        elif letter not in "mhl":  # colours, and the cursor shown or hidden
            raise AssertionError(f"a terminal is told {numbers}{letter}")


def at_terminal(
    arguments: list[str], folder: Path, timeout_s: float = 240, columns: int = COLUMNS
) -> tuple[int, Screen]:
    """Run ``python ARGUMENTS`` at a terminal; its exit code and the screen at its end."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JUNTO_")}
    environment = {**environment, "TERM": "xterm", "PYTHONUNBUFFERED": "1"}
    for name in ("NO_COLOR", "COLUMNS", "LINES", "CI"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=folder,
        env=environment,
    )
    os.close(follower)
    said, ends = b"", time.monotonic() + timeout_s
    try:
        while time.monotonic() < ends:
            ready, _, _ = select.select([leader], [], [], 1.0)
            try:
                some = os.read(leader, 1 << 16) if ready else b"-"
            except OSError:  # the last one at the terminal has gone
                break
            if not some:
                break
            said += some if ready else b""
        code = process.wait(max(1.0, ends - time.monotonic()))
    finally:
        process.kill()
        process.wait(10)
        os.close(leader)
    screen = Screen()
    screen.feed(said.decode(errors="replace"))
    return code, screen
