"""What crosses in a join: nothing from which a key can be told, and nothing about the order of a table."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.device.pyu import PYUObject
from junto.join import blinding, ecdh, join, joining
from junto.join.comparing import Comparing
from junto.join.curve import curve
from junto.join.keys import digests
from junto.join.table_actor import TableActor
from moves import watched_moves

PAIR, THREE = ["alice", "bob"], ["alice", "bob", "carol"]


@pytest.fixture
def moved(monkeypatch):
    return watched_moves(monkeypatch)


def run(tables, moved, **options):
    """Join the tables; what was moved, and the parts."""
    moved.clear()
    with sf.Session(list(tables), debug_mode=True):
        handles = {sf.PYU(name): sf.PYU(name)(lambda t=table: t)() for name, table in tables.items()}
        result = join(handles, on="id", **options)
        parts = {party.party: sf.reveal(part) for party, part in result.parts.items()}
        return [(source, target, handle.ref.value()) for source, target, handle in moved], parts


def points(crossed):
    """Every blinded key that crossed, with its way."""
    return [
        (source, target, row.tobytes())
        for source, target, value in crossed
        if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.shape[1:] == (32,)
        for row in value
    ]


def people(names, count=40, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: pd.DataFrame({"id": [f"person {i:06d}" for i in rng.permutation(count) + 10 * number]})
        for number, name in enumerate(names)
    }


@pytest.mark.parametrize(
    ("names", "how"),
    [(names, how) for names in (PAIR, THREE) for how in ("inner", "left", "difference")] + [(PAIR, "outer")],
)
def test_no_key_no_digest_and_no_unblinded_point_crosses(moved, names, how):
    tables = people(names)
    crossed, _ = run(tables, moved, how=how)
    haystack = b"".join(value.tobytes() for _, _, value in crossed if isinstance(value, np.ndarray))
    assert len(points(crossed)) >= len(names) * 40
    import pyarrow as pa

    for table in tables.values():
        found, _ = digests([pa.array(table["id"])])
        for text, digest, point in zip(table["id"], found, curve().encode(found), strict=True):
            for secret in (text.encode(), hashlib.sha256(text.encode()).digest(), digest.tobytes()):
                assert secret not in haystack
            assert point.tobytes() not in haystack


@pytest.mark.parametrize("names", [PAIR, THREE])
def test_a_second_join_of_the_same_tables_shows_other_points(moved, names):
    tables = people(names)
    first, second = ({point for _, _, point in points(run(tables, moved)[0])} for _ in range(2))
    assert not first & second


@pytest.mark.parametrize("names", [PAIR, THREE])
@pytest.mark.parametrize("how", ["inner", "left"])
def test_the_order_of_the_tables_changes_nothing_but_the_order_of_the_messages(
    moved, monkeypatch, names, how
):
    made = []

    def fixed():
        made.append(len(made))
        return blinding.BlindingScalar(hashlib.sha256(bytes(made[-1:])).digest())

    monkeypatch.setattr(ecdh, "new_secret", fixed)
    monkeypatch.setattr(ecdh, "new_seed", lambda: bytes(32))
    tables, seen = people(names), []
    for reverse in (False, True):
        made.clear()
        ordered = {name: table.iloc[::-1] if reverse else table for name, table in tables.items()}
        crossed, parts = run(ordered, moved, how=how)
        shapes = [(source, target, getattr(value, "shape", None)) for source, target, value in crossed]
        first = next(value for _, _, value in crossed if isinstance(value, np.ndarray))
        seen.append((shapes, sorted(points(crossed)), first.tobytes(), parts))
    (shapes, messages, first, parts), (other_shapes, other_messages, other_first, other_parts) = seen
    assert shapes == other_shapes
    assert messages == other_messages
    assert first != other_first  # the order is drawn afresh for each join
    for name in parts:  # and the result's order comes from the blinded keys alone
        pd.testing.assert_frame_equal(parts[name], other_parts[name])


def test_tables_of_equal_sizes_and_overlap_give_messages_of_equal_shapes(moved):
    shapes = []
    for seed in range(2):
        crossed, _ = run(people(THREE, seed=seed), moved)
        shapes.append([(source, target, getattr(value, "shape", None)) for source, target, value in crossed])
    assert shapes[0] == shapes[1]


def test_with_three_parties_nobody_meets_points_of_its_own_in_its_own_order(moved):
    # Whoever compares must not know which of its keys lies where: the others have sorted its set.
    crossed, _ = run(people(THREE), moved)
    back_home = [value for _, target, value in crossed if target == "alice" and value.shape[1:] == (32,)]
    assert len(back_home) == 3  # all three sets, alice's own among them
    for batch in back_home:
        words = [int.from_bytes(row[:8].tobytes(), "little") for row in batch]
        assert words == sorted(words)


class View:
    """What the party that compares sees of a left join: who has which rank, and the ranks of its own keys."""

    def __init__(self, monkeypatch):
        self.there, self.ranks, self.rows, self.keeps = {}, [], [], []
        chosen, place = Comparing._chosen, TableActor.place

        def watched(holder, present):
            found = chosen(holder, present)
            for name, there in present.items():
                self.there[name] = np.append(self.there.get(name, []), there[found]).astype(bool)
            return found

        def placed(desk, start, count, ranks, sender):
            self.ranks.append(np.array(ranks))
            self.rows.append(desk._rows[desk._starts[start : start + count]])
            self.keeps.append(desk._order.keeps)
            place(desk, start, count, ranks, sender)

        monkeypatch.setattr(Comparing, "_chosen", watched)
        monkeypatch.setattr(TableActor, "place", placed)
        monkeypatch.setattr(ecdh, "_Comparing", sf.proxy(PYUObject)(Comparing))
        monkeypatch.setattr(joining, "_Desk", sf.proxy(PYUObject)(TableActor))

    def guessed(self, other, table):
        """For each row of the base's table, whether it would say that `other` has its key."""
        guess = np.zeros(len(table), bool)
        for ranks, rows, of_base in zip(self.ranks, self.rows, self.keeps, strict=True):
            if of_base:
                guess[rows] = self.there[other][ranks]
        return guess


