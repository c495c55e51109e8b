"""How large what is computed from public numbers and shapes can be."""

from __future__ import annotations

from typing import cast

import numpy as np

from junto.mpc.gates import BilinearMap, Words
from junto.mpc.outline import outline
from junto.mpc.ring128 import as_ring, extent


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
