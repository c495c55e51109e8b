"""How far a run has come: turns of loops count, and what is left is told from what is done."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from junto.device.spu.computing import run_plan
from junto.mpc.interpret import Ears
from junto.mpc.pace import Pace
from junto.mpc.plain import PlainGates
from junto.mpc.plan import trace
from junto.mpc.settings import MpcSettings
from junto.mpc.values import fixed_words
from junto.mpc.visibility import visible


def nested(x: Any) -> Any:
    def inner(y: Any, _: None) -> tuple[Any, None]:
        return y * x + 1.0, None

    def outer(y: Any, _: None) -> tuple[Any, None]:
        return jnp.maximum(jax.lax.scan(inner, y, None, 3)[0], 0.5), None

    return jax.lax.scan(outer, x, None, 7)[0]


def straight(x: Any) -> Any:
    return jax.nn.sigmoid(x * 2.0) + x


@pytest.mark.parametrize("function", [nested, straight])
def test_at_the_end_all_steps_are_done(function: Any) -> None:
    x = np.linspace(0.1, 0.9, 4).astype(np.float32)
    plan = trace(function, (x,), {})
    visible(plan, [True])
    gates = PlainGates()
    pace = Pace(plan.block, SimpleNamespace(rounds=0, opened=0, offline=0))
    assert pace.part == 0
    secret = gates.constant(fixed_words(x, MpcSettings().fraction))
    run_plan(gates, lambda asked: list(asked), plan, [secret], MpcSettings(), Ears(pace=pace))
    assert pace.done == pace.total
    assert pace.total > (7 * 3 * 2 if function is nested else 2)


def test_what_is_left_is_told_from_what_is_done() -> None:
    now = [100.0]
    plan = trace(nested, (np.float32(1),), {})
    role = SimpleNamespace(rounds=12, opened=1000, offline=500)
    pace = Pace(plan.block, role, lambda: now[0])
    assert pace.left_s is None
    pace.done = pace.total // 4
    assert pace.left_s is None, "a moment says nothing"
    now[0] += 10
    assert pace.left_s == pytest.approx(10 * (pace.total - pace.done) / pace.done)
    assert (pace.rounds, pace.nbytes) == (12, 1500)
    pace.done = 5 * pace.total  # of a loop whose turns nobody knows
    assert pace.part == 0.99
