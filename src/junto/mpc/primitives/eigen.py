"""Singular values and eigenvalues, by rotations that take pairs of columns at once.

Paper:     one-sided Jacobi: Hestenes, Journal of the SIAM 6, 1958; Golub and Van Loan, Matrix Computations,
           4th edition, section 8.6.3; every step rotates n / 2 disjoint pairs, in the order of a round robin:
           Brent and Luk, SIAM Journal on Scientific and Statistical Computing 6, 1985. A tall matrix is
           replaced by its triangular factor before, a symmetric one made positive by adding a multiple of 1.

The number of turns through all pairs is fixed, for when to stop would say something of the matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.errors import NotComputable
from junto.mpc.functions import unit
from junto.mpc.functions.divisor import divided, norm_divisor
from junto.mpc.functions.fixedpoint import absolute
from junto.mpc.functions.normalise import by_level
from junto.mpc.functions.unit import fine, rotation
from junto.mpc.gates import MatrixProduct, Words
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.orthogonal import (
    WIDER,
    Levelled,
    basis,
    check_width,
    factored,
    levelled,
    restored,
)
from junto.mpc.primitives.shape import moved
from junto.mpc.rounds import together
from junto.mpc.values import Secret, Value, fixed_words, word

Params = Mapping[str, Any]

LESS = 3
"""A symmetric matrix is brought below 2**(fine - LESS), and this added to its eigenvalues: with up to 32 of
them, the columns' lengths together are below 15/16 2**fine."""

NOISE = 64
"""What rounding may make of a singular value that is 0, in units of 2**-fine of the matrix."""


def turns(count: int) -> int:
    """Turns through all pairs, for so many columns."""
    return 1 if count <= 2 else 5 if count <= 4 else 6 if count <= 10 else 8


def _rounds(count: int) -> int:
    return 28 * turns(count) * count


# ---------------------------------------------------------------- eigenvalues


async def eigh(c: Context, params: Params, x: Secret) -> Sequence[Value]:
    """`jax.lax.linalg.eigh`: the vectors in columns, of either sign, and the numbers. Up to 32 rows.

    Error: 2e-5 of the greatest number (32 rows: 4e-5), of 128 bits 1e-12, or four units in the last place; a
    number that the entries' own rounding can make is 0. The vectors are orthonormal but for 2e-5.
    Cost: 28 rounds for each row and turn, 1335 for 8 rows; a seventh more of 128 bits.
    """
    count = x.shape[-1]
    check_width("eigh", _rounds(count), count)
    triangle = np.tri(count, dtype=np.bool_) if params["lower"] else np.tri(count, dtype=np.bool_).T
    whole = moved(c, x, lambda array: np.where(triangle, array, array.swapaxes(-1, -2)))
    held = await levelled(c, c.at(whole, c.fraction + WIDER), (-2, -1), fine(c.g) - LESS)
    one = np.broadcast_to(np.eye(count), x.shape)
    turned = await _turned(
        c,
        c.g.add_public(held.value, fixed_words(one, fine(c.g) - LESS)),
        c.g.constant(fixed_words(one, fine(c.g))),
    )
    # v.T A v: its error is the square of the vectors' own, and what was added does not matter
    vectors, a = await together(c.g.hold(turned.vectors), c.g.hold(held.value))
    image = await c.g.truncate(await c.g.bilinear(a, vectors, _matmul), fine(c.g))
    dots = c.g.linear(await c.g.multiply(image, vectors), unit.down)
    numbers = await c.g.truncate(dots, fine(c.g))
    if params["sort_eigenvalues"]:
        numbers, vectors = await _in_order(c, numbers, vectors)
    numbers = await _without_noise(c, held, numbers, _rounding(count, count))
    first, stop = params["subset_by_index"] or (0, count)
    kept = c.g.arrange(vectors, lambda array: array[..., first:stop])
    least = c.g.arrange(numbers, lambda array: array[..., 0, first:stop])
    return [c.fixed(kept, fine(c.g)), c.fixed(least, c.fraction + WIDER)]


# ---------------------------------------------------------------- singular values


async def svd(c: Context, params: Params, x: Secret) -> Sequence[Value]:
    """`jax.lax.linalg.svd`: up to 32 singular values; one that the entries' own rounding can make is 0.

    Error: 1e-5 of the greatest, of 128 bits 1e-12, or a few units in the last place; the vectors, of either
    sign, are orthonormal but for 3e-5. Cost: as `eigh`, a `qr` more with vectors, and one if not square.
    """
    if params.get("subset_by_index") is not None:
        raise NotComputable(
            "`svd` of some singular values has no secret form", fix="compute all, and cut them"
        )
    rows, columns = x.shape[-2:]
    check_width("svd", _rounds(min(rows, columns)), min(rows, columns))
    wide = rows < columns
    a = c.at(x, c.fraction + WIDER)
    if wide:
        a = c.g.arrange(a, _flat)
    full, vectors = bool(params["full_matrices"]), bool(params["compute_uv"])
    tall = _Tall(a, abs(rows - columns) if full else 0, vectors)
    numbers, *both = await _decomposed(c, tall, _rounding(rows, columns))
    numbers = c.g.arrange(numbers, lambda array: array[..., 0, :])
    values: list[Value] = [c.fixed(numbers, c.fraction + WIDER)]
    if not vectors:
        return values
    left, right = (c.fixed(each, fine(c.g)) for each in (both[::-1] if wide else both))
    return [*values, left, moved(c, right, _flat)]


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    return array.swapaxes(-1, -2)


