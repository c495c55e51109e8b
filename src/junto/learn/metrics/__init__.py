"""How good scores are.

Every metric is computed where its arguments are. Handles at one party: there, in plain Python, and the result
is a handle there. A value on an SPU among them: on the SPU, label and scores unseen, and the result is a
secret, for those metrics that know how. Move scores to the label's owner (``scores.to(bob)``) to judge them
in the clear on purpose: it then knows them.

    roc_auc_score, accuracy_score, log_loss, root_mean_squared_error, r2_score      anywhere
    ks, gains_table, population_stability_index                                     at one party
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from junto.device.pyu import PYUObject
from junto.device.spu.object import SPUObject
from junto.errors import LearnError
from junto.learn.metrics import clear, secret

__all__ = [
    "accuracy_score",
    "gains_table",
    "ks",
    "log_loss",
    "population_stability_index",
    "r2_score",
    "roc_auc_score",
    "root_mean_squared_error",
]


def roc_auc_score(y_true: Any, y_score: Any) -> Any:
    """Area under the ROC curve: the probability that a positive has the higher score; ties count half.

    On the SPU it sorts the scores; their precision there is 4e-6, and what is nearer than that is a tie.

    Args:
        y_true: labels of 0 and 1, a handle.
        y_score: scores, a handle.

    Raises:
        LearnError: the handles live apart, on none of them an SPU.
    """
    return _where_they_are(clear.roc_auc_score, secret.roc_auc_score, y_true, y_score)


def accuracy_score(y_true: Any, y_pred: Any) -> Any:
    """The part of the labels that was guessed. Arguments and errors: as `roc_auc_score`."""
    return _where_they_are(clear.accuracy_score, secret.accuracy_score, y_true, y_pred)


def log_loss(y_true: Any, y_prob: Any) -> Any:
    """Mean -log of the probability that was given to what came true. `y_prob`: of the class 1, [rows].

    Probabilities are kept from 0 and 1 by 1e-4 (on the SPU, and so everywhere). Errors: as `roc_auc_score`.
    """
    return _where_they_are(clear.log_loss, secret.log_loss, y_true, y_prob)


def root_mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The root of the mean squared error. Arguments and errors: as `roc_auc_score`."""
    return _where_they_are(clear.root_mean_squared_error, secret.root_mean_squared_error, y_true, y_pred)


def r2_score(y_true: Any, y_pred: Any) -> Any:
    """The part of the label's variance that is explained. Arguments and errors: as `roc_auc_score`."""
    return _where_they_are(clear.r2_score, secret.r2_score, y_true, y_pred)


def ks(y_true: PYUObject, y_score: PYUObject) -> Any:
    """Kolmogorov and Smirnov's statistic: how far apart the scores of the two classes lie, from 0 to 1.

    Args:
        y_true: labels of 0 and 1, a handle at one party.
        y_score: scores, a handle at the same one.

    Raises:
        LearnError: they are elsewhere.
    """
    return _at_one_party(clear.ks, y_true, y_score)


def gains_table(y_true: PYUObject, y_score: PYUObject, bins: int = 10) -> Any:
    """Rows in groups of equal size, highest scores first.

    Returns:
        A handle of arrays by name, one number a group: ``rows``, ``positives``, ``least_score``, ``rate`` (of
        positives), ``gain`` (part of all positives up to here), ``lift`` (their rate up to here, over that of
        all rows) and ``ks`` (difference of the parts of positives and negatives up to here).

    Raises:
        LearnError: as `ks`.
    """
    return _at_one_party(clear.gains_table, y_true, y_score, bins)


def population_stability_index(expected: PYUObject, actual: PYUObject, bins: int = 10) -> Any:
    """How much a score's distribution has moved: sum((a - e) log(a / e)) over quantiles of `expected`.

    Below 0.1 is usually called stable, above 0.25 moved. An empty group counts as half a row.

    Args:
        expected: scores of the population of then, a handle at one party.
        actual: those of now, at the same one.
        bins: how many quantiles.

    Raises:
        LearnError: as `ks`.
    """
    return _at_one_party(clear.population_stability_index, expected, actual, bins)


def _where_they_are(in_clear: Callable[..., Any], on_spu: Callable[..., Any], first: Any, second: Any) -> Any:
    for value in (first, second):
        if isinstance(value, SPUObject):
            return value.device(on_spu)(first, second)
    return _at_one_party(in_clear, first, second)


def _at_one_party(function: Callable[..., Any], first: Any, second: Any, *more: Any) -> Any:
    if isinstance(first, PYUObject) and isinstance(second, PYUObject) and first.device == second.device:
        return first.device(function)(first, second, *more)
    raise LearnError(
        f"a metric needs its two arguments at one party, not {first!r} and {second!r}",
        fix="move the scores to the label's owner, which may then read them: scores.to(bob)",
    )
