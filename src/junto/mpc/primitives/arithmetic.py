"""Sums, products, quotients, powers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from junto.errors import NotComputable
from junto.mpc.primitives import integers, ops
from junto.mpc.primitives.context import Context
from junto.mpc.values import Public, Secret, Value

Params = Mapping[str, Any]


async def add(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x + y`. Two pending products are added before their truncation."""
    x, y = await _alike(c, x, y)
    return ops.plus(c, x, y)


async def subtract(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x - y`, likewise."""
    x, y = await _alike(c, x, y)
    return ops.minus(c, x, y)


async def _alike(c: Context, x: Value, y: Value) -> tuple[Value, Value]:
    """Pending numbers stay so only if both are: else the other one would be blown up to their fraction."""
    if all(isinstance(each, Secret) and each.fraction > c.fraction for each in (x, y)):
        return x, y
    return await c.settled(x), await c.settled(y)


async def negate(c: Context, params: Params, x: Secret) -> Value:
    """`-x`."""
    return ops.negated(c, x)


async def multiply(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x * y`."""
    return await ops.times(c, x, y)


async def square(c: Context, params: Params, x: Secret) -> Value:
    """`x * x`."""
    return await ops.times(c, x, x)


async def divide(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x / y` of floats; of integers, rounded towards zero."""
    if np.issubdtype(c.form.dtype, np.integer):
        return await integers.quotient(c, x, y)
    if isinstance(y, Public):
        return ops.scaled(c, ops.secret(x), inverse(y.array))
    return await quotient(c, x, y)


def inverse(divisor: Any) -> Any:
    """`1 / divisor` in float64; 0 where it is none, which a fixed-point number cannot say."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(1.0 / np.asarray(divisor, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)


async def quotient(c: Context, x: Value, y: Secret) -> Secret:
    """`x / y` of floats, settled. A divisor that is to be broadcast is inverted before."""
    from junto.mpc.functions import reciprocal

    shape = np.broadcast_shapes(_held_shape(x), _held_shape(y))
    small = int(np.prod(_held_shape(y))) < int(np.prod(shape))
    if small or (isinstance(x, Public) and bool(np.all(np.abs(x.array) <= 1))):
        inverted = c.fixed(await reciprocal.reciprocal(c.g, c.number(y), c.fraction), c.fraction)
        return await ops.times(c, x, inverted)
    numerator = ops.spread(c, c.number(c.lift(x)), shape)
    return c.fixed(
        await reciprocal.divide(c.g, numerator, ops.spread(c, c.number(y), shape), c.fraction), c.fraction
    )


def _held_shape(x: Value) -> tuple[int, ...]:
    return x.shape if isinstance(x, Public) else tuple(x.value.shape)


async def remainder(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x - y * trunc(x / y)`: the sign is that of `x`."""
    if np.issubdtype(c.form.dtype, np.integer):
        return await integers.remainder(c, x, y)
    from junto.mpc.primitives import rounding

    whole = await rounding.truncated(c, ops.secret(await c.settled(await divide(c, params, x, y))))
    return ops.minus(c, x, await c.settled(await ops.times(c, whole, y)))


async def integer_power(c: Context, params: Params, x: Secret) -> Value:
    """`x ** y` for a fixed integer `y`, by squaring."""
    return await power_of(c, x, int(params["y"]))


async def power_of(c: Context, x: Secret, exponent: int) -> Value:
    """`x ** exponent`."""
    if exponent == 0:
        return Public(np.ones((), x.dtype))
    if exponent < 0:
        return await quotient(
            c, Public(np.ones(())), ops.secret(await c.settled(await power_of(c, x, -exponent)))
        )
    result: Secret | None = None
    square = x
    while True:
        if exponent & 1:
            result = square if result is None else await _product(c, result, square)
        exponent >>= 1
        if not exponent:
            return result if result is not None else square
        square = ops.secret(await c.settled(await ops.times(c, square, square)))


async def _product(c: Context, x: Secret, y: Secret) -> Secret:
    return await ops.times(c, ops.secret(await c.settled(x)), y)


async def power(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x ** y`: by squaring for a public whole exponent, else `exp2(y * log2(x))` for `x > 0`."""
    if isinstance(y, Public) and isinstance(x, Secret):
        whole = _one_integer(y.array)
        if whole is not None:
            return await power_of(c, x, whole)
    if np.issubdtype(c.form.dtype, np.integer) or np.issubdtype(y.dtype, np.integer):
        raise NotComputable(
            "a secret integer exponent has no secret form", fix="convert base and exponent to floats first"
        )
    return await _real_power(c, x, y)


def _one_integer(exponent: Any) -> int | None:
    """The exponent, if it is the same small whole number throughout."""
    if not exponent.size:
        return None
    first = float(exponent.reshape(-1)[0])
    same = (
        bool(np.all(exponent == first)) and first == int(first) and abs(first) <= 64
        if np.isfinite(first)
        else False
    )
    return int(first) if same else None


async def _real_power(c: Context, x: Value, y: Value) -> Value:
    from junto.mpc.functions import exponential, power, roots

    if isinstance(y, Public) and isinstance(x, Secret) and bool(np.all(y.array == 0.5)):
        return c.fixed(await roots.sqrt(c.g, c.number(x), c.fraction), c.fraction)
    if isinstance(x, Public):
        with np.errstate(divide="ignore", invalid="ignore"):
            binary = np.log2(np.asarray(x.array, np.float64))
        exponent = ops.secret(await c.settled(ops.scaled(c, ops.secret(y), binary)))
        return c.fixed(await exponential.exp2(c.g, c.number(exponent), c.fraction), c.fraction)
    shape = np.broadcast_shapes(_held_shape(x), _held_shape(y))
    base, exponent = ops.spread(c, c.number(x), shape), ops.spread(c, c.number(c.lift(y)), shape)
    return c.fixed(await power.pow(c.g, base, exponent, c.fraction), c.fraction)
