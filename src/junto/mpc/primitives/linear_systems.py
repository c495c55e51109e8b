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

from junto.mpc.functions.divisor import (
    Divisor,
    Level,
    divided,
    divisor,
    level,
    lower,
    root_divisor,
    taken_down,
    taken_up,
)
from junto.mpc.gates import MatrixProduct, Words
from junto.mpc.primitives import arithmetic, comparisons, extremes, ops
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import joined, rearranged
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value

Params = Mapping[str, Any]

ROOM = 17
"""Bits before the point of the largest numbers that are not taken down: some less than a product can have."""

FINER = 7
"""So many bits more after the point have the numbers in `lu`, and its results."""

DIAGONAL = 8
"""The same of numbers on a triangular matrix' diagonal: the others in the row keep enough bits after it."""


def _part(c: Context, x: Value, *where: Any) -> Value:
    """`x[..., *where]`."""
    return rearranged(c, x, lambda array: array[(..., *where)])


# ---------------------------------------------------------------- substitution


async def triangular_solve(c: Context, params: Params, a: Value, b: Value) -> Value:
    """`jax.lax.linalg.triangular_solve`: the x with a x = b, or x a = b. Four rounds for each row."""
    lower, turned, unit = (bool(params[each]) for each in ("lower", "transpose_a", "unit_diagonal"))
    b = await c.settled(b)
    if not (unit and isinstance(a, Secret) and a.fraction <= c.fraction + FINER):
        a = await c.settled(a)
    if not params["left_side"]:  # x a = b, so that a.T x.T = b.T
        b, turned = _turned(c, b), not turned
    if turned:
        a, lower = _turned(c, a), not lower
    if not lower:
        a, b = (_part(c, a, slice(None, None, -1), slice(None, None, -1)), _flipped(c, b))
    x = await _substituted(c, a, b, unit)
    if not lower:
        x = _flipped(c, x)
    return x if params["left_side"] else _turned(c, x)


def _turned(c: Context, x: Value) -> Value:
    return rearranged(c, x, lambda array: array.swapaxes(-1, -2))


def _flipped(c: Context, x: Value) -> Value:
    return _part(c, x, slice(None, None, -1), slice(None))


async def _substituted(c: Context, a: Value, b: Value, unit: bool) -> Value:
    """The x with a x = b for a lower triangular a.

    The numbers on the diagonal are taken apart beforehand. Rows of large ones are taken down, and so are
    large right-hand sides: else a product with the other ones would not fit.
    """
    by: Public | Divisor[Any, Any] | None = None
    if not unit:
        by, a, b = await _by_diagonal(c, a, b)
    down, b = await _columns_taken_down(c, b)
    x = await _rows(c, await _held(c, a), b, by)
    return x if down is None else c.like(await taken_up(c.g, ops.secret(x).value, down), ops.secret(x))


async def _columns_taken_down(c: Context, b: Value) -> tuple[Level[Any, Any] | None, Value]:
    if isinstance(b, Public):
        return None, b
    b = await _settled(c, b)
    sizes = ops.secret(await comparisons.absolute(c, {}, b))
    down = await level(c.g, c.g.linear(c.number(sizes), partial(_summed, axes=(-2,))), c.fraction + ROOM)
    return down, c.fixed(await taken_down(c.g, c.number(b), down), c.fraction)


def _summed(words: Words, axes: tuple[int, ...]) -> Words:
    return np.asarray(words.sum(axis=axes, dtype=np.uint64, keepdims=True))


async def _by_diagonal(c: Context, a: Value, b: Value) -> tuple[Public | Divisor[Any, Any], Value, Value]:
    diagonal = rearranged(c, a, lambda array: np.diagonal(array, axis1=-2, axis2=-1)[..., None])
    if isinstance(diagonal, Public):
        return diagonal, a, b
    by, down = lower(await divisor(c.g, c.number(await _settled(c, diagonal)), c.fraction), DIAGONAL)
    both = [c.number(c.lift(await c.settled(each))) for each in (a, b)]
    below, right = await together(*[taken_down(c.g, each, down) for each in both])
    return by, c.fixed(below, c.fraction), c.fixed(right, c.fraction)


async def _rows(c: Context, a: Value, b: Value, by: Public | Divisor[Any, Any] | None) -> Value:
    """One row of x after the other."""
    left = b
    rows: list[Value] = []
    for place in range(b.shape[-2]):
        row = await c.settled(_part(c, left, slice(0, 1), slice(None)))
        if by is not None:
            row = await _quotient(c, row, _divisor_at(c, by, place))
        rows.append(row)
        if place + 1 < b.shape[-2]:
            column = _part(c, a, slice(place + 1, None), slice(place, place + 1))
            below = _part(c, left, slice(1, None), slice(None))
            left = _difference(c, below, await _times(c, column, row))
    return joined(c, rows, lambda *arrays: np.concatenate(arrays, -2))


def _divisor_at(c: Context, by: Public | Divisor[Any, Any], place: int) -> Public | Divisor[Any, Any]:
    """That of one row, of those of all rows."""
    here = slice(place, place + 1)
    if isinstance(by, Public):
        return Public(by.array[..., here, :])
    above = c.g.arrange(by.above, lambda array: array[..., here, :, :])
    return Divisor(above, by.shifts, c.g.arrange(by.mantissa, lambda array: array[..., here, :]))


