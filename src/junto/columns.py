"""The names of the columns that something was fitted to: later tables must have them, in whatever order."""

from __future__ import annotations

from collections.abc import Sequence

UNKNOWN, LOST, TWICE = "unknown column", "lost column", "same name"


def misfit(names: Sequence[str], known: Sequence[str], needed: Sequence[str]) -> tuple[str, str] | None:
    """Why a table does not fit: `UNKNOWN`, `LOST` or `TWICE`, and the first column for which it holds.

    Args:
        names: of its columns.
        known: those that it may have.
        needed: those that it must have.
    """
    for kind, some, others in ((UNKNOWN, names, known), (LOST, needed, names)):
        missing = [name for name in some if name not in others]
        if missing:
            return kind, missing[0]
    twice = [name for name in names if names.count(name) > 1 or known.count(name) > 1]
    return (TWICE, twice[0]) if twice else None
