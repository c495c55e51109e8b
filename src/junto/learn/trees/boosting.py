"""Gradient boosting: models with scikit-learn's conventions and XGBoost's parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.learn import dataset, own_units
from junto.learn.dataset import Checked, Judge, Table
from junto.learn.estimator import Handed, require, run_at, shown, training
from junto.learn.families import IDENTITY, Bernoulli, Family, LabelScale, Normal
from junto.learn.metrics import accuracy_score, r2_score
from junto.learn.trees import candidates, growing
from junto.learn.trees.ensemble import Ensemble, Learned, Task, Tree, scales_of, scores
from junto.learn.trees.parameters import BoostingParameters

LARGEST_GAMMA = 2.0**20
"""No split is better than that by so much."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GradientBoosting(BoostingParameters[Learned]):
    """Base of the boosted trees.

    Who learns what of `fit`: every party the number of rows, of each party's columns, and of the places where
    they can be split in all. The owner of a column learns where it splits which node, and nobody else does;
    of another node it learns that none of its columns splits it. Nobody sees gradients, sums, gains, on which
    side other parties' splits send a row, or leaves.

    The arguments are those of `BoostingParameters`.
    """

    @property
    def family(self) -> Family:
        """The label's distribution."""
        raise NotImplementedError

    # -------------------------------------------------------------------- training

    def fit(self, X: Table, y: Any) -> Self:
        """Train; returns the model itself.

        Args:
            X: tables of their owners; numbers may be missing.
            y: a handle of a vector or one-column table, at its owner or on the SPU.

        Raises:
            LearnError: X or y cannot be used; the same at every party, before anything is shared.
            RemoteError, LinkError, PartyUnreachable: a party failed, or is gone.
        """
        given = dataset.checked_with_label(X, y, self._judge(), look=candidates.examined)
        require(
            given.columns.array is None,
            "trees are grown on tables at their owners, who know where a column can be split",
            "pass {alice: her_table, bob: his_table}",
        )
        scales = scales_of(given.columns, self.max_bins)
        trees: list[Tree] = []
        with training(self, "tree", self.n_estimators) as course:
            task = self._task(given, scales)
            ensemble = Ensemble(self, self.family, task)
            score = self.spu(_start, static_argnames="rows")(task.label.scale, rows=task.count)
            for number in course.each(range(self.n_estimators)):
                tree, score = ensemble.grow(number, score)
                trees.append(tree)
        return self._learn(Learned(scales, task.label.without_target(), given.known, tuple(trees)))

    def _task(self, given: Checked, scales: dataset.Scales) -> Task:
        tables, known = given.columns.tables, scales.by_owner
        rows = {
            owner: run_at(owner, candidates.sides, table, known[owner]) for owner, table in tables.items()
        }
        shared = tuple(each.to(self.spu) for each in rows.values())
        label = dataset.share_label(self.spu, given.label, self._judge(), (0.0, 1), None)
        gamma: Any = min(self.gamma, LARGEST_GAMMA)
        if gamma and label.home is not None:
            gamma = run_at(label.home.device, _on_scale, label.home, self.gamma).to(self.spu)
        widths = tuple(each.shape[0] for each in shared)
        return Task(known, rows, shared, widths, label, gamma, given.columns.rows)

    def _judge(self, fitted: bool = False) -> Judge:
        home = self._fitted().label.home if fitted else None
        return Judge(self.family, True, fitted, home)

    def _label_home(self) -> PYU | None:
        home = self._fitted().label.home
        return None if home is None else home.device

    # -------------------------------------------------------------------- what was learned

    @property
    def n_features_in_(self) -> int:
        """Columns of all parties."""
        return sum(self._fitted().scales.widths)

    @property
    def n_iter_(self) -> int:
        """Trees that were grown."""
        return len(self._fitted().trees)

    # -------------------------------------------------------------------- using it

    def _scored(self, X: Table) -> Handed:
        compute = self.spu(_scores, static_argnames=("family", "told"), num_returns_policy="single")
        asked = partial(compute, *scores(self, self._fitted(), X))
        return self._handed(asked)

    def _handed(self, compute: Callable[..., SPUObject]) -> Handed:
        told, plain = (partial(compute, family=self.family, told=told) for told in (True, False))
        own = self.family.link == IDENTITY
        return Handed(told if own else None, plain, self._fitted().known)


