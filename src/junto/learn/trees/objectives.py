"""What boosted trees minimise, by the names that XGBoost has for it; and what its JSON says of each.

Gradients and hessians are XGBoost's ("XGBoost Parameters", Learning Task Parameters): of the logarithm of a
mean the second derivative of the loss itself, not its expectation, as a linear model takes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.learn.families import (
    CLIP,
    Bernoulli,
    Categorical,
    ClassFamily,
    Family,
    LabelScale,
    Normal,
    Tweedie,
)

BINARY, SOFTMAX, SQUARES = "binary:logistic", "multi:softprob", "reg:squarederror"
POISSON, GAMMA, TWEEDIE = "count:poisson", "reg:gamma", "reg:tweedie"
QUANTILE = "reg:quantileerror"

MOST_POSITIVE: Final = 8.0
"""Of the weight of a row of the second class, once divided: other weights come to it."""

POISSON_STEP: Final = 0.7
"""XGBoost's `max_delta_step` for counts, unless another is given."""

SECTIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        BINARY: ("reg_loss_param", "scale_pos_weight"),
        SOFTMAX: ("softmax_multiclass_param", "num_class"),
        SQUARES: ("reg_loss_param", "scale_pos_weight"),
        POISSON: ("poisson_regression_param", "max_delta_step"),
        GAMMA: ("reg_loss_param", "scale_pos_weight"),
        TWEEDIE: ("tweedie_regression_param", "tweedie_variance_power"),
        QUANTILE: ("quantile_loss_param", "quantile_alpha"),
    }
)
"""Of each objective the section of the JSON, and its number there."""


@dataclass(frozen=True)
class LogMean(Tweedie):
    """A label whose mean is the exponential of the trees' sum.

    Args:
        step: `max_delta_step` of Poisson's, by which its hessian is made larger.
    """

    step: float = 0.0
    name = "log mean"

    @property
    def constant(self) -> float | None:  # type: ignore[override]
        """The hessian depends on the label."""
        return None

    def read(self, y: NDArray[np.float64]) -> NDArray[Any]:
        """As float32, where what is next to 0 is 0."""
        with np.errstate(over="ignore"):
            return y.astype(np.float32)

    def slopes(self, eta: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        p, eta = self.power, jnp.clip(eta, -CLIP, CLIP)
        if p == 1:
            mean = jnp.exp(eta)
            return y - mean, mean * math.exp(self.step)
        likely = y * jnp.exp((1 - p) * eta)
        if p == 2:
            return likely - 1, likely
        spent = jnp.exp((2 - p) * eta)
        return likely - spent, (p - 1) * likely + (2 - p) * spent


@dataclass(frozen=True)
class Weighed(Bernoulli):
    """A label of two classes, of which rows of the second one count another number of times.

    Args:
        positive: how many times: `scale_pos_weight`. Weights are divided by a power of two, so that sums stay
            in range.
    """

    positive: float = 1.0

    @property
    def divisor(self) -> float:
        """What weights, and so gradients and hessians, are divided by."""
        return float(2.0 ** max(0, math.ceil(math.log2(self.positive / MOST_POSITIVE))))

    def slopes(self, eta: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        residual, weight = super().slopes(eta, y)
        factor = (1 + (self.positive - 1) * y) / self.divisor
        return residual * factor, weight * factor

    def scale(self, y: NDArray[np.float64], centred: bool) -> LabelScale:
        """Training begins with the logit of the label's mean as its rows weigh."""
        rate = float(y.mean())
        return LabelScale(start=math.log(self.positive * rate / (1 - rate)))


@dataclass(frozen=True)
class Quantile(Normal):
    """A quantile of the label, by the pinball loss.

    Args:
        alpha: which one, above 0 and below 1.
    """

    alpha: float
    name = "quantile"
    exact = False
    slopes_scale: ClassVar[bool] = False

    def residual(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        return (y > eta) - (1 - self.alpha)

    def loss(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        return (y - eta) * self.residual(eta, y)

    def middle(self, y: NDArray[np.float64]) -> float:
        """As XGBoost's ``base_score``."""
        return float(np.quantile(y, self.alpha, method="weibull"))


def family_of(objective: str, number: float, classes: int = 2) -> Family:
    """The distribution of an objective's label.

    Args:
        objective: one of `SECTIONS`.
        number: of its section.
        classes: how many there are.

    Raises:
        KeyError: there is no such objective.
    """
    return {
        BINARY: Bernoulli() if number == 1 else Weighed((0, 1), number),
        SOFTMAX: Categorical(tuple(range(classes))),
        SQUARES: Normal(),
        POISSON: LogMean(1.0, number),
        GAMMA: LogMean(2.0),
        TWEEDIE: LogMean(number),
        QUANTILE: Quantile(number),
    }[objective]


def objective_of(family: Family) -> tuple[str, float]:
    """The objective that trees of a family export, and the number of its section."""
    if isinstance(family, LogMean):
        own = {1.0: (POISSON, family.step), 2.0: (GAMMA, 1.0)}
        return own.get(family.power, (TWEEDIE, family.power))
    if isinstance(family, Quantile):
        return QUANTILE, family.alpha
    if family.link == Normal.link:
        return SQUARES, 1.0
    if isinstance(family, Weighed):
        return BINARY, family.positive
    several = isinstance(family, ClassFamily) and family.outputs
    return (SOFTMAX, float(family.outputs[0])) if several else (BINARY, 1.0)


def score_of(objective: str, mean: float) -> float:
    """The score without a tree of a `base_score`.

    Raises:
        ValueError: it has none that is finite.
    """
    if objective != SOFTMAX and not _within(objective, mean):
        raise ValueError(f"its base_score is {mean}, and the score without a tree would be infinite")
    if objective == BINARY:
        return math.log(mean / (1 - mean))
    return math.log(mean) if objective in (POISSON, GAMMA, TWEEDIE) else mean


def _within(objective: str, mean: float) -> bool:
    low, high = (0.0 if objective in (BINARY, POISSON, GAMMA, TWEEDIE) else -math.inf), math.inf
    return low < mean < (1.0 if objective == BINARY else high)
