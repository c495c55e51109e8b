"""Products of matrices and convolutions: one truncation for a result, however long the sums are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from junto.mpc import ring
from junto.mpc.gates import BilinearMap
from junto.mpc.primitives import ops
from junto.mpc.primitives.context import Context
from junto.mpc.values import (
    WHOLE_RING,
    Public,
    Secret,
    Value,
    fixed_words,
    integer_words,
)

Params = Mapping[str, Any]


async def dot_general(c: Context, params: Params, x: Value, y: Value) -> Value:
    """Products summed over the contracted dimensions.

    Error: half a unit in the last place of each operand, times the other one, summed; and two units.
    """
    (x_sum, y_sum), (x_batch, y_batch) = params["dimension_numbers"]
    dimensions = ((tuple(x_sum), tuple(y_sum)), (tuple(x_batch), tuple(y_batch)))
    return await bilinear(c, x, y, lambda a, b, by: ring.dot_general(a, b, dimensions, by))


async def bilinear(c: Context, x: Value, y: Value, map: BilinearMap) -> Value:
    """A bilinear map of two operands, at least one of them secret."""
    if x.dtype == np.bool_:
        count = await bilinear(c, _counted(c, x), _counted(c, y), map)
        return ops.inverted(c, c.bits(await c.g.zero(ops.secret(count).value)))
    if isinstance(x, Secret) and isinstance(y, Secret):
        return await _of_secrets(c, x, y, map)
    if isinstance(y, Public):
        return await _with_public(c, ops.secret(x), y, map)
    return await _with_public(c, ops.secret(y), ops.public(x), lambda a, b, by: map(b, a, by))


async def _of_secrets(c: Context, x: Secret, y: Secret, map: BilinearMap) -> Secret:
    if x.kind == "fixed":
        return c.fixed(await c.g.bilinear(x.value, y.value, map), x.fraction + y.fraction)
    x, y = await _widened(c, x), await _widened(c, y)
    return c.integer(await c.g.bilinear(x.value, y.value, map), WHOLE_RING, np.dtype(c.form.dtype))


async def _with_public(c: Context, x: Secret, y: Public, map: BilinearMap) -> Secret:
    if x.kind == "fixed":
        fraction = ops.factor_fraction(c, x, y.array)
        factor = fixed_words(y.array, fraction)
        held = c.g.linear(x.value, lambda a: map(a, factor, ring.matmul), bounded=True)
        return c.fixed(held, x.fraction + fraction)
    words = integer_words(y.array)
    x = await _widened(c, x)
    held = c.g.linear(x.value, lambda a: map(a, words, ring.matmul))
    return c.integer(held, WHOLE_RING, np.dtype(c.form.dtype))


async def _widened(c: Context, x: Secret) -> Secret:
    """Within its range, if the result is wider than it."""
    return await c.wrapped(x) if np.dtype(c.form.dtype).itemsize > x.dtype.itemsize else x


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
