"""Logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.learn import dataset
from junto.learn.dataset import Table
from junto.learn.estimator import require, shown
from junto.learn.families import Bernoulli, Family
from junto.learn.glm import GeneralizedLinearModel
from junto.learn.metrics import accuracy_score
from junto.learn.own_units import linear


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LogisticRegression(GeneralizedLinearModel):
    """The probability of a label that is 0 or 1: p = 1 / (1 + exp(-X w - b)).

    Minimises sum(loss) + |w|^2 / (2 C), as scikit-learn does after a ``StandardScaler``. ``bound`` is
    Boehning and Lindsay's method: it never overshoots, but is slow where one class is rare.

    Args:
        C: the less, the stronger the penalty; ``inf``: none.

    The others are those of `LinearParameters`.
    """

    C: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.C > 0, "C must be above 0")

    @property
    def family(self) -> Family:
        """Bernoulli's."""
        return Bernoulli()

    def penalty_for(self, rows: int) -> float:
        """1 / C: the loss is a sum."""
        return 1 / self.C

    @property
    def classes_(self) -> tuple[int, int]:
        """0 and 1."""
        return (0, 1)

    def predict_proba(self, X: Table, to: PYU | str | None = None) -> Any:
        """The probabilities of 0 and 1 [rows, 2]: shown to the party `to` alone; else nobody sees them.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`.
        """
        found: SPUObject = self.spu(_probabilities)(self.decision_function(X))
        return shown(found.read_as(found, _within), to)

    def predict(self, X: Table, to: PYU | str | None = None) -> Any:
        """The likelier class of each row: shown to the party `to` alone, who learns no probability.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`.
        """
        return shown(self.spu(_likelier)(self.decision_function(X)), to)

    def score(self, X: Table, y: Any, to: PYU | str | None = None) -> Any:
        """The accuracy on these rows: shown to the party `to` alone; else nobody sees it.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            y: labels of 0 and 1 of the same rows.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: see `decision_function`; y has other rows.
        """
        scales = self._fitted().scales
        given = dataset.checked_with_label(
            X, y, self._judge(fitted=True), scaled=self.standardize, scales=scales
        )
        label = given.label
        known = label.to(self.spu) if isinstance(label, PYUObject) else label
        parts = dataset.share(self.spu, given.columns, scales)
        guessed = self.spu(_guessed)(parts, self._fitted().inner)
        return shown(accuracy_score(known, guessed), to)


def _probabilities(eta: Any) -> Any:
    p = Bernoulli().mean(eta)
    return jnp.stack([1 - p, p], axis=1)


def _within(probabilities: Any) -> Any:
    """In the clear: rounding may have taken some beyond 0 and 1."""
    return np.clip(probabilities, 0, 1)


def _guessed(parts: Any, found: Any) -> Any:
    return _likelier(linear(parts, found))


def _likelier(eta: Any) -> Any:
    return (eta > 0).astype(jnp.int32)
