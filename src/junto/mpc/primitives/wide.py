"""Sums of products that may be 2**44, and not 2**26 alone: with the upper and the lower bits apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from junto.mpc import ring
from junto.mpc.gates import BITS
from junto.mpc.primitives import ops, sums
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.linear_algebra import Contraction, bilinear
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value, word

PARTS = 20
"""2**(PARTS - s) products of s lower bits and of a number of 2**40 units have a sum below 2**61."""


async def wide_product(c: Context, params: Mapping[str, Any], x: Value, y: Value) -> Sequence[Value]:
    """`x @ y` as the sum of two numbers: of the upper bits alone, and of all else.

    x = 2**s h + l. The upper part, h @ h, needs no truncation: it has 2 (f - s) bits after the point. With
    s = f / 2 it has room for a sum of 2**44; if it is to be divided by n terms, s is greater by half of their
    bits, and the mean has. The lower part, l @ y + (x - l) @ l, has small numbers, and the bits that
    the upper one lacks.

    Range: numbers up to 2**22, a sum (or what it is divided to) up to 2**43. Error: two units.
    """
    (x_sum, y_sum), (x_batch, y_batch) = params["dimension_numbers"]
    form = Contraction((tuple(x_sum), tuple(y_sum)), (tuple(x_batch), tuple(y_batch)))
    left, right = ops.secret(x), ops.secret(y)
    if c.g.bits > BITS:  # where there is room for the product itself
        both = form.summed, form.batch
        found = await bilinear(c, left, right, lambda p, q, by: ring.dot_general(p, q, both, by))
        return found, Public(np.zeros(c.form.shape, c.form.dtype))
    terms = prod(left.shape[axis] for axis in form.summed[0])
    more = terms.bit_length() // 2 + 1 if params["divided"] and terms > 1 else 0
    drop = min((c.fraction + 1) // 2 + more, c.fraction)
    high, low, held = await _halves(c, left, drop)
    high_y, low_y, held_y = (high, low, held) if y is x else await _halves(c, right, drop)
    rest = ops.minus(c, held, low)
    parts = max(1, -(-terms >> max(PARTS - drop, 1)))

    async def product(a: Secret, b: Secret, count: int) -> Secret:
        if count == 1:
            both = form.summed, form.batch
            return ops.secret(await bilinear(c, a, b, lambda p, q, by: ring.dot_general(p, q, both, by)))
        return await sums.added_up(c, ops.secret(await bilinear(c, a, b, form.in_parts(a.shape, count))))

    upper, first, second = await together(
        product(high, high_y, 1), product(low, held_y, parts), product(rest, low_y, parts)
    )
    return c.fixed(upper.value, 2 * (c.fraction - drop)), ops.plus(c, first, second)


async def _halves(c: Context, x: Secret, drop: int) -> tuple[Secret, Secret, Secret]:
    """The bits from `drop` on, as a number that is 2**drop less, and those below; and all of them."""
    held = await c.g.hold(c.number(c.full(x)))
    high = await c.g.truncate(held, drop)
    low = c.g.subtract(held, c.g.scale(high, word(1 << drop)))
    return c.fixed(high, c.fraction), c.fixed(low, c.fraction), c.fixed(held, c.fraction)
