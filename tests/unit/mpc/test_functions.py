"""Each function on plain gates keeps the error that its docstring promises, in both rings, carry or not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from junto.mpc.functions import (
    count_divisor,
    divisor,
    exponential,
    fixedpoint,
    gamma,
    hyperbolic,
    integer_division,
    inverse_erf,
    logarithm,
    normalise,
    polynomial,
    power,
    reciprocal,
    series,
    sigmoids,
    trigonometry,
    unit,
)
from junto.mpc.functions.constant_tables import fixed
from junto.mpc.plain_gates import PlainBits, PlainGates, PlainRing
from junto.mpc.ring128 import elements, integers_of_wide, wide_of_integers
from junto.mpc.rounds import Rounds

RNG = np.random.default_rng(24)
FRACTION = 18
LAST = 2.0**-FRACTION
CARRIES = {"none": None, "each": lambda shape: np.ones(shape, np.uint64)}


def no_rounds(asked):
    raise AssertionError("plain gates open nothing")


def words(numbers, fraction=FRACTION):
    """Of numbers, rounded to the ring's last place."""
    return np.rint(np.ldexp(np.asarray(numbers, np.float64), fraction)).astype(np.int64).view(np.uint64)


def numbers(found, fraction=FRACTION):
    """What a result stands for."""
    if isinstance(found, PlainBits):
        return found.flags
    if found.words.dtype == np.uint64:
        return np.ldexp(found.words.view(np.int64).astype(np.float64), -fraction)
    return np.reshape(integers_of_wide(found.words), found.shape).astype(np.float64) / 2.0**fraction


def run(function, *inputs, bits=64, carry="none"):
    """The result of a function of gates; it says nothing where its argument is in its range."""
    said = []
    gates = PlainGates(said.append, CARRIES[carry], bits)
    secrets = [PlainRing(elements(each, bits)) for each in inputs]
    found = Rounds(no_rounds).run(function(gates, *secrets))
    assert said == []
    return found


def spread(least, most, count=60):
    """Numbers from small to large ones, and both ends, as fixed-point numbers are."""
    low = max(least, 16 * LAST) if least >= 0 else least
    each = np.geomspace(low, most, count) if least >= 0 else RNG.uniform(least, most, count)
    return np.rint(np.append(each, [least, most]) / LAST) * LAST


def plainly(name):
    return lambda g, x: name(g, x, FRACTION)


