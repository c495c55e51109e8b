"""The three roles of a run, and all that a protocol may ask of the one it runs in.

Parties:   P0 and P1 compute; the helper H deals.
Keys:      P0 and H share a keystream, P1 and H share another (`prg`); P0 and P1 have a third, which H has
not. Law:       every role calls the same methods in the same order with the same shapes. So the keystreams
           stay in step without a word, and what H deals is read in the order in which it was dealt.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod
from typing import Protocol

import numpy as np

from junto.mpc import bits
from junto.mpc.bits import Planes
from junto.mpc.gates import Words
from junto.mpc.prg import Stream
from junto.mpc.protocol.demands import PlaneDemand, RingDemand
from junto.mpc.rounds import Opening

Shape = tuple[int, ...]

_NOTHING = np.zeros((), np.uint64)


class Wire(Protocol):
    """How a compute party talks to the other one."""

    def exchange(self, parts: Sequence[memoryview], size: int) -> memoryview:
        """Send `parts` as one message and receive the other party's, of `size` bytes."""


class Source(Protocol):
    """Where P1 reads what the helper deals."""

    def read(self, size: int) -> memoryview:
        """The next `size` bytes."""


class Sink(Protocol):
    """Where the helper writes what it deals for P1."""

    def write(self, parts: Sequence[memoryview]) -> None:
        """Append."""


class RingShare:
    """A share to be opened: a piece of a sum modulo 2**64. None at the helper."""

    __slots__ = ("words",)

    def __init__(self, words: Words | None) -> None:
        self.words = words


class PlaneShare:
    """A share of bit planes to be opened: a piece of an exclusive or. None at the helper."""

    __slots__ = ("lanes", "planes")

    def __init__(self, planes: Planes | None, lanes: int) -> None:
        self.planes = planes
        self.lanes = lanes


Share = RingShare | PlaneShare


class Role(ABC):
    """One node's part in a run.

    Attributes:
        index: 0 or 1 at a compute party, None at the helper.
        offline: bytes dealt to P1 so far (counted in every role).
        opened: bytes opened so far by one compute party.
        rounds: exchanges so far.
    """

    index: int | None

    def __init__(self) -> None:
        self.offline = 0
        self.opened = 0
        self.rounds = 0

    @property
    def deals(self) -> bool:
        """Whether this is the helper."""
        return self.index is None

    @property
    def first(self) -> bool:
        """Whether this is P0, who adds what is public."""
        return self.index == 0

    @abstractmethod
    def mask(self, shape: Shape) -> Words:
        """A fresh uniform mask: a compute party's piece of it, the helper's whole."""

    @abstractmethod
    def deal(self, shape: Shape, demand: RingDemand) -> Words:
        """What is demanded of masks, as a sum: a compute party's piece, the helper's whole."""

    @abstractmethod
    def mask_planes(self, count: int, lanes: int) -> Planes:
        """Fresh uniform bits, shared by exclusive or."""

    @abstractmethod
    def deal_planes(self, count: int, lanes: int, demand: PlaneDemand) -> Planes:
        """The same for bits, as an exclusive or."""

    @abstractmethod
    def mask_by(self, owner: int, shape: Shape) -> Words:
        """A fresh mask that the compute party `owner` knows whole, as the helper does; 0 at the other one."""

    @abstractmethod
    def mask_planes_by(self, owner: int, count: int, lanes: int) -> Planes:
        """The same for bits."""

    async def open(self, share: Words | None) -> Words | None:
        """What the pieces add up to, for the compute parties; None at the helper. One round."""
        return await Opening[Words | None](RingShare(share))

    async def open_planes(self, share: Planes | None, lanes: int) -> Planes | None:
        """The same for bit planes."""
        return await Opening[Planes | None](PlaneShare(share, lanes))

    def flush(self, asked: Sequence[Share]) -> Sequence[Words | Planes | None]:
        """End a round: see `rounds.Rounds`."""
        self.rounds += 1
        return self._flush(asked)

    @abstractmethod
    def _flush(self, asked: Sequence[Share]) -> Sequence[Words | Planes | None]: ...


