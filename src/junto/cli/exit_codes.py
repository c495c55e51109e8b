"""What the exit code of a command means (docs/reference/exit-codes.md says it to the user)."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from junto.errors import (
    DeadlineExceeded,
    PartyAborted,
    PartyUnreachable,
    PeerError,
    ProgramDivergence,
    RemoteError,
    Terminated,
    UsageError,
)


class ExitCode(enum.IntEnum):
    """Exit codes; a number once given keeps its meaning."""

    OK = 0
    SCRIPT_FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    DIVERGENCE = 5
    REMOTE_FAILED = 6
    LEDGER_BROKEN = 7
    ABORTED = 8
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        """One line for a person."""
        return _MEANING[self]


_MEANING: Mapping[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.SCRIPT_FAILED: "the script raised an exception of its own",
    ExitCode.USAGE: "a setting, certificate, address or argument on this side is wrong",
    ExitCode.UNREACHABLE: "a party could not be reached, or a deadline passed",
    ExitCode.REFUSED: "a party was refused or refused us (identity, version, job, settings), or misbehaved",
    ExitCode.DIVERGENCE: "the parties run different programs",
    ExitCode.REMOTE_FAILED: "an operation failed, here or at another party",
    ExitCode.LEDGER_BROKEN: "a ledger was changed after it was written, or differs from the other side",
    ExitCode.ABORTED: "another party ended the run before its end",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
    ExitCode.TERMINATED: "told to end (SIGTERM or SIGHUP)",
}


# From the particular to the general: the first class that fits decides.
_BY_ERROR: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (Terminated, ExitCode.TERMINATED),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (UsageError, ExitCode.USAGE),
    (PartyUnreachable, ExitCode.UNREACHABLE),
    (DeadlineExceeded, ExitCode.UNREACHABLE),
    (PeerError, ExitCode.REFUSED),
    (ProgramDivergence, ExitCode.DIVERGENCE),
    (RemoteError, ExitCode.REMOTE_FAILED),
    (PartyAborted, ExitCode.ABORTED),
)


def exit_code_of(error: BaseException) -> int:
    """The exit code of a command that ends with `error`."""
    if isinstance(error, SystemExit):
        if error.code is None:
            return ExitCode.OK
        return error.code if isinstance(error.code, int) else ExitCode.SCRIPT_FAILED
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.SCRIPT_FAILED)
