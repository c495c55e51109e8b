"""Roots and quotients of what a fixed-point number cannot hold: found when a function is traced.

A running mean of squares, `v = 0.999 v + 0.001 g**2`, is less than one unit in the last place as soon as
g is below 0.06 (of 18 bits; 5e-4 of 32), and then `g / sqrt(v)` is no step of Adam's but some number, or 0.
What is divided by, and what a root or a logarithm is taken of, must be right in proportion; nowhere else it
matters that a small part of a sum is lost. So a small public factor of a square is remembered until the
square is used like that. How small the squares are, only the debug mode sees (`twins`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from junto.errors import NotComputable
from junto.mpc.plan_steps import Block, PlanStep

LEAST = 2.0**15
"""A factor of squares of so many units in the last place, or fewer, is too small: of 18 bits after the point
that of RMSprop, 0.1, and that of Adam, 0.001; of 32 neither."""

MATTERS = 2.0**-10
"""A constant of this size or more that is added makes the square's own size unimportant."""


@dataclass(frozen=True, slots=True)
class KnownSize:
    """What is known of a secret's size.

    Attributes:
        base: what it is a public multiple of.
        factor: how much of it, or of products of such.
        least: of a square (or a sum with one), the least factor that it ever had; else None.
    """

    base: object
    factor: float = 1.0
    least: float | None = None


Known = KnownSize | float | None
"""A secret's size, or the greatest magnitude of something public, or None: public, but not known yet."""


def check_sizes(
    block: Block, secret: Sequence[bool], fraction: int, place: Callable[[PlanStep], str]
) -> None:
    """Look for roots, quotients and logarithms of squares with a small factor.

    Args:
        block: a program.
        secret: which of its arguments are.
        fraction: bits after the point in the call.
        place: where a step is, for the message.

    Raises:
        NotComputable: there is one.
    """
    found: dict[int, Known] = {slot: _size_of(array) for slot, array in block.constants.items()}
    found.update(
        (slot, KnownSize(slot) if flag else None) for slot, flag in zip(block.inputs, secret, strict=True)
    )
    for step in block.steps:
        given = [found.get(slot) for slot in step.inputs]
        _refuse_relative_use(step, given, math.ldexp(LEAST, -fraction), place)
        made = _made(step, given)
        found.update((slot, made if made is not None else _unknown(slot, given)) for slot in step.outputs)
        for inner in step.blocks:
            check_sizes(inner, [True] * len(inner.inputs), fraction, place)


def _unknown(slot: int, given: Sequence[Known]) -> Known:
    return KnownSize(slot) if any(isinstance(each, KnownSize) for each in given) else None


def _size_of(array: Any) -> Known:
    numbers = np.asarray(array) if isinstance(array, np.ndarray) else np.zeros(0)
    if numbers.dtype.kind not in "fiu" or not numbers.size:
        return None
    return float(np.abs(numbers.astype(np.float64)).max())


# ---------------------------------------------------------------- what becomes of sizes

KEEP = frozenset(
    {
        "abs", "broadcast_in_dim", "convert_element_type", "copy", "neg", "optimization_barrier",
        "reduce_max", "reduce_precision", "reshape", "slice", "squeeze", "stop_gradient", "transpose",
    }
)  # fmt: skip
"""The result is as large as the operand."""

SUMS = frozenset({"add", "add_any", "concatenate", "max", "min", "select_n", "sub"})
"""The result is as small as the smaller of the operands may be."""


def _made(step: PlanStep, given: Sequence[Known]) -> Known:
    """The size of a step's results; None: nothing is known."""
    secrets = [each for each in given if isinstance(each, KnownSize)]
    if step.name in KEEP:
        return given[0]
    if not secrets:
        return None
    if step.name == "mul":
        return _product(given[0], given[1])
    if step.name == "div":
        return _scaled(given[0], _inverse(given[1]))
    if step.name in ("square", "integer_pow"):
        return _power(secrets[0], int(step.params.get("y", 2)))
    if step.name in SUMS:
        return _sum(given)
    if step.name == "reduce_sum":  # as large as all that are in it, so that a mean is as large as one
        return KnownSize(
            object(), secrets[0].factor * prod(step.given[0].shape) / max(1, prod(step.forms[0].shape))
        )
    return None


def _product(x: Known, y: Known) -> Known:
    if not (isinstance(x, KnownSize) and isinstance(y, KnownSize)):
        return _scaled(x, y) if isinstance(x, KnownSize) else _scaled(y, x)
    factor = x.factor * y.factor
    known = [each.least for each in (x, y) if each.least is not None]
    if x.base == y.base or known:
        return KnownSize(object(), factor, min([factor, *known]))
    return KnownSize(object(), factor)


def _scaled(x: Known, by: Known) -> Known:
    """A secret times something public."""
    if not isinstance(x, KnownSize) or not isinstance(by, float) or by == 0.0:
        return x
    factor = x.factor * by
    return replace(x, factor=factor, least=None if x.least is None else min(x.least, factor))


def _inverse(x: Known) -> Known:
    return 1 / x if isinstance(x, float) and x else None


def _power(x: KnownSize, exponent: int) -> Known:
    if exponent < 2:
        return None
    factor = x.factor**exponent
    return KnownSize(object(), factor, factor)


def _sum(given: Sequence[Known]) -> Known:
    if any(isinstance(each, float) and each >= MATTERS for each in given):
        return None
    secrets = [each for each in given if isinstance(each, KnownSize)]
    known = [each.least for each in secrets if each.least is not None]
    if not known:
        return secrets[0] if len(secrets) == 1 else KnownSize(object(), max(each.factor for each in secrets))
    return KnownSize(object(), min(each.factor for each in secrets if each.least is not None), min(known))


# ---------------------------------------------------------------- where it matters

RELATIVE: Mapping[str, int] = {"cbrt": 0, "div": 1, "log": 0, "pow": 0, "rsqrt": 0, "sqrt": 0}
"""Primitives, and the operand that must be right in proportion."""


def _refuse_relative_use(
    step: PlanStep, given: Sequence[Known], least: float, place: Callable[[PlanStep], str]
) -> None:
    operand = given[RELATIVE[step.name]] if step.name in RELATIVE else None
    if isinstance(operand, KnownSize) and operand.least is not None and operand.least <= least:
        raise NotComputable(
            f"`{step.name}` of {operand.least:.2g} times a square{place(step)}: of small numbers that is "
            "less than a fixed-point number can hold",
            fix="of an optimizer such as Adam: scale the gradients first, optax.chain(optax.scale(1024), "
            "optax.adam(rate, eps=1024 * 1e-8)), see docs/how-to/train.md; else take the factor "
            "out of the root, or more bits after the point (FM128 has 32)",
        )
