from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import value_tags
from junto.wire.codec import encode
from wire_helpers import PLAIN, forge, from_bytes, round_trip, to_bytes

TEXT = ["a", None, "ü", "", "long" * 9]
DAYS = [dt.date(2020, 2, 29), dt.date(1969, 12, 31)]
FRAME = pd.DataFrame(
    {
        "int": range(5),
        "float": np.linspace(0, 1, 5),
        "uint8": np.arange(5, dtype="u1"),
        "bool": [True] * 5,
        "complex": np.arange(5) * 1j,
        "text": TEXT,
        "category": pd.Categorical(list("abcab"), ordered=True),
        "time": pd.date_range("2020", periods=5),
        "zoned": pd.date_range("2020", periods=5, tz="Europe/Berlin"),
        "utc": pd.date_range("2020", periods=5, tz="UTC"),
        "offset": pd.date_range("2020", periods=5, tz="+02:00"),
        "delta": pd.to_timedelta(range(5), unit="s"),
        "Int64": pd.array([1, None, 3, 4, 5], dtype="Int64"),
        "UInt8": pd.array([1, None, 3, 4, 5], dtype="UInt8"),
        "Float32": pd.array([1, None, 3, 4, 5], dtype="Float32"),
        "boolean": pd.array([True, None, False, True, True], dtype="boolean"),
        "string": pd.array(TEXT, dtype="string"),
        "python": pd.array(TEXT, dtype=pd.StringDtype("python")),
        "object": pd.Series(TEXT, dtype=object),
        "nan": pd.Series(["a", np.nan, "b", "c", "d"], dtype=object),
        "dates": pd.Series([dt.date(1, 1, 1), None, dt.date(9999, 12, 31), *DAYS], dtype=object),
        "truths": pd.Series([True, None, False, True, False], dtype=object),
        "decimals": pd.Series([*map(Decimal, ("1.10", "-0", "1E+400", "NaN")), None], dtype=object),
        "arrow": pd.array([1, None, 3, 4, 5], dtype=pd.ArrowDtype(pa.int32())),
    }
)
INDEXES = [
    pd.RangeIndex(3, 9, 2, name="r"),
    pd.Index([1, 2], name="x"),
    pd.Index(["a", "b"]),
    pd.Index([1.5, None]),
    pd.Index(["a", None], dtype=object),
    pd.Index([1, "a", None], dtype=object),
    pd.Index([], dtype=object),
    pd.Index([(1, 2), "a"], tupleize_cols=False, name=("n", 1)),
    pd.CategoricalIndex(list("aba")),
    pd.date_range("2020", periods=3, freq="2h"),
    pd.date_range("2020", periods=3, freq="MS", tz="Europe/Berlin"),
    pd.to_timedelta([1, 5], unit="s"),
    pd.timedelta_range("1s", periods=3, freq="s"),
    pd.MultiIndex.from_product([["a", "b"], pd.date_range("2020", periods=2)], names=["p", None]),
    pd.Index([1, None], dtype="Int64"),
]


def test_a_frame_arrives_with_every_dtype() -> None:
    arrived = round_trip(FRAME)
    pd.testing.assert_frame_equal(arrived, FRAME)
    assert list(arrived.dtypes) == list(FRAME.dtypes)
    assert arrived["object"].iloc[1] is None
    assert arrived["nan"].isna().iloc[1]
    assert arrived["nan"].iloc[1] is not None


@pytest.mark.parametrize("name", list(FRAME))
def test_a_series_arrives_empty_sliced_and_can_be_changed(name: str) -> None:
    for series in (FRAME[name], FRAME[name].iloc[0:0], FRAME[name].iloc[1:4:2]):
        arrived = round_trip(series)
        pd.testing.assert_series_equal(arrived, series)
        if len(arrived):
            arrived.iloc[0] = arrived.iloc[-1]


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: f"{type(index).__name__}-{index.dtype}")
def test_an_index_arrives_and_serves_as_rows_and_columns(index: Any) -> None:
    arrived = round_trip(index)
    pd.testing.assert_index_equal(arrived, index, exact=True)
    assert getattr(arrived, "freq", None) == getattr(index, "freq", None)
    rows = pd.Series(np.arange(len(index)), index=index, name="values")
    pd.testing.assert_series_equal(round_trip(rows), rows)
    columns = pd.DataFrame(np.arange(2 * len(index)).reshape(2, -1), columns=index)
    pd.testing.assert_frame_equal(round_trip(columns), columns)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame(index=range(5)),
        pd.DataFrame(columns=["a"]),
        pd.DataFrame([[1, 2]] * 2, columns=["a", "a"]),
        pd.DataFrame({0: [1], "x": ["y"]}),
        pd.DataFrame({"a": [1, 2]}, index=["r", "r"]),
    ],
    ids=range(6),
)
def test_frames_of_odd_form_arrive(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(round_trip(frame), frame)


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2020-01-01"),
        pd.Timestamp("2020-01-01 12:00:00.123456789", tz="Europe/Berlin"),
        pd.Timestamp("2020-01-01", tz="UTC"),
        pd.Timedelta("3s"),
        pd.Timedelta(-1, "ns"),
    ],
    ids=str,
)
def test_moments_arrive(value: Any) -> None:
    arrived = round_trip(value)
    assert arrived == value
    assert type(arrived) is type(value)
    assert arrived.unit == value.unit
    assert getattr(arrived, "tz", None) == getattr(value, "tz", None)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NaT, pd.NA], ids=repr)
