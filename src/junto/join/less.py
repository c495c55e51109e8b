"""What is less than a join: only how many keys are in common, or the sum of a column over them, comes out.

Paper:     counting: Kamara, Mohassel, Raykova, Sadeghian, Financial Cryptography 2014, section 3, with a
           helper; Huberman, Franklin, Hogg, ACM EC 1999, section 3, without. The sum: columns brought in line
           (see `aligning`); the goal is that of Ion et al., "On deploying secure computation: private
           intersection-sum-with-cardinality", EuroS&P 2020.
Computes:  the number of keys that all owners have; the sum of a column over the rows with such keys.
Parties:   two owners or more, and for the sum a helper.
Secure:    semi-honest, without collusion; see `helped`, `ecdh` and `aligning`.
Learns:    see `Ecdh.learns_of_count`, `Helped.learns_of_count`, `_learned_sum`. Nobody learns which keys are
           in common.
Cost:      the way there of a join, and nothing back. The sum: for the n keys of its owner and m of another
           one 16 * (n + m) bytes to the helper more, 8 * m back.

Of a sum each of two parties has a piece, and a receiver sees both: they are random but for their sum.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from junto.device.boundary import Scripted, public
from junto.device.current import current
from junto.device.disclosure import Undisclosed, reveal, wait
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import fact, truth
from junto.errors import JoinError, ProtocolViolation
from junto.join.ecdh import Ecdh
from junto.join.helped import Helped
from junto.join.hidden_desk import HiddenDesk, total_of
from junto.join.join_cost import explained, explaining
from junto.join.keys import Key
from junto.join.on import Names, name_of
from junto.join.opening import Desks, opened, raise_problem, sources_of
from junto.join.protocol import names
from junto.join.request import MOST_KEYS, Parties, Request, helped_by, is_sentence, keyed_by, requested
from junto.join.routed import Lines, helper_of, matched
from junto.join.table_actor import TableActor

log: logging.Logger = logging.getLogger("junto.join")

MOST_SHIFT = 1100
"""No float has a power of two beyond."""

SIZE = "of a column of floats a power of two above the sum of all of it"

_Desk = proxy(PYUObject, num_cpus=0)(TableActor)
_HiddenDesk = proxy(PYUObject, num_cpus=0)(HiddenDesk)


@dataclass(frozen=True)
class Common(metaclass=Scripted):
    """A number about the keys that all have.

    Attributes:
        value: the number; `Undisclosed` at a party that does not get it.
        learned: what each party has learned, in words.
    """

    value: int | float | Undisclosed
    learned: Mapping[PYU, str]


@public
def count_common(
    tables: Mapping[PYU, Any],
    on: Names | Mapping[Any, Names],
    to: Parties | None = None,
    duplicates: str = "error",
    helper: PYU | str | bool = True,
    key: Key | Mapping[Any, Key] | None = None,
) -> Common:
    """How many keys all tables have in common; nobody learns which.

    Args:
        tables: see `join`.
        on: see `join`.
        to: who learns the number (default: all owners).
        duplicates: ``error``, or ``first``: a key counts once however often it stands in a table.
        helper: see `join`.
        key: see `join`.

    Without a helper the first party that gets the number compares. Of three parties and more it also learns
    how many keys any of them have in common, not which.

    Raises:
        JoinError, DeviceError, RemoteError: see `join`.
    """
    request = helped_by(keyed_by(requested(tables, on, "inner", to, duplicates), key), helper)
    _require_plain(request)
    protocol = Ecdh() if request.helper is None else Helped(request.helper)
    told = protocol.learns_of_count(request.parties, request.goal)
    if (rehearsal := explaining()) is not None:
        explained(rehearsal, request, partial(_counted, protocol), "count_common")
        return Common(0, told)
    return Common(_counted(protocol, request), _told(told))


def _counted(protocol: Ecdh | Helped, request: Request) -> int | Undisclosed:
    desks, counts, *_ = opened(request, _Desk, ["only their number"])
    found = protocol.count(sources_of(desks, counts), request.goal)
    number = reveal(found.total, to=[party.party for party in request.goal.receivers])
    wait([found.total, *found.done, *(desk.close() for desk in desks.values())])
    return _number(number, found.total.device.party)


@public
def sum_common(
    tables: Mapping[PYU, Any],
    on: Names | Mapping[Any, Names],
    of: Mapping[Any, str],
    to: Parties | None = None,
    at_least: int = 1,
    helper: PYU | str | bool = True,
) -> Common:
    """The sum of a column of one table over the rows whose keys all tables have; nobody learns which.

    Args:
        tables: see `join`. No key may stand twice in one.
        on: see `join`.
        of: the column: ``{bob: "amount"}``. Of whole numbers the sum is exact; of floats each one is rounded
            to 2**-60 of the largest times the number of rows.
        to: who learns the sum (default: all owners).
        at_least: with fewer keys in common there is no sum, and all learn that they are fewer. The sum over
            one row is what stands there.
        helper: a party that owns none of the tables; see `join`. Nobody else can do it.

    Raises:
        JoinError, DeviceError, RemoteError: see `join`; too few keys in common; a column that is not of
            numbers, or has gaps.
    """
    request = helped_by(requested(tables, on, "inner", to), helper)
    owner, column = _column(of, request)
    if type(at_least) is not int or at_least < 1:
        raise JoinError(f"at_least is {at_least!r}", fix="a number of keys, from 1 on")
    _require_plain(request)
    told = _learned_sum(request, owner, at_least)
    if (rehearsal := explaining()) is not None:
        run = partial(_added_up, owner=owner, column=column, at_least=1)
        explained(rehearsal, request, run, "sum_common", {owner: [column]})
        return Common(0, told)
    return Common(_added_up(request, owner, column, at_least), _told(told))


def _added_up(request: Request, owner: PYU, column: str, at_least: int) -> int | float | Undisclosed:
    first = next(party for party in request.parties if party != owner)
    terms = [f"the sum of a column of {owner.party}", f"of {at_least} keys at least"]
    desks, counts, *_ = opened(request, _HiddenDesk, terms)
    shift, whole = _units(desks, owner, column)
    rows = {party: counts[party.party] for party in desks}
    routing = matched(desks, rows, (first, owner), helper_of(request))
    if not fact(routing.has(at_least), truth):
        raise JoinError(f"fewer than {at_least} keys are in common", fix="a smaller at_least, if all agree")
    lines = Lines(desks[owner], routing, first, owner, (rows[first], rows[first] + rows[owner], 64))
    at_helper, at_owner = lines.pieces(0)
    pieces = [routing.device(total_of)(at_helper), owner(total_of)(at_owner)]
    shown = reveal(pieces, to=[party.party for party in request.goal.receivers])
    wait([*pieces, routing.close(), *(desk.close() for desk in desks.values())])
    return _sum_of({h.device.party: said for h, said in zip(pieces, shown, strict=True)}, shift, whole)


def _require_plain(request: Request) -> None:
    if request.duplicates == "all":
        raise JoinError("a key counts once", fix='duplicates="first", or "error"')


def _column(of: Any, request: Request) -> tuple[PYU, str]:
    if not isinstance(of, Mapping) or len(of) != 1:
        raise JoinError("of names one column of one party", fix='of={bob: "amount"}')
    ((party, column),) = of.items()
    owners = {owner.party: owner for owner in request.parties}
    if name_of(party) not in owners or not isinstance(column, str):
        raise JoinError(f"of names no column of {names(request.parties, 'or')}", fix='of={bob: "amount"}')
    return owners[name_of(party)], column


def _units(desks: Desks, owner: PYU, column: str) -> tuple[int, bool]:
    """By which power of two the owner multiplies its numbers, and whether they are whole."""
    report = reveal(desks[owner].measure(column))
    good = isinstance(report, dict) and set(report) == {"shift", "whole", "problem"}
    if not good or not is_sentence(report["problem"]) or type(report["whole"]) is not bool:
        raise ProtocolViolation(f"what {owner.party} says of its column is no description")
    raise_problem({owner: desks[owner]}, {owner.party: report})
    if type(report["shift"]) is not int or abs(report["shift"]) > 2 * MOST_SHIFT:
        raise ProtocolViolation(f"what {owner.party} says of its column is no description")
    return report["shift"], report["whole"]


def _number(said: Any, party: str) -> int | Undisclosed:
    if isinstance(said, Undisclosed):
        return said
    if type(said) is not int or not 0 <= said <= MOST_KEYS:
        raise ProtocolViolation(f"what {party} says of the common keys is no number of them")
    return said


def _sum_of(pieces: Mapping[str, Any], shift: int, whole: bool) -> int | float | Undisclosed:
    for party, piece in pieces.items():
        if isinstance(piece, Undisclosed):
            return piece
        if type(piece) is not int or not 0 <= piece < 1 << 64:
            raise ProtocolViolation(f"{party}'s piece of the sum is no number of 64 bits")
    found = sum(pieces.values()) % (1 << 64)
    signed = found - (1 << 64) if found >> 63 else found
    return signed if whole else signed / 2**shift if shift >= 0 else float(signed * 2**-shift)


def _learned_sum(request: Request, owner: PYU, at_least: int) -> dict[PYU, str]:
    """What each party learns, in words."""
    helper, owners = helper_of(request), request.parties
    common = "how many they have in common" if len(owners) == 2 else "how many any of them have in common"
    could = f"{helper.party} and {names(owners, 'or')} together could try which keys the others have"
    sizes = f"how many different keys {names(owners)} have"
    told = {helper: f"{helper.party} helps, and learns {sizes}; {common}, not which; {SIZE}. {could}."}
    for party in owners:
        others = [each for each in owners if each != party]
        facts = [f"how many different keys {names(others)} {'has' if len(others) == 1 else 'have'}"]
        facts += [f"that {at_least} keys at least are in common"] if at_least > 1 else []
        facts += [SIZE] if party != owner else []
        facts += ["the sum"] if party in request.goal.receivers else []
        told[party] = f"{party.party} learns {'; '.join(facts)}."
    return told


def _told(learned: Mapping[PYU, str]) -> Mapping[PYU, str]:
    for party, sentence in learned.items():
        if current().program.is_here(party.party):
            log.info("in common: %s", sentence)
    return learned
