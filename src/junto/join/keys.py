"""Keys of rows as bytes, the same at every party whatever library and width holds them.

A key is one value a column. Its bytes are, column by column, a length of four bytes and then the value in
a form that depends on its *kind* only: an integer 3 is the same in eight bits and in sixty-four, text is
UTF-8, a decimal's trailing zeros do not count, a time is an instant whatever its unit. Two keys have the
same bytes exactly if they have the same kinds and values, so no two different keys can be taken for each
other (``("ab", "c")`` and ``("a", "bc")``, say). What the protocol works on is the SHA-256 of these bytes.

A key with a null in it stands for nothing and matches nothing, as in SQL; NaN counts as null.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from junto.join.kinds import flat, kind_of, require_exact

Digests = npt.NDArray[np.uint8]
DIGEST_BYTES = 32

_PER_SECOND: Final[Mapping[str, int]] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_IN_MS = 86_400_000
_AT_ONCE = 1 << 16  # rows: an object of Python for each stands in memory meanwhile


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
    found = np.empty((len(there), DIGEST_BYTES), np.uint8)
    for start in range(0, len(there), _AT_ONCE):
        parts = [encoded(column.slice(start, _AT_ONCE)) for column in plain]
        rows = parts[0] if len(parts) == 1 else map(b"".join, zip(*parts, strict=True))
        raw = b"".join([hashlib.sha256(row).digest() for row in rows])
        found[start : start + _AT_ONCE] = np.frombuffer(raw, np.uint8).reshape(-1, DIGEST_BYTES)
    return found, there


def encoded(column: Any) -> list[bytes]:
    """Each value of an Arrow array as its length and bytes; what stands for a null means nothing."""
    kind = kind_of(column.type)
    if kind == "null":
        return [b""] * len(column)
    if kind in ("text", "integer", "bytes", "decimal"):
        return [len(value).to_bytes(4, "big") + value for value in _of_any_length(column, kind)]
    words = _words(column, kind)
    prefixed = np.empty((len(words), 4 + words.shape[1]), np.uint8)
    prefixed[:, :4] = np.frombuffer(words.shape[1].to_bytes(4, "big"), np.uint8)
    prefixed[:, 4:] = words
    raw, width = prefixed.tobytes(), prefixed.shape[1]
    return [raw[start : start + width] for start in range(0, len(raw), width)]


def _of_any_length(column: Any, kind: str) -> list[bytes]:
    import pyarrow as pa

    if kind == "decimal":
        return [_decimal(value) for value in column.to_pylist()]
    if kind == "integer":
        column = column.cast(pa.string())
    return [value or b"" for value in column.cast(pa.large_binary()).to_pylist()]


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
