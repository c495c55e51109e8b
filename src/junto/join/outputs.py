"""Tables written to files, so that what is read back is what was written, or nothing is."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from junto.errors import JoinError
from junto.join.csv_files import COMPRESSIONS
from junto.join.kinds import flat
from junto.whole_files import UnpublishedFile

CSV, PARQUET, ARROW = ".csv", ".parquet", ".arrow"
_ENDINGS: Final[Mapping[str, str]] = {".csv": CSV, ".parquet": PARQUET, ".arrow": ARROW, ".feather": ARROW}
_TEXT: Final[Mapping[str, str]] = {".csv": CSV, ".tsv": CSV}
_READ: Final[Mapping[str, str]] = {**_ENDINGS, **_TEXT}


def format_of(path: str) -> str:
    """`CSV`, `PARQUET` or `ARROW`. Raises JoinError for another ending."""
    return _format(path, _ENDINGS)


def format_read(path: str) -> str:
    """The same of a file that is there already, which may be of more kinds."""
    compressed = Path(path).suffix.lower() in COMPRESSIONS
    return _format(str(Path(path).with_suffix("")) if compressed else path, _TEXT if compressed else _READ)


def _format(path: str, endings: Mapping[str, str]) -> str:
    found = endings.get(Path(path).suffix.lower())
    if found is None:
        raise JoinError(
            f"a path ends with none of {', '.join(endings)}",
            fix="load other kinds of files, or several files, by a function at their owner: "
            "alice(pd.read_excel)(path)",
        )
    return found


def require_writable(schema: Any, path: str) -> None:
    """Raise JoinError if a file of that ending cannot hold columns of these types."""
    import pyarrow as pa
    from pyarrow import parquet

    kind = format_of(path)
    for field in schema:
        possible = kind == ARROW or _has_text(field.type)
        if kind == PARQUET:
            sample = pa.table([pa.nulls(1, field.type)], schema=pa.schema([field.with_nullable(True)]))
            try:  # rows are written in other ways than none
                parquet.write_table(sample, io.BytesIO())
                possible = not pa.types.is_dictionary(field.type) or _is_plain(field.type.value_type)
            except pa.ArrowException:
                possible = False
        if not possible:
            raise JoinError(
                f"a {kind} file has no form for column {field.name!r} of type {field.type} that is read back",
                fix=f"write to a path that ends with {ARROW if kind == PARQUET else PARQUET}",
            )


def write(parts: Iterator[Any], path: str) -> UnpublishedFile:
    """Write Arrow tables of one schema one after the other, as a file that is not at its path yet."""
    file = UnpublishedFile(path)
    with file.written() as draft:
        {CSV: _write_csv, PARQUET: _write_parquet, ARROW: _write_arrow}[format_of(path)](parts, str(draft))
    return file


def _write_csv(parts: Iterator[Any], path: str) -> None:
    from pyarrow import csv

    part = _as_text(next(parts))
    with csv.CSVWriter(path, part.schema) as writer:
        writer.write_table(part)
        for later in parts:
            writer.write_table(_as_text(later))


def _write_parquet(parts: Iterator[Any], path: str) -> None:
    from pyarrow.parquet import ParquetWriter

    part = next(parts)
    with ParquetWriter(path, part.schema) as writer:
        writer.write_table(part)
        for later in parts:
            writer.write_table(later)


def _write_arrow(parts: Iterator[Any], path: str) -> None:
    import pyarrow as pa

    part = next(parts)
    if any(
        pa.types.is_dictionary(field.type) for field in part.schema
    ):  # such a file has one dictionary each
        part, parts = pa.concat_tables([part, *parts]).unify_dictionaries().combine_chunks(), iter(())
    with pa.ipc.new_file(path, part.schema) as writer:
        writer.write_table(part)
        for later in parts:
            writer.write_table(later)


def _as_text(table: Any) -> Any:
    """As the writer of CSV takes it. A null of a file of one column is ``""``: an empty line is no row."""
    import pyarrow as pa
    import pyarrow.compute as compute

    columns = [pa.chunked_array([flat(column)]) for column in table.columns]
    if len(columns) == 1:
        text = columns[0].cast(pa.large_string())
        if compute.any(compute.equal(text, "")).as_py():
            raise JoinError(
                "a CSV file of one column cannot tell empty text from null",
                fix=f"write to a path that ends with {PARQUET}",
            )
        columns = [text.fill_null("")]
    return pa.table(columns, names=table.column_names)


def _is_plain(kind: Any) -> bool:
    """Whether Parquet gives back a dictionary of values of an Arrow type."""
    import pyarrow as pa

    types = pa.types
    nested = (types.is_dictionary, types.is_run_end_encoded, types.is_string_view, types.is_null)
    binary = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return any(is_it(kind) for is_it in (_has_text, *binary)) and not any(is_it(kind) for is_it in nested)


def _has_text(kind: Any) -> bool:
    """Whether each value of an Arrow type has a text that says the value."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _has_text(kind.value_type)
    tests = (types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_decimal)
    times = (types.is_date, types.is_time, types.is_timestamp)
    text = (types.is_string, types.is_large_string, types.is_string_view)
    return any(is_it(kind) for is_it in tests + times + text)
