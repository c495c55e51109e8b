"""Regression of counts and amounts: Poisson, Gamma, and what lies between, all with the logarithm as link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from junto.learn.families import Family, Tweedie
from junto.learn.glm import Regressor


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TweedieRegressor(Regressor):
    """A label with mean exp(X w + b) and variance mean**power.

    Minimises mean(loss) + alpha |w|^2 / 2, as scikit-learn does after a ``StandardScaler``. Rows whose
    expected label is 1,000 times the average, or a thousandth of it, count in training as if that were all.

    Args:
        power: 1 (counts: Poisson) to 3, for 0 take `Ridge`; between 1 and 2 the label may be 0 or an amount,
            from 2 on (amounts: Gamma) it must not be 0.
        alpha: how strong the penalty is.

    The others are those of `LinearParameters`.
    """

    power: Annotated[float, "[1, 3]"] = 1.5
    alpha: Annotated[float, "[0, inf)"] = 1.0

    @property
    def family(self) -> Family:
        """Tweedie's."""
        return Tweedie(float(self.power))

    def penalty_for(self, rows: float) -> float:
        """As many alphas as rows: the loss is a mean."""
        return self.alpha * rows


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PoissonRegressor(TweedieRegressor):
    """Counts: `TweedieRegressor` with power 1."""

    power: Annotated[float, "[1, 3]"] = 1.0


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GammaRegressor(TweedieRegressor):
    """Amounts: `TweedieRegressor` with power 2."""

    power: Annotated[float, "[1, 3]"] = 2.0
