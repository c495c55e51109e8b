"""Gradient boosting: models with scikit-learn's conventions and XGBoost's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Self

import numpy as np

from junto.device.boundary import public
from junto.device.pyu import PYU, PYUObject
from junto.device.spu.spu import SPU
from junto.errors import LearnError
from junto.learn.dataset import Table
from junto.learn.estimator import require
from junto.learn.families import Bernoulli, Categorical, Family
from junto.learn.kept_models import Folders
from junto.learn.trees import candidates, growing, leaving
from junto.learn.trees.checkpoints import checkpoint_of
from junto.learn.trees.ensemble import Growth
from junto.learn.trees.monotone import Constraints, any_of, require_constraints
from junto.learn.trees.objectives import (
    BINARY,
    GAMMA,
    MOST_POSITIVE,
    POISSON,
    POISSON_STEP,
    QUANTILE,
    SOFTMAX,
    SQUARES,
    TWEEDIE,
    Weighed,
    family_of,
    objective_of,
    score_of,
)
from junto.learn.trees.tree_models import Classifier, TreeModel, TreeRegressor


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GradientBoosting(TreeModel):
    """Base of the boosted trees.

    Args:
        n_estimators: trees.
        learning_rate: what a tree's leaves are multiplied by.
        reg_lambda: L2 penalty of the leaves.
        reg_alpha: L1 penalty of the leaves.
        gamma: by how much a split has to lessen the loss.
        min_child_weight: sum of the hessians that a child must have at least.
        subsample: part of the rows from which a tree is grown, drawn by public random numbers.
        colsample_bytree: part of all columns that a tree may use, drawn likewise.
        colsample_bylevel: part of a tree's columns that a level of it may use.
        colsample_bynode: part of a level's columns that a node of it may use.
        base_score: what is predicted without a tree: a probability, a mean, a number; of more than two
            classes a score that all have. None: the label's mean, or the shares of its classes.
        early_stopping_rounds: `fit` ends when so many trees have not made the loss on `eval_set` less, and
            keeps those up to the best one; None: it grows them all.
        max_delta_step: what no leaf exceeds, before it is multiplied by `learning_rate`; 0: leaves of any
            size; None: 0.7 for counts (``count:poisson``), as in XGBoost, else 0.
        monotone_constraints: in which direction a prediction may follow a column: ``{"income": -1}`` by name
            (1 rising, -1 falling), or ``(0, 1, -1)``, a number for each column, owner by owner. Of columns by
            name every party learns who has which of them.

    The others are those of `TreeModel`, which says who learns what.
    """

    n_estimators: Annotated[int, "[1, inf)"] = 100
    learning_rate: Annotated[float, "(0, 1]"] = 0.3
    reg_lambda: Annotated[float, "[0, 1048576)"] = 1.0
    reg_alpha: Annotated[float, "[0, 1048576)"] = 0.0
    gamma: Annotated[float, "[0, inf)"] = 0.0
    min_child_weight: Annotated[float, "[0, inf)"] = 1.0
    subsample: Annotated[float, "(0, 1]"] = 1.0
    colsample_bytree: Annotated[float, "(0, 1]"] = 1.0
    colsample_bylevel: Annotated[float, "(0, 1]"] = 1.0
    colsample_bynode: Annotated[float, "(0, 1]"] = 1.0
    base_score: Annotated[float, "(-inf, inf)"] | None = None
    max_delta_step: Annotated[float, "[0, inf)"] | None = None
    early_stopping_rounds: Annotated[int, "[1, inf)"] | None = None
    monotone_constraints: Constraints = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_constraints(self.monotone_constraints)

    def _require_base(self) -> None:
        """Raise a LearnError unless the objective knows what is predicted without a tree."""
        if self.base_score is not None:
            try:
                score_of(objective_of(self.family)[0], self.base_score)
            except (TypeError, ValueError):
                raise LearnError(
                    f"base_score is {self.base_score!r}",
                    fix="a probability between 0 and 1, a mean above 0, or of squares a number; or None",
                ) from None

    @property
    def start(self) -> float | None:
        """Of `base_score`."""
        return None if self.base_score is None else score_of(objective_of(self.family)[0], self.base_score)

    def fit(
        self,
        X: Table,
        y: Any,
        *,
        sample_weight: Any = None,
        eval_set: Any = None,
        xgb_model: Any = None,
        checkpoint: Folders | tuple[Folders, str] | None = None,
    ) -> Self:
        """Train; returns the model itself.

        Args:
            X: tables of their owners; numbers may be missing. Or an array on the SPU, of which nobody
                learns how it is split. Or a `HorizontalFrame`: see `junto.learn.trees.pooled_trees`.
            y: a handle of a vector or one-column table, at its owner or on the SPU; or the column of the
                frame.
            sample_weight: a handle of numbers from 0 to 64 at their owner, which nobody else sees; or the
                column of the frame, of any numbers from 0 on.
            eval_set: ``(X, y)`` of other rows, for `early_stopping_rounds`: after each tree all parties learn
                whether their loss became less, and nothing else of it.
            xgb_model: a fitted model of this kind, on whose trees those of this one follow; the label is on
                its scale, and draws go on where its own ended.
            checkpoint: ``{"alice": folder, ...}`` as for `save`: the model is kept there after each tree. If
                there is one already, the training goes on from it, and `n_estimators` are all trees: so the
                script of a run that was broken is run again as it is, with the same X and y. As a pair
                ``({"alice": folder, ...}, "env:MODEL")`` it is encrypted, with a passphrase as for `save`.

        Raises:
            LearnError: X or y cannot be used; the same at every party, before anything is shared.
            RemoteError, LinkError, PartyUnreachable: a party failed, or is gone.
        """
        if isinstance(eval_set, list) and len(eval_set) == 1:
            eval_set = eval_set[0]
        require(
            sample_weight is None or self.leaf_quantile is None,
            f"{QUANTILE} is for rows that weigh alike",
            "leave sample_weight out",
        )
        patience, before, kept = self.early_stopping_rounds, None, None
        require(
            (eval_set is None) == (patience is None),
            "eval_set and early_stopping_rounds go together",
            "GradientBoostingClassifier(spu, early_stopping_rounds=5).fit(X, y, eval_set=(X_later, y_later))",
        )
        require(eval_set is None or isinstance(eval_set, tuple | list), "eval_set is no pair", "pass (X, y)")
        if xgb_model is not None:
            require(type(xgb_model) is type(self), f"xgb_model is no {type(self).__name__}", "a fitted one")
            require(
                xgb_model.family == self.family,
                "xgb_model has another objective, or other classes",
                "the same objective and classes as in its fit",
            )
            before = xgb_model._learned or xgb_model._fitted()
        if checkpoint is not None:
            require(
                eval_set is None and xgb_model is None,
                "a checkpoint goes with neither eval_set nor xgb_model",
                "a training that ends early, or goes on from a model, is kept at its end: save(folders)",
            )
            kept = checkpoint_of(self.spu, checkpoint, self._about("n_estimators"))
        watching = None if patience is None else (*eval_set, patience)
        return self._train(X, y, sample_weight, before, watching, kept)

    @property
    def best_iteration(self) -> int:
        """The number of the last tree that was kept, from 0."""
        return self.n_iter_ - 1

    @property
    def trees(self) -> int:
        """`n_estimators`."""
        return self.n_estimators

    @property
    def constraints(self) -> Constraints:
        """`monotone_constraints`."""
        return self.monotone_constraints

    def growth(self, rows: int, columns: int) -> Growth:
        """Each tree corrects those before it.

        Args:
            rows: how many there are.
            columns: likewise, of all parties.
        """
        scale = growing.scale_for(rows)
        rule = growing.Rule(
            self.learning_rate,
            scale,
            self.largest_step,
            quantile=self.leaf_quantile,
            sparse=self.reg_alpha > 0,
        )
        asked = growing.SplitTerms(self.gamma, self.reg_lambda, self.min_child_weight, self.reg_alpha)
        sampled, drawn = partial(self._sampled, rows), partial(self._columns, columns)
        return Growth(self.max_depth, rule, asked, sampled, drawn)

    @property
    def largest_step(self) -> float:
        """`max_delta_step`; 0: leaves of any size."""
        return self.max_delta_step or 0.0

    @property
    def leaf_quantile(self) -> float | None:
        """See `growing.Rule`."""
        return None

    def _sampled(self, rows: int, tree: int) -> Any:
        """1 for each row from which the tree is grown, public; None: from all."""
        if self.subsample == 1:
            return None
        weights = np.zeros(rows, np.float32)
        chosen = max(1, round(self.subsample * rows))
        weights[candidates.drawn(rows, chosen, (self.random_state, tree, 0))[0]] = 1
        return weights

    def _columns(self, columns: int, tree: int, level: int) -> Sequence[Sequence[int]] | None:
        """Of all columns some for a tree, of these some for a level, of these some for a node."""
        some: Sequence[Sequence[int]] = [range(columns)]
        parts = self.colsample_bytree, self.colsample_bylevel, self.colsample_bynode
        for number, (part, nodes) in enumerate(zip(parts, (1, 1, 2**level), strict=True)):
            if part < 1:
                seed = (self.random_state, tree, number + 1, *[level][: number > 0])
                of = len(some[0])
                places = candidates.drawn(of, max(1, round(part * of)), seed, nodes)
                some = [[some[0][place] for place in each] for each in places]
        return None if len(some[0]) == columns and len(some) == 1 else some


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GradientBoostingClassifier(GradientBoosting, Classifier):
    """The probability of a label's classes, from the sum of many trees.

    Minimises the log-loss as XGBoost does with ``tree_method="hist"``: two classes as ``binary:logistic``;
    more as ``multi:softprob``, with a tree for each class, `n_estimators` times. Those for all classes are
    grown side by side, in the rounds of one.

    Args:
        scale_pos_weight: how many times rows of the second of two classes count, from 1/4096 to 4096. A
            `sample_weight` is then at most 64 by this number, or 8 if that is less.

    The others are those of `GradientBoosting` and `Classifier`.
    """

    scale_pos_weight: Annotated[float, "[0.000244140625, 4096]"] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        two, weight = len(self.classes) == 2, self.scale_pos_weight
        require(
            weight == 1 or (two and 2.0**-12 <= weight <= 2.0**12),
            f"scale_pos_weight is {weight!r}",
            "a number from 1/4096 to 4096, for two classes",
        )
        self._require_base()

    @property
    def family(self) -> Family:
        """Bernoulli's, or the categorical one."""
        if len(self.classes) > 2:
            return Categorical(self.classes_)
        weight = float(self.scale_pos_weight)
        return Bernoulli(self.classes_) if weight == 1 else Weighed(self.classes_, weight)

    @property
    def lighter(self) -> float:
        """See `Weighed`."""
        return self.family.divisor if isinstance(self.family, Weighed) else 1.0

    @property
    def most_weight(self) -> float:
        """Of a row, with which the other weight is multiplied."""
        return super().most_weight / max(1.0, min(float(self.scale_pos_weight), MOST_POSITIVE))


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GradientBoostingRegressor(GradientBoosting, TreeRegressor):
    """A number, the sum of many trees, or the exponential of that sum.

    The label's owner brings it to a scale, mean 0 and deviation 1 or mean 1, so that it may have any units;
    all parameters are in the label's own. Where the trees' sum is a logarithm, rows whose expected label is
    1,000 times the mean label, or a thousandth of it, count in training as if that were all.

    Args:
        objective: what XGBoost minimises under this name: ``reg:squarederror``; ``count:poisson`` of counts;
            ``reg:gamma`` of amounts above 0; ``reg:tweedie`` of amounts that may be 0;
            ``reg:quantileerror`` of a quantile, for rows that weigh alike. But for the first, their label is
            at its owner, not on the SPU.
        tweedie_variance_power: of ``reg:tweedie``, above 1 and below 2.
        quantile_alpha: which quantile ``reg:quantileerror`` predicts, above 0 and below 1.

    The others are those of `GradientBoosting`.
    """

    objective: Annotated[str, (SQUARES, POISSON, GAMMA, TWEEDIE, QUANTILE)] = SQUARES
    tweedie_variance_power: Annotated[float, "(1, 2)"] = 1.5
    quantile_alpha: Annotated[float, "(0, 1)"] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            (self.objective == QUANTILE) == (self.quantile_alpha is not None),
            f"quantile_alpha is {self.quantile_alpha!r}",
            f"a number above 0 and below 1 for {QUANTILE}, else none",
        )
        require(
            self.quantile_alpha is None or not any_of(self.monotone_constraints),
            f"monotone_constraints do not hold for {QUANTILE}, whose leaves are quantiles of their rows",
            "leave them out, or take another objective",
        )
        self._require_base()

    @property
    def family(self) -> Family:
        """Of the objective."""
        if self.objective == QUANTILE:
            return family_of(QUANTILE, self.quantile_alpha or 0.5)
        return family_of(
            self.objective, self.largest_step if self.objective == POISSON else self.tweedie_variance_power
        )

    @property
    def leaf_quantile(self) -> float | None:
        """`quantile_alpha`."""
        return self.quantile_alpha

    @property
    def scaled_at_home(self) -> bool:
        """Whether the label has to be at its owner."""
        return self.objective != SQUARES

    @property
    def largest_step(self) -> float:
        """`max_delta_step`."""
        if self.max_delta_step is None and self.objective == POISSON:
            return POISSON_STEP
        return super().largest_step


