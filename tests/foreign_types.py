"""Classes and functions that the tests of the restricted pickle list, or must not reach."""

from __future__ import annotations

import functools  # noqa: F401 (a wildcard on this module must not reach it)
import operator
import os  # noqa: F401 (nor this)
import sys  # noqa: F401 (nor this)
from collections import OrderedDict  # noqa: F401 (nor this)
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

RAN: list[Any] = []


def flag(*values: Any) -> str:
    """What a hostile payload tries to call: harmless, but it shows."""
    RAN.append(values)
    return "ran"


class Model:
    limit = 10

    def __init__(self, weights: Any = None) -> None:
        self.weights = weights


class Slots:
    __slots__ = ("a", "b")


class WithState:
    def __getstate__(self) -> dict[str, Any]:
        return {"kept": 1}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.restored = state["kept"]


class Callable:
    def __init__(self, name: str = "") -> None:
        self.name = name

    def __call__(self, *values: Any) -> Any:
        return flag(*values)


class Bag(dict[Any, Any]):
    pass


class Row(list[Any]):
    pass


class Blob(bytes):
    pass


class Array(np.ndarray[Any, Any]):
    pass


class Meta(type):
    pass


class Stops(Exception):
    pass


class Unruly:
    def __reduce__(self) -> tuple[Any, ...]:
        raise RuntimeError("SECRET")


class Loud:
    def __setstate__(self, state: Any) -> None:
        raise KeyError("SECRET")

    def __getstate__(self) -> Any:
        return {"a": 1}


class Settable:
    @property
    def trap(self) -> None: ...

    @trap.setter
    def trap(self, value: Any) -> None:
        flag(value)


def rebuild(x: int) -> Model:
    return Model(x)


class ByFunction:
    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (5,)


getter = operator.attrgetter
frames = pd


def generator() -> Iterator[int]:
    yield 1
