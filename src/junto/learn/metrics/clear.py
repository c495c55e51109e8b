"""Metrics in the clear, at one party."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.learn.examine import matrix

Floats = NDArray[np.float64]

LEAST = 1e-4
"""Probabilities are kept from 0 and 1 by this much."""


def roc_auc_score(y_true: Any, y_score: Any) -> float:
    """Mann and Whitney's statistic, by mean ranks."""
    y, score = _labels(y_true), _vector(y_score)
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    positive = y.sum()
    return float((ranks @ y - positive * (positive + 1) / 2) / (positive * (len(y) - positive)))


def accuracy_score(y_true: Any, y_pred: Any) -> float:
    """The mean of what agrees."""
    return float(np.mean(_vector(y_true) == _vector(y_pred)))


def log_loss(y_true: Any, y_prob: Any) -> float:
    """Cross entropy."""
    y, p = _labels(y_true), np.clip(_vector(y_prob), LEAST, 1 - LEAST)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def root_mean_squared_error(y_true: Any, y_pred: Any) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean((_vector(y_true) - _vector(y_pred)) ** 2)))


def r2_score(y_true: Any, y_pred: Any) -> float:
    """1 - residual / total variance."""
    y = _vector(y_true)
    return float(1 - np.sum((y - _vector(y_pred)) ** 2) / np.sum((y - y.mean()) ** 2))


def ks(y_true: Any, y_score: Any) -> float:
    """The greatest distance of the two classes' distribution functions."""
    y, score = _labels(y_true), _vector(y_score)
    levels, place = np.unique(score, return_inverse=True)
    positive = np.bincount(place, y, len(levels)).cumsum() / y.sum()
    negative = np.bincount(place, 1 - y, len(levels)).cumsum() / (1 - y).sum()
    return float(np.abs(positive - negative).max())


def gains_table(y_true: Any, y_score: Any, bins: int) -> dict[str, NDArray[Any]]:
    """See `junto.learn.metrics.gains_table`."""
    y, score = _labels(y_true), _vector(y_score)
    order = np.argsort(-score, kind="stable")
    groups = np.array_split(order, min(bins, len(y)))
    rows = np.array([len(group) for group in groups])
    positives = np.array([y[group].sum() for group in groups])
    gain = positives.cumsum() / y.sum()
    return {
        "rows": rows,
        "positives": positives.astype(np.int64),
        "least_score": np.array([score[group[-1]] for group in groups]),
        "rate": positives / rows,
        "gain": gain,
        "lift": gain / (rows.cumsum() / len(y)),
        "ks": gain - (rows - positives).cumsum() / (len(y) - y.sum()),
    }


def population_stability_index(expected: Any, actual: Any, bins: int) -> float:
    """See `junto.learn.metrics.population_stability_index`."""
    then, now = _vector(expected), _vector(actual)
    edges = np.unique(np.quantile(then, np.linspace(0, 1, bins + 1)[1:-1]))
    e, a = (_parts(each, edges) for each in (then, now))
    return float(np.sum((a - e) * np.log(a / e)))


def _parts(values: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return np.maximum(counts, 0.5) / len(values)


def _vector(values: Any) -> Floats:
    return matrix(values, vector=True)[1][:, 0]


def _labels(values: Any) -> Floats:
    y = _vector(values)
    if not (np.isin(y, (0, 1)).all() and 0 < y.sum() < len(y)):
        raise ValueError("a label is other than 0 and 1, or has one class only")
    return y
