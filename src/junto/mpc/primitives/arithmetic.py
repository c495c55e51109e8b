"""Sums, products, quotients, powers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.errors import NotComputable
from junto.mpc.functions import fixedpoint
from junto.mpc.functions.count_divisor import divide_by_count
from junto.mpc.functions.power import pow
from junto.mpc.functions.reciprocal import ROOM, Bits, divide
from junto.mpc.primitives import comparisons, integers, ops
from junto.mpc.primitives.blocks import blockwise, in_blocks
from junto.mpc.primitives.context import Context, whole_span
from junto.mpc.primitives.elementwise import applied, proportional
from junto.mpc.primitives.exponents import power_of_public
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value, word

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
    """Pending numbers stay so only if both are, else the other one would be blown up to their fraction."""
    if c.proportional or all(isinstance(each, Secret) and each.fraction > c.fraction for each in (x, y)):
        return x, y
    first, second = await together(c.settled(x), c.settled(y))
    return first, second


async def negate(c: Context, params: Params, x: Secret) -> Value:
    """`-x`."""
    return ops.negated(c, x)


async def multiply(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x * y`."""
    if isinstance(x, Public):
        x, y = y, x
    if isinstance(y, Public):
        return ops.scaled(c, ops.secret(x), y.array)
    return await _in_proportion(c, ops.secret(x), y) if c.exact else await ops.times(c, x, y)


async def _in_proportion(c: Context, x: Secret, y: Secret) -> Value:
    """`x * y`, of which one has as many bits after the point as a square, or both; the result has, too.

    What it has more than other numbers is multiplied by itself, so that no product is larger than others are.
    """
    waiting = ops.common_scale(x, y)
    if waiting is not None:
        x, y = (replace(each, scale=None) for each in (x, y))
        return ops.with_scale(ops.secret(await _in_proportion(c, x, y)), waiting)
    if x.fraction < y.fraction:
        x, y = y, x
    if x.fraction + y.fraction <= c.settings.double:
        return await ops.times(c, x, y)
    high, other = await together(c.settled(x), c.settled(y))
    upper, factor = ops.secret(high), ops.secret(other)
    if y.fraction > c.fraction:
        return await ops.times(c, upper, factor)
    lower = ops.minus(c, x, upper)
    more, less = await together(ops.times(c, upper, factor), ops.times(c, lower, factor))
    return ops.plus(c, more, await c.settled(less, more.fraction))


async def square(c: Context, params: Params, x: Secret) -> Value:
    """`x * x`."""
    return await _in_proportion(c, x, x) if c.exact else await ops.times(c, x, x)


