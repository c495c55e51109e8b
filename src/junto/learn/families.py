"""Distributions of a label with the link that ties their mean to the columns.

McCullagh and Nelder, "Generalized Linear Models", 2nd edition, 1989, chapter 2. With eta = X w + b:

    mean(eta)             what is predicted
    residual(eta, y)      d log-likelihood / d eta, up to the dispersion
    weight(eta)           Fisher information of eta, likewise
    loss(eta, y)          minus log-likelihood, without what depends on y alone

These run on the SPU. The others run at the label's owner, who brings the label to a scale on which
fixed-point numbers are at their best.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.learn import scaled

Floats = NDArray[np.float64]

IDENTITY, LOGARITHM, LOGIT = "identity", "logarithm", "logit"

CLIP = 7.0
"""Logarithms of a mean are kept within this distance of that of the label's mean: a factor of 1,100."""


RANGE = (-12.0, 16.0)
"""Logarithms of a predicted mean: from where it is next to 0 to 8.9 million, where fixed point ends."""

LARGEST_MEAN = 14.0
"""Logarithm of a label's mean; beyond, predictions near it would come to that end."""

LIFTED = 6
"""Bits before the point of a mean as the average label has it: so that one of a thousandth has digits."""

UNSCALED = (2.0**-6, 2.0**10)
"""Of a logarithm without an intercept: where the label's mean may lie."""

ROOM = 4
"""Bits before the point of a normal label's spread."""

LEAST_SPREAD = 2.0**-36
"""Of a label's mean: a smaller spread counts as this, or the mean would have more digits than fixed point."""

LARGEST_SPREAD, LARGEST_SHIFT = 20, 40
"""A normal label's, as exponents of two: products end at 2**26, sums at 2**44."""


@dataclass(frozen=True, slots=True)
class LabelScale:
    """The scale on which a label is fitted; it stays with its owner, and is shared.

    Attributes:
        shift, spread: the linear score of the label is ``shift + spread * (that of what is fitted)``.
        start: the constant with which training begins; of several classes, one for each.
        penalty: what the L2 penalty is multiplied by, so that it means the same.
    """

    shift: float = 0.0
    spread: float = 1.0
    start: float | tuple[float, ...] = 0.0
    penalty: float = 1.0


