"""Quotients by products of large numbers: by one factor after the other.

`cov / (sx * sy)`, `cov / jnp.sqrt(vx * vy)`, `jnp.sum(x * x) / x.sum() ** 2`: the product of two deviations,
or of two sums, leaves the range, and no quotient by either of them does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from junto.mpc.wide_operands import Operands
from junto.mpc.wide_products import MOVES
from junto.mpc.wide_sums import ROOTS, WideStep, is_root

Made = Callable[[Mapping[int, Any]], Any]
"""Computes a factor, of the values of slots."""


class _Factors:
    """Finds them.

    Args:
        makers: by the slots of their results, the steps of a program.
        operands: which sums and data there are.
        constants: what is there from the beginning.
    """

    def __init__(self, makers: Mapping[int, Any], operands: Operands, constants: Mapping[int, Any]) -> None:
        self._makers = makers
        self._operands = operands
        self._constants = constants

    def of(self, slot: int, form: Any) -> list[tuple[int, Any, Made]]:
        """The factors of a number, each with the slot and the form of what it is made of."""
        moves: list[Any] = []
        while slot in self._makers and self._makers[slot].name in MOVES:
            step = self._makers[slot]
            moves.insert(0, step)
            slot, form = step.inputs[0], step.given[0]
        return [(at, shape, _moved(made, moves)) for at, shape, made in self._unmoved(slot, form)]

    def _unmoved(self, slot: int, form: Any) -> list[tuple[int, Any, Made]]:
        step = self._makers.get(slot)
        if step is None or any(self._operands.is_fixed(each) for each in step.inputs[:1]):
            return [_itself(slot, form)]
        pair = _pair(step)
        if pair is not None and all(self._is_large(each) for each, _ in pair):
            return [each for at, shape in pair for each in self.of(at, shape)]
        if _is_square_root(step, self._constants):
            inner = _pair(self._makers.get(step.inputs[0]))
            if inner is not None and all(self._operands.sum_of(each) is not None for each, _ in inner):
                return [(at, shape, _root_of(at)) for at, shape in inner]
        return [_itself(slot, form)]

    def _is_large(self, slot: int) -> bool:
        """Whether it is a root, or a sum of data, or what all know times one."""
        step = self._makers.get(slot)
        if step is None or self._operands.is_fixed(slot):
            return False
        others = [each for each in step.inputs if not self._operands.is_fixed(each)]
        if step.name in MOVES or (step.name in ("mul", "div") and len(others) == 1):
            return self._is_large(others[0])
        if step.name == "select_n":
            return any(map(self._is_large, step.inputs[1:]))
        if step.name == "reduce_sum":
            return self._operands.is_data(slot)
        pair = _pair(step)
        if pair is not None:
            return all(self._is_large(each) for each, _ in pair)
        return _is_square_root(step, self._constants)


def _is_square_root(step: Any, constants: Mapping[int, Any]) -> bool:
    return step.name in ROOTS and step.name != "rsqrt" and is_root(step, constants)


def _pair(step: Any) -> list[tuple[int, Any]] | None:
    """The two factors of a product or of a square."""
    if step is None or np.dtype(step.forms[0].dtype).kind != "f":
        return None
    if step.name == "mul":
        return list(zip(step.inputs, step.given, strict=True))
    if step.name == "square" or (step.name == "integer_pow" and step.params["y"] == 2):
        return [(step.inputs[0], step.given[0])] * 2
    return None


def _itself(slot: int, form: Any) -> tuple[int, Any, Made]:
    return slot, form, lambda known: known[slot]


def _root_of(slot: int) -> Made:
    return lambda known: jnp.sqrt(known[slot])


def _moved(made: Made, moves: Sequence[Any]) -> Made:
    def compute(known: Mapping[int, Any]) -> Any:
        found = made(known)
        for step in moves:
            found = step.primitive.bind(found, **step.params)
        return found

    return compute


def factored_steps(
    steps: Sequence[Any], fixed: set[int], constants: Mapping[int, Any]
) -> dict[int, WideStep]:
    """By the slots of their results, steps that divide by products of large numbers, or squares of sums.

    Args:
        steps: of a program (`plan_steps.PlanStep`).
        fixed: slots of what all know when the program is written.
        constants: those that are there from the beginning.
    """
    makers = {slot: step for step in steps for slot in step.outputs}
    factors = _Factors(makers, Operands(makers, fixed, constants), constants)
    found: dict[int, WideStep] = {}
    for step in steps:
        if step.name != "div" or fixed.issuperset(step.inputs) or np.dtype(step.forms[0].dtype).kind != "f":
            continue
        above, below = (factors.of(*each) for each in zip(step.inputs, step.given, strict=True))
        if len(below) > 1:
            found[step.outputs[0]] = _written(step, [_itself(step.inputs[0], step.given[0])], below)
        elif len(above) == 2 and above[0][0] == above[1][0] and step.inputs[1] not in fixed:
            found[step.outputs[0]] = _written(step, above, below)
    return found


def _written(step: Any, above: Sequence[Any], below: Sequence[Any]) -> WideStep:
    """`x / a / b`; or of a square `x / (a / x)`."""
    forms = {slot: form for slot, form, _ in (*above, *below)}
    shapes = [
        jax.ShapeDtypeStruct(each.shape, each.dtype)  # type: ignore[no-untyped-call]
        for each in forms.values()
    ]

    def compute(*given: Any) -> Any:
        known = dict(zip(forms, given, strict=True))
        first, *others = (made(known) for _, _, made in above)
        divisors = [made(known) for _, _, made in below]
        for each in others:
            divisors[0] = divisors[0] / each
        for each in divisors:
            first = first / each
        return first

    return WideStep(jax.make_jaxpr(compute)(*shapes), tuple(forms))
