"""What a call returns can be read as often as anybody likes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import junto as sf
from junto.errors import RemoteError
from junto.execute.results import split


async def _later() -> None:
    """Somebody's forgotten `await`."""


ONCE: dict[str, Callable[[], Any]] = {
    "generator": lambda: (n for n in range(3)),
    "iterator": lambda: iter([1, 2]),
    "map": lambda: map(str, [1]),
    "zip": lambda: zip([1], [2], strict=True),
    "file": lambda: io.StringIO("a line"),
    "bytes": lambda: io.BytesIO(b"x"),
    "reader": lambda: csv.reader(["a,b"]),
    "numpy": lambda: np.nditer(np.ones(2)),
    "items": lambda: enumerate("ab"),
    "inside": lambda: {"rows": [1, (iter("ab"), 2)]},
}


@pytest.mark.parametrize("name", ONCE)
@pytest.mark.parametrize("count", [None, 1])
def test_what_can_be_read_once_is_no_result(name: str, count: int | None) -> None:
    returned = ONCE[name]()
    with pytest.raises(TypeError, match="only once"):
        split("f", count, returned if count is None else [returned])


def test_a_coroutine_is_none_either() -> None:
    forgotten = _later()
    with pytest.raises(TypeError, match=r"coroutine, which can be read only once.*asyncio\.run"):
        split("f", None, forgotten)
    forgotten.close()


@pytest.mark.parametrize("value", [[1, 2], range(3), {"a": (1,)}, "text", np.ones(3), {1, 2}, {}.items()])
def test_what_can_be_read_again_is(value: Any) -> None:
    assert split("f", None, value) == (value,) or value is split("f", None, value)[0]


def test_a_handle_of_a_generator_is_an_error_at_every_reader() -> None:
    sf.init(["alice", "bob"], address="local")
    try:
        handle = sf.PYU("alice")(lambda: (n for n in range(3)))()
        for _ in range(2):
            with pytest.raises(RemoteError, match=r"DeviceError\n.*only once\n  fix: return its items"):
                sf.reveal(sf.PYU("alice")(list)(handle))
    finally:
        sf.shutdown()
