"""What a user of pandas reaches for is in a frame, or the error says what does the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import junto as sf
from frames import split
from junto.device.handle import OPERATORS
from junto.frame import HorizontalFrame, VerticalFrame
from junto.frame.column_functions import require_dtype
from junto.frame.pandas_names import INSTEAD, OTHERS, PAGE, instead

PANDAS = {name for kind in (pd.DataFrame, pd.Series) for name in dir(kind) if not name.startswith("_")}
OF_THE_PACKAGE = {"get_dummies", "cut"}
BEFORE = {"applymap", "append"}
"""Of older versions."""


@pytest.fixture(scope="module")
def frame() -> Any:
    with sf.Session(["alice", "bob", "carol"], debug_mode=True, logging_level="error"):
        yield split(pd.DataFrame({"age": [1.0, 2.0], "town": ["a", "b"]}), 1)


@pytest.mark.parametrize("kind", [VerticalFrame, HorizontalFrame])
def test_every_name_of_pandas_is_there_or_says_what_is(kind: type) -> None:
    made = object.__new__(kind)
    for name in sorted(PANDAS | set(INSTEAD)):
        if not hasattr(kind, name):
            with pytest.raises(AttributeError, match=r"(?s)no attribute '.*; (take |SecretFlow)") as caught:
                getattr(made, name)
            assert PAGE in str(caught.value)
            assert "NAME" not in str(caught.value)


def test_a_column_is_no_attribute(frame: Any) -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'age'; a column is frame\['age'\]"):
        _ = frame.age
    with pytest.raises(AttributeError, match=r"no attribute '__wrapped__'$"):
        _ = frame.__wrapped__


def test_the_table_has_names_of_pandas_that_frames_have_not() -> None:
    assert set(INSTEAD) <= PANDAS | OF_THE_PACKAGE | BEFORE
    assert {name for name in INSTEAD if hasattr(VerticalFrame, name)} == set()
    assert instead("no_such_name") == instead("__iter__") == ""
    assert instead("nunique") == f"; take {OTHERS.replace('NAME', 'nunique')} ({PAGE})"


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "a comparison": lambda f: f == 1,
    "another frame": lambda f: f != f[["age"]],
    "itself": lambda f: f == f,
    "an order": lambda f: f["age"] > 1,
    "numpy's number": lambda f: np.float64(1) + f,
    "an array": lambda f: np.ones(2) * f["age"],
    "a function": lambda f: np.exp(f["age"]),
    "as an array": np.asarray,
    "as a table": pd.DataFrame,
    "a column that is set": lambda f: f.__setitem__("x", 1),
    "a column that goes": lambda f: f.__delitem__("age"),
    "a mask": lambda f: ~f,
    "and": lambda f: f & f,
    "as a number": lambda f: float(f["age"]),
    "the truth": bool,
    "membership of a list": lambda f: [1, 2].index(f),
    "places": lambda f: f[0:1],
    "a place": lambda f: f[0],
    "twice": lambda f: f[["age", "age"]],
    "a type": lambda f: f.astype({"age": "foo"}),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_cannot_be_done_with_a_frame_is_refused_with_a_sentence(frame: Any, name: str) -> None:
    with pytest.raises(sf.FrameError) as caught:
        OPERATIONS[name](frame)
    assert "2.0" not in str(caught.value)


def test_no_operator_is_left_out() -> None:
    for name in OPERATORS.split():
        member = getattr(VerticalFrame, f"__{name}__")
        assert member is not getattr(object, f"__{name}__", None), name
    assert hash(object.__new__(VerticalFrame)) is not None


def test_names_and_types_of_pandas_are_taken(frame: Any) -> None:
    for dtype in ("float32", "Int64", "category", "string", np.int8, float, pd.CategoricalDtype()):
        require_dtype(dtype)
    assert "age" in frame
    assert 3 not in frame
    assert frame.astype({"age": "Int64"}).dtypes["age"] == "Int64"
