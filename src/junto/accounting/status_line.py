"""What a person at a terminal sees: one live line, of the work under way here or else of what is awaited."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, OverflowMethod, RenderableType, RenderResult
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from junto.accounting.progress import Look, figures
from junto.accounting.status import Display, Reporter

BAR_WIDTH, SHORT_BAR = 20, 8
_LEAST_NAME = 12  # of what is under way: ``SPU#3(train)``
_GAPS = 3  # between four columns
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
            return StatusRows({"": look})
        return wait if wait is not None else Text()


class StatusRows:
    """One line each: whose it is, what it is, a bar, and as many of its figures as there is room for.

    What is given up first is what a person misses least: the bar's length, rounds, bytes, the bar, steps. The
    party's name and the time left stay.
    """

    def __init__(self, looks: Mapping[str, Look]) -> None:
        self._looks = dict(looks)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        who = min(max(map(cell_len, self._looks), default=0), options.max_width // 2)
        for bar, figures_of in _DENSITIES:
            texts = [", ".join(figures_of(look)) for look in self._looks.values()]
            needed = who + max(map(cell_len, texts), default=0) + bar + _LEAST_NAME + _GAPS
            if needed <= options.max_width:
                break
        grid = Table.grid(padding=(0, 1), expand=True)
        cut: OverflowMethod = "ellipsis" if options.encoding.startswith("utf") else "crop"
        grid.add_column(no_wrap=True, overflow=cut, width=who)
        grid.add_column(no_wrap=True, overflow=cut, ratio=1)
        grid.add_column(no_wrap=True, width=bar)
        grid.add_column(no_wrap=True)
        for (name, look), text in zip(self._looks.items(), texts, strict=True):
            grid.add_row(Text(name), Text(look.name), _bar(look, bar) if bar else Text(), Text(text))
        yield grid


def _bar(look: Look, width: int) -> ProgressBar:
    fraction = look.count.fraction
    return ProgressBar(total=1.0, completed=fraction or 0.0, width=width, pulse=fraction is None)


def _without_rounds(look: Look) -> list[str]:
    return figures(replace(look, count=replace(look.count, rounds=0)))


def _without_traffic(look: Look) -> list[str]:
    return figures(replace(look, count=replace(look.count, rounds=0, nbytes=0)))


def _one_figure(look: Look) -> list[str]:
    """The time left, or else the steps."""
    return _without_traffic(look)[-1:]


_DENSITIES: tuple[tuple[int, Callable[[Look], list[str]]], ...] = (
    (BAR_WIDTH, figures),
    (SHORT_BAR, figures),
    (SHORT_BAR, _without_rounds),
    (SHORT_BAR, _without_traffic),
    (0, _without_traffic),
    (0, _one_figure),
)


def _wait(*, bar: bool) -> Progress:
    whole = TextColumn("{task.description}", markup=False, table_column=Column(ratio=1))  # on several lines
    columns = [SpinnerColumn(), whole]
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
