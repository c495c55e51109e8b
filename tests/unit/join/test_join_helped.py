"""A join with a helper gives what pandas merges; the helper sees tags, and cannot swap rows unseen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto import frame
from junto.device.pyu import PYUObject
from junto.errors import ProtocolViolation
from junto.join import helped, join
from junto.join.comparing import Matching
from junto.join.tags import tagged
from moves import watched_moves

OWNERS = ["alice", "bob", "carol"]
HELPER = "dave"
IDS = {"alice": range(30), "bob": [*range(10, 40), *range(90, 99)], "carol": range(5, 25, 2)}


@pytest.fixture(params=["debug", "simulation"])
def session(request):
    how = {"debug_mode": True} if request.param == "debug" else {"address": "local"}
    with sf.Session([*OWNERS, HELPER], **how) as opened:
        yield opened


@pytest.fixture
def quick():
    with sf.Session([*OWNERS, HELPER], debug_mode=True) as opened:
        yield opened


@pytest.fixture
def moved(monkeypatch):
    return watched_moves(monkeypatch)


def tables(owners, times=1):
    rng = np.random.default_rng(3)
    made = {}
    for owner in owners:
        ids = rng.permutation(np.repeat(list(IDS[owner]), times))
        made[owner] = pd.DataFrame({"id": ids, owner: [f"{owner}{i}" for i in range(len(ids))]})
    return made


def joined(made, **options):
    handles = {sf.PYU(name): sf.PYU(name)(lambda t=table: t)() for name, table in made.items()}
    return join(handles, on="id", **({"helper": HELPER} | options))


def side_by_side(parts):
    """Rows of all parts together, sorted; None where a party has no such key."""
    wide = pd.concat([part.drop(columns="id") for part in parts], axis=1).astype(object)
    return sorted(map(str, wide.where(wide.notna(), None).itertuples(index=False, name=None)))


@pytest.mark.parametrize("owners", [OWNERS[:2], OWNERS])
@pytest.mark.parametrize(("how", "times"), [("inner", 1), ("left", 1), ("inner", 2)])
def test_what_pandas_merges(session, owners, how, times):
    made = tables(owners, times)
    result = joined(made, how=how, duplicates="error" if times == 1 else "all")
    want = made[owners[0]]
    for owner in owners[1:]:
        want = want.merge(made[owner], how=how, on="id")
    assert side_by_side([sf.reveal(part) for part in result.parts.values()]) == side_by_side([want])
    assert result.rows == len(want)


def test_a_difference_and_one_receiver_and_no_common_key(quick):
    made = tables(OWNERS)
    alone = sf.reveal(joined(made, how="difference")[sf.PYU("alice")])
    assert sorted(alone["id"]) == sorted(set(IDS["alice"]) - set(IDS["bob"]) - set(IDS["carol"]))
    pair = tables(OWNERS[:2])
    assert len(sf.reveal(joined(pair, to="bob")[sf.PYU("bob")])) == 20
    pair["bob"]["id"] += 1000
    assert joined(pair).rows == 0


# Who helps.


def test_nobody_helps_unless_the_script_says_so(quick):
    learned = joined(tables(OWNERS[:2]), helper=True).learned
    assert [party.party for party in learned] == OWNERS[:2]


@pytest.mark.parametrize(("helper", "helps"), [(True, True), (False, False)])
def test_the_helper_of_an_spu_of_all_owners_helps(quick, helper, helps):
    sf.SPU(parties=["alice", "carol", "dave"])  # not bob's
    sf.SPU(parties=["alice", "bob", "dave"])
    for owners, there in ((OWNERS[:2], helps), (OWNERS, False)):
        learned = {party.party: said for party, said in joined(tables(owners), helper=helper).learned.items()}
        assert (HELPER in learned) == there
    assert "helps" not in "".join(learned.values())


def test_what_each_learns_is_said(quick):
    learned = {party.party: said for party, said in joined(tables(OWNERS[:2])).learned.items()}
    assert learned == {
        "alice": "alice learns how many different keys bob has; which of its own keys bob has.",
        "bob": "bob learns how many different keys alice has; which of its own keys alice has.",
        "dave": "dave helps, and learns how many different keys alice and bob have; how many they have in "
        "common, not which. dave and alice or bob together could try which keys the other has.",
    }


@pytest.mark.parametrize(
    ("helper", "error", "says"),
    [
        ("bob", sf.JoinError, "bob owns one of the tables"),
        (3, sf.JoinError, "names no party"),
        (["dave"], sf.JoinError, "names no party"),
        ("erin", sf.DeviceError, "erin"),
    ],
)
def test_who_cannot_help(quick, helper, error, says):
    with pytest.raises(error, match=says):
        joined(tables(OWNERS[:2]), helper=helper)


@pytest.mark.parametrize("read", ["align", "read_csv", "read_parquet"])
def test_whoever_reads_a_frame_says_who_helps(quick, read):
    handles = {sf.PYU(name): None for name in OWNERS[:2]}
    if read == "align":
        handles = {party: party(lambda: pd.DataFrame({"id": [1]}))() for party in handles}
    with pytest.raises(sf.JoinError, match="bob owns one of the tables"):
        getattr(frame, read)(handles, on="id", helper="bob")


# What the helper sees.


@pytest.mark.parametrize("how", ["inner", "left", "outer", "difference"])
def test_the_helper_gets_tags_only_and_others_in_each_join(quick, moved, how):
    made, seen = tables(OWNERS), []
    for _ in range(2):
        moved.clear()
        joined(made, how=how)
        to_helper = [handle.ref.value() for _, to, handle in moved if to == HELPER]
        tags = [value for value in to_helper if isinstance(value, np.ndarray)]
        assert [(value.dtype, value.shape) for value in tags] == [
            (np.uint8, (len(IDS[owner]), 16)) for owner in OWNERS
        ]
        assert [value for value in to_helper if not isinstance(value, np.ndarray)] in ([], [0])
        keys = [(to, handle.ref.value()) for _, to, handle in moved if isinstance(handle.ref.value(), bytes)]
        assert [to for to, _ in keys] == OWNERS[1:]
        (key,) = {key for _, key in keys}
        by_owner = {owner: set(map(bytes, value)) for owner, value in zip(OWNERS, tags, strict=True)}
        common = set(IDS["alice"]) & set(IDS["bob"])
        assert len(by_owner["alice"] & by_owner["bob"]) == len(common)
        between = [value for source, to, _ in moved for value in [(source, to)] if HELPER not in value]
        assert len(between) <= 2 + 2 * len(OWNERS)  # the key, and counts; nobody's tags
        seen.append((key, set.union(*by_owner.values())))
    assert seen[0][0] != seen[1][0]
    assert not seen[0][1] & seen[1][1]


def test_ranks_do_not_follow_the_tags_that_owners_know(quick, moved):
    """Else the gap between two ranks of a left join would count the other's keys between two tags."""
    joined(tables(OWNERS[:2]), how="left")
    values = [(source, to, handle.ref.value()) for source, to, handle in moved]
    (tags,) = [v for source, _, v in values if source == "bob" and getattr(v, "shape", (0,))[1:] == (16,)]
    (ranks,) = [v for source, to, v in values if source == HELPER and to == "bob"]
    by_rank = tags[ranks >= 0][np.argsort(ranks[ranks >= 0])].view("<u8")[:, 0]
    assert (by_rank != np.sort(by_rank)).any()


