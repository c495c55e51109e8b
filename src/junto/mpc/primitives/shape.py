"""Moving elements: no gate, no message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.primitives.context import Context, Move
from junto.mpc.primitives.infinite import either
from junto.mpc.values import Public, Secret, Value

Params = Mapping[str, Any]


def moved(c: Context, x: Secret, move: Move) -> Secret:
    """`x`, rearranged."""
    return c.moved(x, move)


def rearranged(c: Context, x: Value, move: Move) -> Value:
    """`x`, public or secret, rearranged."""
    return Public(move(x.array)) if isinstance(x, Public) else moved(c, x, move)


async def broadcast_in_dim(c: Context, params: Params, x: Secret, *dynamic: Value) -> Value:
    """Only the dimensions are put in place: the result stays thin (`values`)."""
    places = tuple(params["broadcast_dimensions"])
    shape = [1] * len(params["shape"])
    held = tuple(x.value.shape)
    lacking = len(x.shape) - len(held)
    for place, size in zip(places[lacking:], held, strict=True):
        shape[place] = size
    return moved(c, x, lambda array: array.reshape(shape))


async def reshape(c: Context, params: Params, x: Secret, *dynamic: Value) -> Value:
    """The same elements in another shape."""
    shape = c.form.shape
    order = params.get("dimensions")
    return moved(c, x, lambda array: (array if order is None else array.transpose(order)).reshape(shape))


async def squeeze(c: Context, params: Params, x: Secret) -> Value:
    """Without dimensions of size 1."""
    shape = c.form.shape
    return moved(c, x, lambda array: array.reshape(shape))


async def transpose(c: Context, params: Params, x: Secret) -> Value:
    """Dimensions in another order."""
    order = tuple(params["permutation"])
    return moved(c, x, lambda array: array.transpose(order))


async def reverse(c: Context, params: Params, x: Secret) -> Value:
    """Some dimensions backwards."""
    axes = tuple(params["dimensions"])
    return moved(c, x, lambda array: np.flip(array, axes))


async def cut(c: Context, params: Params, x: Secret) -> Value:
    """A slice with steps."""
    strides = params["strides"] or (1,) * len(x.shape)
    bounds = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    where = tuple(slice(int(low), int(high), int(step)) for low, high, step in bounds)
    return moved(c, x, lambda array: array[where])


async def split(c: Context, params: Params, x: Secret) -> Sequence[Value]:
    """Pieces along one axis."""
    axis = int(params["axis"])
    ends = np.cumsum([int(each) for each in params["sizes"]])[:-1]

    def piece(number: int) -> Secret:
        return moved(c, x, lambda array: np.split(array, ends, axis)[number])

    return [piece(number) for number in range(len(params["sizes"]))]


async def identity(c: Context, params: Params, x: Secret, *others: Value) -> Value:
    """The operand itself."""
    return x


async def identities(c: Context, params: Params, *operands: Value) -> Sequence[Value]:
    """The operands themselves."""
    return operands


async def concatenate(c: Context, params: Params, *parts: Value) -> Value:
    """Arrays one behind the other."""
    axis = int(params["dimension"])
    return joined(c, parts, lambda *arrays: np.concatenate(arrays, axis))


def joined(c: Context, parts: Sequence[Value], move: Any) -> Secret:
    """Several arrays of one dtype, one at least secret, rearranged into one."""
    lifted = [c.full(c.lift(part)) for part in parts]
    first = lifted[0]
    if any(part.scale is not None for part in lifted):
        raise TypeError("numbers with a scale cannot be joined")
    if first.kind == "fixed":
        fraction = max(part.fraction for part in lifted)
        held = c.fixed(c.g.join([c.at(part, fraction) for part in lifted], move), fraction)
        twins = [part.twin for part in lifted]
        twin = replace(twins[0], numbers=move(*[each.numbers for each in twins])) if all(twins) else None
        return replace(held, infinite=either(parts), twin=twin)
    held = c.g.join([part.value for part in lifted], move)
    span = (min(part.span[0] for part in lifted), max(part.span[1] for part in lifted))
    return c.bits(held) if first.kind == "bits" else c.integer(held, span, first.dtype)


def holding_zero(x: Secret) -> Secret:
    """`x`, some of whose elements a move has set to zero."""
    return replace(x, span=(min(0, x.span[0]), max(0, x.span[1])))


async def pad(c: Context, params: Params, x: Value, filler: Value) -> Value:
    """With a number around and between the elements; negative padding cuts."""
    config = [tuple(int(each) for each in row) for row in params["padding_config"]]
    if isinstance(x, Secret) and isinstance(filler, Public) and not filler.array.any():
        return holding_zero(moved(c, x, lambda array: padded(array, np.zeros((), array.dtype), config)))
    return joined(c, [x, filler], lambda array, number: padded(array, number, config))


def padded(array: NDArray[Any], filler: Any, config: Sequence[tuple[int, ...]]) -> NDArray[Any]:
    """`jax.lax.pad` for numpy arrays."""
    sizes = [
        max(0, low + high + size + max(0, size - 1) * inner)
        for size, (low, high, inner) in zip(array.shape, config, strict=True)
    ]
    spread = [
        size + max(0, size - 1) * inner for size, (_, _, inner) in zip(array.shape, config, strict=True)
    ]
    result = np.full(sizes, filler, array.dtype)
    target, source = [], []
    for size, length, (low, _, inner) in zip(sizes, spread, config, strict=True):
        step = inner + 1
        first = max(0, -(low // step)) if low < 0 else 0
        last = min((length + step - 1) // step, max(0, -(-(size - low) // step)))
        begin = low + first * step
        target.append(slice(begin, begin + max(0, last - first) * step, step))
        source.append(slice(first, max(first, last)))
    result[tuple(target)] = array[tuple(source)]
    return result
