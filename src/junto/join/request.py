"""What a script asks of `join`, checked once; and what the parties say to each other before it begins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from junto.config.plaintext import require_private
from junto.device.current import current
from junto.device.handle import DeviceObject
from junto.device.pyu import PYU
from junto.errors import DeviceError, JoinError, ProtocolViolation
from junto.join.keys import Key
from junto.join.kinds import agreed, readable_as
from junto.join.on import checked_on, name_of
from junto.join.prepared_table import PreparedTable
from junto.join.protocol import Goal

HOWS: Final[Mapping[str, str]] = {
    "inner": "inner",
    "left": "left",
    "right": "left",
    "outer": "outer",
    "semi": "inner",
    "left_semi": "inner",
    "difference": "difference",
    "left_anti": "difference",
}
"""What a script says, and what a protocol is told."""

ONE_TABLE: Final[Mapping[str, str]] = {
    "semi": "semi join",
    "left_semi": "semi join",
    "difference": "difference",
    "left_anti": "difference",
}
"""Those that give rows of the first table only, in words."""

LONGEST = 1000
"""Characters of a sentence of a peer that is worth showing."""

MOST_KEYS = 1 << 33
"""Keys that a party can be believed to have."""

METHODS = ("ecdh", "vole")
"""How owners join among themselves."""

DUPLICATES = ("error", "first", "all")

Parties = PYU | str | Sequence[PYU | str]


@dataclass(frozen=True, slots=True)
class Request:
    """One call of `join`.

    Attributes:
        tables: handle or path of each party.
        on: key columns of each party.
        kinds: of the key columns, as the script says, or "".
        how: as it was said.
        goal: what the protocol is to find out.
        duplicates: ``error``, ``first`` or ``all``.
        outputs: path of each party that wants a file.
        helper: who matches tags of the keys; None: the owners do it among themselves.
        keys: what makes a key of the key columns' values, of each party that has something.
        method: one of `METHODS`; without meaning where somebody helps.
    """

    tables: Mapping[PYU, Any]
    on: Mapping[PYU, tuple[str, ...]]
    kinds: tuple[str, ...]
    how: str
    goal: Goal
    duplicates: str
    outputs: Mapping[PYU, str]
    helper: PYU | None = None
    keys: Mapping[PYU, Key] = field(default_factory=dict)
    method: str = METHODS[0]

    @property
    def parties(self) -> list[PYU]:
        """Whose tables they are, in the order of the call."""
        return list(self.tables)

    @property
    def keepers(self) -> list[PYU]:
        """Whose rows stay in the result if they have no key."""
        every = {"inner": list[PYU](), "outer": self.parties}
        return every.get(self.goal.how, [self.goal.base])

    def terms(self) -> list[str]:
        """What every party must have asked for alike, in words."""
        receivers = ", ".join(party.party for party in self.goal.receivers)
        said = ", ".join(kind or "nothing" for kind in self.kinds)
        return [
            f"how={self.how!r}",
            f"duplicates={self.duplicates!r}",
            f"to {receivers}",
            f"on with types {said}",
            f"helped by {self.helper.party if self.helper else 'nobody'}",
            f"method={self.method!r}",
        ]


def requested(
    tables: Any,
    on: Any,
    how: Any = "inner",
    to: Any = None,
    duplicates: Any = "error",
    output: Any = None,
) -> Request:
    """A call of `join`, checked; its arguments are explained there.

    Raises:
        JoinError, DeviceError: see `join`.
        ConfigError: it would leave this machine without TLS.
    """
    checked = _checked_tables(tables)
    require_private(current().settings, "a join")
    parties = list(checked)
    if not isinstance(duplicates, str) or duplicates not in DUPLICATES:
        raise JoinError(f"there is no duplicates={duplicates!r}", fix=f"it is one of {', '.join(DUPLICATES)}")
    goal = _checked_goal(how, to, parties)
    columns, kinds = checked_on(on, parties)
    return Request(checked, columns, kinds, how, goal, duplicates, _checked_outputs(output, goal))


def _checked_tables(tables: Any) -> dict[PYU, Any]:
    """The tables of a call.

    Raises:
        DeviceError: not a mapping from PYUs to handles there or paths, or fewer than two.
    """
    if not isinstance(tables, Mapping) or not all(isinstance(party, PYU) for party in tables):
        raise DeviceError("join takes a mapping from PYU to table", fix="join({alice: a, bob: b}, on='id')")
    if len(tables) < 2:
        raise DeviceError(
            "join takes the tables of two parties or more", fix='join({alice: table, bob: table}, on="id")'
        )
    for party, table in tables.items():
        checked_table(party, table)
    return dict(tables)


def checked_table(party: PYU, table: Any) -> None:
    """Raise if what is given as the table of a party is none of it.

    Raises:
        DeviceError: neither a handle there, nor a path or None.
        JoinError: a prepared table where there is none to be.
    """
    if isinstance(table, PreparedTable):
        raise JoinError(
            "a prepared table stands in `join` or `lookup`, as that of the owner",
            fix='join({alice: table, bob: prepared}, on="id")',
        )
    if isinstance(table, DeviceObject):
        if table.device != party:
            raise DeviceError(
                f"{table!r} is given as the table of {party.party}, but does not live there",
                fix=f"make it there: {party.party}(function)(...), or a path at this party",
            )
    elif not (table is None or isinstance(table, str | os.PathLike)):
        raise DeviceError(
            f"the table of {party.party} is a {type(table).__name__} of the script, not a value there",
            fix=f"load it there: {party.party}(load)(...), or give a path",
        )


def _checked_goal(how: Any, to: Any, parties: Sequence[PYU]) -> Goal:
    """What is to be found out.

    Raises:
        JoinError: no such join, or a receiver that it has nothing for.
    """
    if not isinstance(how, str) or how not in HOWS:
        raise JoinError(f"there is no join {how!r}", fix=f"how is one of {', '.join(HOWS)}")
    base = parties[-1] if how == "right" else parties[0]
    alone = ONE_TABLE.get(how)
    chosen = [base] if alone and to is None else _receivers(to, parties)
    if alone and chosen != [base]:
        raise JoinError(
            f"a {alone} has rows of {base.party} only", fix=f"leave `to` out, or name {base.party}"
        )
    return Goal(HOWS[how], base, tuple(chosen))


def _checked_outputs(outputs: Any, goal: Goal) -> dict[PYU, str]:
    """Paths of results.

    Raises:
        JoinError: of a party that gets none, or something that is no path.
    """
    if not isinstance(outputs, Mapping | None):
        raise JoinError("output is no mapping from party to path", fix='output={alice: "shared.parquet"}')
    by_name = {name_of(party): path for party, path in (outputs or {}).items() if path is not None}
    receivers = {party.party: party for party in goal.receivers}
    for name in by_name:
        if name not in receivers:
            raise JoinError(
                f"output names a file of {name}, who gets no rows",
                fix="drop it from output, or add the party to `to`",
            )
        if not isinstance(by_name[name], str | os.PathLike):
            raise JoinError(f"output names no path of {name}", fix='output={alice: "shared.parquet"}')
    return {receivers[name]: os.fspath(path) for name, path in by_name.items()}


def helped_by(request: Request, helper: Any) -> Request:
    """The same, and who helps; see `join`.

    Raises:
        JoinError: nobody is named, an owner, or a party that is not in this job.
    """
    names = [owner.party for owner in request.parties]
    name = current().helper_of(names) if helper is True else helper
    if name is None or helper is False:
        if request.goal.how == "outer" and len(names) > 2:
            raise JoinError(
                "an outer join of three tables and more takes a helper: else a party on the way would see "
                "which of its keys others have",
                fix="helper=carol, a party that owns none of the tables",
            )
        return request
    if not isinstance(name, PYU | str):
        raise JoinError(f"helper is {helper!r}, which names no party", fix="helper=carol, or helper=False")
    party = PYU(name_of(name))
    if party in request.parties:
        raise JoinError(
            f"{party.party} owns one of the tables and cannot help", fix="name a party without one"
        )
    return replace(request, helper=party)


def by_method(request: Request, method: Any) -> Request:
    """The same, and how the owners join among themselves; see `join`.

    Raises:
        JoinError: there is no such method, or not for this join.
    """
    if method is None:
        return request
    if not isinstance(method, str) or method not in METHODS:
        raise JoinError(f"there is no method {method!r}", fix=f"it is one of {', '.join(METHODS)}")
    if request.helper is not None:
        raise JoinError(
            f"{request.helper.party} helps this join, and a method is for owners by themselves",
            fix="helper=False, or leave method out",
        )
    if method == "vole" and len(request.parties) != 2:
        raise JoinError(f'method="vole" joins two tables, not {len(request.parties)}', fix="leave method out")
    return replace(request, method=method)


def keyed_by(request: Request, key: Any) -> Request:
    """The same, and what makes keys of values; see `join`.

    Raises:
        JoinError: it is no function, or of somebody who has no table.
    """
    if key is None:
        return request
    by_name = {name_of(party): made for party, made in key.items()} if isinstance(key, Mapping) else {}
    owners = {party.party: party for party in request.parties}
    said = by_name if isinstance(key, Mapping) else dict.fromkeys(owners, key)
    how = "key=normalised, or by party: key={bob: normalised}"
    for name, made in said.items():
        if name not in owners:
            raise JoinError(f"key names {name}, who is not one of the parties", fix=how)
        if not callable(made):
            raise JoinError(f"key is a {type(made).__name__}, not a function", fix=how)
    return replace(request, keys={owners[name]: made for name, made in said.items()})


def checked_reports(reports: Mapping[str, Any]) -> Mapping[str, dict[str, Any]]:
    """What the parties' desks said, once it is that.

    Raises:
        ProtocolViolation: something is no report.
    """
    for name, report in reports.items():
        if not _is_report(report):
            raise ProtocolViolation(f"what {name} says of its table is no report")
    return reports


def fitting(reports: Mapping[str, dict[str, Any]]) -> tuple[dict[str, int], list[str]]:
    """Keys of each party, and as what kinds they are compared, if their tables fit together.

    Raises:
        JoinError: two parties asked for different joins, or their keys are of different kinds.
    """
    first, *others = reports
    for other in others:
        for ours, theirs in zip(reports[first]["terms"], reports[other]["terms"], strict=False):
            if ours != theirs:
                raise JoinError(
                    f"the parties ask for different joins: {first} {ours}, {other} {theirs}",
                    fix="run the same script with the same arguments at all parties",
                )
        if len(reports[other]["on"]) != len(reports[first]["on"]):
            raise JoinError(
                f"the keys of {first} and {other} have different numbers of columns",
                fix="name as many columns for each party in `on`",
            )
    kinds = [_same_kind(reports, place) for place in range(len(reports[first]["on"]))]
    return {name: report["keys"] for name, report in reports.items()}, kinds


def _same_kind(reports: Mapping[str, Any], place: int) -> str:
    kinds = {name: report["kinds"][place] for name, report in reports.items()}
    found = agreed(list(kinds.values()))
    if found:
        return found
    listed = " and ".join(
        f'{kind} ("{reports[name]["on"][place]}") at {name}' for name, kind in kinds.items()
    )
    own = reports[next(iter(reports))]["on"][place]
    said = " or ".join(f'on={{"{own}": {name}}}' for name in readable_as(list(kinds.values())))
    raise JoinError(
        f"the key column is {listed}: no key of one can equal one of the other",
        fix=(f"say as what all are to be compared: {said}; or " if said else "")
        + "cast the column in the task that loads the table",
    )


def _is_report(report: Any) -> bool:
    if not isinstance(report, dict) or set(report) != {"on", "kinds", "keys", "problem", "terms", "writes"}:
        return False
    lists = [report["on"], report["kinds"], report["terms"]]
    texts = all(isinstance(each, list) and all(is_sentence(text) for text in each) for each in lists)
    counted = type(report["keys"]) is int and 0 <= report["keys"] <= MOST_KEYS
    complete = bool(report["problem"]) or (texts and len(report["on"]) == len(report["kinds"]))
    told = is_sentence(report["problem"]) and type(report["writes"]) is bool
    return texts and counted and told and complete


def is_sentence(text: Any) -> bool:
    """Whether a peer's text is short and printable."""
    return isinstance(text, str) and len(text) <= LONGEST and text.isprintable()


def _receivers(to: Any, parties: Sequence[PYU]) -> list[PYU]:
    if to is None:
        return list(parties)
    listed = [to] if isinstance(to, PYU | str) else to
    if not isinstance(listed, Iterable):
        raise JoinError(f"to is {to!r}, which names no party", fix="to=alice, or to=[alice, bob]")
    asked = {name_of(party) for party in listed}
    unknown = asked - {party.party for party in parties}
    if unknown or not asked:
        raise JoinError(
            f"to names {', '.join(sorted(unknown)) or 'nobody'}, who is not one of the parties",
            fix="to=[alice, bob], of those whose tables are joined",
        )
    return [party for party in parties if party.party in asked]
