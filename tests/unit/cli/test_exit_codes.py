"""What a command's exit code says, and that the documentation says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from junto import errors
from junto.cli.exit_codes import ExitCode, exit_code_of
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
