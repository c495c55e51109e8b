"""A plan is run at a node: shares in, shares out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from junto.mpc.gates import Gates
from junto.mpc.interpret import interpret
from junto.mpc.plan import Plan
from junto.mpc.rounds import Rounds
from junto.mpc.settings import MpcSettings
from junto.mpc.values import Public, Secret, Value, encode, incoming


def run_plan(
    gates: Gates[Any, Any],
    flush: Callable[[Sequence[Any]], Sequence[Any]],
    plan: Plan,
    inputs: Sequence[Any],
    settings: MpcSettings,
    watch: Callable[[str], None] | None = None,
) -> list[Any]:
    """The outputs of `plan` as secrets of the gates, with the settings' fraction.

    Args:
        gates: of this run, in this node's role.
        flush: see `Rounds`.
        plan: what to compute.
        inputs: for each input a secret of the gates, or a public numpy array.
        settings: of the SPU.
        watch: hears where the computation is.
    """
    values = [
        Public(each) if isinstance(each, np.ndarray) else incoming(each, form.dtype, settings)
        for each, form in zip(inputs, plan.inputs, strict=True)
    ]
    results = Rounds(flush).run(interpret(gates, plan, values, settings, watch=watch))
    return [_as_secret(gates, result, settings) for result in results]


def _as_secret(gates: Gates[Any, Any], result: Value, settings: MpcSettings) -> Any:
    if isinstance(result, Secret):
        return result.value
    encoded = encode(np.asarray(result.array), settings)
    if encoded.dtype == np.bool_:
        return gates.constant_bits(encoded.astype(np.bool_))
    return gates.constant(encoded.astype(np.uint64))
