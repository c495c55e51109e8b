"""Logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np

from junto.device.pyu import PYU
from junto.device.spu.object import SPUObject
from junto.frame.frame_steps import FrameStep
from junto.learn import dataset, pooled, pooled_linear, pooled_scores
from junto.learn.dataset import Table
from junto.learn.estimator import refuse_weights, require_classes, shown
from junto.learn.families import Bernoulli, Family, are_named, called
from junto.learn.glm import GeneralizedLinearModel
from junto.learn.metrics import accuracy_score
from junto.learn.own_units import linear


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LogisticRegression(GeneralizedLinearModel):
    """The probability of the second of two classes: p = 1 / (1 + exp(-X w - b)).

    Minimises sum(loss) + |w|^2 / (2 C), as scikit-learn does after a ``StandardScaler``. ``bound`` is
    Boehning and Lindsay's method: it never overshoots, but is slow where one class is rare.

    Args:
        C: the less, the stronger the penalty; ``inf``: none.
        classes: the two values of the label, numbers, truth values or texts, in any order: as in scikit-learn
            the greater one, or the later one in the alphabet, is the second class. All parties give them, for
            an owner that told which values its label has would tell more than its rows.

    The others are those of `LinearParameters`.
    """

    C: Annotated[float, "(0, inf]"] = 1.0
    classes: tuple[Any, Any] = (0, 1)

    def __post_init__(self) -> None:
        require_classes(self.classes, self.spu, two=True)
        super().__post_init__()

    @property
    def family(self) -> Family:
        """Bernoulli's."""
        return Bernoulli(self.classes_)

    def penalty_for(self, rows: float) -> float:
        """1 / C: the loss is a sum."""
        return 1 / self.C

    @property
    def classes_(self) -> tuple[Any, Any]:
        """The two classes in order."""
        first, second = sorted(self.classes)
        return first, second

    def predict_proba(self, X: Table, to: PYU | str | None = None) -> Any:
        """The probabilities of both classes [rows, 2]: shown to the party `to` alone; else nobody sees them.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`.
        """
        if self._pooled is not None:
            return self._pooled.each(pooled_linear.probabilities, X, to, pooled.complete)
        found: SPUObject = self.spu(_probabilities)(self.decision_function(X))
        return shown(found.read_as(found, _within), to)

    def predict(self, X: Table, to: PYU | str | None = None) -> Any:
        """The likelier class of each row: shown to the party `to` alone, who learns no probability.

        On the SPU, classes that are texts or truth values are 0 and 1.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`.
        """
        if self._pooled is not None:
            likelier = FrameStep(pooled_linear.likelier, self.classes_)
            return self._pooled.each(likelier, X, to, pooled.complete)
        named = are_named(self.classes_)
        values = (0, 1) if named else self.classes_
        found = self.spu(_likelier, static_argnames="values")(self.decision_function(X), values=values)
        return shown(found.read_as(found, partial(called, self.classes_)) if named else found, to)

    def score(self, X: Table, y: Any, to: PYU | str | None = None, *, sample_weight: Any = None) -> Any:
        """The accuracy on these rows: shown to the party `to` alone; else nobody sees it.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            y: labels of the same rows.
            to: the party that sees it; None: nobody. Of rows of several parties all know it.
            sample_weight: as in `metrics.accuracy_score`, at a party or on the SPU; of rows of several
                parties all weigh the same.

        Raises:
            LearnError: see `decision_function`; y has other rows.
        """
        if self._pooled is not None:
            refuse_weights(self, sample_weight)
            guessed = FrameStep(pooled_linear.likelier, (0, 1))
            return pooled_scores.accuracy(self._pooled, guessed, (X, y, self.family), pooled.complete, to)
        scales = self._fitted().scales
        given = dataset.checked_with_label(
            X, y, self._judge(fitted=True), scaled=self.standardize, scales=scales
        )
        known = dataset.coded(self.spu, given.label, self.family)
        parts = dataset.share(self.spu, given.columns, scales)
        guessed = self.spu(_guessed)(parts, self._fitted().inner)
        return shown(accuracy_score(known, guessed, sample_weight=sample_weight), to)


def _probabilities(eta: Any) -> Any:
    p = Bernoulli().mean(eta)
    return jnp.stack([1 - p, p], axis=1)


def _within(probabilities: Any) -> Any:
    """In the clear: rounding may have taken some beyond 0 and 1."""
    return np.clip(probabilities, 0, 1)


def _guessed(parts: Any, found: Any) -> Any:
    return _likelier(linear(parts, found))


def _likelier(eta: Any, values: tuple[Any, Any] = (0, 1)) -> Any:
    if values == (0, 1):
        return (eta > 0).astype(jnp.int32)
    return jnp.where(eta > 0, values[1], values[0])
