"""Trees that correct each other: how they are grown, and what was learned.

Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 2001; gains and
leaves as in Chen and Guestrin, "XGBoost", KDD 2016, equations 6 and 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.learn import dataset
from junto.learn.dataset import Columns, Label, Scales, Table
from junto.learn.estimator import run_at
from junto.learn.families import Family, LabelScale
from junto.learn.trees import candidates, growing, predicting
from junto.learn.trees.growing import Rule, SplitTerms
from junto.learn.trees.split_columns import Secret, SplitColumns, Splits, parts_of

Worth: TypeAlias = Mapping[str, SPUObject]
"""See `growing.worth`."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree that was just grown.

    Attributes:
        levels: what is kept of the splits of each: see `SplitColumns.split`.
        weights: of the leaves [leaves, outputs], secret.
        totals: of each level, and of the leaves, the sums of slopes and hessians of each node, secret.
        steps: of each level the nodes' weights as leaves, without sign, and of the leaves their weights,
            secret, if there are constraints; None: they follow from `totals`.
    """

    levels: Sequence[Any]
    weights: SPUObject
    totals: Sequence[SPUObject]
    steps: Sequence[SPUObject] | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """What `fit` found.

    Attributes:
        scales: of each owner's columns, a handle of its `candidates.Candidates`.
        label: its scale (the target is forgotten).
        known: see `dataset.Checked`.
        picks: of each owner a handle of `candidates.in_one`.
        weights: of the leaves, secret: see `growing.stacked`.
        count: how often trees were grown, one, or one for each class.
        worth: see `growing.worth`, secret; None: nobody knows it.
        hidden: of columns that are on the SPU where they split nodes, secret.
    """

    scales: Scales
    label: Label
    known: bool
    picks: Mapping[PYU, PYUObject]
    weights: SPUObject
    count: int
    worth: Worth | None
    hidden: Secret | None = None

    @property
    def splits(self) -> Splits:
        """Those of owners, and those of nobody."""
        return self.picks, self.hidden


@dataclass(frozen=True, slots=True)
class EnsembleTask:
    """What trees are grown for.

    Attributes:
        columns: by which nodes are split.
        label: on its scale.
        weight: of each row, secret; None: all weigh 1.
        limits: see `growing.limits`.
        units: see `growing.units_of`.
        count: of rows.
    """

    columns: SplitColumns
    label: Label
    weight: SPUObject | None
    limits: Any
    units: Any
    count: int


@dataclass(frozen=True, slots=True)
class Growth:
    """How the trees of a model are grown.

    Attributes:
        depth: levels of splits.
        rule: see `growing.Rule`.
        asked: `reg_lambda`, `min_child_weight` and the like.
        rows: of a tree, how much each row weighs: a public array [rows], or None.
        columns: of a tree and a level, the places of the columns that may split: of each node, or one list
            for all nodes; None: all columns. Public.
    """

    depth: int
    rule: Rule
    asked: SplitTerms
    rows: Callable[[int], Any]
    columns: Callable[[int, int], Sequence[Sequence[int]] | None]


def field_for(spu: SPU, label: Label) -> str | None:
    """The smaller ring, if an owner has brought the label, and so gradients, to a fixed size."""
    smaller = None if label.home is None else spu.settings.smaller
    return None if smaller is None else smaller.name


def in_small_numbers(spu: SPU, label: Label) -> Callable[..., Any]:
    """Calls in the ring of `field_for`."""
    field = field_for(spu, label)
    return spu if field is None else partial(spu, field=field)


class Ensemble:
    """Grows the trees of a model.

    Args:
        spu: where.
        family: of the label.
        task: what they are grown for.
        growth: how.
    """

    def __init__(self, spu: SPU, family: Family, task: EnsembleTask, growth: Growth) -> None:
        self._spu = spu
        self._task = task
        self._growth = growth
        compute = in_small_numbers(spu, task.label)
        self._root = partial(compute(growing.root, static_argnames="family"), family=family)
        self._below = compute(growing.below)
        self._picked = partial(
            compute(growing.picked, static_argnames=("rule", "widths")),
            rule=growth.rule,
            widths=task.columns.widths,
        )
        self._leaves = partial(compute(growing.leaves, static_argnames="rule"), rule=growth.rule)

    def grow(self, number: int, score: Any) -> tuple[Tree, Any]:
        """The next tree, and the scores from which the one after it is grown."""
        task, growth = self._task, self._growth
        columns = task.columns
        level = self._root(columns.sides, score, task.label.target, (task.weight, growth.rows(number)))
        levels, totals, steps = list[Any](), [level.totals], []
        while True:
            chosen = growth.columns(number, len(levels))
            if chosen is not None and len(chosen) > 1:  # of trees that are grown side by side
                chosen = [*chosen] * (level.totals.shape[0] // len(chosen))
            allowed = None if chosen is None else columns.allowed(chosen)
            found, middle, bounds = self._picked(level, task.limits, allowed, columns.directions)
            steps.append(middle)
            kept, lefts = columns.split(found)
            levels.append(kept)
            held = None if columns.directions is None else growing.Held(bounds, columns.turns(kept))
            if len(levels) == growth.depth:
                break
            level = self._below(columns.sides, level, lefts, middle, held)
            totals.append(level.totals)
        sought = None if growth.rule.quantile is None else (task.label.target, growth.rows(number))
        weights, later, last = self._leaves(level, lefts, score, task.limits, (sought, held))
        known = None if held is None else (*steps, weights)
        return Tree(levels, weights, (*totals, last), known), later

    @property
    def columns(self) -> SplitColumns:
        """By which nodes are split."""
        return self._task.columns

    def worth(self, trees: Sequence[Tree]) -> Worth:
        """See `growing.worth`."""
        compute = self._spu(growing.worth, static_argnames="rule")
        totals, steps = ([getattr(tree, name) for tree in trees] for name in ("totals", "steps"))
        known = None if self._task.columns.directions is None else steps
        found: Worth = compute(totals, self._task.limits, self._task.units, known, rule=self._growth.rule)
        return found


def scales_of(columns: Columns, max_bins: int, turned: bool) -> Scales:
    """The candidates of each owner's columns, at the owner: see `candidates.candidates_of`."""
    known = {
        owner: run_at(owner, candidates.candidates_of, table, max_bins, turned)
        for owner, table in columns.tables.items()
    }
    return Scales(known, columns.widths)


