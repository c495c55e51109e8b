"""Writing at indices, public or secret: what `index` says of reading holds here, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.mpc import ring
from junto.mpc.gates import MatrixProduct, Words
from junto.mpc.primitives import comparisons, extremes, ops, reduce
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.index import as_bits, as_integers, hot, hot_starts, read
from junto.mpc.primitives.scatter_apply import applied_to
from junto.mpc.primitives.shape import joined, moved, rearranged
from junto.mpc.primitives.windows import Windows, of_scatter, of_slice
from junto.mpc.ring128 import as_ring
from junto.mpc.values import Public, Secret, Value, integer_words

Params = Mapping[str, Any]


async def scatter(c: Context, params: Params, x: Value, indices: Value, updates: Value) -> Value:
    """The array with windows overwritten, the last one last. Windows that reach beyond are dropped."""
    if params["update_jaxpr"] is not None:
        return await _apply(c, params, x, indices, updates)
    windows = _scatter_windows(params, x, indices, updates)
    if isinstance(indices, Public):
        places = windows.at(indices.array, clip="CLIP" in str(params["mode"]))
        return joined(c, [x, updates], lambda a, b: _put(a, windows.grouped_windows(b), places))
    bits = await hot(c, windows, indices, "CLIP" in str(params["mode"]))
    if windows.count <= 1 or params["unique_indices"]:
        return await _write(c, x, updates, windows, bits)
    return await _write_in_turn(c, x, updates, windows, bits, partial(_write, c))


async def _apply(c: Context, params: Params, x: Value, indices: Value, updates: Value) -> Value:
    """The array with a function applied to windows, one index vector after the other."""
    function = partial(applied_to, c, params)
    if isinstance(indices, Public):
        return await _in_turns(c, params, x, indices, updates, function)
    windows = _scatter_windows(params, x, indices, updates)
    bits = await hot(c, windows, indices, "CLIP" in str(params["mode"]))

    async def write(old: Value, update: Value, one: Windows, here: Secret) -> Value:
        found = await read(c, old, one, here)
        return await _write(c, old, await function(found, update), one, here)

    if params["unique_indices"]:
        return await write(x, updates, windows, bits)
    return await _write_in_turn(c, x, updates, windows, bits, write)


def _scatter_windows(params: Params, x: Value, indices: Value, updates: Value) -> Windows:
    return of_scatter(params["dimension_numbers"], x.shape, indices.shape[:-1], updates.shape)


def _put(array: NDArray[Any], updates: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    result = np.array(array)
    inside = places >= 0
    result.reshape(-1)[places[inside]] = updates[inside]
    return result


async def _write(c: Context, x: Value, updates: Value, windows: Windows, bits: Secret) -> Value:
    """One bilinear gate for ``x + placed updates - x where something is placed``."""
    if x.dtype == np.bool_:
        return await as_bits(c, await _write(c, as_integers(c, x), as_integers(c, updates), windows, bits))
    old, new, fraction = _alike(c, x, updates)
    size, places = int(np.prod(x.shape)), windows.everywhere()
    operand = c.g.join([old.value, new.value], lambda a, b: np.concatenate([a.reshape(-1), b.reshape(-1)]))

    def change(ones: Words, both: Words, product: MatrixProduct) -> Words:
        update = windows.grouped_windows(both[size:].reshape(updates.shape))
        placed = _added(size, places, product(ones.swapaxes(-1, -2), update))
        everywhere = np.broadcast_to(ones.sum(-2, dtype=np.uint64)[..., None], places.shape)
        gone = product(_added(size, places, everywhere)[:, None, None], both[:size, None, None])
        return (placed - gone.reshape(-1)).reshape(x.shape)

    made = c.g.add(old.value, await c.g.bilinear(c.g.to_ring(bits.value), operand, change))
    return _merged(c, made, old, new, fraction)


def _added(size: int, places: NDArray[np.int64], words: Words) -> Words:
    """Ring elements added up at their places."""
    result: Words = as_ring(np.zeros(size, words.dtype))
    np.add.at(result, places.reshape(-1), words.reshape(-1))
    return result


def _alike(c: Context, x: Value, y: Value) -> tuple[Secret, Secret, int]:
    """Both as full secrets with one fraction."""
    a, b = c.full(c.lift(x)), c.full(c.lift(y))
    if a.kind != "fixed":
        return a, b, 0
    fraction = max(a.fraction, b.fraction)
    return c.fixed(c.at(a, fraction), fraction), c.fixed(c.at(b, fraction), fraction), fraction


def _merged(c: Context, value: Any, old: Secret, new: Secret, fraction: int) -> Secret:
    if old.kind == "fixed":
        return c.fixed(value, fraction)
    span = (min(old.span[0], new.span[0]), max(old.span[1], new.span[1]))
    return c.integer(value, span, old.dtype)


async def _write_in_turn(
    c: Context, x: Value, updates: Value, windows: Windows, bits: Secret, write: _Write
) -> Value:
    """One index vector after the other: they may name the same place."""
    rows = windows.grouped_windows(np.arange(int(np.prod(updates.shape))).reshape(updates.shape))
    single = Windows(
        windows.shape,
        tuple(windows.batch[each] for each in windows.grouping),
        windows.sizes,
        windows.dropped,
        windows.mapped,
        windows.grouped,
        tuple(range(len(windows.grouping))),
        tuple(range(len(windows.grouping), len(windows.grouping) + len(windows.window))),
    )
    result: Value = x
    for turn in range(windows.count):
        update = rearranged(c, updates, partial(_chosen, rows[:, turn, None]))
        update = rearranged(c, update, single.result)
        result = await write(result, update, single, moved(c, bits, partial(_turn, turn)))
    return result


def _chosen(places: NDArray[Any], array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array.reshape(-1)[places])


def _turn(turn: int, array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array[:, turn, None])


async def scatter_add(c: Context, params: Params, x: Value, indices: Value, updates: Value) -> Value:
    """The array with windows added."""
    windows = _scatter_windows(params, x, indices, updates)
    clip = "CLIP" in str(params["mode"])
    size = int(np.prod(x.shape))
    if isinstance(indices, Public):
        places = windows.at(indices.array, clip)
        inside = places >= 0

        def add_up(words: Words) -> Words:
            return _added(size, places[inside], windows.grouped_windows(words)[inside]).reshape(x.shape)

        new = c.full(c.lift(updates))
        total = c.g.linear(new.value, add_up, bounded=windows.count if new.kind == "fixed" else 0)
        return _sum(c, x, c.like(total, new), windows.count)
    bits = await hot(c, windows, indices, clip)
    everywhere = windows.everywhere()

    def add_all(ones: Words, words: Words, product: MatrixProduct = ring.matmul) -> Words:
        placed = product(ones.swapaxes(-1, -2), windows.grouped_windows(words))
        return _added(size, everywhere, placed).reshape(x.shape)

    ones = c.g.to_ring(bits.value)
    new = c.lift(updates)
    if isinstance(updates, Public):
        words = (
            c.fixed_words(updates.array, new.fraction)
            if new.kind == "fixed"
            else integer_words(updates.array)
        )
        held = c.g.linear(ones, lambda a: add_all(a, words))
    else:
        held = await c.g.bilinear(ones, new.value, add_all)
    return _sum(c, x, c.like(held, new), windows.count)


def _sum(c: Context, x: Value, change: Secret, count: int) -> Value:
    """`x` and what is added to it, at most `count` windows at one place."""
    if change.kind == "integer":
        times = max(1, count)
        span = (min(0, change.span[0] * times), max(0, change.span[1] * times))
        change = c.integer(change.value, span, change.dtype)
    return ops.plus(c, change, x)


async def scatter_subtract(c: Context, params: Params, x: Value, indices: Value, updates: Value) -> Value:
    """The array with windows subtracted."""
    return await scatter_add(c, params, x, indices, ops.negated(c, updates))


async def scatter_multiply(c: Context, params: Params, x: Value, indices: Value, updates: Value) -> Value:
    """The array with windows multiplied in."""

    async def combine(a: Value, b: Value) -> Value:
        return await c.settled(await ops.times(c, a, b))

    if isinstance(indices, Public):
        return await _in_turns(c, params, x, indices, updates, combine)

    async def multiplied(old: Value, new: Value, where: _Where) -> Value:
        one = c.full(c.lift(Public(np.broadcast_to(np.ones((), old.dtype), old.shape))))
        return await combine(old, await reduce.tree(c, await _candidates(c, one, new, where), combine))

    return await _anywhere(c, params, x, indices, updates, multiplied)


async def scatter_greatest(c: Context, params: Params, x: Value, indices: Value, updates: Value) -> Value:
    """The array with the maximum of itself and windows."""
    return await _scatter_extreme(c, params, x, indices, updates, greatest=True)


async def scatter_least(c: Context, params: Params, x: Value, indices: Value, updates: Value) -> Value:
    """The array with the minimum of itself and windows."""
    return await _scatter_extreme(c, params, x, indices, updates, greatest=False)


async def _scatter_extreme(
    c: Context, params: Params, x: Value, indices: Value, updates: Value, *, greatest: bool
) -> Value:
    if isinstance(indices, Public):
        better = comparisons.greater_of if greatest else comparisons.lesser_of
        return await _in_turns(c, params, x, indices, updates, partial(better, c))

    async def best(old: Value, new: Value, where: _Where) -> Value:
        many = await _candidates(c, old, new, where)
        column = rearranged(c, old, lambda array: array[..., None])
        both = joined(c, [column, many], lambda a, b: np.concatenate([a, b], -1))
        return await extremes.extreme(c, both, greatest)

    return await _anywhere(c, params, x, indices, updates, best)


async def _in_turns(
    c: Context, params: Params, x: Value, indices: Public, updates: Value, combine: Any
) -> Value:
    """As often as the most wanted place is named: each time every place takes in one number."""
    windows = _scatter_windows(params, x, indices, updates)
    places = windows.at(indices.array, "CLIP" in str(params["mode"])).reshape(-1)
    numbers = np.arange(int(np.prod(updates.shape))).reshape(updates.shape)
    source = windows.grouped_windows(numbers).reshape(-1)
    result: Value = c.full(c.lift(x))
    for chosen in _turns(places):
        where, taken = places[chosen], source[chosen]
        old = rearranged(c, result, partial(_chosen, where))
        made = await combine(old, rearranged(c, updates, partial(_chosen, taken)))
        result = joined(c, [result, made], partial(_put, places=where))
    return result


_Where: TypeAlias = tuple[Windows, Secret]
"""The geometry of a scatter, and the bits of its indices (`index.hot`)."""


_Write: TypeAlias = Callable[[Value, Value, Windows, Secret], Awaitable[Value]]
"""Writes updates where bits say, into an array."""

_Combine: TypeAlias = Callable[[Value, Value, _Where], Awaitable[Value]]


async def _anywhere(
    c: Context, params: Params, x: Value, indices: Secret, updates: Value, combine: _Combine
) -> Value:
    """At secret indices: `combine(array, updates, where)`, of bools as numbers."""
    windows = _scatter_windows(params, x, indices, updates)
    where = windows, await hot(c, windows, indices, "CLIP" in str(params["mode"]))
    if x.dtype == np.bool_:
        return await as_bits(c, await combine(as_integers(c, x), as_integers(c, updates), where))
    return await combine(c.full(c.lift(x)), updates, where)


async def _candidates(c: Context, idle: Value, updates: Value, where: _Where) -> Secret:
    """What each window brings to each place, in a new last axis: its number where it lies, else `idle`'s.

    Costs as much as there are windows times places.
    """
    windows, bits = where
    old, new, fraction = _alike(c, idle, updates)
    size, places = int(np.prod(idle.shape)), windows.everywhere()
    operand = c.g.join([old.value, new.value], lambda a, b: np.concatenate([a.reshape(-1), b.reshape(-1)]))

    def change(ones: Words, both: Words, product: MatrixProduct) -> Words:
        update = windows.grouped_windows(both[size:].reshape(updates.shape))
        parts = []
        for turn in range(windows.count):
            here = ones[:, turn, :, None]
            placed = _added(size, places, product(here, update[:, turn, None, :]))
            covered = _added(size, places, np.broadcast_to(here, places.shape))
            gone = product(covered[:, None, None], both[:size, None, None])
            parts.append(placed - gone.reshape(-1))
        return np.stack(parts, -1).reshape(*idle.shape, windows.count)

    column = c.g.arrange(old.value, lambda array: array[..., None])
    made = c.g.add(column, await c.g.bilinear(c.g.to_ring(bits.value), operand, change))
    return _merged(c, made, old, new, fraction)


def _turns(places: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Which updates go in first, second, ...: those that name the same place one after the other."""
    order = np.argsort(places, kind="stable")
    order = order[places[order] >= 0]
    named = places[order]
    first = np.searchsorted(named, named, side="left")
    turn = np.arange(len(order)) - first
    return [order[turn == number] for number in range(int(turn.max()) + 1 if turn.size else 0)]


async def dynamic_update_slice(c: Context, params: Params, x: Value, update: Value, *starts: Value) -> Value:
    """The array with a window overwritten, which is moved inside the array if it would reach beyond."""
    if all(isinstance(start, Public) for start in starts):
        first = [int(ops.public(each).array) for each in starts]
        bounds = zip(first, update.shape, x.shape, strict=True)
        cut = tuple(slice(low := int(np.clip(at, 0, size - n)), low + n) for at, n, size in bounds)
        return joined(c, [x, update], lambda a, b: _overwritten(a, b, cut))
    windows = of_slice(x.shape, update.shape)
    lifted = [c.lift(each) for each in starts]
    return await _write(c, x, update, windows, await hot_starts(c, windows, lifted))


def _overwritten(array: NDArray[Any], update: NDArray[Any], cut: tuple[slice, ...]) -> NDArray[Any]:
    result = np.array(array)
    result[cut] = update
    return result
