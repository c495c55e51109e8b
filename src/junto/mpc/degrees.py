"""With which powers of the inputs the numbers of a program grow, whatever these are.

`x - x.mean()` is as large as x, `x.var()` as x**2, so `(x - x.mean()) / jnp.sqrt(x.var())` is neither large
nor small. A sum of what grows differently, and what a step makes that is no power, counts as an input of its
own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np

Degree = Mapping[int, Fraction]
"""The power of each slot of `plan_steps`; those that are not in it do not matter."""

PLAIN: Degree = MappingProxyType({})
"""Of what does not grow with any input."""

ALIKE = frozenset(
    {
        "abs", "broadcast_in_dim", "convert_element_type", "copy", "cumsum", "neg", "optimization_barrier",
        "reduce_max", "reduce_min", "reduce_precision", "reduce_sum", "reshape", "rev", "slice", "sort",
        "squeeze", "stop_gradient", "transpose",
    }
)  # fmt: skip
"""Steps whose result is as their operand."""

SUMS = frozenset({"add", "add_any", "concatenate", "max", "min", "sub"})
"""Steps whose result is as their operands, if these are alike; what is public may be anything."""


ROOTS: Mapping[str, Fraction] = {"cbrt": Fraction(1, 3), "rsqrt": Fraction(-1, 2), "sqrt": Fraction(1, 2)}
"""Steps that take a power."""


def degrees_of(steps: Sequence[Any], fixed: set[int], constants: Mapping[int, Any]) -> dict[int, Degree]:
    """By their slots, what the steps read and write.

    Args:
        steps: of a program (`plan_steps.PlanStep`).
        fixed: slots of what all know when the program is written.
        constants: those that are there from the beginning.
    """
    found: dict[int, Degree] = {}
    for step in steps:
        for slot in step.inputs:
            found.setdefault(slot, PLAIN if slot in fixed else {slot: Fraction(1)})
        made = _made(step, [found[slot] for slot in step.inputs], fixed, constants)
        for slot in step.outputs:
            found[slot] = {slot: Fraction(1)} if made is None else made
    return found


def _made(step: Any, given: Sequence[Degree], fixed: set[int], constants: Mapping[int, Any]) -> Degree | None:
    if step.name in ALIKE:
        return given[0]
    if step.name in SUMS:
        return _common([each for each, slot in zip(given, step.inputs, strict=True) if slot not in fixed])
    match step.name:
        case "select_n":
            rest = zip(given[1:], step.inputs[1:], strict=True)
            return _common([each for each, slot in rest if slot not in fixed])
        case "mul" | "dot_general" | "wide_product":
            return joined(given[0], given[1], 1)
        case "div":
            return joined(given[0], given[1], -1)
        case "square" | "integer_pow":
            return power(given[0], Fraction(int(step.params.get("y", 2))))
        case "sqrt" | "rsqrt" | "cbrt":
            return power(given[0], ROOTS[step.name])
        case "pow":
            exponent = exponent_of(step, constants)
            return None if exponent is None else power(given[0], exponent)
    return None


def exponent_of(step: Any, constants: Mapping[int, Any]) -> Fraction | None:
    """Of a `pow` with one public exponent; None: it is secret, or there are several."""
    exponents = np.unique(np.asarray(constants.get(step.inputs[1], ())).reshape(-1))
    if exponents.size != 1 or not np.isfinite(exponents[0]):
        return None
    return Fraction(float(exponents[0])).limit_denominator(1 << 10)


def _common(several: Sequence[Degree]) -> Degree | None:
    return several[0] if several and all(each == several[0] for each in several) else None


def joined(x: Degree, y: Degree, sign: int) -> Degree:
    """Of the product, or (-1) of the quotient."""
    sums = {slot: x.get(slot, Fraction(0)) + sign * y.get(slot, Fraction(0)) for slot in {**x, **y}}
    return {slot: each for slot, each in sums.items() if each}


def power(x: Degree, exponent: Fraction) -> Degree:
    """Of a power."""
    return {slot: each * exponent for slot, each in x.items() if exponent}


def size(x: Degree) -> Fraction:
    """0 of what grows with nothing."""
    return sum((abs(each) for each in x.values()), Fraction(0))
