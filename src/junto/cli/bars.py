"""Progress as commands show it: the option, and a line for each party of a simulation below what they say."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer

from junto.accounting.progress import VARIABLE, Look
from junto.cli.output import console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

Progress = Annotated[
    bool | None,
    typer.Option(
        "--progress/--no-progress",
        help="Show how far long computations are: a bar at a terminal (the default there), lines elsewhere.",
    ),
]


def export(asked: bool | None) -> None:
    """For the session of this process, and of those that it starts."""
    if asked is not None:
        os.environ[VARIABLE] = "1" if asked else "0"


class Screen:
    """What a simulation shows: lines, and below them, at a terminal, the parties' bars.

    Args:
        parties: in their order.
        asked: whether bars are wanted; None: what the environment says, else at a terminal.
        to_stderr: whether standard output is for something else.
    """

    def __init__(self, parties: Sequence[str], asked: bool | None, *, to_stderr: bool = False) -> None:
        export(asked)
        self._parties = tuple(parties)
        self._looks: dict[str, Look] = {}
        self._live: Live | None = None
        stream = sys.stderr if to_stderr or not sys.stdout.isatty() else sys.stdout
        self._console: Console | None = None
        if stream.isatty() and os.environ.get(VARIABLE) != "0":
            self._console = console(stderr=stream is sys.stderr)

    @property
    def console(self) -> Console | None:
        """What lines for a terminal are printed with, so that they come above the bars; None: no bars."""
        return self._console

    @property
    def watch(self) -> Callable[[str, Look | None], None] | None:
        """Takes how far a party is (None: nothing is under way there); None: nobody watches."""
        return None if self._console is None else self._see

    def _see(self, party: str, look: Look | None) -> None:
        if look is not None:
            self._looks[party] = look
        else:
            self._looks.pop(party, None)
        if self._looks:
            self._draw()
        else:
            self._end()

    def _draw(self) -> None:
        from rich.live import Live

        from junto.accounting.status_line import StatusRows

        shown = StatusRows({party: self._looks[party] for party in self._parties if party in self._looks})
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(shown, refresh=True)

    def _end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
