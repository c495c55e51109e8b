"""Linear and ridge regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from junto.learn.families import Family, Normal
from junto.learn.glm import Regressor


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LinearRegression(Regressor):
    """Least squares. The label is brought to mean 0 and deviation 1 by its owner, too.

    ``newton`` solves the normal equations, and refines the solution with exact residuals. Its arguments are
    those of `LinearParameters`.
    """

    @property
    def family(self) -> Family:
        """Normal."""
        return Normal()

    def penalty_for(self, rows: float) -> float:
        """None."""
        return 0.0


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Ridge(LinearRegression):
    """Least squares with a penalty.

    Minimises |y - X w - b|^2 + alpha |w|^2, as scikit-learn does after a ``StandardScaler``.

    Args:
        alpha: how strong.

    The others are those of `LinearParameters`.
    """

    alpha: Annotated[float, "[0, inf)"] = 1.0

    def penalty_for(self, rows: float) -> float:
        """The loss is a sum: alpha itself."""
        return self.alpha
