"""How sure coefficients are: standard errors, z or t, p-values.

The covariance of maximum likelihood is the inverse of the information X'WX (McCullagh and Nelder 1989,
section 4.4); of a normal label times the residual variance, and then the ratio has Student's distribution.
Its inverse comes from `newton`, where C^-1 has the variance inflation factors on its diagonal. A penalty is
not taken into account: with one, the errors are those of a model without. All of this is so at the solution:
where one more step would change some row's score, as it does for ever if the classes can be separated, there
are no errors.

The owner of a column learns its coefficient, its inflation factor and its error; from these it computes the
rest itself, in plain floating point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.device.spu.object import SPUObject
from junto.learn import newton
from junto.learn.design import design, penalised
from junto.learn.examine import ColumnScaling
from junto.learn.families import Family

COLLINEAR: Final = 2.0**-4
"""Of the inflation at which `newton.ridge` makes columns share their effect: a column with more is called
collinear, and has no error, for that would be off by more than a five-hundredth."""

CONFIDENCE: Final = 0.95
"""Of intervals."""

UNSETTLED: Final = 2.0**-6
"""Of a row's score: a step that changes more was not the last one. Rounding changes a tenth of that."""


@dataclass(frozen=True, slots=True)
class Errors:
    """What standard errors are made of.

    Attributes:
        inflation: variance inflation factors [columns], secret.
        root: standard errors [columns] of columns and label on their scales, divided by `factor`; 0 where
            training had not come to an end; secret.
        factor: public.
        freedom: degrees of freedom of Student's distribution; None for the normal one.
    """

    inflation: SPUObject
    root: SPUObject
    factor: float
    freedom: int | None


def errors(
    parts: Sequence[Any],
    constant: Sequence[Any],
    y: Any,
    found: tuple[Any, Any],
    penalty: Any,
    *,
    model: tuple[Family, float],
) -> tuple[Any, Any]:
    """`Errors.inflation` and `Errors.root`; on the SPU.

    Args:
        parts: of each owner [rows, columns].
        constant: see `newton.train`.
        y: the label's target.
        found: weights and intercept, for the label on its scale.
        penalty: see `newton.train`.
        model: the label's family, and the ridge of `newton.inverse`.
    """
    family, ridge = model
    weights, intercept = found
    x = design(parts, intercept=True)
    width = len(weights)
    eta = x[:, :width] @ weights + intercept
    weight = family.constant if family.constant is not None else family.weight(eta)
    d, c = newton.information(x, weight, jnp.zeros(width + 1), newton.padded(constant, width + 1))
    inverse = newton.inverse(c, ridge)
    inflation = jnp.diag(newton.polished(c, inverse))[:width]
    root = d[:width] * jnp.sqrt(inflation)
    if family.constant is not None:
        variance = jnp.sum((y - eta) ** 2) * (1 / max(len(y) - width - 1, 1))
        root = root * jnp.sqrt(variance)
    if not family.exact:
        w = jnp.append(weights, intercept)
        shrink = penalty * penalised(width, True)
        gradient = (family.residual(eta, y) @ x - shrink * w) * newton.down(x)
        step = d * (inverse @ (d * gradient))
        root = jnp.where(jnp.any(jnp.abs(x @ step) > UNSETTLED), 0.0, root)
    return inflation, root


def factor(rows: int) -> float:
    """What `root` lacks: half of what `newton.down` took off."""
    return math.sqrt(newton.down(range(rows)))


def largest_inflation(fraction: int) -> float:
    """Beyond it columns are called collinear, if numbers have so many bits after the point."""
    return COLLINEAR / newton.ridge(fraction)


def summary(
    scaling: ColumnScaling, found: Any, factor: float, freedom: int | None, most: float
) -> dict[str, Any]:
    """At the owner of columns: the table that is usual, in the columns' own units.

    Args:
        scaling: of the columns.
        found: their coefficients [columns], and `Errors.inflation` and `Errors.root` [2, columns], in the
            clear and in the label's units.
        factor, freedom: see `Errors`.
        most: see `largest_inflation`.

    Returns:
        ``column`` (names), and as arrays ``coef``, ``standard_error``, ``z`` (Student's t with a normal
        label), ``p_value``, ``lower`` and ``upper`` (between which the coefficient lies with a confidence of
        95 %), and ``inflation``. NaN for columns that are constant or collinear, and for all if training had
        not come to an end.
    """
    (coef,), (inflation, root) = (np.asarray(each, np.float64) for each in found)
    coef, error = coef / scaling.deviation, root * factor / scaling.deviation
    lost = (scaling.constant > 0) | (inflation > most) | (error <= 0)
    error = np.where(lost, np.nan, error)
    z, wide = coef / error, _quantile(freedom) * error
    return {
        "column": list(scaling.names),
        "coef": coef,
        "standard_error": error,
        "z": z,
        "p_value": p_values(z, freedom),
        "lower": coef - wide,
        "upper": coef + wide,
        "inflation": np.where(scaling.constant > 0, np.nan, inflation),
    }


def _quantile(freedom: int | None) -> float:
    """How many errors an interval reaches to each side."""
    from scipy import special

    part = (1 + CONFIDENCE) / 2
    return float(special.ndtri(part) if freedom is None else special.stdtrit(freedom, part))


def p_values(z: NDArray[np.float64], freedom: int | None) -> NDArray[np.float64]:
    """Of the hypothesis that the coefficient is 0, against both sides."""
    from scipy import special

    size = np.abs(z)
    return np.asarray(2 * special.ndtr(-size) if freedom is None else 2 * special.stdtr(freedom, -size))
