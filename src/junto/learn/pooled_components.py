"""Principal components of rows that several parties have: the covariance is a sum over rows.

Every party learns what `pooled_columns` says, the covariances over all rows, and so the components.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from junto.frame.frame_steps import FrameStep
from junto.learn.estimator import require
from junto.learn.examine import Floats
from junto.learn.pooled import Pooled, RowPart, complete, task_of
from junto.learn.pooled_columns import RowScaling, scaling_of

ROUNDED: Final = 1e-12
"""A direction along which there is less of all variance is rounding."""


@dataclass(frozen=True, slots=True)
class PooledComponents:
    """What all know.

    Attributes:
        scaling: of the columns.
        components: [n_components, columns], each of length 1, of scaled columns.
        variance: along each.
        ratio: the same as parts of all variance.
    """

    scaling: RowScaling
    components: Floats
    variance: Floats
    ratio: Floats


def fit(model: Any, X: Any) -> Pooled:
    """The components of all rows of a `HorizontalFrame`; `model`: a `PCA`.

    Raises:
        LearnError: tables cannot be used.
    """
    task = task_of(X, None, None, complete)
    width = len(task.columns)
    require(
        model.n_components <= width,
        f"{width} columns have no {model.n_components} components",
        "take fewer n_components",
    )
    scaling = scaling_of(task, scaled=model.standardize, centred=True)
    sums = task.total(_products, scaling)
    found = task.everywhere(task.first(FrameStep(_components, task.rows, model.n_components))(sums))
    made = {party: party(_made)(scaling[party], found[party]) for party in task.parts}
    return Pooled(made, task.columns, task.rows, 1)


def coordinates(found: PooledComponents, x: Floats) -> Floats:
    """[rows, n_components]."""
    return found.scaling.scaled(x) @ found.components.T


# -------------------------------------------------------------------- at the parties


def _products(part: RowPart, scaling: RowScaling) -> Floats:
    x = scaling.scaled(part.x)
    gram = x.T @ x
    return gram[np.triu_indices(len(gram))]


def _components(sums: Floats, rows: int, count: int) -> dict[str, Floats]:
    """The element of each that is greatest in magnitude is positive, as in scikit-learn."""
    width = int(np.sqrt(2 * len(sums)))
    upper = np.zeros((width, width))
    upper[np.triu_indices(width)] = sums / (rows - 1)
    variance, directions = np.linalg.eigh(upper + np.triu(upper, 1).T)
    order = np.argsort(-variance, kind="stable")[:count]
    whole, components = float(np.trace(upper)), directions.T[order]
    there = variance[order] > whole * ROUNDED
    signs = np.sign(components[np.arange(count), np.abs(components).argmax(axis=1)])
    kept = np.where(there, variance[order], 0.0)
    return {
        "components": components * (signs * there)[:, None],
        "variance": kept,
        "ratio": kept / whole if whole else kept,
    }


def _made(scaling: RowScaling, found: Mapping[str, Any]) -> PooledComponents:
    return PooledComponents(scaling, **{name: np.asarray(each) for name, each in found.items()})
