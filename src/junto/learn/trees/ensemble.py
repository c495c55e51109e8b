"""Trees that correct each other: how they are grown, and what was learned.

Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 2001; gains and
leaves as in Chen and Guestrin, "XGBoost", KDD 2016, equations 6 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.learn import dataset
from junto.learn.dataset import Columns, Label, Scales, Table
from junto.learn.estimator import run_at
from junto.learn.families import Family
from junto.learn.trees import candidates, growing
from junto.learn.trees.growing import Rule
from junto.learn.trees.parameters import BoostingParameters

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree that was just grown.

    Attributes:
        picks: for each owner and level a handle at the owner of which candidate splits each node.
        weights: of the leaves, secret.
    """

    picks: Mapping[PYU, Sequence[PYUObject]]
    weights: SPUObject


@dataclass(frozen=True, slots=True)
class Learned:
    """What `fit` found.

    Attributes:
        scales: of each owner's columns, a handle of its `candidates.Candidates`.
        label: its scale (the target is forgotten).
        known: see `dataset.Checked`.
        picks: of each owner a handle of `candidates.in_one`.
        weights: of the leaves [trees, leaves], secret.
        count: of trees.
    """

    scales: Scales
    label: Label
    known: bool
    picks: Mapping[PYU, PYUObject]
    weights: SPUObject
    count: int


@dataclass(frozen=True, slots=True)
class Task:
    """What trees are grown for.

    Attributes:
        known: of each owner's columns, see `Learned.scales`.
        rows: see `candidates.sides`: of each owner, there and on the SPU.
        shared: the latter.
        widths: how many candidates each owner has.
        label: on its scale.
        gamma: on the label's scale.
        count: of rows.
    """

    known: Mapping[PYU, PYUObject]
    rows: Mapping[PYU, PYUObject]
    shared: tuple[SPUObject, ...]
    widths: tuple[int, ...]
    label: Label
    gamma: Any
    count: int


class Ensemble(Generic[M]):
    """Grows the trees of a model.

    Args:
        model: with its parameters.
        family: of the label.
        task: what they are grown for.
    """

    def __init__(self, model: BoostingParameters[M], family: Family, task: Task) -> None:
        self._model = model
        self._task = task
        rule = Rule(
            model.reg_lambda, model.min_child_weight, model.learning_rate, growing.scale_for(task.count)
        )
        spu = model.spu
        self._root = partial(spu(growing.root, static_argnames="family"), family=family)
        self._below = spu(growing.below)
        self._picked = partial(
            spu(growing.picked, static_argnames=("rule", "widths")), rule=rule, widths=task.widths
        )
        self._leaves = partial(spu(growing.leaves, static_argnames="rule"), rule=rule)

    def grow(self, number: int, score: Any) -> tuple[Tree, Any]:
        """The next tree, and the scores with it."""
        task, model = self._task, self._model
        level = self._root(task.shared, score, task.label.target, self._sample(number))
        allowed = self._allowed(number)
        levels: list[Mapping[PYU, PYUObject]] = []
        while True:
            found = self._picked(level, task.gamma, allowed)
            picks = {owner: each.to(owner) for owner, each in zip(task.known, found, strict=True)}
            levels.append(picks)
            lefts = [
                run_at(owner, candidates.taken, task.rows[owner], each).to(model.spu)
                for owner, each in picks.items()
            ]
            if len(levels) == model.max_depth:
                break
            level = self._below(task.shared, level, lefts)
        weights, score = self._leaves(level, lefts, score)
        mine = {owner: tuple(each[owner] for each in levels) for owner in task.known}
        return Tree(mine, weights), score

    def _sample(self, number: int) -> Any:
        """1 for each row from which the tree is grown, public; None: from all."""
        fraction, count = self._model.subsample, self._task.count
        if fraction == 1:
            return None
        drawn = np.zeros(count, np.float32)
        rng = np.random.default_rng((self._model.random_state, number))
        drawn[rng.permutation(count)[: max(1, round(fraction * count))]] = 1
        return drawn

    def _allowed(self, number: int) -> Sequence[SPUObject] | None:
        model = self._model
        if model.colsample_bytree == 1:
            return None
        seeds = {owner: (model.random_state, number, place) for place, owner in enumerate(self._task.known)}
        return [
            run_at(owner, candidates.drawn, known, model.colsample_bytree, seeds[owner]).to(model.spu)
            for owner, known in self._task.known.items()
        ]


def scales_of(columns: Columns, max_bins: int) -> Scales:
    """The candidates of each owner's columns, at the owner."""
    known = {
        owner: run_at(owner, candidates.candidates_of, table, max_bins)
        for owner, table in columns.tables.items()
    }
    return Scales(known, columns.widths)


def learned(spu: SPU, trees: Sequence[Tree], scales: Scales, label: Label, known: bool) -> Learned:
    """What is kept of trees that were grown; see `Learned`."""
    picks = {
        owner: run_at(owner, candidates.in_one, [list(tree.picks[owner]) for tree in trees])
        for owner in scales.by_owner
    }
    weights = spu(growing.stacked)([tree.weights for tree in trees])
    return Learned(scales, label.without_target(), known, picks, weights, len(trees))


def scores(spu: SPU, learned: Learned, X: Table) -> tuple[Any, ...]:
    """The arguments of `growing.scores`: where rows may come, weights, and the label's scale."""
    columns = dataset.checked(X, scales=learned.scales, look=candidates.examined)
    dataset.require_known(columns, learned.scales)
    parts = [
        run_at(owner, candidates.reachable, columns.tables[owner], known, learned.picks[owner]).to(spu)
        for owner, known in learned.scales.by_owner.items()
    ]
    return parts, learned.weights, learned.label.scale
