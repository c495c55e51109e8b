"""Boosted trees of rows that several parties have: histograms are sums over rows.

As XGBoost's ``hist`` grows them (Chen and Guestrin, KDD 2016, equations 6 and 7, algorithm 3), with all rows
together: of each node, column and bin the parties add up gradients and hessians; the best split of the totals
goes to all, and each sends its own rows to the left or the right. Bins end at quantiles of all rows, found by
bisection: in each of 32 turns the parties add up how many of their numbers are not above a probe.

Every party learns the sums of the labels, how many numbers of each column are below the probes, so its
quantiles, which are numbers of some rows; of each node the histograms over all rows; and so the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject
from junto.errors import LearnError
from junto.frame.frame_steps import FrameStep
from junto.learn import examine
from junto.learn.estimator import run_at
from junto.learn.examine import Floats
from junto.learn.families import ClassFamily, Family
from junto.learn.pooled import Pooled, RowsTask, matrix_of, task_of, with_gaps
from junto.learn.trees import candidates
from junto.learn.trees.candidates import NONE
from junto.learn.trees.objectives import BINARY, GAMMA, POISSON, SOFTMAX, SQUARES, objective_of
from junto.learn.trees.xgboost_json import Plain

TURNS: Final = 32
"""Bits of a number of a column."""

LEAST_GAIN: Final = 1e-6
"""XGBoost's ``kRtEps``: what is no more than this is rounding."""

FARTHEST: Final = 60.0
"""Of the logarithm of a mean: beyond, sums of exponentials leave the range."""

Keys = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class SplitRule:
    """What a split and a leaf have to be.

    Attributes:
        penalty: `reg_lambda`.
        gamma: by how much a split has to lessen the loss.
        least: `min_child_weight`.
        step: `max_delta_step`; 0: leaves of any size.
        rate: `learning_rate`.
    """

    penalty: float
    gamma: float
    least: float
    step: float
    rate: float

    def weight(self, gradient: Floats, hessian: Floats) -> Floats:
        """Of a leaf, before it is multiplied by the rate; gradients count downwards."""
        found: Floats = gradient / np.maximum(hessian + self.penalty, 1e-16)
        return np.clip(found, -self.step, self.step) if self.step else found

    def score(self, gradient: Floats, hessian: Floats) -> Floats:
        """By how much a leaf lessens the loss, twice."""
        weight = self.weight(gradient, hessian)
        scored: Floats = 2 * gradient * weight - (hessian + self.penalty) * weight**2
        return scored


def fit(model: Any, X: Any, y: Any) -> Pooled:
    """Grow the trees of a `GradientBoosting` on the rows of a `HorizontalFrame`.

    Raises:
        LearnError: tables or labels cannot be used; the model asks for what is not there for rows.
    """
    if model.subsample != 1 or model.early_stopping_rounds is not None:
        raise LearnError(
            "on rows of several parties trees take all rows, and all are grown",
            fix="leave out subsample and early_stopping_rounds",
        )
    family, task = model.family, task_of(X, y, model.family, with_gaps)
    base = _base(family, reveal(task.total(FrameStep(_label_sums, family))), task.rows)
    cuts = task.everywhere(_cuts(task, model.max_bins))
    binned = FrameStep(_binned, task.columns)
    bins = {party: party(binned)(table, cuts[party]) for party, table in task.tables.items()}
    rule = SplitRule(
        model.reg_lambda, model.gamma, model.min_child_weight, model.largest_step, model.learning_rate
    )
    score: Mapping[PYU, Any] = {
        party: party(FrameStep(_start, tuple(base)))(table) for party, table in bins.items()
    }
    trees: dict[PYU, list[Any]] = {party: [] for party in bins}
    for number in range(model.n_estimators):
        chosen = model._columns(len(task.columns), number, 0)
        drawn = None if chosen is None else tuple(chosen[0])
        score, grown = _grow(task, (bins, cuts, score), (family, rule, model.max_depth, drawn))
        for party, tree in grown.items():
            trees[party].append(tree)
    written = FrameStep(_written, task.columns, family, tuple(base))
    found = {party: party(written)(cuts[party], trees[party]) for party in bins}
    return Pooled(found, task.columns, task.rows, model.n_estimators)


def scores(model: Plain, table: Any) -> Floats:
    """The trees' sum of each row [rows], or [rows, outputs]."""
    known, picks = candidates.candidates_told(model.splits), candidates.picks_told(model.splits)
    reached = candidates.reachable(table, known, picks)
    count, leaves = model.leaves.shape
    each = np.einsum("rtl,tl->rt", reached.reshape(-1, count, leaves), model.leaves)
    total = model.base + each.reshape(len(each), -1, model.outputs).sum(axis=1)
    found: Floats = total[:, 0] if model.outputs == 1 else total
    return found


