"""Tables of several libraries, as a join needs them: names of columns, key columns, rows by position."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from junto.errors import JoinError

Positions = npt.NDArray[np.int64]


class Table(ABC):
    """One party's table. Errors name columns and types, never values."""

    @abstractmethod
    def columns(self) -> list[str]:
        """Names of all columns."""

    @abstractmethod
    def rows_about(self) -> int:
        """How many rows there are, roughly: whether they fit into memory depends on it."""

    @abstractmethod
    def key_blocks(self, names: Sequence[str]) -> Iterator[list[Any]]:
        """The key columns as Arrow arrays, block by block of rows; at least one block."""

    @abstractmethod
    def take(self, positions: Positions) -> Any:
        """The rows at `positions` in that order; -1 stands for a row of nulls."""


def open_table(value: Any, output: str | None) -> Table:
    """A table in memory, or the file of that path.

    Args:
        value: a pandas, polars or Arrow table, or a path to a CSV or Parquet file.
        output: for a file: where the result goes (None: it becomes a table in memory).

    Raises:
        JoinError: it is something else.
        OSError: the file cannot be read.
    """
    if isinstance(value, str | os.PathLike):
        from junto.join.files import FileTable

        return FileTable(os.fspath(value), output)
    if output is not None:
        raise JoinError(
            "output names a file, but the table is in memory",
            fix="leave output out, or give the table as a path, too",
        )
    if _is(value, "pandas", "DataFrame"):
        return _Pandas(value)
    if _is(value, "polars", "DataFrame"):
        return _Polars(value)
    if _is(value, "pyarrow", "Table"):
        return _Arrow(value)
    raise JoinError(
        f"a {type(value).__name__} is no table that can be joined",
        fix="load a pandas, polars or Arrow table, or give the path of a CSV or Parquet file",
    )


def _is(value: Any, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name, ()))


def null_columns(names: Sequence[str]) -> JoinError:
    """The error for key columns that Arrow cannot take."""
    listed = ", ".join(repr(name) for name in names)
    return JoinError(
        f"the key columns {listed} do not hold values of one type each",
        fix="cast them in the task that loads the table",
    )


class _Pandas(Table):
    def __init__(self, table: Any) -> None:
        self._table = table

    def columns(self) -> list[str]:
        return [str(name) for name in self._table.columns]

    def rows_about(self) -> int:
        return len(self._table)

    def key_blocks(self, names: Sequence[str]) -> Iterator[list[Any]]:
        import pyarrow as pa

        places = [self.columns().index(name) for name in names]
        try:
            yield [pa.Array.from_pandas(self._table.iloc[:, place]) for place in places]
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            raise null_columns(names) from None

    def take(self, positions: Positions) -> Any:
        table = self._table.reset_index(drop=True)
        if (positions >= 0).all():
            return table.take(positions).reset_index(drop=True)
        return table.reindex(positions).reset_index(drop=True)


class _Polars(Table):
    def __init__(self, table: Any) -> None:
        self._table = table

    def columns(self) -> list[str]:
        return list(self._table.columns)

    def rows_about(self) -> int:
        return int(self._table.height)

    def key_blocks(self, names: Sequence[str]) -> Iterator[list[Any]]:
        import pyarrow as pa

        try:
            yield [self._table.get_column(name).to_arrow() for name in names]
        except (pa.ArrowException, TypeError, ValueError):
            raise null_columns(names) from None

    def take(self, positions: Positions) -> Any:
        import polars as pl
        import pyarrow as pa

        return self._table.select(pl.all().gather(pl.Series(pa.array(positions, mask=positions < 0))))


class _Arrow(Table):
    def __init__(self, table: Any) -> None:
        self._table = table

    def columns(self) -> list[str]:
        return list(self._table.column_names)

    def rows_about(self) -> int:
        return int(self._table.num_rows)

    def key_blocks(self, names: Sequence[str]) -> Iterator[list[Any]]:
        yield [self._table.column(name) for name in names]

    def take(self, positions: Positions) -> Any:
        return take_arrow(self._table, positions)


def take_arrow(table: Any, positions: Positions) -> Any:
    """Rows of an Arrow table; -1 stands for a row of nulls."""
    import pyarrow as pa

    if len(positions) and not table.num_rows:  # a null position needs a table, too
        return pa.table(
            {name: pa.nulls(len(positions), table.schema.field(name).type) for name in table.column_names}
        )
    return table.take(pa.array(positions, mask=positions < 0))
