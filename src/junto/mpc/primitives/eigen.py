"""Eigenvalues and eigenvectors of symmetric matrices, by rotations that take pairs of rows at once.

Paper:     Jacobi's method, Golub and Van Loan, Matrix Computations, 4th edition, section 8.5; every step
           rotates n / 2 disjoint pairs, in the order of a round robin: Brent and Luk, SIAM Journal on
           Scientific and Statistical Computing 6, 1985.

The number of turns through all pairs is fixed, for when to stop would say something of the matrix. It is
enough whatever the eigenvalues: what is left off the diagonal then is what the angles' own errors leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.errors import NotComputable
from junto.mpc.functions import fixedpoint
from junto.mpc.functions.trigonometry import atan2, cos, sin
from junto.mpc.gates import MatrixProduct, Words
from junto.mpc.primitives import ops
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.shape import rearranged
from junto.mpc.rounds import together
from junto.mpc.values import Secret, Value, fixed_words, word

Params = Mapping[str, Any]

MOST = 32
"""Rows of the largest matrix: its rounds are 30 for each row and turn."""


def turns(count: int) -> int:
    """Turns through all pairs, for so many rows."""
    return 1 if count <= 2 else 5 if count <= 4 else 6 if count <= 10 else 8


async def eigh(c: Context, params: Params, x: Secret) -> Sequence[Value]:
    """`jax.lax.linalg.eigh`: the vectors in columns, of either sign, and the numbers. Up to 32 rows.

    Error: 2e-4 of the greatest number, or a hundred units in the last place; the vectors are orthonormal but
    for 5e-4. Cost: about 30 rounds for each row and turn, 1438 for 8 rows.
    """
    count = x.shape[-1]
    if count > MOST:
        raise NotComputable(
            f"`eigh` of {count} rows takes {30 * turns(count) * count} rounds; it is offered up to {MOST}",
            fix="for some leading vectors iterate v <- A v, divided by its norm, a fixed number of times",
        )
    triangle = np.tri(count, dtype=np.bool_) if params["lower"] else np.tri(count, dtype=np.bool_).T
    a = rearranged(c, x, lambda array: np.where(triangle, array, array.swapaxes(-1, -2)))
    one = np.broadcast_to(np.eye(count), x.shape)
    held = c.number(ops.secret(a))
    vectors = c.g.constant(fixed_words(one, c.fraction))
    for _ in range(turns(count)):
        for pairs in _schedule(count):
            held, vectors = await _turned(c, held, vectors, pairs)
    numbers = c.g.arrange(held, lambda array: np.diagonal(array, axis1=-2, axis2=-1)[..., None, :])
    if params["sort_eigenvalues"]:
        numbers, vectors = await _in_order(c, numbers, vectors)
    first, stop = params["subset_by_index"] or (0, count)
    kept = c.g.arrange(vectors, lambda array: array[..., first:stop])
    least = c.g.arrange(numbers, lambda array: array[..., 0, first:stop])
    return [c.fixed(kept, c.fraction), c.fixed(least, c.fraction)]


def _schedule(count: int) -> Iterator[NDArray[np.int64]]:
    """Disjoint pairs of rows, until each pair was there once."""
    players = list(range(count + count % 2))
    half = len(players) // 2
    for _ in range(len(players) - 1):
        both = zip(players[:half], reversed(players[half:]), strict=True)
        pairs = [sorted(pair) for pair in both if max(pair) < count]
        if pairs:
            yield np.array(pairs)
        players = [players[0], players[-1], *players[1:-1]]


async def _turned(c: Context, a: Any, vectors: Any, pairs: NDArray[np.int64]) -> tuple[Any, Any]:
    """The matrix without what is off the diagonal in these pairs, and the vectors turned alike."""
    turn, finer = await _rotation(c, a, pairs)
    count = a.shape[-1]
    both = c.g.join([a, vectors], lambda *arrays: np.concatenate(arrays, -2))
    wide = await c.g.truncate(await c.g.bilinear(both, turn, _matmul), finer)
    left = c.g.arrange(turn, lambda array: array.swapaxes(-1, -2))
    right = c.g.arrange(wide, lambda array: array[..., :count, :])
    done = await c.g.truncate(await c.g.bilinear(left, right, _matmul), finer)
    return done, c.g.arrange(wide, lambda array: array[..., count:, :])


def _matmul(x: Words, y: Words, product: MatrixProduct) -> Words:
    return product(x, y)


async def _rotation(c: Context, a: Any, pairs: NDArray[np.int64]) -> tuple[Any, int]:
    """The orthogonal matrix, and its bits after the point. tan(2 angle) = 2 a[p, q] / (a[q, q] - a[p, p])."""
    first, second = pairs.T
    gap = c.g.arrange(a, lambda array: array[..., second, second])
    gap = c.g.subtract(gap, c.g.arrange(a, lambda array: array[..., first, first]))
    twice = c.g.scale(c.g.arrange(a, lambda array: array[..., first, second]), word(2))
    gap, twice = await together(c.g.hold(gap), c.g.hold(twice))
    size, negative = await fixedpoint.absolute(c.g, gap)
    up = await fixedpoint.with_sign(c.g, twice, negative)
    angle = await c.g.hold(await atan2(c.g, up, size, c.fraction))
    finer = c.fraction + 1  # so the same number is half the angle
    sine, cosine = await together(sin(c.g, angle, finer), cos(c.g, angle, finer))
    put = partial(_blocks, pairs, a.shape[-1])
    turn = c.g.join([cosine, sine, c.g.negate(sine)], put)
    idle = np.zeros(a.shape[-1])
    idle[np.setdiff1d(np.arange(a.shape[-1]), pairs)] = 1.0
    return await c.g.hold(c.g.add_public(turn, fixed_words(np.diag(idle), finer))), finer


def _blocks(
    pairs: NDArray[np.int64], count: int, cosine: NDArray[Any], sine: NDArray[Any], under: NDArray[Any]
) -> NDArray[Any]:
    first, second = pairs.T
    result = np.zeros((*cosine.shape[:-1], count, count), cosine.dtype)
    result[..., first, first] = result[..., second, second] = cosine
    result[..., first, second], result[..., second, first] = sine, under
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
