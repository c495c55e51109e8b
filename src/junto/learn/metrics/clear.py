"""Metrics in the clear, at one party."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.errors import LearnError
from junto.learn.metrics import averages
from junto.learn.metrics.arguments import MetricForm, in_clear, numbers, require_whole
from junto.learn.metrics.averages import USUAL, Averaging, require_alike

Floats = NDArray[np.float64]

AUC = MetricForm(classes=True, ordered=True)
BINARY = MetricForm()
CHANCES = MetricForm(columns=2, classes=True)
SAME = MetricForm(text=True)
ERRORS = MetricForm()
VARIANCE = MetricForm(least=2)
"""What each metric takes."""

UNIFORM, QUANTILE = "uniform", "quantile"
"""Bins of the same width, or of as many rows."""

ROUNDING = 1e-5
"""Probabilities that an SPU has shown may be beyond 0 and 1 by this much."""


def roc_auc_score(y_true: Any, y_score: Any, weight: Any = None) -> float:
    """Mann and Whitney's statistic: of each level of scores the negatives below it, and half of its own."""
    y, score, w = in_clear(AUC, y_true, y_score, weight)
    levels, place = np.unique(score, return_inverse=True)
    positive, negative = (np.bincount(place, w * each, len(levels)) for each in (y, 1 - y))
    pairs = positive.sum() * negative.sum()
    if not pairs:
        raise LearnError("all rows of a class have the weight 0", fix="rows of both classes must count")
    return float(positive @ (negative.cumsum() - negative / 2) / pairs)


def accuracy_score(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """The mean of what agrees."""
    y, guess, w = in_clear(SAME, y_true, y_pred, weight)
    require_alike(y, guess)
    return _mean(require_whole(y) == require_whole(guess), w)


def precision_score(y_true: Any, y_pred: Any, weight: Any = None, how: Averaging = USUAL) -> Any:
    """Of the rows that were guessed to be of a class, the part that is."""
    return averages.score(averages.PRECISION, (y_true, y_pred, weight), how)


def recall_score(y_true: Any, y_pred: Any, weight: Any = None, how: Averaging = USUAL) -> Any:
    """Of the rows that are of a class, the part that was guessed."""
    return averages.score(averages.RECALL, (y_true, y_pred, weight), how)


def f1_score(y_true: Any, y_pred: Any, weight: Any = None, how: Averaging = USUAL) -> Any:
    """The harmonic mean of both."""
    return averages.score(averages.F1, (y_true, y_pred, weight), how)


def log_loss(y_true: Any, y_prob: Any, weight: Any = None) -> float:
    """Cross entropy; no probability is nearer to 0 or 1 than one of float64 can be to 1."""
    y, p, w = _chances(y_true, y_prob, weight)
    eps = np.finfo(np.float64).eps
    given = np.clip(np.where(y > 0, p, 1 - p), eps, 1 - eps)
    return -_mean(np.log(given), w)


def brier_score_loss(y_true: Any, y_prob: Any, weight: Any = None) -> float:
    """The mean square."""
    y, p, w = _chances(y_true, y_prob, weight)
    return _mean((p - y) ** 2, w)


def _mean(values: Any, weights: Floats) -> float:
    return float(np.average(values, weights=weights))


def calibration_curve(y_true: Any, y_prob: Any, n_bins: int, strategy: str) -> dict[str, NDArray[Any]]:
    """See `junto.learn.metrics.calibration_curve`."""
    y, p, _ = _chances(y_true, y_prob)
    parts = np.linspace(0, 1, n_bins + 1)
    edges = parts if strategy == UNIFORM else np.quantile(p, parts)
    place = np.searchsorted(edges[1:-1], p)
    rows = np.bincount(place, minlength=n_bins)
    some = rows > 0
    true, chance = (np.bincount(place, each, n_bins)[some] / rows[some] for each in (y, p))
    return {"prob_true": true, "prob_pred": chance, "rows": rows[some]}


def _chances(y_true: Any, y_prob: Any, weight: Any = None) -> tuple[Any, Any, Floats]:
    y, p, w = in_clear(CHANCES, y_true, y_prob, weight)
    if p.min() < -ROUNDING or p.max() > 1 + ROUNDING:
        raise LearnError("a probability lies beyond 0 and 1", fix="pass what predict_proba says")
    return y, np.clip(p, 0, 1), w


def root_mean_squared_error(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """The root of the mean square."""
    return math.sqrt(mean_squared_error(y_true, y_pred, weight))


def mean_squared_error(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """The mean square."""
    y, guess, w = in_clear(ERRORS, y_true, y_pred, weight)
    return _mean((y - guess) ** 2, w)


def mean_absolute_error(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """The mean of what each guess is off by."""
    y, guess, w = in_clear(ERRORS, y_true, y_pred, weight)
    return _mean(np.abs(y - guess), w)


def r2_score(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """1 - residual / total variance; of a constant label 1 if all is right, else 0."""
    y, guess, w = in_clear(VARIANCE, y_true, y_pred, weight)
    rest, total = w @ (y - guess) ** 2, w @ (y - _mean(y, w)) ** 2
    if np.ptp(y[w > 0]) == 0:
        return float(rest == 0)
    return float(1 - rest / total)


def ks(y_true: Any, y_score: Any) -> float:
    """The greatest distance of the two classes' distribution functions."""
    y, score, _ = in_clear(AUC, y_true, y_score)
    levels, place = np.unique(score, return_inverse=True)
    positive = np.bincount(place, y, len(levels)).cumsum() / y.sum()
    negative = np.bincount(place, 1 - y, len(levels)).cumsum() / (1 - y).sum()
    return float(np.abs(positive - negative).max())


def gains_table(y_true: Any, y_score: Any, bins: int) -> dict[str, NDArray[Any]]:
    """See `junto.learn.metrics.gains_table`."""
    y, score, _ = in_clear(AUC, y_true, y_score)
    order = np.argsort(-np.unique(score, return_inverse=True)[1], kind="stable")
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
    then, now = numbers(expected), numbers(actual)
    edges = np.unique(np.quantile(then, np.linspace(0, 1, bins + 1)[1:-1]))
    e, a = (_parts(each, edges) for each in (then, now))
    return float(np.sum((a - e) * np.log(a / e)))


def _parts(values: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return np.maximum(counts, 0.5) / len(values)
