"""Cross-validation, and search over parameters, of models on several parties' rows.

Folds are scikit-learn's for the same number of rows and the same seed, so every party draws them alike and
nobody tells another one which rows are where.

Learns: of `cross_val_score` the party `to` learns the scores; of a search every party learns which parameters
are best, and of `cv_results` the party `to` learns the scores. Besides what `fit` of the model tells, each
time, nobody learns anything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import KW_ONLY, dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Protocol, Self

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.accounting.progress import Course
from junto.device.boundary import Scripted, public
from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import fact, facts, integer
from junto.device.spu.object import SPUObject
from junto.errors import JuntoError, LearnError
from junto.frame.frame import Seed
from junto.frame.frame_steps import FrameStep
from junto.frame.horizontal import HorizontalFrame
from junto.frame.native_tables import opened
from junto.frame.parametrized import Parametrized
from junto.learn import metrics, pooled_judging, scaled
from junto.learn.dataset import only_part
from junto.learn.estimator import Estimator, require, run_at, shown
from junto.learn.metrics import secret

Scoring = str | Callable[[Any, Any, Any], Any] | None
"""What `cross_val_score` takes."""

Split = tuple[NDArray[np.intp], NDArray[np.intp]]
"""The places of the rows to train on, and of those to judge by."""

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

    n_splits: Annotated[int, "[2, inf)"] = 5
    shuffle: bool = True
    random_state: Seed = 0

    def split(self, rows: Annotated[int, "[0, inf)"]) -> Iterator[Split]:
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


class Splitter(Protocol):
    """What scikit-learn's splitters have in common; see `cross_val_score` for which of them can be used."""

    def split(self, X: Any) -> Iterable[Any]:
        """Pairs of the places to train on and to judge by, of an array of as many rows as there are."""


@public
def cross_val_score(
    estimator: Estimator[Any],
    X: Any,
    y: Any,
    *,
    cv: KFold | int | Splitter | Iterable[Any] = 5,
    scoring: Scoring = None,
    to: PYU | str | None = None,
) -> Any:
    """How good a model is on rows that it was not trained on: it is trained once for each fold.

    Args:
        estimator: a model; it stays as it is.
        X: tables of their owners, ``{alice: hers, bob: his}``, a frame, or an array on the SPU; rows of
            several parties, a `HorizontalFrame`, are counted party by party.
        y: a handle of the label, at its owner or on the SPU; of rows of several parties, a frame of one
            column.
        cv: the folds; a number: so many, of rows that are moved. A splitter of scikit-learn's that needs no
            label, with a `random_state` that all parties know, or pairs of places.
        scoring: ``accuracy``, ``precision``, ``recall``, ``f1``, ``roc_auc``, ``neg_log_loss``,
            ``neg_brier_score``, ``r2``, ``neg_mean_squared_error``, ``neg_root_mean_squared_error``,
            ``neg_mean_absolute_error``; a function of model, X and y that returns a handle, the greater the
            better; None: the `score` of the model, for which the label of a model of counts or amounts is
            at its owner.
            Of rows of several parties all parties learn the model, and by None the scores.
        to: the party that sees the scores; None: nobody.

    Returns:
        A handle of a score for each fold [n_splits].

    Raises:
        LearnError: as `fit` and `score` of the model; there are fewer rows than folds; no such `scoring`;
            folds that the parties might not draw alike.
    """
    require_splitter(cv)
    score = _scorer(scoring)
    splits = _splits(cv, _rows(X, y))
    with _course(estimator, "cross_val_score", len(splits)) as course:
        found = [_judged(estimator, score, X, y, split) for split in course.each(splits)]
    return shown(_together(estimator, found), to)


