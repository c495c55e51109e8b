"""What trees of rows that several parties have are grown from: gradients and hessians of each row.

XGBoost's, of the label and of the score so far; or, for trees that do not correct each other, of the label
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from junto.device.revealed_facts import fact, real
from junto.errors import LearnError
from junto.frame.frame_steps import FrameStep
from junto.learn.examine import Floats
from junto.learn.families import ClassFamily, Family
from junto.learn.pooled import RowPart, RowsTask
from junto.learn.pooled_linear import FARTHEST, terms
from junto.learn.trees.objectives import BINARY, GAMMA, POISSON, SOFTMAX, SQUARES, objective_of


@dataclass(frozen=True, slots=True)
class TreeStart:
    """Where trees begin.

    Attributes:
        base: the score without a tree, of each output.
        spread: what the label is divided by before gains are computed, so that its units do not matter.
    """

    base: tuple[float, ...]
    spread: float = 1.0


def start_of(
    family: Family, corrects: bool, sums: Floats, task: RowsTask, given: float | None = None
) -> TreeStart:
    """Where the trees of a label begin.

    Args:
        family: of the label.
        corrects: see `growing.Rule`.
        sums: see `label_sums`.
        task: rows.
        given: the score without a tree; None: that of the label's mean.

    Raises:
        LearnError: the label has one class, or is 0 in all rows.
    """
    if corrects:
        base = _base(family, sums, task)
        return TreeStart(tuple(base if given is None else [given] * len(base)))
    if isinstance(family, ClassFamily):
        return TreeStart((0.0,) * len(family.classes) if family.outputs else (0.0,))
    mean = float(sums[0]) / task.mass
    squares = fact(task.total(FrameStep(_squares, mean)), real)
    return TreeStart((mean,), float(np.sqrt(squares / task.mass)) or 1.0)


def _base(family: Family, sums: Floats, task: RowsTask) -> list[float]:
    objective, number = objective_of(family)
    if objective == SOFTMAX:
        logs = np.log(np.maximum(sums, 0.5 * task.mass / task.rows))
        return [float(each) for each in logs - logs.mean()]
    mean = float(sums[0]) / task.mass
    if objective == BINARY:
        if not 0 < mean < 1:
            raise LearnError("the label has one class only", fix="both classes must occur")
        return [float(np.log(number * mean / (1 - mean)))]
    if objective == SQUARES:
        return [mean]
    if not mean > 0:
        raise LearnError("the label is 0 in all rows", fix="check the label; a mean of 0 has no logarithm")
    return [float(np.log(mean))]


# -------------------------------------------------------------------- at the parties


def label_sums(part: RowPart, family: Family) -> Floats:
    """The sum of the labels; of more than two classes, the weight of each one's rows."""
    if isinstance(family, ClassFamily) and family.outputs:
        found: Floats = np.bincount(part.y.astype(int), part.weight, len(family.classes)).astype(np.float64)
        return found
    return np.array([(part.weight * part.y).sum()])


def _squares(part: RowPart, mean: float) -> float:
    return float((part.weight * (part.y - mean) ** 2).sum())


def started(part: RowPart, base: tuple[float, ...]) -> Floats:
    """[rows, outputs]."""
    return np.tile(np.asarray(base, np.float64), (len(part.x), 1))


def slopes(part: RowPart, score: Floats, drawn: Any, family: Family, corrects: bool, start: TreeStart) -> Any:
    """``gradient``, downwards [rows, trees, outputs of a tree], and ``hessian`` [rows, trees].

    Args:
        part: rows.
        score: of them so far [rows, outputs].
        drawn: how often this tree takes each row; None: once.
        family: of the label.
        corrects: see `growing.Rule`: outputs then have a tree each; else one tree has all of them.
        start: see `TreeStart`.
    """
    weight = part.weight if drawn is None else part.weight * drawn
    if corrects:
        gradient, hessian = newton(part.y, score, family)
        return {"gradient": (gradient * weight[:, None])[:, :, None], "hessian": hessian * weight[:, None]}
    several = isinstance(family, ClassFamily) and family.outputs
    label = np.equal.outer(part.y, np.arange(len(start.base))) if several else part.y[:, None]
    apart = (label - np.asarray(start.base)) / start.spread
    return {"gradient": (apart * weight[:, None])[:, None, :], "hessian": weight[:, None].copy()}


def newton(label: Floats, score: Floats, family: Family) -> tuple[Floats, Floats]:
    """Gradients, downwards, and hessians [rows, outputs]: XGBoost's."""
    y = label[:, None]
    objective, number = objective_of(family)
    if objective == SQUARES:
        return y - score, np.ones_like(score)
    if objective == BINARY:
        p = softmax(np.column_stack([np.zeros_like(score), score]))[:, 1:]
        weight = np.where(y == 1, number, 1.0)
        return weight * (y - p), weight * p * (1 - p)
    if objective == SOFTMAX:
        p = softmax(score)
        return (y == np.arange(score.shape[1])) - p, 2 * p * (1 - p)
    eta = np.clip(score, -FARTHEST, FARTHEST)
    if objective == POISSON:
        mean = np.exp(eta)
        return y - mean, mean * np.exp(number)
    if objective == GAMMA:
        likely = y * np.exp(-eta)
        return likely - 1, likely
    likely, spent = y * np.exp((1 - number) * eta), np.exp((2 - number) * eta)
    return likely - spent, (number - 1) * likely + (2 - number) * spent


def losses(part: RowPart, score: Floats, family: Family) -> float:
    """The sum of what the trees minimise, over all rows."""
    y, objective = part.y, objective_of(family)[0]
    if objective == SOFTMAX:
        chances = softmax(score)[np.arange(len(y)), y.astype(int)]
        return float(-np.log(np.maximum(chances, 1e-300)).sum())
    eta = score[:, 0]
    if objective == SQUARES:
        return float(((y - eta) ** 2).sum())
    if objective == BINARY:
        return float((np.logaddexp(0, eta) - y * eta).sum())
    return float(terms(family, eta, y)[2].sum())


def softmax(score: Floats) -> Floats:
    """[rows, classes]."""
    raised = np.exp(score - score.max(axis=1, keepdims=True))
    found: Floats = raised / raised.sum(axis=1, keepdims=True)
    return found
