"""k-means: groups of rows that are near each other.

Lloyd, "Least squares quantization in PCM", 1982; starting centres by Arthur and Vassilvitskii, "k-means++",
SODA 2007. Which row belongs where, how many belong to a group and where it lies: nobody sees any of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any, Final, Self

import jax
import jax.numpy as jnp
import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.frame.frame import Seed
from junto.frame.horizontal import HorizontalFrame
from junto.learn import dataset, examine, pooled, pooled_groups
from junto.learn.dataset import Columns, Scales, Table
from junto.learn.estimator import refuse_weights, require, run_at, shown, training
from junto.learn.magnitude import LAST
from junto.learn.unsupervised import Unsupervised
from junto.learn.weighted import at_most_one

log: logging.Logger = logging.getLogger("junto.learn")

PLUS_PLUS, RANDOM = "k-means++", "random"


@dataclass(frozen=True, slots=True)
class FittedCentres:
    """What `fit` found: secrets, on the columns' scales."""

    scales: Scales
    centers: SPUObject
    labels: SPUObject
    inertia: SPUObject


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class KMeans(Unsupervised[FittedCentres]):
    """Groups of rows around centres.

    Each party brings its columns to mean 0 and, with `standardize`, deviation 1, and distances are those of
    the scaled columns. All `max_iter` turns are taken. A group that loses all its rows keeps its centre.

    Args:
        n_clusters: how many groups.
        init: ``k-means++`` (rows far from each other, drawn by public random numbers, and known to nobody),
            ``random`` (rows drawn by public random numbers: all know which, nobody their values), or centres
            in the owners' own units: a table like X of `n_clusters` rows; for rows of several parties an
            array that all know.
        max_iter: turns of Lloyd's iteration.
        standardize: whether columns are brought to deviation 1.
        random_state: for `init`.
    """

    n_clusters: Annotated[int, "[1, inf)"] = 8
    init: Any = PLUS_PLUS
    max_iter: Annotated[int, "[1, inf)"] = 20
    random_state: Seed = 0

    def __post_init__(self) -> None:
        known = not isinstance(self.init, str) or self.init in (PLUS_PLUS, RANDOM)
        require(known, f"init is {self.init!r}", f"{PLUS_PLUS!r}, {RANDOM!r}, or a table of centres")

    def fit(self, X: Table, y: None = None, *, sample_weight: Any = None) -> Self:
        """Find the groups; returns the model itself.

        Args:
            X: see `dataset.Table`; or a `HorizontalFrame`: `junto.learn.pooled_groups` says who learns what.
            y: there for scikit-learn's sake.
            sample_weight: of an X on the SPU weights [rows] there, numbers from 0 on, as the flag of a join
                that nobody sees: with `standardize`, columns are scaled there by the rows as they weigh. A
                row of weight 0 has no part in anything; groups that weigh less than a millionth of all rows
                may keep their centre.

        Raises:
            LearnError: X cannot be used; the same at every party, before anything is shared.
        """
        if isinstance(X, HorizontalFrame):
            refuse_weights(self, sample_weight)
            object.__setattr__(self, "_learned", pooled_groups.fit(self, X))
            return self
        columns = dataset.checked(X, scaled=self.standardize)
        require(
            columns.rows >= self.n_clusters,
            f"{columns.rows} rows cannot make {self.n_clusters} groups",
            "take fewer n_clusters",
        )
        if sample_weight is not None:
            return self._fit_weighted(columns, sample_weight)
        scales = dataset.scales_of(columns, scaled=self.standardize, centred=True)
        # of centres that owners give nobody knows how far they are from all rows
        bounded = self.standardize and isinstance(self.init, str)
        field = dataset.small_ring(self.spu, columns) if bounded else None
        parts = dataset.share(self.spu, columns, scales, field=field)
        log.info("%r: %d turns; nothing is revealed", self, self.max_iter)
        with training(self):
            first = self._first(parts, columns, scales, field)
            lloyd = self.spu(_lloyd, static_argnames="turns", field=field)
            centers, labels, inertia = lloyd(parts, first, turns=self.max_iter)
        return self._learn(FittedCentres(scales, centers, labels, inertia))

    def _fit_weighted(self, columns: Columns, weight: SPUObject) -> Self:
        x, scales = self._weighed(columns, weight)
        require(
            self.init != RANDOM if isinstance(self.init, str) else True,
            "init draws rows of which nobody knows whether they weigh anything",
            f"{PLUS_PLUS!r}, or a table of centres",
        )
        with training(self):
            if isinstance(self.init, str):
                draws = np.random.default_rng(self.random_state).uniform(LEAST_DRAW, 1, self.n_clusters)
                first = self.spu(_plus_plus_weighted)(x, draws.astype(np.float32), weight)
            else:
                first = self._first([x], columns, scales, None)
            lloyd = self.spu(_lloyd, static_argnames="turns")
            centers, labels, inertia = lloyd([x], first, turns=self.max_iter, weight=weight)
        return self._learn(FittedCentres(scales, centers, labels, inertia))

    def _first(self, parts: Any, columns: Columns, scales: Scales, field: str | None) -> SPUObject:
        rng = np.random.default_rng(self.random_state)
        if not isinstance(self.init, str):
            tables = getattr(self.init, "partitions", self.init)
            require(
                isinstance(tables, Mapping | SPUObject),
                f"init is a {type(self.init).__name__}",
                "a table of centres as X is one: {alice: her_columns, bob: his_columns}",
            )
            given = dataset.checked(self.init, scaled=self.standardize, scales=scales)
            require(
                given.rows == self.n_clusters,
                f"init has {given.rows} rows, not {self.n_clusters}",
                "give one row for each of n_clusters",
            )
            centers: SPUObject = self.spu(_side_by_side)(dataset.share(self.spu, given, scales))
            return centers
        rows = rng.choice(columns.rows, self.n_clusters, replace=False).tolist()
        if self.init == RANDOM:
            drawn: SPUObject = self.spu(_rows, static_argnames="rows", field=field)(parts, rows=tuple(rows))
            return drawn
        draws = np.round(rng.random(self.n_clusters - 1), 6).astype(np.float32)
        compute = self.spu(_plus_plus, static_argnames="first", field=field)
        spread: SPUObject = compute(parts, draws, first=rows[0])
        return spread

    @property
    def cluster_centers_(self) -> SPUObject | PYUObject:
        """Centres [n_clusters, columns] on the columns' scales; nobody sees them.

        Of rows of several parties all know them, and `inertia_`: handles at the first party.
        """
        return self._number("centers")

    @property
    def labels_(self) -> SPUObject:
        """The group of each row; nobody sees it."""
        return self._fitted().labels

    @property
    def inertia_(self) -> SPUObject | PYUObject:
        """Sum of the squared distances of rows from their centres; nobody sees it."""
        return self._number("inertia")

    def predict(self, X: Table, to: PYU | str | None = None) -> Any:
        """The group of each row: shown to the party `to` alone; else a handle of what nobody sees.

        Args:
            X: see `dataset.Table`; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Raises:
            LearnError: the columns are not those of `fit`; or `fit` was not called.
        """
        if self._pooled is not None:
            return self._pooled.each(pooled_groups.nearest, X, to, pooled.complete)
        return shown(self.spu(_labels)(self._shared(X), self._fitted().centers), to)

    def _known(self, found: PYUObject) -> PYUObject:
        return run_at(found.device, pooled_groups.centers, found)

    def _about(self, *without: str) -> dict[str, Any]:
        """Without centres that training began with: they are their owners'."""
        known = isinstance(self.init, str | np.ndarray)
        return super()._about(*without, *(() if known else ("init",)))

    @staticmethod
    def _found() -> type[FittedCentres]:
        return FittedCentres

    def _matrix(self, learned: FittedCentres) -> SPUObject:
        return learned.centers

    def _part(self, learned: FittedCentres, owner: PYU, part: PYUObject) -> PYUObject:
        return run_at(owner, examine.unscaled, learned.scales.by_owner[owner], part)