@dataclass(frozen=True, eq=False, repr=False)
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
    _: KW_ONLY
    scoring: Scoring = None
    cv: KFold | int | Splitter | Iterable[Any] = 5
    refit: bool = True
    _found: Mapping[str, Any] | None = field(default=None, init=False)

    mistake: ClassVar[type[JuntoError]] = LearnError

    def __post_init__(self) -> None:
        require_splitter(self.cv)
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
        score, splits = _scorer(self.scoring), _splits(self.cv, _rows(X, y))
        tries = [(each, split) for each in self.candidates for split in splits]
        with _course(self.estimator, "GridSearchCV.fit", len(tries) + self.refit) as course:
            found = []
            for params, split in course.each(tries):
                found.append(_judged(self.estimator.with_params(**params), score, X, y, split))
            scores = _together(self.estimator, found)
            choose = self.estimator.spu(_best, static_argnames="folds")
            best = choose(scores.told, folds=len(splits))
            index = min(fact(best, integer(0, 1 << 31)), len(self.candidates) - 1)
            model = self.estimator.with_params(**self.candidates[index])
            if self.refit:
                for _ in course.each([*tries, None][len(tries) :]):
                    model = model.fit(X, y)
        object.__setattr__(
            self, "_found", {"index": index, "model": model, "scores": scores, "folds": len(splits)}
        )
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

    @property
    def best_score_(self) -> SPUObject:
        """Its mean score over the folds, on the SPU: nobody has seen it."""
        told = self._known("scores").told
        mean = told.device(_best_mean, static_argnames="folds", num_returns_policy="single")
        return _told(mean(told, folds=self._known("folds")))

    def predict(self, X: Any, to: PYU | str | None = None) -> Any:
        """What is predicted of each row by the best model.

        Args:
            X: tables as those of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: `fit` was not called, or as the model's own.
        """
        return self.best_estimator_.predict(X, to)

    def predict_proba(self, X: Any, to: PYU | str | None = None) -> Any:
        """The probabilities of each row's classes by the best model.

        Args:
            X: tables as those of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: `fit` was not called, or as the model's own.
        """
        return self.best_estimator_.predict_proba(X, to)

    def decision_function(self, X: Any, to: PYU | str | None = None) -> Any:
        """The score of each row by the best model.

        Args:
            X: tables as those of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: `fit` was not called, or as the model's own.
        """
        return self.best_estimator_.decision_function(X, to)

    def score(self, X: Any, y: Any, to: PYU | str | None = None) -> Any:
        """How good the best model is by `scoring`.

        Args:
            X: tables as those of `fit`.
            y: their label.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: `fit` was not called, or as `cross_val_score`.
        """
        return shown(_on_spu(self.estimator, _scorer(self.scoring)(self.best_estimator_, X, y)), to)

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
        shown_there = self._known("scores").to(receiver)
        return run_at(receiver, _results, self.candidates, shown_there, self._known("folds"))

    def _known(self, name: str) -> Any:
        if self._found is None:
            raise LearnError("nothing was searched yet", fix="call fit(X, y) first")
        return self._found[name]


# -------------------------------------------------------------------- folds and scores


def _course(model: Estimator[Any], name: str, turns: int) -> AbstractContextManager[Course]:
    """What is asked of the SPU inside is shown to a person as so many trainings."""
    return model.spu.session.program.board.course(name, "training", turns)


def require_splitter(cv: Any) -> None:
    """Raise a LearnError unless all parties draw its folds alike."""
    if isinstance(cv, KFold | int | np.integer):
        _folds(cv)
        return
    drawn = getattr(cv, "shuffle", True) and hasattr(cv, "random_state")
    require(
        not drawn or isinstance(cv.random_state, int | np.integer),
        f"each party would draw other folds by {cv!r}",
        "give it a random_state: a number that is in all parties' scripts",
    )
    iterates = hasattr(cv, "split") or isinstance(cv, Iterable)
    iterates = iterates and not isinstance(cv, Iterator | str)
    require(iterates, f"cv is {type(cv).__name__}", "a number, a KFold, or a list of pairs of places")


def _folds(cv: KFold | int | np.integer[Any]) -> KFold:
    return cv if isinstance(cv, KFold) else KFold(cv)  # type: ignore[arg-type] # it judges


def _splits(cv: Any, rows: int) -> list[Split]:
    """All folds.

    Raises:
        LearnError: there are fewer rows than folds; the splitter needs a label, or names no rows.
    """
    if isinstance(cv, KFold | int | np.integer):
        return list(_folds(cv).split(rows))
    try:
        given = [tuple(pair) for pair in (cv.split(np.zeros(rows)) if hasattr(cv, "split") else cv)]
    except (TypeError, ValueError) as error:
        raise LearnError(f"{cv!r} makes no folds of {rows} rows: {error}", fix="take a KFold") from None
    splits = [tuple(np.asarray(places) for places in pair) for pair in given]
    for split in splits:
        sound = len(split) == 2 and all(each.ndim == 1 and each.dtype.kind in "iu" for each in split)
        sound = sound and all(len(each) and each.min() >= 0 and each.max() < rows for each in split)
        require(sound, f"a fold of {rows} rows is two lists of places below {rows}", "take a KFold")
    require(bool(splits), f"{cv!r} has no folds", "take a KFold")
    return splits  # type: ignore[return-value]


