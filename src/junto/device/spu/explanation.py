"""What a call, or all that a function asks for, would cost: as numbers, and for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import fill

from junto.accounting.cost_tables import CostTable, line_table
from junto.accounting.costs import LAN, WAN, Cost, LineCost, Network
from junto.accounting.units import bytes_text, seconds_text
from junto.markup import paragraph
from junto.mpc.visibility import PlannedReveal

TURNS = "a loop that ends by what is revealed shows how often it turns, too"


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """What a call costs, counted before it runs; the same at every party that has a node.

    A party without one does not know in which form a result of another call is held (see `notes`). Of a call
    of an SPU (`SPU.explain`) sharing arguments in and showing results is not part: 8 bytes a number each, a
    bit a truth value. `junto.explain` counts them, in `beside`.

    Attributes:
        name: of the function.
        compute: the two parties that compute; empty: nothing is asked of an SPU.
        dealer: who makes the randomness and sends it to the second of them; None: both make it together.
        total: what the call costs, at whichever of the two sends more where that differs. A loop whose number
            of turns is not known counts once.
        each: what each of the two sends. Without a dealer, offline bytes are an estimate (see `notes`).
        turn: what one more turn of every such loop costs; None: there is none.
        lines: what it costs line by line, the dearest first; lines of one call share rounds.
        notes: what the numbers take for granted; constants that cannot be held, and sums that are long.
        beside: bytes that each party sends beside `total`, to share, move and show values, and to join; each
            way counts, so a value that two parties are shown is sent twice.
        beside_rounds: rounds that joins take.
        reveals: what all parties of the SPU would learn on the way, and has to be agreed to in the call.
    """

    name: str
    compute: tuple[str, ...]
    dealer: str | None
    total: Cost
    each: tuple[Cost, ...]
    turn: Cost | None
    lines: tuple[LineCost, ...]
    notes: tuple[str, ...]
    beside: Mapping[str, int] = field(default_factory=dict)
    beside_rounds: int = 0
    reveals: tuple[PlannedReveal, ...] = ()

    @property
    def rounds(self) -> int:
        """See `Cost.rounds`."""
        return self.total.rounds

    @property
    def online_bytes(self) -> Mapping[str, int]:
        """What each party sends while the call runs."""
        return {party: cost.online_bytes for party, cost in zip(self.compute, self.each, strict=True)}

    @property
    def offline_bytes(self) -> Mapping[str, int]:
        """What each party sends that depends on shapes alone, perhaps ahead of time."""
        if self.dealer is not None:
            return {self.dealer: self.total.offline_bytes}
        return {party: cost.offline_bytes for party, cost in zip(self.compute, self.each, strict=True)}

    @property
    def lan_seconds(self) -> float:
        """Time on a LAN (`costs.LAN`), without the time to compute."""
        return self._seconds(LAN)

    @property
    def wan_seconds(self) -> float:
        """Time on a WAN (`costs.WAN`), without the time to compute."""
        return self._seconds(WAN)

    def __repr__(self) -> str:
        return f"<Explanation of {self.name}: {self.total}; print it for the lines>"

    def __str__(self) -> str:
        above = [f"  {each}" for each in (self._sent, *self._times, *self._revealed) if each]
        below = [fill(each, 80, initial_indent="  ", subsequent_indent="    ") for each in self._remarks]
        return "\n".join([self._head, *above, "", str(self._table), "", *below])

    def _repr_html_(self) -> str:
        above = [self._head, self._sent, "; ".join(self._times), *self._revealed]
        below = map(paragraph, self._remarks)
        return "".join([*map(paragraph, filter(None, above)), self._table.html, *below])

    @property
    def _head(self) -> str:
        if self.compute:
            return f"{self.name}: {self.total}"
        sent = bytes_text(sum(self.beside.values()))
        return f"{self.name}: nothing on an SPU; {self.beside_rounds} rounds, {sent} sent by all"

    @property
    def _revealed(self) -> list[str]:
        shown = [f"reveals to all parties of the SPU {each}" for each in self.reveals]
        return [*shown, TURNS] if any(each.turns is None for each in self.reveals) else shown

    @property
    def _table(self) -> CostTable:
        return line_table(self.lines, timed=False, what="call" if self.beside else "primitive")

    @property
    def _times(self) -> list[str]:
        return [f"{seconds_text(self._seconds(net))} on a {net}" for net in (LAN, WAN)]

    def _seconds(self, net: Network) -> float:
        rounds, sent = self.beside_rounds, max(self.beside.values(), default=0)
        return self.total.seconds(net) + Cost(rounds, sent).seconds(net)

    @property
    def _remarks(self) -> list[str]:
        remarks = ["lines share rounds, so theirs add up to more; times are the network's alone"]
        if self.beside:
            sent = ", ".join(f"{party} {bytes_text(count)}" for party, count in self.beside.items())
            remarks = [
                f"beside that is sent, to share, move, show and join: {sent}",
                "times are the network's alone",
            ]
        if self.turn is not None:
            remarks.append(
                f"per iteration: a loop whose condition is not known yet counts once; "
                f"one more turn costs {self.turn}"
            )
        return [*remarks, *self.notes]

    @property
    def _sent(self) -> str:
        if not self.compute:
            return ""
        first, second = self.compute
        if self.dealer is not None:
            return f"online: {first} and {second} each; offline: {self.dealer} to {second}"
        return "; ".join(
            f"{party}: {bytes_text(cost.online_bytes)} online, about {bytes_text(cost.offline_bytes)} offline"
            for party, cost in zip(self.compute, self.each, strict=True)
        )
