"""Sorting: few numbers by counting, more by a network of comparisons; nothing shows which way one went.

Counting (Knuth, The Art of Computer Programming 3, 5.2, algorithm C): each number's place is how many come
before it. All comparisons at once, 8 rounds in all, but quadratic work.
Merge exchange (ibid., 5.2.2, algorithm M, Batcher's): about log2(n)**2 / 2 layers of n / 2 exchanges, 4
rounds a layer. Its first layers sort every p-th number among themselves; counting does that for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Words
from junto.mpc.plan_steps import ShapeDtype
from junto.mpc.primitives import ops
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import moved
from junto.mpc.ring128 import as_ring
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value, word, wrapping

Params = Mapping[str, Any]

MINUS_ONE = word(-1)

MOST_COUNTED = 128
"""No more numbers are sorted by counting."""

MOST_COMPARISONS = 1 << 18
"""Counting must not compare more often than this."""


async def sort(c: Context, params: Params, *operands: Value) -> Sequence[Value]:
    """All operands in the order of the first `num_keys` of them."""
    axis, keys = int(params["dimension"]), int(params["num_keys"])
    count = operands[0].shape[axis]
    if all(isinstance(each, Public) for each in operands[:keys]):
        return _by_public_keys(c, operands, axis, keys)
    if count <= 1:
        return operands
    columns = [_last(c, c.full(c.lift(each)), axis) for each in operands]
    stable = bool(params["is_stable"]) and len(operands) > keys
    ordered = await ordered_columns(c, columns, keys, stable)
    return [moved(c, each, lambda array: np.moveaxis(array, -1, axis)) for each in ordered]


def _last(c: Context, x: Secret, axis: int) -> Secret:
    return moved(c, x, lambda array: np.moveaxis(array, axis, -1))


def _by_public_keys(c: Context, operands: Sequence[Value], axis: int, keys: int) -> list[Value]:
    """The order is public, too."""
    shape = operands[0].shape
    line = [1] * len(shape)
    line[axis] = shape[axis]
    places = np.broadcast_to(np.arange(shape[axis], dtype=np.int32).reshape(line), shape)
    forms = (*c.step.forms[:keys], ShapeDtype(shape, np.dtype(np.int32)))
    step = replace(c.step, params={**c.step.params, "is_stable": True}, forms=forms)
    order = c.evaluate(step, [*(ops.public(each).array for each in operands[:keys]), places])[-1].array

    def move(array: NDArray[Any]) -> NDArray[Any]:
        return np.take_along_axis(array, order.astype(np.int64), axis)

    return [
        Public(move(each.array)) if isinstance(each, Public) else moved(c, each, move) for each in operands
    ]


async def top_k(c: Context, params: Params, x: Secret) -> Sequence[Value]:
    """The greatest numbers, greatest first, and where they were; of equals the first."""
    return await _foremost(c, x, int(params["k"]), int(params.get("axis", -1)), greatest=True)


async def approximate_top_k(c: Context, params: Params, x: Secret) -> Sequence[Value]:
    """The greatest or the least numbers, in order, and where they were: exact."""
    axis, greatest = int(params["reduction_dimension"]), bool(params["is_max_k"])
    return await _foremost(c, x, c.form.shape[axis], axis, greatest)


async def _foremost(c: Context, x: Secret, wanted: int, axis: int, greatest: bool) -> Sequence[Value]:
    axis %= len(x.shape)
    dtype = np.dtype(c.step.forms[1].dtype)
    column = _last(c, x, axis)
    places = c.lift(Public(np.broadcast_to(np.arange(column.shape[-1], dtype=dtype), column.shape)))
    keys = _reversed(c, column) if greatest else column
    values, where = await ordered_columns(c, [keys, places], 1, stable=True)
    found = [
        moved(c, each, lambda array: np.moveaxis(array[..., :wanted], -1, axis)) for each in (values, where)
    ]
    return [_reversed(c, found[0]) if greatest else found[0], found[1]]


def _reversed(c: Context, x: Secret) -> Secret:
    """With the order turned round: `-x`, of integers `-x - 1`, which has no overflow."""
    if x.kind == "bits":
        return ops.secret(ops.inverted(c, x))
    negative = c.g.negate(x.value)
    if x.kind == "fixed":
        return c.fixed(negative, x.fraction)
    held = c.g.add_public(negative, MINUS_ONE)
    return c.integer(held, (-x.span[1] - 1, -x.span[0] - 1), x.dtype)


async def ordered_columns(c: Context, columns: Sequence[Secret], keys: int, stable: bool) -> list[Secret]:
    """Columns, which run along the last axis, in the order of the first `keys` of them."""
    numbers = [_number(c, each) for each in columns]
    count = int(columns[0].shape[-1])
    step = _counting_step(columns[0].shape)
    order = numbers[:keys]
    stable = stable and step > 1  # counting is stable by itself
    if stable:
        order = _made_unique(c, order)
    rows = [*order, *numbers[keys:]] if not stable else [*order, *numbers]
    rows = await _counted_classes(c, rows, len(order), step)
    for low, high in exchanges(count, step):
        rows = await _layer(c, rows, len(order), low, high)
    result = rows if not stable else rows[len(order) :]
    return [await _restored(c, value, column) for value, column in zip(result, columns, strict=True)]


def _counting_step(shape: tuple[int, ...]) -> int:
    """The p, a power of two, of which every p-th number is sorted by counting."""
    count, total = shape[-1], int(np.prod(shape))
    most = min(MOST_COUNTED, MOST_COMPARISONS // max(1, total))
    step = 1
    while -(-count // step) > max(1, most):
        step *= 2
    return step


async def _counted_classes(c: Context, rows: Sequence[Secret], keys: int, step: int) -> list[Secret]:
    """Every `step`-th number sorted among themselves."""
    count = int(rows[0].shape[-1])
    result = list(rows)
    longer = count % step
    for first, last in ((0, longer), (longer, step)):
        size = len(range(first, count, step))
        if first < last and size > 1:
            places = np.arange(first, last)[:, None] + step * np.arange(size)
            classes = [moved(c, each, partial(_at, places)) for each in result]
            ordered = await _counted(c, classes, keys)
            result = [_with(c, row, places, part) for row, part in zip(result, ordered, strict=True)]
    return result


def _at(places: NDArray[np.intp], array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array[..., places])


def _with(c: Context, row: Secret, places: NDArray[np.intp], part: Secret) -> Secret:
    def place(array: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
        result = np.array(array)
        result[..., places] = new
        return result

    return c.like(c.g.join([row.value, part.value], place), row)


async def _counted(c: Context, rows: Sequence[Secret], keys: int) -> list[Secret]:
    """Sorted by counting; equals stay in the order in which they are."""
    size = int(rows[0].shape[-1])
    ready = [c.like(value, row) for value, row in zip(await _held(c, rows), rows, strict=True)]
    first, second = np.triu_indices(size, 1)
    left = [moved(c, each, partial(_at, first)) for each in ready[:keys]]
    right = [moved(c, each, partial(_at, second)) for each in ready[:keys]]
    gaps = [ops.minus(c, a, b).value for a, b in zip(left, right, strict=True)]
    later = c.g.to_ring(c.lift(await _greater(c, left, right, gaps)).value)

    def count(bits: Words) -> Words:
        table: Words = as_ring(np.zeros((*bits.shape[:-1], size, size), bits.dtype))
        table[..., first, second] = bits
        return np.asanyarray(table.sum(-1, dtype=np.uint64) - table.sum(-2, dtype=np.uint64))

    # of a pair the left one is one place further if it comes later, else the right one
    numbers = np.arange(size, dtype=np.uint64)
    rank = await c.g.hold(c.g.add_public(c.g.linear(later, count), numbers))
    column = c.g.arrange(rank, lambda array: array[..., None, :])
    here = c.g.to_ring(await c.g.zero(c.g.add_public(column, wrapping(np.negative, numbers)[:, None])))
    spread = [c.g.arrange(each.value, lambda array: array[..., None, :]) for each in ready]
    placed = await together(*[c.g.multiply(here, each) for each in spread])
    return [
        c.like(c.g.linear(each, lambda a: np.asarray(a.sum(-1, dtype=np.uint64))), row)
        for each, row in zip(placed, rows, strict=True)
    ]


async def _held(c: Context, rows: Sequence[Secret]) -> Sequence[Any]:
    return await together(*[c.g.hold(each.value) for each in rows])


def _number(c: Context, x: Secret) -> Secret:
    """Bits as integers, so that everything is exchanged alike."""
    return x if x.kind != "bits" else c.integer(c.g.to_ring(x.value), (0, 1), np.dtype(np.int32))


async def _restored(c: Context, x: Secret, like: Secret) -> Secret:
    if like.kind == "bits":
        return ops.secret(ops.inverted(c, c.bits(await c.g.zero(x.value))))
    return Secret(x.value, like.dtype, like.shape, x.fraction, like.span)


def _made_unique(c: Context, keys: Sequence[Secret]) -> list[Secret]:
    """Keys that no two elements share: the place where an element was decides last.

    It goes below the lowest bit of a single key if there is room, else it is a key of its own.
    """
    count = keys[0].shape[-1]
    places = np.arange(count, dtype=np.uint64)
    room = max(1, (count - 1).bit_length())
    last = keys[-1]
    factor = word(1 << room)
    if last.kind == "fixed" and room < c.fraction:
        held = c.g.add_public(c.g.scale(last.value, factor), places)
        return [*keys[:-1], c.fixed(held, last.fraction + room)]
    low, high = (each << room for each in last.span)
    if (
        last.kind == "integer"
        and ops.comparable(c, last, last)
        and c.whole[0] < 2 * low
        and 2 * high < c.whole[1]
    ):
        held = c.g.add_public(c.g.scale(last.value, factor), places)
        return [*keys[:-1], c.integer(held, (low, high + count), np.dtype(np.int64))]
    number = c.lift(Public(np.broadcast_to(np.arange(count, dtype=np.int32), last.shape)))
    return [*keys, number]


def exchanges(count: int, step: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The layers of the network, which places are compared with which, once every `step`-th is in order."""
    if count < 2:
        return
    top = 1 << ((count - 1).bit_length() - 1)
    size = min(top, step // 2)
    while size:
        reach, rest, gap = top, 0, size
        while True:
            places = np.arange(count - gap)
            low = places[(places & size) == rest]
            if low.size:
                yield low, low + gap
            if reach == size:
                break
            gap, reach, rest = reach - size, reach // 2, size
        size //= 2


async def _layer(
    c: Context, rows: Sequence[Secret], keys: int, low: NDArray[np.intp], high: NDArray[np.intp]
) -> list[Secret]:
    """Exchange what is in the wrong order: `swap * difference` goes from one to the other."""
    first = [moved(c, each, lambda array: array[..., low]) for each in rows]
    second = [moved(c, each, lambda array: array[..., high]) for each in rows]
    gaps = [ops.minus(c, a, b) for a, b in zip(first, second, strict=True)]
    held = await _held(c, gaps)
    swap = c.g.to_ring(c.lift(await _greater(c, first[:keys], second[:keys], held)).value)
    moves = await together(*[c.g.multiply(swap, each) for each in held])
    return [
        c.like(
            c.g.join([each.value, c.g.subtract(a.value, move), c.g.add(b.value, move)], _placing(low, high)),
            each,
        )
        for each, a, b, move in zip(rows, first, second, moves, strict=True)
    ]


def _placing(low: NDArray[np.intp], high: NDArray[np.intp]) -> Any:
    def place(row: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any]) -> NDArray[Any]:
        result = np.array(row)
        result[..., low], result[..., high] = lower, upper
        return result

    return place


async def _greater(c: Context, x: Sequence[Secret], y: Sequence[Secret], gaps: Sequence[Any]) -> Value:
    """Whether keys `x` come after keys `y`."""
    if x[0].kind == "fixed" or ops.comparable(c, x[0], y[0]):
        after: Value = c.bits(await c.g.negative(c.g.negate(gaps[0])))
    else:
        after = await ops.below(c, y[0], x[0])
    if len(x) == 1:
        return after
    same, later = await together(ops.equal(c, x[0], y[0]), _greater(c, x[1:], y[1:], gaps[1:]))
    return ops.exclusive(c, after, await ops.conjunction(c, same, later))
