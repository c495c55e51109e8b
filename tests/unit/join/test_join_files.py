"""Files in and out, in memory and beyond it."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv

import junto as sf
from junto import whole_files
from junto.join import csv_files, gather, join, joining, outputs, spool, table_actor, table_files
from tries import each_once, tries

PAIR, THREE = ["alice", "bob"], ["alice", "bob", "carol"]


@pytest.fixture
def parties():
    with sf.Session(PAIR, debug_mode=True):
        yield sf.PYU("alice"), sf.PYU("bob")


@pytest.fixture(params=["in memory", "beyond it"])
def room(request, monkeypatch):
    """Little memory: everything is spilled, and a block holds a few rows."""
    if request.param == "in memory":
        return
    monkeypatch.setattr(table_files, "BLOCK_ROWS", 64)
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(gather, "RANGE_ROWS", 50)
    for method in (spool.Scratch.__init__,):
        monkeypatch.setattr(method, "__defaults__", (None, 1000))


def write(path, table):
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return str(path)


def read(path):
    return pd.read_csv(path, keep_default_na=False) if path.endswith(".csv") else pd.read_parquet(path)


def tables(count=700):
    rng = np.random.default_rng(3)
    a, b = rng.permutation(count), rng.permutation(count) + count // 2
    return (
        pd.DataFrame({"id": a, "note": [f"a {i}, said" for i in a], "x": a / 8}),
        pd.DataFrame({"number": b, "y": b * 3}),
    )


@pytest.mark.parametrize("kinds", [(".csv", ".parquet"), (".parquet", ".csv")])
def test_files_to_files(parties, room, tmp_path, kinds):
    alice, bob = parties
    a, b = tables()
    paths = {alice: write(tmp_path / f"a{kinds[0]}", a), bob: write(tmp_path / f"b{kinds[1]}", b)}
    outputs = {alice: str(tmp_path / f"a-out{kinds[0]}"), "bob": str(tmp_path / f"b-out{kinds[0]}")}
    result = join(paths, on={alice: "id", bob: "number"}, output=outputs)
    found = read(sf.reveal(result[alice])), read(sf.reveal(result[bob]))
    assert result.rows == len(found[0]) == 350
    assert (found[0]["id"] == found[1]["number"]).all()
    assert (found[1]["y"] == found[1]["number"] * 3).all()
    expected = a[a["id"] >= 350].sort_values("id").reset_index(drop=True)
    pd.testing.assert_frame_equal(
        found[0].sort_values("id").reset_index(drop=True), expected, check_dtype=False
    )


def test_a_left_join_of_files_has_rows_of_nulls(parties, room, tmp_path):
    alice, bob = parties
    a, b = tables()
    paths = {alice: write(tmp_path / "a.parquet", a), bob: write(tmp_path / "b.parquet", b)}
    result = join(
        paths, on={alice: "id", bob: "number"}, how="left", output={bob: str(tmp_path / "out.parquet")}
    )
    left, right = sf.reveal(result[alice]), read(sf.reveal(result[bob]))
    assert len(left) == len(right) == 700
    same = left["id"] >= 350
    assert (right["number"][same] == left["id"][same]).all()
    assert right[~same].isna().all(axis=None)


def test_a_file_at_one_party_and_a_table_at_the_other(parties, tmp_path):
    alice, bob = parties
    a, b = tables()
    paths = {alice: alice(lambda: tmp_path / "a.csv")(), bob: bob(lambda: b)()}
    write(tmp_path / "a.csv", a)
    result = join(paths, on={"alice": "id", "bob": "number"})
    left, right = sf.reveal([result[alice], result[bob]])
    assert list(left["id"]) == list(right["number"])
    assert list(left["note"]) == [f"a {i}, said" for i in left["id"]]


def test_what_a_csv_file_says_is_left_as_it_is(parties, tmp_path):
    alice, bob = parties
    (tmp_path / "a.csv").write_text('id,plz,text,none\n1,01099,"a ""b"", c",\n2,NA,"",\n3,1.50,null,\n')
    (tmp_path / "b.csv").write_text("id\n3\n2\n1\n")
    out = tmp_path / "out.csv"
    join({alice: str(tmp_path / "a.csv"), bob: str(tmp_path / "b.csv")}, on="id", output={alice: out})
    lines = out.read_text().splitlines()
    assert sorted(lines[1:]) == ['"1","01099","a ""b"", c",', '"2","NA","",', '"3","1.50","null",']


@pytest.mark.parametrize("kind", [".csv", ".parquet"])
def test_files_without_rows_and_without_common_rows(parties, tmp_path, kind):
    alice, bob = parties
    empty, full = pd.DataFrame({"id": pd.Series([], dtype="int64"), "x": []}), pd.DataFrame({"id": [1, 2]})
    other = pd.DataFrame({"id": [3]})
    for one in (empty, other):
        paths = {alice: write(tmp_path / f"a{kind}", one), bob: write(tmp_path / f"b{kind}", full)}
        outputs = {bob: str(tmp_path / f"out{kind}")}
        result = join(paths, on="id", output=outputs)
        assert result.rows == 0
        assert list(sf.reveal(result[alice]).columns) == list(one.columns)
        assert read(sf.reveal(result[bob])).shape == (0, 1)


def test_an_empty_field_is_no_key(parties, tmp_path):
    alice, bob = parties
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("id,v\n,1\nx,2\n")
    result = join({alice: str(tmp_path / "a.csv"), bob: str(tmp_path / "b.csv")}, on="id")
    assert sf.reveal(result[alice]).to_dict("list") == {"id": ["x"], "v": [2]}


# Bad things.


def test_a_file_that_is_missing_at_one_party(parties, tmp_path):
    alice, bob = parties
    here = write(tmp_path / "a.csv", pd.DataFrame({"id": [1]}))
    with pytest.raises(sf.JoinError) as caught:
        join({alice: here, bob: str(tmp_path / "secret" / "b.csv")}, on="id")
    assert "bob: a file cannot be opened (FileNotFoundError)" in caught.value.message
    assert "secret" not in caught.value.message
    assert str(tmp_path / "secret" / "b.csv") in caught.value.fix  # this process is bob, too


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("b.csv", b"", "cannot be read as what its ending says"),
        ("b.parquet", b"PAR1 4711", "cannot be read as what its ending says"),
        ("b.csv", b"id\n1\n2,3\n", "cannot be read as what its ending says"),
        ("b.xlsx", b"", "ends with none of .csv, .parquet"),
        ("b.csv", b"number\n1\n", "there is no column 'id'"),
    ],
)
def test_a_file_that_is_something_else(parties, tmp_path, name, content, message):
    alice, bob = parties
    here = write(tmp_path / "a.csv", pd.DataFrame({"id": [1]}))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(sf.JoinError, match=message) as caught:
        join({alice: here, bob: str(tmp_path / name)}, on="id")
    assert "4711" not in str(caught.value)


def test_a_column_that_changes_its_type_further_down(parties, room, tmp_path):
    alice, bob = parties
    path = tmp_path / "a.csv"
    path.write_text("id\n" + "".join(f"{i}\n" for i in range(5_000_000, 5_003_000)) + "secret\n")
    there = write(tmp_path / "b.csv", pd.DataFrame({"id": ["5002999", "05002999", "secret"]}))
    result = join({alice: str(path), bob: there}, on="id")  # no number any more, nor is the other's
    assert sorted(sf.reveal(result[alice])["id"]) == sorted(sf.reveal(result[bob])["id"])
    assert sorted(sf.reveal(result[bob])["id"]) == ["5002999", "secret"]
    with pytest.raises(sf.JoinError) as caught:
        join({alice: str(path), bob: there}, on={"id": int})
    assert "secret" not in str(caught.value)


def test_outputs_that_cannot_be(parties, tmp_path):
    alice, bob = parties
    paths = {alice: write(tmp_path / "a.csv", pd.DataFrame({"id": [1]}))}
    paths[bob] = write(tmp_path / "b.csv", pd.DataFrame({"id": [1]}))
    for output, message in [
        (paths[alice], "the file that is read"),
        (str(tmp_path / "none" / "a.csv"), "NotADirectoryError"),
        (str(tmp_path / "a.txt"), "ends with none of"),
    ]:
        with pytest.raises(sf.JoinError, match=message):
            join(paths, on="id", output={alice: output})


def test_nothing_is_left_behind(parties, room, tmp_path, monkeypatch):
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    alice, bob = parties
    a, b = tables()
    made = []
    tidy = spool.Scratch.file
    monkeypatch.setattr(spool.Scratch, "file", lambda self: made.append(1) or tidy(self))
    join({alice: alice(lambda: a)(), bob: bob(lambda: b)()}, on={alice: "id", bob: "number"})
    assert list(folder.iterdir()) == []
    assert bool(made) == (spool.Scratch().in_memory < spool.IN_MEMORY)


# The parts.


@pytest.mark.parametrize("in_memory", [500, 5_000, 1 << 30])
def test_a_spool_sorts(in_memory):
    rng = np.random.default_rng(8)
    tags = rng.integers(0, 2**64, (3000, 2), np.uint64)
    tags[2000:] = tags[1000:2000]  # repeated ones keep their order
    scratch = spool.Scratch(None, in_memory)
    held = spool.Spool([("place", "<i8")], 3000, scratch)
    for start in range(0, 3000, 500):
        held.add(tags[start : start + 500], place=np.arange(start, start + 500))
    order = np.lexsort((np.arange(3000), tags[:, 1], tags[:, 0]))
    reached = 0
    for bucket in held.buckets():
        mine = order[reached : reached + len(bucket)]
        assert (bucket["place"] == mine).all()
        assert (np.stack([bucket["high"], bucket["low"]], axis=1) == tags[mine]).all()
        assert (bucket.at("place", np.arange(0, len(bucket), 3)) == mine[::3]).all()
        reached += len(bucket)
    assert reached == 3000
    assert (held.bits > 0) == (in_memory < 3000 * 24)
    scratch.close()


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_batches_are_of_one_size(size):
    records = [np.arange(start, start + count) for start, count in [(0, 0), (0, 13), (13, 87), (100, 3)]]
    found = list(spool.batches(iter(records), size))
    assert [len(batch) for batch in found[:-1]] == [size] * (len(found) - 1)
    assert list(np.concatenate(found)) == list(range(103))


@pytest.mark.parametrize("apart", [1, 1 << 3, 1 << 63])
@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65])
def test_tags_are_sorted_as_numpy_sorts_two_columns(count, apart):
    """Also those whose first word is the same, or almost: equal ones keep their order, in each run."""
    drawn = np.random.default_rng(count)
    high = drawn.integers(0, 2, count, np.uint64) * np.uint64(apart)
    high += drawn.integers(0, 4, count, np.uint64) << np.uint64(60)
    low = drawn.integers(0, 3, count, np.uint64)
    assert spool.order_of(high, low).tolist() == np.lexsort((low, high)).tolist()


def test_gathering_rows_with_holes_and_repeats(monkeypatch):
    monkeypatch.setattr(gather, "RANGE_ROWS", 10)
    table = pa.table({"v": np.arange(95), "t": [f"t{i}" for i in range(95)]})
    wanted = np.random.default_rng(1).integers(-1, 95, 300)
    parts = gather.gather([table.slice(0, 0), table.slice(0, 40), table.slice(40)], wanted, None)
    found = pa.concat_tables(parts).column("v").to_pylist()
    assert found == [None if i < 0 else i for i in wanted]


def test_a_parquet_file_is_read_by_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK_ROWS", 100)
    parquet.write_table(pa.table({"id": np.arange(1000), "v": np.arange(1000)}), tmp_path / "a.parquet")
    blocks = list(table_files.FileTable(table_files.File(tmp_path / "a.parquet"), None).key_blocks(["id"]))
    assert max(len(block[0]) for block in blocks) <= 100
    assert sum(len(block[0]) for block in blocks) == 1000


def test_the_order_of_a_desk_says_nothing_of_the_table():
    orders = []
    for _ in range(2):
        one = table_actor.TableActor(table_actor.Order(("id",), ("",), "error", False, None))
        one.read(pd.DataFrame({"id": range(500)}), None, [])
        orders.append(list(one._rows))
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])


def test_room_for_what_another_party_claims_to_hold_takes_no_disk():
    scratch = spool.Scratch(in_memory=0)
    try:
        array = scratch.full((1 << 24,), 0)
        array[5] = 7
        array.flush()
        (file,) = Path(array.filename).parent.iterdir()
        assert file.stat().st_size == 8 << 24
        assert file.stat().st_blocks * 512 < 1 << 20
        assert array[:7].tolist() == [0, 0, 0, 0, 0, 7, 0]
    finally:
        scratch.close()


def test_a_file_that_changes_between_its_keys_and_its_rows(parties, tmp_path, monkeypatch):
    alice, bob = parties
    paths = {alice: write(tmp_path / "a.csv", pd.DataFrame({"id": [1, 2]}))}
    paths[bob] = write(tmp_path / "b.csv", pd.DataFrame({"id": [1, 2]}))
    arrange = table_actor.TableActor.arrange

    def meanwhile(self, counts, mine):
        (tmp_path / "a.csv").write_text("id\n2\n1\n9\n")
        return arrange(self, counts, mine)

    monkeypatch.setattr(
        joining,
        "_Desk",
        sf.proxy(sf.PYUObject)(type("Desk", (table_actor.TableActor,), {"arrange": meanwhile})),
    )
    with pytest.raises(sf.RemoteError, match="a file has changed since its keys were read"):
        join(paths, on="id")


def test_a_parquet_file_is_never_in_memory_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK_ROWS", 10_000)
    rng = np.random.default_rng(2)
    table = pa.table({f"c{number}": rng.random(200_000) for number in range(8)})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=10_000)
    size, table_names = table.nbytes, table.column_names
    del table
    before = pa.total_allocated_bytes()
    blocks = table_files.FileTable(table_files.File(tmp_path / "a.parquet"), None)._blocks(table_names)
    assert max(pa.total_allocated_bytes() - before for _ in blocks) < size / 3


@pytest.mark.parametrize("column", ["key", "value", "name"])
@pytest.mark.parametrize(
    ("text", "line"), [(b"\xe9", 3), (b"\xe9\xa9", 3), (b"\xff\n", 3), ("漢".encode("gbk"), 3)]
)
def test_a_file_that_is_not_utf8_is_refused_when_it_is_opened(tmp_path, monkeypatch, column, text, line):
    for size in (csv_files.BLOCK_BYTES, 5):  # characters may lie across two blocks
        monkeypatch.setattr(csv_files, "BLOCK_BYTES", size)
        rows = {
            "key": b"id,v\n1,a\n" + text + b",b\n",
            "value": b"id,v\n1,\xc3\xa9\n2," + text,
            "name": b"id," + text + b"\n1,a\n",
        }
        path = tmp_path / "people.csv"
        path.write_bytes(rows[column])
        with pytest.raises(sf.JoinError, match="a CSV file is not text in UTF-8") as caught:
            table_files.FileTable(table_files.File(str(path)), None)
        assert f"line {1 if column == 'name' else line} is not" in caught.value.fix


def test_the_line_of_what_is_not_utf8_is_right_wherever_blocks_end(tmp_path, monkeypatch):
    path = tmp_path / "people.csv"
    for before in range(6):
        path.write_bytes(b"id\n" + b"a" * before + "\n漢".encode() + b"\xff\n\n1\n")
        for size in range(1, 9):
            monkeypatch.setattr(csv_files, "BLOCK_BYTES", size)
            with pytest.raises(sf.JoinError) as caught:
                csv_files.CsvFile(str(path)).require_whole()
            assert "line 3 is not" in caught.value.fix


def test_text_in_utf8_is_read_wherever_blocks_end(tmp_path, monkeypatch):
    path = tmp_path / "people.csv"
    path.write_text("\ufeffid,v\n" + "".join(f"é{number}漢,🙂\n" for number in range(20)), "utf-8")
    for size in (1, 2, 3, 7, 64):
        monkeypatch.setattr(csv_files, "BLOCK_BYTES", size)
        csv_files.CsvFile(str(path)).require_whole()


@settings(max_examples=tries(200), deadline=None)
@given(st.lists(st.sampled_from([b'"', b'""', b"a", b"\n", b"\r\n", b'\n"']), max_size=9), st.integers(1, 9))
def test_a_quotation_mark_stays_open_exactly_if_arrow_takes_what_follows_into_its_field(pieces, size):
    data = b"h\n" + b"".join(pieces)
    options = csv.ReadOptions(column_names=["h"]), csv.ParseOptions(newlines_in_values=True)
    more = csv.read_csv(pa.BufferReader(data + b"\nlast\n"), *options)["h"].to_pylist()
    line = csv_files._open_quote([data[at : at + size] for at in range(0, len(data), size)], b",")
    assert (more[-1] != "last") == (line > 0)
    assert csv_files._open_quote([b'\xef\xbb\xbf"a\n"\n'], b",") == 0
    if line:
        opened = b"\n".join(data.split(b"\n")[: line - 1]) + b"\nlast\n"
        assert csv.read_csv(pa.BufferReader(opened), *options)["h"].to_pylist()[-1] == "last"
        assert b'"' in data.split(b"\n")[line - 1]


def test_a_csv_file_that_ends_inside_of_a_field_is_refused(parties, tmp_path):
    alice, bob = parties
    b = bob(lambda: pd.DataFrame({"id": ["1", "3"]}))()
    path = tmp_path / "a.csv"
    path.write_text('id,v\n1,"2 ""inches\n3,4\n')
    with pytest.raises(sf.JoinError, match="ends inside of a quoted field") as caught:
        join({alice: str(path), bob: b}, on="id")
    assert "line 2" in caught.value.fix
    path.write_text('id,v\n1,2" pipes\n3,4\n')  # a mark that opens nothing
    assert join({alice: str(path), bob: b}, on="id").rows == 2
    path.write_text("id,v\n1,2\n3\n")
    with pytest.raises(sf.JoinError, match="cannot be read") as caught:
        join({alice: str(path), bob: b}, on="id")
    assert caught.value.fix.removeprefix("row 3").removeprefix("a row") == " has 1 fields, the header 2"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".CSV.BZ2", ".csv.zst"])
def test_files_of_every_separator_and_compression(parties, room, tmp_path, separator, ending):
    alice, bob = parties
    table = pd.DataFrame({"one, two; 3\t4|": ["a, b", "c; d", "e\tf|"], "id": [1, 2, 3]})
    text = table[["id", "one, two; 3\t4|"]].to_csv(None, index=False, sep=separator, quoting=1)
    raw = tmp_path / f"a{ending}"
    compression = "bz2" if ending == ".CSV.BZ2" else "detect"
    with pa.output_stream(str(raw), compression=compression) as file:
        file.write(("\ufeff" + text).encode())
    joined = join({alice: str(raw), bob: bob(lambda: pd.DataFrame({"id": [3, 1]}))()}, on="id")
    found = sf.reveal(joined[alice]).sort_values("id")
    assert found.iloc[:, 1].tolist() == ["a, b", "e\tf|"]
    assert sf.reveal(joined[alice]).columns.tolist() == ["id", "one, two; 3\t4|"]


def test_other_endings_say_what_to_do(parties):
    alice, bob = parties
    for path in ("a.xlsx", "folder", "a.parquet.gz"):
        with pytest.raises(sf.JoinError, match="a path ends with none of") as caught:
            join({alice: path, bob: bob(lambda: pd.DataFrame({"id": [1]}))()}, on="id")
        assert "by a function at their owner" in caught.value.fix


def listed(column):
    return [None if pd.isna(value) else value for value in column.astype(object)]


INDEXES = [
    pd.Index([5, 6, 7], name="id"),
    pd.Index([5, 6, 7]),
    pd.RangeIndex(2, 8, 2),
    pd.MultiIndex.from_tuples([(5, "x"), (6, "y"), (7, "z")], names=["id", None]),
    pd.MultiIndex.from_tuples([(5, "x"), (6, "y"), (7, "z")], names=["id", "who"]),
]


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("index", INDEXES)
def test_what_has_a_name_in_an_index_is_a_column_and_rows_are_numbered(parties, tmp_path, index, in_file):
    alice, bob = parties
    table = pd.DataFrame({"k": ["a", "b", "c"], "v": pd.array([1, None, 3], "Int64"), "w": 2**50}, index)
    named = [name for name in index.names if name is not None]
    table.to_parquet(tmp_path / "a.parquet")
    given_as = str(tmp_path / "a.parquet") if in_file else alice(lambda: table)()
    on = {alice: named[0] if named else "k", bob: "b"}
    keys = [7, 5, 1] if named else ["c", "a", "x"]
    joined = join({alice: given_as, bob: bob(lambda: pd.DataFrame({"b": keys}))()}, on=on, how="right")
    found = sf.reveal(joined[alice])
    assert isinstance(found.index, pd.RangeIndex)
    assert (found.index.start, found.index.step) == (0, 1)
    assert sorted(found.columns) == sorted([*named, "k", "v", "w"])
    want = table.reset_index(named).merge(pd.DataFrame({"b": keys}), "right", left_on=on[alice], right_on="b")
    for name in found.columns:
        assert sorted(map(repr, listed(found[name]))) == sorted(map(repr, listed(want[name])))


def failing(monkeypatch, name, when):
    """Make one party's output fail, at its beginning, in the middle or when all of it is written."""

    def fails(*given, **named):
        raise OSError(28, "No space left on device")

    def written(parts, path):
        with monkeypatch.context() as patch:
            if Path(path).name.startswith(name):
                patch.setattr(*HOOKS[when], fails)
            return honest(parts, path)

    honest = outputs.write
    monkeypatch.setattr(table_files, "write", written)


