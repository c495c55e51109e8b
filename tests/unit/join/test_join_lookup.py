"""A look-up gives the rows of the keys that are asked for, exactly, and nobody learns which they are."""

from __future__ import annotations

import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import junto as sf
from junto.errors import ProtocolViolation
from junto.join import join, row_words
from junto.join.lookup import is_offer, lookup
from junto.join.row_words import is_form, rows_of, words_of
from moves import watched_moves
from tries import tries

PARTIES = ["alice", "bob", "carol"]


@pytest.fixture(params=["debug", "simulation"])
def session(request):
    how = {"debug_mode": True} if request.param == "debug" else {"address": "local"}
    with sf.Session(PARTIES, **how) as opened:
        yield opened


@pytest.fixture
def quick():
    with sf.Session(PARTIES, debug_mode=True) as opened:
        yield opened


ACCOUNTS = pd.DataFrame(
    {
        "id": [7, 3, 9, 1],
        "name": ["Zoë", "", None, "a longer name"],
        "n": [1, -(2**62), 3, 4],
        "x": [0.1, 1e300, -0.0, 4],
    }
)


def asked(ids, table=ACCOUNTS, columns=("name", "n", "x"), **options):
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    handles = {alice: alice(lambda: ids)()}, {bob: bob(lambda: table)()}
    return lookup(*handles, list(columns), **({"on": "id", "helper": "carol"} | options))


def test_truth_values_with_gaps_can_be_shown(session):
    table = pd.DataFrame({"id": [1, 2], "member": [True, False]})
    found = sf.reveal(asked(pd.DataFrame({"id": [2, 5, 1]}), table, ["member"]))["member"]
    assert found.tolist() == [False, pd.NA, True]
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    handles = {alice: alice(lambda: table)(), bob: bob(lambda: pd.DataFrame({"id": [2, 5]}))()}
    part = sf.reveal(join(handles, on="id", how="right")[alice])
    assert set(part["member"]) == {False, pd.NA}


@pytest.mark.parametrize("pad", [0, 4])
@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_rows_in_the_order_of_the_keys(session, kind, pad):
    ids = {"id": [1, 5, 3, 1, 9], "own": list("vwxyz")}
    found = sf.reveal(asked(kind(ids), pad=pad))
    want = pd.DataFrame(ids).merge(ACCOUNTS, "left", on="id")
    for name in ("id", "own", "name", "n", "x"):
        assert (
            found[name].astype(object).where(found[name].notna(), None).tolist()
            == want[name].astype(object).where(want[name].notna(), None).tolist()
        )


@pytest.mark.parametrize("ids", [[9], np.array([9]), pd.Series([9]), [None, 9], []])
def test_keys_that_are_no_table(quick, ids):
    found = sf.reveal(asked(ids, columns=["n"]))
    assert found["n"].dropna().tolist() == [3] * (len(ids) > 0)
    assert len(found) == len(ids)


COLUMNS = {
    "text": st.text(max_size=20),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "int8": st.integers(-128, 127),
    "double": st.floats(allow_nan=False),
    "float": st.floats(allow_nan=False, width=32),
    "bool": st.booleans(),
    "date32[day]": st.dates(),
    "timestamp[us]": st.datetimes(datetime.datetime(1700, 1, 1)),
    "time64[us]": st.times(),
    "timestamp[us, tz=Europe/Zurich]": st.integers(-(10**15), 10**15),
    "timestamp[s, tz=+05:30]": st.integers(-(10**9), 10**9),
    "decimal128(38, 3)": st.decimals(-(10**34), 10**34, places=3),
    "decimal128(4, -2)": st.integers(-9999, 9999).map(lambda n: Decimal(n).scaleb(2)),
}


@settings(max_examples=tries(40), deadline=None)
@given(st.data())
def test_words_and_back(data):
    kinds = data.draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=3))
    rows = data.draw(st.integers(0, 5))
    columns = {}
    for number, kind in enumerate(kinds):
        values = st.lists(st.one_of(st.none(), COLUMNS[kind]), min_size=rows, max_size=rows)
        made = pa.string() if kind == "text" else row_words._type_of(kind)
        columns[f"c{number}"] = pa.array(data.draw(values), made)
    table = pa.table(columns)
    forms, words = words_of(table, list(columns))
    assert all(map(is_form, forms.values()))
    assert all(word.dtype == np.uint64 and word.shape == (rows,) for word in words)
    assert rows_of(forms, words).equals(table)
    gone = rows_of(forms, [np.zeros(2, np.uint64)] * len(words))
    assert [column.null_count for column in gone.columns] == [2] * len(columns)


def test_what_each_party_receives(quick, monkeypatch):
    moved = watched_moves(monkeypatch)
    asked([1, 5, 3], columns=["n"])
    seen = {}
    for _, to, handle in moved:
        value = handle.ref.value()
        kind = (str(value.dtype), *value.shape) if isinstance(value, np.ndarray) else len(value)
        seen.setdefault(to, []).append(kind)
    word, piece = ("uint64", 7), ("uint64", 3)
    assert {to: sorted(kinds, key=str) for to, kinds in seen.items()} == {
        "alice": [piece] * 4,  # of each word one of the helper and one of bob
        "bob": [("int64", 3), 32, 32, 32],  # places; keys of tags, seeds of two masks
        "carol": [word] * 4 + [("uint8", 3, 16), ("uint8", 4, 16), 32],
    }
    there = [handle.ref.value() for _, to, handle in moved if to == "alice"]
    assert not set(np.concatenate(there).tolist()) & {
        0,
        *ACCOUNTS["n"].tolist(),
    }  # a piece alone says nothing


