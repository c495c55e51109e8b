"""Values that a party keeps in a file: whole, private, and never a pickle."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import junto as sf


@pytest.fixture(params=[True, False], ids=["debug", "simulation"])
def alice(request: pytest.FixtureRequest) -> Iterator[sf.PYU]:
    more = {"debug_mode": True} if request.param else {"address": "local"}
    with sf.Session(["alice", "bob"], **more):
        yield sf.PYU("alice")


def test_what_is_kept_comes_back_equal(alice: sf.PYU, tmp_path: Path) -> None:
    value = {"x": np.arange(6.0).reshape(2, 3), "names": ["a", None], "table": pd.DataFrame({"k": [1, 2]})}
    path = tmp_path / "kept"
    alice.dump(alice(lambda: value)(), path)
    back = sf.reveal(alice.load(path))
    np.testing.assert_array_equal(back["x"], value["x"])
    assert back["names"] == value["names"]
    pd.testing.assert_frame_equal(back["table"], value["table"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"pickle" not in path.read_bytes()


def test_a_value_that_cannot_be_kept_leaves_the_older_file(alice: sf.PYU, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    alice.dump(alice(lambda: 1)(), path)
    with pytest.raises(sf.RemoteError, match="CannotTravel"):
        alice.dump(alice(lambda: object())(), path)
    assert sf.reveal(alice.load(path)) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("data", [b"", b"something else", b"junto value 1\n", b"junto value 1\nrubbish"])
def test_a_file_of_something_else_is_refused(alice: sf.PYU, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "kept"
    path.write_bytes(data)
    with pytest.raises(sf.RemoteError, match=r"DeviceError|MalformedBytes"):
        sf.reveal(alice.load(path))


def test_a_value_of_another_party_is_refused(alice: sf.PYU, tmp_path: Path) -> None:
    with pytest.raises(sf.DeviceError):
        alice.dump(sf.PYU("bob")(lambda: 1)(), tmp_path / "kept")
