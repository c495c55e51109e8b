"""What kind a key column is of: said by the table's types, by the script, or by what a CSV file holds.

Keys of different kinds are never compared. A table in memory, Parquet and Arrow files say their types. A CSV
file says none: its keys are text as it is written, so that ``007`` and ``7`` are two people. Only if every
key in it is a whole number of 64 bits as a program writes it (no leading zero, no plus sign, no space, no
point) may it be compared with whole numbers; there the text and the number say the same. All parties learn
which of the two it is, and `agreed` decides for all of them at once. A script that knows better says so:
``on={"id": str}``.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from junto.errors import JoinError

TYPES: Final[Mapping[type, str]] = {
    str: "text",
    int: "integer",
    datetime.date: "date",
    datetime.datetime: "timestamp",
    Decimal: "decimal",
}
"""What a script may say of a key column, and the kind that it means."""

_KINDS: Final = (
    "keys are whole numbers of 64 bits, text in UTF-8, bytes, UUIDs, dates, times, booleans, floats or "
    "finite decimals"
)

WRITTEN_TEXT, WRITTEN_INTEGERS = "text of a CSV file", "whole numbers of a CSV file"
_MAY_BE: Final[Mapping[str, tuple[str, ...]]] = {
    WRITTEN_TEXT: ("text",),
    WRITTEN_INTEGERS: ("integer", "text"),
}
"""Kinds as which a column without a type may be compared, the first choice first."""

_DATE: Final = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z"
_MOMENT: Final = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?\z"
_DECIMAL: Final = r"\A-?[0-9]{1,60}(?:\.[0-9]{1,60})?\z"


def kind_of(data_type: Any) -> str:
    """The kind of an Arrow type, in words for a person; types of one kind have values in common.

    Raises:
        JoinError: values of this type cannot be keys.
    """
    import pyarrow.types as types

    if types.is_dictionary(data_type) or types.is_run_end_encoded(data_type):
        return kind_of(data_type.value_type)
    if types.is_timestamp(data_type):
        return "timestamp" if data_type.tz is None else "timestamp with time zone"
    text = (types.is_string, types.is_large_string, types.is_string_view)
    raw = (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary, _is_uuid)
    for kind, tests in {
        "null": (types.is_null,),
        "integer": (types.is_integer,),
        "boolean": (types.is_boolean,),
        "text": text,
        "bytes": raw,
        "date": (types.is_date,),
        "time of day": (types.is_time,),
        "duration": (types.is_duration,),
        "decimal": (types.is_decimal,),
        "floating point": (types.is_floating,),
    }.items():
        if any(test(data_type) for test in tests):
            return kind
    raise JoinError(
        f"a column of type {data_type} cannot be a key",
        fix=_KINDS,
    )


def flat(column: Any) -> Any:
    """One Arrow array of one of the plain layouts: no chunks, dictionary, runs or views, however nested."""
    import pyarrow as pa
    import pyarrow.types as types

    if isinstance(column, pa.ChunkedArray):
        plain = [flat(chunk) for chunk in column.chunks or [pa.nulls(0, column.type)]]
        return plain[0] if len(plain) == 1 else pa.concat_arrays(plain)
    if types.is_run_end_encoded(column.type):
        return flat(column.values).take(pa.array(runs_of(column)))
    if types.is_dictionary(column.type):
        return flat(column.dictionary).take(column.indices)
    if types.is_string_view(column.type):
        return column.cast(pa.large_string())
    if types.is_binary_view(column.type):
        return column.cast(pa.large_binary())
    return column.storage if _is_uuid(column.type) else column


def runs_of(column: Any) -> npt.NDArray[np.intp]:
    """In which run of a run-end encoded array each row is."""
    rows = np.arange(column.offset, column.offset + len(column))
    return np.searchsorted(column.run_ends.to_numpy(), rows, "right")


class KeyColumns:
    """The key columns of one table while they are read block by block.

    Args:
        names: of the columns.
        declared: for each, the kind that the script says, or "".
        written: the table is a file without types.
    """

    def __init__(self, names: Sequence[str], declared: Sequence[str], written: bool) -> None:
        self._names, self._declared, self._written = names, declared, written
        self._integers = [True] * len(names)
        self._kinds = ["null"] * len(names)
        self.unusual: set[str] = set()
        """Columns with text that has spaces around it, or is a number as ``1.0``, ``+1`` or ``01``."""

    def read(self, block: Sequence[Any]) -> list[Any]:
        """The next block: Arrow arrays, one a column, of the kinds that the script says.

        Raises:
            JoinError: a type that cannot be a key, or a value that is not of the kind.
        """
        return [self._converted(place, column, kind_of(column.type)) for place, column in enumerate(block)]

    def kinds(self) -> list[str]:
        """What all parties are told of each column, once all blocks are read."""
        return [
            kind
            if self._declared[place] or not self._written or kind == "null"
            else (WRITTEN_INTEGERS if self._integers[place] else WRITTEN_TEXT)
            for place, kind in enumerate(self._kinds)
        ]

    def _converted(self, place: int, column: Any, kind: str) -> Any:
        declared, column = self._declared[place], flat(column)
        if kind == "text" and self._names[place] not in self.unusual and _has_unusual(column):
            self.unusual.add(self._names[place])
        if kind != "null":
            if self._kinds[place] not in ("null", declared or kind):  # of a script's `key`, block by block
                raise JoinError(
                    f"the keys made of column {self._names[place]!r} are of different kinds",
                    fix="have the function return one type for all rows",
                )
            self._kinds[place] = declared or kind
        if not declared and self._written and self._integers[place]:
            self._integers[place] = are_integers(column)
        if not declared or kind in ("null", declared):
            return column
        convert = _CONVERSIONS.get((kind, declared))
        if convert is None:
            raise JoinError(
                f"key column {self._names[place]!r} is {kind}, which is not read as {declared}",
                fix="convert it where the table is loaded",
            )
        made = convert(column)
        if made is None:
            raise _no_such(self._names[place], kind, declared)
        return made


def _has_unusual(column: Any) -> bool:
    import pyarrow.compute as pc

    found = pc.match_substring_regex(column, r"^\s|\s$|^[+-]?[0-9]+\.0*$|^[+0][0-9]+$")
    return bool(pc.any(found).as_py())


def _no_such(name: str, kind: str, declared: str) -> JoinError:
    if kind == "text":
        return JoinError(
            f"key column {name!r} holds text that is no {declared} as a program writes it",
            fix="whole numbers have no leading zero, plus sign or space, and 64 bits; dates are "
            f'2001-02-03; or compare them as text: on={{"{name}": str}}',
        )
    return JoinError(
        f"key column {name!r} is {kind}, and holds a value that is no {declared}",
        fix="whole numbers have no fraction and 64 bits, and a day begins at midnight; round them where the "
        "table is loaded",
    )


def are_integers(column: Any) -> bool:
    """Whether each text that is there is the one way in which a program writes a whole number of 64 bits."""
    return _integers(column) is not None


def agreed(kinds: Sequence[str]) -> str:
    """The kind as which all parties' columns are compared; "" if there is none."""
    known = [_MAY_BE.get(kind, (kind,)) for kind in kinds if kind != "null"]
    common = [kind for kind in (known[0] if known else ("null",)) if all(kind in each for each in known)]
    return common[0] if common else ""


