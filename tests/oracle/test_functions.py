"""The functions against numpy and scipy in float64 over their stated range, in the protocol and in the clear.

The bound of each is the one that its docstring states: relative, or a few units in the last place (2**-18).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from junto.mpc.functions import (
    exponential,
    inverse_erf,
    logarithm,
    logistic,
    power,
    reciprocal,
    roots,
    trigonometry,
)
from junto.mpc.plain import PlainGates, PlainRing
from junto.mpc.rounds import Rounds
from mpc_nodes import run

FRACTION = 18
UNIT = 2.0**-FRACTION
RNG = np.random.default_rng(17)
COUNT = 4000


def sizes(low: float, high: float) -> np.ndarray:
    """Numbers of all sizes between two powers of two."""
    return 2.0 ** RNG.uniform(low, high, COUNT)


def signed(x: np.ndarray) -> np.ndarray:
    return x * RNG.choice([-1.0, 1.0], len(x))


def between(low: float, high: float) -> np.ndarray:
    return RNG.uniform(low, high, COUNT)


async def seventh_power(g, x, fraction):
    return await power.integer_pow(g, x, 7, fraction)


# Function, oracle, inputs, relative error, absolute error in units of 2**-18, rounds and bytes (None: any).
FUNCTIONS = {
    "reciprocal of positive": (
        reciprocal.reciprocal_of_positive, lambda x: 1 / x, [sizes(-12, 20)], 1e-4, 3, (10, 157)
    ),
    "reciprocal": (reciprocal.reciprocal, np.reciprocal, [signed(sizes(-12, 20))], 1e-4, 3, (14, 170)),
    "divide": (reciprocal.divide, np.divide, [between(-99, 99), signed(sizes(-3, 8))], 1e-4, 400, (16, 186)),
    "sqrt": (roots.sqrt, np.sqrt, [sizes(-18, 25.9)], 1e-4, 3, (10, 157)),
    "rsqrt": (roots.rsqrt, lambda x: x**-0.5, [sizes(-14, 25.9)], 1e-4, 3, (10, 157)),
    "cbrt": (roots.cbrt, np.cbrt, [signed(sizes(-14, 24))], 1e-4, 6, (14, 170)),
    "log": (logarithm.log, np.log, [sizes(-17, 25.9)], 1e-5, 10, (9, 141)),
    "log1p": (logarithm.log1p, np.log1p, [between(-0.9, 30)], 1e-5, 10, None),
    "exp": (exponential.exp, np.exp, [between(-12, 8)], 1e-4, 5, (5, 61)),
    "exp in its whole range": (exponential.exp, np.exp, [between(-2000, 10.9)], 1e-4, 5, None),
    "exp2": (exponential.exp2, np.exp2, [between(-20, 15)], 1e-4, 8, None),
    "expm1": (exponential.expm1, np.expm1, [between(-5, 5)], 1e-4, 10, None),
    "logistic": (logistic.logistic, special.expit, [between(-40, 40)], 0, 16, (3, 18)),
    "tanh": (logistic.tanh, np.tanh, [between(-40, 40)], 0, 25, (3, 18)),
    "erf": (logistic.erf, special.erf, [between(-40, 40)], 0, 18, (3, 18)),
    "sin": (trigonometry.sin, np.sin, [between(-200, 200)], 0, 6, (1, 8)),
    "cos": (trigonometry.cos, np.cos, [between(-200, 200)], 0, 6, (1, 8)),
    "tan": (trigonometry.tan, np.tan, [between(-1.4, 1.4)], 1e-3, 8, None),
    "atan": (trigonometry.atan, np.arctan, [signed(sizes(-8, 10))], 0, 10, None),
    "atan2": (trigonometry.atan2, np.arctan2, [between(-20, 20), between(-20, 20)], 0, 40, None),
    "asin": (trigonometry.asin, np.arcsin, [between(-0.99, 0.99)], 0, 20, None),
    "acos": (trigonometry.acos, np.arccos, [between(-0.99, 0.99)], 0, 20, None),
    "erf_inv": (inverse_erf.erf_inv, special.erfinv, [between(-0.99, 0.99)], 2e-4, 12, None),
    "pow": (power.pow, np.power, [sizes(-3, 4), between(-2, 2)], 2e-4, 40, None),
    "integer power": (seventh_power, lambda x: x**7, [between(-2, 2)], 0, 200, (4, 32)),
}  # fmt: skip


def encoded(x: np.ndarray) -> np.ndarray:
    return np.rint(x * 2**FRACTION).astype(np.int64).view(np.uint64)


def check(values: np.ndarray, oracle, inputs: list[np.ndarray], relative: float, units: float) -> None:
    want = oracle(*inputs)
    error = np.abs(values.view(np.int64) * UNIT - want)
    allowed = np.maximum(np.abs(want) * relative, units * UNIT)
    worst = np.argmax(error / allowed)
    assert error[worst] <= allowed[worst], (
        f"at {[x[worst] for x in inputs]}: off by {error[worst]:.3g}, allowed {allowed[worst]:.3g}"
    )


@pytest.mark.parametrize("carry", ["never", "at random"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_in_the_clear(name, carry):
    function, oracle, inputs, relative, units, _ = FUNCTIONS[name]
    inputs = [np.rint(x / UNIT) * UNIT for x in inputs]
    reports: list[str] = []
    draw = None
    if carry == "at random":
        rng = np.random.default_rng(1)
        draw = lambda shape: rng.integers(0, 2, shape).astype(np.uint64)  # noqa: E731
    gates = PlainGates(reports.append, draw)
    computation = function(gates, *[PlainRing(encoded(x)) for x in inputs], FRACTION)
    result = Rounds(lambda asked: asked).run(computation)
    check(result.words, oracle, inputs, relative, units)
    assert reports == [], "a number left its range on the way"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_and_cost_in_the_protocol(name):
    function, oracle, inputs, relative, units, cost = FUNCTIONS[name]
    count = 256
    inputs = [np.rint(x[:count] / UNIT) * UNIT for x in inputs]

    async def gate(g, *operands):
        return await function(g, *operands, FRACTION)

    out = run(gate, *[encoded(x) for x in inputs])
    check(out.value, oracle, inputs, relative, units)
    if cost is not None:
        rounds, nbytes = cost
        assert (out.rounds, -(-out.opened // count)) == (rounds, nbytes)


def test_what_levels_off_is_constant_far_out():
    async def gate(g, x):
        return [
            await logistic.logistic(g, x, FRACTION),
            await logistic.tanh(g, x, FRACTION),
            await exponential.exp(g, g.negate(x), FRACTION),
        ]

    x = np.array([50.0, 1000.0, 30_000.0, 2.0**24])
    one, two, zero = (value.view(np.int64) * UNIT for value in run(gate, encoded(x)).values)
    assert np.abs(one - 1).max() <= UNIT
    assert np.abs(two - 1).max() <= 2 * UNIT
    assert np.abs(zero).max() <= UNIT
