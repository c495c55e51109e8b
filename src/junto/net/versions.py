"""Which versions the parties have: what has to be equal, and what is only worth saying.

junto's own version has to be equal: the parties make their plans and messages by it. jax and jaxlib may
differ: most functions become the same plan with each (`mpc.canonical`); where one does not, the parties'
programs differ, and then this is said as a possible cause. Of Python and numpy the minor version is worth
saying.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

OURS: Final = "junto"
PACKAGES: Final = (OURS, "numpy", "jax", "jaxlib")
MINOR: Final = frozenset({"python", "numpy"})
"""Of these a last number that differs means nothing."""


def installed() -> dict[str, str]:
    """Versions by name, of what is installed; nothing is imported for it."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def differing(mine: Mapping[str, str], theirs: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(what, ours, theirs) of all that both have and that differs in what counts of it."""
    return [
        (what, mine[what], theirs[what])
        for what in mine
        if what in theirs and _counts(what, mine[what]) != _counts(what, theirs[what])
    ]


def described(me: str, mine: Mapping[str, str], party: str, theirs: Mapping[str, str]) -> str:
    """The differences as a phrase, such as ``jax 0.10.2 at alice, 0.9.1 at bob``; empty if there are none."""
    return "; ".join(
        f"{what} {ours} at {me}, {others} at {party}" for what, ours, others in differing(mine, theirs)
    )


def _counts(what: str, number: str) -> str:
    return ".".join(number.split(".")[:2]) if what in MINOR else number
