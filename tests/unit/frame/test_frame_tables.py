"""Tables of three libraries at their owner: kinds of columns, types that stay, what is missing."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from frames import LIBRARIES, made_by
from junto.errors import FrameError, ProtocolViolation
from junto.frame import MinMaxScaler, SimpleImputer, StandardScaler, column_functions, summary
from junto.frame.facts import believed, facts
from junto.frame.native_tables import opened
from junto.frame.numeric import array, as_floats, first_fault
from junto.learn import examine
from junto.learn.faults import TableFault

RICH = pl.DataFrame(
    {
        "i": [1, None, 3],
        "f": [1.0, float("nan"), None],
        "s": ["a", None, "b"],
        "t": [True, None, False],
        "day": [dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)],
        "at": [dt.datetime(2020, 1, 1), None, dt.datetime(2021, 1, 1)],
        "many": [[1], [2], None],
    }
).with_columns(
    c=pl.col("s").cast(pl.Categorical),
    e=pl.col("s").cast(pl.Enum(["a", "b"])),
    d=pl.col("i").cast(pl.Decimal(10, 2)),
    u=pl.col("i").cast(pl.UInt8),
    small=pl.col("f").cast(pl.Float32),
)
KINDS = {
    "i": "number", "f": "number", "s": "text", "t": "truth", "day": "time", "at": "time", "many": "other",
    "c": "text", "e": "text", "d": "number", "u": "number", "small": "number",
}  # fmt: skip


@pytest.mark.parametrize("native", [RICH, RICH.to_arrow()], ids=["polars", "arrow"])
def test_columns_of_every_type_are_known_by_kind_and_stay_as_they_are(native):
    table = opened(native)
    assert dict(zip(table.names, table.kinds(), strict=True)) == KINDS
    same = table.with_columns({"new": table.column("i")})
    assert opened(same).dtypes == [*table.dtypes, table.dtypes[0]]
    assert repr(opened(same).select(table.names)) == repr(native)
    turned = opened(table.take(np.array([2, 0])))
    assert turned.dtypes == table.dtypes
    assert turned.column("i").tolist() == [3, 1]


@pytest.mark.parametrize("native", [RICH, RICH.to_arrow()], ids=["polars", "arrow"])
def test_a_column_that_is_put_back_keeps_its_type(native):
    table = opened(native)
    names = table.names
    again = opened(table.with_columns({name: table.column(name) for name in names}))
    assert again.names == names
    short = [
        [dtype[:9].replace("Enum(cate", "Categoric") for dtype in each.dtypes] for each in (again, table)
    ]
    assert short[0] == short[1]
    assert [table.column(name).isna().tolist() for name in names] == [
        again.column(name).isna().tolist() for name in names
    ]


@pytest.mark.parametrize("library", LIBRARIES)
def test_whole_numbers_beside_nulls_stay_whole(library):
    table = pd.DataFrame({"i": pd.array([2**60 + 1, None], "Int64"), "t": pd.array([True, None], "boolean")})
    column = opened(made_by(library, table)).column("i")
    assert column[0] == 2**60 + 1
    assert column.isna().tolist() == [False, True]
    assert opened(made_by(library, table)).column("t").isna().tolist() == [False, True]


def test_the_index_of_pandas_stays_with_its_rows():
    table = pd.DataFrame({"a": [1, 2, 3]}, index=["x", "y", "z"])
    assert opened(table).take(np.array([2, 0])).index.tolist() == ["z", "x"]
    assert opened(table).with_columns({"b": opened(table).column("a") * 2}).index.tolist() == ["x", "y", "z"]


def test_text_in_arrow_stays_as_wide_as_it_was():
    table = opened(pa.table({"s": pa.array(["a", None])}))
    filled = opened(table.with_columns({"s": table.column("s").fillna("b")}))
    assert filled.dtypes == ["string"]
    assert filled.column("s").tolist() == ["a", "b"]


@pytest.mark.parametrize("native", [[1, 2], {"a": [1]}, None, np.ones(3), pd.Series([1])], ids=str)
def test_what_is_no_table_is_refused(native):
    with pytest.raises(FrameError, match="is no table"):
        opened(native)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pd.DataFrame({0: [1]}), "no text"),
        (pd.DataFrame({"": [1]}), "no name.*index=False"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "same name"),
        (pa.table([[1], [2]], names=["a", "a"]), "same name"),
        ("text", "a str is no table"),
    ],
)
def test_a_table_that_cannot_be_used_says_why_and_nothing_else(table, says):
    told = facts(table)
    assert told["columns"] == []
    with pytest.raises(FrameError, match=says):
        believed("alice", told)


GOOD = {"columns": [["a", "int64", "number"]], "rows": 3, "problem": ""}


def test_facts_are_believed_if_they_make_sense():
    assert believed("alice", GOOD).names == ("a",)


@pytest.mark.parametrize(
    "wrong",
    [
        None, [], {}, {**GOOD, "rows": -1}, {**GOOD, "rows": True}, {**GOOD, "rows": 1 << 60},
        {**GOOD, "columns": [["a", "int64", "gold"]]}, {**GOOD, "columns": [["a", "int64"]]},
        {**GOOD, "columns": [["a" * 1001, "int64", "number"]]}, {**GOOD, "columns": (("a",),)},
        {**GOOD, "problem": None}, {**GOOD, "more": 1}, {**GOOD, "columns": [[1, 2, "number"]]},
        {**GOOD, "columns": [["a", "int64", "number"]] * 2},
    ],
    ids=str,
)  # fmt: skip
def test_facts_of_a_peer_are_checked(wrong):
    with pytest.raises(ProtocolViolation, match="alice"):
        believed("alice", wrong)


@pytest.mark.parametrize("library", LIBRARIES)
def test_numbers_as_arrays(library):
    table = pd.DataFrame({"a": [2**60 + 1, 2], "t": [True, False]})
    assert array(made_by(library, table)).tolist() == [[2.0**60, 1], [2, 0]]
    assert array(made_by(library, table), "int64").tolist() == [[2**60 + 1, 1], [2, 0]]
    assert array(made_by(library, table), "float32").dtype == np.float32


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("values", "fault"),
    [([1.0, 2.0], []), ([1.0, np.nan], ["b", "missing"]), ([np.inf, 1.0], ["b", "infinite"])],
    ids=str,
)
def test_faults_of_columns_are_found(library, values, fault):
    assert first_fault(made_by(library, pd.DataFrame({"a": [1, 2], "b": values}))) == fault


@pytest.mark.parametrize(
    "native",
    [
        pl.DataFrame({"s": pl.Series([None, None], dtype=pl.String)}),
        pa.table({"s": pa.array([None, None], pa.string())}),
        pd.DataFrame({"s": pd.Series([None, None], dtype="str")}),
    ],
    ids=["polars", "arrow", "pandas"],
)
def test_a_column_of_nothing_keeps_its_type_and_takes_what_is_missing(native):
    before = opened(native).dtypes
    replaced = column_functions.replace(native, {"s": {"x": "new"}})
    assert opened(replaced).dtypes == before
    filled = column_functions.fillna(replaced, {"s": "none"})
    assert list(opened(filled).column("s")) == ["none", "none"]
    assert opened(filled).dtypes == before


@pytest.mark.parametrize("native", [pl.DataFrame({"s": [None, None]}), pa.table({"s": pa.nulls(2)})])
@pytest.mark.parametrize("value", ["none", 7, 0.5, True])
def test_a_column_of_no_type_takes_any_value(native, value):
    assert list(opened(column_functions.fillna(native, {"s": value})).column("s")) == [value, value]


@pytest.mark.parametrize("made", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_column_that_holds_one_of_the_values_is_replaced(made):
    replaced = column_functions.replace(made({"s": ["a", None, "b"]}), {"s": {"a": "c", "z": "y"}})
    assert [None if pd.isna(each) else each for each in opened(replaced).column("s")] == ["c", None, "b"]


def test_nothing_is_replaced_as_pandas_does_it():
    table = pd.DataFrame({"f": [1.0, np.nan]})
    assert list(column_functions.replace(table, {"f": {np.nan: 2.0}})["f"]) == [1.0, 2.0]


OBJECTS = {
    "decimals": [Decimal("1.25"), Decimal(-3), Decimal("1e6"), Decimal("0.1")],
    "decimals with gaps": [Decimal("19.99"), None, Decimal("0.01"), None],
    "whole": [1, 2**40, -3, 0],
    "whole with gaps": [1, None, -3, pd.NA],
    "of both kinds": [1, 2.5, -3, np.float32(0.5)],
    "truth": [True, False, True, True],
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_numbers_are_numbers_whatever_holds_them(kind):
    """Python's own, which pandas has as objects: all that takes numbers takes them as the floats they are."""
    given = pd.DataFrame({"n": pd.Series(OBJECTS[kind], dtype=object)})
    floats = [np.nan if pd.isna(each) else float(each) for each in OBJECTS[kind]]
    plain = pd.DataFrame({"n": floats})
    assert opened(given).kinds() == ["truth" if kind == "truth" else "number"]
    assert as_floats(given["n"]).tolist() == pytest.approx(floats, nan_ok=True)
    assert examine.matrix(given, gaps=True)[1][:, 0].tolist() == pytest.approx(floats, nan_ok=True)
    assert examine.matrix(given["n"].to_numpy()[:, None], gaps=True)[1].shape == (4, 1)
    for statistic in (summary.total, summary.mean, summary.std, summary.least, summary.greatest):
        assert statistic(given)["n"] == pytest.approx(statistic(plain)["n"])
    if kind != "truth":  # of which there are no quantiles
        assert summary.quantile(given, 0.3)["n"] == pytest.approx(plain["n"].quantile(0.3))
        for table in (given, pa.table({"n": pa.array(OBJECTS[kind])}) if "decimals" in kind else given):
            assert summary.describe(table)["n"].tolist() == pytest.approx(plain["n"].describe().tolist())
    for rule in (StandardScaler(), MinMaxScaler(), SimpleImputer(), SimpleImputer(strategy="median")):
        learned, wanted = rule._learn(given["n"]), rule._learn(plain["n"])
        assert learned == pytest.approx(wanted)
        made = rule._apply(given["n"], learned)["n"]
        assert as_floats(made) == pytest.approx(as_floats(rule._apply(plain["n"], wanted)["n"]), nan_ok=True)


@pytest.mark.parametrize("values", [[1, "a"], [Decimal(1), "1"], [1j, 2], [None] * 2, [[1], [2]], ["1", "2"]])
def test_what_is_no_number_beside_numbers_makes_no_numbers(values):
    given = pd.DataFrame({"n": pd.Series(values, dtype=object)})
    assert opened(given).kinds()[0] not in ("number", "truth")
    with pytest.raises(TableFault, match="text"):
        examine.matrix(given, gaps=True)


def test_whole_numbers_that_are_objects_keep_their_digits():
    given = pd.DataFrame({"n": pd.Series([2**60, 1, None], dtype=object)})
    assert int(summary.total(given)["n"]) == 2**60 + 1  # as a float it would be equal


def test_a_kind_is_that_of_all_rows():
    given = pd.DataFrame({"n": pd.Series([1] * 200 + ["a"], dtype=object)})
    assert opened(given).kinds() == ["text"]