@dataclass(frozen=True, slots=True)
class _Tall:
    """A matrix to be decomposed.

    Attributes:
        value: at least as high as it is wide.
        more: so many vectors more than it has singular values are to be found on its left.
        vectors: whether any are.
    """

    value: Any
    more: int
    vectors: bool


async def _decomposed(c: Context, x: _Tall, rounding: float) -> list[Any]:
    """The singular values, the greatest first; the left vectors and the right ones, in columns."""
    rows, count = x.value.shape[-2:]
    a, first = x.value, None
    if rows > count:
        by_column = await levelled(c, a, (-2,), fine(c.g))
        first = await factored(c, by_column.value)
        a = await restored(c, by_column, first.upper, 0)
    held = await levelled(c, a, (-2, -1), fine(c.g))
    one = np.broadcast_to(np.eye(count), (*a.shape[:-2], count, count))
    start = c.g.constant(fixed_words(one, fine(c.g))) if x.vectors else None
    turned = await _turned(c, held.value, start)
    squares = c.g.negate(await unit.squares(c.g, turned.columns))
    if not x.vectors:
        _, columns = await _in_order(c, squares, turned.columns)
        return [await _without_noise(c, held, await _lengths(c, columns), rounding)]
    stack = c.g.join([turned.columns, turned.vectors], lambda *arrays: np.concatenate(arrays, -2))
    _, sorted_ = await _in_order(c, squares, stack)
    last = await factored(c, c.g.arrange(sorted_, lambda array: array[..., :count, :]))
    right = c.g.arrange(sorted_, lambda array: array[..., count:, :])
    diagonal = c.g.arrange(last.upper, lambda a: np.diagonal(a, axis1=-2, axis2=-1)[..., None, :])
    (numbers, negative), left = await together(_absolute(c, diagonal), basis(c, last, count))
    numbers, left, right = await together(
        _without_noise(c, held, numbers, rounding),
        _with_signs(c, left, negative),
        c.g.hold(right),
    )
    if first is not None:
        left = await _joined(c, await basis(c, first, count + x.more), left)
    return [numbers, left, right]


async def _absolute(c: Context, x: Any) -> tuple[Any, Any]:
    return await absolute(c.g, await c.g.hold(x))


async def _with_signs(c: Context, x: Any, negative: Any) -> Any:
    part = await c.g.multiply(c.g.to_ring(negative), x)
    return c.g.subtract(x, c.g.scale(part, word(2)))


async def _joined(c: Context, first: Any, then: Any) -> Any:
    """The product of two orthogonal factors; columns of the first that the other has not stay."""
    count = then.shape[-1]
    head, then = await together(
        c.g.hold(c.g.arrange(first, lambda array: array[..., :count])), c.g.hold(then)
    )
    turned = await c.g.truncate(await c.g.bilinear(head, then, _matmul), fine(c.g))
    rest = c.g.arrange(first, lambda array: array[..., count:])
    return c.g.join([turned, rest], lambda *arrays: np.concatenate(arrays, -1))


async def _lengths(c: Context, columns: Any) -> Any:
    """Of the columns: their products with their directions."""
    held = await c.g.hold(columns)
    direction = await divided(
        c.g, held, await norm_divisor(c.g, await unit.squares(c.g, held), 2 * fine(c.g))
    )
    direction = await unit.corrected(c.g, direction)
    return await c.g.truncate(c.g.linear(await c.g.multiply(held, direction), unit.down), fine(c.g))


def _rounding(rows: int, columns: int) -> float:
    """What the rounding of the entries to units may make of a singular value that is 0, in units."""
    return (sqrt(rows) + sqrt(columns)) / 2


async def _without_noise(c: Context, by: Levelled, numbers: Any, rounding: float) -> Any:
    """Numbers in their own size, without those that only rounding has made: 6 rounds.

    What reads them decides by their size what the matrix' rank is, and divides by all the others.
    """
    numbers = await c.g.hold(numbers)
    magnitude, _ = await absolute(c.g, numbers)
    bounds = [round(rounding * 2.0 ** (power + WIDER)) + NOISE for power in by.powers]
    least = by_level(c.g, by.reached, [min(bound, 1 << fine(c.g) + 1) for bound in bounds])
    below = await c.g.negative(c.g.subtract(magnitude, least))
    some = c.g.to_ring(c.g.flip(below, np.array(True)))
    kept = await c.g.multiply(some, numbers)
    return await restored(c, by, kept, 0)


# ---------------------------------------------------------------- turning


