"""How good a model of rows that several parties have is on such rows: sums over the rows, as in training.

Every party learns the sums, and so the score, and of numbers the mean label and its squared distances from
it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.frame.frame_steps import FrameStep
from junto.learn.examine import Floats
from junto.learn.families import Family, Tweedie
from junto.learn.pooled import Pooled, RowPart, RowsTask, task_of
from junto.learn.pooled_linear import terms

Predicts = Callable[[Any, Floats], Any]
"""Of a model and [rows, columns]."""


def accuracy(
    model: Pooled,
    predicts: Predicts,
    given: tuple[Any, Any, Family],
    look: Callable[[Any, Any], Any],
    to: Any,
) -> PYUObject:
    """The part of the rows whose class is the likeliest one.

    Args:
        model: fitted.
        predicts: the number of each row's likeliest class.
        given: X, y, and the family of y.
        look: see `pooled.complete`.
        to: at whom the result is a handle; None: at the first party.

    Raises:
        LearnError: X or y cannot be used.
    """
    task = _task(model, given, look)
    right = task.total(_right, _predicted(task, model, predicts), whole=True)
    return _at(task.first(FrameStep(_part_of, task.rows))(right), to)


def explained(
    model: Pooled,
    predicts: Predicts,
    given: tuple[Any, Any, Family],
    look: Callable[[Any, Any], Any],
    to: Any,
) -> PYUObject:
    """R2, or of a Tweedie family D2; `predicts`: the mean of each row. Else as `accuracy`."""
    task, family = _task(model, given, look), given[2]
    middle = task.everywhere(task.first(FrameStep(_part_of, task.rows))(task.total(_label_sum)))
    sums = task.total(FrameStep(_losses, family), _predicted(task, model, predicts), middle)
    return _at(task.first(_explained)(sums), to)


def _task(model: Pooled, given: tuple[Any, Any, Family], look: Callable[[Any, Any], Any]) -> RowsTask:
    X, y, family = given
    return task_of(X, y, family, look, columns=model.columns)


def _predicted(task: RowsTask, model: Pooled, predicts: Predicts) -> dict[PYU, PYUObject]:
    return {
        party: party(predicts)(model.at(party), party(_columns)(task.parts[party])) for party in task.parts
    }


def _at(value: PYUObject, to: PYU | str | None) -> PYUObject:
    if to is None:
        return value
    found: PYUObject = value.to(to if isinstance(to, PYU) else PYU(to))
    return found


# -------------------------------------------------------------------- at the parties


def _columns(part: RowPart) -> Floats:
    return part.x


def _right(part: RowPart, guessed: Any) -> int:
    return int((np.asarray(guessed) == part.y).sum())


def _label_sum(part: RowPart) -> float:
    return float(part.y.sum())


def _part_of(total: float, rows: int) -> float:
    return float(total) / rows


def _losses(part: RowPart, means: Floats, middle: float, family: Family) -> Floats:
    """Of the prediction, of the mean label for all rows, and of the label itself."""
    y = part.y
    if not isinstance(family, Tweedie):
        return np.array([((y - means) ** 2).sum(), ((y - middle) ** 2).sum(), 0.0])
    own, power = np.where(y > 0, y, 1.0), family.power
    if power == 1:
        least = np.where(y > 0, own - own * np.log(own), 0.0)
    elif power == 2:
        least = 1 + np.log(own)
    else:
        least = np.where(y > 0, own ** (2 - power), 0.0) * (1 / (2 - power) - 1 / (1 - power))
    found = [terms(family, np.log(each), y)[2].sum() for each in (means, np.full(len(y), middle))]
    return np.array([*found, least.sum()])


def _explained(sums: Floats) -> float:
    """As in scikit-learn: of a constant label 1 if it is predicted, else 0."""
    loss, worst, best = map(float, sums)
    if worst > best:
        return (worst - loss) / (worst - best)
    return float(loss <= best)
