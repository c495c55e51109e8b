"""Tables of three libraries, as a frame needs them at their owner.

Rows and columns are taken by the table's own library, so that what a method does not change stays exactly as
it was. A column that is computed with is a pandas Series, whatever the table is: one meaning for every
method, and for the functions that a script passes. Missing is what pandas calls missing: null, NaN, NaT.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time, timedelta
from functools import partial
from numbers import Number
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.errors import FrameError
from junto.join.join_tables import take_arrow
from junto.join.kinds import flat

Positions = NDArray[np.int64]

NUMBER, TRUTH, TEXT, TIME, OTHER = "number", "truth", "text", "time", "other"
KINDS: Final = (NUMBER, TRUTH, TEXT, TIME, OTHER)
"""What a column holds, as far as a method cares."""


class NativeTable(ABC):
    """One party's table, opened. The native table is never changed."""

    def __init__(self, native: Any) -> None:
        self._native = native

    @property
    def native(self) -> Any:
        """The table as its owner made it."""
        return self._native

    @property
    def names(self) -> list[Any]:
        """Names of the columns."""
        return list(self._native.columns)

    @property
    def dtypes(self) -> list[str]:
        """Types of the columns as their library writes them."""
        return [str(dtype) for dtype in self._native.dtypes]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._native)

    def select(self, names: Sequence[str]) -> Any:
        """The native table with these columns, in this order."""
        return self._native.select(list(names))

    @abstractmethod
    def rename(self, names: Mapping[str, str]) -> Any:
        """The native table with other names."""

    @abstractmethod
    def take(self, positions: Positions) -> Any:
        """The native table with these rows, in this order."""

    @abstractmethod
    def column(self, name: str) -> Any:
        """A column as a pandas Series, on the index of `pandas`."""

    @abstractmethod
    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        """The native table with pandas Series in the place of columns, or behind the last one."""

    def pandas(self, names: Sequence[str] | None = None) -> Any:
        """The table, or some columns, as a pandas table."""
        import pandas as pd

        chosen = self.names if names is None else list(names)
        columns = {name: self.column(name) for name in chosen}
        return pd.DataFrame(columns, index=self.index, columns=chosen)

    @property
    def index(self) -> Any:
        """The index of `pandas`."""
        import pandas as pd

        return pd.RangeIndex(self.rows)

    def kinds(self) -> list[str]:
        """One of `KINDS` a column; those that no method can compute with are `OTHER`."""
        return [self._kind(name) for name in self.names]

    def _kind(self, name: str) -> str:
        try:
            column = self.column(name)
            return kind_of(column if column.dtype.kind == "O" else column.head(100))
        except FrameError:
            return OTHER


def opened(native: Any) -> NativeTable:
    """A table by its library.

    Raises:
        FrameError: it is no table of pandas, polars or Arrow.
    """
    for module, name, kind in (
        ("pandas", "DataFrame", PandasTable),
        ("polars", "DataFrame", PolarsTable),
        ("pyarrow", "Table", ArrowTable),
    ):
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(native, getattr(loaded, name)):
            return kind(native)
    raise FrameError(
        f"a {type(native).__name__} is no table", fix="a frame is made of tables of pandas, polars or Arrow"
    )


class PandasTable(NativeTable):
    """A table of pandas; its index stays with its rows."""

    @property
    def index(self) -> Any:
        return self._native.index

    def select(self, names: Sequence[str]) -> Any:
        return self._native[list(names)]

    def rename(self, names: Mapping[str, str]) -> Any:
        return self._native.rename(columns=dict(names))

    def take(self, positions: Positions) -> Any:
        return self._native.iloc[positions]

    def column(self, name: str) -> Any:
        return self._native[name]

    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        return self._native.assign(**columns)


class PolarsTable(NativeTable):
    """A table of polars."""

    def rename(self, names: Mapping[str, str]) -> Any:
        return self._native.rename(dict(names))

    def take(self, positions: Positions) -> Any:
        return self._native[positions]

    def column(self, name: str) -> Any:
        import pyarrow as pa

        return _as_series(name, pa.chunked_array([self._native.get_column(name).to_arrow()]))

    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        import polars as pl

        made = [pl.Series(name, pl.from_arrow(_as_arrow(column))) for name, column in columns.items()]
        return self._native.with_columns(made)


class ArrowTable(NativeTable):
    """A table of Arrow."""

    @property
    def names(self) -> list[Any]:
        return list(self._native.column_names)

    @property
    def dtypes(self) -> list[str]:
        return [str(dtype) for dtype in self._native.schema.types]

    def rename(self, names: Mapping[str, str]) -> Any:
        return self._native.rename_columns([names.get(name, name) for name in self.names])

    def take(self, positions: Positions) -> Any:
        return take_arrow(self._native, np.asarray(positions, np.int64))

    def column(self, name: str) -> Any:
        return _as_series(name, self._native.column(name))

    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        table = self._native
        for name, column in columns.items():
            place = self.names.index(name) if name in self.names else table.num_columns
            change: Callable[..., Any] = table.set_column if name in self.names else table.add_column
            before = table.schema.field(place).type if name in self.names else None
            table = change(place, name, _as_arrow(column, before))
        return table


