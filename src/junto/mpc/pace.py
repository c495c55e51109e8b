"""How far a run of a plan has come, without a look at any clock: steps done, of those there are.

A plan knows its steps before it runs: a loop of fixed length has those of its body, so many times. Counting
them costs next to nothing, where counting rounds beforehand (`counting`) is a run of its own.
"""

from __future__ import annotations

from junto.mpc.plan import Plan
from junto.mpc.steps import Block


class Pace:
    """Of one run; changed by its thread alone, and read by any.

    Attributes:
        total: steps that the plan has, a loop's once for each turn; None: it has a loop whose length nobody
            knows beforehand. What is inside a choice between branches is one step.
        done: those of them that are done.
    """

    def __init__(self, plan: Plan) -> None:
        self._counted: dict[int, int] = {}
        self.total = None if _has_while(plan.block) else self._count(plan.block)
        self.done = 0

    def counts(self, block: Block) -> bool:
        """Whether the steps of a block are among those counted."""
        return self.total is None or id(block) in self._counted

    def _count(self, block: Block) -> int:
        known = self._counted.get(id(block))
        if known is None:
            known = len(block.steps) + sum(
                int(step.params["length"]) * self._count(step.blocks[0])
                for step in block.steps
                if step.name == "scan"
            )
            self._counted[id(block)] = known
        return known


def _has_while(block: Block) -> bool:
    return any(step.name == "while" or any(map(_has_while, step.blocks)) for step in block.steps)
