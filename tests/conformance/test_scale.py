"""Numbers keep their scale: public constants beyond the range, public factors, sums that are divided.

Against numpy in float64, and against jax for masks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_programs import Engine

UNIT = 2.0**-18

# ---------------------------------------------------------------- constants beyond the range

FINITE = [-1e4, -1e9, -(2.0**43), -1e15, -1e20, -1e30, float(jnp.finfo(jnp.float32).min)]
SCORES = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
LOWER = np.tril(np.ones((2, 2), np.bool_))


def second(x):
    """1.0 in the second column, which only secret numbers say."""
    return x - x[:, :1]


MASKS: Mapping[str, Callable[[jax.Array, float], jax.Array]] = {
    "public, chosen": lambda x, value: jnp.where(LOWER, x, value),
    "public, added": lambda x, value: x + jnp.where(LOWER, 0.0, value),
    "public, multiplied": lambda x, value: x + (1.0 - LOWER) * value,
    "secret, chosen": lambda x, value: jnp.where(second(x) > 0, value, x),
    "secret, of two constants": lambda x, value: x + jnp.where(second(x) > 0, value, 0.0),
    "secret, multiplied": lambda x, value: x + (second(x) > 0) * value,
    "secret, multiplied as a float": lambda x, value: x + second(x) * value,
    "filled in behind": lambda x, value: jnp.concatenate([x, jnp.full((2, 1), value)], axis=1),
    "padded": lambda x, value: jnp.pad(x, ((0, 0), (0, 1)), constant_values=value),
    "written in a place": lambda x, value: x.at[0, 1].set(value),
    "the greater of both": lambda x, value: jnp.maximum(x - 5, value),
    "a loop's start": lambda x, value: jax.lax.fori_loop(
        0, 2, lambda k, best: jnp.maximum(best, x[:, k]), jnp.full(2, value)
    ),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_of_any_size_is_a_mask(name):
    def softmax(x):
        return [jax.nn.softmax(MASKS[name](x, value), axis=-1) for value in FINITE]

    engine = Engine("plain")
    for found, want in zip(engine.run(softmax, SCORES), jax.jit(softmax)(SCORES), strict=True):
        np.testing.assert_allclose(found, np.asarray(want), atol=1e-4)
    assert engine.overflows == []


@pytest.mark.parametrize("name", ["secure", "pair"])
def test_masks_under_the_protocol(name):
    def softmax(x):
        return [
            jax.nn.softmax(jnp.where(LOWER, x, value)) for value in (-1e20, float(jnp.finfo(jnp.float32).min))
        ]

    for found in Engine(name).run(softmax, SCORES):
        np.testing.assert_allclose(found, [[1, 0], [0.268941, 0.731059]], atol=1e-4)


def test_the_debug_mode_tells_a_mask_from_a_factor_beyond_the_range():
    """A product that would fit is wrong if its factor does not: nobody could see it otherwise."""
    for value in FINITE[3:]:
        for x, wrong in ((np.array([0, 1, -1]), False), (np.array([0, 2.0**-12, 1]), True)):
            engine = Engine("plain")
            engine.run(
                lambda x, value=value: (x * value, jnp.maximum(x, x / -value)), np.asarray(x, np.float32)
            )
            assert any("no mask" in sentence for _, sentence in engine.overflows) == wrong


@pytest.mark.parametrize("public", [(), (1,)])
def test_quotients_and_rests_are_exact_also_where_the_quotient_is_whole(public):
    rng = np.random.default_rng(8)
    y = rng.integers(1, 2000, 200) * rng.choice([1, -1], 200) / 64
    x = np.where(
        np.arange(200) % 2, rng.integers(-3000, 3000, 200) * y, rng.integers(-(2**20), 2**20, 200) / 2**12
    )
    given = (x.astype(np.float32), y.astype(np.float32))
    found = Engine("plain").run(lambda x, y: (x // y, x % y, jnp.fmod(x, y)), *given, public=public)
    for got, want in zip(found, (x // y, x % y, np.fmod(x, y)), strict=True):
        np.testing.assert_array_equal(got, want.astype(np.float32))


# ---------------------------------------------------------------- public factors


def one(function, x) -> np.ndarray:
    engine = Engine("plain")
    found = np.asarray(engine.run(function, np.asarray(x, np.float64)), np.float64)
    assert engine.overflows == []
    return found


def near(found, want, units=2.0):
    """Within so many units in the last place, as far as float32, in which results are handed over, says."""
    np.testing.assert_allclose(found, want, rtol=2.0**-23, atol=units * UNIT)


MAGNITUDES = st.integers(-20, 40).map(lambda e: 2.0**e)


@given(x=st.floats(-1, 1), size=MAGNITUDES, factor=st.floats(0.01, 1), by=MAGNITUDES)
def test_a_public_factor_is_right_to_the_last_bit(x, size, factor, by):
    number = np.rint(x * size * 2**18) / 2**18
    factor = float(np.float32(factor * by))
    if abs(number * factor) < 2.0**42:
        near(one(lambda v: v * factor, number), number * factor)
        near(one(lambda v: v / np.float32(1 / factor), number), number / float(np.float32(1 / factor)))


@given(first=MAGNITUDES, second=MAGNITUDES, x=st.floats(-100, 100))
def test_factors_one_after_the_other_lose_nothing_in_between(first, second, x):
    number = np.rint(x * 2**18) / 2**18
    want = number * first / 3 * second
    if abs(want) < 2.0**42:
        near(one(lambda v: v * first / 3 * second, number), want)
        near(one(lambda v: -(v * first)[None].sum() / 3 * second, number), -want)


def test_each_of_many_factors_has_all_of_its_digits():
    rates = np.array([0.01, 1, 7, 1e-6, 1000.3], np.float32)
    amounts = np.full(5, 12345678.25)
    near(one(lambda v: v * rates, amounts), amounts * rates.astype(np.float64))
    near(one(lambda v: v / rates, amounts), amounts / rates.astype(np.float64))
    near(
        one(lambda v: v * 0.5 + v / 100 - v * rates, amounts), amounts * (0.51 - rates.astype(np.float64)), 6
    )


def test_a_factor_costs_one_round_wherever_it_comes_from():
    def update(w, x):
        return w - 0.1 * (x.T @ x).sum(0) / 128

    engine = Engine("secure")
    engine.run(update, np.ones(3, np.float32), np.ones((8, 3), np.float32))
    assert engine.rounds == 1  # the operands are masked as they come


# ---------------------------------------------------------------- sums


def test_a_sum_that_is_divided_need_not_fit():
    for rows, pay in ((10_000, 50_000.0), (300_000, 2.0**24), (1_000_000, 50_000.0)):
        near(one(jnp.mean, np.full(rows, pay)), pay)


def test_the_same_in_loops_and_calls():
    pay = np.full((3, 10_000), 50_000.0)
    near(one(lambda x: jax.lax.map(jnp.mean, x), pay), 50_000)
    near(one(jax.jit(lambda x: jax.jit(jnp.sum)(x) / x.size), pay), 50_000)
    near(one(lambda x: jax.lax.scan(lambda s, row: (s + row.mean() / 3, 0), 0.0, x)[0], pay), 50_000, 6)
    near(one(lambda x: jax.lax.cond(x.mean() > 1, jnp.mean, jnp.max, x), pay), 50_000)


@pytest.mark.parametrize("name", ["secure", "pair"])
def test_sums_under_the_protocol(name):
    pay = np.linspace(0, 100_000, 10_001).astype(np.float32)
    mean, root, cents = Engine(name).run(
        lambda x: (jnp.mean(x), jnp.sqrt(jnp.sum((x[:1200] / 20) ** 2)), x[-1] / 7), pay
    )
    near(mean, 50_000)
    np.testing.assert_allclose(root, np.sqrt((pay[:1200].astype(np.float64) ** 2).sum()) / 20, rtol=1e-5)
    near(cents, 100_000 / 7, 3)


# ---------------------------------------------------------------- out of range

USES: Mapping[str, Callable[[jax.Array], jax.Array]] = {
    "returned": lambda x: x,
    "compared": lambda x: x > 5,
    "equal": lambda x: x == 5,
    "the greatest": lambda x: jnp.maximum(x, 5).max(),
    "its place": jnp.argmax,
    "sorted": jnp.sort,
    "the sign": jnp.sign,
    "the size": jnp.abs,
    "rounded": jnp.round,
    "as bools": lambda x: x.astype(jnp.bool_),
    "clipped": lambda x: jnp.clip(x, -1, 1),
    "levelled off": jnp.tanh,
    "an exponent": lambda x: jnp.exp(-x),
    "a divisor": lambda x: 1 / x,
    "divided": lambda x: x / 3,
    "a condition": lambda x: jax.lax.cond(x[0] > 1, lambda: x, lambda: -x),
}
TOO_LARGE = [
    (lambda x: x.sum(0), np.full((4, 2), 2.0**42)),
    (lambda x: x + x + x, np.full(2, 2.0**42)),
    (lambda x: x * x, np.full(2, 2.0**23)),
    (lambda x: x * 2.0**10, np.full(2, 2.0**40)),
]


@pytest.mark.parametrize("name", USES)
def test_the_debug_mode_is_not_silent_about_what_left_the_range(name):
    for made, x in TOO_LARGE:
        engine = Engine("plain")
        found = np.asarray(engine.run(lambda x, made=made: USES[name](made(x)), x), np.float64)
        want = np.asarray(USES[name](made(jnp.asarray(x, jnp.float32))), np.float64)
        assert engine.overflows or np.allclose(found, want, rtol=1e-4, atol=1e-4)


def test_wide_integers_are_right_as_floats_or_reported():
    functions = [lambda n: n / 1e3, lambda n: n.astype(jnp.float64), lambda n: n.mean() / 1e9]
    sizes = [*(2**k + 3 for k in (20, 40, 44, 50, 60)), -(2**50), -(2**62)]
    with jax.enable_x64(True):
        for function in functions:
            for dtype in (np.int64, np.uint64):
                for size in sizes:
                    n = np.array([size], np.int64).astype(dtype)
                    engine = Engine("plain")
                    found, want = engine.run(function, n), n.astype(np.float64)
                    want = want / 1e3 if function is functions[0] else want
                    want = want / 1e9 if function is functions[2] else want
                    assert engine.overflows or np.allclose(found, want, rtol=1e-12, atol=1e-5)
