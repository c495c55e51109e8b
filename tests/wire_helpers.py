"""What the tests of the wire share: the trip there and back, and hand-made bytes."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from junto.wire import value_tags
from junto.wire.codec import decode, encode
from junto.wire.policy import WirePolicy

PLAIN = WirePolicy()


def to_bytes(value: Any, policy: WirePolicy = PLAIN) -> bytearray:
    payload = encode(value, policy)
    data = bytearray(b"".join(payload.pieces))
    assert len(data) == payload.nbytes
    return data


def from_bytes(data: bytes | bytearray, policy: WirePolicy = PLAIN) -> Any:
    return decode(memoryview(data), policy)


def round_trip(value: Any, policy: WirePolicy = PLAIN) -> Any:
    return from_bytes(to_bytes(value, policy), policy)


def forge(atoms: list[Any], *buffers: bytes, blobs: bytes = b"") -> bytearray:
    """Bytes that are laid out as ours are, with whatever in them."""
    packed = msgspec.msgpack.encode(atoms)
    data = bytearray(struct.pack("<4sII", value_tags.MAGIC, len(packed), len(blobs)) + packed + blobs)
    for buffer in buffers:
        data += bytes(-len(data) % value_tags.ALIGN) + buffer
    return data


def forge_header(packed: bytes) -> bytearray:
    """Bytes whose header is not even made by msgpack."""
    return bytearray(struct.pack("<4sII", value_tags.MAGIC, len(packed), 0) + packed)