def learned(
    spu: SPU, trees: Sequence[Tree], given: tuple[Scales, Label, bool], outputs: int, ensemble: Ensemble
) -> Learned:
    """What is kept of trees that were grown; see `Learned`."""
    scales, label, known = given
    picks, hidden = ensemble.columns.kept([tree.levels for tree in trees])
    stacked = spu(growing.stacked, static_argnames="outputs")
    weights = stacked([tree.weights for tree in trees], outputs=outputs)
    worth = ensemble.worth(trees)
    return Learned(scales, label.without_target(), known, picks, weights, len(trees), worth, hidden)


BLOCK: Final = 2**21
"""So many leaves of rows are looked at at once, for each takes some hundred bytes of memory."""


def scores(spu: SPU, learned: Learned, X: Table) -> SPUObject:
    """The score of each row, on the scale of what was fitted."""
    size = max(1, BLOCK // math.prod(learned.weights.shape[:2]))
    add_up = partial(
        in_small_numbers(spu, learned.label)(predicting.scores),
        weights=learned.weights,
        scale=learned.label.scale,
    )
    return in_blocks(spu, learned, X, size, candidates.reachable, add_up)


def in_blocks(
    spu: SPU, learned: Learned, X: Table, size: int, told: Callable[..., Any], compute: Callable[..., Any]
) -> SPUObject:
    """What is computed of each row.

    Args:
        spu: where.
        learned: what `fit` found.
        X: the table.
        size: so many rows at once.
        told: what an owner shares of so many rows: a function as `candidates.reachable`.
        compute: of what all owners share of them.
    """
    columns = dataset.checked(X, scales=learned.scales, look=candidates.examined)
    dataset.require_known(columns, learned.scales)
    blocks = []
    for begin in range(0, columns.rows, size):
        end = begin + size
        blocks.append(compute(parts_of(spu, learned.scales, learned.splits, columns, told, (begin, end))))
    whole: SPUObject = blocks[0] if len(blocks) == 1 else spu(predicting.joined)(blocks)
    return whole


# -------------------------------------------------------------------- at the label's owner


def limits_at_home(home: LabelScale, family: Family, asked: SplitTerms, scale: float) -> Any:
    """See `growing.limits`, for a label on its scale."""
    if family.slopes_scale:  # slopes are smaller there, and squares more so
        gamma, alpha = asked.gamma / home.spread**2, asked.alpha / home.spread
        return growing.limits(asked._replace(gamma=gamma, alpha=alpha), scale)
    return growing.limits(SplitTerms(*[each * home.penalty for each in asked]), scale)


def units_at_home(home: LabelScale, family: Family, scale: float) -> Any:
    """See `growing.units_of`, for a label on its scale."""
    if family.slopes_scale:
        return growing.units_of(home.spread**2, 1.0, scale)
    return growing.units_of(1 / home.penalty, 1 / home.penalty, scale)
