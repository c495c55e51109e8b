"""Generalised linear models of rows that several parties have: sums over the rows are enough.

Nelder and Wedderburn, "Generalized linear models", 1972: with G = X'WX + penalty and g = X'r - penalty w each
step is w <- w + G^-1 g, and both are sums over rows, so it is the step for all rows together. A step after
which the loss is higher is halved. Everything is in floats of 64 bits.

Every party learns the sums of each column, its absolute values and its squared distances from the mean; in
each step G, g and the loss over all rows; and so the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject, put
from junto.errors import LearnError
from junto.frame.frame_steps import FrameStep
from junto.learn import examine
from junto.learn.examine import Floats
from junto.learn.families import Bernoulli, Family, Normal, Tweedie
from junto.learn.pooled import Pooled, RowsTask, complete, matrix_of, rows_and_sums, task_of

STEPS: Final = 100
ROUNDING: Final = 1e-12
"""By so much a loss may be higher, of its size."""

FARTHEST: Final = 60.0
"""Of the logarithm of a mean: beyond, sums of exponentials leave the range."""

CLOSE: Final = 1e-10
"""A step that moves no coefficient of a scaled column by more is the last one."""


@dataclass(frozen=True, slots=True)
class RowScaling:
    """How columns are brought to mean 0 and deviation 1 over all rows.

    Attributes:
        names: of the columns.
        mean, deviation: of each; a constant column has deviation infinity.
    """

    names: tuple[str, ...]
    mean: Floats
    deviation: Floats

    def design(self, table: Any) -> Floats:
        """[rows, columns + 1], the last one 1."""
        x = (matrix_of(table, self.names) - self.mean) / self.deviation
        return np.column_stack([x, np.ones(len(x))])


@dataclass(frozen=True, slots=True)
class PooledLinear:
    """A model in the clear.

    Attributes:
        scaling: of its columns.
        weights: [columns + 1], of the scaled columns and the intercept.
    """

    scaling: RowScaling
    weights: Floats


@dataclass(frozen=True, slots=True)
class Descent:
    """Where the iteration is.

    Attributes:
        best: the weights with the least loss so far.
        tried: those that the next sums are for.
        loss: at `best`, with the penalty.
        done: `best` is the solution.
    """

    best: Floats
    tried: Floats
    loss: float
    done: bool


def fit(model: Any, X: Any, y: Any) -> Pooled:
    """Train a linear model on the rows of a `HorizontalFrame`.

    Raises:
        LearnError: tables or labels cannot be used; the model asks for what is not there for rows; it did not
            converge.
    """
    _require_plain(model)
    task = task_of(X, y, model.family, complete)
    scaling = _scaling(task, model)
    penalty = model.penalty_for(task.rows)
    label = float(reveal(task.total(FrameStep(_label_sum, model.family))))
    state = put(task.first, _begin(label, model.family, model.fit_intercept, task.rows, len(task.columns)))
    most = model.max_iter or STEPS
    for count in range(1, most + 1):  # noqa: B007
        total = task.total(
            FrameStep(_slopes, model.family), scaling, task.everywhere(task.first(_tried)(state))
        )
        state = task.first(FrameStep(_stepped, penalty, model.fit_intercept))(state, total)
        if reveal(task.first(_is_done)(state)):
            break
    else:
        if model.max_iter is None:
            raise LearnError("the iteration did not converge", fix="a penalty, or fewer columns")
    last = task.everywhere(task.first(_tried)(state))
    made = {party: party(_made)(scaling[party], last[party]) for party in task.tables}
    return Pooled(made, task.columns, task.rows, count)


def coefficients(found: PooledLinear) -> Floats:
    """[columns], in the columns' own units."""
    return found.weights[:-1] / found.scaling.deviation


def intercept(found: PooledLinear) -> float:
    """What goes with `coefficients`."""
    return float(found.weights[-1] - coefficients(found) @ found.scaling.mean)


def scores(found: PooledLinear, table: Any) -> Floats:
    """The linear score of each row."""
    scored: Floats = found.scaling.design(table) @ found.weights
    return scored


def probabilities(found: PooledLinear, table: Any) -> Floats:
    """[rows, 2]."""
    p = _expit(scores(found, table))
    return np.column_stack([1 - p, p])


def likelier(found: PooledLinear, table: Any, classes: tuple[Any, Any]) -> Any:
    """The likelier class of each row."""
    return np.asarray(classes)[(scores(found, table) > 0).astype(int)]


def means(found: PooledLinear, table: Any, family: Family) -> Floats:
    """The expected label of each row."""
    eta = scores(found, table)
    return np.exp(eta) if isinstance(family, Tweedie) else eta


def _require_plain(model: Any) -> None:
    asked = {
        "solver": model.solver not in ("auto", "newton"),
        "inference": model.inference,
        "early_stopping": model.early_stopping,
        "losses": model.losses,
    }
    for name, wanted in asked.items():
        if wanted:
            raise LearnError(f"on rows of several parties there is no {name}", fix=f"leave out {name}")


def _scaling(task: RowsTask, model: Any) -> Mapping[PYU, PYUObject]:
    sums = task.total(FrameStep(rows_and_sums, task.columns))
    middle = task.first(FrameStep(_middle, task.rows))(sums)
    squares = task.total(FrameStep(_squares, task.columns), task.everywhere(middle))
    how = (model.standardize, model.fit_intercept)
    found = task.everywhere(task.first(FrameStep(_scaled, task.rows, how))(middle, squares))
    named = FrameStep(_named, task.columns)
    return {party: party(named)(found[party]) for party in task.tables}


