"""A wait as a person at a terminal sees it: one live line, with a bar for bytes that arrive or steps done."""

from __future__ import annotations

from rich import progress as rich
from rich.console import Console

from junto.program.report import Progress, Reporter


class LiveReporter(Reporter):
    """Shows waits on standard error; leaves nothing behind when they are over."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live: rich.Progress | None = None
        self._kind = ""

    def waiting(self, line: str, progress: Progress) -> None:
        kind = "" if not progress.total else "bytes" if progress.of_bytes else "steps"
        if self._live is None or kind != self._kind:
            self.over()
            self._live, self._kind = self._start(kind), kind
        self._live.update(
            self._live.task_ids[0],
            description=line,
            completed=progress.done,
            total=progress.total or None,
            detail=progress.detail,
        )

    def over(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _start(self, kind: str) -> rich.Progress:
        live = rich.Progress(*_columns(kind), console=self._console, transient=True)
        live.add_task("", detail="")
        live.start()
        return live


def _columns(kind: str) -> list[rich.ProgressColumn]:
    text = rich.TextColumn("{task.description}", markup=False)
    bar = rich.BarColumn(bar_width=20)
    if kind == "bytes":
        return [rich.SpinnerColumn(), text, bar, rich.DownloadColumn(), rich.TransferSpeedColumn()]
    if kind == "steps":
        detail = rich.TextColumn("{task.fields[detail]}", markup=False)
        return [rich.SpinnerColumn(), bar, rich.TaskProgressColumn(), detail, text]
    return [rich.SpinnerColumn(), text]
