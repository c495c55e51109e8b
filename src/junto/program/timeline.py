"""What this process saw of a run: how long its operations took, whom it waited for, what crossed.

Kept by call site, not by operation: a loop of a million steps is one line, and memory stays flat; of single
waits the longest are kept. Holds names, times and sizes, never a value.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from junto.ledger import Edge, LedgerEntry
from junto.net.api import Stamp


@dataclass(frozen=True, slots=True)
class Spell:
    """One line of the script, as it was run.

    Attributes:
        site: the line, ``fit.py:31``; `text`: what it does there, ``alice(train)``.
        calls: how often it began.
        took_s: seconds from a call until its work was done here, all calls together; work of several calls
            may have run at the same time. None: nothing of it was done here.
        waited_s: seconds for which the script stood still here, by the party that it waited for.
    """

    site: str
    text: str
    calls: int = 0
    took_s: float | None = None
    waited_s: dict[str, float] = field(default_factory=dict)


MOST_WAITS = 400
"""Of so many single waits a report shows when they were; shorter ones are in the sums alone."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The script stood still once.

    Attributes:
        site, text: as of a `Spell`.
        parties: for whom.
        began_s, took_s: seconds, from the run's begin and long.
    """

    site: str
    text: str
    parties: tuple[str, ...]
    began_s: float
    took_s: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """What crossed an edge at one line of the script.

    Attributes:
        site, kind, sender, receiver, type_name: as in the ledger.
        values, nbytes: how many, and how large on the wire.
    """

    site: str
    kind: str
    sender: str
    receiver: str
    type_name: str
    values: int = 0
    nbytes: int = 0


class Timeline:
    """Keeps it. Thread-safe. A line's counts are changed in place: every operation comes by here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._spells: dict[tuple[str, str], _Tally] = {}
        self._traffic: dict[tuple[str, str, str, str, str], list[int]] = {}
        self._trust: dict[str, str] = {}
        self._waits: list[tuple[float, int, Wait]] = []
        self._order = itertools.count()

    @property
    def age_s(self) -> float:
        """Seconds since the run began here."""
        return time.monotonic() - self._began

    def begun(self, stamp: Stamp) -> None:
        """An operation was called."""
        with self._lock:
            self._tally(stamp).calls += 1

    def took(self, stamp: Stamp, seconds: float) -> None:
        """Work of an operation is done."""
        with self._lock:
            tally = self._tally(stamp)
            tally.took_s = (tally.took_s or 0.0) + seconds

    def waited(self, stamp: Stamp, parties: tuple[str, ...], seconds: float) -> None:
        """The script stood still for so long until now, for these parties."""
        wait = Wait(stamp.site, stamp.text, parties, max(self.age_s - seconds, 0.0), seconds)
        with self._lock:
            keep = heapq.heappush if len(self._waits) < MOST_WAITS else heapq.heappushpop
            keep(self._waits, (seconds, next(self._order), wait))
            waited = self._tally(stamp).waited_s
            for party in parties:
                waited[party] = waited.get(party, 0.0) + seconds

    def crossed(self, entry: LedgerEntry) -> None:
        """A value crossed an edge."""
        key = (entry.site, entry.kind, entry.sender, entry.receiver, entry.type_name)
        with self._lock:
            counts = self._traffic.setdefault(key, [0, 0])
            counts[0] += 1
            counts[1] += entry.nbytes

    def trusts(self, device: str, sentence: str) -> None:
        """Who could read what is on `device`, by colluding with whom."""
        with self._lock:
            self._trust[device] = sentence

    def spells(self) -> list[Spell]:
        """In the order of their first calls."""
        with self._lock:
            return [
                Spell(*key, tally.calls, tally.took_s, dict(tally.waited_s))
                for key, tally in self._spells.items()
            ]

    def waits(self) -> list[Wait]:
        """The longest, in the order of their begins."""
        with self._lock:
            kept = [wait for _, _, wait in self._waits]
        return sorted(kept, key=lambda wait: wait.began_s)

    def traffic(self) -> list[Traffic]:
        """In the order of their first crossings."""
        with self._lock:
            return [Traffic(*key, *counts) for key, counts in self._traffic.items()]

    def trust(self) -> dict[str, str]:
        """The sentences, by device."""
        with self._lock:
            return dict(self._trust)

    def _tally(self, stamp: Stamp) -> _Tally:
        key = (stamp.site, stamp.text)
        tally = self._spells.get(key)
        if tally is None:
            tally = self._spells[key] = _Tally()
        return tally


@dataclass(slots=True)
class _Tally:
    """What a `Spell` is made of."""

    calls: int = 0
    took_s: float | None = None
    waited_s: dict[str, float] = field(default_factory=dict)


def edges(traffic: Iterable[Traffic]) -> list[Edge]:
    """Values and bytes from each party to each other."""
    counts: dict[tuple[str, str], list[int]] = {}
    for item in traffic:
        edge = counts.setdefault((item.sender, item.receiver), [0, 0])
        edge[0] += item.values
        edge[1] += item.nbytes
    return [Edge(*parties, *numbers) for parties, numbers in sorted(counts.items())]
