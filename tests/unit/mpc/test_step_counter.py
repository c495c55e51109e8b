"""How far a run has come: steps are counted beforehand, and all of them are done at the end."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from junto.device.spu.plan_runner import run_plan
from junto.mpc.counting import counting_roles, fresh
from junto.mpc.interpret import StepHooks
from junto.mpc.plan import trace
from junto.mpc.protocol.secure_gates import SecureGates
from junto.mpc.rounds import Opening
from junto.mpc.settings import MpcSettings
from junto.mpc.step_counter import StepCounter

X = np.ones(4, np.float32)
SETTINGS = MpcSettings()


def loop(x):
    return lax.fori_loop(0, 7, lambda _, v: jnp.maximum(v * v, 0.5), x)


def nested(x):
    return lax.scan(lambda v, _: (loop(v), jnp.sum(v)), x, None, length=3)


def chosen(x):
    return lax.cond(jnp.sum(x) > 2, lambda v: v * v * v, jnp.negative, x)


def until(x):
    return lax.while_loop(lambda state: state[0] < 5, lambda state: (state[0] + 1, state[1] * 2), (0, x))


def pace_of(function):
    return StepCounter(trace(function, (X,), {}), [True])


def paced(function):
    """The plan's pace, and how many steps were done when each round ended."""
    plan = trace(function, (X,), {})
    role, pace = counting_roles()[0], StepCounter(plan, [True])
    done: list[int] = []

    def flush(asked: list[Opening]) -> object:
        done.append(pace.done)
        return role.flush(asked)

    gates = SecureGates(role, SETTINGS.block)
    with np.errstate(over="ignore"):
        run_plan(gates, flush, plan, [fresh(X.shape, False)], SETTINGS, StepHooks(pace=pace))
    return pace, done


@pytest.mark.parametrize("function", [loop, nested, chosen, lambda x: jnp.sort(x) + 1])
def test_all_that_were_foretold_are_done_at_the_end(function):
    pace, done = paced(function)
    assert pace.done == pace.total
    assert done == sorted(done)
    assert all(each < pace.total for each in done)


def test_a_loop_counts_once_for_each_turn():
    body = ["mul", "max"]
    assert pace_of(loop).total == 1 + 7 * len(body)
    assert pace_of(nested).total == 1 + 3 * (1 + 7 * len(body) + len(["reduce_sum"]))
