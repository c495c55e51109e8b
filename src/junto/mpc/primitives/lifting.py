"""One dtype for all numbers of a step: that of its result, or of comparisons their own common one.

jax lets some primitives take numbers of several dtypes, products of matrices above all; which is a matter
of its version. So no rule looks at the dtype of its first operand and takes the others for the same: all are
lifted here, once, before any rule sees them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jax.numpy import promote_types

from junto.errors import NotComputable
from junto.mpc.plan_steps import PlanStep
from junto.mpc.primitives import convert
from junto.mpc.primitives.context import Context
from junto.mpc.values import Public, Value, kind

ALL = slice(None)

NUMBERS: Mapping[str, slice] = {
    **dict.fromkeys(("add", "add_any", "mul", "sub", "div", "rem", "atan2", "max", "min", "clamp"), ALL),
    **dict.fromkeys(("and", "or", "xor", "shift_left", "shift_right_arithmetic", "shift_right_logical"), ALL),
    **dict.fromkeys(("concatenate", "conv_general_dilated", "dot_general", "pad"), ALL),
    **dict.fromkeys(
        (f"scatter{way}" for way in ("", "-add", "-max", "-min", "-mul", "-sub")), slice(0, 3, 2)
    ),
    "dynamic_update_slice": slice(2),
    "pow": slice(1),  # an exponent may be an integer, and a power by squaring is another matter
    "select_n": slice(1, None),
}
"""Which operands are numbers that the result is made of."""

COMPARED = frozenset({"eq", "eq_to", "ge", "gt", "le", "le_to", "lt", "lt_to", "ne"})
"""Primitives whose operands are compared: their result's dtype says nothing."""

_ORDER = ("bits", "integer", "fixed")


async def lifted(c: Context, operands: Sequence[Value]) -> list[Value]:
    """The operands of `c.step`, its numbers in one dtype."""
    if c.step.name not in NUMBERS and c.step.name not in COMPARED:
        return list(operands)
    goals = _goals(c.step, [each.dtype for each in operands])
    return [
        each if goal is None or goal == each.dtype else await _converted(c, each, goal)
        for each, goal in zip(operands, goals, strict=True)
    ]


def lifts_some(step: PlanStep) -> bool:
    """Whether `lifted` changes an operand of this step, all of which have the dtypes that jax says."""
    if step.name not in NUMBERS and step.name not in COMPARED:
        return False
    dtypes = [each.dtype for each in step.given]
    return any(
        goal is not None and goal != each for each, goal in zip(dtypes, _goals(step, dtypes), strict=True)
    )


def check_dtypes(step: PlanStep, place: str) -> None:
    """Look whether the numbers of a step fit into the dtype of its result.

    Raises:
        NotComputable: one of them is a float and the result an integer, or a number and the result a bool.
    """
    if step.name not in NUMBERS and step.name not in COMPARED:
        return
    dtypes = [each.dtype for each in step.given]
    for dtype, goal in zip(dtypes, _goals(step, dtypes), strict=True):
        if goal is not None and _ORDER.index(kind(dtype)) > _ORDER.index(kind(goal)):
            raise NotComputable(
                f"`{step.name}` of {np.dtype(dtype).name} numbers with a result of dtype {goal.name} "
                f"cannot be computed on secrets{place}",
                fix="leave out preferred_element_type, and convert the result with .astype",
            )


def _goals(step: PlanStep, dtypes: Sequence[Any]) -> list[np.dtype[Any] | None]:
    """For each operand the dtype that it must have; None: its own."""
    goals: list[np.dtype[Any] | None] = [None] * len(dtypes)
    if step.name in COMPARED:
        common: np.dtype[Any] = np.dtype(promote_types(*dtypes))
        return [common] * len(dtypes)
    if step.name in NUMBERS:
        for place in range(len(dtypes))[NUMBERS[step.name]]:
            goals[place] = np.dtype(step.forms[0].dtype)
    return goals


async def _converted(c: Context, x: Value, goal: np.dtype[Any]) -> Value:
    if isinstance(x, Public):
        return Public(x.array.astype(goal))
    return await convert.to_dtype(c, x, goal)
