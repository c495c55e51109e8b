"""What everybody may know of a value on an SPU: its tree, and each array's type and shape.

A layout is the value's tree (`junto.tree`) with a text such as ``float32[100,3]`` in place of each array, and
with None where the value has None, which to jax is a tree without leaves. It is data like any other, so it
travels through the codec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from junto.errors import DeviceError
from junto.tree import leaves, map_leaves

if TYPE_CHECKING:
    from junto.mpc.protocol.inout import InputKind
    from junto.mpc.settings import MpcSettings

MOST_ARRAYS = 1 << 16
MOST_DIMENSIONS = 32
MOST_NUMBERS = 1 << 30
"""Of all arrays of one value: 8 GiB at each node."""

_LEAF = re.compile(r"(bool|u?int(?:8|16|32|64)|float(?:16|32|64)|bfloat16)\[((?:[0-9]+(?:,[0-9]+)*)?)\]")


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """One array: its numpy type and its shape."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


def wide_numbers() -> bool:
    """Whether jax computes with 64 bits in this script."""
    import jax

    return bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]


def is_known(dtype: str) -> bool:
    """Whether an SPU can hold arrays of this type."""
    return _LEAF.fullmatch(f"{dtype}[]") is not None


def parse(layout: Any) -> list[ArrayLayout]:
    """The arrays of a layout that another party sent. Memory is taken for no more than it has passed here.

    Raises:
        DeviceError: it is none, or too large.
    """
    return bounded([_leaf(text) for text in texts_of(layout)])


def bounded(described: list[ArrayLayout]) -> list[ArrayLayout]:
    """The arrays of one value, if they are not too many.

    The bounds are the same at every party, so that all of them refuse what one refuses.

    Raises:
        DeviceError: too many arrays, dimensions or numbers.
    """
    dimensions = max((len(leaf.shape) for leaf in described), default=0)
    numbers = sum(prod(max(size, 1) for size in leaf.shape) for leaf in described)
    for what, count, most in (
        ("arrays", len(described), MOST_ARRAYS),
        ("dimensions", dimensions, MOST_DIMENSIONS),
        ("numbers", numbers, MOST_NUMBERS),
    ):
        if count > most:
            raise DeviceError(
                # No number that another party may write is too large for a message.
                f"a value of {min(count, 10**300):.3g} {what} is too large for an SPU, which takes {most}",
                fix="share it in several parts",
            )
    return described


def texts_of(layout: Any) -> list[Any]:
    """What stands in a layout for arrays, in their order."""
    return [leaf for leaf in leaves(layout) if leaf is not None]


def rebuild(layout: Any, arrays: Iterable[Any]) -> Any:
    """The tree of `layout` with `arrays` in it."""
    rest = iter(arrays)
    return map_leaves(lambda leaf: None if leaf is None else next(rest), layout)


def read(
    layout: Any, words: Sequence[Any], settings: MpcSettings, reading: Callable[[Any], Any] | None = None
) -> Any:
    """What a receiver is shown: the tree with its arrays decoded, or what `reading` makes of that.

    Args:
        layout: of the value.
        words: its arrays, encoded.
        settings: numbers of the SPU.
        reading: see `SPUObject.read_as`; it gets floats with all their digits.
    """
    from junto.mpc.values import decode, kind

    names = [leaf.dtype for leaf in parse(layout)]
    if reading is not None:
        names = ["float64" if kind(name) == "fixed" else name for name in names]
    tree = rebuild(layout, [decode(each, name, settings) for each, name in zip(words, names, strict=True)])
    return tree if reading is None else reading(tree)


def kinds(described: Sequence[ArrayLayout], width: int) -> list[InputKind]:
    """What the protocol needs to know of each array, in a ring of so many bits."""
    from junto.mpc.protocol.inout import InputKind

    return [InputKind(leaf.dtype == "bool", leaf.shape, width) for leaf in described]


def shift_of(leaf: ArrayLayout, bits: int) -> int:
    """By how many bits an array's elements change when the point moves by `bits`."""
    from junto.mpc.values import kind

    return bits if kind(leaf.dtype) == "fixed" else 0


def _leaf(text: object) -> ArrayLayout:
    match = _LEAF.fullmatch(text) if isinstance(text, str) and len(text) < 1000 else None
    if match is None:
        raise DeviceError("another party described a value for the SPU in a way that makes no sense")
    sizes = match[2]
    return ArrayLayout(match[1], tuple(int(size) for size in sizes.split(",")) if sizes else ())
