"""Where readers take a value from: atoms, blobs and buffers, each length checked before it is believed."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from typing import Any, Final

import msgspec

from junto.errors import MalformedBytes
from junto.wire import value_tags
from junto.wire.policy import WirePolicy

_UNPACKER: Final = msgspec.msgpack.Decoder(list[bool | int | float | str | None])
_ZEROS: Final = bytes(value_tags.ALIGN)


class ValueReader(ABC):
    """Walks over the atoms and buffers of one value. Not thread-safe."""

    __slots__ = (
        "_at",
        "_atoms",
        "_blobs",
        "_cursor",
        "_data",
        "_depth",
        "_nodes",
        "policy",
        "resolved",
        "writable",
    )

    def __init__(self, data: memoryview, policy: WirePolicy) -> None:
        limits = policy.limits
        if len(data) < value_tags.PREFIX:
            raise MalformedBytes("the value is shorter than its prefix")
        magic, size, blobs = struct.unpack_from("<4sII", data)
        if magic != value_tags.MAGIC:
            raise MalformedBytes("the value does not begin like one of ours, or is of another version")
        middle = value_tags.PREFIX + size
        end = middle + blobs
        if size + blobs > limits.max_header_bytes or end > len(data):
            raise MalformedBytes("the header is longer than allowed, or than what was received")
        if limits.max_value_bytes is not None and len(data) > limits.max_value_bytes:
            raise MalformedBytes("the value is larger than allowed")
        header = data[value_tags.PREFIX : middle]
        if not 0 < _atom_count(header) <= min(size, value_tags.max_atoms(limits.max_nodes)):
            raise MalformedBytes("the header claims more parts than it can have")
        self._atoms = _UNPACKER.decode(header)
        self._at = 0
        self._blobs = data[middle:end]
        self._data = data
        self._cursor = end
        self._depth = 0
        self._nodes = 0
        self.policy: WirePolicy = policy
        self.resolved: set[str] = set()
        self.writable: bool = not data.readonly

    @abstractmethod
    def value(self) -> Any:
        """The next value."""

    def atom(self) -> Any:
        """The next atom as it is."""
        at = self._at
        if at >= len(self._atoms):
            raise MalformedBytes("the header ends in the middle of a value")
        self._at = at + 1
        return self._atoms[at]

    def integer(self, low: int, high: int) -> int:
        """The next atom, an int with low <= it <= high."""
        atom = self.atom()
        if type(atom) is not int or not low <= atom <= high:
            raise MalformedBytes("a number is missing or out of range")
        return atom

    def of(self, kind: type[Any]) -> Any:
        """The next atom, which must be of exactly this type."""
        atom = self.atom()
        if type(atom) is not kind:
            raise MalformedBytes("a part of a value is of the wrong type")
        return atom

    def value_of(self, *kinds: type[Any]) -> Any:
        """The next value, which must be of exactly one of these types."""
        value = self.value()
        if type(value) not in kinds:
            raise MalformedBytes("a part of a value is of the wrong type")
        return value

    def left(self) -> int:
        """How many atoms are left: no container can have more elements."""
        return len(self._atoms) - self._at

    def spend(self, nodes: int) -> None:
        """Count elements against the limit."""
        self._nodes += nodes
        if self._nodes > self.policy.limits.max_nodes:
            raise MalformedBytes("the value has more elements than allowed")

    def enter(self, elements: int) -> None:
        """One level down, into a container of so many elements."""
        if elements > self.left():
            raise MalformedBytes("a container claims more elements than there are")
        self.spend(elements)
        self._depth += 1
        if self._depth > self.policy.limits.max_depth:
            raise MalformedBytes("the value is nested deeper than allowed")

    def leave(self) -> None:
        """One level up."""
        self._depth -= 1

    def items(self) -> list[Any]:
        """Count and elements; a negative count announces plain ints."""
        count = self.integer(-self.left(), self.left())
        self.enter(abs(count))
        run = self._atoms[self._at : self._at + abs(count)]
        kinds = frozenset(map(type, run))
        if count < 0:
            if kinds != {int}:
                raise MalformedBytes("a run of ints holds something else")
        elif int in kinds:
            run = [self.value() for _ in range(count)]
            self.leave()
            return run
        self._at += abs(count)
        self.leave()
        return run

    def blob(self, limit: int) -> bytes:
        """The next short byte string, of at most `limit` bytes."""
        size = self.integer(0, min(limit, len(self._blobs)))
        data = bytes(self._blobs[:size])
        self._blobs = self._blobs[size:]
        return data

    def buffer(self, nbytes: int) -> memoryview:
        """The next buffer, a view of the received bytes."""
        if nbytes == 0:
            return memoryview(b"")
        start = self._cursor + -self._cursor % value_tags.ALIGN
        end = start + nbytes
        if end > len(self._data):
            raise MalformedBytes("a buffer is longer than what was received")
        if self._data[self._cursor : start] != _ZEROS[: start - self._cursor]:
            raise MalformedBytes("a gap between two buffers is not empty")
        self._cursor = end
        return self._data[start:end]

    def finish(self) -> None:
        """Nothing may be left over."""
        if self._at != len(self._atoms) or len(self._blobs) or self._cursor != len(self._data):
            raise MalformedBytes("something follows the value")


def _atom_count(header: memoryview) -> int:
    """What the one msgpack array claims; the parser would allocate that much."""
    first = header[0] if len(header) else 0
    if 0x90 <= first <= 0x9F:
        return first & 0x0F
    if first == 0xDC and len(header) >= 3:
        return int.from_bytes(header[1:3], "big")
    if first == 0xDD and len(header) >= 5:
        return int.from_bytes(header[1:5], "big")
    raise MalformedBytes("the header is no array")
