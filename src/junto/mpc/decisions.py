"""What is decided by digits that are lost: comparisons, places of extremes, whole parts (`twins`).

`jnp.argmax(x / x.sum())` of thousands of salaries compares shares of a hundred units each. A decision that
the stated errors of the steps may turn is narrow, and no error; one that only lost digits turn is reported
where it leaves the program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from junto.mpc.plan_steps import Block, PlanStep

NARROW = 2.0**-13
"""Numbers that differ by less than this part of themselves are as good as equal."""


def _compared(compare: Callable[..., Any]) -> Callable[..., Any]:
    def decide(params: Mapping[str, Any], actual: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
        return compare(x, y), np.abs(x - y), np.maximum(np.abs(x), np.abs(y))

    return decide


def _place(find: Callable[..., Any]) -> Callable[..., Any]:
    def decide(params: Mapping[str, Any], actual: Any, x: Any) -> tuple[Any, Any, Any]:
        (axis,) = params["axes"]
        place = find(x, axis=axis)
        best, found = (
            np.take_along_axis(x, np.expand_dims(np.asarray(each, np.int64), axis), axis).squeeze(axis)
            for each in (place, actual)
        )
        return place, np.abs(best - found), np.abs(best)

    return decide


def _whole_part(params: Mapping[str, Any], actual: Any, x: Any) -> tuple[Any, Any, Any]:
    if np.dtype(params["new_dtype"]) == np.bool_:
        return x != 0, np.abs(x), np.abs(x)
    return np.trunc(x), np.abs(x - np.rint(x)), np.abs(x)


DECIDING: Mapping[str, Callable[..., tuple[Any, Any, Any]]] = {
    "argmax": _place(np.argmax),
    "argmin": _place(np.argmin),
    "convert_element_type": _whole_part,
    "eq": _compared(np.equal),
    "eq_to": _compared(np.equal),
    "ge": _compared(np.greater_equal),
    "gt": _compared(np.greater),
    "le": _compared(np.less_equal),
    "le_to": _compared(np.less_equal),
    "lt": _compared(np.less),
    "lt_to": _compared(np.less),
    "ne": _compared(np.not_equal),
}
"""Of a step's parameters, its result and its operands: the decision, by how much, and of what size."""


def decided(name: str, params: Mapping[str, Any], actual: Any, numbers: Any) -> Any:
    """A step's result as its operands' twins decide, but as it is where that is narrow.

    Args:
        name: of the step.
        params: its parameters.
        actual: the result that is there.
        numbers: the operands' twins.
    """
    floats = [np.asarray(each, np.float64) for each in numbers]
    want, gap, size = DECIDING[name](params, actual, *floats)
    return np.where(gap > NARROW * size, want, actual)


def distinct(keys: Sequence[Any], axis: int) -> Any:
    """Which of sorted rows are at their places for sure: their keys differ from both neighbours' by enough.

    Args:
        keys: arrays, by the first of which rows are sorted, equals by the next one.
        axis: along which.
    """
    columns = [np.moveaxis(np.asarray(each, np.float64), axis, -1) for each in keys]
    apart: Any = np.False_
    same: Any = np.True_
    for column in columns:
        size = np.maximum(np.abs(column[..., 1:]), np.abs(column[..., :-1]))
        gap = np.abs(np.diff(column))
        apart = apart | (same & (gap > NARROW * size))
        same = same & (gap == 0) & (size < 2.0**53)
    edge = np.ones((*columns[0].shape[:-1], min(columns[0].shape[-1], 1)), np.bool_)
    sure = np.concatenate([edge, apart], -1) & np.concatenate([apart, edge], -1)
    return np.moveaxis(sure, -1, axis)


CARRIED = frozenset(
    (
        "abs", "acos", "acosh", "add", "add_any", "asin", "atan", "atanh", "broadcast_in_dim", "cbrt",
        "concatenate", "cos", "digamma", "div", "erf_inv", "exp", "exp2", "expm1", "integer_pow", "lgamma",
        "log", "log1p", "logistic", "mul", "neg", "pow", "reshape", "rev", "rsqrt", "select_n", "sin",
        "slice", "sqrt", "square", "squeeze", "sub", "tan", "tanh", "transpose",
    )
)  # fmt: skip
"""Steps that make each number of others of their own place, or of one; their twins keep what is no number."""


class Choices:
    """Knows the steps of blocks of which nothing is made but cases that `select_n` chooses from."""

    def __init__(self) -> None:
        self._read: set[int] = set()
        self._only: set[int] = set()

    def read(self, block: Block) -> None:
        """Look at a block's steps, which are kept as long as this is."""
        if id(block) in self._read:
            return
        self._read.add(id(block))
        harmless = dict.fromkeys(block.outputs, False)
        for step in reversed(block.steps):
            only = step.name in CARRIED and harmless.get(step.outputs[0], False)
            if only:
                self._only.add(id(step))
            for place, slot in enumerate(step.inputs):
                chosen = only or (step.name == "select_n" and place > 0)
                harmless[slot] = harmless.get(slot, True) and chosen

    def only(self, step: PlanStep) -> bool:
        """Whether it is such a step."""
        return id(step) in self._only
