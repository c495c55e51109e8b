"""Columns of rows that several parties have, brought to mean 0 and deviation 1 over all rows.

Every party learns the sums of each column, its absolute values and its squared distances from the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.frame.frame_steps import FrameStep
from junto.learn.examine import Floats
from junto.learn.pooled import RowPart, RowsTask


@dataclass(frozen=True, slots=True)
class RowScaling:
    """How columns are brought to mean 0 and deviation 1 over all rows, each of which counts once.

    Attributes:
        names: of the columns.
        mean, deviation: of each; a constant column has deviation infinity.
    """

    names: tuple[str, ...]
    mean: Floats
    deviation: Floats

    def scaled(self, x: Floats) -> Floats:
        """[rows, columns] on the scale."""
        found: Floats = (x - self.mean) / self.deviation
        return found

    def design(self, x: Floats) -> Floats:
        """The same and a column of 1."""
        return np.column_stack([self.scaled(x), np.ones(len(x))])


def scaling_of(task: RowsTask, *, scaled: bool, centred: bool) -> Mapping[PYU, PYUObject]:
    """The `RowScaling` of all rows, at each party."""
    sums = task.total(_sums)
    middle = task.first(FrameStep(_middle, task.rows))(sums)
    squares = task.total(_squares, task.everywhere(middle))
    found = task.everywhere(task.first(FrameStep(_scales, task.rows, (scaled, centred)))(middle, squares))
    named = FrameStep(_named, task.columns)
    return {party: party(named)(found[party]) for party in task.parts}


def _named(found: Mapping[str, Floats], columns: tuple[str, ...]) -> RowScaling:
    return RowScaling(columns, found["mean"], found["deviation"])


def _sums(part: RowPart) -> dict[str, Floats]:
    """Of each column the sum, and that of absolute values."""
    return {"sum": part.x.sum(axis=0), "size": np.abs(part.x).sum(axis=0)}


def _squares(part: RowPart, middle: Mapping[str, Floats]) -> Floats:
    """Of each column the sum of squared distances from the mean, over the square of its size."""
    squares: Floats = (((part.x - middle["mean"]) / middle["size"]) ** 2).sum(axis=0)
    return squares


# -------------------------------------------------------------------- at the first party, of what all know


def _middle(sums: Mapping[str, Floats], rows: int) -> dict[str, Floats]:
    """Means of the columns, and of their absolute values, to the next power of two."""
    size = np.ldexp(1.0, np.frexp(sums["size"] / rows)[1])
    return {"mean": sums["sum"] / rows, "size": np.where(sums["size"] > 0, size, 1.0)}


def _scales(
    middle: Mapping[str, Floats], squares: Floats, rows: int, how: tuple[bool, bool]
) -> dict[str, Floats]:
    """Mean and deviation of each column; a column is constant if its variance is what rounding leaves."""
    standardize, centred = how
    mean, eps = middle["mean"] / middle["size"], rows * np.finfo(np.float64).eps
    variance = squares / rows
    constant = variance <= eps * variance + (eps * mean) ** 2
    deviation = np.where(standardize, np.sqrt(variance) * middle["size"], 1.0)
    deviation = np.where(constant & centred, np.inf, np.where(deviation > 0, deviation, 1.0))
    return {"mean": middle["mean"] * centred, "deviation": deviation}
