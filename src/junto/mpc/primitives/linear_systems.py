"""Linear systems: substitution, Cholesky's decomposition, and Gauss's with the choice of pivots.

Each goes through the matrix column by column, so its rounds grow with the matrix' size, not with the number
of matrices or of right-hand sides. Which row is the pivot stays secret: rows change places by a product with
a vector of bits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.functions.divisor import (
    Divisor,
    Level,
    Sized,
    divided,
    divisor,
    expect_divisor,
    inverted,
    level,
    lower,
    root_divisor,
    sized,
    taken_down,
    taken_up,
)
from junto.mpc.functions.fixedpoint import absolute
from junto.mpc.gates import MatrixProduct, Words
from junto.mpc.primitives import arithmetic, comparisons, extremes, ops
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import joined, rearranged
from junto.mpc.rounds import start, together
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
    """`jax.lax.linalg.triangular_solve`: the x with a x = b, or x a = b. Three rounds for each row."""
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
    (down, b), a = await together(_columns_taken_down(c, b), _held(c, a))
    x = await _rows(c, a, b, by)
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
            row = await _quotient(c, row, await _divisor_at(c, by, place))
        rows.append(row)
        if place + 1 < b.shape[-2]:
            column = _part(c, a, slice(place + 1, None), slice(place, place + 1))
            below = _part(c, left, slice(1, None), slice(None))
            left = _difference(c, below, await _times(c, column, row))
    return joined(c, rows, lambda *arrays: np.concatenate(arrays, -2))


async def _divisor_at(c: Context, by: Public | Divisor[Any, Any], place: int) -> Public | Divisor[Any, Any]:
    """That of one row, of those of all rows."""
    here = slice(place, place + 1)
    if isinstance(by, Public):
        return Public(by.array[..., here, :])
    reached = c.g.arrange(by.reached, lambda array: array[..., here, :, :])
    return Divisor(reached, by.shifts, await start(_rows_of(c, by.mantissa, here)))


async def _rows_of(c: Context, x: Awaitable[Any], rows: slice) -> Any:
    return c.g.arrange(await x, lambda array: array[..., rows, :])


async def _quotient(c: Context, x: Value, by: Public | Divisor[Any, Any]) -> Value:
    """`x / by`, settled."""
    if isinstance(by, Divisor):
        return c.fixed(await divided(c.g, c.number(c.lift(x)), by), c.fraction)
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
    """The lower triangular l with l l.T = x, about 12 rounds a column.

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
        below = _part(c, done, slice(1, None), slice(None))
        rest = _part(c, left, slice(1, None), slice(1, None))
        left = ops.minus(c, rest, await ops.times(c, below, _turned(c, below)))
    return joined(c, columns, lambda *arrays: np.concatenate(arrays, -1))


def _lowered(by: int, column: NDArray[Any]) -> NDArray[Any]:
    """With so many zeros above."""
    return np.pad(column, [*[(0, 0)] * (column.ndim - 2), (by, 0), (0, 0)])


async def lu(c: Context, params: Params, x: Secret) -> Sequence[Value]:
    """`jax.lax.linalg.lu`: the factors in one matrix, the pivots, and the order of the rows.

    About 18 rounds a column: the greatest number's row, its exchange, a division.
    """
    rows, columns = x.shape[-2:]
    numbers = np.broadcast_to(np.arange(rows, dtype=np.int32)[:, None], (*x.shape[:-1], 1))
    down, left = await _taken_down(c, x)
    order = c.lift(Public(numbers))
    pivots: list[Value] = []
    for place in range(min(rows, columns)):
        if place + 1 < rows:
            pivot = await _pivot(c, left, place)
            places = np.arange(place, rows, dtype=np.uint64)
            found = c.g.linear(pivot.place, partial(_numbered, places))
            pivots.append(c.integer(found, (place, rows - 1), np.dtype(np.int32)))
            left, order = await together(
                _eliminated(c, left, pivot, place), _exchanged(c, order, pivot.place, place)
            )
        else:
            pivots.append(c.lift(Public(np.full((*x.shape[:-2], 1), place, np.int32))))
    chosen = joined(c, pivots, lambda *arrays: np.concatenate(arrays, -1))
    whole = c.like(await taken_up(c.g, left.value, down), left)
    below = np.tri(rows, columns, -1, dtype=np.bool_)
    done = joined(c, [left, whole], lambda *arrays: np.where(below, *arrays))
    return [done, chosen, rearranged(c, order, lambda array: array[..., 0])]


async def _taken_down(c: Context, x: Secret) -> tuple[Level[Any, Any], Secret]:
    """A matrix of large numbers: else the products of its rows with the factors would not fit."""
    x = await _settled(c, x)
    sizes = ops.secret(await comparisons.absolute(c, {}, x))
    down = await level(c.g, c.g.linear(c.number(sizes), partial(_summed, axes=(-2, -1))), c.fraction + ROOM)
    held = await taken_down(c.g, c.at(x, c.fraction + FINER), down)
    return down, c.fixed(held, c.fraction + FINER)


@dataclass(frozen=True, slots=True, eq=False)
class _Pivot:
    """The row with the greatest number in a column.

    Attributes:
        rows: all that it was chosen from; a ready operand.
        place: one for its place, 0 for all other rows; a ready operand.
        row: the row, a ready operand.
        number: its number in the column, sized.
    """

    rows: Any
    place: Any
    row: Any
    number: Sized[Any]


