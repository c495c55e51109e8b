"""Gradient boosting: models with scikit-learn's conventions and XGBoost's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from junto.device.boundary import public
from junto.device.pyu import PYU, PYUObject
from junto.device.spu.spu import SPU
from junto.learn.estimator import require
from junto.learn.families import Bernoulli, Family, Normal
from junto.learn.trees import candidates, growing, leaving
from junto.learn.trees.ensemble import Growth
from junto.learn.trees.tree_models import Classifier, TreeModel, TreeRegressor
from junto.learn.trees.xgboost_json import CLASSES, NUMBERS


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GradientBoosting(TreeModel):
    """Base of the boosted trees.

    Args:
        n_estimators: trees.
        learning_rate: what a tree's leaves are multiplied by.
        reg_lambda: L2 penalty of the leaves.
        gamma: by how much a split has to lessen the loss.
        min_child_weight: sum of the hessians that a child must have at least.
        subsample: part of the rows from which a tree is grown, drawn by public random numbers.
        colsample_bytree: part of all columns that a tree may use, drawn likewise.

    The others are those of `TreeModel`, which says who learns what.
    """

    n_estimators: int = 100
    learning_rate: float = 0.3
    reg_lambda: float = 1.0
    gamma: float = 0.0
    min_child_weight: float = 1.0
    subsample: float = 1.0
    colsample_bytree: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.n_estimators > 0, "n_estimators must be above 0")
        require(0 < self.learning_rate <= 1, "learning_rate must be above 0, and at most 1")
        require(0 <= self.reg_lambda < 2**20, "reg_lambda must be at least 0, and below 2**20")
        require(self.gamma >= 0, "gamma must be at least 0")
        require(self.min_child_weight >= 0, "min_child_weight must be at least 0")
        require(0 < self.subsample <= 1, "subsample must be above 0, and at most 1")
        require(0 < self.colsample_bytree <= 1, "colsample_bytree must be above 0, and at most 1")

    @property
    def trees(self) -> int:
        """`n_estimators`."""
        return self.n_estimators

    @property
    def least_gain(self) -> float:
        """`gamma`."""
        return self.gamma

    def growth(self, rows: int, columns: int) -> Growth:
        """Each tree corrects those before it.

        Args:
            rows: how many there are.
            columns: likewise, of all parties.
        """
        scale = growing.scale_for(rows)
        rule = growing.Rule(self.reg_lambda, self.min_child_weight, self.learning_rate, scale)
        return Growth(
            self.max_depth, rule, True, partial(self._sampled, rows), partial(self._columns, columns)
        )

    def _sampled(self, rows: int, tree: int) -> Any:
        """1 for each row from which the tree is grown, public; None: from all."""
        if self.subsample == 1:
            return None
        weights = np.zeros(rows, np.float32)
        chosen = max(1, round(self.subsample * rows))
        weights[candidates.drawn(rows, chosen, (self.random_state, tree, 0))[0]] = 1
        return weights

    def _columns(self, columns: int, tree: int, level: int) -> Sequence[Sequence[int]] | None:
        """The same of each level."""
        if self.colsample_bytree == 1:
            return None
        chosen = max(1, round(self.colsample_bytree * columns))
        return candidates.drawn(columns, chosen, (self.random_state, tree, 1))


class GradientBoostingClassifier(GradientBoosting, Classifier):
    """The probability of a label that is 0 or 1, from the sum of many trees.

    Minimises the log-loss as XGBoost's ``binary:logistic`` does with ``tree_method="hist"``.

    The arguments are those of `GradientBoosting`.
    """

    @property
    def family(self) -> Family:
        """Bernoulli's."""
        return Bernoulli()


class GradientBoostingRegressor(GradientBoosting, TreeRegressor):
    """A number, the sum of many trees.

    Minimises squares as XGBoost's ``reg:squarederror`` does with ``tree_method="hist"``. The label's owner
    brings it to mean 0 and deviation 1, so that it may have any units; `gamma` is in the label's own.

    The arguments are those of `GradientBoosting`.
    """

    @property
    def family(self) -> Family:
        """Normal."""
        return Normal()


@public
def from_xgboost(spu: SPU, model: PYUObject, columns: Mapping[PYU, Sequence[str]]) -> GradientBoosting:
    """A model that a party trained in the clear, to score rows whose columns several parties have.

    Each owner of columns is shown where the model splits them; nobody else sees anything of it but how many
    trees it has, how deep they are, and what it predicts.

    Args:
        spu: where it scores.
        model: a handle of an ``XGBClassifier``, an ``XGBRegressor``, a ``Booster``, or its JSON as text, at
            its owner. The objective is ``binary:logistic`` or ``reg:squarederror``.
        columns: the names of each party's columns, which together are those of the model; without names
            XGBoost calls them f0, f1, ...

    Returns:
        A `GradientBoostingClassifier` or a `GradientBoostingRegressor`, fitted.

    Raises:
        LearnError: the model has something that these have not; or other columns.
    """
    kinds: Mapping[str, type[GradientBoosting]] = {
        CLASSES: GradientBoostingClassifier,
        NUMBERS: GradientBoostingRegressor,
    }
    families: Mapping[str, Family] = {CLASSES: Bernoulli(), NUMBERS: Normal()}
    objective, depth, found = leaving.imported(spu, model, columns, families)
    return kinds[objective](spu, n_estimators=found.count, max_depth=depth)._learn(found)