def readable_as(kinds: Sequence[str]) -> list[str]:
    """What a script may say, of which the columns of all parties can be read: the names of `TYPES`."""
    known = {kind for kind in kinds if kind != "null"}
    written = {"text" if kind in _MAY_BE else kind for kind in known}
    return [
        ("" if said in (str, int) else said.__module__ + ".") + said.__name__
        for said, kind in TYPES.items()
        if all(each == kind or (each, kind) in _CONVERSIONS for each in written)
    ]


def as_agreed(column: Any, kind: str) -> Any:
    """A key column of a CSV file, text, as what it was compared as, where text is no good form of it."""
    convert = {"integer": _integers, "date": _dates}.get(kind)
    made = None if convert is None else convert(flat(column))
    return column if made is None else made


def _is_uuid(data_type: Any) -> bool:
    return getattr(data_type, "extension_name", "") == "arrow.uuid"


def _matching(column: Any, pattern: str) -> bool:
    import pyarrow.compute as compute

    return compute.all(compute.match_substring_regex(column, pattern)).as_py() is not False


def _cast(column: Any, pattern: str, made: Any) -> Any:
    import pyarrow as pa

    try:
        return column.cast(made) if _matching(column, pattern) else None
    except pa.ArrowInvalid:
        return None


def _integers(column: Any) -> Any:
    """The numbers, if writing them gives the text again: quicker than to match a pattern."""
    import pyarrow as pa

    return _exactly(column, pa.int64())


def _dates(column: Any) -> Any:
    import pyarrow as pa

    return _cast(column, _DATE, pa.date32())


def _moments(column: Any) -> Any:
    import pyarrow as pa

    return _cast(column, _MOMENT, pa.timestamp("us"))


def _decimals(column: Any) -> Any:
    import pyarrow as pa

    if not _matching(column, _DECIMAL):
        return None
    try:
        return pa.array([None if text is None else Decimal(text) for text in column.to_pylist()])
    except pa.ArrowInvalid:  # more digits than 76
        return None