async def _pivot(c: Context, x: Secret, place: int) -> _Pivot:
    """The one of a column, among the rows from `place` on; ten rounds, however many there are.

    All magnitudes are compared with each other, and sized as divisors meanwhile. Whose comparisons are all
    won is the greatest, and the first of equals.
    """
    below = await c.g.hold(c.g.arrange(x.value, lambda array: array[..., place:, :]))
    column = c.g.arrange(below, lambda array: array[..., place])
    size, negative = await absolute(c.g, column)
    size, sign = await c.g.hold(size), c.g.to_ring(negative)
    found, (each, beside) = await together(extremes.greatest(c, size), _sized(c, size, sign))
    of_all = c.g.join([below, beside], lambda *arrays: np.concatenate(arrays, -1))
    row = await c.g.hold(await c.g.bilinear(found, of_all, _row_of))
    width = x.shape[-1]

    def part(*where: Any) -> Any:
        return c.g.arrange(row, lambda array: array[..., None, width:][(..., *where)])

    expect_divisor(c.g, part(slice(0, 1)), x.fraction)
    number = Sized(part(slice(1, 2)), part(None, slice(3, None)), part(slice(2, 3)), each.exponents)
    return _Pivot(below, found, c.g.arrange(row, lambda array: array[..., None, :width]), number)


async def _sized(c: Context, size: Any, sign: Any) -> tuple[Sized[Any], Any]:
    """All that `divisor.sized` finds of a column, and the same as columns: a ready operand."""
    found = await sized(c.g, size, sign)
    parts = await together(*[c.g.hold(part) for part in (found.reached, found.negative)])
    return found, c.g.join([size, found.near, *parts], _beside)


def _beside(
    size: NDArray[Any], near: NDArray[Any], reached: NDArray[Any], negative: NDArray[Any]
) -> NDArray[Any]:
    return np.concatenate([size[..., None], near[..., None], negative[..., None], reached], -1)


async def permutation(c: Context, params: Params, pivots: Secret) -> Value:
    """`jax.lax.linalg.lu_pivots_to_permutation`: the order of the rows, two rounds a pivot."""
    count, rows = pivots.shape[-1], int(params["permutation_size"])
    numbers = np.broadcast_to(np.arange(rows, dtype=np.int32)[:, None], (*pivots.shape[:-1], rows, 1))
    order = c.lift(Public(numbers))
    wide = rearranged(c, await _held(c, pivots), lambda array: array[..., None])
    equal = c.lift(await ops.equal(c, wide, Public(np.arange(rows, dtype=np.int32))))
    bits = await c.g.hold(c.g.to_ring(equal.value))
    for place in range(min(count, rows - 1)):
        chosen = c.g.arrange(bits, partial(_from, place))
        order = await _exchanged(c, order, chosen, place)
    return rearranged(c, order, lambda array: array[..., 0])


def _from(place: int, bits: NDArray[Any]) -> NDArray[Any]:
    """Of the pivot at this place, the bits from there on."""
    return bits[..., place, place:]


async def _exchanged(c: Context, x: Secret, bits: Any, place: int) -> Secret:
    """Rows from `place` on: the first one exchanged with the one whose bit is set."""
    below = await c.g.hold(c.g.arrange(x.value, lambda array: array[..., place:, :]))
    chosen = await c.g.hold(await c.g.bilinear(bits, below, _row_of))
    return c.like(await _with_row(c, x.value, (below, bits, c.g.arrange(chosen, _as_row)), place), x)


def _as_row(array: NDArray[Any]) -> NDArray[Any]:
    return array[..., None, :]


async def _with_row(c: Context, x: Any, pivot: tuple[Any, Any, Any], place: int) -> Any:
    """`_exchanged`, given the rows from `place` on, the bits, and the row that they choose. No round."""
    below, bits, chosen = pivot
    first = c.g.arrange(below, lambda array: array[..., :1, :])
    column = c.g.arrange(bits, lambda array: array[..., None])
    moved = c.g.add(below, await c.g.multiply(column, c.g.subtract(first, chosen)))

    def put(whole: NDArray[Any], rows: NDArray[Any], top: NDArray[Any]) -> NDArray[Any]:
        result = np.array(whole)
        result[..., place:, :] = rows
        result[..., place : place + 1, :] = top
        return result

    return c.g.join([x, moved, chosen], put)


def _row_of(bits: Words, rows: Words, product: MatrixProduct) -> Words:
    return product(bits[..., None, :], rows)[..., 0, :]


def _numbered(numbers: Words, bits: Words) -> Words:
    return np.asarray((bits * numbers).sum(-1, dtype=np.uint64, keepdims=True))


async def _eliminated(c: Context, x: Secret, pivot: _Pivot, place: int) -> Secret:
    """The pivot's row exchanged, the column below it divided, and that times the row taken from the others.

    What the column becomes is at most 1, far less for a row that is small beside the pivot's: hence `FINER`.
    """
    corner = slice(place, place + 1)
    below = slice(place + 1, None)
    by, moved, row = await together(
        inverted(c.g, pivot.number, x.fraction),
        _with_row(c, x.value, (pivot.rows, pivot.place, pivot.row), place),
        c.settled(_part(c, c.fixed(pivot.row, x.fraction), slice(None), below)),
    )
    x = c.like(moved, x)
    factor = c.like(await divided(c.g, ops.secret(_part(c, x, below, corner)).value, by), x)
    rest = ops.minus(c, _part(c, x, below, below), await ops.times(c, factor, row))
    done = c.like(await c.g.truncate(rest.value, rest.fraction - x.fraction), x)

    def put(whole: NDArray[Any], left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
        result = np.array(whole)
        result[..., below, corner] = left
        result[..., below, below] = right
        return result

    return ops.secret(joined(c, [x, factor, done], put))
