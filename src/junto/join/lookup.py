"""One party looks up rows by their keys in another one's table; the other does not learn which.

Paper:     as `hidden`: tags under a key of the owners, and columns that a helper brings in line (`aligning`).
Computes:  at the party that asks, for each of its keys the columns of the row with that key, if there is one.
Parties:   who asks, the owner of the table, a helper.
Secure:    semi-honest, one of three corrupted; the helper colludes with neither.
Learns:    see `_learned`. All: how many keys each has; names and types of the columns, and of text the length
           of the longest, in words.
Cost:      for n keys that are asked, m keys of the table and w words a row (one a number, one more):
           16 * (n + m) * (w + 1) bytes to the helper, 8 * n * (2 * w + 1) from it and the owner.

The pieces of each word come to the party that asks. It deals the masks, and one more of the helper and the
owner, which it has not, hides from it which row a piece is of.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from junto.device.boundary import public
from junto.device.current import current
from junto.device.disclosure import reveal, wait
from junto.device.handle import DeviceObject
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject, put
from junto.errors import JoinError, ProtocolViolation
from junto.join.hidden_desk import HiddenDesk, piece_of
from junto.join.join_cost import explained, explaining, over_and_over, table_of
from junto.join.join_tables import native, take_arrow
from junto.join.kinds import array_of
from junto.join.on import Names
from junto.join.opening import Desks, opened, raise_problem
from junto.join.prepared_table import PreparedTable
from junto.join.request import Request, helped_by, is_sentence, requested
from junto.join.routed import MOST_PAD, Lines, helper_of, matched
from junto.join.row_words import MOST_COLUMNS, Form, is_form, rows_of, words_of

log: logging.Logger = logging.getLogger("junto.join")


class LookupDesk(HiddenDesk):
    """One party's table while rows are looked up: that of the keys, or that of the rows."""

    def offer(self, names: Sequence[str]) -> dict[str, Any]:
        """At the owner: the columns that are asked for. All learn their ``forms``, and a ``problem``."""
        if self._table is None:
            raise JoinError("there is no table", fix="pass a table of pandas, polars or Arrow, or a path")
        try:
            there = self._table.columns()
            for name in names:
                if there.count(name) != 1:
                    raise JoinError(
                        f"there is not one column {name!r}", fix="name a column that the table has once"
                    )
            rows = np.array(self._rows[self._starts[: len(self._digests)]])
            forms, words = words_of(self._table.take(rows, {}), names)
        except JoinError as error:
            self._hint = error.fix
            return {"forms": {}, "problem": error.message}
        self._words = {str(number): each for number, each in enumerate(words)}
        return {"forms": forms, "problem": ""}

    def has_room(self, names: Sequence[str]) -> dict[str, Any]:
        """Where the keys are: a ``problem`` if there is a column of one of these names already."""
        clash = sorted(set(names) & set(self._table.columns() if self._table else ()))
        said = f"the table of keys has a column {clash[0]!r} of its own" if clash else ""
        return {"forms": {}, "problem": said}

    def gather(self, pieces: Sequence[Any]) -> None:
        """Where the keys are: the pieces of the next word of all rows. Raises ProtocolViolation otherwise."""
        (one,), (other,) = (piece_of(len(self._mixed), piece) for piece in pieces)
        by_key = np.zeros(len(self._digests), np.uint64)
        real = self._mixed < len(self._digests)
        by_key[self._mixed[real]] = (one + other)[real]
        self._words = getattr(self, "_words", {})
        self._words[str(len(self._words))] = by_key

    def found(self, forms: Mapping[str, Form], names: Sequence[str]) -> Any:
        """Where the keys are: the rows, in the order in which the keys were given, with these columns."""
        if self._table is None:
            raise JoinError("there is no table", fix="pass a table of pandas, polars or Arrow, or a path")
        count, rows = len(self._digests), np.array(self._rows)
        key_of = np.full(len(rows), -1)
        times = np.diff(self._starts[: count + 1])
        key_of[rows[: int(times.sum())]] = np.repeat(np.arange(count), times)
        answers = take_arrow(rows_of(forms, list(self._words.values())).select(list(names)), key_of)
        own = self._table.take(np.arange(len(rows)), {})
        self.close()
        return _beside(own, answers)


