"""Arithmetic on fixed-point secrets that the other files share."""

from __future__ import annotations

import numpy as np

from junto.mpc.gates import B, Gates, R, Words


async def product(g: Gates[R, B], x: R, y: R, drop: int, *, loose: bool = False) -> R:
    """`x y` without its lowest `drop` bits: 1 round, 8 bytes, of ready operands."""
    return await g.truncate(await g.multiply(x, y), drop, loose=loose)


async def below(g: Gates[R, B], x: R, value: Words) -> B:
    """`x < value` for a public ring element: 3 rounds, 39 bits, of a ready operand."""
    return await g.negative(g.add_public(x, 0 - value))


async def absolute(g: Gates[R, B], x: R) -> tuple[R, B]:
    """|x| and whether x was negative: 3 rounds, 39 bits, of a ready operand."""
    negative = await g.negative(x)
    # |x| = x - 2 x [x < 0]
    part = await g.multiply(g.to_ring(negative), x)
    return g.subtract(x, g.scale(part, np.array(2, np.uint64))), negative


async def with_sign(g: Gates[R, B], x: R, negative: B) -> R:
    """-x where `negative`, else x: no round of a ready operand."""
    part = await g.multiply(g.to_ring(negative), x)
    return g.subtract(x, g.scale(part, np.array(2, np.uint64)))