def probabilities(model: Plain, table: Any) -> Floats:
    """[rows, classes]."""
    found = scores(model, table)
    if model.outputs == 1:
        found = np.column_stack([np.zeros_like(found), found])
    return _softmax(found)


def likelier(model: Plain, table: Any, classes: tuple[Any, ...]) -> Any:
    """The likeliest class of each row."""
    return np.asarray(classes)[probabilities(model, table).argmax(axis=1)]


def means(model: Plain, table: Any) -> Floats:
    """The expected label of each row."""
    found = scores(model, table)
    return found if model.objective == SQUARES else np.exp(found)


# -------------------------------------------------------------------- bins


def _cuts(task: RowsTask, max_bins: int) -> PYUObject:
    """At the first party, of each column the lower ends of all bins but the first."""
    first, columns = task.first, task.columns
    counts = task.total(FrameStep(_there, columns))
    state = first(FrameStep(_probed, max_bins))(counts)
    for turn in range(TURNS):
        probe = task.everywhere(first(FrameStep(_middle, turn))(state))
        state = first(FrameStep(_halved, turn))(state, task.total(FrameStep(_below, columns), probe))
    return run_at(first, _found, state)


def _keys(table: Any, columns: tuple[str, ...]) -> tuple[Keys, NDArray[np.bool_]]:
    """Numbers of 32 bits as whole numbers of the same order; and where there are none."""
    values = np.ascontiguousarray(matrix_of(table, columns).astype(np.float32) + np.float32(0))
    bits = values.view(np.uint32)
    top = np.uint32(1 << 31)
    return np.where(bits & top, ~bits, bits | top), np.isnan(values)


def _there(table: Any, label: Any, columns: tuple[str, ...]) -> Floats:
    return np.asarray((~_keys(table, columns)[1]).sum(axis=0), np.float64)


def _probed(counts: Floats, max_bins: int) -> dict[str, Any]:
    """Of each column ranks, and between what whole numbers those of these ranks are."""
    parts = np.arange(max_bins) / max_bins
    ranks = np.ceil(np.multiply.outer(counts - 1, parts)).clip(min=0) + 1
    return {
        "counts": counts,
        "ranks": ranks,
        "low": np.zeros(ranks.shape, np.int64),
        "high": np.full(ranks.shape, 2**32 - 1),
    }


def _middle(state: Mapping[str, Any], turn: int) -> NDArray[np.int64]:
    middle: NDArray[np.int64] = (state["low"] + state["high"]) // 2
    return middle


def _below(table: Any, label: Any, probe: Any, columns: tuple[str, ...]) -> Floats:
    """[columns, ranks]: how many numbers are not above each probe."""
    keys, gaps = _keys(table, columns)
    parts = [np.sort(column[~gap]) for column, gap in zip(keys.T, gaps.T, strict=True)]
    return np.array(
        [np.searchsorted(part, each, "right") for part, each in zip(parts, probe, strict=True)], np.float64
    )


def _halved(state: Mapping[str, Any], below: Floats, turn: int) -> dict[str, Any]:
    middle = (state["low"] + state["high"]) // 2
    enough = below >= state["ranks"] - 0.5
    return {
        **state,
        "low": np.where(enough, state["low"], middle + 1),
        "high": np.where(enough, middle, state["high"]),
    }


def _found(state: Mapping[str, Any]) -> list[NDArray[np.float32]]:
    """Of each column the quantiles but the least, in order; of one without numbers none."""
    top = np.uint32(1 << 31)
    keys = state["low"].astype(np.uint32)
    values = np.where(keys & top, keys ^ top, ~keys).astype(np.uint32).view(np.float32)
    return [
        np.unique(each)[1:] if count else np.zeros(0, np.float32)
        for each, count in zip(values, state["counts"], strict=True)
    ]


def _binned(table: Any, cuts: Sequence[Any], columns: tuple[str, ...]) -> NDArray[np.int64]:
    """[rows, columns]: the bin of each number; what is missing has one past the last of all columns."""
    values = matrix_of(table, columns).astype(np.float32)
    most = max(map(len, cuts)) + 1
    found = np.stack(
        [np.searchsorted(np.asarray(cut), each, "right") for cut, each in zip(cuts, values.T, strict=True)],
        axis=1,
    )
    return np.where(np.isnan(values), most, found)


