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

from junto.device.pyu import put
from junto.device.revealed_facts import fact, real, truth
from junto.errors import LearnError
from junto.frame.frame_steps import FrameStep
from junto.learn.examine import Floats
from junto.learn.families import Bernoulli, Family, Normal, Tweedie
from junto.learn.pooled import Pooled, RowPart, complete, task_of
from junto.learn.pooled_columns import RowScaling, scaling_of

STEPS: Final = 100
ROUNDING: Final = 1e-12
"""By so much a loss may be higher, of its size."""

FARTHEST: Final = 60.0
"""Of the logarithm of a mean: beyond, sums of exponentials leave the range."""

CLOSE: Final = 1e-10
"""A step that moves no coefficient of a scaled column by more is the last one."""


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


def fit(model: Any, X: Any, y: Any, sample_weight: Any = None) -> Pooled:
    """Train a linear model on the rows of a `HorizontalFrame`.

    Args:
        model: a `GeneralizedLinearModel`.
        X, y: frames of the same rows.
        sample_weight: likewise, of numbers from 0 on; None: all rows weigh 1.

    Raises:
        LearnError: tables or labels cannot be used; the model asks for what is not there for rows; it did not
            converge.
    """
    _require_plain(model)
    task = task_of(X, y, model.family, complete, sample_weight)
    scaling = scaling_of(task, scaled=model.standardize, centred=model.fit_intercept)
    penalty = model.penalty_for(task.mass)
    label = fact(task.total(_label_sum), real)
    state = put(task.first, _begin(label, model.family, model.fit_intercept, task.mass, len(task.columns)))
    most = model.max_iter or STEPS
    for count in range(1, most + 1):  # noqa: B007
        tried = task.everywhere(task.first(_tried)(state))
        total = task.total(FrameStep(_slopes, model.family), scaling, tried)
        state = task.first(FrameStep(_stepped, penalty, model.fit_intercept))(state, total)
        if fact(task.first(_is_done)(state), truth):
            break
    else:
        if model.max_iter is None:
            raise LearnError("the iteration did not converge", fix="a penalty, or fewer columns")
    last = task.everywhere(task.first(_tried)(state))
    made = {party: party(_made)(scaling[party], last[party]) for party in task.parts}
    return Pooled(made, task.columns, task.rows, count)


def coefficients(found: PooledLinear) -> Floats:
    """[columns], in the columns' own units."""
    return found.weights[:-1] / found.scaling.deviation


def intercept(found: PooledLinear) -> float:
    """What goes with `coefficients`."""
    return float(found.weights[-1] - coefficients(found) @ found.scaling.mean)


def scores(found: PooledLinear, x: Floats) -> Floats:
    """The linear score of each row."""
    scored: Floats = found.scaling.design(x) @ found.weights
    return scored


def probabilities(found: PooledLinear, x: Floats) -> Floats:
    """[rows, 2]."""
    p = _expit(scores(found, x))
    return np.column_stack([1 - p, p])


def likelier(found: PooledLinear, x: Floats, classes: tuple[Any, Any]) -> Any:
    """The likelier class of each row."""
    return np.asarray(classes)[(scores(found, x) > 0).astype(int)]


def means(found: PooledLinear, x: Floats, family: Family) -> Floats:
    """The expected label of each row."""
    eta = scores(found, x)
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


# -------------------------------------------------------------------- at each party


def _label_sum(part: RowPart) -> float:
    return float((part.weight * part.y).sum())  # rounded as the sum of weights: of one class both are equal


def _slopes(part: RowPart, scaling: RowScaling, weights: Floats, family: Family) -> dict[str, Any]:
    """G and g without the penalty, and the loss."""
    x = scaling.design(part.x)
    residual, weight, loss = (part.weight * each for each in terms(family, x @ weights, part.y))
    gram = (x * weight[:, None]).T @ x
    return {"gram": gram[np.triu_indices(len(gram))], "slope": residual @ x, "loss": float(loss.sum())}


def terms(family: Family, eta: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Residual, Fisher weight and loss of each row; see `families`."""
    if isinstance(family, Normal):
        return y - eta, np.ones_like(eta), (y - eta) ** 2 / 2
    if isinstance(family, Bernoulli):
        p = _expit(eta)
        return y - p, p * (1 - p), np.logaddexp(0, eta) - y * eta
    if not isinstance(family, Tweedie):
        raise LearnError(
            f"there is no {family.name} model of rows of several parties",
            fix="put the rows together on the SPU",
        )
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


def _begin(total: float, family: Family, intercept: bool, mass: float, columns: int) -> Descent:
    """All coefficients 0, and the label's mean as intercept."""
    mean, weights = total / mass, np.zeros(columns + 1)
    if isinstance(family, Bernoulli):
        if not 0 < total < mass:
            raise LearnError("the label has one class only", fix="both classes must occur")
        start = float(np.log(mean / (1 - mean)))
    elif isinstance(family, Tweedie):
        if not total > 0:
            raise LearnError(
                "the label is 0 in all rows", fix="check the label; a mean of 0 has no logarithm"
            )
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
