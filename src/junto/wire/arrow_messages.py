"""A look at an Arrow IPC stream before Arrow reads it.

Reading a schema runs the code of registered extension types, and reading a compressed batch
allocates what it claims; both are decided before anybody can ask. So the messages are walked here,
with nothing but offsets that are checked.
"""

from __future__ import annotations

import struct
from typing import Final

from junto.errors import MalformedBytes

_EXTENSION: Final = b"ARROW:extension"
_CONTINUATION: Final = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3


def check_messages(view: memoryview) -> None:
    """Refuse extension types and compression before the stream is given to Arrow.

    An IPC stream is a row of messages: 0xFFFFFFFF, i32 length, a flatbuffer ``Message`` (version,
    header_type, header, bodyLength, custom_metadata), body. Source: Arrow's Message.fbs.
    """
    at = 0
    size = 1
    try:
        while size:
            mark, size = struct.unpack_from("<Ii", view, at)
            if mark != _CONTINUATION or size < 0:
                raise MalformedBytes("an Arrow stream has a message without its mark")
            at += 8 + size
            if size:
                at += _check_message(bytes(view[at - size : at]))
    except struct.error:
        raise MalformedBytes("an Arrow stream ends in the middle of a message") from None
    if at != len(view):
        raise MalformedBytes("something follows an Arrow stream")


def _check_message(message: bytes) -> int:
    """The length of the body that follows."""
    root = struct.unpack_from("<I", message)[0]
    kind_at, header_at, body_at = (_field(message, root, slot) for slot in (1, 2, 3))
    if not kind_at or not header_at:
        raise MalformedBytes("an Arrow message has no header")
    kind = struct.unpack_from("<B", message, kind_at)[0]
    header = _follow(message, header_at)
    if kind == _SCHEMA:
        if _EXTENSION in message:
            raise MalformedBytes("an Arrow stream uses an extension type")
    elif kind in (_DICTIONARY, _BATCH):
        batch = _follow(message, _field(message, header, 1)) if kind == _DICTIONARY else header
        if _field(message, batch, 3):
            raise MalformedBytes("an Arrow stream is compressed")
    else:
        raise MalformedBytes("an Arrow stream has a message of an unknown kind")
    body = struct.unpack_from("<q", message, body_at)[0] if body_at else 0
    if body < 0:
        raise MalformedBytes("an Arrow message has a body of negative length")
    return int(body)


def _field(message: bytes, table: int, slot: int) -> int:
    """Where a flatbuffer table keeps that field, or 0 if it is absent."""
    vtable = table - struct.unpack_from("<i", message, table)[0]
    if vtable < 0:
        raise MalformedBytes("an Arrow message points outside of itself")
    size = struct.unpack_from("<H", message, vtable)[0]
    offset = struct.unpack_from("<H", message, vtable + 4 + 2 * slot)[0] if 4 + 2 * slot < size else 0
    return table + int(offset) if offset else 0


def _follow(message: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", message, at)[0])