@pytest.mark.parametrize(
    "items", [["a", ""], DAYS, [True, False], [Decimal("1.10"), Decimal(2)], []], ids=repr
)
def test_columns_of_objects_arrive_with_types_digits_and_what_is_missing(
    items: list[Any], missing: Any
) -> None:
    items = [missing, *items]
    arrived = round_trip(pd.Series(items, dtype=object))
    assert arrived.dtype == object
    assert list(map(type, arrived)) == list(map(type, items))
    assert list(map(str, arrived)) == list(map(str, items))


@pytest.mark.parametrize(
    ("form", "column"),
    [
        ("dates", pa.array([4_000_000], pa.date32())),
        ("dates", pa.array([1], pa.int32())),
        ("truths", pa.array([2], pa.int8())),
        ("truths", pa.array([True])),
        ("decimals", pa.array(["1,5"], pa.large_string())),
        ("decimals", pa.array(["01"], pa.large_string())),
        ("decimals", pa.array(["1" * (value_tags.MAX_DECIMAL_CHARS + 1)], pa.large_string())),
        ("others", pa.array(["1"], pa.large_string())),
    ],
)
def test_a_column_of_objects_that_are_none_of_its_kind_is_refused(form: str, column: Any) -> None:
    output = pa.BufferOutputStream()
    with pa.ipc.new_stream(output, pa.schema([("", column.type)])) as stream:
        stream.write_table(pa.table({"": column}))
    data = output.getvalue().to_pybytes()
    index = ["range", value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 1, value_tags.INT, 1, None]
    with pytest.raises(MalformedBytes):
        from_bytes(forge([value_tags.SERIES, None, *index, form, 0, len(data)], data))


def test_missing_values_are_the_same_objects() -> None:
    assert round_trip(pd.NaT) is pd.NaT
    assert round_trip(pd.NA) is pd.NA


class Derived(pd.DataFrame):
    pass


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": [object()]}),
        pd.DataFrame({"a": [1, "x"]}),
        pd.Series([b"x"]),
        pd.Series([[1]]),
        pd.Series(["a", None, np.nan], dtype=object),
        pd.Series([1.5, "a"], dtype=object),
        Derived({"a": [1]}),
        pd.Series(pd.period_range("2020", periods=2)),
        pd.cut(pd.Series([1, 2]), 2),
        pd.Series(pd.arrays.SparseArray([0, 1])),
        pd.Period("2020"),
        pd.Interval(0, 1),
        pl.Series([object()], dtype=pl.Object),
        pl.Series(["x"], dtype=pl.Enum(["x"])),
        pl.Series([1], dtype=pl.Int128),
        pa.array([b"x" * 16], pa.binary(16)).cast(pa.binary(16)).view(pa.uuid()),
        pa.array(["x"]).cast(pa.string_view()),
        pa.array([{}]),
        pa.RunEndEncodedArray.from_arrays([2], [1]),
        pa.nulls(1_000_000),
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
        pl.DataFrame({"a": [1]}).lazy(),
        pa.schema([]),
        pa.int8(),
        pl.Int8,
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_what_a_table_cannot_keep_is_refused_at_the_sender(value: Any) -> None:
    with pytest.raises(CannotTravel):
        encode(value, PLAIN)


ARROW = pa.table(
    {
        "int": [1, None, 3],
        "text": ["x", None, "z"],
        "list": [[1], None, [2, None]],
        "struct": [{"q": 1}, None, {"q": None}],
        "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int32())),
        "null": pa.nulls(3),
        "fixed": pa.array([[1, 2], None, [3, None]], pa.list_(pa.int8(), 2)),
        "bytes": pa.array([b"12", None, b"34"], pa.binary(2)),
        "deep": [[{"a": 1}, None], None, []],
        "half": np.arange(3, dtype="f2"),
        "time": pa.array([1, 2, None], pa.timestamp("us", "UTC")),
        "large": pa.array([[1], None, [2]], pa.large_list(pa.int8())),
        "bool": [True, None, False],
        "decimal": pa.array([1, None, 3], pa.decimal128(10, 2)),
    }
)


@pytest.mark.parametrize(
    "table",
    [
        ARROW,
        ARROW.slice(1),
        ARROW.slice(1, 1),
        ARROW.slice(3),
        pa.table({}),
        pa.concat_tables([ARROW, ARROW.slice(2)]),
    ],
    ids=range(6),
)
def test_arrow_values_arrive(table: pa.Table) -> None:
    arrived = round_trip(table)
    assert arrived.equals(table)
    assert arrived.schema.equals(table.schema)
    for column in table.columns:
        whole = pa.concat_arrays(column.chunks) if column.chunks else pa.array([], column.type)
        for value in (column, whole):
            back = round_trip(value)
            assert type(back) is type(value)
            assert back.equals(value)
    for batch in table.to_batches():
        assert round_trip(batch).equals(batch)


