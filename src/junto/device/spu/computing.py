"""A plan is run at a node: shares in, shares out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from junto.mpc.gates import Gates
from junto.mpc.interpret import interpret
from junto.mpc.plain import PlainBits, PlainRing
from junto.mpc.plan import Plan
from junto.mpc.preprocess.joint import Preparing, prepared
from junto.mpc.primitives.public import Witness
from junto.mpc.protocol.pair.gates import PairGates
from junto.mpc.protocol.shares import MaskedBits, RingSecret, unopened
from junto.mpc.rounds import Rounds
from junto.mpc.settings import MpcSettings
from junto.mpc.values import Public, Secret, Value, fixed_words, incoming, integer_words, kind

SHARED = (RingSecret, MaskedBits, PlainRing, PlainBits)
"""What the gates' secrets are; everything else that a plan is given is public."""


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears what of a run.

    Attributes:
        watch: where the computation is.
        witness: the public numbers on which processors could disagree.
    """

    watch: Callable[[str], None] | None = None
    witness: Witness | None = None


def run_plan(
    gates: Gates[Any, Any],
    flush: Callable[[Sequence[Any]], Sequence[Any]],
    plan: Plan,
    inputs: Sequence[Any],
    settings: MpcSettings,
    ears: Ears,
) -> list[Any]:
    """The outputs of `plan` as secrets of the gates, with the settings' fraction.

    Args:
        gates: of this run, in this node's role.
        flush: see `Rounds`.
        plan: what to compute.
        inputs: for each input a secret of the gates, or a public array.
        settings: of the SPU.
        ears: who hears what on the way.
    """
    values = [
        incoming(each, form.dtype, settings) if isinstance(each, SHARED) else Public(each)
        for each, form in zip(inputs, plan.inputs, strict=True)
    ]
    results = Rounds(flush).run(
        interpret(gates, plan, values, settings, watch=ears.watch, witness=ears.witness)
    )
    return [_as_secret(gates, result, settings) for result in results]


def preparation(role: Preparing, plan: Plan, inputs: Sequence[Any], settings: MpcSettings) -> Iterator[None]:
    """The steps in which a party without a helper prepares for `run_plan` of the same arguments."""
    known: dict[int, RingSecret] = {}
    values = [
        incoming(unopened(each, known), form.dtype, settings)
        if isinstance(each, RingSecret | MaskedBits)
        else Public(each)
        for each, form in zip(inputs, plan.inputs, strict=True)
    ]
    gates = PairGates(role, settings.block)
    return prepared(role, Rounds(role.flush).steps(interpret(gates, plan, values, settings)))


def _as_secret(gates: Gates[Any, Any], result: Value, settings: MpcSettings) -> Any:
    if isinstance(result, Secret):
        return result.value
    array = np.asarray(result.array)
    match kind(array.dtype):
        case "bits":
            return gates.constant_bits(array)
        case "integer":
            return gates.constant(integer_words(array))
        case "fixed":
            return gates.constant(fixed_words(array, settings.fraction))
