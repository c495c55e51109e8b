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
    normalise,
    power,
    reciprocal,
    roots,
    sigmoids,
    trigonometry,
)
from junto.mpc.ring128 import elements
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
    (exponential.exp, 1, 3, 36.875, 479.875, 4, 44.875),
    (exponential.exp2, 1, 5, 52.875, 495.875, 5, 52.875),
    (exponential.expm1, 1, 3, 36.875, 479.875, 4, 44.875),
    (reciprocal.reciprocal_of_positive, 1, 9, 92.25, 1114.625, 10, 100.25),
    (reciprocal.reciprocal, 1, 9, 213.375, 1976.875, 10, 221.375),
    (reciprocal.divide_by_positive, 2, 9, 124.25, 1330.625, 10, 140.25),
    (reciprocal.divide, 2, 9, 245.375, 2256.875, 10, 261.375),
    (divided, 2, 10, 206.875, 1912.75, 11, 222.875),
    (divided_by_root, 2, 10, 133.375, 1291.75, 11, 149.375),
    (sigmoids.logistic, 1, 3, 17.75, 375.75, 4, 25.75),
    (sigmoids.tanh, 1, 3, 17.75, 375.75, 4, 25.75),
    (sigmoids.erf, 1, 3, 17.75, 343.75, 4, 25.75),
    (logarithm.log, 1, 8, 76.25, 970.625, 9, 84.25),
    (logarithm.log1p, 1, 8, 76.25, 970.625, 9, 84.25),
    (roots.sqrt, 1, 9, 113.5, 1237.5, 10, 121.5),
    (roots.rsqrt, 1, 9, 100.25, 1114.625, 10, 108.25),
    (roots.cbrt, 1, 9, 140.125, 1548.625, 10, 148.125),
    (trigonometry.sin, 1, 1, 8, 32, 2, 16),
    (trigonometry.cos, 1, 1, 8, 32, 2, 16),
    (trigonometry.tan, 1, 11, 277.375, 2320.875, 12, 285.375),
    (trigonometry.atan2, 2, 22, 202.875, 1690.25, 23, 218.875),
    (trigonometry.asin, 1, 16, 142, 1394.375, 17, 150),
    (hyperbolic.asinh, 1, 30, 242.25, 2261, 31, 250.25),
    (hyperbolic.acosh, 1, 25, 221.375, 2181.125, 26, 229.375),
    (hyperbolic.atanh, 1, 9, 160.5, 1957.25, 10, 168.5),
    (gamma.lgamma, 1, 20, 337.625, 3335.75, 21, 345.625),
    (gamma.digamma, 1, 21, 469.875, 4754.375, 22, 477.875),
    (inverse_erf.erf_inv, 1, 25, 250.25, 2453, 26, 258.25),
    (power.pow, 2, 14, 137.125, 1474.5, 15, 153.125),
    (seventh_power, 1, 4, 32, 144, 5, 40),
    (integer_quotient, 2, 18, 153.375, 1674.25, 19, 169.375),
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


# In the ring of 128 bits: exponentials take no round more than there was, logarithms one.
OF_128_BITS = [(exponential.exp, 4, 106.25, 1604.375), (logarithm.log, 10, 290.25, 2958.375)]


@pytest.mark.parametrize("cost", OF_128_BITS, ids=[cost[0].__name__ for cost in OF_128_BITS])
def test_rounds_and_bytes_of_128_bits(cost):
    function, rounds, online, offline = cost
    x = elements(np.rint(np.linspace(0.1, 0.9, N) * 2**32).astype(np.uint64), 128)
    out = run(lambda g, x: function(g, x, 32), x, width=128)
    assert (out.rounds, out.opened / N, out.offline / N) == (rounds, online, offline)


# Of more than `normalise.FEW` numbers: more rounds, fewer bytes; and of more than `normalise.MORE`.
OF_MANY = [
    (reciprocal.reciprocal_of_positive, 1, (10, 93.5, 690.625), (11, 101.5, 546.625)),
    (reciprocal.reciprocal, 1, (14, 111.375, 850.5), (15, 119.375, 706.5)),
    (reciprocal.divide_by_positive, 2, (10, 125.5, 906.625), (11, 157.5, 626.625)),
    (reciprocal.divide, 2, (14, 178.375, 1294.5), (15, 210.375, 886.5)),
    (divided, 2, (15, 171.5, 1059.625), (16, 179.5, 979.625)),
    (divided_by_root, 2, (11, 134.625, 867.75), (12, 142.625, 787.75)),
    (logarithm.log, 1, (9, 77.5, 546.625), (10, 85.5, 474.625)),
    (roots.sqrt, 1, (10, 114.75, 813.5), (11, 130.75, 637.5)),
    (roots.rsqrt, 1, (10, 101.5, 690.625), (11, 117.5, 546.625)),
    (roots.cbrt, 1, (14, 114.375, 778.5), (15, 130.375, 634.5)),
]


@pytest.mark.parametrize("most", [normalise.FEW, normalise.MORE], ids=["few", "more"])
@pytest.mark.parametrize("cost", OF_MANY, ids=[cost[0].__name__ for cost in OF_MANY])
def test_rounds_and_bytes_of_many(cost, most):
    function, count, *known = cost
    times = most // N + 1

    async def gate(g, *operands):
        return await function(g, *operands[:count], FRACTION)

    out = run(gate, *[np.tile(each, times) for each in (X, Y)[:count]])
    found = out.rounds, out.opened / (times * N), out.offline / (times * N)
    assert found == known[most == normalise.MORE]


# Goals: bytes, of many, and rounds, of ready operands.
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

    times = normalise.FEW // N + 1
    out = run(gate, np.tile(X, times))
    assert out.rounds <= rounds
    assert out.opened / (times * N) <= nbytes
