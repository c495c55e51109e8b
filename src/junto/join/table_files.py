"""CSV, Parquet and Arrow files that need not fit into memory.

They are read by blocks, once for the key columns and once for the rows of the result (`junto.join.gather`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from junto.errors import UNREADABLE, JoinError
from junto.join.csv_files import CsvFile
from junto.join.file_signs import require_kind
from junto.join.gather import gather
from junto.join.join_tables import JoinTable, Positions, native
from junto.join.kinds import as_agreed
from junto.join.outputs import ARROW, CSV, PARQUET, format_of, format_read, require_writable, write
from junto.whole_files import UnpublishedFile

BLOCK_ROWS = 1 << 15
_RAGGED: Final = re.compile(r"(?:Row #([0-9]+): )?Expected ([0-9]+) columns, got ([0-9]+)")


@dataclass(frozen=True, slots=True)
class File:
    """A file as the table of a party, with what is wanted of it.

    Attributes:
        path: ends with ``.csv`` or ``.tsv`` (which may be compressed: ``.csv.gz``), ``.parquet``, ``.arrow``
            or ``.feather``.
        columns: the ones that the result has; None: all.
        library: ``pandas``, ``polars`` or ``arrow``: what the result is made by, and see `CsvFile`.
        kind: of the file, where its name does not say it.
    """

    path: Any
    columns: Sequence[str] | None = None
    library: str | None = None
    kind: str = ""


class FileTable(JoinTable):
    """A file.

    Args:
        file: which one.
        output: where the result goes, with an ending of the same kinds; None: `take` returns a table.

    Raises:
        JoinError: another ending, a column that is not there, types that the output cannot hold, a CSV file
            that is not whole text in UTF-8, or both are the same file.
        OSError: the file, or the output's folder, is not there.
    """

    def __init__(self, file: File, output: str | None) -> None:
        if not isinstance(file.path, str | os.PathLike):
            raise JoinError(
                f"a {type(file.path).__name__} is no path of a file", fix="give a text, or a pathlib.Path"
            )
        self._path, self._output, self._library = os.fspath(file.path), output, file.library
        self._kind = file.kind or format_read(self._path)
        if output is not None:
            format_of(output)
            if Path(output).resolve() == Path(self._path).resolve():
                raise JoinError("output names the file that is read", fix="write to another one")
            if not Path(output).resolve().parent.is_dir():
                raise NotADirectoryError("the folder of the output")
            if Path(output).is_dir():
                raise IsADirectoryError("the output")
        require_kind(self._path, self._kind)
        self._made: UnpublishedFile | None = None
        self._state = _state(self._path)
        self._csv = CsvFile(self._path, file.library)
        if self.written:
            self._csv.require_whole()
        self._all = self._names()
        self._chosen = self._all if file.columns is None else list(file.columns)
        for name in self._chosen:
            if name not in self._all:
                raise JoinError(f"there is no column {name!r}", fix="name a column that the file has")
        if output is not None and not self.written:
            require_writable(self._schema(), output)

    @property
    def written(self) -> bool:
        return self._kind == CSV

    @property
    def writes(self) -> bool:
        return self._output is not None

    def publish(self) -> None:
        if self._made is not None:
            self._made.publish()

    def columns(self) -> list[str]:
        return self._all

    def rows_about(self) -> int:
        if self.written:
            return self._csv.rows_about()
        with _reading(), self._typed() as file:
            return int(file.metadata.num_rows) if self._kind == PARQUET else 0

    def key_blocks(self, names: Sequence[str]) -> Iterator[list[Any]]:
        for name in self._chosen if self._library else ():  # a frame knows columns by their names
            if self._all.count(name) > 1:
                raise JoinError(
                    f"there is more than one column {name!r}", fix="rename one of them in the file"
                )
        with _reading():
            for block in self._csv.text(names) if self.written else self._blocks(names):
                yield [block.column(name) for name in names]

    def take(self, positions: Positions, kinds: Mapping[str, str]) -> Any:
        if _state(self._path) != self._state:
            raise JoinError("a file has changed since its keys were read", fix="join again")
        folder = str(Path(self._output).resolve().parent) if self._output else None
        as_text = self.written and self._output is not None and format_of(self._output) == CSV
        blocks = self._blocks(self._chosen, kinds, as_text)
        with _reading(), closing(gather(blocks, positions, folder)) as gathered:
            parts: Iterator[Any] = gathered
            if self.written and not as_text:
                parts = (_with_kinds(part, kinds) for part in parts)
            if self._output is not None:
                self._made = write(parts, self._output)
                return self._output
            import pyarrow as pa

            return _made(pa.concat_tables(parts), self._library)

    def whole(self) -> Any:
        """All rows of the columns that are wanted."""
        import pyarrow as pa

        with _reading():
            return _made(pa.concat_tables(self._blocks(self._chosen)), self._library)

    def _blocks(
        self, names: Sequence[str], keys: Mapping[str, str] | None = None, as_text: bool = False
    ) -> Iterator[Any]:
        """The file as Arrow tables, one at least. Of a CSV file, keys, or all columns, are text."""
        import pyarrow as pa

        if self.written:
            yield from self._csv.text(names) if as_text else self._csv.values(names, list(keys or ()))
            return
        with self._typed() as file:
            if self._kind == ARROW:
                yield pa.Table.from_batches([], file.schema).select(names)
                for number in range(file.num_record_batches):
                    yield _sound(file.get_batch(number)).select(names)
                return
            yield file.schema_arrow.empty_table().select(names)
            for batch in file.iter_batches(BLOCK_ROWS, columns=list(names)):
                yield _sound(batch).select(names)

    def _names(self) -> list[str]:
        with _reading():
            return self._csv.names() if self.written else list(self._schema().names)

    def _schema(self) -> Any:
        with _reading(), self._typed() as file:
            return file.schema if self._kind == ARROW else file.schema_arrow

    def _typed(self) -> Any:
        """The open file, which says its types."""
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        if self._kind == ARROW:
            return pa.ipc.open_file(pa.memory_map(self._path))
        return ParquetFile(self._path, pre_buffer=False)  # which would hold the whole file


def _made(table: Any, library: str | None) -> Any:
    """As the library's; what a file says to pandas or polars beside its columns may be damaged, too."""
    try:
        return native(table, library or "pandas")
    except UNREADABLE:
        raise _damaged() from None


