"""How a linear model is trained: which programs run on the SPU, and what is revealed between them."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from junto.device.disclosure import reveal
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.learn import descent, newton
from junto.learn.dataset import Label
from junto.learn.estimator import require, training
from junto.learn.families import Family
from junto.learn.linear_parameters import BOUND, LinearParameters

log: logging.Logger = logging.getLogger("junto.learn")

Model: TypeAlias = LinearParameters[Any]

RATE: Final = 0.1
"""Of ``sgd``, where eta0 is not given and there are not too many columns."""

BATCHES, LEAST_BATCH, LARGEST_BATCH = 20, 32, 1024
"""Of ``sgd``, where batch_size is not given: so many an epoch, and from how many rows to how many."""

EPOCHS: Final = 5
"""Of ``sgd``, where max_iter is not given."""

REWEIGHTED: Final = 8
"""Steps of ``newton`` with new weights, likewise."""

BOUNDED: Final = 25
"""Steps with the same weights, likewise: they are cheap."""

EXACT: Final = 4
"""Steps where one would be exact; the others take off what the inverse's ridge left."""


@dataclass(frozen=True, slots=True)
class FitTask:
    """What there is to fit, shared.

    Attributes:
        spu: where.
        family: the label's distribution.
        parts: of each owner [rows, columns].
        constant: of each owner, where columns are constant.
        label: on its scale.
        penalty: of L2, for the sum over all rows; a public or a secret number.
        weight: of each row, secret; None: all count alike.
    """

    spu: SPU
    family: Family
    parts: Sequence[SPUObject]
    constant: Sequence[SPUObject]
    label: Label
    penalty: Any
    weight: SPUObject | None = None

    @property
    def rows(self) -> int:
        """Of all columns."""
        return self.parts[0].shape[0]

    @property
    def width(self) -> int:
        """Columns of all owners."""
        return sum(part.shape[1] for part in self.parts)


@dataclass(frozen=True, slots=True)
class FoundCoefficients:
    """What training found.

    Attributes:
        inner: coefficients and intercept, for columns and label on their scales.
        count: epochs or steps taken.
        losses: of each epoch, if they were asked for.
    """

    inner: tuple[SPUObject, SPUObject]
    count: int
    losses: tuple[SPUObject, ...] = ()


# -------------------------------------------------------------------- second order


def reweight(model: Model, task: FitTask) -> FoundCoefficients:
    """Second order, in one program."""
    count = model.max_iter or _usual_steps(model)
    steps = newton.Steps(count, model.solver == BOUND, model.fit_intercept)
    log.info("%r: %d steps of second order; nothing is revealed", model, count)
    train = task.spu(newton.train, static_argnames="model")
    label = (task.label.scale, task.label.target)
    inner = train(task.parts, task.constant, label, task.penalty, task.weight, model=(task.family, steps))
    return FoundCoefficients(inner, count)


def _usual_steps(model: Model) -> int:
    if model.family.exact:
        return EXACT
    return REWEIGHTED if model.solver != BOUND and model.family.constant is None else BOUNDED


# -------------------------------------------------------------------- mini-batches


def descend(model: Model, task: FitTask) -> FoundCoefficients:
    """Mini-batches: in one program, or one for each epoch if something is asked of each."""
    held = math.ceil(task.rows * model.validation_fraction) if model.early_stopping else 0
    require(held < task.rows, f"early_stopping would hold out all {task.rows} rows")
    left = task.rows - held
    size = model.batch_size or min(max(LEAST_BATCH, left // BATCHES), LARGEST_BATCH)
    batches = descent.Batches(left, min(size, left), model.momentum, model.fit_intercept)
    epochs, eta0 = model.max_iter or EPOCHS, model.eta0 or _safe_rate(task)
    strides = descent.strides(model.learning_rate, eta0, model.power_t, epochs, batches)
    begin = task.spu(descent.begin, static_argnames=("width", "intercept"))
    state = begin(task.label.scale, width=task.width, intercept=model.fit_intercept)
    if model.early_stopping or model.losses:
        return _by_epochs(model, task, batches, state, strides)
    log.info("%r: %d epochs of %d batches; nothing is revealed", model, epochs, batches.steps)
    train = task.spu(descent.train, static_argnames="model")
    state = train(state, task.parts, task.label.target, task.penalty, strides, model=(task.family, batches))
    return FoundCoefficients(_apart(task, state), epochs)


def _safe_rate(task: FitTask) -> float:
    """A rate with which no correlation among columns makes the steps grow: they do from 3.8 / eigenvalue on.

    The curvature's eigenvalues add up to columns times weight; a momentum of 0.9 is taken for granted.
    """
    return min(RATE, 2 / (task.width * (task.family.bound or 1.0)))


def _by_epochs(
    model: Model, task: FitTask, batches: descent.Batches, state: Any, strides: Any
) -> FoundCoefficients:
    """One program an epoch, and after each its loss; with early stopping one bit of it is revealed."""
    if model.early_stopping:
        log.info("%r: after each epoch every party learns whether the validation loss still falls", model)
    fitted, y = (task.family, batches), task.label.target
    rows = (batches.rows, task.rows) if model.early_stopping else (0, task.rows)
    train = task.spu(descent.train, static_argnames="model")
    judge = task.spu(descent.loss, static_argnames=("model", "rows"))
    best = judge(state.weights, task.parts, y, model=fitted, rows=rows) if model.early_stopping else None
    losses: list[SPUObject] = []
    since = 0
    with training(model, "epoch", len(strides)) as course:
        for stride in course.each(strides):
            state = train(state, task.parts, y, task.penalty, stride[None], model=fitted)
            losses.append(judge(state.weights, task.parts, y, model=fitted, rows=rows))
            if best is not None:
                better, best = task.spu(descent.improves)(losses[-1], best, model.tol)
                since = 0 if bool(reveal(better)) else since + 1
                if since == model.n_iter_no_change:
                    break
    return FoundCoefficients(_apart(task, state), len(losses), tuple(losses))


def _apart(task: FitTask, state: Any) -> tuple[SPUObject, SPUObject]:
    coef, intercept = task.spu(descent.split, static_argnames="width")(state, width=task.width)
    return coef, intercept
