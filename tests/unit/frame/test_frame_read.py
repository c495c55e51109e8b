"""Frames made of files: by every library, joined or not, and what is said of files that do not fit."""

from __future__ import annotations

import pandas as pd
import pytest

import junto as sf
from frames import LIBRARIES, at, made_by, shown, values, whole
from junto.frame import align, h_read_csv, h_read_parquet, read_csv, read_parquet
from junto.frame.native_tables import opened

ALICE = pd.DataFrame({"id": [7, 3, 5, 9], "age": [30, 41, 19, 77], "town": ["x", None, "y", "x"]})
BOB = pd.DataFrame({"id": [5, 9, 7, 8], "pay": [1.5, 2.5, None, 4.0]})
SMALL = {"alice": ALICE, "bob": BOB}


@pytest.fixture(autouse=True)
def session():
    sf.init(parties=["alice", "bob"], debug_mode=True, logging_level="error")
    yield
    sf.shutdown()


@pytest.fixture(params=["csv", "parquet"])
def files(request, tmp_path):
    """Paths by party, and the two readers of that kind."""
    paths = {}
    for party, table in (("alice", ALICE), ("bob", BOB)):
        path = tmp_path / f"{party}.{request.param}"
        table.to_csv(path, index=False) if request.param == "csv" else table.to_parquet(path)
        paths[sf.PYU(party)] = str(path)
    readers = {"csv": (read_csv, h_read_csv), "parquet": (read_parquet, h_read_parquet)}[request.param]
    return paths, *readers


@pytest.mark.parametrize("library", LIBRARIES)
def test_files_become_columns_of_one_frame(files, library):
    paths, read, _ = files
    bob = sf.PYU("bob")
    frame = read(paths, columns={bob: ["pay"]}, library=library)
    assert frame.columns == ["id", "age", "town", "pay"]
    want = values(pd.concat([ALICE, BOB[["pay"]]], axis=1))
    assert values(whole(frame)) == want


@pytest.mark.parametrize("library", LIBRARIES)
def test_files_are_joined_by_key(files, library):
    paths, read, _ = files
    frame = read(paths, on="id", library=library)
    assert (frame.columns, frame.rows) == (["age", "town", "pay"], 3)
    want = ALICE.merge(BOB, on="id").drop(columns="id").sort_values("age").reset_index(drop=True)
    assert values(whole(frame).sort_values("age").reset_index(drop=True)) == values(want)


@pytest.mark.parametrize("library", LIBRARIES)
def test_tables_that_are_there_are_aligned_by_key(library):
    tables = {sf.PYU(party): at(party, made_by(library, table)) for party, table in SMALL.items()}
    frame = align(tables, on="id")
    assert frame.columns == ["age", "town", "pay"]
    got = whole(frame).sort_values("age").reset_index(drop=True)
    want = ALICE.merge(BOB, on="id").drop(columns="id").sort_values("age").reset_index(drop=True)
    assert values(got) == values(want)


def test_keys_stay_if_they_are_wanted(files):
    paths, read, _ = files
    frame = read(paths, on="id", columns={sf.PYU("alice"): ["id", "age"]})
    assert frame.columns == ["age", "pay"]
    with pytest.raises(sf.FrameError, match="column 'id' is at alice and at bob"):
        read(paths, on="id", keep_keys=True)


@pytest.mark.parametrize("library", LIBRARIES)
def test_files_become_rows_of_one_frame(files, library, tmp_path):
    paths, _, read = files
    (alice, theirs), (bob, _) = paths.items()
    frame = read({alice: theirs, bob: theirs}, columns=["town", "age"], library=library)
    assert (frame.columns, frame.rows) == (["town", "age"], 8)
    for table in shown(frame).values():
        assert values(opened(table).pandas()) == values(ALICE[["town", "age"]])


def test_a_file_that_is_not_there_is_an_error_that_names_its_party_and_not_its_path(files):
    paths, read, _ = files
    paths[sf.PYU("bob")] = "/secret/nowhere.csv"
    with pytest.raises(sf.RemoteError) as caught:
        read(paths)
    assert caught.value.party == "bob"
    assert "FileNotFoundError" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_rows_that_do_not_fit_ask_for_a_join(files, tmp_path):
    paths, read, _ = files
    kind = str(paths[sf.PYU("bob")]).rsplit(".", 1)[1]
    longer = tmp_path / f"longer.{kind}"
    table = pd.DataFrame({"pay": [1.0, 2.0]})
    table.to_csv(longer, index=False) if kind == "csv" else table.to_parquet(longer)
    paths[sf.PYU("bob")] = str(longer)
    with pytest.raises(sf.FrameError, match="different numbers of rows: 4 at alice, 2 at bob") as caught:
        read(paths)
    assert "join" in str(caught.value.fix)


def test_keys_that_are_text_at_one_party_are_text_at_all(tmp_path):
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    (tmp_path / "a.csv").write_text("id,x\n1,2\n7,3\n")
    (tmp_path / "b.csv").write_text("id,y\n01,2\n7,4\n")
    paths = {alice: str(tmp_path / "a.csv"), bob: str(tmp_path / "b.csv")}
    assert values(whole(read_csv(paths, on="id"))) == values(pd.DataFrame({"x": [3], "y": [4]}))
    with pytest.raises(sf.JoinError, match=r"bob: key column 'id' holds text that is no integer"):
        read_csv(paths, on={"id": int})


@pytest.mark.parametrize("on", [None, "id"])
def test_two_columns_of_one_name_in_a_file(tmp_path, on):
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    (tmp_path / "a.csv").write_text("id,v,v\n1,2,3\n")
    (tmp_path / "b.csv").write_text("id,w\n1,2\n" if on else "w\n2\n")
    said = "alice: there is more than one column 'v'" if on else "two of its columns have the same name"
    with pytest.raises((sf.JoinError, sf.FrameError), match=said):
        read_csv({alice: str(tmp_path / "a.csv"), bob: str(tmp_path / "b.csv")}, on=on)


def test_a_number_in_one_file_and_text_in_a_table_are_one_error(tmp_path):
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    with pytest.raises(sf.JoinError, match="id"):
        align({alice: at("alice", ALICE), bob: at("bob", BOB.astype({"id": str}))}, on="id")
    frame = align({alice: at("alice", ALICE), bob: at("bob", BOB.astype({"id": str}))}, on={"id": str})
    assert frame.rows == 3


@pytest.mark.parametrize(
    ("paths", "options", "says"),
    [
        ({}, {}, "paths names no party"),
        ({"alice": "a.csv"}, {}, "(?s)paths is a dict.*a mapping from a PYU"),
        ("a.csv", {}, "(?s)paths is 'a.csv'.*a mapping from a PYU"),
        (None, {"library": "dask"}, "(?s)library is 'dask'.*'pandas', 'polars' or 'arrow'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(paths, options, says):
    with pytest.raises(sf.FrameError, match=says):
        read_csv({sf.PYU("alice"): "a.csv"} if paths is None else paths, **options)
