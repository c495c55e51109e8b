"""What a party puts on an SPU: numbers, checked and encoded. What cannot be is named by its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.device.spu.layout import ArrayLayout, bounded, is_known
from junto.errors import DeviceError, JuntoError
from junto.tree import map_leaves, paths

if TYPE_CHECKING:
    from junto.mpc.gates import Flags, Words
    from junto.mpc.settings import MpcSettings, NumberForm

_Leaf: TypeAlias = "tuple[ArrayLayout, Words | Flags, NDArray[Any]]"

VALUE = "the value"
"""What is put on an SPU by itself has no name."""


@dataclass(frozen=True, slots=True)
class InputConversion:
    """How a value comes in.

    Attributes:
        settings: of the SPU.
        x64: see `layout.wide_numbers`; without, integers have 32 bits, and floats are called float32.
        name: of the value in the script, for messages: ``args[0]``.
        own: how it is held; None: as the SPU holds numbers.
    """

    settings: MpcSettings
    x64: bool
    name: str = VALUE
    own: NumberForm | None = None


def encoded(
    value: Any, entrance: InputConversion, exact: list[NDArray[Any]] | None = None
) -> tuple[Any, list[Words | Flags]]:
    """The layout of `value`, and its arrays, encoded, in the order of its leaves.

    Args:
        value: numbers, numpy or jax arrays, pandas or polars columns and tables of numbers, in dicts, lists
            and tuples; in such, None stays None.
        entrance: how it comes in.
        exact: gets the arrays as they are before they are encoded.

    Raises:
        NotComputable: NaN, infinity, a number out of range, an integer that does not fit into 32 bits.
        DeviceError: a leaf is no array of numbers. Messages name the place and the type, never what is there.
    """
    made: list[Words | Flags] = []
    described: list[ArrayLayout] = []
    places = paths(value, "")

    def take(leaf: Any) -> str | None:
        place = next(places)
        if leaf is None and place:
            return None
        about, words, array = _leaf(leaf, entrance, place)
        described.append(about)
        made.append(words)
        if exact is not None:
            exact.append(array)
        return str(about)

    layout = map_leaves(take, value)
    bounded(described)
    return layout, made


def _leaf(leaf: Any, entrance: InputConversion, path: str) -> _Leaf:
    try:
        return _encoded(leaf, entrance, path)
    except JuntoError:
        for column in getattr(leaf, "columns", ()):  # of a table, say which one it is
            _encoded(leaf[column], entrance, f"{path}[{column!r}]")
        raise


def _encoded(leaf: Any, entrance: InputConversion, path: str) -> _Leaf:
    from junto.mpc.plan import jax_array, jax_dtype
    from junto.mpc.values import encode

    place = _place(entrance.name, path)
    array = jax_array(_array(leaf, place), entrance.x64, place)
    described = ArrayLayout(jax_dtype(array.dtype, entrance.x64).name, array.shape).held_as(entrance.own)
    bounded([described])  # before memory is taken for it
    return described, encode(array, entrance.settings.held_as(entrance.own), place), array


def _place(name: str, path: str) -> str:
    return f"{name}'s part {path}" if name == VALUE and path else name + path


def _array(leaf: Any, place: str) -> NDArray[Any]:
    to_numpy: Callable[[], Any] | None = getattr(leaf, "to_numpy", None)  # pandas, polars
    try:
        array = np.asarray(to_numpy() if to_numpy is not None else leaf)
    except (TypeError, ValueError) as error:
        raise DeviceError(
            f"{place} is a {type(leaf).__name__} that is no array of numbers, ragged perhaps",
            fix="give all rows the same length where it lives, or share it as a list of arrays",
        ) from error
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    if not is_known(array.dtype.name):
        raise DeviceError(
            f"{place} is of type {_type_name(leaf, array)}: an SPU computes on numbers and truth values",
            fix="convert it where it lives, for example alice(lambda t: t.to_numpy(dtype='float64'))(x)",
        )
    return array


def _type_name(leaf: Any, array: NDArray[Any]) -> str:
    """For a person: of a single thing its class, of an array what it holds."""
    if not array.shape:
        return type(leaf).__name__
    return "text" if array.dtype.kind in "SU" else array.dtype.name
