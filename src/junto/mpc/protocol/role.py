"""The three roles of a run, and all that a protocol may ask of the one it runs in.

Parties:   P0 and P1 compute; the helper H deals.
Keys:      P0 and H share a keystream, P1 and H share another (`prg`); P0 and P1 have a third, which H has
           not.
Law:       every role calls the same methods in the same order with the same shapes. So the keystreams
           stay in step without a word, and what H deals is read in the order in which it was dealt.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from junto.accounting.costs import Cost
from junto.mpc import bits
from junto.mpc.bits import Planes
from junto.mpc.gates import BITS, Flags, Words
from junto.mpc.outline import Outline, outline
from junto.mpc.prg import Stream
from junto.mpc.protocol.demands import (
    Number,
    PadDemand,
    PlaneDemand,
    Quotient,
    RingDemand,
    TopBit,
    Unsigned,
)
from junto.mpc.ring128 import (
    WIDE_BITS,
    WIDE_DTYPE,
    element_bytes,
    from_octets,
    is_wide,
    wide_from,
    zeros,
)
from junto.mpc.rounds import Opening
from junto.mpc.waves import TURN_SCALE

Shape = tuple[int, ...]

_NO_OCTETS = memoryview(b"")


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

    def write(self, octets: bytes | memoryview) -> None:
        """Append what nobody changes any more."""

    def flush(self) -> None:
        """Send what `write` still holds."""


class RingShare:
    """A share to be opened: a piece of a sum modulo 2**width. None at the helper."""

    __slots__ = ("width", "words")

    def __init__(self, words: Words | None, width: int = BITS) -> None:
        self.words: Words | None = words
        self.width: int = width


class PlaneShare:
    """A share of bit planes to be opened: a piece of an exclusive or. None at the helper."""

    __slots__ = ("lanes", "planes")

    def __init__(self, planes: Planes | None, lanes: int) -> None:
        self.planes: Planes | None = planes
        self.lanes: int = lanes


class OneWayMessage:
    """A message of one compute party to the other.

    Attributes:
        by: who sends it.
        data: what, at the sender.
        size: its bytes.
    """

    __slots__ = ("by", "data", "size")

    def __init__(self, by: int, data: memoryview | None, size: int) -> None:
        self.by: int = by
        self.data: memoryview | None = data
        self.size: int = size


class RevealedShare:
    """A share whose opening every node gets, who deals, too. See `inout.revealed`, which alone makes one.

    Attributes:
        share: as for any other opening.
        shape: of what is opened; of planes as words.
        told: bytes that this node has sent to the helper for it.
    """

    __slots__ = ("shape", "share", "told")

    def __init__(self, share: RingShare | PlaneShare, shape: Shape) -> None:
        self.share: RingShare | PlaneShare = share
        self.shape: Shape = shape
        self.told: int = 0

    @property
    def size(self) -> int:
        """Bytes of it on the wire."""
        if isinstance(self.share, RingShare):
            return element_bytes(self.share.width) * prod(self.shape)
        return self.shape[0] * bits.wire_size(self.share.lanes)

    def to_wire(self, opened: NDArray[np.uint64]) -> memoryview:
        """What was opened, for the helper."""
        return (
            _octets(opened) if isinstance(self.share, RingShare) else bits.to_wire(opened, self.share.lanes)
        )

    def from_wire(self, data: memoryview) -> NDArray[np.uint64]:
        """The same at the helper."""
        if isinstance(self.share, RingShare):
            return _from_octets(data, self.share.width, self.shape)
        return bits.from_wire(data, self.shape[0], self.share.lanes)


Share = RingShare | PlaneShare | OneWayMessage | RevealedShare
Opened = Words | Planes | memoryview | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Truncation:
    """A fresh mask, and what a truncation needs of it.

    Attributes:
        mask: a piece of it.
        low: a piece of `mask >> bits`, or of `mask * factor / 2**64`.
        top: a piece of its highest bit, as a number.

    Where no helper deals:

    Attributes:
        missing: what is to be added to `low`, public.
        flipped: where `top` is the opposite of the highest bit, public.
        bits: a piece of `top` as an exclusive or.
    """

    mask: Words
    low: Words
    top: Words
    missing: Words | None = None
    flipped: Words | None = None
    bits: Flags | None = None


class Role(ABC):
    """One node's part in a run.

    Attributes:
        index: 0 or 1 at a compute party, None at who deals.
        offline: bytes dealt to P1 so far (counted in every role); without a helper about what this party has
            sent to prepare what it used.
        pair: whether P0 and P1 deal for themselves, without a helper.
        turn_scale: bits after the point of dealt sines and cosines.
        opened: bytes opened so far by one compute party.
        rounds: exchanges so far.
        width: the ring is the integers modulo 2**width: 64 or 128 bits, and fewer where tests try every case.
    """

    index: int | None
    pair = False
    turn_scale = TURN_SCALE
    width: int = BITS

    def __init__(self, width: int = BITS) -> None:
        self.width = width
        self.opened = 0
        self.rounds: int = 0
        self._dealt_bytes = [0]

    @property
    def cost(self) -> Cost:
        """Of what was done so far."""
        return Cost(self.rounds, self.opened, self.offline)

    def in_ring(self, width: int) -> Self:
        """This role in another ring: the same keystreams and wire, and one account of what is dealt.

        Rounds are those of the role itself, whose `flush` alone ends them.
        """
        if width == self.width:
            return self
        other = copy(self)
        other.width = width
        return other

    @property
    def offline(self) -> int:
        """See the class."""
        return self._dealt_bytes[0]

    @offline.setter
    def offline(self, count: int) -> None:
        self._dealt_bytes[0] = count

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

    def deal_all(self, shape: Shape, demands: Sequence[RingDemand]) -> Sequence[Words]:
        """The same for several demands of one shape, as if they were dealt one after the other."""
        return [self.deal(shape, each) for each in demands]

    def deal_wide(self, shape: Shape, demands: Sequence[RingDemand]) -> Sequence[Words]:
        """The same as elements of the ring modulo 2**128, whatever this role's is."""
        raise TypeError("only a helper deals in another ring than that of the computation")

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

    def cut(self, shape: Shape, bits: int, factor: Words | None = None) -> Truncation:
        """A fresh mask for a truncation by `bits` bits, or by `factor / 2**64`."""
        mask = self.mask(shape)
        low, top = self.deal_all(shape, [Quotient(mask, bits, factor), TopBit(mask, self.width)])
        return Truncation(mask, low, top)

    def widening(self, shape: Shape) -> Truncation:
        """A fresh mask of words; `low` and `top` are elements of the ring modulo 2**128.

        There `low` is the mask itself, as a number without a sign.
        """
        mask = self.mask(shape)
        low, top = self.deal_wide(shape, [Unsigned(mask), TopBit(mask, self.width)])
        return Truncation(mask, low, top)

    def number(self, bits: Flags) -> Words:
        """Masks that are bits, as numbers."""
        return self.deal(bits.shape, Number(bits, self.width))

    def pads(self, demand: PadDemand) -> NDArray[Any]:
        """What `demand` describes; only where `pair`."""
        raise TypeError("one-time pads come from oblivious transfer; a helper deals none")

    async def open(self, share: Words | None) -> Words | None:
        """What the pieces add up to, for the compute parties; None at the helper. One round."""
        opened: Words | None = await Opening(RingShare(share, self.width))
        return opened

    async def open_planes(self, share: Planes | None, lanes: int) -> Planes | None:
        """The same for bit planes."""
        opened: Planes | None = await Opening(PlaneShare(share, lanes))
        return opened

    async def tell(self, by: int, data: memoryview | None, size: int) -> memoryview | None:
        """What the compute party `by` says: `data`, of `size` bytes; None at itself and at who deals."""
        opened: memoryview | None = await Opening(OneWayMessage(by, data, size))
        return opened

    async def disclose(self, share: RingShare | PlaneShare, shape: Shape) -> NDArray[np.uint64]:
        """What the pieces add up to, at every node; see `RevealedShare`. One round."""
        opened: NDArray[np.uint64] = await Opening(RevealedShare(share, shape))
        return opened

    def flush(self, asked: Sequence[Share]) -> Sequence[Opened]:
        """End a round: see `rounds.Rounds`."""
        self.rounds += 1
        return self._flush(asked)

    @abstractmethod
    def _flush(self, asked: Sequence[Share]) -> Sequence[Opened]: ...


