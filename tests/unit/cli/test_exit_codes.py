"""What a command's exit code says, and that the documentation says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from junto import errors
from junto.cli import verdict
from junto.cli.exit_codes import ExitCode, exit_code_of
from junto.cli.simulate import SimulationResult
from junto.cli.simulate_command import _outcome as outcome
from junto.errors import Origin, RemoteError, Terminated

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "exit-codes.md"


def test_the_reference_has_every_code_with_its_meaning() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]+?) \|", REFERENCE.read_text(), re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == {code.value: code.meaning for code in ExitCode}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), ExitCode.USAGE),
        (errors.ListenError("x"), ExitCode.USAGE),
        (errors.CannotTravel("x"), ExitCode.USAGE),
        (errors.PartyUnreachable("x", party="bob"), ExitCode.UNREACHABLE),
        (errors.DeadlineExceeded("x"), ExitCode.UNREACHABLE),
        (errors.IdentityError("x"), ExitCode.REFUSED),
        (errors.HandshakeRefused("x"), ExitCode.REFUSED),
        (errors.MalformedBytes("x"), ExitCode.REFUSED),
        (errors.ProgramDivergence("x"), ExitCode.DIVERGENCE),
        (errors.PartyAborted("x", party="bob"), ExitCode.ABORTED),
        (RemoteError(Origin("bob", 3, "bob(f)", "a.py:1", "ValueError", "00")), ExitCode.REMOTE_FAILED),
        (ValueError("x"), ExitCode.SCRIPT_FAILED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (Terminated(), ExitCode.TERMINATED),
        (SystemExit(), ExitCode.OK),
        (SystemExit(0), ExitCode.OK),
        (SystemExit(42), 42),
        (SystemExit("a sentence"), ExitCode.SCRIPT_FAILED),
    ],
)
def test_each_error_has_its_code(error: BaseException, code: int) -> None:
    assert exit_code_of(error) == code


@pytest.mark.parametrize(
    ("error", "own"), [(SystemExit(3), True), (SystemExit("no"), False), (ValueError(), False), (None, False)]
)
def test_a_code_that_the_script_chose_is_called_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException | None, own: bool
) -> None:
    path = tmp_path / "alice"
    monkeypatch.setenv(verdict.VARIABLE, str(path))
    verdict.leave(error, None)
    said = verdict.found(path)
    assert said is not None
    assert said.own is own
    whose = frozenset({"alice"}) if own else frozenset()
    text = outcome(SimulationResult({"alice": 3, "bob": 0}, "alice", None, (), 1.0, whose))
    assert ("the script's own code" in text) is own
    assert (ExitCode(3).meaning in text) is not own


@pytest.mark.parametrize(
    ("codes", "signal"),
    [
        ([143, 143, -15], ExitCode.TERMINATED),
        ([130, -2], ExitCode.INTERRUPTED),
        ([143, 130], None),
        ([143, 8], None),
        ([0, 143], None),
        ([], None),
    ],
)
def test_a_signal_that_ended_all_is_nobody_s_failure(codes: list[int], signal: ExitCode | None) -> None:
    ends = {str(number): (code, verdict.Verdict(str(number), 0.0)) for number, code in enumerate(codes)}
    assert verdict.outside(ends) == signal
