"""Cross-validation, and search over parameters, of models on several parties' rows.

Folds are scikit-learn's for the same number of rows and the same seed, so every party draws them alike and
nobody tells another one which rows are where.

Learns: of `cross_val_score` the party `to` learns the scores; of a search every party learns which parameters
are best, and of `cv_results` the party `to` learns the scores. Besides what `fit` of the model tells, each
time, nobody learns anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Any, ClassVar, Final, Self

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.device.boundary import Scripted, public
from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.errors import JuntoError, LearnError
from junto.frame.native_tables import opened
from junto.frame.parametrized import Parametrized
from junto.learn import metrics
from junto.learn.dataset import only_part
from junto.learn.estimator import Estimator, require, run_at, shown
from junto.learn.metrics import secret
from junto.program.progress import Course

Scoring = str | Callable[[Any, Any, Any], Any] | None
"""What `cross_val_score` takes."""

WORST: Final = -(2.0**20)
"""A score that is not defined ranks behind all others."""


@dataclass(frozen=True)
class KFold(metaclass=Scripted):
    """Folds of rows: scikit-learn's `KFold` with the same arguments, which all parties draw alike.

    Args:
        n_splits: how many folds, two or more; each is left out once.
        shuffle: whether rows are moved first, by public random numbers; else a fold is a run of rows.
        random_state: of the moves; every party's script says the same.
    """

    n_splits: int = 5
    shuffle: bool = True
    random_state: int = 0

    def __post_init__(self) -> None:
        require(type(self.n_splits) is int and self.n_splits >= 2, "n_splits must be 2 or more")
        seed = self.random_state
        require(type(seed) is int and 0 <= seed < 2**32, "random_state is a number that all parties know")

    def split(self, rows: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """For each fold the places of the rows to train on, and of those to judge by.

        Args:
            rows: how many there are.

        Raises:
            LearnError: there are fewer rows than folds.
        """
        require(rows >= self.n_splits, f"{rows} rows cannot be {self.n_splits} folds", "take fewer folds")
        order = np.arange(rows)
        if self.shuffle:
            np.random.RandomState(self.random_state).shuffle(order)
        sizes = np.full(self.n_splits, rows // self.n_splits)
        sizes[: rows % self.n_splits] += 1
        for end, size in zip(np.cumsum(sizes), sizes, strict=True):
            inside = np.zeros(rows, np.bool_)
            inside[order[end - size : end]] = True
            yield np.flatnonzero(~inside), np.flatnonzero(inside)


@public
def cross_val_score(
    estimator: Estimator[Any],
    X: Any,
    y: Any,
    *,
    cv: KFold | int = 5,
    scoring: Scoring = None,
    to: PYU | str | None = None,
) -> Any:
    """How good a model is on rows that it was not trained on: it is trained once for each fold.

    Args:
        estimator: a model; it stays as it is.
        X: tables of their owners, ``{alice: hers, bob: his}``, a frame, or an array on the SPU.
        y: a handle of the label, at its owner or on the SPU.
        cv: the folds; a number: so many, of rows that are moved.
        scoring: ``accuracy``, ``roc_auc``, ``neg_log_loss``, ``neg_brier_score``, ``r2``,
            ``neg_root_mean_squared_error``; a function of model, X and y that returns a handle on the SPU,
            the greater the better; None: the `score` of the model, for which the
            label of a linear model is at its owner.
        to: the party that sees the scores; None: nobody.

    Returns:
        A handle of a score for each fold [n_splits].

    Raises:
        LearnError: as `fit` and `score` of the model; there are fewer rows than folds; no such `scoring`.
    """
    folds = _folds(cv)
    score = _scorer(scoring)
    rows = _rows(X, y)
    with _course(estimator, "cross_val_score", folds.n_splits) as course:
        found = [_judged(estimator, score, X, y, split) for split in course.each(list(folds.split(rows)))]
    return shown(_together(estimator, found), to)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GridSearchCV(Parametrized):
    """The best of several sets of parameters, by cross-validation.

    Every party learns which set is best, and so trains the same model; nobody sees a score unless
    `cv_results` shows them to a party. ``junto.explain(search.fit)(shapes, label)`` says what it costs.

    Args:
        estimator: a model.
        param_grid: for each parameter the values to try, all with all; or several such, one after the other.
        scoring: see `cross_val_score`.
        cv: likewise.
        refit: whether the best model is trained on all rows at the end.
    """

    estimator: Estimator[Any]
    param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]]
    scoring: Scoring = None
    cv: KFold | int = 5
    refit: bool = True
    _found: Mapping[str, Any] | None = field(default=None, init=False)

    mistake: ClassVar[type[JuntoError]] = LearnError

    def __post_init__(self) -> None:
        _folds(self.cv)
        _scorer(self.scoring)
        require(bool(self.candidates), "param_grid has nothing to try", '{"max_depth": [2, 3]}')
        for each in self.candidates:
            self.estimator.with_params(**each)

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """The sets of parameters, in the order of scikit-learn's `ParameterGrid`."""
        grids = [self.param_grid] if isinstance(self.param_grid, Mapping) else self.param_grid
        return [
            dict(zip(sorted(grid), values, strict=True))
            for grid in grids
            for values in product(*(grid[name] for name in sorted(grid)))
        ]

    def fit(self, X: Any, y: Any) -> Self:
        """Try all sets of parameters; returns the search itself.

        Args:
            X: as in `cross_val_score`.
            y: likewise.

        Raises:
            LearnError: as `cross_val_score`; the same at every party.
        """
        folds, score, rows = _folds(self.cv), _scorer(self.scoring), _rows(X, y)
        tries = [(each, split) for each in self.candidates for split in folds.split(rows)]
        with _course(self.estimator, "GridSearchCV.fit", len(tries) + self.refit) as course:
            found = []
            for params, split in course.each(tries):
                found.append(_judged(self.estimator.with_params(**params), score, X, y, split))
            spu = self.estimator.spu
            choose = spu(_best, static_argnames="folds")
            scores, best = choose([each.told for each in found], folds=folds.n_splits)
            index = min(int(reveal(best)), len(self.candidates) - 1)
            model = self.estimator.with_params(**self.candidates[index])
            if self.refit:
                for _ in course.each([*tries, None][len(tries) :]):
                    model = model.fit(X, y)
        object.__setattr__(self, "_found", {"index": index, "model": model, "scores": scores})
        return self

    def made_up(self) -> Self:
        """For `junto.explain`: the same search, which has found nothing."""
        return self.with_params(estimator=self.estimator.with_params())

    def label_of(self, rows: int) -> Any:
        """A made-up label of so many rows."""
        return self.estimator.label_of(rows)

    @property
    def best_index_(self) -> int:
        """The place of the best set among the candidates; of equals the first."""
        return int(self._known("index"))

    @property
    def best_params_(self) -> dict[str, Any]:
        """The best set."""
        return self.candidates[self.best_index_]

    @property
    def best_estimator_(self) -> Any:
        """The model with the best set, trained on all rows if `refit`."""
        return self._known("model")

    def cv_results(self, to: PYU | str) -> PYUObject:
        """All scores at one party, under scikit-learn's names.

        Args:
            to: who sees them.

        Returns:
            A handle of a dict: ``params``, and arrays [candidates] ``mean_test_score``, ``std_test_score``,
            ``rank_test_score`` and, for each fold, ``split0_test_score``.

        Raises:
            LearnError: `fit` was not called.
        """
        receiver = to if isinstance(to, PYU) else PYU(to)
        return run_at(receiver, _results, self.candidates, self._known("scores").to(receiver))

    def _known(self, name: str) -> Any:
        if self._found is None:
            raise LearnError("nothing was searched yet", fix="call fit(X, y) first")
        return self._found[name]


