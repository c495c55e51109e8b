"""Generalised linear models: training, and what may be asked of a trained one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType, NoneType
from typing import Any, ClassVar, Self

from junto.config.model import Mode
from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import fact, truth
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.errors import LearnError
from junto.frame.frame_steps import FrameStep
from junto.frame.horizontal import HorizontalFrame
from junto.learn import (
    clear_parts,
    dataset,
    examine,
    families,
    kept_columns,
    newton,
    own_units,
    pooled,
    pooled_linear,
    pooled_scores,
    significance,
    solvers,
    weighted,
)
from junto.learn.dataset import Columns, Judge, Label, Scales, Table
from junto.learn.estimator import Handed, refuse_weights, require, run_at, shown, training
from junto.learn.exporting import Exporting
from junto.learn.families import Family, Normal
from junto.learn.kept_columns import KeptParts
from junto.learn.linear_parameters import SGD, LinearParameters
from junto.learn.magnitude import mean
from junto.learn.metrics import r2_score

log: logging.Logger = logging.getLogger("junto.learn")


@dataclass(frozen=True, slots=True)
class FittedLinearModel:
    """What `fit` found.

    Attributes:
        scales: of the columns.
        label: its scale (the target is forgotten).
        known: see `dataset.Checked`.
        inner: coefficients and intercept of columns and label on their scales, secret.
        iterations: epochs or steps taken.
        losses: of each epoch, secret, if they were asked for.
        errors: if they were asked for.
        last: see `solvers.FoundCoefficients`.
        rows: of the columns.
    """

    scales: Scales
    label: Label
    known: bool
    inner: tuple[SPUObject, SPUObject]
    iterations: int
    losses: tuple[SPUObject, ...]
    errors: significance.Errors | None
    last: tuple[SPUObject, SPUObject] | None
    rows: int


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GeneralizedLinearModel(Exporting, LinearParameters[FittedLinearModel]):
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

    def fit(self, X: Table, y: Any, *, sample_weight: Any = None) -> Self:
        """Train; returns the model itself.

        Args:
            X: see `dataset.Table`; or a `HorizontalFrame`: `junto.learn.pooled_linear` says who learns what.
            y: a handle of a vector or one-column table, at its owner or on the SPU; or the column of the
                frame.
            sample_weight: numbers from 0 on: of rows of several parties the column of weights, likewise; or,
                where X and y are on the SPU, weights [rows] there, as the flag of a join that nobody sees.
                Then columns and label are scaled on the SPU, by the rows as they weigh. Else all rows weigh
                the same.

        Raises:
            LearnError: X or y cannot be used; the same at every party, before anything is shared.
            RemoteError, LinkError, PartyUnreachable: a party failed, or is gone.
        """
        if isinstance(X, HorizontalFrame):
            object.__setattr__(self, "_learned", pooled_linear.fit(self, X, y, sample_weight))
            return self
        given = dataset.checked_with_label(X, y, self._judge(), scaled=self.standardize)
        columns = given.columns
        left = columns.rows - sum(columns.widths) - 1
        require(
            left > 0 or not self.inference, "there are fewer rows than coefficients", "leave out inference"
        )
        if sample_weight is None:
            scales = dataset.scales_of(columns, scaled=self.standardize, centred=self.fit_intercept)
            task = self._shared(columns, given.label, scales)
        else:
            task, scales = weighted.task_of(self, columns, given.label, sample_weight)
        solve = solvers.descend if self.solver_for(task.width) == SGD else solvers.reweight
        with training(self):
            found = solve(self, task)
            errors = self._errors(task, found.inner, left) if self.inference else None
        label = task.label.without_target()
        fitted = FittedLinearModel(
            scales=scales,
            label=label,
            known=given.known,
            inner=found.inner,
            iterations=found.count,
            losses=found.losses,
            errors=errors,
            last=found.last,
            rows=columns.rows,
        )
        return self._warned(self._learn(fitted))

    def _warned(self, fitted: Self) -> Self:
        """Debug mode names what only secret values tell: that training had not come to an end."""
        session = self.spu.session
        in_debug = session.rehearsal is None and session.settings.mode is Mode.DEBUG
        if in_debug and fitted._fitted().last is not None and not fact(fitted.converged_, truth):
            log.warning(
                "%r: after %d steps the scores or coefficients still change; take more (max_iter), a "
                "stronger penalty, or one of columns that are nearly the same; nobody sees this outside "
                "debug mode, unless converged_ is revealed",
                self, fitted.n_iter_,
            )  # fmt: skip
        return fitted

    kept_facts: ClassVar[Mapping[str, tuple[type, ...]]] = MappingProxyType(
        {
            "known": (bool,),
            "iterations": (int,),
            "rows": (int,),
            "factor": (float, NoneType),
            "freedom": (int, NoneType),
        }
    )

    def _kept(self, learned: FittedLinearModel) -> KeptParts:
        scales, label, errors = learned.scales, learned.label, learned.errors
        secret = {
            "inner": learned.inner,
            "losses": learned.losses,
            "errors": None if errors is None else (errors.inflation, errors.root),
            "scale": label.scale,
            "columns": scales.secret,
            "last": learned.last,
        }
        facts = {
            "known": learned.known,
            "iterations": learned.iterations,
            "rows": learned.rows,
            "factor": None if errors is None else errors.factor,
            "freedom": None if errors is None else errors.freedom,
        }
        return KeptParts(secret, kept_columns.owned(scales), scales.widths, label.home, facts)

    @classmethod
    def _restored(cls, spu: SPU, parts: KeptParts) -> FittedLinearModel:
        inner, losses, errors, scale, columns, last = spu(_apart)(parts.secret)
        facts: Any = parts.facts
        if errors is not None:
            errors = significance.Errors(errors[0], errors[1], facts["factor"], facts["freedom"])
        return FittedLinearModel(
            scales=kept_columns.scales_of(parts, columns),
            label=kept_columns.label_of(parts, scale),
            known=facts["known"],
            inner=inner,
            iterations=facts["iterations"],
            losses=losses,
            errors=errors,
            last=last,
            rows=facts["rows"],
        )

    def _label_home(self) -> PYU | None:
        home = self._fitted().label.home
        return None if home is None else home.device

    def _judge(self, fitted: bool = False) -> Judge:
        home = self._fitted().label.home if fitted else None
        return Judge(self.family, self.fit_intercept, fitted, home)

    def _shared(self, columns: Columns, label: PYUObject | SPUObject, scales: Scales) -> solvers.FitTask:
        spu = self.spu
        descends = self.solver_for(sum(columns.widths)) == SGD
        movable = columns.array is None and isinstance(label, PYUObject)
        seed = self.random_state if descends and movable else None
        field = dataset.small_ring(spu, columns) if self._is_bounded(columns, label) else None
        parts = dataset.share(spu, columns, scales, seed, field)
        penalty: Any = self.penalty_for(columns.rows)
        known = dataset.share_label(spu, label, self._judge(), (penalty, columns.rows), seed, field)
        constant = dataset.gathered(spu, scales, examine.constant_columns, field)
        if penalty and self.family.rescales and known.home is not None:
            penalty = spu(_penalty)(known.scale)  # it depends on the label's scale
        start = known.scale
        if field is not None and known.home is not None:
            start = spu.share(run_at(known.home.device, examine.start_of, known.home), field=field)
        return solvers.FitTask(spu, self.family, parts, constant, known, start, penalty, field=field)

    def _is_bounded(self, columns: Columns, label: PYUObject | SPUObject) -> bool:
        """Whether all numbers in training have a bound, which is not large, by what owners do."""
        owners = self.standardize and self.fit_intercept and isinstance(label, PYUObject)
        gentle = solvers.is_gentle(self, sum(columns.widths), columns.rows)
        return owners and self.family.bounded and gentle and not self.inference

    def _errors(self, task: solvers.FitTask, found: Any, left: int) -> significance.Errors:
        compute = self.spu(significance.errors, static_argnames="model")
        given = (task.parts, task.constant, task.label.target, found, task.penalty)
        ridge = newton.ridge(self.spu.numbers.fraction)
        inflation, root = compute(*given, model=(task.family, ridge))
        freedom = left if task.family.constant is not None else None
        return significance.Errors(inflation, root, significance.factor(task.rows), freedom)

    # -------------------------------------------------------------------- what was learned

    @property
    def coef_(self) -> SPUObject:
        """Coefficients [columns] of columns with mean 0 and deviation 1, owner by owner; nobody sees them."""
        handle: SPUObject = self._coefficients("coef").to(None)
        return handle

    @property
    def intercept_(self) -> SPUObject:
        """The linear score where all columns are at their mean; nobody sees it."""
        handle: SPUObject = self._coefficients("intercept").to(None)
        return handle

    def _coefficients(self, which: str, of: tuple[int, int] | None = None) -> Handed:
        """Coefficients or intercept, or the former of some columns, in the label's own units."""
        learned = self._fitted()
        compute = self.spu(
            own_units.coefficients,
            static_argnames=("family", "which", "of", "told"),
            num_returns_policy="single",
        )
        return self._handed(partial(compute, learned.inner, learned.label.scale, which=which, of=of))

    def _handed(self, compute: Callable[..., SPUObject], link: str = families.IDENTITY) -> Handed:
        """A result in the label's own units, which it has if the family's link is that: see `own_units`."""
        told, plain = (partial(compute, family=self.family, told=told) for told in (True, False))
        return Handed(told if self.family.link == link else None, plain, self._fitted().known)

    @property
    def n_iter_(self) -> int:
        """Epochs or steps that were taken."""
        if self._pooled is not None:
            return self._pooled.count
        return self._fitted().iterations

    @property
    def converged_(self) -> SPUObject:
        """Whether training had come to an end, a truth value; nobody sees it.

        It had if the last step changed the rows' linear scores, on the label's scale, by less than 0.001 as a
        root mean square, and no coefficient of a column of deviation 1 by more than a sixteenth: such steps
        have no end where the label follows the difference of columns that are too much alike.

        Raises:
            LearnError: of mini-batches (``sgd``), which have no last step; of rows of several parties, whose
                fit ends when it has converged.
        """
        learned = None if self._pooled is not None else self._fitted()
        if learned is None or learned.last is None:
            raise LearnError(
                "this fit does not say whether it converged", fix='use solver="newton" on columns of parties'
            )
        judge = self.spu(newton.settled, static_argnames=("rows", "limit"))
        handle: SPUObject = judge(learned.last, rows=learned.rows, limit=solvers.SETTLED)
        return handle

    @property
    def n_features_in_(self) -> int:
        """Columns of all parties."""
        if self._pooled is not None:
            return len(self._pooled.columns)
        return sum(self._fitted().scales.widths)

    @property
    def loss_curve_(self) -> tuple[SPUObject, ...]:
        """Mean loss of each epoch (of the rows held out, with `early_stopping`); nobody sees it."""
        return self._fitted().losses

    def coef_of(self, party: PYU | str) -> PYUObject:
        """The coefficients of a party's own columns in their own units, shown to this party alone.

        Args:
            party: whose columns, and who sees them.

        Returns:
            A handle of [its columns].

        Raises:
            LearnError: the party has no columns in this model.
        """
        if self._pooled is not None:
            known = self._pooled.at(party)
            return run_at(known.device, pooled_linear.coefficients, known)
        scales = self._fitted().scales
        owner, mine = dataset.columns_of(scales, party)
        coef = self._coefficients("coef", mine).to(owner)
        return run_at(owner, examine.own_units, scales.by_owner[owner], coef)

    def _part_at(self, owner: PYU) -> PYUObject:
        return self.coef_of(owner)

    def _owners(self) -> Iterable[PYU]:
        return self._fitted().scales.by_owner if self._pooled is None else self._pooled.found

    def _whole(self, receiver: PYU, format: str) -> PYUObject:
        about = (type(self).__name__, getattr(self, "classes_", ()), getattr(self.family, "power", 0.0))
        if self._pooled is not None:
            return clear_parts.exported_rows(self._pooled.at(receiver), about, format)
        shown = {name: self._coefficients(name).to(receiver) for name in ("coef", "intercept")}
        return clear_parts.exported(self._fitted().scales, shown, about, receiver, format)

    def intercept_of(self, party: PYU | str) -> PYUObject:
        """The constant that goes with `export`, for columns in their own units; shown to one party.

        It holds a weighted sum of all columns' means.

        Args:
            party: who sees it.
        """
        if self._pooled is not None:
            known = self._pooled.at(party)
            return run_at(known.device, pooled_linear.intercept, known)
        learned = self._fitted()
        require(
            learned.scales.secret is None,
            "what the columns are scaled by is on the SPU",
            "predict, or coef_ and intercept_, which are for columns of mean 0 and deviation 1",
        )
        offsets = dataset.gathered(self.spu, learned.scales, examine.offsets)
        compute = self.spu(
            own_units.uncentred, static_argnames=("family", "told"), num_returns_policy="single"
        )
        handed = self._handed(partial(compute, learned.inner, learned.label.scale, offsets))
        result: PYUObject = handed.to(party)
        return result

    def summary_of(self, party: PYU | str) -> PYUObject:
        """Coefficients, their errors, z, p-values and intervals of a party's columns, for this party alone.

        See `junto.learn.significance.summary`.

        Args:
            party: whose columns, and who sees it.

        Raises:
            LearnError: the model was not fitted with ``inference=True``; the party has no columns.
        """
        learned = self._fitted()
        errors = learned.errors
        if errors is None:
            raise LearnError("standard errors were not computed", fix="fit with inference=True")
        owner, mine = dataset.columns_of(learned.scales, party)
        coef = self._coefficients("coef", mine).to(owner)
        found = (errors.inflation, errors.root)
        compute = self.spu(
            own_units.deviations, static_argnames=("family", "of"), num_returns_policy="single"
        )
        told = compute(found, learned.label.scale, family=self.family, of=mine)
        error = told.read_as(told, own_units.read_deviations).to(owner)
        scaling = learned.scales.by_owner[owner]
        most = significance.largest_inflation(self.spu.numbers.fraction)
        given = (coef, error), errors.factor, errors.freedom, most
        return run_at(owner, significance.summary, scaling, *given)

    # -------------------------------------------------------------------- using it

    def decision_function(self, X: Table, to: PYU | str | None = None) -> Any:
        """The linear score of each row: shown to the party `to` alone; else a handle of what nobody sees.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: the columns are not those of `fit`; or `fit` was not called.
        """
        if self._pooled is not None:
            return self._pooled.each(pooled_linear.scores, X, to, pooled.complete)
        return self._handed(self._asked(X, own_units.scores)).to(to)

    def _asked(self, X: Table, function: Callable[..., Any]) -> Callable[..., SPUObject]:
        """What computes `function` of the columns of X and of what was learned."""
        learned = self._fitted()
        columns = dataset.checked(X, scaled=self.standardize, scales=learned.scales)
        parts = dataset.share(self.spu, columns, learned.scales)
        compute = self.spu(function, static_argnames=("family", "told"), num_returns_policy="single")
        return partial(compute, parts, learned.inner, learned.label.scale)


