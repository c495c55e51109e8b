"""`junto demo`: a real table, three parties, nothing to configure."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from junto.cli.bars import Progress, Screen
from junto.cli.crossings import Crossing, show, show_edges
from junto.cli.exit_codes import ExitCode
from junto.cli.interrupts import terminable
from junto.cli.output import Json, console, failing, say
from junto.cli.simulate import OutputLine, SimulateOptions, simulate
from junto.cli.simulate_command import finish, printer
from junto.errors import MissingLibrary

if TYPE_CHECKING:
    from rich.console import Console

SCRIPT = Path(__file__).with_name("demo_script.py")
PARTIES = ("alice", "bob", "carol")
NEEDED = ("jax", "pandas", "pyarrow", "sklearn")
CROSSINGS = Path("crossings.txt")
"""In the current folder, beside the report that the script writes."""

_PAGE_WIDTH = 160
_INTRODUCTION = (
    "Three parties, each a process of its own with its own certificate, mutual TLS on loopback. alice and "
    "bob hold different patients of scikit-learn's breast-cancer table, carol holds other measurements of "
    "all of them. Each computes statistics of what it has; only those leave it. Then alice and carol find "
    "the patients they share, and train a model that neither sees the rows of."
)

_NOBODY_HELPS = (
    " alice and carol compute without bob's help: they send each other gigabytes, and it takes half a minute."
)

TwoParty = Annotated[
    bool,
    typer.Option("--two-party", help="The two that compute have no helper: slower, and nobody to trust."),
]


def demo(json: Json = False, two_party: TwoParty = False, progress: Progress = None) -> None:
    """Three organisations join a real table, learn from it, and see all that crossed an edge."""
    with failing("demo", json), terminable():
        lacking = [each for each in NEEDED if importlib.util.find_spec(each) is None]
        if lacking:
            raise MissingLibrary(
                f"the demo needs {', '.join(lacking)}, not installed here", fix="pip install 'junto[demo]'"
            )
        if not json:
            introduction = _INTRODUCTION + (_NOBODY_HELPS if two_party else "")
            say(f"{introduction}\n", console())
        # One core a party: three of them share this machine, and their tables are small.
        quiet = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with Screen(PARTIES, progress, to_stderr=json) as screen:
            said = Said(PARTIES)
            print_line = printer(PARTIES, screen.console, to_stderr=json)

            def show_line(line: OutputLine) -> None:
                said.hear(line)
                print_line(line)

            options = SimulateOptions(
                show=show_line,
                watch=screen.watch,
                settings={"logging_level": "warning"},
                environment=quiet | ({"JUNTO_DEMO": "two-party"} if two_party else {}),
                timeout_s=300 if two_party else 120,
            )
            result = simulate(SCRIPT, PARTIES, options=options)
        learned = said.by_all if result.exit_code == ExitCode.OK else []
        finish("demo", result, json, lambda crossings, out: _end(crossings, learned, out))


class Said:
    """What the parties print."""

    def __init__(self, parties: Sequence[str]) -> None:
        self._lines: dict[str, list[str]] = {party: [] for party in parties}

    def hear(self, line: OutputLine) -> None:
        """One line more."""
        if not line.error:
            self._lines[line.party].append(line.text)

    @property
    def by_all(self) -> list[str]:
        """The lines that every party has printed, once each: the result that all may see."""
        first, *others = self._lines.values()
        return [text for text in dict.fromkeys(first) if all(text in lines for lines in others)]


def _end(crossings: Sequence[Crossing], learned: Sequence[str], out: Console) -> None:
    """The edges in sum, then the result, so that it is the result which stands on the screen."""
    from rich.console import Console

    try:
        with CROSSINGS.open("w", encoding="utf-8") as file:
            show(crossings, Console(file=file, width=_PAGE_WIDTH, no_color=True, highlight=False))
    except OSError:  # nothing may be written here
        show(crossings, out)
    else:
        out.print("What crossed the silos' edges", style="bold")
        show_edges(crossings, out)
        say(f"each of these values: {CROSSINGS.resolve()}", out)
    if learned:
        out.print("\nWhat all three learned", style="bold")
    for text in learned:
        say(text, out)
