"""Functions that level off on both sides: logistic, tanh, erf.

Paper: a Fourier series inside, constants outside: Zheng et al., "Secure softmax/sigmoid in machine-learning
computation", ACSAC 2023, section 4. The series needs no message; two comparisons say where it stands.
"""

from __future__ import annotations

import numpy as np

from junto.mpc.functions.fixedpoint import below
from junto.mpc.functions.tables import fixed, sine_series
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

SERIES_FRACTION = 40


async def logistic(g: Gates[R, B], x: R, fraction: int) -> R:
    """1 / (1 + e**-x), for all x.

    Error: 6e-5 absolute. Cost: 3 rounds, 18 bytes of a ready operand; offline 14 terms of a series.
    """
    half = await _odd(g, x, "half logistic", (5, 10.0, 14), 0.5, fraction)
    return g.add_public(half, fixed(0.5, fraction))


async def tanh(g: Gates[R, B], x: R, fraction: int) -> R:
    """The hyperbolic tangent, 2 logistic(2 x) - 1, for all x.

    Error: 9e-5 absolute. Cost: that of `logistic`.
    """
    two = np.array(2, np.uint64)
    return g.scale(await _odd(g, g.scale(x, two), "half logistic", (5, 10.0, 16), 0.5, fraction), two)


async def erf(g: Gates[R, B], x: R, fraction: int) -> R:
    """The error function, for all x.

    Error: 5e-5 absolute. Cost: 3 rounds, 18 bytes of a ready operand; offline 12 terms of a series.
    """
    return await _odd(g, x, "erf", (3, 3.0, 12), 1.0, fraction)


async def _odd(
    g: Gates[R, B], x: R, name: str, shape: tuple[int, float, int], end: float, fraction: int
) -> R:
    """An odd function that is `end` beyond `limit`: a series of `terms` sines of period 2**bits inside."""
    bits, limit, terms = shape
    x = await g.hold(x)
    sines = sine_series(name, float(1 << bits), limit, terms)
    low, not_high, inside = await together(
        below(g, x, fixed(-limit, fraction)),
        below(g, x, fixed(limit, fraction)),
        _series(g, x, fraction + bits, sines, fraction),
    )
    # low and high exclude each other, so "neither" is an exclusive or.
    middle = g.to_ring(g.xor(low, not_high))
    high = g.to_ring(g.flip(not_high, np.array(True)))
    outside = g.scale(g.subtract(high, g.to_ring(low)), fixed(end, fraction))
    return g.add(await g.multiply(middle, inside), outside)


async def _series(g: Gates[R, B], x: R, period: int, sines: tuple[float, ...], fraction: int) -> R:
    return await g.truncate(await g.series(x, period, sines, (), SERIES_FRACTION), SERIES_FRACTION - fraction)
