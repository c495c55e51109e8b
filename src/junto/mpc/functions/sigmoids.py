"""Functions that level off on both sides: logistic, tanh, erf.

Paper: a Fourier series inside, constants outside: Zheng et al., "Secure softmax/sigmoid in machine-learning
computation", ACSAC 2023, section 4. The series needs no message; two comparisons say where it stands.

The number itself may have more bits after the point than the result, `given`: a product that nobody has
truncated yet is as good an operand as any, and saves a round.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from junto.mpc.functions.constant_tables import fixed
from junto.mpc.functions.fixedpoint import below
from junto.mpc.functions.series import odd_series
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together


async def logistic(g: Gates[R, B], x: R, fraction: int, given: int | None = None) -> R:
    """1 / (1 + e**-x), for all x.

    Error: 3e-5 absolute. Cost: 3 rounds, 18 bytes of a ready operand; offline 14 terms of a series.
    """
    half = await _saturating(g, x, "half logistic", fraction, given)
    return g.add_public(half, fixed(0.5, fraction))


async def tanh(g: Gates[R, B], x: R, fraction: int, given: int | None = None) -> R:
    """The hyperbolic tangent, 2 logistic(2 x) - 1, for all x.

    Error: 6e-5 absolute. Cost: that of `logistic`.
    """
    two = np.array(2, np.uint64)
    return g.scale(await _saturating(g, g.scale(x, two), "half logistic", fraction, given), two)


async def erf(g: Gates[R, B], x: R, fraction: int, given: int | None = None) -> R:
    """The error function, for all x.

    Error: 3e-5 absolute. Cost: 3 rounds, 18 bytes of a ready operand; offline 12 terms of a series.
    """
    return await _saturating(g, x, "erf", fraction, given)


_SHAPES: Mapping[str, tuple[int, float, float]] = {"half logistic": (5, 11.0, 0.5), "erf": (3, 3.0, 1.0)}
"""Logarithm of the series' period, up to where it is taken, and what the function is from there on."""


async def _saturating(g: Gates[R, B], x: R, name: str, fraction: int, given: int | None) -> R:
    """A series up to a limit, and beyond it the function's end, or its opposite."""
    period, limit, end = _SHAPES[name]
    of_x = fraction if given is None else given
    x = await g.hold(x)
    low, not_high, inside = await together(
        below(g, x, fixed(-limit, of_x)),
        below(g, x, fixed(limit, of_x)),
        odd_series(g, x, name, of_x + period, fraction),
    )
    # low and high exclude each other, so "neither" is an exclusive or.
    middle = g.to_ring(g.xor(low, not_high))
    high = g.to_ring(g.flip(not_high, np.array(True)))
    outside = g.scale(g.subtract(high, g.to_ring(low)), fixed(end, fraction))
    return g.add(await g.multiply(middle, inside), outside)
