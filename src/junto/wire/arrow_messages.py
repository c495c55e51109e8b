"""A look at an Arrow IPC stream before Arrow reads it.

Reading a schema runs the code of registered extension types, and reading a compressed batch allocates what
it claims; both are decided before anybody can ask. Within a message one part may be pointed at many times: a
name, a field, a buffer. Arrow copies, or walks over, each as often as it is named. So the messages are walked
here first, with nothing but offsets that are checked, and one rule holds: what is named, counted as often as
it is named, is no larger than what was received.

Source: Schema.fbs and Message.fbs of the Arrow format, version 5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from junto.errors import MalformedBytes

_CONTINUATION: Final = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_NULL, _TIMESTAMP = 1, 10
_TYPES: Final = frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15, 16, 17, 18, 19, 20, 21))
"""Null, Int, FloatingPoint, Binary, Utf8, Bool, Decimal, Date, Time, Timestamp, List, Struct,
FixedSizeBinary, FixedSizeList, Map, Duration and the large ones: no intervals, unions, views, run ends."""

_FIELD_BYTES: Final = 16
"""A field of a schema takes more than this: its entry in a vector and a table of three entries."""

_LOOKS_AT_DICTIONARIES: Final = 64
"""How often a stream's own length may be looked at as the dictionaries of its batches."""


def check_messages(view: memoryview) -> None:
    """Refuse what runs code, what is compressed, and what claims more than it brings.

    An IPC stream is a row of messages: 0xFFFFFFFF, i32 length, a flatbuffer ``Message`` (version,
    header_type, header, bodyLength, custom_metadata), body.
    """
    at, size = 0, 1
    dictionaries: dict[int, int] = {}
    looked = 0
    try:
        while size:
            mark, size = struct.unpack_from("<Ii", view, at)
            if mark != _CONTINUATION or size < 0:
                raise MalformedBytes("an Arrow stream has a message without its mark")
            at += 8 + size
            if size:
                message = _Message(bytes(view[at - size : at]))
                at += message.body
                if message.kind == _SCHEMA:
                    _check_schema(message)
                elif message.kind == _DICTIONARY:
                    dictionaries[message.dictionary] = message.body
                looked += sum(dictionaries.values()) if message.kind == _BATCH else 0
                if looked > _LOOKS_AT_DICTIONARIES * len(view):
                    raise MalformedBytes("an Arrow stream repeats its dictionaries too often")
    except (struct.error, IndexError, RecursionError):
        raise MalformedBytes("an Arrow stream ends in the middle of a message") from None
    if at != len(view):
        raise MalformedBytes("something follows an Arrow stream")


class _Message:
    """One message: its kind, and the length of the body that follows."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        root = self._u32(0)
        kind_at, header_at, body_at, metadata_at = (self.field(root, slot) for slot in (1, 2, 3, 4))
        if not kind_at or not header_at:
            raise MalformedBytes("an Arrow message has no header")
        self.no_metadata(metadata_at)
        self.kind: int = data[kind_at]
        self.header = self.follow(header_at)
        self.body = int(struct.unpack_from("<q", data, body_at)[0]) if body_at else 0
        if self.body < 0:
            raise MalformedBytes("an Arrow message has a body of negative length")
        self.dictionary = 0
        if self.kind == _DICTIONARY:
            id_at, batch_at, delta_at = (self.field(self.header, slot) for slot in range(3))
            if delta_at and data[delta_at]:  # each batch would see, and keep, all that came before it
                raise MalformedBytes("an Arrow stream adds to a dictionary")
            self.dictionary = struct.unpack_from("<q", data, id_at)[0] if id_at else 0
            self._check_batch(self.follow(batch_at))
        elif self.kind == _BATCH:
            self._check_batch(self.header)
        elif self.kind != _SCHEMA:
            raise MalformedBytes("an Arrow stream has a message of an unknown kind")

    def _check_batch(self, batch: int) -> None:
        if self.field(batch, 3):
            raise MalformedBytes("an Arrow stream is compressed")
        buffers_at = self.field(batch, 2)
        if not buffers_at:
            return
        start, count = self.vector(buffers_at, 16)
        lengths = struct.unpack_from(f"<{2 * count}q", self.data, start)[1::2]
        if min(lengths, default=0) < 0 or sum(lengths) > self.body:
            raise MalformedBytes("the buffers of an Arrow message are longer than its body")

    def field(self, table: int, slot: int) -> int:
        """Where a flatbuffer table keeps that field, or 0 if it is absent."""
        vtable = table - struct.unpack_from("<i", self.data, table)[0]
        if vtable < 0:
            raise MalformedBytes("an Arrow message points outside of itself")
        size = struct.unpack_from("<H", self.data, vtable)[0]
        place = vtable + 4 + 2 * slot
        offset = struct.unpack_from("<H", self.data, place)[0] if 4 + 2 * slot < size else 0
        return table + int(offset) if offset else 0

    def follow(self, at: int) -> int:
        """Where the offset that stands at `at` points."""
        return at + self._u32(at)

    def vector(self, at: int, width: int) -> tuple[int, int]:
        """Where the elements of a vector begin, and how many there are."""
        start = self.follow(at)
        count = self._u32(start)
        if start + 4 + width * count > len(self.data):
            raise MalformedBytes("an Arrow message points outside of itself")
        return start + 4, count

    def tables(self, at: int) -> Iterator[int]:
        """The tables of a vector of tables; none if there is no vector."""
        if at:
            start, count = self.vector(at, 4)
            yield from (self.follow(start + 4 * number) for number in range(count))

    def no_metadata(self, at: int) -> None:
        """Metadata does not travel: it is refused unless it is empty."""
        if at and self.vector(at, 4)[1]:
            raise MalformedBytes("an Arrow stream has metadata, an extension type's perhaps")

    def _u32(self, at: int) -> int:
        return int(struct.unpack_from("<I", self.data, at)[0])


def _check_schema(message: _Message) -> None:
    message.no_metadata(message.field(message.header, 2))
    seen: set[int] = set()
    left = len(message.data)
    for field in message.tables(message.field(message.header, 1)):
        left = _spend_field(message, field, left, seen, top=True)


def _spend_field(message: _Message, field: int, left: int, seen: set[int], *, top: bool) -> int:
    """What is left of the message's length once this field, and all below it, has had its part."""
    name_at, kind_at, type_at, dictionary_at, children_at, metadata_at = (
        message.field(field, slot) for slot in (0, 2, 3, 4, 5, 6)
    )
    kind = message.data[kind_at] if kind_at else 0
    if kind not in _TYPES or not type_at:
        raise MalformedBytes("an Arrow column has a type that is not of the closed set")
    if kind == _NULL and not top:
        raise MalformedBytes("an Arrow column has nulls that have no bytes within its lists or structures")
    message.no_metadata(metadata_at)
    left -= _FIELD_BYTES + (message.vector(name_at, 1)[1] if name_at else 0)
    if kind == _TIMESTAMP and (zone_at := message.field(message.follow(type_at), 1)):
        left -= message.vector(zone_at, 1)[1]
    if dictionary_at:
        id_at = message.field(message.follow(dictionary_at), 0)
        identity = struct.unpack_from("<q", message.data, id_at)[0] if id_at else 0
        if identity in seen:
            raise MalformedBytes("two columns of an Arrow stream share a dictionary")
        seen.add(identity)
    if left < 0:
        raise MalformedBytes("an Arrow schema names its parts more often than it has them")
    for child in message.tables(children_at):
        left = _spend_field(message, child, left, seen, top=False)
    return left
