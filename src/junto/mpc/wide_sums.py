"""Sums of squares in a user's own program, for numbers as large as those in `jnp.var` may be.

`((x - m) ** 2).mean()`, `jnp.sqrt(jnp.sum(x * x))`, `1 - jnp.sum(e ** 2) / jnp.sum(d ** 2)`: what is divided,
or has its root taken, is a sum of squares that would have to be below 2**26 each. So it is found among a
program's steps, and multiplied with the upper and the lower bits apart, as in jax's own functions
(`wide_products`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from junto.mpc.wide_operands import Operands, Sum
from junto.mpc.wide_products import MOVES, NAME, inverse_root, square_root, wide_quotient, wide_root

ROOTS = frozenset({"pow", "rsqrt", "sqrt"})
"""Steps that take a square root, or divide by it; of powers those with an exponent of 1/2."""

USES = ROOTS | {"div", "mul"}


@dataclass(frozen=True, slots=True)
class WideStep:
    """What is computed in place of a step.

    Attributes:
        program: a closed jaxpr with one result.
        operands: the slots of its arguments.
    """

    program: Any
    operands: tuple[int, ...]


def wide_steps(steps: Sequence[Any], fixed: set[int], constants: Mapping[int, Any]) -> dict[int, WideStep]:
    """By the slots of their results, steps that divide sums of squares, or take their roots.

    Args:
        steps: of a program (`plan_steps.PlanStep`).
        fixed: slots of what all know when the program is written.
        constants: those that are there from the beginning.
    """
    makers = {slot: step for step in steps for slot in step.outputs}
    operands = Operands(makers, fixed, constants)
    found: dict[int, WideStep] = {}
    for step in steps:
        sums = [operands.sum_of(slot) if step.name in USES else None for slot in step.inputs]
        made: WideStep | None = None
        if step.name == "div" and any(sums):
            made = _quotient(step, sums, step.inputs[1] in fixed)
        elif step.name == "mul" and any(sums) and _shrinks(step, fixed, constants):
            made = _mean(step, sums)
        elif step.name in ROOTS and is_root(step, constants) and step.outputs[0] not in fixed:
            made = _root(step, sums[0], _is_large(makers, step.inputs[0], fixed, found))
        if made is not None:
            found[step.outputs[0]] = made
    return found


def _from(makers: Mapping[int, Any], slot: int) -> int:
    """Where a value comes from that was only moved."""
    while slot in makers and makers[slot].name in MOVES:
        slot = makers[slot].inputs[0]
    return slot


def _is_large(makers: Mapping[int, Any], slot: int, fixed: set[int], found: Mapping[int, WideStep]) -> bool:
    """Whether it is a sum of squares that was divided, to which all may have added what they know."""
    slot = _from(makers, slot)
    if slot in found:
        return True
    if slot not in makers or makers[slot].name not in ("add", "div", "max", NAME):
        return False
    return makers[slot].name == NAME or any(
        _is_large(makers, each, fixed, found) for each in makers[slot].inputs if each not in fixed
    )


def _shrinks(step: Any, fixed: set[int], constants: Mapping[int, Any]) -> bool:
    """Whether a step multiplies by public numbers of which none is above 1."""
    factors = [slot for slot in step.inputs if slot in fixed]
    return len(factors) == 1 and factors[0] in constants and bool(np.all(np.abs(constants[factors[0]]) <= 1))


def is_root(step: Any, constants: Mapping[int, Any]) -> bool:
    """Of a step in `ROOTS`."""
    return step.name != "pow" or bool(np.all(np.asarray(constants.get(step.inputs[1], 0)) == 0.5))


def _mean(step: Any, sums: Sequence[Sum | None]) -> WideStep | None:
    """A sum divided by what all know: in its parts, of which none needs to fit."""
    place, total = next((place, each) for place, each in enumerate(sums) if each is not None)
    if not total.summed:
        return None

    def compute(known: Mapping[int, Any]) -> Any:
        parts = total.parts(known, True)
        rows = [[part if k == place else known[slot] for k, slot in enumerate(step.inputs)] for part in parts]
        upper, lower = (step.primitive.bind(*row, **step.params) for row in rows)
        return upper + lower

    return _written(step, sums, compute)


def _quotient(step: Any, sums: Sequence[Sum | None], divided: bool) -> WideStep | None:
    """A quotient of which an operand or two are sums of products."""
    if divided:
        return _mean(step, sums)

    def compute(known: Mapping[int, Any]) -> Any:
        parts = [
            (known[slot], jnp.zeros_like(known[slot])) if total is None else total.parts(known, True)
            for total, slot in zip(sums, step.inputs, strict=True)
        ]
        return wide_quotient(*parts[0], *parts[1], wide=sums[1] is not None)

    return _written(step, sums, compute)


def _root(step: Any, total: Sum | None, large: bool) -> WideStep | None:
    if total is None or not total.summed:
        if not large:
            return None
        root = inverse_root if step.name == "rsqrt" else square_root
        return _written(step, [None] * len(step.inputs), lambda known: root(known[step.inputs[0]]))

    def compute(known: Mapping[int, Any]) -> Any:
        if step.name == "rsqrt":
            return inverse_root(sum(total.parts(known, False)))
        return wide_root(*total.parts(known, True))

    return _written(step, [total, *[None] * (len(step.inputs) - 1)], compute)


def _written(step: Any, sums: Sequence[Sum | None], compute: Callable[[Mapping[int, Any]], Any]) -> WideStep:
    forms: dict[int, Any] = {}
    for slot, form, total in zip(step.inputs, step.given, sums, strict=True):
        forms.update([(slot, form)] if total is None else total.slots)
    shapes = [
        jax.ShapeDtypeStruct(each.shape, each.dtype)  # type: ignore[no-untyped-call]
        for each in forms.values()
    ]
    program = jax.make_jaxpr(lambda *given: compute(dict(zip(forms, given, strict=True))))(*shapes)
    return WideStep(program, tuple(forms))
