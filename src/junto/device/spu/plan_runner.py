"""A plan is run at a node: shares in, shares out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.config.spu_model import MOST_FRACTION, FieldType
from junto.errors import JuntoError, NotComputable
from junto.mpc.checked_gates import CheckedGates
from junto.mpc.gates import BITS, Gates
from junto.mpc.interpret import StepHooks, perform
from junto.mpc.plain_gates import PlainBits, PlainRing
from junto.mpc.plan import Plan
from junto.mpc.preprocess.joint import Paired, Preparing, prepared
from junto.mpc.protocol.handover import own_piece
from junto.mpc.protocol.inout import InputKind, masked
from junto.mpc.protocol.pair.pair_gates import PairGates
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.secure_gates import SecureGates
from junto.mpc.protocol.shares import MaskedBits, RingSecret, unopened
from junto.mpc.rounds import RoundFuture, Rounds, start, together
from junto.mpc.settings import MpcSettings, NumberForm
from junto.mpc.shapes import ShapedBits, ShapedRing, ShapeGates, shaped
from junto.mpc.underflow import check_sizes
from junto.mpc.unknown import InPlace, Known, unknowns
from junto.mpc.values import (
    Public,
    Secret,
    Value,
    fixed_words,
    incoming,
    integer_words,
    kind,
    largest_incoming,
)
from junto.mpc.visibility import place

SHARED = (RingSecret, MaskedBits, PlainRing, PlainBits, ShapedRing, ShapedBits)
"""What the gates' secrets are; everything else that a plan is given is public."""

TOO_LARGE = "a fixed-point number is out of range: it is too large for where it goes"


def run_plan(
    gates: Gates[Any, Any],
    flush: Callable[[Sequence[Any]], Sequence[Any]],
    plan: Plan,
    inputs: Sequence[Any],
    settings: MpcSettings,
    ears: StepHooks,
) -> list[Any]:
    """The outputs of `plan` as secrets of the gates, in the form `settings.result`.

    Args:
        gates: of this run, in this node's role.
        flush: see `Rounds`.
        plan: what to compute.
        inputs: for each input a secret of the gates, or a public array.
        settings: of the call.
        ears: who hears what on the way.
    """
    return list(Rounds(flush, ears.meter).run(_run(gates, plan, inputs, settings, ears)))


def gates_of(role: Role, settings: MpcSettings, *, known: bool = True) -> Gates[Any, Any]:
    """The gates of one run.

    Args:
        role: this node's.
        settings: of the call.
        known: see `CheckedGates`.
    """
    gates = (PairGates if role.pair else SecureGates)(role, settings.block)
    return CheckedGates(gates, known=known) if settings.checked else gates


def rehearse(
    plan: Plan, inputs: Sequence[Any], settings: MpcSettings, go_on: Callable[[], None] = lambda: None
) -> None:
    """Run a plan on shapes alone (`ShapeGates`): what it refuses here, no node ever begins.

    It takes a few hundredths of the time of a run.

    Args:
        plan: what will be computed.
        inputs: public arrays, and None for each secret.
        settings: of the call.
        go_on: called before each step.

    Raises:
        NotComputable: as the run would; also if a root is taken of what may be too small (`underflow`), or
            if a rule has an error of its own.
    """
    check_sizes(plan.block, [each is None for each in inputs], settings.fraction, place)
    given = [
        shaped(form.shape, form.dtype == np.bool_) if each is None else each
        for each, form in zip(inputs, plan.inputs, strict=True)
    ]
    ears = StepHooks(watch=lambda _: go_on(), instead=_unknown_until_revealed(plan, inputs))
    try:
        with np.errstate(over="ignore"):
            run_plan(ShapeGates(settings.width), _silent, plan, given, settings, ears)
    except JuntoError:
        raise
    except Exception as error:
        where = "; ".join(getattr(error, "__notes__", ["at a place that is not known"]))
        raise NotComputable(
            f"this function cannot be computed on secrets: {type(error).__name__} {where}",
            fix="that is an error in junto, not in the function: please report it, with these lines of it",
        ) from error


def _unknown_until_revealed(plan: Plan, inputs: Sequence[Any]) -> InPlace | None:
    """What stands for numbers that nobody knows before the run has revealed them."""
    if not plan.reveals:
        return None
    return InPlace(
        unknowns(plan, [Known.SECRET if each is None else Known.VALUE for each in inputs]), turns=1
    )


def _silent(asked: Sequence[Any]) -> Sequence[Any]:
    raise RuntimeError("gates on shapes open nothing")


