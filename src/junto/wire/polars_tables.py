"""polars frames and series, as Arrow tables with numbered columns and the names beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import polars as pl
import pyarrow as pa

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import value_tags
from junto.wire.arrow import read_table, write_table
from junto.wire.sink import ValueWriter
from junto.wire.source import ValueReader

_COMPLAINTS: Final = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,  # no subclass of Exception
    pa.ArrowException,
    ValueError,
    TypeError,
)


def writer_for(value: Any) -> Callable[[ValueWriter, Any], None] | None:
    """What writes `value`, or None if it is no DataFrame or Series."""
    return _write_polars if type(value) in (pl.DataFrame, pl.Series) else None


def _write_polars(sink: ValueWriter, value: Any) -> None:
    form = "series" if isinstance(value, pl.Series) else "frame"
    frame = value.to_frame() if isinstance(value, pl.Series) else value
    sink.atoms += (value_tags.POLARS, form)
    sink.write(frame.columns)
    write_table(sink, _polars_table(frame))


def _polars_table(frame: Any) -> pa.Table:
    """As Arrow with numbered columns. Raises CannotTravel for what Arrow does not give back."""
    names = [str(position) for position in range(frame.width)]
    numbered = frame.rename(dict(zip(frame.columns, names, strict=True)))
    for name, kind in numbered.schema.items():
        try:
            back = _to_polars(numbered[name].clear().to_frame().to_arrow()).dtypes[0]
        except _COMPLAINTS:
            back = None
        if back != kind:
            raise CannotTravel(
                f"a polars column of type {kind} may not travel: Arrow does not keep its type",
                fix="cast it, for instance to pl.String, pl.Categorical or pl.Int64",
            )
    return _plain(numbered.to_arrow())


def _to_polars(table: pa.Table) -> Any:
    return pl.from_arrow(_plain(table))


def read_polars(source: ValueReader) -> Any:
    """A polars DataFrame or Series."""
    form = source.of(str)
    names = source.value_of(list)
    table = read_table(source)
    if any(map(_expands, table.schema.types)):
        raise MalformedBytes("a polars column repeats what is no text by a dictionary")
    try:
        frame: Any = pl.from_arrow(table)
    except pl.exceptions.PanicException:
        raise MalformedBytes("polars cannot read a table") from None
    frame.columns = names
    if form == "frame":
        return frame
    if form != "series" or table.num_columns != 1:
        raise MalformedBytes("a polars value of an unknown form")
    return frame.to_series(0)


def _expands(kind: pa.DataType) -> bool:
    """Whether polars writes out what a dictionary would repeat: it keeps dictionaries of text alone."""
    if pa.types.is_dictionary(kind):
        return not (pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type))
    return any(_expands(kind.field(number).type) for number in range(kind.num_fields))


def _plain(table: pa.Table) -> pa.Table:
    """Without metadata, and without the view types that could repeat one text without end."""
    columns = []
    for column in table.columns:
        if pa.types.is_string_view(column.type):
            column = column.cast(pa.large_string())
        elif pa.types.is_binary_view(column.type):
            column = column.cast(pa.large_binary())
        columns.append(column)
    return pa.Table.from_arrays(columns, names=table.column_names)
