"""Numbers that must be right in proportion, however small they are: found when a function is traced.

A sum forgives that a small term is lost. A root, a logarithm or a divisor does not: `g / sqrt(v)` of a
running mean of squares, `v = 0.999 v + 0.001 g**2`, is a step of Adam's only if v has digits where it is
1e-13. A product has twice as many bits after the point before it is truncated, in the same range that it must
have anyway. So it keeps them, through all that is linear in it, up to where it matters; and squares keep them
where they leave the program (docs/adr/0035-digits-of-products.md).

Two passes over a program find which. Forwards: what is made of products, and how much larger than one of them
it may be. Backwards: of these, what a root, a logarithm or a quotient is taken of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from junto.mpc.plan_steps import Block, PlanStep

RELATIVE: Mapping[str, tuple[int, ...]] = {
    "cbrt": (0,),
    "div": (1,),
    "log": (0,),
    "pow": (0,),
    "rsqrt": (0,),
    "sqrt": (0,),
    "wide_quotient": (2, 3),
    "wide_root": (0, 1),
}
"""Primitives, and the operands that must be right in proportion."""

DIVIDED: Mapping[str, tuple[int, ...]] = {"div": (0,), "wide_quotient": (0, 1)}
"""Operands that a quotient is as right as."""

LINEAR = frozenset(
    {
        "abs", "add", "add_any", "broadcast_in_dim", "clamp", "concatenate", "convert_element_type", "copy",
        "cummax", "cummin", "cumsum", "device_put", "dynamic_slice", "dynamic_update_slice", "gather", "max",
        "min", "neg", "optimization_barrier", "pad", "reduce_max", "reduce_min", "reduce_sum",
        "reduce_window_max", "reduce_window_min", "reshape", "rev", "scatter", "scatter-add", "select_n",
        "slice", "sort", "split", "squeeze", "stop_gradient", "sub", "transpose",
    }
)  # fmt: skip
"""Steps whose result is right if their operands are."""

LOOKED_AT = frozenset({"eq", "ge", "gt", "le", "lt", "ne", "sign"})
"""Steps that take numbers with any bits after the point."""

_Size = float | None
"""How much larger than a square, or what came in like one, a number is at most; None: it is none."""


@dataclass(frozen=True, slots=True)
class Proportions:
    """What is known of a program.

    Attributes:
        slots: of each of its blocks, those that must be right in proportion.
        results: of each result how many bits less than a square it has after the point, so that it has room;
            None: it has as many as other numbers.
        steps: those that take some of the slots as they are, or make squares that are among them.
    """

    slots: Mapping[Block, set[int]]
    results: tuple[int | None, ...]
    steps: frozenset[PlanStep] = frozenset()


def proportions(block: Block, given: Sequence[int | None]) -> Proportions:
    """Look for what must be right in proportion.

    Args:
        block: a program.
        given: of each argument how many bits less than a square it has after the point; None: it has as many
            as other numbers.
    """
    search = _Search()
    sizes = search.forwards(block, [None if less is None else 2.0**less for less in given])
    search.backwards(block, [size is not None and size < math.inf for size in sizes])
    needed = search.needed[block]
    return Proportions(
        search.needed,
        tuple(
            _less(size) if slot in needed else None for slot, size in zip(block.outputs, sizes, strict=True)
        ),
        frozenset(
            step for each in search.needed for step in each.steps if _matters(step, search.needed[each])
        ),
    )


def _matters(step: PlanStep, needed: set[int]) -> bool:
    """Whether a step takes numbers that must be right in proportion as they are, or makes such squares."""
    name, made = step.name, not needed.isdisjoint(step.outputs)
    if makes(step) or name == "mul":
        return made
    if step.blocks:
        return made or not needed.isdisjoint(step.inputs)
    if needed.isdisjoint(step.inputs):
        return False
    linear = name in LINEAR or name in ("integer_pow", "wide_quotient")
    return name in RELATIVE or name in LOOKED_AT or (linear and made)


def _less(size: _Size) -> int:
    """Of what a loop adds up nobody knows how large it is; a root of it must fit."""
    if size is None or size in (0.0, math.inf):
        return 0
    return max(0, math.ceil(math.log2(size) - ROUNDING))


ROUNDING = 2.0**-10
"""A mean of squares is as large as one of them, whatever 1 / n is rounded to."""


@dataclass(slots=True)
class _Search:
    """The two passes, through all blocks."""

    sizes: dict[Block, dict[int, _Size]] = field(default_factory=dict)
    needed: dict[Block, set[int]] = field(default_factory=dict)
    means: set[tuple[Block, int]] = field(default_factory=set)

    # ------------------------------------------------------------------ forwards

    def forwards(self, block: Block, given: Sequence[_Size]) -> list[_Size]:
        """The sizes of a block's results. A block that is called twice gets the greater ones."""
        sizes = self.sizes.setdefault(block, {})
        for slot, size in zip(block.inputs, given, strict=True):
            sizes[slot] = _greater([sizes.get(slot), size])
        for step in block.steps:
            if self._scales_down(block, step):
                self.means.add((block, step.outputs[0]))
            made = self._made(block, step, [sizes.get(slot) for slot in step.inputs])
            for slot, form, size in zip(step.outputs, step.forms, made, strict=True):
                sizes[slot] = _greater([sizes.get(slot), size]) if is_float(form) else None
        return [sizes.get(slot) for slot in block.outputs]

    def _made(self, block: Block, step: PlanStep, given: list[_Size]) -> Sequence[_Size]:
        if step.blocks:
            return self._through(step, given)
        name, some = step.name, _greater(given)
        size: _Size = None
        if makes(step):
            size = float(_terms(step)) if len(set(step.inputs)) == 1 else math.inf
        elif name == "mul" and some is None:
            size = None if any(slot in block.constants for slot in step.inputs) else math.inf
        elif name in ("mul", "div") and some is not None:
            others = [block.constants.get(slot) for slot in step.inputs[name == "div" :]]
            factors = [_factor(each, name) for each in others if each is not None]
            size = some * factors[0] if factors else math.inf
            size = None if name == "div" and given[0] is None else size
        elif name in ("sqrt", "wide_root") and some is not None:
            size = math.inf
        elif name == "wide_quotient":
            size = None if _greater(given[:2]) is None else math.inf
        elif some is not None and not self._alone(block, step, given):
            size = math.inf if name in LINEAR else None
        elif name in LINEAR or (name == "integer_pow" and step.params["y"] == 1):
            rows = prod(step.given[0].shape) // max(1, prod(step.forms[0].shape))
            size = some and some * (rows if name == "reduce_sum" else 1)
            size = math.inf if name == "cumsum" and some else size
        return [size] * len(step.outputs)

    def _scales_down(self, block: Block, step: PlanStep) -> bool:
        """Whether a step takes a part of an argument, as a running mean does."""
        factors = [block.constants[slot] for slot in step.inputs if slot in block.constants]
        given = any(slot in block.inputs for slot in step.inputs)
        return step.name == "mul" and given and len(factors) == 1 and _factor(factors[0], "mul") <= 1

    def _alone(self, block: Block, step: PlanStep, given: Sequence[_Size]) -> bool:
        """Whether nothing is beside squares that may be larger: only constants, and arguments scaled down."""
        others = [slot for slot, size in zip(step.inputs, given, strict=True) if size is None]
        if step.name == "select_n" and given[0] is None:
            others = others[1:]
        return all(slot in block.constants or (block, slot) in self.means for slot in others)

    def _through(self, step: PlanStep, given: list[_Size]) -> Sequence[_Size]:
        """Through control flow; what a loop carries on, until that is known."""
        if step.name == "cond":
            made = [self.forwards(each, given[1:]) for each in step.blocks]
            return [_of_all(each) for each in zip(*made, strict=True)]
        body, fixed, carried = _loop(step)
        while True:
            results = self.forwards(step.blocks[body], _for_body(step, given))
            before = given[fixed : fixed + carried]
            after = [_carried(*pair) for pair in zip(before, results, strict=False)]
            given[fixed : fixed + carried] = after
            if before == after:
                return [*after, *results[carried:]]

    # ------------------------------------------------------------------ backwards

    def backwards(self, block: Block, wanted: Sequence[bool]) -> list[bool]:
        """Which of a block's arguments must be right in proportion, if these of its results must."""
        needed, sizes = self.needed.setdefault(block, set()), self.sizes[block]
        needed.update(slot for slot, flag in zip(block.outputs, wanted, strict=True) if flag)
        needed.update(slot for slot in block.inputs if sizes.get(slot) is not None)
        for step in reversed(block.steps):
            out = [slot in needed for slot in step.outputs]
            given = [sizes.get(slot) is not None for slot in step.inputs]
            places = self._inside(step, out) if step.blocks else _places(step, any(out), given)
            needed.update(step.inputs[place] for place in places if given[place])
        return [slot in needed for slot in block.inputs]

    def _inside(self, step: PlanStep, wanted: list[bool]) -> list[int]:
        """The places of what control flow needs so."""
        if step.name == "cond":
            rows = zip(*[self.backwards(each, wanted) for each in step.blocks], strict=True)
            return [place + 1 for place, flags in enumerate(rows) if any(flags)]
        body, fixed, carried = _loop(step)
        before = len(step.inputs) - len(step.blocks[body].inputs)
        while True:
            made = self.backwards(step.blocks[body], wanted)
            first = fixed - before
            more = [x or y for x, y in zip(wanted[:carried], made[first : first + carried], strict=True)]
            if more == wanted[:carried]:
                return [place + before for place, flag in enumerate(made) if flag]
            wanted[:carried] = more


