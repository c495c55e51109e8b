"""`v_read_csv` called as SecretFlow's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import junto as sf
from junto.frame import v_read_csv

Paths = dict[sf.PYU, str]


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Paths]:
    (tmp_path / "a.csv").write_text("uid,age,pay\n01,30,1.5\n2,40,2.5\n3,50,3.5\n")
    (tmp_path / "b.csv").write_text("uid,score\n3,7\n1,8\n2,9\n")
    with sf.Session(["alice", "bob"], debug_mode=True):
        yield {sf.PYU("alice"): str(tmp_path / "a.csv"), sf.PYU("bob"): str(tmp_path / "b.csv")}


def table(frame: Any) -> dict[str, list[Any]]:
    parts = sf.reveal(dict(frame.partitions))
    return {name: part[name].tolist() for part in parts.values() for name in part.columns}


@pytest.mark.parametrize("keys", ["uid", ["uid"]])
def test_rows_are_joined_by_keys_that_are_text(paths: Paths, keys: Any) -> None:
    frame = v_read_csv(paths, keys=keys, drop_keys=keys, spu=None)
    rows = sorted(zip(*(table(frame)[name] for name in ("age", "pay", "score")), strict=True))
    assert rows == [(40, 2.5, 9), (50, 3.5, 7)]  # 01 is not 1


def test_keys_are_numbers_if_somebody_says_so(paths: Paths) -> None:
    (alice, a), (bob, b) = paths.items()
    Path(a).write_text(Path(a).read_text().replace("01", "1"))
    frame = v_read_csv(
        {alice: a, bob: b},
        dtypes={alice: {"uid": int, "age": "float64"}, bob: {"uid": int, "score": int}},
        keys="uid",
    )
    assert sorted(zip(*table(frame).values(), strict=True)) == [(30.0, 8), (40.0, 9), (50.0, 7)]


def test_without_keys_rows_belong_together_by_their_place(paths: Paths) -> None:
    alice, bob = paths
    frame = v_read_csv(paths, usecols={alice: ["age"], bob: ["score"]})
    assert table(frame) == {"age": [30, 40, 50], "score": [7, 8, 9]}


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ";"},
        {"no_header": True},
        {"nrows": 3},
        {"backend": "dask"},
        {"keys": "uid", "drop_keys": "age"},
        {"nonsense": 1},
    ],
)
def test_what_is_not_there_is_refused(paths: Paths, options: dict[str, Any]) -> None:
    with pytest.raises(sf.FrameError):
        v_read_csv(paths, **options)


def test_what_says_nothing_is_taken(paths: Paths) -> None:
    assert v_read_csv(paths, keys="uid", psi_protocl="PROTOCOL_RR22", no_header=False, nrows=None).rows == 2
