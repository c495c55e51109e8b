"""A join of which nobody learns which keys, and hence whose rows, are in common.

Paper:     tags under a key of the owners: Kamara, Mohassel, Raykova, Sadeghian, Financial Cryptography 2014,
           section 3; columns brought in line: Mohassel, Rindal, Rosulek, CCS 2020 (see `aligning`).
Computes:  on an SPU, for each key of the first owner: its columns, those of the second owner's row with that
           key (zeros without one), and a flag, 1 where there is one.
Parties:   two owners, which are the SPU's compute parties, and its helper.
Secure:    semi-honest, one of three corrupted; the helper colludes with no owner.
Learns:    see `learned`. Everybody: the number of keys of each, names and types of the columns. The helper:
           how many keys they have in common, plus a number that is uniform up to `pad` and that it does not
           know: it tells two counts that differ by k apart with an advantage of k / (pad + 1) at most.
Cost:      n and m keys, pad included: 16 * (n + m) bytes of tags to the helper; for each column of the second
           owner 16 * (n + m) bytes to it, 8 * n from it, and a round of the SPU (in a ring of 128 bits twice
           as many bytes); for each other one, and the flag, what it costs to put it on the SPU.

Rows that stand for nobody hide the count: the owners make the same `pad` tags, of which the second one
replaces some, as many as it draws, by others. The first owner's are rows of the result, with a flag of 0: it
knows them, and the helper's flags are multiplied by its own on the SPU. Each owner shows its tags in an order
that it draws.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from junto.device.current import current
from junto.device.disclosure import reveal, wait
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject, put
from junto.device.rehearsal import Rehearsal
from junto.device.spu.inputs import InputConversion
from junto.device.spu.layout import ArrayLayout, is_known, wide_numbers
from junto.device.spu.resharing import gathered
from junto.device.spu.spu import SPU
from junto.errors import JoinError, ProtocolViolation
from junto.join.hidden_desk import HiddenDesk, piece_of
from junto.join.hidden_table import Hidden
from junto.join.join_cost import beside_keys, explained, explaining, over_and_over, table_of
from junto.join.labels import CODE, TEXT, coded
from junto.join.opening import Desks, opened, raise_problem
from junto.join.protocol import names
from junto.join.request import Request, is_sentence
from junto.join.routed import MOST_PAD, Lines, helper_of, matched
from junto.mpc.ring128 import element_bytes
from junto.program.callsite import call_site

log: logging.Logger = logging.getLogger("junto.join")

_Desk = proxy(PYUObject, num_cpus=0)(HiddenDesk)


def hidden_request(request: Request, spu: Any, pad: Any, helper: Any) -> Request:
    """The same, helped by the SPU's helper, or by nobody.

    Raises:
        JoinError: this SPU cannot hold it, or somebody is asked to get rows.
    """
    if not isinstance(spu, SPU):
        raise JoinError(f"onto is a {type(spu).__name__}, not an SPU", fix="onto=sf.SPU(parties=[...])")
    owners, settings = [party.party for party in request.parties], spu.settings
    if sorted(owners) != sorted(settings.compute):
        compute = " and ".join(settings.compute)
        raise JoinError(
            f"the tables are of {' and '.join(owners)}, but {compute} compute on {spu.name}",
            fix="a hidden join is of two tables, of the two parties that compute",
        )
    if request.goal.how != "inner" or request.goal.receivers != tuple(request.parties) or request.outputs:
        raise JoinError(
            "nobody gets rows of a hidden join: how, to and output have no meaning there",
            fix="leave them out; the flag says which rows of the first table have one in the second",
        )
    if request.duplicates == "all":
        raise JoinError("a hidden join has one row a key", fix='duplicates="first", or "error"')
    if type(pad) is not int or not 0 <= pad <= MOST_PAD:
        raise JoinError(f"pad is {pad!r}", fix=f"a number of rows from 0 to {MOST_PAD}")
    named = helper.party if isinstance(helper, PYU) else helper
    if named is False or (named is True and settings.helper is None):
        if pad:
            raise JoinError(
                "pad hides from a helper how many keys are in common, and nobody helps", fix="leave pad out"
            )
        return replace(request, helper=None, method="vole")
    if settings.helper is None:
        raise JoinError(f"{spu.name} has no helper", fix="leave helper out: then nobody helps")
    if named is not True and named != settings.helper:
        raise JoinError(f"{settings.helper} is the helper of {spu.name}", fix="leave helper out")
    return replace(request, helper=PYU(settings.helper))


def hidden_join(request: Request, spu: SPU, pad: int) -> Hidden:
    """See `junto.join.join`; `request` as `hidden_request` has it."""
    if (rehearsal := explaining()) is not None:
        return _explained(rehearsal, request, spu, pad)
    first = request.parties[0]
    found = _found(request, spu, pad)
    rows = found.rows[first]
    own = {name: found.desks[first].own(name).to(spu) for name in found.types[first]}
    columns = dict(own)
    for name, kind, pieces in found.pieces():
        columns[name] = gathered(pieces, ArrayLayout(kind, (rows,)), spu)
    flag = require_rows(found.routing.flags().to(spu), helper_of(request), rows)
    if pad:
        flag = spu(_both)(flag, require_rows(found.desks[first].real().to(spu), first, rows))
    labels, positions = kept(found.desks, found.texts)
    wait([flag, positions, *columns.values(), *labels.values()])
    for column in own.values():
        require_rows(column, first, rows)
    found.close()
    return said(Hidden(columns, flag, rows, learned(request, pad), labels, positions))


def require_rows(column: Any, sender: PYU, rows: int) -> Any:
    """A column on the SPU.

    Raises:
        ProtocolViolation: what `sender` has shared has another number of rows than all were told.
    """
    if column.shape != (rows,):
        raise ProtocolViolation(f"what {sender.party} shared is not a column of {rows} rows")
    return column


def kept(desks: Desks, texts: Mapping[PYU, Sequence[str]]) -> tuple[dict[str, PYUObject], PYUObject]:
    """What stays with the owners, once the rows have their order: see `Hidden`.

    Args:
        desks: of both owners, the first one first.
        texts: names of the columns of text of each.
    """
    labels = {name: desk.labels(name) for party, desk in desks.items() for name in texts[party]}
    return labels, next(iter(desks.values())).positions()


def said(made: Hidden) -> Hidden:
    """The same, once each party's log has what it has learned."""
    for party, fact in made.learned.items():
        if current().program.is_here(party.party):
            log.info("joined: %s", fact)
    return made


