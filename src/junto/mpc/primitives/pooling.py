"""Sums and extrema of sliding windows, and the gradient of a pooled maximum."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from junto.mpc.gates import Words
from junto.mpc.primitives import extremes, ops
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import moved, padded, rearranged
from junto.mpc.ring128 import as_ring
from junto.mpc.values import Public, Secret, Value

Params = Mapping[str, Any]
Places = NDArray[np.int64]


def window_places(params: Params, shape: tuple[int, ...]) -> Places:
    """The flat positions in each window, in a new last axis; -1 for padding."""
    rank = len(shape)
    ones = (1,) * rank
    base = params.get("base_dilation") or ones
    dilation = params.get("window_dilation") or ones
    config = [
        (int(low), int(high), int(step) - 1)
        for (low, high), step in zip(params["padding"], base, strict=True)
    ]
    places = padded(np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape), -1, config)
    reach = [
        (int(size) - 1) * int(step) + 1
        for size, step in zip(params["window_dimensions"], dilation, strict=True)
    ]
    if any(size < wanted for size, wanted in zip(places.shape, reach, strict=True)):
        counts = [max(0, size - wanted + 1) for size, wanted in zip(places.shape, reach, strict=True)]
        return np.zeros((*counts, int(np.prod(params["window_dimensions"]))), np.int64)
    views = sliding_window_view(places, reach)
    outer = tuple(slice(None, None, int(step)) for step in params["window_strides"])
    inner = tuple(slice(None, None, int(step)) for step in dilation)
    chosen = views[(*outer, *inner)]
    return chosen.reshape(*chosen.shape[:rank], -1)


async def window_total(c: Context, params: Params, x: Secret) -> Value:
    """The sum in each window."""
    places = window_places(params, x.shape)

    def add_up(words: Words) -> Words:
        return np.asarray(_taken(words, places).sum(-1, dtype=np.uint64))

    count = places.shape[-1]
    held = c.g.linear(x.value, add_up, bounded=count if x.kind == "fixed" else 0)
    if x.kind == "fixed":
        return c.fixed(held, x.fraction, x.scale)
    return c.integer(held, (min(0, x.span[0] * count), max(0, x.span[1] * count)), x.dtype)


def _taken(array: NDArray[Any], places: Places) -> NDArray[Any]:
    """Elements by position, 0 where there is none."""
    if not array.size:
        return np.zeros(places.shape, array.dtype)
    return np.where(places < 0, np.zeros((), array.dtype), array.reshape(-1)[np.maximum(places, 0)])


async def window_greatest(c: Context, params: Params, x: Secret) -> Value:
    """The maximum in each window."""
    return await _extremum(c, params, x, greatest=True)


async def window_least(c: Context, params: Params, x: Secret) -> Value:
    """The minimum in each window."""
    return await _extremum(c, params, x, greatest=False)


async def _extremum(c: Context, params: Params, x: Secret, greatest: bool) -> Value:
    """Padding, which cannot win, is replaced by a number of the same window."""
    places = window_places(params, x.shape)
    if x.kind == "bits":
        return await _some_or_every(c, places, x, greatest)
    empty = places.max(-1, initial=-1) < 0
    filled = _without_padding(places)

    found = await extremes.extreme(c, moved(c, x, lambda array: _taken(array, filled)), greatest)
    if not empty.any():
        return found
    return await ops.select(c, Public(empty), Public(np.asarray(_lowest(x.dtype, greatest))), found)


async def _some_or_every(c: Context, places: Places, x: Secret, some: bool) -> Value:
    """Of bools: whether any, or every one, of a window is set. They are counted."""
    flags = x if some else ops.secret(ops.inverted(c, x))

    def count(words: Words) -> Words:
        return np.asarray(_taken(words, places).sum(-1, dtype=np.uint64))

    none = c.bits(await c.g.zero(c.g.linear(c.g.to_ring(flags.value), count)))
    return ops.inverted(c, none) if some else none


def _without_padding(places: Places) -> Places:
    best = np.maximum(places.max(-1, keepdims=True, initial=-1), 0)
    return np.where(places < 0, best, places)


def _lowest(dtype: np.dtype[Any], greatest: bool) -> Any:
    """What the maximum (minimum) of nothing is."""
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        return np.asarray(bounds.min if greatest else bounds.max, dtype)
    return np.asarray(-np.inf if greatest else np.inf, np.float32)


async def unpool(c: Context, params: Params, source: Value, x: Value) -> Value:
    """Each number of `source` added where its window's extremum, the first of equals, is in `x`."""
    places = window_places(params, x.shape)
    greatest = str(params["select_prim"]).startswith(("ge", "gt"))
    values = rearranged(c, x, partial(_taken, places=_ordered(places)))
    where = await extremes.place(c, values, np.dtype(np.int32), greatest)
    numbers = Public(np.arange(places.shape[-1], dtype=np.int32))
    column = rearranged(c, where, lambda array: array[..., None])
    if isinstance(column, Public):
        here: Value = Public(column.array == numbers.array)
    else:
        here = await ops.equal(c, c.like(await c.g.hold(column.value), column), numbers)
    given = rearranged(c, source, lambda array: array[..., None])
    zero = Public(np.zeros((), source.dtype))
    share = c.lift(await ops.select(c, here, given, zero))
    ordered, shape = _ordered(places), x.shape

    def add_up(words: Words) -> Words:
        result: Words = as_ring(np.zeros(int(np.prod(shape)), words.dtype))
        spread = np.broadcast_to(words, ordered.shape)
        np.add.at(result, ordered.reshape(-1), spread.reshape(-1))
        return result.reshape(shape)

    most = ordered.size if share.kind == "fixed" else 0
    return c.like(c.g.linear(share.value, add_up, bounded=most), share)


def _ordered(places: Places) -> Places:
    """Padding as a repetition of the window's first number, behind it: so it is never the first of equals."""
    order = np.argsort(places < 0, axis=-1, kind="stable")
    sorted_places = np.take_along_axis(places, order, -1)
    return np.where(sorted_places < 0, np.maximum(sorted_places[..., :1], 0), sorted_places)
