"""Principal components.

Of the shared covariance C one direction after the other: C is squared again and again and brought back to
trace 1, which takes the power method 2**SQUARINGS steps and leaves the product of the leading direction with
itself; its column of the greatest diagonal element is that direction. Then the direction is taken out of C
(Hotelling's deflation, 1933).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

import jax
import jax.numpy as jnp

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.frame.horizontal import HorizontalFrame
from junto.learn import dataset, pooled, pooled_components
from junto.learn.dataset import Scales, Table
from junto.learn.estimator import refuse_weights, require, run_at, shown, training
from junto.learn.unsupervised import Unsupervised
from junto.learn.weighted import at_most_one

log: logging.Logger = logging.getLogger("junto.learn")

SQUARINGS: Final = 10
"""2**10 steps of the power method: enough for variances that differ by one part in a hundred."""

POLISHING: Final = 2
"""Steps with C itself, which take off what the squarings rounded."""


NOTHING: Final = 2.0**-14
"""Of all variance: where there is less no direction is told from what is rounded."""


@dataclass(frozen=True, slots=True)
class FittedComponents:
    """What `fit` found: secrets, on the columns' scales."""

    scales: Scales
    components: SPUObject
    variance: SPUObject
    ratio: SPUObject


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PCA(Unsupervised[FittedComponents]):
    """The directions in which rows differ most.

    Each party brings its columns to mean 0 and, with `standardize`, deviation 1. Of each component the
    element that is greatest in magnitude is positive, as in scikit-learn. Where less than a 16,000th of all
    variance is left, as of columns that depend on each other, components and their coordinates are 0.

    Args:
        n_components: how many.
        standardize: whether columns are brought to deviation 1: components of the correlation matrix, else of
            the covariance matrix.
    """

    n_components: Annotated[int, "[1, inf)"] = 2

    def fit(self, X: Table, y: None = None, *, sample_weight: Any = None) -> Self:
        """Find the components; returns the model itself.

        Args:
            X: see `dataset.Table`; or a `HorizontalFrame`: `junto.learn.pooled_components` says who learns
                what.
            y: there for scikit-learn's sake.
            sample_weight: of an X on the SPU how often each row counts, [rows] there, numbers from 0 on, as
                the flag of a join that nobody sees: columns are scaled there by the rows as they weigh. A row
                of weight 0 has no part in anything; together they weigh more than 1.

        Raises:
            LearnError: X cannot be used; the same at every party, before anything is shared.
        """
        if isinstance(X, HorizontalFrame):
            refuse_weights(self, sample_weight)
            object.__setattr__(self, "_learned", pooled_components.fit(self, X))
            return self
        columns = dataset.checked(X, scaled=self.standardize)
        width = sum(columns.widths)
        require(
            self.n_components <= width,
            f"{width} columns have no {self.n_components} components",
            "take fewer n_components",
        )
        require(columns.rows > 1, "one row has no components", "give more rows")
        if sample_weight is None:
            scales = dataset.scales_of(columns, scaled=self.standardize, centred=True)
            parts: Any = dataset.share(self.spu, columns, scales)
        else:
            x, scales = self._weighed(columns, sample_weight)
            parts = [x]
        log.info("%r: nothing is revealed", self)
        with training(self):
            found = self.spu(_components, static_argnames="count")(
                parts, count=self.n_components, weight=sample_weight
            )
        return self._learn(FittedComponents(scales, *found))

    @property
    def components_(self) -> SPUObject | PYUObject:
        """Directions [n_components, columns], each of length 1; nobody sees them.

        Of rows of several parties all know them, and what follows: handles at the first party.
        """
        return self._number("components")

    @property
    def explained_variance_(self) -> SPUObject | PYUObject:
        """Variance along each component; nobody sees it."""
        return self._number("variance")

    @property
    def explained_variance_ratio_(self) -> SPUObject | PYUObject:
        """The same as parts of all variance; nobody sees it."""
        return self._number("ratio")

    def transform(self, X: Table, to: PYU | str | None = None) -> Any:
        """Coordinates [rows, n_components]: shown to the party `to` alone; else a handle of what nobody sees.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: the columns are not those of `fit`; or `fit` was not called.
        """
        if self._pooled is not None:
            return self._pooled.each(pooled_components.coordinates, X, to, pooled.complete)
        return shown(self.spu(_coordinates)(self._shared(X), self._fitted().components), to)

    def _known(self, found: PYUObject) -> PYUObject:
        return run_at(found.device, pooled.attribute, found, "components")

    @staticmethod
    def _found() -> type[FittedComponents]:
        return FittedComponents

    def _matrix(self, learned: FittedComponents) -> SPUObject:
        return learned.components

    def _part(self, learned: FittedComponents, owner: PYU, part: PYUObject) -> PYUObject:
        return part


# -------------------------------------------------------------------- what runs on the SPU


def _components(parts: Any, count: int, weight: Any = None) -> Any:
    x = jnp.concatenate(parts, axis=1)
    covariance = _covariance(x) if weight is None else _weighted_covariance(x, weight)
    total = jnp.trace(covariance)

    def turn(rest: Any, _: None) -> tuple[Any, tuple[Any, Any]]:
        direction = _leading(rest)
        variance = direction @ (rest @ direction)
        there = variance > total * NOTHING
        direction, variance = jnp.where(there, direction, 0), jnp.where(there, variance, 0)
        return rest - variance * jnp.outer(direction, direction), (direction, variance)

    components, variances = jax.lax.scan(turn, covariance, None, length=count)[1]
    return components, variances, variances / total


def _covariance(x: Any) -> Any:
    mean = jnp.mean(x, axis=0)  # 0, but for what was on the SPU already
    return (x.T @ x / len(x) - jnp.outer(mean, mean)) * (len(x) / (len(x) - 1))


def _weighted_covariance(x: Any, weight: Any) -> Any:
    w, rows = at_most_one(weight), jnp.sum(weight)
    total = jnp.sum(w)
    mean = w @ x / total
    x = x - mean
    return (x * w[:, None]).T @ x / total * (rows / (rows - 1))


def _leading(c: Any) -> Any:
    """The direction of greatest variance, of length 1."""

    def square(_: int, a: Any) -> Any:
        a = a @ a
        return a / jnp.trace(a)

    c = c / jnp.trace(c)
    power = jax.lax.fori_loop(0, SQUARINGS, square, c)
    place = jax.nn.one_hot(jnp.argmax(jnp.diag(power)), len(c))
    direction = _unit(power @ place)
    for _ in range(POLISHING):
        direction = _unit(c @ direction)
    return direction


def _unit(v: Any) -> Any:
    return v * jax.lax.rsqrt(v @ v)


def _coordinates(parts: Any, components: Any) -> Any:
    return jnp.concatenate(parts, axis=1) @ components.T