def _loop(step: PlanStep) -> tuple[int, int, int]:
    """Of a loop: which block is its body, where what it carries on begins, and how much that is."""
    if step.name == "scan":
        return 0, int(step.params["num_consts"]), int(step.params["num_carry"])
    fixed = int(step.params["cond_nconsts"]) + int(step.params["body_nconsts"])
    return 1, fixed, len(step.inputs) - fixed


def _carried(before: _Size, after: _Size) -> _Size:
    """What a loop carries on: nobody knows how large it is if it grows in a turn."""
    return (
        math.inf if before is not None and after is not None and after > before else _greater([before, after])
    )


def _for_body(step: PlanStep, given: Sequence[_Size]) -> Sequence[_Size]:
    return given if step.name == "scan" else given[int(step.params["cond_nconsts"]) :]


def _places(step: PlanStep, wanted: bool, given: Sequence[bool]) -> Sequence[int]:
    """The places of the operands that must be right in proportion, if the results must (`wanted`)."""
    name = step.name
    places = list(RELATIVE.get(name, ()))
    if name in DIVIDED and (wanted or any(given[place] for place in places)):
        places.extend(DIVIDED[name])
    if wanted and not makes(step) and (name in LINEAR or name in ("integer_pow", "mul")):
        places.extend(range(name == "select_n", len(step.inputs)))
    return places