@dataclass(frozen=True)
class _Found:
    """The rows that the helper has brought together.

    Attributes:
        desks: of both owners, the first one first.
        routing: at the helper.
        types: of the columns of each.
        texts: names of those of text.
        rows: of each, with those that stand for nobody.
        width: of the SPU's ring.
    """

    desks: Desks
    routing: Any
    types: Mapping[PYU, Mapping[str, str]]
    texts: Mapping[PYU, Sequence[str]]
    rows: Mapping[PYU, int]
    width: int

    def pieces(self) -> Iterator[tuple[str, str, dict[str, PYUObject]]]:
        """Of each column of the second owner its name, its type, and the pieces at both owners."""
        first, second = self.desks
        sizes = self.rows[first], self.rows[first] + self.rows[second], self.width
        lines = Lines(self.desks[second], self.routing, first, second, sizes)
        for number, (name, kind) in enumerate(self.types[second].items()):
            at_helper, at_second = lines.pieces(number)
            at_first = first(piece_of)(self.rows[first], at_helper.to(first), self.width)
            pieces = {first.party: at_first, second.party: at_second}
            wait(list(pieces.values()))
            yield name, kind, pieces

    def close(self) -> None:
        """Have all forget everything."""
        wait([self.routing.close(), *(desk.close() for desk in self.desks.values())])


def _found(request: Request, spu: SPU, pad: int) -> _Found:
    first, second = request.parties
    desks, counts, types, texts = read(request, spu, pad)
    rows = {party: counts[party.party] + pad for party in (first, second)}
    routing = matched(desks, rows, (first, second), helper_of(request), pad)
    return _Found(desks, routing, types, texts, rows, spu.numbers.width)


