"""Optimizers of optax on an SPU: each trains as in jax or is refused when traced, and the recipe trains."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from junto.errors import NotComputable
from junto.mpc.settings import MpcSettings
from mpc_programs import Engine

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "train.md"
STEPS = 3
GRADIENTS = np.array([3.0, 1.0, 0.1, 0.04, 0.01, 0.001], np.float32)
EACH = np.random.default_rng(0).uniform(0.5, 1.5, (STEPS, len(GRADIENTS))).astype(np.float32) * GRADIENTS
Make = Callable[..., Any]

SCALED: Mapping[str, tuple[Make, float]] = {
    "adabelief": (optax.adabelief, 1e-16),
    "adam": (optax.adam, 1e-8),
    "adamw": (optax.adamw, 1e-8),
    "adan": (optax.adan, 1e-8),
    "amsgrad": (optax.amsgrad, 1e-8),
    "lamb": (optax.lamb, 1e-6),
    "nadam": (optax.nadam, 1e-8),
    "rmsprop": (optax.rmsprop, 1e-8),
}
"""With the default of `eps`."""

UNSCALED: Mapping[str, Make] = {
    "adamax": optax.adamax,
    "lion": optax.lion,
    "rprop": optax.rprop,
    "sign_sgd": optax.sign_sgd,
    "sgd": partial(optax.sgd, momentum=0.9),
}
COARSE: Mapping[str, Make] = {
    "adafactor": optax.adafactor,
    "adagrad": optax.adagrad,
    "novograd": optax.novograd,
    "sm3": optax.sm3,
}
OUT_OF_REACH: Mapping[str, Make] = {"adadelta": optax.adadelta, "yogi": optax.yogi}
RATE = 1e-2
FM64, WIDE = MpcSettings(), MpcSettings(fraction=32, width=128)


def moved(optimizer: Any, gradients: jax.Array) -> jax.Array:
    """By how much parameters move."""
    start = jnp.full(gradients.shape[1:], 0.5)
    parameters, state = start, optimizer.init(start)
    for gradient in gradients:
        updates, state = optimizer.update(gradient, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
    return parameters - start


def check(
    optimizer: Any, reference: Any, gradients: np.ndarray, tolerance: float, settings: MpcSettings = FM64
) -> None:
    got = Engine("plain", settings).run(partial(moved, optimizer), gradients)
    want = np.asarray(moved(reference, jnp.asarray(gradients)))
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=2e-5)


@pytest.mark.parametrize("name", [*SCALED, *OUT_OF_REACH])
def test_squares_that_fixed_point_does_not_hold_are_refused(name):
    make = SCALED[name][0] if name in SCALED else OUT_OF_REACH[name]
    with pytest.raises(NotComputable, match="times a square") as caught:
        Engine("plain").run(partial(moved, make(RATE)), EACH)
    assert "optax.scale(1024)" in (caught.value.fix or "")


@pytest.mark.parametrize("fraction", [24, 26])
def test_how_small_a_square_may_be_follows_the_bits_after_the_point(fraction):
    engine = Engine("plain", MpcSettings(fraction=fraction))
    if fraction == 24:
        with pytest.raises(NotComputable, match="times a square"):
            engine.run(partial(moved, optax.adam(RATE)), EACH[:1])
    else:
        check(optax.adam(RATE), optax.adam(RATE), EACH[:, :2], 1e-2, engine.settings)


@pytest.mark.parametrize("name", [*SCALED, *OUT_OF_REACH])
def test_the_wide_ring_trains_at_the_default_settings(name):
    optimizer = {**{name: make for name, (make, _) in SCALED.items()}, **OUT_OF_REACH}[name](RATE)
    check(optimizer, optimizer, EACH[:, :4], 1e-3, WIDE)


def test_an_optimizer_whose_first_steps_have_no_root_trains_there():
    """RAdam has the root of a negative number then, as all know, and leaves it out."""
    gradients = np.tile(EACH[:, :4], (3, 1))
    check(optax.radam(RATE), optax.radam(RATE), gradients, 1e-3, WIDE)
    with pytest.raises(NotComputable, match="times a square"):
        Engine("plain").run(partial(moved, optax.radam(RATE)), gradients)


@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("name", [*SCALED, *COARSE, *OUT_OF_REACH])
def test_small_gradients_train_there_as_far_as_they_have_digits_or_the_debug_mode_says_it(name, size):
    optimizer = {**{name: make for name, (make, _) in SCALED.items()}, **COARSE, **OUT_OF_REACH}[name](RATE)
    engine, gradients = Engine("plain", WIDE), (EACH / GRADIENTS * size).astype(np.float32)
    with jax.enable_x64(True):
        want = np.asarray(moved(optimizer, jnp.asarray(gradients, np.float64)))
    off = np.abs(engine.run(partial(moved, optimizer), gradients) - want).max() / np.abs(want).max()
    if size > 1e-6:
        assert off <= 3e-3
    assert off <= 1e-3 or engine.digits or engine.overflows


@pytest.mark.parametrize("name", SCALED)
def test_the_recipe_trains_as_jax_does_without_it(name):
    make, eps = SCALED[name]
    recipe = optax.chain(optax.scale(1024.0), make(RATE, eps=1024.0 ** (2 if name == "rmsprop" else 1) * eps))
    check(recipe, make(RATE), EACH, 6e-3)


@pytest.mark.parametrize("name", UNSCALED)
def test_what_needs_no_scale(name):
    optimizer = UNSCALED[name](RATE)
    check(optimizer, optimizer, EACH[:, :-1], 1.5e-2)


@pytest.mark.parametrize("name", COARSE)
def test_what_needs_no_scale_for_gradients_that_are_not_small(name):
    optimizer = COARSE[name](RATE)
    check(optimizer, optimizer, EACH[:, :-1], 5e-2)


@pytest.mark.parametrize("name", {**COARSE, **UNSCALED})
def test_what_small_gradients_make_wrong_is_said_by_the_debug_mode(name):
    optimizer = {**COARSE, **UNSCALED}[name](RATE)
    engine, gradients = Engine("plain"), (EACH / GRADIENTS * 1e-3).astype(np.float32)
    got, want = engine.run(partial(moved, optimizer), gradients), moved(optimizer, jnp.asarray(gradients))
    said = engine.digits or engine.overflows
    assert said or np.allclose(got, np.asarray(want), rtol=6e-2, atol=2e-5)


def test_the_page_names_these():
    page = PAGE.read_text()
    rows = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in page.splitlines() if row.startswith("| `")]
    assert [sorted(row) for row in rows] == [
        sorted(each) for each in (set(SCALED) - {"rmsprop"}, {"rmsprop"}, UNSCALED, COARSE, OUT_OF_REACH)
    ]


def test_the_pages_optimizer_trains_with_its_state_on_the_spu():
    names: dict[str, Any] = {}
    exec(re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[0], names)
    optimizer = names["optimizer"]()
    parameters = jnp.full(len(GRADIENTS), 0.5)

    def step(gradient: Any, state: Any, parameters: Any) -> Any:
        updates, state = optimizer.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state

    ours = (np.asarray(parameters), jax.tree_util.tree_map(np.asarray, optimizer.init(parameters)))
    theirs, reference = (parameters, optax.adam(RATE).init(parameters)), optax.adam(RATE)
    engine = Engine("plain")
    for gradient in EACH:
        ours = engine.run(step, gradient, ours[1], ours[0])
        updates, state = reference.update(jnp.asarray(gradient), theirs[1], theirs[0])
        theirs = (optax.apply_updates(theirs[0], updates), state)
    np.testing.assert_allclose(ours[0] - 0.5, np.asarray(theirs[0]) - 0.5, rtol=1e-2, atol=2e-5)


def by_hand(gradient: Any, state: Any) -> Any:
    return gradient / (jnp.sqrt(0.99 * state + 0.01 * gradient * gradient) + 1e-8)


FINE: Mapping[str, Callable[[Any], Any]] = {
    "a variance": lambda x: x / jnp.sqrt(jnp.var(x) + 1e-5),
    "a variance as layers normalise with it": lambda x: jax.nn.standardize(x[None]),
    "a weighted sum of squares": lambda x: jnp.sqrt(jnp.sum(0.01 * x**2)),
    "a square beside a constant": lambda x: jnp.sqrt(1 + 0.01 * x**2),
    "a small square that no root is taken of": lambda x: x - 0.001 * x**2,
    "a root of a product": lambda x: jnp.sqrt(0.001 * x),
    "a scaled one": lambda x: by_hand(100.0 * x, x),
}


def test_what_is_written_out_by_hand_is_refused_alike():
    with pytest.raises(NotComputable, match="times a square"):
        Engine("plain").run(by_hand, GRADIENTS, GRADIENTS)
    with pytest.raises(NotComputable, match="times a square"):
        Engine("plain").run(lambda x: jax.lax.fori_loop(0, 3, lambda _, s: by_hand(s, s), x), GRADIENTS)


@pytest.mark.parametrize("name", FINE)
def test_other_roots_are_not_refused(name):
    Engine("plain").run(FINE[name], GRADIENTS)
