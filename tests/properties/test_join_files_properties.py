"""Keys of files are what is written there, and tables that are written are read back, whatever they hold."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import junto as sf
from frames import LIBRARIES, whole
from junto.frame import read_csv
from junto.join import join
from junto.join.table_files import File, FileTable
from tries import tries

PAIR = ["alice", "bob"]

# Ids that a reader that guesses takes for one another, or for nothing.
ALIKE = [
    *["7", "007", "+7", " 7", "7 ", "7.0", "7e0", "-7", "0", "-0", "00", "1.10", "1.1", "1e3", "0x10"],
    *["true", "TRUE", "True", "false", "NA", "null", "NULL", "nan", "NaN", "None", "n/a", "#N/A", "inf", ""],
    *["89860012345678901231", "89860012345678901232", "9223372036854775807", "9223372036854775808"],
    *["9007199254740992", "9007199254740993", "11010119900101123X", "110101199001011230"],
    *["-9223372036854775808", "-9223372036854775809"],
    *["2020-01-01", "2020-1-1", "20200101", "12:30", "2020-01-01 00:00:00"],
    *["é", "e\u0301", "ﬁ", "fi", "\u00a07"],
    *['say "7"', "a,b", "line\nbreak", "line\r\nbreak", "tab\t", "'7'", ";", "\ufeff7"],
    *["\u0130", "I", "\u0131"],
]  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
NUMBERS = st.integers(-(10**20), 10**20).map(str)
KEYS = st.lists(
    st.one_of(st.sampled_from(ALIKE), NUMBERS, TEXT, st.none()),
    max_size=8,
    unique_by=lambda key: object() if key is None else key,
)
ONLY_NUMBERS = st.lists(st.integers(-20, 20).map(str), max_size=6, unique=True)


def field(text, quoted):
    """A field of a CSV file; None is an empty one."""
    if text is None:
        return ""
    if quoted or text == "" or set(text) & set('",\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_file(path, keys, bom, end, quoted, closed=True, row="row"):
    """`closed`: whether the last line has an end."""
    header = ",".join(field(name, quoted) for name in ("id", row))
    lines = [header, *(f"{field(key, quoted)},{row}" for row, key in enumerate(keys))]
    text = end.join(lines) + (end if closed else "")
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.encode())
    return str(path)


def pairs(ours, theirs):
    """The rows that have a key in common, by pandas, of keys that are text."""
    sides = [
        pd.DataFrame({"id": pd.Series(keys, dtype=object), "row": range(len(keys))}).dropna()
        for keys in (ours, theirs)
    ]
    merged = sides[0].merge(sides[1], on="id")
    return sorted(zip(merged["row_x"], merged["row_y"], strict=True))


FORMS = st.tuples(st.booleans(), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())


@settings(max_examples=tries(40), deadline=None)
@given(
    st.one_of(st.tuples(KEYS, KEYS), st.tuples(ONLY_NUMBERS, KEYS)), FORMS, FORMS, st.sampled_from(LIBRARIES)
)
def test_keys_of_csv_files_are_equal_exactly_if_their_text_is(keys, form, other_form, library):
    with tempfile.TemporaryDirectory() as folder, sf.Session(PAIR, debug_mode=True):
        alice, bob = map(sf.PYU, PAIR)
        paths = {
            alice: csv_file(Path(folder) / "a.csv", keys[0], *form),
            bob: csv_file(Path(folder) / "b.csv", keys[1], *other_form, row="other"),
        }
        parts = join(paths, on="id").parts
        found = zip(sf.reveal(parts[alice])["row"], sf.reveal(parts[bob])["other"], strict=True)
        assert sorted(found) == pairs(*keys)
        frame = whole(read_csv(paths, on="id", library=library))
        assert sorted(zip(frame["row"], frame["other"], strict=True)) == pairs(*keys)


@settings(max_examples=tries(15), deadline=None)
@given(ONLY_NUMBERS, st.lists(st.integers(-20, 20), max_size=6, unique=True))
def test_keys_of_a_csv_file_meet_those_of_a_table_of_numbers(written, numbers):
    with tempfile.TemporaryDirectory() as folder, sf.Session(PAIR, debug_mode=True):
        alice, bob = map(sf.PYU, PAIR)
        path = csv_file(Path(folder) / "a.csv", written, False, "\n", False)
        table = pd.DataFrame({"id": pd.Series(numbers, dtype="int64")})
        parts = join({alice: path, bob: bob(lambda: table)()}, on="id").parts
        common = sorted(set(map(int, written)) & set(numbers))
        assert [sorted(sf.reveal(part)["id"]) for part in parts.values()] == [common, common]


# What is written.

YEARS = datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)
TYPES = {
    "nothing": (pa.null(), st.none()),
    "truth": (pa.bool_(), st.booleans()),
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "natural": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "small": (pa.int8(), st.integers(-128, 127)),
    "float": (pa.float64(), st.floats()),
    "single": (pa.float32(), st.floats(allow_nan=False, width=32)),
    "text": (pa.string(), st.one_of(st.sampled_from(ALIKE), TEXT)),
    "wide": (pa.large_string(), TEXT),
    "view": (pa.string_view(), TEXT),
    "category": (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(ALIKE)),
    "day": (pa.date32(), st.dates()),
    "moment": (pa.timestamp("us"), st.datetimes(*YEARS)),
    "instant": (pa.timestamp("us", "UTC"), st.datetimes(*YEARS, timezones=st.just(datetime.UTC))),
    "decimal": (pa.decimal128(20, 3), st.decimals(-(10**9), 10**9, places=3)),
}  # fmt: skip


@st.composite
def tables(draw):
    """An Arrow table with a key, `id`, and columns of any types that have nulls, or none."""
    count = draw(st.integers(0, 6))
    ids = draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=count, max_size=count, unique=True))
    columns = {"id": pa.array(ids, pa.int64())}
    for name in draw(st.lists(st.sampled_from(sorted(TYPES)), max_size=4, unique=True)):
        kind, values = TYPES[name]
        cells = draw(st.lists(st.one_of(st.none(), values), min_size=count, max_size=count))
        columns[name] = pa.array(cells, kind) if name != "view" else pa.array(cells, pa.string()).cast(kind)
    return pa.table(columns)


def rows_of(rows):
    """In an order of their own; floats by all of their digits."""
    return sorted(map(repr, rows))


def left_join(folder, table, others, source, ending):
    """The path that is written of bob, who lacks some of alice's keys; and the rows that must stand there."""
    alice, bob = map(sf.PYU, PAIR)
    path, out = Path(folder) / f"b{source}", Path(folder) / f"out{ending}"
    if source == ".parquet":
        parquet.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    rows = table.to_pylist()[::2]
    ids = pa.array([row["id"] for row in rows] + others, pa.int64())
    with sf.Session(PAIR, debug_mode=True):
        handles = {alice: alice(lambda: pa.table({"id": ids}))(), bob: str(path)}
        assert join(handles, on="id", how="left", output={bob: str(out)}).rows == len(ids)
    return out, rows + [dict.fromkeys(table.column_names)] * len(others)


