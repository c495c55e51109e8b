"""The greatest and the least of many: tournaments in which four meet at a time.

All six pairs of four are compared at once, and a number is taken where it wins all its three comparisons
(`Gates.guard`). So a level takes as many rounds as the comparison of two, and there are half as many levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Digit
from junto.mpc.primitives import ops
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import joined, moved
from junto.mpc.ring128 import as_ring
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value

RADIX = 4
"""So many meet at a time: the bits to be dealt for more would cost more than the rounds that they save."""


async def extreme(c: Context, x: Secret, greatest: bool) -> Secret:
    """The greatest, or the least, along the last axis, which is not empty. Of numbers, not of bits."""
    (found,) = await _tournament(c, [x], greatest)
    return found


async def place(c: Context, x: Value, dtype: np.dtype[Any], greatest: bool) -> Value:
    """Where it is; the first of equals."""
    if isinstance(x, Public):
        return Public((np.argmax(x.array, -1) if greatest else np.argmin(x.array, -1)).astype(dtype))
    values = c.integer(c.g.to_ring(x.value), (0, 1), np.dtype(np.int32)) if x.kind == "bits" else x
    numbers = np.broadcast_to(np.arange(x.shape[-1], dtype=dtype), x.shape)
    _, found = await _tournament(c, [values, c.lift(Public(numbers))], greatest)
    return found


async def greatest(c: Context, sizes: Any) -> Any:
    """One for the place of the greatest along the last axis, the first of equals, and 0 for the others.

    Args:
        c: the step's surroundings.
        sizes: ready operands of which the differences fit into the ring.

    Returns:
        A ready operand.

    Cost: 5 rounds, 3 for two numbers; as many comparisons as there are pairs.
    """
    count = sizes.shape[-1]
    left, right = (list(side) for side in zip(*combinations(range(count), 2), strict=True))
    first = c.g.arrange(sizes, lambda array: array[..., left])
    second = c.g.arrange(sizes, lambda array: array[..., right])
    less = c.g.to_ring(await c.g.negative(c.g.subtract(first, second)))
    before = np.arange(count - 1, -1, -1, dtype=np.uint64)
    wins = c.g.add_public(c.g.linear(less, partial(_won, count, left, right)), before)
    width = (count - 1).bit_length()
    table = (np.arange(1 << width) == count - 1).astype(np.uint64)
    (found,) = await c.g.lookup(wins, Digit(0, width), [table])
    return await c.g.hold(found)


def _won(
    count: int, left: Sequence[int], right: Sequence[int], less: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """What comparisons with the later ones add to the wins of each, if those before have lost."""
    table: NDArray[np.uint64] = as_ring(np.zeros((*less.shape[:-1], count, count), less.dtype))
    table[..., right, left] = less
    table[..., left, right] = 0 - less
    return _summed(table)


async def running(c: Context, x: Secret, greatest: bool) -> Secret:
    """The greatest, or the least, of everything up to each place along the last axis.

    Kogge and Stone's prefixes, four times as long at each step.
    """
    gap, count = 1, x.shape[-1]
    while gap < count:
        x = await _longer(c, x, gap, greatest)
        gap *= RADIX
    return x


# ---------------------------------------------------------------- tournaments


async def _tournament(c: Context, rows: Sequence[Secret], greatest: bool) -> list[Secret]:
    """Of each row the number at the place where the first row's winner is."""
    current = list(rows)
    while current[0].shape[-1] > 1:
        current = await _level(c, current, greatest)
    return [_at(c, row, 0) for row in current]


def _at(c: Context, x: Secret, places: Any) -> Secret:
    return moved(c, x, lambda array: array[..., places])


async def _level(c: Context, rows: Sequence[Secret], greatest: bool) -> list[Secret]:
    """The winners of each four neighbours, and of those that are left over."""
    number, left = divmod(rows[0].shape[-1], RADIX)
    last = number * RADIX
    groups = []
    if number:
        groups.append(
            [moved(c, row, lambda a: a[..., :last].reshape(*a.shape[:-1], number, RADIX)) for row in rows]
        )
    if left:
        groups.append([moved(c, row, lambda a: a[..., None, last:]) for row in rows])
    found = await together(*[_winners(c, each, greatest) for each in groups])
    return [
        joined(c, winners, lambda *arrays: np.concatenate(arrays, -1)) for winners in zip(*found, strict=True)
    ]