def _sound(batch: Any) -> Any:
    """A batch as a table, once it is what it says: what reads it next would end the process if it were not.

    Raises:
        ArrowException, UnicodeDecodeError: the file is damaged.
    """
    import pyarrow as pa

    batch.validate(full=True)
    return pa.Table.from_batches([batch])


def _with_kinds(table: Any, kinds: Mapping[str, str]) -> Any:
    """Key columns as what they were compared as."""
    for name, kind in kinds.items():
        if name in table.column_names:
            place = table.column_names.index(name)
            table = table.set_column(place, name, as_agreed(table.column(place), kind))
    return table


def _state(path: str) -> tuple[int, int]:
    """What changes when a file does. Raises OSError if it cannot be read."""
    with open(path, "rb") as file:
        found = os.stat(file.fileno())
    return found.st_size, found.st_mtime_ns


@contextmanager
def _reading() -> Iterator[None]:
    """Arrow's own messages quote values; the one that leaves here does not."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:  # the latter of names of columns
        raise _damaged(str(error)) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged() from None  # not the system's: Arrow calls damaged bytes so, too


def _damaged(told: str = "") -> JoinError:
    advice = (
        "see whether it is whole, and whether each column of a CSV file holds one type throughout; "
        "Parquet says its types"
    )
    if ragged := _RAGGED.search(told):
        row, wanted, found = ragged.groups()
        advice = f"{f'row {row}' if row else 'a row'} has {found} fields, the header {wanted}"
    return JoinError("a file cannot be read as what its ending says", fix=advice)
