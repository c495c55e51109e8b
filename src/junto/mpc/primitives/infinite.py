"""Infinity, which masks a score and starts a minimum: what may be done with a number that stands for it.

A fixed-point number has no infinity; the largest number stands for it (`values.LARGEST`). That is right as
long as it is moved, chosen, compared, added to, or given to a function that is flat there, and nowhere else:
`0 * inf` is no number at all. So every value says whether it may hold it, and this table what each primitive
makes of that. What is not in it is refused for infinity. (NaN is refused for all: `values.fixed_words`.)

What jax.scipy's own functions say outside of their domain is another matter: most have one, and secrets are
within it. So it becomes a number where a secret decides (`inside`), and is refused where all know (above).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from junto.errors import NotComputable
from junto.mpc.plan_steps import CONTROL, PlanStep
from junto.mpc.values import NOWHERE, Infinite, Public, Secret, Side, Value

CARRY = frozenset(
    [
        "approx_top_k",
        "broadcast_in_dim",
        "clamp",
        "concatenate",
        "convert_element_type",
        "copy",
        "copy_p",
        "cumlogsumexp",
        "cummax",
        "cummin",
        "device_put",
        "dynamic_slice",
        "dynamic_update_slice",
        "gather",
        "max",
        "min",
        "optimization_barrier",
        "pad",
        "pmax",
        "pmin",
        "reduce_max",
        "reduce_min",
        "reduce_precision",
        "reduce_window_max",
        "reduce_window_min",
        "reshape",
        "rev",
        "scatter",
        "scatter-max",
        "scatter-min",
        "select_n",
        "slice",
        "sort",
        "split",
        "squeeze",
        "stop_gradient",
        "top_k",
        "transpose",
    ]
)
"""The result may be infinite as the operands may."""

EXTREMES = frozenset(
    (
        "max",
        "min",
        "pmax",
        "pmin",
        "reduce_max",
        "reduce_min",
        "reduce_window_max",
        "reduce_window_min",
        "scatter-max",
        "scatter-min",
    )
)
"""Of these, those that start from infinity, a minimum from the greatest: one expects something else there."""

FLAT = frozenset(
    [
        "argmax",
        "argmin",
        "atan",
        "eq",
        "eq_to",
        "erf",
        "erfc",
        "ge",
        "gt",
        "is_finite",
        "le",
        "le_to",
        "logistic",
        "lt",
        "lt_to",
        "ne",
        "sign",
        "tanh",
    ]
)
"""The result is a number, and for the largest number of either sign the right one."""

FLAT_BELOW = frozenset(("exp", "expm1"))
"""The same for minus infinity."""

SUMS = frozenset(
    [
        "conv_general_dilated",
        "cumprod",
        "cumsum",
        "dot_general",
        "psum",
        "reduce_prod",
        "reduce_sum",
        "reduce_window_sum",
        "scatter-add",
        "scatter-sub",
    ]
)
"""Of many numbers: several that stand for infinity would wrap to one that does not."""

SPREADING = frozenset(("add", "add_any", "div", "max", "min", "mul", "sub"))
"""NaN in an operand is NaN in the result, whatever the other one is."""

MOST_TIMES = 3
"""So often the largest number may be added up: one more would wrap."""


def is_nan(value: Value) -> bool:
    """Whether it is NaN throughout, as all know: no number at all, which may still be left out later on."""
    if not isinstance(value, Public) or value.dtype.kind != "f" or not value.array.size:
        return False
    return bool(np.isnan(value.array).all())


def of_nan(step: PlanStep, operands: Sequence[Value]) -> Public | None:
    """The result of a step one of whose operands is NaN throughout: NaN, which all know; else None.

    So `jnp.where` may leave it out where all know what it chooses, as optimizers do in their first steps.
    """
    if step.name not in SPREADING or not any(map(is_nan, operands)):
        return None
    if any(isinstance(each, Public) and each.outside for each in operands):
        return None
    return Public(np.full(step.forms[0].shape, np.nan, step.forms[0].dtype))


def after(step: PlanStep, operands: Sequence[Value]) -> Infinite:
    """Where a step's results may be infinite.

    Raises:
        NotComputable: nobody can say what they would be.
    """
    found = [_of(each) for each in _chosen(step, operands)]
    if not any(found) or step.name in FLAT or step.name in CONTROL:
        return NOWHERE
    if step.name == "div" and not found[0] and not found[1].lost:
        return NOWHERE  # what is divided by infinity is 0
    if step.name in FLAT_BELOW and not found[0].up.sure:
        return NOWHERE
    carried = _carried(step, found)
    if carried is not None:
        return carried
    expected = any(each.foreseen for each in found)
    if not any(each.up.sure or each.down.sure for each in found):
        if not (expected and step.name in SUMS):
            return Infinite(_RARELY, _RARELY, True, expected)
        raise NotComputable(
            f"`{step.name}` of numbers that jax makes infinite where there is no answer has no secret form",
            fix="bound them before, as in jnp.maximum(x, -1e6) or jnp.clip",
        )
    raise NotComputable(
        f"`{step.name}` of a number that may be infinity (jnp.inf) has no secret form",
        fix="infinity may be added, compared, chosen with jnp.where, put into max, min and exp. Else leave "
        "out what it masks, as in jnp.sum(x, where=x > 1), or take a number that is large enough",
    )


def _carried(step: PlanStep, found: Sequence[Infinite]) -> Infinite | None:
    """Where the results are infinite because operands are; None: something else becomes of them."""
    state = any(each.lost for each in found), any(each.foreseen for each in found)
    ups, downs = [each.up for each in found], [each.down for each in found]
    match step.name:
        case "neg":
            return Infinite(downs[0], ups[0], *state)
        case "abs":
            return Infinite(_worst([*ups, *downs]), Side(), *state)
        case "add" | "add_any":
            sums = Infinite(_added(ups), _added(downs), *state)
        case "sub":
            sums = Infinite(_added([ups[0], downs[1]]), _added([downs[0], ups[1]]), *state)
        case name if name in CARRY and np.issubdtype(step.forms[0].dtype, np.floating):
            up, down = _bounded(name, _worst(ups), _worst(downs), found)
            extremum = name in EXTREMES
            up = Side(up.times, up.rare or (extremum and "min" in name))
            down = Side(down.times, down.rare or (extremum and "max" in name))
            return Infinite(up, down, *state)
        case _:
            return None
    return sums if max(sums.up.times, sums.down.times) <= MOST_TIMES else None


def _bounded(name: str, up: Side, down: Side, found: Sequence[Infinite]) -> tuple[Side, Side]:
    """What is left of both sides where a bound is a number."""
    if name not in ("clamp", "max", "min"):
        return up, down
    ups, downs = [bool(each.up.times) for each in found], [bool(each.down.times) for each in found]
    if name == "min":
        high, low = all(ups), any(downs)
    elif name == "max":
        high, low = any(ups), all(downs)
    else:  # the lesser of the last one and of the greater of the others
        high, low = any(ups[:2]) and ups[2], all(downs[:2]) or downs[2]
    return up if high else Side(), down if low else Side()


def _chosen(step: PlanStep, operands: Sequence[Value]) -> Sequence[Value]:
    """The operands that count: of public choices those that are taken somewhere."""
    if step.name != "select_n":
        return operands
    which, *cases = operands
    if not isinstance(which, Public):
        return [inside(each) for each in cases]
    return [each for number, each in enumerate(cases) if (which.array == number).any()]


def either(values: Sequence[Value]) -> Infinite:
    """Where a value may be infinite that is one or the other of these, element by element."""
    found = [_of(each) for each in values]
    up, down = _worst([each.up for each in found]), _worst([each.down for each in found])
    return Infinite(up, down, any(each.lost for each in found), any(each.foreseen for each in found))


def origin(values: Sequence[Value]) -> tuple[bool, bool]:
    """Whether jax itself has written all infinities of public values, and whether for outside of domains."""
    publics = [each for each in values if isinstance(each, Public)]
    foreseen = any(each.foreseen for each in publics)
    outside = any(each.outside for each in publics)
    return (
        foreseen and all(each.foreseen or not _of(each) for each in publics),
        outside and all(each.outside or _is_finite(each) for each in publics),
    )


def _is_finite(x: Public) -> bool:
    array = x.array
    return not isinstance(array, np.ndarray) or array.dtype.kind != "f" or bool(np.isfinite(array).all())


OUTSIDE = 2.0**30
"""Where a function of jax.scipy says infinity outside of its domain. Its exponential is 0, and thousands of
them have a sum."""


def inside(case: Value) -> Value:
    """What a secret condition may choose, with a number for what lies outside of a function's domain.

    For NaN that is 0. Such a function is as defined as the logarithm is: for what it is defined for.
    """
    if isinstance(case, Secret) or not case.outside or _is_finite(case):
        return case
    numbers = np.nan_to_num(case.array, nan=0.0, posinf=OUTSIDE, neginf=-OUTSIDE)
    return Public(numbers.astype(case.dtype))


_RARELY = Side(1, True)


def _worst(sides: Sequence[Side]) -> Side:
    some = [each for each in sides if each.times]
    return Side(max((each.times for each in some), default=0), all(each.rare for each in some))


def _added(sides: Sequence[Side]) -> Side:
    return Side(sum(each.times for each in sides), _worst(sides).rare)


def _of(value: Value) -> Infinite:
    if not isinstance(value, Public):
        return value.infinite
    array = value.array
    if _is_finite(value):
        return NOWHERE
    up, down = (Side(int(bool((array == each).any())), value.foreseen) for each in (np.inf, -np.inf))
    return Infinite(up, down, foreseen=value.foreseen)