def test_what_is_said_wrongly(quick):
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    own = pd.DataFrame({"id": [1], "n": [2]})
    nested = pa.table({"id": [1], "n": [[2]]})
    for arguments, options, message in [
        (([1],), {"helper": False}, "nobody helps"),
        (([1],), {"pad": -1}, "pad is -1"),
        (([1],), {"columns": []}, "names no columns"),
        (([1],), {"columns": ["n", "n"]}, "names one twice"),
        (([1],), {"columns": ["m"]}, "bob: there is not one column 'm'"),
        ((own,), {"columns": ["n"]}, "alice: the table of keys has a column 'n'"),
        (([1], nested), {"columns": ["n"]}, "bob: column 'n'|bob: a column of type"),
        ((["1"],), {}, "text .* at alice and integer"),
    ]:
        with pytest.raises(sf.JoinError, match=message):
            asked(*arguments, **options)
    handle = alice(lambda: [1])()
    for keys, table, message in [
        ({}, {bob: handle}, "keys are those of one party"),
        ({alice: handle}, [handle], "table are those of one party"),
        ({alice: handle}, {alice: handle}, "both the keys and the table"),
    ]:
        with pytest.raises(sf.JoinError, match=message):
            lookup(keys, table, "n", on="id", helper="carol")


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {"forms": {}},
        {"forms": [], "problem": ""},
        {"forms": {"n": ["int64", 2]}, "problem": ""},
        {"forms": {"n": ["int64", True]}, "problem": ""},
        {"forms": {"n": ["string", 1 << 20]}, "problem": ""},
        {"forms": {"n": ["list<int64>", 1]}, "problem": ""},
        {"forms": {"n": [3, 1]}, "problem": ""},
        {"forms": {"n": ["decimal128(4, 2)", 1]}, "problem": ""},
        {"forms": {"n": ["decimal128(39, 2)", 2]}, "problem": ""},
        {"forms": {"n": ["decimal128(04, 2)", 2]}, "problem": ""},
        {"forms": {"n": ["decimal256(4, 2)", 4]}, "problem": ""},
        {"forms": {"n": ["timestamp[us, tz=Mars/Olympus]", 1]}, "problem": ""},
        {"forms": {"n": ["timestamp[us, tz=../../etc/passwd]", 1]}, "problem": ""},
    ],
)
def test_offers_that_are_none(wrong):
    assert not is_offer(wrong)


def test_money_and_moments_are_looked_up_as_they_are(session):
    zone = ZoneInfo("Europe/Zurich")
    moments = [datetime.datetime(2024, 1, day, 9, 30, tzinfo=zone) for day in (1, 2)]
    for kind in (pd.DataFrame, pl.DataFrame, pa.table):
        table = kind({"id": [1, 2], "paid": [Decimal("12.50"), Decimal("-0.05")], "at": moments})
        seen = []
        sf.wait(sf.PYU("alice")(seen.append)(asked([2, 5, 1], table, ["paid", "at"])))
        (found,) = seen
        assert found["paid"].tolist() == [Decimal("-0.05"), None, Decimal("12.50")]
        assert found["at"].dt.tz_convert("UTC").tolist() == [moments[1], pd.NaT, moments[0]]


def test_decimals_of_more_digits_than_were_said_are_none():
    there = np.array([(1 << 63) | 1], np.uint64)
    for digits, right in ((9999, True), (10_000, False)):
        words = [there, np.array([digits], np.uint64), np.zeros(1, np.uint64)]
        if right:
            assert rows_of({"t": ["decimal128(4, 2)", 2]}, words)["t"].to_pylist() == [Decimal("99.99")]
        else:
            with pytest.raises(ProtocolViolation, match="no row of the table"):
                rows_of({"t": ["decimal128(4, 2)", 2]}, words)


def test_what_lies_behind_a_null_stays_there():
    held = np.array([7, 0, 8, 0], np.uint64)
    there = pa.array([True, False]).buffers()[1]
    column = pa.Array.from_buffers(pa.decimal128(4, 0), 2, [there, pa.py_buffer(held)])
    for first, want in ((0, [7, 0]), (1, [0])):
        _, (_, low, _) = words_of(pa.table({"n": column.slice(first)}), ["n"])
        assert low.tolist() == want


@pytest.mark.parametrize(("length", "word"), [(9, 0), (8, 2**64 - 1)])
def test_words_that_are_no_text(length, word):
    there = np.array([(1 << 63) | 1], np.uint64)
    with pytest.raises(ProtocolViolation, match="no row of the table"):
        rows_of({"t": ["string", 2]}, [there, np.array([length], np.uint64), np.array([word], np.uint64)])