def makes(step: PlanStep) -> bool:
    """Whether a step makes products of what has no more digits than others: squares, or sums of products."""
    name = step.name
    if name == "mul":
        return step.inputs[0] == step.inputs[1]
    return name in ("dot_general", "square", "wide_product") or (
        name == "integer_pow" and step.params["y"] == 2
    )


def _terms(step: PlanStep) -> int:
    """How many products a result is the sum of."""
    if "dimension_numbers" not in step.params:
        return 1
    (axes, _), _ = step.params["dimension_numbers"]
    return prod(step.given[0].shape[axis] for axis in axes)


def _factor(array: Any, name: str) -> float:
    """The greatest public factor, or one over the least divisor."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf" or not array.size:
        return math.inf
    numbers = np.abs(array.astype(np.float64))
    least = float(numbers.min())
    return float(numbers.max()) if name == "mul" else 1 / least if least else math.inf


def _of_all(sizes: Sequence[_Size]) -> _Size:
    """Of one of several: nobody knows how large it is if not all are squares."""
    found = _greater(sizes)
    return math.inf if found is not None and None in sizes else found


def _greater(sizes: Sequence[_Size]) -> _Size:
    return max((each for each in sizes if each is not None), default=None)


def is_float(form: Any) -> bool:
    """Whether an array has numbers with bits after the point."""
    return isinstance(form.dtype, np.dtype) and (form.dtype.kind == "f" or form.dtype.name == "bfloat16")
