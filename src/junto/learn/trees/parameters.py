"""The parameters of boosted trees, with XGBoost's names and meanings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from junto.learn.estimator import Estimator, L, require

DEEPEST: Final = 10
"""A tree has a place for each of its 2**max_depth leaves, used or not."""

MOST_BINS: Final = 1024
"""Of a column."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BoostingParameters(Estimator[L]):
    """What all models of boosted trees have in common.

    Args:
        n_estimators: trees.
        learning_rate: what a tree's leaves are multiplied by.
        max_depth: levels of splits of a tree; each tree is as deep, and a node that no split makes better
            stands for its descendants.
        max_bins: bins of a column: it can be split between each two of them.
        reg_lambda: L2 penalty of the leaves.
        gamma: by how much a split has to lessen the loss.
        min_child_weight: sum of the hessians that a child must have at least.
        subsample: part of the rows from which a tree is grown, drawn by public random numbers.
        colsample_bytree: part of each party's columns that a tree may use, drawn likewise.
        random_state: of both.
    """

    n_estimators: int = 100
    learning_rate: float = 0.3
    max_depth: int = 6
    max_bins: int = 32
    reg_lambda: float = 1.0
    gamma: float = 0.0
    min_child_weight: float = 1.0
    subsample: float = 1.0
    colsample_bytree: float = 1.0
    random_state: int = 0

    def __post_init__(self) -> None:
        require(self.n_estimators > 0, "n_estimators must be above 0")
        require(0 < self.learning_rate <= 1, "learning_rate must be above 0, and at most 1")
        require(1 <= self.max_depth <= DEEPEST, f"max_depth must be from 1 to {DEEPEST}")
        require(2 <= self.max_bins <= MOST_BINS, f"max_bins must be from 2 to {MOST_BINS}")
        require(0 <= self.reg_lambda < 2**20, "reg_lambda must be at least 0, and below 2**20")
        require(self.gamma >= 0, "gamma must be at least 0")
        require(self.min_child_weight >= 0, "min_child_weight must be at least 0")
        require(0 < self.subsample <= 1, "subsample must be above 0, and at most 1")
        require(0 < self.colsample_bytree <= 1, "colsample_bytree must be above 0, and at most 1")
