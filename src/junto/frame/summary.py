"""Statistics of one party's table, at the party, as pandas has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from junto.frame.native_tables import NUMBER, TRUTH, kind_of, opened
from junto.frame.numeric import as_floats


def describe(native: Any) -> Any:
    """`pandas.DataFrame.describe`."""
    return opened(native).pandas().describe()


def count(native: Any) -> Any:
    """Values that are there."""
    return opened(native).pandas().count()


def total(native: Any) -> Any:
    """Sums."""
    return _numbers(native).sum()


def mean(native: Any) -> Any:
    """Means."""
    return _numbers(native).mean()


def std(native: Any) -> Any:
    """Sample deviations."""
    return _numbers(native).std()


def least(native: Any) -> Any:
    """Least values."""
    return _numbers(native).min()


def greatest(native: Any) -> Any:
    """Greatest values."""
    return _numbers(native).max()


def quantile(native: Any, q: float | Sequence[float]) -> Any:
    """Quantiles, linear between two values."""
    return _numbers(native, NUMBER).quantile(q)


def value_counts(native: Any, name: str) -> Any:
    """How often each value of a column is there, the most frequent first."""
    return opened(native).column(name).value_counts()


def _numbers(native: Any, *kinds: str) -> Any:
    """The columns that can be computed with, as numbers of numpy: truth values are 0 and 1."""
    import pandas as pd

    table = opened(native)
    found = {}
    for name in table.names:
        column = table.column(name)
        if kind_of(column) in (kinds or (NUMBER, TRUTH)):
            whole = column.dtype.kind in "ib" and not column.isna().any()
            found[name] = column.to_numpy("int64") if whole else as_floats(column)
    return pd.DataFrame(found, index=table.index)
