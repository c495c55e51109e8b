"""What a call reveals while it runs, as the ledger has it: who has it from whom."""

from __future__ import annotations

from collections.abc import Mapping

from junto.device.handle import passage
from junto.mpc.plan_steps import LABEL, PlanStep
from junto.net.api import Stamp
from junto.program.program import Program
from junto.wire.payload import Summary


class RevealRecord:
    """Of one call at one node (`interpret.StepHooks.revealed`).

    Args:
        program: the run.
        stamp: of the call.
        role: the node's.
        homes: of all nodes, in the order P0, P1, and who deals if somebody does: the parties that run them.
    """

    def __init__(self, program: Program, stamp: Stamp, role: str, homes: Mapping[str, str]) -> None:
        first, second, *dealer = homes
        ways = [(first, second), (second, first), *[(second, each) for each in dealer]]
        self._program = program
        self._stamp = stamp
        self._ways = [
            (number, homes[source], homes[target], source == role)
            for number, (source, target) in enumerate(ways)
            if role in (source, target)
        ]
        self._seen = 0

    def __call__(self, step: PlanStep, nbytes: int) -> None:
        """A value has come to all nodes."""
        form = step.forms[0]
        self._seen_by_all(Summary(f"{step.params[LABEL]}: {form.dtype}", form.shape), nbytes)

    def proved(self, nbytes: int) -> None:
        """All nodes know whether a number has left its range."""
        self._seen_by_all(Summary("overflow: int64", ()), nbytes)

    def _seen_by_all(self, summary: Summary, nbytes: int) -> None:
        for number, source, target, ours in self._ways:
            way = passage(self._stamp, 3 * self._seen + number, "reveal", source, target)
            self._program.crossed(way, summary, nbytes, ours=ours)
        self._seen += 1
