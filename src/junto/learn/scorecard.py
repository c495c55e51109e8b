"""A scorecard: a logistic regression of weights of evidence, as points for each bin of each feature.

Siddiqi, "Credit Risk Scorecards", Wiley 2006, chapter 6. With odds = zeros to ones (good to bad):

    points = base_points + pdo / ln 2 * (ln(odds) - ln(base_odds))

which is a sum: base points, and points for the bin in which each feature lies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.errors import JuntoError, LearnError
from junto.frame import VerticalFrame, WeightOfEvidenceEncoder
from junto.frame.parametrized import Parametrized
from junto.learn import card_texts
from junto.learn.card_texts import BASE, Entry
from junto.learn.dataset import Scales
from junto.learn.estimator import require, run_at, shown
from junto.learn.logistic import LogisticRegression


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Scorecard(Parametrized):
    """Points of features' bins, of which the sum is a row's score: the more, the rarer are ones.

    Who learns what: of `score` the party `to` learns the points, of `reason_codes` the names of features, and
    nobody anything else, but that each owner is shown the coefficients of its own features for the latter. Of
    `table` and `export` the party `to` learns the whole card: all bins, and their points, which say how many
    ones and zeros were in each.

    Args:
        encoder: fitted, of the features.
        model: fitted to the features that `encoder` has encoded, and to no others.
        base_points: points where the odds are `base_odds`.
        base_odds: zeros to ones.
        pdo: points to double the odds.
    """

    mistake: ClassVar[type[JuntoError]] = LearnError

    encoder: WeightOfEvidenceEncoder
    model: LogisticRegression
    base_points: Annotated[float, "(-65536, 65536)"] = 600.0
    base_odds: Annotated[float, "(0, 65536)"] = 50.0
    pdo: Annotated[float, "(0, 65536)"] = 20.0

    def __post_init__(self) -> None:
        require(
            self.model.fit_intercept,
            "the model has no intercept, and so no base points",
            "fit_intercept=True",
        )
        features = {owner: len(names) for owner, names in self._features.items()}
        scales = self._scales
        fitted = dict(zip(scales.by_owner, scales.widths, strict=False))
        require(
            features == fitted,
            "the model was not fitted to the features of the encoder",
            "encoded = encoder.transform(frame); model.fit(encoded[names], encoded[label])",
        )

    def __sklearn_clone__(self) -> Self:
        """It learns nothing, and is of parts that are fitted."""
        return self.with_params()

    @property
    def factor(self) -> float:
        """Points for a unit of the odds' logarithm."""
        return self.pdo / math.log(2)

    @property
    def offset(self) -> float:
        """Points where the odds are 1."""
        return self.base_points - self.factor * math.log(self.base_odds)

    @property
    def _features(self) -> Mapping[PYU, Sequence[str]]:
        return self.encoder.features

    @property
    def _scales(self) -> Scales:
        return self.model._fitted().scales

    def score(self, frame: VerticalFrame, to: PYU | str | None = None) -> Any:
        """The points of each row, not rounded: shown to the party `to` alone; else nobody sees them.

        Args:
            frame: with the features, not encoded.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError, FrameError: a feature is missing.
        """
        names = [name for mine in self._features.values() for name in mine]
        logit = self.model.decision_function(self.encoder.transform(frame)[names])
        compute = self.model.spu(_points, static_argnames=("offset", "factor"))
        return shown(compute(logit, offset=self.offset, factor=self.factor), to)

    def reason_codes(self, frame: VerticalFrame, k: int = 4, to: PYU | str | None = None) -> Any:
        """For each row the `k` features that cost most points, against their best bins; most first.

        Args:
            frame: with the features, not encoded.
            k: how many.
            to: the party that sees the names [rows, k], and no points; None: nobody, and on the SPU they
                are numbers of features, owner by owner in the order of the encoder.

        Raises:
            LearnError, FrameError: there are fewer features; or one is missing.
        """
        names = [name for mine in self._features.values() for name in mine]
        require(
            1 <= k <= len(names),
            f"k is {k}, and there are {len(names)} features",
            "a number from 1 to that of the features",
        )
        encoded = self.encoder.transform(frame)
        lost = []
        for owner, mine in self._features.items():
            weights, coef = self.encoder.woe_[owner], self.model.coef_of(owner)
            scaling = self._scales.by_owner[owner]
            table = encoded[list(mine)].partitions[owner]
            lost.append(run_at(owner, card_texts.lost, table, weights, coef, scaling, self.factor))
        spu = self.model.spu
        found: SPUObject = spu(_worst, static_argnames="k")([each.to(spu) for each in lost], k=k)
        return shown(found.read_as(found, _Names(tuple(names))), to)

    def table(self, to: PYU | str) -> PYUObject:
        """The card at one party: a dict of columns ``feature``, ``bin``, ``woe``, ``points``.

        The first row is that of the base points; a bin that a value of later rows does not know has 0 points.

        Args:
            to: who sees it, and then knows all bins.
        """
        return self._at(to, card_texts.columns_of)

    def export(self, to: PYU | str, *, format: Annotated[str, ("csv", "python")] = "csv") -> PYUObject:
        """The card at one party as text: a table, or a function without junto.

        Args:
            to: who gets it, and then knows all bins.
            format: ``csv``: the table; ``python``: the source of ``score(row)``, of a dict of features, and
                of ``points(row)``, by feature.

        Returns:
            A handle of the text.

        Raises:
            LearnError: there is no such format.
        """
        return self._at(to, card_texts.as_csv if format == "csv" else card_texts.as_python)

    def _at(self, to: PYU | str, written: Any) -> PYUObject:
        receiver = to if isinstance(to, PYU) else PYU(to)
        parts = []
        for owner in self._features:
            state = (self.encoder.bins_[owner], self.encoder.woe_[owner], self.encoder.numeric_[owner])
            coef, scaling = self.model.coef_of(owner), self._scales.by_owner[owner]
            entries = run_at(owner, card_texts.entries, state, coef, scaling, self.factor)
            parts.append(entries.to(receiver))
        base = run_at(receiver, _base, self.model.intercept_of(receiver), self.offset, self.factor)
        return run_at(receiver, _written, written, base, parts)


@dataclass(frozen=True)
class _Names:
    """Reads numbers of features as their names."""

    names: tuple[str, ...]

    def __call__(self, places: Any) -> NDArray[Any]:
        named: NDArray[Any] = np.asarray(self.names)[places]
        return named


def _base(intercept: Any, offset: float, factor: float) -> float:
    return offset - factor * float(np.asarray(intercept).reshape(-1)[0])


def _written(write: Any, base: float, parts: Sequence[Sequence[Entry]]) -> Any:
    first: Entry = {"feature": BASE, "kind": BASE, "value": None, "woe": 0.0, "points": base}
    return write([first, *[entry for part in parts for entry in part]])


# -------------------------------------------------------------------- what runs on the SPU


def _points(logit: Any, *, offset: float, factor: float) -> Any:
    return offset - factor * logit


def _worst(parts: Sequence[Any], *, k: int) -> Any:
    """The places of the `k` largest numbers of each row."""
    lost = jnp.concatenate(parts, axis=1)
    every, found = np.arange(lost.shape[1]), []
    for _ in range(k):
        place = jnp.argmax(lost, axis=1)
        found.append(place)
        lost = jnp.where(place[:, None] == every, -1.0, lost)
    return jnp.stack(found, axis=1)
