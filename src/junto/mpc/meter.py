"""What each step of a plan costs its node, counted while it runs.

Rounds are shared: a step is charged for every round in which it had something opened, so the steps' rounds
add up to more than the run's. Bytes and seconds are divided: they add up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from junto.accounting.costs import ELSEWHERE, Cost, Tally
from junto.mpc import bits
from junto.mpc.protocol.role import OneWayMessage, RevealedShare, RingShare, Share
from junto.mpc.ring128 import element_bytes


class Counted(Protocol):
    """What counts for itself: see `protocol.role.Role`."""

    offline: int

    @property
    def cost(self) -> Cost:
        """All of it so far."""


class Meter:
    """Watches one run at one node (`rounds.Observer`).

    Args:
        role: of that node, for what it counts itself.
        clock: of a person.
    """

    def __init__(self, role: Counted, clock: Callable[[], float] = time.perf_counter) -> None:
        self._role = role
        self._clock = clock
        self._labels = [ELSEWHERE]
        self._since = clock()
        self._offline = role.offline
        self.tallies: dict[str, Tally] = {}

    def began(self, label: str) -> None:
        """A step runs once more."""
        self._of(label).runs += 1

    def enter(self, label: str) -> None:
        """See `rounds.Observer`."""
        self._charge()
        self._labels.append(label)

    def leave(self) -> None:
        """See `rounds.Observer`."""
        self._charge()
        self._labels.pop()

    def ended_round(self, asked: Sequence[tuple[str, Any]]) -> None:
        """See `rounds.Observer`."""
        now = self._clock()
        sizes: dict[str, int] = {}
        for label, share in asked:
            sizes[label] = sizes.get(label, 0) + _size(share)
        waited = (now - self._since) / len(sizes)
        for label, size in sizes.items():
            tally = self._of(label)
            tally.rounds += 1
            tally.online += size
            tally.seconds += waited
            tally.waiting += waited
        self._since = now

    def _charge(self) -> None:
        now = self._clock()
        tally = self._of(self._labels[-1])
        tally.seconds += now - self._since
        tally.offline += self._role.offline - self._offline
        self._since, self._offline = now, self._role.offline

    def _of(self, label: str) -> Tally:
        tally = self.tallies.get(label)
        if tally is None:
            tally = self.tallies[label] = Tally()
        return tally


def _size(share: Share) -> int:
    """Bytes on the wire; none at the helper, who has no pieces, and at who is only told something."""
    if isinstance(share, RevealedShare):
        return _size(share.share) + share.told
    if isinstance(share, OneWayMessage):
        return 0 if share.data is None else share.data.nbytes
    if isinstance(share, RingShare):
        return 0 if share.words is None else element_bytes(share.width) * share.words.size
    return 0 if share.planes is None else share.planes.shape[0] * bits.wire_size(share.lanes)
