"""CSV and Parquet files that need not fit into memory.

They are read by blocks, once for the key columns and once for the rows of the result (`junto.join.gather`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from junto.errors import JoinError
from junto.join.gather import gather
from junto.join.tables import Positions, Table

BLOCK_ROWS = 1 << 15
BLOCK_BYTES = 16 << 20


class FileTable(Table):
    """A file.

    Args:
        path: ends with ``.csv`` or ``.parquet``.
        output: where the result goes, of either kind; None: `take` returns a pandas table.

    Raises:
        JoinError: another ending, or both are the same file.
        OSError: the file, or the output's folder, is not there.
    """

    def __init__(self, path: str, output: str | None) -> None:
        self._path, self._output, self._kind = path, output, _kind(path)
        if output is not None:
            _kind(output)
            if Path(output).resolve() == Path(path).resolve():
                raise JoinError("output names the file that is read", fix="write to another one")
            if not Path(output).resolve().parent.is_dir():
                raise NotADirectoryError("the folder of the output")
        self._state = _state(path)

    def columns(self) -> list[str]:
        with _reading():
            if self._kind == ".parquet":
                with self._parquet() as file:
                    return list(file.schema_arrow.names)
            with self._csv(None) as reader:
                return list(reader.schema.names)

    def rows_about(self) -> int:
        if self._kind == ".csv":
            return self._lines_about()
        with _reading(), self._parquet() as file:
            return int(file.metadata.num_rows)

    def key_blocks(self, names: Sequence[str]) -> Iterator[list[Any]]:
        with _reading():
            for block in self._blocks(list(names)):
                yield [block.column(name) for name in names]

    def take(self, positions: Positions) -> Any:
        if _state(self._path) != self._state:
            raise JoinError("a file has changed since its keys were read", fix="join again")
        with _reading():
            as_text = self._kind == ".csv" and self._output is not None and _kind(self._output) == ".csv"
            blocks = self._blocks(None, self.columns() if as_text else ())
            folder = str(Path(self._output).resolve().parent) if self._output else None
            parts = gather(blocks, positions, folder)
            if self._output is not None:
                return _write(parts, self._output)
            import pyarrow as pa

            return pa.concat_tables(parts).to_pandas()

    def _blocks(self, names: list[str] | None, text: Sequence[str] = ()) -> Iterator[Any]:
        """The file as Arrow tables, one at least. `text`: columns of a CSV file to leave as they are."""
        import pyarrow as pa

        if self._kind == ".parquet":
            with self._parquet() as file:
                yield pa.table(file.schema_arrow.empty_table().select(names or file.schema_arrow.names))
                for batch in file.iter_batches(BLOCK_ROWS, columns=names):
                    yield pa.Table.from_batches([batch])
            return
        with self._csv(names, text) as reader:
            yield reader.schema.empty_table()
            for batch in reader:
                yield pa.Table.from_batches([batch])

    def _lines_about(self) -> int:
        """Lines of the file, if all of it is like its beginning."""
        with open(self._path, "rb") as file:
            beginning = file.read(1 << 16)
        lines = beginning.count(b"\n") + 1
        return os.path.getsize(self._path) * lines // max(len(beginning), 1)

    def _parquet(self) -> Any:
        from pyarrow.parquet import ParquetFile

        return ParquetFile(self._path, pre_buffer=False)  # which would hold the whole file

    def _csv(self, names: list[str] | None, text: Sequence[str] = ()) -> Any:
        import pyarrow as pa
        from pyarrow import csv

        convert = csv.ConvertOptions(
            include_columns=names,
            column_types={name: pa.string() for name in text},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        return csv.open_csv(self._path, csv.ReadOptions(block_size=BLOCK_BYTES), convert_options=convert)


def _state(path: str) -> tuple[int, int]:
    """What changes when a file does. Raises OSError if it cannot be read."""
    with open(path, "rb") as file:
        found = os.stat(file.fileno())
    return found.st_size, found.st_mtime_ns


def _kind(path: str) -> str:
    kind = Path(path).suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise JoinError("a path ends neither with .csv nor with .parquet")
    return kind


@contextmanager
def _reading() -> Iterator[None]:
    """Arrow's own messages quote values; the one that leaves here does not."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException:
        raise JoinError(
            "a file cannot be read as what its ending says",
            fix="see whether it is whole, and whether each column of a CSV file holds one type throughout; "
            "Parquet says its types",
        ) from None


def _write(parts: Iterator[Any], path: str) -> str:
    """Write the parts one after the other; the path."""
    from pyarrow import csv
    from pyarrow.parquet import ParquetWriter

    part = next(parts)
    with (csv.CSVWriter if _kind(path) == ".csv" else ParquetWriter)(path, part.schema) as writer:
        while part is not None:
            writer.write_table(part)
            part = next(parts, None)
    return path
