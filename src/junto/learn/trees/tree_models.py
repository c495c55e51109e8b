"""What all models of trees have in common: training, what may be asked of a trained one, files."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar, Final, Self

import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.frame.frame import Seed
from junto.frame.frame_steps import FrameStep
from junto.frame.horizontal import HorizontalFrame
from junto.learn import dataset, examine, own_units, pooled, pooled_scores
from junto.learn.dataset import Checked, Judge, Label, Scales, Table
from junto.learn.estimator import Handed, refuse_weights, require, require_classes, run_at, shown, training
from junto.learn.families import IDENTITY, LOGARITHM, ClassFamily, Normal, are_named, called
from junto.learn.kept_columns import KeptParts
from junto.learn.metrics import accuracy_score, r2_score
from junto.learn.pooled import Pooled
from junto.learn.trees import candidates, growing, keeping, leaving, monotone, pooled_trees, predicting
from junto.learn.trees.checkpoints import Checkpoint
from junto.learn.trees.continuing import LossWatch, require_continued, target_of, together
from junto.learn.trees.ensemble import (
    Ensemble,
    EnsembleTask,
    Growth,
    Learned,
    Tree,
    field_for,
    learned,
    limits_at_home,
    scales_of,
    scores,
    units_at_home,
)
from junto.learn.trees.explaining import ExplainedTrees
from junto.learn.trees.leaving import DEEPEST
from junto.learn.trees.monotone import Constraints
from junto.learn.trees.split_columns import OwnedColumns, SecretColumns, SplitColumns

MOST_WEIGHT: Final = 64.0
"""Of a row: sums of slopes stay in range."""

MOST_BINS: Final = 1024
"""Of a column."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TreeModel(ExplainedTrees):
    """Base of the models of trees.

    Who learns what of `fit`: every party the number of rows, of each party's columns, and of the places where
    they can be split in all. The owner of a column learns where it splits which node, and nobody else does;
    of another node it learns that none of its columns splits it. Nobody sees gradients, sums, gains, on which
    side other parties' splits send a row, or leaves.

    Args:
        max_depth: levels of splits of a tree; each tree is as deep, and a node that no split makes better
            stands for its descendants.
        max_bins: bins of a column: it can be split between each two of them.
        random_state: of all draws, which are public.
    """

    max_depth: Annotated[int, f"[1, {DEEPEST}]"] = 6
    max_bins: Annotated[int, f"[2, {MOST_BINS}]"] = 32
    random_state: Seed = 0

    absolute_weights: ClassVar[bool] = True
    """Whether it matters if all rows weigh twice as much: to penalties, and to sums of hessians."""

    @property
    @abstractmethod
    def trees(self) -> int:
        """How many are grown."""

    @property
    def start(self) -> float | None:
        """The score without a tree; None: that of the label's mean."""
        return None

    @property
    def lighter(self) -> float:
        """What gradients and hessians are divided by."""
        return 1.0

    @property
    def most_weight(self) -> float:
        """Of a row."""
        return MOST_WEIGHT

    @property
    def constraints(self) -> Constraints:
        """See `monotone`."""
        return None

    @property
    def scaled_at_home(self) -> bool:
        """Whether the label has to be at its owner."""
        return self.family.link == LOGARITHM

    @abstractmethod
    def growth(self, rows: int, columns: int) -> Growth:
        """How trees are grown.

        Args:
            rows: how many there are.
            columns: likewise, of all parties.
        """

    # -------------------------------------------------------------------- training

    def fit(self, X: Table, y: Any, *, sample_weight: Any = None) -> Self:
        """Train; returns the model itself.

        Args:
            X: tables of their owners; numbers may be missing. Or an array on the SPU, of which nobody
                learns how it is split. Or a `HorizontalFrame`: see `junto.learn.trees.pooled_trees`.
            y: a handle of a vector or one-column table, at its owner or on the SPU; or the column of the
                frame.
            sample_weight: a handle of numbers at their owner, which nobody else sees: not below 0; of
                boosted trees up to 64. Or the column of the frame, of any numbers from 0 on.

        Raises:
            LearnError: X or y cannot be used; the same at every party, before anything is shared.
            RemoteError, LinkError, PartyUnreachable: a party failed, or is gone.
        """
        return self._train(X, y, sample_weight)

    def _train(
        self,
        X: Table,
        y: Any,
        sample_weight: Any,
        before: Any = None,
        watching: tuple[Table, Any, int] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Self:
        """Train.

        Args:
            X, y, sample_weight: see `fit`.
            before: a model to go on from.
            watching: rows and label that trees are not grown from, and how many trees may come after the
                one with which their loss is least.
            checkpoint: where it is kept after each tree.
        """
        broken = None if checkpoint is None else checkpoint.latest()
        before, done = (before, 0) if broken is None else (broken, broken.count)
        if broken is not None and done >= self.trees:
            return self._found(broken)
        _require_same_kind(before, isinstance(X, HorizontalFrame))
        if isinstance(X, HorizontalFrame):
            keep = None if checkpoint is None else checkpoint.keep
            further: Any = pooled_trees.Further(before, watching, keep, self.trees - done)
            return self._found(pooled_trees.fit(self, X, y, sample_weight, further))
        home = None if before is None else before.label.home
        given = dataset.checked_with_label(
            X, y, Judge(self.family, True, False, home, self.start), look=candidates.examined
        )
        require(
            not isinstance(given.label, SPUObject) or not self.scaled_at_home,
            "a label whose logarithm or quantile is predicted has to be at its owner, who knows its scale",
            "pass the owner's handle",
        )
        growth = self.growth(given.columns.rows, sum(given.columns.widths))
        growth = replace(growth, rule=self._finer(growth.rule, given))
        weight = self._weight(sample_weight, given.columns.rows, growth)
        if weight is not None and not self.absolute_weights:
            growth = replace(growth, asked=growth.asked._replace(least=0.0))
        scales = scales_of(given.columns, self.max_bins, monotone.any_of(self.constraints))
        trees: list[Tree] = []
        outputs, first = math.prod(self.family.outputs), 0 if before is None else before.count
        if before is not None:
            require_continued(before, scales, self.max_depth, outputs)
        with training(self, "tree", self.trees - done) as course:
            task = self._task(given, scales, weight, growth, before)
            ensemble = Ensemble(self.spu, self.family, task, growth)
            score = self._start(task.label, X, task.count, before)
            watch = None if watching is None else self._watch(watching, scales, task, before)
            patience = 0 if watching is None else watching[2]
            for number in course.each(range(self.trees - done)):
                tree, score = ensemble.grow(first + number, score)
                trees.append(tree)
                if checkpoint is not None:
                    checkpoint.keep(self._grown(ensemble, trees, (scales, task.label, given.known), before))
                if watch and not watch.better(tree, number + 1) and number + 1 - watch.best >= patience:
                    break
        kept = trees if watch is None else trees[: watch.best]
        return self._learn(self._grown(ensemble, kept, (scales, task.label, given.known), before))

    def _finer(self, rule: growing.Rule, given: Checked) -> growing.Rule:
        """How closely gains are told apart: as far as the size of the label is known."""
        if isinstance(given.label, SPUObject) and not isinstance(self.family, ClassFamily):
            return rule
        bounded = self.family.link != LOGARITHM or rule.step > 0
        return replace(rule, finer=growing.finer_for(given.columns.rows, bounded))

    def _found(self, learned: Any) -> Self:
        """See `_learn`; or a model of rows."""
        object.__setattr__(self, "_learned", learned)
        return self

    def _grown(
        self,
        ensemble: Ensemble,
        trees: Sequence[Tree],
        facts: tuple[Scales, Label, bool],
        before: Learned | None,
    ) -> Learned:
        """What is known of these trees, and of those before them."""
        found = learned(self.spu, trees, facts, math.prod(self.family.outputs), ensemble)
        return found if before is None else together(self.spu, before, found)

    def _start(self, label: Label, X: Table, rows: int, before: Learned | None) -> SPUObject:
        """The scores from which the first tree is grown."""
        if before is not None:
            return scores(self.spu, before, X)
        shape = (rows, *self.family.outputs)
        made: SPUObject = self.spu(_start, static_argnames="shape")(label.scale, shape=shape)
        return made

    def _watch(
        self, watching: tuple[Table, Any, int], scales: Scales, task: EnsembleTask, before: Learned | None
    ) -> LossWatch:
        (X, y, _), label = watching, task.label
        judge = Judge(self.family, True, True, label.home)
        given = dataset.checked_with_label(X, y, judge, scales=scales, look=candidates.examined)
        dataset.require_known(given.columns, scales)
        start = self._start(label, X, given.columns.rows, before)
        return LossWatch(self.spu, self.family, (scales, label, task.columns), given, start)

    def _weight(self, given: Any, rows: int, growth: Growth) -> SPUObject | None:
        weight = dataset.only_part(given)
        if weight is None:
            return None
        require(
            self.absolute_weights or growth.asked.least <= 1,
            "min_samples_leaf counts rows, which weights do not tell",
            "leave out min_samples_leaf or sample_weight",
        )
        if isinstance(weight, SPUObject):
            return weight
        require(isinstance(weight, PYUObject), f"sample_weight is {type(weight).__name__}", "pass a handle")
        look: Any = FrameStep(_examined, self.most_weight) if self.absolute_weights else _positive
        dataset.require_rows(weight, "sample_weight", rows, look)
        of: Any = examine.vector_of if self.absolute_weights else _of_mean_one
        shared: SPUObject = run_at(weight.device, of, weight).to(self.spu)
        return shared

    def _task(
        self,
        given: Checked,
        scales: Scales,
        weight: SPUObject | None,
        growth: Growth,
        before: Learned | None,
    ) -> EnsembleTask:
        if before is None:
            label = dataset.share_label(self.spu, given.label, self._judge(), (0.0, 1), None)
        else:
            target = target_of(self.spu, given.label, self.family, before.label)
            label = Label(before.label.home, before.label.scale, target)
        field, columns = field_for(self.spu, label), given.columns
        by: SplitColumns
        if columns.array is None:
            by = OwnedColumns(self.spu, columns, scales, self.constraints, field)
        else:
            by = SecretColumns(self.spu, columns, self.max_bins, weight, self.constraints, field)
        lighter = self.lighter
        asked, scale = growing.SplitTerms(*[each / lighter for each in growth.asked]), growth.rule.scale
        limits: Any = growing.limits(asked, scale)
        units: Any = growing.units_of(lighter, lighter, scale)
        own = self.family.rescales or (self.family.slopes_scale and asked.gamma + asked.alpha > 0)
        if label.home is not None and own:
            limits = run_at(label.home.device, limits_at_home, label.home, self.family, asked, scale).to(
                self.spu
            )
        if label.home is not None and (self.family.rescales or self.family.slopes_scale):
            units = run_at(label.home.device, units_at_home, label.home, self.family, scale).to(self.spu)
        return EnsembleTask(by, label, weight, limits, units, columns.rows)

    def _judge(self, fitted: bool = False) -> Judge:
        home = self._fitted().label.home if fitted else None
        return Judge(self.family, True, fitted, home, None if fitted else self.start)

    def _label_home(self) -> PYU | None:
        home = self._fitted().label.home
        return None if home is None else home.device

    # -------------------------------------------------------------------- what was learned

    @property
    def n_features_in_(self) -> int:
        """Columns of all parties."""
        if self._pooled is not None:
            return len(self._pooled.columns)
        return sum(self._fitted().scales.widths)

    @property
    def n_iter_(self) -> int:
        """Trees that were grown."""
        if self._pooled is not None:
            return self._pooled.count
        return self._fitted().count

    def split_counts_of(self, party: PYU | str) -> PYUObject:
        """How many nodes each of a party's columns splits, shown to this party alone: it knows its splits.

        Args:
            party: whose columns, and who sees it.

        Returns:
            A handle of a dict from names to numbers.

        Raises:
            LearnError: the party has no columns in this model.
        """
        learned = self._fitted()
        owner, _ = dataset.columns_of(learned.scales, party)
        return run_at(owner, candidates.counts, learned.scales.by_owner[owner], learned.picks[owner])

    def export(self, to: PYU | str, *, format: str = "xgboost", with_stats: bool = False) -> PYUObject:
        """The whole model in the clear at one party: all splits, leaves, and the label's mean.

        It leaves the SPU for good. Every party's script says so by this call, and every ledger has it: each
        owner sends its splits, and the SPU shows the leaves.

        Args:
            to: who gets it.
            format: ``xgboost``: JSON, which ``xgboost.Booster().load_model(bytearray(text, "utf-8"))`` reads;
                columns are those of the owners, in the order of `fit`. ``lightgbm``: text, which
                ``lightgbm.Booster(model_str=text)`` reads. ``onnx``: bytes, for which the receiver needs
                ``pip install "junto[onnx]"``.
            with_stats: whether gains and covers of all nodes are in it, which importances and SHAP values
                take; covers say how many rows came to a node.

        Returns:
            A handle of the text, or of the bytes.

        Raises:
            LearnError: there is no such format; the model came without covers; `fit` was not called.
            RemoteError: when the result is used: the receiver has no ``onnx``.
        """
        require(format in leaving.WRITERS, f"there is no format {format!r}", " or ".join(leaving.WRITERS))
        receiver = to if isinstance(to, PYU) else PYU(to)
        if self._pooled is not None:
            return run_at(receiver, leaving.WRITERS[format], self._pooled.at(receiver))
        return leaving.exported(self.spu, self._fitted(), self.family, receiver, with_stats, format)

    kept_facts: ClassVar[Mapping[str, tuple[type, ...]]] = keeping.FACTS

    def _kept(self, learned: Learned) -> KeptParts:
        return keeping.parts_of(learned)

    @classmethod
    def _restored(cls, spu: SPU, parts: KeptParts) -> Learned:
        return keeping.learned_of(spu, parts)

    # -------------------------------------------------------------------- using it

    def _scored(self, X: Table) -> Handed:
        learned = self._fitted()
        found = scores(self.spu, learned, X)
        compute = self.spu(own_units.scored, static_argnames=("family", "told"), num_returns_policy="single")
        return self._handed(partial(compute, found, learned.label.scale))

    def _handed(self, compute: Callable[..., SPUObject]) -> Handed:
        told, plain = (partial(compute, family=self.family, told=told) for told in (True, False))
        own = self.family.link == IDENTITY
        return Handed(told if own else None, plain, self._fitted().known)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Classifier(TreeModel):
    """Base of the models whose label is of classes.

    Args:
        classes: the values of the label, two or more, numbers, truth values or texts, in any order. All
            parties give them, for an owner that told which values its label has would tell more than its
            rows.
    """

    classes: tuple[Any, ...] = (0, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_classes(self.classes, self.spu)

    @property
    def classes_(self) -> tuple[Any, ...]:
        """The classes in order."""
        return tuple(sorted(self.classes))

    def decision_function(self, X: Table, to: PYU | str | None = None) -> Any:
        """The logit of each row: shown to the party `to` alone; else a handle of what nobody sees.

        Of more than two classes, the scores [rows, classes] of which the softmax is taken.

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: the columns are not those of `fit`; or `fit` was not called.
        """
        if self._pooled is not None:
            return self._pooled.each(pooled_trees.decided, X, to, pooled.with_gaps)
        return self._scored(X).to(to)

    def predict_proba(self, X: Table, to: PYU | str | None = None) -> Any:
        """The probabilities [rows, classes]: shown to the party `to` alone; else nobody sees them.

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`.
        """
        if self._pooled is not None:
            return self._pooled.each(pooled_trees.probabilities, X, to, pooled.with_gaps)
        found = self._probabilities(X)
        return shown(found.read_as(found, _within), to)

    def _probabilities(self, X: Table) -> SPUObject:
        found: SPUObject = self.spu(predicting.probabilities)(self.decision_function(X))
        return found

    def predict(self, X: Table, to: PYU | str | None = None) -> Any:
        """The likeliest class of each row: shown to the party `to` alone, who learns no probability.

        On the SPU, classes that are texts or truth values are 0, 1, ...

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`.
        """
        if self._pooled is not None:
            likelier = FrameStep(pooled_trees.likelier, self.classes_)
            return self._pooled.each(likelier, X, to, pooled.with_gaps)
        found = self._guessed(X)
        if are_named(self.classes_):
            found = found.read_as(found, partial(called, self.classes_))
        return shown(found, to)

    def _guessed(self, X: Table, numbered: bool = False) -> SPUObject:
        """The likeliest classes; if they are named or `numbered`, their numbers."""
        numbered = numbered or are_named(self.classes_)
        values = tuple(range(len(self.classes))) if numbered else self.classes_
        likelier = self.spu(predicting.likelier, static_argnames="values")
        found: SPUObject = likelier(self.decision_function(X), values=values)
        return found

    def score(self, X: Table, y: Any, to: PYU | str | None = None, *, sample_weight: Any = None) -> Any:
        """The accuracy on these rows: shown to the party `to` alone; else nobody sees it.

        Args:
            X: tables of their owners; the columns of `fit`.
            y: labels of the same rows.
            to: the party that sees it; None: nobody. Of rows of several parties all know it.
            sample_weight: as in `metrics.accuracy_score`, at a party or on the SPU; of rows of several
                parties all weigh the same.

        Raises:
            LearnError: see `decision_function`; y has other rows.
        """
        if self._pooled is not None:
            refuse_weights(self, sample_weight)
            guessed = FrameStep(pooled_trees.likelier, tuple(range(len(self.classes))))
            return pooled_scores.accuracy(self._pooled, guessed, (X, y, self.family), pooled.with_gaps, to)
        given = dataset.checked_with_label(
            X, y, self._judge(fitted=True), scales=self._fitted().scales, look=candidates.examined
        )
        known = dataset.coded(self.spu, given.label, self.family)
        return shown(accuracy_score(known, self._guessed(X, numbered=True), sample_weight=sample_weight), to)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TreeRegressor(TreeModel):
    """Base of the models whose label is a number."""

    def predict(self, X: Table, to: PYU | str | None = None) -> Any:
        """The expected label of each row: shown to the party `to` alone; else a handle of what nobody sees.

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: the columns are not those of `fit`; or `fit` was not called.
        """
        if self._pooled is not None:
            return self._pooled.each(pooled_trees.means, X, to, pooled.with_gaps)
        if self.family.link != LOGARITHM:
            return self._scored(X).to(to)
        learned = self._fitted()
        compute = self.spu(own_units.meant, static_argnames="told", num_returns_policy="single")
        means = partial(compute, scores(self.spu, learned, X), learned.label.scale)
        told, plain = (partial(means, told=told) for told in (True, False))
        return Handed(told, plain, learned.known).to(to)

    def score(self, X: Table, y: Any, to: PYU | str | None = None, *, sample_weight: Any = None) -> Any:
        """R2, the part of the variance that is explained: shown to the party `to` alone; else nobody sees it.

        Args:
            X: tables of their owners; the columns of `fit`.
            y: a label of the same rows.
            to: the party that sees it; None: nobody.
            sample_weight: as in `metrics.accuracy_score`, at a party or on the SPU; of rows of several
                parties all weigh the same.

        Raises:
            LearnError: see `predict`; y has other rows.
        """
        if self._pooled is not None:
            refuse_weights(self, sample_weight)
            return pooled_scores.explained(
                self._pooled, pooled_trees.means, (X, y, Normal()), pooled.with_gaps, to
            )
        given = dataset.checked_with_label(
            X, y, self._judge(fitted=True), scales=self._fitted().scales, look=candidates.examined
        )
        return shown(r2_score(given.label, self.predict(X), sample_weight=sample_weight), to)


def _examined(weights: Any, most: float) -> examine.Facts:
    """At the owner of weights."""
    return examine.examine_weights(weights, math.nextafter(most, math.inf))


def _positive(weights: Any) -> examine.Facts:
    """At the owner of weights whose unit does not matter."""
    return examine.examine_weights(weights, examine.LARGEST_INPUT)


def _of_mean_one(weights: Any) -> Any:
    """At the owner: weights times a power of two; their mean is from 0.5 to 1, or their greatest the most."""
    given = examine.vector_of(weights)
    powers = -np.log2(given.mean()), np.log2(MOST_WEIGHT / given.max())
    return np.ldexp(given, int(np.floor(min(powers))))


# -------------------------------------------------------------------- what runs on the SPU


def _start(scale: Any, shape: tuple[int, ...]) -> Any:
    return np.zeros(shape, np.float32) + scale["start"]


def _within(probabilities: Any) -> Any:
    """In the clear: rounding may have taken some beyond 0 and 1."""
    return np.clip(probabilities, 0, 1)


def _require_same_kind(before: Any, pooled: bool) -> None:
    there, fix = ("rows of several parties", "pass a HorizontalFrame, as in its fit")
    if pooled:
        there, fix = ("columns", "pass columns of several parties, as in its fit")
    same = before is None or isinstance(before, Pooled) == pooled
    require(same, f"the model to go on from is one of {there}", fix)
