"""Private set intersection by commutative blinding.

Paper:     Meadows, IEEE S&P 1986; Huberman, Franklin, Hogg, "Enhancing privacy and trust in electronic
           communities", ACM EC 1999, section 3.
Computes:  ranks for equal keys, from one set of keys a party.
Parties:   two or more; one of those that get the result compares.
Secure:    semi-honest, without collusion; decisional Diffie-Hellman, hash as a random oracle.
Learns:    see `Ecdh.learns`. Everybody: the number of keys of each set.
Cost:      for a set of n keys and p parties: n hashes to the curve, p * n multiplications, p - 1 moves of
           32 * n bytes (p of the comparing party's own set); ranks of 4 * n back (16 * n of three parties).
           Of a left join of three: one order of the ranks more, drawn once, and a seed of 32 bytes a party.

Each key x of a set is hashed to the curve, multiplied by its owner's secret a, and sent on; every other party
multiplies by its own. However it travelled, x has become abc...H(x) when it reaches the comparing party:
equal keys are equal there, and nothing else can be told of a key whose set one does not own.

With two parties the one that compares knows which of its own keys lies where, hence which of them the other
has. With three that would be too much: it would see which of its keys each *pair* shares. So every party that
a set passes sorts it by its blinded values before passing it on, and nobody who compares knows whose key lies
where. The ranks go back the way the points came, each encrypted for the owner of the set by itself; a
party on the way undoes its sorting and reads nothing.

An inner join gives ranks only to keys that all have, a difference only to those that nobody else has: of a
key with a rank nothing more can be told. A left join gives ranks to all keys of its base. With three parties
the base compares, and is given other names of the ranks (`junto.join.relabelling`), if it is given any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from junto.device.current import current
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject
from junto.join.blinding import blind, blind_again, new_secret
from junto.join.comparing import Comparing, unseal
from junto.join.protocol import FoundKeys, Goal, Intersection, KeySet, names, of_count, of_own_keys
from junto.join.relabelling import new_seed, order_of_seed, relabelled
from junto.join.shuffling import Shuffling
from junto.join.travel import in_step, shown

Batches = Callable[[int], Any]


class Ecdh(Intersection):
    """ECDH-PSI on Curve25519; see the module."""

    def run(self, sources: Mapping[PYU, KeySet], goal: Goal) -> FoundKeys:
        comparing, journeys = _travelled(sources, goal, len(sources) > 2)
        counts = {party.party: source.count for party, source in sources.items()}
        compared = comparing.compare([party.party for party in goal.receivers])
        returning = [journey for journey in journeys if journey.owner in goal.receivers]
        orders = _orders(goal, journeys, counts)
        in_step([journey.back(orders) for journey in returning])
        closed = [journey.close() for journey in journeys]
        return FoundKeys(compared, [comparing.close(), *(each for some in closed for each in some)])

    def count(self, sources: Mapping[PYU, KeySet], goal: Goal) -> FoundKeys:
        """Find no ranks, only how many keys all parties have. Every set is sorted by another party."""
        comparing, journeys = _travelled(sources, goal, True)
        compared = comparing.compare([])
        return FoundKeys(compared, [comparing.close(), *(each for way in journeys for each in way.close())])

    def learns(self, sources: Sequence[PYU], goal: Goal) -> Mapping[PYU, str]:
        return {party: _learns(party, [each for each in sources if each != party], goal) for party in sources}

    def learns_of_count(self, sources: Sequence[PYU], goal: Goal) -> Mapping[PYU, str]:
        """The same of `count`."""
        comparer = comparer_of(goal, len(sources))
        many = [f"{_ANY}, not which"] if len(sources) > 2 else []
        return {party: of_count(party, sources, goal, many if party == comparer else []) for party in sources}


_Comparing = proxy(PYUObject, num_cpus=0)(Comparing)
_Shuffling = proxy(PYUObject, num_cpus=0)(Shuffling)


_ANY = "how many keys any of the parties have in common"


def _travelled(sources: Mapping[PYU, KeySet], goal: Goal, shuffled: bool) -> tuple[Any, list[_Journey]]:
    """All sets at the party that compares, and their ways."""
    spill = current().settings.link.spill_dir
    comparer = comparer_of(goal, len(sources))
    counts = {party.party: source.count for party, source in sources.items()}
    comparing = _Comparing(counts, goal.how, goal.base.party, spill, device=comparer)
    journeys = [
        _Journey(source, _stops(list(sources), party, comparer), comparing, shuffled, spill)
        for party, source in sources.items()
    ]
    secrets = {party: party(new_secret)() for party in sources}
    with shown(sum(journey.steps for journey in journeys)) as seen:
        in_step([journey.there(secrets) for journey in journeys], seen)
    return comparing, journeys


def _learns(party: PYU, others: Sequence[PYU], goal: Goal) -> str:
    has, comparing = "has" if len(others) == 1 else "have", party == comparer_of(goal, len(others) + 1)
    facts = [f"how many different keys {names(others)} {has}"]
    if comparing and len(others) == 1 and (goal.how == "outer" or (goal.how, goal.base) == ("left", party)):
        facts.append(f"which of its own keys {names(others)} has")
    elif party in goal.receivers:
        facts += of_own_keys(party, others, goal)
    if comparing and len(others) > 1:
        facts.append(f"{_ANY}, not which")
    return f"{party.party} learns {'; '.join(facts)}."


def comparer_of(goal: Goal, parties: int) -> PYU:
    """Who compares, of so many parties: one that gets ranks, if the base does, the base."""
    compares = goal.base in goal.receivers or (goal.how == "left" and parties > 2)
    return goal.base if compares else goal.receivers[0]


def _orders(goal: Goal, journeys: Sequence[_Journey], counts: Mapping[str, int]) -> Mapping[PYU, PYUObject]:
    """The new names of ranks, at each party that needs them, of a left join of three; see the module."""
    if goal.how != "left" or len(journeys) == 2:
        return {}
    base = next(journey for journey in journeys if journey.owner == goal.base)
    drawer, total = base.stops[0], counts[goal.base.party]
    if goal.base not in goal.receivers:  # it gets no ranks that it could know again
        return {}
    seed = drawer(new_seed)()
    holders = {drawer, *goal.receivers} - {goal.base}
    return {
        party: party(order_of_seed)(seed.to(party), total)
        for party in (journey.owner for journey in journeys)
        if party in holders
    }


def _stops(parties: Sequence[PYU], owner: PYU, comparer: PYU) -> list[PYU]:
    """Where a set goes after its owner: through everybody else to the party that compares."""
    return [*(party for party in parties if party not in (owner, comparer)), comparer]


@dataclass
class _Journey:
    """The way of one party's set, as the script sees it."""

    source: KeySet
    stops: list[PYU]
    comparing: Any
    shuffled: bool
    spill: str | None
    shuffling: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.owner = self.source.device
        self.sizes = self.source.sizes()
        self.starts = [0, *accumulate(self.sizes)]

    @property
    def steps(self) -> int:
        """How many `there` takes."""
        return len(self.sizes) * (len(self.stops) if self.shuffled else 1)

    def there(self, secrets: Mapping[PYU, PYUObject]) -> Iterator[PYUObject]:
        """Carry the set to the party that compares, batch by batch."""
        *middle, end = self.stops
        points, sender = self._blinded(secrets[self.owner]), self.owner
        for stop in middle:
            points = self._blinded_again(points, sender, stop, secrets[stop])
            sender = stop
            if self.shuffled:
                holder = _Shuffling(self.source.count, max(self.sizes, default=1), self.spill, device=stop)
                for index in range(len(self.sizes)):
                    yield holder.add(points(index))
                points = _leaving(holder)
                self.shuffling.append(holder)
        if self.owner != end:
            points = self._blinded_again(points, sender, end, secrets[end])
        for index, size in enumerate(self.sizes):
            yield self.comparing.add(self.owner.party, points(index).to(end), size, sender.party)

    def back(self, orders: Mapping[PYU, PYUObject]) -> Iterator[PYUObject]:
        """Carry the ranks to the owner, who gets them by the new names, if there are any in `orders`."""
        if not self.shuffled:
            for index in range(len(self.sizes)):
                yield self.source.place(index, self._ranks(index).to(self.owner))
            return
        answers: Batches = self._sealed
        sender: PYU = self.comparing.device
        opens = self.stops[0] if orders and self.owner == self.comparing.device else self.owner
        key = self.comparing.key(self.owner.party).to(opens)
        for holder in reversed(self.shuffling):
            for index, size in enumerate(self.sizes):
                yield holder.take_back(answers(index).to(holder.device), size, sender.party)
            answers, sender = self._answers(holder), holder.device
        for index, size in enumerate(self.sizes):
            ranks = opens(unseal)(key, answers(index).to(opens), size, sender.party)
            if orders:
                ranks = opens(relabelled)(ranks, orders[opens])
            yield self.source.place(index, ranks.to(self.owner))

    def close(self) -> list[PYUObject]:
        """Let go of what the stops hold."""
        return [holder.close() for holder in self.shuffling]

    def _blinded(self, secret: PYUObject) -> Batches:
        return lambda index: self.owner(blind)(secret, self.source.keys(index))

    def _blinded_again(self, points: Batches, sender: PYU, stop: PYU, secret: PYUObject) -> Batches:
        return lambda index: stop(blind_again)(
            secret, points(index).to(stop), self.sizes[index], sender.party
        )

    def _ranks(self, index: int) -> Any:
        return self.comparing.ranks(self.owner.party, self.starts[index], self.sizes[index])

    def _sealed(self, index: int) -> Any:
        return self.comparing.sealed(self.owner.party, self.starts[index], self.sizes[index])

    def _answers(self, holder: Any) -> Batches:
        return lambda index: holder.answers(self.starts[index], self.sizes[index])


def _leaving(holder: Any) -> Batches:
    return lambda _: holder.next()
