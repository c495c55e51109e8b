"""Whose failure came first. Each party says at its end whom it blames; one that was killed says nothing.

Exit codes and the order of ends do not tell: a party that only heard of a failure can end before the one that
failed, and with the same code.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from junto.cli.exit_codes import ExitCode
from junto.device.session import Session
from junto.errors import UNREADABLE
from junto.program.cause import cause_of, party_of

VARIABLE: Final = "JUNTO_VERDICT"
NOBODY: Final = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a party says of its end.

    Attributes:
        blames: the party whose failure ended it: itself, another one, or `NOBODY` if it ended well or
            cannot tell.
        at: when it ended, by the clock that all processes of the machine share.
        own: whether its exit code is the script's own, ``sys.exit(3)`` say, and no `ExitCode`.
    """

    blames: str
    at: float
    own: bool = False


def blamed(error: BaseException, session: Session | None, me: str) -> str:
    """The party whose failure `error` is or follows from; `me` if it follows from nothing else."""
    told = None if session is None or session.inherited else session.told
    cause = cause_of(error, told)
    return me if cause is None else party_of(cause) or NOBODY


def leave(error: BaseException | None, session: Session | None) -> None:
    """Write down whom this party blames for its end, where a simulation wants to know."""
    path = os.environ.get(VARIABLE)
    if path:
        me = Path(path).stem
        own = isinstance(error, SystemExit) and isinstance(error.code, int)
        text = json.dumps([NOBODY if error is None else blamed(error, session, me), time.monotonic(), own])
        with suppress(OSError):
            Path(path).write_text(text)


def found(path: Path) -> Verdict | None:
    """What the party of `path` has left; None if it was ended before it could."""
    try:
        blames, at, own = json.loads(path.read_text())
    except (OSError, *UNREADABLE):
        return None
    return Verdict(str(blames), float(at), bool(own))


def outside(ends: Mapping[str, tuple[int, Verdict]]) -> ExitCode | None:
    """Which signal ended each of them: that is nobody's failure. Who only heard of it has another code."""
    for code in (ExitCode.TERMINATED, ExitCode.INTERRUPTED):
        if ends and all(each in (code, 128 - code) for each, _ in ends.values()):
            return code
    return None


def first(ends: Mapping[str, tuple[int, Verdict]]) -> str | None:
    """The party whose failure came first.

    Args:
        ends: exit code and verdict of the parties that have ended by themselves. One that said nothing
            blames itself, even with exit code 0: it left the others alone.

    Returns:
        None if no exit code says that anything failed.
    """
    failed = [party for party, (code, _) in ends.items() if code != 0]
    if not failed:
        return None
    said = {party: verdict.blames for party, (_, verdict) in ends.items()}
    causes = [party for party in ends if said[party] == party]
    if causes:
        return min(causes, key=lambda party: ends[party][1].at)
    unclear = [party for party in failed if said[party] == NOBODY]
    earliest = min(unclear or failed, key=lambda party: ends[party][1].at)
    return said[earliest] if said[earliest] in ends else earliest
