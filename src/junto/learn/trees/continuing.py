"""Training that is watched on other rows, and training that goes on from a model.

Learns: of a watched training every party learns after each tree whether the loss on those rows became less,
one bit, and so when training ends; nobody learns the loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import jax.numpy as jnp
import numpy as np

from junto.device.pyu import PYUObject
from junto.device.revealed_facts import fact, truth
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.learn import dataset, examine
from junto.learn.dataset import Checked, Label, Scales
from junto.learn.estimator import require, run_at
from junto.learn.families import Family, LabelScale
from junto.learn.trees import candidates, growing, predicting, secret_columns
from junto.learn.trees.candidates import Told
from junto.learn.trees.ensemble import Learned, Tree
from junto.learn.trees.split_columns import SplitColumns, parts_of

WORST: Final = 2.0**20
"""A mean loss that every tree is better than."""


class LossWatch:
    """Says after each tree whether to go on.

    Args:
        spu: where.
        family: of the label.
        fitted: scales, label and columns of `fit`.
        given: rows that trees are not grown from.
        start: their scores without a tree.
    """

    def __init__(
        self, spu: SPU, family: Family, fitted: tuple[Scales, Label, SplitColumns], given: Checked, start: Any
    ) -> None:
        self._scales, label, self._grown = fitted
        self._spu, self._columns = spu, given.columns
        self._target = target_of(spu, given.label, family, label)
        self._state: tuple[Any, Any] = (start, np.float32(WORST))
        self._watched = spu(_watched, static_argnames="family")
        self._family = family
        self.best: int = 0
        """How many trees are the best so far."""

    def better(self, tree: Tree, number: int) -> bool:
        """Whether the loss is less with this tree, the how manieth it is; all parties learn it."""
        splits, rows = self._grown.kept([tree.levels]), (0, self._columns.rows)
        parts = parts_of(self._spu, self._scales, splits, self._columns, candidates.reachable, rows)
        *state, better = self._watched(parts, tree.weights, *self._state, self._target, family=self._family)
        self._state = (state[0], state[1])
        if found := fact(better, truth):
            self.best = number
        return found


def target_of(spu: SPU, label: PYUObject | SPUObject, family: Family, known: Label) -> SPUObject:
    """A later label on the scale of an earlier one.

    Raises:
        LearnError: it is elsewhere.
    """
    if isinstance(label, SPUObject):
        require(
            known.home is None,
            "the label is on the SPU, and the earlier one was at its owner",
            "pass the label as a handle at its owner",
        )
        return dataset.target_on(spu, label, family)
    home = LabelScale() if known.home is None else known.home
    if isinstance(home, PYUObject):
        there = home.device
        require(
            there == label.device,
            f"the label is not at {there.party}, which had the earlier one",
            "pass a label that is there",
        )
    shared: SPUObject = run_at(label.device, examine.scaled_label, label, family, home).to(spu)
    return shared


def together(spu: SPU, before: Learned, after: Learned) -> Learned:
    """A model with the trees of both, which have the same columns, label and depth."""
    known, picks = {}, {}
    for owner, mine in after.scales.by_owner.items():
        told = [
            run_at(owner, candidates.told, before.scales.by_owner[owner], before.picks[owner]),
            run_at(owner, candidates.told, mine, after.picks[owner]),
        ]
        both = run_at(owner, _one_after_the_other, *told)
        known[owner] = run_at(owner, candidates.candidates_told, both)
        picks[owner] = run_at(owner, candidates.picks_told, both)
    weights = spu(predicting.joined)([before.weights, after.weights])
    fits = before.known and after.known
    count, worth = before.count + after.count, None
    if before.worth is not None:
        worth = spu(growing.worth_joined)(before.worth, after.worth)
    hidden = None
    if before.hidden is not None:
        hidden = spu(secret_columns.joined)(before.hidden, after.hidden)
    scales = Scales(known, after.scales.widths)
    return Learned(scales, after.label, fits, picks, weights, count, worth, hidden)


def require_continued(before: Learned, scales: Scales, depth: int, outputs: int) -> None:
    """Raise a LearnError unless a model with such columns, depth and outputs can go on from `before`."""
    known, given = ((tuple(each.by_owner), each.widths) for each in (before.scales, scales))
    require(
        known == given,
        "the model to go on from has other columns",
        "the columns of its fit, in the same order",
    )
    shape = before.weights.shape
    same = shape[1] == 2**depth and math.prod(shape[2:]) == outputs
    require(
        same,
        "the model to go on from has another max_depth, or other classes",
        "the max_depth and the classes of its fit",
    )


# -------------------------------------------------------------------- at a party, and on the SPU


def _one_after_the_other(first: Told, second: Told) -> Told:
    fields = ("column", "threshold", "missing")
    return {**second, **{key: np.concatenate([first[key], second[key]]) for key in fields}}


def _watched(
    parts: Sequence[Any], weights: Any, score: Any, best: Any, target: Any, *, family: Family
) -> tuple[Any, Any, Any]:
    """Scores with one more tree, the least loss so far, and whether it is of now."""
    trees = growing.stacked([weights], outputs=math.prod(family.outputs))
    later = score + predicting.scores(parts, trees, {"start": 0})
    loss = jnp.mean(family.loss(later, target))
    better = loss < best
    return later, jnp.where(better, loss, best), better
