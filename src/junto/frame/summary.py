"""Statistics of one party's table, at the party, as pandas has them.

Whole numbers are counted as such, beside missing ones, too: identifiers beyond 2**53 stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from junto.frame.native_tables import NUMBER, TRUTH, kind_of, opened
from junto.frame.numeric import as_floats, exact_sum, present


def describe(native: Any) -> Any:
    """`pandas.DataFrame.describe`; where it mixes numbers with times or words in a column, all are text."""
    table = opened(native).pandas()
    held = {name: column for name, column in table.items() if column.dtype.kind == "O"}
    numbers = {name: as_floats(column) for name, column in held.items() if kind_of(column) == NUMBER}
    table = table.assign(**numbers).describe()
    return table.astype({name: "str" for name, dtype in table.dtypes.items() if dtype.kind == "O"})


def count(native: Any) -> Any:
    """Values that are there."""
    return opened(native).pandas().count()


def total(native: Any) -> Any:
    """Sums."""
    return _each(native, lambda column: _of_64_bits(exact_sum(column.to_numpy())))


def mean(native: Any) -> Any:
    """Means."""
    return _each(native, lambda column: column.mean())


def std(native: Any) -> Any:
    """Sample deviations."""
    return _each(native, lambda column: column.std())


def least(native: Any) -> Any:
    """Least values."""
    return _each(native, lambda column: column.min())


def greatest(native: Any) -> Any:
    """Greatest values."""
    return _each(native, lambda column: column.max())


def quantile(native: Any, q: float | Sequence[float]) -> Any:
    """Quantiles, linear between two values."""
    import pandas as pd

    found = {name: column.quantile(q) for name, column in _numbers(native, NUMBER).items()}
    return pd.DataFrame(found) if isinstance(q, Sequence) else pd.Series(found, dtype=float, name=q)


def value_counts(native: Any, name: str) -> Any:
    """How often each value of a column is there, the most frequent first."""
    return opened(native).column(name).value_counts()


def _of_64_bits(number: int | float) -> int | float:
    return number if -(1 << 63) <= number < 1 << 63 else float(number)


def _each(native: Any, function: Callable[[Any], Any]) -> Any:
    import pandas as pd

    found = {name: function(column) for name, column in _numbers(native).items()}
    return pd.Series(found, dtype=None if found else float)


def _numbers(native: Any, *kinds: str) -> dict[str, Any]:
    """The columns that can be computed with, without what is missing: truth values are 0 and 1."""
    import pandas as pd

    table = opened(native)
    columns = {name: table.column(name) for name in table.names}
    return {
        name: pd.Series(present(column))
        for name, column in columns.items()
        if kind_of(column) in (kinds or (NUMBER, TRUTH))
    }
