"""What a call would cost, before anything runs: the plan is counted, not computed.

Local: no operation begins and nothing is sent, so one party may ask alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from junto.accounting.costs import Cost, Tally, highest, highest_tallies, lines_of
from junto.config.spu_model import SpuSource
from junto.device.handle import DeviceObject
from junto.device.spu.call_forms import Described, SecretInput, SpuCall
from junto.device.spu.calls import opened
from junto.device.spu.explanation import Explanation
from junto.device.spu.layout import ArrayLayout, wide_numbers
from junto.device.spu.object import SPUObject
from junto.device.spu.plan_runner import charge, gates_of, run_plan
from junto.device.spu.spu_device import SpuDevice
from junto.errors import DeviceError
from junto.mpc.counting import blank_of, counting_pair, counting_roles, fresh
from junto.mpc.interpret import StepHooks
from junto.mpc.meter import Meter
from junto.mpc.plan import Plan, jax_dtype
from junto.mpc.primitives.public import PublicDigest
from junto.mpc.protocol.role import Role
from junto.mpc.ranges import RangeRemarks
from junto.mpc.settings import MpcSettings
from junto.mpc.unknown import InPlace, Known, Unknowns, stand_in, unknowns
from junto.tree import map_leaves

READY = (
    "handles are taken as ready for use, as shared values are; an unopened result of another call costs "
    "an element a number and up to a round more"
)
GUESSED = (
    "public arguments known by shape only, and what is revealed on the way, are taken as numbers that need "
    "every bit after the point"
)
PAIR = (
    "nobody helps: offline bytes are an estimate of what the oblivious transfers send, to which come about "
    "20 kB the first time and what whole words round up, and of what large products of matrices send, to "
    "which come 205 kB the first time; preparing takes rounds of its own, a few a batch"
)
CLEAR = "values are in the clear on this SPU (REF2K): this is what another protocol would send"
CHECKED = (
    "overflow is ERROR: all nodes are told whether a number left its range, and if one did, the operation"
)
BRANCHES = "where what is not known yet chooses between branches, all of them are counted"


def explain(
    spu: SpuDevice, call: SpuCall, public: Iterable[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Explanation:
    """See `SPU.explain`.

    Args:
        spu: where it would run.
        call: the function and its options.
        public: parameters whose `jax.ShapeDtypeStruct`s stand for public arrays.
        args: as for the call itself.
        kwargs: as for the call itself.
    """
    planned, inputs, settings = spu.plans.get(call, *described(spu, call, frozenset(public), args, kwargs))
    count = PlanCounter(spu, planned.plan, inputs, settings)
    found = count.run(turns=1)
    once = highest(found.costs)
    turn = highest(count.run(turns=2).costs) - once if count.unknown.loops else None
    return Explanation(
        name=call.name,
        compute=spu.settings.compute,
        dealer=dealer_of(spu),
        total=once,
        each=found.costs,
        turn=turn,
        lines=lines_of([highest_tallies(found.tallies)]),
        notes=(*count.notes, *count.ranges.remarks),
        reveals=planned.disclosures,
    )


def dealer_of(spu: SpuDevice) -> str | None:
    """Who makes the randomness; None: the two that compute, together."""
    if spu.settings.source is SpuSource.BOTH_PARTIES:
        return None
    return spu.settings.helper or spu.settings.compute[0]


# ---------------------------------------------------------------- arguments


def described(
    spu: SpuDevice, call: SpuCall, public: frozenset[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Any]:
    """The arguments with a description in place of each secret, and of each array known by shape only."""
    parameters = list(inspect.signature(call.function).parameters) if public else []
    unknown = sorted(public - set(parameters) - set(kwargs))
    if unknown:
        raise DeviceError(
            f"public_argnames names {', '.join(unknown)}, which {call.name} does not take",
            fix=f"it takes {', '.join(parameters)}",
        )
    places = [parameters[i] if i < len(parameters) else "" for i in range(len(args))]

    def taken(name: str, value: Any) -> Any:
        return map_leaves(lambda leaf: _leaf(spu, leaf, secret=name not in public), value)

    positional = tuple([taken(name, value) for name, value in zip(places, args, strict=True)])
    return positional, {name: taken(name, value) for name, value in kwargs.items()}


def _leaf(spu: SpuDevice, leaf: Any, *, secret: bool) -> Any:
    if isinstance(leaf, jax.ShapeDtypeStruct):
        try:
            dtype = jax_dtype(leaf.dtype, wide_numbers())
        except TypeError:
            raise DeviceError(
                "a random key is public: pass the key itself to explain",
                fix="jax.random.key(0), as it is, not a handle",
            ) from None
        return Described(ArrayLayout(dtype.name, tuple(leaf.shape)), secret)
    if isinstance(leaf, SPUObject):
        if leaf.device is not spu:
            raise DeviceError(
                f"{leaf!r} is an argument of a call on {spu.name}, but does not live there",
                fix="move it there first: x.to(spu)",
            )
        return opened(leaf)
    if isinstance(leaf, DeviceObject):
        raise DeviceError(
            f"{leaf!r} has not been shared, so its shape is not known here",
            fix="describe it: jax.ShapeDtypeStruct(shape, dtype); or share it first: x.to(spu)",
        )
    return leaf


def _known(item: Any) -> Known:
    if isinstance(item, SecretInput) or (isinstance(item, Described) and item.secret):
        return Known.SECRET
    return Known.SHAPE if isinstance(item, Described) else Known.VALUE


def _no_time() -> float:
    """Nothing runs, so nothing takes time."""
    return 0.0


# ---------------------------------------------------------------- counting


@dataclass(frozen=True, slots=True, eq=False)
class PlanCost:
    """What a plan costs.

    Attributes:
        costs: of both parties.
        tallies: what each step has of them; of both parties if they differ.
        results: outlines of the outputs, in the form in which the first party will hold them.
    """

    costs: tuple[Cost, Cost]
    tallies: Sequence[Mapping[str, Tally]]
    results: Sequence[Any]


class PlanCounter:
    """Counts one plan for given arguments.

    Attributes:
        pair: whether two parties make the randomness themselves.
        unknown: steps that depend on public numbers that are not known.
        notes: what is taken for granted.
        ranges: has remarks on constants and sums once it has run.
    """

    def __init__(self, spu: SpuDevice, plan: Plan, inputs: Sequence[Any], settings: MpcSettings) -> None:
        self._plan = plan
        self.pair: bool = spu.settings.source is SpuSource.BOTH_PARTIES
        self._settings = settings
        self.ranges: RangeRemarks = RangeRemarks(settings.fraction, settings.width)
        self._inputs = inputs
        self._held = {
            id(each.handle): spu.engine.held_here(each.handle)
            for each in inputs
            if isinstance(each, SecretInput)
        }
        known = [_known(each) for each in inputs]
        self.unknown: Unknowns = unknowns(plan, known)
        found = [
            (READY, any(parts is None for parts in self._held.values())),
            (GUESSED, Known.SHAPE in known or plan.reveals),
            (PAIR, self.pair),
            (CHECKED, settings.checked),
            (CLEAR, spu.settings.source is SpuSource.NONE),
            (BRANCHES, bool(self.unknown.choices)),
        ]
        self.notes: tuple[str, ...] = tuple(note for note, holds in found if holds)

    def run(self, *, turns: int) -> PlanCost:
        """What it costs if each loop of unknown length turns so often.

        With a dealer both parties' costs are equal, and the steps' part is told once, unless something is
        revealed, which the second party tells the dealer.
        """
        telling = self._plan.reveals or self._settings.checked
        roles = (
            counting_pair(self._settings.width)
            if self.pair
            else counting_roles(self._settings.width)[: 2 if telling else 1]
        )
        found = [self._run_at(role, turns) for role in roles]
        costs = (found[0][0], found[-1][0])
        return PlanCost(costs, [tallies for _, tallies, _ in found], found[0][2])

    def _run_at(self, role: Role, turns: int) -> tuple[Cost, Mapping[str, Tally], list[Any]]:
        witness = PublicDigest()
        meter = Meter(role, clock=_no_time)
        ears = StepHooks(
            witness=witness, meter=meter, instead=InPlace(self.unknown, turns), notice=self.ranges.look
        )
        with np.errstate(over="ignore"):
            results = run_plan(
                gates_of(role, self._settings, known=False),
                role.flush,
                self._plan,
                self._blanks(),
                self._settings,
                ears,
            )
        if witness.seen:
            charge(role)
        return role.cost, meter.tallies, results

    def _blanks(self) -> list[Any]:
        """The inputs without their values. What is one secret stays one: its square costs less."""
        made: dict[Any, Any] = {}
        blanks: list[Any] = []
        for each, form, held in zip(self._inputs, self._plan.inputs, self._settings.given, strict=True):
            width = (held or self._settings.form).width
            if isinstance(each, SecretInput):
                parts = self._held[id(each.handle)]
                if parts is not None:
                    part = parts[each.index]
                    blanks.append(made.setdefault(id(part), blank_of(part, width)))
                else:
                    key = (id(each.handle), each.index)
                    blanks.append(made.setdefault(key, fresh(form.shape, each.leaf.dtype == "bool", width)))
            elif isinstance(each, Described):
                blanks.append(
                    fresh(form.shape, form.dtype == np.bool_, width) if each.secret else stand_in(form)
                )
            else:
                blanks.append(each)
        return blanks
