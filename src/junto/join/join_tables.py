"""Tables of several libraries, as a join needs them: names of columns, key columns, rows by position."""

from __future__ import annotations

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from junto.errors import JoinError
from junto.join.kinds import array_of, flat, runs_of
from junto.loaded import is_a

Positions = npt.NDArray[np.int64]

_NAMELESS: Final = re.compile(r"__index_level_[0-9]+__")
_NULLABLE: Final[Mapping[str, str]] = {"int64": "Int64", "uint64": "UInt64", "bool": "boolean"}
"""Types of pandas that hold, beside nulls, truth values, and whole numbers that a float cannot hold."""


class JoinTable(ABC):
    """One party's table. Errors name columns and types, never values."""

    @property
    def written(self) -> bool:
        """Whether it is a file without types, whose key columns are given as text."""
        return False

    @property
    def writes(self) -> bool:
        """Whether `take` writes a file, which is in its place after `publish` only."""
        return False

    def publish(self) -> None:  # noqa: B027 - most tables write nothing
        """Put what `take` has written in its place."""

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
    def take(self, positions: Positions, kinds: Mapping[str, str]) -> Any:
        """The rows at `positions` in that order; -1 stands for a row of nulls.

        Args:
            kinds: as what the key columns were compared; see `junto.join.kinds`.
        """


def open_table(value: Any, output: str | None) -> JoinTable:
    """A table in memory, or the file of that path.

    Args:
        value: a pandas, polars or Arrow table, or a path to a CSV, Parquet or Arrow file, or a `File`.
        output: for a file: where the result goes (None: it becomes a table in memory).

    Raises:
        JoinError: it is something else.
        OSError: the file cannot be read.
    """
    from junto.join.table_files import File, FileTable

    if isinstance(value, str | os.PathLike):
        value = File(value)
    if isinstance(value, File):
        return FileTable(value, output)
    if output is not None:
        raise JoinError(
            "output names a file, but the table is in memory",
            fix="leave output out, or give the table as a path, too",
        )
    if is_a(value, "pandas", "DataFrame"):
        return _Pandas(without_index(value))
    if is_a(value, "polars", "DataFrame"):
        return _Polars(value)
    if is_a(value, "pyarrow", "Table"):
        return _Arrow(value)
    raise JoinError(
        f"a {type(value).__name__} is no table that can be joined",
        fix="load a pandas, polars or Arrow table, or give the path of a CSV, Parquet or Arrow file",
    )


class _TableOf(JoinTable):
    """A table of a library, in memory."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def columns(self) -> list[str]:
        return list(self._table.columns)

    def rows_about(self) -> int:
        return len(self._table)


class _Pandas(_TableOf):
    def columns(self) -> list[str]:
        return [str(name) for name in self._table.columns]

    def key_blocks(self, names: Sequence[str]) -> Iterator[list[Any]]:
        columns = {name: self._table.iloc[:, self.columns().index(name)] for name in names}
        yield [array_of(column, _objects(column), f"key column {name!r}") for name, column in columns.items()]

    def take(self, positions: Positions, kinds: Mapping[str, str]) -> Any:
        table = self._table
        if (positions >= 0).all():
            return table.take(positions).reset_index(drop=True)
        for place, kind in enumerate(map(str, table.dtypes)):
            if kind in _NULLABLE and _no_floats(table.iloc[:, place].to_numpy()):
                table.isetitem(place, table.iloc[:, place].astype(_NULLABLE[kind]))
        return table.reindex(positions).reset_index(drop=True)


def without_index(table: Any) -> Any:
    """A pandas table of which the rows are numbered; what had a name in the index is a column."""
    if named := [place for place, name in enumerate(table.index.names) if name is not None]:
        table = table.reset_index(named, allow_duplicates=True)
    return table.reset_index(drop=True)


def _objects(column: Any) -> list[Any]:
    """The Python objects that a column of pandas holds; of a categorical one those that it may hold."""
    held = column.cat.categories if str(column.dtype) == "category" else column
    return held.tolist() if held.dtype == object else []


class _Polars(_TableOf):
    def key_blocks(self, names: Sequence[str]) -> Iterator[list[Any]]:
        yield [_of_polars(self._table.get_column(name)) for name in names]

    def take(self, positions: Positions, kinds: Mapping[str, str]) -> Any:
        import polars as pl
        import pyarrow as pa

        return self._table.select(pl.all().gather(pl.Series(pa.array(positions, mask=positions < 0))))


def _of_polars(column: Any) -> Any:
    import polars

    if column.dtype == polars.Object:  # of which Arrow would get addresses
        objects = column.to_list()
        return array_of(objects, objects, f"key column {column.name!r}")
    return array_of(column, (), f"key column {column.name!r}")


class _Arrow(_TableOf):
    def columns(self) -> list[str]:
        return list(self._table.column_names)

    def key_blocks(self, names: Sequence[str]) -> Iterator[list[Any]]:
        yield [self._table.column(name) for name in names]

    def take(self, positions: Positions, kinds: Mapping[str, str]) -> Any:
        return take_arrow(self._table, positions)


def take_arrow(table: Any, positions: Positions) -> Any:
    """Rows of an Arrow table; -1 stands for a row of nulls."""
    import pyarrow as pa

    wanted = pa.array(positions, pa.int64(), mask=positions < 0)
    columns = [
        _taken(column, wanted) if len(column) or not len(wanted) else pa.nulls(len(wanted), column.type)
        for column in table.columns
    ]
    return pa.Table.from_arrays([_chunked(column) for column in columns], schema=table.schema)


def _chunked(column: Any) -> Any:
    import pyarrow as pa

    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def _taken(column: Any, wanted: Any) -> Any:
    """Arrow takes from most layouts; the others go through one from which it does."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_run_end_encoded(kind):
        return _taken_of_runs(column, wanted)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return flat(column).take(wanted).cast(kind)
    try:
        return column.take(wanted)
    except pa.ArrowNotImplementedError:  # a list of views, say
        values = column.to_pylist()
        return pa.array([None if each is None else values[each] for each in wanted.to_pylist()], kind)


