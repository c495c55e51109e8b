"""`join`: the rows that the tables of several parties share, found without showing the others."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from junto.device.boundary import Scripted, public
from junto.device.current import current
from junto.device.disclosure import Undisclosed, reveal, wait
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject
from junto.errors import DeviceError, JoinError, ProtocolViolation, RemoteError
from junto.join import join_cost
from junto.join.ecdh import Ecdh
from junto.join.helped import Helped
from junto.join.keys import Key
from junto.join.on import Names
from junto.join.opening import ReadTables, opened, sources_of
from junto.join.prepared_table import PreparedTable
from junto.join.protocol import FoundKeys, Intersection, names
from junto.join.request import Parties, Request, by_method, helped_by, keyed_by, requested
from junto.join.table_actor import TableActor
from junto.join.vole_psi import VolePsi

if TYPE_CHECKING:
    from junto.device.spu.spu import SPU
    from junto.join.hidden_table import Hidden

log: logging.Logger = logging.getLogger("junto.join")


@dataclass(frozen=True)
class Joined(metaclass=Scripted):
    """What came of a join.

    Attributes:
        parts: for each party that gets rows, its own table's rows and columns: a handle there to a table
            of the kind that was given, or to the path of its output. Row i means the same key in all parts.
        rows: how many there are; `Undisclosed` at a party that gets none.
        learned: what each party has learned, in words.
    """

    parts: Mapping[PYU, PYUObject]
    rows: int | Undisclosed
    learned: Mapping[PYU, str]

    def __getitem__(self, party: PYU) -> PYUObject:
        """The part of `party`.

        Raises:
            DeviceError: it got none.
        """
        if party not in self.parts:
            there = ", ".join(each.party for each in self.parts)
            raise DeviceError(
                f"{party!r} has no part of this join; there are those of {there}",
                fix="name one of these, or let it get rows: to=",
            )
        return self.parts[party]

    def __repr__(self) -> str:
        return f"<Joined: {self.rows} rows at {', '.join(party.party for party in self.parts)}>"


@overload
def join(
    tables: Mapping[PYU, Any],
    on: Names | Mapping[Any, Names],
    how: str = "inner",
    to: Parties | None = None,
    duplicates: str = "error",
    output: Mapping[Any, Any] | None = None,
    helper: PYU | str | bool = True,
    onto: None = None,
    pad: int = 0,
    key: Key | Mapping[Any, Key] | None = None,
    method: str | None = None,
) -> Joined: ...


@overload
def join(
    tables: Mapping[PYU, Any],
    on: Names | Mapping[Any, Names],
    *,
    duplicates: str = "error",
    helper: PYU | str | bool = True,
    onto: SPU,
    pad: int = 0,
    key: Key | Mapping[Any, Key] | None = None,
) -> Hidden: ...


@public
def join(
    tables: Mapping[PYU, Any],
    on: Names | Mapping[Any, Names],
    how: str = "inner",
    to: Parties | None = None,
    duplicates: str = "error",
    output: Mapping[Any, Any] | None = None,
    helper: PYU | str | bool = True,
    onto: SPU | None = None,
    pad: int = 0,
    key: Key | Mapping[Any, Key] | None = None,
    method: str | None = None,
) -> Any:
    """Align the rows of tables at two or more parties by their keys (private set intersection).

    Args:
        tables: for each party, a handle there to a pandas, polars or Arrow table, or a path there of a CSV,
            Parquet or Arrow file (only the party itself looks at its path: the others may write None). One of
            two may be `PreparedTable`: the other one, alone, gets rows of its own.
        on: the key: a column, several columns, a mapping from column to type (``str``, ``int``,
            ``datetime.date``, ``datetime.datetime``, ``decimal.Decimal``; None: as it is), or a mapping from
            party to any of these where names differ. A type said at one party holds for all.
        how: ``inner``: keys that all have. ``left`` or ``right``: all keys of the first or last table; where
            another party has not got one, its row is all null. ``outer``: all keys of all. ``semi``: rows of
            the first table whose keys all others have; ``difference`` (or ``left_anti``): those whose keys
            nobody else has.
        to: who gets rows (default: all; of a semi join or a difference, the first).
        duplicates: what becomes of rows with equal keys in one table. ``error``; ``first``: the first row of
            a key counts, the others are left out; ``all``: every combination is a row, as in SQL.
        output: for a party whose table is a path: where to write its part: ``.csv``, ``.parquet``,
            ``.arrow`` or ``.feather``.
        helper: a party that owns none of the tables and matches tags of the keys, which is much faster. It
            learns the sizes and how many keys are in common; it must not work together with an owner. True:
            the helper of an SPU that this script has made for all owners, if there is one. False: nobody.
        onto: an SPU of the two owners: nobody gets rows or learns which keys are in common. With its helper,
            or, if it has none or with ``helper=False``, without; then nobody learns how many, either.
        pad: of a join onto an SPU with its helper, up to how many rows that stand for nobody hide from it how
            many keys are in common: it sees that number plus one that is uniform from 0 to `pad`.
        key: what is compared in place of what stands in the key columns: a function of the values of a row,
            one argument a column, that returns as many values (a tuple, if several), or None for no key. One
            for all parties, or by party. It runs at the owner, for each row without nulls.
        method: how owners without a helper find equal keys. ``ecdh`` (default): by blinding points of
            Curve25519. ``vole``: of two tables, in less time and half of the bytes, by an oblivious
            pseudo-random function. Both tell each party the same.

    Returns:
        `Joined`: parts with the same number of rows, aligned, in an order that says nothing about tables or
        keys. No common keys: parts without rows. With `onto`, `Hidden`: for each key of the first table the
        columns of both tables on the SPU, which must be numbers, and a flag that says whether both have it.

    What each party learns is in `Joined.learned`: the number of different keys of each table, the kinds
    of the key columns, and which of its own keys are in the result. With three parties or more the one
    that compares (the first that gets rows) also learns how many keys any of the parties have in common,
    not which. With ``duplicates="all"`` those that get rows learn how often each key of the result stands in
    the others' tables. Rows whose key has a null match nothing, as in SQL; of a left join those that get
    rows learn how many there are.

    Keys of different kinds are never compared. Those of a CSV file are text as it is written, so ``007`` is
    not ``7``; they are compared with whole numbers only if each of them is written as a program writes a
    whole number of 64 bits. That is decided once, for all parties together.

    Parties are semi-honest (they run this program) and do not collude; see ``docs/how-to/join.md``.

    Raises:
        JoinError: the tables cannot be joined as asked; raised at every party.
        DeviceError: a handle that lives elsewhere.
        ConfigError: a party is not on loopback, and there is no TLS.
        RemoteError: an operation that a table depends on failed, or a party sent what the protocol forbids.
    """
    if isinstance(tables, Mapping) and any(isinstance(table, PreparedTable) for table in tables.values()):
        from junto.join.asking import keyed_by_asker, on_of_both, owners_path
        from junto.join.prepared import prepared_join

        if onto is not None or pad or method is not None or not isinstance(helper, bool):
            raise JoinError("a prepared table is joined in one way", fix="leave onto, pad, method and helper")
        prepared, tables = owners_path(tables)
        to = [party for party in tables if party != prepared.owner] if to is None else to
        request = requested(tables, on_of_both(on, prepared), how, to, duplicates, output)
        return prepared_join(keyed_by_asker(request, prepared, key), prepared)
    request = keyed_by(requested(tables, on, how, to, duplicates, output), key)
    if onto is not None:
        from junto.join.hidden import hidden_join, hidden_request

        if method is not None:
            raise JoinError("a join onto an SPU has one method", fix="leave method out")
        request = hidden_request(request, onto, pad, helper)
        if request.helper is None:
            from junto.join.hidden_pair import pair_join

            return pair_join(request, onto)
        return hidden_join(request, onto, pad)
    if pad:
        raise JoinError("pad hides matches of a join onto an SPU only", fix="join(..., onto=spu, pad=1000)")
    request = by_method(helped_by(request, helper), method)
    protocol = _METHODS[request.method]() if request.helper is None else Helped(request.helper)
    return join_with(protocol, request)


psi = join

_Desk = proxy(PYUObject, num_cpus=0)(TableActor)
_METHODS: Mapping[str, type[Intersection]] = {"ecdh": Ecdh, "vole": VolePsi}


def join_with(protocol: Intersection, request: Request) -> Joined:
    """The same by any protocol. See `join`."""
    rehearsal = join_cost.explaining()
    if rehearsal is not None:
        most = join_cost.explained(rehearsal, request, partial(join_with, protocol), "join")
        rehearsal.notes[join_cost.FOUND] = None
        return Joined(join_cost.parts_of(request, most), most, _learned(protocol, request))
    tables = opened(request, _Desk)
    found = protocol.run(sources_of(tables.desks, tables.counts), request.goal)
    return completed(request, tables, found, _learned(protocol, request))


def completed(
    request: Request,
    tables: ReadTables,
    found: FoundKeys,
    learned: Mapping[PYU, str],
) -> Joined:
    """A join of which all ranks are placed.

    Args:
        request: what was asked for.
        tables: see `opened`.
        found: see `Intersection.run`.
        learned: what each party has learned, in words.
    """
    desks, receivers = tables.desks, request.goal.receivers
    held = _settled(request, desks, tables.counts, found.total)
    arranged = [_arranged(request, desks, held, party) for party in receivers]
    shown = reveal(arranged, to=[party.party for party in receivers])
    rows = _agreed({party.party: said for party, said in zip(receivers, shown, strict=True)})
    parts = {party: desks[party].part(list(tables.kinds)) for party in receivers}
    closed = [desks[party].close() for party in desks if party not in receivers]
    try:
        wait([found.total, *found.done, *closed, *parts.values()])
    except RemoteError:
        if tables.writes:
            wait([desks[party].close() for party in receivers])
        raise
    if tables.writes:  # all have written: only whose machine or disk fails now is without its part
        wait([desks[party].publish() for party in receivers])
    for party, fact in learned.items():
        if current().program.is_here(party.party):
            log.info("joined: %s", fact)
    return Joined(parts, rows, learned)


def _settled(
    request: Request, desks: Mapping[PYU, Any], counts: Mapping[str, int], total: PYUObject
) -> dict[PYU, Any]:
    """At each party that gets rows, how many of its own stand at each rank."""
    goal, keepers = request.goal, request.keepers
    lone = [desks[party].without_key() for party in keepers]
    known = counts[goal.base.party] if goal.how == "left" else None
    held = {}
    for party in goal.receivers:
        ranks = total.to(party) if goal.how == "outer" else known
        mine = keepers.index(party) if party in keepers else len(keepers)
        held[party] = desks[party].settle(ranks, [each.to(party) for each in lone], mine)
    return held


def _arranged(request: Request, desks: Mapping[PYU, Any], held: Mapping[PYU, Any], party: PYU) -> PYUObject:
    receivers = list(held) if request.duplicates == "all" else [party]
    counts = [held[each].to(party) for each in receivers]
    handle: PYUObject = desks[party].arrange(counts, receivers.index(party))
    return handle


def _agreed(said: Mapping[str, Any]) -> int | Undisclosed:
    """How many rows there are, as all that get rows have said, with the same keys in the same order."""
    seen = {party: each for party, each in said.items() if not isinstance(each, Undisclosed)}
    for party, each in seen.items():
        fields = {name: type(field) for name, field in each.items()} if isinstance(each, dict) else {}
        if fields != {"rows": int, "proof": bytes}:
            raise ProtocolViolation(f"what {party} says of the shared rows is no number of them")
    results = list(seen.values())
    if any(each != results[0] for each in results):
        raise ProtocolViolation(
            "the parties that get rows were given different ones",
            fix="whoever compared the keys, or one of these parties, has not followed the protocol",
        )
    return int(results[0]["rows"]) if results else next(iter(said.values()))


def _learned(protocol: Intersection, request: Request) -> dict[PYU, str]:
    learned = dict(protocol.learns(request.parties, request.goal))
    if request.duplicates == "all" and len(request.goal.receivers) > 1:
        for party in request.goal.receivers:
            learned[party] += (
                " And how often each key of the result stands in the tables of the others that get rows."
            )
    if request.goal.how in ("left", "outer"):
        for party in request.goal.receivers:
            others = [each for each in request.keepers if each != party]
            if others:
                learned[party] += f" And how many rows of {names(others)} have no key."
    return learned
