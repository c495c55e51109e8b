"""`junto simulate`: the engine of `junto.cli.simulate`, with a person in front of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from junto.cli.bars import Progress, Screen
from junto.cli.crossings import Crossing, as_json, show
from junto.cli.exit_codes import ExitCode
from junto.cli.interrupts import terminable
from junto.cli.output import Json, broken, console, failing, finite, fits, print_json
from junto.cli.simulate import OutputLine, SimulateOptions, SimulationResult, simulate

if TYPE_CHECKING:
    from rich.console import Console

_LEAST_ROOM = 20  # columns for what a party says, however long its name is
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red")


def simulate_command(
    script: Annotated[Path, typer.Argument(help="The script; every party runs the same.")],
    parties: Annotated[str, typer.Option("--parties", "-p", help="Their names: alice,bob,carol")],
    arguments: Annotated[list[str] | None, typer.Argument(help="The script's own, after --.")] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, callback=finite, help="End everybody after so many seconds.")
    ] = None,
    progress: Progress = None,
    json: Json = False,
) -> None:
    """Run SCRIPT in production mode on this machine: a process a party, mutual TLS, throw-away certificates.

    Ends with everything that crossed a silo's edge. With --json the parties' lines go to standard error.
    """
    names = [name.strip() for name in parties.split(",") if name.strip()]
    with failing("simulate", json), terminable():
        with Screen(names, progress, to_stderr=json) as screen:
            show_line = printer(names, screen.console, to_stderr=json)
            options = SimulateOptions(show=show_line, watch=screen.watch, timeout_s=timeout)
            result = simulate(script, names, arguments or (), options)
        finish("simulate", result, json)


def printer(
    parties: Sequence[str], screen: Console | None = None, *, to_stderr: bool = False
) -> Callable[[OutputLine], None]:
    """Prints lines with their party in front, coloured and broken at a terminal; errors to standard error.

    Args:
        parties: all of them.
        screen: a terminal with something of its own at its bottom: what would go to a terminal goes there.
        to_stderr: everything to standard error.
    """
    from rich.cells import cell_len
    from rich.text import Text

    width = max(map(len, parties), default=0)
    colours = {party: _COLOURS[index % len(_COLOURS)] for index, party in enumerate(parties)}
    consoles = {False: console(stderr=to_stderr), True: console(stderr=True)}

    def show_line(line: OutputLine) -> None:
        target = consoles[line.error]
        prefix = line.party.ljust(width)
        if target.is_terminal:
            out = screen or target
            edge = f" {'│' if fits('│', out) else '|'} "
            room = max(out.width - cell_len(prefix + edge), _LEAST_ROOM)
            for part in broken(Text.from_ansi(line.text), room):
                out.print(Text.assemble((prefix + edge, colours[line.party]), part), soft_wrap=True)
                prefix = " " * cell_len(prefix)
        else:
            target.file.write(f"{prefix} | {line.text}\n")
            target.file.flush()

    return show_line


def finish(
    command: str,
    result: SimulationResult,
    json: bool,
    show: Callable[[Sequence[Crossing], Console], None] = show,
) -> None:
    """Print how it went and end with its exit code.

    Args:
        command: for the JSON.
        result: how it went.
        json: print one JSON object instead.
        show: prints the crossings, if there are any.

    Raises:
        typer.Exit: always.
    """
    if json:
        print_json(summary(command, result))
        raise typer.Exit(result.exit_code)
    sys.stdout.flush()
    out = console()
    if result.crossings:
        out.print()
        show(result.crossings, out)
    outcome = _outcome(result)
    out.print(outcome, style="green" if result.exit_code == ExitCode.OK else "red", markup=False)
    raise typer.Exit(result.exit_code)


def summary(command: str, result: SimulationResult) -> dict[str, Any]:
    """The result as JSON."""
    return {
        "command": command,
        "exit_code": int(result.exit_code),
        "failed": result.failed,
        "parties": dict(result.exit_codes),
        "seconds": round(result.seconds, 3),
        "crossings": [as_json(crossing) for crossing in result.crossings],
    }


def _outcome(result: SimulationResult) -> str:
    if result.stopped is not None:
        return f"stopped after {result.seconds:.1f} s: {result.stopped.meaning}"
    if result.failed is None:
        return f"all {len(result.exit_codes)} parties are done in {result.seconds:.1f} s"
    code = result.exit_codes[result.failed]
    if code < 0:
        return f"{result.failed} was ended by signal {-code}"
    if code == 0:
        return f"{result.failed} failed first, as the others say, and left with exit code 0"
    ours = result.failed not in result.own and code in set(ExitCode)
    meaning = ExitCode(code).meaning if ours else "the script's own code"
    return f"{result.failed} failed first: {meaning} (exit code {code})"