HOOKS = {"begin": (os, "open"), "middle": (outputs, "_as_text"), "end": (whole_files, "sync")}


@pytest.mark.parametrize(("old", "when", "victim"), each_once([False, True], HOOKS, THREE))
def test_outputs_are_all_there_or_none_is(tmp_path, monkeypatch, victim, when, old):
    with sf.Session([*THREE, "dave"], debug_mode=True):
        paths = {sf.PYU(name): tmp_path / f"{name}.csv" for name in THREE}
        result = {name: tmp_path / f"{name}-out.csv" for name in THREE}
        for path in paths.values():
            path.write_text("id,v\n1,2\n3,4\n")
        for path in result.values() if old else ():
            path.write_text("as it was")
        before = {path: path.read_text() for path in tmp_path.iterdir()}
        helper = "dave" if when == "middle" else False
        with monkeypatch.context() as patch:
            failing(patch, victim, when)
            with pytest.raises(sf.RemoteError, match=f"failed at {victim}: OSError"):
                join(paths, on="id", output=result, helper=helper)
        gc.collect()
        assert {path: path.read_text() for path in tmp_path.iterdir()} == before
        made = join(paths, on="id", output=result, helper=helper)
        assert [sf.reveal(part) for part in made.parts.values()] == [str(path) for path in result.values()]
        assert len({path.read_text() for path in result.values()}) == 1
        assert len(list(tmp_path.iterdir())) == 6


def test_an_output_that_is_a_folder_is_refused_before_the_join(parties, tmp_path):
    alice, bob = parties
    pd.DataFrame({"id": [1]}).to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "out.csv").mkdir()
    tables = {alice: str(tmp_path / "a.csv"), bob: bob(lambda: pd.DataFrame({"id": [1]}))()}
    with pytest.raises(sf.JoinError, match=r"alice: a file cannot be opened \(IsADirectoryError\)"):
        join(tables, on="id", output={alice: str(tmp_path / "out.csv")})
