"""Sums of fixed-point numbers that do not fit before a truncation.

A ring element has 62 bits. A number of f bits after the point may use `62 - 2 f` more before it is multiplied
(`MpcSettings.fraction`), so that a sum of products, with 2 f bits after the point, has no room for more terms
unless they are smaller. How small, only the secret numbers know. So long sums are cut into parts: `TERMS`
products, or as many other numbers as surely fit, are summed and truncated, and the parts are added.

A truncated part is right to a unit in the last place. So where the parts are more than `FEW`, they keep
further bits, as far as there is room: then their sum is as right as one number, and truncated once more,
which takes a round if nothing else is to be done with it (a division, say).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import moved
from junto.mpc.values import Secret

TERMS = 16
"""So many products are summed before they are truncated: for 18 bits they may be 2**22 on average."""


FEW = 8
"""So many parts are truncated at once to the bits that the result will have."""


def largest(c: Context) -> int:
    """The power of two below which a number must be before it is multiplied."""
    return c.g.bits - 2 - 2 * c.fraction


def room(c: Context, fraction: int) -> int:
    """How many numbers of so many bits after the point fit into a ring element in one sum."""
    spare = c.g.bits - 3 - fraction - largest(c)
    return 1 << spare if spare > 0 else TERMS


async def total(c: Context, x: Secret, axes: Sequence[int]) -> Secret:
    """The sum of a float along some axes."""
    count = prod(x.shape[axis] for axis in axes)
    part = room(c, x.fraction)
    if count <= part:
        return _summed(c, x, tuple(axes))
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    parts = -(-count // part)
    shape = tuple(x.shape[axis] for axis in kept)

    def cut(array: np.ndarray) -> np.ndarray:
        flat = array.transpose(*kept, *axes).reshape(*shape, count)
        if lacking := parts * part - count:
            flat = np.pad(flat, [(0, 0)] * len(shape) + [(0, lacking)])
        return flat.reshape(*shape, parts, part)

    return _summed(c, await _shortened(c, _summed(c, moved(c, x, cut), (-1,)), parts), (-1,))


async def added_up(c: Context, parts: Secret) -> Secret:
    """The sum of parts along the first axis, which are products still to be truncated."""
    return _summed(c, await _shortened(c, parts, parts.shape[0]), (0,))


async def _shortened(c: Context, x: Secret, count: int) -> Secret:
    """Parts of a sum without the bits after the point that `count` of them have no room for."""
    pending, grown = x.fraction - c.fraction, (count - 1).bit_length()
    kept = 0 if count <= FEW else max(0, min(grown, pending - grown))
    if c.proportional:  # what is left has room for all
        kept = max(kept, pending - grown)
    drop = pending - kept if pending > 0 else min(x.fraction, grown)
    if not drop:
        return x
    held = await c.g.truncate(x.value, drop)
    return c.fixed(held, x.fraction - drop, x.scale)


def _summed(c: Context, x: Secret, axes: tuple[int, ...]) -> Secret:
    def add_up(words: Words) -> Words:
        return np.asarray(words.sum(axis=axes, dtype=np.uint64))

    terms = prod(x.value.shape[axis] for axis in axes)
    return c.fixed(c.g.linear(x.value, add_up, bounded=max(terms, 1)), x.fraction, x.scale)