def preparation(role: Preparing, plan: Plan, inputs: Sequence[Any], settings: MpcSettings) -> Iterator[None]:
    """The steps in which a party without a helper prepares for `run_plan` of the same arguments.

    What the arguments are to whoever prepares is settled in this call: once the run has begun they change.

    Args:
        role: this party's that prepares; it draws what the role of the run will draw.
        plan: what will be computed.
        inputs: as for `run_plan`.
        settings: of the call.
    """
    known: dict[int, RingSecret] = {}
    blind = [unopened(each, known) if isinstance(each, RingSecret | MaskedBits) else each for each in inputs]
    gates = gates_of(role, settings)
    return prepared(role, lambda: _run(gates, plan, blind, settings, StepHooks()))


@dataclass(frozen=True, slots=True, eq=False)
class Fresh:
    """A secret argument that is masked anew as the run begins, with a mask that was drawn long before.

    Attributes:
        key: arguments with the same key are one secret.
        kind: of it.
        secret: None while it is prepared.
    """

    key: Any
    kind: InputKind
    secret: RingSecret | MaskedBits | None


def stored_preparation(
    role: Preparing, plan: Plan, inputs: Sequence[Any], settings: MpcSettings
) -> Iterator[None]:
    """The steps in which a party prepares a run of which no argument is there yet: see `Fresh`."""
    gates = gates_of(role, settings)
    return prepared(role, lambda: _run_anew(gates, role, plan, inputs, settings, StepHooks()))


def run_stored(
    role: Paired, plan: Plan, inputs: Sequence[Any], settings: MpcSettings, ears: StepHooks
) -> list[Any]:
    """`run_plan` of what was prepared so. One round more, in which all secret arguments are masked anew."""
    gates = gates_of(role, settings)
    return list(Rounds(role.flush, ears.meter).run(_run_anew(gates, role, plan, inputs, settings, ears)))


async def _run_anew(
    gates: Gates[Any, Any],
    role: Role,
    plan: Plan,
    inputs: Sequence[Any],
    settings: MpcSettings,
    ears: StepHooks,
) -> tuple[Any, ...]:
    each = {x.key: x for x in inputs if isinstance(x, Fresh)}
    pieces = [None if x.secret is None else own_piece(role, x.secret) for x in each.values()]
    made = await together(
        *[masked(role, x.kind, part) for x, part in zip(each.values(), pieces, strict=True)]
    )
    found = dict(zip(each, made, strict=True))
    return await _run(
        gates, plan, [found[x.key] if isinstance(x, Fresh) else x for x in inputs], settings, ears
    )


async def _run(
    gates: Gates[Any, Any], plan: Plan, inputs: Sequence[Any], settings: MpcSettings, ears: StepHooks
) -> tuple[Any, ...]:
    point = _Point(gates, settings)
    gates.begun(ears.proved)
    values = await point.enter(inputs, [form.dtype for form in plan.inputs])
    if ears.twins is not None:
        values = [ears.twins.enter(each, held) for each, held in zip(values, inputs, strict=True)]
    results = await perform(gates, plan, values, settings, ears)
    ends = zip(results, plan.results(settings), strict=True)
    left = await together(*[point.leave(result, less) for result, less in ends])
    if ears.twins is not None:
        for each, held in zip(results, left, strict=True):
            ears.twins.keep(each, held)
    await gates.conclude(left)
    return left


