"""Arrow tables, batches and arrays, and polars frames and series, as Arrow IPC streams.

What may be in a stream is a closed set of types: no extension types, unions, views, run-end
encoding or compression, with which a few bytes could claim gigabytes or make a library look a name
up. Metadata does not travel. What lies under a null does not travel either: Arrow keeps the old
value in memory when one is masked out, so every column with nulls is rebuilt before it is sent.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import tags

if TYPE_CHECKING:
    from junto.wire.decode import Reader
    from junto.wire.encode import Encoder

_FLAT: Final = (
    pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_date,
    pa.types.is_time, pa.types.is_duration, pa.types.is_string, pa.types.is_large_string, pa.types.is_binary,
    pa.types.is_large_binary, pa.types.is_null,
)  # fmt: skip
_LISTS: Final = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
_ZONE: Final = re.compile(r"[A-Za-z0-9_+:/-]{1,64}")
_EXTENSION: Final = b"ARROW:extension"
_CONTINUATION: Final = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3


def writer_for(value: Any) -> Callable[[Encoder, Any], None] | None:
    """What writes `value`, or None if it is no table or array of pyarrow or polars."""
    kind = type(value)
    if kind.__module__.partition(".")[0] == "polars":
        import polars as pl

        return _write_polars if kind in (pl.DataFrame, pl.Series) else None
    if kind in (pa.Table, pa.RecordBatch, pa.ChunkedArray) or isinstance(value, pa.Array):
        return _write_arrow
    return None


def write_table(encoder: Encoder, table: pa.Table) -> None:
    """Length and bytes of an IPC stream. Raises CannotTravel for a type outside the closed set."""
    encoder.spend(tags.TABLE_COST + table.num_columns)
    for field in table.schema:
        problem = _problem(field.type, encoder.policy.limits.max_depth)
        if problem:
            raise CannotTravel(
                f"an Arrow column of type {field.type} may not cross a silo's edge: {problem}",
                fix="cast the column to plain numbers, text, lists or a dictionary of text",
            )
    columns = [_without_hidden_values(column) for column in table.columns]
    plain = pa.schema([pa.field(field.name, field.type, field.nullable) for field in table.schema])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, plain) as stream:
        stream.write_table(pa.Table.from_arrays(columns, schema=plain))
    data = sink.getvalue()
    if table.num_rows > _max_rows(data.size):
        raise CannotTravel("a table of nothing but nulls may not have that many rows", fix="drop the column")
    encoder.atoms.append(data.size)
    encoder.buffer(memoryview(data).cast("B"))


def read_table(reader: Reader) -> pa.Table:
    """A table whose every offset, index and character has been checked."""
    view = reader.buffer(reader.integer(1, 1 << 62))
    reader.spend(tags.TABLE_COST)
    _check_messages(view)
    data = pa.py_buffer(view)
    if data.address % 8:
        data = pa.py_buffer(bytes(view))
    with pa.ipc.open_stream(data) as stream:
        reader.spend(len(stream.schema))
        for field in stream.schema:
            if _problem(field.type, reader.policy.limits.max_depth):
                raise MalformedBytes("an Arrow column has a type that is not of the closed set")
        table = stream.read_all()
    if table.num_rows > _max_rows(len(view)):
        raise MalformedBytes("a table claims more rows than its bytes can hold")
    table.validate(full=True)
    plain = pa.schema([pa.field(field.name, field.type, field.nullable) for field in table.schema])
    return pa.Table.from_arrays(table.columns, schema=plain)


def _write_arrow(encoder: Encoder, value: Any) -> None:
    if isinstance(value, pa.Table):
        form, table = "table", value
    elif isinstance(value, pa.RecordBatch):
        form, table = "batch", pa.Table.from_batches([value])
    else:
        form = "chunked" if isinstance(value, pa.ChunkedArray) else "array"
        table = pa.table({"": value})
    encoder.atoms += (tags.ARROW, form)
    write_table(encoder, table)


def read_arrow(reader: Reader) -> Any:
    """A Table, RecordBatch, ChunkedArray or Array."""
    form = reader.of(str)
    table = read_table(reader)
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


def _write_polars(encoder: Encoder, value: Any) -> None:
    import polars as pl

    form = "series" if isinstance(value, pl.Series) else "frame"
    frame = value.to_frame() if isinstance(value, pl.Series) else value
    encoder.atoms += (tags.POLARS, form)
    encoder.write(frame.columns)
    write_table(encoder, _polars_table(frame))


def _polars_table(frame: Any) -> pa.Table:
    """As Arrow with numbered columns. Raises CannotTravel for what Arrow does not give back."""
    import polars as pl

    names = [str(position) for position in range(frame.width)]
    numbered = frame.rename(dict(zip(frame.columns, names, strict=True)))
    for name, kind in numbered.schema.items():
        try:
            back = pl.from_arrow(_plain(numbered[name].clear().to_frame().to_arrow())).dtypes[0]
        except (pl.exceptions.PolarsError, pa.ArrowException, ValueError, TypeError):
            back = None
        if back != kind:
            raise CannotTravel(
                f"a polars column of type {kind} may not travel: Arrow does not keep its type",
                fix="cast it, for instance to pl.String, pl.Categorical or pl.Int64",
            )
    return _plain(numbered.to_arrow())


def read_polars(reader: Reader) -> Any:
    """A polars DataFrame or Series."""
    form = reader.of(str)
    names = reader.value_of(list)
    table = read_table(reader)
    try:
        import polars as pl
    except ImportError:
        raise MalformedBytes(
            "a polars value was sent, but polars is not installed here", fix="install polars"
        ) from None
    try:
        frame = pl.from_arrow(table)
    except pl.exceptions.PanicException:  # no subclass of Exception
        raise MalformedBytes("polars cannot read a table") from None
    frame.columns = names
    if form == "frame":
        return frame
    if form != "series" or table.num_columns != 1:
        raise MalformedBytes("a polars value of an unknown form")
    return frame.to_series(0)


def _problem(kind: pa.DataType, depth: int) -> str:
    """Why a type may not travel, or an empty text."""
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


def _without_hidden_values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([_scrubbed(chunk) for chunk in column.chunks], type=column.type)


def _scrubbed(array: pa.Array) -> pa.Array:
    """The same array in buffers that hold nothing else, at any depth.

    Arrow keeps values under nulls, rows outside of a slice (IPC even fills its padding with them) and
    dictionary entries that no row uses.
    """
    kind = array.type
    if pa.types.is_null(kind):
        return array
    if array.null_count or array.offset or array.nbytes != array.get_total_buffer_size():
        array = array.take(pa.array(np.arange(len(array))))
    mask = array.is_null() if array.null_count else None
    if pa.types.is_dictionary(kind):
        return _used_dictionary(array)
    if pa.types.is_struct(kind):
        children = [_scrubbed(child) for child in array.flatten()]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)
    if pa.types.is_fixed_size_list(kind):
        values = _scrubbed(array.values.slice(0, len(array) * kind.list_size))
        return pa.FixedSizeListArray.from_arrays(values, type=kind, mask=mask)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        build = pa.LargeListArray if pa.types.is_large_list(kind) else pa.ListArray
        return build.from_arrays(array.offsets, _scrubbed(array.values), type=kind, mask=mask)
    return array


def _used_dictionary(array: pa.DictionaryArray) -> pa.DictionaryArray:
    missing = array.indices.is_null().to_numpy(zero_copy_only=False)
    codes = array.indices.fill_null(0).to_numpy(zero_copy_only=False)
    used = np.unique(codes[~missing])
    position = np.where(missing, 0, np.searchsorted(used, codes))
    indices = pa.array(position, mask=missing).cast(array.type.index_type)
    entries = _scrubbed(array.dictionary.take(pa.array(used)))
    return pa.DictionaryArray.from_arrays(_scrubbed(indices), entries, ordered=array.type.ordered)


def _check_messages(view: memoryview) -> None:
    """Refuse extension types and compression before the stream is given to Arrow.

    An IPC stream is a row of messages: 0xFFFFFFFF, i32 length, a flatbuffer ``Message`` (version,
    header_type, header, bodyLength, custom_metadata), body. Source: Arrow's Message.fbs.
    """
    at = 0
    size = 1
    try:
        while size:
            mark, size = struct.unpack_from("<Ii", view, at)
            if mark != _CONTINUATION or size < 0:
                raise MalformedBytes("an Arrow stream has a message without its mark")
            at += 8 + size
            if size:
                at += _check_message(bytes(view[at - size : at]))
    except struct.error:
        raise MalformedBytes("an Arrow stream ends in the middle of a message") from None
    if at != len(view):
        raise MalformedBytes("something follows an Arrow stream")


def _check_message(message: bytes) -> int:
    """The length of the body that follows."""
    root = struct.unpack_from("<I", message)[0]
    kind_at, header_at, body_at = (_field(message, root, slot) for slot in (1, 2, 3))
    if not kind_at or not header_at:
        raise MalformedBytes("an Arrow message has no header")
    kind = struct.unpack_from("<B", message, kind_at)[0]
    header = _follow(message, header_at)
    if kind == _SCHEMA:
        if _EXTENSION in message:
            raise MalformedBytes("an Arrow stream uses an extension type")
    elif kind in (_DICTIONARY, _BATCH):
        batch = _follow(message, _field(message, header, 1)) if kind == _DICTIONARY else header
        if _field(message, batch, 3):
            raise MalformedBytes("an Arrow stream is compressed")
    else:
        raise MalformedBytes("an Arrow stream has a message of an unknown kind")
    body = struct.unpack_from("<q", message, body_at)[0] if body_at else 0
    if body < 0:
        raise MalformedBytes("an Arrow message has a body of negative length")
    return int(body)


def _field(message: bytes, table: int, slot: int) -> int:
    """Where a flatbuffer table keeps that field, or 0 if it is absent."""
    vtable = table - struct.unpack_from("<i", message, table)[0]
    if vtable < 0:
        raise MalformedBytes("an Arrow message points outside of itself")
    size = struct.unpack_from("<H", message, vtable)[0]
    offset = struct.unpack_from("<H", message, vtable + 4 + 2 * slot)[0] if 4 + 2 * slot < size else 0
    return table + int(offset) if offset else 0


def _follow(message: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", message, at)[0])