def test_a_dictionary_keeps_its_type_and_loses_what_no_row_uses() -> None:
    values = pa.array(["SECRET", "a", None, "b"]).dictionary_encode().slice(1)
    assert b"SECRET" not in to_bytes(values)
    arrived = round_trip(values)
    assert arrived.type == values.type
    assert arrived.to_pylist() == ["a", None, "b"]


def test_metadata_stays_at_home() -> None:
    schema = pa.schema(
        [pa.field("a", pa.int64(), metadata={"k": "SECRET"})], metadata={"pandas": '{"SECRET": 1}'}
    )
    table = pa.table({"a": [1]}, schema=schema)
    assert b"SECRET" not in to_bytes(table)
    assert round_trip(table).schema.metadata is None


POLARS = pl.DataFrame(
    {
        "a": [1, None],
        "text": ["a", None],
        "category": pl.Series(["x", "y"], dtype=pl.Categorical),
        "null": [None, None],
        "decimal": pl.Series(["1.5", "2"]).cast(pl.Decimal(10, 2)),
        "list": [[1], None],
        "struct": [{"a": 1}, {"a": None}],
        "moment": [dt.datetime(2020, 1, 1), None],
        "bool": [True, None],
        "bytes": [b"x", None],
        "time": [dt.time(1), None],
        "delta": [dt.timedelta(1), None],
        "array": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int8, 2)),
        "zoned": pl.Series([dt.datetime(2020, 1, 1)] * 2).dt.replace_time_zone("Europe/Berlin"),
        "float": [1.5, None],
    }
)


@pytest.mark.parametrize("frame", [POLARS, POLARS.slice(1), POLARS.clear(), pl.DataFrame()], ids=range(4))
def test_polars_values_arrive(frame: pl.DataFrame) -> None:
    arrived = round_trip(frame)
    assert arrived.schema == frame.schema
    assert arrived.equals(frame)
    for series in frame:
        assert round_trip(series).equals(series, check_names=True, check_dtypes=True)
    unnamed = pl.Series([1, 2])
    assert round_trip(unnamed).equals(unnamed, check_names=True)


MARK = 0x4141414141414141
MASKED = pa.array(np.array([1, MARK, 3]), mask=np.array([False, True, False]))
STRUCTS = pa.StructArray.from_arrays([pa.array([1, MARK, 3])], ["a"], mask=pa.array([False, True, False]))
TEXTS = pa.Array.from_buffers(
    pa.string(),
    3,
    [
        pa.py_buffer(b"\x05"),
        pa.py_buffer(np.array([0, 1, 9, 10], "i4").tobytes()),
        pa.py_buffer(b"xAAAAAAAAy"),
    ],
)
ROWS = [f"AAAA{n}" if n > 1 else f"open{n}" for n in range(1000)]


def with_a_hole(series: pd.Series[Any]) -> pd.Series[Any]:
    series = series.copy()
    series.iloc[1] = pd.NA
    return series


@pytest.mark.parametrize(
    "value",
    [
        MASKED,
        pa.table({"a": MASKED}),
        STRUCTS,
        STRUCTS.slice(0, 2),
        TEXTS,
        pa.ListArray.from_arrays(pa.array([0, 1, 2, 3]), STRUCTS).slice(0, 1),
        with_a_hole(pd.Series([1, MARK, 3], dtype="Int64")),
        pd.DataFrame({"a": MASKED.to_pandas()}),
        pa.array(ROWS).slice(0, 2),
        pa.array([[row] for row in ROWS]).slice(0, 2),
        pa.array([{"a": row} for row in ROWS]).slice(0, 2),
        pa.array([[("k", row)] for row in ROWS], pa.map_(pa.string(), pa.string())).slice(0, 2),
        pa.array([[row] for row in ROWS], pa.list_(pa.string(), 1)).slice(0, 2),
        pa.array(ROWS).dictionary_encode().slice(0, 2),
        pl.Series(ROWS).head(2),
        pl.Series(ROWS, dtype=pl.Categorical).head(2),
        pl.Series([[row] for row in ROWS], dtype=pl.List(pl.Categorical)).head(2),
        pl.DataFrame({"a": [{"b": row} for row in ROWS]}).head(2),
        pd.Series(ROWS).iloc[:2],
        pd.Series(ROWS, dtype="string").iloc[:2],
        pd.Series(ROWS, dtype=object).iloc[:2],
        pd.DataFrame({"a": range(1000)}, index=pd.MultiIndex.from_arrays([ROWS, ROWS])).iloc[:2],
        pd.DataFrame({"a": range(1000)}, index=ROWS).iloc[:2],
        pl.Series(["open", "AAAAAAAAAAAAAAAAAAA"]).set(pl.Series([False, True]), None),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_nothing_travels_but_the_rows_that_are_seen(value: Any) -> None:
    assert b"AAAA" not in to_bytes(value)
