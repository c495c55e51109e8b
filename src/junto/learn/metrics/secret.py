"""Metrics on the SPU: nobody sees label or score.

What a metric is not defined for, labels of one class or of other values than 0 and 1, shows when it is
revealed: as NaN. Before that nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from junto.learn import magnitude
from junto.learn.scaled import DIGITS, EXPONENT, aligned, unit

SURPRISE: Final = 52 * math.log(2)
"""The loss of what had no chance and came true: scikit-learn keeps chances 2.2e-16, 2**-52, from 0."""

VALUE, DEFINED = "value", "defined"


def where_defined(told: Any) -> Any:
    """In the clear: NaN if it is not."""
    return told[VALUE] if told[DEFINED] else float("nan")


def within(least: float, most: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A metric that roundings do not take out of its range; what it says besides is left as it is."""

    def keep(metric: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(metric)
        def kept(y_true: Any, y_pred: Any) -> Any:
            found = metric(y_true, y_pred)
            value, *more = found if isinstance(found, tuple) else (found,)
            value = jnp.minimum(value, most) if np.isfinite(most) else value
            value = jnp.maximum(value, least) if np.isfinite(least) else value
            return (value, *more) if more else value

        return kept

    return keep


@within(0, 1)
def roc_auc_score(y_true: Any, y_score: Any) -> Any:
    """Mann and Whitney's statistic, and whether there are two classes.

    Sorted by score, each positive has so many negatives before it. Rows are sorted twice, among equal scores
    the positives once last and once first: the mean of both is that in which ties count half.
    """
    y, score = _vector(y_true), _vector(y_score)
    bits = len(y).bit_length()
    before = (_before(_sorted(score, y), bits) + _before(-_sorted(score, -y), bits)) / 2
    positive = jnp.sum(y)
    negative = (len(y) - positive) * 2.0**-bits
    # the larger quotient first: it has the more digits
    return before / negative / positive, _all(_classes(y)) & jnp.any(y != y[0])


def _sorted(score: Any, label: Any) -> Any:
    return jax.lax.sort((score, label), num_keys=2)[1]


def _before(y: Any, bits: int) -> Any:
    """Negatives before each positive, summed, in parts of 2**bits: exactly up to 2**18 rows."""
    return jnp.sum(y * (jnp.cumsum(1 - y) * 2.0**-bits))


@within(0, 1)
def accuracy_score(y_true: Any, y_pred: Any) -> Any:
    """The mean of what agrees."""
    return magnitude.mean((_vector(y_true) == _vector(y_pred)).astype(jnp.float32))


@within(0, 1)
def precision_score(y_true: Any, y_pred: Any) -> Any:
    """Of the rows that were guessed to be 1, the part that is; and whether all are 0 or 1."""
    y, guess = _vector(y_true), _vector(y_pred)
    return _part(jnp.sum(y * guess), jnp.sum(guess)), _all(_classes(y) & _classes(guess))


@within(0, 1)
def recall_score(y_true: Any, y_pred: Any) -> Any:
    """Of the rows that are 1, the part that was guessed; likewise."""
    return precision_score(y_pred, y_true)


@within(0, 1)
def f1_score(y_true: Any, y_pred: Any) -> Any:
    """The harmonic mean of both; likewise."""
    y, guess = _vector(y_true), _vector(y_pred)
    return _part(2 * jnp.sum(y * guess), jnp.sum(y + guess)), _all(_classes(y) & _classes(guess))


def _part(some: Any, all_of_them: Any) -> Any:
    """Of counts; 0 of none."""
    return some / jnp.maximum(all_of_them, 1)


@within(0, np.inf)
def log_loss(y_true: Any, y_prob: Any) -> Any:
    """Cross entropy, by one logarithm a row: of what came true; and whether there are classes and chances."""
    y, p = _vector(y_true), _vector(y_prob)
    given = jnp.where(y == 1, p, 1 - p)
    possible = given > 0
    losses = jnp.where(possible, -jnp.log(jnp.where(possible, jnp.minimum(given, 1), 1)), SURPRISE)
    chances = (given > -LOOSE) & (given < 1 + LOOSE)
    return magnitude.mean(losses), _all(_classes(y) & chances)


@within(0, 1)
def brier_score_loss(y_true: Any, y_prob: Any) -> Any:
    """Mean square of what was missing; and whether there are classes and chances."""
    y, p = _vector(y_true), _vector(y_prob)
    chances = (p > -LOOSE) & (p < 1 + LOOSE)
    return magnitude.mean((p - y) ** 2), _all(_classes(y) & chances)


LOOSE: Final = 1e-4
"""Probabilities that were computed on an SPU may be beyond 0 and 1 by this much."""


def _classes(y: Any) -> Any:
    return (y == 0) | (y == 1)


def _all(good: Any) -> Any:
    return jnp.logical_not(jnp.any(jnp.logical_not(good)))


def root_mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The root of the mean square: digits, exponent, and two to that power."""
    gaps, exponent, _ = _gaps(y_true, y_pred)
    found = magnitude.root_mean_square(gaps, exponent)
    return found.digits, found.exponent, unit(found.exponent)


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean square, likewise."""
    digits, exponent, power = root_mean_squared_error(y_true, y_pred)
    return digits * digits, 2 * exponent, power * power


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean of what each guess is off by, likewise."""
    gaps, exponent, _ = _gaps(y_true, y_pred)
    exponent = jnp.asarray(exponent, jnp.int32)
    return magnitude.mean(jnp.abs(gaps)), exponent, unit(exponent)


@within(-np.inf, 1)
def r2_score(y_true: Any, y_pred: Any) -> Any:
    """1 - residual / total variance; of a constant label 1 if all is right, else 0."""
    label, own = _parts(y_true)
    gaps, exponent, exact = _gaps(y_true, y_pred)
    noise = magnitude.LAST if exact else 2 * len(gaps) * magnitude.LAST
    rest = magnitude.norm(gaps, exponent, noise)
    total = magnitude.norm(magnitude.centred(label), own)
    varies = jnp.any(label != label[0])
    part = magnitude.ratio(rest, magnitude.Norm(jnp.where(varies, total.digits, 1.0), total.exponent))
    return jnp.where(varies, 1 - part * part, (rest.digits == 0).astype(jnp.float32))


def _gaps(y_true: Any, y_pred: Any) -> tuple[Any, Any, bool]:
    """Differences, their exponent, and whether they are exact."""
    (y, own), (guess, other) = _parts(y_true), _parts(y_pred)
    if isinstance(own, int) and isinstance(other, int):
        return y - guess, 0, True
    y, guess, common = aligned(y, own, guess, other)
    return y - guess, common, False


def _parts(value: Any) -> tuple[Any, Any]:
    """Digits and exponent; 0 of what has none."""
    if isinstance(value, dict):
        return _vector(value[DIGITS]), value[EXPONENT]
    return _vector(value), 0


def _vector(values: Any) -> Any:
    """The last column."""
    array = jnp.asarray(values)
    return (array if array.ndim == 1 else array[:, -1]).astype(jnp.float32)
