"""What the functions cost in the protocol, exactly: the goals, and what the docstrings state.

Sent by one compute party, for 64 elements; of ready operands, and of additive ones.
"""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.functions import (
    divisor,
    exponential,
    gamma,
    hyperbolic,
    integer_division,
    inverse_erf,
    logarithm,
    power,
    reciprocal,
    roots,
    sigmoids,
    trigonometry,
)
from mpc_nodes import run

N = 64
FRACTION = 18
X, Y = (np.rint(np.linspace(a, b, N) * 2**FRACTION).astype(np.uint64) for a, b in ((0.1, 0.9), (0.5, 3)))


async def seventh_power(g, x, fraction):
    return await power.integer_pow(g, x, 7, fraction)


async def integer_quotient(g, x, y, fraction):
    return list(await integer_division.divide_magnitudes(g, x, y, 31))


async def divided(g, x, y, fraction):
    return await divisor.divided(g, x, await divisor.divisor(g, y, fraction))


async def divided_by_root(g, x, y, fraction):
    return await divisor.divided(g, x, await divisor.root_divisor(g, y, fraction))


async def long_division(g, x, y, fraction):
    return list(await integer_division.divide_long(g, x, y, 64))


# Function, operands; rounds, bytes an element online and offline; the same online of additive operands.
COSTS = [
    (exponential.exp, 1, 4, 44.875, 695.875, 5, 52.875),
    (exponential.exp2, 1, 6, 60.875, 711.875, 6, 60.875),
    (exponential.expm1, 1, 4, 44.875, 695.875, 5, 52.875),
    (reciprocal.reciprocal_of_positive, 1, 9, 104.75, 1510.75, 10, 112.75),
    (reciprocal.reciprocal, 1, 13, 117.625, 1598.625, 14, 125.625),
    (reciprocal.divide_by_positive, 2, 9, 128.75, 1550.75, 10, 144.75),
    (reciprocal.divide, 2, 13, 141.625, 1638.625, 14, 157.625),
    (divided, 2, 14, 178.5, 1878.5, 15, 194.5),
    (divided_by_root, 2, 10, 141.625, 1686.625, 11, 157.625),
    (sigmoids.logistic, 1, 3, 17.75, 375.75, 4, 25.75),
    (sigmoids.tanh, 1, 3, 17.75, 375.75, 4, 25.75),
    (sigmoids.erf, 1, 3, 17.75, 343.75, 4, 25.75),
    (logarithm.log, 1, 8, 88.75, 1366.75, 9, 96.75),
    (logarithm.log1p, 1, 8, 88.75, 1366.75, 9, 96.75),
    (roots.sqrt, 1, 9, 122.5, 1670.5, 10, 130.5),
    (roots.rsqrt, 1, 9, 112.75, 1510.75, 10, 120.75),
    (roots.cbrt, 1, 13, 125.625, 1598.625, 14, 133.625),
    (trigonometry.sin, 1, 1, 8, 32, 2, 16),
    (trigonometry.cos, 1, 1, 8, 32, 2, 16),
    (trigonometry.tan, 1, 15, 165.625, 1782.625, 16, 173.625),
    (trigonometry.atan2, 2, 22, 207.375, 1910.375, 23, 223.375),
    (trigonometry.asin, 1, 16, 154.5, 1790.5, 17, 162.5),
    (hyperbolic.asinh, 1, 30, 267.25, 3053.25, 31, 275.25),
    (hyperbolic.acosh, 1, 25, 246.375, 2973.375, 26, 254.375),
    (hyperbolic.atanh, 1, 9, 185.5, 2749.5, 10, 193.5),
    (gamma.lgamma, 1, 20, 375.125, 4524.125, 21, 383.125),
    (gamma.digamma, 1, 21, 503.875, 6322.875, 22, 511.875),
    (inverse_erf.erf_inv, 1, 25, 275.25, 3245.25, 26, 283.25),
    (power.pow, 2, 15, 157.625, 2086.625, 16, 173.625),
    (seventh_power, 1, 4, 32, 144, 5, 40),
    (integer_quotient, 2, 18, 167.375, 2006.375, 19, 183.375),
    (long_division, 2, 266, 884.625, 4856.0, 267, 900.625),
]


@pytest.mark.parametrize("cost", COSTS, ids=[cost[0].__name__ for cost in COSTS])
def test_rounds_and_bytes(cost):
    function, count, rounds, online, offline, additive_rounds, additive_online = cost

    async def gate(g, *operands):
        return await function(g, *operands[:count], FRACTION)

    inputs = (X, Y)[:count]
    out = run(gate, *inputs)
    assert (out.rounds, out.opened / N, out.offline / N) == (rounds, online, offline)
    other = run(gate, *inputs, ready=False)
    assert (other.rounds, other.opened / N) == (additive_rounds, additive_online)


# Goals: bytes and rounds, of ready operands.
GOALS = [
    (exponential.exp, 80, 8),
    (reciprocal.reciprocal, 120, 14),
    (sigmoids.logistic, 100, 8),
    (logarithm.log, 150, 14),
    (roots.rsqrt, 150, 14),
    (sigmoids.tanh, 100, 8),
]


@pytest.mark.parametrize(("function", "nbytes", "rounds"), GOALS, ids=[each[0].__name__ for each in GOALS])
def test_goals(function, nbytes, rounds):
    async def gate(g, x):
        return await function(g, x, FRACTION)

    out = run(gate, X)
    assert out.rounds <= rounds
    assert out.opened / N <= nbytes