# -------------------------------------------------------------------- what runs on the SPU


def _side_by_side(parts: Any) -> Any:
    return jnp.concatenate(parts, axis=1)


def _rows(parts: Any, rows: tuple[int, ...]) -> Any:
    return _side_by_side(parts)[np.asarray(rows)]


def _plus_plus(parts: Any, draws: Any, first: int) -> Any:
    """Each next centre is a row; its chance is in proportion to its squared distance from the others."""
    x = _side_by_side(parts)
    centers = [x[first]]
    nearest = _squared(x - centers[0])
    for k in range(len(draws)):
        centers.append(_drawn(nearest, draws[k]) @ x)
        nearest = jnp.minimum(nearest, _squared(x - centers[-1]))
    return jnp.stack(centers)


LEAST_DRAW: Final = 2.0**-10
"""A row of weight 0 is never behind that part of all weights."""


def _plus_plus_weighted(x: Any, draws: Any, weight: Any) -> Any:
    """The same of rows as they weigh: so is the first one drawn."""
    w = at_most_one(weight)
    centers: list[Any] = []
    nearest: Any = 1.0
    for k in range(len(draws)):
        centers.append(_drawn(w * nearest, draws[k]) @ x)
        gap = _squared(x - centers[-1])
        nearest = jnp.minimum(nearest, gap) if k else gap
    return jnp.stack(centers)


