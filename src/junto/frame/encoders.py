"""Categories as numbers: one column of 0 and 1 a category, or one whole number each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from junto.device.pyu import PYU, PYUObject
from junto.errors import FrameError
from junto.frame.native_tables import series_like
from junto.frame.numeric import FAULTS, MISSING, as_floats
from junto.frame.transformer import Invertible, State, require

ERROR, IGNORE, ENCODED = "error", "ignore", "use_encoded_value"
FIRST, IF_BINARY = "first", "if_binary"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OneHotEncoder(Invertible):
    """A column of 0 and 1 for each value that occurs, in the place of the column.

    Args:
        columns: see `Transformer`.
        drop: ``first``: no column for the first value. ``if_binary``: likewise, if there are two.
        handle_unknown: of a value that `fit` has not seen: ``error``, or ``ignore``: a row of zeros.
        value_names: names the new columns after their values, ``city_Rome``, as scikit-learn does. Names are
            known to all parties, and so would be the values; without, they are ``city_0``, ``city_1``.

    Values are in ascending order; what is missing is the last one, if there is any.
    """

    drop: Annotated[str, (FIRST, IF_BINARY)] | None = None
    handle_unknown: Annotated[str, (ERROR, IGNORE)] = ERROR
    value_names: bool = False

    numbers: ClassVar[bool] = False

    @property
    def categories_(self) -> dict[PYU, PYUObject]:
        """The values of each column, in order; None stands for what is missing."""
        return self._attribute("categories")

    def _learn(self, column: Any) -> State:
        return {"categories": categories_of(column)}

    def _apply(self, column: Any, state: State) -> Mapping[str, Any]:
        codes = codes_of(column, state["categories"])
        require_known(column, codes, self.handle_unknown)
        made = self._made_of(column.name, state)
        first = len(state["categories"]) - len(made)
        return {
            name: series_like(column, (codes == code).astype(np.float64))
            for code, name in enumerate(made, start=first)
        }

    def _made_of(self, name: str, state: State) -> list[str]:
        categories = state["categories"]
        skipped = self.drop == FIRST or (self.drop == IF_BINARY and len(categories) == 2)
        endings = categories if self.value_names else range(len(categories))
        return [f"{name}_{ending}" for ending in endings][1 if skipped else 0 :]

    def _undo(self, columns: Mapping[str, Any], state: State) -> Any:
        """The value whose column has the greatest number; of zeros the one without a column, or nothing."""
        marks = np.stack([as_floats(column) for column in columns.values()], axis=1)
        skipped = len(state["categories"]) - marks.shape[1]
        nowhere = 0 if skipped else -1
        codes = np.where((marks == 0).all(axis=1), nowhere, marks.argmax(axis=1) + skipped)
        if self.handle_unknown == ERROR and (codes < 0).any():
            raise FrameError(f"a row has none of {', '.join(columns)}", fix="pass what transform has made")
        return values_of(codes, state["categories"])


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OrdinalEncoder(Invertible):
    """Each value as its place among the values that occur, in ascending order.

    Args:
        columns: see `Transformer`.
        handle_unknown: of a value that `fit` has not seen: ``error`` or ``use_encoded_value``.
        unknown_value: the number that it then gets.

    What is missing stays missing.
    """

    handle_unknown: Annotated[str, (ERROR, ENCODED)] = ERROR
    unknown_value: float | None = None

    numbers: ClassVar[bool] = False

    def __post_init__(self) -> None:
        fits = (self.unknown_value is not None) == (self.handle_unknown == ENCODED)
        require(
            fits, f"unknown_value belongs to handle_unknown={ENCODED!r}", "drop one of the two, or give both"
        )

    @property
    def categories_(self) -> dict[PYU, PYUObject]:
        """The values of each column, in order."""
        return self._attribute("categories")

    def _learn(self, column: Any) -> State:
        return {"categories": [value for value in categories_of(column) if value is not None]}

    def _apply(self, column: Any, state: State) -> Mapping[str, Any]:
        codes = codes_of(column, state["categories"])
        missing = column.isna().to_numpy()
        require_known(column, np.where(missing, 0, codes), self.handle_unknown)
        numbers = codes.astype(np.float64)
        if self.unknown_value is not None:
            numbers[codes < 0] = self.unknown_value
        numbers[missing] = np.nan
        return {column.name: series_like(column, numbers)}

    def _undo(self, columns: Mapping[str, Any], state: State) -> Any:
        """What is missing, and `unknown_value`, is nothing."""
        (column,) = columns.values()
        numbers = as_floats(column)
        nothing = np.isnan(numbers)
        if self.unknown_value is not None:
            nothing = nothing | (numbers == self.unknown_value)
        return _categories_at(column, np.where(nothing, -1, numbers), state["categories"], nothing)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LabelEncoder(Invertible):
    """A label's values as 0, 1, 2 in ascending order, as whole numbers; none may be missing.

    Args:
        columns: which; default: all of the frame.
    """

    numbers: ClassVar[bool] = False

    @property
    def classes_(self) -> dict[PYU, PYUObject]:
        """The values of each column, in order."""
        return self._attribute("classes")

    def _learn(self, column: Any) -> State:
        return {"classes": categories_of(column)}

    def _apply(self, column: Any, state: State) -> Mapping[str, Any]:
        codes = codes_of(column, state["classes"])
        if column.isna().any():
            raise FrameError(f"column {column.name!r} has missing values", fix=FAULTS[MISSING])
        require_known(column, codes, ERROR)
        return {column.name: series_like(column, codes)}

    def _undo(self, columns: Mapping[str, Any], state: State) -> Any:
        (column,) = columns.values()
        return _categories_at(column, as_floats(column), state["classes"], np.zeros(len(column), np.bool_))


def _categories_at(column: Any, places: Any, categories: list[Any], nothing: NDArray[np.bool_]) -> Any:
    """The category of each number; at `nothing` none."""
    known = np.isin(places, np.arange(len(categories)))
    if not (known | nothing).all():
        raise FrameError(
            f"column {column.name!r} has numbers that are no category's", fix="pass what transform has made"
        )
    return values_of(np.where(nothing, -1, places).astype(np.int64), categories)


def values_of(codes: NDArray[np.int64], categories: list[Any]) -> Any:
    """The categories at these places, as pandas takes them; nothing at -1. Whole numbers stay such."""
    import pandas as pd

    values = pd.Series([None if code < 0 else categories[code] for code in codes], dtype=object)
    return (values.convert_dtypes() if values.isna().any() else values.infer_objects()).array


def categories_of(column: Any) -> list[Any]:
    """The values that occur, in ascending order; None at the end if one is missing."""
    there = sorted(column.dropna().unique().tolist())
    return [*there, None] if column.isna().any() else there


def codes_of(column: Any, categories: list[Any]) -> NDArray[np.int64]:
    """The place of each value among the categories; -1 if it is none of them."""
    import pandas as pd

    there = [value for value in categories if value is not None]
    places = pd.Index(there, dtype=object).get_indexer(column.astype(object))
    codes: NDArray[np.int64] = places.astype(np.int64)
    if None in categories:
        codes[column.isna().to_numpy()] = categories.index(None)
    return codes


def require_known(column: Any, codes: NDArray[np.int64], handle_unknown: str) -> None:
    """Raise FrameError at a value that `fit` has not seen, if that is an error."""
    if handle_unknown == ERROR and (codes < 0).any():
        raise FrameError(
            f"column {column.name!r} has values that were not there in fit",
            fix='fit on all rows, or handle_unknown="ignore" where there is one',
        )
