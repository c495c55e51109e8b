"""Generalised linear models: training, and what may be asked of a trained one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import jax.numpy as jnp

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.errors import LearnError
from junto.learn import dataset, examine, significance, solvers
from junto.learn.dataset import Columns, Label, Scales, Table
from junto.learn.estimator import require, run_at, shown, training
from junto.learn.families import Family
from junto.learn.parameters import SGD, LinearParameters


@dataclass(frozen=True, slots=True)
class Learned:
    """What `fit` found.

    Attributes:
        scales: of the columns.
        label: its scale (the target is forgotten).
        inner: coefficients and intercept of columns and label on their scales, secret.
        outer: the same for the label in its own units, secret.
        iterations: epochs or steps taken.
        losses: of each epoch, secret, if they were asked for.
        errors: if they were asked for.
    """

    scales: Scales
    label: PYUObject | None
    inner: tuple[SPUObject, SPUObject]
    outer: tuple[SPUObject, SPUObject]
    iterations: int
    losses: tuple[SPUObject, ...]
    errors: significance.Errors | None


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GeneralizedLinearModel(LinearParameters[Learned]):
    """Base of the linear models.

    Each party brings its columns to mean 0 and deviation 1 before they are shared (`standardize`), so that
    fixed-point numbers stay in range; a penalty is one of those columns' coefficients, as in scikit-learn
    after a ``StandardScaler``. A constant column gets the coefficient 0, collinear ones share their effect.

    Who learns what: every party the number of rows and of each party's columns; nobody anything else, unless
    `predict(to=...)`, `coef_of` and their like say so. With `early_stopping` every party learns one bit after
    each epoch: whether the validation loss still falls.

    The arguments are those of `LinearParameters`.
    """

    # -------------------------------------------------------------------- training

    def fit(self, X: Table, y: Any) -> Self:
        """Train; returns the model itself.

        Args:
            X: see `dataset.Table`.
            y: a handle of a vector or one-column table, at its owner or on the SPU.

        Raises:
            LearnError: X or y cannot be used; the same at every party, before anything is shared.
            RemoteError, LinkError, PartyUnreachable: a party failed, or is gone.
        """
        columns, label = dataset.checked(X, y, domain=self.family.domain, scaled=self.standardize)
        left = columns.rows - sum(columns.widths) - 1
        require(
            left > 0 or not self.inference, "there are fewer rows than coefficients", "leave out inference"
        )
        scales = dataset.scales_of(columns, scaled=self.standardize, centred=self.fit_intercept)
        task = self._shared(columns, label, scales)
        solve = solvers.descend if self.solver_for(task.width) == SGD else solvers.reweight
        with training(self):
            found = solve(self, task)
            errors = self._errors(task, found.inner, left) if self.inference else None
        outer = self.spu(_in_units_of_label)(found.inner, task.label.scale)
        home = task.label.home
        return self._learn(Learned(scales, home, found.inner, outer, found.count, found.losses, errors))

    def _shared(self, columns: Columns, label: PYUObject | SPUObject, scales: Scales) -> solvers.Task:
        spu, family, centred = self.spu, self.family, self.fit_intercept
        descends = self.solver_for(sum(columns.widths)) == SGD
        movable = columns.array is None and isinstance(label, PYUObject)
        seed = self.random_state if descends and movable else None
        parts = dataset.share(spu, columns, scales, seed)
        known = dataset.share_label(spu, label, family, centred=centred, seed=seed)
        constant = dataset.gathered(spu, scales, examine.constant_columns)
        penalty = self._shared_penalty(known, columns.rows)
        return solvers.Task(spu, family, parts, constant, known, penalty)

    def _shared_penalty(self, label: Label, rows: int) -> Any:
        """Public, unless it depends on the label's scale."""
        penalty = self.penalty_for(rows)
        if not penalty or not self.family.rescales or label.home is None:
            return penalty
        return self.spu(_times_penalty)(label.scale, penalty)

    def _errors(self, task: solvers.Task, found: Any, left: int) -> significance.Errors:
        compute = self.spu(significance.errors, static_argnames="family")
        label = (task.label.scale, task.label.target)
        inflation, root = compute(task.parts, task.constant, label, found, family=task.family)
        freedom = left if task.family.constant is not None else None
        return significance.Errors(inflation, root, significance.factor(task.rows), freedom)

    # -------------------------------------------------------------------- what was learned

    @property
    def coef_(self) -> SPUObject:
        """Coefficients [columns] of columns with mean 0 and deviation 1, owner by owner; nobody sees them."""
        return self._fitted().outer[0]

    @property
    def intercept_(self) -> SPUObject:
        """The linear score where all columns are at their mean; nobody sees it."""
        return self._fitted().outer[1]

    @property
    def n_iter_(self) -> int:
        """Epochs or steps that were taken."""
        return self._fitted().iterations

    @property
    def n_features_in_(self) -> int:
        """Columns of all parties."""
        return sum(self._fitted().scales.widths)

    @property
    def loss_curve_(self) -> tuple[SPUObject, ...]:
        """Mean loss of each epoch (of the rows held out, with `early_stopping`); nobody sees it."""
        return self._fitted().losses

    def coef_of(self, party: PYU | str) -> PYUObject:
        """The coefficients of a party's own columns in their own units, shown to this party alone.

        Raises:
            LearnError: the party has no columns in this model.
        """
        scales = self._fitted().scales
        owner, mine = dataset.columns_of(scales, party)
        coef = self.spu(_columns, static_argnames="of")((self.coef_,), of=mine)
        return run_at(owner, examine.own_units, scales.by_owner[owner], coef.to(owner))

    def export(self) -> Mapping[PYU, PYUObject]:
        """`coef_of` every party that has columns: each is shown its own part, and nothing else."""
        return {owner: self.coef_of(owner) for owner in self._fitted().scales.by_owner}

    def intercept_of(self, party: PYU | str) -> PYUObject:
        """The constant that goes with `export`, for columns in their own units; shown to one party.

        It holds a weighted sum of all columns' means.
        """
        learned = self._fitted()
        offsets = dataset.gathered(self.spu, learned.scales, examine.offsets)
        result: PYUObject = shown(self.spu(_uncentred)(learned.outer, offsets), party)
        return result

    def summary_of(self, party: PYU | str) -> PYUObject:
        """Coefficients, standard errors, z, p-values of a party's own columns, for this party alone.

        See `junto.learn.significance.summary`.

        Raises:
            LearnError: the model was not fitted with ``inference=True``; the party has no columns.
        """
        learned = self._fitted()
        errors = learned.errors
        if errors is None:
            raise LearnError("standard errors were not computed", fix="fit with inference=True")
        owner, mine = dataset.columns_of(learned.scales, party)
        found = (self.coef_, errors.inflation, errors.root)
        told = self.spu(_columns, static_argnames="of")(found, of=mine).to(owner)
        scaling = learned.scales.by_owner[owner]
        return run_at(owner, significance.summary, scaling, told, errors.factor, errors.freedom)

    # -------------------------------------------------------------------- using it

    def decision_function(self, X: Table, to: PYU | str | None = None) -> Any:
        """The linear score of each row: shown to the party `to` alone; else a handle of what nobody sees.

        Raises:
            LearnError: the columns are not those of `fit`; or `fit` was not called.
        """
        return shown(self._scores(dataset.checked(X, scaled=self.standardize)[0]), to)

    def _scores(self, columns: Columns) -> SPUObject:
        learned = self._fitted()
        parts = dataset.share(self.spu, columns, learned.scales)
        scores: SPUObject = self.spu(_linear)(parts, learned.outer)
        return scores


