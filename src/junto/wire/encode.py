"""Values to atoms and buffers: the sender's half of the codec.

Exact types only. A subclass could carry more than its base (attributes, behaviour), which would be
lost in silence, so it is refused.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

import msgspec

from junto.errors import CannotTravel
from junto.wire import records, scalars, tags
from junto.wire.payload import Payload, Summary
from junto.wire.policy import WirePolicy

Atom = None | bool | int | float | str
Writer = Callable[["Encoder", Any], None]

_PACKER: Final = msgspec.msgpack.Encoder()
_ZEROS: Final = memoryview(bytes(tags.ALIGN))
_PLAIN: Final = frozenset((float, bool, type(None)))
_PLAIN_OR_TEXT: Final = _PLAIN | {str}
_ONLY_INT: Final = frozenset((int,))

# Which of our modules knows the types of a library. Only its own check of the exact type counts.
_LIBRARIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "numpy": "junto.wire.arrays",
        "ml_dtypes": "junto.wire.arrays",
        "jax": "junto.wire.arrays",
        "jaxlib": "junto.wire.arrays",
        "scipy": "junto.wire.sparse",
        "pandas": "junto.wire.frames",
        "pyarrow": "junto.wire.arrow",
        "polars": "junto.wire.arrow",
    }
)


class Encoder:
    """One value on its way to atoms and buffers. Not for a second value, not thread-safe."""

    __slots__ = ("_depth", "_names", "_nodes", "atoms", "blobs", "buffers", "policy")

    def __init__(self, policy: WirePolicy) -> None:
        self.policy = policy
        self.atoms: list[Atom] = []
        self.blobs = bytearray()
        self.buffers: list[memoryview] = []
        self._depth = 0
        self._nodes = 0
        self._names: dict[type, str] | None = None

    def write(self, value: Any) -> None:
        """Append `value`. Raises CannotTravel."""
        writer = _WRITERS.get(type(value)) or self.writer_for(value)
        if writer is not None:
            writer(self, value)
        elif self.policy.pickle is not None:
            from junto.wire import pickles

            pickles.write_foreign(self, value)
        else:
            raise _not_in_the_set(value)

    def writer_for(self, value: Any) -> Writer | None:
        """What writes `value` without pickle, or None if its type is not of the closed set."""
        kind = type(value)
        writer = _WRITERS.get(kind)
        if writer is None and self.record_name(kind) is not None:
            writer = records.write_record
        if writer is None:
            home = _LIBRARIES.get(str(getattr(kind, "__module__", "")).partition(".")[0])
            writer = import_module(home).writer_for(value) if home else None
        return writer

    def record_name(self, kind: type) -> str | None:
        """The short name under which `kind` is registered, or None."""
        if self._names is None:
            self._names = {known: name for name, known in self.policy.types.items()}
        return self._names.get(kind)

    def spend(self, nodes: int) -> None:
        """Count elements. Raises CannotTravel when they are too many."""
        self._nodes += nodes
        if self._nodes > self.policy.limits.max_nodes:
            raise CannotTravel(
                f"the value has more than {self.policy.limits.max_nodes} elements in its containers",
                fix="send numbers as a numpy array and records as a table",
            )

    def enter(self, elements: int) -> None:
        """One level down, into a container of so many elements. Raises CannotTravel."""
        self.spend(elements)
        self._depth += 1
        if self._depth > self.policy.limits.max_depth:
            raise CannotTravel(
                f"the value is nested deeper than {self.policy.limits.max_depth} levels, or contains itself",
                fix="flatten it, or break the cycle",
            )

    def leave(self) -> None:
        """One level up."""
        self._depth -= 1

    def items(self, values: Collection[Any]) -> None:
        """Append the count and the elements; runs of plain numbers without a look at each."""
        count = len(values)
        kinds = frozenset(map(type, values))
        self.enter(count)
        atoms = self.atoms
        if kinds == _ONLY_INT and min(values) >= -(1 << 63) and max(values) < (1 << 63):
            atoms.append(-count)
            atoms.extend(values)
        elif kinds <= _PLAIN or (
            kinds <= _PLAIN_OR_TEXT
            and all(len(item) <= tags.LONG_TEXT_CHARS for item in values if type(item) is str)
        ):
            atoms.append(count)
            atoms.extend(values)
        else:
            atoms.append(count)
            for item in values:
                self.write(item)
        self.leave()

    def blob(self, data: bytes) -> None:
        """Append a short byte string."""
        self.atoms.append(len(data))
        self.blobs += data

    def buffer(self, view: memoryview) -> None:
        """Append a buffer (contiguous, format ``B``). Its length must follow from the atoms."""
        if view.nbytes:
            self.buffers.append(view)

    def payload(self, summary: Summary) -> Payload:
        """Header and buffers, laid out as `tags` says. Raises CannotTravel."""
        limits = self.policy.limits
        head = self._head()
        if len(head) - tags.PREFIX > limits.max_header_bytes:
            raise CannotTravel(
                f"the value needs a header of {len(head)} bytes; {limits.max_header_bytes} are allowed",
                fix="send numbers as a numpy array and texts as a table",
            )
        pieces = [memoryview(head)]
        total = len(head)
        for view in self.buffers:
            gap = -total % tags.ALIGN
            if gap:
                pieces.append(_ZEROS[:gap])
            pieces.append(view)
            total += gap + view.nbytes
        if limits.max_value_bytes is not None and total > limits.max_value_bytes:
            raise CannotTravel(
                f"the value has {total} bytes; {limits.max_value_bytes} are allowed",
                fix="raise messages_max_size_in_bytes at every party, or send it in parts",
            )
        return Payload(tuple(pieces), total, summary)

    def _head(self) -> bytearray:
        if len(self.atoms) > tags.max_atoms(self.policy.limits.max_nodes):
            raise CannotTravel(
                "the value has too many parts", fix="send numbers as a numpy array and records as a table"
            )
        head = bytearray(64)
        try:
            _PACKER.encode_into(self.atoms, head, tags.PREFIX)
        except UnicodeEncodeError:
            raise CannotTravel(
                "a text holds a lone surrogate, which is no Unicode character",
                fix="encode it to bytes, for instance with errors='surrogateescape'",
            ) from None
        struct.pack_into("<4sII", head, 0, tags.MAGIC, len(head) - tags.PREFIX, len(self.blobs))
        head += self.blobs
        return head


def _not_in_the_set(value: Any) -> CannotTravel:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
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
        fix=f"{plain}, or make it a dataclass and register it: sf.init(..., wire_types=[{kind.__name__}]), or (if "
        f"you trust the other parties) list it: cross_silo_serializing_allowed_list={{{kind.__module__!r}: "
        f"[{kind.__qualname__!r}]}}",
    )


def _plain(encoder: Encoder, value: Any) -> None:
    encoder.atoms.append(value)


def _int(encoder: Encoder, value: int) -> None:
    if -(1 << 63) <= value < (1 << 63):
        encoder.atoms += (tags.INT, value)
        return
    size = value.bit_length() // 8 + 1
    if size > tags.MAX_INT_BYTES:
        raise CannotTravel(f"an int of {size} bytes may not travel; {tags.MAX_INT_BYTES} are allowed")
    encoder.atoms.append(tags.BIG_INT)
    encoder.blob(value.to_bytes(size, "little", signed=True))


def _str(encoder: Encoder, value: str) -> None:
    if len(value) <= tags.LONG_TEXT_CHARS:
        encoder.atoms.append(value)
        return
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise CannotTravel(
            "a text holds a lone surrogate, which is no Unicode character", fix="encode it to bytes"
        ) from None
    encoder.atoms += (tags.LONG_TEXT, len(data))
    encoder.buffer(memoryview(data))


def _bytes(encoder: Encoder, value: bytes) -> None:
    if len(value) <= tags.LONG_BYTES_LEN:
        encoder.atoms.append(tags.BYTES)
        encoder.blob(value)
    else:
        encoder.atoms += (tags.LONG_BYTES, len(value))
        encoder.buffer(memoryview(value))


def _bytearray(encoder: Encoder, value: bytearray) -> None:
    encoder.atoms += (tags.BYTEARRAY, len(value))
    encoder.buffer(memoryview(bytes(value)))  # a view of the original would forbid its owner to resize it


def _sequence(tag: int) -> Writer:
    def write(encoder: Encoder, value: Collection[Any]) -> None:
        encoder.atoms.append(tag)
        encoder.items(value)

    return write


def _dict(encoder: Encoder, value: dict[Any, Any]) -> None:
    encoder.atoms += (tags.DICT, len(value))
    encoder.enter(2 * len(value))
    for key, item in value.items():
        encoder.write(key)
        encoder.write(item)
    encoder.leave()


_WRITERS: Final[Mapping[type, Writer]] = MappingProxyType(
    {
        type(None): _plain,
        bool: _plain,
        float: _plain,
        int: _int,
        str: _str,
        bytes: _bytes,
        bytearray: _bytearray,
        list: _sequence(tags.LIST),
        tuple: _sequence(tags.TUPLE),
        set: _sequence(tags.SET),
        frozenset: _sequence(tags.FROZENSET),
        dict: _dict,
        **scalars.WRITERS,
    }
)
