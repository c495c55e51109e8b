"""Public numbers of which only the shape is known, when a plan is counted before it runs.

What follows from them is not known either, so it is not computed: a stand-in takes its place. Where such a
number decides how often a loop turns, the loop is counted for a given number of turns; where it
chooses one of several programs, all of them are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import jax
import numpy as np

from junto.mpc.plan import Plan
from junto.mpc.plan_steps import REVEAL, Block, PlanStep, ShapeDtype
from junto.mpc.primitives.context import Cell, Context, Rule
from junto.mpc.primitives.revealing import reveal
from junto.mpc.values import Public, Secret, Value
from junto.mpc.visibility import reflexive


class Known(IntEnum):
    """What is known of a value before a run; of several operands the greatest counts."""

    VALUE = 0
    SHAPE = 1
    SECRET = 2


@dataclass(slots=True)
class Unknowns:
    """The steps of a plan that cannot be counted like the others.

    Attributes:
        values: steps, by their ids, whose results are public, and unknown.
        loops: whose number of turns is unknown.
        choices: between programs, unknown.
    """

    values: set[int] = field(default_factory=set)
    loops: dict[int, PlanStep] = field(default_factory=dict)
    choices: dict[int, PlanStep] = field(default_factory=dict)


def unknowns(plan: Plan, inputs: Sequence[Known]) -> Unknowns:
    """Find them, given what is known of the plan's inputs."""
    found = Unknowns()
    _block(plan.block, inputs, found)
    return found


def stand_in(form: ShapeDtype) -> Any:
    """A public array in place of an unknown one: its numbers are 1, or 1/3 if they may have a fraction."""
    if not isinstance(form.dtype, np.dtype):
        return jax.numpy.broadcast_to(jax.random.key(0), form.shape)
    value = 1 / 3 if np.issubdtype(form.dtype, np.inexact) else 1
    return np.full(form.shape, value, form.dtype)


class InPlace:
    """Rules for the steps of `Unknowns` (`interpret.StepHooks.instead`).

    Args:
        found: those steps.
        turns: how often a loop turns whose condition is unknown.
    """

    def __init__(self, found: Unknowns, turns: int) -> None:
        self._found = found
        self._turns = turns

    def __call__(self, step: PlanStep, operands: Sequence[Value]) -> Rule | None:
        """The rule for a step, if it needs one."""
        if step.name == REVEAL and isinstance(operands[0], Secret):
            return _revealed
        if all(isinstance(each, Public) for each in operands):
            return _stand_ins if id(step) in self._found.values else None
        if id(step) in self._found.loops:
            return self._some_turns
        return _all_branches if id(step) in self._found.choices else None

    async def _some_turns(self, c: Context, params: Mapping[str, Any], *operands: Value) -> Sequence[Value]:
        tested, fixed = int(params["cond_nconsts"]), int(params["body_nconsts"])
        condition, body = c.step.blocks
        cells = [Cell(each) for each in operands]
        carry = cells[tested + fixed :]
        for _ in range(self._turns):
            (cell,) = await c.run(condition, [*cells[:tested], *carry])
            await cell.get()
            carry = await c.run(body, [*cells[tested : tested + fixed], *carry])
        return [await each.get() for each in carry]


async def _revealed(c: Context, params: Mapping[str, Any], x: Secret) -> Sequence[Value]:
    await reveal(c, params, x)
    return [Public(stand_in(c.form))]


async def _stand_ins(c: Context, params: Mapping[str, Any], *operands: Value) -> Sequence[Value]:
    return [Public(stand_in(form)) for form in c.step.forms]


async def _all_branches(
    c: Context, params: Mapping[str, Any], which: Value, *operands: Value
) -> Sequence[Value]:
    started = [await c.run(block, [Cell(each) for each in operands]) for block in c.step.blocks]
    results = [[await c.settled(await cell.get()) for cell in each] for each in started]
    return [
        next((each for each in cases if isinstance(each, Secret)), cases[0])
        for cases in zip(*results, strict=True)
    ]


# ---------------------------------------------------------------- finding them


def _block(block: Block, inputs: Sequence[Known], found: Unknowns) -> list[Known]:
    known = dict.fromkeys(block.constants, Known.VALUE)
    known.update(zip(block.inputs, inputs, strict=True))
    for step in block.steps:
        results = _step(step, [known[each] for each in step.inputs], found)
        known.update(zip(step.outputs, results, strict=True))
    return [known[each] for each in block.outputs]


def _step(step: PlanStep, inputs: list[Known], found: Unknowns) -> list[Known]:
    most = max(inputs, default=Known.VALUE)
    if reflexive(step) is not None:
        return [Known.VALUE] * len(step.outputs)
    if most is Known.SHAPE:
        found.values.add(id(step))
    if most is not Known.SECRET:
        return [most] * len(step.outputs)
    match step.name:
        case "reveal_inside":
            return [Known.SHAPE]
        case "cond":
            return _cond(step, inputs, found)
        case "scan":
            fixed, carried = int(step.params["num_consts"]), int(step.params["num_carry"])
            constants, rows = inputs[:fixed], inputs[fixed + carried :]
            return _settle(step.blocks[0], (constants, inputs[fixed : fixed + carried], rows), found)
        case "while":
            return _while(step, inputs, found)
        case _:
            return [Known.SECRET] * len(step.outputs)


def _settle(
    block: Block, parts: tuple[list[Known], list[Known], list[Known]], found: Unknowns
) -> list[Known]:
    """What is known of a loop's results once it has turned often enough.

    Args:
        block: one turn.
        parts: what is known of its constants, of what it carries, and of its rows.
        found: takes up the unknown steps.
    """
    constants, carry, rows = parts
    while True:
        results = _block(block, [*constants, *carry, *rows], found)
        grown = [max(old, new) for old, new in zip(carry, results, strict=False)]
        if grown == carry:
            return [*carry, *results[len(carry) :]]
        carry = grown


def _while(step: PlanStep, inputs: list[Known], found: Unknowns) -> list[Known]:
    tested, fixed = int(step.params["cond_nconsts"]), int(step.params["body_nconsts"])
    condition, body = step.blocks
    carry = _settle(body, (inputs[tested : tested + fixed], inputs[tested + fixed :], []), found)
    if _block(condition, [*inputs[:tested], *carry], found) != [Known.VALUE]:
        found.loops[id(step)] = step
    return carry


def _cond(step: PlanStep, inputs: list[Known], found: Unknowns) -> list[Known]:
    which, *rest = inputs
    branches = [_block(block, rest, found) for block in step.blocks]
    if which is Known.SHAPE:
        found.choices[id(step)] = step
    return [max(which, *flags) for flags in zip(*branches, strict=True)]
