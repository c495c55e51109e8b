"""Trees of rows that several parties have: histograms are sums over rows.

As XGBoost's ``hist`` grows them (Chen and Guestrin, KDD 2016, equations 6 and 7, algorithm 3), with all rows
together: of each node, column and bin the parties add up gradients and hessians; the best split of the totals
goes to all, and each sends its own rows to the left or the right. `pooled_bins` says where bins end.

Every party learns what `pooled_bins` says, the sums of the labels, and of their squares for forests of a
number; of each node the histograms over all rows; of other rows, if they say when to stop, the loss after
each tree; and so the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import fact, list_of, natural, real
from junto.frame.frame_steps import FrameStep
from junto.learn.estimator import require, training
from junto.learn.examine import Floats
from junto.learn.families import ClassFamily, Family
from junto.learn.pooled import Pooled, RowPart, RowsTask, task_of, with_gaps
from junto.learn.trees import monotone, pooled_bins
from junto.learn.trees.candidates import BELOW_ALL, NONE
from junto.learn.trees.ensemble import Growth
from junto.learn.trees.growing import SplitTerms
from junto.learn.trees.objectives import SQUARES, objective_of
from junto.learn.trees.pooled_bins import Cuts
from junto.learn.trees.pooled_slopes import TreeStart, label_sums, losses, slopes, softmax, start_of, started
from junto.learn.trees.xgboost_json import Plain

BELOW: Final = -1
"""In place of a bin: no number goes left."""

LEAST_GAIN: Final = 1e-6
"""XGBoost's ``kRtEps``: what is no more than this is rounding."""


@dataclass(frozen=True, slots=True)
class SplitRule:
    """What a split and a leaf have to be.

    Attributes:
        asked: of leaves and splits.
        step: `max_delta_step`; 0: leaves of any size.
        rate: `learning_rate`.
        directions: of each column, see `monotone`; None: there are no constraints.
    """

    asked: SplitTerms
    step: float
    rate: float
    directions: tuple[int, ...] | None = None

    def weights(self, sums: Floats, bounds: Any = None) -> Floats:
        """Of leaves, before they are multiplied by the rate; gradients count downwards.

        Args:
            sums: [trees, outputs + 1, nodes, ...] of gradients, and last of hessians.
            bounds: between which those of a node are [2, trees, nodes]; None: they may be any.

        Returns:
            [trees, outputs, nodes, ...].
        """
        found: Floats = self._lessened(sums[:, :-1]) / np.maximum(sums[:, -1:] + self.asked.penalty, 1e-16)
        found = np.clip(found, -self.step, self.step) if self.step else found
        if bounds is None:
            return found
        lower, upper = (np.expand_dims(each, (1, *range(3, sums.ndim))) for each in bounds)
        return np.clip(found, lower, upper)

    def score(self, sums: Floats, weights: Floats) -> Floats:
        """By how much leaves of such weights lessen the loss, twice: of all outputs together [trees, ...]."""
        gradient, hessian = sums[:, :-1], sums[:, -1:]
        if not self.step and self.directions is None:  # as XGBoost has it
            gradient = self._lessened(gradient)
        scored: Floats = (2 * gradient * weights - (hessian + self.asked.penalty) * weights**2).sum(axis=1)
        return scored

    def _lessened(self, gradient: Floats) -> Floats:
        """Nearer to 0 by `reg_alpha`."""
        alpha = self.asked.alpha
        return np.sign(gradient) * np.maximum(np.abs(gradient) - alpha, 0) if alpha else gradient


@dataclass(frozen=True, slots=True)
class Further:
    """What a training is asked for besides.

    Attributes:
        before: a model to go on from.
        watching: X and y of other rows, and how many trees may come after the one with which their loss is
            least.
        keep: called with the model after each tree.
        trees: how many are to be grown.
    """

    before: Pooled | None
    watching: tuple[Any, Any, int] | None
    keep: Callable[[Pooled], None] | None
    trees: int