_Desk = proxy(PYUObject, num_cpus=0)(LookupDesk)


@public
def lookup(
    keys: Mapping[PYU, Any],
    table: Mapping[PYU, Any],
    columns: str | Sequence[str],
    on: Names | Mapping[Any, Names],
    helper: PYU | str | bool = True,
    pad: int = 0,
) -> PYUObject:
    """Look up rows by their keys in another party's table, which does not learn which.

    Args:
        keys: ``{alice: ids}``: a handle there of a table, as `join` takes it, or of a list, an array or a
            pandas Series of keys.
        table: ``{bob: accounts}``: a table, or a path; see `join`. Of equal keys the first row counts. Or a
            `PreparedTable`, of which alice, or a helper, has a copy; see ``docs/how-to/join.md``.
        columns: of the table, which are wanted: numbers, decimals, text, dates, times, truth values.
        on: the key; see `join`.
        helper: a party that has neither; see `join`. Needed, unless the table is
            prepared; then nobody helps who is not named.
        pad: as in `join`: hides from the helper how many keys were found.

    Returns:
        A handle where the keys are: a pandas table, a row for each of them in their order, with the columns;
        all null where the table has no such key. A table of keys keeps its own columns, too.

    The owner of the table learns how many different keys are asked for. Who asks can ask for guesses: agree
    on how many that may be.

    Raises:
        JoinError, DeviceError, RemoteError: see `join`; a column that cannot be looked up.
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    if isinstance(table, Mapping) and any(isinstance(each, PreparedTable) for each in table.values()):
        from junto.join.prepared_lookup import prepared_lookup

        return prepared_lookup(keys, table, names, on, (helper, pad))
    request = _requested(keys, table, names, on, helper)
    asks, owner = request.parties
    if type(pad) is not int or not 0 <= pad <= MOST_PAD:
        raise JoinError(f"pad is {pad!r}", fix=f"a number of rows from 0 to {MOST_PAD}")
    if (rehearsal := explaining()) is not None:
        run = partial(_looked_up, names=names, pad=0)
        explained(rehearsal, request, run, "lookup", {owner: names}, pad)
        own, there = (table_of(each, request.tables[each]) for each in (asks, owner))
        made: PYUObject = put(asks, made_up_answers(own, there, names))
        return made
    found = _looked_up(request, names, pad)
    for party, fact in _learned(request, pad).items():
        if current().program.is_here(party.party):
            log.info("looked up: %s", fact)
    return found


def _looked_up(request: Request, names: Sequence[str], pad: int) -> PYUObject:
    asks, owner = request.parties
    desks, counts, *_ = opened(request, _Desk, [f"looked up: {', '.join(map(repr, names))}", f"pad={pad}"])
    forms = _offered(desks, owner, names)
    rows = {party: counts[party.party] + pad for party in desks}
    routing = matched(desks, rows, (asks, owner), helper_of(request), pad)
    lines = Lines(desks[owner], routing, asks, owner, (rows[asks], sum(rows.values()), 64))
    for number in range(1 + sum(count for _, count in forms.values())):
        at_helper, at_owner = lines.pieces(number)
        wait(desks[asks].gather([at_helper.to(asks), owner(_only)(at_owner).to(asks)]))
    found: PYUObject = desks[asks].found(forms, names)
    wait([found, routing.close(), desks[owner].close()])
    return found


def _requested(keys: Any, table: Any, names: Sequence[Any], on: Any, helper: Any) -> Request:
    asks, _ = checked_sides(keys, table, names)
    request = with_keys(requested({**keys, **table}, on, "left", asks, "first"), asks)
    request = helped_by(request, helper)
    helper_of(request)
    return request


def checked_sides(keys: Any, table: Any, names: Sequence[Any]) -> tuple[PYU, PYU]:
    """Who asks whom. Raises JoinError if that is not said, or no columns are."""
    for given, what in ((keys, "keys"), (table, "table")):
        if not isinstance(given, Mapping) or len(given) != 1:
            raise JoinError(f"{what} are those of one party", fix="lookup({alice: ids}, {bob: table}, ...)")
    asks, owner = next(iter(keys)), next(iter(table))
    if asks == owner:
        raise JoinError(f"{asks!r} has both the keys and the table", fix="look it up there")
    if not 1 <= len(names) <= MOST_COLUMNS or not all(isinstance(name, str) for name in names):
        raise JoinError("columns names no columns", fix=f'columns=["balance"], 1 to {MOST_COLUMNS} of them')
    if len(set(names)) < len(names):
        raise JoinError("columns names one twice", fix="name each column once")
    return asks, owner


def with_keys(request: Request, asks: PYU) -> Request:
    """The same, where the keys that are asked for may be no table."""
    ids = request.tables[asks]
    if not isinstance(ids, DeviceObject):
        return request
    return replace(request, tables={**request.tables, asks: asks(_as_table)(ids, request.on[asks])})


def _offered(desks: Desks, owner: PYU, names: Sequence[str]) -> dict[str, Form]:
    """The forms of the columns, which all parties learn, if both have what it takes."""
    said = {
        party.party: desk.offer(list(names)) if party == owner else desk.has_room(list(names))
        for party, desk in desks.items()
    }
    reports = reveal(said)
    for name, report in reports.items():
        if not is_offer(report):
            raise ProtocolViolation(f"what {name} says of its columns is no description")
    raise_problem(desks, reports)
    forms: dict[str, Form] = reports[owner.party]["forms"]
    if list(forms) != list(names):
        raise ProtocolViolation(f"{owner.party} describes other columns than are asked for")
    return forms


def is_offer(report: Any) -> bool:
    """Whether what a peer says is one."""
    if not isinstance(report, dict) or set(report) != {"forms", "problem"}:
        return False
    forms = report["forms"]
    return isinstance(forms, dict) and is_sentence(report["problem"]) and all(map(is_form, forms.values()))


def _learned(request: Request, pad: int) -> dict[PYU, str]:
    """What each party learns, in words."""
    helper, (asks, owner) = helper_of(request), request.parties
    about = f" plus a number up to {pad} that it does not know" if pad else ""
    could = f"{helper.party} and one of them together could try which keys the other has"
    return {
        asks: f"{asks.party} learns how many different keys {owner.party} has; the columns of its own keys.",
        owner: f"{owner.party} learns how many different keys {asks.party} asks for.",
        helper: f"{helper.party} helps, and learns how many different keys both have; how many of them are "
        f"found{about}, not which. {could}.",
    }


def _as_table(ids: Any, names: tuple[str, ...]) -> Any:
    """Keys that are no table, as one."""
    if hasattr(ids, "columns") or hasattr(ids, "column_names") or isinstance(ids, str):
        return ids
    import pyarrow as pa

    if len(names) != 1:
        raise JoinError(
            "keys of several columns are given as a table",
            fix="pass a table with the columns that `on` names",
        )
    loose = isinstance(ids, list | tuple) or str(getattr(ids, "dtype", "")).lower() == "object"
    held = list(ids) if loose else ids
    return pa.table({names[0]: array_of(held, held if loose else (), f"key column {names[0]!r}")})


def made_up_answers(own: Any, there: Any, names: Sequence[str]) -> Any:
    """What is found, while a look-up is explained."""
    import pyarrow as pa

    return _beside(own, pa.table({name: pa.array(over_and_over(there, name, len(own))) for name in names}))


def _beside(own: Any, answers: Any) -> Any:
    """A table with the answers as further columns, in pandas."""
    import pandas as pd

    mine = own
    if not isinstance(own, pd.DataFrame):
        mine = (own.to_arrow() if hasattr(own, "to_arrow") else own).to_pandas()
    more = native(answers, "pandas")
    return mine.reset_index(drop=True).assign(**{name: more[name] for name in more.columns})


def _only(pieces: list[Any]) -> Any:
    return pieces[0]
