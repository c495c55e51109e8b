"""Numbers of so few digits that what is made of them is wrong: for the debug mode, which sees values.

A fixed-point number is off by half a unit in the last place, as far as anybody can tell from it. That is
nothing where it is added; a quotient by a number of ten units, or a product of such a number with 1,000, is
off by a twentieth. So of each step that multiplies an error the debug mode compares what half a unit makes of
the result with what is promised: a hundredth, or 64 units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.plain_gates import PlainRing
from junto.mpc.plan_steps import PlanStep
from junto.mpc.ring128 import floats
from junto.mpc.values import Public, Secret, Value

LOOSE = 1e-2
"""A result that is off by less than this part of itself is not reported."""

UNITS = 64
"""So is one that is off by less than so many units in the last place."""

STEPS = frozenset(("cbrt", "div", "log", "mul", "pow", "rsqrt", "sqrt"))
"""Steps that multiply an error."""

_Floats = NDArray[np.float64]


def listener(fraction: int, say: Callable[[str], None]) -> Callable[[PlanStep, Sequence[Value]], None]:
    """For `interpret.StepHooks.notice`: tells `say` where half a unit in the last place makes a result wrong.

    Args:
        fraction: the SPU's bits after the point.
        say: takes a sentence.
    """

    def look(step: PlanStep, operands: Sequence[Value]) -> None:
        if step.name in STEPS and any(_digits_lack(each, fraction) for each in operands):
            part = _wrong(step, operands, fraction)
            if part:
                say(
                    f"a number has few digits: half a unit in its last place makes the result wrong by "
                    f"{part:.1%}; scale the numbers, or take more bits after the point (fxp_fraction_bits)"
                )

    return look


def _wrong(step: PlanStep, operands: Sequence[Value], fraction: int) -> float:
    """The greatest relative error of what is wrong; 0: nothing is."""
    numbers, errors = zip(*[_number(each, fraction) for each in operands], strict=True)
    with np.errstate(all="ignore"):
        absolute, relative = _error(step.name, numbers, errors)
        wrong = (relative > LOOSE) & (absolute > UNITS * 2.0**-fraction)
    return float(np.max(np.broadcast_to(relative, wrong.shape), where=wrong, initial=0))


def _error(name: str, numbers: Sequence[_Floats], errors: Sequence[_Floats]) -> tuple[Any, Any]:
    """The result's error and its relative one, from the operands and their relative errors."""
    x, part = numbers[0], errors[0]
    match name:
        case "mul":
            relative = part + errors[1]
            return np.abs(x * numbers[1]) * relative, relative
        case "div":
            relative = part + errors[1]
            return np.abs(x / numbers[1]) * relative, relative
        case "log":
            return part, part / np.abs(np.log(x))
        case "pow":
            relative = part * np.abs(numbers[1])
            return np.abs(x) ** numbers[1] * relative, relative
        case _:
            power = {"cbrt": 1 / 3, "rsqrt": -1 / 2, "sqrt": 1 / 2}[name]
            return np.abs(x) ** power * part * abs(power), part * abs(power)


def _digits_lack(value: Value, fraction: int) -> bool:
    words = _inexact(value, fraction)
    if words is None:
        return False
    size = np.abs(words)
    return bool(((size > 0) & (size < 1 / LOOSE)).any())


def _inexact(value: Value, fraction: int) -> _Floats | None:
    """The ring elements of a float. Those with fewer bits after the point were integers, and are exact."""
    if not isinstance(value, Secret) or value.kind != "fixed" or value.fraction < fraction:
        return None
    return floats(value.value.words) if isinstance(value.value, PlainRing) else None


def _number(value: Value, fraction: int) -> tuple[_Floats, _Floats]:
    """Its numbers, and by which part of themselves they are off."""
    if isinstance(value, Public):
        return np.asarray(value.array, np.float64), np.zeros(())
    whole = floats(value.value.words)
    numbers = np.ldexp(whole, -value.fraction) * (1.0 if value.scale is None else value.scale)
    if _inexact(value, fraction) is None:
        return numbers, np.zeros(())
    return numbers, np.where(whole == 0, 0.0, 0.5 / np.maximum(np.abs(whole), 1.0))
