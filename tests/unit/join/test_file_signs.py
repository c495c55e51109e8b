"""A file is what it begins with, or its owner is told what it is."""

from __future__ import annotations

import bz2
import gzip

import pandas as pd
import pyarrow as pa
import pytest

from junto.errors import JoinError
from junto.join.file_signs import require_kind
from junto.join.join_tables import open_table
from junto.join.outputs import ARROW, CSV, PARQUET

ROWS = pd.DataFrame({"id": range(9)})
TEXT = ROWS.to_csv(index=False).encode()


def parquet() -> bytes:
    return bytes(ROWS.to_parquet())


def arrow() -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pandas(ROWS)
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write(table)
    return sink.getvalue().to_pybytes()


FILES = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT),
    "bzip2": bz2.compress(TEXT),
    "zstd": pa.compress(TEXT, "zstd", asbytes=True),
    "Parquet": parquet(),
    "Arrow": arrow(),
    "ZIP": b"PK\x03\x04" + bytes(30),
    "Excel": b"\xd0\xcf\x11\xe0" + bytes(30),
    "UTF-16": TEXT.decode().encode("utf-16"),
}
NAMES = {
    "t.csv": (CSV, "plain"),
    "t.csv.gz": (CSV, "gzip"),
    "t.CSV.BZ2": (CSV, "bzip2"),
    "t.csv.zst": (CSV, "zstd"),
    "t.parquet": (PARQUET, "Parquet"),
    "t.arrow": (ARROW, "Arrow"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_something_else_than_its_name_says_is_called_what_it_is(name, what, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[what])
    kind, due = NAMES[name]
    if what == due or (what == "plain" and kind != CSV):  # of such a file Arrow says that it is damaged
        require_kind(str(path), kind)
        return
    with pytest.raises(JoinError, match="is not compressed" if what == "plain" else what) as caught:
        require_kind(str(path), kind)
    assert caught.value.fix


@pytest.mark.parametrize(
    "text", [b"", b"PAR1,x\n1,2\n", b"BZh,x\n1,2\n", b"ARROW1\n1\n", b"\xef\xbb\xbfid\n1\n", b"PK\n1\n"]
)
def test_a_text_that_begins_like_one_is_a_text(text, tmp_path):
    (tmp_path / "t.csv").write_bytes(text)
    require_kind(str(tmp_path / "t.csv"), CSV)


def test_a_pattern_is_called_one_unless_it_is_a_files_name(tmp_path):
    with pytest.raises(JoinError, match="a pattern"):
        require_kind(str(tmp_path / "part-*.csv"), CSV)
    (tmp_path / "part[1].csv").write_bytes(TEXT)
    require_kind(str(tmp_path / "part[1].csv"), CSV)
    with pytest.raises(FileNotFoundError):
        require_kind(str(tmp_path / "none.csv"), CSV)


def test_a_table_is_looked_at_before_it_is_read(tmp_path):
    (tmp_path / "t.csv").write_bytes(FILES["gzip"])
    with pytest.raises(JoinError, match="is compressed by gzip"):
        open_table(str(tmp_path / "t.csv"), None)