def _named(found: Mapping[str, Floats], columns: tuple[str, ...]) -> RowScaling:
    return RowScaling(columns, found["mean"], found["deviation"])


# -------------------------------------------------------------------- at each party


def _squares(table: Any, label: Any, middle: Mapping[str, Floats], names: tuple[str, ...]) -> Floats:
    """Of each column the sum of squared distances from the mean, over the square of its size."""
    x = (matrix_of(table, names) - middle["mean"]) / middle["size"]
    squares: Floats = (x**2).sum(axis=0)
    return squares


def _label_sum(table: Any, label: Any, family: Family) -> float:
    return float(examine.numbers_of(label, family).sum())


def _slopes(table: Any, label: Any, scaling: RowScaling, weights: Floats, family: Family) -> dict[str, Any]:
    """G and g without the penalty, and the loss."""
    x, y = scaling.design(table), examine.numbers_of(label, family)
    residual, weight, loss = _terms(family, x @ weights, y)
    gram = (x * weight[:, None]).T @ x
    return {"gram": gram[np.triu_indices(len(gram))], "slope": residual @ x, "loss": float(loss.sum())}


def _terms(family: Family, eta: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Residual, Fisher weight and loss of each row; see `families`."""
    if isinstance(family, Normal):
        return y - eta, np.ones_like(eta), (y - eta) ** 2 / 2
    if isinstance(family, Bernoulli):
        p = _expit(eta)
        return y - p, p * (1 - p), np.logaddexp(0, eta) - y * eta
    if not isinstance(family, Tweedie):
        raise LearnError(f"there is no {family.name} model of rows of several parties")
    power, eta = family.power, np.clip(eta, -FARTHEST, FARTHEST)
    weight = np.exp((2 - power) * eta)
    likely = y * eta if power == 1 else y * np.exp((1 - power) * eta) / (1 - power)
    spent = eta if power == 2 else weight / (2 - power)
    return y * np.exp((1 - power) * eta) - weight, weight, spent - likely


def _expit(eta: Floats) -> Floats:
    half: Floats = np.tanh(eta / 2)  # which does not overflow
    return (1 + half) / 2


def _made(scaling: RowScaling, weights: Floats) -> PooledLinear:
    return PooledLinear(scaling, weights)


# -------------------------------------------------------------------- at the first party, of what all know


def _middle(sums: Mapping[str, Floats], rows: int) -> dict[str, Floats]:
    """Means of the columns, and of their absolute values, to the next power of two."""
    size = np.ldexp(1.0, np.frexp(sums["size"] / rows)[1])
    return {"mean": sums["sum"] / rows, "size": np.where(sums["size"] > 0, size, 1.0)}


def _scaled(
    middle: Mapping[str, Floats], squares: Floats, rows: int, how: tuple[bool, bool]
) -> dict[str, Floats]:
    """Mean and deviation of each column; a column is constant if its variance is what rounding leaves."""
    standardize, centred = how
    mean, eps = middle["mean"] / middle["size"], rows * np.finfo(np.float64).eps
    variance = squares / rows
    constant = variance <= eps * variance + (eps * mean) ** 2
    deviation = np.where(standardize, np.sqrt(variance) * middle["size"], 1.0)
    deviation = np.where(constant & centred, np.inf, np.where(deviation > 0, deviation, 1.0))
    return {"mean": middle["mean"] * centred, "deviation": deviation}


def _begin(total: float, family: Family, intercept: bool, rows: int, columns: int) -> Descent:
    """All coefficients 0, and the label's mean as intercept."""
    mean, weights = total / rows, np.zeros(columns + 1)
    if isinstance(family, Bernoulli):
        if not 0 < total < rows:
            raise LearnError("the label has one class only", fix="both classes must occur")
        start = float(np.log(mean / (1 - mean)))
    elif isinstance(family, Tweedie):
        if not total > 0:
            raise LearnError("the label is 0 in all rows")
        start = float(np.log(mean))
    else:
        start = mean
    weights[-1] = start if intercept else 0.0
    return Descent(weights, weights, np.inf, False)


def _stepped(state: Descent, total: Mapping[str, Any], penalty: float, intercept: bool) -> Descent:
    """What is tried next."""
    tried, width = state.tried, len(state.tried)
    shrink = np.r_[np.full(width - 1, penalty), 0.0]
    loss = float(total["loss"]) + float(shrink @ tried**2) / 2
    if not loss <= state.loss + ROUNDING * abs(loss):
        closer = (state.best + tried) / 2
        return Descent(state.best, closer, state.loss, bool(np.abs(closer - state.best).max() < CLOSE))
    gram = np.zeros((width, width))
    gram[np.triu_indices(width)] = total["gram"]
    gram = gram + np.triu(gram, 1).T + np.diag(shrink)
    slope = total["slope"] - shrink * tried
    if not intercept:
        gram[-1], gram[:, -1], slope[-1] = 0.0, 0.0, 0.0
    size = np.sqrt(np.where(np.diag(gram) > 0, np.diag(gram), 1.0))
    step = np.linalg.pinv(gram / np.outer(size, size), rcond=1e-12, hermitian=True) @ (slope / size) / size
    scale = max(1.0, float(np.abs(tried).max()))
    return Descent(tried, tried + step, loss, bool(np.abs(step).max() < CLOSE * scale))


def _is_done(state: Descent) -> bool:
    return state.done


def _tried(state: Descent) -> Floats:
    return state.tried
