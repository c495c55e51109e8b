"""k-means of rows that several parties have: a group's centre is a sum over its rows.

Lloyd, "Least squares quantization in PCM", 1982. No row may be a first centre, for all would see it. So
points are drawn that have the columns' means and covariances; the parties count which of them is nearest to
how many rows; and k-means++ of the points with these weights makes the first centres, as in Bahmani et al.,
"Scalable k-means++", VLDB 2012, where the points are rows.

Every party learns what `pooled_columns` says, the covariances over all rows, how many rows are nearest to
each of the points; after each turn how many rows each group has, and its centre; and at the end the sum of
squared distances from the centres. A group of few rows has a centre that says much of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import fact, truth
from junto.frame.frame_steps import FrameStep
from junto.learn.estimator import require
from junto.learn.examine import Floats
from junto.learn.pooled import Pooled, RowPart, RowsTask, complete, task_of
from junto.learn.pooled_columns import RowScaling, scaling_of

POINTS: Final = 30
"""For each group."""

TRIES: Final = 10
"""Of k-means++, of which the best one is taken."""


@dataclass(frozen=True, slots=True)
class PooledGroups:
    """What all know.

    Attributes:
        scaling: of the columns.
        centers: [groups, columns], of scaled columns.
        inertia: the sum of squared distances of rows from their centres.
    """

    scaling: RowScaling
    centers: Floats
    inertia: float

    @property
    def own_units(self) -> Floats:
        """The centres in the columns' own units."""
        finite = np.isfinite(self.scaling.deviation)
        return self.centers * np.where(finite, self.scaling.deviation, 0.0) + self.scaling.mean


def fit(model: Any, X: Any) -> Pooled:
    """The groups of all rows of a `HorizontalFrame`; `model`: a `KMeans`.

    Raises:
        LearnError: tables cannot be used; or first centres were to be rows.
    """
    require(
        not isinstance(model.init, str) or model.init == "k-means++",
        f"with init={model.init!r} all would see rows of single parties",
        "k-means++, or an array of centres that all know",
    )
    task = task_of(X, None, None, complete)
    require(
        task.rows >= model.n_clusters,
        f"{task.rows} rows cannot make {model.n_clusters} groups",
        "take fewer n_clusters",
    )
    scaling = scaling_of(task, scaled=model.standardize, centred=True)
    groups = {party: party(_begun)(each) for party, each in scaling.items()}
    groups = _moved(task, groups, _first(model, task, scaling, groups))
    count = 0
    for count in range(1, model.max_iter + 1):  # noqa: B007
        later = task.first(_centers)(groups[task.first], task.total(_sums, groups))
        same = fact(task.first(_same)(groups[task.first], later), truth)
        groups = _moved(task, groups, later)
        if same:
            break
    inertia = task.everywhere(task.total(_inertia, groups))
    return Pooled(
        {party: party(_ended)(each, inertia[party]) for party, each in groups.items()},
        task.columns,
        task.rows,
        count,
    )


def nearest(found: PooledGroups, x: Floats) -> NDArray[np.int64]:
    """The group of each row."""
    return _nearest(found.scaling.scaled(x), found.centers)


def centers(found: PooledGroups) -> Floats:
    """In the columns' own units."""
    return found.own_units


def _first(
    model: Any, task: RowsTask, scaling: Mapping[PYU, PYUObject], groups: Mapping[PYU, PYUObject]
) -> PYUObject:
    """The first centres, at the first party."""
    if not isinstance(model.init, str):
        given = np.asarray(model.init, np.float64)
        shape = (model.n_clusters, len(task.columns))
        require(
            given.shape == shape,
            f"init has the shape {given.shape}, not {shape}",
            "give a row for each of n_clusters, a number for each column",
        )
        require(
            bool(np.isfinite(given).all()),
            "init has numbers that are missing or infinite",
            "give finite numbers",
        )
        step = FrameStep(_scaled, tuple(map(tuple, given.tolist())))
        found: PYUObject = task.first(step)(scaling[task.first])
        return found
    seed = (model.random_state, model.n_clusters)
    points = task.first(FrameStep(_points, task.rows, seed))(task.total(_products, scaling))
    counts = task.total(_sizes, _moved(task, groups, points), whole=True)
    chosen: PYUObject = task.first(FrameStep(_plus_plus, seed))(points, counts)
    return chosen


