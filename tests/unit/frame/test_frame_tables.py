"""Tables of three libraries at their owner: kinds of columns, types that stay, what is missing."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from frames import LIBRARIES, made_by
from junto.errors import FrameError, ProtocolViolation
from junto.frame import column_functions
from junto.frame.facts import believed, facts
from junto.frame.native_tables import opened
from junto.frame.numeric import array, first_fault

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
        (pd.DataFrame({"": [1]}), "no text"),
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