ALL = spread(-9, 9)
# Name: function, what is exact, arguments, relative error, absolute error; as the docstrings have them.
FUNCTIONS = {
    "exp": (exponential.exp, np.exp, spread(-14, 16.5), 3e-5, 2 * LAST),
    "exp2": (exponential.exp2, np.exp2, spread(-20, 23.9), 4e-5, 2 * LAST),
    "expm1": (exponential.expm1, np.expm1, spread(-14, 16.5), 3e-5, 3e-5 + 2 * LAST),
    "lgamma": (gamma.lgamma, special.gammaln, spread(2.0**-14, 2e6), 2e-5, 1e-4),
    "digamma": (gamma.digamma, special.digamma, spread(2.0**-10, 6e7), 6e-5, 1e-4),
    "asinh": (hyperbolic.asinh, np.arcsinh, np.concatenate([spread(0, 1e5), -spread(0, 2e3)]), 0, 2e-5),
    "acosh": (hyperbolic.acosh, np.arccosh, 1 + spread(0, 1e5), 0, 1.4e-4),
    "atanh": (hyperbolic.atanh, np.arctanh, spread(-0.99, 0.99), 0, 1e-5 + 8 * LAST),
    "erf_inv": (inverse_erf.erf_inv, special.erfinv, spread(-0.99993, 0.99993), 0, 1e-4),
    "logistic": (sigmoids.logistic, special.expit, spread(-40, 40), 0, 3e-5),
    "tanh": (sigmoids.tanh, np.tanh, spread(-40, 40), 0, 6e-5),
    "erf": (sigmoids.erf, special.erf, ALL, 0, 3e-5),
    "sin": (trigonometry.sin, np.sin, spread(-1e4, 1e4), 0, 1e-5 + LAST),
    "cos": (trigonometry.cos, np.cos, spread(-1e4, 1e4), 0, 1e-5 + LAST),
    "tan": (trigonometry.tan, np.tan, spread(-1.3, 1.3), 5e-5, 5e-5),
    "atan": (trigonometry.atan, np.arctan, ALL, 0, 5e-5),
    "asin": (trigonometry.asin, np.arcsin, spread(-0.99, 0.99), 0, 3e-5),
    "acos": (trigonometry.acos, np.arccos, spread(-0.99, 0.99), 0, 3e-5),
    "cube": (lambda g, x, f: power.integer_pow(g, x, 3, f), lambda x: x**3, ALL, 0, 1e-3),
    "x**-2": (lambda g, x, f: power.integer_pow(g, x, -2, f), lambda x: x**-2.0, spread(0.1, 40), 6e-5, 4e-5),
    "1 / 7": (
        lambda g, x, f: count_divisor.divide_by_count(g, x, g.constant(np.full(x.shape, 7, np.uint64)), 9),
        lambda x: x / 7, spread(-1e6, 1e6), 8e-6, 2 * LAST,
    ),
    "atan's series": (
        lambda g, x, f: series.odd_series(g, x, "atan", f + 2, f), np.arctan, spread(-1, 1), 0, 2e-5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("carry", CARRIES)
@pytest.mark.parametrize("bits", [64, 128])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_keeps_its_error(name, bits, carry):
    function, exact, x, relative, absolute = FUNCTIONS[name]
    found = numbers(run(plainly(function), words(x), bits=bits, carry=carry))
    np.testing.assert_allclose(found, exact(x), rtol=relative, atol=absolute)


WIDE = 32
TINY = 2.0**-WIDE
# Likewise with as many bits after the point as the ring of 128 bits has by default.
FINE = {
    "exp": (exponential.exp, np.exp, np.linspace(-23, 39, 500), 2e-9, 2 * TINY),
    "exp2": (exponential.exp2, np.exp2, np.linspace(-33, 56, 500), 5e-9, 2 * TINY),
    "expm1": (exponential.expm1, np.expm1, np.linspace(-9, 9, 500), 2e-9, 2e-9 + 2 * TINY),
    "log": (logarithm.log, np.log, np.geomspace(1e-6, 4e18, 500), 0, 4e-10 + 2 * TINY),
    "log1p": (logarithm.log1p, np.log1p, np.geomspace(1e-6, 1e9, 500), 0, 4e-10 + 2 * TINY),
    "log2": (logarithm.log2, np.log2, np.geomspace(1e-2, 1e18, 500), 3e-11, 6e-10 + 2 * TINY),
    "atanh": (hyperbolic.atanh, np.arctanh, np.linspace(-0.9, 0.9, 500), 0, 4e-10 + 8 * TINY),
}


@pytest.mark.parametrize("carry", CARRIES)
@pytest.mark.parametrize("name", FINE)
def test_exponentials_and_logarithms_are_as_fine_as_the_wide_ring(name, carry):
    function, exact, x, relative, absolute = FINE[name]
    given = [round(float(each) * 2**WIDE) for each in x]
    found = run(lambda g, x: function(g, x, WIDE), wide_of_integers(given), bits=128, carry=carry)
    want = exact(np.array([each / 2.0**WIDE for each in given]))
    np.testing.assert_allclose(numbers(found, WIDE), want, rtol=relative, atol=absolute)


@pytest.mark.parametrize("name", ["log", "log1p", "log2"])
def test_the_logarithm_of_1_is_0_there_but_for_two_units(name):
    function, *_ = FINE[name]
    one = [(1 - (name == "log1p")) << WIDE]
    found = run(lambda g, x: function(g, x, WIDE), wide_of_integers(one), bits=128)
    assert abs(float(numbers(found, WIDE)[0])) <= 2 * TINY


@pytest.mark.parametrize("bits", [64, 128])
def test_a_power_and_an_angle_of_two_numbers(bits):
    x, y = spread(0.01, 40), np.rint(RNG.uniform(-3, 3, 62) / LAST) * LAST
    found = run(lambda g, x, y: power.pow(g, x, y, FRACTION), words(x), words(y), bits=bits)
    bound = 4e-5 + (5e-6 + LAST) * np.abs(y)
    assert (np.abs(numbers(found) - x**y) <= bound * x**y + 2 * LAST).all()
    found = run(lambda g, y, x: trigonometry.atan2(g, y, x, FRACTION), words(y), words(x - 5), bits=bits)
    np.testing.assert_allclose(numbers(found), np.arctan2(y, x - 5), rtol=0, atol=6e-5)


@pytest.mark.parametrize("bits", [1, 9, 31, 32])
def test_whole_numbers_are_divided_exactly(bits):
    x, y = RNG.integers(0, 1 << bits, (2, 200), dtype=np.uint64)
    y = np.maximum(y >> RNG.integers(0, bits, 200, dtype=np.uint64), np.uint64(1))
    x[:2], y[:2] = (1 << bits) - 1, [1, (1 << bits) - 1]

    async def divided(g, x, y):
        return await integer_division.divide_magnitudes(g, x, y, bits)

    quotient, rest = run(divided, x, y)
    np.testing.assert_array_equal(quotient.words, x // y)
    np.testing.assert_array_equal(rest.words, x % y)


def test_long_numbers_are_divided_digit_by_digit():
    x, y = RNG.integers(1, 2**64, (2, 20), dtype=np.uint64)
    y = np.maximum(y >> np.arange(0, 60, 3, dtype=np.uint64), np.uint64(1))
    quotient, rest = run(lambda g, x, y: integer_division.divide_long(g, x, y, 64), x, y)
    np.testing.assert_array_equal(quotient.words, x // y)
    np.testing.assert_array_equal(rest.words, x % y)


def test_numbers_too_long_are_not_divided():
    with pytest.raises(ValueError, match="33 bits"):
        run(lambda g, x, y: integer_division.divide_magnitudes(g, x, y, 33), words([1]), words([1]))


@pytest.mark.parametrize("count", [100, normalise.FEW + 1, normalise.MORE + 1])
def test_a_quotient_stays_in_its_range_on_the_way_up_to_its_limit(count):
    """Whatever place of the table the divisor is at."""
    y = np.exp2(np.linspace(-8, 16, count))
    x, y = words(np.minimum(y * 0.9995 * 2**24, 2.0**41.8)), words(y)
    found = numbers(run(lambda g, x, y: reciprocal.divide(g, x, y, FRACTION), x, y, carry="each"))
    np.testing.assert_allclose(found, x / y, rtol=4e-5, atol=8 * LAST)


@pytest.mark.parametrize("count", [100, normalise.FEW + 1, normalise.MORE + 1])
def test_one_over_what_is_large_is_nothing_and_no_number_leaves_its_range_on_the_way(count):
    x = np.exp2(np.linspace(19.5, 41.5, count)) * np.where(np.arange(count) % 2, 1, -1)
    found = numbers(run(lambda g, x: reciprocal.reciprocal(g, x, FRACTION), words(x), carry="each"))
    np.testing.assert_allclose(found, 1 / x, rtol=0, atol=2 * LAST)


@pytest.mark.parametrize("bits", [64, 128])
def test_a_divisor_serves_many_and_takes_the_sign(bits):
    x, y = np.rint(RNG.uniform(-1e5, 1e5, 80) / LAST) * LAST, spread(1, 1e5, 78) * np.tile([1, -1], 40)

    async def divided(g, x, y):
        return await divisor.divided(g, x, await divisor.divisor(g, y, FRACTION))

    async def by_root(g, x, y):
        return await divisor.divided(g, x, await divisor.root_divisor(g, y, FRACTION))

    np.testing.assert_allclose(numbers(run(divided, words(x), words(y), bits=bits)), x / y, 3e-5, 3 * LAST)
    found = numbers(run(by_root, words(x), words(np.abs(y)), bits=bits))
    np.testing.assert_allclose(found, x / np.sqrt(np.abs(y)), 3e-5, 3 * LAST)


def test_the_least_and_the_sign_of_numbers():
    x = spread(-100, 100)
    magnitude, negative = run(fixedpoint.absolute, words(x))
    np.testing.assert_array_equal(numbers(magnitude), np.abs(x))
    np.testing.assert_array_equal(numbers(negative), x < 0)
    less = run(lambda g, x: fixedpoint.below(g, x, fixed(1.5, FRACTION)), words(x))
    np.testing.assert_array_equal(numbers(less), x < 1.5)


def test_polynomials():
    x, factors = spread(-1, 1), [0.5, -0.25, 0.125, -0.75, 0.3]
    inner = 22
    fine = words(x, inner)
    found = run(lambda g, x: polynomial.polynomial(g, x, factors, (inner, FRACTION)), fine)
    np.testing.assert_allclose(numbers(found), np.polynomial.polynomial.polyval(x, factors), 0, 2 * LAST)


@pytest.mark.parametrize("bits", [64, 128])
def test_columns_of_length_1_rotations_and_reflections(bits):
    fine, exact = (unit.FINE, 2.0**-25) if bits == 64 else (unit.WIDE_FINE, 2.0**-40)
    x = RNG.uniform(-0.5, 0.5, (4, 6))
    x[:, 5] = 0
    found = numbers(run(unit.unit, words(x, fine), bits=bits), fine)
    length = np.sqrt((x**2).sum(0))
    np.testing.assert_allclose(found[:, :5], x[:, :5] / length[:5], 0, exact)
    assert (found[:, 5] == 0).all()

    gap, twice = RNG.uniform(-0.4, 0.4, (2, 9))
    both = run(unit.rotation, words(gap, fine), words(twice, fine), bits=bits)
    cosine, sine = numbers(both, fine)
    np.testing.assert_allclose(cosine**2 + sine**2, 1, 0, 1e-7)
    angle = np.arctan(twice / gap) / 2
    np.testing.assert_allclose([cosine, sine], [np.cos(angle), np.sin(angle)], 0, 1e-5)

    v, u = run(unit.reflection, words(x[:, :1], fine), bits=bits)
    turned = x[:, :1] - numbers(u, fine) @ (numbers(v, fine).T @ x[:, :1])
    np.testing.assert_allclose(turned[:, 0], [-np.sign(x[0, 0]) * length[0], 0, 0, 0], 0, 1e-7)