@st.composite
def cases(draw):
    table = draw(tables())
    held = set(table.column("id").to_pylist())
    others = st.integers(0, 9).filter(lambda number: number not in held)
    return table, draw(st.lists(others, max_size=3, unique=True))


@settings(max_examples=tries(40), deadline=None)
@given(cases(), st.sampled_from([".parquet", ".arrow"]), st.sampled_from([".csv", ".parquet", ".feather"]))
def test_what_is_written_is_read_back(case, source, ending):
    with tempfile.TemporaryDirectory() as folder:
        out, expected = left_join(folder, *case, source, ending)
        schema = case[0].schema
        if ending == ".parquet":
            found = parquet.read_table(out)
        elif ending == ".feather":
            found = feather.read_table(out, memory_map=False)
        else:
            found = by_schema(out, schema)
            assert len(pd.read_csv(out)) == len(expected)
            assert pl.read_csv(out, infer_schema=False).height == len(expected)
        assert rows_of(found.to_pylist()) == rows_of(expected)
        if ending != ".csv":
            assert found.schema.types == schema.types


def by_schema(path, schema):
    """A CSV file as somebody reads it who knows the types."""
    plain = {each.name: PLAIN.get(str(each.type), each.type) for each in schema}
    convert = csv.ConvertOptions(
        column_types=plain,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=len(schema) == 1,
    )
    return csv.read_csv(
        path, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=convert
    )


