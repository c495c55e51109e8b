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
        def kept(*given: Any) -> Any:
            found = metric(*given)
            value, *more = found if isinstance(found, tuple) else (found,)
            value = jnp.minimum(value, most) if np.isfinite(most) else value
            value = jnp.maximum(value, least) if np.isfinite(least) else value
            return (value, *more) if more else value

        return kept

    return keep


@within(0, 1)
def roc_auc_score(y_true: Any, y_score: Any, weight: Any = None) -> Any:
    """Mann and Whitney's statistic, and whether there are two classes.

    Sorted by score, each positive has so many negatives before it. Rows are sorted twice, among equal scores
    the positives once last and once first: the mean of both is that in which ties count half.
    """
    y, score = _vector(y_true), _vector(y_score)
    bits = len(y).bit_length()
    known = _all(_classes(y))
    if weight is None:
        before = (_before(*_sorted(score, y), bits) + _before(*_turned(_sorted(score, -y)), bits)) / 2
        positive = jnp.sum(y)
        negative = (len(y) - positive) * 2.0**-bits
        # the larger quotient first: it has the more digits
        return before / negative / positive, known & jnp.any(y != y[0])
    w = _vector(weight)
    before = (_before(*_sorted(score, y, w), bits) + _before(*_turned(_sorted(score, -y, w)), bits)) / 2
    positive, negative = jnp.sum(w * y), jnp.sum(w * (1 - y)) * 2.0**-bits
    both = (positive > 0) & (negative > 0)
    return _quotient(_quotient(before, negative), positive), known & both


def _sorted(score: Any, label: Any, *weight: Any) -> Any:
    return jax.lax.sort((score, label, *weight), num_keys=2)[1:]


def _turned(found: Any) -> Any:
    """The labels, of which less was sorted."""
    return -found[0], *found[1:]


def _before(y: Any, *more: Any) -> Any:
    """Negatives before each positive, summed, in parts of 2**bits: exactly up to 2**18 rows."""
    *weight, bits = more
    positive, negative = (y * weight[0], (1 - y) * weight[0]) if weight else (y, 1 - y)
    return jnp.sum(positive * (jnp.cumsum(negative) * 2.0**-bits))


@within(0, 1)
def accuracy_score(y_true: Any, y_pred: Any, weight: Any = None) -> Any:
    """The mean of what agrees."""
    return _mean((_vector(y_true) == _vector(y_pred)).astype(jnp.float32), weight)


@within(0, 1)
def precision_score(y_true: Any, y_pred: Any, weight: Any = None) -> Any:
    """Of the rows that were guessed to be 1, the part that is; and whether all are 0 or 1."""
    y, guess = _vector(y_true), _vector(y_pred)
    return _part(y * guess, guess, weight), _all(_classes(y) & _classes(guess))


@within(0, 1)
def recall_score(y_true: Any, y_pred: Any, weight: Any = None) -> Any:
    """Of the rows that are 1, the part that was guessed; likewise."""
    return precision_score(y_pred, y_true, weight)


@within(0, 1)
def f1_score(y_true: Any, y_pred: Any, weight: Any = None) -> Any:
    """The harmonic mean of both; likewise."""
    y, guess = _vector(y_true), _vector(y_pred)
    return _part(2 * (y * guess), y + guess, weight), _all(_classes(y) & _classes(guess))


def _part(some: Any, all_of_them: Any, weight: Any) -> Any:
    """The sum of numbers over that of others; 0 if that is 0."""
    if weight is None:
        return jnp.sum(some) / jnp.maximum(jnp.sum(all_of_them), 1)
    w = _vector(weight)
    return _quotient(jnp.sum(some * w), jnp.sum(all_of_them * w))


def _mean(values: Any, weight: Any) -> Any:
    """The mean of numbers up to 64, as rows weigh."""
    if weight is None:
        return magnitude.mean(values)
    w, down = _vector(weight), 2.0 ** -max(0, len(values).bit_length() - 19)
    return _quotient(jnp.sum(values * w) * down, jnp.sum(w) * down)


def _quotient(some: Any, whole: Any) -> Any:
    """0 of nothing."""
    there = whole > 0
    return jnp.where(there, some, 0.0) / jnp.where(there, whole, 1.0)


@within(0, np.inf)
def log_loss(y_true: Any, y_prob: Any, weight: Any = None) -> Any:
    """Cross entropy, by one logarithm a row: of what came true; and whether there are classes and chances."""
    y, p = _vector(y_true), _vector(y_prob)
    given = jnp.where(y == 1, p, 1 - p)
    possible = given > 0
    losses = jnp.where(possible, -jnp.log(jnp.where(possible, jnp.minimum(given, 1), 1)), SURPRISE)
    chances = (given > -LOOSE) & (given < 1 + LOOSE)
    return _mean(losses, weight), _all(_classes(y) & chances)


@within(0, 1)
def brier_score_loss(y_true: Any, y_prob: Any, weight: Any = None) -> Any:
    """Mean square of what was missing; and whether there are classes and chances."""
    y, p = _vector(y_true), _vector(y_prob)
    chances = (p > -LOOSE) & (p < 1 + LOOSE)
    return _mean((p - y) ** 2, weight), _all(_classes(y) & chances)


LOOSE: Final = 1e-4
"""Probabilities that were computed on an SPU may be beyond 0 and 1 by this much."""


def _classes(y: Any) -> Any:
    return (y == 0) | (y == 1)


def _all(good: Any) -> Any:
    return jnp.logical_not(jnp.any(jnp.logical_not(good)))


def root_mean_squared_error(y_true: Any, y_pred: Any, weight: Any = None) -> Any:
    """The root of the mean square: digits, exponent, and two to that power."""
    gaps, exponent, _ = _gaps(y_true, y_pred)
    found = magnitude.root_mean_square(gaps, exponent, None if weight is None else _vector(weight))
    return found.digits, found.exponent, unit(found.exponent)


def mean_squared_error(y_true: Any, y_pred: Any, weight: Any = None) -> Any:
    """The mean square, likewise."""
    digits, exponent, power = root_mean_squared_error(y_true, y_pred, weight)
    return digits * digits, 2 * exponent, power * power


def mean_absolute_error(y_true: Any, y_pred: Any, weight: Any = None) -> Any:
    """The mean of what each guess is off by, likewise."""
    gaps, exponent, _ = _gaps(y_true, y_pred)
    found, more = jnp.abs(gaps), 0
    if weight is None:
        found = magnitude.mean(found)
    else:
        found, more = magnitude.weighted_mean(found, _vector(weight))
    exponent = jnp.asarray(exponent + more, jnp.int32)
    return found, exponent, unit(exponent)


@within(-np.inf, 1)
def r2_score(y_true: Any, y_pred: Any, weight: Any = None) -> Any:
    """1 - residual / total variance; of a constant label 1 if all is right, else 0."""
    label, own = _parts(y_true)
    gaps, exponent, exact = _gaps(y_true, y_pred)
    noise = magnitude.LAST if exact else 2 * len(gaps) * magnitude.LAST
    if weight is None:
        varies, apart = jnp.any(label != label[0]), magnitude.centred(label)
    else:
        w = _vector(weight)
        root, away = jnp.sqrt(w), label - label[jnp.argmax(w)]  # of a row that counts
        varies, gaps = jnp.any((away != 0) & (w > 0)), gaps * root
        apart = magnitude.centred_as_weighed(away, w) * root
    rest, total = magnitude.norm(gaps, exponent, noise), magnitude.norm(apart, own)
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
