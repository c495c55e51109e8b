"""Squares keep their digits: statistics of small numbers, optimizers from call to call, files, other SPUs.

The rule (`junto.mpc.proportions`): what a root, a logarithm or a quotient is taken of is right in proportion,
as far as the numbers themselves are, or the debug mode says so; and what is made of squares stays so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import junto as sf
from junto.mpc.settings import MpcSettings
from mpc_programs import Engine
from spu_values import PARTIES, secret, spu_of

WIDE = MpcSettings(fraction=32, width=128)
UNIT = 2.0**-32
RELATIVE: Mapping[str, Any] = {
    "a deviation": (jnp.std, np.std),
    "a length": (jnp.linalg.norm, np.linalg.norm),
    "a root mean square": (lambda x: jnp.sqrt(jnp.mean(x**2)), lambda x: np.sqrt(np.mean(x**2))),
    "its reciprocal": (lambda x: jax.lax.rsqrt(jnp.mean(x * x)), lambda x: np.mean(x * x) ** -0.5),
    "its cube root": (lambda x: jnp.cbrt(jnp.mean(x * x)), lambda x: np.cbrt(np.mean(x * x))),
    "its logarithm": (lambda x: jnp.log(jnp.mean(x * x)), lambda x: np.log(np.mean(x * x))),
    "another power": (lambda x: jnp.mean(x * x) ** 0.3, lambda x: np.mean(x * x) ** 0.3),
    "a ratio of sums": (lambda x: jnp.sum(x[:9] ** 2) / (x @ x), lambda x: np.sum(x[:9] ** 2) / (x @ x)),
    "a standard score": (lambda x: (x - x.mean()) / jnp.std(x), lambda x: (x - x.mean()) / np.std(x)),
    "a step of Adam's": (
        lambda x: x / (jnp.sqrt(0.001 * x * x / (1 - 0.999)) + 1e-8),
        lambda x: x / (np.sqrt(0.001 * x * x / (1 - 0.999)) + 1e-8),
    ),
    "secret weights": (
        lambda x: jnp.sqrt(jnp.sum(x[::-1] / x[0] * (x - x.mean()) ** 2)),
        lambda x: np.sqrt(np.sum(x[::-1] / x[0] * (x - x.mean()) ** 2)),
    ),
    "the greater of two": (
        lambda x: jnp.sqrt(jnp.where(x[0] > x[1], jnp.maximum(x[0] * x[0], x[2] * x[2]), x[3] ** 2)),
        lambda x: np.sqrt(np.where(x[0] > x[1], np.maximum(x[0] * x[0], x[2] * x[2]), x[3] ** 2)),
    ),
    "a loop": (
        lambda x: jnp.sqrt(jax.lax.fori_loop(0, 3, lambda _, v: 0.9 * v + 0.001 * x[:4] ** 2, x[:4] * 0)),
        lambda x: np.sqrt(0.001 * x[:4] ** 2 * (1 + 0.9 + 0.81)),
    ),
    "rows of a loop": (
        lambda x: jnp.sqrt(jax.lax.scan(lambda v, g: (0.9 * v + g * g, v + g * g), 0.0, x[:5])[1]),
        lambda x: np.sqrt(np.array([_scanned(x, row) for row in range(5)])),
    ),
    "a root in a branch": (
        lambda x: jax.lax.cond(
            x[0] > x[1], lambda v: jnp.sqrt(v), lambda v: jnp.sqrt(2 * v), jnp.mean(x * x)
        ),
        lambda x: np.sqrt((1 if x[0] > x[1] else 2) * np.mean(x * x)),
    ),
    "a secret choice": (
        lambda x: jnp.sqrt(jax.lax.cond(x[0] > x[1], lambda v: v * v, lambda v: 2 * v * v, x)),
        lambda x: np.sqrt((1 if x[0] > x[1] else 2) * x * x),
    ),
}


def _scanned(x: np.ndarray, row: int) -> float:
    v = 0.0
    for g in x[:row]:
        v = 0.9 * v + g * g
    return float(v + x[row] ** 2)


@pytest.mark.parametrize("name", RELATIVE)
@pytest.mark.parametrize("size", [1e-6, 1e-5, 1e-4, 1e-2, 1.0, 1e3, 1e6, 1e8])
def test_it_is_right_in_proportion_or_named(name: str, size: float) -> None:
    function, right = RELATIVE[name]
    x = np.rint(np.random.default_rng(3).uniform(0.5, 1, 40) * size / UNIT) * UNIT
    engine = Engine("plain", WIDE)
    found, want = np.asarray(engine.run(function, x), np.float64), np.asarray(right(x))
    # as far as half a unit of each number, and of the result, allows
    allowed = 1e-4 + 4 * UNIT / size + 64 * UNIT / np.abs(want).max()
    worst = np.abs(found - want).max() / np.abs(want).max()
    if size <= 1e-2:
        assert worst <= allowed
    assert worst <= max(allowed, 1e-3) or engine.digits or engine.overflows


def _products(x: jax.Array) -> jax.Array:
    return x.reshape(4, 10) @ x.reshape(4, 10).T


def _lengths(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.diagonal(_products(x)))


PLACES = np.array([7, 2, 2, 0])
MOVED: Mapping[str, Any] = {
    "a diagonal": lambda v, x: jnp.diagonal(_products(x)),
    "places": lambda v, x: v[PLACES],
    "a window": lambda v, x: jax.lax.dynamic_slice(v, (3,), (5,)),
    "a secret place": lambda v, x: v[jnp.argmax(x)],
    "an order": lambda v, x: jnp.sort(v),
    "an order by others": lambda v, x: jax.lax.sort((x, v), num_keys=1)[1],
    "a median": lambda v, x: jnp.median(v),
    "the greatest and least": lambda v, x: jnp.stack([jnp.max(v), jnp.min(v)]),
    "the greatest so far": lambda v, x: jnp.stack([jax.lax.cummax(v), jax.lax.cummin(v)]),
    "the greatest of windows": lambda v, x: jax.lax.reduce_window(
        v, -jnp.inf, jax.lax.max, (4,), (4,), "VALID"
    ),
    "some set": lambda v, x: v.at[PLACES].set(v[0]),
    "some added to": lambda v, x: v.at[PLACES].add(v[:4]),
    "a window set": lambda v, x: jax.lax.dynamic_update_slice(v, 2 * v[:3], (1,)),
    "groups": lambda v, x: jax.ops.segment_sum(v, np.arange(40) % 3, 3),
    "rolled, repeated, reversed": lambda v, x: jnp.repeat(jnp.roll(v, 3), 2)[::-1],
    "cosines": lambda v, x: _products(x) / _lengths(x)[:, None] / _lengths(x),
}
"""What is made of squares `v` of numbers `x` by steps that move, choose or add."""


@pytest.mark.parametrize("name", MOVED)
@pytest.mark.parametrize("size", [1e-6, 1e-4, 1.0, 1e6])
def test_what_is_moved_or_chosen_keeps_its_digits(name: str, size: float) -> None:
    def function(x: Any) -> Any:
        return jnp.sqrt(MOVED[name](x * x, x))

    x = np.rint(np.random.default_rng(3).uniform(0.5, 1, 40) * size / UNIT) * UNIT
    engine = Engine("plain", WIDE)
    found = np.asarray(engine.run(function, x), np.float64)
    with jax.enable_x64(True):
        want = np.asarray(jax.jit(function)(jnp.asarray(x)))
    np.testing.assert_allclose(found, want, rtol=1e-4 + 64 * UNIT / np.abs(want).min())


@pytest.mark.parametrize("name", ["a standard score", "a step of Adam's", "secret weights", "a loop"])
@pytest.mark.parametrize("engine", ["secure", "pair"])
def test_protocols_compute_it_so(engine: str, name: str) -> None:
    function, right = RELATIVE[name]
    x = np.rint(np.random.default_rng(3).uniform(0.5, 1, 12) * 1e-4 / UNIT) * UNIT
    found, want = np.asarray(Engine(engine, WIDE).run(function, x), np.float64), np.asarray(right(x))
    assert np.abs(found - want).max() <= 3e-4 * np.abs(want).max()


def test_it_is_proved_that_no_number_leaves_its_range() -> None:
    checked = MpcSettings(fraction=32, width=128, checked=True)
    x = np.random.default_rng(3).uniform(0.5, 1, 12)
    found = Engine("plain", checked).run(RELATIVE["a step of Adam's"][0], x * 1e-4)
    np.testing.assert_allclose(found, np.ones(12), rtol=3e-4)
    with pytest.raises(Exception, match="out of range"):
        Engine("plain", checked).run(RELATIVE["a step of Adam's"][0], x * 1e12)


@pytest.fixture(scope="module", params=["debug", "simulation", "simulation of two"])
def spu(request: pytest.FixtureRequest) -> Iterator[sf.SPU]:
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    parties = PARTIES[:2] if request.param.endswith("two") else PARTIES
    yield spu_of(*parties, field="FM128")
    sf.shutdown()


X = np.array([3e-6, -2e-6, 5e-6], np.float32)


def mean_square(x: jax.Array) -> jax.Array:
    return jnp.mean(x**2)


def shown(value: Any) -> Any:
    return jax.tree_util.tree_map(lambda each: np.asarray(sf.reveal(each), np.float64), value)


def test_squares_enter_the_next_call_as_they_left(spu: sf.SPU, tmp_path: Path) -> None:
    x = secret(spu, X)
    v = spu(mean_square)(x)
    want = float(np.mean(X.astype(np.float64) ** 2))
    assert v.layout() == "float32[]@128.64"
    same, product, root = spu(lambda v, x: (v, v * x * 1e12, jnp.sqrt(0.9 * v)))(v, x)
    assert [each.layout() for each in (same, product, root)] == [
        "float32[]@128.64",
        "float32[3]",
        "float32[]",
    ]
    np.testing.assert_allclose(shown(v), want, rtol=1e-3)
    np.testing.assert_allclose(shown(same), want, rtol=1e-3)
    np.testing.assert_allclose(shown(root), np.sqrt(0.9 * want), rtol=1e-3)
    with pytest.raises(AssertionError):  # elsewhere it counts as other numbers do
        np.testing.assert_allclose(shown(product), want * X * 1e12, rtol=0.1)
    small = spu(lambda v: v * 2, field="FM64")(spu(lambda x: mean_square(x * 1e6))(x))
    np.testing.assert_allclose(shown(small), 2e12 * want, rtol=1e-3)


def test_squares_are_kept_and_move(spu: sf.SPU, tmp_path: Path) -> None:
    v = spu(mean_square)(secret(spu, X))
    want = float(np.mean(X.astype(np.float64) ** 2))
    folders = {party: str(tmp_path / party) for party in PARTIES if party in spu.settings.parties}
    spu.dump(v, folders)
    other = spu_of(*spu.settings.parties, field="FM128")
    for again in (spu.load(folders), v.to(other)):
        device = again.device
        assert again.layout() == "float32[]@128.64"
        np.testing.assert_allclose(shown(device(jnp.sqrt)(again)), np.sqrt(want), rtol=1e-3)
    coarse = v.to(spu_of(*spu.settings.parties, field="FM64"))
    assert coarse.layout() == "float32[]"


def adam(gradient: Any, state: Any) -> Any:
    m, v, turn = state
    m, v, turn = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2, turn + 1
    step = (m / (1 - 0.9**turn)) / (jnp.sqrt(v / (1 - 0.999**turn)) + 1e-8)
    return step, (m, v, turn)


def test_an_optimizers_state_keeps_its_digits_from_call_to_call(spu: sf.SPU) -> None:
    state: Any = spu(lambda x: (0 * x, 0 * x, jnp.int32(0)))(secret(spu, X))
    theirs: Any = (np.zeros(3), np.zeros(3), 0)
    for scale in (1e1, 4e1, 2e1):
        ours, state = spu(adam)(secret(spu, X * np.float32(scale)), state)
        want, theirs = adam(X.astype(np.float64) * scale, theirs)
    assert state[1].layout() == "float32[3]@128.64"
    np.testing.assert_allclose(shown(ours), np.asarray(want), rtol=2e-3)
