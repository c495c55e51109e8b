"""A wait as a person at a terminal sees it: one live line, with a bar while bytes arrive."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

from junto.program.report import Reporter


class LiveReporter(Reporter):
    """Shows waits on standard error; leaves nothing behind when they are over."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress: Progress | None = None

    def waiting(self, line: str, progress: tuple[int, int]) -> None:
        done, total = progress
        if self._progress is None:
            self._progress = self._start(bar=bool(total))
        task = self._progress.task_ids[0]
        self._progress.update(task, description=line, completed=done, total=total or None)

    def over(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _start(self, *, bar: bool) -> Progress:
        columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
        bars = [BarColumn(bar_width=20), DownloadColumn(), TransferSpeedColumn()] if bar else []
        live = Progress(*columns, *bars, console=self._console, transient=True)
        live.add_task("")
        live.start()
        return live