def _drawn(chances: Any, draw: Any) -> Any:
    """1 at the row that is drawn."""
    mass = jnp.cumsum(chances)
    behind = (mass >= draw * mass[-1]).astype(mass.dtype)
    return behind - jnp.concatenate([jnp.zeros(1), behind[:-1]])


def _squared(x: Any) -> Any:
    return jnp.sum(x * x, axis=-1)


def _closeness(x: Any, centers: Any) -> Any:
    """Greatest for the nearest centre: minus half the squared distance, but for what all have in common."""
    # halved before it is squared: of a sum of squares that is divided more bits are kept, for two rounds more
    return x @ centers.T - jnp.sum(centers * (centers / 2), axis=-1)


def _labels(parts: Any, centers: Any) -> Any:
    return _group(_closeness(_side_by_side(parts), centers))


def _group(closeness: Any) -> Any:
    """The number of each row's group, which any ring holds: also where a script computes with 64 bits."""
    return jax.lax.argmax(closeness, 1, np.int32)


FEW: Final = 4
"""Up to so many centres every two are compared at once."""

PARTS: Final = 4
"""Groups are counted in parts of all rows, times 2**PARTS: so the inverse of any count has digits."""


def _nearest(closeness: Any) -> Any:
    """1 for each row at its nearest centre, the first of equals: [rows, centres]."""
    count = closeness.shape[1]
    if not 1 < count <= FEW:
        return jax.nn.one_hot(_group(closeness), count)
    pairs = list(combinations(range(count), 2))
    left, right = (np.array(side, np.int32) for side in zip(*pairs, strict=True))
    later = closeness[:, right] > closeness[:, left]
    members = []
    for k in range(count):
        wins = [later[:, p] if k == j else ~later[:, p] for p, (i, j) in enumerate(pairs) if k in (i, j)]
        members.append(jnp.all(jnp.stack(wins), axis=0))
    return jnp.stack(members, axis=1).astype(jnp.float32)


def _lloyd(parts: Any, first: Any, turns: int, weight: Any = None) -> Any:
    x = _side_by_side(parts)
    w = None if weight is None else at_most_one(weight)[:, None]
    small = 2.0 ** -max(0, len(x).bit_length() - PARTS)

    def turn(_: int, centers: Any) -> Any:
        member = _nearest(_closeness(x, centers))
        member = member if w is None else member * w
        count = jnp.sum(member, axis=0)[:, None] * small
        # an empty group has a sum of 0, whatever it is multiplied by
        # the product, a round sooner than the quotient: `x` is scaled, so that no digit is lost
        share = jax.lax.optimization_barrier(1 / (count + LAST))  # type: ignore[no-untyped-call]
        moved = (member.T @ x) * small * share
        return jnp.where(count > 0, moved, centers)

    centers = jax.lax.fori_loop(0, turns, turn, first)
    closeness = _closeness(x, centers)
    near = jnp.max(closeness, axis=1)
    if weight is None:
        inertia = jnp.sum(x * x) - 2 * jnp.sum(near)
    else:
        inertia = jnp.sum(weight * (_squared(x) - 2 * near))
    return centers, _group(closeness), inertia