def _moved(task: RowsTask, groups: Mapping[PYU, PYUObject], later: PYUObject) -> dict[PYU, PYUObject]:
    found = task.everywhere(later)
    return {party: party(_placed)(each, found[party]) for party, each in groups.items()}


# -------------------------------------------------------------------- at the parties


def _begun(scaling: RowScaling) -> PooledGroups:
    return PooledGroups(scaling, np.zeros((0, len(scaling.names))), 0.0)


def _placed(groups: PooledGroups, found: Any) -> PooledGroups:
    return replace(groups, centers=np.asarray(found, np.float64))


def _ended(groups: PooledGroups, inertia: Any) -> PooledGroups:
    return replace(groups, inertia=float(inertia))


def _products(part: RowPart, scaling: RowScaling) -> Floats:
    x = scaling.scaled(part.x)
    found: Floats = x.T @ x
    return found


def _sizes(part: RowPart, groups: PooledGroups) -> NDArray[np.int64]:
    return np.bincount(nearest(groups, part.x), minlength=len(groups.centers))


def _sums(part: RowPart, groups: PooledGroups) -> Floats:
    """[groups, columns + 1]: sums of each group's rows, and how many there are."""
    x, count = groups.scaling.scaled(part.x), len(groups.centers)
    member = np.eye(count)[_nearest(x, groups.centers)]
    return np.column_stack([member.T @ x, member.sum(axis=0)])


def _inertia(part: RowPart, groups: PooledGroups) -> float:
    x = groups.scaling.scaled(part.x)
    return float(((x - groups.centers[_nearest(x, groups.centers)]) ** 2).sum())


def _nearest(x: Floats, points: Floats) -> NDArray[np.int64]:
    """The first of equals; what all distances have in common is left out."""
    found: NDArray[np.int64] = (x @ points.T - (points**2).sum(axis=1) / 2).argmax(axis=1)
    return found


# -------------------------------------------------------------------- at the first party, of what all know


def _scaled(scaling: RowScaling, given: Sequence[Sequence[float]]) -> Floats:
    return scaling.scaled(np.asarray(given))


def _centers(groups: PooledGroups, sums: Floats) -> Floats:
    """A group without rows keeps its centre."""
    count = np.rint(sums[:, -1:])
    return np.where(count > 0, sums[:, :-1] / np.maximum(count, 1), groups.centers)


def _same(groups: PooledGroups, later: Floats) -> bool:
    return bool(np.abs(groups.centers - later).max() <= SAME)


SAME: Final = 1e-9
"""Centres that move by no more deviations stand still."""


def _points(products: Floats, rows: int, seed: tuple[int, int]) -> Floats:
    """Public random points with the covariance of the rows."""
    variance, directions = np.linalg.eigh(products / rows)
    drawn = np.random.default_rng(seed).normal(size=(POINTS * seed[1], len(products)))
    found: Floats = drawn * np.sqrt(np.maximum(variance, 0)) @ directions.T
    return found


def _plus_plus(points: Floats, counts: Floats, seed: tuple[int, int]) -> Floats:
    """The best of some choices of points, each by its weight and its distance from those before it."""
    rng, found = np.random.default_rng((*seed, 1)), []
    for _ in range(TRIES):
        chosen = [int(rng.choice(len(points), p=counts / counts.sum()))]
        near = ((points - points[chosen[0]]) ** 2).sum(axis=1)
        for _ in range(seed[1] - 1):
            mass = near * counts
            mass = mass if mass.sum() > 0 else counts
            chosen.append(int(rng.choice(len(points), p=mass / mass.sum())))
            near = np.minimum(near, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        found.append((float(near @ counts), chosen))
    return points[min(found)[1]]
