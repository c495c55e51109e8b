"""What `join` gives, compared with pandas; and what it says when it cannot."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import junto as sf
from junto.accounting.progress import Count, Look, figures
from junto.join import join, psi, travel
from junto.join.protocol import batch_sizes
from tries import each_once

NAMES = ["alice", "bob", "carol"]
KINDS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table}


@pytest.fixture(params=["debug", "simulation"])
def session(request):
    how = {"debug_mode": True} if request.param == "debug" else {"address": "local"}
    with sf.Session(NAMES, **how) as opened:
        yield opened


@pytest.fixture
def quick():
    with sf.Session(NAMES, debug_mode=True) as opened:
        yield opened


def at(name, table):
    """A handle to `table` at a party."""
    return sf.PYU(name)(lambda: table)()


def joined(tables, on="id", **options):
    """Joins tables by party name; the parts by party name, as pandas tables."""
    handles = {sf.PYU(name): at(name, table) for name, table in tables.items()}
    result = join(handles, on=on, **options)
    return {party.party: frame(sf.reveal(part)) for party, part in result.parts.items()}


def frame(table):
    if isinstance(table, pl.DataFrame):
        return pd.DataFrame(table.to_dict(as_series=False))
    return table.to_pandas() if isinstance(table, pa.Table) else table


def table(ids, name, kind=pd.DataFrame):
    return kind({"id": ids, name: [f"{name}{i}" for i in ids]})


def rows(parts, how):
    """Rows of all parts side by side, in an order of their own."""
    columns = [part.add_prefix(f"{name}.") for name, part in parts.items()]
    wide = pd.concat(columns, axis=1).astype(object)
    return sorted(map(str, wide.where(wide.notna(), None).itertuples(index=False, name=None)))


def merged(tables, how):
    """The same by pandas."""
    prefixed = [part.add_prefix(f"{name}.") for name, part in tables.items()]
    names = list(tables)
    left, right = (0, 1) if how == "left" else (1, 0)
    if how == "inner":
        wide = prefixed[0]
        for number, part in enumerate(prefixed[1:], 1):
            wide = wide.merge(part, left_on=f"{names[0]}.id", right_on=f"{names[number]}.id")
    else:
        one, other = names[left], names[right]
        wide = prefixed[left].merge(prefixed[right], "left", left_on=f"{one}.id", right_on=f"{other}.id")
    wide = wide[[column for part in prefixed for column in part.columns]].astype(object)
    return sorted(map(str, wide.where(wide.notna(), None).itertuples(index=False, name=None)))


@pytest.mark.parametrize("how", ["inner", "left", "right"])
def test_two_parties_get_what_pandas_merges(session, how):
    tables = {"alice": table([5, 1, 3, 9, 7], "a"), "bob": table([3, 4, 5, 6, 7, 8], "b")}
    assert rows(joined(tables, how=how), how) == merged(tables, how)


@pytest.mark.parametrize("kinds", [("pandas", "polars", "arrow"), ("arrow", "pandas", "polars")])
def test_three_parties_get_what_pandas_merges_from_any_library(session, kinds):
    ids = {"alice": range(0, 30), "bob": range(10, 40), "carol": range(5, 25, 2)}
    tables = {
        name: table(list(ids[name]), name[0], KINDS[kind]) for name, kind in zip(NAMES, kinds, strict=True)
    }
    expected = merged({name: frame(each) for name, each in tables.items()}, "inner")
    assert rows(joined(tables), "inner") == expected
    assert len(expected) == 7


def test_a_left_join_of_three(quick):
    tables = {"alice": table([1, 2, 3], "a"), "bob": table([2, 4], "b"), "carol": table([3, 2], "c")}
    parts = joined(tables, how="left")
    found = pd.concat([parts["alice"]["a"], parts["bob"]["b"], parts["carol"]["c"]], axis=1).astype(object)
    wide = found.where(found.notna(), None).itertuples(index=False, name=None)
    assert sorted(wide) == [("a1", None, None), ("a2", "b2", "c2"), ("a3", None, "c3")]


def test_a_right_join_of_three_has_the_last_ones_rows(quick):
    tables = {"alice": table([1, 2], "a"), "bob": table([2, 4], "b"), "carol": table([3, 2], "c")}
    parts = joined(tables, how="right")
    assert sorted(parts["carol"]["c"]) == ["c2", "c3"]
    assert {name: int(part.notna().all(axis=1).sum()) for name, part in parts.items()} == {
        "alice": 1,
        "bob": 1,
        "carol": 2,
    }


@pytest.mark.parametrize("name", ["difference", "left_anti"])
def test_a_difference_is_what_nobody_else_has(quick, name):
    tables = {"alice": table([1, 2, 3, 4], "a"), "bob": table([2, 9], "b"), "carol": table([4, 9], "c")}
    parts = joined(tables, how=name)
    assert list(parts) == ["alice"]
    assert sorted(parts["alice"]["id"]) == [1, 3]


@pytest.mark.parametrize("to", ["bob", ["bob"], "PYU"])
def test_the_result_at_one_party(session, to):
    tables = {"alice": table([1, 2, 3], "a"), "bob": table([2, 3, 4], "b")}
    parts = joined(tables, to=sf.PYU("bob") if to == "PYU" else to)
    assert {name: sorted(part["id"]) for name, part in parts.items()} == {"bob": [2, 3]}


def test_the_result_at_two_of_three(session):
    tables = {"alice": table([1, 2, 3], "a"), "bob": table([2, 3, 4], "b"), "carol": table([3, 2, 8], "c")}
    parts = joined(tables, to=["bob", "carol"])
    assert list(parts) == ["bob", "carol"]
    assert list(parts["bob"]["id"]) == list(parts["carol"]["id"])
    assert sorted(parts["bob"]["id"]) == [2, 3]


def test_rows_and_what_is_learned(quick):
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    result = psi({alice: at("alice", table([1, 2], "a")), bob: at("bob", table([2], "b"))}, on="id")
    assert result.rows == 1
    assert result[alice] is result.parts[alice]
    assert result.learned[alice] == (
        "alice learns how many different keys bob has; which of its own keys bob has."
    )
    assert "1 rows at alice, bob" in repr(result)
    with pytest.raises(sf.DeviceError, match=r"PYU\('carol'\) has no part of this join.*alice, bob"):
        result[sf.PYU("carol")]


def test_many_rows_in_several_batches(quick):
    rng = np.random.default_rng(5)
    ids = {"alice": rng.permutation(5000), "bob": rng.permutation(5000) + 2500}
    parts = joined({name: pd.DataFrame({"id": each, name: each * 2}) for name, each in ids.items()})
    assert (parts["alice"]["id"] == parts["bob"]["id"]).all()
    assert (parts["alice"]["alice"] == 2 * parts["bob"]["id"]).all()
    assert sorted(parts["alice"]["id"]) == list(range(2500, 5000))


# Keys.

MOMENT = datetime.datetime(1960, 5, 6, 7, 8, 9, 250_000)
EQUAL = {
    "widths": (pa.array([3, -4], pa.int8()), pa.array([-4, 3], pa.int64())),
    "unsigned": (pa.array([3, 2**63], pa.uint64()), pa.array([3, 2**63], pa.uint64())),
    "text": (pa.array(["ä", ""], pa.string()), pa.array(["", "ä"], pa.large_string())),
    "categories": (pa.array(["x", "y"]).dictionary_encode(), pa.array(["y", "x"])),
    "bytes": (pa.array([b"\x00", b"\xff"], pa.binary()), pa.array([b"\xff", b"\x00"], pa.binary(1))),
    "dates": (pa.array([MOMENT.date()], pa.date32()), pa.array([MOMENT.date()], pa.date64())),
    "times": (pa.array([MOMENT], pa.timestamp("ms")), pa.array([MOMENT], pa.timestamp("ns"))),
    "zones": (
        pa.array([MOMENT], pa.timestamp("ms", "UTC")),
        pa.array([MOMENT], pa.timestamp("us", "Asia/Tokyo")),
    ),
    "hours": (pa.array([MOMENT.time()], pa.time32("ms")), pa.array([MOMENT.time()], pa.time64("ns"))),
    "durations": (
        pa.array([datetime.timedelta(seconds=-1)], pa.duration("s")),
        pa.array([datetime.timedelta(seconds=-1)], pa.duration("us")),
    ),
    "booleans": (pa.array([True, False]), pa.array([False, True])),
    "decimals": (
        pa.array([Decimal("1.50"), Decimal("-200")], pa.decimal128(9, 2)),
        pa.array([Decimal("-200.000"), Decimal("1.5")], pa.decimal256(40, 3)),
    ),
    "floats": (pa.array([0.5, -0.0], pa.float32()), pa.array([0.0, 0.5], pa.float64())),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_values_match_whatever_holds_them(quick, name):
    one, other = EQUAL[name]
    parts = joined({"alice": pa.table({"id": one}), "bob": pa.table({"id": other})})
    assert len(parts["alice"]) == len(parts["bob"]) == len(one)


def test_an_int64_of_pandas_an_int32_of_arrow_and_an_int_of_polars(quick):
    tables = {
        "alice": pd.DataFrame({"id": [3, 4]}),
        "bob": pa.table({"id": pa.array([5, 3], pa.int32())}),
        "carol": pl.DataFrame({"id": [3]}, schema={"id": pl.UInt8}),
    }
    assert {name: list(part["id"]) for name, part in joined(tables).items()} == {name: [3] for name in NAMES}


def test_several_columns_and_names_that_differ(quick):
    alice = pd.DataFrame({"name": ["ab", "a", "x"], "born": ["c", "bc", "y"], "v": [1, 2, 3]})
    bob = pd.DataFrame({"surname": ["a", "x", "ab"], "year": ["bc", "z", "cc"], "w": [7, 8, 9]})
    for names in (("alice", "bob"), (sf.PYU("alice"), sf.PYU("bob"))):
        on = {names[0]: ["name", "born"], names[1]: ("surname", "year")}
        parts = joined({"alice": alice, "bob": bob}, on=on)
        assert (list(parts["alice"]["v"]), list(parts["bob"]["w"])) == ([2], [7])


# Nulls and duplicates.


def test_nulls_match_nothing(quick):
    tables = {"alice": pa.table({"id": [1, None, 2]}), "bob": pa.table({"id": [None, 2, None]})}
    assert list(joined(tables)["alice"]["id"]) == [2]
    floats = {"alice": pd.DataFrame({"id": [1.5, np.nan]}), "bob": pl.DataFrame({"id": [float("nan"), 1.5]})}
    assert list(joined(floats)["alice"]["id"]) == [1.5]


def test_a_null_in_one_column_of_the_key_is_enough(quick):
    both = pa.table({"a": [1, 1], "b": ["x", None]})
    assert len(joined({"alice": both, "bob": both}, on=["a", "b"])["bob"]) == 1


@pytest.mark.parametrize(("how", "expected"), [("left", [None, 1, 2]), ("difference", [None, 1])])
def test_rows_without_a_key_stay_where_rows_without_a_match_do(quick, how, expected):
    tables = {"alice": pa.table({"id": [1, None, 2]}), "bob": pa.table({"id": [None, 2, None]})}
    parts = joined(tables, how=how)
    assert sorted([None if pd.isna(i) else int(i) for i in parts["alice"]["id"]], key=str) == sorted(
        expected, key=str
    )


def test_duplicates_are_an_error_that_counts_them(session):
    tables = {"alice": table([1, 2], "a"), "bob": table([7, 7, 2, 2, 2], "b")}
    with pytest.raises(sf.JoinError, match=r"bob: 3 rows repeat a key that an earlier row has(.|\n)*first"):
        joined(tables)


def test_the_first_of_duplicates(quick):
    tables = {"alice": table([1, 2], "a"), "bob": pd.DataFrame({"id": [2, 1, 2, 1], "b": [0, 1, 2, 3]})}
    parts = joined(tables, duplicates="first")
    assert dict(zip(parts["bob"]["id"], parts["bob"]["b"], strict=True)) == {2: 0, 1: 1}


@pytest.mark.parametrize("how", ["inner", "left", "right"])
def test_all_of_the_duplicates_are_what_pandas_merges(session, how):
    tables = {
        "alice": pd.DataFrame({"id": [1, 2, 2, 3, 3], "a": list("vwxyz")}),
        "bob": pd.DataFrame({"id": [3, 2, 2, 2, 4], "b": list("klmno")}),
    }
    assert rows(joined(tables, how=how, duplicates="all"), how) == merged(tables, how)


def test_all_of_the_duplicates_of_three(quick):
    tables = {
        "alice": pd.DataFrame({"id": [2, 2, 3], "a": list("vwx")}),
        "bob": pd.DataFrame({"id": [3, 2, 2, 2, 4], "b": list("klmno")}),
        "carol": pd.DataFrame({"id": [2, 3, 2], "c": list("pqr")}),
    }
    assert rows(joined(tables, duplicates="all"), "inner") == merged(tables, "inner")


# Bad things.


@pytest.mark.parametrize("parties", [NAMES[:2], NAMES])
def test_no_common_keys_are_tables_without_rows(quick, parties):
    tables = {name: table([10 * number + 1], name) for number, name in enumerate(parties)}
    parts = joined(tables)
    assert {name: (len(part), list(part.columns)) for name, part in parts.items()} == {
        name: (0, ["id", name]) for name in parties
    }


@pytest.mark.parametrize("parties", [NAMES[:2], NAMES])
def test_all_common(quick, parties):
    parts = joined({name: table([1, 2, 3], name) for name in parties})
    assert {tuple(part["id"]) for part in parts.values()} == {tuple(parts["alice"]["id"])}
    assert sorted(parts["alice"]["id"]) == [1, 2, 3]


@pytest.mark.parametrize(("kind", "how"), each_once(KINDS, ["inner", "left", "right", "difference"]))
def test_empty_tables(quick, kind, how):
    for ids in ([], [1]):
        for parties in (NAMES[:2], NAMES):
            tables = {name: table(ids if name == "alice" else [], name, KINDS[kind]) for name in parties}
            expected = len(ids) if how in ("left", "difference") else 0
            assert {len(part) for part in joined(tables, how=how).values()} == {expected}


def test_int_against_text(session):
    tables = {"alice": table([4711], "a"), "bob": table(["4711"], "b")}
    with pytest.raises(sf.JoinError) as caught:
        joined(tables)
    assert 'integer ("id") at alice and text ("id") at bob' in str(caught.value)
    assert "4711" not in str(caught.value)


def test_a_missing_column_and_the_nearest(session):
    tables = {"alice": table([1], "a"), "bob": pd.DataFrame({"idd": [1], "value": [2]})}
    with pytest.raises(sf.JoinError, match=r"bob: there is no column 'id'\n.*nearest column is 'idd'"):
        joined(tables)


def test_a_column_that_cannot_be_a_key(quick):
    nested = pa.table({"id": [[1], [2]]})
    with pytest.raises(sf.JoinError, match=r"alice: a column of type list<.*> cannot be a key"):
        joined({"alice": nested, "bob": table([1], "b")})
    mixed = pd.DataFrame({"id": [1, "4711"]})
    with pytest.raises(sf.JoinError, match=r"alice: key column 'id' holds .*: int, str") as caught:
        joined({"alice": mixed, "bob": table([1], "b")})
    assert "4711" not in str(caught.value)


def test_something_that_is_no_table(quick):
    with pytest.raises(sf.JoinError, match="alice: a list is no table"):
        joined({"alice": [1, 2], "bob": table([1], "b")})


def test_a_task_that_fails(session):
    def load():
        raise ValueError("secret 4711")

    alice = sf.PYU("alice")
    with pytest.raises(sf.RemoteError, match=r"failed at alice: ValueError") as caught:
        join({alice: alice(load)(), sf.PYU("bob"): at("bob", table([1], "b"))}, on="id")
    assert "4711" not in str(caught.value)


def test_what_is_said_wrongly(quick):
    alice, bob, carol = map(sf.PYU, NAMES)
    a, b = at("alice", table([1], "a")), at("bob", table([1], "b"))
    for arguments, error, message in [
        ([{alice: a, bob: b}, "id", "cross"], sf.JoinError, "no join 'cross'"),
        ([{alice: a}, "id"], sf.DeviceError, "two parties or more"),
        ([[a, b], "id"], sf.DeviceError, "a mapping from PYU to table"),
        ([{alice: b, bob: b}, "id"], sf.DeviceError, "does not live there"),
        ([{alice: pd.DataFrame(), bob: b}, "id"], sf.DeviceError, "a DataFrame of the script"),
        ([{alice: a, bob: b}, []], sf.JoinError, "names of columns"),
        ([{alice: a, bob: b}, {alice: "id"}], sf.JoinError, "no columns of bob"),
        ([{alice: a, bob: b}, {alice: "id", bob: ["id", "b"]}], sf.JoinError, "1 at alice, 2 at bob"),
        ([{alice: a, bob: b}, "id", "inner", carol], sf.JoinError, "carol, who is not one"),
        ([{alice: a, bob: b}, "id", "inner", []], sf.JoinError, "nobody"),
        ([{alice: a, bob: b}, "id", "difference", bob], sf.JoinError, "difference has rows of alice only"),
        ([{alice: a, bob: b}, "id", "left_semi", bob], sf.JoinError, "semi join has rows of alice only"),
        ([{alice: a, bob: b, carol: at("carol", table([1], "c"))}, "id", "outer"], sf.JoinError, "a helper"),
        ([{alice: a, bob: b}, "id", "inner", None, "some"], sf.JoinError, "no duplicates='some'"),
        (
            [{alice: a, bob: b}, "id", "inner", alice, "error", {bob: "b.csv"}],
            sf.JoinError,
            "who gets no rows",
        ),
        (
            [{alice: a, bob: b}, "id", "inner", None, "error", {bob: "b.csv"}],
            sf.JoinError,
            "table is in memory",
        ),
    ]:
        with pytest.raises(error, match=message):
            join(*arguments)


@pytest.mark.slow
@pytest.mark.parametrize("names", [NAMES[:2], NAMES])
def test_a_person_sees_every_batch_of_a_join(names, quick, monkeypatch):
    board, works, counts = quick.program.board, [], []

    def noted(work):
        works.append(work)
        return working(work)

    def wait(handles):
        counts.append(works[0].count())
        return waited(handles)

    working, waited = board.working, travel.wait
    monkeypatch.setattr(board, "working", noted)
    monkeypatch.setattr(travel, "wait", wait)
    joined(
        {name: table(range(9000 * number, 9000 * number + 12000), "x") for number, name in enumerate(names)}
    )
    (work,) = works
    assert work.text == "join"
    # Of three parties each set stops at everybody else and then where it is compared.
    steps = {2: 2, 3: 2 + 2 + 3}[len(names)] * len(batch_sizes(12000))
    assert (work.count().done, work.count().total) == (steps, steps)
    assert [each.done for each in counts] == sorted(each.done for each in counts)
    assert len({each.done for each in counts}) > 1, "it is seen while it goes on"
    assert board.look() is None


def test_figures_that_a_join_has_not_got_are_left_out():
    look = Look("join", Count(3, 8, unit="batches"), 6.0, 10.0)
    assert figures(look) == ["3 of 8 batches", "0:10 left"]
