"""Scaling: each column to mean 0 and deviation 1, or to a range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.frame.native_tables import series_like
from junto.frame.numeric import as_floats, deviations
from junto.frame.transformer import Invertible, State, require


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class StandardScaler(Invertible):
    """Columns less their mean, by their deviation (of the population, as scikit-learn has it).

    Args:
        columns: see `Transformer`.
        with_mean: whether the mean is taken off.
        with_std: whether it is divided by the deviation, unless that is no more than rounding leaves of none.

    What is missing does not count, and stays missing.
    """

    with_mean: bool = True
    with_std: bool = True

    @property
    def mean_(self) -> dict[PYU, PYUObject]:
        """The mean of each column."""
        return self._attribute("mean")

    @property
    def var_(self) -> dict[PYU, PYUObject]:
        """The variance of each column."""
        return self._attribute("var")

    @property
    def scale_(self) -> dict[PYU, PYUObject]:
        """What each column is divided by: its deviation, or 1."""
        return self._attribute("scale")

    def _learn(self, column: Any) -> State:
        values = as_floats(column)
        values = values[~np.isnan(values)]
        if not len(values):
            return {"mean": np.nan, "var": np.nan, "scale": np.nan}
        if values.min() == values.max():  # rounding would leave it some deviation
            return {"mean": float(values[0]), "var": 0.0, "scale": 1.0}
        mean, deviation, constant = map(float, deviations(values))
        return {"mean": mean, "var": deviation * deviation, "scale": 1.0 if constant else deviation}

    def _apply(self, column: Any, state: State) -> Mapping[str, Any]:
        offset = state["mean"] if self.with_mean else 0.0
        scale = state["scale"] if self.with_std else 1.0
        return {column.name: series_like(column, (as_floats(column) - offset) / scale)}

    def _undo(self, columns: Mapping[str, Any], state: State) -> Any:
        (column,) = columns.values()
        offset = state["mean"] if self.with_mean else 0.0
        return as_floats(column) * (state["scale"] if self.with_std else 1.0) + offset


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MinMaxScaler(Invertible):
    """Columns moved and stretched so that least and greatest value become those of a range.

    Args:
        columns: see `Transformer`.
        feature_range: the range. A constant column becomes its lower end.
        clip: whether values beyond those of `fit` are cut to the range.

    What is missing does not count, and stays missing.
    """

    feature_range: tuple[float, float] = (0.0, 1.0)
    clip: bool = False

    def __post_init__(self) -> None:
        low, high = self.feature_range
        require(low < high, f"feature_range is {self.feature_range}", "the lower end comes first")

    @property
    def data_min_(self) -> dict[PYU, PYUObject]:
        """The least value of each column."""
        return self._attribute("min")

    @property
    def data_max_(self) -> dict[PYU, PYUObject]:
        """The greatest value of each column."""
        return self._attribute("max")

    def _learn(self, column: Any) -> State:
        values = as_floats(column)
        values = values[~np.isnan(values)]
        if not len(values):
            return {"min": np.nan, "max": np.nan}
        return {"min": float(values.min()), "max": float(values.max())}

    def _apply(self, column: Any, state: State) -> Mapping[str, Any]:
        low, high = self.feature_range
        width = state["max"] - state["min"]
        values = (as_floats(column) - state["min"]) / (width or 1.0) * (high - low) + low
        return {column.name: series_like(column, np.clip(values, low, high) if self.clip else values)}

    def _undo(self, columns: Mapping[str, Any], state: State) -> Any:
        (column,), (low, high) = columns.values(), self.feature_range
        return (as_floats(column) - low) / (high - low) * (state["max"] - state["min"] or 1.0) + state["min"]