def _rows(X: Any, y: Any) -> int:
    """How many there are, which all parties learn.

    Raises:
        LearnError: parties have different numbers, or rows of several parties other ones in the label.
    """
    if isinstance(X, HorizontalFrame) or isinstance(y, HorizontalFrame):
        parts = [
            {party.party: told.rows for party, told in pooled_judging.frame_of(each, name).facts.items()}
            for each, name in ((X, "X"), (y, "y"))
        ]
        require(parts[0] == parts[1], f"X has rows {parts[0]}, y {parts[1]}", "columns of one frame")
        return sum(parts[0].values())
    tables = getattr(X, "partitions", X)
    handles = [*(tables.values() if isinstance(tables, Mapping) else [tables]), only_part(y)]
    for each in handles:
        require(
            isinstance(each, PYUObject | SPUObject),
            f"{type(each).__name__} is no table or label",
            "pass handles: {alice: table, bob: table}, and a label",
        )
    asked = {
        f"{place}": run_at(each.device, _length, each)
        for place, each in enumerate(handles)
        if isinstance(each, PYUObject)
    }
    told = list(facts(asked, integer(-1, 1 << 48)).values())
    told += [each.shape[0] for each in handles if isinstance(each, SPUObject)]
    require(min(told) >= 0, "a table or a label has no rows", "pass handles of tables, and of a vector")
    require(len(set(told)) == 1, f"the tables and the label have {sorted(set(told))} rows", "join them first")
    return told[0]


def _length(table: Any) -> int:
    """At the owner; -1: it has none."""
    return len(table) if hasattr(table, "__len__") else -1


def _judged(model: Estimator[Any], score: Any, X: Any, y: Any, split: Split) -> SPUObject:
    """The score on some rows of a model that was trained on others."""
    (own, own_y), (later, later_y) = [(_part(X, places), _part(y, places)) for places in split]
    fitted = model.with_params().fit(own, own_y)
    return _on_spu(model, score(fitted, later, later_y))


def _on_spu(model: Estimator[Any], found: Any) -> SPUObject:
    made = found.to(model.spu) if isinstance(found, PYUObject) else found
    require(isinstance(made, SPUObject), f"scoring made a {type(made).__name__}", "a metric: a handle")
    return made  # type: ignore[no-any-return]


def _part(value: Any, places: NDArray[np.intp]) -> Any:
    """Some rows of a table or label; parties that have none of them have no part in it."""
    if isinstance(value, HorizontalFrame):
        ends = np.cumsum([told.rows for told in value.facts.values()])
        kept = {}
        for (party, told), end in zip(value.facts.items(), ends, strict=True):
            own = places[(end - told.rows <= places) & (places < end)] - (end - told.rows)
            if len(own):
                kept[party] = _part(value.partitions[party], own)
        return HorizontalFrame(kept)
    value = getattr(value, "partitions", value)
    if isinstance(value, Mapping):
        return {owner: _part(table, places) for owner, table in value.items()}
    drawn = hashlib.blake2b(np.asarray(places, np.int64).tobytes(), digest_size=6).hexdigest()
    if isinstance(value, SPUObject):
        return value.device(FrameStep(_taken_there, about=(drawn,)))(value, places)
    return run_at(value.device, FrameStep(_taken, about=(drawn,)), value, places)


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
        require(
            hasattr(model, ask),
            f"{type(model).__name__} has no {ask}, which {scoring!r} takes",
            "another scoring=, or another model",
        )
        asked = getattr(model, ask)(X)
        if isinstance(y, HorizontalFrame):
            y, asked = pooled_judging.on_spu(model, y, asked, chances=ask != "predict")
        found = judge(y, asked)
        return found if sign > 0 else _negative(found)

    return score


