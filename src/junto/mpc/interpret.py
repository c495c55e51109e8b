"""Runs a plan over the gates.

Dataflow: every step is started at once, and goes on as soon as its operands are there. So steps that do not
need each other share their rounds (`rounds`), in an order that depends on the plan alone and is the same at
every node. What is public is computed by jax itself; a value is forgotten after its last use.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from junto.errors import JuntoError, PartyUnreachable, ProgramError
from junto.mpc.gates import Gates
from junto.mpc.meter import Meter
from junto.mpc.plan import Plan
from junto.mpc.plan_steps import CONTROL, REVEAL, Block, PlanStep, ShapeDtype
from junto.mpc.primitives.blocks import narrowed
from junto.mpc.primitives.context import (
    RAW,
    SETTLED,
    Cell,
    Context,
    PrimitiveRule,
    Rule,
    Scale,
    Shared,
    Takes,
    fits,
    fraction_of,
)
from junto.mpc.primitives.control import MOST_TURNS
from junto.mpc.primitives.infinite import after, of_nan, origin
from junto.mpc.primitives.lifting import lifted, lifts_some
from junto.mpc.primitives.public import PublicDigest, evaluate
from junto.mpc.primitives.revealing import revealed_bytes
from junto.mpc.primitives.table import TABLE
from junto.mpc.proportions import Proportions, makes
from junto.mpc.rounds import start, together
from junto.mpc.settings import MpcSettings
from junto.mpc.step_counter import StepCounter
from junto.mpc.twins import Twins
from junto.mpc.unknown import Known, unknowns
from junto.mpc.values import Infinite, Public, Secret, Value
from junto.mpc.visibility import place, reflexive, refusal


@dataclass(frozen=True, slots=True)
class StepHooks:
    """Who hears what of a run.

    Attributes:
        watch: called before each step with its primitive and line, for whoever warns.
        witness: collects the public values on which processors could disagree.
        meter: counts what each step costs.
        instead: gives a rule for a step and its operands, if they are not to be computed as usual.
        pace: counts the steps that are done.
        notice: sees each step with its operands before it is computed.
        revealed: hears of each value that a step has made public: the step, and its bytes on the wire.
        proved: hears of the bytes that say whether a number has left its range, if the gates prove it.
        twins: keeps beside the numbers of the debug mode what they should be.
    """

    watch: Callable[[str], None] | None = None
    witness: PublicDigest | None = None
    meter: Meter | None = None
    instead: Callable[[PlanStep, Sequence[Value]], Rule | None] | None = None
    pace: StepCounter | None = None
    notice: Callable[[PlanStep, Sequence[Value]], None] | None = None
    revealed: Callable[[PlanStep, int], None] | None = None
    proved: Callable[[int], None] | None = None
    twins: Twins | None = None


async def perform(
    g: Gates[Any, Any], plan: Plan, inputs: Sequence[Value], settings: MpcSettings, ears: StepHooks
) -> list[Value]:
    """The results of a plan.

    Args:
        g: the gates of this node.
        plan: what to compute.
        inputs: one for each leaf of the arguments, secrets as `values.incoming` makes them.
        settings: those of the SPU.
        ears: who hears what on the way.

    Returns:
        One for each leaf of the result, full arrays; floats have the settings' fraction, or more if they are
        made of squares (`proportions`). An integer's ring element is the integer itself, within its dtype:
        who opens it, or computes on with it in a later call, meets no more bits than the dtype holds.

    Raises:
        NotComputable: as `visibility.visible` would have.
    """
    known = [Known.SECRET if isinstance(each, Secret) else Known.VALUE for each in inputs]
    exact = plan.proportions(settings, [_less(each, settings) for each in inputs])
    flow = _Flow(g, plan, settings, ears, unknowns(plan, known).loops if plan.reveals else (), exact)
    cells = await flow.start_block(
        plan.block, [Cell(_cast(each, form)) for each, form in zip(inputs, plan.inputs, strict=True)]
    )
    ends = zip(cells, plan.outputs, exact.results, strict=True)
    results = [flow.finished(cell, form, settings.fraction_of(less)) for cell, form, less in ends]
    return list(await together(*results))


def _less(value: Value, settings: MpcSettings) -> int | None:
    """How many bits less than a square an argument has after the point, if it has more than others."""
    if isinstance(value, Public) or value.fraction <= settings.fraction:
        return None
    return settings.double - value.fraction


MOVES = frozenset(
    (
        "concatenate",
        "dynamic_slice",
        "dynamic_update_slice",
        "gather",
        "pad",
        "rev",
        "scatter",
        "select_n",
        "slice",
        "split",
        *CONTROL,
    )
)
"""Steps that only move or choose settled numbers, of which nobody may look at those that are out of range."""


class _Flow:
    """One run."""

    def __init__(
        self,
        g: Gates[Any, Any],
        plan: Plan,
        settings: MpcSettings,
        ears: StepHooks,
        open_ended: Container[int],
        exact: Proportions,
    ) -> None:
        self._g = g
        self._exact = exact.slots
        self._proportional = exact.steps
        self._open_ended = open_ended
        self._x64 = plan.x64
        self._settings = settings
        self._ears = ears
        self._shared = Shared()
        self._contexts: dict[PlanStep | None, Context] = {}
        self._constants: dict[Block, dict[int, Cell]] = {}
        self._alone = ears.meter is None and ears.instead is None

    async def start_block(self, block: Block, inputs: Sequence[Cell]) -> list[Cell]:
        """Start all steps of a block; its results come when they come."""
        slots = self._constants_of(block).copy()
        slots.update(zip(block.inputs, inputs, strict=True))
        exact = self._exact.get(block, NONE)
        for slot in exact.intersection(block.inputs):
            slots[slot].exact = True
        for step in block.steps:
            given = [slots[each] for each in step.inputs]
            facts = _facts_of(step)
            made = [Cell(place=facts.place, exact=slot in exact) for slot in step.outputs]
            if self._alone and all(isinstance(each.value, Public) for each in given):
                self._finish(step, made, self._known(step, facts, [each.value for each in given]))
            else:
                if self._ears.twins is not None:
                    self._ears.twins.read(block)
                maker = await start(self._run(step, facts, given, made), facts.place)
                for cell in made:
                    if cell.value is None:
                        cell.maker = maker
            for slot, cell in zip(step.outputs, made, strict=True):
                slots[slot] = cell
            for slot in step.dead:
                slots.pop(slot, None)
        return [slots[each] for each in block.outputs]

    async def finished(self, cell: Cell, form: ShapeDtype, fraction: int) -> Value:
        """A result as it leaves the plan, of floats with so many bits after the point."""
        context = self._context(None)
        value = await cell.settled(self._settled, fraction)
        if isinstance(value, Public):
            return value
        value = context.full(value)
        self._see(cell.place)
        if value.kind != "fixed" and self._ears.twins is not None:
            self._ears.twins.leave(value)
        if value.kind == "integer":
            return _labelled(await narrowed(context, value), form)
        if value.kind != "fixed":
            return value
        held = context.leaving(value, f"that of {cell.place}", fraction)
        if self._ears.twins is not None:
            self._ears.twins.leave(value)
        return _labelled(replace(context.fixed(held, fraction), twin=value.twin), form)

    def _context(self, step: PlanStep | None) -> Context:
        found = self._contexts.get(step)
        if found is None:
            surroundings = (self._evaluate, self.start_block, self._shared.get)
            most = MOST_TURNS if step is not None and id(step) in self._open_ended else None
            g = self._g if step is None else self._g.at(_facts_of(step).place)
            found = Context(g, self._settings, step, *surroundings, most)  # type: ignore[arg-type]
            self._contexts[step] = found
        return found

    def _constants_of(self, block: Block) -> dict[int, Cell]:
        found = self._constants.get(block)
        if found is None:
            found = {
                slot: Cell(Public(array, slot in block.foreseen, slot in block.outside))
                for slot, array in block.constants.items()
            }
            self._constants[block] = found
        return found

    async def _settled(self, value: Value, where: str, fraction: int) -> Value:
        """A value without a pending truncation, for which the step that made it answers."""
        self._see(where)
        context, g = self._context(None), self._g.at(where)
        return await (context if g is self._g else replace(context, g=g)).settled(value, fraction)

    def _see(self, where: str) -> None:
        if self._ears.watch is not None:
            self._ears.watch(where)

    def _evaluate(self, step: PlanStep, arrays: Sequence[Any]) -> list[Public]:
        return evaluate(step, arrays, self._x64, self._ears.witness)

    async def _run(self, step: PlanStep, facts: _Facts, given: Sequence[Cell], made: Sequence[Cell]) -> None:
        takes, digits = _takes(facts.entry, given), self._settings.fraction
        matters = step in self._proportional and facts.entry is not None
        if matters and (makes(step) or step.name == "mul") and takes.scale < Scale.ONE:
            takes = replace(takes, scale=Scale.ONE)  # by which the product will be multiplied
        if matters and not makes(step):
            takes, digits = await self._with_digits(step, given, takes)
        operands = await self._operands(given, takes, digits, each=bool(step.blocks))
        if matters and makes(step):
            digits = self._settings.double
        results = await self._results(step, facts, operands, digits, made[0].exact)
        if self._ears.twins is not None:
            results = self._ears.twins.follow(step, operands, results)
        self._finish(step, made, results)

    def _finish(self, step: PlanStep, made: Sequence[Cell], results: Sequence[Value]) -> None:
        for cell, value, form in zip(made, results, step.forms, strict=True):
            cell.value = _labelled(value, form)
        if self._ears.pace is not None:
            self._ears.pace.finished(step)

    async def _with_digits(self, step: PlanStep, given: Sequence[Cell], takes: Takes) -> tuple[Takes, int]:
        """How a step takes operands that must be right in proportion (`proportions`), and how many digits.

        All get as many bits after the point as the least of these have: those that have more are cut off to
        that, others get zeros.
        """
        fraction, double = self._settings.fraction, self._settings.double
        if step.blocks:
            return replace(takes, pending=True), double
        values = [await each.get() for each in given]
        exact = [x for x, cell in zip(values, given, strict=True) if cell.exact and isinstance(x, Secret)]
        natural = [fraction_of(x, double) for x in exact if x.fraction > fraction]
        if not natural or any(map(_is_far, values)):
            return takes, fraction
        return replace(takes, pending=True), min(natural)

    async def _operands(
        self, given: Sequence[Cell], takes: Takes, digits: int, *, each: bool = False
    ) -> list[Value]:
        """The values of cells, in a form that the step takes. No truncation waits for another operand."""
        fraction = self._settings.fraction
        if digits > fraction:
            return list(await together(*[self._digits_of(cell, takes, digits, each) for cell in given]))
        if any(each.exact for each in given):
            return list(await together(*[self._short(cell, takes) for cell in given]))
        wishes = [self._fitting(cell, takes) for cell in given if not cell.ready(takes, fraction)]
        if len(wishes) == 1:
            await wishes[0]
        elif wishes:
            await together(*wishes)
        return [each.value if each.value is not None else await each.get() for each in given]

    async def _fitting(self, cell: Cell, takes: Takes) -> None:
        if not fits(await cell.get(), takes, self._settings.fraction):
            cell.value = await cell.settled(self._settled, self._settings.fraction)

    async def _short(self, cell: Cell, takes: Takes) -> Value:
        """A value in the form in which most steps take it."""
        value = await cell.get()
        if fits(value, takes, self._settings.fraction):
            return value
        return await cell.settled(self._settled, self._settings.fraction)

    async def _digits_of(self, cell: Cell, takes: Takes, digits: int, each: bool) -> Value:
        """A value with so many digits; `each`: if it has more than others, and no more than it has."""
        value, fraction = await cell.get(), self._settings.fraction
        if isinstance(value, Public) or (fits(value, takes, digits) and value.fraction <= digits):
            return value
        long = value.fraction > fraction
        bits = fraction_of(value, digits) if long else fraction if each else digits
        return await cell.settled(self._settled, max(bits, fraction))

    def _known(self, step: PlanStep, facts: _Facts, operands: Sequence[Any]) -> Sequence[Value]:
        """The results of a step of which all operands are public."""
        if facts.always is not None:
            return [Public(np.full(step.forms[0].shape, facts.always))]
        self._see(facts.place)
        if self._ears.notice is not None:
            self._ears.notice(step, operands)
        try:
            known = self._evaluate(step, [each.array for each in operands])
        except Exception as error:
            _locate(error, step)
            raise
        expected, outside = origin(operands)
        return [replace(each, foreseen=expected, outside=outside) for each in known]

    async def _results(
        self, step: PlanStep, facts: _Facts, operands: Sequence[Value], digits: int, exact: bool
    ) -> Sequence[Value]:
        if facts.always is not None:
            return self._known(step, facts, operands)
        if self._ears.meter is not None:
            self._ears.meter.began(facts.place)
        context, ears = replace(self._context(step), digits=digits, exact=exact), self._ears
        try:
            instead = None if ears.instead is None else ears.instead(step, operands)
            if instead is None and all(isinstance(each, Public) for each in operands):
                return self._known(step, facts, operands)
            self._see(facts.place)
            if ears.twins is not None:
                ears.twins.begin(step)
            if ears.notice is not None:
                ears.notice(step, operands)
            if (nothing := of_nan(step, operands)) is not None:
                return [nothing]
            if instead is not None:
                return _several(await instead(context, step.params, *operands))
            if facts.entry is None:
                raise refusal(step)
            return await self._by_rule(context, facts, facts.entry, operands)
        except Exception as error:
            _locate(error, step)
            raise

    async def _by_rule(
        self, context: Context, facts: _Facts, entry: PrimitiveRule, operands: Sequence[Value]
    ) -> Sequence[Value]:
        """The results of a step of which an operand is secret."""
        step = context.step
        if not entry.thin:
            operands = [context.full(each) if isinstance(each, Secret) else each for each in operands]
        if facts.checked:
            for each in operands:
                context.expect_number(each)
        infinite = after(step, operands)
        if facts.lifts:
            operands = await lifted(context, operands)
        made = _several(await entry.rule(context, step.params, *operands))
        if step.name == REVEAL and self._ears.revealed is not None:
            self._ears.revealed(step, revealed_bytes(operands[0], context.g.bits))
        return [_marked(each, infinite) for each in made] if infinite else made


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a step before it runs.

    Attributes:
        place: the step, and where in the user's files.
        entry: its row of the table.
        always: its result, if that depends on nothing (`visibility.reflexive`).
        checked: whether the debug mode looks at its operands.
        lifts: whether they are of several dtypes.
    """

    place: str
    entry: PrimitiveRule | None
    always: bool | None
    checked: bool
    lifts: bool


