"""Vectors of length 1: directions, rotations, reflections.

Paper:     Golub and Van Loan, Matrix Computations, 4th edition: reflections, section 5.1; rotations, section
           8.5. Lengths are made 1 by a step of Newton's iteration in the end, so that it hardly matters how
           exact the inverse of the length was.

Numbers here have `fine` bits after the point and are below 15/16; vectors are columns, [..., length, count].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.functions.constant_tables import coefficients, fixed
from junto.mpc.functions.divisor import divided, norm_divisor
from junto.mpc.functions.fixedpoint import absolute, product, with_sign
from junto.mpc.functions.normalise import INNER, on_top, size
from junto.mpc.functions.polynomial import polynomial
from junto.mpc.gates import BITS, B, Gates, R, Words
from junto.mpc.rounds import together

FINE, WIDE_FINE = 30, 56
"""Bits after the point, of 64 and of 128 bits of the ring: products of two such numbers, and sums, fit."""

_THIRD = 20
"""Bits of 2 / 3, by which the argument of a polynomial is multiplied."""


def fine(g: Gates[R, B]) -> int:
    """Bits after the point of the numbers here."""
    return FINE if g.bits <= BITS else WIDE_FINE


def down(words: Words) -> Words:
    """The sum of each column."""
    return np.asarray(words.sum(axis=-2, keepdims=True, dtype=np.uint64))


async def squares(g: Gates[R, B], x: R) -> R:
    """The squares of the columns' lengths, exact, [..., 1, count]: no round of a ready operand."""
    return g.linear(await g.multiply(x, x), down)


async def unit(g: Gates[R, B], x: R) -> R:
    """The columns, divided by their lengths; 0 where that is 0. Error: a few 2**-fine.

    Cost: 16 rounds of a ready operand.
    """
    return await corrected(g, await divided(g, x, await norm_divisor(g, await squares(g, x), 2 * fine(g))))


async def corrected(g: Gates[R, B], x: R) -> R:
    """Columns of almost length 1, of length 1: the square of what was wrong is left. 2 rounds, or 4."""
    bits = fine(g)
    for _ in range(_times(g)):
        near = await g.truncate(await squares(g, x), bits)
        x = await product(g, x, g.add_public(g.negate(near), fixed(3.0, bits)), bits + 1)
    return x


def _times(g: Gates[R, B]) -> int:
    """Steps of Newton's iteration from 22 bits to those that are promised."""
    return 1 if g.bits <= BITS else 2


async def rotation(g: Gates[R, B], gap: R, twice: R) -> R:
    """Cosine and sine of the angle up to 45 degrees with tan(2 angle) = twice / gap, as [..., 2, count].

    Args:
        g: the gates.
        gap, twice: [..., count], of any size: |gap| + |twice| below 15/16 2**61 as ring elements.

    Error: 6e-6 relative of the angle, or a few 2**-fine; and 1e-8 of the length; of 128 bits 1e-11 and 1e-15.
    Cost: 27 rounds, of 128 bits 31.
    """
    gap, twice = await together(g.hold(gap), g.hold(twice))
    (wide, negative), (high, _) = await together(absolute(g, gap), absolute(g, twice))
    wide = g.add_public(wide, fixed(1.0, 0))  # so that there is an angle, whatever they are
    both = g.join([wide, await with_sign(g, twice, negative)], lambda *arrays: np.stack(arrays, -2))
    total = g.arrange(g.add(wide, high), lambda array: array[..., None, :])
    top = g.bits - 3
    of, both = await together(size(g, total, top), g.hold(both))
    near = await g.truncate(await on_top(g, of, both), top - fine(g))
    double = await divided(g, near, await norm_divisor(g, await squares(g, near), 2 * fine(g)))
    if g.bits > BITS:
        double = await corrected(g, double)
    # (1 + cos, sin) of twice the angle points along (cos, sin)
    along = g.add_public(double, np.stack([fixed(1.0, fine(g)), fixed(0.0, 0)])[:, None])
    cosine = g.arrange(double, lambda array: array[..., :1, :])
    length = await polynomial(g, await _centred(g, cosine), coefficients("half angle"), (INNER, INNER))
    return await corrected(g, await product(g, along, length, INNER))


async def _centred(g: Gates[R, B], x: R) -> R:
    """Numbers from 0 to 1 as those from -1/3 to 1/3 with `INNER` bits after the point. 1 round."""
    part = await g.truncate(g.scale(x, fixed(2 / 3, _THIRD)), fine(g) + _THIRD - INNER)
    return g.add_public(part, fixed(-1 / 3, INNER))


async def reflection(g: Gates[R, B], x: R) -> tuple[R, R]:
    """Columns v and u, such that 1 - u v.T is orthogonal and takes x to a multiple of the first unit vector.

    That is of the other sign than x begins with. Of x = 0, u is 0.

    Args:
        g: the gates.
        x: ready operands, [..., length, 1]; so are the results.

    Cost: 26 rounds.
    """
    first = g.arrange(x, lambda array: array[..., :1, :])
    direction, negative, nothing = await together(unit(g, x), g.negative(first), g.zero(await squares(g, x)))
    top = g.arrange(direction, lambda array: array[..., :1, :])
    size_ = await with_sign(g, top, negative)
    sign = g.add_public(g.scale(g.to_ring(negative), fixed(-2.0, fine(g))), fixed(1.0, fine(g)))
    v = g.join([g.add(top, sign), direction], _with_first)
    size_, v = await together(g.hold(size_), g.hold(v))
    inverse = await polynomial(g, await _centred(g, size_), coefficients("inverse"), (INNER, INNER))
    one, bits = g.add_public(size_, fixed(1.0, fine(g))), INNER
    for _ in range(_times(g)):
        error = await product(g, one, inverse, bits)
        inverse = await product(g, inverse, g.add_public(g.negate(error), fixed(2.0, fine(g))), bits)
        bits = fine(g)
    some = g.to_ring(g.flip(nothing, np.array(True)))
    u = await product(g, v, await g.hold(await g.multiply(some, inverse)), fine(g))
    return v, await g.hold(u)


def _with_first(first: NDArray[Any], column: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([first, column[..., 1:, :]], axis=-2)
