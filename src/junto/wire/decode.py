"""Bytes of a peer to a value: the receiver's half of the codec.

Every length is compared with what is there before anything is made of it. Nothing here imports,
looks up or calls anything by a name that the peer chose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, final

from junto.errors import MalformedBytes
from junto.wire import records, scalars, value_tags
from junto.wire.hashed import check_hashes
from junto.wire.source import ValueReader

ReadFunction = Callable[[ValueReader], Any]


@final
class Reader(ValueReader):
    """The source that knows every tag."""

    __slots__ = ()

    def value(self) -> Any:
        atom = self.atom()
        if type(atom) is not int:
            return atom
        read = _READERS.get(atom)
        if read is None:
            raise MalformedBytes("unknown tag")
        return read(self)


def _big_int(source: ValueReader) -> int:
    return int.from_bytes(source.blob(value_tags.MAX_INT_BYTES), "little", signed=True)


def _long_text(source: ValueReader) -> str:
    return str(source.buffer(source.integer(0, 1 << 62)), "utf-8")


def _dict(source: ValueReader) -> dict[Any, Any]:
    count = source.integer(0, source.left())
    source.enter(2 * count)
    pairs = [(source.value(), source.value()) for _ in range(count)]
    source.leave()
    check_hashes(key for key, _ in pairs)
    result = dict(pairs)
    if len(result) != count:
        raise MalformedBytes("a dict has a key twice")
    return result


def _set(kind: type[Any]) -> ReadFunction:
    def read(source: ValueReader) -> Any:
        items = source.items()
        check_hashes(items)
        result = kind(items)
        if len(result) != len(items):
            raise MalformedBytes("a set has an element twice")
        return result

    return read


def _in_module(module: str, function: str) -> ReadFunction:
    """A source of a module that is loaded when it is first needed."""

    def read(source: ValueReader) -> Any:
        return getattr(import_module(module), function)(source)

    return read


_READERS: Final[Mapping[int, ReadFunction]] = MappingProxyType(
    {
        value_tags.INT: lambda source: source.of(int),
        value_tags.BIG_INT: _big_int,
        value_tags.BYTES: lambda source: source.blob(value_tags.LONG_BYTES_LEN),
        value_tags.LONG_TEXT: _long_text,
        value_tags.LONG_BYTES: lambda source: bytes(source.buffer(source.integer(0, 1 << 62))),
        value_tags.BYTEARRAY: lambda source: bytearray(source.buffer(source.integer(0, 1 << 62))),
        value_tags.LIST: ValueReader.items,
        value_tags.TUPLE: lambda source: tuple(source.items()),
        value_tags.DICT: _dict,
        value_tags.SET: _set(set),
        value_tags.FROZENSET: _set(frozenset),
        value_tags.RECORD: records.read_record,
        value_tags.ARRAY: _in_module("junto.wire.arrays", "read_array"),
        value_tags.ARRAY_SCALAR: _in_module("junto.wire.arrays", "read_scalar"),
        value_tags.ARRAY_TEXT: _in_module("junto.wire.arrays", "read_text"),
        value_tags.DTYPE: _in_module("junto.wire.arrays", "read_dtype"),
        value_tags.JAX_ARRAY: _in_module("junto.wire.arrays", "read_jax"),
        value_tags.SPARSE: _in_module("junto.wire.sparse", "read_sparse"),
        value_tags.FRAME: _in_module("junto.wire.pandas_values", "read_frame"),
        value_tags.SERIES: _in_module("junto.wire.pandas_values", "read_series"),
        value_tags.INDEX: _in_module("junto.wire.pandas_values", "read_index"),
        value_tags.TIMESTAMP: _in_module("junto.wire.pandas_values", "read_timestamp"),
        value_tags.PANDAS_TIMEDELTA: _in_module("junto.wire.pandas_values", "read_timedelta"),
        value_tags.MISSING: _in_module("junto.wire.pandas_values", "read_missing"),
        value_tags.ARROW: _in_module("junto.wire.arrow", "read_arrow"),
        value_tags.POLARS: _in_module("junto.wire.polars_tables", "read_polars"),
        value_tags.PICKLE: _in_module("junto.wire.pickles", "read_foreign"),
        **scalars.READERS,
    }
)
