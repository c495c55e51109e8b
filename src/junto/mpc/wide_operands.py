"""Sums of products among a program's steps: squares, and products of data with data.

`(xc * yc).sum()`, `xc @ yc`, `xc.T @ xc`, `jnp.einsum(...)`, `jnp.where(mask, x * x, 0).sum()` and sums of
such are alike: each is written as products that are contracted, and moved afterwards. A product of data with
what a model makes of it, as in a gradient, is none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from junto.mpc.wide_products import MOVES, wide_product

REARRANGED = MOVES | {"transpose"}
"""What may happen to the parts of a sum, and to data."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Products that are contracted.

    Attributes:
        operands: the slots of the two numbers.
        forms: of them.
        dimensions: as of `lax.dot_general`.
        negative: whether it is subtracted.
        guards: steps that put 0 in the place of some products, and which of their cases is 0.
        moves: steps that the sum goes through, the first one first.
        shape: to which both operands are broadcast first; None: they are not.
    """

    operands: tuple[int, int]
    forms: tuple[Any, Any]
    dimensions: Any
    negative: bool = False
    guards: tuple[tuple[Any, int], ...] = ()
    moves: tuple[Any, ...] = ()
    shape: tuple[int, ...] | None = None

    @property
    def slots(self) -> list[tuple[int, Any]]:
        """What has to be there before it can be computed, and the forms."""
        chosen = [(step.inputs[0], step.given[0]) for step, _ in self.guards]
        return [*zip(self.operands, self.forms, strict=True), *chosen]

    def parts(self, known: Mapping[int, Any], divided: bool) -> tuple[Any, Any]:
        """The sum as that of two numbers."""
        x, y = (known[slot] for slot in self.operands)
        if self.shape is not None:
            x, y = (jnp.broadcast_to(each, self.shape) for each in (x, y))
        same = self.operands[0] == self.operands[1]
        for step, zero in self.guards:
            cases = [jnp.zeros_like(x), x] if zero == 0 else [x, jnp.zeros_like(x)]
            x = step.primitive.bind(known[step.inputs[0]], *cases, **step.params)
        upper, lower = wide_product(x, x if same else y, self.dimensions, divided)
        for step in self.moves:
            upper, lower = (step.primitive.bind(part, **step.params) for part in (upper, lower))
        return (-upper, -lower) if self.negative else (upper, lower)


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of such products.

    Attributes:
        pieces: of it.
        summed: whether there is more than one product in it.
    """

    pieces: tuple[Piece, ...]
    summed: bool = True

    @property
    def slots(self) -> list[tuple[int, Any]]:
        """As of the pieces."""
        return [each for piece in self.pieces for each in piece.slots]

    def parts(self, known: Mapping[int, Any], divided: bool) -> tuple[Any, Any]:
        """The sum as that of two numbers."""
        upper, lower = self.pieces[0].parts(known, divided)
        for piece in self.pieces[1:]:
            high, low = piece.parts(known, divided)
            upper, lower = upper + high, lower + low
        return upper, lower


