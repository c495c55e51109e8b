"""The debug mode says where a result has lost its digits on the way, and only there."""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import junto as sf
from junto.mpc.decisions import DECIDING
from junto.mpc.primitives.table import TABLE
from junto.mpc.settings import MpcSettings
from junto.mpc.twin_steps import CHOOSING, FOLLOWED, MOVED, WITHOUT
from junto.mpc.twins import Twin, Twins, wrong
from mpc_programs import Engine

AGES = np.linspace(18, 90, 200, dtype=np.float32)
PAY = AGES * 1000
TINY = np.round(AGES / 90 * 500).astype(np.float32) * 2.0**-18
MATRIX = np.array([[2, 1, 0.5], [0.5, 3, 1], [1, 0.25, 4]], np.float32)
SYMMETRIC = MATRIX + MATRIX.T

WRONG = {
    "squares of shares": (lambda x: jnp.sum((x / x.sum()) ** 2), AGES),
    "a harmonic mean": (lambda x: x.size / jnp.sum(1 / x), PAY),
    "a root of nothing": (lambda x: jnp.sqrt(jnp.mean((x - 0.1 * x) ** 2)), TINY),
    "turns of a loop": (lambda x: lax.scan(lambda t, v: (t + v * v, v * v), 0.0 * x[0], x)[0] * 1000, TINY),
    "a row of a table": (lambda x: 100_000 * jnp.stack([x * x, x], 1)[3, 0], TINY),
    "a solution": (lambda x: jnp.linalg.solve(MATRIX * x[:3, None] * 0.1, x[:3]), TINY),
}
"""Each step loses less than a unit, or what is lost is reported nowhere else."""

RIGHT = {
    "a mean of small numbers": (jnp.mean, TINY),
    "a difference of large numbers": (lambda x: (x - x.mean()).sum(), PAY),
    "standard scores": (lambda x: (x - x.mean()) / x.std(), PAY),
    "a constant column": (lambda x: (x - x.mean()) / (x.std() + 1e-3), np.full(50, 0.1, np.float32)),
    "a mask of minus infinity": (
        lambda x: jax.nn.softmax(jnp.where(x > 50, x, -jnp.inf)),
        AGES,
    ),
    "one number a row": (
        lambda x: (lambda y: y * y / (1 + y) + y)(
            jnp.broadcast_to(x.reshape(50, 4).mean(1)[:, None] / 90, (50, 4))
        ),
        AGES,
    ),
    "a narrow choice": (lambda x: jnp.where(x / 3 * 3 >= x, x, -x), AGES),
}


def said(function, *operands: np.ndarray) -> list[str]:
    engine = Engine("plain")
    engine.run(function, *operands)
    assert engine.overflows == []
    return [sentence for _, sentence in engine.digits if "lost its digits" in sentence]


@pytest.mark.parametrize("name", WRONG)
def test_what_is_lost_on_the_way_is_reported(name):
    function, numbers = WRONG[name]
    (sentence,) = said(function, numbers)
    assert "scale the numbers" in sentence


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_not_reported(name):
    function, numbers = RIGHT[name]
    assert said(function, numbers) == []


DECIDED = {
    "the largest share": (lambda x: jnp.argmax(x / x.sum()), True),
    "a threshold": (lambda x: x / x.sum() > 4e-4, True),
    "per million": (lambda x: (x / x.sum() * 1e6).astype(jnp.int32), True),
    "the largest": (lambda x: jnp.argmax(x / x.max()), False),
    "above the mean": (lambda x: x > x.mean(), False),
    "as good as equal": (lambda x: x / 3 * 3 >= x, False),
    "in thousands": (lambda x: (x / 1000).astype(jnp.int32), False),
}
"""Of salaries; and whether it is turned by digits that are lost."""


@pytest.mark.parametrize("name", DECIDED)
def test_a_decision_by_lost_digits_is_reported(name):
    function, turned = DECIDED[name]
    engine = Engine("plain")
    engine.run(function, np.random.default_rng(1).uniform(1e4, 5e4, 2000).astype(np.float32))
    assert any("decided by numbers that have lost" in sentence for _, sentence in engine.digits) == turned


