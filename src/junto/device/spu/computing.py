"""A plan is run at a node: shares in, shares out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from junto.mpc.gates import Gates
from junto.mpc.interpret import Ears, perform
from junto.mpc.plain import PlainBits, PlainRing
from junto.mpc.plan import Plan
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import MaskedBits, RingSecret
from junto.mpc.rounds import Rounds
from junto.mpc.settings import MpcSettings
from junto.mpc.values import Public, Secret, Value, fixed_words, incoming, integer_words, kind

SHARED = (RingSecret, MaskedBits, PlainRing, PlainBits)
"""What the gates' secrets are; everything else that a plan is given is public."""


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
    results = Rounds(flush, ears.meter).run(perform(gates, plan, values, settings, ears))
    return [_as_secret(gates, result, settings) for result in results]


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


DIGEST_BYTES = 16
"""Of a `Witness`, which the nodes compare."""


def charge(role: Role) -> None:
    """Count the comparison of the nodes' witnesses: one round, a digest each way and one from the helper."""
    role.rounds += 1
    role.opened += DIGEST_BYTES
    role.offline += DIGEST_BYTES
