"""Scalars of the standard library: dates and times, exact numbers, identifiers, ranges."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import value_tags
from junto.wire.sink import ValueWriter
from junto.wire.source import ValueReader

_DAY_US: Final = 86_400_000_000
# Short and without dots: the name is looked up below the time zone database and nowhere else.
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}")
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def write_zone(sink: ValueWriter, zone: dt.tzinfo | None) -> None:
    """None, an offset from UTC in microseconds, or the name of a zone. Raises CannotTravel."""
    if zone is None:
        sink.atoms.append(None)
    elif type(zone) is dt.timezone and zone.tzname(None) == dt.timezone(zone.utcoffset(None)).tzname(None):
        sink.atoms.append(zone.utcoffset(None) // _MICROSECOND)
    elif type(zone) is ZoneInfo and zone.key is not None and _ZONE.fullmatch(zone.key):
        sink.atoms.append(zone.key)
    else:
        raise CannotTravel(
            f"a time zone of type {type(zone).__module__}.{type(zone).__qualname__} may not travel",
            fix="use datetime.timezone or zoneinfo.ZoneInfo(name)",
        )


def read_zone(source: ValueReader) -> dt.tzinfo | None:
    """What `write_zone` wrote."""
    atom = source.atom()
    if atom is None:
        return None
    if type(atom) is int and -_DAY_US < atom < _DAY_US:
        return dt.timezone(dt.timedelta(microseconds=atom))
    if type(atom) is not str or not _ZONE.fullmatch(atom):
        raise MalformedBytes("a time zone is neither an offset nor a name")
    try:
        return ZoneInfo(atom)
    except (KeyError, ValueError, OSError):
        raise MalformedBytes(
            "a time zone's name is not known here", fix="install the package tzdata at every party"
        ) from None


def _write_complex(sink: ValueWriter, value: complex) -> None:
    sink.atoms += (value_tags.COMPLEX, value.real, value.imag)


def _read_complex(source: ValueReader) -> complex:
    return complex(source.of(float), source.of(float))


def _write_datetime(sink: ValueWriter, value: dt.datetime) -> None:
    sink.atoms += (value_tags.DATETIME, value.year, value.month, value.day, value.hour, value.minute)
    sink.atoms += (value.second, value.microsecond, value.fold)
    write_zone(sink, value.tzinfo)


def _read_datetime(source: ValueReader) -> dt.datetime:
    parts = [source.integer(0, 999_999) for _ in range(7)]
    fold = source.integer(0, 1)
    year, month, day, hour, minute, second, microsecond = parts
    zone = read_zone(source)
    return dt.datetime(year, month, day, hour, minute, second, microsecond, zone, fold=fold)


def _write_date(sink: ValueWriter, value: dt.date) -> None:
    sink.atoms += (value_tags.DATE, value.toordinal())


def _read_date(source: ValueReader) -> dt.date:
    return dt.date.fromordinal(source.integer(1, dt.date.max.toordinal()))


def _write_time(sink: ValueWriter, value: dt.time) -> None:
    sink.atoms += (value_tags.TIME, value.hour, value.minute, value.second, value.microsecond, value.fold)
    write_zone(sink, value.tzinfo)


def _read_time(source: ValueReader) -> dt.time:
    hour, minute, second, microsecond = (source.integer(0, 999_999) for _ in range(4))
    fold = source.integer(0, 1)
    return dt.time(hour, minute, second, microsecond, read_zone(source), fold=fold)


def _write_timedelta(sink: ValueWriter, value: dt.timedelta) -> None:
    sink.atoms += (value_tags.TIMEDELTA, value.days, value.seconds, value.microseconds)


def _read_timedelta(source: ValueReader) -> dt.timedelta:
    days = source.integer(-999_999_999, 999_999_999)
    return dt.timedelta(days, source.integer(0, 86_399), source.integer(0, 999_999))


def decimal_text(value: Decimal) -> str:
    """All of its digits. Raises CannotTravel if there are too many."""
    text = str(value)
    if len(text) > value_tags.MAX_DECIMAL_CHARS:
        raise CannotTravel(
            f"a Decimal of {len(text)} digits may not travel; {value_tags.MAX_DECIMAL_CHARS} are allowed",
            fix="send fewer digits, or a text",
        )
    return text


def decimal_of(text: str) -> Decimal:
    """The Decimal that `decimal_text` wrote. Raises MalformedBytes for any other text."""
    if len(text) > value_tags.MAX_DECIMAL_CHARS:
        raise MalformedBytes("a Decimal is longer than allowed")
    try:
        value = Decimal(text)
    except ArithmeticError:
        raise MalformedBytes("a Decimal is no number") from None
    if str(value) != text:
        raise MalformedBytes("a Decimal is not in its usual form")
    return value


def _write_decimal(sink: ValueWriter, value: Decimal) -> None:
    sink.atoms += (value_tags.DECIMAL, decimal_text(value))


def _read_decimal(source: ValueReader) -> Decimal:
    return decimal_of(source.of(str))


def _write_fraction(sink: ValueWriter, value: Fraction) -> None:
    sink.atoms.append(value_tags.FRACTION)
    for part in (value.numerator, value.denominator):
        data = part.to_bytes(part.bit_length() // 8 + 1, "little", signed=True)
        if len(data) > value_tags.MAX_FRACTION_BYTES:
            raise CannotTravel(
                f"a Fraction may have {value_tags.MAX_FRACTION_BYTES} bytes in each part",
                fix="send its numerator and denominator in arrays, or a float",
            )
        sink.blob(data)


def _read_fraction(source: ValueReader) -> Fraction:
    parts = [source.blob(value_tags.MAX_FRACTION_BYTES) for _ in range(2)]
    numerator, denominator = (int.from_bytes(part, "little", signed=True) for part in parts)
    if denominator <= 0:
        raise MalformedBytes("a Fraction has no positive denominator")
    return Fraction(numerator, denominator)


def _write_uuid(sink: ValueWriter, value: uuid.UUID) -> None:
    sink.atoms.append(value_tags.UUID)
    sink.blob(value.bytes)


def _read_uuid(source: ValueReader) -> uuid.UUID:
    data = source.blob(16)
    if len(data) != 16:
        raise MalformedBytes("a UUID has 16 bytes")
    return uuid.UUID(bytes=data)


def _write_bounds(tag: int) -> Callable[[ValueWriter, Any], None]:
    def write(sink: ValueWriter, value: Any) -> None:
        sink.atoms.append(tag)
        sink.enter(3)
        for part in (value.start, value.stop, value.step):
            sink.write(part)
        sink.leave()

    return write


def _read_slice(source: ValueReader) -> slice:
    source.enter(3)
    start, stop, step = (source.value() for _ in range(3))
    source.leave()
    return slice(start, stop, step)


def _read_range(source: ValueReader) -> range:
    source.enter(3)
    start, stop, step = (source.value_of(int) for _ in range(3))
    source.leave()
    if step == 0:
        raise MalformedBytes("a range has no step")
    return range(start, stop, step)


WRITERS: Final[Mapping[type, Callable[[Any, Any], None]]] = MappingProxyType(
    {
        complex: _write_complex,
        dt.datetime: _write_datetime,
        dt.date: _write_date,
        dt.time: _write_time,
        dt.timedelta: _write_timedelta,
        Decimal: _write_decimal,
        Fraction: _write_fraction,
        uuid.UUID: _write_uuid,
        slice: _write_bounds(value_tags.SLICE),
        range: _write_bounds(value_tags.RANGE),
    }
)

READERS: Final[Mapping[int, Callable[[Any], Any]]] = MappingProxyType(
    {
        value_tags.COMPLEX: _read_complex,
        value_tags.DATETIME: _read_datetime,
        value_tags.DATE: _read_date,
        value_tags.TIME: _read_time,
        value_tags.TIMEDELTA: _read_timedelta,
        value_tags.DECIMAL: _read_decimal,
        value_tags.FRACTION: _read_fraction,
        value_tags.UUID: _read_uuid,
        value_tags.SLICE: _read_slice,
        value_tags.RANGE: _read_range,
    }
)