def _taken_of_runs(column: Any, wanted: Any) -> Any:
    """Each row as a run of its own; so many of them at a time as the ends of runs can count."""
    import pyarrow as pa

    numbers, values, first = [np.empty(0, np.intp)], [], 0
    for chunk in column.chunks:
        numbers.append(first + runs_of(chunk))
        values.append(chunk.values)
        first += len(chunk.values)
    ends = column.type.run_end_type
    most = min(2 ** (ends.bit_width - 1) - 1, max(len(wanted), 1))
    runs = pa.array(np.concatenate(numbers)).take(wanted)
    made = []
    for start in range(0, max(len(runs), 1), most):
        some = runs.slice(start, most)
        taken = _taken(pa.chunked_array(values, column.type.value_type), some)
        whole = pa.concat_arrays(taken.chunks) if isinstance(taken, pa.ChunkedArray) else taken
        made.append(pa.RunEndEncodedArray.from_arrays(pa.array(np.arange(len(some)) + 1, ends), whole))
    return pa.chunked_array(made)


def native(table: Any, library: str) -> Any:
    """An Arrow table as one of ``pandas``, ``polars`` or ``arrow``."""
    if library == "arrow":
        return table
    if library == "polars":
        import polars as pl

        twice = [name for name in table.column_names if table.column_names.count(name) > 1]
        if twice:
            raise JoinError(
                f"there is more than one column {twice[0]!r}", fix="rename them: polars takes a name once"
            )
        try:
            return pl.from_arrow(table)
        except pl.exceptions.PanicException:  # no subclass of Exception
            raise ValueError("polars cannot take this table") from None
    import pandas as pd

    table = _without_pandas_index(table)
    made = table.to_pandas()
    for place, column in enumerate(table.columns):
        kind = str(column.type)
        if kind in _NULLABLE and column.null_count and _no_floats(column.drop_null().to_numpy()):
            made.isetitem(place, pd.array(column.to_pylist(), _NULLABLE[kind]))
    return made


def _without_pandas_index(table: Any) -> Any:
    """The same of an Arrow table that says which of its columns were the index of one of pandas."""
    metadata = table.schema.metadata or {}
    said = json.loads(metadata.get(b"pandas", b"{}"))
    index = [each for each in said.get("index_columns", ()) if isinstance(each, str)]
    nameless = [each for each in index if _NAMELESS.fullmatch(each) and each in table.column_names]
    if not said:
        return table
    said["index_columns"] = []
    plain = table.replace_schema_metadata({**metadata, b"pandas": json.dumps(said).encode()})
    return plain.drop_columns(nameless)


def _no_floats(values: npt.NDArray[Any]) -> bool:
    """Whether pandas would make them floats, beside nulls, and should not: truth values, large numbers."""
    if values.dtype == np.bool_:
        return True
    return bool(len(values)) and (int(values.max()) > 1 << 53 or int(values.min()) < -(1 << 53))
