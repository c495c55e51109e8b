"""Who is given what in a join, and that each secret is fresh and goes to whom it may."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.join import count_common, join, lookup, sum_common
from junto.join.comparing import Matching
from junto.ledger import read
from moves import watched_moves

PARTIES = ["alice", "bob", "carol"]
OURS = pd.DataFrame({"id": [1, 2, 3, 9], "x": [5, 6, 7, 8]})
THEIRS = pd.DataFrame({"id": [2, 3, 4], "y": [5, 6, 7]})


def tables(count=2):
    parts = [OURS, THEIRS, THEIRS.rename(columns={"y": "z"})]
    named = list(zip(map(sf.PYU, PARTIES), parts, strict=True))[:count]
    return {party: party(lambda part=part: part)() for party, part in named}


A, B, C = "alice", "bob", "carol"
REPORTS = [(sender, to, "dict", None) for sender in (A, B) for to in PARTIES if to != sender]
"""Of each table: how many keys, their kinds and columns."""

ABOUT = [(B, to, "dict", None) for to in (A, C)]
"""Bob's word on the columns that are asked for."""

TAGS = [(A, B, "bytes", None), (A, C, "ndarray[uint8]", (4, 16)), (B, C, "ndarray[uint8]", (3, 16))]
"""The owners' key, from one to the other; tags of their keys, to the helper."""

RANKS = [(C, A, "ndarray[int32]", (4,))]
"""Of Alice's keys."""

SEEDS = [(A, B, "bytes", None), (A, C, "bytes", None), (C, B, "bytes", None), (C, B, "ndarray[int64]", (4,))]
"""Of masks; of an order; of what hides the helper's piece from the one who deals; random places."""

COLUMN = [(sender, C, "ndarray[uint64]", (7,)) for sender in (A, B)]
"""Masked, and what brings it in line: see `aligning`."""

PIECES = [(sender, A, "ndarray[uint64]", (4,)) for sender in (B, C)]
"""Of a column that was looked up."""

POINTS = [(A, B, "ndarray[uint8]", (4, 32)), *[(B, A, "ndarray[uint8]", (rows, 32)) for rows in (3, 4)]]
"""Alice's keys on their way to Bob and back, and Bob's."""

CROSSES = {
    "join": (lambda t: join(t, on="id", to=A, helper=False), POINTS),
    "helped": (lambda t: join(t, on="id", to=A, helper=C), TAGS + RANKS),
    "semi": (lambda t: join(t, on="id", how="semi", helper=C), TAGS + RANKS),
    "count": (lambda t: count_common(t, on="id", to=A, helper=False), POINTS),
    "counted": (lambda t: count_common(t, on="id", to=A, helper=C), [*TAGS, (C, A, "int", None)]),
    "sum": (
        lambda t: sum_common(t, on="id", of={B: "y"}, to=A, helper=C),
        ABOUT
        + TAGS
        + [(C, to, "bool", None) for to in (A, B)]  # whether there are keys enough
        + SEEDS
        + COLUMN
        + [(sender, A, "int", None) for sender in (B, C)],  # two pieces of the sum
    ),
    "lookup": (
        lambda t: lookup({sf.PYU(A): t[sf.PYU(A)]}, {sf.PYU(B): t[sf.PYU(B)]}, "y", on="id", helper=C),
        REPORTS + TAGS + SEEDS + 2 * (COLUMN + PIECES),  # the column, and whether there is a row
    ),
}
"""Of calls whose result is Alice's: all that crosses but reports, and signs that something is done."""


def crossed(call, tmp_path):
    """What crossed, and how often."""
    path = tmp_path / "ledger.jsonl"
    with sf.Session(PARTIES, address="local", ledger=path):
        call(tables())
    entries = [recorded.entry for recorded in read(path)]
    return Counter(
        (each.sender, each.receiver, each.type_name, each.shape)
        for each in entries
        if each.kind not in ("wait", "barrier")
    )


@pytest.mark.parametrize("name", CROSSES)
def test_this_crosses_and_nothing_else(name, tmp_path):
    call, expected = CROSSES[name]
    assert crossed(call, tmp_path) == Counter(REPORTS + expected)


def test_what_helps_with_a_table_is_shown_to_its_owner_alone(tmp_path):
    """It may name a path."""

    def call(handles):
        with pytest.raises(sf.JoinError, match="bob: a file cannot be opened"):
            join({**handles, sf.PYU(B): str(tmp_path / "none.csv")}, on="id", to=A, helper=False)

    assert crossed(call, tmp_path) == Counter(REPORTS)


# -------------------------------------------------------------------- secrets


def helped():
    join(tables(), on="id", helper=C)


def three():
    join(tables(3), on="id", how="left", helper=False)


def hidden():
    join(tables(), on="id", onto=sf.SPU(parties=PARTIES), pad=3)


def hidden_alone():
    join(tables(), on="id", onto=sf.SPU(parties=PARTIES[:2]))


def summed():
    sum_common(tables(), on="id", of={B: "y"}, helper=C)


def looked_up():
    handles = tables()
    lookup({sf.PYU(A): handles[sf.PYU(A)]}, {sf.PYU(B): handles[sf.PYU(B)]}, "y", on="id", helper=C, pad=3)


@pytest.mark.parametrize("call", [helped, three, hidden, summed, looked_up])
def test_each_secret_is_fresh_and_goes_to_those_alone_who_share_it(call, monkeypatch):
    """No half of one comes twice in two runs, and none that one party is given goes to another one, too."""
    moved, runs = watched_moves(monkeypatch), []
    for _ in range(2):
        moved.clear()
        with sf.Session(PARTIES, debug_mode=True):
            call()
            runs.append([(frm, to, h.ref.value()) for frm, to, h in moved if type(h.ref.value()) is bytes])
    for run in runs:
        for _, _, key in run:
            shared = {to for _, to, each in run if set(halves(each)) & set(halves(key))}
            assert len(shared) == 1 or (call is three and len(key) == 32)  # new names of ranks: see `ecdh`
            assert len(set(halves(key))) == len(key) // 16
            assert all(len(set(half)) > 8 for half in halves(key))  # of 16 bytes: no constant
    first, second = ({half for *_, key in run for half in halves(key)} for run in runs)
    assert first
    assert not first & second


def halves(key):
    assert len(key) in (16, 32)
    return [key[start : start + 16] for start in range(0, len(key), 16)]


def test_two_helpers_number_the_same_tags_in_different_orders():
    """An owner knows the tags' cipher: in the order of tags it would see where keys lie that it has not."""
    tags, orders = np.random.default_rng(0).integers(0, 256, (64, 16)).astype(np.uint8), []
    for _ in range(2):
        holder = Matching({A: 64, B: 32}, "left", A, None)
        holder.add(A, tags, 64, A)
        holder.add(B, tags[::2], 32, B)
        assert holder.compare([A, B]) == 64
        orders.append(holder.ranks(A, 0, 64).tolist())
        assert holder.ranks(B, 0, 32).tolist() == orders[-1][::2]
    by_tag = np.argsort(np.lexsort(tags.view("<u8").T)).tolist()
    assert len({*map(tuple, orders), tuple(by_tag)}) == 3
