"""A few rows of a prepared table are looked up with a helper, who has a copy: nobody else fetches the file.

Paper:     private information retrieval from two servers by distributed point functions (Boyle, Gilboa,
           Ishai, CCS 2016) in a table of three slots a key (see `fuse_table`).
Computes:  at the party that asks, for each of its keys the columns of the row with that key, if there is one.
Parties:   who asks, the owner, a helper.
Secure:    semi-honest, one of three corrupted: owner and helper together would see what is read.
Learns:    see `_learned`.
Cost:      the file once, to the helper; then of each key 64 bytes as `hashed_dh`, some 400 bytes for each
           server (18 a level and slot), a row from each. Each server reads its whole table for each key.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from junto.device.current import current
from junto.device.disclosure import wait
from junto.device.proxies import proxy
from junto.device.pyu import PYUObject
from junto.device.revealed_facts import facts, integer
from junto.errors import JoinError, ProtocolViolation
from junto.join.asking import Question, require_columns
from junto.join.fuse_table import SEEDS
from junto.join.point_reading import PointDesk, PointServer
from junto.join.prepared_table import PreparedTable
from junto.join.request import Request
from junto.join.routed import helper_of

log: logging.Logger = logging.getLogger("junto.join")

MOST_AT_ONCE: Final = 64
"""Keys: for each of them both servers read all of their table."""

_Desk = proxy(PYUObject, num_cpus=0)(PointDesk)
_Server = proxy(PYUObject, num_cpus=0)(PointServer)


def points_run(request: Request, prepared: PreparedTable, names: Sequence[str]) -> PYUObject:
    """See `lookup`, of a prepared table with a helper.

    Raises:
        JoinError: too many keys; see `lookup`.
        ProtocolViolation: the two servers have different tables.
    """
    helper = helper_of(request)
    question = Question(request, prepared, [f"looked up: {', '.join(map(repr, names))}"], _Desk)
    asks, owner = question.asks, question.owner
    count = question.counts[asks.party]
    if count > MOST_AT_ONCE:
        raise JoinError(
            f"{asks.party} asks for {count} keys; with a helper {MOST_AT_ONCE} are the most at once",
            fix="leave helper out, which fetches a copy of the prepared table",
        )
    path, keeper, offer = question.kept(helper)
    require_columns(question, offer, names)
    paths = {owner: question.desks[owner].path(), helper: path}
    servers = {party: _Server(owner.party, device=party) for party in paths}
    seed = _agreed(
        facts({party.party: servers[party].open(paths[party]) for party in servers}, integer(0, SEEDS - 1))
    )
    question.ask()
    desk, pieces = question.desks[asks], []
    points = desk.points(offer.sealed, seed, owner.party, _num_returns=2)
    for (party, server), keys in zip(servers.items(), points, strict=True):
        pieces.append(server.read(keys.to(party), count, asks.party).to(asks))
    found: PYUObject = desk.combine(pieces, list(names))
    wait(found)
    wait([keeper.close(), question.desks[owner].close(), *(server.close() for server in servers.values())])
    for name, fact in _learned(question, helper).items():
        if current().program.is_here(name):
            log.info("looked up: %s", fact)
    return found


def _agreed(seeds: dict[str, int]) -> int:
    first, *others = seeds.values()
    if any(each != first for each in others):
        raise ProtocolViolation(f"{' and '.join(seeds)} have made different tables of a prepared one")
    return first


def _learned(question: Question, helper: Any) -> dict[str, str]:
    """What each party learns, in words."""
    asks, owner, third = question.asks.party, question.owner.party, helper.party
    return {
        asks: f"{asks} learns how many different keys {owner} has; the columns of its own keys.",
        owner: f"{owner} learns how many different keys {asks} asks for.",
        third: f"{third} helps, and learns how many different keys {owner} has; how many {asks} asks for; it "
        f"has the prepared table, encrypted. {third} and {owner} together could see what {asks} reads.",
    }
