"""What everybody may know of a value on an SPU: its tree, and each array's type and shape.

A layout is the value's tree (`junto.tree`) with a text such as ``float32[100,3]`` in place of each array, and
with None where the value has None, which to jax is a tree without leaves. An array that is not held as its
SPU holds numbers says how: ``float32[100,3]@64.18`` is in the ring of 64 bits, 18 of them after the point,
``float32[]@128.64`` a mean of squares. It is data like any other, so it travels through the codec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from junto.config.spu_model import MOST_FRACTION, FieldType
from junto.errors import DeviceError
from junto.mpc.settings import MpcSettings, NumberForm
from junto.tree import leaves, map_leaves

if TYPE_CHECKING:
    from junto.mpc.protocol.inout import InputKind

MOST_ARRAYS = 1 << 16
MOST_DIMENSIONS = 32
MOST_NUMBERS = 1 << 30
"""Of all arrays of one value: 8 GiB at each node."""

MOST: Mapping[int, int] = {64: MOST_FRACTION[FieldType.FM64], 128: 2 * MOST_FRACTION[FieldType.FM128]}
"""Bits after the point that an array may have, by its ring: in the wide one as many as a square."""

_LEAF = re.compile(
    r"(bool|u?int(?:8|16|32|64)|float(?:16|32|64)|bfloat16)\[((?:[0-9]+(?:,[0-9]+)*)?)\](?:@(64|128)\.([1-9][0-9]?))?"
)


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """One array.

    Attributes:
        dtype: its numpy type.
        shape: its shape.
        own: how it is held, if that is not as its SPU holds numbers. Truth values have no ring.
    """

    dtype: str
    shape: tuple[int, ...]
    own: NumberForm | None = None

    def __str__(self) -> str:
        own = "" if self.own is None else f"@{self.own.width}.{self.own.fraction}"
        return f"{self.dtype}[{','.join(map(str, self.shape))}]{own}"

    def held_as(self, form: NumberForm | None) -> ArrayLayout:
        """The same array in that form; None: as its SPU holds numbers."""
        return replace(self, own=None if self.dtype == "bool" else form)

    def form(self, settings: MpcSettings) -> NumberForm:
        """How it is held on an SPU with those numbers."""
        return self.own or settings.form


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


def entered(layout: Any, own: NumberForm | None) -> list[ArrayLayout]:
    """The arrays of a layout that another party sent of a value that it shares, in the form `own`.

    Raises:
        DeviceError: it is none, too large, or of another form than the script says.
    """
    found = parse(layout)
    if any(leaf != leaf.held_as(own) for leaf in found):
        raise _senseless()
    return found


def settled(leaf: ArrayLayout, settings: MpcSettings) -> ArrayLayout:
    """An array that comes from another SPU, or a file, as an SPU with those numbers holds it.

    It keeps its own ring where that is the smaller one, and in the same ring the bits after the point of what
    is made of squares.
    """
    own = leaf.own or settings.form
    squares = own.width == settings.width > 64 and own.fraction > settings.fraction
    return leaf if own.width < settings.width or squares else leaf.held_as(None)


def arrived(layout: Any, settings: MpcSettings) -> Any:
    """The layout of a value that comes from elsewhere, as `settled` says."""
    return rebuild(layout, [str(settled(leaf, settings)) for leaf in parse(layout)])


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

    described = parse(layout)
    names = [leaf.dtype for leaf in described]
    if reading is not None:
        names = ["float64" if kind(name) == "fixed" else name for name in names]
    arrays = [
        decode(each, name, settings.held_as(leaf.own))
        for each, name, leaf in zip(words, names, described, strict=True)
    ]
    tree = rebuild(layout, arrays)
    return tree if reading is None else reading(tree)


def kinds(described: Sequence[ArrayLayout], settings: MpcSettings) -> list[InputKind]:
    """What the protocol needs to know of each array on an SPU with those numbers."""
    from junto.mpc.protocol.inout import InputKind

    return [InputKind(leaf.dtype == "bool", leaf.shape, leaf.form(settings).width) for leaf in described]


def shift_of(leaf: ArrayLayout, come: NumberForm, goes: NumberForm) -> int:
    """By how many bits an array's elements are shifted from one form to another."""
    from junto.mpc.values import kind

    return goes.fraction - come.fraction if kind(leaf.dtype) == "fixed" else 0


def _leaf(text: object) -> ArrayLayout:
    match = _LEAF.fullmatch(text) if isinstance(text, str) and len(text) < 1000 else None
    if match is None or (match[1] == "bool" and match[3]):
        raise _senseless()
    sizes = match[2]
    own = NumberForm(int(match[3]), int(match[4])) if match[3] else None
    if own is not None and own.fraction > MOST[own.width]:
        raise _senseless()
    return ArrayLayout(match[1], tuple(int(size) for size in sizes.split(",")) if sizes else (), own)


def _senseless() -> DeviceError:
    return DeviceError("another party described a value for the SPU in a way that makes no sense")