def fit(model: Any, X: Any, y: Any, sample_weight: Any, further: Further) -> Pooled:
    """Grow the trees of a `TreeModel` on the rows of a `HorizontalFrame`.

    Raises:
        LearnError: tables or labels cannot be used; the model asks for what is not there for rows.
    """
    family, task = model.family, task_of(X, y, model.family, with_gaps, sample_weight)
    growth = model.growth(task.rows, len(task.columns))
    require(
        growth.rule.quantile is None,
        "rows of several parties have no quantile: nobody has all residuals of a leaf",
        "take another objective",
    )
    grower = _RowsGrower(task, family, model, growth)
    before = further.before
    if before is not None:
        shape = fact(before.first(_shape)(before.at(before.first)), list_of(natural, 2))
        same = before.columns == task.columns and tuple(shape) == (2**model.max_depth, grower.outputs)
        require(
            same,
            "the model to go on from has other columns, another max_depth, or other classes",
            "the columns, max_depth and classes of its fit",
        )
    grower.begin(before)
    watch = None if further.watching is None else _RowsWatch(grower, family, further.watching, before)
    first = 0 if before is None else before.count
    with training(model, "tree", further.trees) as course:
        for number in course.each(range(further.trees)):
            grower.grow(first + number)
            if further.keep is not None:
                further.keep(grower.model(number + 1, before))
            if watch and not watch.better(number + 1) and number + 1 - watch.best >= watch.patience:
                break
    return grower.model(grower.count if watch is None else watch.best, before)


class _RowsGrower:
    """Grows the trees of a model.

    Args:
        task: rows.
        family: of the label.
        model: whose parameters count.
        growth: how.
    """

    def __init__(self, task: RowsTask, family: Family, model: Any, growth: Growth) -> None:
        self._task, self._family, self._growth, self.columns = task, family, growth, task.columns
        corrects = growth.rule.corrects
        each = len(family.classes) if isinstance(family, ClassFamily) and family.outputs else 1
        totals = task.total(FrameStep(label_sums, family))
        sums = np.array(fact(totals, list_of(real, each)))
        self._start: TreeStart = start_of(family, corrects, sums, task, model.start)
        self.outputs = len(self._start.base)
        cuts = task.everywhere(pooled_bins.cuts_of(task, model.max_bins))
        bins = {party: party(pooled_bins.binned)(part, cuts[party]) for party, part in task.parts.items()}
        self._cuts, self._bins = cuts, bins
        rule, asked = growth.rule, growth.asked
        if task.weighted and not model.absolute_weights:
            asked = asked._replace(least=0.0)
        directions = monotone.directions_of(model.constraints, self.columns)
        self._rule = SplitRule(asked, rule.step, rule.rate, directions)
        self._scores: Mapping[PYU, Any] = {}
        self._trees: dict[PYU, list[Any]] = {party: [] for party in bins}

    @property
    def count(self) -> int:
        """How often trees were grown."""
        return len(self._trees[self._task.first])

    def begin(self, before: Pooled | None) -> None:
        """Set the scores from which the first tree is grown."""
        self._scores = self.scores(self._task, before)

    def scores(self, task: RowsTask, before: Pooled | None) -> dict[PYU, PYUObject]:
        """Of rows: with the trees that were there before."""
        if before is not None:
            return {party: party(scored)(before.at(party), part) for party, part in task.parts.items()}
        step = FrameStep(started, self._start.base)
        return {party: party(step)(part) for party, part in task.parts.items()}

    def grow(self, number: int) -> None:
        """The next tree of each output, and the scores after it."""
        task, growth, parties = self._task, self._growth, list(self._task.parts)
        drawn, ends = growth.rows(number), np.cumsum([0, *task.counts.values()])
        step = FrameStep(slopes, self._family, growth.rule.corrects, self._start)
        slope = {}
        for party, begin, end in zip(parties, ends, ends[1:], strict=False):
            mine = None if drawn is None else drawn[begin:end]
            slope[party] = party(step)(task.parts[party], self._scores[party], mine)
        nodes = {party: party(_root)(slope[party]) for party in parties}
        levels: list[Mapping[PYU, PYUObject]] = []
        for level in range(growth.depth):
            summed = task.total(FrameStep(_histogram, level), self._bins, slope, nodes, self._cuts)
            chosen = growth.columns(number, level)
            allowed = None if chosen is None else tuple(map(tuple, chosen))
            before = levels[-1][task.first] if levels else None
            split = task.first(FrameStep(_best, self._rule, allowed))(summed, self._cuts[task.first], before)
            levels.append(task.everywhere(split))
            nodes = {p: p(_descended)(self._bins[p], nodes[p], levels[-1][p]) for p in parties}
        summed = task.total(FrameStep(_leaf_sums, growth.depth), slope, nodes)
        weigh = task.first(FrameStep(_weighed, self._rule, self._start.spread))
        weights = task.everywhere(weigh(summed, levels[-1][task.first]))
        if growth.rule.corrects:
            self._scores = {p: p(_after)(self._scores[p], nodes[p], weights[p]) for p in parties}
        for party in parties:
            self._trees[party].append(([each[party] for each in levels], weights[party]))

    def model(self, count: int, before: Pooled | None) -> Pooled:
        """The first trees that were grown, behind those of `before`."""
        task = self._task
        found = self.written(0, count)
        if before is None:
            return Pooled(found, task.columns, task.rows, count)
        joined = {party: party(_joined)(before.at(party), each) for party, each in found.items()}
        return Pooled(joined, task.columns, task.rows, before.count + count)

    def written(self, begin: int, end: int) -> dict[PYU, PYUObject]:
        """Some of the trees as a `Plain` at each party."""
        step = FrameStep(_written, self._task.columns, self._family, self._start.base)
        return {
            party: party(step)(self._cuts[party], trees[begin:end]) for party, trees in self._trees.items()
        }


