"""Keys of rows as bytes, the same at every party whatever library and width holds them.

A key is one value a column. Its bytes are, column by column, a length and then the value in a form that
depends on its *kind* only: an integer 3 is the same in eight bits and in sixty-four, text is UTF-8, a
decimal's trailing zeros do not count, a time is an instant whatever its unit. Two keys have the same bytes
exactly if they have the same kinds and values, so no two different keys can be taken for each other
(``("ab", "c")`` and ``("a", "bc")``, say). The protocols work on 32 bytes a key: its own bytes where they
fit, filled up with zeros; else 31 bytes of their SHA-256. The first byte tells which.

A key with a null in it stands for nothing and matches nothing, as in SQL; NaN counts as null.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from junto.errors import JoinError
from junto.join.kinds import array_of, flat, kind_of, require_exact
from junto.native import kernels

Key = Callable[..., Any]
"""Of the values of the key columns of a row: what is compared."""

Digests = npt.NDArray[np.uint8]
DIGEST_BYTES = 32

_PER_SECOND: Final[Mapping[str, int]] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_IN_MS = 86_400_000
_AT_ONCE = 1 << 18  # rows: some whole numbers for each stand in memory meanwhile
_LONG = 0xFF  # the first byte of what is a hash; otherwise it is how many bytes are in use


@dataclass(frozen=True, slots=True, repr=False)
class Values:
    """Bytes of each value of a column: `lengths[i]` of them from `starts[i]` on."""

    data: Digests
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    def __getitem__(self, row: int) -> bytes:
        return self.data[self.starts[row] : self.starts[row] + self.lengths[row]].tobytes()


def made_keys(key: Key, columns: Sequence[Any]) -> list[Any]:
    """What a script's function makes of the key columns, row by row; nothing where one of them is null.

    Args:
        key: see `junto.join.join`.
        columns: Arrow arrays of equal length.

    Raises:
        JoinError: it gives another number of values than there are columns, or values of several types.
    """
    rows: list[Any] = []
    for values in zip(*(flat(column).to_pylist() for column in columns), strict=True):
        made = None if any(value is None for value in values) else key(*values)
        row = made if isinstance(made, tuple) else (made,)
        if made is None:
            row = (None,) * len(columns)
        if len(row) != len(columns):
            raise JoinError(
                f"key gives {len(row)} values for {len(columns)} columns",
                fix="one value for each column that on names, as a tuple if there are several; or None",
            )
        rows.append(row)
    made = [[row[place] for row in rows] for place in range(len(columns))]
    return [array_of(values, values, "what key gives") for values in made]


def digests(columns: Sequence[Any]) -> tuple[Digests, npt.NDArray[np.bool_]]:
    """The keys of a table's rows.

    Args:
        columns: Arrow arrays of equal length, one a key column.

    Returns:
        An array of shape (rows, 32), and which rows have a key: the digests of the others mean nothing.

    Raises:
        JoinError: a type that cannot be a key.
    """
    plain = [flat(column) for column in columns]
    there = np.ones(len(plain[0]), bool)
    for column in plain:
        there &= _valid(column)
    found = np.zeros((len(there), DIGEST_BYTES), np.uint8)
    for start in range(0, len(there), _AT_ONCE):
        _fill(found[start : start + _AT_ONCE], [_values(column.slice(start, _AT_ONCE)) for column in plain])
    return found, there


def _fill(found: Digests, columns: Sequence[Values]) -> None:
    """Write the digests of these rows: of all short ones a value of each at a time, the others one by one."""
    used: npt.NDArray[np.int64] = np.sum([values.lengths + 1 for values in columns], axis=0, dtype=np.int64)
    short = used < DIGEST_BYTES
    found[:, 0] = np.where(short, used, _LONG)
    if (native := kernels()) is not None:
        places = short.astype(np.int64)
        for values in columns:
            native.lay_values(found, places, values.data, values.starts, values.lengths)
    else:
        lay_plainly(found, np.flatnonzero(short), columns)
    for row in np.flatnonzero(~short).tolist():
        hashed = hashlib.sha256(b"".join(prefixed(values[row]) for values in columns)).digest()
        found[row, 1:] = np.frombuffer(hashed, np.uint8)[1:]


def lay_plainly(found: Digests, short: npt.NDArray[np.int64], columns: Sequence[Values]) -> None:
    """The same of the short ones without a kernel."""
    place = np.ones(len(short), np.int64)
    for values in columns:
        lengths, starts = values.lengths[short], values.starts[short]
        found[short, place] = lengths
        least = lengths.min(initial=DIGEST_BYTES)
        for nth in range(lengths.max(initial=0)):
            some = slice(None) if nth < least else lengths > nth
            found[short[some], place[some] + 1 + nth] = values.data[starts[some] + nth]
        place += lengths + 1


def prefixed(value: bytes) -> bytes:
    """A value's length in eight bytes, and its bytes."""
    return len(value).to_bytes(8, "big") + value