@dataclass(frozen=True, slots=True)
class _Turned:
    """A matrix with orthogonal columns.

    Attributes:
        columns: its own.
        vectors: what another matrix' columns became by the same rotations; None: there was none.
    """

    columns: Any
    vectors: Any


async def _turned(c: Context, a: Any, vectors: Any) -> _Turned:
    """A matrix of which all columns together are below 15/16 2**fine in length, turned."""
    rows, count = a.shape[-2:]
    both = a if vectors is None else c.g.join([a, vectors], lambda *arrays: np.concatenate(arrays, -2))
    for _ in range(turns(count)):
        for pairs in _schedule(count):
            both = await c.g.hold(both)
            turn = await _turn(c, c.g.arrange(both, lambda array: array[..., :rows, :]), pairs)
            both = await c.g.truncate(await c.g.bilinear(both, turn, _matmul), fine(c.g))
    top = c.g.arrange(both, lambda array: array[..., :rows, :])
    return _Turned(top, None if vectors is None else c.g.arrange(both, lambda array: array[..., rows:, :]))


def _schedule(count: int) -> Iterator[NDArray[np.int64]]:
    """Disjoint pairs of columns, until each pair was there once."""
    players = list(range(count + count % 2))
    half = len(players) // 2
    for _ in range(len(players) - 1):
        both = zip(players[:half], reversed(players[half:]), strict=True)
        pairs = [sorted(pair) for pair in both if max(pair) < count]
        if pairs:
            yield np.array(pairs)
        players = [players[0], players[-1], *players[1:-1]]


def _matmul(x: Words, y: Words, product: MatrixProduct) -> Words:
    return product(x, y)


async def _turn(c: Context, a: Any, pairs: NDArray[np.int64]) -> Any:
    """The orthogonal matrix that makes these pairs of columns orthogonal; a ready operand.

    All signs change every time: so truncations that cut off do not add up.
    """
    first, second = pairs.T
    p = c.g.arrange(a, lambda array: array[..., first])
    q = c.g.arrange(a, lambda array: array[..., second])
    gap, dot = await together(
        c.g.multiply(c.g.subtract(q, p), c.g.add(q, p)), c.g.multiply(p, c.g.scale(q, word(2)))
    )
    turn = await rotation(c.g, c.g.linear(gap, _sum_of_rows), c.g.linear(dot, _sum_of_rows))
    idle = np.zeros(a.shape[-1])
    idle[np.setdiff1d(np.arange(a.shape[-1]), pairs)] = 1.0
    turn = c.g.join([turn, c.g.negate(turn)], partial(_blocks, pairs, a.shape[-1]))
    return await c.g.hold(c.g.negate(c.g.add_public(turn, fixed_words(np.diag(idle), fine(c.g)))))


def _sum_of_rows(words: Words) -> Words:
    return np.asarray(words.sum(axis=-2, dtype=np.uint64))


def _blocks(pairs: NDArray[np.int64], count: int, turn: NDArray[Any], under: NDArray[Any]) -> NDArray[Any]:
    first, second = pairs.T
    result = np.zeros((*turn.shape[:-2], count, count), turn.dtype)
    result[..., first, first] = result[..., second, second] = turn[..., 0, :]
    result[..., first, second], result[..., second, first] = turn[..., 1, :], under[..., 1, :]
    return result


async def _in_order(c: Context, numbers: Any, vectors: Any) -> tuple[Any, Any]:
    """Numbers in a row, the least first, and the columns alike: each goes where the count of less says."""
    count = numbers.shape[-1]
    other = c.g.arrange(numbers, lambda array: array.swapaxes(-1, -2))
    less = c.g.to_ring(await c.g.negative(c.g.subtract(other, numbers)))  # other[i] < number[j]
    # of two that are equal the first one comes first
    upper = np.triu(np.ones((count, count), np.bool_), 1)
    later = c.g.arrange(less, lambda array: array.swapaxes(-1, -2))
    ranks = c.g.add_public(
        c.g.subtract(
            c.g.linear(c.g.arrange(less, partial(_kept, ~upper)), partial(_down)),
            c.g.linear(c.g.arrange(later, partial(_kept, upper)), partial(_down)),
        ),
        upper.sum(0).astype(np.uint64)[None, :],
    )
    places = np.arange(count, dtype=np.uint64)
    column = c.g.arrange(ranks, lambda array: array.swapaxes(-1, -2))
    there = c.g.to_ring(await c.g.zero(c.g.add_public(column, 0 - places)))
    both = c.g.join([numbers, vectors], lambda *arrays: np.concatenate(arrays, -2))
    moved = await c.g.bilinear(both, there, _matmul)
    return (
        c.g.arrange(moved, lambda array: array[..., :1, :]),
        c.g.arrange(moved, lambda array: array[..., 1:, :]),
    )


def _kept(where: NDArray[np.bool_], array: NDArray[Any]) -> NDArray[Any]:
    return np.where(where, array, np.zeros((), array.dtype))


def _down(words: Words) -> Words:
    return np.asarray(words.sum(axis=-2, keepdims=True, dtype=np.uint64))
