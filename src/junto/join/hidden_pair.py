"""A join without a helper of which nobody learns which keys are in common, nor how many.

Paper:     Pinkas, Schneider, Tkachenko, Yanai, "Efficient circuit-based PSI with linear communication",
           EUROCRYPT 2019, section 5; Rindal, Schoppmann, "VOLE-PSI: fast OPRF and circuit-PSI from
           vector-OLE", EUROCRYPT 2021, section 5 (payloads as shares under the same function).
Computes:  on an SPU, for each bin of a hash table of the first owner's keys: the columns of the key in it
           (zeros without one), those of the second owner's row with that key (zeros without one), and a
           flag, 1 where there is one.
Parties:   two owners, which are the SPU's compute parties.
Secure:    semi-honest; see `opprf`, and the protocol of the SPU.
Learns:    both: how many keys the other one has, names and types of its columns. Nothing else.
Cost:      of n keys of the first owner, m of the second and c columns of the second: `opprf` with c words, or
           2 c in a ring of 128 bits;
           then, of 1.3 n + 128 bins, c + 2 pieces become values of the SPU, in a round each; comparing
           62 bits, and a choice for each of the c; what the first owner's columns cost to be put there.

What makes a row one of both is that two numbers of 62 bits, of which each owner has one, are equal. Their
halves are subtracted, which each owner does with its own piece, and compared with zero on the SPU. A column
of the second owner is chosen where they are; elsewhere its pieces add up to a number that means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from junto.device.disclosure import wait
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject, put
from junto.device.rehearsal import Rehearsal
from junto.device.spu.layout import ArrayLayout
from junto.device.spu.resharing import gathered
from junto.device.spu.spu import SPU
from junto.errors import JoinError
from junto.join import cuckoo
from junto.join.hidden import kept, learned, read, require_rows, said, stand_ins
from junto.join.hidden_table import Hidden
from junto.join.join_cost import beside_keys, explained, explaining, table_of
from junto.join.opening import Desks, sources_of
from junto.join.opprf import HALVES, PIECES, OpprfInput, OpprfKey, OpprfSizes
from junto.join.protocol import KeySet
from junto.join.request import Request
from junto.join.travel import in_step, shown
from junto.mpc.ring128 import element_bytes
from junto.program.callsite import call_site

_Input = proxy(PYUObject, num_cpus=0)(OpprfInput)
_Key = proxy(PYUObject, num_cpus=0)(OpprfKey)

_DIFFERENCE = "int32"
"""Of two numbers of 31 bits."""

MOST_KEYS: Final = 1 << 23
"""In a table of values: a party works at all of them at once."""


def pair_join(request: Request, spu: SPU) -> Hidden:
    """See `junto.join.join`; `request` as `hidden.hidden_request` has it, with nobody who helps."""
    if (rehearsal := explaining()) is not None:
        return _explained(rehearsal, request, spu)
    first = request.parties[0]
    found = _found(request, spu)
    own = {name: found.desks[first].own(name).to(spu) for name in found.types[first]}
    shares = [gathered(pieces, ArrayLayout(kind, (found.rows,)), spu) for kind, pieces in found.pieces()]
    chosen, flag = _on_spu(spu, shares)
    labels, positions = kept(found.desks, found.texts)
    wait([flag, positions, *own.values(), *chosen, *labels.values()])
    for column in own.values():
        require_rows(column, first, found.rows)
    found.close()
    columns = own | dict(zip(found.types[request.parties[1]], chosen, strict=True))
    return said(Hidden(columns, flag, found.rows, learned(request, 0), labels, positions))


@dataclass(frozen=True)
class _Paired:
    """What both have before the SPU compares.

    Attributes:
        desks: of both owners, the first one first.
        sides: the first owner's part of `opprf`, and the second one's.
        types: of the columns of each.
        texts: names of those of text.
        rows: bins.
    """

    desks: Desks
    sides: tuple[Any, Any]
    types: Mapping[PYU, Mapping[str, str]]
    texts: Mapping[PYU, Sequence[str]]
    rows: int

    def pieces(self) -> Iterator[tuple[str, dict[str, PYUObject]]]:
        """Types of the halves of the first words and of the second owner's columns; both owners' pieces."""
        (first, second), (of_first, of_second) = self.desks, self.sides
        kinds = list(self.types[second].values())
        made = [
            (_DIFFERENCE, of_first.first_words(half), of_second.first_words(half)) for half in range(HALVES)
        ]
        made += [(kind, of_first.piece(nth), of_second.piece(nth)) for nth, kind in enumerate(kinds)]
        for kind, at_first, at_second in made:
            wait([at_first, at_second])
            yield kind, {first.party: at_first, second.party: at_second}

    def close(self) -> None:
        """Have both forget their tables."""
        wait([desk.close() for desk in self.desks.values()])


def _found(request: Request, spu: SPU) -> _Paired:
    desks, counts, types, texts = read(request, spu)
    (first, ours), (second, theirs) = sources_of(desks, counts).items()
    for party, count, most in (
        (first, ours.count, int((cuckoo.MOST_BINS - cuckoo.bins_of(0)) / 1.3)),
        (second, theirs.count, MOST_KEYS // cuckoo.HASHES),
    ):
        if count > most:
            raise JoinError(
                f"{party.party} has {count} keys, and in memory there is room for {most}",
                fix="a helper takes any number; or join in parts, cut by a hash of the key",
            )
    width = spu.numbers.width
    sizes = OpprfSizes(ours.count, theirs.count, len(types[second]) * width // 64, width)
    sides = _Input(sizes, second.party, device=first), _Key(sizes, first.party, device=second)
    _run(sizes, desks, sides, (ours, theirs))
    return _Paired(desks, sides, types, texts, sizes.bins)


def _run(sizes: OpprfSizes, desks: Desks, sides: tuple[Any, Any], keys: tuple[KeySet, KeySet]) -> None:
    """Have both sides of `opprf` what they compute."""
    (first, second), (of_first, of_second) = desks, sides
    moves = sizes.oprf.columns + PIECES * len(sizes.widths)
    with shown(sum(len(each.sizes()) for each in keys) + moves) as seen:
        met = of_second.meet(of_first.begin().to(second))
        wait(of_first.meet(met.to(first)))  # nobody goes on from what has failed
        in_step([_added(source, side) for source, side in zip(keys, sides, strict=True)], seen)
        wait(of_second.open(of_first.encode().to(second)))
        in_step([_columns(sizes.oprf.columns, of_first, of_second)], seen)
        wait(of_first.open(of_second.program(desks[second].words()).to(first)))
        in_step([_tables(sizes, of_first, of_second)], seen)
        wait([of_first.read(), desks[first].lay_out(of_first.places())])


def _added(source: KeySet, side: Any) -> Iterator[PYUObject]:
    for index in range(len(source.sizes())):
        yield side.add(source.keys(index))


def _columns(count: int, of_first: Any, of_second: Any) -> Iterator[PYUObject]:
    for number in range(count):
        yield of_second.column(number, of_first.column(number).to(of_second.device))


def _tables(sizes: OpprfSizes, of_first: Any, of_second: Any) -> Iterator[PYUObject]:
    for table in range(len(sizes.widths)):
        for number in range(PIECES):
            yield of_first.take(table, number, of_second.table(table, number).to(of_first.device))


def _explained(rehearsal: Rehearsal, request: Request, spu: SPU) -> Hidden:
    """Counted, and made up. Pieces become a value on the SPU in a round, an element each way."""
    first, second = request.parties
    tables = {party: table_of(party, request.tables[party]) for party in request.parties}
    others = {party: beside_keys(request, party) for party in request.parties}

    def run(small: Request) -> None:
        found = _found(small, spu)
        for _ in found.pieces():
            pass
        found.close()

    explained(rehearsal, request, run, "hidden join", others)
    rows, pieces = cuckoo.bins_of(len(tables[first])), HALVES + len(others[second])
    sent = element_bytes(spu.numbers.width) * rows * pieces
    rehearsal.passes(call_site(), "share", first.party, sent, pieces)
    made = [stand_ins(party, tables[party], others[party], rows) for party in request.parties]
    own, theirs = ({name: column.to(spu) for name, column in columns.items()} for columns, _ in made)
    labels = made[0][1] | made[1][1]
    halves = [put(second, np.zeros(rows, _DIFFERENCE)).to(spu) for _ in range(HALVES)]
    chosen, flag = _on_spu(spu, [*halves, *theirs.values()])
    columns = own | dict(zip(theirs, chosen, strict=True))
    return Hidden(columns, flag, rows, learned(request, 0), labels, put(first, np.arange(rows)))


def _on_spu(spu: SPU, shares: Sequence[Any]) -> Any:
    return spu(_compared)(shares[:HALVES], shares[HALVES:])


def _compared(differences: Sequence[Any], columns: Sequence[Any]) -> tuple[list[Any], Any]:
    """The columns where all differences are zero, else zeros; and where that is, as 1 and 0."""
    import jax.numpy as jnp

    flag = differences[0] == 0
    for each in differences[1:]:
        flag = flag & (each == 0)
    chosen = [jnp.where(flag, column, jnp.zeros_like(column)) for column in columns]
    return chosen, flag.astype(jnp.float32)
