"""The gates on shapes alone: what a plan asks of them, without a number, a round or a protocol.

A plan that runs over these runs over all others as far as shapes, dtypes and public numbers decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from junto.mpc.gates import BITS, BilinearMap, Digit, Flags, Gates, Powers, Words
from junto.mpc.outline import outline

Shape = tuple[int, ...]


class ShapedRing:
    """An array of ring elements of which nothing is known but its shape, under a name that bits have not."""

    __slots__ = ("ring",)
    dtype: np.dtype[np.uint64] = np.dtype(np.uint64)

    def __init__(self, shape: Shape) -> None:
        self.ring: Shape = shape

    @property
    def shape(self) -> Shape:
        """Public, like every shape."""
        return self.ring


class ShapedBits:
    """The same of bits."""

    __slots__ = ("bits",)
    dtype: np.dtype[np.bool_] = np.dtype(np.bool_)

    def __init__(self, shape: Shape) -> None:
        self.bits: Shape = shape

    @property
    def shape(self) -> Shape:
        """Public, like every shape."""
        return self.bits


def shaped(shape: Shape, is_bool: bool) -> ShapedRing | ShapedBits:
    """A secret of this shape."""
    return ShapedBits(shape) if is_bool else ShapedRing(shape)


class ShapeGates(Gates[ShapedRing, ShapedBits]):
    """See the module.

    Args:
        bits: see `Gates.bits`.
    """

    def __init__(self, bits: int = BITS) -> None:
        self.bits = bits

    def constant(self, value: Words) -> ShapedRing:
        return ShapedRing(value.shape)

    def constant_bits(self, value: Flags) -> ShapedBits:
        return ShapedBits(value.shape)

    def arrange(self, x: Any, move: Callable[..., Any]) -> Any:
        return self.join([x], move)

    def join(self, parts: Any, move: Callable[..., Any]) -> Any:
        kind = type(parts[0])
        if any(type(each) is not kind for each in parts):
            raise TypeError("ring elements and bits are put side by side")
        made: Shape = move(*[outline(each.shape, each.dtype) for each in parts]).shape
        return kind(made)

    def add(self, x: ShapedRing, y: ShapedRing) -> ShapedRing:
        return ShapedRing(_wide(x.ring, y.ring))

    def subtract(self, x: ShapedRing, y: ShapedRing) -> ShapedRing:
        return ShapedRing(_wide(x.ring, y.ring))

    def negate(self, x: ShapedRing) -> ShapedRing:
        return ShapedRing(x.ring)

    def add_public(self, x: ShapedRing, c: Words) -> ShapedRing:
        return ShapedRing(_wide(x.ring, np.shape(c)))

    def scale(self, x: ShapedRing, c: Words, *, bounded: bool = False) -> ShapedRing:
        return ShapedRing(_wide(x.ring, np.shape(c)))

    def linear(self, x: ShapedRing, map: Callable[[Words], Words], *, bounded: int = 0) -> ShapedRing:
        return ShapedRing(map(outline(x.ring, np.uint64)).shape)

    async def narrowed(self, x: ShapedRing, cut: int = 0) -> ShapedRing:
        return x

    async def widened(self, x: ShapedRing) -> ShapedRing:
        return x

    def to_ring(self, b: ShapedBits) -> ShapedRing:
        return ShapedRing(b.bits)

    def xor(self, a: ShapedBits, b: ShapedBits) -> ShapedBits:
        return ShapedBits(_wide(a.bits, b.bits))

    def flip(self, a: ShapedBits, where: Flags) -> ShapedBits:
        return ShapedBits(_wide(a.bits, np.shape(where)))

    async def hold(self, x: ShapedRing) -> ShapedRing:
        return ShapedRing(x.ring)

    async def multiply(self, x: ShapedRing, y: ShapedRing) -> ShapedRing:
        return ShapedRing(_wide(x.ring, y.ring))

    async def bilinear(self, x: ShapedRing, y: ShapedRing, map: BilinearMap) -> ShapedRing:
        return ShapedRing(map(outline(x.ring, np.uint64), outline(y.ring, np.uint64), np.matmul).shape)

    async def truncate(self, x: ShapedRing, bits: int, *, loose: bool = False) -> ShapedRing:
        return ShapedRing(x.ring)

    async def rescale(self, x: ShapedRing, factor: Words) -> ShapedRing:
        return ShapedRing(np.broadcast_shapes(x.ring, factor.shape))

    async def negative(self, x: ShapedRing, bits: int | None = None) -> ShapedBits:
        return ShapedBits(x.ring)

    async def zero(self, x: ShapedRing, bits: int | None = None) -> ShapedBits:
        return ShapedBits(x.ring)

    async def both(self, a: ShapedBits, b: ShapedBits) -> ShapedBits:
        return ShapedBits(_wide(a.bits, b.bits))

    async def choose(self, b: ShapedBits, x: ShapedRing, y: ShapedRing) -> ShapedRing:
        return ShapedRing(_wide(b.bits, x.ring, y.ring))

    async def guard(self, b: ShapedBits, xs: Sequence[ShapedRing]) -> Sequence[ShapedRing]:
        return [ShapedRing(_wide(b.bits[:-1], x.ring)) for x in xs]

    async def decompose(self, x: ShapedRing, bits: int | None = None) -> ShapedBits:
        return ShapedBits((*x.ring, bits or self.bits))

    async def lookup(self, x: ShapedRing, digit: Digit, tables: Sequence[Words]) -> Sequence[ShapedRing]:
        return [ShapedRing((*x.ring, *table.shape[1:])) for table in tables]

    async def power(self, x: ShapedRing, digit: Digit, powers: Powers) -> tuple[ShapedRing, ShapedRing, int]:
        return ShapedRing(x.ring), ShapedRing(x.ring), 0

    async def reveal(self, x: Any) -> Any:
        return np.zeros(x.shape, x.dtype)

    async def series(
        self, x: ShapedRing, period: int, sines: Sequence[float], cosines: Sequence[float]
    ) -> ShapedRing:
        return ShapedRing(x.ring)


def _wide(*shapes: Shape) -> Shape:
    first = shapes[0]
    if all(each == first or not each for each in shapes[1:]):
        return first
    return np.broadcast_shapes(*shapes)
