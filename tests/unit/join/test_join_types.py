"""Every type that Arrow has, as key and beside it: an answer that is right, or a sentence."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal
from pathlib import PurePosixPath
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

import junto as sf
from junto.errors import CannotTravel
from junto.frame import align
from junto.join import join, kinds
from junto.join.join_tables import take_arrow
from junto.join.keys import digests
from junto.join.kinds import kind_of
from junto.join.lookup import _as_table as lookup_as_table
from junto.join.outputs import require_writable
from wire_helpers import from_bytes, to_bytes

PAIR = ["alice", "bob"]
DAYS = [datetime.datetime(2020, 1, 1, 5), datetime.datetime(1960, 1, 1)]
MONEY, RAW = [Decimal("1.10"), Decimal("-20.00")], [b"ab", b"\x00\xff"]
UNITS = ("s", "ms", "us", "ns")
TIMES = [datetime.time(1, 2), datetime.time(23, 59, 59)]


def stored(kind, values):
    return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))


def every_type():
    """An array of two different values of each type, by name."""
    text, small = ["a", "b"], pa.int8()
    plain = [
        *((kind, [1, 2]) for kind in (small, pa.int16(), pa.int32(), pa.int64())),
        *((kind, [1, 2]) for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())),
        *((kind, [0.5, -1.0]) for kind in (pa.float32(), pa.float64())),
        *((kind, MONEY) for kind in (pa.decimal128(20, 2), pa.decimal256(50, 2))),
        *((kind, text) for kind in (pa.string(), pa.large_string(), pa.string_view())),
        *((kind, RAW) for kind in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2))),
        *((kind, [day.date() for day in DAYS]) for kind in (pa.date32(), pa.date64())),
        *((kind, TIMES) for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))),
        *((pa.timestamp(unit), DAYS) for unit in UNITS),
        *((pa.timestamp(unit, "Asia/Tokyo"), DAYS) for unit in UNITS),
        *((pa.duration(unit), [datetime.timedelta(1), datetime.timedelta(-2)]) for unit in UNITS),
        *((kind, [[1, 2], [3, 4]]) for kind in (pa.list_(small), pa.large_list(small), pa.list_(small, 2))),
        *((kind, [[1], [2]]) for kind in (pa.list_view(small), pa.large_list_view(small))),
        (pa.list_(pa.string_view()), [["a"], ["b"]]),
        (pa.bool_(), [True, False]),
        (pa.month_day_nano_interval(), [(1, 2, 3), (2, 3, 4)]),
        (pa.map_(pa.string(), small), [[("a", 1)], [("b", 2)]]),
        (pa.struct([("a", small)]), [{"a": 1}, {"a": 2}]),
        (pa.dictionary(small, pa.string()), text),
        (pa.dictionary(pa.int32(), pa.int64()), [1, 2]),
    ]  # fmt: skip
    found = {str(kind): pa.array(values, kind) for kind, values in plain}
    found |= {
        "null": pa.nulls(2),
        "half": pa.array(np.array([1, 2], np.float16)),
        "dictionary of views": pa.DictionaryArray.from_arrays(
            pa.array([0, 1], small), pa.array(text, pa.string_view())
        ),
        "runs": compute.run_end_encode(pa.array(text), pa.int16()),
        "runs of numbers": compute.run_end_encode(pa.array([1, 2])),
        "dense union": pa.UnionArray.from_dense(
            pa.array([0, 1], small), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["a"])]
        ),
        "sparse union": pa.UnionArray.from_sparse(
            pa.array([0, 1], small), [pa.array([1, 2]), pa.array(text)]
        ),
    }  # fmt: skip
    extensions = [("uuid", [b"a" * 16, b"b" * 16]), ("json_", ["1", "2"]), ("bool8", [1, 0])]
    for name, values in extensions:
        if hasattr(pa, name):
            found[name] = stored(getattr(pa, name)(), values)
    found["tensor"] = stored(pa.fixed_shape_tensor(small, [2]), [[1, 2], [3, 4]])
    return found


TYPES = every_type()
UNIONS, RUNS = {"dense union", "sparse union"}, {"runs", "runs of numbers"}
TRAVEL = {pa.string(), pa.large_string(), pa.int64(), pa.float64(), pa.date32(), pa.binary(), pa.bool_()}
TEXT = ("null", "half", "bool", "int", "uint", "float", "double", "decimal", "string", "large_string", "runs")
TIME = ("date", "time", "dictionary")
NO_FORM = {
    ".arrow": set(),
    ".parquet": UNIONS | RUNS | {"month_day_nano_interval", "dictionary of views"},
    ".csv": {name for name in TYPES if not name.startswith(TEXT + TIME) or name == "bool8"},
}


@pytest.fixture(scope="module")
def parties():
    with sf.Session(PAIR, debug_mode=True, logging_level="error"):
        yield list(map(sf.PYU, PAIR))


def rows(table):
    return sorted(map(repr, table.to_pylist()))


@pytest.mark.parametrize("name", TYPES)
def test_as_key(parties, name):
    alice, bob = parties
    column = TYPES[name]
    ours, theirs = pa.table({"k": column}), pa.table({"k": column[1:]})
    try:
        kind = kind_of(column.type)
    except sf.JoinError:
        kind = ""
    handles = {alice: alice(lambda: ours)(), bob: bob(lambda: theirs)()}
    if not kind:
        with pytest.raises(sf.JoinError, match=r"alice: a column of type .* cannot be a key"):
            join(handles, on="k")
        return
    seen = []
    result = join(handles, on="k")
    sf.wait(alice(seen.append)(result[alice]))
    assert result.rows == (0 if name == "null" else 1)
    assert seen[0].schema == ours.schema
    assert seen[0].to_pylist() == ours.to_pylist()[1:] or name == "null"


def test_beside_a_key(parties):
    alice, bob = parties
    table = pa.table({"n": [1, 2], **TYPES})
    handles = {alice: alice(lambda: table)(), bob: bob(lambda: pd.DataFrame({"n": [2, 3]}))()}
    wanted = [*table.to_pylist()[1:], dict.fromkeys(table.column_names)]
    seen = []
    sf.wait(alice(seen.append)(join(handles, on="n", how="right")[alice]))
    assert rows(seen[0]) == sorted(map(repr, wanted))
    assert seen[0].schema == table.schema
    assert align(handles, on="n").head(1).dtypes == {name: str(each.type) for name, each in TYPES.items()}


@pytest.mark.parametrize("name", TYPES)
def test_between_silos(name):
    table = pa.table({"beside": TYPES[name]})
    try:
        raw = to_bytes(table)
    except CannotTravel:
        assert TYPES[name].type not in TRAVEL
    else:
        assert rows(from_bytes(raw)) == rows(table)


def encoded(column):
    """The same values as a dictionary, and as runs; and with both of the layouts in chunks that differ."""
    whole = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), column)
    yield whole
    yield pa.chunked_array([whole[:1], whole[1:]])
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([1, 3], pa.int16()), column)
    yield runs[:2]
    yield pa.chunked_array([runs[:1], runs[2:]])
    yield pa.chunked_array([], whole.type)


@pytest.mark.parametrize("name", TYPES)
def test_what_encodes_values_of_a_type_is_the_type(parties, name):
    """Of each type dictionaries and runs, in chunks: a key exactly if the type is, and taken row by row."""
    plain = TYPES[name]
    try:
        kind = kind_of(plain.type)
    except sf.JoinError:
        kind = ""
    for column in encoded(plain):
        reading = kinds.KeyColumns(["k"], [""], False)
        values = plain.to_pylist() if len(column) else []
        if kind:
            assert kinds.flat(column).to_pylist() == kinds.flat(plain).to_pylist()[: len(column)]
            assert len(digests(reading.read([column]))[0]) == len(column)
            assert reading.kinds() == [kind]
        else:
            with pytest.raises(sf.JoinError, match="cannot be a key"):
                reading.read([column])
        wanted = np.array([1, -1, 0, 0] if len(column) else [-1])
        taken = take_arrow(pa.table({"v": column}), wanted)
        assert taken.schema.types == [column.type]
        assert taken.column(0).to_pylist() == [None if each < 0 else values[each] for each in wanted]


def test_more_rows_are_taken_than_an_end_of_a_run_can_count():
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int16()), pa.array(["a", "b"]))
    wanted = np.arange(100_000) % 3 - 1
    found = take_arrow(pa.table({"v": runs}), wanted).column(0).to_pylist()
    assert found == [[None, "a", "b"][each + 1] for each in wanted]


def in_file(parties, columns, ending, folder):
    alice, bob = parties
    table = pa.table({"n": [1, 2], **columns})
    with pa.ipc.new_file(folder / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    paths = {alice: str(folder / "a.arrow"), bob: bob(lambda: pa.table({"n": [2, 1]}))()}
    out = folder / f"out{ending}"
    join(paths, on="n", output={alice: str(out)})
    return table, out


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".csv"])
def test_in_files(parties, ending, tmp_path):
    fine = {name: each for name, each in TYPES.items() if name not in NO_FORM[ending]}
    table, out = in_file(parties, fine, ending, tmp_path)
    if ending == ".csv":
        found = pd.read_csv(out, dtype=str)
        assert len(found) == 2
        assert list(found) == table.column_names
        return
    found = parquet.read_table(out) if ending == ".parquet" else feather.read_table(out, memory_map=False)
    assert rows(found) == rows(table)
    for name in NO_FORM[ending]:
        with pytest.raises(sf.JoinError, match=f"a {ending} file has no form for column '{name}'"):
            require_writable(pa.table({name: TYPES[name]}).schema, str(out))


def read_back(table):
    sink = io.BytesIO()
    try:
        parquet.write_table(table, sink)
        return parquet.read_table(io.BytesIO(sink.getvalue())).to_pylist()
    except pa.ArrowException:
        return None


@pytest.mark.parametrize("name", TYPES)
def test_a_dictionary_has_a_form_exactly_if_it_is_read_back(name):
    table = pa.table({"d": next(encoded(TYPES[name]))})
    if read_back(table) == table.to_pylist():
        require_writable(table.schema, "out.parquet")
        return
    with pytest.raises(sf.JoinError, match=r"a \.parquet file has no form"):
        require_writable(table.schema, "out.parquet")


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_a_type_that_a_file_cannot_hold_is_refused_before_the_join(parties, ending, tmp_path):
    with pytest.raises(sf.JoinError, match=f"alice: a {ending} file has no form for column 'beside'"):
        in_file(parties, {"beside": TYPES["sparse union"]}, ending, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.arrow"]


# What is said of keys.

AGREE = [
    # what alice's file holds, what bob has, on, the rows in common or what is said
    (["1", "2"], ["2", "3"], "k", 1),
    (["1", "2"], [2, 3], "k", 1),
    (["1", "02"], [2, 3], "k", "text of a CSV file .* at alice and integer .* at bob"),
    (["1", "02"], [2, 3], {"k": str}, 0),
    (["1", "02"], [2, 3], {"k": int}, "alice: key column 'k' holds text that is no integer"),
    (["1", "2"], ["2", "3x"], "k", 1),
    (["1", "9223372036854775808"], [1], "k", "text of a CSV file"),
    (["-9223372036854775808"], [-(2**63)], "k", 1),
    (["1", "2"], [2.0], "k", "whole numbers of a CSV file .* floating point"),
    (["1", "2"], [2.0], {"k": str}, "bob: key column 'k' is floating point, which is not read as text"),
    (["2020-01-02"], [datetime.date(2020, 1, 2)], "k", "date"),
    (["2020-01-02"], [datetime.date(2020, 1, 2)], {"k": datetime.date}, 1),
    (["2020-01-02"], [datetime.date(2020, 1, 2)], {"k": str}, 1),
    (["2020-1-2"], [datetime.date(2020, 1, 2)], {"k": datetime.date}, "no date"),
    (["2020-02-30"], [datetime.date(2020, 1, 2)], {"k": datetime.date}, "no date"),
    (["2020-01-02 03:04:05"], [datetime.datetime(2020, 1, 2, 3, 4, 5)], {"k": datetime.datetime}, 1),
    (["2020-01-02T03:04:05.5"], [datetime.datetime(2020, 1, 2, 3, 4, 5)], {"k": datetime.datetime}, 0),
    (["1.10", "2"], [Decimal("1.1")], {"k": Decimal}, 1),
    (["1.10", "2"], [2], {"k": Decimal}, 1),
    (["1,1"], [Decimal("1.1")], {"k": Decimal}, "no decimal"),
    (["true"], [True], "k", "boolean"),
    (["7", ""], ["7", "x"], "k", 1),
    ([], [1], "k", 0),
    (["x"], [], "k", 0),
]


@pytest.mark.parametrize(("written", "held", "on", "outcome"), AGREE)
def test_what_is_compared_as_what(parties, tmp_path, written, held, on, outcome):
    alice, bob = parties
    path = tmp_path / "a.csv"
    path.write_text("k,v\n" + "".join(f'"{text}",1\n' if text else ",1\n" for text in written))
    handles = {alice: str(path), bob: bob(lambda: pa.table({"k": pa.array(held)}))()}
    if isinstance(outcome, int):
        assert join(handles, on=on).rows == outcome
        return
    with pytest.raises(sf.JoinError, match=outcome):
        join(handles, on=on)


DAY_HELD, NOON = datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 12)
MIDNIGHT = datetime.datetime(2020, 1, 2)
EXACT = [
    # what is held, the type that is said, what it is compared as; None: it is refused
    *[
        (pa.array([MIDNIGHT, None], pa.timestamp(unit)), datetime.date, [DAY_HELD, None])
        for unit in ("s", "ms", "us", "ns")
    ],
    (pa.array([datetime.datetime(1931, 5, 6)]), datetime.date, [datetime.date(1931, 5, 6)]),
    (pa.array([MIDNIGHT, NOON]), datetime.date, None),
    (pa.array([MIDNIGHT + datetime.timedelta(microseconds=1)]), datetime.date, None),
    (pa.array([MIDNIGHT], pa.timestamp("us", "UTC")), datetime.date, None),
    *[
        (pa.array([DAY_HELD, None], kind), datetime.datetime, [MIDNIGHT, None])
        for kind in (pa.date32(), pa.date64())
    ],
    *[
        (pa.array([3.0, None, np.nan, -0.0], kind), int, [3, None, None, 0])
        for kind in (pa.float64(), pa.float32())
    ],
    (pa.array([3.5]), int, None), (pa.array([2.0**53]), int, None), (pa.array([np.inf]), int, None),
    (pa.array([Decimal("3.00"), None]), int, [3, None]), (pa.array([Decimal("3.01")]), int, None),
    (pa.array([Decimal(2**63)]), int, None), (pa.array([3, None]), Decimal, [Decimal(3), None]),
    (pa.array([True]), int, None), (pa.array([b"3"]), int, None), (pa.array([3.0]), Decimal, None),
    (pa.array(["+3"]), int, None), (pa.array(["0x3"]), int, None), (pa.array(["-0"]), int, None),
    (pa.array([" 3"]), int, None),
    (pa.array(["-3", None], pa.large_string()), int, [-3, None]), (pa.array([str(2**63)]), int, None),
]  # fmt: skip


@pytest.mark.parametrize(("held", "said", "compared"), EXACT)
def test_a_type_that_is_said_takes_each_value_that_is_the_same_there(held, said, compared):
    columns = kinds.KeyColumns(["k"], [kinds.TYPES[said]], False)
    if compared is None:
        with pytest.raises(sf.JoinError, match=r"key column|a key column") as caught:
            columns.read([held])
        assert caught.value.fix
        return
    assert columns.read([held])[0].to_pylist() == compared
    assert columns.kinds() == [kinds.TYPES[said]]


KIND_EXAMPLES = {
    "text": pa.array(["5"]),
    "integer": pa.array([5]),
    "date": pa.array([DAY_HELD]),
    "timestamp": pa.array([MIDNIGHT]),
    "timestamp with time zone": pa.array([MIDNIGHT], pa.timestamp("us", "UTC")),
    "decimal": pa.array([Decimal(5)]),
    "floating point": pa.array([5.0]),
    "boolean": pa.array([True]),
    "bytes": pa.array([b"5"]),
    "duration": pa.array([datetime.timedelta(1)]),
}


@pytest.mark.parametrize("ours", KIND_EXAMPLES)
def test_what_is_advised_for_different_kinds_is_what_can_be_said(ours):
    for theirs in set(KIND_EXAMPLES) - {ours}:
        named = kinds.readable_as([ours, theirs, "null"])
        for said, kind in kinds.TYPES.items():
            can = True
            for each in (ours, theirs):
                try:
                    kinds.KeyColumns(["k"], [kind], False).read([KIND_EXAMPLES[each]])
                except sf.JoinError as error:  # of a value, such as "5" for a day, is another matter
                    can &= "which is not read as" not in error.message
            assert any(name.endswith(said.__name__) for name in named) == can, (ours, theirs, said)
    assert kinds.readable_as([kinds.WRITTEN_INTEGERS, "floating point"]) == ["int"]


def test_the_advice_is_typed_as_it_stands(parties):
    alice, bob = parties
    tables = {
        party: party(lambda each=each: pa.table({"k": each}))()
        for party, each in ((alice, pa.array([3, 4])), (bob, pa.array([4.0, 5.0])))
    }
    with pytest.raises(sf.JoinError, match="no key of one can equal") as caught:
        join(tables, on="k")
    assert caught.value.fix.startswith('say as what all are to be compared: on={"k": int}; or cast')
    assert join(tables, on={"k": int}).rows == 1


def test_days_and_midnights_match_as_in_pandas(parties):
    alice, bob = parties
    days = pd.Series(pd.date_range("1969-12-30", periods=5))
    one, other = pd.DataFrame({"k": days, "v": range(5)}), pd.DataFrame({"k": days[1:4], "w": [7, 8, 9]})
    dates = pa.table({"k": pa.array(other["k"]).cast(pa.date32()), "w": other["w"]})
    joined = join({alice: alice(lambda: one)(), bob: bob(lambda: dates)()}, on={"k": datetime.date})
    found = pd.concat([sf.reveal(joined[alice]), sf.reveal(joined[bob]).to_pandas()["w"]], axis=1)
    found = found.sort_values("k", ignore_index=True)
    pd.testing.assert_frame_equal(found, one.merge(other, on="k"), check_dtype=False)


def test_types_by_party_and_of_composite_keys(parties, tmp_path):
    alice, bob = parties
    path = tmp_path / "a.csv"
    path.write_text("name,born,v\nann,1990-01-02,1\n007,1990-01-03,2\n")
    table = pd.DataFrame({"who": ["ann", "7"], "day": [datetime.date(1990, 1, 2), datetime.date(1990, 1, 3)]})
    handles = {alice: str(path), bob: bob(lambda: table)()}
    for ours, theirs in [
        ({"name": str, "born": datetime.date}, ["who", "day"]),
        (["name", "born"], {"who": None, "day": datetime.date}),
        ({"name": str, "born": None}, {"who": str, "day": datetime.date}),
    ]:
        seen = []
        sf.wait(alice(seen.append)(join(handles, on={alice: ours, "bob": theirs})[alice]))
        (part,) = seen
        assert part["v"].tolist() == [1]
        assert part["born"].tolist() == [datetime.date(1990, 1, 2)]


@pytest.mark.parametrize(
    ("on", "says"),
    [
        (0, "on takes names of columns, which are text"),
        (None, "on takes names"),
        (["k", 0], "on takes names"),
        (b"k", "on takes names"),
        ([], "on takes names"),
        ({"k": float}, "on says a type that no key can be read as"),
        ({"k": 0}, "on names no columns of alice, bob"),
        ({"alice": {"k": str}, "bob": {"k": int}}, "on says integer and text of the same part"),
        ({"alice": {"k": 5}, "bob": "k"}, "on says a type"),
        (["k", "k"], "on names a column twice"),
    ],
)
def test_what_on_cannot_be(parties, on, says):
    alice, bob = parties
    handles = {party: party(lambda: pd.DataFrame({"k": [1], 0: [2]}))() for party in (alice, bob)}
    with pytest.raises(sf.JoinError, match=says):
        join(handles, on=on)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"how": ["inner"]}, "no join"),
        ({"duplicates": []}, "no duplicates"),
        ({"to": 5}, "names no party"),
        ({"output": "out.csv"}, "output is no mapping"),
        ({"output": {"alice": 5}}, "output names no path of alice"),
    ],
)
def test_what_else_cannot_be(parties, options, says):
    alice, bob = parties
    handles = {party: party(lambda: pd.DataFrame({"k": [1]}))() for party in (alice, bob)}
    with pytest.raises(sf.JoinError, match=says):
        join(handles, on="k", **options)


@pytest.mark.parametrize(("kind", "most"), [(pa.float64(), 2.0**53), (pa.float32(), 2.0**24)])
def test_floats_that_stand_for_several_whole_numbers_are_no_keys(parties, kind, most):
    alice, bob = parties
    for value, fine in [(most - 1, True), (most, False), (-most, False), (float("inf"), False)]:
        table = pa.table({"k": pa.array([value, None], kind)})
        handles = {party: party(lambda t=table: t)() for party in (alice, bob)}
        if fine:
            assert join(handles, on="k").rows == 1
            continue
        with pytest.raises(sf.JoinError, match="so large that different ones would be taken for one"):
            join(handles, on="k")


DAY, ZONE = datetime.datetime(2020, 1, 1, 5), datetime.timezone(datetime.timedelta(hours=9))
MIXED = [
    [b"a", "a"],
    ["a", b"a"],
    [DAY.date(), DAY],
    [DAY, DAY.date()],
    [DAY, DAY.replace(tzinfo=datetime.UTC)],
    [DAY.replace(tzinfo=ZONE), DAY],
    [datetime.time(1), datetime.time(1, tzinfo=ZONE)],
    [datetime.time(1, tzinfo=ZONE), None],
    [np.datetime64("2020-01-01"), DAY],
    [1, "1"],
    [1, True],
    [True, 1],
    [2**53 + 1, 1.0],
    [2**63, -1],
    [Decimal("1.5"), 1.5],
    [UUID(int=1), UUID(int=1).bytes],
    [UUID(int=1), "sixteen letters!"],
    [UUID(int=1), "1"],
]
ALIKE = [
    ["a", None, "b"],
    [b"a", None, b"b"],
    [1, None, 2],
    [np.int8(1), 2],
    [DAY.date(), None],
    [DAY, pd.NaT],
    [DAY.replace(tzinfo=ZONE), DAY.replace(tzinfo=datetime.UTC), pd.NaT],
    [datetime.time(1), datetime.time(2)],
    [Decimal("1.5"), Decimal(1), 2],
    ["a", float("nan")],
    [UUID(int=1), None, UUID(int=2**127)],
]


def held(values):
    """A column of such Python objects, in all that can hold them."""
    yield pd.DataFrame({"k": pd.Series(values, dtype=object)})
    if isinstance(values[0], str | bytes):
        said = [each for each in values if isinstance(each, str | bytes)]
        yield pd.DataFrame({"k": pd.Series(values, dtype=object).astype(pd.CategoricalDtype(said))})
    yield pl.DataFrame({"k": pl.Series(values, dtype=pl.Object)})


def named(value):
    return type(value).__name__ + (" with a time zone" if getattr(value, "tzinfo", None) else "")


@pytest.mark.parametrize("values", MIXED, ids=repr)
def test_objects_of_different_types_are_no_keys(parties, values):
    """Arrow would take one for the other; so it is refused, of a table as of what a function makes."""
    alice, bob = parties
    types = sorted({named(each) for each in values if each is not None})
    says = f"holds values of more than one type: {', '.join(types)}"
    if len(types) == 1:
        says = f"holds values of type {types[0]}, of which one cannot be a key"
    for table in held(values):
        with pytest.raises(sf.JoinError, match=f"alice: key column 'k' {says}"):
            join({party: party(lambda t=table: t)() for party in parties}, on="k")
    numbered = {party: party(lambda: pa.table({"k": [0, 1]}))() for party in parties}
    with pytest.raises(sf.JoinError, match=f"what key gives {says}"):
        join(numbered, on="k", key={alice: values.__getitem__, bob: values.__getitem__})
    for ids in (values, pd.Series(values, dtype=object), pl.Series(values, dtype=pl.Object)):
        with pytest.raises(sf.JoinError, match=f"key column 'k' {says}"):
            sf.wait(lookup_as_table(ids, ("k",)))


@pytest.mark.parametrize("values", ALIKE, ids=repr)
def test_objects_of_one_type_are_keys_and_equal_as_in_python(parties, values):
    there = [each for each in values if each is not None and each == each]
    pairs = sum(one == other for one in there for other in there)
    for table in held(values):
        handles = {party: party(lambda t=table: t)() for party in parties}
        assert join(handles, on="k", duplicates="all").rows == pairs


NO_KEYS = {
    "Int128": pl.Series([1, 2], dtype=pl.Int128),
    "complex128": pd.Series([1j, 2]),
    "Sparse": pd.Series(pd.arrays.SparseArray([1, 2])),
    "category": pd.Series(pd.Categorical([1j, 2])),
    "Decimal": pd.Series([Decimal("Infinity"), Decimal(1)]),
    "str": pd.Series(["\ud800", "a"], dtype=object),
    "int": pd.Series([2**70, 1], dtype=object),
    "Path": pl.Series([PurePosixPath("a"), PurePosixPath("b")], dtype=pl.Object),
}


@pytest.mark.parametrize("kind", NO_KEYS)
def test_a_column_that_arrow_does_not_take_is_refused_by_its_type(parties, kind):
    table = (pl if isinstance(NO_KEYS[kind], pl.Series) else pd).DataFrame({"k": NO_KEYS[kind]})
    with pytest.raises(sf.JoinError, match=f"alice: key column 'k' holds values of type .*{kind}") as caught:
        join({party: party(lambda: table)() for party in parties}, on="k")
    assert "keys are whole numbers of 64 bits" in caught.value.fix


# Rows without a key.


def test_rows_without_a_key_are_not_announced_as_keys(parties, monkeypatch):
    from junto.join import opening

    alice, bob = parties
    announced = []
    fits = opening.fitting
    monkeypatch.setattr(opening, "fitting", lambda reports: announced.append(reports) or fits(reports))
    ours = pa.table({"k": [1, 2, 3, None, None, None, None, None]})
    handles = {alice: alice(lambda: ours)(), bob: bob(lambda: pa.table({"k": [3, None]}))()}
    result = join(handles, on="k", how="left")
    assert {name: report["keys"] for name, report in announced[0].items()} == {"alice": 3, "bob": 1}
    assert result.rows == 8
    assert sf.reveal(result[alice])["k"].to_pylist()[3:] == [None] * 5
    assert sf.reveal(result[bob])["k"].drop_null().to_pylist() == [3]
    assert "how many rows of alice have no key" in result.learned[bob]
    assert join(handles, on="k", how="difference").rows == 7
    assert join(handles, on="k").rows == 1


# Keys that a script makes of what stands there.


def folded(text):
    return text.strip().casefold() or None


def parts_of_name(first, last):
    return last.casefold(), first.casefold()


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_key_is_made_of_each_row_at_its_owner_and_the_rows_stay_as_they_are(parties, tmp_path, on_disk):
    alice, bob = parties
    ours = pd.DataFrame({"mail": ["A@x.org ", "b@X.org", None, "   ", "c@x.org"], "n": range(5)})
    theirs = pd.DataFrame({"post": ["B@x.org", "a@x.org", "  "], "m": range(3)})
    path = tmp_path / "ours.csv"
    ours.to_csv(path, index=False)
    tables = {alice: path if on_disk else alice(lambda: ours)(), bob: bob(lambda: theirs)()}
    result = join(tables, on={alice: "mail", bob: "post"}, key=folded)
    found = sorted(sf.reveal(result[alice])["mail"].tolist()), sorted(sf.reveal(result[bob])["post"].tolist())
    assert found == (["A@x.org ", "b@X.org"], ["B@x.org", "a@x.org"])
    left = join(tables, on={alice: "mail", bob: "post"}, key={"alice": folded, bob: folded}, how="left")
    assert left.rows == 5
    only = join(tables, on={alice: "mail", bob: "post"}, key={alice: lambda text: text.strip().lower()})
    assert sf.reveal(only[bob])["post"].tolist() == ["a@x.org"]


def test_keys_of_several_columns_are_made_of_all_of_them(parties):
    alice, bob = parties
    ours = pa.table({"first": ["Ann", "Bo"], "last": ["LEE", "Ott"]})
    theirs = pa.table({"name": ["lee", "ott"], "given": ["ann", "bob"]})
    tables = {alice: alice(lambda: ours)(), bob: bob(lambda: theirs)()}
    on = {alice: ["first", "last"], bob: ["name", "given"]}
    assert sf.reveal(join(tables, on=on, key={alice: parts_of_name})[bob])["name"].to_pylist() == ["lee"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (3, "key is a int, not a function"),
        ({"carol": str}, "key names carol"),
        (lambda k: (k, k), "alice: key gives 2 values for 1 columns"),
        (lambda k: [k], "cannot be a key"),
        (
            lambda k: k if k == 1 else str(k),
            "alice: what key gives holds .*: int, str",
        ),
        ({"alice": str}, "text .* at alice and integer"),
    ],
)
def test_keys_that_cannot_be(parties, key, message):
    handles = {party: party(lambda: pa.table({"k": [1, 2]}))() for party in parties}
    with pytest.raises(sf.JoinError, match=message):
        join(handles, on="k", key=key)


def test_keys_of_different_kinds_in_different_blocks_are_refused(parties, tmp_path, monkeypatch):
    monkeypatch.setattr("junto.join.table_files.BLOCK_ROWS", 2)
    alice, bob = parties
    path = tmp_path / "ours.parquet"
    pd.DataFrame({"k": [1, 2, 3, 4]}).to_parquet(path)
    tables = {alice: path, bob: bob(lambda: pa.table({"k": [1, 2]}))()}
    with pytest.raises(sf.JoinError, match="of different kinds"):
        join(tables, on="k", key={alice: lambda k: k if k < 3 else str(k)})