class Family(ABC):
    """See the module. Instances are frozen dataclasses: an SPU's plans are kept under them."""

    name: ClassVar[str]
    link: ClassVar[str]
    """Between the linear score and the mean: `IDENTITY`, `LOGARITHM` or `LOGIT`."""

    domain: ClassVar[str] = "any"
    """What a label may be: ``any``, ``classes``, ``nonnegative`` or ``positive``."""

    constant: ClassVar[float | None] = None
    """The weight, if it is the same for all eta."""

    exact: ClassVar[bool] = False
    """Whether one step of second order is the solution."""

    bound: ClassVar[float | None] = None
    """A number that no weight exceeds (Boehning and Lindsay 1988)."""

    slopes_scale: ClassVar[bool] = False
    """Whether residuals are in the label's units, and losses in their squares."""

    bounded: ClassVar[bool] = False
    """Whether the squares of labels on their scale add up to no more than rows, and no residual is larger
    than label and score together."""

    @property
    def outputs(self) -> tuple[int, ...]:
        """The shape of a row's score."""
        return ()

    @abstractmethod
    def mean(self, eta: jax.Array) -> jax.Array:
        """See the module."""

    @abstractmethod
    def residual(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        """See the module."""

    @abstractmethod
    def weight(self, eta: jax.Array) -> jax.Array:
        """See the module."""

    def begin(self, y: jax.Array) -> jax.Array | None:
        """Linear scores of the rows for a first step of second order; None: those of the constant alone."""
        return None

    def slopes(self, eta: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Residual and weight."""
        return self.residual(eta, y), self.weight(eta)

    @abstractmethod
    def loss(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        """See the module."""

    rescales: ClassVar[bool] = False
    """Whether the penalty depends on the label's scale."""

    def scale(self, y: Floats, centred: bool) -> LabelScale:
        """The scale of a label; `centred`: whether there is an intercept to take up a shift."""
        return LabelScale()

    def started(self, y: Floats, score: float) -> LabelScale:
        """The scale of a label for which training begins with this score, the same for each output."""
        found = self.scale(y, True)
        return replace(found, start=self.each_output(score - found.shift))

    def each_output(self, score: float) -> float | tuple[float, ...]:
        """The score of a row that has the same one for each output."""
        return (score,) * self.outputs[0] if self.outputs else score

    def scaled(self, y: Floats, scale: LabelScale) -> Floats:
        """The label on its scale."""
        return y

    def read(self, y: Floats) -> NDArray[Any]:
        """The label as its domain is judged by."""
        return y

    def fits(self, y: Floats) -> bool:
        """Whether a label can be fitted without an intercept, which alone can take up its size."""
        return True

    def numbers(self, scale: LabelScale) -> dict[str, Any]:
        """What the SPU is told of a scale, for scores and means in the label's own units.

        Of an identity: ``spread`` and ``shift`` as far as fixed point goes (0 beyond), and, as
        `scaled.scaled` has it, ``digits``, ``middle`` and their ``exponent``. Of a logarithm: ``shift``, and
        ``lift`` and ``exponent``: a mean is ``exp(eta of what is fitted + lift) * 2**exponent``.
        """
        return {}

    def known(self, scale: LabelScale) -> bool:
        """Whether scores and means in the label's own units are within the range of fixed point."""
        return True

    @abstractmethod
    def limits(self, y: Floats) -> tuple[float, float]:
        """Mean loss of a label, on its scale, if all is explained, and if nothing is but its mean."""


@dataclass(frozen=True)
class Normal(Family):
    """A normal label and the identity."""

    name = "normal"
    bounded: ClassVar[bool] = True
    link = IDENTITY
    exact = True
    constant: ClassVar[float | None] = 1.0
    bound: ClassVar[float | None] = 1.0
    slopes_scale: ClassVar[bool] = True

    def mean(self, eta: jax.Array) -> jax.Array:
        return eta

    def residual(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        return y - eta

    def weight(self, eta: jax.Array) -> jax.Array:
        return jnp.ones_like(eta)

    def loss(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        return (y - eta) ** 2 / 2

    def middle(self, y: Floats) -> float:
        """What is predicted where nothing is known."""
        return float(y.mean())

    def scale(self, y: Floats, centred: bool) -> LabelScale:
        return self.started(y, self.middle(y) if centred else 0.0)

    def started(self, y: Floats, score: float) -> LabelScale:
        """The score is taken off, and so is as near to 0 as it can be."""
        spread = max(float(np.sqrt(np.mean((y - score) ** 2))), abs(score) * LEAST_SPREAD)
        return LabelScale(score, spread or 1.0)

    def numbers(self, scale: LabelScale) -> dict[str, Any]:
        exponent = scaled.exponent_of(scale.spread) - ROOM
        digits, middle = np.ldexp([scale.spread, scale.shift], -exponent)
        known = self.known(scale)
        plain = {"spread": scale.spread * known, "shift": scale.shift * known}
        return {**plain, "digits": digits, "middle": middle, "exponent": np.int32(exponent)}

    def known(self, scale: LabelScale) -> bool:
        return scale.spread < 2.0**LARGEST_SPREAD and abs(scale.shift) < 2.0**LARGEST_SHIFT

    def scaled(self, y: Floats, scale: LabelScale) -> Floats:
        return (y - scale.shift) / scale.spread

    def limits(self, y: Floats) -> tuple[float, float]:
        return 0.0, float(y.var()) / 2


def are_named(classes: tuple[Any, ...]) -> bool:
    """Whether an SPU has 0, 1, ... in place of these classes, which are read by their names.

    It has no texts; and truth values are the same to Python as 0 and 1, which are what would come back.
    """
    return isinstance(classes[0], str | bool)


def called(classes: tuple[Any, ...], found: Any) -> Any:
    """In the clear: classes by their names."""
    return np.asarray(classes)[found]


@dataclass(frozen=True)
class ClassFamily(Family):
    """Base of those whose label is of classes, which count as 0, 1, ...

    Args:
        classes: numbers, truth values or texts, in order.
    """

    classes: tuple[Any, ...] = (0, 1)
    domain = "classes"

    @property
    def outputs(self) -> tuple[int, ...]:
        """The shape of a row's score: of more than two classes, one for each."""
        return () if len(self.classes) == 2 else (len(self.classes),)

    def scaled(self, y: Floats, scale: LabelScale) -> Floats:
        """The number of each row's class; of more than two, 1 in its place [rows, classes]."""
        return np.equal.outer(y, np.arange(len(self.classes))).astype(np.float64) if self.outputs else y


@dataclass(frozen=True)
class Bernoulli(ClassFamily):
    """A label of two classes, and the logistic function."""

    name = "bernoulli"
    bounded: ClassVar[bool] = True
    link = LOGIT
    bound: ClassVar[float | None] = 0.25

    def mean(self, eta: jax.Array) -> jax.Array:
        return jax.nn.sigmoid(eta)

    def residual(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        return y - jax.nn.sigmoid(eta)

    def weight(self, eta: jax.Array) -> jax.Array:
        p = jax.nn.sigmoid(eta)
        return p * (1 - p)

    def slopes(self, eta: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        p = jax.nn.sigmoid(eta)
        return y - p, p * (1 - p)

    def loss(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        return jax.nn.softplus(eta) - y * eta

    def scale(self, y: Floats, centred: bool) -> LabelScale:
        rate = float(y.mean())
        return LabelScale(start=math.log(rate / (1 - rate)) if centred else 0.0)

    def limits(self, y: Floats) -> tuple[float, float]:
        rate = float(y.mean())
        return 0.0, -rate * math.log(rate) - (1 - rate) * math.log(1 - rate)


@dataclass(frozen=True)
class Categorical(ClassFamily):
    """A label of more than two classes, one score for each of them, and the softmax.

    Of the second derivatives only the diagonal is taken, twice, as XGBoost's ``multi:softprob`` does.
    """

    name = "categorical"
    link = LOGIT

    def mean(self, eta: jax.Array) -> jax.Array:
        return jax.nn.softmax(eta, axis=-1)

    def residual(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        return y - self.mean(eta)

    def weight(self, eta: jax.Array) -> jax.Array:
        return self.slopes(eta, eta)[1]

    def slopes(self, eta: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        p = self.mean(eta)
        return y - p, 2 * p * (1 - p)

    def loss(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        top = jnp.max(eta, axis=-1)
        return top + jnp.log(jnp.sum(jnp.exp(eta - top[:, None]), axis=-1)) - jnp.sum(y * eta, axis=-1)

    def scale(self, y: Floats, centred: bool) -> LabelScale:
        counts = np.bincount(y.astype(int), minlength=len(self.classes))
        start = np.log(np.maximum(counts, 0.5))  # a class may have no row
        return LabelScale(start=tuple((start - start.mean()).tolist()))

    def limits(self, y: Floats) -> tuple[float, float]:
        part = np.bincount(y.astype(int), minlength=len(self.classes)) / len(y)
        part = part[part > 0]
        return 0.0, float(-(part * np.log(part)).sum())


@dataclass(frozen=True)
class Tweedie(Family):
    """A label whose variance is a power of its mean, and the logarithm.

    Args:
        power: 1 is Poisson's distribution, 2 Gamma's, between them lie sums of gammas with zeros.
    """

    power: float
    name = "tweedie"
    link = LOGARITHM

    @property
    def domain(self) -> str:  # type: ignore[override]
        """Zeros have no probability from Gamma's distribution on."""
        return "nonnegative" if self.power < 2 else "positive"

    @property
    def constant(self) -> float | None:  # type: ignore[override]
        """Gamma's weight with this link."""
        return 1.0 if self.power == 2 else None

    @property
    def rescales(self) -> bool:  # type: ignore[override]
        """Gamma's loss does not depend on the scale."""
        return self.power != 2

    def mean(self, eta: jax.Array) -> jax.Array:
        return jnp.exp(jnp.clip(eta, *RANGE))

    def begin(self, y: jax.Array) -> jax.Array:
        """Those of the mean of the label and 1, its average (McCullagh and Nelder 1989, section 2.5).

        From the average alone a step is often far too long: exponentials outgrow the parabola that stands for
        them.
        """
        return jnp.log((y + 1) / 2)

    def residual(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        eta = jnp.clip(eta, -CLIP, CLIP)
        return y * _exp(1 - self.power, eta) - _exp(2 - self.power, eta)

    def weight(self, eta: jax.Array) -> jax.Array:
        return _exp(2 - self.power, jnp.clip(eta, -CLIP, CLIP))

    def slopes(self, eta: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        eta = jnp.clip(eta, -CLIP, CLIP)
        weight = _exp(2 - self.power, eta)
        return y * _exp(1 - self.power, eta) - weight, weight

    def loss(self, eta: jax.Array, y: jax.Array) -> jax.Array:
        eta, p = jnp.clip(eta, -CLIP, CLIP), self.power
        likely = y * eta if p == 1 else y * _exp(1 - p, eta) / (1 - p)
        spent = eta if p == 2 else _exp(2 - p, eta) / (2 - p)
        return spent - likely

    def scale(self, y: Floats, centred: bool) -> LabelScale:
        if not centred:
            return LabelScale()
        shift = math.log(float(y.mean()))
        return LabelScale(shift=shift, penalty=math.exp(min(shift * (self.power - 2), 300.0)))

    def scaled(self, y: Floats, scale: LabelScale) -> Floats:
        return y / math.exp(scale.shift)

    def fits(self, y: Floats) -> bool:
        return UNSCALED[0] < float(y.mean()) < UNSCALED[1]

    def numbers(self, scale: LabelScale) -> dict[str, Any]:
        exponent = scaled.exponent_of(math.exp(scale.shift)) - LIFTED
        lift = scale.shift - exponent * math.log(2)
        return {"shift": scale.shift, "lift": lift, "exponent": np.int32(exponent)}

    def known(self, scale: LabelScale) -> bool:
        return scale.shift < LARGEST_MEAN

    def limits(self, y: Floats) -> tuple[float, float]:
        p, middle = self.power, float(y.mean())
        if p == 1:
            some = y[y > 0]
            return float((y.sum() - (some * np.log(some)).sum()) / len(y)), middle - middle * math.log(middle)
        if p == 2:
            return float(1 + np.log(y).mean()), 1 + math.log(middle)
        factor = 1 / (2 - p) - 1 / (1 - p)
        return float((y ** (2 - p)).mean()) * factor, middle ** (2 - p) * factor


def _exp(factor: float, eta: jax.Array) -> jax.Array:
    """e**(factor eta), which costs nothing where it is 1."""
    return jnp.exp(factor * eta) if factor else jnp.ones_like(eta)
