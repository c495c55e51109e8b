"""Values to atoms and buffers: the sender's half of the codec.

Exact types only. A subclass could carry more than its base (attributes, behaviour), which would be
lost in silence, so it is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, final

from junto.errors import CannotTravel
from junto.wire import records, scalars, value_tags
from junto.wire.policy import WirePolicy
from junto.wire.sink import ValueWriter, Writer

# Which of our modules knows the types of a library. Only its own check of the exact type counts.
_LIBRARIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "numpy": "junto.wire.arrays",
        "ml_dtypes": "junto.wire.arrays",
        "jax": "junto.wire.arrays",
        "jaxlib": "junto.wire.arrays",
        "scipy": "junto.wire.sparse",
        "pandas": "junto.wire.pandas_values",
        "pyarrow": "junto.wire.arrow",
        "polars": "junto.wire.polars_tables",
    }
)


@final
class Encoder(ValueWriter):
    """The sink that knows every writer."""

    __slots__ = ("_names",)

    def __init__(self, policy: WirePolicy) -> None:
        super().__init__(policy)
        self._names: dict[type, str] | None = None

    def write(self, value: Any) -> None:
        writer = _WRITERS.get(type(value)) or self.writer_for(value)
        if writer is not None:
            writer(self, value)
        elif self.policy.pickle is not None:
            from junto.wire import pickles

            pickles.write_foreign(self, value)
        else:
            raise _not_in_the_set(value)

    def writer_for(self, value: Any) -> Writer | None:
        kind = type(value)
        writer = _WRITERS.get(kind)
        if writer is None and self.record_name(kind) is not None:
            writer = records.write_record
        if writer is None:
            home = _LIBRARIES.get(str(getattr(kind, "__module__", "")).partition(".")[0])
            writer = import_module(home).writer_for(value) if home else None
        return writer

    def record_name(self, kind: type) -> str | None:
        if self._names is None:
            self._names = {known: name for name, known in self.policy.types.items()}
        return self._names.get(kind)


def _not_in_the_set(value: Any) -> CannotTravel:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name.startswith("junto."):  # a handle, a device, a model, or what else a script holds
        return CannotTravel(
            f"a {kind.__name__} belongs to the script and is no value, so it may not cross a silo's edge",
            fix="pass a handle as an argument of the call: the function gets its value, where a variable of "
            "the script is the handle itself; and return plain data, arrays or tables",
        )
    if records.is_registrable(kind):
        return CannotTravel(
            f"a value of type {name} may not cross a silo's edge: the type is not registered",
            fix=f"register it at every party: sf.init(..., wire_types=[{kind.__name__}])",
        )
    base = next((known.__name__ for known in kind.__mro__[1:] if known in _WRITERS), None)
    plain = f"convert it to {base}" if base else "convert it to plain data, arrays or tables"
    message = f"a value of type {name} may not cross a silo's edge: the type is not of the closed set"
    if kind.__module__.partition(".")[0] in _LIBRARIES or (
        kind.__module__ != "__main__" and kind.__module__.partition(".")[0] in sys.stdlib_module_names
    ):
        return CannotTravel(message, fix=plain)
    return CannotTravel(
        message,
        fix=f"{plain}, or make it a dataclass and register it: sf.init(..., wire_types=[{kind.__name__}]), "
        "or (if you trust the other parties) list it: "
        f"cross_silo_serializing_allowed_list={{{kind.__module__!r}: [{kind.__qualname__!r}]}}",
    )


def _plain(sink: ValueWriter, value: Any) -> None:
    sink.atoms.append(value)


def _int(sink: ValueWriter, value: int) -> None:
    if -(1 << 63) <= value < (1 << 63):
        sink.atoms += (value_tags.INT, value)
        return
    size = value.bit_length() // 8 + 1
    if size > value_tags.MAX_INT_BYTES:
        raise CannotTravel(
            f"an int of {size} bytes may not travel; {value_tags.MAX_INT_BYTES} are allowed",
            fix="send it in parts, or as an array",
        )
    sink.atoms.append(value_tags.BIG_INT)
    sink.blob(value.to_bytes(size, "little", signed=True))


def _str(sink: ValueWriter, value: str) -> None:
    if len(value) <= value_tags.LONG_TEXT_CHARS:
        sink.atoms.append(value)
        return
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise CannotTravel(
            "a text holds a lone surrogate, which is no Unicode character", fix="encode it to bytes"
        ) from None
    sink.atoms += (value_tags.LONG_TEXT, len(data))
    sink.buffer(memoryview(data))


def _bytes(sink: ValueWriter, value: bytes) -> None:
    if len(value) <= value_tags.LONG_BYTES_LEN:
        sink.atoms.append(value_tags.BYTES)
        sink.blob(value)
    else:
        sink.atoms += (value_tags.LONG_BYTES, len(value))
        sink.buffer(memoryview(value))


def _bytearray(sink: ValueWriter, value: bytearray) -> None:
    sink.atoms += (value_tags.BYTEARRAY, len(value))
    sink.buffer(memoryview(bytes(value)))  # a view of the original would forbid its owner to resize it


def _sequence(tag: int) -> Writer:
    def write(sink: ValueWriter, value: Collection[Any]) -> None:
        sink.atoms.append(tag)
        sink.items(value)

    return write


def _dict(sink: ValueWriter, value: dict[Any, Any]) -> None:
    sink.atoms += (value_tags.DICT, len(value))
    sink.enter(2 * len(value))
    for key, item in value.items():
        sink.write(key)
        sink.write(item)
    sink.leave()


_WRITERS: Final[Mapping[type, Writer]] = MappingProxyType(
    {
        type(None): _plain,
        bool: _plain,
        float: _plain,
        int: _int,
        str: _str,
        bytes: _bytes,
        bytearray: _bytearray,
        list: _sequence(value_tags.LIST),
        tuple: _sequence(value_tags.TUPLE),
        set: _sequence(value_tags.SET),
        frozenset: _sequence(value_tags.FROZENSET),
        dict: _dict,
        **scalars.WRITERS,
    }
)