class Regressor(GeneralizedLinearModel):
    """Base of the models whose label is a number."""

    def predict(self, X: Table, to: PYU | str | None = None) -> Any:
        """The expected label of each row: shown to the party `to` alone; else a handle of what nobody sees.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`.
        """
        if self._pooled is not None:
            means = FrameStep(pooled_linear.means, self.family)
            return self._pooled.each(means, X, to, pooled.complete)
        return self._handed(self._asked(X, own_units.means), self.family.link).to(to)

    def score(self, X: Table, y: Any, to: PYU | str | None = None, *, sample_weight: Any = None) -> Any:
        """The part of the deviance that is explained: R2 of a normal label, D2 of others; at best 1.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            y: a label of the same rows; of other models than those of a normal label at the party whose
                label the model was trained on; or the column of the frame.
            to: the party that sees it; None: nobody. Of rows of several parties all know it.
            sample_weight: of a normal label as in `metrics.r2_score`, at a party or on the SPU; else all rows
                weigh the same.

        Raises:
            LearnError: see `decision_function`; D2 is asked for of a label elsewhere, or with weights.
        """
        if self._pooled is not None:
            refuse_weights(self, sample_weight)
            means = FrameStep(pooled_linear.means, self.family)
            return pooled_scores.explained(self._pooled, means, (X, y, self.family), pooled.complete, to)
        learned, family = self._fitted(), self.family
        home = learned.label.home
        label = dataset.only_part(y)
        at_home = home is not None and isinstance(label, PYUObject) and label.device == home.device
        if isinstance(family, Normal) and (sample_weight is not None or not at_home):
            given = dataset.checked_with_label(
                X, label, self._judge(fitted=True), scaled=self.standardize, scales=learned.scales
            )
            return shown(r2_score(given.label, self.predict(X), sample_weight=sample_weight), to)
        if home is None or not isinstance(label, PYUObject) or label.device != home.device:
            raise LearnError(
                "y is not at the party whose label the model was trained on",
                fix="of a label on the SPU: metrics.r2_score(y, model.predict(X), sample_weight=flag)",
            )
        require(
            sample_weight is None,
            "D2 is of rows that weigh the same",
            "metrics.r2_score(y, model.predict(X), sample_weight=weights)",
        )
        given = dataset.checked_with_label(
            X, label, self._judge(fitted=True), scaled=self.standardize, scales=learned.scales
        )
        target = run_at(label.device, examine.scaled_label, label, family, home).to(self.spu)
        limits = run_at(label.device, examine.label_limits, label, family, home).to(self.spu)
        parts = dataset.share(self.spu, given.columns, learned.scales)
        explained = self.spu(_explained, static_argnames="family")
        return shown(explained(parts, learned.inner, target, limits, family=family), to)


# -------------------------------------------------------------------- what runs on the SPU


def _penalty(scale: Any) -> Any:
    return scale["penalty"]


def _explained(parts: Any, found: Any, target: Any, limits: Any, family: Family) -> Any:
    best, worst = limits
    return (worst - mean(family.loss(own_units.linear(parts, found), target))) / (worst - best)


def _apart(kept: Any) -> tuple[Any, ...]:
    return tuple(kept[name] for name in ("inner", "losses", "errors", "scale", "columns", "last"))
