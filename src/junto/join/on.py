"""What `on=` says: the key columns of each party, and the types that hold for the keys of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from junto.device.pyu import PYU
from junto.errors import JoinError
from junto.join.kinds import TYPES
from junto.tree import listed

Names = str | Sequence[str] | Mapping[str, type | None]

_HOW: Final = (
    'on="id", on=["name", "born"], on={"id": str}, or by party: on={alice: "id", bob: {"number": str}}'
)


def checked_on(on: Any, parties: Sequence[PYU]) -> tuple[dict[PYU, tuple[str, ...]], tuple[str, ...]]:
    """The key columns of each party, and for each of them the kind that somebody says, or "".

    Raises:
        JoinError: no columns, not those of all parties, not equally many, or different types.
    """
    if isinstance(on, Mapping) and not _is_typed(on):
        by_name = {name_of(party): names for party, names in on.items()}
        missing = [party.party for party in parties if party.party not in by_name]
        if missing:
            raise JoinError(f"on names no columns of {', '.join(missing)}", fix=_HOW)
        sides = {party: _columns(by_name[party.party]) for party in parties}
    else:
        sides = dict.fromkeys(parties, _columns(on))
    columns = {party: tuple(names) for party, names in sides.items()}
    if len({len(names) for names in columns.values()}) > 1:
        counts = ", ".join(f"{len(names)} at {party.party}" for party, names in columns.items())
        raise JoinError(
            f"the parties' keys have different numbers of columns: {counts}",
            fix="name as many columns for each party",
        )
    return columns, _kinds(sides)


def name_of(party: Any) -> str:
    """Of a party by its device or its name."""
    return party.party if isinstance(party, PYU) else str(party)


def _is_typed(names: Mapping[Any, Any]) -> bool:
    """Whether it is a mapping from column to type, not one from party to columns."""
    return all(isinstance(name, str) for name in names) and all(
        said is None or isinstance(said, type) for said in names.values()
    )


def _columns(names: Any) -> dict[str, type | None]:
    """Key columns with what is said of their types."""
    if isinstance(names, str):
        return {names: None}
    chosen = [] if isinstance(names, bytes) or not isinstance(names, Iterable) else listed(names)
    if not chosen or not all(isinstance(name, str) for name in chosen):
        raise JoinError("on takes names of columns, which are text", fix=_HOW)
    if len(set(chosen)) < len(chosen):
        raise JoinError("on names a column twice", fix="name each column once")
    said = dict(names) if isinstance(names, Mapping) else dict.fromkeys(chosen)
    for kind in said.values():
        if kind is not None and kind not in TYPES.keys():  # noqa: SIM118 - any object may be asked for
            known = ", ".join(each.__name__ for each in TYPES)
            raise JoinError("on says a type that no key can be read as", fix=f"it is one of {known}; {_HOW}")
    return said


def _kinds(sides: Mapping[PYU, Mapping[str, type | None]]) -> tuple[str, ...]:
    kinds = []
    for said in zip(*(names.values() for names in sides.values()), strict=True):
        there = {TYPES[each] for each in said if each is not None}
        if len(there) > 1:
            raise JoinError(
                f"on says {' and '.join(sorted(there))} of the same part of the key",
                fix="give one list of columns for each party",
            )
        kinds.append(there.pop() if there else "")
    return tuple(kinds)
