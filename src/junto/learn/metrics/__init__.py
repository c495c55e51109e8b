"""How good scores are.

Every metric is computed where its arguments are. Handles at one party: there, in plain Python, and the result
is a handle there. A value on an SPU among them: on the SPU, label and scores unseen, and the result is a
secret, for those metrics that know how. Move scores to the label's owner (``scores.to(bob)``) to judge them
in the clear on purpose: it then knows them. A frame with one column, ``frame["label"]``, is a handle, too.

    roc_auc_score, accuracy_score, log_loss, brier_score_loss,
    precision_score, recall_score, f1_score,
    mean_squared_error, root_mean_squared_error, mean_absolute_error,
    r2_score                                                                anywhere
    ks, gains_table, calibration_curve, population_stability_index          at one party
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from junto.device.boundary import public
from junto.device.pyu import PYUObject
from junto.device.spu.layout import parse
from junto.device.spu.object import SPUObject
from junto.device.spu.spu_device import SpuDevice
from junto.errors import LearnError
from junto.frame.frame_steps import FrameStep
from junto.learn.dataset import only_part
from junto.learn.metrics import averages, clear, secret
from junto.learn.metrics.arguments import (
    MetricForm,
    as_binary,
    as_classes,
    as_labels,
    as_ranks,
    as_vector,
    as_weights,
    in_digits,
    require_shapes,
)
from junto.learn.metrics.averages import Averaging
from junto.learn.scaled import DIGITS, is_scaled, scaled, unscaled

__all__ = [
    "accuracy_score",
    "brier_score_loss",
    "calibration_curve",
    "f1_score",
    "gains_table",
    "ks",
    "log_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "population_stability_index",
    "precision_score",
    "r2_score",
    "recall_score",
    "roc_auc_score",
    "root_mean_squared_error",
]

AVERAGES = (averages.BINARY, averages.MICRO, averages.MACRO, averages.WEIGHTED)
Bins = Annotated[int, "[1, inf)"]


@public
def roc_auc_score(y_true: Any, y_score: Any, *, sample_weight: Any = None) -> Any:
    """Area under the ROC curve: the probability that a positive has the higher score; ties count half.

    On the SPU it sorts the scores; what is nearer than 4e-6 on the SPU already is a tie.

    Args:
        y_true: labels, a handle [rows]; two classes, on the SPU 0 and 1.
        y_score: scores, a handle [rows].
        sample_weight: how much each row counts, a handle [rows] of numbers from 0 on; on an SPU already
            from 0 to 1. None: all rows alike.

    Returns:
        A handle. On the SPU of what is shown as NaN if the labels were of one class, or not 0 and 1.

    Raises:
        LearnError: the handles live apart, on none of them an SPU; on an SPU their lengths differ, or one is
            neither a vector nor a table of one column.
        RemoteError: when the result is used: the same, in the clear; or there are not two classes.
    """
    return _AUC(y_true, y_score, sample_weight)


@public
def accuracy_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> Any:
    """The part of the labels that was guessed.

    Args:
        y_true: labels, a handle [rows], of any classes.
        y_pred: what was guessed, a handle [rows].
        sample_weight: as in `roc_auc_score`.

    Raises:
        LearnError, RemoteError: as `roc_auc_score`; of numbers with decimals, but not of those that are on an
            SPU already.
    """
    return _ACCURACY(y_true, y_pred, sample_weight)


@public
def precision_score(
    y_true: Any,
    y_pred: Any,
    *,
    pos_label: bool | float | str = 1,
    labels: Sequence[Any] | None = None,
    average: Annotated[str, AVERAGES] | None = averages.BINARY,
    zero_division: Annotated[float, "[0, 1]"] = 0.0,
    sample_weight: Any = None,
) -> Any:
    """Of the rows that were guessed to be of a class, the part that is; 0 if there are none.

    Args:
        y_true: labels of 0 and 1, a handle [rows]; at a party of any classes.
        y_pred: what was guessed, likewise.
        pos_label: at a party, the class that is looked for, of two.
        labels: with an average but ``binary``, the classes that count, in their order; None: all.
        average: ``binary``; or at a party ``micro`` (of all rows together), ``macro`` (the mean over the
            classes), ``weighted`` (as many rows as they have), or None: a number for each class.
        zero_division: what it is where there are no such rows, at a party.
        sample_weight: as in `roc_auc_score`.

    Returns:
        A handle. On the SPU of what is shown as NaN if there are other numbers than 0 and 1.

    Raises:
        LearnError, RemoteError: as `roc_auc_score`, but one class is enough; on the SPU of another average
            or class; in the clear of a `pos_label` that is none of two classes.
    """
    how = Averaging(pos_label, None if labels is None else tuple(labels), average, zero_division)
    return _PRECISION.averaged((y_true, y_pred, sample_weight), how)


@public
def recall_score(
    y_true: Any,
    y_pred: Any,
    *,
    pos_label: bool | float | str = 1,
    labels: Sequence[Any] | None = None,
    average: Annotated[str, AVERAGES] | None = averages.BINARY,
    zero_division: Annotated[float, "[0, 1]"] = 0.0,
    sample_weight: Any = None,
) -> Any:
    """Of the rows that are of a class, the part that was guessed; 0 if there are none.

    Args:
        y_true: as in `precision_score`.
        y_pred: likewise.
        pos_label: likewise.
        labels: likewise.
        average: likewise.
        zero_division: likewise.
        sample_weight: as in `roc_auc_score`.

    Returns:
        As `precision_score`.

    Raises:
        LearnError, RemoteError: as `precision_score`.
    """
    how = Averaging(pos_label, None if labels is None else tuple(labels), average, zero_division)
    return _RECALL.averaged((y_true, y_pred, sample_weight), how)


@public
def f1_score(
    y_true: Any,
    y_pred: Any,
    *,
    pos_label: bool | float | str = 1,
    labels: Sequence[Any] | None = None,
    average: Annotated[str, AVERAGES] | None = averages.BINARY,
    zero_division: Annotated[float, "[0, 1]"] = 0.0,
    sample_weight: Any = None,
) -> Any:
    """The harmonic mean of `precision_score` and `recall_score`; 0 if no row is of a class, nor guessed so.

    Args:
        y_true: as in `precision_score`.
        y_pred: likewise.
        pos_label: likewise.
        labels: likewise.
        average: likewise.
        zero_division: likewise.
        sample_weight: as in `roc_auc_score`.

    Returns:
        As `precision_score`.

    Raises:
        LearnError, RemoteError: as `precision_score`.
    """
    how = Averaging(pos_label, None if labels is None else tuple(labels), average, zero_division)
    return _F1.averaged((y_true, y_pred, sample_weight), how)


@public
def log_loss(y_true: Any, y_prob: Any, *, sample_weight: Any = None) -> Any:
    """Mean -log of the probability that was given to what came true.

    A probability of 0 counts as 2e-16, as in scikit-learn; on the SPU so does one below the last place.

    Args:
        y_true: as in `roc_auc_score`.
        y_prob: of the greater class, [rows] or [rows, 1]; or of both, [rows, 2].
        sample_weight: as in `roc_auc_score`.

    Returns:
        As `roc_auc_score`; NaN also if a probability lies beyond 0 and 1.

    Raises:
        LearnError, RemoteError: as `roc_auc_score`.
    """
    return _LOG_LOSS(y_true, y_prob, sample_weight)


@public
def brier_score_loss(y_true: Any, y_prob: Any, *, sample_weight: Any = None) -> Any:
    """The mean square of what a probability is from what came true.

    Args:
        y_true: as in `roc_auc_score`.
        y_prob: as in `log_loss`.
        sample_weight: as in `roc_auc_score`.

    Returns:
        As `log_loss`.

    Raises:
        LearnError, RemoteError: as `roc_auc_score`.
    """
    return _BRIER(y_true, y_prob, sample_weight)


@public
def calibration_curve(
    y_true: Any,
    y_prob: Any,
    n_bins: Bins = 5,
    strategy: Annotated[str, (clear.UNIFORM, clear.QUANTILE)] = clear.UNIFORM,
) -> Any:
    """Whether what was given a probability came true that often, in bins of the probability.

    Args:
        y_true: labels of two classes, a handle at one party.
        y_prob: as in `log_loss`, a handle at the same one.
        n_bins: how many bins; those without a row are left out.
        strategy: ``uniform``: bins of the same width; ``quantile``: of as many rows each.

    Returns:
        A handle of arrays by name, one number a bin: ``prob_true``, ``prob_pred`` (means of both, as those of
        ``sklearn.calibration``) and ``rows``.

    Raises:
        LearnError: as `ks`; there is no such strategy.
    """
    return _at_one_party(clear.calibration_curve, (y_true, y_prob), n_bins, strategy)


@public
def mean_squared_error(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> Any:
    """The mean squared error, of numbers below 2**24; what a model predicted may be of any size.

    It is shown with as many digits at any size; a function on the SPU gets it as a fixed-point number, which
    may be too small or too large for it.

    Args:
        y_true: numbers, a handle [rows].
        y_pred: what was predicted, a handle [rows].
        sample_weight: as in `roc_auc_score`.

    Raises:
        LearnError, RemoteError: as `roc_auc_score`.
    """
    return _SQUARED(y_true, y_pred, sample_weight)


@public
def mean_absolute_error(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> Any:
    """The mean of what each guess is off by, as `mean_squared_error`.

    Args:
        y_true: numbers, a handle [rows].
        y_pred: what was predicted, a handle [rows].
        sample_weight: as in `roc_auc_score`.

    Raises:
        LearnError, RemoteError: as `roc_auc_score`.
    """
    return _ABSOLUTE(y_true, y_pred, sample_weight)


@public
def root_mean_squared_error(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> Any:
    """The root of the mean squared error, of numbers below 2**24; what a model predicted may be of any size.

    Args:
        y_true: numbers, a handle [rows].
        y_pred: what was predicted, a handle [rows].
        sample_weight: as in `roc_auc_score`.

    Raises:
        LearnError, RemoteError: as `roc_auc_score`.
    """
    return _ERROR(y_true, y_pred, sample_weight)


@public
def r2_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> Any:
    """The part of the label's variance that is explained; of a constant label 1 if all is right, else 0.

    Below -10 million it is some number below that.

    Args:
        y_true: numbers, a handle [rows], of two rows at least.
        y_pred: what was predicted, a handle [rows].
        sample_weight: as in `roc_auc_score`.

    Raises:
        LearnError, RemoteError: as `roc_auc_score`.
    """
    return _R2(y_true, y_pred, sample_weight)


@public
def ks(y_true: Any, y_score: Any) -> Any:
    """Kolmogorov and Smirnov's statistic: how far apart the scores of the two classes lie, from 0 to 1.

    Args:
        y_true: labels of 0 and 1, a handle at one party.
        y_score: scores, a handle at the same one.

    Raises:
        LearnError: they are elsewhere.
    """
    return _at_one_party(clear.ks, (y_true, y_score))


@public
def gains_table(y_true: Any, y_score: Any, bins: Bins = 10) -> Any:
    """Rows in groups of equal size, highest scores first.

    Args:
        y_true: labels of 0 and 1, a handle at one party.
        y_score: scores, a handle at the same one.
        bins: how many groups.

    Returns:
        A handle of arrays by name, one number a group: ``rows``, ``positives``, ``least_score``, ``rate`` (of
        positives), ``gain`` (part of all positives up to here), ``lift`` (their rate up to here, over that of
        all rows) and ``ks`` (difference of the parts of positives and negatives up to here).

    Raises:
        LearnError: as `ks`.
    """
    return _at_one_party(clear.gains_table, (y_true, y_score), bins)


@public
def population_stability_index(expected: Any, actual: Any, bins: Bins = 10) -> Any:
    """How much a score's distribution has moved: sum((a - e) log(a / e)) over quantiles of `expected`.

    Below 0.1 is usually called stable, above 0.25 moved. An empty group counts as half a row.

    Args:
        expected: scores of the population of then, a handle at one party.
        actual: those of now, at the same one.
        bins: how many quantiles.

    Raises:
        LearnError: as `ks`.
    """
    return _at_one_party(clear.population_stability_index, (expected, actual), bins)


@dataclass(frozen=True, slots=True)
class _Metric:
    """How a metric is computed.

    Attributes:
        form: what it takes.
        in_clear: at one party.
        on_spu: on secrets.
        made: of its results there, the handle of the metric.
        shared: what a party shares of each argument.
        sized: whether arguments may have exponents of their own.
    """

    form: MetricForm
    in_clear: Callable[..., Any]
    on_spu: Callable[..., Any]
    made: Callable[..., SPUObject] = lambda value: value
    shared: tuple[Callable[..., Any], Callable[..., Any]] = (as_vector, as_vector)
    sized: bool = False

    def averaged(self, handles: tuple[Any, Any, Any], how: Averaging) -> Any:
        """It, of other classes than 0 and 1, or averaged over several: at one party."""
        if how.labels is not None and how.average == averages.BINARY:
            raise LearnError("labels is for averages over classes", fix='average="macro", or pos_label')
        if how == averages.USUAL:
            return self(*handles)
        if any(isinstance(only_part(value), SPUObject) for value in handles if value is not None):
            raise LearnError(
                "on an SPU this metric is of classes 0 and 1, of which 1 is looked for",
                fix="encode them so at their owners; or move the guesses to the label's owner: y.to(bob)",
            )
        missing = [None] if handles[2] is None else []
        return _at_one_party(FrameStep(self.in_clear, how), handles[: 3 - len(missing)], *missing)

    def __call__(self, first: Any, second: Any, weight: Any) -> Any:
        given = [only_part(value) for value in (first, second, weight)]
        given = given[:2] if weight is None else given
        spus = [value.device for value in given if isinstance(value, SPUObject)]
        if not (spus and all(isinstance(value, PYUObject | SPUObject) for value in given)):
            return _at_one_party(self.in_clear, given)
        sized = self.sized and any(map(is_scaled, given[:2]))
        share = (*((in_digits, in_digits) if sized else self.shared), as_weights)
        given = [_shared(value, spus[0], how) for value, how in zip(given, share, strict=False)]
        require_shapes(self.form, *map(_shape, given))
        found = spus[0](self.on_spu)(*given)
        return self.made(*found) if isinstance(found, tuple) else self.made(found)


def _shared(value: Any, spu: SpuDevice, how: Callable[..., Any]) -> SPUObject:
    """On the SPU; with digits and an exponent, if some argument has such."""
    if isinstance(value, PYUObject):
        taken: SPUObject = value.device(how)(value).to(spu)
        return taken.read_as(taken, unscaled) if how is in_digits else taken
    told: SPUObject = value.told if how is in_digits and is_scaled(value) else value
    return told


def _shape(value: SPUObject) -> tuple[int, ...]:
    if value.reading is unscaled:
        return parse(value.layout()[DIGITS])[0].shape
    return value.shape


def _defined(value: SPUObject, defined: SPUObject) -> SPUObject:
    told = value.device(_pair, num_returns_policy="single")(value, defined)
    return value.read_as(told, secret.where_defined)


def _pair(value: Any, defined: Any) -> dict[str, Any]:
    return {secret.VALUE: value, secret.DEFINED: defined}


def _at_one_party(function: Callable[..., Any], handles: Sequence[Any], *more: Any) -> Any:
    given = [only_part(value) for value in handles]
    places = [value.device if isinstance(value, PYUObject) else None for value in given]
    if None not in places and len(set(places)) == 1:
        return places[0](function)(*given, *more)  # type: ignore[misc]
    raise LearnError(
        f"a metric needs its arguments at one party, not {' and '.join(map(repr, given))}",
        fix="move the scores to the label's owner, which may then read them: scores.to(bob)",
    )


_AUC = _Metric(clear.AUC, clear.roc_auc_score, secret.roc_auc_score, _defined, shared=(as_classes, as_ranks))
_ACCURACY = _Metric(clear.SAME, clear.accuracy_score, secret.accuracy_score, shared=(as_labels, as_labels))
_PRECISION, _RECALL, _F1 = (
    _Metric(clear.BINARY, in_clear, on_spu, _defined, shared=(as_binary, as_binary))
    for in_clear, on_spu in (
        (clear.precision_score, secret.precision_score),
        (clear.recall_score, secret.recall_score),
        (clear.f1_score, secret.f1_score),
    )
)
_LOG_LOSS = _Metric(clear.CHANCES, clear.log_loss, secret.log_loss, _defined, shared=(as_classes, as_vector))
_BRIER = _Metric(
    clear.CHANCES, clear.brier_score_loss, secret.brier_score_loss, _defined, shared=(as_classes, as_vector)
)
_ERROR = _Metric(
    clear.ERRORS, clear.root_mean_squared_error, secret.root_mean_squared_error, scaled, sized=True
)
_SQUARED = _Metric(clear.ERRORS, clear.mean_squared_error, secret.mean_squared_error, scaled, sized=True)
_ABSOLUTE = _Metric(clear.ERRORS, clear.mean_absolute_error, secret.mean_absolute_error, scaled, sized=True)
_R2 = _Metric(clear.VARIANCE, clear.r2_score, secret.r2_score, sized=True)
