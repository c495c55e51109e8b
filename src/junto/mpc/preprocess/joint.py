"""The two roles of a party that has no helper: it prepares a plan, then computes it.

To prepare, it runs the plan over its *pieces* of the masks, as the helper runs it over the masks in full: it
opens nothing, meets every demand of the plan, and gives them in batches to its `Correlations`. What comes
back is queued; the online phase reads it in the order in which it meets the same demands, as P1 reads what
a helper deals. Both phases draw a party's masks from the same keystream, which nobody else has.

Preparing goes ahead by one batch, and whenever the online phase finds the queue empty: at the same point at
both parties, for both have asked for the same. So one thread and one channel do for both phases. What is
revealed within the plan it must know to go on: there it makes all that was asked for, and waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc import bits as kernel
from junto.mpc.bits import Planes
from junto.mpc.gates import BITS, Flags, Words
from junto.mpc.preprocess.correlations import PAIR_TURN_SCALE, Correlations, Demand, Made, transfers
from junto.mpc.preprocess.estimate import sent
from junto.mpc.prg import Stream
from junto.mpc.protocol.demands import Cut, Number, PadDemand, PlaneDemand, RingDemand
from junto.mpc.protocol.role import (
    Computing,
    Opened,
    RevealedShare,
    Role,
    Shape,
    Share,
    Truncation,
    Wire,
    drawn,
)
from junto.mpc.ring128 import WIDE_BITS, zeros
from junto.mpc.rounds import Rounds

BATCH = 1 << 23
"""Oblivious transfers of a batch, about: more are quicker, and need more memory."""

_END = object()


class Supply:
    """What is made and not used yet.

    Attributes:
        revealed: what the online phase has learned and whoever prepares has not.
        waits: whether whoever prepares has to hear of it first.
    """

    def __init__(self) -> None:
        self.revealed: deque[NDArray[np.uint64]] = deque()
        self.waits = False
        self._made: deque[Made] = deque()
        self._more: Iterator[None] = iter(())

    def from_steps(self, steps: Iterator[None]) -> None:
        """Where more comes from: each step may append something."""
        self._more = steps

    def append(self, made: Sequence[Made]) -> None:
        """At the end."""
        self._made.extend(made)

    def take(self, demand: Demand) -> Made:
        """What was made for the next demand, which is this one; made now if it is not there.

        Raises:
            RuntimeError: a plan asks for something that was not prepared for it.
        """
        while not self._made:
            waited = self.waits
            if next(self._more, _END) is _END or (waited and self.waits):
                raise RuntimeError("the plan asks for more than it did when it was prepared")
        return self._made.popleft()

    def all(self) -> list[Made]:
        """Everything that there is to be made, to be kept."""
        self._make_all()
        made, self._made = list(self._made), deque()
        return made

    def finish(self) -> None:
        """Nothing may be left over.

        Raises:
            RuntimeError: something is.
        """
        self._make_all()
        if self._made:
            raise RuntimeError(f"{len(self._made)} things that were prepared for a plan were not used by it")

    def _make_all(self) -> None:
        for _ in self._more:
            if self.waits:
                raise RuntimeError("what follows depends on a number that nobody has revealed yet")


class Preparing(Role):
    """A party that runs a plan over its pieces of the masks: sees shapes, opens nothing.

    Args:
        party: 0 or 1.
        own: a keystream of this party alone, the same that its online phase has.
        source: makes what is demanded.
        supply: where it goes.
        batch: see `BATCH`.
        width: of the ring, in bits.
    """

    pair = True
    turn_scale = PAIR_TURN_SCALE

    def __init__(
        self,
        party: int,
        own: Stream,
        source: Correlations,
        supply: Supply,
        batch: int = BATCH,
        width: int = BITS,
    ) -> None:
        super().__init__(width)
        self.index: None = None
        self._party = party
        self._own = own
        self._source = source
        self._supply = supply
        self._batch = batch
        self._asked: list[Demand] = []
        self._weight = [0]

    def mask(self, shape: Shape) -> Words:
        return drawn(self._own, shape, self.width)

    def deal(self, shape: Shape, demand: RingDemand) -> Words:
        self._ask(demand)
        return self._nothing(shape)

    def mask_planes(self, count: int, lanes: int) -> Planes:
        return self._own.planes(count, lanes)

    def deal_planes(self, count: int, lanes: int, demand: PlaneDemand) -> Planes:
        self._ask(demand)
        return np.zeros((count, kernel.word_count(lanes)), np.uint64)

    def mask_by(self, owner: int, shape: Shape) -> Words:
        return self.mask(shape) if owner == self._party else self._nothing(shape)

    def mask_planes_by(self, owner: int, count: int, lanes: int) -> Planes:
        planes = self.mask_planes(count, lanes) if owner == self._party else None
        return np.zeros((count, kernel.word_count(lanes)), np.uint64) if planes is None else planes

    def cut(self, shape: Shape, bits: int, factor: Words | None = None) -> Truncation:
        return self._cut(shape, self.width, bits, factor)

    def widening(self, shape: Shape) -> Truncation:
        return self._cut(shape, WIDE_BITS, 0, None)

    def _cut(self, shape: Shape, width: int, bits: int, factor: Words | None) -> Truncation:
        mask, low, top = self.mask(shape), drawn(self._own, shape, width), _flags(self._own, shape)
        self._ask(Cut(mask, low, top, bits, factor))
        return Truncation(mask, low, np.broadcast_to(zeros((), width), shape), bits=top)

    def number(self, bits: Flags) -> Words:
        self._ask(Number(bits, self.width))
        return self._nothing(bits.shape)

    def pads(self, demand: PadDemand) -> NDArray[np.generic]:
        self._ask(demand)
        return np.zeros(0, np.uint64)

    def next_of_own(self) -> int:
        """What comes next of the party's keystream."""
        return int(self._own.words(1)[0])

    def settle(self) -> None:
        """Make what has been asked for."""
        asked = self._asked.copy()
        self._asked.clear()
        self._weight[0] = 0
        if asked:
            self._supply.append(self._source.make(asked))

    def _nothing(self, shape: Shape) -> Words:
        return np.broadcast_to(zeros((), self.width), shape)

    def _ask(self, demand: Demand) -> None:
        self._asked.append(demand)
        self._weight[0] += transfers(demand)

    def ready(self, asked: Sequence[Share]) -> bool:
        """Whether what is revealed in this round is known; else all that was asked for before is made."""
        wanted = sum(isinstance(share, RevealedShare) for share in asked)
        self._supply.waits = len(self._supply.revealed) < wanted
        if self._supply.waits:
            self.settle()
        return not self._supply.waits

    def _flush(self, asked: Sequence[Share]) -> Sequence[Opened]:
        if self._weight[0] >= self._batch:
            self.settle()
        return [
            self._supply.revealed.popleft() if isinstance(share, RevealedShare) else None for share in asked
        ]


