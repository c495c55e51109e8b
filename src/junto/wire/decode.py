"""Bytes of a peer to a value: the receiver's half of the codec.

Every length is compared with what is there before anything is made of it. Nothing here imports,
looks up or calls anything by a name that the peer chose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, final

from junto.errors import MalformedBytes
from junto.wire import records, scalars, tags
from junto.wire.source import Source

_MOST_ALIKE: Final = 64
"""So many keys of one dict or set may have the same hash; those of honest data hardly ever do."""

ReadFunction = Callable[[Source], Any]


@final
class Reader(Source):
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


def _big_int(source: Source) -> int:
    return int.from_bytes(source.blob(tags.MAX_INT_BYTES), "little", signed=True)


def _long_text(source: Source) -> str:
    return str(source.buffer(source.integer(0, 1 << 62)), "utf-8")


def _dict(source: Source) -> dict[Any, Any]:
    count = source.integer(0, source.left())
    source.enter(2 * count)
    pairs = [(source.value(), source.value()) for _ in range(count)]
    source.leave()
    _check_hashes(key for key, _ in pairs)
    result = dict(pairs)
    if len(result) != count:
        raise MalformedBytes("a dict has a key twice")
    return result


def _set(kind: type[Any]) -> ReadFunction:
    def read(source: Source) -> Any:
        items = source.items()
        _check_hashes(items)
        result = kind(items)
        if len(result) != len(items):
            raise MalformedBytes("a set has an element twice")
        return result

    return read


def _check_hashes(keys: Iterable[Any]) -> None:
    """Refuse keys chosen so that they collide: n of them would take n * n steps to tell apart."""
    try:
        counts = Counter(map(hash, keys))
    except TypeError:
        raise MalformedBytes("a key cannot be hashed") from None
    if max(counts.values(), default=0) > _MOST_ALIKE:
        raise MalformedBytes("too many keys have the same hash")


def _in_module(module: str, function: str) -> ReadFunction:
    """A source of a module that is loaded when it is first needed."""

    def read(source: Source) -> Any:
        return getattr(import_module(module), function)(source)

    return read


_READERS: Final[Mapping[int, ReadFunction]] = MappingProxyType(
    {
        tags.INT: lambda source: source.of(int),
        tags.BIG_INT: _big_int,
        tags.BYTES: lambda source: source.blob(tags.LONG_BYTES_LEN),
        tags.LONG_TEXT: _long_text,
        tags.LONG_BYTES: lambda source: bytes(source.buffer(source.integer(0, 1 << 62))),
        tags.BYTEARRAY: lambda source: bytearray(source.buffer(source.integer(0, 1 << 62))),
        tags.LIST: Source.items,
        tags.TUPLE: lambda source: tuple(source.items()),
        tags.DICT: _dict,
        tags.SET: _set(set),
        tags.FROZENSET: _set(frozenset),
        tags.RECORD: records.read_record,
        tags.ARRAY: _in_module("junto.wire.arrays", "read_array"),
        tags.ARRAY_SCALAR: _in_module("junto.wire.arrays", "read_scalar"),
        tags.ARRAY_TEXT: _in_module("junto.wire.arrays", "read_text"),
        tags.DTYPE: _in_module("junto.wire.arrays", "read_dtype"),
        tags.JAX_ARRAY: _in_module("junto.wire.arrays", "read_jax"),
        tags.SPARSE: _in_module("junto.wire.sparse", "read_sparse"),
        tags.FRAME: _in_module("junto.wire.frames", "read_frame"),
        tags.SERIES: _in_module("junto.wire.frames", "read_series"),
        tags.INDEX: _in_module("junto.wire.frames", "read_index"),
        tags.TIMESTAMP: _in_module("junto.wire.frames", "read_timestamp"),
        tags.PANDAS_TIMEDELTA: _in_module("junto.wire.frames", "read_timedelta"),
        tags.MISSING: _in_module("junto.wire.frames", "read_missing"),
        tags.ARROW: _in_module("junto.wire.arrow", "read_arrow"),
        tags.POLARS: _in_module("junto.wire.polars_tables", "read_polars"),
        tags.PICKLE: _in_module("junto.wire.pickles", "read_foreign"),
        **scalars.READERS,
    }
)