def _decimal_of_integer(column: Any) -> Any:
    import pyarrow as pa

    return column.cast(pa.decimal128(20, 0))


def _text_of_date(column: Any) -> Any:
    import pyarrow as pa

    return column.cast(pa.date32()).cast(pa.string())


def _text_of_integer(column: Any) -> Any:
    import pyarrow as pa

    return column.cast(pa.string())


def _exactly(column: Any, made: Any) -> Any:
    """The values in another type, if each of them is the same there."""
    import pyarrow as pa

    try:
        cast = column.cast(made)
        return cast if cast.cast(column.type).equals(column) else None
    except pa.ArrowInvalid:
        return None


def _day_of_moment(column: Any) -> Any:
    import pyarrow as pa

    return _exactly(column, pa.date32())


def _moment_of_day(column: Any) -> Any:
    import pyarrow as pa

    return _exactly(column, pa.timestamp("s"))


def _integer_of_decimal(column: Any) -> Any:
    import pyarrow as pa

    try:
        return column.cast(pa.int64())  # with a fraction it is an error
    except pa.ArrowInvalid:
        return None


def _integer_of_float(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as compute

    require_exact(column)
    wide = column.cast(pa.float64())
    return _exactly(compute.if_else(compute.is_nan(wide), None, wide), pa.int64())


_CONVERSIONS: Final[Mapping[tuple[str, str], Callable[[Any], Any]]] = {
    ("text", "integer"): _integers,
    ("text", "date"): _dates,
    ("text", "timestamp"): _moments,
    ("text", "decimal"): _decimals,
    ("integer", "text"): _text_of_integer,
    ("integer", "decimal"): _decimal_of_integer,
    ("date", "text"): _text_of_date,
    ("date", "timestamp"): _moment_of_day,
    ("timestamp", "date"): _day_of_moment,
    ("decimal", "integer"): _integer_of_decimal,
    ("floating point", "integer"): _integer_of_float,
}
"""From the kind of a column to the one that the script says; None for a value that has no such form."""


_FAMILIES: Final = (
    (str,),
    (bytes, bytearray, memoryview),
    (datetime.datetime,),
    (datetime.date,),
    (datetime.time,),
    (np.datetime64,),
    (uuid.UUID,),
)
"""Classes whose objects Arrow would put into one column though they differ; of an object the first counts."""


def array_of(column: Any, objects: Sequence[Any], what: str) -> Any:
    """An Arrow array of a column of another library, in which different values are different.

    Args:
        column: a series of pandas or polars, or a list; NaN and such count as nulls, but in polars.
        objects: the Python objects that it may hold; none if it has a type of its own.
        what: it is, for a person.

    Raises:
        JoinError: there is none; it names the types.
    """
    import pyarrow as pa

    try:
        if _are_alike(objects):
            return column.to_arrow() if hasattr(column, "to_arrow") else pa.Array.from_pandas(column)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    types = sorted({_type_of(each) for each in objects if each is not None and each == each})
    if len(types) > 1:
        message = f"{what} holds values of more than one type: {', '.join(types)}"
        raise JoinError(message, fix="make them one type where the table is loaded")
    kind = types[0] if types else str(getattr(column, "dtype", ""))
    raise JoinError(f"{what} holds values of type {kind}, of which one cannot be a key", fix=_KINDS)


def _type_of(value: Any) -> str:
    zoned = isinstance(value, datetime.datetime | datetime.time) and value.tzinfo is not None
    return type(value).__name__ + (" with a time zone" if zoned else "")


def _are_alike(values: Sequence[Any]) -> bool:
    """Whether objects become an Arrow array without two different ones becoming the same.

    Arrow takes text for bytes, and either for a UUID, a moment for its day, a moment without a time zone for
    one in UTC, and drops the zone of a time of day.
    """
    families = {
        next((family for family in _FAMILIES if issubclass(each, family)), None)
        for each in set(map(type, values))
        if each.__name__ != "NaTType"
    }
    if len(families - {None}) > 1:
        return False
    if families.isdisjoint({(datetime.datetime,), (datetime.time,)}):
        return True
    found = [each for each in values if isinstance(each, datetime.datetime | datetime.time) and each == each]
    zoned = {each.tzinfo is not None for each in found}
    return zoned == {False} or (len(zoned) < 2 and (datetime.time,) not in families)


def require_exact(column: Any) -> None:
    """Raise JoinError if a float is so large that different whole numbers are one float."""
    import pyarrow as pa

    most = 2.0 ** {16: 11, 32: 24, 64: 53}[column.type.bit_width]
    values = column.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    if (np.abs(values) >= most).any():  # infinity, too; NaN is no key
        raise JoinError(
            "a key column of floats holds numbers so large that different ones would be taken for one",
            fix="load the column as whole numbers or as text",
        )
