"""How a linear model is trained: which programs run on the SPU, and what is revealed between them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from junto.device.revealed_facts import fact, truth
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.learn import descent, newton
from junto.learn.dataset import Label
from junto.learn.estimator import require, training
from junto.learn.families import Family
from junto.learn.linear_parameters import BOUND, SGD, LinearParameters

log: logging.Logger = logging.getLogger("junto.learn")

Model: TypeAlias = LinearParameters[Any]

RATE: Final = 0.1
"""Of ``sgd``, where eta0 is not given and there are not too many columns."""

MOMENTUM: Final = 0.9
"""For which `safe_rate` is one."""

BATCHES, LEAST_BATCH, LARGEST_BATCH = 20, 32, 1024
"""Of ``sgd``, where batch_size is not given: so many an epoch, and from how many rows to how many."""

EPOCHS: Final = 5
"""Of ``sgd``, where max_iter is not given."""

REWEIGHTED: Final = 8
"""Steps of ``newton`` with new weights, likewise."""

BOUNDED: Final = 25
"""Steps with the same weights, likewise: they are cheap."""

SETTLED: Final = 2.0**-10
"""Training has come to an end if the last step changed scores by no more than this, as a root mean square."""

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
        start: a handle of ``{"start": ...}``, the constant with which training begins; or of more than that.
        penalty: of L2, for the sum over all rows; a public or a secret number.
        weight: of each row, secret; None: all count alike.
        field: the ring in which all of it is held, and in which it is trained; None: the SPU's own.
    """

    spu: SPU
    family: Family
    parts: Sequence[SPUObject]
    constant: Sequence[SPUObject]
    label: Label
    start: SPUObject
    penalty: Any
    weight: SPUObject | None = None
    field: str | None = None

    def compute(self, function: Callable[..., Any], *static: str) -> Callable[..., Any]:
        """The function on the SPU, in the task's ring; `static`: see `static_argnames` of a call."""
        return self.spu(function, static_argnames=static, field=self.field)

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
        last: see `newton.train`; None of ``sgd``.
    """

    inner: tuple[SPUObject, SPUObject]
    count: int
    losses: tuple[SPUObject, ...] = ()
    last: tuple[SPUObject, SPUObject] | None = None


# -------------------------------------------------------------------- second order


def reweight(model: Model, task: FitTask) -> FoundCoefficients:
    """Second order, in one program."""
    count = model.max_iter or _usual_steps(model)
    ridge = newton.ridge(task.spu.numbers.fraction)
    steps = newton.Steps(count, model.solver == BOUND, model.fit_intercept, ridge)
    log.info("%r: %d steps of second order; nothing is revealed", model, count)
    train = task.compute(newton.train, "model")
    label = (task.start, task.label.target)
    given = (task.parts, task.constant, label, task.penalty, task.weight)
    inner, last = train(*given, model=(task.family, steps))
    return FoundCoefficients(inner, count, last=last)


def _usual_steps(model: Model) -> int:
    if model.family.exact:
        return EXACT
    return REWEIGHTED if model.solver != BOUND and model.family.constant is None else BOUNDED


# -------------------------------------------------------------------- mini-batches


def descend(model: Model, task: FitTask) -> FoundCoefficients:
    """Mini-batches: in one program, or one for each epoch if something is asked of each."""
    held = math.ceil(task.rows * model.validation_fraction) if model.early_stopping else 0
    require(
        held < task.rows,
        f"early_stopping would hold out all {task.rows} rows",
        "a smaller validation_fraction, or more rows",
    )
    left = task.rows - held
    size = model.batch_size or min(max(LEAST_BATCH, left // BATCHES), LARGEST_BATCH)
    batches = descent.Batches(left, min(size, left), model.momentum, model.fit_intercept)
    epochs, eta0 = model.max_iter or EPOCHS, model.eta0 or safe_rate(model.family, task.width)
    strides = descent.strides(model.learning_rate, eta0, model.power_t, epochs, batches)
    begin = task.compute(descent.begin, "width", "intercept")
    state = begin(task.start, width=task.width, intercept=model.fit_intercept)
    if model.early_stopping or model.losses:
        return _by_epochs(model, task, batches, state, strides)
    log.info("%r: %d epochs of %d batches; nothing is revealed", model, epochs, batches.steps)
    train = task.compute(descent.train, "model")
    state = train(state, task.parts, task.label.target, task.penalty, strides, model=(task.family, batches))
    return FoundCoefficients(_apart(task, state), epochs)


def safe_rate(family: Family, width: int) -> float:
    """A rate with which no correlation among columns makes the steps grow: they do from 3.8 / eigenvalue on.

    The curvature's eigenvalues add up to columns times weight; a momentum of 0.9 is taken for granted.
    """
    return min(RATE, 2 / (width * (family.bound or 1.0)))


def is_gentle(model: Model, width: int, rows: int) -> bool:
    """Whether the model is trained by steps that cannot grow, whatever the columns.

    Those of second order can, where classes are all but separable; and they find more digits than steps of
    mini-batches do, so that those of the larger ring are worth having.
    """
    rate = model.eta0 is None or model.eta0 <= safe_rate(model.family, width)
    safe = rate and model.momentum <= MOMENTUM and model.penalty_for(rows) <= rows
    return model.solver_for(width) == SGD and safe


def _by_epochs(
    model: Model, task: FitTask, batches: descent.Batches, state: Any, strides: Any
) -> FoundCoefficients:
    """One program an epoch, and after each its loss; with early stopping one bit of it is revealed."""
    if model.early_stopping:
        log.info("%r: after each epoch every party learns whether the validation loss still falls", model)
    fitted, y = (task.family, batches), task.label.target
    rows = (batches.rows, task.rows) if model.early_stopping else (0, task.rows)
    train = task.compute(descent.train, "model")
    judge = task.compute(descent.loss, "model", "rows")
    best = judge(state.weights, task.parts, y, model=fitted, rows=rows) if model.early_stopping else None
    losses: list[SPUObject] = []
    since = 0
    with training(model, "epoch", len(strides)) as course:
        for stride in course.each(strides):
            state = train(state, task.parts, y, task.penalty, stride[None], model=fitted)
            losses.append(judge(state.weights, task.parts, y, model=fitted, rows=rows))
            if best is not None:
                better, best = task.compute(descent.improves)(losses[-1], best, model.tol)
                since = 0 if fact(better, truth) else since + 1
                if since == model.n_iter_no_change:
                    break
    return FoundCoefficients(_apart(task, state), len(losses), tuple(losses))


def _apart(task: FitTask, state: Any) -> tuple[SPUObject, SPUObject]:
    coef, intercept = task.compute(descent.split, "width")(state, width=task.width)
    return coef, intercept