def _facts_of(step: PlanStep) -> _Facts:
    if not step.facts:
        entry = TABLE.get(step.name)
        checked = entry is not None and entry.takes is SETTLED and step.name not in MOVES
        step.facts.append(_Facts(_place(step), entry, reflexive(step), checked, lifts_some(step)))
    found: _Facts = step.facts[0]
    return found


NONE: frozenset[int] = frozenset()


def _is_far(value: Value) -> bool:
    """Whether it is infinite, or a public number for which there is no room beside a square."""
    if isinstance(value, Secret):
        return bool(value.infinite)
    return value.dtype.kind == "f" and bool((np.abs(value.array.astype(np.float64)) >= FAR).any())


FAR = 2.0**40
"""Roots end far below the square of this."""


def _takes(entry: PrimitiveRule | None, given: Sequence[Cell]) -> Takes:
    if entry is None:
        return RAW
    if entry.beside is not None and any(isinstance(each.value, Public) for each in given):
        return entry.beside
    return entry.takes


def _several(made: Value | Sequence[Value]) -> Sequence[Value]:
    return [made] if isinstance(made, (Secret, Public)) else made


def _marked(value: Value, infinite: Infinite) -> Value:
    """A result that may be infinite: of floats alone."""
    if isinstance(value, Public) or value.kind != "fixed":
        return value
    return replace(value, infinite=infinite)


