"""A prepared table is asked: what a join and a look-up have in common, as the script sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Any

from junto.device.current import current
from junto.device.disclosure import reveal
from junto.device.placement import to as put
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject
from junto.errors import JoinError, ProtocolViolation
from junto.join.answering import (
    CHUNK,
    AnsweringDesk,
    AskingDesk,
    PreparedKeeper,
    PreparedOffer,
    checked_offer,
)
from junto.join.on import name_of
from junto.join.opening import Desks, ReadTables, opened, raise_problem
from junto.join.prepared_table import PreparedTable
from junto.join.protocol import batch_sizes
from junto.join.request import Request, is_sentence, keyed_by
from junto.join.travel import in_step, shown

_Answering = proxy(PYUObject, num_cpus=0)(AnsweringDesk)
_Asking = proxy(PYUObject, num_cpus=0)(AskingDesk)
_Keeper = proxy(PYUObject, num_cpus=0)(PreparedKeeper)


class Question:
    """One time that a party asks a prepared table.

    Args:
        request: of the party that asks, and the owner.
        prepared: the table.
        terms: see `opened`.
        desk: of the party that asks: a class like `AskingDesk`, as a proxy.

    Raises:
        JoinError: see `opened`.
    """

    def __init__(
        self, request: Request, prepared: PreparedTable, terms: Sequence[str] = (), desk: Any = None
    ) -> None:
        self.asks: PYU = next(party for party in request.parties if party != prepared.owner)
        self.owner: PYU = prepared.owner
        self._prepared = prepared
        self.tables: ReadTables = opened(request, partial(_desk, self.owner, desk or _Asking), terms)
        self.desks: Desks = self.tables.desks
        self.counts: Mapping[str, int] = self.tables.counts
        self._sizes = batch_sizes(self.counts[self.asks.party])

    def kept(self, party: PYU) -> tuple[PYUObject, Any, PreparedOffer]:
        """Have the file at `party`, too, and note how much is asked.

        Returns:
            Its path there, what keeps it, and what its owner says of it.

        Raises:
            JoinError: the owner does not answer, or there is no room.
            ProtocolViolation: it says something else.
        """
        desk, spill = self.desks[self.owner], current().settings.link.spill_dir
        path = put(party, self._prepared.path_of(party))
        keeper = _Keeper(path, self.owner.party, spill, device=party)
        offered = desk.offer(self.asks.party, self.counts[self.asks.party])
        reports = reveal({self.owner.party: offered, party.party: keeper.held()})
        held = _held(reports, self.owner.party, party.party)
        raise_problem({self.owner: desk, party: keeper}, reports)
        offer = checked_offer(reports[self.owner.party], self.owner.party)
        missing = offer.missing(held["name"], held["version"], held["digest"])
        with shown(sum(-(-size // CHUNK) + 1 for _, size in missing)) as seen:
            for version, size in missing:
                in_step([self._parts(keeper, party, version, size)], seen)
        return keeper.ready(offer.sealed), keeper, offer

    def ask(self) -> None:
        """Have the values of the function where the keys are."""
        with shown(len(self._sizes)) as seen:
            in_step([self._batches()], seen)

    def _parts(self, keeper: Any, party: PYU, version: int, size: int) -> Iterator[PYUObject]:
        for start in range(0, size, CHUNK):
            count = min(CHUNK, size - start)
            chunk = self.desks[self.owner].chunk(version, start, count)
            yield keeper.take(start, count, chunk.to(party))
        yield keeper.settle(version)

    def _batches(self) -> Iterator[PYUObject]:
        desk, there = self.desks[self.asks], self.desks[self.owner]
        for start, size in zip(accumulate(self._sizes, initial=0), self._sizes, strict=False):
            answers = there.answer(desk.blinded(start, size).to(self.owner), size, self.asks.party)
            yield desk.opened(start, size, answers.to(self.asks), self.owner.party)


def owners_path(tables: Mapping[PYU, Any]) -> tuple[PreparedTable, dict[PYU, Any]]:
    """The prepared one of two tables, and both tables with a path in its place.

    Raises:
        JoinError: there are more, or it is given as that of another party.
    """
    prepared = {party: table for party, table in tables.items() if isinstance(table, PreparedTable)}
    if len(tables) != 2 or len(prepared) != 1:
        raise JoinError(
            "a prepared table is asked by one party that has a table of keys",
            fix="join({alice: ids, bob: prepared}, on='id')",
        )
    ((party, table),) = prepared.items()
    if party != table.owner:
        raise JoinError(
            f"{table!r} is given as the table of {name_of(party)}",
            fix="give a path of a table that was prepared, as prepare returned it",
        )
    return table, {each: table.path_of(each) if each == party else given for each, given in tables.items()}


def on_of_both(on: Any, prepared: PreparedTable) -> Any:
    """What `on=` says; where it names columns of who asks only, the same number of the prepared table's."""
    if not isinstance(on, Mapping) or not any(isinstance(party, PYU) for party in on):
        return on
    names = {name_of(party): said for party, said in on.items()}
    return {prepared.owner.party: next(iter(names.values())), **names}


def keyed_by_asker(request: Request, prepared: PreparedTable, key: Any) -> Request:
    """The same, with what makes keys of the values of who asks; the prepared table's are made already.

    Raises:
        JoinError: see `keyed_by`; it names the owner.
    """
    if isinstance(key, Mapping) and prepared.owner.party in map(name_of, key):
        raise JoinError(f"the keys of {prepared!r} are made when it is prepared", fix="prepare(..., key=...)")
    made = keyed_by(request, key)
    return replace(made, keys={each: f for each, f in made.keys.items() if each != prepared.owner})


def require_columns(question: Question, offer: PreparedOffer, names: Sequence[str]) -> None:
    """Raise JoinError if columns are not prepared, or a table of keys has one of the same name."""
    missing = [name for name in names if name not in offer.header.forms]
    if missing:
        raise JoinError(
            f"{question.owner.party} has not prepared a column {missing[0]!r}",
            fix="prepare(..., columns=[...])",
        )
    asks = question.asks
    report = reveal(question.desks[asks].has_room(list(names)))
    if not isinstance(report, dict) or not is_sentence(report.get("problem")):
        raise ProtocolViolation(f"what {asks.party} says of its columns is no description")
    raise_problem({asks: question.desks[asks]}, {asks.party: report})


def _desk(owner: PYU, asking: Any, order: Any, device: PYU) -> Any:
    return _Answering(owner.party, device=device) if device == owner else asking(order, device=device)


def _held(reports: Mapping[str, Any], owner: str, keeper: str) -> Mapping[str, Any]:
    """What `keeper` has already, once both reports are some."""
    fields = {owner: {"sealed", "steps", "problem"}, keeper: {"name", "version", "digest", "problem"}}
    for name, report in reports.items():
        if not isinstance(report, dict) or set(report) != fields[name] or not is_sentence(report["problem"]):
            raise ProtocolViolation(f"what {name} says of a prepared table is no report")
    held: Mapping[str, Any] = reports[keeper]
    texts = is_sentence(held["name"]) and is_sentence(held["digest"])
    if not texts or type(held["version"]) is not int:
        raise ProtocolViolation(f"what {keeper} says of its copy of a prepared table is no report")
    return held
