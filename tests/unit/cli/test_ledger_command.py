"""`junto ledger`: two sides of the same crossings, and what does not fit."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from junto.cli.crossings import Crossing, put_together, show, size_text, value_text
from junto.ledger import RECEIVED, SENT, Ledger, LedgerEntry, LedgerFile, Recorded, verify

MOVE = LedgerEntry(
    SENT, 3, 0, "alice -> bob", "fit.py:9", "move", "alice", "bob", "ndarray[float64]", (20, 20), 3256
)
ANSWER = LedgerEntry(SENT, 5, 0, "reveal", "fit.py:11", "reveal", "bob", "alice", "float", None, 34)
RUN = "ab" * 16
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def other_side(entry: LedgerEntry) -> LedgerEntry:
    return replace(entry, direction=RECEIVED)


def recorded(party: str, *entries: LedgerEntry, run: str = RUN) -> list[Recorded]:
    return [Recorded(number, "", "job", run, party, entry) for number, entry in enumerate(entries, 2)]


def test_what_both_sides_saw_counts_once() -> None:
    crossings = put_together(
        [*recorded("bob", ANSWER, other_side(MOVE)), *recorded("alice", other_side(ANSWER), MOVE)]
    )
    assert [crossing.entry.operation for crossing in crossings] == [3, 5]
    assert not any(crossing.differs or crossing.missing_at for crossing in crossings)


def test_what_one_side_did_not_write_down_is_named() -> None:
    (move, answer) = put_together([*recorded("alice", MOVE), *recorded("bob", ANSWER)])
    assert (move.missing_at, answer.missing_at) == ("bob", "alice")


def test_nobody_is_missed_whose_ledger_was_not_given() -> None:
    (move,) = put_together(recorded("alice", MOVE))
    assert move.missing_at is None


def test_sides_that_differ_are_seen() -> None:
    smaller = replace(other_side(MOVE), nbytes=1)
    (move,) = put_together([*recorded("alice", MOVE), *recorded("bob", smaller)])
    assert move.differs


def test_two_runs_are_not_one() -> None:
    again = recorded("alice", MOVE, run="cd" * 16)
    assert len(put_together([*recorded("alice", MOVE), *again])) == 2


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (3256, "3.3 KB"),
        (99_400, "99.4 KB"),
        (100_000, "100 KB"),
        (999_600, "1.0 MB"),
        (5_000_000_000, "5.0 GB"),
        (10**18, "1000000 TB"),
    ],
)
def test_sizes_are_for_a_person(nbytes: int, text: str) -> None:
    assert size_text(nbytes) == text


def test_shapes_are_for_a_person() -> None:
    assert (value_text(MOVE), value_text(ANSWER)) == ("ndarray[float64] 20 x 20", "float")


@pytest.fixture
def ledgers(tmp_path: Path) -> Path:
    for party, entries in (("alice", (MOVE, other_side(ANSWER))), ("bob", (other_side(MOVE), ANSWER))):
        ledger = Ledger(LedgerFile(str(tmp_path / f"{party}.jsonl")), "job", RUN, party)
        for entry in entries:
            ledger.record(entry)
        ledger.close()
    return tmp_path


@pytest.fixture
def command(ledgers: Path) -> Command:
    def go(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        asked = [sys.executable, "-m", "junto", "ledger", "alice.jsonl", "bob.jsonl", *arguments]
        settings = {**os.environ, **environment}
        return subprocess.run(
            asked, capture_output=True, text=True, timeout=240, cwd=ledgers, env=settings, check=False
        )

    return go


def test_the_table_is_plain_in_a_pipe(command: Command) -> None:
    answer = command("--verify")
    assert answer.returncode == 0, answer.stderr
    assert "\x1b" not in answer.stdout
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert [
        "3",
        "alice",
        "bob",
        "move",
        "ndarray[float64]",
        "20",
        "x",
        "20",
        "3.3",
        "KB",
        "fit.py:9",
    ] in lines
    assert "alice -> bob: 1 value, 3.3 KB" in answer.stdout
    assert "bob.jsonl: the chain holds over 4 lines" in answer.stdout


def shown(*crossings: Crossing) -> list[list[str]]:
    out = Console(file=io.StringIO(), width=200)
    show(crossings, out)
    return [line.split() for line in out.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_what_one_line_sent_many_times_is_one_row() -> None:
    loop = [Crossing(RUN, replace(MOVE, operation=each), None) for each in range(3, 10_003)]
    other = [Crossing(RUN, replace(MOVE, shape=(2,), nbytes=9), None), Crossing(RUN, ANSWER, None)]
    lines = shown(*loop, *other)
    assert [
        "3",
        "alice",
        "bob",
        "move",
        "10000",
        "x",
        *value_text(MOVE).split(),
        "32.6",
        "MB",
        "fit.py:9",
    ] in lines
    assert len(lines) == 2 + 3 + 2  # title and header, rows, edges
    assert ["alice", "->", "bob:", "10001", "values,", "32.6", "MB"] in lines


def test_of_very_many_rows_those_that_do_not_fit_together_stand_first() -> None:
    many = [Crossing(RUN, replace(MOVE, site=f"fit.py:{each}"), None) for each in range(300)]
    lines = shown(*many, Crossing(RUN, ANSWER, None, missing_at="alice"))
    assert lines[2][:4] == ["5", "bob", "alice", "reveal"]
    assert "(alice has not written it down)" in " ".join(lines[2])
    assert ["and", "101", "more", "rows;", "with", "--json", "all", "values", "are", "named"] in lines


def test_messages_without_data_are_only_counted(command: Command, ledgers: Path) -> None:
    ledger = Ledger(LedgerFile(str(ledgers / "bob.jsonl")), "job", RUN, "bob")
    ledger.record(replace(ANSWER, operation=6, kind="barrier", type_name="NoneType"))
    ledger.close()
    answer = command()
    assert "barrier  " not in answer.stdout
    assert "and 1 messages of waits and barriers, which carry no data" in answer.stdout


def test_colours_can_be_forced_and_refused(command: Command) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7]")
    assert colour.search(command("--verify", FORCE_COLOR="1").stdout)
    assert not colour.search(command("--verify", FORCE_COLOR="1", NO_COLOR="1").stdout)


def test_a_changed_line_breaks_the_chain(command: Command, ledgers: Path) -> None:
    file = ledgers / "alice.jsonl"
    file.write_text(file.read_text().replace('"nbytes":3256', '"nbytes":3'))
    answer = command("--verify")
    assert answer.returncode == 7
    assert "alice.jsonl: broken at line 3" in answer.stdout
    assert command().returncode == 0


def test_a_changed_last_entry_breaks_the_chain(command: Command, ledgers: Path) -> None:
    file = ledgers / "alice.jsonl"
    file.write_text(file.read_text().replace('"nbytes":34', '"nbytes":35'))
    answer = command("--verify", "--json")
    report = json.loads(answer.stdout)
    assert (answer.returncode, report["exit_code"]) == (7, 7)
    assert report["verification"]["alice.jsonl"]["broken"] == 4
    assert report["verification"]["bob.jsonl"]["ok"] is True


@pytest.mark.slow
@pytest.mark.parametrize("kept", [(), (other_side(ANSWER), replace(MOVE, nbytes=3)), (other_side(ANSWER),)])
def test_a_file_written_anew_as_a_whole_is_found_by_the_other_side_s(
    command: Command, ledgers: Path, kept: tuple[LedgerEntry, ...]
) -> None:
    (ledgers / "alice.jsonl").unlink()
    ledger = Ledger(LedgerFile(str(ledgers / "alice.jsonl")), "job", RUN, "alice")
    for entry in kept:
        ledger.record(entry)
    ledger.close()
    assert verify(ledgers / "alice.jsonl").ok
    answer = command("--verify")
    assert answer.returncode == 7
    assert "only the other side's file of the same run tells" in " ".join(answer.stdout.split())
    assert command().returncode == 0


def test_a_run_without_its_end_is_said(command: Command, ledgers: Path) -> None:
    file = ledgers / "alice.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    answer = command("--verify")
    assert answer.returncode == 7
    assert "alice.jsonl: the run that begins at line 1 has no end" in answer.stdout


def test_json_has_everything(command: Command) -> None:
    report = json.loads(command("--json", "--verify").stdout)
    move, answer = report["crossings"]
    assert (move["sender"], move["receiver"], move["type_name"], move["shape"], move["nbytes"]) == (
        "alice",
        "bob",
        "ndarray[float64]",
        [20, 20],
        3256,
    )
    assert answer["kind"] == "reveal"
    assert report["edges"][0] == {"sender": "alice", "receiver": "bob", "values": 1, "nbytes": 3256}
    assert report["verification"]["alice.jsonl"]["ok"] is True


def test_what_is_no_ledger_is_named(command: Command, ledgers: Path) -> None:
    (ledgers / "bob.jsonl").write_text("a,b\n1,2\n")
    answer = command("--json")
    assert answer.returncode == 2
    assert "bob.jsonl is no ledger: line 1" in json.loads(answer.stdout)["error"]["message"]


def test_an_empty_ledger_is_no_chain_that_holds(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    answer = command("--verify", str(tmp_path / "empty.jsonl"))
    assert answer.returncode == 0, "a run that has never met its parties leaves such a file"
    assert "empty.jsonl:itisempty" in "".join(answer.stdout.split()), "lines end wherever the screen does"