FOLLOWING = {
    "a count": lambda x: jnp.sum(x > 0),
    "a share": lambda x: jnp.mean(x > 0),
    "some": lambda x: jnp.any(x[::2] > 0),
    "all": lambda x: jnp.all(x),
    "not": lambda x: ~(x > 0),
    "both": lambda x: (x > 0) & (x < 1),
    "either": lambda x: (x > 0) | (x < -1),
    "one of both": lambda x: (x > 0) ^ (x < 1),
    "an order": jnp.argsort,
    "the next": lambda x: lax.top_k(x[::-1], 2)[1],
    "what is sorted along": lambda x: lax.sort([x, jnp.arange(3)], num_keys=1)[1],
    "what a second key sorts": lambda x: lax.sort([jnp.zeros(3), x, jnp.arange(3)], num_keys=2)[2],
    "what public keys sort": lambda x: lax.sort([jnp.arange(3)[::-1], jnp.sign(x)], num_keys=1)[1],
    "what is revealed inside": lambda x: 2 * sf.reveal_inside(x > 0, name="flags"),
    "a choice": lambda x: jnp.where(x > 0, 3.0, 4.0),
    "a whole number that is chosen": lambda x: jnp.where(x > 0, 30, 40) // 20,
    "a place by counting": lambda x: jnp.arange(9)[(x > 0).sum()],
    "running counts": lambda x: jnp.cumsum(x > 0),
    "a row for each": lambda x: jnp.bincount((x > 0).astype(int), length=2),
}
"""What is made of what was decided."""


@pytest.mark.parametrize("name", FOLLOWING)
def test_what_follows_from_a_decision_by_lost_digits_is_reported(name):
    for numbers, lost in ((np.float32([8e-7, -3, 2e-7]), True), (np.float32([0.8, -3, 0.4]), False)):
        engine = Engine("plain")
        engine.run(FOLLOWING[name], numbers)
        assert any("lost" in sentence for _, sentence in engine.digits) == lost


SOME = np.array([0.3, 0.5, 0.8, 0.6], np.float32)
OTHER = np.array([1.5, 1.2, 2.5, 1.1], np.float32)
PLACES = np.array([2, 0], np.int32)
ROUNDED = 1 / 3
"""A factor that makes a number with a twin of each operand."""

OF_ONE = [
    "abs", "acos", "asin", "asinh", "atan", "atanh", "cbrt", "ceil", "cos", "cosh", "cumlogsumexp",
    "cummax", "cummin", "cumsum", "digamma", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "floor",
    "lgamma", "log", "log1p", "logistic", "neg", "round", "rsqrt", "sign", "sin", "sinh", "sort", "sqrt",
    "square", "tan", "tanh",
]  # fmt: skip
OF_TWO = ["add", "atan2", "div", "max", "min", "mul", "pow", "rem", "sub"]


def of_two(name: str):
    return lambda x: getattr(lax, name)(x, 1.25 * x[::-1])