def test_equal_keys_have_equal_tags_under_one_key_only():
    keys = np.random.default_rng(1).integers(0, 256, (50, 32)).astype(np.uint8)
    one, other = bytes(16), bytes(15) + b"x"
    assert (tagged(one, keys) == tagged(one, keys.copy())).all()
    assert (tagged(one, keys) != tagged(other, keys)).any(axis=1).all()
    assert len(np.unique(tagged(one, keys), axis=0)) == 50


# Who breaks the protocol.


@pytest.mark.parametrize("wrong", [None, np.zeros((3, 15), np.uint8), np.zeros((2, 16), np.uint8), b""])
def test_tags_that_are_none(wrong):
    with pytest.raises(ProtocolViolation, match="what bob sent is not 3 tags of 16 bytes"):
        Matching({"bob": 3}, "inner", "bob", None).add("bob", wrong, 3, "bob")


@pytest.mark.parametrize("key", [None, bytes(15), "k" * 16])
def test_a_key_that_is_none(key):
    with pytest.raises(ProtocolViolation, match="no key"):
        tagged(key, np.zeros((1, 32), np.uint8))


def test_the_same_tag_twice():
    matching = Matching({"bob": 2}, "inner", "bob", None)
    matching.add("bob", np.zeros((2, 16), np.uint8), 2, "bob")
    with pytest.raises(ProtocolViolation, match="bob holds the same key twice"):
        matching.compare(["bob"])


def test_a_helper_that_swaps_two_rows_is_found_out(quick, monkeypatch):
    class Lying(Matching):
        def ranks(self, name, start, count):
            found = super().ranks(name, start, count)
            if name == "bob":
                first, second = np.flatnonzero(found >= 0)[:2]
                found[[first, second]] = found[[second, first]]
            return found

    monkeypatch.setattr(helped, "_Matching", sf.proxy(PYUObject)(Lying))
    with pytest.raises(ProtocolViolation, match="were given different ones"):
        joined(tables(OWNERS[:2]))