def read(
    request: Request, spu: SPU, pad: int = 0
) -> tuple[Desks, Mapping[str, int], Mapping[PYU, Mapping[str, str]], Mapping[PYU, Sequence[str]]]:
    """Have both tables read.

    Returns:
        The desks, how many keys each has, the types of the columns of each, and the names of those of text.

    Raises:
        JoinError: see `opened`; a column that an SPU does not hold, or two of one name.
    """
    first, second = request.parties
    desks, counts, *_ = opened(request, _Desk, [f"pad={pad}", f"onto {spu.name}"])
    said = _described(desks, spu)
    texts = {party: [name for name, kind in of.items() if kind == TEXT] for party, of in said.items()}
    types = {
        party: {name: CODE if kind == TEXT else kind for name, kind in of.items()}
        for party, of in said.items()
    }
    clash = set(types[first]) & set(types[second])
    if clash:
        raise JoinError(f"both tables have a column {min(clash)!r}", fix="rename one where it is loaded")
    return desks, counts, types, texts


def _explained(rehearsal: Rehearsal, request: Request, spu: SPU, pad: int) -> Hidden:
    """Counted, and made up. Pieces of a column become a value on the SPU in a round, an element each way."""
    first, second = request.parties
    tables = {party: table_of(party, request.tables[party]) for party in request.parties}
    others = {party: beside_keys(request, party) for party in request.parties}

    def run(small: Request) -> None:
        found = _found(small, spu, 0)
        for _ in found.pieces():
            pass
        found.close()

    explained(rehearsal, request, run, "hidden join", others, pad)
    rows = len(tables[first]) + pad
    sent = element_bytes(spu.numbers.width) * rows * len(others[second])
    rehearsal.passes(call_site(), "share", first.party, sent, len(others[second]))
    columns: dict[str, Any] = {}
    labels: dict[str, PYUObject] = {}
    for party in request.parties:
        more, said = stand_ins(party, tables[party], others[party], rows)
        columns |= {name: column.to(spu) for name, column in more.items()}
        labels |= said
    flag = put(helper_of(request), np.ones(rows, np.float32)).to(spu)
    if pad:
        flag = spu(_both)(flag, put(first, np.ones(rows, np.float32)).to(spu))
    return Hidden(columns, flag, rows, learned(request, pad), labels, put(first, np.arange(rows)))


def stand_ins(
    party: PYU, table: Any, columns: Sequence[str], rows: int
) -> tuple[dict[str, PYUObject], dict[str, PYUObject]]:
    """Of what is only explained: numbers for the columns of a party, and the labels of those of text."""
    made: dict[str, PYUObject] = {}
    labels: dict[str, PYUObject] = {}
    for name in columns:
        column = over_and_over(table, name, rows)
        if (text := coded(column, name)) is not None:
            column, said = text
            labels[name] = put(party, said)
        made[name] = put(party, column)
    return made, labels


def learned(request: Request, pad: int) -> dict[PYU, str]:
    """What each party learns, in words."""
    helper, owners = request.helper, request.parties
    about = f" plus a number up to {pad} that it does not know" if pad else ""
    sizes = f"how many different keys {names(owners)} have"
    told = {}
    if helper is not None:
        could = f"{helper.party} and {names(owners, 'or')} together could try which keys the other has"
        told[helper] = (
            f"{helper.party} helps, and learns {sizes}; how many they have in common{about}, not which. "
            f"{could}."
        )
    for party, other in (owners, owners[::-1]):
        whose = f"how many different keys {other.party} has"
        told[party] = f"{party.party} learns {whose}; names and types of its columns."
    return told


def _described(desks: Desks, spu: SPU) -> dict[PYU, dict[str, str]]:
    """Types of the columns of each owner, which all parties learn."""
    entrance = InputConversion(spu.numbers, wide_numbers())
    reports = reveal({party.party: desk.describe(entrance, None) for party, desk in desks.items()})
    for name, report in reports.items():
        if not _is_description(report):
            raise ProtocolViolation(f"what {name} says of its columns is no description")
    raise_problem(desks, reports)
    return {party: reports[party.party]["types"] for party in desks}


def _is_description(report: Any) -> bool:
    if not isinstance(report, dict) or set(report) != {"types", "problem"}:
        return False
    types = report["types"]
    if not isinstance(types, dict) or not is_sentence(report["problem"]):
        return False
    return all(is_sentence(name) and _is_type(kind) for name, kind in types.items())


def _is_type(kind: Any) -> bool:
    return is_sentence(kind) and (kind == TEXT or is_known(kind))


def _both(flag: Any, real: Any) -> Any:
    return flag * real
