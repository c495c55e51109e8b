"""A helper matches tags of two owners' keys, and brings the second one's columns to the rows of the first.

What joins have in common that show a number, a sum, some columns or nothing: `less`, `lookup`, `hidden`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from junto.device.current import current
from junto.device.disclosure import wait
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject
from junto.errors import JoinError
from junto.join.aligning import correction
from junto.join.hidden_desk import Routing, new_keys
from junto.join.opening import Desks
from junto.join.protocol import batch_sizes
from junto.join.relabelling import new_seed
from junto.join.request import Request
from junto.join.travel import in_step, shown

MOST_PAD = 1 << 30
"""Rows of the result are made for all of them."""

_Routing = proxy(PYUObject, num_cpus=0)(Routing)


def helper_of(request: Request) -> PYU:
    """Who helps. Raises JoinError if nobody does."""
    if request.helper is None:
        raise JoinError("nobody helps", fix="helper=carol, a party that owns none of the tables")
    return request.helper


def matched(desks: Desks, rows: Mapping[PYU, int], pair: tuple[PYU, PYU], helper: PYU, pad: int = 0) -> Any:
    """The helper's `Routing` of the two parties of `pair`, once it has the tags of all owners."""
    first, _ = pair
    keys = first(new_keys)()
    mixed = {party: desk.mix(keys.to(party), pad, party == first) for party, desk in desks.items()}
    spill = current().settings.link.spill_dir
    counts = {party.party: rows[party] for party in desks}
    routing = _Routing(counts, "inner", first.party, spill, device=helper)
    with shown(sum(len(batch_sizes(count)) for count in rows.values())) as seen:
        in_step([_there(desk, mixed[party], rows[party], routing) for party, desk in desks.items()], seen)
    wait([*mixed.values(), routing.compare([party.party for party in pair])])
    return routing


class Lines:
    """Columns of the second owner, row by row where the first one's keys are; see `aligning`.

    Args:
        desk: of the second owner.
        routing: at the helper.
        first, second: the owners; the first one deals.
        sizes: rows that are wanted; rows there are, with as many zeros behind them; bits of a number.
    """

    def __init__(self, desk: Any, routing: Any, first: PYU, second: PYU, sizes: tuple[int, int, int]) -> None:
        self._desk, self._routing, self._first, self._second = desk, routing, first, second
        self._wanted, self._count, self._width = sizes
        self._order, self._masks = first(new_seed)(), first(new_seed)()
        self._handing = routing.device(new_seed)()
        self._places = routing.route(self._order.to(routing.device), self._width)
        self._told = self._places.to(second)
        self._seeds = [self._masks.to(second), self._handing.to(second)]

    def pieces(self, column: int) -> tuple[PYUObject, PYUObject]:
        """Of a column: at the helper, which the first owner may see, and at the second owner."""
        helper = self._routing.device
        of_owner = self._desk.masked(self._seeds[0], column, self._wanted).to(helper)
        numbers = self._count, self._width
        of_dealer = self._first(correction)(self._masks, self._order, column, *numbers).to(helper)
        at_helper = self._routing.piece(self._places, of_owner, of_dealer, self._handing, column)
        at_owner = self._desk.piece(self._told, self._seeds, column, self._wanted)
        return at_helper, at_owner


def _there(desk: Any, mixed: PYUObject, count: int, routing: Any) -> Iterator[PYUObject]:
    """Carry the tags of a set to the helper, batch by batch."""
    start, owner = 0, desk.device.party
    for size in batch_sizes(count):
        yield routing.add(owner, desk.tags(start, size, mixed).to(routing.device), size, owner)
        start += size