def _negative(found: SPUObject) -> SPUObject:
    told = found.told
    less: SPUObject = found.device(jnp.negative)(found)
    if told.reading is None:
        return less
    return less.read_as(told.device(_opposite, num_returns_policy="single")(told), told.reading)


_SCORERS: Final[Mapping[str, tuple[str, Callable[[Any, Any], Any], int]]] = MappingProxyType(
    {
        "accuracy": ("predict", metrics.accuracy_score, 1),
        "precision": ("predict", metrics.precision_score, 1),
        "recall": ("predict", metrics.recall_score, 1),
        "f1": ("predict", metrics.f1_score, 1),
        "roc_auc": ("decision_function", metrics.roc_auc_score, 1),
        "neg_log_loss": ("predict_proba", metrics.log_loss, -1),
        "neg_brier_score": ("predict_proba", metrics.brier_score_loss, -1),
        "r2": ("predict", metrics.r2_score, 1),
        "neg_mean_squared_error": ("predict", metrics.mean_squared_error, -1),
        "neg_mean_absolute_error": ("predict", metrics.mean_absolute_error, -1),
        "neg_root_mean_squared_error": ("predict", metrics.root_mean_squared_error, -1),
    }
)
"""What is asked of a model, by what it is judged, and whether more is better."""


def _together(estimator: Estimator[Any], found: Sequence[SPUObject]) -> SPUObject:
    """The scores as one array, NaN where they are not defined."""
    spu = estimator.spu
    return _told(spu(_stacked, num_returns_policy="single")([each.told for each in found]))


def _told(scores: SPUObject) -> SPUObject:
    """What `_stacked` makes, as a handle that is shown so; functions on the SPU get it as fixed point."""
    plain: SPUObject = scores.device(_plain)(scores)
    return plain.read_as(scores, _read)


def _read(told: Any) -> NDArray[np.float64]:
    """In the clear."""
    return np.where(told[secret.DEFINED], scaled.unscaled(told), np.nan)


def _results(candidates: Sequence[Mapping[str, Any]], scores: Any, folds: int) -> dict[str, Any]:
    """At the receiver: see `GridSearchCV.cv_results`."""
    scores = np.asarray(scores).reshape(-1, folds)
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
    return {name: -each if name in (secret.VALUE, scaled.DIGITS) else each for name, each in told.items()}


def _stacked(found: Sequence[Any]) -> dict[str, Any]:
    """Scores under one exponent, whatever their size, and whether each is defined."""
    apart = [each if isinstance(each, Mapping) else {secret.VALUE: each} for each in found]
    digits = [
        {
            scaled.DIGITS: jnp.reshape(each[scaled.DIGITS if scaled.DIGITS in each else secret.VALUE], 1),
            scaled.EXPONENT: each.get(scaled.EXPONENT, np.int32(0)),
        }
        for each in apart
    ]
    defined = [jnp.asarray(each.get(secret.DEFINED, True)) for each in apart]
    own = any(scaled.EXPONENT in each for each in apart)
    together = scaled.one_below_the_other(digits) if own else _plainly(digits)
    return {**together, secret.DEFINED: jnp.stack(defined)}


def _plainly(digits: Sequence[Any]) -> dict[str, Any]:
    return {
        scaled.DIGITS: jnp.concatenate([each[scaled.DIGITS] for each in digits]),
        scaled.EXPONENT: np.int32(0),
    }


def _plain(scores: Any) -> Any:
    return scores[scaled.DIGITS] * scaled.unit(scores[scaled.EXPONENT])


def _best(scores: Any, folds: int) -> Any:
    """The place of the candidate whose mean is the best."""
    return jnp.argmax(_means(scores, folds))


def _best_mean(scores: Any, folds: int) -> dict[str, Any]:
    """That mean; it is not defined if one of its scores is not."""
    means = _means(scores, folds)
    whole = jnp.all(scores[secret.DEFINED].reshape(-1, folds), axis=1)
    return {**scores, scaled.DIGITS: jnp.max(means), secret.DEFINED: whole[jnp.argmax(means)]}


def _means(scores: Any, folds: int) -> Any:
    """Of each candidate, under the exponent of all."""
    ranks = jnp.where(scores[secret.DEFINED], scores[scaled.DIGITS], WORST)
    return jnp.mean(ranks.reshape(-1, folds), axis=1)