PLAIN = {"string_view": pa.string(), str(TYPES["category"][0]): pa.string()}


@settings(max_examples=tries(15), deadline=None)
@given(tables(), st.sampled_from(LIBRARIES))
def test_parts_in_memory_are_the_rows_that_were_given(table, library):
    given_table = made_by_arrow(table, library)
    alice, bob = map(sf.PYU, PAIR)
    with sf.Session(PAIR, debug_mode=True):
        handles = {
            alice: alice(lambda: given_table)(),
            bob: bob(lambda: pa.table({"id": table.column("id")[1:]}))(),
        }
        seen = []
        sf.wait(alice(seen.append)(join(handles, on="id").parts[alice]))
        (part,) = seen
    assert type(part) is type(given_table)
    if library == "pandas":
        wanted = given_table.iloc[1:].sort_values("id").reset_index(drop=True)
        pd.testing.assert_frame_equal(part.sort_values("id").reset_index(drop=True), wanted, check_exact=True)
    elif library == "polars":
        assert part.sort("id").equals(given_table[1:].sort("id"))
        assert part.schema == given_table.schema
    else:
        assert rows_of(part.to_pylist()) == rows_of(given_table.to_pylist()[1:])
        assert part.schema == given_table.schema


def made_by_arrow(table, library):
    return {"pandas": pa.Table.to_pandas, "polars": pl.from_arrow, "arrow": lambda same: same}[library](table)


@pytest.mark.parametrize("kind", ["pandas", "parquet"])
def test_large_numbers_beside_rows_of_nulls_keep_their_digits(kind, tmp_path):
    alice, bob = map(sf.PYU, PAIR)
    large = [9007199254740993, 110101199001011230, 2**63 - 1]
    table = pd.DataFrame({"id": [1, 2, 3], "card": large, "small": [1, 2, 3]})
    parquet.write_table(pa.table(table), tmp_path / "a.parquet")
    with sf.Session(PAIR, debug_mode=True):
        here = bob(lambda: table)() if kind == "pandas" else str(tmp_path / "a.parquet")
        handles = {alice: alice(lambda: pd.DataFrame({"id": [1, 2, 3, 4]}))(), bob: here}
        part = sf.reveal(join(handles, on="id", how="left")[bob])
    assert sorted(part["card"].dropna().astype("int64")) == large
    assert part["small"].dtype == np.float64


def test_columns_of_values_of_a_csv_file_lose_no_digits(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b,c,d\n89860012345678901231,1.5,12345678901234567890,7\n1,2,0.5,\n")
    found = FileTable(File(path), None).whole()
    assert found.astype(object).where(found.notna(), None).to_dict("list") == {
        "a": ["89860012345678901231", "1"],
        "b": [1.5, 2.0],
        "c": ["12345678901234567890", "0.5"],
        "d": [7.0, None],
    }


def test_a_file_of_one_column_has_no_way_to_write_empty_text(tmp_path):
    alice, bob = map(sf.PYU, PAIR)
    parquet.write_table(pa.table({"id": ["", "x"]}), tmp_path / "a.parquet")
    with sf.Session(PAIR, debug_mode=True):
        handles = {alice: str(tmp_path / "a.parquet"), bob: bob(lambda: pa.table({"id": ["", "x"]}))()}
        with pytest.raises(sf.RemoteError, match="JoinError"):
            join(handles, on="id", output={alice: str(tmp_path / "out.csv")})
    assert [each.name for each in tmp_path.iterdir()] == ["a.parquet"]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("id,t\n1,é\n".encode("latin-1"), "a CSV file is not text in UTF-8"),
        ("id,名\n1,汉\n".encode("gbk"), "UTF-8"),
        ("id,t\n1,é\n".encode("utf-16"), "UTF-8"),
        (b"id,t,t\n1,2,3\n", "more than one column 't'|the same name"),
    ],
    ids=["latin-1", "gbk", "utf-16", "twice"],
)
def test_files_that_are_no_table_of_text_are_one_sentence(tmp_path, library, data, says):
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with sf.Session(PAIR, debug_mode=True), pytest.raises(sf.JuntoError, match=says):
        whole(read_csv({sf.PYU("alice"): str(path)}, library=library))
