"""CSV files, read by blocks in one way for joins and for frames of every library.

What identifies a row is read as the text that stands there: an empty field is null, a quoted one is empty
text. (A file of one column has no empty fields, for an empty line is no row to most programs: there ``""``
is null.) Other columns get the type that all of their fields have. Whole numbers that neither 64 bits nor a
float hold stay text.

Fields are separated by commas; or, where the header has none, by what it has of semicolons, tabs and bars. A
file whose name ends in ``.gz``, ``.bz2`` or ``.zst`` is read as what was compressed.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from junto.errors import JoinError

BLOCK_BYTES = 16 << 20

_HEADER: Final = 1 << 16
"""Bytes that a header may have."""

COMPRESSIONS: Final[Mapping[str, str]] = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""Endings of what is compressed, as Arrow calls it."""

_SEPARATORS: Final = b",;\t|"
_LINE: Final = re.compile(rb"[\r\n]")
_QUOTED: Final = re.compile(rb'"(?:[^"]|"")*+"')
_MARKS: Final = re.compile(rb'""?')
"""One that closes a field, or two that stand for one in it."""

_TOO_LONG: Final = r"\A\s*[+-]?[0-9]{16,}\s*\z"
"""A whole number that a float may not hold."""


class CsvFile:
    """One file with a header.

    Args:
        path: where it is.
        library: whose habits columns of values follow. pandas, polars and Arrow: ``NA``, ``null`` and such
            are null, and the first two leave dates text. None: an empty field only is null.
    """

    def __init__(self, path: str, library: str | None = None) -> None:
        self._path, self._library = path, library
        self._names: list[str] = []

    def names(self) -> list[str]:
        """Of all columns; the file is asked once."""
        if not self._names:
            self._names = list(self._beginning().names)
        return list(self._names)

    def _beginning(self) -> Any:
        """The schema of a small block; of a large one, if a row is larger than that."""
        import pyarrow as pa
        from pyarrow import csv

        small = csv.ReadOptions(block_size=BLOCK_BYTES >> 8)
        try:
            with csv.open_csv(self._source(), small, self._parse()) as reader:
                return reader.schema
        except pa.ArrowInvalid:
            with csv.open_csv(self._source(), self._size(), self._parse()) as reader:
                return reader.schema

    def _source(self) -> Any:
        """The file; with an end of its line, if it is a header alone that has none: Arrow wants one there."""
        import pyarrow as pa

        beginning = self._header()
        lines = beginning.removeprefix(codecs.BOM_UTF8)
        if not lines or len(beginning) == _HEADER or b"\n" in lines or b"\r" in lines:
            return self._opened()
        return pa.BufferReader(beginning + b"\n")

    def _header(self) -> bytes:
        with self._opened() as file:
            return bytes(file.read(_HEADER))

    def _opened(self) -> Any:
        """The bytes of the file, or of what was compressed."""
        import pyarrow as pa

        return pa.input_stream(self._path, COMPRESSIONS.get(Path(self._path).suffix.lower()))

    def _octets(self) -> Iterator[bytes]:
        with self._opened() as file:
            while block := file.read(BLOCK_BYTES):
                yield block

    def require_whole(self) -> None:
        """Raise JoinError if some line is not text in UTF-8, or a quotation mark stays open."""
        decoder, done, marks = codecs.getincrementaldecoder("utf-8")(), 0, 0
        for block in self._octets():
            if not block.isascii() or decoder.getstate()[0]:
                kept = len(decoder.getstate()[0])
                try:
                    decoder.decode(block)
                except UnicodeDecodeError as error:
                    raise _not_utf8(self._line_of(done - kept + error.start)) from None
            done += len(block)
            marks += block.count(b'"')
        if kept := len(decoder.getstate()[0]):
            raise _not_utf8(self._line_of(done - kept))
        if marks % 2 and (line := _open_quote(self._octets(), self._separator())):
            raise JoinError(
                "a CSV file ends inside of a quoted field",
                fix=f"the quotation mark in line {line} stays open, and all that follows would be one value",
            )

    def _line_of(self, octet: int) -> int:
        line = 1
        with self._opened() as file:
            for start in range(0, octet, BLOCK_BYTES):
                line += bytes(file.read(min(BLOCK_BYTES, octet - start))).count(b"\n")
        return line

    def rows_about(self) -> int:
        """Lines of the file, if all of it is like its beginning."""
        beginning = self._header()
        lines = beginning.count(b"\n") + 1
        return os.path.getsize(self._path) * lines // max(len(beginning), 1)

    def text(self, names: Sequence[str]) -> Iterator[Any]:
        """These columns as text, as Arrow tables, one at least."""
        import pyarrow as pa

        yield from self._blocks(names, dict.fromkeys(names, pa.string()), own_nulls=True)

    def values(self, names: Sequence[str], keys: Sequence[str]) -> Iterator[Any]:
        """These columns, the keys among them as text, as Arrow tables, one at least."""
        import pyarrow as pa

        others = [name for name in names if name not in keys]
        types = self._types(others) if others else {}
        if self._library is None:
            text = {name: pa.string() for name in names if name in keys}
            yield from self._blocks(names, types | text, own_nulls=True)
        elif not others:
            yield from self.text(names)
        elif len(others) == len(names):
            yield from self._blocks(names, types, own_nulls=False)
        else:  # two readers of the same blocks: what is null differs
            mine = [name for name in names if name in keys]
            pairs = zip(self._blocks(others, types, own_nulls=False), self.text(mine), strict=True)
            for block, text_block in pairs:
                columns = dict(zip(others + mine, block.columns + text_block.columns, strict=True))
                yield pa.table({name: columns[name] for name in names})

    def _types(self, names: Sequence[str]) -> dict[str, Any]:
        """The types of columns of values."""
        import pyarrow as pa

        known = pa.types
        found = {field.name: field.type for field in self._schema(names)}
        if self._library in ("pandas", "polars"):
            times = (known.is_date, known.is_time, known.is_timestamp)
            for name, kind in found.items():
                if any(is_it(kind) for is_it in times):
                    found[name] = pa.string()
                elif known.is_null(kind):
                    found[name] = pa.float64() if self._library == "pandas" else pa.string()
        floats = [name for name, kind in found.items() if known.is_floating(kind)]
        return found | dict.fromkeys(self._too_long(floats), pa.string())

    def _schema(self, names: Sequence[str]) -> Any:
        from pyarrow import csv

        if self._library is None:  # the first block decides: the file may be larger than memory
            with self._open(names, {}, own_nulls=True) as reader:
                return reader.schema
        return csv.read_csv(
            self._source(), self._size(), self._parse(), self._convert(names, {}, own_nulls=False)
        ).schema

    def _too_long(self, names: Sequence[str]) -> list[str]:
        import pyarrow.compute as compute

        found: set[str] = set()
        for block in self.text(names) if names else ():
            for name in set(names) - found:
                if compute.any(compute.match_substring_regex(block.column(name), _TOO_LONG)).as_py():
                    found.add(name)
        return sorted(found)

    def _blocks(self, names: Sequence[str], types: dict[str, Any], own_nulls: bool) -> Iterator[Any]:
        import pyarrow as pa

        with self._open(names, types, own_nulls) as reader:
            yield reader.schema.empty_table()
            for batch in reader:
                yield pa.Table.from_batches([batch])

    def _open(self, names: Sequence[str], types: dict[str, Any], own_nulls: bool) -> Any:
        from pyarrow import csv

        convert = self._convert(names, types, own_nulls)
        return csv.open_csv(self._source(), self._size(), self._parse(), convert)

    def _convert(self, names: Sequence[str], types: dict[str, Any], own_nulls: bool) -> Any:
        from pyarrow import csv

        every = self.names()
        convert = csv.ConvertOptions(column_types=types, strings_can_be_null=True)
        if list(names) != every:
            convert.include_columns = list(names)
        if own_nulls:
            convert.null_values, convert.quoted_strings_can_be_null = [""], len(every) == 1
        return convert

    def _size(self) -> Any:
        from pyarrow import csv

        return csv.ReadOptions(block_size=BLOCK_BYTES)

    def _parse(self) -> Any:
        from pyarrow import csv

        return csv.ParseOptions(newlines_in_values=True, delimiter=self._separator().decode())

    def _separator(self) -> bytes:
        """Of fields: the first of those that the header has outside of quotation marks."""
        header = _LINE.split(_QUOTED.sub(b"", self._header().removeprefix(codecs.BOM_UTF8)), 1)[0]
        return next((bytes([each]) for each in _SEPARATORS if each in header), b",")


