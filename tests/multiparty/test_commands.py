"""`junto demo`, and what `junto simulate` says of scripts that use devices."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from junto.cli import demo
from junto.cli.simulate import OutputLine, SimulateOptions, SimulationResult, simulate

WITHOUT_INIT = """
import junto as sf
alice, bob = sf.PYU("alice"), sf.PYU("bob")
total = bob(sum)([alice(len)([1, 2, 3]).to(bob), bob(len)([1])])
print(sf.reveal(total))
"""


def run(tmp_path: Path, text: str, **settings: str | float) -> tuple[SimulationResult, list[OutputLine]]:
    script = tmp_path / "fit.py"
    script.write_text(text)
    lines: list[OutputLine] = []
    options = SimulateOptions(show=lines.append, settings=settings, timeout_s=40)
    return simulate(script, ["alice", "bob"], options=options), lines


def said(lines: list[OutputLine], party: str) -> str:
    return "\n".join(line.text for line in lines if line.party == party)


def test_a_script_without_init_gets_a_session_that_ends_with_it(tmp_path: Path) -> None:
    result, lines = run(tmp_path, WITHOUT_INIT)
    assert dict(result.exit_codes) == {"alice": 0, "bob": 0}, lines
    assert {(line.party, line.text) for line in lines if not line.error} == {("alice", "4"), ("bob", "4")}
    crossed = [(crossing.entry.sender, crossing.entry.kind) for crossing in result.crossings]
    assert [each for each in crossed if each[1] != "barrier"] == [("alice", "move"), ("bob", "reveal")]
    assert not any(crossing.differs or crossing.missing_at for crossing in result.crossings)


def test_init_adds_to_the_preset_configuration(tmp_path: Path) -> None:
    result, lines = run(tmp_path, "import junto as sf\nprint(sf.init(job_name='mine'))\n")
    assert result.exit_code == 0, lines
    assert "job 'mine'" in said(lines, "alice")


def test_a_failure_has_its_traceback_at_its_owner_only(tmp_path: Path) -> None:
    text = """
import junto as sf
def fit(x):
    raise ValueError("patient 17 is missing")
print(sf.reveal(sf.PYU("bob")(fit)(1)))
"""
    result, lines = run(tmp_path, text)
    assert dict(result.exit_codes) == {"alice": 6, "bob": 6}
    assert "patient 17" in said(lines, "bob")
    assert "patient 17" not in said(lines, "alice")
    assert "ValueError" in said(lines, "alice")
    assert "fit.py:5" in said(lines, "alice")


def test_programs_that_differ_end_with_their_own_code(tmp_path: Path) -> None:
    text = """
import junto as sf
session = sf.init()
if session.settings.self_party == "bob":
    sf.PYU("bob")(len)([])
