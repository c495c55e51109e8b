"""Arithmetic on fixed-point secrets that the other files share."""

from __future__ import annotations

import numpy as np

from junto.mpc.gates import B, Gates, R, Words


def within(g: Gates[R, B], x: R, what: str, bounds: tuple[float, float], fraction: int) -> None:
    """Have the debug mode say it if x is not from the one bound to the other, both included."""
    least, most = bounds
    g.expect(
        x,
        round(least * (1 << fraction)),
        round(most * (1 << fraction)),
        f"{what} of a number that is not from {least:.4g} to {most:.4g}: some number comes out",
        domain=True,
    )


def largest(g: Gates[R, B], fraction: int) -> float:
    """The largest number whose size `normalise` can tell: 15/16 2**(k - 2 - 2 fraction)."""
    return float(15 << (g.bits - 2 - 4 - fraction)) / (1 << fraction)


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