def _locate(error: Exception, step: PlanStep) -> None:
    """Say once, with the error, in which step it happened."""
    if isinstance(error, PartyUnreachable | ProgramError):
        return  # of the run, and one for all its calls: a later one would show the note, too
    note = f"in jax's {_place(step)}"
    if isinstance(error, JuntoError) and step.line and step.line in error.message:
        return
    if not any(each.startswith("in jax's ") for each in getattr(error, "__notes__", ())):
        error.add_note(note)


def _place(step: PlanStep) -> str:
    return f"`{step.name}`{place(step)}"


def _cast(value: Value, form: ShapeDtype) -> Value:
    """An argument in the dtype that the plan was traced with."""
    if isinstance(value, Public) and isinstance(value.array, np.ndarray) and isinstance(form.dtype, np.dtype):
        return Public(value.array.astype(form.dtype, copy=False))
    return _labelled(value, form)


def _labelled(value: Value, form: ShapeDtype) -> Value:
    """With shape and dtype as jax has them."""
    if isinstance(value, Secret):
        if value.shape == form.shape and value.dtype == form.dtype:
            return value
        rest = (value.fraction, value.span, value.infinite, value.scale, value.twin)
        return Secret(value.value, np.dtype(form.dtype), form.shape, *rest)
    if isinstance(value.array, np.ndarray | np.generic) and (
        value.array.shape != form.shape or value.array.dtype != form.dtype
    ):
        return replace(value, array=np.broadcast_to(value.array.astype(form.dtype), form.shape))
    return value
