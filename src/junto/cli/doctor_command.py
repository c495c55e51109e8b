"""`junto doctor`: `junto.doctor.diagnosis` with a person in front of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from junto.cli.exit_codes import ExitCode
from junto.cli.output import Json, console, failing, finite, fits, print_json

if TYPE_CHECKING:
    from junto.doctor.diagnosis import Diagnosis, Finding

_MARKS: Mapping[str, tuple[str, str, str]] = {  # the mark, one for screens that cannot show it, the colour
    "ok": ("✓", "+", "green"),
    "note": ("!", "!", "yellow"),
    "failed": ("✗", "x", "red"),
}
_ABSENT = frozenset(
    {"name-not-found", "refused", "filtered", "unreachable", "silent", "closed", "not-reached-back"}
)


def doctor(
    config: Annotated[Path, typer.Option("--config", "-c", help="This party's settings (TOML).")],
    wait: Annotated[
        float,
        typer.Option(min=0, callback=finite, help="Await parties that are not there for so many seconds."),
    ] = 0,
    json: Json = False,
) -> None:
    """Say why the parties do not get together: one line a rung, each failure with its own cause.

    May run at both sides at once, or at one side while the other one's session runs. Answers within five
    seconds, unless --wait is given; stays as long if it found a cause that the other side does not know yet.
    """
    with failing("doctor", json):
        from junto.config import build_settings
        from junto.doctor.diagnosis import BUDGET_S, examine

        diagnosis = examine(build_settings({"config": str(config)}, today=False), max(BUDGET_S, wait))
        code = exit_code(diagnosis)
        if json:
            print_json({"command": "doctor", "exit_code": int(code), **dataclasses.asdict(diagnosis)})
        else:
            _show(diagnosis)
        raise typer.Exit(code)


def exit_code(diagnosis: Diagnosis) -> ExitCode:
    """Our own failures come first, then refusals, then parties that are not there."""
    failures = diagnosis.failures()
    if any(party == diagnosis.party for party, _ in failures):
        return ExitCode.USAGE
    if any(finding.cause not in _ABSENT for _, finding in failures):
        return ExitCode.REFUSED
    return ExitCode.UNREACHABLE if failures else ExitCode.OK


def _show(diagnosis: Diagnosis) -> None:
    out = console()
    for title, findings in [(f"{diagnosis.party} (here)", diagnosis.own), *diagnosis.peers.items()]:
        out.print(title, style="bold", markup=False)
        for finding in findings:
            _show_finding(finding)
    failures = diagnosis.failures()
    verdict = (
        "all is well"
        if not failures
        else f"{len(failures)} {'cause' if len(failures) == 1 else 'causes'} found"
    )
    out.print(f"{verdict}, in {diagnosis.seconds:.1f} s", style="red" if failures else "green", markup=False)


def _show_finding(finding: Finding) -> None:
    out = console()
    mark, plain, style = _MARKS[finding.state]
    mark = mark if fits(mark, out) else plain
    cause = f" [{finding.cause}]" if finding.state == "failed" else ""
    out.print(f"  {mark} {finding.rung:<11} {finding.text}{cause}", style=style, markup=False, soft_wrap=True)
    for line in finding.details:
        out.print(f"                {line}", markup=False, soft_wrap=True)
    if finding.fix and finding.state != "ok":
        out.print(f"                fix: {finding.fix}", style="dim", markup=False, soft_wrap=True)
