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
from junto.mpc.primitives.linear_algebra import Contraction, bilinear, dot_general
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value, word

ROOM = 60
"""Bits of a sum of products, beside its sign."""

HELD = 40
"""Bits of the numbers themselves."""


async def wide_product(c: Context, params: Mapping[str, Any], x: Value, y: Value) -> Sequence[Value]:
    """`x @ y` as the sum of two numbers: of the upper bits alone, and of all else.

    x = 2**s h + l. The upper part, h @ h, needs no truncation: it has 2 (f - s) bits after the point. With
    s = f / 2 it has room for a sum of 2**44; if it is to be divided by n terms, s is greater by half of their
    bits, and the mean has. The lower part, h @ l + l @ h and l @ l, has the bits that the upper one lacks.
    With a factor that all know, as in the first turn of a loop, it is a product as any other.

    Range: numbers up to 2**22, a sum (or what it is divided to) up to 2**43. Error: three units.
    """
    (x_sum, y_sum), (x_batch, y_batch) = params["dimension_numbers"]
    form = Contraction((tuple(x_sum), tuple(y_sum)), (tuple(x_batch), tuple(y_batch)))
    nothing = Public(np.zeros(c.form.shape, c.form.dtype))
    if isinstance(x, Public) or isinstance(y, Public):
        return await dot_general(c, params, x, y), nothing
    left, right = ops.secret(x), ops.secret(y)
    terms = prod(left.shape[axis] for axis in form.summed[0])

    async def product(a: Secret, b: Secret, parts: int = 1) -> Secret:
        if parts > 1:
            return ops.secret(await bilinear(c, a, b, form.in_parts(a.shape, parts)))
        both = form.summed, form.batch
        return ops.secret(await bilinear(c, a, b, lambda p, q, by: ring.dot_general(p, q, both, by)))

    if c.g.bits > BITS:  # where there is room for the product itself
        return await product(left, right), nothing
    more = terms.bit_length() // 2 + 1 if params["divided"] and terms > 1 else 0
    drop = min((c.fraction + 1) // 2 + more, c.fraction)
    high, low = await _halves(c, left, drop)
    high_y, low_y = (high, low) if y is x else await _halves(c, right, drop)
    across, lowest = (-(-terms >> max(ROOM - bits, 0)) for bits in (HELD + 1, 2 * drop))
    upper, first, second, rest = await together(
        product(high, high_y),
        product(high, low_y, across),
        product(low, high_y, across),
        product(low, low_y, lowest),
    )

    middle = ops.plus(c, first, second)
    if terms << HELD + 1 + drop <= 1 << ROOM:  # one truncation, together with what is done to the sum
        return upper, ops.plus(c, middle, rest)

    async def settled(total: Secret, parts: int) -> Value:
        return await (sums.added_up(c, total) if parts > 1 else c.settled(total))

    return upper, ops.plus(c, *await together(settled(middle, across), settled(rest, lowest)))


async def _halves(c: Context, x: Secret, drop: int) -> tuple[Secret, Secret]:
    """The bits from `drop` on, and those below."""
    held = await c.g.hold(c.number(c.full(x)))
    high = await c.g.truncate(held, drop)
    low = c.g.subtract(held, c.g.scale(high, word(1 << drop)))
    return c.fixed(high, c.fraction - drop), c.fixed(low, c.fraction)
