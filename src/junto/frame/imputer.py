"""Filling what is missing with what `fit` has learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from junto.device.pyu import PYU, PYUObject
from junto.errors import FrameError
from junto.frame.native_tables import NUMBER, TRUTH, filled, kind_of, series_like
from junto.frame.numeric import as_floats
from junto.frame.transformer import State, Transformer, require

MEAN, MEDIAN, FREQUENT, CONSTANT = "mean", "median", "most_frequent", "constant"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SimpleImputer(Transformer):
    """Columns with a value in place of what is missing, the same for later tables.

    Args:
        columns: see `Transformer`.
        strategy: ``mean`` or ``median`` of the column (of numbers), its ``most_frequent`` value (the least of
            several), or ``constant``.
        fill_value: the constant.

    Raises (at the owner): FrameError: a column without any value has no mean, median or most frequent one.
    """

    strategy: Annotated[str, (MEAN, MEDIAN, FREQUENT, CONSTANT)] = MEAN
    fill_value: Any = None

    numbers: ClassVar[bool] = False

    def __post_init__(self) -> None:
        given = self.fill_value is not None
        require(
            given == (self.strategy == CONSTANT),
            "fill_value belongs to strategy='constant'",
            "give both, or neither",
        )

    @property
    def statistics_(self) -> dict[PYU, PYUObject]:
        """What each column is filled with."""
        return self._attribute("value")

    def _learn(self, column: Any) -> State:
        if self.strategy == CONSTANT:
            return {"value": self.fill_value}
        there = column.dropna()
        if there.empty:
            raise FrameError(
                f"column {column.name!r} has no value to fill it with",
                fix='strategy="constant" with a fill_value, or drop the column',
            )
        if self.strategy == FREQUENT:
            return {"value": there.mode().iloc[0]}
        if kind_of(column) not in (NUMBER, TRUTH):
            raise FrameError(
                f"column {column.name!r} has no {self.strategy}",
                fix='strategy="most_frequent" or "constant", or leave the column out',
            )
        numbers = there if there.dtype.kind in "iufb" else series_like(there, as_floats(there))
        return {"value": float(numbers.mean() if self.strategy == MEAN else numbers.median())}

    def _apply(self, column: Any, state: State) -> Mapping[str, Any]:
        value, gaps = state["value"], column.isna().any()
        whole = gaps and isinstance(value, float) and column.dtype.kind in "iub"
        return {column.name: filled(column.astype("Float64") if whole else column, value)}