class Computing(Role):
    """P0 or P1.

    Args:
        index: which.
        common: the keystream shared with the helper.
        wire: to the other compute party.
        dealt: P1's: what the helper sends; P0 needs none.
    """

    def __init__(self, index: int, common: Stream, wire: Wire, dealt: Source | None) -> None:
        super().__init__()
        self.index = index
        self._common = common
        self._wire = wire
        self._dealt = dealt

    def mask(self, shape: Shape) -> Words:
        return self._common.words(prod(shape)).reshape(shape)

    def deal(self, shape: Shape, demand: RingDemand) -> Words:
        size = prod(shape)
        self.offline += 8 * size
        if self._dealt is None:
            return self._common.words(size).reshape(shape)
        return np.frombuffer(self._dealt.read(8 * size), np.uint64).reshape(shape)

    def mask_planes(self, count: int, lanes: int) -> Planes:
        return self._common.planes(count, lanes)

    def deal_planes(self, count: int, lanes: int, demand: PlaneDemand) -> Planes:
        size = count * bits.wire_size(lanes)
        self.offline += size
        if self._dealt is None:
            return self._common.planes(count, lanes)
        return bits.from_wire(self._dealt.read(size), count, lanes)

    def mask_by(self, owner: int, shape: Shape) -> Words:
        return self.mask(shape) if owner == self.index else np.broadcast_to(_NOTHING, shape)

    def mask_planes_by(self, owner: int, count: int, lanes: int) -> Planes:
        return (
            self.mask_planes(count, lanes)
            if owner == self.index
            else np.zeros((count, -(-lanes // 64)), np.uint64)
        )

    def _flush(self, asked: Sequence[Share]) -> Sequence[Words | Planes | None]:
        ours = [_to_wire(share) for share in asked]
        sizes = [len(part) for part in ours]
        total = sum(sizes)
        self.opened += total
        theirs = self._wire.exchange(ours, total)
        opened: list[Words | Planes | None] = []
        start = 0
        for share, size in zip(asked, sizes, strict=True):
            opened.append(_combine(share, theirs[start : start + size]))
            start += size
        return opened


class Dealing(Role):
    """The helper: sees shapes, opens nothing, may run ahead.

    Args:
        streams: the keystreams shared with P0 and with P1.
        dealt: to P1.
    """

    def __init__(self, streams: tuple[Stream, Stream], dealt: Sink) -> None:
        super().__init__()
        self.index = None
        self._streams = streams
        self._dealt = dealt

    def mask(self, shape: Shape) -> Words:
        size = prod(shape)
        mask = self._streams[0].words(size)
        mask += self._streams[1].words(size)
        return mask.reshape(shape)

    def deal(self, shape: Shape, demand: RingDemand) -> Words:
        value = demand.whole()
        size = prod(shape)
        self.offline += 8 * size
        rest = value.reshape(-1) - self._streams[0].words(size)
        self._dealt.write([_octets(rest)])
        return value

    def mask_planes(self, count: int, lanes: int) -> Planes:
        return self._streams[0].planes(count, lanes) ^ self._streams[1].planes(count, lanes)

    def deal_planes(self, count: int, lanes: int, demand: PlaneDemand) -> Planes:
        value = demand.whole()
        rest = value ^ self._streams[0].planes(count, lanes)
        self.offline += count * bits.wire_size(lanes)
        self._dealt.write([bits.to_wire(rest, lanes)])
        return value

    def mask_by(self, owner: int, shape: Shape) -> Words:
        return self._streams[owner].words(prod(shape)).reshape(shape)

    def mask_planes_by(self, owner: int, count: int, lanes: int) -> Planes:
        return self._streams[owner].planes(count, lanes)

    def _flush(self, asked: Sequence[Share]) -> Sequence[Words | Planes | None]:
        return [None] * len(asked)


def _to_wire(share: Share) -> memoryview:
    if isinstance(share, RingShare):
        if share.words is None:
            raise TypeError("a compute party opens a share that it does not have")
        return _octets(share.words)
    if share.planes is None:
        raise TypeError("a compute party opens planes that it does not have")
    return bits.to_wire(share.planes, share.lanes)


def _combine(share: Share, theirs: memoryview) -> Words | Planes | None:
    if isinstance(share, RingShare):
        if share.words is None:
            return None
        other = np.frombuffer(theirs, np.uint64).reshape(share.words.shape)
        return share.words + other
    if share.planes is None:
        return None
    return share.planes ^ bits.from_wire(theirs, share.planes.shape[0], share.lanes)


def _octets(words: Words) -> memoryview:
    return np.ascontiguousarray(words).reshape(-1).view(np.uint8).data