async def _winners(c: Context, rows: Sequence[Secret], greatest: bool) -> list[Secret]:
    """Of each row's last axis, at most four long, the number where the first row's winner is."""
    size = rows[0].shape[-1]
    if size == 1:
        return [_at(c, row, 0) for row in rows]
    first = [_at(c, row, slice(1)) for row in rows]
    gaps = await together(
        *[
            c.g.hold(c.g.subtract(_at(c, row, slice(1, None)).value, one.value))
            for row, one in zip(rows, first, strict=True)
        ]
    )
    x = rows[0]
    if _by_difference(c, x):  # then those to the first one do, and they are ready
        x = c.like(c.g.arrange(gaps[0], _with_zero), x)
    left, right = (list(side) for side in zip(*combinations(range(size), 2), strict=True))
    return await _picked(c, first, gaps, await _better(c, _at(c, x, right), _at(c, x, left), greatest))


def _with_zero(array: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([np.zeros((*array.shape[:-1], 1), array.dtype), array], -1)


def _by_difference(c: Context, x: Secret) -> bool:
    """Whether the sign of a difference says which of two is less: not of integers that may have wrapped."""
    return x.kind == "fixed" or ops.comparable(c, x, x)


async def _better(c: Context, x: Secret, y: Secret, greatest: bool) -> Any:
    """Whether x is better than y."""
    if not _by_difference(c, x):
        return c.lift(await ops.below(c, *((y, x) if greatest else (x, y)))).value
    return await c.g.negative(c.g.subtract(*((y.value, x.value) if greatest else (x.value, y.value))))


async def _picked(c: Context, first: Sequence[Secret], gaps: Sequence[Any], ahead: Any) -> list[Secret]:
    """`first + gap` where one that is not the first wins all its comparisons.

    Args:
        c: the step's surroundings.
        first: ``[..., 1]``.
        gaps: of the others to it, ``[..., others]``.
        ahead: whether the second of each pair is better, ``[..., pairs]``, in the order of
            `itertools.combinations`.
    """
    count = int(gaps[0].shape[-1]) + 1
    places = {pair: k for k, pair in enumerate(combinations(range(count), 2))}
    table = [[(places[min(t, o), max(t, o)], o > t) for o in range(count) if o != t] for t in range(1, count)]
    where, turned = (np.array([[each[side] for each in row] for row in table]) for side in (0, 1))
    wins = c.g.flip(c.g.arrange(ahead, lambda array: array[..., where]), turned.astype(np.bool_))
    taken = await c.g.guard(wins, gaps)
    return [
        c.like(c.g.add(c.g.arrange(a.value, lambda array: array[..., 0]), c.g.linear(b, _summed)), a)
        for a, b in zip(first, taken, strict=True)
    ]


def _summed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.asarray(words.sum(-1, dtype=np.uint64))


# ---------------------------------------------------------------- prefixes


async def _longer(c: Context, x: Secret, gap: int, greatest: bool) -> Secret:
    """The best of what is 0, 1, 2 and 3 gaps before each place; before the first place, of the first."""
    count = x.shape[-1]
    size = min(RADIX, -(-count // gap))
    before = [np.maximum(np.arange(count) - k * gap, 0) for k in range(size)]
    held = c.like(await c.g.hold(x.value), x)
    back = [_at(c, held, places) for places in before[1:]]
    # of two, it matters how far they are apart, and where the later one is
    ahead = await together(*[_better(c, each, held, greatest) for each in back])

    def paired(*arrays: NDArray[Any]) -> NDArray[Any]:
        return np.stack([arrays[j - i - 1][..., before[i]] for i, j in combinations(range(size), 2)], -1)

    gaps = [c.g.subtract(each.value, held.value) for each in back]
    stacked = c.g.join(gaps, lambda *arrays: np.stack(arrays, -1))
    first = moved(c, held, lambda array: array[..., None])
    return (await _picked(c, [first], [stacked], c.g.join(ahead, paired)))[0]