def _open_quote(blocks: Iterable[bytes], separator: bytes) -> int:
    """The line in which a field in quotation marks begins that does not end; 0: there is none.

    It holds a block at a time, however long the field is.
    """
    opening = re.compile(rb'[%b\r\n]"' % re.escape(separator))
    carry, lines, opened = b"\n", 1, 0
    for number, block in enumerate(blocks):
        held = carry + (block.removeprefix(codecs.BOM_UTF8) if number == 0 else block)
        seen, at = len(carry), 0
        carry = held[-1:]
        while at < len(held):
            if opened:
                marks = (mark for mark in _MARKS.finditer(held, at) if mark.end() - mark.start() == 1)
                at = next((mark.end() for mark in marks), len(held) + 1)
                if at == len(held):
                    break  # what follows says whether the field ends here
                opened, carry = (opened, b"") if at > len(held) else (0, carry)
            elif begins := opening.search(held, at):
                lines, at = lines + held.count(b"\n", seen, begins.start() + 1), begins.end()
                opened, seen = lines, max(seen, begins.start() + 1)
                carry = carry if at < len(held) else b""
            else:
                break
        lines += held.count(b"\n", seen)
    return 0 if carry == b'"' else opened


def _not_utf8(line: int) -> JoinError:
    return JoinError(
        "a CSV file is not text in UTF-8",
        fix=f"line {line} is not: open(path, encoding=...) reads it, as latin-1 or gbk perhaps; save UTF-8",
    )
