"""Rows of a table as words of 64 bits, as many for each row, and back: exact, whatever the columns hold.

The first word of a row is never zero, and tells which of its columns are null. Numbers, times and truth
values take a word, decimals two; text takes one for its length and as many as the longest text of the column
needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from junto.errors import JoinError, ProtocolViolation
from junto.join.kinds import flat, kind_of

Words = npt.NDArray[np.uint64]
Form = list[Any]
"""Of a column: its type, by the name that Arrow has for it, and how many words it takes."""

MOST_COLUMNS, MOST_WORDS = 63, 1 << 12
"""Of a row: one bit of the first word says that it is there; of all columns, 32 KiB."""

_THERE: Final = np.uint64(1 << 63)


def words_of(table: Any, names: Sequence[str]) -> tuple[dict[str, Form], list[Words]]:
    """The rows of a table of pandas, polars or Arrow as words.

    Returns:
        The form of each column, and the words: an array of shape (rows,) for each.

    Raises:
        JoinError: a column of another type, too many columns, or too long text.
    """
    if not names or len(names) > MOST_COLUMNS:
        raise JoinError(f"{len(names)} columns are asked for", fix=f"ask for 1 to {MOST_COLUMNS} of them")
    columns = {name: flat(_arrow(table, name)) for name in names}
    first = np.full(len(next(iter(columns.values()))), _THERE)
    forms: dict[str, Form] = {}
    words: list[Words] = [first]
    for place, (name, column) in enumerate(columns.items()):
        there = column.is_valid().to_numpy(zero_copy_only=False)
        first |= np.where(there, np.uint64(1 << place), np.uint64(0))
        made = _text(column) if kind_of(column.type) == "text" else _fixed(column, name)
        forms[name] = ["string" if kind_of(column.type) == "text" else str(column.type), len(made)]
        words += made
    if len(words) > MOST_WORDS:
        raise JoinError(f"the longest row takes {8 * len(words)} bytes", fix=f"{8 * MOST_WORDS} is the most")
    return forms, words


def rows_of(forms: Mapping[str, Form], words: Sequence[Words]) -> Any:
    """An Arrow table of such rows; a row that is not there is null in every column.

    Raises:
        ProtocolViolation: the words are no rows of that form.
    """
    import pyarrow as pa

    first, rest = words[0], list(words[1:])
    columns = {}
    for place, (name, (kind, count)) in enumerate(forms.items()):
        mine, rest = rest[:count], rest[count:]
        null = (first & np.uint64(1 << place)) == 0
        try:
            columns[name] = _strings(mine, null) if kind == "string" else _values(mine, null, kind)
        except (pa.ArrowException, ValueError):
            raise ProtocolViolation("what is looked up is no row of the table") from None
    return pa.table(columns)


def is_form(form: Any) -> bool:
    """Whether what a peer says is one."""
    if not isinstance(form, list) or len(form) != 2 or type(form[1]) is not int:
        return False
    if form[0] == "string":
        return 1 <= form[1] < MOST_WORDS
    made = _type_of(form[0]) if isinstance(form[0], str) else None
    return made is not None and form[1] == (2 if kind_of(made) == "decimal" else 1)


def _type_of(kind: str) -> Any:
    """The type that Arrow calls so, if its values are so many words each; else None."""
    import pyarrow as pa

    try:
        if found := _DECIMAL.fullmatch(kind):
            made = pa.decimal128(int(found[1]), int(found[2]))
        elif found := _ZONED.fullmatch(kind):
            made = pa.timestamp(found[1], found[2])
            pa.scalar(0, made).as_py()  # in a zone that is known here
        else:
            made = pa.type_for_alias(kind)
    except (ValueError, KeyError):
        return None
    return made if str(made) == kind and kind_of(made) in _FIXED else None


_FIXED: Final = (
    "integer",
    "boolean",
    "floating point",
    "decimal",
    "date",
    "time of day",
    "duration",
    "timestamp",
    "timestamp with time zone",
)
_DECIMAL: Final = re.compile(r"decimal128\(([0-9]{1,2}), (-?[0-9]{1,2})\)")
_ZONED: Final = re.compile(r"timestamp\[(s|ms|us|ns), tz=([A-Za-z0-9_+/:-]{1,64})\]")


def _arrow(table: Any, name: str) -> Any:
    import pyarrow as pa

    if hasattr(table, "column"):
        return table.column(name)
    column = table[name]
    return column.to_arrow() if hasattr(column, "to_arrow") else pa.Array.from_pandas(column)


def _fixed(column: Any, name: str) -> list[Words]:
    import pyarrow as pa

    if _type_of(str(column.type)) is None:
        raise JoinError(
            f"column {name!r} of type {column.type} cannot be looked up", fix="cast it, or leave it"
        )
    kind = kind_of(column.type)
    if kind == "decimal":
        return _halves(column)
    if kind == "floating point":
        floats: npt.NDArray[np.float64] = column.cast(pa.float64()).fill_null(0).to_numpy()
        return [floats.view(np.uint64)]
    if kind == "boolean":
        column = column.cast(pa.int8())
    elif kind != "integer":
        column = column.view(pa.int32() if column.type.bit_width == 32 else pa.int64())
    return [np.asarray(column.fill_null(0).to_numpy().astype(np.int64).view(np.uint64))]


def _halves(column: Any) -> list[Words]:
    """The two words of each decimal; zero of those that are null, whatever lies there."""
    if not len(column):
        return [np.empty(0, np.uint64)] * 2
    held = np.frombuffer(column.buffers()[1], "<u8").reshape(-1, 2)[
        column.offset : column.offset + len(column)
    ]
    there = column.is_valid().to_numpy(zero_copy_only=False)
    return [np.where(there, held[:, half], np.uint64(0)).astype(np.uint64) for half in (0, 1)]


def _values(mine: Sequence[Words], null: npt.NDArray[np.bool_], kind: str) -> Any:
    import pyarrow as pa

    made, words = _type_of(kind), mine[0]
    if kind_of(made) == "decimal":
        held = np.stack(mine, axis=1).astype("<u8")
        found = pa.Array.from_buffers(made, len(held), [pa.array(~null).buffers()[1], pa.py_buffer(held)])
        found.validate(full=True)
        return found
    if kind_of(made) == "floating point":
        return pa.array(words.view(np.float64), mask=null).cast(made)
    if kind_of(made) == "boolean":
        return pa.array(words != 0, mask=null)
    if made == pa.uint64():
        return pa.array(words, mask=null)
    whole = pa.array(words.view(np.int64), mask=null)
    if kind_of(made) == "integer":
        return whole.cast(made)
    return (whole.cast(pa.int32()) if made.bit_width == 32 else whole).view(made)


def _text(column: Any) -> list[Words]:
    import pyarrow as pa

    wide = column.fill_null("").cast(pa.large_binary())
    _, offsets, data = wide.buffers()
    ends = np.frombuffer(offsets, np.int64)[wide.offset : wide.offset + len(wide) + 1]
    lengths = np.diff(ends)
    width = -(-int(lengths.max(initial=0)) // 8)
    held = np.zeros((len(wide), 8 * width), np.uint8)
    raw = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    for nth in range(int(lengths.max(initial=0))):
        some = np.flatnonzero(lengths > nth)
        held[some, nth] = raw[ends[some] + nth]
    words = held.view("<u8").astype(np.uint64)
    return [lengths.astype(np.uint64), *(np.ascontiguousarray(words[:, each]) for each in range(width))]


def _strings(words: Sequence[Words], null: npt.NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    lengths = np.where(null, np.uint64(0), words[0])
    if len(lengths) and int(lengths.max()) > 8 * (len(words) - 1):
        raise ProtocolViolation("what is looked up is no row of the table")
    held = np.stack(words[1:], axis=1).astype("<u8").tobytes() if len(words) > 1 else b""
    width = 8 * (len(words) - 1)
    texts = [
        None if gone else held[row * width : row * width + int(length)].decode()
        for row, (length, gone) in enumerate(zip(lengths, null, strict=True))
    ]
    return pa.array(texts, pa.string())
