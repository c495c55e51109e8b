"""How a join begins, whatever comes of it: the tables are read, keys are counted, and all agree on kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from junto.device.current import current
from junto.device.disclosure import reveal
from junto.device.handle import DeviceObject
from junto.device.placement import to as put
from junto.device.pyu import PYU, PYUObject
from junto.errors import JoinError
from junto.join.protocol import KeySet, batch_sizes
from junto.join.request import Request, checked_reports, fitting
from junto.join.table_actor import Order

Desks = Mapping[PYU, Any]
"""The `Desk` of each owner, as the script sees it."""


class ReadTables(NamedTuple):
    """Tables that are read.

    Attributes:
        desks: the desk of each.
        counts: how many keys each party has, by name.
        kinds: as what the key columns are compared.
        writes: whether a party's part becomes a file.
    """

    desks: Desks
    counts: Mapping[str, int]
    kinds: Sequence[str]
    writes: bool


def opened(request: Request, made: Any, terms: Sequence[str] = ()) -> ReadTables:
    """Have all tables read.

    Args:
        request: what is asked for.
        made: makes a desk: a class of `Desk`, as a proxy.
        terms: what else all must have asked for alike.

    Raises:
        JoinError: one cannot be read, or they do not fit together; at every party.
    """
    desks = {party: _desk(request, made, party) for party in request.parties}
    said = {}
    for party, desk in desks.items():
        table = request.tables[party]
        handle = table if isinstance(table, DeviceObject) else put(party, table)
        said[party.party] = desk.read(handle, request.outputs.get(party), [*request.terms(), *terms])
    reports = checked_reports(reveal(said))
    raise_problem(desks, reports)
    return ReadTables(desks, *fitting(reports), any(report["writes"] for report in reports.values()))


def raise_problem(desks: Desks, reports: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise the first ``problem`` that a party reports, with what helps for itself."""
    for party, desk in desks.items():
        if party.party in reports and reports[party.party]["problem"]:
            hint = reveal(desk.hint(), to=party.party)
            raise JoinError(
                f"{party.party}: {reports[party.party]['problem']}",
                fix=hint if isinstance(hint, str) else "",
            )


def sources_of(desks: Desks, counts: Mapping[str, int]) -> dict[PYU, KeySet]:
    """The desks' keys as a protocol sees them."""
    return {party: _Keys(desk, counts[party.party]) for party, desk in desks.items()}


class _Keys:
    """A desk's keys as the protocol sees them (a `KeySet`)."""

    def __init__(self, desk: Any, count: int) -> None:
        self._desk, self._count = desk, count
        self._sizes = batch_sizes(count)

    @property
    def device(self) -> PYU:
        device: PYU = self._desk.device
        return device

    @property
    def count(self) -> int:
        return self._count

    def sizes(self) -> Sequence[int]:
        return self._sizes

    def keys(self, batch: int) -> PYUObject:
        handle: PYUObject = self._desk.keys(*self._span(batch))
        return handle

    def place(self, batch: int, ranks: PYUObject) -> PYUObject:
        handle: PYUObject = self._desk.place(*self._span(batch), ranks, ranks.sender or self.device.party)
        return handle

    def _span(self, batch: int) -> tuple[int, int]:
        return sum(self._sizes[:1]) * batch, self._sizes[batch]


def _desk(request: Request, made: Any, party: PYU) -> Any:
    keeps = party in request.keepers
    spill = current().settings.link.spill_dir
    order = Order(request.on[party], request.kinds, request.duplicates, keeps, spill, request.keys.get(party))
    return made(order, device=party)