print(sf.reveal(sf.PYU("alice")(abs)(-1)))
"""
    result, lines = run(tmp_path, text)
    assert result.exit_code == 5, lines
    assert set(result.exit_codes.values()) == {5}


FEWER_COLUMNS = {
    "alice(patients)(KNOWN_TO_ALICE, CLINIC,": "alice(patients)(KNOWN_TO_ALICE, slice(0, 4),",
    "carol(patients)(KNOWN_TO_CAROL, LAB,": "carol(patients)(KNOWN_TO_CAROL, slice(20, 22),",
    "patients(ALL_ROWS, ALL_ROWS,": "patients(ALL_ROWS, [0, 1, 2, 3, 20, 21],",
    "feature_names[LAB]": "feature_names[20:22]",
    "slice(0, 500), slice(60, 569)": "slice(0, 240), slice(40, 280)",
}
"""Of the demo's model: without a helper each costs gigabytes."""
WITH_FEWER = """
import pathlib, sys
from junto.cli import demo, main
demo.SCRIPT = pathlib.Path(sys.argv.pop(1))
main.main()
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_demo_of_two_parties_does_the_same_job_without_a_third(tmp_path: Path, whole: bool) -> None:
    script = demo.SCRIPT.read_text()
    for text, fewer in () if whole else FEWER_COLUMNS.items():
        assert script.count(text) == 1
        script = script.replace(text, fewer)
    (tmp_path / "script.py").write_text(script)
    start = ["-m", "junto"] if whole else ["-c", WITH_FEWER, str(tmp_path / "script.py")]
    command = [sys.executable, *start, "demo", "--two-party", "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert report["parties"] == {"alice": 0, "bob": 0, "carol": 0}
    # bob greets the device, and that is all: he makes no randomness for the other two. What these send each
    # other to prepare is in the ledger.
    sent = {("alice", "carol"): 0, ("carol", "alice"): 0}
    for each in report["crossings"]:
        if each["kind"] == "link" and "bob" in (each["sender"], each["receiver"]):
            assert each["nbytes"] < 1000
        elif each["kind"] == "link":
            sent[each["sender"], each["receiver"]] += each["nbytes"]
    assert min(sent.values()) > (1e8 if whole else 1e6)
    said = re.findall(r"AUC (\d\.\d+); scikit-learn in the clear (\d\.\d+)", answer.stderr)
    assert len(said) == 3
    assert all(abs(float(secure) - float(clear)) < 5e-3 for secure, clear in said)
    assert "neither alone learns a value, and nobody else is trusted" in answer.stderr
    assert not any(each["missing_at"] or each["differs"] for each in report["crossings"])


@pytest.mark.slow
def test_the_demo_equals_the_whole_table_and_says_what_crossed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "junto", "demo", "--json"]
    answer = subprocess.run(
        command, capture_output=True, text=True, timeout=240, env={**os.environ}, check=False, cwd=tmp_path
    )
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert report["parties"] == {"alice": 0, "bob": 0, "carol": 0}
    assert answer.stderr.count("all 580 figures equal those of the whole table") == 3
    crossed = [
        (each["sender"], each["receiver"], each["kind"], tuple(each["shape"] or ()))
        for each in report["crossings"]
        if each["kind"] != "barrier"
    ]
    moments = [(), (20,), (20, 20)]  # and no row of anybody's table
    plain = [each for each in crossed if each[2] == "move" or (each[2] == "reveal" and each[3])]
    assert plain[:12] == [
        *[(party, "carol", "move", shape) for party in ("alice", "bob") for shape in moments],
        *[("carol", party, "reveal", (22, 20)) for party in ("alice", "bob")],
        *[("carol", party, "reveal", (12, 10)) for party in ("alice", "bob")],
        *[("carol", party, "reveal", (2, 10)) for party in ("alice", "bob")],
    ]
    # Of the join: blinded keys between those who join, and where they match.
    assert plain[12:] == [
        ("alice", "carol", "move", (500, 32)),
        ("carol", "alice", "move", (500, 32)),
        ("carol", "alice", "move", (509, 32)),
        ("alice", "carol", "move", (509,)),
    ]
    # The rest is layouts, shares, and the SPU's own messages; of it only two numbers were shown to all,
    # and to carol the scores of the test patients and the coefficients of her own columns.
    assert {each[2] for each in crossed} == {"move", "reveal", "wait", "layout", "share", "link"}
    said = re.findall(r"AUC (\d\.\d+); scikit-learn in the clear (\d\.\d+)", answer.stderr)
    assert len(said) == 3
    assert all(abs(float(secure) - float(clear)) < 5e-3 for secure, clear in said)
    assert "any two of them together could read everything" in answer.stderr
    assert not any(each["missing_at"] or each["differs"] for each in report["crossings"])
    page = (tmp_path / "report.html").read_text()
    assert "patients in common" in page
    assert ">440<" in page
    assert "ROC curve" in page
    assert "each for one standard deviation" in page


def within(shell: str, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """`junto ARGUMENTS` as a line of a shell runs it."""
    command = ["/bin/sh", "-c", shell, sys.executable, "-m", "junto", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
def test_a_command_does_with_closed_streams_and_says_what_the_system_refuses(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(
        "import junto as sf\nsf.init()\nsf.reveal(sf.PYU('alice')(int)(1))\nopen('done', 'w')\n"
    )
    simulate = ["simulate", "fit.py", "--parties", "alice,bob"]
    assert within('exec "$0" "$@" <&- >&- 2>&-', simulate, tmp_path).returncode == 0
    assert (tmp_path / "done").exists()
    refused = within('ulimit -f 0; exec "$0" "$@"', simulate, tmp_path)
    assert (refused.returncode, refused.stderr[:7]) == (2, "junto: ")
    assert "Traceback" not in refused.stderr