class _RowsWatch:
    """Says after each tree whether the loss on other rows became less.

    Args:
        grower: of the trees.
        family: of the label.
        watching: see `Further`.
        before: likewise.
    """

    def __init__(
        self, grower: _RowsGrower, family: Family, watching: tuple[Any, Any, int], before: Pooled | None
    ) -> None:
        X, y, self.patience = watching
        self._grower, self._family, self.best = grower, family, 0
        self._task = task_of(X, y, family, with_gaps, columns=grower.columns)
        self._scores: Mapping[PYU, Any] = grower.scores(self._task, before)
        self._least = np.inf

    def better(self, number: int) -> bool:
        """Of the tree that was grown last, the how manieth it is; all parties learn the loss."""
        task, trees = self._task, self._grower.written(number - 1, number)
        self._scores = {
            party: party(_further)(self._scores[party], trees[party], part)
            for party, part in task.parts.items()
        }
        loss = fact(task.total(FrameStep(losses, self._family), self._scores), real) / task.rows
        found = loss < self._least
        if found:
            self._least, self.best = loss, number
        return found


# -------------------------------------------------------------------- using a model


def scores(model: Plain, x: Floats) -> Floats:
    """The trees' sum of each row [rows], or [rows, outputs]."""
    total = _summed(model, x)
    found: Floats = total[:, 0] if model.outputs == 1 else total
    return found


def scored(model: Plain, part: RowPart) -> Floats:
    """[rows, outputs]."""
    return _summed(model, part.x)


def _summed(model: Plain, x: Floats) -> Floats:
    found = np.tile(np.asarray(model.base, np.float64), (len(x), 1))
    values = x.astype(np.float32)
    splits = {name: np.asarray(model.splits[name]) for name in ("column", "threshold", "missing")}
    for number, weights in enumerate(model.leaves):
        tree = {name: each[number] for name, each in splits.items()}
        found[:, number % model.outputs] += weights[_leaf_of(values, tree)]
    return found


def _leaf_of(values: NDArray[np.float32], tree: Mapping[str, Any]) -> NDArray[np.int64]:
    """The leaf of each row, from the left; a node that is not split sends rows to the right."""
    node, rows = np.zeros(len(values), np.int64), np.arange(len(values))
    for _ in range(len(tree["column"]).bit_length()):
        column = tree["column"][node]
        numbers = values[rows, np.maximum(column, 0)]
        with np.errstate(invalid="ignore"):
            left = (numbers < tree["threshold"][node]) | (np.isnan(numbers) & tree["missing"][node])
        node = 2 * node + 2 - ((column != NONE) & left)
    return node - len(tree["column"])


def decided(model: Plain, x: Floats) -> Floats:
    """Of classes: above 0 for the second of two; of trees of shares by how much it is above a half."""
    found = scores(model, x)
    return found - 0.5 if _of_shares(model) and model.outputs == 1 else found


def probabilities(model: Plain, x: Floats) -> Floats:
    """[rows, classes]."""
    found = scores(model, x)
    if _of_shares(model):
        found = np.column_stack([1 - found, found]) if model.outputs == 1 else found
        return np.clip(found, 0, 1)
    if model.outputs == 1:
        found = np.column_stack([np.zeros_like(found), found])
    return softmax(found)