# -------------------------------------------------------------------- a tree


def _grow(task: RowsTask, data: Any, how: Any) -> tuple[Mapping[PYU, PYUObject], Mapping[PYU, Any]]:
    """The next tree of each output, and the scores after it."""
    (bins, cuts, score), (family, rule, depth, drawn) = data, how
    slopes = {
        party: party(FrameStep(_slopes, family))(task.labels[party], score[party]) for party in task.tables
    }
    nodes = {party: party(_root)(slopes[party]) for party in task.tables}
    levels: list[Mapping[PYU, PYUObject]] = []
    for level in range(depth):
        summed = task.total(FrameStep(_histogram, level), bins, slopes, nodes, cuts)
        split = task.first(FrameStep(_best, rule, drawn))(summed, cuts[task.first])
        levels.append(task.everywhere(split))
        nodes = {
            party: party(_descended)(bins[party], nodes[party], levels[-1][party]) for party in task.tables
        }
    summed = task.total(FrameStep(_leaf_sums, depth), slopes, nodes)
    weights = task.everywhere(task.first(FrameStep(_weighed, rule))(summed))
    later = {party: party(_after)(score[party], nodes[party], weights[party]) for party in task.tables}
    return later, {party: ([each[party] for each in levels], weights[party]) for party in task.tables}


def _root(slopes: Mapping[str, Floats]) -> NDArray[np.int64]:
    return np.zeros(slopes["gradient"].shape, np.int64)


def _histogram(
    table: Any, label: Any, bins: Any, slopes: Mapping[str, Floats], nodes: Any, *more: Any
) -> Floats:
    """[2, outputs, nodes, columns, bins]: sums of gradients and of hessians."""
    cuts, level = more
    most, columns = max(map(len, cuts)) + 2, bins.shape[1]
    shape = (2**level, columns, most)
    places = np.arange(columns) * most + bins
    found = []
    for weight in (slopes["gradient"], slopes["hessian"]):
        for node, each in zip(nodes.T, weight.T, strict=True):
            at = (node[:, None] * (columns * most) + places).ravel()
            summed = np.bincount(at, np.repeat(each, columns), int(np.prod(shape)))
            found.append(summed.reshape(shape))
    return np.stack(found).reshape(2, -1, *shape)


def _best(summed: Floats, cuts: Sequence[Any], rule: SplitRule, drawn: Any) -> dict[str, Any]:
    """Of each output and node [outputs, nodes] the split that lessens the loss most."""
    whole = summed.sum(axis=-1, keepdims=True)
    gaps, there = summed[..., -1:], summed[..., :-1].cumsum(axis=-1)
    left = np.stack([there, there + gaps], axis=-1)  # what is missing goes right, or left
    parent, right = whole[..., None], whole[..., None] - left
    gain = rule.score(*left) + rule.score(*right) - rule.score(*parent)
    sizes = np.array([len(cut) for cut in cuts])[:, None, None]
    place = np.arange(there.shape[-1])[None, :, None]
    may = (place < sizes) | ((place == there.shape[-1] - 1) & np.array([True, False]))
    may = may & (left[1] >= rule.least) & (right[1] >= rule.least)
    if drawn is not None:
        may = may & np.isin(np.arange(len(cuts)), drawn)[:, None, None]
    gain = np.where(may, gain, -np.inf)
    flat = gain.reshape(*gain.shape[:2], -1)
    best = flat.argmax(axis=-1)
    column, at, missing = np.unravel_index(best, gain.shape[2:])
    fine = np.take_along_axis(flat, best[..., None], -1)[..., 0] > max(rule.gamma, LEAST_GAIN)
    column = np.where(fine, column, NONE)
    return {"column": column, "bin": at, "missing": missing == 1, "gap": summed.shape[-1] - 1}


def _descended(bins: Any, nodes: Any, split: Mapping[str, Any]) -> NDArray[np.int64]:
    """The node of each row one level below [rows, outputs]; where none is split, the right one."""
    later = []
    for place, node in enumerate(nodes.T):
        column, at, missing = (np.asarray(split[name])[place][node] for name in ("column", "bin", "missing"))
        found = np.take_along_axis(bins, np.maximum(column, 0)[:, None], 1)[:, 0]
        gap = found == split["gap"]
        left = (column != NONE) & np.where(gap, missing, found <= at)
        later.append(2 * node + ~left)
    return np.stack(later, axis=1)


