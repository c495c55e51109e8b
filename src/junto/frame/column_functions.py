"""What frames do to columns, at the owner. Each takes the native table first and returns a native table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from junto.errors import FrameError
from junto.frame.native_tables import filled, opened
from junto.parameters import shown


def select(native: Any, names: Sequence[str]) -> Any:
    """These columns, in this order."""
    return opened(native).select(names)


def rename(native: Any, names: Mapping[str, str]) -> Any:
    """Other names."""
    return opened(native).rename(names)


def assign(native: Any, values: Mapping[str, Any]) -> Any:
    """Columns made of the whole table by functions, or of one value each."""
    import pandas as pd

    table = opened(native)
    seen = table.pandas()
    made = {}
    for name, value in values.items():
        column = value(seen) if callable(value) else value
        seen = seen.assign(**{name: column})
        if isinstance(column, pd.Series) and len(column) != table.rows:
            raise FrameError(
                f"the function for column {name!r} returned {len(column)} rows of {table.rows}",
                fix="return one value for each row",
            )
        made[name] = seen[name]
    return table.with_columns(made)


def each(native: Any, functions: Mapping[str, Callable[[Any], Any]]) -> Any:
    """Columns with a function applied to each of their values."""
    table = opened(native)
    return table.with_columns({name: table.column(name).map(f) for name, f in functions.items()})


def fillna(native: Any, values: Mapping[str, Any]) -> Any:
    """Columns with a value in place of what is missing; a function makes it of the column."""
    table = opened(native)
    made = {}
    for name, value in values.items():
        column = table.column(name)
        if column.isna().any():
            made[name] = filled(column, value(column) if callable(value) else value)
    return table.with_columns(made)


def require_dtype(dtype: Any) -> None:
    """Raise FrameError unless pandas has such a type."""
    import pandas as pd

    try:
        pd.api.types.pandas_dtype(dtype)
    except (TypeError, ValueError):
        raise FrameError(f"dtype is {shown(dtype)}", fix="a type of pandas, such as 'float64'") from None


def astype(native: Any, dtypes: Mapping[str, Any]) -> Any:
    """Columns of other types, as pandas names them."""
    table = opened(native)
    return table.with_columns({name: table.column(name).astype(dtype) for name, dtype in dtypes.items()})


def replace(native: Any, values: Mapping[str, Mapping[Any, Any]]) -> Any:
    """Columns with some values replaced."""
    table = opened(native)
    columns = {name: table.column(name) for name in values}
    made = {
        name: column.replace(dict(values[name]))
        for name, column in columns.items()
        if _holds_one_of(column, list(values[name]))  # any other keeps its type, too
    }
    return table.with_columns(made)


def _holds_one_of(column: Any, wanted: Sequence[Any]) -> bool:
    import pandas as pd

    nothing = any(pd.api.types.is_scalar(each) and pd.isna(each) for each in wanted)
    return bool(column.isin(wanted).any() or (nothing and column.isna().any()))


def isna(native: Any) -> Any:
    """True where a value is missing."""
    table = opened(native)
    return table.with_columns({name: table.column(name).isna() for name in table.names})
