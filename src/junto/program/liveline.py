"""What a person at a terminal sees: one live line, of the work under way here or else of what is awaited."""

from __future__ import annotations

import logging
import threading

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from junto.program.progress import Look, figures
from junto.program.report import Display, Reporter

BAR_WIDTH = 20
REFRESHES_PER_S = 8


class LiveLine(Reporter, Display):
    """On standard error; leaves nothing behind. Log lines of ours and what the script prints go above it."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._wait: Progress | None = None
        self._look: Look | None = None
        self._live: Live | None = None

    def waiting(self, line: str, progress: tuple[int, int]) -> None:
        done, total = progress
        with self._lock:
            if self._wait is None:
                self._wait = _wait(bar=bool(total))
            task = self._wait.task_ids[0]
            self._wait.update(task, description=line, completed=done, total=total or None)
            self._draw()

    def over(self) -> None:
        with self._lock:
            self._wait = None
            self._draw()

    def show(self, look: Look) -> None:
        with self._lock:
            self._look = look
            self._draw()

    def hide(self) -> None:
        with self._lock:
            self._look = None
            self._draw()

    def close(self) -> None:
        self.hide()

    def _draw(self) -> None:
        """Begin or end the line; in between it draws itself."""
        needed = self._look is not None or self._wait is not None
        if needed and self._live is None:
            self._live = Live(
                console=self._console or _shared_console(),
                get_renderable=self._renderable,
                refresh_per_second=REFRESHES_PER_S,
                transient=True,
            )
            self._live.start()
        elif not needed and self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _renderable(self) -> RenderableType:
        look, wait = self._look, self._wait  # of the line's own thread, so without the lock
        if look is not None:
            return rows({"": look})
        return wait if wait is not None else Text()


def rows(looks: dict[str, Look]) -> Table:
    """One line each: whose it is, what it is, a bar, and its figures."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    grid.add_column(width=BAR_WIDTH)
    grid.add_column(no_wrap=True)
    for who, look in looks.items():
        fraction = look.count.fraction
        bar = ProgressBar(total=1.0, completed=fraction or 0.0, width=BAR_WIDTH, pulse=fraction is None)
        grid.add_row(Text(who), Text(look.name), bar, Text(", ".join(figures(look))))
    return grid


def _wait(*, bar: bool) -> Progress:
    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
    bars = [BarColumn(bar_width=BAR_WIDTH), DownloadColumn(), TransferSpeedColumn()] if bar else []
    progress = Progress(*columns, *bars)
    progress.add_task("")
    return progress


def _shared_console() -> Console:
    """That of our log, if it writes to this terminal: two consoles would write across each other."""
    for handler in logging.getLogger("junto").handlers:
        console = getattr(handler, "console", None)
        if isinstance(console, Console) and console.is_terminal:
            return console
    return Console(stderr=True)
