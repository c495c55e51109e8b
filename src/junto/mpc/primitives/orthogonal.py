"""Orthogonal factors by reflections: `qr`.

Paper:     Householder's method, Golub and Van Loan, Matrix Computations, 4th edition, section 5.2.

The columns are first brought to about one size each, by a power of two that stays secret: so columns of any
scale keep their digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.errors import NotComputable
from junto.mpc.functions.divisor import shifted
from junto.mpc.functions.fixedpoint import absolute
from junto.mpc.functions.normalise import size
from junto.mpc.functions.unit import fine, reflection
from junto.mpc.gates import MatrixProduct, Words
from junto.mpc.primitives.context import Context
from junto.mpc.rounds import together
from junto.mpc.values import Secret, Value, fixed_words

Params = Mapping[str, Any]

MOST = 32
"""Columns of the widest matrix whose factors are offered."""

WIDER = 10
"""So many bits more after the point has what is computed of a matrix; its numbers must be below 8e9."""


@dataclass(frozen=True, slots=True)
class Levelled:
    """Numbers brought to one size by a power of two.

    Attributes:
        value: the numbers; their sum of magnitudes is from 15/256 to 15/16 of 2**`room`, as far as they can.
        reached: which bounds between levels that sum had reached, as 0 and 1.
        powers: on each level, by which power of two the numbers were multiplied.
    """

    value: Any
    reached: Any
    powers: Sequence[int]


@dataclass(frozen=True, slots=True)
class Factors:
    """A matrix as a product.

    Attributes:
        upper: the triangular factor, [..., least, columns]; below the diagonal it is 0.
        reflections: u and v of each column, as `unit.reflection` makes them.
        rows: of the matrix.
    """

    upper: Any
    reflections: Sequence[tuple[Any, Any]]
    rows: int


async def qr(c: Context, params: Params, x: Secret) -> Sequence[Value]:
    """`jax.lax.linalg.qr`: up to 32 columns, about 27 rounds for each.

    Error: 1e-5 of each column's length, or four units in the last place; orthonormal but for 2e-5. The signs
    are LAPACK's, but for a column that is 0 below the diagonal.
    """
    rows, columns = x.shape[-2:]
    least = min(rows, columns)
    if params.get("pivoting"):
        raise NotComputable("`qr` with pivoting has no secret form", fix="jnp.linalg.qr, which has none")
    check_width("qr", 27 * least, least)
    held = await levelled(c, c.at(x, c.fraction), (-2,), fine(c.g))
    found = await factored(c, held.value)
    upper, vectors = await together(
        restored(c, held, found.upper, 0), basis(c, found, rows if params["full_matrices"] else least)
    )
    if params["full_matrices"] and rows > least:
        lacking = rows - least
        upper = c.g.arrange(upper, lambda a: np.pad(a, [*[(0, 0)] * (a.ndim - 2), (0, lacking), (0, 0)]))
    return [c.fixed(vectors, fine(c.g)), c.fixed(upper, c.fraction)]


def check_width(name: str, rounds: int, width: int) -> None:
    """Refuse what takes too many rounds.

    Raises:
        NotComputable: it does.
    """
    if not width:
        raise NotComputable(f"`{name}` of an empty matrix has no secret form", fix="leave it out")
    if width > MOST:
        raise NotComputable(
            f"`{name}` of a matrix with {width} rows and columns takes about {rounds} rounds; "
            f"it is offered up to {MOST}",
            fix="for some leading vectors iterate v <- A.T (A v), divided by its norm, a fixed number of "
            "times; for a linear system, jnp.linalg.solve(A.T @ A, A.T @ b)",
        )


async def levelled(c: Context, x: Any, axes: tuple[int, ...], room: int) -> Levelled:
    """`x` times powers of two, one for all that lies along these axes: about 9 rounds."""
    held = await c.g.hold(x)
    sizes, _ = await absolute(c.g, held)
    total = c.g.linear(sizes, partial(_summed, axes=axes), bounded=prod(x.shape[axis] for axis in axes))
    top = c.g.bits - 3
    c.g.expect(total, 0, (15 << top - 4) - 1, "a matrix has numbers that are too large for its factors")
    of = await size(c.g, total, top)
    powers = [room - e for e in of.exponents]
    reached = await of.reached(c.g)
    return Levelled(await _moved(c, held, reached, powers), reached, powers)


def _summed(words: Words, axes: tuple[int, ...]) -> Words:
    return np.asarray(words.sum(axis=axes, dtype=np.uint64, keepdims=True))


async def restored(c: Context, by: Levelled, x: Any, wider: int) -> Any:
    """What was made of levelled numbers, in their own size with so many bits more: 2 rounds."""
    return await _moved(c, await c.g.hold(x), by.reached, [wider - power for power in by.powers])


async def _moved(c: Context, x: Any, reached: Any, powers: Sequence[int]) -> Any:
    first, *others = await shifted(c.g, x, reached, powers)
    for part in others:
        first = c.g.add(first, part)
    return first


async def factored(c: Context, x: Any) -> Factors:
    """The factors of a matrix whose columns are below 15/16 2**fine in length."""
    rows, columns = x.shape[-2:]
    finished: list[Any] = []
    reflections: list[tuple[Any, Any]] = []
    for place in range(min(rows, columns)):
        if place + 1 < rows:
            held = await c.g.hold(x)
            v, u = await reflection(c.g, c.g.arrange(held, lambda array: array[..., :1]))
            reflections.append((u, v))
            x = await _reflected(c, held, u, v)
        finished.append(c.g.arrange(x, partial(_row, place)))
        x = c.g.arrange(x, lambda array: array[..., 1:, 1:])
    return Factors(c.g.join(finished, lambda *arrays: np.concatenate(arrays, -2)), reflections, rows)


def _row(place: int, array: NDArray[Any]) -> NDArray[Any]:
    """The first row, with so many zeros before it."""
    return np.pad(array[..., :1, :], [*[(0, 0)] * (array.ndim - 1), (place, 0)])


async def _reflected(c: Context, x: Any, u: Any, v: Any) -> Any:
    """What is left of x without u (v.T x): 2 rounds of ready operands."""
    part = await c.g.truncate(await c.g.bilinear(v, x, _turned_product), fine(c.g))
    return c.g.subtract(x, await c.g.truncate(await c.g.multiply(u, part), fine(c.g)))


def _turned_product(x: Words, y: Words, product: MatrixProduct) -> Words:
    return product(x.swapaxes(-1, -2), y)


async def basis(c: Context, found: Factors, count: int) -> Any:
    """The first columns of the orthogonal factor, with `fine` bits after the point: 3 rounds a reflection."""
    batch = found.upper.shape[:-2]
    one = np.broadcast_to(np.eye(found.rows, count), (*batch, found.rows, count))
    result = c.g.constant(fixed_words(one, fine(c.g)))
    for place in reversed(range(len(found.reflections))):
        u, v = found.reflections[place]
        part = await c.g.hold(c.g.arrange(result, partial(_from, place)))
        result = c.g.join([result, await _reflected(c, part, u, v)], partial(_put, place))
    return result


def _from(place: int, array: NDArray[Any]) -> NDArray[Any]:
    return array[..., place:, place:]


def _put(place: int, whole: NDArray[Any], part: NDArray[Any]) -> NDArray[Any]:
    result = np.array(whole)
    result[..., place:, place:] = part
    return result
