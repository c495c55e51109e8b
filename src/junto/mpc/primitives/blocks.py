"""Costly functions of many numbers, a block at a time: less memory, more rounds.

An approximation holds dozens of numbers for each of its results, and what the helper deals for it is hundreds
of bytes. So a function of ten million numbers runs on one part of them after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.primitives import ops
from junto.mpc.primitives.context import Context


async def blockwise(c: Context, function: Callable[..., Awaitable[Any]], *operands: Any) -> Any:
    """`function(*operands)` for a function that works element by element.

    Args:
        c: the step's surroundings; `MpcSettings.block` elements are one block.
        function: from ring arrays of one shape to one of the same shape.
        operands: ring arrays that broadcast together.
    """
    shape = np.broadcast_shapes(*[tuple(each.shape) for each in operands])
    size, block = int(np.prod(shape, dtype=np.int64)), c.settings.block
    if size <= block:
        return await function(*operands)
    whole = [ops.spread(c, each, shape) for each in operands]
    parts = []
    for start in range(0, size, block):
        piece = partial(_piece, start, start + block)
        parts.append(await function(*[c.g.arrange(each, piece) for each in whole]))
    return c.g.join(parts, lambda *arrays: np.concatenate(arrays).reshape(shape))


def _piece(start: int, stop: int, array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(-1)[start:stop]
