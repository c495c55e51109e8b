"""How large numbers are: by several bounds at once, and of many wide ones in two steps."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.functions import logarithm, normalise, reciprocal, roots
from junto.mpc.functions.constant_tables import ring_table
from junto.mpc.gates import left_out
from junto.mpc.plain_gates import PlainGates
from junto.mpc.ring128 import floats, integers_of_wide, wide_of_floats, wide_of_integers
from junto.mpc.rounds import Rounds
from mpc_nodes import run

FRACTION = 32
TOP = 128 - 2 - FRACTION
RNG = np.random.default_rng(12)


def numbers(count: int) -> list[int]:
    """Below 15/16 2**TOP: 0 and 1, all that lie about bounds between levels, and others of every size."""
    bounds = normalise._levels(TOP)[0]
    near = [bound + step for bound in bounds for step in (-1, 0, 1)]
    others = (2.0 ** RNG.uniform(0, TOP - 0.1, count)).tolist()
    return [0, 1, *near, *map(int, others)][:count]


@pytest.mark.parametrize("width", [64, 128])
@pytest.mark.parametrize("count", [100, 128, 1500])
def test_several_bounds_of_either_sign(width, count):
    """In whole words and not, in several blocks; each bound as if it stood alone."""
    x = [int(each) for each in RNG.integers(-(2**40), 2**40, count)]
    bounds = [2**41, 7, 0, -(2**39), x[3], x[3] + 1]

    async def gate(g, secret):
        return await g.below(secret, bounds, 43)

    shares = wide_of_integers(x) if width == 128 else np.array(x).view(np.uint64)
    got = run(gate, shares, block=700, width=width).value
    assert (got == [[each < bound for bound in bounds] for each in x]).all()


def test_bits_that_are_left_out_count_for_one_in_sixty_four_at_most():
    bounds = [15 << 60, 15 << 56]
    x = [bound + part * bound // 256 for bound in bounds for part in range(-12, 12)] * 64

    async def gate(g, secret):
        return await g.below(secret, bounds, 70, exact=False)

    out = run(gate, wide_of_integers(x), width=128)
    for each, below in zip(x, out.value, strict=True):
        for bound, found in zip(bounds, below, strict=True):
            assert found == (each < bound) or bound - (1 << left_out(bounds)) <= each < bound
    exactly = run(lambda g, secret: g.below(secret, bounds, 70), wide_of_integers(x), width=128)
    assert out.offline < exactly.offline / 2


def taken_apart(g, found, x):
    """On the highest level, and the numbers of their levels by either account of them."""

    async def both():
        of = await normalise.size(g, x, TOP)
        near = await normalise.near_top(g, of)
        steps = normalise.by_level(g, await of.reached(g), list(range(len(of.exponents))))
        total = g.constant(np.zeros(x.shape, np.uint64))
        for part in of.parts(g):
            total = g.add(total, normalise.by_level(g, part.reached, list(part.exponents)))
        found.append((len(of.above), of.exponents))
        return [near, steps, total]

    return both()


@pytest.mark.parametrize("carry", [None, 0, 1])
def test_two_steps_find_the_level_of_every_number(carry):
    """By the gates, and by plain ones with every borrow that is left out, and with none."""
    x, found = numbers(normalise.FEW + 64), []
    if carry is None:
        values = run(lambda g, secret: taken_apart(g, found, secret), wide_of_integers(x), width=128).values
    else:
        gates = PlainGates(carry=lambda shape: np.full(shape, carry, np.uint64), bits=128)
        with np.errstate(over="ignore"):
            values = Rounds(None).run(taken_apart(gates, found, gates.constant(wide_of_integers(x))))
        values = [each.words for each in values]
    near, level, exponent = map(integers_of_wide, values)
    assert {count for count, _ in found} == {2}
    exponents = found[0][1]
    for each, high, k, e in zip(x, near, level, exponent, strict=True):
        if each:
            assert exponents[k] == e
            assert high == each << normalise.STEP * k
            assert high / 2.0 ** (TOP - normalise.WIDTH) >= normalise._LEAST
            assert high < 15 << TOP - 4


@pytest.mark.parametrize("fraction", [32, 37, 40])
def test_functions_of_many_wide_numbers(fraction):
    """Of every size that they take, beside float64."""
    exponents = RNG.uniform(-fraction + 10, 126 - 2 * fraction - 0.1, normalise.FEW + 1)
    y = np.rint(2.0 ** (exponents + fraction)) / 2.0**fraction
    oracles = [
        (logarithm.log, np.log(y), 1e-5, 0),
        (roots.sqrt, np.sqrt(y), 0, 2e-6),
        (roots.rsqrt, y**-0.5, 0, 7e-6),
        (reciprocal.reciprocal, 1 / y, 0, 3e-5),
        (reciprocal.reciprocal_of_positive, 1 / y, 0, 3e-5),
    ]
    for function, want, absolute, relative in oracles:
        out = run(
            lambda g, x, function=function: function(g, x, fraction),
            wide_of_floats(np.rint(y * 2.0**fraction)),
            width=128,
        )
        error = np.abs(floats(out.value) / 2.0**fraction - want)
        assert (error <= absolute + relative * np.abs(want) + 2.1 * 2.0**-fraction).all(), function.__name__


def test_the_logarithm_of_nothing_is_that_of_half_a_unit():
    x = np.concatenate([wide_of_integers([0]), ring_table([1 << 70]).repeat(normalise.FEW)])
    got = floats(run(lambda g, x: logarithm.log(g, x, FRACTION), x, width=128).value) / 2.0**FRACTION
    assert abs(got[0] + (FRACTION + 1) * np.log(2)) < 1e-5