@public
def from_xgboost(spu: SPU, model: PYUObject, columns: Mapping[PYU, Sequence[str]]) -> GradientBoosting:
    """A model that a party trained in the clear, to score rows whose columns several parties have.

    Each owner of columns is shown where the model splits them; nobody else sees anything of it but how many
    trees it has, how deep they are, and what it predicts.

    Args:
        spu: where it scores.
        model: a handle of an ``XGBClassifier``, an ``XGBRegressor``, a ``Booster``, or its JSON as text, at
            its owner. The objective is one of those that these models minimise.
        columns: the names of each party's columns, which together are those of the model; without names
            XGBoost calls them f0, f1, ...

    Returns:
        A `GradientBoostingClassifier` or a `GradientBoostingRegressor`, fitted.

    Raises:
        LearnError: the model has something that these have not; or other columns.
    """
    told, found = leaving.imported(spu, model, columns)
    grown: dict[str, Any] = {"n_estimators": found.count, "max_depth": told.depth}
    if told.objective in (BINARY, SOFTMAX):
        weighed = told.objective == BINARY and 2.0**-12 <= told.number <= 2.0**12
        return GradientBoostingClassifier(
            spu,
            classes=tuple(range(told.classes)),
            scale_pos_weight=told.number if weighed else 1.0,
            **grown,
        )._learn(found)
    number = {POISSON: "max_delta_step", TWEEDIE: "tweedie_variance_power", QUANTILE: "quantile_alpha"}
    more: dict[str, Any] = {number[told.objective]: told.number} if told.objective in number else {}
    regressor = GradientBoostingRegressor(spu, objective=told.objective, **grown, **more)
    return regressor._learn(found)