class _Point:
    """Ring and point outside a call and inside it. Equal for most, and then this does nothing."""

    def __init__(self, gates: Gates[Any, Any], settings: MpcSettings) -> None:
        self._gates = gates
        self._settings = settings

    async def enter(self, inputs: Sequence[Any], dtypes: Sequence[Any]) -> list[Value]:
        """Arguments as the call computes with them.

        Of one from a larger ring the lowest bits are taken; one from a smaller ring takes a round. Fewer bits
        after the point than the call's are as good; more would take from the range of its products, so they
        are cut off: one round. All of it once for each secret: what is one secret stays one.
        """
        forms = self._settings.given or (self._settings.form,) * len(inputs)
        begun: dict[int, RoundFuture[Secret]] = {}
        values: list[Value | None] = []
        for each, dtype, form in zip(inputs, dtypes, forms, strict=True):
            if not isinstance(each, SHARED):
                values.append(Public(each))
            elif form is None or self._is_ready(dtype, form):
                values.append(self._entered(each, dtype, form or self._settings.form))
            else:
                if id(each) not in begun:
                    begun[id(each)] = await start(self._brought(each, dtype, form), self._label(form))
                values.append(None)
        return [
            await begun[id(each)] if value is None else value
            for each, value in zip(inputs, values, strict=True)
        ]

    def _label(self, form: NumberForm) -> str:
        own = self._settings.form
        if form.width == own.width:
            return f"from {form.fraction} fraction bits to {own.fraction}, and back"
        return f"from the ring of {form.width} bits to that of {own.width}"

    def _is_ready(self, dtype: Any, form: NumberForm) -> bool:
        cut = form.fraction > self._settings.most(form) and kind(dtype) == "fixed"
        return kind(dtype) == "bits" or (form.width == self._settings.width and not cut)

    def _entered(self, x: Any, dtype: Any, form: NumberForm) -> Secret:
        value = incoming(x, dtype, self._settings.held_as(form))
        self._gates.entered(x, largest_incoming(value, min(form.width, self._gates.bits)))
        return value

    async def _brought(self, x: Any, dtype: Any, form: NumberForm) -> Secret:
        """A number of another form in this one."""
        gates, fixed = self._gates, kind(dtype) == "fixed"
        form, cut = self._shortened(form, fixed)
        room = 1 << (BITS - 2 + cut)
        if form.width != gates.bits and fixed and not gates.checks:
            gates.expect(x, -room, room - 1, TOO_LARGE)
        if form.width > gates.bits:
            x = await gates.narrowed(x, cut)
        elif form.width < gates.bits:
            _require_sign(dtype, form, gates.bits)
            x = await gates.widened(x)
        value = self._entered(x, dtype, form)
        spare = value.fraction - self._settings.most(form)
        if not fixed or spare <= 0:
            return value
        return replace(value, value=await gates.truncate(x, spare), fraction=value.fraction - spare)

    def _shortened(self, form: NumberForm, fixed: bool) -> tuple[NumberForm, int]:
        """An argument's form in a smaller ring, and how many bits of it are cut off before: of a square."""
        if not fixed or form.width <= self._gates.bits or form.fraction <= MOST_FRACTION[FieldType.FM128]:
            return form, 0
        own = self._settings.fraction
        return form._replace(fraction=own), form.fraction - own

    async def leave(self, result: Value, less: int | None) -> Any:
        """A result as it is held; `less`: see `Proportions.results`."""
        gates, fraction = self._gates, self._settings.held(less).fraction
        if isinstance(result, Public):
            return _constant(gates, np.asarray(result.array), fraction)
        spare, value = result.fraction - fraction if result.kind == "fixed" else 0, result.value
        if spare > 0:
            form = self._settings.result
            return await (await start(gates.truncate(value, spare), self._label(form)))
        if spare < 0:
            room = 1 << (gates.bits - 2 + spare)
            gates.expect(value, -room, room - 1, TOO_LARGE)
            value = gates.scale(value, gates.word(1 << -spare))
        return value


def _require_sign(dtype: Any, form: NumberForm, width: int) -> None:
    """Of what fills a smaller ring nobody knows in a larger one whether it was negative.

    Raises:
        NotComputable: it is an integer of 64 bits.
    """
    if kind(dtype) == "integer" and np.dtype(dtype).itemsize == 8:
        raise NotComputable(
            f"an argument is {np.dtype(dtype).name} in the ring of {form.width} bits, which it fills: nobody "
            f"knows its sign in the ring of {width} bits, in which this call computes",
            fix='bring it to int32 or a float in a call with field="FM64", or compute in that ring',
        )


def _constant(gates: Gates[Any, Any], array: NDArray[Any], fraction: int) -> Any:
    """A public array in the form of a secret."""
    match kind(array.dtype):
        case "bits":
            return gates.constant_bits(array)
        case "integer":
            return gates.constant(integer_words(array))
        case "fixed":
            if np.isinf(array.astype(np.float64)).any():
                raise NotComputable(
                    "a result is infinity (jnp.inf), which a fixed-point number cannot be",
                    fix="return a number in its place",
                )
            return gates.constant(fixed_words(array, fraction, gates.bits))


DIGEST_BYTES = 16
"""Of a `Witness`, which the nodes compare."""


def charge(role: Role) -> None:
    """Count the comparison of the nodes' witnesses: one round, a digest each way and one from a helper."""
    role.rounds += 1
    role.opened += DIGEST_BYTES
    if not role.pair:
        role.offline += DIGEST_BYTES
