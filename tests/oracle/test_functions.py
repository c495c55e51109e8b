"""The functions against numpy and scipy in float64 over their stated range, in the protocol and in the clear.

The bound of each is the one that its docstring states: relative, or absolute, or units in the last place.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from junto.mpc.functions import (
    constant_tables,
    divisor,
    exponential,
    gamma,
    hyperbolic,
    inverse_erf,
    logarithm,
    power,
    reciprocal,
    roots,
    sigmoids,
    trigonometry,
)
from junto.mpc.plain_gates import PlainGates, PlainRing
from junto.mpc.rounds import Rounds, together
from mpc_nodes import run

FRACTION = 18
UNIT = 2.0**-FRACTION
RNG = np.random.default_rng(17)
COUNT = 20_000


def sizes(low: float, high: float) -> np.ndarray:
    """Numbers of all sizes between two powers of two, the ends and the powers themselves among them."""
    powers = 2.0 ** np.arange(np.ceil(low), np.floor(high) + 1)
    return np.concatenate([[2.0**low, 2.0**high], powers, 2.0 ** RNG.uniform(low, high, COUNT)])


def signed(x: np.ndarray) -> np.ndarray:
    return x * RNG.choice([-1.0, 1.0], len(x))


def between(low: float, high: float) -> np.ndarray:
    return np.concatenate([[low, high, (low + high) / 2], RNG.uniform(low, high, COUNT)])


def shuffled(x: np.ndarray) -> np.ndarray:
    return RNG.permutation(x)


async def seventh_power(g, x, fraction):
    return await power.integer_pow(g, x, 7, fraction)


async def inverse_cube(g, x, fraction):
    return await power.integer_pow(g, x, -3, fraction)


async def by_divisor(g, x, y, fraction):
    by, x = await together(divisor.divisor(g, y, fraction), g.hold(x))
    return await divisor.divided(g, x, by)


async def by_root(g, x, y, fraction):
    by, x = await together(divisor.root_divisor(g, y, fraction), g.hold(x))
    return await divisor.divided(g, x, by)


HIGH = np.log2(15 / 16) + 26
# The quotients of two numbers of any size, as far as they are in range.
TOP, BOTTOM = signed(sizes(-8, 25)), signed(shuffled(sizes(-8, 25)))
FITS = np.abs(TOP / BOTTOM) < 2.0**23.9
NEAR = np.abs(TOP / BOTTOM) < 2.0**19.9
UNDER = sizes(-18, 29.9)
OVER = shuffled(signed(sizes(-18, 25)))[: len(UNDER)]
SMALL = np.abs(OVER) / np.sqrt(UNDER[: len(OVER)]) < 2.0**19.9
BASE = sizes(-10, 10)
EXPONENT = between(-4, 4)[: len(BASE)]
BASE = BASE[: len(EXPONENT)]
MODEST = np.abs(EXPONENT * np.log2(BASE)) < 23.9

# Function, oracle, inputs; relative error or absolute error, whichever is more, and units in the last place.
FUNCTIONS = {
    "reciprocal of positive": (
        reciprocal.reciprocal_of_positive, lambda x: 1 / x, [sizes(-18, HIGH)], 3e-5, 0, 2
    ),
    "reciprocal": (reciprocal.reciprocal, np.reciprocal, [signed(sizes(-18, HIGH))], 3e-5, 0, 2),
    "divide": (reciprocal.divide, np.divide, [TOP[FITS], BOTTOM[FITS]], 4e-5, 0, 8),
    "divided": (by_divisor, np.divide, [TOP[NEAR], BOTTOM[NEAR]], 6e-6, 0, 5),
    "divided by a root": (
        by_root, lambda x, y: x / np.sqrt(y), [OVER[SMALL], UNDER[: len(OVER)][SMALL]], 8e-6, 0, 5
    ),
    "sqrt": (roots.sqrt, np.sqrt, [sizes(-18, HIGH)], 2e-6, 0, 2),
    "rsqrt": (roots.rsqrt, lambda x: x**-0.5, [sizes(-18, HIGH)], 7e-6, 0, 2),
    "cbrt": (roots.cbrt, np.cbrt, [signed(sizes(-18, HIGH))], 2e-6, 0, 2),
    "log": (logarithm.log, np.log, [sizes(-18, HIGH)], 0, 5e-6, 2),
    "log2": (logarithm.log2, np.log2, [sizes(-18, HIGH)], 0, 7e-6, 2),
    "log1p": (logarithm.log1p, np.log1p, [between(-0.999, 30)], 0, 5e-6, 2),
    "exp": (exponential.exp, np.exp, [between(-12, 8)], 3e-5, 0, 2),
    "exp in its whole range": (exponential.exp, np.exp, [between(-2000, 16.6)], 3e-5, 0, 2),
    "exp2": (exponential.exp2, np.exp2, [between(-40, 23.9)], 4e-5, 0, 2),
    "expm1": (exponential.expm1, lambda x: np.exp(x) - 1, [between(-5, 0.5)], 0, 5e-5, 2),
    "logistic": (sigmoids.logistic, special.expit, [between(-40, 40)], 0, 3e-5, 0),
    "tanh": (sigmoids.tanh, np.tanh, [between(-40, 40)], 0, 6e-5, 0),
    "erf": (sigmoids.erf, special.erf, [between(-40, 40)], 0, 3e-5, 0),
    "sin": (trigonometry.sin, np.sin, [signed(sizes(-8, 26))], 0, 2e-5, 0),
    "cos": (trigonometry.cos, np.cos, [signed(sizes(-8, 26))], 0, 2e-5, 0),
    "tan": (trigonometry.tan, np.tan, [between(-1, 1)], 0, 1e-4, 0),
    "atan": (trigonometry.atan, np.arctan, [signed(sizes(-8, 10))], 0, 6e-5, 0),
    "atan2": (trigonometry.atan2, np.arctan2, [between(-20, 20), shuffled(between(-20, 20))], 0, 6e-5, 0),
    "asin": (trigonometry.asin, np.arcsin, [between(-1, 1)], 0, 3e-5, 0),
    "acos": (trigonometry.acos, np.arccos, [between(-1, 1)], 0, 4e-5, 0),
    "asinh": (hyperbolic.asinh, np.arcsinh, [signed(sizes(-18, HIGH - 1))], 0, 2e-5, 0),
    "acosh": (hyperbolic.acosh, np.arccosh, [1 + sizes(-16, HIGH - 1.1)], 0, 2e-5, 0),
    "atanh": (hyperbolic.atanh, np.arctanh, [between(-0.999, 0.999)], 0, 1e-5, 2),
    "lgamma": (gamma.lgamma, special.gammaln, [sizes(-14, 21)], 2e-5, 1e-4, 0),
    "digamma": (gamma.digamma, special.digamma, [sizes(-18, HIGH)], 6e-5, 1e-4, 0),
    "erf_inv": (
        inverse_erf.erf_inv, special.erfinv, [between(-1 + 2.0**-14, 1 - 2.0**-14)], 0, 1e-4, 0
    ),
    "pow": (power.pow, np.power, [BASE[MODEST], EXPONENT[MODEST]], 8e-5, 0, 2),
    "integer power": (seventh_power, lambda x: x**7, [between(-1, 1)], 0, 6e-5, 0),
    "power of a negative integer": (
        inverse_cube, lambda x: x**-3.0, [signed(sizes(-7.9, 10))], 9e-5, 0, 8
    ),
}  # fmt: skip


def encoded(x: np.ndarray) -> np.ndarray:
    return np.rint(np.asarray(x) * 2**FRACTION).astype(np.int64).view(np.uint64)


def decoded(words: np.ndarray) -> np.ndarray:
    return words.view(np.int64) * UNIT


def gridded(inputs: list[np.ndarray]) -> list[np.ndarray]:
    least = min(len(x) for x in inputs)
    return [np.rint(x[:least] / UNIT) * UNIT for x in inputs]


def check(values: np.ndarray, name: str, inputs: list[np.ndarray]) -> None:
    _, oracle, _, relative, absolute, units = FUNCTIONS[name]
    want = oracle(*inputs)
    error = np.abs(decoded(values) - want)
    allowed = np.maximum(np.abs(want) * relative, absolute) + units * UNIT
    worst = np.argmax(error / allowed)
    assert error[worst] <= allowed[worst], (
        f"at {[x[worst] for x in inputs]}: off by {error[worst]:.3g}, allowed {allowed[worst]:.3g}"
    )


def in_the_clear(function, inputs, carry=None, reports=None):
    gates = PlainGates(None if reports is None else reports.append, carry)
    computation = function(gates, *[PlainRing(encoded(x)) for x in inputs], FRACTION)
    return Rounds(lambda asked: asked).run(computation).words


def random_carry():
    rng = np.random.default_rng(1)
    return lambda shape: rng.integers(0, 2, shape).astype(np.uint64)


@pytest.mark.parametrize("carry", [None, random_carry()], ids=["no carry", "random carry"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_in_the_clear(name, carry):
    inputs = gridded(FUNCTIONS[name][2])
    reports: list[str] = []
    check(in_the_clear(FUNCTIONS[name][0], inputs, carry, reports), name, inputs)
    assert reports == [], "a number left its range on the way"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_in_the_protocol(name):
    function = FUNCTIONS[name][0]
    inputs = [x[:300] for x in gridded(FUNCTIONS[name][2])]

    async def gate(g, *operands):
        return await function(g, *operands, FRACTION)

    check(run(gate, *[encoded(x) for x in inputs]).value, name, inputs)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3)])
@pytest.mark.parametrize(
    "name",
    ["reciprocal", "divide", "sqrt", "log", "exp", "logistic", "sin", "atan2", "asin", "erf_inv", "pow"],
)
def test_any_shape_in_the_protocol(name, shape):
    function, oracle, inputs, *_ = FUNCTIONS[name]
    operands = [np.full(shape, 0.5) for _ in inputs]

    async def gate(g, *secrets):
        return await function(g, *secrets, FRACTION)

    result = decoded(run(gate, *[encoded(x) for x in operands]).value)
    assert result.shape == shape
    assert np.abs(result - oracle(*operands)).max(initial=0) < 1e-3


def test_what_levels_off_is_constant_far_out():
    async def gate(g, x):
        return [
            await sigmoids.logistic(g, x, FRACTION),
            await sigmoids.tanh(g, x, FRACTION),
            await exponential.exp(g, g.negate(x), FRACTION),
        ]

    x = np.array([50.0, 1000.0, 30_000.0, 2.0**24])
    one, two, zero = (decoded(value) for value in run(gate, encoded(x)).values)
    assert (one == 1).all()
    assert (two == 1).all()
    assert (zero == 0).all()


@pytest.mark.parametrize("carry", [None, random_carry()], ids=["no carry", "random carry"])
def test_what_comes_of_zero(carry):
    zero = [np.zeros(50)]
    two = [np.full(50, 3.0), np.zeros(50)]
    for function, inputs in [
        (reciprocal.reciprocal, zero),
        (reciprocal.divide, two),
        (roots.sqrt, zero),
        (roots.rsqrt, zero),
        (roots.cbrt, zero),
        (trigonometry.atan2, zero * 2),
        (trigonometry.asin, zero),
        (inverse_erf.erf_inv, zero),
        (logarithm.log1p, zero),
    ]:
        assert np.abs(decoded(in_the_clear(function, inputs, carry))).max() <= 4 * UNIT, function
    least = decoded(in_the_clear(logarithm.log, zero, carry))
    assert np.abs(least - np.log(UNIT / 2)).max() < 1e-4


def test_a_division_by_zero_is_reported_in_the_clear():
    reports: list[str] = []
    in_the_clear(reciprocal.reciprocal, [np.array([1.0, 0.0])], None, reports)
    assert len(reports) == 1


@pytest.mark.parametrize(
    "function", [reciprocal.reciprocal, logarithm.log, roots.sqrt, exponential.exp, power.pow]
)
def test_outside_of_the_range_there_is_some_number(function):
    x = np.array([-1.0, -(2.0**25), 2.0**27, 2.0**43, -(2.0**43)])
    inputs = [x, x] if function is power.pow else [x]

    async def gate(g, *secrets):
        return await function(g, *secrets, FRACTION)

    assert run(gate, *[encoded(each) for each in inputs]).value.shape == x.shape


@pytest.mark.parametrize("fraction", [12, 16, 20, 22])
def test_other_fractions(fraction):
    unit = 2.0**-fraction
    x = np.rint(2.0 ** RNG.uniform(-fraction / 2, 52 - 2 * fraction, 4000) / unit) * unit
    words = np.rint(x / unit).astype(np.int64).view(np.uint64)
    cases = [
        (reciprocal.reciprocal, lambda v: 1 / v, 1e-4),
        (roots.sqrt, np.sqrt, 1e-5),
        (roots.rsqrt, lambda v: v**-0.5, 1e-5),
        (roots.cbrt, np.cbrt, 1e-5),
        (logarithm.log, np.log, 1e-5),
        (sigmoids.logistic, special.expit, 1e-4),
    ]
    for function, oracle, relative in cases:
        gates = PlainGates(None, random_carry())
        found = Rounds(lambda asked: asked).run(function(gates, PlainRing(words), fraction)).words
        error = np.abs(found.view(np.int64) * unit - oracle(x))
        assert (error <= relative * np.abs(oracle(x)) + 1e-5 + 3 * unit).all(), (function, error.max())
    y = np.minimum(x, min((60 - 2 * fraction) * np.log(2), 17) - unit)
    words = np.rint(y / unit).astype(np.int64).view(np.uint64)
    found = Rounds(lambda asked: asked).run(exponential.exp(PlainGates(), PlainRing(words), fraction)).words
    error = np.abs(found.view(np.int64) * unit - np.exp(y))
    assert (error <= 1e-4 * np.exp(y) + 3 * unit).all()


# ---------------------------------------------------------------- the numbers in `tables`

U = np.linspace(-0.2, 0.2, 2001)
W = np.linspace(1e-6, 5, 2001)


def erf_inv_of(w: np.ndarray) -> np.ndarray:
    """erf_inv(x) for -log(1 - x**2) = w, by 1 - x, which near 1 says more."""
    return special.erfcinv(np.exp(-w) / (1 + np.sqrt(-np.expm1(-w))))


POLYNOMIALS = {
    "reciprocal": (U, 1 / (1 + U), 2.2e-5),
    "log": (U, np.log1p(U), 4.4e-6),
    "rsqrt": (U, (1 + U) ** -0.5, 6e-6),
    "sqrt": (U, (1 + U) ** 0.5, 7e-7),
    "cbrt": (U, np.cbrt(1 + U), 7e-7),
    "exp": (U * 2.5, np.exp(U * 2.5), 1.7e-5),
    "half angle": (U / 0.6, (3 + U * 5) ** -0.5, 7.5e-5),
    "inverse": (U / 0.6, 2 / (3 + U * 5), 3e-4),
    "erf_inv near": ((W - 2.5) / 4, erf_inv_of(W) / np.sqrt(-np.expm1(-W)), 2.2e-5),
    "erf_inv far": (np.sqrt(W * 1.5 + 5) - 2.875, erf_inv_of(W * 1.5 + 5), 1e-6),
}


WIDE_BOUNDS = {"exp": 2.2e-11, "log": 2.5e-10}


@pytest.mark.parametrize(
    ("name", "bits"),
    [*((name, 64) for name in constant_tables.POLYNOMIALS), *((name, 128) for name in WIDE_BOUNDS)],
)
def test_polynomials(name, bits):
    x, want, bound = POLYNOMIALS[name]
    bound = bound if bits == 64 else WIDE_BOUNDS[name]
    found = np.polynomial.Polynomial(constant_tables.coefficients(name, bits))(x)
    scale = 1 if name in ("log", "erf_inv far") else np.abs(want)
    assert np.abs((found - want) / scale).max() <= bound


SERIES = {
    "half logistic": (11.0, 32, lambda x: np.tanh(x / 2) / 2, 2.1e-5),
    "erf": (3.0, 8, special.erf, 1.6e-5),
    "atan": (1.0, 4, np.arctan, 5.5e-6),
    "asin": (0.5, 4, np.arcsin, 2.4e-6),
}


@pytest.mark.parametrize("name", constant_tables.SERIES)
def test_series(name):
    limit, period, function, bound = SERIES[name]
    x = np.linspace(-limit, limit, 2001)
    found = sum(
        s * np.sin(2 * np.pi * k * x / period) for k, s in enumerate(constant_tables.amplitudes(name))
    )
    assert np.abs(found - function(x)).max() <= bound
