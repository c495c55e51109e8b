"""Metrics on the SPU: nobody sees label or score."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from junto.learn.metrics.clear import LEAST


def roc_auc_score(y_true: Any, y_score: Any) -> Any:
    """Mann and Whitney's statistic from ranks.

    Rows are sorted twice, among equal scores the positives once last and once first: the mean of both ranks
        is that in which ties count half.
    """
    y, score = _vector(y_true), _vector(y_score)
    count = len(y)
    ranks = jnp.arange(count) / count
    mean_rank = (_sorted(score, y) @ ranks + -_sorted(score, -y) @ ranks) / 2
    positive = jnp.mean(y)
    # in parts of the count: ranks begin with 0
    return (mean_rank / count - positive * (positive - 1 / count) / 2) / (positive * (1 - positive))


def _sorted(score: Any, label: Any) -> Any:
    return jax.lax.sort((score, label), num_keys=2)[1]


def accuracy_score(y_true: Any, y_pred: Any) -> Any:
    """The mean of what agrees."""
    return jnp.mean((_vector(y_true) == _vector(y_pred)).astype(jnp.float32))


def log_loss(y_true: Any, y_prob: Any) -> Any:
    """Cross entropy, by one logarithm a row: of what came true."""
    y, p = _vector(y_true), _vector(y_prob)
    given = 1 - p + y * (2 * p - 1)
    return -jnp.mean(jnp.log(jnp.clip(given, LEAST, 1 - LEAST)))


def root_mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The root of the mean square."""
    return jnp.sqrt(jnp.mean((_vector(y_true) - _vector(y_pred)) ** 2))


def r2_score(y_true: Any, y_pred: Any) -> Any:
    """1 - residual / total variance."""
    y = _vector(y_true)
    return 1 - jnp.mean((y - _vector(y_pred)) ** 2) / jnp.mean((y - jnp.mean(y)) ** 2)


def _vector(values: Any) -> Any:
    return jnp.asarray(values).reshape(-1).astype(jnp.float32)