async def divided(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x / y` of floats; of integers, rounded towards zero."""
    if np.issubdtype(c.form.dtype, np.integer):
        return await integers.quotient(c, x, y)
    if isinstance(y, Public):
        _check_divisor(y)
        return ops.divided(c, ops.secret(x), y.array)
    divisor = ops.secret(await c.fine(y))
    if divisor.infinite:
        return await _finite_quotient(c, x, divisor)
    return await quotient(c, x, divisor)


async def _finite_quotient(c: Context, x: Value, y: Secret) -> Value:
    """`x / y`; 0 where y stands for infinity. Four rounds more."""
    finite = await comparisons.is_finite(c, {}, y)
    divisor = ops.secret(await ops.select(c, finite, y, Public(np.ones((), y.dtype))))
    found = await c.settled(await quotient(c, x, c.fixed(divisor.value, divisor.fraction)))
    return await ops.select(c, finite, found, Public(np.zeros((), y.dtype)))


def _check_divisor(y: Public) -> None:
    """Of a public number it is known that jax would give infinity or NaN."""
    if not np.all(y.array):
        raise NotComputable(
            "secret floats are divided by public numbers of which some are 0",
            fix="divide by something else there: x / jnp.where(d == 0, 1, d)",
        )


def inverse(divisor: Any) -> Any:
    """`1 / divisor` in float64; 0 where it is none, which a fixed-point number cannot say."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(1.0 / np.asarray(divisor, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)


async def quotient(c: Context, x: Value, y: Secret) -> Secret:
    """`x / y` of floats, settled. A divisor that is to be broadcast is taken apart before, once."""
    bits = c.fraction
    if c.exact and isinstance(x, Secret):
        bits = max(bits, min(x.fraction, c.g.bits - COUNTED))
    if (most := _most(y)) is not None:
        x = ops.secret(await c.settled(c.lift(x), bits))
        return c.fixed(await divide_by_count(c.g, c.at(x, bits), y.value, most), bits)
    if c.proportional or c.exact:
        return await _fine_quotient(c, c.lift(x), y)
    if isinstance(x, Public) and bool(np.all(np.abs(x.array) <= 1)):
        return await ops.times(c, x, await applied(c, "reciprocal", y))
    shape = np.broadcast_shapes(_held_shape(x), _held_shape(y))
    return await applied(c, "divide", _spread(c, c.lift(x), shape), y)


COUNTED = 76
"""So many bits of the ring has a quotient by a count before the point: squares of numbers up to 1e8."""

ENTRIES = 1 << 14
"""Entries of all tables of a quotient by counts: of more, they take longer than the rounds that they save."""


def _most(y: Secret) -> int | None:
    """The greatest that a divisor can be, if it is a count of which a table can have all."""
    span = whole_span(y)
    if span is None or span[0] < 0 or span[1] < 1:
        return None
    entries = (1 << span[1].bit_length()) * int(np.prod(y.value.shape))
    return span[1] if entries <= ENTRIES else None


async def _fine_quotient(c: Context, x: Secret, y: Secret) -> Secret:
    """`x / y` of which one has more bits after the point than others, or the result must have."""
    out = max(c.fraction, c.settings.double - ROOM) if c.exact else c.fraction
    bits = Bits(max(x.fraction, c.fraction), max(y.fraction, c.fraction), out)
    shape = np.broadcast_shapes(_held_shape(x), _held_shape(y))

    async def compute(a: Any, b: Any) -> Any:
        return await divide(c.g, a, b, c.fraction, bits)

    return c.fixed(await blockwise(c, compute, ops.spread(c, c.at(x, bits.x), shape), c.at(y, bits.y)), out)


def _spread(c: Context, x: Secret, shape: tuple[int, ...]) -> Secret:
    """The float `x` broadcast to `shape`."""
    return c.fixed(ops.spread(c, c.number(x), shape), c.fraction)


def _held_shape(x: Value) -> tuple[int, ...]:
    return x.shape if isinstance(x, Public) else tuple(x.value.shape)


async def remainder(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x - y * trunc(x / y)`, exact: the sign is that of `x`. Of floats, for `|x / y|` up to 16,000.

    Exact of the numbers that are held: multiples of a unit, a public `y` of 2**-8 units. So is `x // y`;
    where a number is none, as 0.1, a quotient that is almost whole may be one off that of floats.
    """
    if np.issubdtype(c.form.dtype, np.integer):
        return await integers.remainder(c, x, y)
    if isinstance(y, Public):
        _check_divisor(y)
    return await _float_remainder(c, params, x, y)


FINER = 8
"""So many bits more after the point has a public divisor."""


@in_blocks
async def _float_remainder(c: Context, params: Params, x: Value, y: Value) -> Value:
    """From the magnitudes: the quotient rounded down is off by two at most, and the rest tells by how much.

    A truncation of the quotient leaves it one too high or right; its own error makes that one more, or less.
    """
    fraction = c.fraction + FINER if isinstance(y, Public) else c.fraction
    dividend = c.at(c.lift(x), fraction)
    if isinstance(y, Public):
        size: Value = Public(np.abs(y.array))
        divisor = c.g.constant(c.fixed_words(ops.public(size).array, fraction))
        above, negative = await fixedpoint.absolute(c.g, await c.g.hold(dividend))
    else:
        (above, negative), (divisor, _) = await together(
            _absolute(c, dividend), _absolute(c, c.at(ops.secret(y), fraction))
        )
        size = c.fixed(divisor, fraction)
    ratio = ops.secret(await c.settled(await _ratio(c, await c.settled(c.fixed(above, fraction)), size)))
    whole = await c.g.truncate(c.number(ratio), c.fraction)
    rest = await c.g.hold(c.g.subtract(above, await c.g.multiply(whole, divisor)))
    folded = await _folded(c, rest, divisor)
    for least, margin in ((0, folded), (1, c.g.subtract(divisor, folded))):
        c.g.expect(margin, least, c.whole[1], "a remainder is wrong: its quotient is too large to be exact")
    return c.fixed(await _turned(c, folded, negative), fraction)


async def _absolute(c: Context, x: Any) -> tuple[Any, Any]:
    """|x|, a ready operand, and whether x was negative."""
    value, negative = await fixedpoint.absolute(c.g, await c.g.hold(x))
    return await c.g.hold(value), negative


async def _ratio(c: Context, x: Value, y: Value) -> Secret:
    if isinstance(y, Public):
        return ops.divided(c, ops.secret(x), y.array)
    return await quotient(c, x, y)


async def _folded(c: Context, rest: Any, divisor: Any) -> Any:
    """A rest in [-2 d, 2 d) brought into [0, d)."""
    under = await together(
        *[c.g.negative(c.g.subtract(rest, c.g.scale(divisor, word(k)))) for k in (-1, 0, 1)]
    )
    rest = c.g.subtract(rest, divisor)
    for bit in under:
        rest = c.g.add(rest, await c.g.multiply(c.g.to_ring(bit), divisor))
    return rest


async def _turned(c: Context, x: Any, negative: Any) -> Any:
    return await fixedpoint.with_sign(c.g, await c.g.hold(x), negative)


async def integer_power(c: Context, params: Params, x: Secret) -> Value:
    """`x ** y` for a fixed integer `y`, by squaring; if it is negative, of `1 / x`."""
    exponent = int(params["y"])
    return await square(c, params, x) if c.exact and exponent == 2 else await power_of(c, x, exponent)


async def power_of(c: Context, x: Secret, exponent: int) -> Value:
    """`x ** exponent`."""
    if exponent == 0:
        return Public(np.ones((), x.dtype))
    if exponent < 0:  # the other way round, what is small would be lost before it is inverted
        inverted = await c.settled(await quotient(c, Public(np.ones(())), x))
        return await power_of(c, ops.secret(inverted), -exponent)
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
    """`x ** y`: by squaring for public whole exponents, else `exp(y * log(x))` for `x > 0`."""
    if isinstance(y, Public) and isinstance(x, Secret) and _whole(y.array):
        x = ops.secret(await c.settled(x))
        exponents = y.array.astype(np.int64)
        if (exponents == exponents.reshape(-1)[0]).all():
            return await power_of(c, x, int(exponents.reshape(-1)[0]))
        return await _powers(c, x, exponents)
    if isinstance(x, Public) and isinstance(y, Secret) and y.kind == "integer" and x.dtype.kind == "f":
        return await power_of_public(c, x.array, y)
    if np.issubdtype(c.form.dtype, np.integer) or np.issubdtype(y.dtype, np.integer):
        raise NotComputable(
            "a secret integer exponent has no secret form", fix="convert base and exponent to floats first"
        )
    return await _real_power(c, x, y)


MOST_SQUARED = 64
"""Greater exponents are taken for real numbers."""


def _whole(exponents: Any) -> bool:
    """Whether they are small whole numbers."""
    return bool(exponents.size and np.all(np.abs(exponents) <= MOST_SQUARED) and np.all(exponents % 1 == 0))


async def _powers(c: Context, x: Secret, exponents: NDArray[np.int64]) -> Value:
    """`x ** exponents`: what is squared and what is multiplied is public, element by element."""
    one = Public(np.ones((), x.dtype))
    base: Value = x
    if (exponents < 0).any():
        inverted = await c.settled(await quotient(c, one, x))
        base = await ops.select(c, Public(exponents < 0), inverted, x)
    left, result, square = np.abs(exponents), None, base
    while True:
        factor = await ops.select(c, Public(left % 2 == 1), square, one)
        result = factor if result is None else await c.settled(await ops.times(c, result, factor))
        left = left // 2
        if not left.any():
            return result
        square = await c.settled(await ops.times(c, square, square))


async def _real_power(c: Context, x: Value, y: Value) -> Value:
    if isinstance(y, Public) and isinstance(x, Secret) and bool(np.all(y.array == 0.5)):
        return await proportional(c, "sqrt", x)
    if isinstance(x, Public):
        with np.errstate(divide="ignore", invalid="ignore"):
            binary = np.log2(np.asarray(x.array, np.float64))
        exponent = ops.secret(await c.settled(ops.scaled(c, ops.secret(y), binary)))
        return await applied(c, "exp2", exponent)
    shape = np.broadcast_shapes(_held_shape(x), _held_shape(y))
    inner = max(x.fraction, c.fraction)
    base, exponent = ops.spread(c, c.at(x, inner), shape), _spread(c, c.lift(y), shape)

    async def compute(a: Any, b: Any) -> Any:
        return await pow(c.g, a, b, c.fraction, inner)

    if isinstance(y, Secret) or bool((y.array <= 0).any()):
        return c.fixed(await blockwise(c, compute, base, exponent.value), c.fraction)
    held, zero = await together(blockwise(c, compute, base, exponent.value), c.g.zero(base))
    found = c.fixed(held, c.fraction)
    some = c.g.to_ring(c.g.flip(zero, np.asarray(True)))  # the logarithm of 0 is only small, its power is 0
    return c.fixed(await c.g.multiply(some, found.value), c.fraction)