class Paired(Computing):
    """P0 or P1 in the online phase, without a helper.

    Args:
        index: which.
        own: as in `Preparing`, at the same place.
        wire: to the other party.
        supply: what was prepared.
        width: of the ring, in bits.
    """

    pair = True
    turn_scale = PAIR_TURN_SCALE

    def __init__(self, index: int, own: Stream, wire: Wire, supply: Supply, width: int = BITS) -> None:
        super().__init__(index, own, wire, None, width=width)
        self._party = index
        self._supply = supply

    def deal(self, shape: Shape, demand: RingDemand) -> Words:
        (share,) = self._take(demand)
        return share.reshape(shape)

    def deal_all(self, shape: Shape, demands: Sequence[RingDemand]) -> Sequence[Words]:
        return [self.deal(shape, each) for each in demands]

    def deal_planes(self, count: int, lanes: int, demand: PlaneDemand) -> Planes:
        (share,) = self._take(demand)
        return share

    def cut(self, shape: Shape, bits: int, factor: Words | None = None) -> Truncation:
        return self._cut(shape, self.width, bits, factor)

    def widening(self, shape: Shape) -> Truncation:
        return self._cut(shape, WIDE_BITS, 0, None)

    def _cut(self, shape: Shape, width: int, bits: int, factor: Words | None) -> Truncation:
        mask, low = self.mask(shape), drawn(self._common, shape, width)
        bits_of_top = _flags(self._common, shape)
        made = self._take(Cut(mask, low, bits_of_top, bits, factor))
        missing, flipped, top = (each.reshape(shape) for each in made)
        return Truncation(mask, low, top, missing, flipped, bits_of_top)

    def pads(self, demand: PadDemand) -> NDArray[np.generic]:
        (pads,) = self._take(demand)
        return pads

    def next_of_own(self) -> int:
        """What comes next of the party's keystream."""
        return int(self._common.words(1)[0])

    def _pass_on(self, share: RevealedShare, opened: NDArray[np.uint64]) -> None:
        self._supply.revealed.append(opened)

    def _take(self, demand: Demand) -> Made:
        self.offline += sent(demand, self._party)
        return self._supply.take(demand)


def prepared(role: Preparing, computation: Callable[[], Coroutine[Any, Any, object]]) -> Iterator[None]:
    """The steps of a plan in the role that prepares it, and the last batch.

    Args:
        role: which prepares.
        computation: begins the plan; not called if nobody takes a step.
    """
    yield from Rounds(role.flush).steps(computation(), role.ready)
    role.settle()
    yield


def compare_phases(prepared_for: int, computing: Paired) -> None:
    """After a run: both phases of this party must have drawn the same masks.

    If not, what was prepared belongs to other masks than those that were used, and the results mean nothing.

    Args:
        prepared_for: what came next of the keystream when all was prepared (`Preparing.next_of_own`).
        computing: the role of the run.

    Raises:
        RuntimeError: they have not.
    """
    if prepared_for != computing.next_of_own():
        raise RuntimeError("the plan has drawn other masks than it did when it was prepared")


def _flags(stream: Stream, shape: Shape) -> Flags:
    return kernel.unpack(stream.planes(1, prod(shape))[0], prod(shape)).reshape(shape)