def likelier(model: Plain, x: Floats, classes: tuple[Any, ...]) -> Any:
    """The likeliest class of each row."""
    return np.asarray(classes)[probabilities(model, x).argmax(axis=1)]


def means(model: Plain, x: Floats) -> Floats:
    """The expected label of each row."""
    found = scores(model, x)
    return found if model.objective == SQUARES else np.exp(found)


def _of_shares(model: Plain) -> bool:
    return model.objective == SQUARES


# -------------------------------------------------------------------- a tree; trees, nodes stand side by side


def _root(slopes: Mapping[str, Floats]) -> NDArray[np.int64]:
    """[rows, trees]."""
    return np.zeros(slopes["hessian"].shape, np.int64)


def _histogram(
    part: RowPart, bins: Any, slopes: Mapping[str, Floats], nodes: Any, cuts: Cuts, level: int
) -> Floats:
    """[trees, outputs + 1, nodes, columns, bins]: sums of gradients, and last of hessians."""
    most, columns = max(map(len, cuts)) + 2, bins.shape[1]
    shape = (2**level, columns, most)
    places = np.arange(columns) * most + bins
    found = []
    for tree, node in enumerate(nodes.T):
        at = (node[:, None] * (columns * most) + places).ravel()
        for each in (*slopes["gradient"][:, tree].T, slopes["hessian"][:, tree]):
            found.append(np.bincount(at, np.repeat(each, columns), int(np.prod(shape))).reshape(shape))
    return np.stack(found).reshape(nodes.shape[1], -1, *shape)


def _best(summed: Floats, cuts: Cuts, before: Any, rule: SplitRule, allowed: Any) -> dict[str, Any]:
    """Of each tree and node the split that lessens the loss most.

    Args:
        summed: see `_histogram`.
        cuts: of the columns.
        before: what this found of the level above, if there is one.
        rule: see `SplitRule`.
        allowed: columns of each node; None: all.

    Returns:
        The split's ``column``, ``bin`` and ``missing``; ``gap``: the bin of what is missing; ``bounds``: of
        the children's weights [2, trees, nodes], if there are constraints.
    """
    whole = summed.sum(axis=-1, keepdims=True)
    gaps, there = summed[..., -1:], summed[..., :-1].cumsum(axis=-1)
    left = np.stack([there, there + gaps], axis=-1)  # what is missing goes right, or left
    left[..., -1, 1] = gaps[..., 0]  # alone
    right = whole[..., None] - left
    bounds = None if before is None else before["bounds"]
    weights = [rule.weights(each, bounds) for each in (left, right, whole[..., None])]
    gain = (
        rule.score(left, weights[0])
        + rule.score(right, weights[1])
        - rule.score(whole[..., None], weights[2])
    )
    sizes = np.array([len(cut) for cut in cuts])[:, None, None]
    place = np.arange(there.shape[-1])[None, :, None]
    turned = rule.directions is not None  # then it matters which child is the left one
    may = (place < sizes) | ((place == there.shape[-1] - 1) & np.array([True, turned]))
    may = may & (left[:, -1] >= rule.asked.least) & (right[:, -1] >= rule.asked.least)
    if allowed is not None:
        may = may & np.stack([np.isin(np.arange(len(cuts)), each) for each in allowed])[:, :, None, None]
    if rule.directions is not None:
        ahead = np.array(rule.directions)[:, None, None] * (weights[1] - weights[0])[:, 0]
        may = may & (ahead >= 0)
    gain = np.where(may, gain, -np.inf)
    flat = gain.reshape(*gain.shape[:2], -1)
    best = flat.argmax(axis=-1)
    column, at, missing = np.unravel_index(best, gain.shape[2:])
    at = np.where((at == there.shape[-1] - 1) & (missing == 1), BELOW, at)
    fine = np.take_along_axis(flat, best[..., None], -1)[..., 0] > max(rule.asked.gamma, LEAST_GAIN)
    column = np.where(fine, column, NONE)
    narrow = None
    if rule.directions is not None:
        both = [
            np.take_along_axis(each[:, 0].reshape(flat.shape), best[..., None], -1) for each in weights[:2]
        ]
        direction = np.where(fine, np.array(rule.directions)[column], 0)
        narrow = _narrowed(bounds, (both[0] + both[1])[..., 0] / 2, direction)
    gap = summed.shape[-1] - 1
    return {"column": column, "bin": at, "missing": missing == 1, "gap": gap, "bounds": narrow}


