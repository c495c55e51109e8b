"""Monotone constraints: in which direction a prediction may follow a column.

As XGBoost has them: a split of a rising column must not make the left child's weight the larger one, and no
weight below it passes the middle of the two. So the sum of all trees only rises with the column, whatever the
others are (Potharst and Feelders, "Classification trees for problems with monotonicity constraints", SIGKDD
Explorations 2002, is on the kind).

Learns: of columns that are given by name, every party learns who has which of these names. In which direction
a candidate goes, and a split, its owner shares: nobody sees it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import facts, list_of, natural
from junto.learn.dataset import Scales
from junto.learn.estimator import require, run_at
from junto.learn.trees.candidates import NONE, Candidates

Constraints: TypeAlias = Mapping[str, int] | Sequence[int] | None
"""1: rising, -1: falling, 0: either way. By name, and all others go either way; or of all columns in turn."""


def require_constraints(given: Any) -> None:
    """Raise a LearnError unless it is what `Constraints` says."""
    named = isinstance(given, Mapping)
    fine = given is None or (named and all(isinstance(name, str) for name in given))
    fine = fine or isinstance(given, list | tuple)
    values = () if given is None or not fine else given.values() if named else given
    require(
        fine and all(isinstance(each, int) and each in (-1, 0, 1) for each in values),
        f"monotone_constraints is {given!r}",
        '{"income": -1, "age": 1}, or a number for each column: 1 rising, -1 falling, 0 either',
    )


def any_of(given: Constraints) -> bool:
    """Whether a column has a direction."""
    return any(given.values() if isinstance(given, Mapping) else given or ())


def directions_at(given: Constraints, scales: Scales) -> dict[PYU, PYUObject] | None:
    """Of each owner a handle of the direction of each of its candidates; None: there are no constraints.

    Raises:
        LearnError: at all parties alike: a name that no column has, or more than one; or another number of
            columns.
    """
    if not any_of(given):
        return None
    if isinstance(given, Mapping):
        _require_names(tuple(given), scales)
    else:
        _require_width(given, sum(scales.widths))
    return {
        owner: run_at(owner, _directions, scales.by_owner[owner], _own(given, *place), owner.party)
        for owner, place in scales.places.items()
    }


def directions_of(given: Constraints, columns: Sequence[str]) -> tuple[int, ...] | None:
    """The direction of each column, whose names all know; None: there are no constraints.

    Raises:
        LearnError: see `directions_at`.
    """
    if not any_of(given):
        return None
    if not isinstance(given, Mapping):
        _require_width(given, len(columns))
        return tuple(given or ())
    for name in given:
        _require_one(name, list(columns).count(name))
    return tuple(given.get(name, 0) for name in columns)


def _own(given: Constraints, begin: int, end: int) -> Any:
    return dict(given) if isinstance(given, Mapping) else list(given or ())[begin:end]


def _require_width(given: Constraints, columns: int) -> None:
    count = len(given or ())
    require(
        count == columns,
        f"monotone_constraints has {count} numbers, and X has {columns} columns",
        "a number for each column, owner by owner; or a dict of the columns that have a direction",
    )


def _require_names(names: tuple[str, ...], scales: Scales) -> None:
    asked = {
        owner.party: run_at(owner, _has, known, names, owner.party)
        for owner, known in scales.by_owner.items()
    }
    found = facts(asked, list_of(natural, len(names)))
    for name, *counts in zip(names, *found.values(), strict=True):
        _require_one(name, sum(counts))


def _require_one(name: str, count: int) -> None:
    having = f"{count} columns have" if count else "no column has"
    require(
        count == 1,
        f"monotone_constraints is of {name!r}, and {having} this name",
        "the name of a column, or party.name",
    )


# -------------------------------------------------------------------- at the owner of columns


def _has(known: Candidates, names: tuple[str, ...], party: str) -> list[int]:
    """How many columns each name is of."""
    own = _names(known, party)
    return [sum(name in each for each in own) for name in names]


def _names(known: Candidates, party: str) -> list[tuple[str, ...]]:
    """What each column may be called."""
    return [(*([name] if known.named else []), f"{party}.{name}") for name in known.names]


def _directions(known: Candidates, given: Any, party: str) -> NDArray[np.int8]:
    """[candidates]: the direction of each one's column."""
    if isinstance(given, Mapping):
        given = [sum(given.get(each, 0) for each in names) for names in _names(known, party)]
    found: NDArray[np.int8] = np.asarray(given, np.int8)[known.column]
    return found


def turns(directions: NDArray[np.int8], picks: Any) -> NDArray[np.bool_]:
    """[2, nodes]: whether this party splits the node by a rising column, and whether by a falling one."""
    picks = np.asarray(picks)
    of_split = np.where(picks == NONE, 0, directions[picks])
    return np.stack([of_split > 0, of_split < 0])