# -------------------------------------------------------------------- folds and scores


def _course(model: Estimator[Any], name: str, turns: int) -> AbstractContextManager[Course]:
    """What is asked of the SPU inside is shown to a person as so many trainings."""
    return model.spu.session.program.board.course(name, "training", turns)


def _folds(cv: KFold | int) -> KFold:
    return cv if isinstance(cv, KFold) else KFold(cv)


def _rows(X: Any, y: Any) -> int:
    """How many there are, which all parties learn.

    Raises:
        LearnError: parties have different numbers.
    """
    tables = getattr(X, "partitions", X)
    handles = [*(tables.values() if isinstance(tables, Mapping) else [tables]), only_part(y)]
    for each in handles:
        require(isinstance(each, PYUObject | SPUObject), f"{type(each).__name__} is no table or label")
    asked = {
        f"{place}": run_at(each.device, _length, each)
        for place, each in enumerate(handles)
        if isinstance(each, PYUObject)
    }
    told = [*reveal(asked).values(), *(each.shape[0] for each in handles if isinstance(each, SPUObject))]
    sound = all(type(count) is int and count >= 0 for count in told)
    require(sound, "a table or a label has no rows", "pass handles of tables, and of a vector")
    require(len(set(told)) == 1, f"the tables and the label have {sorted(set(told))} rows", "join them first")
    return int(told[0])


def _length(table: Any) -> int:
    """At the owner; -1: it has none."""
    return len(table) if hasattr(table, "__len__") else -1