@pytest.mark.parametrize("how", ["left", "right"])
@pytest.mark.parametrize("to", [None, ["alice", "bob"], ["bob", "carol"]])
def test_whoever_compares_cannot_tell_which_of_its_keys_each_of_the_others_has(moved, monkeypatch, how, to):
    view, count = View(monkeypatch), 200
    rng = np.random.default_rng(4)
    half = {name: pd.DataFrame({"id": rng.permutation(count) + 100 * n}) for n, name in enumerate(THREE)}
    base = "alice" if how == "left" else "carol"
    crossed, _ = run(half, moved, how=how, to=to)
    if to is not None and base not in to:
        assert not any(view.keeps)  # it compares, and gets no ranks that it could know again
        return
    table = half[base]
    for other in set(THREE) - {base}:
        truth = table["id"].isin(half[other]["id"]).to_numpy()
        assert view.there[other].sum() == truth.sum()  # how many it does know
        hits = (view.guessed(other, table) == truth).sum()
        chance = (truth.sum() ** 2 + (~truth).sum() ** 2) / count
        assert abs(hits - chance) < 50  # seven deviations; one who knows hits all 200
    assert not any(target == base and isinstance(value, bytes) for _, target, value in crossed)


def test_a_party_on_the_way_sees_ranks_sealed(moved):
    crossed, _ = run(people(THREE), moved)
    sealed = [value for _, _, value in crossed if isinstance(value, np.ndarray) and value.shape[1:] == (16,)]
    assert (
        len(sealed) == 3 + 2 + 2
    )  # alice's own set passes two parties, the others' one; each step is a move
    blocks = [row.tobytes() for value in sealed for row in value]
    assert not any(isinstance(value, np.ndarray) and value.dtype == np.int64 for _, _, value in crossed)
    assert len(set(map(bytes, blocks[:40]))) == 40


def test_the_result_at_one_party_tells_the_other_nothing_but_sizes(moved):
    crossed, _ = run(people(PAIR), moved, to="alice")
    to_bob = [value for _, target, value in crossed if target == "bob"]
    assert [value.shape for value in to_bob] == [(40, 32)]


def form(value):
    """Of what crosses, all that does not depend on random numbers."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), *value.shape
    return type(value).__name__, len(value) if hasattr(value, "__len__") else value


WAYS = {"helper": {"helper": "carol"}, "ecdh": {"method": "ecdh"}, "vole": {"method": "vole"}}


@pytest.mark.parametrize("how", ["inner", "left", "right", "outer", "semi", "difference"])
@pytest.mark.parametrize("way", WAYS)
def test_who_gets_no_rows_receives_the_same_whatever_is_in_common(moved, way, how):
    """And who helps sees of each table as much, too: only in what it compares are some equal."""
    seen = []
    for shift in (0, 7, 1000):
        moved.clear()
        with sf.Session(THREE, debug_mode=True):
            tables = {"alice": np.arange(40), "bob": np.arange(40) + shift}
            frames = {sf.PYU(name): pd.DataFrame({"id": ids}) for name, ids in tables.items()}
            handles = {party: party(lambda frame=frame: frame)() for party, frame in frames.items()}
            result = join(handles, on="id", how=how, to="alice", **({"helper": False} | WAYS[way]))
            assert [party.party for party in result.parts] == ["alice"]
            crossed = [(target, form(handle.ref.value())) for _, target, handle in moved]
        seen.append({name: [what for target, what in crossed if target == name] for name in ("bob", "carol")})
    assert seen[0] == seen[1] == seen[2]
    assert not [what for what in seen[0]["bob"] if what[0] in ("int32", "int64")]  # ranks
    if way == "helper":
        assert seen[0]["bob"]
        assert all(what == ("bytes", 16) for what in seen[0]["bob"])  # a key of tags
        assert seen[0]["carol"] == [("uint8", 40, 16)] * 2
    else:
        assert not seen[0]["carol"]


def test_what_crosses_is_in_the_ledger(tmp_path):
    from junto.ledger import read

    path = tmp_path / "ledger.jsonl"
    with sf.Session(PAIR, address="local", ledger=path):
        handles = {sf.PYU(name): sf.PYU(name)(lambda t=t: t)() for name, t in people(PAIR).items()}
        join(handles, on="id")
    kept = [recorded.entry for recorded in read(path)]
    moves = [(entry.sender, entry.receiver, entry.shape) for entry in kept if entry.kind == "move"]
    assert ("bob", "alice", (40, 32)) in moves
    assert {entry.site.split(":")[0] for entry in kept if entry.kind == "move"} == {
        "test_join_transcripts.py"
    }
