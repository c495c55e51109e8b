"""Learners in the style in which libraries for secure computation write them: classes around plain jax code.

They run unchanged on secrets, and find what jax finds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from mpc_programs import Engine, agree

RNG = np.random.default_rng(23)
TABLE = np.asarray(RNG.normal(size=(24, 4)), np.float32)
TARGET = np.asarray(TABLE @ np.array([1.0, -2.0, 0.5, 0.0]) + 0.3 + RNG.normal(size=24) * 0.1, np.float32)
LABELS = (TARGET > 0).astype(np.int32)
COUNTS = RNG.poisson(np.exp(TABLE[:, 0] * 0.3)).astype(np.float32)
RATINGS = np.asarray(RNG.normal(size=(6, 2)) @ RNG.normal(size=(2, 5)), np.float32)
SEEN = RNG.random((6, 5)) < 0.8
CLUSTERED = np.concatenate([RNG.normal(size=(10, 2)) * 0.4 + 2, RNG.normal(size=(10, 2)) * 0.4 - 2]).astype(
    np.float32
)


class PCA:
    """Leading components by power iteration and deflation."""

    def __init__(self, components: int, turns: int = 30) -> None:
        self.components, self.turns = components, turns

    def fit(self, table: jax.Array) -> PCA:
        self.mean = jnp.mean(table, axis=0)
        centred = table - self.mean
        covariance = centred.T @ centred / (table.shape[0] - 1)
        vectors, variances = [], []
        for _ in range(self.components):
            vector = jnp.ones((table.shape[1],)) / jnp.sqrt(table.shape[1])
            vector = lax.fori_loop(0, self.turns, lambda _, v, c=covariance: self.normalised(c @ v), vector)
            variance = vector @ covariance @ vector
            covariance = covariance - variance * jnp.outer(vector, vector)
            vectors.append(vector)
            variances.append(variance)
        self.vectors, self.variances = jnp.stack(vectors), jnp.stack(variances)
        return self

    @staticmethod
    def normalised(vector: jax.Array) -> jax.Array:
        return vector * lax.rsqrt(jnp.sum(jnp.square(vector)))

    def transform(self, table: jax.Array) -> jax.Array:
        return (table - self.mean) @ self.vectors.T


def pca(table: jax.Array) -> Any:
    model = PCA(2).fit(table)
    return jnp.abs(model.vectors), model.variances, jnp.abs(model.transform(table))


class GaussianNB:
    """Classes must be known; their members are not."""

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def fit(self, table: jax.Array, labels: jax.Array) -> GaussianNB:
        member = (labels[:, None] == jnp.arange(self.classes)).astype(table.dtype)
        count = member.sum(0)
        self.prior = count / table.shape[0]
        self.mean = jnp.einsum("nk,nd->kd", member, table) / count[:, None]
        gap = table[:, None, :] - self.mean
        self.variance = jnp.einsum("nk,nkd->kd", member, gap**2) / count[:, None] + 1e-3
        return self

    def joint(self, table: jax.Array) -> jax.Array:
        gap = (table[:, None, :] - self.mean) ** 2 / self.variance
        return jnp.log(self.prior) - 0.5 * jnp.sum(jnp.log(2 * jnp.pi * self.variance) + gap, -1)

    def predict(self, table: jax.Array) -> jax.Array:
        return jnp.argmax(self.joint(table), axis=1)

    def predict_log_proba(self, table: jax.Array) -> jax.Array:
        joint = self.joint(table)
        return joint - jax.scipy.special.logsumexp(joint, axis=1, keepdims=True)


def gaussian_nb(table: jax.Array, labels: jax.Array) -> Any:
    model = GaussianNB(2).fit(table, labels)
    return model.predict(table), model.predict_log_proba(table[:4])


def linear_svm(table: jax.Array, labels: jax.Array) -> Any:
    """Pegasos on batches that a public key chooses."""
    sign = 2.0 * labels - 1
    wide = jnp.column_stack([table, jnp.ones(table.shape[0])])

    def turn(weights: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        rows = jax.random.choice(key, table.shape[0], (8,), replace=False)
        margin = sign[rows] * (wide[rows] @ weights)
        gradient = 0.05 * weights - jnp.mean((margin < 1)[:, None] * sign[rows, None] * wide[rows], axis=0)
        return weights - 0.2 * gradient, jnp.mean(jnp.maximum(0, 1 - margin))

    return lax.scan(turn, jnp.zeros(wide.shape[1]), jax.random.split(jax.random.key(3), 6))


def tree_inference(table: jax.Array, features: jax.Array, thresholds: jax.Array, leaves: jax.Array) -> Any:
    """A tree of depth 2 whose every number is secret, by indices and by matching all leaves."""

    def walk(row: jax.Array) -> jax.Array:
        node = jnp.int32(0)
        for _ in range(2):
            node = 2 * node + 1 + (row[features[node]] > thresholds[node]).astype(jnp.int32)
        return leaves[node - 3]

    right = jnp.take(table, features, axis=1) > thresholds
    path = jnp.stack(
        [
            ~right[:, 0] & ~right[:, 1],
            ~right[:, 0] & right[:, 1],
            right[:, 0] & ~right[:, 2],
            right[:, 0] & right[:, 2],
        ]
    )
    return jax.vmap(walk)(table[:6]), jnp.where(path.T, leaves, 0).sum(1)


def stump(table: jax.Array, labels: jax.Array) -> Any:
    """The split of least Gini impurity among all values of all columns."""
    ordered = jnp.sort(table, axis=0)
    cuts = (ordered[1:] + ordered[:-1]) / 2
    left = table[:, None, :] < cuts[None]
    total, positive = table.shape[0], labels.sum()
    left_count, left_positive = left.sum(0), (left * labels[:, None, None]).sum(0)
    impurity = gini(left_count, left_positive) + gini(total - left_count, positive - left_positive)
    best = jnp.unravel_index(jnp.argmin(impurity), impurity.shape)
    return best[1], cuts[best], impurity.min() / total


def gini(count: jax.Array, positive: jax.Array) -> jax.Array:
    share = positive / jnp.maximum(count, 1)
    return count * share * (1 - share)


def nearest_neighbours(table: jax.Array, labels: jax.Array, new: jax.Array) -> Any:
    distance = jnp.sum(new**2, 1)[:, None] - 2 * new @ table.T + jnp.sum(table**2, 1)
    gaps, nearest = lax.top_k(-distance, 3)
    votes = jax.nn.one_hot(labels[nearest], 2).sum(1)
    weights = 1 / (jnp.sqrt(jnp.maximum(-gaps, 0)) + 0.1)
    return jnp.argmax(votes, 1), jnp.average(labels[nearest].astype(float), axis=1, weights=weights)


def boosting_step(table: jax.Array, labels: jax.Array) -> Any:
    """One regression stump on the gradients of the logistic loss, by histograms of public bounds."""
    score = jnp.zeros(table.shape[0])
    for _ in range(2):
        probability = jax.nn.sigmoid(score)
        gradient, hessian = probability - labels, probability * (1 - probability)
        bounds = jnp.linspace(-1.5, 1.5, 5)
        bins = jnp.searchsorted(bounds, table.reshape(-1)).reshape(table.shape)
        hot = jax.nn.one_hot(bins, 6)
        g = jnp.cumsum(jnp.einsum("n,ndb->db", gradient, hot), 1)
        h = jnp.cumsum(jnp.einsum("n,ndb->db", hessian, hot), 1)
        gain = g**2 / (h + 1) + (g[:, -1:] - g) ** 2 / (h[:, -1:] - h + 1)
        best = jnp.argmax(gain[:, :-1].reshape(-1))
        feature, cut = best // 5, best % 5
        goes = jnp.take_along_axis(bins, jnp.full((table.shape[0], 1), feature), 1)[:, 0] <= cut
        weight = jnp.where(goes[:, None], jnp.stack([gradient, hessian], 1), 0).sum(0)
        other = jnp.stack([gradient.sum(), hessian.sum()]) - weight
        score = score - 0.5 * jnp.where(goes, weight[0] / (weight[1] + 1), other[0] / (other[1] + 1))
    return score, feature, cut


def matrix_factors(ratings: jax.Array, seen: jax.Array) -> Any:
    """Alternating least squares: a small system for each row."""
    items = jax.random.normal(jax.random.key(2), (ratings.shape[1], 2)) * 0.5
    known = seen.astype(ratings.dtype)

    def solved(other: jax.Array, values: jax.Array, mask: jax.Array) -> jax.Array:
        normal = jnp.einsum("nm,mi,mj->nij", mask, other, other) + 0.5 * jnp.eye(2)
        return jnp.linalg.solve(normal, ((values * mask) @ other)[..., None])[..., 0]

    users = solved(items, ratings, known)
    items = solved(users, ratings.T, known.T)
    return users @ items.T


def ridge(table: jax.Array, target: jax.Array) -> Any:
    wide = jnp.hstack([table, jnp.ones((table.shape[0], 1))])
    normal = wide.T @ wide / table.shape[0] + 0.01 * jnp.eye(wide.shape[1])
    factor = jax.scipy.linalg.cho_factor(normal)
    weights = jax.scipy.linalg.cho_solve(factor, wide.T @ target / table.shape[0])
    residual = target - wide @ weights
    r2 = 1 - jnp.sum(residual**2) / jnp.sum((target - target.mean()) ** 2)
    return weights, r2, jnp.linalg.inv(normal)


def lasso(table: jax.Array, target: jax.Array) -> Any:
    """Coordinate descent."""
    scale = jnp.mean(table**2, axis=0)

    def one(weights: jax.Array, j: jax.Array) -> tuple[jax.Array, None]:
        rest = target - table @ weights + table[:, j] * weights[j]
        rho = jnp.mean(table[:, j] * rest)
        shrunk = jnp.sign(rho) * jnp.maximum(jnp.abs(rho) - 0.1, 0) / scale[j]
        return weights.at[j].set(shrunk), None

    return lax.scan(one, jnp.zeros(table.shape[1]), jnp.tile(jnp.arange(table.shape[1]), 3))[0]


def newton_logistic(table: jax.Array, labels: jax.Array) -> Any:
    def turn(weights: jax.Array, _: None) -> tuple[jax.Array, None]:
        p = jax.nn.sigmoid(table @ weights)
        gradient = table.T @ (p - labels) / len(labels) + 0.1 * weights
        hessian = (table * (p * (1 - p))[:, None]).T @ table / len(labels) + 0.1 * jnp.eye(table.shape[1])
        return weights - jnp.linalg.solve(hessian, gradient), None

    return lax.scan(turn, jnp.zeros(table.shape[1]), None, length=3)[0]


def poisson_deviance(table: jax.Array, counts: jax.Array) -> Any:
    def loss(weights: jax.Array) -> jax.Array:
        score = table @ weights
        return jnp.mean(jnp.exp(score) - counts * score + jax.lax.lgamma(counts + 1))

    weights = jnp.zeros(table.shape[1])
    for _ in range(4):
        weights = weights - 0.3 * jax.grad(loss)(weights)
    rate = jnp.exp(table @ weights)
    deviance = 2 * jnp.sum(jax.scipy.special.xlogy(counts, jnp.maximum(counts, 1) / rate) - (counts - rate))
    return weights, loss(weights), deviance


def gaussian_mixture(points: jax.Array) -> Any:
    """Expectation and maximisation, in logarithms."""
    means = points[jnp.array([0, 15])]
    variances, weights = jnp.ones(2), jnp.full(2, 0.5)
    for _ in range(3):
        distance = jnp.sum((points[:, None] - means) ** 2, -1)
        logs = jnp.log(weights) - jnp.log(variances) - distance / (2 * variances)
        share = jnp.exp(logs - jax.nn.logsumexp(logs, axis=1, keepdims=True))
        count = share.sum(0)
        weights, means = count / points.shape[0], share.T @ points / count[:, None]
        variances = (share * jnp.sum((points[:, None] - means) ** 2, -1)).sum(0) / (2 * count) + 1e-3
    return means, variances, weights


def kernel_ridge(table: jax.Array, target: jax.Array) -> Any:
    distance = jnp.sum((table[:8, None] - table[None, :8]) ** 2, -1)
    kernel = jnp.exp(-distance / 4)
    return jax.scipy.linalg.solve(kernel + 0.5 * jnp.eye(8), target[:8], assume_a="pos")


def preprocessing(table: jax.Array) -> Any:
    scaled = (table - table.mean(0)) / table.std(0)
    unit = (table - table.min(0)) / (table.max(0) - table.min(0))
    clipped = jnp.clip(table, jnp.quantile(table, 0.25, axis=0), jnp.quantile(table, 0.75, axis=0))
    binned = jnp.digitize(table, jnp.array([-1.0, 0.0, 1.0]))
    norm = table / jnp.linalg.norm(table, axis=1, keepdims=True)
    return scaled, unit, clipped, binned, norm, jnp.median(table, 0), jnp.corrcoef(table.T)


def metrics(target: jax.Array, labels: jax.Array) -> Any:
    score = jax.nn.sigmoid(target)
    guess = (score > 0.6).astype(jnp.int32)
    confusion = jnp.zeros((2, 2), jnp.int32).at[labels, guess].add(1)
    precision = confusion[1, 1] / (confusion[0, 1] + confusion[1, 1])
    order = jnp.argsort(-score)
    hits = jnp.cumsum(labels[order])
    loss = -jnp.mean(labels * jnp.log(score + 1e-4) + (1 - labels) * jnp.log(1 - score + 1e-4))
    return confusion, precision, hits, loss, jnp.mean(guess == labels)


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], float]] = {
    "pca": (pca, (TABLE,), 1e-2),
    "gaussian_nb": (gaussian_nb, (TABLE, LABELS), 5e-3),
    "linear_svm": (linear_svm, (TABLE, LABELS), 2e-3),
    "tree_inference": (
        tree_inference,
        (
            TABLE,
            np.array([0, 1, 2], np.int32),
            np.array([0.1, -0.2, 0.3], np.float32),
            np.array([1.0, -1.0, 2.0, 0.5], np.float32),
        ),
        1e-3,
    ),
    "stump": (stump, (TABLE, LABELS), 2e-3),
    "nearest_neighbours": (nearest_neighbours, (TABLE[:16], LABELS[:16], TABLE[16:]), 2e-3),
    "boosting_step": (boosting_step, (TABLE, LABELS), 2e-3),
    "matrix_factors": (matrix_factors, (RATINGS, SEEN), 5e-3),
    "ridge": (ridge, (TABLE, TARGET), 5e-3),
    "lasso": (lasso, (TABLE, TARGET), 5e-3),
    "newton_logistic": (newton_logistic, (TABLE, LABELS), 5e-3),
    "poisson_deviance": (poisson_deviance, (TABLE * np.float32(0.5), COUNTS), 5e-3),
    "gaussian_mixture": (gaussian_mixture, (CLUSTERED,), 5e-3),
    "kernel_ridge": (kernel_ridge, (TABLE, TARGET), 5e-3),
    "preprocessing": (preprocessing, (TABLE,), 5e-3),
    "metrics": (metrics, (TARGET, LABELS), 5e-3),
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["plain", "secure", "pair"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_learner_finds_what_jax_finds(name: str, engine: str) -> None:
    function, args, tolerance = PROGRAMS[name]
    runner = Engine(engine)
    agree(runner.run(function, *args), jax.jit(function)(*args), tolerance)
    assert runner.overflows == []
