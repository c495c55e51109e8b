"""The parties' parts of the ECDH protocol by themselves, and what they make of a peer that breaks it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.errors import ProtocolViolation
from junto.join import comparing, ecdh, join, joining
from junto.join.blinding import BlindingScalar, blind_again, new_secret
from junto.join.comparing import Comparing, Matching, seal, unseal
from junto.join.plain_curve import pack
from junto.join.protocol import FoundKeys, batch_sizes
from junto.join.request import checked_reports, fitting
from junto.join.shuffling import Shuffling
from junto.join.table_actor import Order, TableActor

NAMES = ["alice", "bob", "carol"]


def points(*numbers):
    return pack([9 + (number << 10) for number in numbers])


def compared(sets, how, base="a", in_memory=None):
    holder = Comparing({name: len(each) for name, each in sets.items()}, how, base, None)
    if in_memory is not None:
        holder._scratch.in_memory = in_memory
    for name, each in sets.items():
        for start in range(0, len(each), 3):
            batch = each[start : start + 3]
            holder.add(name, points(*batch), len(batch), name)
    holder.compare(list(sets))
    return {
        name: dict(zip(each, holder.ranks(name, 0, len(each)), strict=True)) for name, each in sets.items()
    }


SETS = {"a": [5, 1, 9, 3, 7], "b": [3, 4, 5], "c": [1, 3, 5, 8]}


@pytest.mark.parametrize(
    ("how", "expected"), [("inner", {3, 5}), ("left", {1, 3, 5, 7, 9}), ("difference", {7, 9})]
)
def test_equal_keys_get_equal_ranks(how, expected):
    found = compared(SETS, how)
    given = {key: rank for key, rank in found["a"].items() if rank >= 0}
    assert set(given) == expected
    assert sorted(given.values()) == list(range(len(expected)))
    for name in "bc":
        assert {key: rank for key, rank in found[name].items() if rank >= 0} == {
            key: rank for key, rank in given.items() if key in SETS[name]
        }


@pytest.mark.parametrize("base", ["a", "c"])
def test_the_base_of_a_left_join(base):
    assert min(compared(SETS, "left", base)[base].values()) == 0


def test_equal_halves_of_tags_are_not_equal_keys():
    # Tags are the first 16 bytes; here their first 8 are equal, and interleaved.
    ours, theirs = (9, 9 + (1 << 64), 9 + (3 << 64)), (9 + (1 << 64), 9 + (2 << 64))
    holder = Comparing({"a": 3, "b": 2}, "inner", "a", None)
    holder.add("a", pack(ours), 3, "a")
    holder.add("b", pack(theirs), 2, "b")
    holder.compare(["a", "b"])
    assert list(holder.ranks("a", 0, 3)) == [-1, 0, -1]
    assert list(holder.ranks("b", 0, 2)) == [0, -1]


def test_a_shuffler_undoes_what_it_did():
    holder = Shuffling(5, 2, None)
    came = [11, 4, 8, 1, 9]
    holder.add(points(*came[:3]))
    holder.add(points(*came[3:]))
    left = np.concatenate([holder.next(), holder.next(), holder.next()])
    assert sorted(map(bytes, left)) == sorted(map(bytes, points(*came)))
    assert [bytes(row) for row in left] != [bytes(row) for row in points(*came)]
    answers = np.repeat(left[:, 1:2], 16, axis=1)  # something that says which point it answers
    holder.take_back(answers[:2], 2, "bob")
    holder.take_back(answers[2:], 3, "bob")
    returned = np.concatenate([holder.answers(0, 2), holder.answers(2, 3)])
    assert (returned[:, 0] == points(*came)[:, 1]).all()


def test_sealed_ranks_open_with_their_key_only_and_look_different():
    ranks = np.array([-1, -1, 3, 2**40], np.int64)
    sealed = seal(bytes(16), ranks)
    assert (unseal(bytes(16), sealed, 4, "bob") == ranks).all()
    assert len(np.unique(sealed, axis=0)) == 4
    assert (unseal(bytes(15) + b"x", sealed, 4, "bob") != ranks).any()


# A peer that breaks the protocol.


@pytest.mark.parametrize("value", [None, np.zeros((3, 16), np.uint8), np.zeros((2, 16), np.int8), [b""]])
def test_answers_that_are_none(value):
    with pytest.raises(ProtocolViolation, match="no key"):
        unseal(None, np.zeros((2, 16), np.uint8), 2, "bob")
    with pytest.raises(ProtocolViolation, match="what bob sent is not 2 sealed ranks"):
        unseal(bytes(16), value, 2, "bob")
    with pytest.raises(ProtocolViolation, match="what bob sent is not 2 sealed ranks"):
        Shuffling(2, 2, None).take_back(value, 2, "bob")


def test_blinded_keys_that_are_none():
    with pytest.raises(ProtocolViolation, match="3 points"):
        blind_again(new_secret(), points(1, 2), 3, "bob")
    with pytest.raises(ProtocolViolation, match="small order"):
        blind_again(new_secret(), pack([9, 1]), 2, "bob")
    with pytest.raises(ProtocolViolation, match="small order"):
        Comparing({"a": 1}, "inner", "a", None).add("a", pack([0]), 1, "bob")


def test_a_key_twice_in_different_batches():
    with pytest.raises(ProtocolViolation, match="twice"):
        compared({"a": [1, 2, 3, 1], "b": [4]}, "inner")


def desk(ids=(1, 2, 3), duplicates="error"):
    made = TableActor(Order(("id",), ("",), duplicates, False, None))
    assert made.read(pd.DataFrame({"id": ids}), None, [])["problem"] == ""
    return made


@pytest.mark.parametrize(
    ("ranks", "total"),
    [([0, 0, -1], None), ([0, 2, -1], None), ([0, 1, 2], 2), ([1, 1, 1], 3)],
)
def test_ranks_that_cannot_be(ranks, total):
    ours = desk()
    ours.place(0, 3, np.array(ranks), "bob")
    with pytest.raises(ProtocolViolation, match="ranks of shared keys"):
        ours.settle(total, [], 0)


def test_ranks_come_in_four_bytes_where_these_are_enough(monkeypatch):
    assert np.iinfo(np.int32).max == comparing._FEW - 1
    monkeypatch.setattr(comparing, "_FEW", 60)  # so many keys would be laid down in 4,096 files
    for count, dtype in ((3, np.int32), (56, np.int32), (57, np.int64)):
        holder = Matching({"alice": 3, "bob": count}, "inner", "alice", None)
        tags = np.arange(48, dtype=np.uint8).reshape(3, 16)
        for name in ("alice", "bob"):
            holder.add(name, tags, 3, name)
        assert holder.compare(["alice"]) == 3
        ranks = holder.ranks("alice", 0, 3)
        assert ranks.dtype == dtype
        ours = desk()
        ours.place(0, 3, ranks, "bob")
        assert ours.settle(None, [], 0).tolist() == [1, 1, 1]


@pytest.mark.parametrize("ranks", [None, [0, 1, 2], np.array([0, 1]), np.array([0.0, 1, 2])])
def test_ranks_that_are_none(ranks):
    with pytest.raises(ProtocolViolation, match="what bob sent is not 3 ranks"):
        desk().place(0, 3, ranks, "bob")


@pytest.mark.parametrize("counts", [None, np.array([1, 1]), np.array([1, 0, 1]), np.array([1.0, 1, 1])])
def test_counts_that_cannot_be(counts):
    ours = desk()
    ours.place(0, 3, np.array([0, 1, 2]), "bob")
    held = ours.settle(None, [], 0)
    with pytest.raises(ProtocolViolation, match="count the rows"):
        ours.arrange([held, counts], 0)


@pytest.mark.parametrize("count", [1 << 31, 1 << 62])
def test_counts_that_would_take_all_memory(count):
    ours = desk()
    ours.place(0, 3, np.array([0, 1, 2]), "bob")
    held = ours.settle(None, [], 0)
    with pytest.raises(sf.JoinError, match="the result would have"):
        ours.arrange([held, np.array([1, count, 1])], 0)


@pytest.mark.parametrize(
    ("total", "without"), [(-1, []), (True, []), ("3", []), (1 << 63, []), (3, [-1]), (3, [1, None])]
)
def test_numbers_of_rows_that_are_none(total, without):
    ours = desk()
    ours.place(0, 3, np.array([0, 1, 2]), "bob")
    with pytest.raises(ProtocolViolation, match="is none"):
        ours.settle(total, without, 0)


def test_more_rows_than_memory_are_refused_before_they_are_laid_out():
    ours = desk()
    ours.place(0, 3, np.array([0, 1, -1]), "bob")
    with pytest.raises(sf.JoinError, match="the result would have"):
        ours.settle(1 << 33, [], 0)


GOOD = {"on": ["id"], "kinds": ["integer"], "keys": 3, "problem": "", "writes": False}
GOOD["terms"] = ["how='inner'"]


@pytest.mark.parametrize(
    "change",
    [
        {"keys": -1},
        {"keys": True},
        {"keys": "3"},
        {"keys": 2**62},
        {"kinds": []},
        {"kinds": [3]},
        {"problem": None},
        {"problem": "\x1b[2J"},
        {"problem": "x" * 1001},
        {"terms": "how"},
        {"writes": 1},
        {"more": 1},
    ],
)
def test_reports_that_are_none(change):
    with pytest.raises(ProtocolViolation, match="bob says of its table"):
        checked_reports({"alice": GOOD, "bob": {**GOOD, **change}})
    for other in (None, [], {}):
        with pytest.raises(ProtocolViolation):
            checked_reports({"alice": GOOD, "bob": other})


def test_parties_that_ask_for_different_joins():
    with pytest.raises(sf.JoinError, match=r"alice how='inner', bob how='left'"):
        fitting({"alice": GOOD, "bob": {**GOOD, "terms": ["how='left'"]}})
    with pytest.raises(sf.JoinError, match="different numbers of columns"):
        fitting({"alice": GOOD, "bob": {**GOOD, "on": ["a", "b"], "kinds": ["integer", "text"]}})


@pytest.mark.parametrize("names", [NAMES[:2], NAMES])
@pytest.mark.parametrize("cheat", ["small order", "twice", "too few"])
def test_a_cheating_party_is_one_error_for_all(monkeypatch, names, cheat):
    honest = ecdh.blind

    def dishonest(secret, keys):
        found = honest(secret, keys)
        if cheat == "too few":
            return found[:-1]
        found[0] = pack([0])[0] if cheat == "small order" else found[1]
        return found

    monkeypatch.setattr(ecdh, "blind", dishonest)

    def run():
        with sf.Session(names, address="local"):
            parties = [sf.PYU(name) for name in names]
            join({party: party(lambda: pd.DataFrame({"id": [1, 2, 3]}))() for party in parties}, on="id")

    with pytest.raises(sf.RemoteError) as caught:
        run()
    assert caught.value.origin.error_type == "ProtocolViolation"


# Secrets.


def test_a_secret_shows_nothing_and_cannot_travel():
    assert repr(BlindingScalar(b"x" * 32)) == "<a secret scalar>"
    assert new_secret().scalar != new_secret().scalar
    with sf.Session(NAMES, address="local"):
        alice, bob = sf.PYU("alice"), sf.PYU("bob")
        with pytest.raises(sf.RemoteError) as caught:
            sf.wait(alice(new_secret)().to(bob))
        assert caught.value.origin.error_type == "CannotTravel"


def test_batches_cover_a_set_and_are_bounded():
    for count in (0, 1, 1023, 1024, 1025, 100_000, 1_000_001):
        sizes = batch_sizes(count)
        assert sum(sizes) == count
        assert len(set(sizes[:-1])) <= 1
        assert all(0 < size <= 1 << 16 for size in sizes)


def test_another_protocol_can_stand_in_its_place():
    class Open(joining.Intersection):
        """Shows all keys to everybody: for this test only."""

        def run(self, sources, goal):
            parties = list(sources)
            first = parties[0]
            shown = [sources[party].keys(0).to(first) for party in parties]
            done = []
            for number, party in enumerate(parties):
                ranks = first(_ranks)(shown, number).to(party)
                done.append(sources[party].place(0, ranks))
            return FoundKeys(first(len)(shown), done)

        def learns(self, sources, goal):
            return {party: "everything" for party in sources}

    def _ranks(sets, number):
        texts = [[row.tobytes() for row in each] for each in sets]
        shared = sorted(set.intersection(*map(set, texts)))
        return np.array([shared.index(text) if text in shared else -1 for text in texts[number]])

    with sf.Session(NAMES[:2], debug_mode=True):
        alice, bob = sf.PYU("alice"), sf.PYU("bob")
        handles = {
            alice: alice(lambda: pd.DataFrame({"id": [1, 2, 3]}))(),
            bob: bob(lambda: pd.DataFrame({"id": [3, 2]}))(),
        }
        request = joining.requested(handles, "id")
        result = joining.join_with(Open(), request)
        assert list(sf.reveal(result[alice])["id"]) == list(sf.reveal(result[bob])["id"])
        assert result.rows == 2