class Regressor(GeneralizedLinearModel):
    """Base of the models whose label is a number."""

    def predict(self, X: Table, to: PYU | str | None = None) -> Any:
        """The expected label of each row: shown to the party `to` alone; else a handle of what nobody sees.

        Raises:
            LearnError: see `decision_function`.
        """
        mean = self.spu(_mean, static_argnames="family")
        return shown(mean(self.decision_function(X), family=self.family), to)

    def score(self, X: Table, y: PYUObject, to: PYU | str | None = None) -> Any:
        """The part of the deviance that is explained: R2 of a normal label, D2 of others; at best 1.

        Args:
            X: as for `predict`.
            y: at the party whose label the model was trained on.
            to: who sees the score, and nobody else; else a handle of what nobody sees.

        Raises:
            LearnError: see `decision_function`; y is elsewhere.
        """
        learned, family = self._fitted(), self.family
        columns, label = dataset.checked(X, y, domain=family.domain, scaled=self.standardize)
        home = learned.label
        if home is None or not isinstance(label, PYUObject) or label.device != home.device:
            raise LearnError("y is not at the party whose label the model was trained on")
        target = run_at(label.device, examine.scaled_label, label, family, home).to(self.spu)
        limits = run_at(label.device, examine.label_limits, label, family, home).to(self.spu)
        parts = dataset.share(self.spu, columns, learned.scales)
        explained = self.spu(_explained, static_argnames="family")
        return shown(explained(parts, learned.inner, target, limits, family=family), to)


# -------------------------------------------------------------------- what runs on the SPU


def _in_units_of_label(found: Any, scale: Any) -> Any:
    coef, intercept = found
    return coef * scale["spread"], intercept * scale["spread"] + scale["shift"]


def _times_penalty(scale: Any, penalty: Any) -> Any:
    return scale["penalty"] * penalty


def _columns(vectors: Any, of: tuple[int, int]) -> Any:
    return jnp.stack([vector[slice(*of)] for vector in vectors])


def _uncentred(found: Any, offsets: Any) -> Any:
    coef, intercept = found
    return intercept - coef @ jnp.concatenate(offsets) if offsets else intercept


def _linear(parts: Any, found: Any) -> Any:
    coef, intercept = found
    return jnp.concatenate(parts, axis=1) @ coef + intercept


def _mean(eta: Any, family: Family) -> Any:
    return family.mean(eta)


def _explained(parts: Any, found: Any, target: Any, limits: Any, family: Family) -> Any:
    best, worst = limits
    return (worst - jnp.mean(family.loss(_linear(parts, found), target))) / (worst - best)
