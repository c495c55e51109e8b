"""What `junto demo` leaves on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from junto.cli import demo
from junto.cli.crossings import Crossing
from junto.cli.main import app
from junto.cli.simulate import OutputLine, SimulationResult
from junto.ledger import RECEIVED, SENT, LedgerEntry

RESULT = "the joint model: AUC 0.99"
LEDGER_LINES = 60


def crossing(number: int) -> Crossing:
    def entry(direction: str) -> LedgerEntry:
        return LedgerEntry(
            operation=number,
            index=0,
            direction=direction,
            kind="move",
            sender="alice",
            receiver="bob",
            text="alice(f)",
            site=f"fit.py:{number}",
            type_name="ndarray[float64]",
            shape=(5,),
            nbytes=40,
        )

    return Crossing("ab", entry(SENT), entry(RECEIVED))


def invoke(monkeypatch: pytest.MonkeyPatch, folder: Path, code: int = 0) -> list[str]:
    """Run the command with a simulation that only talks."""

    def simulate(script, parties, *, options):
        for party in parties:
            options.show(OutputLine(party, f"of {party} alone", error=False))
            options.show(OutputLine(party, RESULT, error=False))
            options.show(OutputLine(party, "a warning of all", error=True))
        failed = parties[0] if code else None
        crossings = tuple(map(crossing, range(LEDGER_LINES)))
        return SimulationResult(dict.fromkeys(parties, code), failed, None, crossings, 1.0)

    monkeypatch.setattr(demo, "simulate", simulate)
    monkeypatch.chdir(folder)
    answer = CliRunner().invoke(app, ["demo"])
    assert answer.exit_code == code, answer.output
    return answer.stdout.splitlines()


def test_the_edges_in_sum_and_the_result_stand_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = invoke(monkeypatch, tmp_path)
    assert f"alice -> bob: {LEDGER_LINES} values, 2.4 KB" in lines
    assert lines[-3:-1] == ["What all three learned", RESULT]
    assert "all 3 parties are done" in lines[-1]
    assert len(lines) < 25
    assert not any("fit.py" in line for line in lines)


def test_every_crossing_is_in_the_file_that_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = invoke(monkeypatch, tmp_path)
    [path] = [line.partition(": ")[2] for line in lines if line.startswith("each of these values")]
    text = Path(path).read_text()
    assert {f"fit.py:{number}" for number in range(LEDGER_LINES)} <= set(text.split())


def test_a_demo_that_failed_shows_no_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "What all three learned" not in invoke(monkeypatch, tmp_path, code=1)


def test_where_no_file_can_be_written_the_lines_are_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / demo.CROSSINGS).mkdir()
    lines = invoke(monkeypatch, tmp_path)
    assert sum("fit.py" in line for line in lines) == LEDGER_LINES
    assert RESULT in lines
