"""Estimators written in plain jax, as for any device, run unchanged on secrets, and find what jax finds."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from mpc_programs import Engine, agree

RNG = np.random.default_rng(11)
POINTS = np.concatenate(
    [RNG.normal(size=(12, 2)) * 0.3 + [2, 2], RNG.normal(size=(12, 2)) * 0.3 - [1, 2]]
).astype(np.float32)
TABLE = RNG.normal(size=(40, 5)).astype(np.float32)
WEIGHTS = np.array([1.0, -2.0, 0.5, 0.0, 1.5], np.float32)
LABELS = (TABLE @ WEIGHTS + RNG.normal(size=40) * 0.3 > 0).astype(np.float32)
CLASSES = (np.arange(24) >= 12).astype(np.int32)


def k_means(points: jax.Array, clusters: int = 2, turns: int = 4) -> tuple[jax.Array, jax.Array]:
    first = jax.random.choice(jax.random.key(1), points.shape[0], (clusters,), replace=False)

    def turn(_: int, centres: jax.Array) -> jax.Array:
        distance = ((points[:, None, :] - centres[None]) ** 2).sum(-1)
        mine = jax.nn.one_hot(jnp.argmin(distance, 1), clusters)
        return (mine.T @ points) / jnp.maximum(mine.sum(0), 1.0)[:, None]

    centres = lax.fori_loop(0, turns, turn, points[first])
    return centres, jnp.argmin(((points[:, None, :] - centres[None]) ** 2).sum(-1), 1)


def principal_component(table: jax.Array, turns: int = 20) -> jax.Array:
    centred = table - table.mean(0)
    covariance = centred.T @ centred / (table.shape[0] - 1)

    def turn(vector: jax.Array, _: None) -> tuple[jax.Array, None]:
        grown = covariance @ vector
        return grown / jnp.linalg.norm(grown), None

    return lax.scan(turn, jnp.ones(table.shape[1]) / jnp.sqrt(5.0), None, length=turns)[0]


def logistic_regression(table: jax.Array, labels: jax.Array, turns: int = 5) -> jax.Array:
    def loss(weights: jax.Array) -> jax.Array:
        scores = table @ weights
        return jnp.mean(jax.nn.softplus(scores) - labels * scores) + 0.01 * jnp.sum(weights**2)

    def turn(weights: jax.Array, _: None) -> tuple[jax.Array, None]:
        return weights - 0.5 * jax.grad(loss)(weights), None

    return lax.scan(turn, jnp.zeros(table.shape[1]), None, length=turns)[0]


def poisson_regression(table: jax.Array, counts: jax.Array) -> jax.Array:
    def turn(_: int, weights: jax.Array) -> jax.Array:
        return weights - 0.1 * table.T @ (jnp.exp(table @ weights) - counts) / table.shape[0]

    return lax.fori_loop(0, 6, turn, jnp.zeros(table.shape[1]))


def naive_bayes(points: jax.Array, classes: jax.Array, new: jax.Array) -> tuple[jax.Array, jax.Array]:
    member = jax.nn.one_hot(classes, 2)
    count = member.sum(0)
    mean = member.T @ points / count[:, None]
    variance = member.T @ points**2 / count[:, None] - mean**2 + 1e-3

    def score(point: jax.Array) -> jax.Array:
        return jnp.log(count) - 0.5 * (jnp.log(variance) + (point - mean) ** 2 / variance).sum(1)

    scores = jax.vmap(score)(new)
    return jnp.argmax(scores, 1), jax.nn.softmax(scores)


def support_vectors(table: jax.Array, labels: jax.Array, turns: int = 10) -> jax.Array:
    sign = 2 * labels - 1

    @jax.jit
    def loss(weights: jax.Array) -> jax.Array:
        return jnp.maximum(0.0, 1 - sign * (table @ weights)).mean() + 0.01 * weights @ weights

    def turn(_: int, weights: jax.Array) -> jax.Array:
        return weights - 0.3 * jax.grad(loss)(weights)

    return lax.fori_loop(0, turns, turn, jnp.zeros(table.shape[1]))


def network(table: jax.Array, labels: jax.Array) -> jax.Array:
    first = jax.random.normal(jax.random.key(0), (5, 8)) * 0.5
    second = jax.random.normal(jax.random.key(1), (8,)) * 0.5

    def loss(parameters: tuple[jax.Array, jax.Array]) -> jax.Array:
        hidden = jax.nn.gelu(table @ parameters[0])
        return jnp.mean((jax.nn.sigmoid(hidden @ parameters[1]) - labels) ** 2)

    step = jax.grad(loss)((first, second))
    return jnp.concatenate([(first - step[0]).reshape(-1), second - step[1]])


def area_under_curve(scores: jax.Array, labels: jax.Array) -> jax.Array:
    order = jnp.argsort(scores)
    ranks = jnp.zeros(scores.shape[0]).at[order].set(jnp.arange(1.0, scores.shape[0] + 1))
    positive = labels.sum()
    negative = labels.shape[0] - positive
    return ((ranks * labels).sum() - positive * (positive + 1) / 2) / (positive * negative)


PROGRAMS = {
    "k_means": (k_means, (POINTS,)),
    "principal_component": (principal_component, (TABLE,)),
    "logistic_regression": (logistic_regression, (TABLE, LABELS)),
    "poisson_regression": (poisson_regression, (TABLE * np.float32(0.3), LABELS)),
    "naive_bayes": (naive_bayes, (POINTS, CLASSES, POINTS[::6])),
    "support_vectors": (support_vectors, (TABLE, LABELS)),
    "network": (network, (TABLE, LABELS)),
    "area_under_curve": (area_under_curve, (TABLE[:12, 0], LABELS[:12])),
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["plain", "secure", "pair"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_an_estimator_finds_what_jax_finds(name: str, engine: str) -> None:
    function, args = PROGRAMS[name]
    runner = Engine(engine)
    agree(runner.run(function, *args), jax.jit(function)(*args), 5e-3)
    assert runner.overflows == []
