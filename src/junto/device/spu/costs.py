"""Costs for people: of a whole call, and line by line, as numbers and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from junto.mpc.meter import ELSEWHERE, Tally
from junto.program.progress import bytes_text

SHOWN = 12
"""So many lines of a table are shown; all are in the numbers."""


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

    def __sub__(self, other: Cost) -> Cost:
        return Cost(
            self.rounds - other.rounds,
            self.online_bytes - other.online_bytes,
            self.offline_bytes - other.offline_bytes,
        )


def highest(costs: Sequence[Cost]) -> Cost:
    """Of each number the highest: what parties that send differently send at most."""
    return Cost(
        max(each.rounds for each in costs),
        max(each.online_bytes for each in costs),
        max(each.offline_bytes for each in costs),
    )


def highest_tallies(tallies: Sequence[Mapping[str, Tally]]) -> dict[str, Tally]:
    """The same for each step of the same plan."""
    return {
        label: Tally(
            first.runs,
            max(each[label].rounds for each in tallies),
            max(each[label].online for each in tallies),
            max(each[label].offline for each in tallies),
        )
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
            total = sums.setdefault(label, Tally())
            total.runs += tally.runs
            total.rounds += tally.rounds
            total.online += tally.online
            total.offline += tally.offline
            total.seconds += tally.seconds
            total.waiting += tally.waiting
    made = [_line(label, tally) for label, tally in sums.items() if label != ELSEWHERE]
    return tuple(sorted(made, key=lambda each: (-each.cost.seconds(WAN), -each.seconds)))


def _line(label: str, tally: Tally) -> LineCost:
    primitive, _, line = label.partition(", at ")
    cost = Cost(tally.rounds, tally.online, tally.offline)
    return LineCost(line, primitive.strip("`"), tally.runs, cost, tally.seconds, tally.waiting)


# ---------------------------------------------------------------- text

COLUMNS, LEAST_TEXT = 80, 12


def shortened(text: str, width: int) -> str:
    """At most `width` characters of it; what is left out is three dots, in any encoding."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> str:
    """Rows under a head; the first `texts` columns to the left, numbers to the right.

    Where they have no room on `COLUMNS`, the ends of the longest texts are left out.
    """
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    while sum(widths) + 2 * len(widths) > COLUMNS and max(widths[:texts]) > LEAST_TEXT:
        widths[widths.index(max(widths[:texts]))] -= 1
    made = []
    for row in [head, *rows]:
        cells = [
            shortened(cell, width).ljust(width) if i < texts else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        made.append("  " + "  ".join(cells).rstrip())
    return "\n".join(made)


def line_cells(
    lines: Sequence[LineCost], *, timed: bool, what: str = "primitive"
) -> tuple[list[str], list[list[str]]]:
    """The head, in which `what` names the second column, and the rows of the dearest lines."""
    head = ["line", what, "runs", "rounds", "online", "offline", *(["seconds"] if timed else [])]
    rows = [
        [
            each.line or "-",
            each.primitive,
            str(each.runs),
            str(each.cost.rounds),
            bytes_text(each.cost.online_bytes),
            bytes_text(each.cost.offline_bytes),
            *([seconds_text(each.seconds)] if timed else []),
        ]
        for each in lines[:SHOWN]
    ]
    return head, rows


def line_table(lines: Sequence[LineCost], *, timed: bool, what: str = "primitive") -> str:
    """The dearest lines."""
    head, rows = line_cells(lines, timed=timed, what=what)
    return table(head, rows, 2) + (f"\n  {more_text(lines)}" if more_text(lines) else "")


def more_text(lines: Sequence[LineCost]) -> str:
    """How many lines are not shown; empty: none."""
    rest = len(lines) - SHOWN
    return f"... and {rest} more" if rest > 0 else ""


def bits_text(count: float) -> str:
    """``100 Mbit/s``."""
    return f"{count / 1e9:g} Gbit/s" if count >= 1e9 else f"{count / 1e6:g} Mbit/s"


def seconds_text(seconds: float) -> str:
    """``12 ms``."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