STEPS = {
    **{name: getattr(lax, name) for name in OF_ONE},
    **{name: of_two(name) for name in OF_TWO},
    "acosh": lambda x: lax.acosh(4 * x + 1),
    "and": lambda x: (x > 0.15) & (x < 0.25),
    "not": lambda x: ~(x > 0.15),
    "or": lambda x: (x < 0.15) | (x > 0.25),
    "xor": lambda x: (x > 0.15) ^ (x > 0.25),
    "reduce_and": lambda x: jnp.all(x > 0.15),
    "reduce_or": lambda x: jnp.any(x > 0.25),
    "convert_element_type": lambda x: (x > 0.15).astype(jnp.float32),
    "approx_top_k": lambda x: lax.approx_min_k(x, 2)[0],
    "bessel_i0e": jax.scipy.special.i0e,
    "bessel_i1e": jax.scipy.special.i1e,
    "cholesky": lambda x: jnp.linalg.cholesky(SYMMETRIC * x[0]),
    "clz": lambda x: lax.clz((9 * x).astype(jnp.int32)),
    "eigh": lambda x: jnp.linalg.eigh(SYMMETRIC * x[0]),
    "igamma": lambda x: lax.igamma(x, x[::-1]),
    "igammac": lambda x: lax.igammac(x, x[::-1]),
    "pmax": lambda x: jax.vmap(lambda y: y / lax.pmax(y, "i"), axis_name="i")(x),
    "pmin": lambda x: jax.vmap(lambda y: y / lax.pmin(y, "i"), axis_name="i")(x),
    "polygamma": lambda x: lax.polygamma(jnp.ones_like(x), 9 * x),
    "population_count": lambda x: lax.population_count((9 * x).astype(jnp.int32)),
    "psum": lambda x: jax.vmap(lambda y: y / lax.psum(y, "i"), axis_name="i")(x),
    "qr": lambda x: jnp.linalg.qr(MATRIX * x[:3]),
    "reduce_window_max": lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2,), (1,), "VALID"),
    "reduce_window_min": lambda x: lax.reduce_window(x, jnp.inf, lax.min, (2,), (1,), "VALID"),
    "reduce_xor": lambda x: lax.reduce_xor(x > 0.15, (0,)),
    "regularized_incomplete_beta": lambda x: lax.betainc(9 * x, 9 * x[::-1], x),
    "scatter-max": lambda x: x.at[PLACES].max(x[:2]),
    "scatter-min": lambda x: x.at[PLACES].min(x[:2]),
    "scatter-mul": lambda x: x.at[PLACES].multiply(x[:2]),
    "scatter-sub": lambda x: x.at[PLACES].subtract(x[:2]),
    "select_and_scatter_add": jax.grad(
        lambda x: jnp.sum(x * lax.reduce_window(x, -jnp.inf, lax.max, (2,), (1,), "SAME"))
    ),
    "shift_left": lambda x: lax.shift_left((9 * x).astype(jnp.int32), 2),
    "shift_right_arithmetic": lambda x: (9 * x).astype(jnp.int32) >> 1,
    "shift_right_logical": lambda x: lax.shift_right_logical((9 * x).astype(jnp.int32), 1),
    "svd": lambda x: jnp.linalg.svd(MATRIX[:2] * x[:3], full_matrices=True),
    "zeta": lambda x: lax.zeta(9 * x, 9 * x),
    "add_any": jax.grad(lambda x: jnp.sum(x * jnp.sin(x))),
    "clamp": lambda x: lax.clamp(0.2 * x, x, 0.15),
    "concatenate": lambda x: jnp.concatenate([x, 2 * x]),
    "conv_general_dilated": lambda x: jnp.convolve(x, x[:2]),
    "cumprod": lambda x: lax.cumprod(9 * x),
    "dot_general": lambda x: jnp.einsum("bi,bij->bj", x[None], x.reshape(1, 4, 1) * OTHER),
    "dynamic_slice": lambda x: lax.dynamic_slice(x, (jnp.argmax(x),), (2,)),
    "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, x[:1], (jnp.argmax(x),)),
    "gather": lambda x: x[PLACES + jnp.argmin(x)],
    "integer_pow": lambda x: x**3,
    "lu": lambda x: lax.linalg.lu(MATRIX * x[:3, None])[0],
    "reduce_max": jnp.max,
    "reduce_min": jnp.min,
    "reduce_prod": lambda x: jnp.prod(9 * x),
    "reduce_sum": jnp.sum,
    "reduce_window_sum": lambda x: lax.reduce_window(x, 0.0, lax.add, (2,), (1,), "VALID"),
    "scatter": lambda x: x.at[jnp.argmax(x)].set(x[0]),
    "scatter-add": lambda x: x.at[jnp.argmax(x)].add(x[0]),
    "scatter_add": lambda x: x.at[PLACES].add(x[:2]),
    "select_n": lambda x: jnp.where(x > 0.15, x, -x),
    "top_k": lambda x: lax.top_k(x, 2)[0],
    "triangular_solve": lambda x: jax.scipy.linalg.solve_triangular(
        MATRIX * x[:3], x[:3], trans=1, lower=True
    ),
    "wide_product": lambda x: jnp.var(10 * x),
    "wide_quotient": lambda x: jnp.sum(x * x) / (x @ x[::-1]),
    "wide_root": lambda x: jnp.sqrt(x @ x),
}


def test_every_step_has_a_case():
    assert set(STEPS) == set(FOLLOWED) | CHOOSING
    assert set(STEPS) | MOVED | set(DECIDING) | set(WITHOUT) == set(TABLE) | {"scatter_add"}
    assert not set(WITHOUT) & (set(STEPS) | MOVED | set(DECIDING))


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_twin_is_what_the_step_makes(name):
    def scaled(x):
        return jax.tree_util.tree_map(lambda each: 100 * each, STEPS[name](x * ROUNDED))

    assert said(scaled, SOME) == []


KNOWN_TO_ALL = {
    "remainders": lambda n: n % 1,
    "quotients and remainders": lambda n: jnp.divmod(n, -1),
    "ranks": lambda n: jax.scipy.stats.rankdata(0.1 * n),
    "bits": lambda n: n & 0,
    "products": lambda n: n * 0,
    "powers": lambda n: n**0,
    "shifts": lambda n: lax.shift_right_logical(n, 32),
    "clips": lambda n: jnp.clip(n, 3, 3),
}
"""Some step of them makes of a secret a number that all know."""


