"""Linear systems: substitution, Cholesky's decomposition, and Gauss's with the choice of pivots.

Each goes through the matrix column by column, so its rounds grow with the matrix' size, not with the number
of matrices or of right-hand sides. Which row is the pivot stays secret: rows change places by a product with
a vector of bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import MatrixProduct, Words
from junto.mpc.primitives import arithmetic, compare, elementwise, extremes, ops
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import joined, rearranged
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value

Params = Mapping[str, Any]


def _part(c: Context, x: Value, *where: Any) -> Value:
    """`x[..., *where]`."""
    return rearranged(c, x, lambda array: array[(..., *where)])


async def _product(c: Context, x: Value, y: Value) -> Value:
    return await c.settled(await ops.times(c, x, y))


# ---------------------------------------------------------------- substitution


async def triangular_solve(c: Context, params: Params, a: Value, b: Value) -> Value:
    """`jax.lax.linalg.triangular_solve`: the x with a x = b, or x a = b. One round for each row."""
    lower, turned = bool(params["lower"]), bool(params["transpose_a"])
    if not params["left_side"]:  # x a = b, so that a.T x.T = b.T
        b, turned = _turned(c, b), not turned
    if turned:
        a, lower = _turned(c, a), not lower
    if not lower:
        a, b = (_part(c, a, slice(None, None, -1), slice(None, None, -1)), _flipped(c, b))
    x = await _substituted(c, a, b, unit=bool(params["unit_diagonal"]))
    if not lower:
        x = _flipped(c, x)
    return x if params["left_side"] else _turned(c, x)


def _turned(c: Context, x: Value) -> Value:
    return rearranged(c, x, lambda array: array.swapaxes(-1, -2))


def _flipped(c: Context, x: Value) -> Value:
    return _part(c, x, slice(None, None, -1), slice(None))


async def _substituted(c: Context, a: Value, b: Value, unit: bool) -> Value:
    """The x with a x = b for a lower triangular a, whose rows are divided by their last number first."""
    if not unit:
        diagonal = rearranged(c, a, lambda array: np.diagonal(array, axis1=-2, axis2=-1)[..., None])
        factor = await _inverted(c, diagonal)
        a, b = await together(_scaled(c, a, factor), _scaled(c, b, factor))
    a, left = await _held(c, a), b
    rows: list[Value] = []
    for place in range(b.shape[-2]):
        row = await c.settled(_part(c, left, slice(0, 1), slice(None)))
        rows.append(row)
        if place + 1 < b.shape[-2]:
            column = _part(c, a, slice(place + 1, None), slice(place, place + 1))
            below = _part(c, left, slice(1, None), slice(None))
            left = _difference(c, below, await _times(c, column, row))
    return joined(c, rows, lambda *arrays: np.concatenate(arrays, -2))


async def _inverted(c: Context, x: Value) -> Value:
    if isinstance(x, Public):
        return Public(arithmetic.inverse(x.array))
    return await c.settled(await arithmetic.quotient(c, Public(np.ones(())), x))


async def _scaled(c: Context, x: Value, factor: Value) -> Value:
    return await c.settled(await _times(c, x, factor))


async def _times(c: Context, x: Value, y: Value) -> Value:
    if isinstance(x, Public) and isinstance(y, Public):
        return Public(np.asarray(x.array, np.float64) * y.array)
    return await ops.times(c, x, y)


def _difference(c: Context, x: Value, y: Value) -> Value:
    if isinstance(x, Public) and isinstance(y, Public):
        return Public(x.array - y.array)
    return ops.minus(c, x, y)


async def _held(c: Context, x: Value) -> Value:
    """As an operand that costs no round any more."""
    return x if isinstance(x, Public) else c.like(await c.g.hold(x.value), x)


# ---------------------------------------------------------------- decompositions


async def cholesky(c: Context, params: Params, x: Secret) -> Value:
    """The lower triangular l with l l.T = x, about 12 rounds a column.

    Of a matrix that is not positive definite, some numbers.
    """
    count = x.shape[-1]
    left: Value = x
    columns: list[Value] = []
    for place in range(count):
        column = ops.secret(await c.settled(_part(c, left, slice(None), slice(0, 1))))
        corner = _part(c, column, slice(0, 1), slice(None))
        root = await elementwise.applied(c, "rsqrt", ops.secret(corner))
        done = await _product(c, column, root)
        columns.append(rearranged(c, done, partial(_lowered, place)))
        below = await _held(c, _part(c, done, slice(1, None), slice(None)))
        rest = _part(c, left, slice(1, None), slice(1, None))
        left = ops.minus(c, rest, await ops.times(c, below, _turned(c, below)))
    return joined(c, columns, lambda *arrays: np.concatenate(arrays, -1))


def _lowered(by: int, column: NDArray[Any]) -> NDArray[Any]:
    """With so many zeros above."""
    return np.pad(column, [*[(0, 0)] * (column.ndim - 2), (by, 0), (0, 0)])


async def lu(c: Context, params: Params, x: Secret) -> Sequence[Value]:
    """`jax.lax.linalg.lu`: the factors in one matrix, the pivots, and the order of the rows.

    About 40 rounds a column: the greatest number's place, the rows' exchange, a reciprocal.
    """
    rows, columns = x.shape[-2:]
    numbers = np.broadcast_to(np.arange(rows, dtype=np.int32)[:, None], (*x.shape[:-1], 1))
    left, order = ops.secret(await c.settled(x)), c.lift(Public(numbers))
    pivots: list[Value] = []
    for place in range(min(rows, columns)):
        if place + 1 < rows:
            found, left, order = await _with_pivot(c, left, order, place)
            pivots.append(found)
            left = await _eliminated(c, left, place)
        else:
            pivots.append(c.lift(Public(np.full((*x.shape[:-2], 1), place, np.int32))))
    places = joined(c, pivots, lambda *arrays: np.concatenate(arrays, -1))
    return [left, places, rearranged(c, order, lambda array: array[..., 0])]


async def _with_pivot(c: Context, x: Secret, order: Secret, place: int) -> tuple[Secret, Secret, Secret]:
    """The row with the greatest number in this column, exchanged with the one at `place`."""
    column = ops.secret(_part(c, x, slice(place, None), place))
    size = ops.secret(await compare.absolute(c, {}, column))
    found = await extremes.place(c, size, np.dtype(np.int32), greatest=True)
    wide = rearranged(c, await _held(c, found), lambda array: array[..., None])
    numbers = Public(np.arange(size.shape[-1], dtype=np.int32))
    bits = c.g.to_ring(c.lift(await ops.equal(c, wide, numbers)).value)
    exchanged = await together(*[_exchanged(c, each, bits, place) for each in (x, order)])
    where = ops.plus(
        c, rearranged(c, found, lambda array: array[..., None]), Public(np.asarray(place, np.int32))
    )
    return where, exchanged[0], exchanged[1]


async def _exchanged(c: Context, x: Secret, bits: Any, place: int) -> Secret:
    """Rows from `place` on: the first one exchanged with the one whose bit is set."""
    first = c.g.arrange(x.value, lambda array: array[..., place : place + 1, :])
    below = c.g.arrange(x.value, lambda array: array[..., place:, :])
    chosen = await c.g.bilinear(bits, below, _row_of)
    gap = await c.g.hold(c.g.subtract(first, chosen))
    column = c.g.arrange(bits, lambda array: array[..., None])
    moved = c.g.add(below, await c.g.multiply(column, gap))

    def put(whole: NDArray[Any], rows: NDArray[Any], top: NDArray[Any]) -> NDArray[Any]:
        result = np.array(whole)
        result[..., place:, :] = rows
        result[..., place : place + 1, :] = top
        return result

    return c.like(c.g.join([x.value, moved, chosen], put), x)


def _row_of(bits: Words, rows: Words, product: MatrixProduct) -> Words:
    return product(bits[..., None, :], rows)


async def _eliminated(c: Context, x: Secret, place: int) -> Secret:
    """The column below the pivot divided by it, and that times the pivot's row taken from the rows below."""
    corner = slice(place, place + 1)
    below = slice(place + 1, None)
    factor = await _inverted(c, _part(c, x, corner, corner))
    column = await _held(c, await _product(c, _part(c, x, below, corner), factor))
    taken = await ops.times(c, column, _part(c, x, corner, below))
    rest = await c.settled(ops.minus(c, _part(c, x, below, below), taken))

    def put(whole: NDArray[Any], left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
        result = np.array(whole)
        result[..., below, corner] = left
        result[..., below, below] = right
        return result

    return joined(c, [x, column, rest], put)
