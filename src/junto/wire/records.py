"""Registered types: dataclasses, named tuples and enums that both sides know by a short name.

A record arrives as it was at the sender: its declared fields are set one by one on an empty
instance; neither `__init__` nor `__post_init__` nor a property runs at the receiver, so no code of
the class sees half a record. Attributes that are not declared fields do not travel. The values of
the fields are of the closed set; whether they fit the annotations is not checked.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from collections.abc import Mapping
from typing import Any

from junto.errors import CannotTravel, ConfigError, MalformedBytes
from junto.wire import value_tags
from junto.wire.sink import ValueWriter
from junto.wire.source import ValueReader


def is_registrable(kind: type) -> bool:
    """Whether `kind` is a dataclass, named tuple or enum that a record can stand for."""
    if issubclass(kind, enum.Enum):
        return True
    if _is_named_tuple(kind):
        return True
    return dataclasses.is_dataclass(kind) and kind.__new__ is object.__new__ and kind.__basicsize__ > 0


def check_types(types: Mapping[str, type]) -> None:
    """Raise ConfigError for a type that cannot be registered, or one with two names."""
    seen: dict[type, str] = {}
    for name, kind in types.items():
        if not is_registrable(kind):
            raise ConfigError(
                f"wire_types: {kind.__qualname__} is no dataclass, named tuple or enum",
                fix="make it a dataclass without a __new__ of its own",
            )
        if kind in seen:
            raise ConfigError(
                f"wire_types: {kind.__qualname__} is registered twice, as {seen[kind]} and {name}",
                fix="name each type once in wire_types",
            )
        seen[kind] = name


def schema(kind: Any) -> str:
    """Kind and a hash over what travels: names and annotations of the fields, or names of the members."""
    if issubclass(kind, enum.Enum):
        form, parts = "enum", sorted(kind.__members__)
    elif _is_named_tuple(kind):
        notes = kind.__annotations__
        form, parts = "namedtuple", [f"{name}:{_annotation(notes.get(name))}" for name in _fields(kind)]
    else:
        form = "dataclass"
        parts = [f"{field.name}:{_annotation(field.type)}" for field in dataclasses.fields(kind)]
    return f"{form} {hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}"


def write_record(sink: ValueWriter, value: Any) -> None:
    """Name and fields in their declared order."""
    kind = type(value)
    sink.atoms += (value_tags.RECORD, sink.record_name(kind))
    if isinstance(value, enum.Enum):
        if kind.__members__.get(value.name or "") is not value:
            raise CannotTravel(
                f"a combination of members of {kind.__qualname__} may not travel",
                fix="send the members by themselves",
            )
        sink.atoms.append(value.name)
        return
    names = _fields(kind)
    sink.atoms.append(len(names))
    sink.enter(len(names))
    for name in names:
        if not hasattr(value, name):
            raise CannotTravel(
                f"the field {name} of a {kind.__qualname__} is not set",
                fix="set all fields before it is sent",
            )
        sink.write(getattr(value, name))
    sink.leave()


def read_record(source: ValueReader) -> Any:
    """An instance of the type that *we* know by that name."""
    kind: Any = source.policy.types.get(source.of(str))
    if kind is None:
        raise MalformedBytes("a record of a type that is not registered here")
    if issubclass(kind, enum.Enum):
        member = kind.__members__.get(source.of(str))
        if member is None:
            raise MalformedBytes("an enum has no such member")
        return member
    names = _fields(kind)
    count = source.integer(len(names), len(names))
    source.enter(count)
    values = [source.value() for _ in range(count)]
    source.leave()
    if _is_named_tuple(kind):
        return tuple.__new__(kind, values)
    record = object.__new__(kind)
    for name, value in zip(names, values, strict=True):
        object.__setattr__(record, name, value)
    return record


def _fields(kind: Any) -> tuple[str, ...]:
    if _is_named_tuple(kind):
        return tuple(kind._fields)
    return tuple(field.name for field in dataclasses.fields(kind))


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


def _annotation(note: Any) -> str:
    if isinstance(note, str):
        return note
    return note.__qualname__ if isinstance(note, type) else repr(note)
