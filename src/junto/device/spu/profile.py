"""What calls have cost, measured at the nodes of this process while they ran."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from junto import markup
from junto.accounting.cost_tables import COST_HEAD, CostTable, line_table
from junto.accounting.costs import Cost, LineCost, Tally, lines_of
from junto.accounting.units import seconds_text
from junto.execute.executor import Ref
from junto.execute.slot import Slot
from junto.mpc.meter import Counted, Meter
from junto.net.api import Stamp
from junto.program.program import Program
from junto.program.waiting import AwaitedRef

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MeasuredCall:
    """One call at one node.

    Attributes:
        node: the party, or the dealer's name where a party makes the randomness itself.
        operation: its number.
        text: what it is, ``SPU#3(train)``.
        site: where the script called it.
        cost: rounds in which this node took part, bytes that it sent online, and bytes dealt for it.
        seconds: from its beginning at this node to its end.
        tallies: the same for each step.
    """

    node: str
    operation: int
    text: str
    site: str
    cost: Cost
    seconds: float
    tallies: Mapping[str, Tally]

    @property
    def waiting_s(self) -> float:
        """Seconds of them in which it waited for the other compute party's part of a round."""
        return sum(tally.waiting for tally in self.tallies.values())

    @property
    def lines(self) -> tuple[LineCost, ...]:
        """Line by line, the dearest first."""
        return lines_of([self.tallies])


class NoCosts:
    """Values in the clear cost nothing to share."""

    cost: Final = Cost()
    offline: int = 0


class Recorder:
    """Measures one call at one node.

    Args:
        profiles: what asks for it.
        stamp: of the call.
        node: where.
    """

    def __init__(self, profiles: Sequence[Profile], stamp: Stamp, node: str) -> None:
        self._profiles = tuple(profiles)
        self._stamp = stamp
        self._node = node
        self._done = Slot()
        for each in profiles:
            each.expect(stamp, node, self._done)

    def follow(self, results: Sequence[Ref]) -> None:
        """The call is over when these are there."""
        if not results:
            self._done.set_value(None)
        else:  # a slot of our own, which keeps no result alive
            results[0].add_done_callback(lambda _: self._done.set_value(None))

    def measure(self, role: Counted, run: Callable[[Meter], T]) -> T:
        """What `run` returns, measured. In the node's thread."""
        began = time.perf_counter()
        meter = Meter(role)
        result = run(meter)
        seconds = time.perf_counter() - began
        stamp = self._stamp
        measured = MeasuredCall(
            self._node, stamp.operation, stamp.text, stamp.site, role.cost, seconds, meter.tallies
        )
        for each in self._profiles:
            each.record(measured)
        return result


class Profile:
    """Measures the calls on one SPU from its making on, until `stop` or the end of a ``with`` block.

    Made by `SPU.profile`.

    Reading it waits for the calls that have been made; those that failed are left out. It knows the nodes of
    this process: in production one at most, in a simulation all of them.
    """

    def __init__(self, program: Program, profiles: list[Profile], name: str, compute: Sequence[str]) -> None:
        self._program = program
        self._profiles = profiles
        self._name = name
        self._compute = compute
        self._lock = threading.Lock()
        self._measured: list[MeasuredCall] = []
        self._pending: list[tuple[Stamp, str, Slot]] = []
        profiles.append(self)

    def __enter__(self) -> Profile:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Measure no further calls. Idempotent."""
        if self in self._profiles:
            self._profiles.remove(self)

    def expect(self, stamp: Stamp, node: str, done: Slot) -> None:
        """A call has begun that is over at `node` when `done` is. From the engine."""
        self._pending.append((stamp, node, done))

    def record(self, measured: MeasuredCall) -> None:
        """A call is over. From the node's thread."""
        with self._lock:
            self._measured.append(measured)

    @property
    def calls(self) -> tuple[MeasuredCall, ...]:
        """Every call at every node of this process, in the order of the script."""
        for stamp, node, slot in self._pending:
            self._program.wait(stamp, [AwaitedRef(slot, node)])
        self._pending.clear()
        with self._lock:
            return tuple(sorted(self._measured, key=lambda each: each.operation))

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that have measured something; the compute parties first."""
        found = dict.fromkeys(each.node for each in self.calls)
        compute = self._compute
        return tuple(sorted(found, key=lambda node: compute.index(node) if node in compute else len(compute)))

    def at(self, node: str) -> tuple[MeasuredCall, ...]:
        """The calls at one node."""
        return tuple(each for each in self.calls if each.node == node)

    def total(self, node: str | None = None) -> Cost:
        """All calls at a node (default: the first of `nodes`)."""
        return sum((each.cost for each in self._at(node)), Cost())

    def lines(self, node: str | None = None) -> tuple[LineCost, ...]:
        """All calls at a node, line by line, the dearest first (default: the first of `nodes`)."""
        return lines_of([each.tallies for each in self._at(node)])

    def _at(self, node: str | None) -> tuple[MeasuredCall, ...]:
        chosen = node or next(iter(self.nodes), "")
        return self.at(chosen)

    def __repr__(self) -> str:
        return f"<Profile of {self._name}: {len(self._measured)} measurements>"

    def __str__(self) -> str:
        if not self.nodes:
            return self._nothing
        return "\n\n".join(self._text(node) for node in self.nodes)

    def _repr_html_(self) -> str:
        """In a notebook. Like all reading, it waits for the calls that have been made."""
        return "".join(self._html(node) for node in self.nodes) or markup.paragraph(self._nothing)

    @property
    def _nothing(self) -> str:
        return f"{self._name}: nothing was computed at a node of this process"

    def _text(self, node: str) -> str:
        calls, lines = self._tables(node)
        return f"{self._sum(node)}\n{calls}\n\n{lines}"

    def _html(self, node: str) -> str:
        calls, lines = self._tables(node)
        return markup.paragraph(self._sum(node)) + calls.html + lines.html

    def _sum(self, node: str) -> str:
        calls = self.at(node)
        count = f"{len(calls)} call{'s' if len(calls) != 1 else ''}"
        seconds = seconds_text(sum(each.seconds for each in calls))
        return f"{self._name} at {node}: {count}, {seconds}, {self.total(node)}"

    def _tables(self, node: str) -> tuple[CostTable, CostTable]:
        """Call by call, and line by line."""
        rows = [
            [
                f"{each.operation} {each.text}",
                each.site,
                *each.cost.cells,
                seconds_text(each.seconds),
                seconds_text(each.waiting_s),
            ]
            for each in self.at(node)
        ]
        calls = CostTable(["call", "at", *COST_HEAD, "seconds", "waiting"], rows)
        return calls, line_table(self.lines(node), timed=True)
