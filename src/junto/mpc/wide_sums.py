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
import numpy as np

from junto.mpc.wide_products import MOVES, NAME, inverse_root, square_root, wide_product

ROOTS = frozenset({"pow", "rsqrt", "sqrt"})
"""Steps that take a square root, or divide by it; of powers those with an exponent of 1/2."""


@dataclass(frozen=True, slots=True)
class WideStep:
    """What is computed in place of a step.

    Attributes:
        program: a closed jaxpr with one result.
        operands: the slots of its arguments.
    """

    program: Any
    operands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _SquareSum:
    """A sum of squares.

    Attributes:
        base: the slot of what is squared.
        form: of it.
        axes: over which it is summed.
        moves: steps that the sum goes through, the first one first.
    """

    base: int
    form: Any
    axes: tuple[int, ...]
    moves: tuple[Any, ...]

    def parts(self, x: Any, *, divided: bool) -> tuple[Any, Any]:
        """The sum as that of two numbers."""
        kept = tuple(axis for axis in range(x.ndim) if axis not in self.axes)
        upper, lower = wide_product(x, x, ((self.axes, self.axes), (kept, kept)), divided)
        for step in self.moves:
            upper, lower = (step.primitive.bind(part, **step.params) for part in (upper, lower))
        return upper, lower


def wide_steps(steps: Sequence[Any], fixed: set[int], constants: Mapping[int, Any]) -> dict[int, WideStep]:
    """By the slots of their results, steps that divide sums of squares, or take their roots.

    Args:
        steps: of a program (`plan_steps.PlanStep`).
        fixed: slots of what all know when the program is written.
        constants: those that are there from the beginning.
    """
    makers = {slot: step for step in steps for slot in step.outputs}
    found: dict[int, WideStep] = {}
    for step in steps:
        sums = [None if slot in fixed else _sum_of(makers, slot, fixed) for slot in step.inputs]
        made: WideStep | None = None
        if step.name == "div" and any(sums):
            made = _quotient(step, sums, divided=step.inputs[1] in fixed)
        elif step.name == "mul" and any(sums) and _shrinks(step, fixed, constants):
            made = _quotient(step, sums, divided=True)
        elif step.name in ROOTS and _is_root(step, constants) and step.outputs[0] not in fixed:
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


def _sum_of(makers: Mapping[int, Any], slot: int, fixed: set[int]) -> _SquareSum | None:
    moves: list[Any] = []
    while slot in makers and makers[slot].name in MOVES:
        moves.insert(0, makers[slot])
        slot = makers[slot].inputs[0]
    total = makers.get(slot)
    if total is None or total.name != "reduce_sum":
        return None
    if any(np.dtype(form.dtype).kind != "f" for form in (*total.given, *(each.forms[0] for each in moves))):
        return None
    square = makers.get(total.inputs[0])
    if square is None or square.inputs[0] in fixed or not _squares(square):
        return None
    return _SquareSum(square.inputs[0], square.given[0], tuple(total.params["axes"]), tuple(moves))


def _squares(step: Any) -> bool:
    match step.name:
        case "mul":
            return bool(step.inputs[0] == step.inputs[1])
        case "integer_pow":
            return bool(step.params["y"] == 2)
    return bool(step.name == "square")


def _shrinks(step: Any, fixed: set[int], constants: Mapping[int, Any]) -> bool:
    """Whether a step multiplies by public numbers of which none is above 1."""
    factors = [slot for slot in step.inputs if slot in fixed]
    return len(factors) == 1 and factors[0] in constants and bool(np.all(np.abs(constants[factors[0]]) <= 1))


def _is_root(step: Any, constants: Mapping[int, Any]) -> bool:
    return step.name != "pow" or bool(np.all(np.asarray(constants.get(step.inputs[1], 0)) == 0.5))


def _quotient(step: Any, sums: Sequence[_SquareSum | None], *, divided: bool) -> WideStep:
    """A quotient, or a product, of which an operand or two are sums of squares."""

    def compute(*given: Any) -> Any:
        operands = [
            [each] if total is None else list(total.parts(each, divided=divided))
            for total, each in zip(sums, given, strict=True)
        ]
        if not divided:
            operands = [[each[0] + each[1]] if len(each) == 2 else each for each in operands]
        many = next((place for place, each in enumerate(operands) if len(each) == 2), 0)
        results = []
        for part in operands[many]:
            row = [part if place == many else each[0] for place, each in enumerate(operands)]
            results.append(step.primitive.bind(*row, **step.params))
        return results[0] if len(results) == 1 else results[0] + results[1]

    return _written(step, sums, compute)


def _root(step: Any, total: _SquareSum | None, large: bool) -> WideStep | None:
    if total is None and not large:
        return None

    def compute(x: Any, *_: Any) -> Any:
        root = inverse_root if step.name == "rsqrt" else square_root
        return root(x if total is None else sum(total.parts(x, divided=False)))

    return _written(step, [total, *[None] * (len(step.inputs) - 1)], compute)


def _written(step: Any, sums: Sequence[_SquareSum | None], compute: Callable[..., Any]) -> WideStep:
    slots = [slot if total is None else total.base for slot, total in zip(step.inputs, sums, strict=True)]
    forms = [form if total is None else total.form for form, total in zip(step.given, sums, strict=True)]
    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in forms]  # type: ignore[no-untyped-call]
    return WideStep(jax.make_jaxpr(compute)(*shapes), tuple(slots))
