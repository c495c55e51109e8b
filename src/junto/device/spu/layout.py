"""What everybody may know of a value on an SPU: its tree, and each array's type and shape.

A layout is the value's tree (`junto.tree`) with a text such as ``float32[100,3]`` in place of each array. It
is data like any other, so it travels through the codec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from junto.errors import DeviceError
from junto.tree import leaves, map_leaves

if TYPE_CHECKING:
    from junto.mpc.protocol.inout import Kind

_LEAF = re.compile(r"(bool|u?int(?:8|16|32|64)|float(?:16|32|64)|bfloat16)\[((?:[0-9]+(?:,[0-9]+)*)?)\]")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One array: its numpy type and its shape."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


def wide_numbers() -> bool:
    """Whether jax computes with 64 bits in this script."""
    import jax

    return bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]


def as_arrays(value: Any, x64: bool) -> tuple[Any, list[NDArray[Any]]]:
    """The layout of `value`, and its arrays in the order of its leaves.

    Args:
        value: numbers, numpy or jax arrays, pandas or polars columns and tables of numbers, in dicts, lists
            and tuples.
        x64: see `wide_numbers`; without, integers have 32 bits, and floats are called float32.

    Raises:
        NotComputable: an integer does not fit into 32 bits.
        DeviceError: a leaf is no array of numbers; the message says where and of which type.
    """
    from junto.mpc.plan import jax_array, jax_dtype

    arrays: list[NDArray[Any]] = []
    paths = _paths(value, "")

    def take(leaf: Any) -> str:
        path = next(paths)
        array = jax_array(_array(leaf, path), x64, _at(path))
        arrays.append(array)
        return str(Leaf(jax_dtype(array.dtype, x64).name, array.shape))

    return map_leaves(take, value), arrays


def parse(layout: Any) -> list[Leaf]:
    """The arrays of a layout that another party sent.

    Raises:
        DeviceError: it is none.
    """
    return [_leaf(text) for text in leaves(layout)]


def rebuild(layout: Any, arrays: list[Any]) -> Any:
    """The tree of `layout` with `arrays` in it."""
    rest = iter(arrays)
    return map_leaves(lambda _: next(rest), layout)


def kinds(described: Sequence[Leaf]) -> list[Kind]:
    """What the protocol needs to know of each array."""
    from junto.mpc.protocol.inout import Kind

    return [Kind(leaf.dtype == "bool", leaf.shape) for leaf in described]


def shift_of(leaf: Leaf, bits: int) -> int:
    """By how many bits an array's elements change when the point moves by `bits`."""
    from junto.mpc.values import kind

    return bits if kind(leaf.dtype) == "fixed" else 0


def _leaf(text: object) -> Leaf:
    match = _LEAF.fullmatch(text) if isinstance(text, str) and len(text) < 1000 else None
    if match is None:
        raise DeviceError("another party described a value for the SPU in a way that makes no sense")
    sizes = match[2]
    return Leaf(match[1], tuple(int(size) for size in sizes.split(",")) if sizes else ())


def _array(leaf: Any, path: str) -> NDArray[Any]:
    to_numpy: Callable[[], Any] | None = getattr(leaf, "to_numpy", None)  # pandas, polars
    try:
        array = np.asarray(to_numpy() if to_numpy is not None else leaf)
    except ValueError as error:
        raise DeviceError(f"{_at(path)} is ragged: its rows have different lengths") from error
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    if not _LEAF.fullmatch(str(Leaf(array.dtype.name, ()))):
        raise DeviceError(
            f"{_at(path)} is of type {array.dtype.name if to_numpy or array.shape else type(leaf).__name__}: "
            "an SPU computes on numbers and truth values",
            fix="convert it where it lives, for example alice(lambda t: t.to_numpy(dtype='float64'))(x)",
        )
    return array


def _at(path: str) -> str:
    return f"the value's part {path}" if path else "the value"


def _paths(tree: Any, path: str) -> Iterator[str]:
    kind = type(tree)
    if kind is dict:
        for key, item in tree.items():
            yield from _paths(item, f"{path}[{key!r}]")
    elif kind in (list, tuple) or (isinstance(tree, tuple) and hasattr(kind, "_fields")):
        for index, item in enumerate(tree):
            yield from _paths(item, f"{path}[{index}]")
    else:
        yield path
