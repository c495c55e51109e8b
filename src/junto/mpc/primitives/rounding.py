"""Whole numbers out of fixed-point ones. Exact: by the bits after the point, not by a truncation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from jax.numpy import finfo

from junto.errors import NotComputable
from junto.mpc.gates import BITS
from junto.mpc.primitives import ops
from junto.mpc.primitives.blocks import blockwise, in_blocks
from junto.mpc.primitives.context import Context, bit_sum
from junto.mpc.rounds import together
from junto.mpc.values import Secret, Value, dtype_span

Params = Mapping[str, Any]

TO_NEAREST_EVEN = 1


@in_blocks
async def floor(c: Context, params: Params, x: Secret) -> Value:
    """The greatest whole number that is not above."""
    return await _floored(c, x)


@in_blocks
async def ceil(c: Context, params: Params, x: Secret) -> Value:
    """The least whole number that is not below."""
    return ops.negated(c, await _floored(c, ops.secret(ops.negated(c, x))))


async def _floored(c: Context, x: Secret) -> Secret:
    """Nothing to do for a float that is whole anyway."""
    if not x.fraction:
        return x
    bits = await c.g.decompose(x.value, x.fraction)
    return c.fixed(c.g.subtract(x.value, _part(c, bits, x.fraction)), x.fraction)


@in_blocks
async def nearest(c: Context, params: Params, x: Secret) -> Value:
    """The nearest whole number; halves to the even one, or away from zero, as the rounding method says."""
    if not x.fraction:
        return x
    f = x.fraction
    up = c.g.add_public(x.value, c.g.word(1 << (f - 1)))
    even = int(params["rounding_method"]) == TO_NEAREST_EVEN
    bits, negative = await together(c.g.decompose(up, f + 1), c.g.negative(x.value))
    # a half is where nothing is left after the point; it goes one down if the result is odd, or x negative
    rest = _part(c, bits, f)
    turned = c.g.arrange(bits, lambda array: array[..., f]) if even else negative
    down = await c.g.both(await c.g.zero(rest), turned)
    whole = c.g.subtract(up, rest)
    return c.fixed(c.g.subtract(whole, c.g.scale(c.g.to_ring(down), c.g.word(1 << f))), f)


async def to_precision(c: Context, params: Params, x: Secret) -> Value:
    """The number itself, if so many bits hold all of its dtype, as in gradients that jax computes anew."""
    own = finfo(x.dtype)  # type: ignore[no-untyped-call]
    if int(params["exponent_bits"]) < own.nexp or int(params["mantissa_bits"]) < own.nmant:
        raise NotComputable(
            "`reduce_precision` to fewer bits: a fixed-point number has no mantissa to shorten",
            fix="round at a place after the point: jnp.round(x * 2**k) / 2**k",
        )
    return x


async def to_integer(c: Context, x: Secret, dtype: np.dtype[Any]) -> Secret:
    """`x` without what is after the point, as an integer; of one that does not fit, the lowest bits."""
    least, most = dtype_span(dtype)
    unit = 1 << x.fraction
    low, high = least * unit - (unit - 1) * (dtype.kind == "u"), (most + 1) * unit - 1
    said = f"a float does not fit into {dtype.name}"
    c.g.expect(x.value, max(low, c.whole[0]), min(high, c.whole[1]), said)
    if not x.fraction:
        return await c.wrapped(c.integer(x.value, c.whole, dtype))
    all_bits = min(c.g.bits - x.fraction, BITS)
    width = min(all_bits, 8 * dtype.itemsize) if dtype.kind == "i" else all_bits
    held = await blockwise(c, partial(_whole, c, x.fraction, width), x.value)
    if dtype.kind == "i":
        return c.integer(held, dtype_span(dtype), dtype)
    return await c.wrapped(c.integer(held, c.whole, dtype))


async def _whole(c: Context, fraction: int, width: int, x: Any) -> Any:
    """What is before the point, of which so many bits are kept, in two's complement."""
    bits = await c.g.decompose(x)
    up = c.g.to_ring(await _rounds_up(c, bits, _part(c, bits, fraction)))
    above = c.g.to_ring(c.g.arrange(bits, lambda array: array[..., fraction : fraction + width]))
    return c.g.add(c.g.linear(above, bit_sum(width, signed=True)), up)


async def _rounds_up(c: Context, bits: Any, rest: Any) -> Any:
    """Whether rounding towards zero is rounding up: a negative number that is not whole."""
    whole = await c.g.zero(rest)
    sign = c.g.arrange(bits, lambda array: array[..., c.g.bits - 1])
    return await c.g.both(c.g.flip(whole, np.asarray(True)), sign)


def _part(c: Context, bits: Any, count: int) -> Any:
    """The number that the lowest `count` bits are."""
    low = c.g.arrange(bits, lambda array: array[..., :count])
    return c.g.linear(c.g.to_ring(low), bit_sum(count, signed=False))