def _judged(
    model: Estimator[Any], score: Any, X: Any, y: Any, split: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> SPUObject:
    """The score on some rows of a model that was trained on others."""
    (own, own_y), (later, later_y) = [(_part(X, places), _part(y, places)) for places in split]
    fitted = model.with_params().fit(own, own_y)
    found = score(fitted, later, later_y)
    require(isinstance(found, SPUObject), "scoring made no value on the SPU", "a metric of secret scores")
    return found  # type: ignore[no-any-return]


def _part(value: Any, places: NDArray[np.intp]) -> Any:
    """Some rows of a table or label."""
    value = getattr(value, "partitions", value)
    if isinstance(value, Mapping):
        return {owner: _part(table, places) for owner, table in value.items()}
    if isinstance(value, SPUObject):
        return value.device(_taken_there)(value, places)
    return run_at(value.device, _taken, value, places)


def _taken(table: Any, places: NDArray[np.intp]) -> Any:
    """At the owner."""
    if hasattr(table, "iloc"):
        return table.iloc[places]
    if hasattr(table, "column_names") or hasattr(table, "iter_columns"):  # Arrow, polars
        return opened(table).take(places)
    return np.asarray(table.to_numpy() if hasattr(table, "to_numpy") else table)[places]


def _scorer(scoring: Scoring) -> Callable[[Any, Any, Any], Any]:
    if callable(scoring):
        return scoring
    if scoring is None:
        return lambda model, X, y: model.score(X, y)
    require(scoring in _SCORERS, f"there is no scoring {scoring!r}", ", ".join(_SCORERS))
    ask, judge, sign = _SCORERS[scoring]

    def score(model: Any, X: Any, y: Any) -> Any:
        require(hasattr(model, ask), f"{type(model).__name__} has no {ask}, which {scoring!r} takes")
        asked = getattr(model, ask)
        found = judge(y, asked(X))
        return found if sign > 0 else _negative(found)

    return score


def _negative(found: SPUObject) -> SPUObject:
    told = found.told
    less: SPUObject = found.device(jnp.negative)(found)
    if told.reading is secret.where_defined:
        less.read_as(told.device(_opposite, num_returns_policy="single")(told), secret.where_defined)
    return less


_SCORERS: Final[Mapping[str, tuple[str, Callable[[Any, Any], Any], int]]] = MappingProxyType(
    {
        "accuracy": ("predict", metrics.accuracy_score, 1),
        "roc_auc": ("decision_function", metrics.roc_auc_score, 1),
        "neg_log_loss": ("predict_proba", metrics.log_loss, -1),
        "neg_brier_score": ("predict_proba", metrics.brier_score_loss, -1),
        "r2": ("predict", metrics.r2_score, 1),
        "neg_root_mean_squared_error": ("predict", metrics.root_mean_squared_error, -1),
    }
)
"""What is asked of a model, by what it is judged, and whether more is better."""


def _together(estimator: Estimator[Any], found: Sequence[SPUObject]) -> SPUObject:
    """The scores as one array, NaN where they are not defined."""
    spu = estimator.spu
    told = spu(_stacked, num_returns_policy="single")([each.told for each in found])
    plain: SPUObject = spu(_plain)(told)
    return plain.read_as(told, _read)


def _read(told: Any) -> NDArray[np.float64]:
    """In the clear."""
    return np.where(told[secret.DEFINED], told[secret.VALUE], np.nan)


def _results(candidates: Sequence[Mapping[str, Any]], scores: Any) -> dict[str, Any]:
    """At the receiver: see `GridSearchCV.cv_results`."""
    scores = np.where(np.asarray(scores) <= WORST, np.nan, scores)
    mean = scores.mean(axis=1)
    behind = np.where(np.isnan(mean), -np.inf, mean)
    return {
        "params": [dict(each) for each in candidates],
        **{f"split{place}_test_score": each for place, each in enumerate(scores.T)},
        "mean_test_score": mean,
        "std_test_score": scores.std(axis=1),
        "rank_test_score": 1 + (behind[:, None] < behind).sum(axis=1).astype(np.int32),
    }


# -------------------------------------------------------------------- what runs on the SPU


def _taken_there(value: Any, places: Any) -> Any:
    return value[places]


def _opposite(told: Any) -> dict[str, Any]:
    return {**told, secret.VALUE: -told[secret.VALUE]}


def _stacked(found: Sequence[Any]) -> dict[str, Any]:
    apart = [each if isinstance(each, Mapping) else {secret.VALUE: each} for each in found]
    values = [jnp.asarray(each[secret.VALUE]) for each in apart]
    defined = [jnp.asarray(each.get(secret.DEFINED, True)) for each in apart]
    return {secret.VALUE: jnp.stack(values), secret.DEFINED: jnp.stack(defined)}


def _plain(told: Any) -> Any:
    return told[secret.VALUE]


def _best(found: Sequence[Any], folds: int) -> tuple[Any, Any]:
    """Scores [candidates, folds], and the place of the one with the best mean."""
    told = _stacked(found)
    scores = jnp.where(told[secret.DEFINED], told[secret.VALUE], WORST).reshape(-1, folds)
    return scores, jnp.argmax(jnp.sum(scores, axis=1))
