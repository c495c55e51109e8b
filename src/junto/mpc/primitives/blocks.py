"""Costly functions of many numbers, a block at a time: less memory, more rounds.

An approximation, or taking numbers apart into bits, holds dozens of numbers for each of its results, and what
the helper deals for it is hundreds of bytes. So a function of ten million numbers runs on one part of them
after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial, wraps
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.mpc.primitives import ops
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import joined
from junto.mpc.values import Public, Secret, Value, dtype_span

ElementWise: TypeAlias = Callable[..., Awaitable[Value]]
"""A rule with one result, of the shape that its operands broadcast to."""


async def blockwise(c: Context, function: Callable[..., Awaitable[Any]], *operands: Any) -> Any:
    """`function(*operands)` for a function that works element by element.

    Args:
        c: the step's surroundings; `MpcSettings.block` elements are one block.
        function: from ring arrays to one of the shape that they broadcast to, or to a tuple of such.
        operands: ring arrays.
    """
    shape = np.broadcast_shapes(*[tuple(each.shape) for each in operands])
    if _size(shape) <= c.settings.block:
        return await function(*operands)
    whole = [ops.spread(c, each, shape) for each in operands]
    parts = [
        await function(*[c.g.arrange(each, piece) for each in whole])
        for piece in _pieces(shape, c.settings.block)
    ]
    back = partial(_back, shape)
    if isinstance(parts[0], tuple):
        return tuple(c.g.join(each, back) for each in zip(*parts, strict=True))
    return c.g.join(parts, back)


async def narrowed(c: Context, x: Secret) -> Secret:
    """`Context.wrapped`, block by block."""

    async def within(value: Any) -> Any:
        return (await c.wrapped(c.like(value, x))).value

    least, greatest = dtype_span(x.dtype)
    held = await blockwise(c, within, x.value)
    return replace(x, value=held, span=(max(least, x.span[0]), min(greatest, x.span[1])))


def in_blocks(rule: ElementWise) -> ElementWise:
    """The rule of an element-wise primitive, block by block."""

    @wraps(rule)
    async def run(c: Context, params: Mapping[str, Any], *operands: Value) -> Any:
        held = [each.shape if isinstance(each, Public) else tuple(each.value.shape) for each in operands]
        shape = np.broadcast_shapes(*held)
        if _size(shape) <= c.settings.block:
            return await rule(c, params, *operands)
        parts: list[Any] = [
            await rule(c, params, *[_part(c, each, shape, piece) for each in operands])
            for piece in _pieces(shape, c.settings.block)
        ]
        return joined(c, parts, partial(_back, shape))

    return run


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _pieces(shape: tuple[int, ...], block: int) -> list[Callable[[NDArray[Any]], NDArray[Any]]]:
    return [partial(_piece, start, start + block) for start in range(0, _size(shape), block)]


def _piece(start: int, stop: int, array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(-1)[start:stop]


def _back(shape: tuple[int, ...], *arrays: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate(arrays).reshape(shape)


def _part(c: Context, x: Value, shape: tuple[int, ...], piece: Callable[..., NDArray[Any]]) -> Value:
    if isinstance(x, Public):
        return Public(piece(np.broadcast_to(x.array, shape)))
    held = c.g.arrange(x.value, lambda array: piece(np.broadcast_to(array, shape)))
    return Secret(held, x.dtype, tuple(held.shape), x.fraction, x.span)