def encoded(column: Any) -> list[bytes]:
    """Each value of an Arrow array as bytes; what stands for a null means nothing."""
    values = _values(column)
    return [values[row] for row in range(len(column))]


def _values(column: Any) -> Values:
    kind = kind_of(column.type)
    if kind == "null":
        return Values(np.empty(0, np.uint8), *np.zeros((2, len(column)), np.int64))
    if kind in ("text", "integer", "bytes", "decimal"):
        return _of_any_length(column, kind)
    words = _words(column, kind)
    count, width = words.shape
    return Values(np.ascontiguousarray(words).ravel(), np.arange(count) * width, np.full(count, width))


def _of_any_length(column: Any, kind: str) -> Values:
    import pyarrow as pa

    if kind == "decimal":
        column = pa.array([_decimal(value) for value in column.to_pylist()], pa.binary())
    if kind == "integer":
        column = column.cast(pa.string())
    wide = column.cast(pa.large_binary())
    _, offsets, data = wide.buffers()
    ends = np.frombuffer(offsets, np.int64)[wide.offset : wide.offset + len(wide) + 1]
    held = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return Values(held, ends[:-1], np.diff(ends))


def _decimal(value: Decimal | None) -> bytes:
    sign, digits, exponent = (value or Decimal(0)).as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    kept = text.rstrip("0")
    if not kept:
        return b"0"
    return f"{'-' if sign else ''}{kept}e{int(exponent) + len(text) - len(kept)}".encode()


def _words(column: Any, kind: str) -> Digests:
    """Values of fixed size: numbers, times and truth values, as rows of bytes."""
    import pyarrow as pa

    if kind == "boolean":
        return _bytes(column.fill_null(False).to_numpy(zero_copy_only=False).astype(np.uint8))
    if kind == "floating point":
        require_exact(column)
        floats = column.cast(pa.float64()).fill_null(0.0).to_numpy()
        return _bytes(np.where(floats == 0, 0.0, floats).astype(">f8"))
    counts = column.view(pa.int32() if column.type.bit_width == 32 else pa.int64()).fill_null(0)
    ticks = counts.to_numpy().astype(np.int64)
    if kind == "date":
        return _integers(ticks if column.type == pa.date32() else ticks // _DAY_IN_MS)
    unit = _PER_SECOND[column.type.unit]
    seconds, rest = np.divmod(ticks, unit)
    return np.hstack([_integers(seconds), _integers(rest * (10**9 // unit))])


def _integers(values: npt.NDArray[Any]) -> Digests:
    """16 bytes, two's complement: the whole of int64 and uint64."""
    wide = np.empty((len(values), 2), ">i8")
    wide[:, 0] = -(values < 0).astype(np.int64)
    wide[:, 1] = values.astype(np.int64)  # modulo 2**64
    return wide.view(np.uint8)


def _bytes(values: npt.NDArray[Any]) -> Digests:
    return values.view(np.uint8).reshape(len(values), values.itemsize)


def _valid(column: Any) -> npt.NDArray[np.bool_]:
    import pyarrow.compute as compute

    valid: npt.NDArray[np.bool_] = compute.is_valid(column).to_numpy(zero_copy_only=False)
    if kind_of(column.type) == "floating point":
        valid = valid & ~np.isnan(column.to_numpy(zero_copy_only=False))
    return valid