class Computing(Role):
    """P0 or P1.

    Args:
        index: which.
        common: the keystream shared with the helper.
        wire: to the other compute party.
        dealt: P1's: what the helper sends; P0 needs none.
        heard: P1's: where the helper is told what was revealed.
        width: of the ring, in bits.
    """

    def __init__(
        self,
        index: int,
        common: Stream,
        wire: Wire,
        dealt: Source | None,
        heard: Sink | None = None,
        width: int = BITS,
    ) -> None:
        super().__init__(width)
        self.index: int = index
        self._common = common
        self._wire = wire
        self._dealt = dealt
        self._heard = heard

    def mask(self, shape: Shape) -> Words:
        return drawn(self._common, shape, self.width)

    def deal(self, shape: Shape, demand: RingDemand) -> Words:
        return self._next_dealt(prod(shape), self.width).reshape(shape)

    def deal_all(self, shape: Shape, demands: Sequence[RingDemand]) -> Sequence[Words]:
        return self._next_of_each(shape, len(demands), self.width)

    def deal_wide(self, shape: Shape, demands: Sequence[RingDemand]) -> Sequence[Words]:
        return self._next_of_each(shape, len(demands), WIDE_BITS)

    def _next_of_each(self, shape: Shape, count: int, width: int) -> Sequence[Words]:
        size = prod(shape)
        words = self._next_dealt(size * count, width)
        return [words[at * size : (at + 1) * size].reshape(shape) for at in range(count)]

    def _next_dealt(self, size: int, width: int) -> Words:
        octets = element_bytes(width) * size
        self.offline += octets
        if self._dealt is None:
            return drawn(self._common, (size,), width)
        return _from_octets(self._dealt.read(octets), width, (size,))

    def mask_planes(self, count: int, lanes: int) -> Planes:
        return self._common.planes(count, lanes)

    def deal_planes(self, count: int, lanes: int, demand: PlaneDemand) -> Planes:
        size = count * bits.wire_size(lanes)
        self.offline += size
        if self._dealt is None:
            return self._common.planes(count, lanes)
        return bits.from_wire(self._dealt.read(size), count, lanes)

    def mask_by(self, owner: int, shape: Shape) -> Words:
        return self.mask(shape) if owner == self.index else np.broadcast_to(zeros((), self.width), shape)

    def mask_planes_by(self, owner: int, count: int, lanes: int) -> Planes:
        return (
            self.mask_planes(count, lanes)
            if owner == self.index
            else np.zeros((count, -(-lanes // 64)), np.uint64)
        )

    def _flush(self, asked: Sequence[Share]) -> Sequence[Opened]:
        ours = [self._to_wire(share) for share in asked]
        sizes = [
            len(part) if not isinstance(share, OneWayMessage) else 0 if share.by == self.index else share.size
            for share, part in zip(asked, ours, strict=True)
        ]
        self.opened += sum(len(part) for part in ours)
        theirs = self._wire.exchange(ours, sum(sizes))
        opened: list[Opened] = []
        start = 0
        for share, size in zip(asked, sizes, strict=True):
            found = self._combine(share, theirs[start : start + size])
            opened.append(found)
            start += size
            if isinstance(share, RevealedShare):
                self._pass_on(share, np.asanyarray(found))
        return opened

    def _pass_on(self, share: RevealedShare, opened: NDArray[np.uint64]) -> None:
        """Tell whoever deals: it has dealt all that was asked for, and waits for this."""
        if self._heard is not None:
            self._heard.write(bytes(share.to_wire(opened)))  # it is computed with, too
            self._heard.flush()
            share.told = share.size
            self.opened += share.told

    def _to_wire(self, share: Share) -> memoryview:
        if isinstance(share, OneWayMessage):
            return _NO_OCTETS if share.by != self.index or share.data is None else share.data
        return _to_wire(share.share if isinstance(share, RevealedShare) else share)

    def _combine(self, share: Share, theirs: memoryview) -> Opened:
        if isinstance(share, OneWayMessage):
            return None if share.by == self.index else theirs
        return _combine(share.share if isinstance(share, RevealedShare) else share, theirs)


class Dealing(Role):
    """The helper: sees shapes, opens nothing, may run ahead until it has to hear what was revealed.

    Args:
        streams: the keystreams shared with P0 and with P1.
        dealt: to P1.
        heard: from P1: what was revealed.
        width: of the ring, in bits.
    """

    def __init__(
        self, streams: tuple[Stream, Stream], dealt: Sink, heard: Source | None = None, width: int = BITS
    ) -> None:
        super().__init__(width)
        self._heard = heard
        self.index: None = None
        self._streams = streams
        self._dealt = dealt

    def mask(self, shape: Shape) -> Words:
        mask = drawn(self._streams[0], shape, self.width)
        mask += drawn(self._streams[1], shape, self.width)
        return mask

    def deal(self, shape: Shape, demand: RingDemand) -> Words:
        return self.deal_all(shape, [demand])[0]

    def deal_all(self, shape: Shape, demands: Sequence[RingDemand]) -> Sequence[Words]:
        return self._deal_each(shape, demands, self.width)

    def deal_wide(self, shape: Shape, demands: Sequence[RingDemand]) -> Sequence[Words]:
        return self._deal_each(shape, demands, WIDE_BITS)

    def _deal_each(self, shape: Shape, demands: Sequence[RingDemand], width: int) -> Sequence[Words]:
        size = prod(shape)
        pads = drawn(self._streams[0], (size * len(demands),), width)
        self.offline += pads.nbytes
        values = [demand.hide(pads[at * size : (at + 1) * size]) for at, demand in enumerate(demands)]
        self._dealt.write(_octets(pads))
        return values

    def mask_planes(self, count: int, lanes: int) -> Planes:
        mask = self._streams[0].planes(count, lanes)
        mask ^= self._streams[1].planes(count, lanes)
        return mask

    def deal_planes(self, count: int, lanes: int, demand: PlaneDemand) -> Planes:
        value = demand.whole()
        rest = self._streams[0].planes(count, lanes)
        rest ^= value
        self.offline += count * bits.wire_size(lanes)
        self._dealt.write(bits.to_wire(rest, lanes))
        return value

    def mask_by(self, owner: int, shape: Shape) -> Words:
        return drawn(self._streams[owner], shape, self.width)

    def mask_planes_by(self, owner: int, count: int, lanes: int) -> Planes:
        return self._streams[owner].planes(count, lanes)

    def _flush(self, asked: Sequence[Share]) -> Sequence[Opened]:
        if self.rounds & (self.rounds - 1) == 0:
            # P1 waits for the first of it, and has it for as many rounds as were dealt when it has used that
            self._dealt.flush()
        return [self._hear(share) if isinstance(share, RevealedShare) else None for share in asked]

    def _hear(self, share: RevealedShare) -> Words | Planes:
        if self._heard is None:
            raise TypeError("nobody tells this helper what is revealed")
        self._dealt.flush()  # P1 opens nothing before it has read all that was dealt until here
        return share.from_wire(self._heard.read(share.size))


def _to_wire(share: RingShare | PlaneShare) -> memoryview:
    if isinstance(share, RingShare):
        if share.words is None:
            raise TypeError("a compute party opens a share that it does not have")
        return _octets(share.words)
    if share.planes is None:
        raise TypeError("a compute party opens planes that it does not have")
    return bits.to_wire(share.planes, share.lanes)


def _combine(share: RingShare | PlaneShare, theirs: memoryview) -> Words | Planes | None:
    if isinstance(share, RingShare):
        if share.words is None:
            return None
        return share.words + _from_octets(theirs, share.width, share.words.shape)
    if share.planes is None:
        return None
    return share.planes ^ bits.from_wire(theirs, share.planes.shape[0], share.lanes)


def drawn(stream: Stream, shape: Shape, width: int) -> Words:
    """Uniform elements of the ring modulo 2**width, if that is 64 or 128 bits."""
    size = prod(shape)
    if not is_wide(width):
        return stream.words(size).reshape(shape)
    words = stream.words(2 * size)
    blank = isinstance(words, Outline)
    made: Words = outline(shape, WIDE_DTYPE) if blank else wide_from(words.reshape(size, 2)).reshape(shape)
    return made


def _from_octets(data: memoryview, width: int, shape: Shape) -> Words:
    found: Words = from_octets(data, width).reshape(shape)
    return found


def _octets(words: Words) -> memoryview:
    return np.ascontiguousarray(words).reshape(-1).view(np.uint8).data