@pytest.mark.parametrize("name", sorted(KNOWN_TO_ALL))
def test_what_all_know_needs_no_twin(name):
    def of_places(x):
        return KNOWN_TO_ALL[name](jnp.argsort(x))

    engine = Engine("plain")
    got, want = engine.run(of_places, SOME), of_places(jnp.asarray(SOME))
    jax.tree_util.tree_map(np.testing.assert_array_equal, got, want)
    assert engine.overflows + engine.digits == []


ALIKE = {
    "ceil", "clz", "convert_element_type", "floor", "not", "population_count", "reduce_and", "reduce_or",
    "reduce_xor", "round", "sign", "triangular_solve",
}  # fmt: skip
"""Their results are those of other numbers, too: whole parts, decisions (`FOLLOWING`), a solution."""


@pytest.mark.parametrize("name", sorted(set(STEPS) - ALIKE))
def test_a_step_loses_no_twin(name, monkeypatch):
    def enter(self, value, held):
        return dataclasses.replace(value, twin=Twin(held.exact * (1.1 + 0.2 * np.arange(4))))

    monkeypatch.setattr(Twins, "enter", enter)
    engine = Engine("plain")
    engine.run(STEPS[name], SOME * np.float32(0.4))
    assert any("lost" in sentence for _, sentence in engine.digits)


@pytest.mark.parametrize("scales", [(3e4, 50, 0.05), (1e4, 1e4, 1e4)])
@pytest.mark.parametrize("rank", [1, 3])
def test_a_small_eigenvalue_of_few_digits_is_reported_and_one_that_is_rounding_is_not(rank, scales):
    rng = np.random.default_rng(3)
    table = (rng.normal(size=(6, rank)) @ rng.normal(size=(rank, 3)) * scales).astype(np.float32)[:rank]

    def numbers(x):
        return jnp.linalg.eigvalsh(x.T @ x)

    engine = Engine("plain", MpcSettings(fraction=32, width=128))
    got = engine.run(numbers, table)[3 - rank :]
    with jax.enable_x64(True):
        want = np.asarray(numbers(jnp.asarray(table, np.float64)))[3 - rank :]
    assert bool(engine.digits) == bool(wrong(got, want, 32))
    assert engine.overflows == []


def test_the_promise():
    unit = 2.0**-18
    large, small = np.array([5e4, 0.03]), np.array([3e-7, 1e-7])
    assert wrong(large + np.array([40, 0]), large, 18) == 0
    assert wrong(large + np.array([0, 65 * unit]), large, 18) > 0
    assert wrong(large + np.array([0, 63 * unit]), large, 18) == 0
    assert wrong(0 * small, small, 18) > 0  # not half a unit, and all that there is
    assert wrong(np.array([unit]), np.array([1e-17]), 18) == 0
    assert wrong(large[:0], large[:0], 18) == 0


def test_twins_begin_with_what_is_put_in_and_go_on_from_call_to_call(caplog):
    sf.init(parties=["alice", "bob"], debug_mode=True)
    try:
        spu = sf.SPU(parties=["alice", "bob"])
        x = sf.PYU("alice")(lambda: np.array([2e-3, 1e-6], np.float32))()
        with caplog.at_level("WARNING", "junto.spu"):
            squares = spu(lambda x: jnp.stack([x * x, 0 * x + 7]))(x)
            sf.reveal(squares)
            assert "has lost its digits" not in caplog.text
            sf.reveal(spu(lambda squares: squares[0] * 2)(squares))
            assert caplog.text.count("has lost its digits") == 1
            sf.reveal(spu(lambda x: x[1] * 2)(x))
            assert caplog.text.count("has lost its digits") == 2
    finally:
        sf.shutdown()


@pytest.mark.parametrize("module", ["__main__", "junto.learn.glm"])
def test_errors_of_this_package_s_functions_are_stated_and_not_reported(module, caplog):
    def harmonic(x):
        return x.size / jnp.sum(1 / x)

    harmonic.__module__ = module
    sf.init(parties=["alice", "bob"], debug_mode=True)
    try:
        salaries = sf.PYU("alice")(lambda: np.linspace(2e4, 9e4, 50))()
        with caplog.at_level("WARNING", "junto.spu"):
            sf.reveal(sf.SPU(parties=["alice", "bob"])(partial(harmonic))(salaries))
    finally:
        sf.shutdown()
    assert ("has lost its digits" in caplog.text) == (module == "__main__")
