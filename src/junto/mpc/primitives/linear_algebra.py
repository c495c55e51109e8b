"""Products of matrices and convolutions: one truncation for a result, however long the sums are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc import ring
from junto.mpc.gates import BilinearMap, MatrixProduct, Words
from junto.mpc.magnitudes import magnitude, terms_of
from junto.mpc.primitives import ops, sums
from junto.mpc.primitives.context import Context
from junto.mpc.ring128 import as_ring
from junto.mpc.values import (
    Public,
    Secret,
    Value,
    exact_fraction,
    integer_words,
    kind,
)

Params = Mapping[str, Any]


async def dot_general(c: Context, params: Params, x: Value, y: Value) -> Value:
    """Products summed over the contracted dimensions; long sums in parts (`sums`).

    Error: half a unit in the last place of each operand, times the other one, summed; and two units, or a
    few more of a long sum.
    """
    (x_sum, y_sum), (x_batch, y_batch) = params["dimension_numbers"]
    form = Contraction((tuple(x_sum), tuple(y_sum)), (tuple(x_batch), tuple(y_batch)))
    if kind(x.dtype) == "fixed":
        count = _parts(c, x, y, form)
        if count > 1:
            return await sums.added_up(c, ops.secret(await bilinear(c, x, y, form.in_parts(x.shape, count))))
    return await bilinear(c, x, y, lambda a, b, by: ring.dot_general(a, b, (form.summed, form.batch), by))


def _parts(c: Context, x: Value, y: Value, form: Contraction) -> int:
    """Into how many parts the sums of a product are cut: of masks and numbers only where those would be."""
    if isinstance(x, Secret) and isinstance(y, Secret) and x.fraction + y.fraction <= c.fraction:
        terms = prod(x.shape[axis] for axis in form.summed[0])
        return -(-terms // sums.room(c, x.fraction + y.fraction))
    return parts_of(x.shape, form, prod(x.shape) + prod(y.shape), prod(c.form.shape))


TERMS = 64
"""So many products are summed before they are truncated, or more if the parts were many (`parts_of`)."""

SHARE = 4
"""All parts together are this much less than the operands: so they do not decide what a product costs."""


def parts_of(shape: tuple[int, ...], form: Contraction, operands: int, results: int) -> int:
    """Into how many parts the sums of a product are cut."""
    terms = prod(shape[axis] for axis in form.summed[0])
    longest = max((shape[axis] for axis in form.summed[0]), default=1)
    return min(-(-terms // TERMS), operands // (SHARE * max(results, 1)), longest)


@dataclass(frozen=True, slots=True)
class Contraction:
    """The dimensions of a `dot_general`, of the left and of the right operand.

    Args:
        summed: contracted with each other.
        batch: the same in both and in the result.
    """

    summed: tuple[tuple[int, ...], tuple[int, ...]]
    batch: tuple[tuple[int, ...], tuple[int, ...]]

    def in_parts(self, shape: tuple[int, ...], count: int) -> BilinearMap:
        """The same with the longest sum cut into so many parts, along a new first dimension.

        Args:
            shape: of the left operand.
            count: of parts.
        """
        sizes = [shape[axis] for axis in self.summed[0]]
        longest = sizes.index(max(sizes))
        left, right = (side[longest] for side in self.summed)
        (x_sum, x_batch), (y_sum, y_batch) = (
            (_after(side, at), (0, *_after(batch, at)))
            for side, batch, at in zip(self.summed, self.batch, (left, right), strict=True)
        )

        def map(a: Words, b: Words, by: MatrixProduct) -> Words:
            both = (x_sum, y_sum), (x_batch, y_batch)
            return ring.dot_general(_cut(a, left, count), _cut(b, right, count), both, by)

        return map


def _after(axes: tuple[int, ...], cut: int) -> tuple[int, ...]:
    """Where dimensions are after `_cut`."""
    return tuple(1 if axis == cut else axis + 2 if axis < cut else axis + 1 for axis in axes)


def _cut(array: Words, axis: int, count: int) -> Words:
    """One dimension as two, ``[count, size, ...]``, filled up with zeros."""
    length = array.shape[axis]
    size = -(-length // count)
    if lacking := count * size - length:
        zeros = np.zeros((*array.shape[:axis], lacking, *array.shape[axis + 1 :]), array.dtype)
        array = np.concatenate([array, as_ring(zeros)], axis)
    first = np.moveaxis(array, axis, 0)
    return first.reshape(count, size, *first.shape[1:])


async def bilinear(c: Context, x: Value, y: Value, map: BilinearMap) -> Value:
    """A bilinear map of two operands of one dtype (`lifting`), at least one of them secret."""
    if x.dtype == np.bool_:
        count = await bilinear(c, _counted(c, x), _counted(c, y), map)
        return ops.inverted(c, c.bits(await c.g.zero(ops.secret(count).value)))
    if isinstance(x, Secret) and isinstance(y, Secret):
        held = await c.g.bilinear(x.value, y.value, map)
        made, waiting = _made(c, x, held, x.fraction + y.fraction), ops.common_scale(x, y)
        return made if waiting is None else ops.with_scale(made, waiting)
    if isinstance(y, Public):
        return _with_public(c, ops.secret(x), y, map)
    return _with_public(c, ops.secret(y), ops.public(x), lambda a, b, by: map(b, a, by))


def _with_public(c: Context, x: Secret, y: Public, map: BilinearMap) -> Secret:
    if x.kind != "fixed":
        words = integer_words(y.array)
        return _made(c, x, c.g.linear(x.value, lambda a: map(a, words, ring.matmul)), 0)
    factors, unit = _by_unit(ops.finite(c, y.array))
    fraction = ops.factor_fraction(c, x, factors)
    words = ops.factor_words(c, factors, fraction)
    terms = terms_of(map, tuple(x.value.shape), words.shape) if c.g.checks else 1
    most = terms * max(magnitude(words), 1)
    held = c.g.linear(x.value, lambda a: map(a, words, ring.matmul), bounded=most)
    return ops.with_scale(_made(c, x, held, x.fraction + fraction), unit)


EVEN = 4
"""Bits of whole numbers that are small beside the others in a product."""


def _by_unit(factors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factors as small multiples of one number, which waits (`Secret.scale`), if they are: as in means."""
    largest = np.asarray(np.abs(factors).max(initial=0.0))
    if largest > 0 and exact_fraction(factors / largest, EVEN + 1) <= EVEN:
        return factors / largest, largest
    return factors, np.asarray(1.0)


def _made(c: Context, x: Secret, held: Any, fraction: int) -> Secret:
    """A result of the kind of `x`."""
    return c.fixed(held, fraction) if x.kind == "fixed" else c.integer(held, c.whole, x.dtype)


def _counted(c: Context, x: Value) -> Value:
    """Bools as integers."""
    if isinstance(x, Public):
        return Public(x.array.astype(np.int32))
    return c.integer(c.g.to_ring(x.value), (0, 1), np.dtype(np.int32))


async def convolution(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`jax.lax.conv_general_dilated`."""
    numbers = params["dimension_numbers"]
    form = ring.Convolution(
        tuple(params["window_strides"]),
        tuple(params["padding"]),
        (tuple(params["lhs_dilation"]), tuple(params["rhs_dilation"])),
        (numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec),
        int(params["feature_group_count"]),
        int(params["batch_group_count"]),
    )
    return await bilinear(c, x, y, lambda a, b, by: ring.conv_general_dilated(a, b, form, by))
