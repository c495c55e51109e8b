"""How large what is computed from public numbers and shapes can be."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from junto.mpc.gates import BilinearMap, Words
from junto.mpc.outline import outline
from junto.mpc.ring128 import WideArray, as_ring


def magnitude(words: Words) -> int:
    """The greatest of public elements, without its sign; 0 of none."""
    if not words.size:
        return 0
    least, most = extent(as_ring(np.asanyarray(words)))
    return max(-least, most)


def terms_of(map: BilinearMap, x: tuple[int, ...], y: tuple[int, ...]) -> int:
    """How many products one result of a bilinear map of arrays of these shapes is the sum of, at most."""
    depths: list[int] = []

    def product(a: Words, b: Words) -> Words:
        depths.append(a.shape[-1])
        return cast(Words, np.matmul(a, b))

    map(outline(x, np.uint64), outline(y, np.uint64), product)
    return max(sum(depths), 1)


def extent(x: Any) -> tuple[int, int]:
    """The least and the greatest element of either ring, of one at least, as signed numbers."""
    if not isinstance(x, WideArray):
        signed = x.view(np.int64)
        return int(signed.min()), int(signed.max())
    high, low = np.ascontiguousarray(x.high).reshape(-1).view(np.int64), x.low.reshape(-1)
    ends = [(int(end), low[high == end]) for end in (high.min(), high.max())]
    (least, lows), (most, highs) = ends
    return (least << 64) + int(lows.min()), (most << 64) + int(highs.max())


def in_range(x: Any, limit: int) -> bool:
    """Whether all elements are from `-limit` to `limit - 1`."""
    least, most = extent(x)
    return -limit <= least and most < limit
