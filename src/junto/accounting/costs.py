"""What something costs: of a whole call, and line by line; the time that a network takes for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add, attrgetter, sub

from junto.accounting.units import bits_text, bytes_text

ELSEWHERE = ""
"""The label of what no step does."""

_OF_COST = attrgetter("rounds", "online_bytes", "offline_bytes")
_OF_TALLY = attrgetter("runs", "rounds", "online", "offline", "seconds", "waiting")


@dataclass(frozen=True, slots=True)
class Network:
    """A network to estimate times for.

    Attributes:
        name: for a person.
        round_s: seconds that a round takes, however little is sent.
        bits_per_s: what a party can take in.
    """

    name: str
    round_s: float
    bits_per_s: float

    def __str__(self) -> str:
        return f"{self.name} ({1000 * self.round_s:g} ms a round, {bits_text(self.bits_per_s)})"


LAN = Network("LAN", 0.0002, 1e10)
WAN = Network("WAN", 0.04, 1e8)


@dataclass(frozen=True, slots=True)
class Cost:
    """What something costs.

    Attributes:
        rounds: messages each way between the two compute parties, one after the other.
        online_bytes: that each of the compute parties sends to the other one.
        offline_bytes: that whoever makes the randomness sends to the second compute party, perhaps ahead;
            where the two make it together, that a party sends for it.
    """

    rounds: int = 0
    online_bytes: int = 0
    offline_bytes: int = 0

    def seconds(self, network: Network) -> float:
        """The time on a network, without computing: the rounds, and all bytes that one party takes in."""
        return (
            self.rounds * network.round_s + 8 * (self.online_bytes + self.offline_bytes) / network.bits_per_s
        )

    @property
    def cells(self) -> list[str]:
        """Rounds, bytes online and bytes offline, each as a text."""
        return [str(self.rounds), bytes_text(self.online_bytes), bytes_text(self.offline_bytes)]

    def __str__(self) -> str:
        rounds, online, offline = self.cells
        return f"{rounds} round{'s' if self.rounds != 1 else ''}, {online} online, {offline} offline"

    def __add__(self, other: Cost) -> Cost:
        return Cost(*map(add, _OF_COST(self), _OF_COST(other)))

    def __sub__(self, other: Cost) -> Cost:
        return Cost(*map(sub, _OF_COST(self), _OF_COST(other)))


def highest(costs: Sequence[Cost]) -> Cost:
    """Of each number the highest: what parties that send differently send at most."""
    return Cost(*map(max, zip(*map(_OF_COST, costs), strict=True)))


@dataclass(slots=True)
class Tally:
    """What was spent for one label, while it is counted.

    Attributes:
        runs: how often its step was run; a step in a loop runs once a turn.
        rounds: in how many rounds it took part.
        online: bytes that this node sent to the other compute party.
        offline: bytes that the helper dealt; without one, an estimate of what this node sent to prepare.
        seconds: spent by this node, waiting included.
        waiting: seconds that it waited for the other compute party's part of a round.
    """

    runs: int = 0
    rounds: int = 0
    online: int = 0
    offline: int = 0
    seconds: float = 0.0
    waiting: float = 0.0

    @property
    def cost(self) -> Cost:
        """Its rounds and bytes."""
        return Cost(self.rounds, self.online, self.offline)

    def __add__(self, other: Tally) -> Tally:
        return Tally(*map(add, _OF_TALLY(self), _OF_TALLY(other)))


def highest_tallies(tallies: Sequence[Mapping[str, Tally]]) -> dict[str, Tally]:
    """`highest` for each step of the same plan."""
    return {
        label: Tally(first.runs, *_OF_COST(highest([each[label].cost for each in tallies])))
        for label, first in tallies[0].items()
    }


@dataclass(frozen=True, slots=True)
class LineCost:
    """What one primitive on one source line costs.

    Attributes:
        line: ``fit.py:31 (loss)``; empty where no line is known.
        primitive: jax's name; empty for what belongs to no step.
        runs: how often it is run: in a loop, once a turn.
        cost: of all runs; rounds in which it takes part, shared with other lines.
        seconds: that this node spent on it, waiting included; 0 where nothing was run.
        waiting_s: those of them in which it waited for the other compute party.
    """

    line: str
    primitive: str
    runs: int
    cost: Cost
    seconds: float = 0.0
    waiting_s: float = 0.0


def lines_of(tallies: Iterable[Mapping[str, Tally]]) -> tuple[LineCost, ...]:
    """The lines of one or several runs, the dearest on a WAN first."""
    sums: dict[str, Tally] = {}
    for each in tallies:
        for label, tally in each.items():
            sums[label] = sums.get(label, Tally()) + tally
    made = [_line(label, tally) for label, tally in sums.items() if label != ELSEWHERE]
    return tuple(sorted(made, key=lambda each: (-each.cost.seconds(WAN), -each.seconds)))


def _line(label: str, tally: Tally) -> LineCost:
    primitive, _, line = label.partition(", at ")
    return LineCost(line, primitive.strip("`"), tally.runs, tally.cost, tally.seconds, tally.waiting)
