"""Where writers put a value: atoms, blobs and buffers, counted against the limits."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from junto.errors import CannotTravel
from junto.wire import value_tags
from junto.wire.payload import Payload, Summary
from junto.wire.policy import WirePolicy

Atom = bool | int | float | str | None
Writer = Callable[["ValueWriter", Any], None]

_PACKER: Final = msgspec.msgpack.Encoder()
_ZEROS: Final = memoryview(bytes(value_tags.ALIGN))
_PLAIN: Final = frozenset((float, bool, type(None)))
_PLAIN_OR_TEXT: Final = _PLAIN | {str}
_ONLY_INT: Final = frozenset((int,))


class ValueWriter(ABC):
    """One value on its way to atoms and buffers. Not for a second value, not thread-safe."""

    __slots__ = ("_depth", "_nodes", "atoms", "blobs", "buffers", "policy")

    def __init__(self, policy: WirePolicy) -> None:
        self.policy: WirePolicy = policy
        self.atoms: list[Atom] = []
        self.blobs: bytearray = bytearray()
        self.buffers: list[memoryview] = []
        self._depth = 0
        self._nodes = 0

    @abstractmethod
    def write(self, value: Any) -> None:
        """Append `value`. Raises CannotTravel."""

    @abstractmethod
    def writer_for(self, value: Any) -> Writer | None:
        """What writes `value` without pickle, or None if its type is not of the closed set."""

    @abstractmethod
    def record_name(self, kind: type) -> str | None:
        """The short name under which `kind` is registered, or None."""

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
            and all(len(item) <= value_tags.LONG_TEXT_CHARS for item in values if type(item) is str)
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
        if len(head) - value_tags.PREFIX > limits.max_header_bytes:
            raise CannotTravel(
                f"the value needs a header of {len(head)} bytes; {limits.max_header_bytes} are allowed",
                fix="send numbers as a numpy array and texts as a table",
            )
        pieces = [memoryview(head)]
        total = len(head)
        for view in self.buffers:
            gap = -total % value_tags.ALIGN
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
        if len(self.atoms) > value_tags.max_atoms(self.policy.limits.max_nodes):
            raise CannotTravel(
                "the value has too many parts", fix="send numbers as a numpy array and records as a table"
            )
        head = bytearray(64)
        try:
            _PACKER.encode_into(self.atoms, head, value_tags.PREFIX)
        except UnicodeEncodeError:
            raise CannotTravel(
                "a text holds a lone surrogate, which is no Unicode character",
                fix="encode it to bytes, for instance with errors='surrogateescape'",
            ) from None
        struct.pack_into("<4sII", head, 0, value_tags.MAGIC, len(head) - value_tags.PREFIX, len(self.blobs))
        head += self.blobs
        return head
