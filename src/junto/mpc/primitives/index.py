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

from junto.mpc import ring
from junto.mpc.primitives import comparisons, ops
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import holding_zero, moved, rearranged
from junto.mpc.primitives.windows import Windows, of_gather
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value, integer_words, word

Params = Mapping[str, Any]


# ---------------------------------------------------------------- reading


async def gather(c: Context, params: Params, x: Value, indices: Value) -> Value:
    """`jax.lax.gather`. Out of bounds a secret index reads 0 where jax's `mode="fill"` gives NaN."""
    if x.dtype == np.bool_ and isinstance(indices, Secret):
        filler = np.asarray(_filler(params, x), np.int32)
        return await as_bits(c, await gather(c, {**params, "fill_value": filler}, as_integers(c, x), indices))
    windows = of_gather(params["dimension_numbers"], x.shape, indices.shape[:-1], params["slice_sizes"])
    fills = "FILL" in str(params["mode"])
    if isinstance(indices, Public):
        return await _read_public(c, params, ops.secret(x), windows, indices.array)
    bits = await hot(c, windows, indices, clip=not fills)
    taken = await read(c, x, windows, bits)
    filler = _filler(params, x)
    if not fills or not np.any(filler) or np.isnan(filler):
        return taken
    inside = c.g.linear(c.g.to_ring(bits.value), lambda a: np.asarray(a.sum(-1, dtype=np.uint64)))
    missing = c.g.add_public(c.g.negate(inside), word(1))
    size = int(np.prod(windows.window, dtype=np.int64))
    spread = c.g.arrange(missing, lambda a: windows.result(np.repeat(a[..., None], size, -1)))
    return ops.plus(c, taken, ops.multiplied(c, c.integer(spread, (0, 1), x.dtype), filler))


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
    return await ops.select(c, Public(outside), Public(_filler(params, x)), holding_zero(taken))


def _take(array: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """Elements by flat position; 0 where that is negative."""
    flat = array.reshape(-1)
    if not flat.size:
        return np.zeros(places.shape, array.dtype)
    return np.where(places < 0, np.zeros((), array.dtype), flat[np.maximum(places, 0)])


def _filler(params: Params, x: Value) -> NDArray[Any]:
    """What a gather gives for an index out of bounds."""
    given = params["fill_value"]
    if given is None and x.dtype.kind in "iu":
        bounds = np.iinfo(x.dtype)
        given = bounds.min if x.dtype.kind == "i" else bounds.max
    if given is None:
        given = True if x.dtype == np.bool_ else np.nan
    return np.asarray(given, x.dtype)


async def read(c: Context, x: Value, windows: Windows, bits: Secret) -> Secret:
    """``[groups, count, places] @ [groups, places, elements]``."""
    places = windows.everywhere()
    if x.dtype == np.bool_:
        return await as_bits(c, await read(c, as_integers(c, x), windows, bits))
    ones = c.g.to_ring(bits.value)
    if isinstance(x, Public):
        lifted = c.lift(x)  # for its fraction and span
        words = c.fixed_words(x.array, lifted.fraction) if lifted.kind == "fixed" else integer_words(x.array)
        held = c.g.linear(ones, lambda a: windows.result(ring.matmul(a, words.reshape(-1)[places])))
        return holding_zero(c.like(held, lifted))
    held = await c.g.bilinear(ones, x.value, lambda a, b, by: windows.result(by(a, b.reshape(-1)[places])))
    return holding_zero(c.like(held, x))


def as_integers(c: Context, x: Value) -> Value:
    """Bools as numbers."""
    if isinstance(x, Public):
        return Public(x.array.astype(np.int32))
    return c.integer(c.g.to_ring(x.value), (0, 1), np.dtype(np.int32))


async def as_bits(c: Context, x: Value) -> Secret:
    """And back: which of them are not 0."""
    return ops.secret(ops.inverted(c, c.bits(await c.g.zero(ops.secret(x).value))))


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
        wide = rearranged(c, total, lambda a: a[..., :, None]), rearranged(c, axis, lambda a: a[..., None, :])
        if isinstance(wide[0], Public) and isinstance(wide[1], Public):
            total = Public(wide[0].array & wide[1].array)
        else:
            total = await ops.conjunction(c, *wide)
        total = rearranged(c, total, lambda a: a.reshape(*a.shape[:-2], -1))
    return c.full(_shaped(c, c.lift(total), lead))


def _shaped(c: Context, x: Secret, lead: tuple[int, ...]) -> Secret:
    return Secret(x.value, x.dtype, (*lead, int(x.value.shape[-1])), x.fraction, x.span)


async def _hot_axis(c: Context, index: Secret, count: int, clip: bool) -> Value:
    """Bits of one component, ``[..., 1] -> [..., count]``."""
    if clip and count <= 1:
        return Public(np.ones((*index.value.shape[:-1], count), np.bool_))
    places = int(np.prod(index.value.shape)) * count
    if clip and places > FEW and not ops.in_range(index):
        index = ops.secret(await _clipped(c, index, count))
    index = await _wide(c, index, count)
    numbers = np.arange(count).astype(index.dtype)
    if not clip or (index.span[0] >= 0 and index.span[1] < count):
        there = await ops.equal(c, index, Public(numbers))
        if isinstance(there, Public):  # it is nowhere, whatever it is
            return Public(np.broadcast_to(there.array, (*index.value.shape[:-1], count)))
        return there
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


FEW = 4096
"""A clamp takes four rounds more, and fewer bytes, than comparing what may have wrapped with each place."""


async def _clipped(c: Context, index: Secret, count: int) -> Value:
    """The index within bounds."""
    high = np.asarray(min(count - 1, int(np.iinfo(index.dtype).max)), index.dtype)
    low = np.zeros((), index.dtype)
    return await comparisons.clamp(c, {}, Public(low), index, Public(high))


async def _wide(c: Context, index: Secret, count: int) -> Secret:
    """The index in a dtype that has numbers for all places."""
    if index.dtype.itemsize < 8 and count > np.iinfo(index.dtype).max:
        index = await c.wrapped(index)
    if not ops.in_range(index) or index.dtype == np.uint64:
        return index
    return Secret(index.value, np.dtype(np.int64), index.shape, 0, index.span)


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
    return await read(c, x, windows, await hot_starts(c, windows, secret))


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


async def hot_starts(c: Context, windows: Windows, starts: Sequence[Secret]) -> Secret:
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
