"""`junto ledger`: what crossed, for a person or a program."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from junto.cli.crossings import Crossing, as_json, put_together, show
from junto.cli.exit_codes import ExitCode
from junto.cli.output import Json, console, failing, print_json
from junto.ledger import Verification, read, runs, summarise
from junto.ledger import verify as verify_chain

_DOES_NOT_TELL = (
    "a file that was written anew as a whole has a chain that holds: "
    "only the other side's file of the same run tells"
)


def ledger(
    files: Annotated[list[Path], typer.Argument(help="Ledgers, of one party or of several.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Check their chains, and the sides against each other.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what crossed a silo's edge.

    Ledgers of several parties are laid side by side: what both sides wrote down is shown once. With --verify
    the chain of each file is followed and the sides are compared; exit code 7 if something does not fit.
    """
    with failing("ledger", json):
        checks = {str(file): verify_chain(file) for file in files} if verify else {}
        readable = [file for file in files if not verify or checks[str(file)].broken is None]
        crossings = put_together(
            (record for file in readable for record in read(file)),
            [each for file in readable for each in runs(file)],
        )
    differing = [crossing for crossing in crossings if crossing.differs]
    lone = [crossing for crossing in crossings if crossing.missing_at]
    broken = verify and bool(differing or lone or not all(check.ok for check in checks.values()))
    code = ExitCode.LEDGER_BROKEN if broken else ExitCode.OK
    if json:
        print_json(_report(code, crossings, checks))
    else:
        out = console()
        show(crossings, out)
        for name, check in checks.items():
            out.print(_verdict(name, check), style="green" if check.ok else "red", markup=False)
        if differing:
            line = f"the two sides of {len(differing)} crossings wrote down different things"
            out.print(line, style="red", markup=False)
        if verify and lone:
            line = f"one side only wrote down {len(lone)} crossings: the run broke off, or a file was changed"
            out.print(line, style="red", markup=False)
        if verify:
            out.print(_DOES_NOT_TELL, style="dim", markup=False)
    raise typer.Exit(code)


def _report(
    code: ExitCode, crossings: tuple[Crossing, ...], checks: dict[str, Verification]
) -> dict[str, Any]:
    edges = summarise(crossing.entry for crossing in crossings)
    return {
        "command": "ledger",
        "exit_code": int(code),
        "crossings": [as_json(crossing) for crossing in crossings],
        "edges": [asdict(edge) for edge in edges],
        "verification": {name: {**asdict(check), "ok": check.ok} for name, check in checks.items()},
    }


def _verdict(name: str, check: Verification) -> str:
    if not check.lines:
        return f"{name}: it is empty: no run has begun in it, or all its lines were removed"
    if check.ok:
        return f"{name}: the chain holds over {check.lines} lines"
    if check.broken is not None:
        return f"{name}: broken at line {check.broken}: {check.cause}"
    begun = ", ".join(map(str, check.unended))
    return f"{name}: the run that begins at line {begun} has no end: its process died, or lines were cut off"
