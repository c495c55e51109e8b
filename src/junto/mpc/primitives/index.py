"""Reading and writing at indices, public or secret.

At public indices elements are moved and no gate is needed. A secret index becomes a vector of bits, one for
each place that it can name (`hot`), and reading is a product of matrices, exact and without truncation. So it
costs as much as there are places: sort instead where that is possible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.errors import NotComputable
from junto.mpc import ring
from junto.mpc.gates import Words
from junto.mpc.primitives import compare, ops
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import holding_zero, joined, moved
from junto.mpc.primitives.windows import Windows, of_gather, of_scatter, of_slice
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value, fixed_words, integer_words, word

Params = Mapping[str, Any]


# ---------------------------------------------------------------- reading


async def gather(c: Context, params: Params, x: Value, indices: Value) -> Value:
    """`jax.lax.gather`. A secret index out of bounds reads 0 unless the mode clips."""
    windows = of_gather(params["dimension_numbers"], x.shape, indices.shape[:-1], params["slice_sizes"])
    clip = "CLIP" in str(params["mode"])
    if isinstance(indices, Public):
        return await _read_public(c, params, ops.secret(x), windows, indices.array)
    bits = await hot(c, windows, indices, clip)
    taken = await _read(c, x, windows, bits)
    filler = _filler(params, x)
    if clip or filler is None or "FILL" not in str(params["mode"]):
        return taken
    inside = c.g.linear(c.g.to_ring(bits.value), lambda a: np.asarray(a.sum(-1, dtype=np.uint64)))
    missing = c.g.add_public(c.g.negate(inside), word(1))
    size = int(np.prod(windows.window, dtype=np.int64))
    spread = c.g.arrange(missing, lambda a: windows.result(np.repeat(a[..., None], size, -1)))
    return ops.plus(c, taken, ops.scaled(c, c.integer(spread, (0, 1), x.dtype), filler))


async def _read_public(
    c: Context, params: Params, x: Secret, windows: Windows, indices: NDArray[Any]
) -> Value:
    """By positions; what lies outside is filled in if the mode says so, else it is cut to the bounds."""
    fills = "FILL" in str(params["mode"])
    places = windows.at(indices, clip=not fills)
    taken = moved(c, x, lambda array: windows.result(_take(array, places)))
    outside = windows.result(places < 0)
    if not outside.any():
        return taken
    filler = _filler(params, x)
    taken = holding_zero(c, taken)
    return taken if filler is None else await ops.select(c, Public(outside), Public(filler), taken)


def _take(array: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """Elements by flat position; 0 where that is negative."""
    flat = array.reshape(-1)
    if not flat.size:
        return np.zeros(places.shape, array.dtype)
    return np.where(places < 0, np.zeros((), array.dtype), flat[np.maximum(places, 0)])


def _filler(params: Params, x: Value) -> NDArray[Any] | None:
    """What a gather gives for an index out of bounds; None for 0, and for NaN, which is none here."""
    given = params["fill_value"]
    if given is None and x.dtype.kind in "iu":
        bounds = np.iinfo(x.dtype)
        given = bounds.min if x.dtype.kind == "i" else bounds.max
    if given is None:
        return np.asarray(True) if x.dtype == np.bool_ else None
    filler = np.asarray(given, x.dtype)
    return None if filler == 0 or (filler.dtype.kind == "f" and not np.isfinite(filler)) else filler


async def _read(c: Context, x: Value, windows: Windows, bits: Secret) -> Secret:
    """``[groups, count, places] @ [groups, places, elements]``."""
    places = windows.everywhere()
    if x.dtype == np.bool_:
        counted = await _read(c, _as_integers(c, x), windows, bits)
        return ops.secret(ops.inverted(c, c.bits(await c.g.zero(counted.value))))
    ones = c.g.to_ring(bits.value)
    if isinstance(x, Public):
        lifted = c.lift(x)  # for its fraction and span
        words = fixed_words(x.array, lifted.fraction) if lifted.kind == "fixed" else integer_words(x.array)
        held = c.g.linear(ones, lambda a: windows.result(ring.matmul(a, words.reshape(-1)[places])))
        return holding_zero(c, c.like(held, lifted))
    held = await c.g.bilinear(
        ones, x.value, lambda a, b: windows.result(ring.matmul(a, b.reshape(-1)[places]))
    )
    return holding_zero(c, c.like(held, x))


def _as_integers(c: Context, x: Value) -> Value:
    """Bools as numbers."""
    if isinstance(x, Public):
        return Public(x.array.astype(np.int32))
    return c.integer(c.g.to_ring(x.value), (0, 1), np.dtype(np.int32))


async def hot(c: Context, windows: Windows, indices: Secret, clip: bool) -> Secret:
    """For each index vector a bit for each place, one of them set: ``[groups, count, places]``."""
    vectors = moved(c, indices, windows.grouped_indices)
    held = c.like(await c.g.hold(vectors.value), vectors)
    axes = await together(
        *[
            _hot_axis(c, moved(c, held, partial(_component, axis)), count, clip)
            for axis, count in enumerate(windows.starts)
        ]
    )
    return await _outer(c, axes, (windows.groups, windows.count))


def _component(axis: int, vectors: NDArray[Any]) -> NDArray[Any]:
    return vectors[..., axis, None]


async def _outer(c: Context, axes: Sequence[Value], lead: tuple[int, ...]) -> Secret:
    """The bits of all combinations, in the order of `Windows.all_starts`."""
    if not axes:
        return c.bits(c.g.constant_bits(np.ones((*lead, 1), np.bool_)))
    total = axes[0]
    for axis in axes[1:]:
        wide = _placed(c, total, lambda a: a[..., :, None]), _placed(c, axis, lambda a: a[..., None, :])
        if isinstance(wide[0], Public) and isinstance(wide[1], Public):
            total = Public(wide[0].array & wide[1].array)
        else:
            total = await ops.conjunction(c, *wide)
        total = _placed(c, total, lambda a: a.reshape(*a.shape[:-2], -1))
    return c.full(_shaped(c, c.lift(total), lead))


def _placed(c: Context, x: Value, move: Any) -> Value:
    return Public(move(x.array)) if isinstance(x, Public) else moved(c, x, move)


def _shaped(c: Context, x: Secret, lead: tuple[int, ...]) -> Secret:
    return Secret(x.value, x.dtype, (*lead, int(x.value.shape[-1])), x.fraction, x.span)


async def _hot_axis(c: Context, index: Secret, count: int, clip: bool) -> Value:
    """Bits of one component, ``[..., 1] -> [..., count]``."""
    numbers = np.arange(count).astype(index.dtype)
    if not clip:
        return await ops.equal(c, index, Public(numbers))
    if count <= 1:
        return Public(np.ones((*index.value.shape[:-1], count), np.bool_))
    # which places the index reaches; the last of them is its own
    reached = ops.inverted(c, await ops.below(c, index, Public(numbers[1:])))
    lead = (*index.value.shape[:-1], count - 1)
    if isinstance(reached, Public):
        flags = np.broadcast_to(reached.array, lead)
        return Public(_from(flags, True) ^ _to(flags))
    value = ops.spread(c, reached.value, lead)
    first = np.zeros(count, np.bool_)
    first[0] = True
    from_place = c.g.flip(c.g.arrange(value, lambda a: _from(a, False)), first)
    return c.bits(c.g.xor(from_place, c.g.arrange(value, _to)))


def _from(array: NDArray[Any], first: bool) -> NDArray[Any]:
    head = (
        np.full((*array.shape[:-1], 1), first, array.dtype)
        if first
        else np.zeros((*array.shape[:-1], 1), array.dtype)
    )
    return np.concatenate([head, array], -1)


def _to(array: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([array, np.zeros((*array.shape[:-1], 1), array.dtype)], -1)


# ---------------------------------------------------------------- slices


async def dynamic_slice(c: Context, params: Params, x: Value, *starts: Value) -> Value:
    """A window that is moved inside the array if it would reach beyond."""
    sizes = tuple(int(each) for each in params["slice_sizes"])
    x, windows, secret = _placed_publicly(c, x, sizes, starts)
    if not secret:
        return x
    return await _read(c, x, windows, await _hot_starts(c, windows, secret))


def _placed_publicly(
    c: Context, x: Value, sizes: tuple[int, ...], starts: Sequence[Value]
) -> tuple[Value, Windows, list[Secret]]:
    """The array cut in the dimensions where the start is public, and the geometry of the others."""
    where, secret, mapped = [], [], []
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        if isinstance(start, Public):
            first = int(np.clip(int(start.array), 0, x.shape[axis] - size))
            where.append(slice(first, first + size))
        else:
            where.append(slice(None))
            secret.append(start)
            mapped.append(axis)
    cut = tuple(where)
    piece = Public(x.array[cut]) if isinstance(x, Public) else moved(c, x, lambda array: array[cut])
    axes = tuple(range(len(sizes)))
    return piece, Windows(piece.shape, (), sizes, (), tuple(mapped), (), (), axes), secret


async def _hot_starts(c: Context, windows: Windows, starts: Sequence[Secret]) -> Secret:
    """Starts are scalars, each of its own."""
    vectors = [moved(c, start, lambda array: array.reshape(1, 1, 1)) for start in starts]
    held = await together(*[c.g.hold(each.value) for each in vectors])
    axes = await together(
        *[
            _hot_axis(c, c.like(value, vector), count, clip=True)
            for value, vector, count in zip(held, vectors, windows.starts, strict=True)
        ]
    )
    return await _outer(c, axes, (1, 1))


async def dynamic_update_slice(c: Context, params: Params, x: Value, update: Value, *starts: Value) -> Value:
    """The array with a window overwritten, which is moved inside the array if it would reach beyond."""
    if all(isinstance(start, Public) for start in starts):
        first = [int(ops.public(each).array) for each in starts]
        bounds = zip(first, update.shape, x.shape, strict=True)
        cut = tuple(slice(low := int(np.clip(at, 0, size - n)), low + n) for at, n, size in bounds)
        return joined(c, [x, update], lambda a, b: _overwritten(a, b, cut))
    windows = of_slice(x.shape, update.shape)
    lifted = [c.lift(each) for each in starts]
    return await _write(c, x, update, windows, await _hot_starts(c, windows, lifted))


def _overwritten(array: NDArray[Any], update: NDArray[Any], cut: tuple[slice, ...]) -> NDArray[Any]:
    result = np.array(array)
    result[cut] = update
    return result


# ---------------------------------------------------------------- writing


async def scatter(c: Context, params: Params, x: Value, indices: Value, updates: Value) -> Value:
    """The array with windows overwritten, the last one last. Windows that reach beyond are dropped."""
    windows = _scatter_windows(params, x, indices, updates)
    if isinstance(indices, Public):
        places = windows.at(indices.array, clip="CLIP" in str(params["mode"]))
        return joined(c, [x, updates], lambda a, b: _put(a, windows.grouped_windows(b), places))
    bits = await hot(c, windows, indices, "CLIP" in str(params["mode"]))
    if windows.count <= 1 or params["unique_indices"]:
        return await _write(c, x, updates, windows, bits)
    return await _write_in_turn(c, x, updates, windows, bits)


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
        return await _as_bits(c, await _write(c, _as_integers(c, x), _as_integers(c, updates), windows, bits))
    old, new, fraction = _alike(c, x, updates)
    size, places = int(np.prod(x.shape)), windows.everywhere()
    operand = c.g.join([old.value, new.value], lambda a, b: np.concatenate([a.reshape(-1), b.reshape(-1)]))

    def change(ones: Words, both: Words) -> Words:
        update = windows.grouped_windows(both[size:].reshape(updates.shape))
        placed = _added(size, places, ring.matmul(ones.swapaxes(-1, -2), update))
        everywhere = np.broadcast_to(ones.sum(-2, dtype=np.uint64)[..., None], places.shape)
        return (placed - _added(size, places, everywhere) * both[:size]).reshape(x.shape)

    made = c.g.add(old.value, await c.g.bilinear(c.g.to_ring(bits.value), operand, change))
    return _merged(c, made, old, new, fraction)


def _added(size: int, places: NDArray[np.int64], words: Words) -> Words:
    """Ring elements added up at their places."""
    result = np.zeros(size, np.uint64)
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


async def _as_bits(c: Context, x: Value) -> Value:
    return ops.inverted(c, c.bits(await c.g.zero(ops.secret(x).value)))


async def _write_in_turn(c: Context, x: Value, updates: Value, windows: Windows, bits: Secret) -> Value:
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
        update = _placed(c, updates, partial(_chosen, rows[:, turn, None]))
        update = _placed(c, update, single.result)
        result = await _write(c, result, update, single, moved(c, bits, partial(_turn, turn)))
    return result


def _chosen(places: NDArray[Any], array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(-1)[places]


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
        return _sum(c, x, c.like(c.g.linear(new.value, add_up), new), windows.count)
    bits = await hot(c, windows, indices, clip)
    everywhere = windows.everywhere()

    def add_all(ones: Words, words: Words) -> Words:
        placed = ring.matmul(ones.swapaxes(-1, -2), windows.grouped_windows(words))
        return _added(size, everywhere, placed).reshape(x.shape)

    ones = c.g.to_ring(bits.value)
    new = c.lift(updates)
    if isinstance(updates, Public):
        words = (
            fixed_words(updates.array, new.fraction) if new.kind == "fixed" else integer_words(updates.array)
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
    """The array with windows multiplied in, at public indices."""

    async def combine(a: Value, b: Value) -> Value:
        return await c.settled(await ops.times(c, a, b))

    return await _combined(c, params, x, indices, updates, combine)


async def scatter_greatest(c: Context, params: Params, x: Value, indices: Value, updates: Value) -> Value:
    """The array with the maximum of itself and windows, at public indices."""
    return await _combined(c, params, x, indices, updates, lambda a, b: compare.greater_of(c, a, b))


async def scatter_least(c: Context, params: Params, x: Value, indices: Value, updates: Value) -> Value:
    """The array with the minimum of itself and windows, at public indices."""
    return await _combined(c, params, x, indices, updates, lambda a, b: compare.lesser_of(c, a, b))


async def _combined(
    c: Context, params: Params, x: Value, indices: Value, updates: Value, combine: Any
) -> Value:
    """As often as the most wanted place is named: each time every place takes in one number."""
    if isinstance(indices, Secret):
        raise NotComputable(
            f"`{c.step.name}` at secret indices cannot be computed",
            fix="sort by the index first, or compare it with every place and combine with jnp.where",
        )
    windows = _scatter_windows(params, x, indices, updates)
    places = windows.at(indices.array, "CLIP" in str(params["mode"])).reshape(-1)
    source = windows.grouped_windows(np.arange(int(np.prod(updates.shape))).reshape(updates.shape)).reshape(
        -1
    )
    result: Value = c.full(c.lift(x))
    for chosen in _turns(places):
        where, taken = places[chosen], source[chosen]
        old = _placed(c, result, partial(_chosen, where))
        made = await combine(old, _placed(c, updates, partial(_chosen, taken)))
        result = joined(c, [result, made], partial(_put, places=where))
    return result


def _turns(places: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Which updates go in first, second, ...: those that name the same place one after the other."""
    order = np.argsort(places, kind="stable")
    order = order[places[order] >= 0]
    named = places[order]
    first = np.searchsorted(named, named, side="left")
    turn = np.arange(len(order)) - first
    return [order[turn == number] for number in range(int(turn.max()) + 1 if turn.size else 0)]
