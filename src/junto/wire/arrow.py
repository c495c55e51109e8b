"""Arrow tables, batches and arrays, as Arrow IPC streams.

What may be in a stream is a closed set of types: no extension types, unions, views, run-end
encoding or compression, with which a few bytes could claim gigabytes or make a library look a name
up. Metadata does not travel; it is not needed, and pandas' would be believed by `to_pandas`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import value_tags
from junto.wire.arrow_messages import check_messages
from junto.wire.scrub import without_hidden_values
from junto.wire.sink import ValueWriter
from junto.wire.source import ValueReader

_FLAT: Final = (
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_duration,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
)
_LISTS: Final = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
_ZONE: Final = re.compile(r"[A-Za-z0-9_+:/-]{1,64}")


def writer_for(value: Any) -> Callable[[ValueWriter, Any], None] | None:
    """What writes `value`, or None if it is no table or array of pyarrow or polars."""
    kind = type(value)
    if kind in (pa.Table, pa.RecordBatch, pa.ChunkedArray) or isinstance(value, pa.Array):
        return _write_arrow
    return None


def write_table(sink: ValueWriter, table: pa.Table) -> None:
    """Length and bytes of an IPC stream. Raises CannotTravel for a type outside the closed set."""
    sink.spend(value_tags.TABLE_COST + table.num_columns)
    for field in table.schema:
        problem = problem_of(field.type, sink.policy.limits.max_depth)
        if problem:
            raise CannotTravel(
                f"an Arrow column of type {field.type} may not cross a silo's edge: {problem}",
                fix="cast the column to plain numbers, text, lists or a dictionary of text",
            )
    columns = [without_hidden_values(column) for column in table.columns]
    plain = pa.schema([pa.field(field.name, field.type, field.nullable) for field in table.schema])
    output = pa.BufferOutputStream()
    with pa.ipc.new_stream(output, plain) as stream:
        stream.write_table(pa.Table.from_arrays(columns, schema=plain))
    data = output.getvalue()
    if table.num_rows > _max_rows(data.size):
        raise CannotTravel("a table of nothing but nulls may not have that many rows", fix="drop the column")
    sink.atoms.append(data.size)
    sink.buffer(memoryview(data).cast("B"))


def read_table(source: ValueReader) -> pa.Table:
    """A table whose every offset, index and character has been checked."""
    view = source.buffer(source.integer(1, 1 << 62))
    source.spend(value_tags.TABLE_COST)
    check_messages(view)
    data = pa.py_buffer(view)
    if data.address % 8:
        data = pa.py_buffer(bytes(view))
    with pa.ipc.open_stream(data) as stream:
        source.spend(len(stream.schema))
        for field in stream.schema:
            if problem_of(field.type, source.policy.limits.max_depth):
                raise MalformedBytes("an Arrow column has a type that is not of the closed set")
        table = stream.read_all()
    if table.num_rows > _max_rows(len(view)):
        raise MalformedBytes("a table claims more rows than its bytes can hold")
    table.validate(full=True)
    plain = pa.schema([pa.field(field.name, field.type, field.nullable) for field in table.schema])
    return pa.Table.from_arrays(table.columns, schema=plain)


def _write_arrow(sink: ValueWriter, value: Any) -> None:
    if isinstance(value, pa.Table):
        form, table = "table", value
    elif isinstance(value, pa.RecordBatch):
        form, table = "batch", pa.Table.from_batches([value])
    else:
        form = "chunked" if isinstance(value, pa.ChunkedArray) else "array"
        table = pa.table({"": value})
    sink.atoms += (value_tags.ARROW, form)
    write_table(sink, table)


def read_arrow(source: ValueReader) -> Any:
    """A Table, RecordBatch, ChunkedArray or Array."""
    form = source.of(str)
    table = read_table(source)
    if form == "table":
        return table
    if form == "batch":
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
    if form not in ("chunked", "array") or table.num_columns != 1:
        raise MalformedBytes("an Arrow value of an unknown form")
    column = table.column(0)
    if form == "chunked":
        return column
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks)
        if column.num_chunks
        else (pa.array([], column.type))
    )


def problem_of(kind: pa.DataType, depth: int) -> str:
    """Why the type of a column may not travel, or an empty text."""
    return "" if pa.types.is_null(kind) else _problem(kind, depth)


def _problem(kind: pa.DataType, depth: int) -> str:
    if pa.types.is_null(kind):
        return "nulls within lists or structures have no bytes"
    if depth <= 0:
        return "it is nested too deeply"
    if isinstance(kind, pa.BaseExtensionType):
        return "extension types are refused"
    if pa.types.is_dictionary(kind):
        return _problem(kind.value_type, depth - 1)
    if pa.types.is_timestamp(kind):
        return "" if kind.tz is None or _ZONE.fullmatch(kind.tz) else "its time zone is no name"
    if pa.types.is_fixed_size_binary(kind):
        return "" if kind.byte_width > 0 else "its elements are empty"
    if any(matches(kind) for matches in _LISTS):
        if pa.types.is_fixed_size_list(kind) and kind.list_size <= 0:
            return "its elements are empty"
        return _problem(kind.value_type, depth - 1)
    if pa.types.is_map(kind):
        return _problem(kind.key_type, depth - 1) or _problem(kind.item_type, depth - 1)
    if pa.types.is_struct(kind):
        problems = (_problem(field.type, depth - 1) for field in kind)
        return "its elements are empty" if kind.num_fields == 0 else next(filter(None, problems), "")
    return "" if any(matches(kind) for matches in _FLAT) else "the type is not of the closed set"


def _max_rows(nbytes: int) -> int:
    """Rows a stream may claim: at least a bit each, but for short columns of nulls."""
    return 8 * nbytes + 4096
