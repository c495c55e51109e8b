"""How far a run of a plan has come, without a look at any clock: steps done, of those there are.

A plan knows its steps before it runs: a loop of fixed length has those of its body, so many times. Counting
them costs next to nothing, where counting rounds beforehand (`counting`) is a run of its own.

Steps that do not wait for each other run ahead, in a loop by dozens of turns. So what counts in a loop is
what waits for the turn before: steps on secrets that the loop carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from junto.mpc.plan import Plan
from junto.mpc.plan_steps import Block, PlanStep
from junto.mpc.visibility import is_secret


class WorkKind(IntEnum):
    """Of a value; of several operands the greatest counts."""

    PUBLIC = 0
    SECRET = 1
    CARRIED = 2


class StepCounter:
    """Of one run; changed by its thread alone, and read by any.

    Args:
        plan: what is run.
        secret_inputs: which of its inputs are secret.

    Attributes:
        total: steps that count, in a loop once for each turn; None: there is a loop whose length nobody knows
            beforehand. A choice between branches is one step.
        done: those of them that are done.
    """

    def __init__(self, plan: Plan, secret_inputs: Sequence[bool]) -> None:
        self._counted: set[int] = set()
        self._endless = False
        total: int | None = self._walk(
            plan.block, [WorkKind.SECRET if each else WorkKind.PUBLIC for each in secret_inputs]
        )
        self.total: int | None = None if self._endless else total
        self.done: int = 0

    def finished(self, step: PlanStep) -> None:
        """A step is done."""
        if id(step) in self._counted:
            self.done += 1

    def _walk(self, block: Block, inputs: Sequence[WorkKind], least: WorkKind = WorkKind.SECRET) -> int:
        """How many steps count in a block: those with an operand of kind `least` or more."""
        kinds = dict(zip(block.inputs, inputs, strict=True))
        total = 0
        for step in block.steps:
            given = [kinds.get(each, WorkKind.PUBLIC) for each in step.inputs]
            highest = max(given, default=WorkKind.PUBLIC)
            flags = is_secret(step, [each > WorkKind.PUBLIC for each in given])
            if step.name in ("scan", "while"):
                highest = WorkKind.CARRIED
            kinds.update((slot, highest) for slot, flag in zip(step.outputs, flags, strict=True) if flag)
            if highest >= least:
                self._counted.add(id(step))
                total += 1 + self._turns(step, given, flags)
        return total

    def _turns(self, step: PlanStep, given: Sequence[WorkKind], flags: Sequence[bool]) -> int:
        """How many steps count in all turns of a loop; 0 for what is none."""
        if step.name == "scan":
            fixed, carried = int(step.params["num_consts"]), int(step.params["num_carry"])
            body, length = step.blocks[0], int(step.params["length"])
        elif step.name == "while":
            self._endless = True
            first, fixed = int(step.params["cond_nconsts"]), int(step.params["body_nconsts"])
            given, body, length, carried = given[first:], step.blocks[1], 1, len(flags)
        else:
            return 0
        carry = [WorkKind.CARRIED if flag else WorkKind.PUBLIC for flag in flags[:carried]]
        inputs = [*given[:fixed], *carry, *given[fixed + carried :]]
        # Without anything carried, whatever is secret: turns are then done in their order, by dozens.
        return length * (self._walk(body, inputs, WorkKind.CARRIED) or self._walk(body, inputs))
