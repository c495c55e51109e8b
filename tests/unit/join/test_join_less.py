"""Only a number about the keys in common comes out, and only at whom it was said to."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import junto as sf
from junto.errors import ProtocolViolation
from junto.join import count_common, less, sum_common
from junto.join.comparing import Matching
from moves import watched_moves
from tries import tries

OWNERS = ["alice", "bob", "carol"]
HELPER = "dave"


@pytest.fixture(params=["debug", "simulation"])
def session(request):
    how = {"debug_mode": True} if request.param == "debug" else {"address": "local"}
    with sf.Session([*OWNERS, HELPER], **how) as opened:
        yield opened


@pytest.fixture
def quick():
    with sf.Session([*OWNERS, HELPER], debug_mode=True) as opened:
        yield opened


def tables(owners, ids=(range(30), range(10, 45), range(5, 25, 2))):
    rng, made = np.random.default_rng(3), {}
    for name, some in zip(owners, ids, strict=False):
        table = pd.DataFrame({"id": rng.permutation(list(some)), "v": some})
        made[sf.PYU(name)] = sf.PYU(name)(lambda t=table: t)()
    return made


@pytest.mark.parametrize("owners", [OWNERS[:2], OWNERS])
@pytest.mark.parametrize("helper", [HELPER, False])
def test_how_many_and_to_whom(session, owners, helper):
    both = count_common(tables(owners), on="id", helper=helper)
    assert both.value == (20 if len(owners) == 2 else 7)
    assert count_common(tables(owners), on="id", helper=helper, to="bob").value == both.value
    said = {party.party: text for party, text in both.learned.items()}
    assert all("which of its own keys" not in text for text in said.values())
    assert ("how many keys any of the parties have in common" in said["alice"]) == (
        not helper and len(owners) == 3
    )


def test_a_sum(session):
    for owners in (OWNERS[:2], OWNERS):
        made = tables(owners)
        frames = [sf.reveal(table) for table in made.values()]
        keep = frames[1]["id"].isin(frames[0]["id"])
        if len(owners) == 3:
            keep &= frames[1]["id"].isin(frames[2]["id"])
        want = int(frames[1]["v"][keep].sum())
        for to in (None, "alice", "bob"):
            result = sum_common(made, on="id", of={"bob": "v"}, to=to, helper=HELPER)
            assert result.value == want
            assert type(result.value) is int


NUMBERS = st.one_of(
    st.lists(st.floats(-1e30, 1e30), max_size=9),
    st.lists(st.floats(-1e-300, 1e-300), max_size=9),
    st.lists(st.integers(-(2**57), 2**57), max_size=9),
    st.lists(st.booleans(), max_size=9),
)


@settings(max_examples=tries(15), deadline=None)
@given(NUMBERS, st.sets(st.integers(0, 9)))
def test_sums_of_any_numbers(values, ids):
    with sf.Session([*OWNERS, HELPER], debug_mode=True):
        alice, bob = sf.PYU("alice"), sf.PYU("bob")
        theirs = pd.DataFrame({"id": range(len(values)), "v": np.array(values)})
        ours = pd.DataFrame({"id": pd.Series(sorted(ids), dtype="int64")})
        made = {alice: alice(lambda: ours)(), bob: bob(lambda: theirs)()}
        found = [value for place, value in enumerate(values) if place in ids]
        if not found:
            with pytest.raises(sf.JoinError, match="fewer than 1 keys"):
                sum_common(made, on="id", of={bob: "v"}, helper=HELPER)
            return
        result = sum_common(made, on="id", of={bob: "v"}, helper=HELPER).value
    exact = isinstance(values[0], int)  # truth values are
    error = 0 if exact else len(values) ** 2 * max(map(abs, values)) * 2.0**-59
    assert abs(result - sum(found)) <= error


# Who sees what.


def views(moved):
    """What each party received, by the shapes of arrays and the lengths of bytes."""
    seen = {}
    for _, to, handle in moved:
        value = handle.ref.value()
        kind = (str(value.dtype), *value.shape) if isinstance(value, np.ndarray) else len(value)
        seen.setdefault(to, []).append(kind)
    return {to: sorted(kinds, key=str) for to, kinds in seen.items()}


def test_what_each_receives_of_a_count(quick, monkeypatch):
    moved = watched_moves(monkeypatch)
    count_common(tables(OWNERS[:2]), on="id", helper=HELPER)
    assert views(moved) == {"bob": [16], "dave": [("uint8", 30, 16), ("uint8", 35, 16)]}
    moved.clear()
    count_common(tables(OWNERS[:2]), on="id", helper=False)
    assert views(moved) == {"bob": [("uint8", 30, 32)], "alice": [("uint8", 30, 32), ("uint8", 35, 32)]}
    (back,) = [h.ref.value() for _, to, h in moved if to == "alice" and len(h.ref.value()) == 30]
    words = [int.from_bytes(row[:8].tobytes(), "little") for row in back]
    assert words == sorted(words)  # bob has sorted alice's: she cannot tell which of them are in common


def test_what_each_receives_of_a_sum(quick, monkeypatch):
    moved = watched_moves(monkeypatch)
    shown = []
    reveal = less.reveal
    monkeypatch.setattr(less, "reveal", lambda what, **to: shown.append(reveal(what, **to)) or shown[-1])
    for _ in range(2):
        moved.clear()
        sum_common(tables(OWNERS[:2]), on="id", of={"bob": "v"}, to="alice", helper=HELPER)
        column = ("uint64", 65)
        assert views(moved) == {
            "bob": [("int64", 30), 32, 32, 32],  # places; keys of tags, seeds of two masks
            "dave": [column, column, ("uint8", 30, 16), ("uint8", 35, 16), 32],  # a seed of an order
        }
    pieces = [one for one in shown if isinstance(one, list)]
    assert len(pieces) == 2
    assert sum(pieces[0]) % 2**64 == sum(pieces[1]) % 2**64
    assert not set(pieces[0]) & set(pieces[1])  # a piece says nothing: others in each run


# What cannot be.


@pytest.mark.parametrize("kind", [pd.DataFrame, pa.table])
@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([Decimal("0.10"), Decimal("12.25"), Decimal("-3")], 0.1 + 12.25),
        ([1, 2.5, 4], 3.5),
        ([True, False, True], 1),
        ([Decimal(1), None, Decimal(2)], None),
        (["1", "2", "3"], None),
    ],
)
def test_numbers_are_added_up_whatever_holds_them(quick, kind, values, want):
    held = pa.array(values) if kind is pa.table else pd.Series(values, dtype=object)
    made = {
        sf.PYU("alice"): pd.DataFrame({"id": [1, 2, 9]}),
        sf.PYU("bob"): kind({"id": [1, 2, 3], "v": held}),
    }
    tables = {party: party(lambda t=table: t)() for party, table in made.items()}
    if want is None:
        with pytest.raises(sf.JoinError, match="not of finite numbers without gaps") as caught:
            sum_common(tables, on="id", of={"bob": "v"}, helper=HELPER)
        assert "fillna" in caught.value.fix
    else:
        assert sum_common(tables, on="id", of={"bob": "v"}, helper=HELPER).value == pytest.approx(want, 1e-15)


def test_what_is_said_wrongly(quick):
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    made = tables(OWNERS[:2])
    text = {**made, bob: bob(lambda: pd.DataFrame({"id": [1], "v": ["x"]}))()}
    gaps = {**made, bob: bob(lambda: pd.DataFrame({"id": [1, 2], "v": [1.0, None]}))()}
    large = {**made, bob: bob(lambda: pd.DataFrame({"id": [1, 2], "v": [2**61, 1]}))()}
    for wrong, options, message in [
        (made, {"of": {}}, "one column of one party"),
        (made, {"of": {"carol": "v"}}, "no column of alice or bob"),
        (made, {"of": {bob: 3}}, "no column of alice or bob"),
        (made, {"of": {bob: "w"}}, "bob: there is not one column 'w'"),
        (made, {"at_least": 0}, "at_least is 0"),
        (made, {"at_least": 21}, "fewer than 21 keys are in common"),
        (made, {"helper": False}, "nobody helps"),
        (made, {"helper": alice}, "owns one of the tables"),
        (text, {}, "not of finite numbers"),
        (gaps, {}, "not of finite numbers"),
        (large, {}, "sum may be too large"),
    ]:
        with pytest.raises(sf.JoinError, match=message):
            sum_common(wrong, on="id", **({"of": {bob: "v"}, "helper": HELPER} | options))
    assert sum_common(made, on="id", of={bob: "v"}, at_least=20, helper=HELPER).value
    with pytest.raises(sf.JoinError, match="a key counts once"):
        count_common(made, on="id", duplicates="all")


@pytest.mark.parametrize("wrong", [-1, 1 << 64, True, 1.0, None])
def test_pieces_and_numbers_that_are_none(quick, monkeypatch, wrong):
    with pytest.raises(ProtocolViolation, match="bob's piece of the sum is no number"):
        less._sum_of({"alice": 3, "bob": wrong}, 0, True)

    class Lying(Matching):
        def compare(self, receivers):
            return wrong

    monkeypatch.setattr("junto.join.helped._Matching", sf.proxy(sf.PYUObject)(Lying))
    if wrong != 1 << 64:
        with pytest.raises(ProtocolViolation, match="no number of them"):
            count_common(tables(OWNERS[:2]), on="id", helper=HELPER)