def kind_of_objects(values: Any) -> str:
    """`NUMBER` or `TRUTH` if all that is there are Python's own, decimals among them; else nothing."""
    from pandas.api import types

    found = types.infer_dtype(values, skipna=True)
    if found in ("integer", "floating", "mixed-integer-float", "decimal"):
        return NUMBER
    return TRUTH if found == "boolean" else ""


def kind_of(column: Any) -> str:
    """One of `KINDS`, of a pandas Series."""
    import pandas as pd
    from pandas.api import types

    dtype = column.dtype
    if types.is_object_dtype(dtype) and (kind := kind_of_objects(column)):
        return kind
    if types.is_bool_dtype(dtype):
        return TRUTH
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return NUMBER
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype) or dtype.kind in "mM":
        return TIME
    if isinstance(dtype, pd.CategoricalDtype):
        return TEXT
    if types.is_string_dtype(dtype) or "dictionary" in str(dtype):
        return TEXT
    return OTHER


def filled(column: Any, value: Any) -> Any:
    """A pandas Series with a value, or a Series of values, in place of what is missing.

    Raises:
        FrameError: the value is of another kind than the column's, which one library refuses, another mixes
            with the rest, and a third reads as a time.
    """
    import pandas as pd

    if not column.isna().any():
        return column
    if str(column.dtype) == "null[pyarrow]":
        column = column.astype(object)  # nothing but nulls takes no value; as objects they take any
    alone, there = pd.api.types.is_scalar(value), column.dropna()
    kinds = {_scalar_kind(each) for each in [value, *there.iloc[:1]]} if alone else set()
    if kinds == {NUMBER} and column.dtype.kind in "iu" and value % 1:
        column = column.astype("Float64")
    try:
        if len(kinds) < 2:
            return column.fillna(value)
    except (TypeError, ValueError):
        pass
    raise FrameError(
        f"column {column.name!r} of type {column.dtype} takes no {type(value).__name__} where it has nothing",
        fix="fill it with a value of its own type, or cast it before (astype)",
    )


def _scalar_kind(value: Any) -> str:
    """One of `KINDS`, of a value."""
    types = ((TRUTH, (bool, np.bool_)), (NUMBER, Number), (TEXT, str))
    times = (TIME, (date, time, timedelta, np.datetime64, np.timedelta64))
    return next((kind for kind, known in (*types, times) if isinstance(value, known)), OTHER)


def series_like(column: Any, values: Any) -> Any:
    """Values as a pandas Series with the index and name of another."""
    import pandas as pd

    return pd.Series(values, index=column.index, name=column.name)


def _as_series(name: str, column: Any) -> Any:
    """An Arrow column as pandas would have read it; whole numbers and truth values stay so beside nulls."""
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        return pd.Series(column.to_numpy(), name=name)
    kind = column.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind) or pa.types.is_run_end_encoded(kind):
        column = pa.chunked_array([flat(column)])
    try:
        made = column.to_pandas(types_mapper=partial(_pandas_dtype, nulls=column.null_count > 0))
        kind_of(made)  # which pandas does not know of each of Arrow's types
    except (NotImplementedError, TypeError, ValueError):
        raise FrameError(
            f"column {name!r} of type {column.type} is of no type that frames compute with",
            fix="cast it in the task that loads the table",
        ) from None
    return made.rename(name)


def _pandas_dtype(arrow_type: Any, nulls: bool) -> Any:
    """The pandas type that keeps all values of an Arrow type; None: the one that pandas takes by itself."""
    import pandas as pd
    import pyarrow as pa

    known = pa.types
    if known.is_integer(arrow_type) or known.is_boolean(arrow_type):
        name = str(arrow_type).replace("uint", "UInt").replace("int", "Int").replace("bool", "boolean")
        return pd.api.types.pandas_dtype(name) if nulls else None
    text = (known.is_string, known.is_large_string, known.is_dictionary)
    time = (known.is_timestamp, known.is_duration)
    return None if any(is_it(arrow_type) for is_it in text + time) else pd.ArrowDtype(arrow_type)


def _as_arrow(column: Any, before: Any = None) -> Any:
    """A pandas Series for Arrow; what is missing is null. Text stays as wide as it was `before`."""
    import pyarrow as pa

    made = pa.Array.from_pandas(column)
    if before is not None and pa.types.is_string(before) and pa.types.is_large_string(made.type):
        made = made.cast(before)
    return made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made])
