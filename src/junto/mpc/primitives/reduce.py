"""Reductions and cumulative operations: sums are local, everything else is a tree."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.errors import NotComputable
from junto.mpc.primitives import comparisons, elementwise, extremes, ops, sums
from junto.mpc.primitives.context import Context, whole_span
from junto.mpc.primitives.shape import joined, moved, rearranged
from junto.mpc.values import Secret, Span, Value

Params = Mapping[str, Any]
Combine = Callable[[Value, Value], Awaitable[Value]]


# ---------------------------------------------------------------- sums


async def total(c: Context, params: Params, x: Secret) -> Value:
    """The sum along some axes; of a few products, or of few numbers in all, before a truncation (`sums`)."""
    axes = tuple(params["axes"])
    count = _length(x, axes)
    if x.kind == "fixed":
        if x.scale is not None and x.scale.ndim:
            x = c.full(await ops.unscaled(c, x))
        found = await sums.total(c, x, axes)
        span = whole_span(x)
        return found if span is None or found.fraction else replace(found, span=_total_span(span, count))
    held = c.g.linear(x.value, lambda a: np.asarray(a.sum(axis=axes, dtype=np.uint64)))
    return c.integer(held, _total_span(x.span, count), x.dtype)


def _total_span(span: Span, count: int) -> Span:
    return min(0, span[0] * count), max(0, span[1] * count)


async def running_total(c: Context, params: Params, x: Secret) -> Value:
    """Sums of everything up to each place."""
    axis, backwards = int(params["axis"]), bool(params["reverse"])

    def add_up(array: NDArray[Any]) -> NDArray[Any]:
        if backwards:
            return np.flip(np.cumsum(np.flip(array, axis), axis, dtype=np.uint64), axis)
        return np.cumsum(array, axis, dtype=np.uint64)

    held = c.g.linear(x.value, add_up, bounded=x.shape[axis] if x.kind == "fixed" else 0)
    if x.kind == "fixed":
        return c.fixed(held, x.fraction, x.scale)
    count = x.shape[axis]
    return c.integer(held, (min(x.span[0], x.span[0] * count), max(x.span[1], x.span[1] * count)), x.dtype)


# ---------------------------------------------------------------- trees


async def product(c: Context, params: Params, x: Secret) -> Value:
    """The product along some axes."""
    return await _reduced(c, params, x, lambda a, b: _times(c, a, b))


async def greatest(c: Context, params: Params, x: Secret) -> Value:
    """The maximum along some axes."""
    return await _extreme(c, params, x, greatest=True)


async def least(c: Context, params: Params, x: Secret) -> Value:
    """The minimum along some axes."""
    return await _extreme(c, params, x, greatest=False)


async def _extreme(c: Context, params: Params, x: Secret, greatest: bool) -> Value:
    if x.kind == "bits":
        return await (some if greatest else every)(c, params, x)
    if not _length(x, params["axes"]):
        return c.evaluate(c.step, [np.zeros(x.shape, x.dtype)])[0]
    return await extremes.extreme(c, flattened(c, x, tuple(params["axes"])), greatest)


async def every(c: Context, params: Params, x: Secret) -> Value:
    """And along some axes."""
    from junto.mpc.primitives import logic

    if x.kind == "bits" and _length(x, params["axes"]) > MANY:
        return ops.inverted(c, await _some(c, ops.secret(ops.inverted(c, x)), params["axes"]))
    return await _reduced(c, params, x, lambda a, b: logic.conjunction(c, {}, a, b))


async def some(c: Context, params: Params, x: Secret) -> Value:
    """Or along some axes."""
    from junto.mpc.primitives import logic

    if x.kind == "bits" and _length(x, params["axes"]) > MANY:
        return await _some(c, x, params["axes"])
    return await _reduced(c, params, x, lambda a, b: logic.disjunction(c, {}, a, b))


MANY = 16
"""Of more bits than this, counting them and comparing with 0 takes fewer rounds than a tree."""


async def _some(c: Context, x: Secret, axes: Sequence[int]) -> Value:
    along = tuple(axes)
    count = c.g.linear(c.g.to_ring(x.value), lambda a: np.asarray(a.sum(axis=along, dtype=np.uint64)))
    return ops.inverted(c, c.bits(await c.g.zero(count)))


async def odd(c: Context, params: Params, x: Secret) -> Value:
    """Exclusive or along some axes."""
    from junto.mpc.primitives import logic

    return await _reduced(c, params, x, lambda a, b: logic.exclusive(c, {}, a, b))


def _length(x: Secret, axes: Sequence[int]) -> int:
    return int(np.prod([x.shape[axis] for axis in axes], dtype=np.int64))


async def _times(c: Context, x: Value, y: Value) -> Value:
    return await c.settled(await ops.times(c, x, y))


async def _reduced(c: Context, params: Params, x: Secret, combine: Combine) -> Value:
    axes = tuple(params["axes"])
    if not _length(x, axes):
        return c.evaluate(c.step, [np.zeros(x.shape, x.dtype)])[0]
    return await tree(c, flattened(c, x, axes), combine)


def flattened(c: Context, x: Secret, axes: Sequence[int]) -> Secret:
    """With those axes made one, the last."""
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    shape = [*(x.shape[axis] for axis in kept), _length(x, axes)]
    return moved(c, x, lambda array: array.transpose(*kept, *axes).reshape(shape))


async def tree(c: Context, x: Secret, combine: Combine) -> Value:
    """Combine the last axis, neighbours first, so that a later one is never left of an earlier one."""
    current: Value = x
    while current.shape[-1] > 1:
        even = current.shape[-1] // 2 * 2
        pairs = await combine(part(c, current, slice(0, even, 2)), part(c, current, slice(1, even, 2)))
        if even < current.shape[-1]:
            rest = part(c, current, slice(even, None))
            pairs = joined(c, [pairs, rest], lambda a, b: np.concatenate([a, b], -1))
        current = pairs
    return part(c, current, 0)


def part(c: Context, x: Value, where: slice | int) -> Value:
    """`x[..., where]`."""
    return rearranged(c, x, lambda array: array[..., where])


# ---------------------------------------------------------------- over an axis that `vmap` has named


async def named_total(c: Context, params: Params, *operands: Value) -> Sequence[Value]:
    """The sum over an axis of `jax.vmap(..., axis_name=)`."""
    return await _over_axis(c, params, total, operands)


async def named_greatest(c: Context, params: Params, *operands: Value) -> Sequence[Value]:
    """The maximum over an axis of `jax.vmap(..., axis_name=)`."""
    return await _over_axis(c, params, greatest, operands)


async def named_least(c: Context, params: Params, *operands: Value) -> Sequence[Value]:
    """The minimum over an axis of `jax.vmap(..., axis_name=)`."""
    return await _over_axis(c, params, least, operands)


async def _over_axis(
    c: Context, params: Params, rule: Callable[..., Awaitable[Value]], operands: Sequence[Value]
) -> list[Value]:
    axes = params["axes"]
    if params["axis_index_groups"] is not None or not all(isinstance(each, int) for each in axes):
        raise NotComputable(
            "a sum or extremum over parts of a named axis, or over several devices, has no secret form",
            fix="name the axis with jax.vmap(..., axis_name=) and reduce over all of it",
        )
    return [await rule(c, {"axes": axes}, c.full(c.lift(each))) for each in operands]


# ---------------------------------------------------------------- where the extremum is


async def place_of_greatest(c: Context, params: Params, x: Secret) -> Value:
    """The first index of the maximum."""
    return await _place(c, params, x, greatest=True)


async def place_of_least(c: Context, params: Params, x: Secret) -> Value:
    """The first index of the minimum."""
    return await _place(c, params, x, greatest=False)


async def _place(c: Context, params: Params, x: Secret, greatest: bool) -> Value:
    axis = int(params["axes"][0])
    return await extremes.place(c, flattened(c, x, (axis,)), np.dtype(params["index_dtype"]), greatest)


# ---------------------------------------------------------------- cumulative


async def running_product(c: Context, params: Params, x: Secret) -> Value:
    """Products of everything up to each place."""
    return await _running(c, params, x, lambda a, b: _times(c, a, b))


async def running_greatest(c: Context, params: Params, x: Secret) -> Value:
    """The maximum of everything up to each place."""
    return await _running_extreme(c, params, x, greatest=True)


async def running_least(c: Context, params: Params, x: Secret) -> Value:
    """The minimum of everything up to each place."""
    return await _running_extreme(c, params, x, greatest=False)


async def _running_extreme(c: Context, params: Params, x: Secret, greatest: bool) -> Value:
    if x.kind == "bits":
        combine = ops.disjunction if greatest else ops.conjunction
        return await _running(c, params, x, lambda a, b: combine(c, a, b))
    axis, step = int(params["axis"]), -1 if params["reverse"] else 1
    ordered = moved(c, x, lambda array: np.moveaxis(array, axis, -1)[..., ::step])
    found = await extremes.running(c, ordered, greatest)
    return moved(c, found, lambda array: np.moveaxis(array[..., ::step], -1, axis))


async def running_logsumexp(c: Context, params: Params, x: Secret) -> Value:
    """`log(sum(exp))` of everything up to each place, by `max + log1p(exp(-|a - b|))` for two."""
    return await _running(c, params, x, lambda a, b: _logaddexp(c, ops.secret(a), ops.secret(b)))


async def _logaddexp(c: Context, x: Secret, y: Secret) -> Value:
    high = ops.secret(await comparisons.greater_of(c, x, y))
    # -|a - b| = a + b - 2 max
    gap = ops.minus(c, ops.minus(c, ops.plus(c, x, y), high), high)
    small = await elementwise.applied(c, "exp", gap)
    return ops.plus(c, high, await elementwise.applied(c, "log1p", small))


async def _running(c: Context, params: Params, x: Secret, combine: Combine) -> Value:
    """Kogge and Stone's prefixes: twice as long at each of log2(n) steps."""
    axis, backwards = int(params["axis"]), bool(params["reverse"])
    step = -1 if backwards else 1
    current: Value = moved(c, x, lambda array: np.moveaxis(array, axis, -1)[..., ::step])
    gap, count = 1, x.shape[axis]
    while gap < count:
        longer = await combine(part(c, current, slice(0, count - gap)), part(c, current, slice(gap, None)))
        head = part(c, current, slice(0, gap))
        current = joined(c, [head, longer], lambda a, b: np.concatenate([a, b], -1))
        gap *= 2
    return moved(c, ops.secret(current), lambda array: np.moveaxis(array[..., ::step], -1, axis))
