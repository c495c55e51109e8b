"""What a plan says of its range before anything runs: constants that cannot be held, sums that are long.

How large secret numbers are, only they know, and the debug mode, which sees made-up ones. What a plan alone
tells is named here, for `explain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ldexp, prod

import numpy as np

from junto.mpc.plan_steps import PlanStep
from junto.mpc.primitives.linear_algebra import Contraction, parts_of
from junto.mpc.primitives.sums import TERMS
from junto.mpc.values import Public, Secret, Value
from junto.mpc.visibility import place

LONG = 64
"""Sums of fewer products are as likely to leave the range as each of these alone."""


class RangeRemarks:
    """Collects remarks on steps (`interpret.StepHooks.notice`).

    Args:
        fraction: bits after the point.
        width: bits of the ring.

    Attributes:
        remarks: sentences, each once, in the order of the steps.
    """

    def __init__(self, fraction: int, width: int) -> None:
        self._fraction = fraction
        self._width = width
        self.remarks: dict[str, None] = {}

    def look(self, step: PlanStep, operands: Sequence[Value]) -> None:
        """At a step before it is computed."""
        if not any(isinstance(each, Secret) and each.kind == "fixed" for each in operands):
            return
        most = ldexp(1.0, self._width - 3 - self._fraction)
        for each in operands:
            if isinstance(each, Public) and (far := _farthest(each)) is not None and abs(far) > most:
                held = np.copysign(most, far)
                self._say(
                    f"the constant {far:.4g}{place(step)} counts as {held:.3g}: the largest number there is"
                )
        self._look_at_sum(step, operands)

    def _look_at_sum(self, step: PlanStep, operands: Sequence[Value]) -> None:
        x, product = operands[0], ldexp(1.0, self._width - 2 - 2 * self._fraction)
        if step.name == "dot_general":
            (left, right), (first, second) = step.params["dimension_numbers"]
            form = Contraction((tuple(left), tuple(right)), (tuple(first), tuple(second)))
            count = prod(x.shape[axis] for axis in left)
            sizes = sum(prod(each.shape) for each in operands)
            parts = parts_of(x.shape, form, sizes, prod(step.forms[0].shape))
            most, what = product * max(1, parts) / max(count, 1), "products"
        elif step.name == "reduce_sum" and isinstance(x, Secret):
            count = prod(x.shape[axis] for axis in step.params["axes"])
            pending = x.fraction > self._fraction
            most = (
                product / TERMS if pending else ldexp(1.0, self._width - 3 - self._fraction) / max(count, 1)
            )
            what = "products" if pending else "numbers"
        else:
            return
        if count > LONG and most < product:
            self._say(
                f"a sum of {count:,} {what}{place(step)} fits if they are {most:.3g} on average, or less"
            )

    def _say(self, sentence: str) -> None:
        self.remarks[sentence] = None


def _farthest(x: Public) -> float | None:
    """The finite number that is farthest from 0."""
    if not isinstance(x.array, np.ndarray) or x.array.dtype.kind != "f":
        return None
    numbers = x.array[np.isfinite(x.array)].astype(np.float64)
    return float(numbers[np.abs(numbers).argmax()]) if numbers.size else None