class Operands:
    """Finds sums and data among the steps of a program.

    Args:
        makers: by the slots of their results, the steps.
        fixed: slots of what all know when the program is written.
        constants: those that are there from the beginning.
    """

    def __init__(self, makers: Mapping[int, Any], fixed: set[int], constants: Mapping[int, Any]) -> None:
        self._makers = makers
        self._fixed = fixed
        self._constants = constants

    def sum_of(self, slot: int) -> Sum | None:
        """The sum of products that a slot holds; None: it holds none."""
        if slot in self._fixed:
            return None
        moves: list[Any] = []
        while slot in self._makers and self._makers[slot].name in REARRANGED:
            moves.insert(0, self._makers[slot])
            slot = self._makers[slot].inputs[0]
        found = self._unmoved(slot)
        if found is None or not all(_floats(each) for each in moves):
            return None
        return Sum(
            tuple(replace(each, moves=(*each.moves, *moves)) for each in found),
            len(found) > 1 or bool(found[0].dimensions[0][0]),
        )

    def _unmoved(self, slot: int) -> list[Piece] | None:
        step = self._makers.get(slot)
        if step is None or not _floats(step):
            return None
        match step.name:
            case "reduce_sum":
                return self._products(step.inputs[0], tuple(step.params["axes"]))
            case "dot_general":
                return [self._contraction(step)] if self._counts(*step.inputs) else None
            case "add" | "add_any" | "sub":
                return self._both(step, [self.sum_of(each) for each in step.inputs])
        return self._products(slot, ())

    def _contraction(self, step: Any) -> Piece:
        """A `dot_general`, of what was transposed for it if that changes nothing: `x.T @ x` is a square."""
        summed, batch = step.params["dimension_numbers"]
        slots, forms = list(step.inputs), list(step.given)
        axes: list[Any] = list(zip(summed, batch, strict=True))
        for side, (slot, form) in enumerate(zip(step.inputs, step.given, strict=True)):
            maker = self._makers.get(slot)
            free = len(form.shape) - len(summed[side]) - len(batch[side])
            if maker is not None and maker.name == "transpose" and free < 2:
                order = maker.params["permutation"]
                slots[side], forms[side] = maker.inputs[0], maker.given[0]
                axes[side] = tuple(tuple(order[axis] for axis in each) for each in axes[side])
        return Piece((slots[0], slots[1]), (forms[0], forms[1]), tuple(zip(*axes, strict=True)))

    def _both(self, step: Any, sums: Sequence[Sum | None]) -> list[Piece] | None:
        """The pieces of a sum, or of a difference; not where one of both is something else."""
        first, second = sums
        if first is None or second is None:
            return None
        minus = step.name == "sub"
        return [*first.pieces, *(replace(each, negative=each.negative != minus) for each in second.pieces)]

    def _products(self, slot: int, axes: tuple[int, ...]) -> list[Piece] | None:
        """Products that are summed along some axes."""
        step = self._makers.get(slot)
        if step is None or slot in self._fixed or not _floats(step):
            return None
        match step.name:
            case "mul":
                return self._contracted(step, step.inputs, axes) if self._counts(*step.inputs) else None
            case "square" | "integer_pow" if step.params.get("y", 2) == 2:
                return self._contracted(step, step.inputs * 2, axes)
            case "add" | "add_any" | "sub":
                both = [self._products(each, axes) for each in step.inputs]
                sums = [None if each is None else Sum(tuple(each)) for each in both]
                return self._both(step, sums)
            case "select_n" if len(step.inputs) == 3:
                return self._guarded(step, axes)
        return None

    def _guarded(self, step: Any, axes: tuple[int, ...]) -> list[Piece] | None:
        for zero, other in ((0, 1), (1, 0)):
            slot = step.inputs[1 + zero]
            if self._is_zero(slot):
                found = self._products(step.inputs[1 + other], axes)
                return found and [replace(each, guards=(*each.guards, (step, zero))) for each in found]
        return None

    def _is_zero(self, slot: int) -> bool:
        while slot in self._makers and self._makers[slot].name in MOVES:
            slot = self._makers[slot].inputs[0]
        return slot in self._constants and not np.any(np.asarray(self._constants[slot]))

    def _contracted(self, step: Any, operands: Any, axes: tuple[int, ...]) -> list[Piece]:
        form = step.forms[0]
        kept = tuple(axis for axis in range(len(form.shape)) if axis not in axes)
        forms = (step.given * 2)[:2]
        return [Piece(tuple(operands), forms, ((axes, axes), (kept, kept)), shape=form.shape)]

    def _counts(self, x: int, y: int) -> bool:
        """Whether a product is a square, or one of data with data."""
        if x in self._fixed or y in self._fixed:
            return False
        return self._origin(x) == self._origin(y) or (self.is_data(x) and self.is_data(y))

    def _origin(self, slot: int) -> int:
        while slot in self._makers and self._makers[slot].name in REARRANGED:
            slot = self._makers[slot].inputs[0]
        return slot

    def is_fixed(self, slot: int) -> bool:
        """Whether all know it when the program is written."""
        return slot in self._fixed

    def is_data(self, slot: int) -> bool:
        """Whether a slot holds floats as they come in, or deviations of such from their means.

        Moved, scaled by what all know, with zeros in the place of some.
        """
        step = self._makers.get(slot)
        if slot in self._fixed:
            return False
        if step is None:
            return True
        if not _floats(step):
            return False
        others = [each for each in step.inputs if each not in self._fixed]
        match step.name:
            case "transpose" | "neg" | "slice" | "rev" | "concatenate" | "sort" | "reduce_sum":
                return all(map(self.is_data, others))
            case "add" | "sub" | "select_n":
                cases = [each for each in others if each != step.inputs[0] or step.name != "select_n"]
                return bool(cases) and all(map(self.is_data, cases))
            case "mul":
                return (len(others) == 1 and self.is_data(others[0])) or self._is_masked(step)
            case "div":
                return (step.inputs[1] in self._fixed and self.is_data(others[0])) or self._is_mean(step)
        return step.name in MOVES and self.is_data(step.inputs[0])

    def _is_masked(self, step: Any) -> bool:
        """Whether it is data times 0 and 1."""
        flags = [self._is_of_whole(each) for each in step.inputs]
        return any(
            flag and self.is_data(other) for flag, other in zip(flags, reversed(step.inputs), strict=True)
        )

    def _is_of_whole(self, slot: int) -> bool:
        while slot in self._makers and self._makers[slot].name in MOVES:
            step = self._makers[slot]
            if np.dtype(step.given[0].dtype).kind in "bui":
                return True
            slot = step.inputs[0]
        return False

    def _is_mean(self, step: Any) -> bool:
        """Whether it is a sum of data divided by another sum, or by a count."""
        above, below = (self._makers.get(self._origin(each)) for each in step.inputs)
        if above is None or above.name != "reduce_sum" or not self.is_data(step.inputs[0]):
            return False
        return self._is_of_whole(step.inputs[1]) or (below is not None and below.name == "reduce_sum")


def _floats(step: Any) -> bool:
    """Whether numbers in and out are floats; what chooses between them need not be."""
    given = step.given[1:] if step.name == "select_n" else step.given
    dtypes = [form.dtype for form in (*given, *step.forms)]
    return all(isinstance(each, np.dtype) and each.kind == "f" for each in dtypes)