class GradientBoostingClassifier(GradientBoosting):
    """The probability of a label that is 0 or 1, from the sum of many trees.

    Minimises the log-loss as XGBoost's ``binary:logistic`` does with ``tree_method="hist"``.

    The arguments are those of `BoostingParameters`.
    """

    @property
    def family(self) -> Family:
        """Bernoulli's."""
        return Bernoulli()

    @property
    def classes_(self) -> tuple[int, int]:
        """0 and 1."""
        return (0, 1)

    def decision_function(self, X: Table, to: PYU | str | None = None) -> Any:
        """The logit of each row: shown to the party `to` alone; else a handle of what nobody sees.

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: the columns are not those of `fit`; or `fit` was not called.
        """
        return self._scored(X).to(to)

    def predict_proba(self, X: Table, to: PYU | str | None = None) -> Any:
        """The probabilities of 0 and 1 [rows, 2]: shown to the party `to` alone; else nobody sees them.

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`.
        """
        found: SPUObject = self.spu(growing.probabilities)(self.decision_function(X))
        return shown(found.read_as(found, _within), to)

    def predict(self, X: Table, to: PYU | str | None = None) -> Any:
        """The likelier class of each row: shown to the party `to` alone, who learns no probability.

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`.
        """
        return shown(self.spu(growing.likelier)(self.decision_function(X)), to)

    def score(self, X: Table, y: Any, to: PYU | str | None = None) -> Any:
        """The accuracy on these rows: shown to the party `to` alone; else nobody sees it.

        Args:
            X: tables of their owners; the columns of `fit`.
            y: labels of 0 and 1 of the same rows.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`; y has other rows.
        """
        given = dataset.checked_with_label(
            X, y, self._judge(fitted=True), scales=self._fitted().scales, look=candidates.examined
        )
        known = given.label.to(self.spu) if isinstance(given.label, PYUObject) else given.label
        return shown(accuracy_score(known, self.predict(X)), to)


class GradientBoostingRegressor(GradientBoosting):
    """A number, the sum of many trees.

    Minimises squares as XGBoost's ``reg:squarederror`` does with ``tree_method="hist"``. The label's owner
    brings it to mean 0 and deviation 1, so that it may have any units; `gamma` is in the label's own.

    The arguments are those of `BoostingParameters`.
    """

    @property
    def family(self) -> Family:
        """Normal."""
        return Normal()

    def predict(self, X: Table, to: PYU | str | None = None) -> Any:
        """The expected label of each row: shown to the party `to` alone; else a handle of what nobody sees.

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: the columns are not those of `fit`; or `fit` was not called.
        """
        return self._scored(X).to(to)

    def score(self, X: Table, y: Any, to: PYU | str | None = None) -> Any:
        """R2, the part of the variance that is explained: shown to the party `to` alone; else nobody sees it.

        Args:
            X: tables of their owners; the columns of `fit`.
            y: a label of the same rows.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `predict`; y has other rows.
        """
        given = dataset.checked_with_label(
            X, y, self._judge(fitted=True), scales=self._fitted().scales, look=candidates.examined
        )
        return shown(r2_score(given.label, self.predict(X)), to)


def _on_scale(scale: LabelScale, gamma: float) -> Any:
    """At the label's owner: `gamma` for a label on its scale, where squares are smaller."""
    return np.float64(min(gamma / scale.spread**2, LARGEST_GAMMA))


# -------------------------------------------------------------------- what runs on the SPU


def _start(scale: Any, rows: int) -> Any:
    return np.zeros(rows, np.float32) + scale["start"]


def _scores(parts: Any, weights: Any, scale: Any, family: Family, told: bool) -> Any:
    return own_units.scored(growing.scores(parts, weights, scale["start"]), scale, family=family, told=told)


def _within(probabilities: Any) -> Any:
    """In the clear: rounding may have taken some beyond 0 and 1."""
    return np.clip(probabilities, 0, 1)
