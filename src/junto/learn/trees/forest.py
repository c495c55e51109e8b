"""Trees that are grown beside each other, and single ones.

Breiman, "Random forests", Machine Learning 2001; Breiman et al., "Classification and regression trees", 1984.
Of a label of 0 and 1 the Gini impurity is twice the variance, so both kinds of trees have the same splits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np

from junto.device.pyu import PYU
from junto.learn.dataset import Table
from junto.learn.estimator import shown
from junto.learn.families import ClassFamily, Family, LabelScale, Normal
from junto.learn.trees import candidates, growing
from junto.learn.trees.ensemble import Growth
from junto.learn.trees.tree_models import Classifier, TreeModel, TreeRegressor

SQRT = "sqrt"
Features = Annotated[str, (SQRT,)] | Annotated[int, "[1, inf)"] | Annotated[float, "(0, 1]"]


@dataclass(frozen=True)
class Share(ClassFamily, Normal):
    """A label of classes, of which the shares are predicted: of two that of the second, else those of all."""

    domain: ClassVar[str] = "classes"

    def scale(self, y: Any, centred: bool) -> LabelScale:
        """As it is."""
        return LabelScale()


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SingleTree(TreeModel):
    """Base of single trees.

    Weights of rows may be of any size, for only what they are of their mean matters, as in scikit-learn. What
    is less than a 60,000th of the greatest one counts as 0.

    Args:
        min_samples_leaf: rows that a leaf must have at least; not with weights of rows.

    The others are those of `TreeModel`, which says who learns what.
    """

    min_samples_leaf: Annotated[float, "(0, inf)"] = 1

    absolute_weights: ClassVar[bool] = False

    @property
    def trees(self) -> int:
        """One."""
        return 1

    def growth(self, rows: int, columns: int) -> Growth:
        """Each tree for itself.

        Args:
            rows: how many there are.
            columns: likewise, of all parties.
        """
        rule = growing.Rule(1 / self.trees, growing.scale_for(rows), corrects=False)
        weights, drawn = partial(self._weights, rows), partial(self._columns, columns)
        return Growth(
            self.max_depth, rule, growing.SplitTerms(0.0, 0.0, self.min_samples_leaf), weights, drawn
        )

    def _weights(self, rows: int, tree: int) -> Any:
        """How often a tree takes each row; None: once."""
        return None

    def _columns(self, columns: int, tree: int, level: int) -> Sequence[Sequence[int]] | None:
        """Which columns each node of a level may use; None: all."""
        return None


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Forest(SingleTree):
    """Base of the forests.

    Args:
        n_estimators: trees, whose mean is predicted.
        max_features: of all columns, how many a node may use: ``sqrt``, a number, a part, or None: all of
            them; drawn for each node by public random numbers.
        bootstrap: whether each tree is grown from as many rows as there are, drawn with replacement by public
            random numbers.

    The others are those of `SingleTree` and `TreeModel`.
    """

    n_estimators: Annotated[int, "[1, inf)"] = 100
    max_features: Features | None = None
    bootstrap: bool = True

    @property
    def trees(self) -> int:
        """`n_estimators`."""
        return self.n_estimators

    def _weights(self, rows: int, tree: int) -> Any:
        if not self.bootstrap:
            return None
        drawn = np.random.default_rng((self.random_state, tree)).integers(rows, size=rows)
        return np.bincount(drawn, minlength=rows).astype(np.float32)

    def _columns(self, columns: int, tree: int, level: int) -> Sequence[Sequence[int]] | None:
        some = self.max_features
        if some is None:
            return None
        if isinstance(some, str):
            chosen = math.isqrt(columns)
        else:
            chosen = some if isinstance(some, int) else round(some * columns)
        chosen = min(max(1, chosen), columns)
        return candidates.drawn(columns, chosen, (self.random_state, tree, level), 2**level)


class _Shares(Classifier):
    """Trees of a label of classes whose leaves are the shares of the classes."""

    @property
    def family(self) -> Family:
        """Of shares."""
        return Share(self.classes_)

    def decision_function(self, X: Table, to: PYU | str | None = None) -> Any:
        """By how much the share of the second class in each row's leaves is above a half.

        Of more than two classes, the shares [rows, classes]. Shown to the party `to` alone.

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: the columns are not those of `fit`; or `fit` was not called.
        """
        if self._pooled is not None:
            return super().decision_function(X, to)
        return shown(self.spu(_above)(self._scored(X).to(None)), to)

    def _probabilities(self, X: Table) -> Any:
        return self.spu(_both)(self._scored(X).to(None))


class _Means(TreeRegressor):
    """Trees of a number whose leaves are means."""

    @property
    def family(self) -> Family:
        """Normal."""
        return Normal()


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DecisionTreeClassifier(SingleTree, _Shares):
    """A tree whose leaves are the shares of the classes among the rows in them, split by the Gini impurity.

    The arguments are those of `SingleTree` and `Classifier`.
    """


class DecisionTreeRegressor(SingleTree, _Means):
    """A tree whose leaves are the mean of the rows in them, split by the squared error.

    The arguments are those of `SingleTree`.
    """


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class RandomForestClassifier(Forest, _Shares):
    """The mean of many trees whose leaves are the shares of the classes.

    The arguments are those of `Forest` and `Classifier`.
    """

    max_features: Features | None = SQRT


class RandomForestRegressor(Forest, _Means):
    """The mean of many trees whose leaves are means.

    The arguments are those of `Forest`.
    """


# -------------------------------------------------------------------- what runs on the SPU


def _above(share: Any) -> Any:
    return share - 0.5 if share.ndim == 1 else share


def _both(share: Any) -> Any:
    return jnp.stack([1 - share, share], axis=1) if share.ndim == 1 else share
