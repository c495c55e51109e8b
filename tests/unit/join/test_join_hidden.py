"""A hidden join has on the SPU what pandas merges; nobody sees a match, and the helper no number."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import junto as sf
from junto.errors import ProtocolViolation
from junto.join import aligning, hidden, join
from junto.join.hidden_desk import HiddenDesk, Routing, new_keys, piece_of
from junto.join.table_actor import Order
from moves import watched_moves
from tries import tries

PARTIES = ["alice", "bob", "carol"]


@pytest.fixture(params=["debug", "simulation"])
def spu(request):
    how = {"debug_mode": True} if request.param == "debug" else {"address": "local"}
    with sf.Session(PARTIES, **how):
        yield sf.SPU(parties=["bob", "alice", "carol"])


@pytest.fixture
def quick():
    with sf.Session([*PARTIES, "dave"], debug_mode=True):
        yield sf.SPU(parties=PARTIES)


def at(name, table):
    return sf.PYU(name)(lambda: table)()


def joined(spu, ours, theirs, **options):
    tables = {sf.PYU("alice"): at("alice", ours), sf.PYU("bob"): at("bob", theirs)}
    return join(tables, on={"alice": "id", "bob": "nr"}, onto=spu, **options)


def shown(result):
    arrays = sf.reveal(dict(result.columns) | {"flag": result.flag})
    return pd.DataFrame({name: np.asarray(array) for name, array in arrays.items()})


def people(count=40, seed=2):
    rng = np.random.default_rng(seed)
    return (
        pd.DataFrame({"id": rng.permutation(count), "age": rng.integers(18, 90, count)}),
        pd.DataFrame(
            {
                "nr": rng.permutation(count) + count // 4,
                "pay": rng.normal(size=count) * 1000,
                "vip": rng.random(count) < 0.5,
            }
        ),
    )


@pytest.mark.parametrize("pad", [0, 9])
def test_what_pandas_merges(spu, pad):
    ours, theirs = people()
    result = joined(spu, ours, theirs, pad=pad)
    found, want = shown(result), ours.merge(theirs, left_on="id", right_on="nr")
    both = found[found["flag"] == 1].sort_values(["age", "pay"])
    want = want.sort_values(["age", "pay"])
    assert result.rows == len(found) == len(ours) + pad
    assert both["age"].tolist() == want["age"].tolist()
    assert both["vip"].tolist() == want["vip"].astype(int).tolist()
    assert np.abs(both["pay"].to_numpy() - want["pay"].to_numpy()).max() < 1e-4  # as the SPU holds it
    none = found[found["flag"] != 1]
    assert not none[["pay", "vip", "flag"]].to_numpy().any()
    assert sorted(none["age"])[:pad] == [0] * pad

    def mean(pay, flag):
        return jnp.sum(pay * flag) / jnp.sum(flag)

    assert float(sf.reveal(spu(mean)(result["pay"], result.flag))) == pytest.approx(
        want["pay"].mean(), abs=0.01
    )


KEYS = st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=8)


@settings(max_examples=tries(15), deadline=None)
@given(KEYS, KEYS, st.integers(0, 3), st.sampled_from([pa.table, pd.DataFrame]))
def test_any_keys(ours, theirs, pad, kind):
    """Nulls match nothing, and of equal keys the first row counts."""
    tables = [
        kind({name: pa.array(ids, pa.int64()) if kind is pa.table else pd.array(ids, "Int64"), what: values})
        for name, what, ids in (("id", "a", ours), ("nr", "b", theirs))
        for values in [np.arange(1, len(ids) + 1)]
    ]
    with sf.Session(PARTIES, debug_mode=True):
        found = shown(joined(sf.SPU(parties=PARTIES), *tables, pad=pad, duplicates="first"))
    firsts = [
        pd.DataFrame({"key": pd.array(ids, "Int64"), "row": range(1, len(ids) + 1)})
        .dropna()
        .drop_duplicates("key")
        for ids in (ours, theirs)
    ]
    want = firsts[0].merge(firsts[1], "left", on="key").fillna(0)
    rows = [(a, b, b > 0) for a, b in zip(want["row_x"], want["row_y"], strict=True)]
    assert sorted(zip(found["a"], found["b"], found["flag"] == 1, strict=True)) == sorted(
        [*rows, *[(0, 0, False)] * pad]
    )


# Who sees what.


@pytest.mark.parametrize("pad", [0, 5])
def test_what_each_party_receives(quick, monkeypatch, pad):
    moved = watched_moves(monkeypatch)
    ours, theirs = people()
    n, m, both = len(ours) + pad, len(theirs) + pad, len(set(ours["id"]) & set(theirs["nr"]))
    seen = []
    for _ in range(2):
        moved.clear()
        result = joined(quick, ours, theirs, pad=pad)
        seen.append([(source, to, handle.ref.value()) for source, to, handle in moved])
    described = {
        (source, to): sorted(
            (str(value.dtype), value.shape) if isinstance(value, np.ndarray) else ("bytes", len(value))
            for there, here, value in seen[0]
            if (there, here) == (source, to)
        )
        for source in PARTIES
        for to in PARTIES
        if source != to
    }
    column = ("uint64", (n + m,))
    assert described == {
        ("alice", "bob"): [("bytes", 32), ("bytes", 32)],  # keys of tags; masks
        ("alice", "carol"): [
            ("bytes", 32),
            column,
            column,
            ("uint8", (n, 16)),
        ],  # an order, corrections, tags
        ("bob", "carol"): [column, column, ("uint8", (m, 16))],
        ("carol", "bob"): [("bytes", 32), ("int64", (n,))],  # what hides its pieces; random places
        ("carol", "alice"): [("uint64", (n,)), ("uint64", (n,))],
        ("bob", "alice"): [],
    }
    words = [value for one in seen for _, _, value in one if getattr(value, "dtype", None) == np.uint64]
    everything = np.concatenate(words)
    assert len(np.unique(everything)) == len(everything)  # not one word twice, in both runs: all are masked
    first = {  # of one column: what the helper has, and what it gives the dealer, who knows what hides it
        (source, to): next(v for s, t, v in seen[0] if (s, t) == (source, to) and getattr(v, "ndim", 0) == 1)
        for source, to in described
        if described[source, to] and (source, to) != ("alice", "bob")
    }
    bare = first["bob", "carol"][:, None] + first["alice", "carol"][first["carol", "bob"]]
    assert not np.isin(first["carol", "alice"], bare).any()
    tags = [
        {to: set(map(bytes, v)) for to, _, v in one if getattr(v, "dtype", None) == np.uint8} for one in seen
    ]
    assert all(both <= len(one["alice"] & one["bob"]) <= both + pad for one in tags)
    assert not tags[0]["alice"] & tags[1]["alice"]
    assert [party.party for party in result.learned] == ["carol", "alice", "bob"]
    more = f" plus a number up to {pad} that it does not know" if pad else ""
    assert f"how many they have in common{more}, not which" in result.learned[sf.PYU("carol")]


def test_places_say_nothing_of_what_is_wanted():
    """Whatever the helper wants, all 6 ways to name 2 of 3 places are as likely."""
    for wanted in ([0, 1], [2, 0]):
        ways = {}
        for number in range(600):
            seed = number.to_bytes(32, "big")
            way = tuple(aligning.places_for(np.array(wanted), seed, 3))
            ways[way] = ways.get(way, 0) + 1
        assert len(ways) == 6
        assert all(60 < times < 140 for times in ways.values())  # four deviations


def test_a_piece_that_the_dealer_is_given_is_hidden_from_its_masks():
    """The dealer knows all masks: without one more, of the helper, it would see small numbers."""
    masks, order, handing = (bytes([number]) * 32 for number in range(3))
    x, wanted = np.arange(8, dtype=np.uint64), np.array([5, 2, 7])
    places = aligning.places_for(wanted, order, 8)
    of_owner, of_dealer = aligning.masked(x, masks, 0), aligning.correction(masks, order, 0, 8)
    piece = aligning.helpers_piece(wanted, places, of_owner, of_dealer, 8)
    own = aligning.owners_piece(places, masks, 0, 8, 3)
    given = aligning.hand_over(piece, handing, 0)
    assert (given + aligning.taken_over(own, handing, 0)).tolist() == (piece + own).tolist() == [5, 2, 7]
    known = aligning.masks(masks, 1, 8)  # b of `aligning`
    assert set((piece[:, None] + known).ravel().tolist()) & set(range(8))  # what it would see
    assert not set((given[:, None] + known).ravel().tolist()) & set(range(8))


def desk(ids, pad, keys, first):
    made = HiddenDesk(Order(("id",), ("",), "error", False, None))
    assert made.read(pd.DataFrame({"id": ids}), None, [])["problem"] == ""
    made.mix(keys, pad, first)
    return made


def test_how_many_of_nobody_the_helper_finds_is_uniform_and_where_it_finds_them_too():
    times, places = np.zeros(4, int), np.zeros(6, int)
    first, second = desk([1, 2, 3], 3, new_keys(), True), desk([3, 4, 5], 3, new_keys(), False)
    for _ in range(400):
        keys = new_keys()
        first.mix(keys, 3, True)
        second.mix(keys, 3, False)
        ours = list(map(bytes, first.tags(0, 6, None)))
        both = set(ours) & set(map(bytes, second.tags(0, 6, None)))
        times[len(both) - 1] += 1
        places[[place for place, tag in enumerate(ours) if tag in both]] += 1
    assert all(50 < each < 150 for each in times), times  # 100 each, nearly six deviations
    assert all(107 < each < 227 for each in places), places  # 400 * 2.5 / 6 each, six deviations


# What cannot be.


def test_what_is_said_wrongly(quick):
    alice, bob, dave = (sf.PYU(name) for name in ("alice", "bob", "dave"))
    ours, theirs = people()
    tables = {alice: at("alice", ours), bob: at("bob", theirs.rename(columns={"nr": "id"}))}
    alone = sf.SPU(parties=["alice", "bob"])
    for wrong, options, message in [
        (tables, {"onto": "SPU"}, "not an SPU"),
        (tables, {"onto": alone}, "has no helper"),
        ({alice: tables[alice], dave: at("dave", theirs)}, {}, "alice and dave, but alice and bob compute"),
        (tables, {"how": "left"}, "nobody gets rows"),
        (tables, {"to": alice}, "nobody gets rows"),
        (tables, {"duplicates": "all"}, "one row a key"),
        (tables, {"pad": -1}, "pad is -1"),
        (tables, {"pad": True}, "pad is True"),
        (tables, {"helper": dave}, "carol is the helper"),
        (tables, {"helper": False}, "carol is the helper"),
        (tables, {"onto": None, "pad": 3}, "onto an SPU only"),
        ({**tables, bob: at("bob", ours)}, {}, "both tables have a column 'age'"),
        ({**tables, bob: at("bob", ours.assign(age="old"))}, {}, "bob: column 'age' is of type"),
        ({**tables, bob: at("bob", ours.assign(age=np.nan))}, {}, "bob: column 'age' has NaN"),
        ({**tables, bob: at("bob", pd.concat([ours, ours]))}, {}, "bob: 40 rows repeat a key"),
    ]:
        with pytest.raises(sf.JoinError, match=message):
            join(wrong, on="id", **({"onto": quick} | options))


@pytest.mark.parametrize("wrong", [None, np.zeros(3), np.zeros(2, np.uint64), np.zeros((3, 1), np.uint64)])
def test_pieces_that_are_none(wrong):
    good, places = np.zeros(3, np.uint64), np.arange(3)
    with pytest.raises(ProtocolViolation, match="3 words"):
        piece_of(3, wrong)
    for pair in ((wrong, good), (good, wrong)):
        with pytest.raises(ProtocolViolation, match="3 words"):
            aligning.helpers_piece(places, places, *pair, 3)


@pytest.mark.parametrize(
    "wrong", [None, np.zeros(2, np.int32), np.zeros(3, np.int64), np.array([0, 3]), np.array([-1, 0])]
)
def test_places_that_are_none(wrong):
    with pytest.raises(ProtocolViolation, match="place"):
        aligning.owners_piece(wrong, bytes(32), 0, 3, 2)


@pytest.mark.parametrize("seed", [None, bytes(31), "s" * 32])
def test_a_seed_or_a_key_that_is_none(seed):
    with pytest.raises(ProtocolViolation, match="no seed"):
        aligning.masks(seed, 0, 1)
    routing = Routing({"a": 0, "b": 0}, "inner", "a", None)
    routing.compare(["a", "b"])
    with pytest.raises(ProtocolViolation, match="no seed"):
        routing.route(seed)
    with pytest.raises(ProtocolViolation, match="no pair of keys"):
        desk([1], 0, seed, True)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {"types": {}},
        {"types": {"a": "text"}, "problem": ""},
        {"types": {"\x1b[2J": "int32"}, "problem": ""},
        {"types": {1: "int32"}, "problem": ""},
        {"types": [], "problem": ""},
        {"types": {}, "problem": None},
    ],
)
def test_descriptions_that_are_none(wrong):
    assert not hidden._is_description(wrong)
