"""Private set intersection by an oblivious pseudo-random function.

Paper:     Raghuraman, Rindal, "Blazing fast PSI from improved OKVS and subfield VOLE", CCS 2022, section 5;
           Pinkas, Rosulek, Trieu, Yanai, "PSI from PaXoS: fast, malicious private set intersection",
           EUROCRYPT 2020.
Computes:  ranks for equal keys, from one set of keys a party.
Parties:   two; one that gets the result compares.
Secure:    semi-honest; see `oprf`.
Learns:    what the parties of `ecdh` learn. Everybody: the number of keys of each set.
Cost:      see `oprf`; then of n keys of the party that does not compare 11 bytes of each (of a million; see
           `OprfSizes`) to the one that does, and ranks of 4 * n bytes back.

The party that compares has its values of the function F by `oprf`; the other one, which knows F, sends those
of its own keys. Equal keys have equal values, and others look uniform to who compares. Its ranks are in the
order of a cipher of its own: the other party knows F, and could tell from ranks in the order of F how many
keys lie between two of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from junto.device.current import current
from junto.device.disclosure import wait
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject
from junto.errors import JoinError, ProtocolViolation
from junto.join import okvs
from junto.join.comparing import Ranking
from junto.join.ecdh import Ecdh, comparer_of
from junto.join.oprf import OprfInput, OprfKey, OprfSizes
from junto.join.protocol import FoundKeys, Goal, Intersection, KeySet
from junto.join.tags import TAG_BYTES, Tagging, new_key
from junto.join.travel import in_step, shown


class VolePsi(Intersection):
    """Of two parties; see the module."""

    def run(self, sources: Mapping[PYU, KeySet], goal: Goal) -> FoundKeys:
        run = _Run(sources, goal)
        with shown(run.steps) as seen:
            run.make(seen)
        compared = run.matching.compare([party.party for party in goal.receivers])
        in_step([run.back(party) for party in goal.receivers])
        return FoundKeys(compared, [run.matching.close()])

    def learns(self, sources: Sequence[PYU], goal: Goal) -> Mapping[PYU, str]:
        return Ecdh().learns(sources, goal)


class OprfMatching(Ranking):
    """At the party that compares: of values of F, of `size` bytes each."""

    def __init__(self, counts: Mapping[str, int], how: str, base: str, spill: str | None, size: int) -> None:
        super().__init__(counts, how, base, spill)
        self._size, self._order = size, Tagging(new_key())

    def _tags(self, values: Any, count: int, sender: str) -> npt.NDArray[np.uint64]:
        right = isinstance(values, np.ndarray) and values.dtype == np.uint8
        if not right or values.shape != (count, self._size):
            raise ProtocolViolation(f"what {sender} sent is not {count} values of {self._size} bytes")
        return self._order(np.pad(values, ((0, 0), (0, TAG_BYTES - self._size))))


_OprfInput = proxy(PYUObject, num_cpus=0)(OprfInput)
_OprfKey = proxy(PYUObject, num_cpus=0)(OprfKey)
_OprfMatching = proxy(PYUObject, num_cpus=0)(OprfMatching)


class _Run:
    """One run, as the script sees it."""

    def __init__(self, sources: Mapping[PYU, KeySet], goal: Goal) -> None:
        self._comparer = comparer_of(goal, len(sources))
        (self._other,) = (party for party in sources if party != self._comparer)
        self._sources = sources
        ours, theirs = sources[self._comparer].count, sources[self._other].count
        if ours > okvs.MOST_KEYS:
            raise JoinError(
                f"{self._comparer.party} has {ours} keys; in memory there is room for {okvs.MOST_KEYS}",
                fix='method="ecdh", which keeps them in files',
            )
        self._sizes = OprfSizes(ours, theirs)
        spill = current().settings.link.spill_dir
        counts = {party.party: source.count for party, source in sources.items()}
        self.matching: Any = _OprfMatching(
            counts, goal.how, goal.base.party, spill, self._sizes.output, device=self._comparer
        )
        self._input = _OprfInput(self._sizes, self._other.party, device=self._comparer)
        self._key = _OprfKey(self._sizes, self._comparer.party, device=self._other)

    @property
    def steps(self) -> int:
        """How many `make` takes."""
        ours, theirs = (len(self._sources[party].sizes()) for party in (self._comparer, self._other))
        return 2 * ours + self._sizes.columns + theirs

    def make(self, seen: Any) -> None:
        """Have all values of F at the party that compares."""
        said = self._key.meet(self._input.begin().to(self._other))
        wait(self._input.meet(said.to(self._comparer)))  # nobody goes on from what has failed
        in_step([self._added()], seen)
        encoded = self._input.encode().to(self._other)
        in_step([self._expected()])
        wait(self._key.open(encoded))
        in_step([self._columns()], seen)
        in_step([self._own(), self._others()], seen)

    def back(self, party: PYU) -> Iterator[PYUObject]:
        """Carry the ranks to their owner."""
        source, sizes = self._sources[party], self._sources[party].sizes()
        for index, (start, size) in enumerate(zip(accumulate(sizes, initial=0), sizes, strict=False)):
            yield source.place(index, self.matching.ranks(party.party, start, size).to(party))

    def _added(self) -> Iterator[PYUObject]:
        source = self._sources[self._comparer]
        for index in range(len(source.sizes())):
            yield self._input.add(source.keys(index))

    def _expected(self) -> Iterator[PYUObject]:
        source = self._sources[self._other]
        for index in range(len(source.sizes())):
            yield self._key.expect(index, source.keys(index))

    def _columns(self) -> Iterator[PYUObject]:
        for number in range(self._sizes.columns):
            yield self._key.column(number, self._input.column(number).to(self._other))

    def _own(self) -> Iterator[PYUObject]:
        name, sizes = self._comparer.party, self._sources[self._comparer].sizes()
        for start, size in zip(accumulate(sizes, initial=0), sizes, strict=False):
            yield self.matching.add(name, self._input.outputs(start, size), size, name)

    def _others(self) -> Iterator[PYUObject]:
        source, name = self._sources[self._other], self._other.party
        for index, size in enumerate(source.sizes()):
            values = self._key.outputs(source.keys(index), index).to(self._comparer)
            yield self.matching.add(name, values, size, name)