async def _quotient(c: Context, x: Value, by: Public | Divisor[Any, Any]) -> Value:
    """`x / by`, settled."""
    if isinstance(by, Divisor):
        ready = await c.g.hold(c.number(c.lift(x)))
        return c.fixed(await divided(c.g, ready, by), c.fraction)
    factor = arithmetic.inverse(by.array)
    if isinstance(x, Public):
        return Public(x.array * factor)
    return await c.settled(ops.scaled(c, x, factor))


async def _settled(c: Context, x: Secret) -> Secret:
    return ops.secret(await c.settled(x))


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
    """The lower triangular l with l l.T = x, about 15 rounds a column.

    Of a matrix that is not positive definite, some numbers.
    """
    count = x.shape[-1]
    left: Value = x
    columns: list[Value] = []
    for place in range(count):
        column = ops.secret(await c.settled(_part(c, left, slice(None), slice(0, 1))))
        corner = _part(c, column, slice(0, 1), slice(None))
        by = await root_divisor(c.g, c.number(ops.secret(corner)), c.fraction)
        done = await _quotient(c, column, by)
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

    About 40 rounds a column: the greatest number's place, the rows' exchange, a division.
    """
    rows, columns = x.shape[-2:]
    numbers = np.broadcast_to(np.arange(rows, dtype=np.int32)[:, None], (*x.shape[:-1], 1))
    down, left = await _taken_down(c, x)
    order = c.lift(Public(numbers))
    pivots: list[Value] = []
    for place in range(min(rows, columns)):
        if place + 1 < rows:
            found, left, order = await _with_pivot(c, left, order, place)
            pivots.append(found)
            left = await _eliminated(c, left, place)
        else:
            pivots.append(c.lift(Public(np.full((*x.shape[:-2], 1), place, np.int32))))
    places = joined(c, pivots, lambda *arrays: np.concatenate(arrays, -1))
    whole = c.like(await taken_up(c.g, left.value, down), left)
    below = np.tri(rows, columns, -1, dtype=np.bool_)
    done = joined(c, [left, whole], lambda *arrays: np.where(below, *arrays))
    return [done, places, rearranged(c, order, lambda array: array[..., 0])]


async def _taken_down(c: Context, x: Secret) -> tuple[Level[Any, Any], Secret]:
    """A matrix of large numbers: else the products of its rows with the factors would not fit."""
    x = await _settled(c, x)
    sizes = ops.secret(await comparisons.absolute(c, {}, x))
    down = await level(c.g, c.g.linear(c.number(sizes), partial(_summed, axes=(-2, -1))), c.fraction + ROOM)
    held = await taken_down(c.g, c.at(x, c.fraction + FINER), down)
    return down, c.fixed(held, c.fraction + FINER)


async def _with_pivot(c: Context, x: Secret, order: Secret, place: int) -> tuple[Secret, Secret, Secret]:
    """The row with the greatest number in this column, exchanged with the one at `place`."""
    column = ops.secret(_part(c, x, slice(place, None), place))
    size = ops.secret(await comparisons.absolute(c, {}, column))
    found = await extremes.place(c, size, np.dtype(np.int32), greatest=True)
    wide = rearranged(c, await _held(c, found), lambda array: array[..., None])
    numbers = Public(np.arange(size.shape[-1], dtype=np.int32))
    bits = c.g.to_ring(c.lift(await ops.equal(c, wide, numbers)).value)
    exchanged = await together(*[_exchanged(c, each, bits, place) for each in (x, order)])
    where = ops.plus(
        c, rearranged(c, found, lambda array: array[..., None]), Public(np.asarray(place, np.int32))
    )
    return where, exchanged[0], exchanged[1]


async def permutation(c: Context, params: Params, pivots: Secret) -> Value:
    """`jax.lax.linalg.lu_pivots_to_permutation`: the order of the rows, two rounds a pivot."""
    count, rows = pivots.shape[-1], int(params["permutation_size"])
    numbers = np.broadcast_to(np.arange(rows, dtype=np.int32)[:, None], (*pivots.shape[:-1], rows, 1))
    order = c.lift(Public(numbers))
    wide = rearranged(c, await _held(c, pivots), lambda array: array[..., None])
    bits = c.g.to_ring(c.lift(await ops.equal(c, wide, Public(np.arange(rows, dtype=np.int32)))).value)
    for place in range(min(count, rows - 1)):
        chosen = c.g.arrange(bits, partial(_from, place))
        order = await _exchanged(c, order, chosen, place)
    return rearranged(c, order, lambda array: array[..., 0])


def _from(place: int, bits: NDArray[Any]) -> NDArray[Any]:
    """Of the pivot at this place, the bits from there on."""
    return bits[..., place, place:]


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
    """The column below the pivot divided by it, and that times the pivot's row taken from the rows below.

    What the column becomes is at most 1, far less for a row that is small beside the pivot's: hence `FINER`.
    """
    corner = slice(place, place + 1)
    below = slice(place + 1, None)
    by, column, row = await together(
        divisor(c.g, ops.secret(_part(c, x, corner, corner)).value, x.fraction),
        c.g.hold(ops.secret(_part(c, x, below, corner)).value),
        c.settled(_part(c, x, corner, below)),
    )
    factor = c.like(await c.g.hold(await divided(c.g, column, by)), x)
    rest = ops.minus(c, _part(c, x, below, below), await ops.times(c, factor, row))
    done = c.like(await c.g.truncate(rest.value, rest.fraction - x.fraction), x)

    def put(whole: NDArray[Any], left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
        result = np.array(whole)
        result[..., below, corner] = left
        result[..., below, below] = right
        return result

    return ops.secret(joined(c, [x, factor, done], put))