def _narrowed(bounds: Any, middle: Floats, direction: NDArray[np.int64]) -> Floats:
    """The bounds of the children [2, trees, nodes], which the middle of the two weights parts."""
    whole = np.array([-np.inf, np.inf])[:, None, None] if bounds is None else bounds
    lower, upper = np.broadcast_to(whole, (2, *middle.shape))
    rising, falling = direction > 0, direction < 0
    left = np.where(falling, middle, lower), np.where(rising, middle, upper)
    right = np.where(rising, middle, lower), np.where(falling, middle, upper)
    return np.stack([left, right], axis=-1).reshape(2, len(middle), -1)


def _descended(bins: Any, nodes: Any, split: Mapping[str, Any]) -> NDArray[np.int64]:
    """The node of each row one level below [rows, trees]; where none is split, the right one."""
    later = []
    for place, node in enumerate(nodes.T):
        column, at, missing = (np.asarray(split[name])[place][node] for name in ("column", "bin", "missing"))
        found = np.take_along_axis(bins, np.maximum(column, 0)[:, None], 1)[:, 0]
        gap = found == split["gap"]
        left = (column != NONE) & np.where(gap, missing, found <= at)
        later.append(2 * node + ~left)
    return np.stack(later, axis=1)


def _leaf_sums(part: RowPart, slopes: Mapping[str, Floats], nodes: Any, depth: int) -> Floats:
    """[trees, outputs + 1, leaves]."""
    return np.stack(
        [
            [
                np.bincount(node, each, 2**depth)
                for each in (*slopes["gradient"][:, tree].T, slopes["hessian"][:, tree])
            ]
            for tree, node in enumerate(nodes.T)
        ]
    )


def _weighed(summed: Floats, last: Any, rule: SplitRule, spread: float) -> Floats:
    """[trees, outputs, leaves]; `last`: the splits above."""
    weights: Floats = rule.rate * spread * rule.weights(summed, last["bounds"])
    return weights


def _after(score: Floats, nodes: Any, weights: Floats) -> Floats:
    """Scores [rows, outputs] with trees of one output each."""
    later: Floats = score + np.stack(
        [each[0][node] for each, node in zip(weights, nodes.T, strict=True)], axis=1
    )
    return later


def _further(score: Floats, trees: Plain, part: RowPart) -> Floats:
    later: Floats = score + _summed(trees, part.x) - trees.base
    return later


def _written(
    cuts: Cuts, trees: Any, columns: tuple[str, ...], family: Family, base: tuple[float, ...]
) -> Plain:
    """The model in the clear; trees of the outputs in turn."""
    ends = [np.append(np.asarray(cut, np.float32), np.float32(np.inf)) for cut in cuts]
    column, threshold, missing = [], [], []
    for levels, _ in trees:
        for tree in range(len(levels[0]["column"])):
            found = np.concatenate([np.asarray(level["column"])[tree] for level in levels])
            at = np.concatenate([np.asarray(level["bin"])[tree] for level in levels])
            column.append(found)
            threshold.append(
                [
                    BELOW_ALL if b == BELOW else ends[c][min(b, len(ends[c]) - 1)]
                    for c, b in zip(found, at, strict=True)
                ]
            )
            missing.append(np.concatenate([np.asarray(level["missing"])[tree] for level in levels]))
    objective, number = objective_of(family)
    again = len(trees) * len(base) // len(column)  # a tree of all outputs is one of each
    splits = {
        "names": list(columns),
        "named": True,
        "column": np.repeat(np.array(column, np.int32), again, axis=0),
        "threshold": np.repeat(np.array(threshold, np.float32), again, axis=0),
        "missing": np.repeat(np.array(missing, np.bool_), again, axis=0),
    }
    leaves = np.concatenate([np.asarray(weights).reshape(len(base), -1) for _, weights in trees])
    return Plain(objective, number, np.asarray(base, np.float64), leaves, splits)


def _joined(before: Plain, after: Plain) -> Plain:
    """The trees of both, on the score of the first."""
    fields = ("column", "threshold", "missing")
    splits = {
        **after.splits,
        **{name: np.concatenate([before.splits[name], after.splits[name]]) for name in fields},
    }
    leaves = np.concatenate([before.leaves, after.leaves])
    return Plain(before.objective, before.number, before.base, leaves, splits)


def _shape(model: Plain) -> list[int]:
    return [model.leaves.shape[1], model.outputs]
