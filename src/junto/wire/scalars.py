"""Scalars of the standard library: dates and times, exact numbers, identifiers, ranges."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import tags

if TYPE_CHECKING:
    from junto.wire.decode import Reader
    from junto.wire.encode import Encoder

_DAY_US: Final = 86_400_000_000
# Short and without dots: the name is looked up below the time zone database and nowhere else.
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def write_zone(encoder: Encoder, zone: dt.tzinfo | None) -> None:
    """None, an offset from UTC in microseconds, or the name of a zone. Raises CannotTravel."""
    if zone is None:
        encoder.atoms.append(None)
    elif type(zone) is dt.timezone and zone.tzname(None) == dt.timezone(zone.utcoffset(None)).tzname(None):
        encoder.atoms.append(zone.utcoffset(None) // _MICROSECOND)
    elif type(zone) is ZoneInfo and zone.key is not None and _ZONE.fullmatch(zone.key):
        encoder.atoms.append(zone.key)
    else:
        raise CannotTravel(
            f"a time zone of type {type(zone).__module__}.{type(zone).__qualname__} may not travel",
            fix="use datetime.timezone or zoneinfo.ZoneInfo(name)",
        )


def read_zone(reader: Reader) -> dt.tzinfo | None:
    """What `write_zone` wrote."""
    atom = reader.atom()
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


def _write_complex(encoder: Encoder, value: complex) -> None:
    encoder.atoms += (tags.COMPLEX, value.real, value.imag)


def _read_complex(reader: Reader) -> complex:
    return complex(reader.of(float), reader.of(float))


def _write_datetime(encoder: Encoder, value: dt.datetime) -> None:
    encoder.atoms += (tags.DATETIME, value.year, value.month, value.day, value.hour, value.minute)
    encoder.atoms += (value.second, value.microsecond, value.fold)
    write_zone(encoder, value.tzinfo)


def _read_datetime(reader: Reader) -> dt.datetime:
    parts = [reader.integer(0, 999_999) for _ in range(7)]
    fold = reader.integer(0, 1)
    year, month, day, hour, minute, second, microsecond = parts
    zone = read_zone(reader)
    return dt.datetime(year, month, day, hour, minute, second, microsecond, zone, fold=fold)


def _write_date(encoder: Encoder, value: dt.date) -> None:
    encoder.atoms += (tags.DATE, value.toordinal())


def _read_date(reader: Reader) -> dt.date:
    return dt.date.fromordinal(reader.integer(1, dt.date.max.toordinal()))


def _write_time(encoder: Encoder, value: dt.time) -> None:
    encoder.atoms += (tags.TIME, value.hour, value.minute, value.second, value.microsecond, value.fold)
    write_zone(encoder, value.tzinfo)


def _read_time(reader: Reader) -> dt.time:
    hour, minute, second, microsecond = (reader.integer(0, 999_999) for _ in range(4))
    fold = reader.integer(0, 1)
    return dt.time(hour, minute, second, microsecond, read_zone(reader), fold=fold)


def _write_timedelta(encoder: Encoder, value: dt.timedelta) -> None:
    encoder.atoms += (tags.TIMEDELTA, value.days, value.seconds, value.microseconds)


def _read_timedelta(reader: Reader) -> dt.timedelta:
    days = reader.integer(-999_999_999, 999_999_999)
    return dt.timedelta(days, reader.integer(0, 86_399), reader.integer(0, 999_999))


def _write_decimal(encoder: Encoder, value: Decimal) -> None:
    text = str(value)
    if len(text) > tags.MAX_DECIMAL_CHARS:
        raise CannotTravel(
            f"a Decimal of {len(text)} digits may not travel; {tags.MAX_DECIMAL_CHARS} are allowed"
        )
    encoder.atoms += (tags.DECIMAL, text)


def _read_decimal(reader: Reader) -> Decimal:
    text: str = reader.of(str)
    if len(text) > tags.MAX_DECIMAL_CHARS:
        raise MalformedBytes("a Decimal is longer than allowed")
    try:
        value = Decimal(text)
    except ArithmeticError:
        raise MalformedBytes("a Decimal is no number") from None
    if str(value) != text:
        raise MalformedBytes("a Decimal is not in its usual form")
    return value


def _write_fraction(encoder: Encoder, value: Fraction) -> None:
    encoder.atoms.append(tags.FRACTION)
    for part in (value.numerator, value.denominator):
        data = part.to_bytes(part.bit_length() // 8 + 1, "little", signed=True)
        if len(data) > tags.MAX_FRACTION_BYTES:
            raise CannotTravel(f"a Fraction may have {tags.MAX_FRACTION_BYTES} bytes in each part")
        encoder.blob(data)


def _read_fraction(reader: Reader) -> Fraction:
    parts = [reader.blob(tags.MAX_FRACTION_BYTES) for _ in range(2)]
    numerator, denominator = (int.from_bytes(part, "little", signed=True) for part in parts)
    if denominator <= 0:
        raise MalformedBytes("a Fraction has no positive denominator")
    return Fraction(numerator, denominator)


def _write_uuid(encoder: Encoder, value: uuid.UUID) -> None:
    encoder.atoms.append(tags.UUID)
    encoder.blob(value.bytes)


def _read_uuid(reader: Reader) -> uuid.UUID:
    data = reader.blob(16)
    if len(data) != 16:
        raise MalformedBytes("a UUID has 16 bytes")
    return uuid.UUID(bytes=data)


def _write_bounds(tag: int) -> Callable[[Encoder, Any], None]:
    def write(encoder: Encoder, value: Any) -> None:
        encoder.atoms.append(tag)
        encoder.enter(3)
        for part in (value.start, value.stop, value.step):
            encoder.write(part)
        encoder.leave()

    return write


def _read_slice(reader: Reader) -> slice:
    reader.enter(3)
    start, stop, step = (reader.value() for _ in range(3))
    reader.leave()
    return slice(start, stop, step)


def _read_range(reader: Reader) -> range:
    reader.enter(3)
    start, stop, step = (reader.value_of(int) for _ in range(3))
    reader.leave()
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
        slice: _write_bounds(tags.SLICE),
        range: _write_bounds(tags.RANGE),
    }
)

READERS: Final[Mapping[int, Callable[[Any], Any]]] = MappingProxyType(
    {
        tags.COMPLEX: _read_complex,
        tags.DATETIME: _read_datetime,
        tags.DATE: _read_date,
        tags.TIME: _read_time,
        tags.TIMEDELTA: _read_timedelta,
        tags.DECIMAL: _read_decimal,
        tags.FRACTION: _read_fraction,
        tags.UUID: _read_uuid,
        tags.SLICE: _read_slice,
        tags.RANGE: _read_range,
    }
)