def _leaf_sums(table: Any, label: Any, slopes: Mapping[str, Floats], nodes: Any, depth: int) -> Floats:
    """[2, outputs, leaves]."""
    return np.stack(
        [
            [np.bincount(node, each, 2**depth) for node, each in zip(nodes.T, weight.T, strict=True)]
            for weight in (slopes["gradient"], slopes["hessian"])
        ]
    )


def _weighed(summed: Floats, rule: SplitRule) -> Floats:
    """[outputs, leaves]."""
    weights: Floats = rule.rate * rule.weight(*summed)
    return weights


def _after(score: Floats, nodes: Any, weights: Floats) -> Floats:
    later: Floats = score + np.stack(
        [each[node] for each, node in zip(weights, nodes.T, strict=True)], axis=1
    )
    return later


def _written(cuts: Sequence[Any], trees: Any, columns: tuple[str, ...], family: Family, base: Any) -> Plain:
    """The model in the clear; trees of the outputs in turn."""
    ends = [np.append(np.asarray(cut, np.float32), np.float32(np.inf)) for cut in cuts]
    column, threshold, missing = [], [], []
    for levels, _ in trees:
        for output in range(len(base)):
            found = np.concatenate([np.asarray(level["column"])[output] for level in levels])
            at = np.concatenate([np.asarray(level["bin"])[output] for level in levels])
            column.append(found)
            threshold.append([ends[c][min(b, len(ends[c]) - 1)] for c, b in zip(found, at, strict=True)])
            missing.append(np.concatenate([np.asarray(level["missing"])[output] for level in levels]))
    objective, number = objective_of(family)
    splits = {
        "names": list(columns),
        "named": True,
        "column": np.array(column, np.int32),
        "threshold": np.array(threshold, np.float32),
        "missing": np.array(missing, np.bool_),
    }
    leaves = np.concatenate([weights for _, weights in trees])
    return Plain(objective, number, np.asarray(base, np.float64), leaves, splits)


# -------------------------------------------------------------------- labels


def _label_sums(table: Any, label: Any, family: Family) -> Floats:
    """The sum of the labels; of more than two classes, how many rows each has."""
    y = examine.numbers_of(label, family)
    if isinstance(family, ClassFamily) and family.outputs:
        return np.bincount(y.astype(int), minlength=len(family.classes)).astype(np.float64)
    return np.array([y.sum()])


def _base(family: Family, sums: Floats, rows: int) -> list[float]:
    """The score without a tree, of each output."""
    objective, _ = objective_of(family)
    if objective == SOFTMAX:
        logs = np.log(np.maximum(sums, 0.5))
        return [float(each) for each in logs - logs.mean()]
    mean = float(sums[0]) / rows
    if objective == BINARY:
        if not 0 < mean < 1:
            raise LearnError("the label has one class only", fix="both classes must occur")
        return [float(np.log(mean / (1 - mean)))]
    if objective == SQUARES:
        return [mean]
    if not mean > 0:
        raise LearnError("the label is 0 in all rows")
    return [float(np.log(mean))]


def _start(bins: Any, base: Sequence[float]) -> Floats:
    return np.tile(np.asarray(base, np.float64), (len(bins), 1))


def _slopes(label: Any, score: Floats, family: Family) -> dict[str, Floats]:
    """Gradients, downwards, and hessians [rows, outputs]: XGBoost's."""
    y = examine.numbers_of(label, family)[:, None]
    objective, number = objective_of(family)
    if objective == SQUARES:
        return {"gradient": y - score, "hessian": np.ones_like(score)}
    if objective == BINARY:
        p = _softmax(np.column_stack([np.zeros_like(score), score]))[:, 1:]
        return {"gradient": y - p, "hessian": p * (1 - p)}
    if objective == SOFTMAX:
        p = _softmax(score)
        return {"gradient": (y == np.arange(score.shape[1])) - p, "hessian": 2 * p * (1 - p)}
    eta = np.clip(score, -FARTHEST, FARTHEST)
    if objective == POISSON:
        mean = np.exp(eta)
        return {"gradient": y - mean, "hessian": mean * np.exp(number)}
    if objective == GAMMA:
        likely = y * np.exp(-eta)
        return {"gradient": likely - 1, "hessian": likely}
    likely, spent = y * np.exp((1 - number) * eta), np.exp((2 - number) * eta)
    return {"gradient": likely - spent, "hessian": (number - 1) * likely + (2 - number) * spent}


def _softmax(score: Floats) -> Floats:
    raised = np.exp(score - score.max(axis=1, keepdims=True))
    found: Floats = raised / raised.sum(axis=1, keepdims=True)
    return found
