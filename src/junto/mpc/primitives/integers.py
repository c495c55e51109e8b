"""Division of integers, rounded towards zero like jax's: exact.

By a public number: one product with its reciprocal, which is off by a few, and the remainder tells by how
much. By a secret one: by its approximate inverse. Numbers of more than 32 bits have no room for a reciprocal
in the ring: long division, bit by bit (both in `functions.integer_division`).

A division by 0 gives what jax's gives: the quotient -1 (of unsigned numbers the greatest), the remainder x.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.functions import integer_division
from junto.mpc.functions.fixedpoint import absolute, with_sign
from junto.mpc.gates import BITS
from junto.mpc.primitives import ops
from junto.mpc.primitives.blocks import blockwise
from junto.mpc.primitives.context import Context, span_of
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Span, Value, dtype_span, integer_words, word


async def quotient(c: Context, x: Value, y: Value) -> Value:
    """`x / y` without what is after the point."""
    if isinstance(y, Public) and _length(_span(x)) <= integer_division.LONGEST:
        return await _quotient_by_public(c, await c.wrapped(c.lift(x)), y.array)
    return (await _divided(c, x, y))[0]


async def remainder(c: Context, x: Value, y: Value) -> Value:
    """`x - y * quotient(x, y)`, which has the sign of `x`."""
    if isinstance(y, Public) and _length(_span(x)) <= integer_division.LONGEST:
        return await _remainder_by_public(c, await c.wrapped(c.lift(x)), y.array)
    return (await _divided(c, x, y))[1]


def _span(x: Value) -> Span:
    """The values that x can have once it is within its dtype's range."""
    least, most = dtype_span(x.dtype)
    span = span_of(x)
    return span if least <= span[0] and span[1] <= most else (least, most)


def _reach(span: Span) -> int:
    return max(abs(span[0]), abs(span[1]))


def _length(span: Span) -> int:
    """Bits of the largest magnitude."""
    return max(1, _reach(span).bit_length())


# ---------------------------------------------------------------- by a public number


async def _quotient_by_public(c: Context, x: Secret, divisor: NDArray[Any]) -> Value:
    signed = divisor.astype(np.int64)
    down, _ = await _by_public(c, x, signed)
    signs = integer_words(np.where(signed < 0, -1, 1))
    reach = _reach(x.span)
    low = -1 if x.span[0] < 0 or (signed < 0).any() else 0
    turned = c.integer(c.g.scale(down.value, signs), (low * (reach // 2), reach // 2), x.dtype)
    span = (low * reach, reach) if (signed == -1).any() else x.span
    itself = c.integer(c.g.scale(x.value, signs), span, x.dtype)
    result = await ops.select(c, Public(np.abs(signed) == 1), itself, turned)
    return await ops.select(c, Public(signed == 0), Public(_by_zero(x.dtype)), result)


async def _remainder_by_public(c: Context, x: Secret, divisor: NDArray[Any]) -> Value:
    signed = divisor.astype(np.int64)
    _, rest = await _by_public(c, x, signed)
    exact = await ops.select(c, Public(np.abs(signed) == 1), Public(np.zeros((), x.dtype)), rest)
    return await ops.select(c, Public(signed == 0), x, exact)


def _by_zero(dtype: np.dtype[Any]) -> NDArray[Any]:
    """The quotient of a division by 0."""
    return np.asarray(-1 if dtype.kind == "i" else np.iinfo(dtype).max, dtype)


async def _by_public(c: Context, x: Secret, divisor: NDArray[np.int64]) -> tuple[Secret, Secret]:
    """Quotient and remainder by `|divisor|`; where that is 0 or 1, which is easy, some numbers."""
    size = np.maximum(np.abs(divisor), 2)
    down, rest = await _floored(c, x, size)
    return await _towards_zero(c, x, down, rest, size) if x.span[0] < 0 else (down, rest)


async def _floored(c: Context, x: Secret, divisor: NDArray[np.int64]) -> tuple[Secret, Secret]:
    """Quotient, rounded down, and remainder, not negative, by positive numbers.

    With m = floor(2**s / d) the product x m / 2**s is nearer to 0 than x / d by less than 2**(b - s) for
    |x| <= 2**b, and its truncation is too large by 0 or 1. Comparisons with multiples of d say by how much.
    """
    smallest = int(divisor.min()) if divisor.size else 2
    bits = (max(_reach(x.span), 1) - 1).bit_length()
    shift = min(c.g.bits - 4, c.g.bits - 3 - bits + smallest.bit_length() - 1)
    inverses = [(1 << shift) // int(each) for each in divisor.reshape(-1)]
    reciprocal = c.g.words(inverses).reshape(divisor.shape)
    held = await c.g.hold(x.value)
    guess = await c.g.truncate(c.g.scale(held, reciprocal), shift)
    size = integer_words(divisor)
    left = await c.g.hold(c.g.subtract(held, c.g.scale(guess, size)))
    # left is in [-low d, high d)
    high = 1 + (1 << max(0, bits - shift))
    low = high if x.span[0] < 0 else 1
    under = await together(
        *[c.g.negative(c.g.add_public(left, integer_words(-k * divisor))) for k in range(1 - low, high)]
    )
    quotient = c.g.add_public(guess, word(high - 1))
    for each in under:
        quotient = c.g.subtract(quotient, c.g.to_ring(each))
    rest = c.g.subtract(x.value, c.g.scale(quotient, size))
    most = int(divisor.max()) if divisor.size else 1
    return c.integer(quotient, x.span, x.dtype), c.integer(rest, (0, most - 1), x.dtype)


async def _towards_zero(
    c: Context, x: Secret, down: Secret, rest: Secret, divisor: NDArray[np.int64]
) -> tuple[Secret, Secret]:
    """Of a negative number that leaves a rest, one more, and the rest below zero."""
    negative, whole = await together(c.g.negative(x.value), c.g.zero(rest.value))
    up = c.g.to_ring(await c.g.both(negative, c.g.flip(whole, np.asarray(True))))
    quotient = c.g.add(down.value, up)
    left = c.g.subtract(rest.value, c.g.scale(up, integer_words(divisor)))
    most = rest.span[1]
    return c.integer(quotient, x.span, x.dtype), c.integer(left, (-most, most), x.dtype)


# ---------------------------------------------------------------- by a secret number


async def _divided(c: Context, x: Value, y: Value) -> tuple[Secret, Secret]:
    """Quotient and remainder, which one division of the magnitudes gives: `//` asks for both."""
    found: tuple[Secret, Secret] = await c.shared("division", (x, y), partial(_division, c, x, y))
    return found


async def _division(c: Context, x: Value, y: Value) -> tuple[Secret, Secret]:
    top, bottom = await together(_ready(c, x), _ready(c, y))
    (above, minus_x), (below, minus_y), none, beyond = await together(
        _magnitude(c, top), _magnitude(c, bottom), _absent(c, bottom), _beyond(c, top, bottom)
    )
    bits = max(_length(top.span), _length(bottom.span))
    short = bits <= integer_division.LONGEST
    method = integer_division.divide_magnitudes if short else integer_division.divide_long

    async def divide(dividend: Any, divisor: Any) -> tuple[Any, Any]:
        return await method(c.g, dividend, divisor, bits)

    (whole, rest), factor = await together(
        blockwise(c, divide, above, below), _factor(c, _either(c, minus_x, minus_y), none)
    )
    if factor is not None:
        whole = await c.g.multiply(factor, whole)
    if none is not None:
        whole = c.g.add(whole, c.g.scale(c.g.to_ring(none), integer_words(_by_zero(x.dtype))))
    if beyond is not None:
        whole = c.g.subtract(whole, c.g.scale(c.g.to_ring(beyond), c.g.word(1 << 8 * x.dtype.itemsize)))
    if minus_x is not None:
        rest = await with_sign(c.g, await c.g.hold(rest), minus_x)
    left = min(0, top.span[0]), max(0, top.span[1])
    span = _quotient_span(top, bottom)
    if c.g.bits > BITS and x.dtype == np.uint64:
        span = left = (0, 2**64 - 1)
    return c.integer(whole, span, x.dtype), c.integer(rest, left, x.dtype)


async def _ready(c: Context, x: Value) -> Secret:
    """Within its range, and a ready operand."""
    held = await c.wrapped(c.lift(x))
    return c.like(await c.g.hold(held.value), held)


async def _magnitude(c: Context, x: Secret) -> tuple[Any, Any]:
    """|x|, and whether x is negative (None: never)."""
    if x.span[0] >= 0 or x.dtype.kind == "u":
        return x.value, None
    return await absolute(c.g, x.value)


async def _absent(c: Context, y: Secret) -> Any:
    """Whether y is 0 (None: never)."""
    return await c.g.zero(y.value) if y.span[0] <= 0 <= y.span[1] else None


async def _beyond(c: Context, x: Secret, y: Secret) -> Any:
    """Whether it is the least number by -1, the only quotient that the dtype cannot hold (None: never)."""
    least, width = dtype_span(x.dtype)[0], 8 * x.dtype.itemsize
    if x.dtype.kind == "u" or width == BITS or least < x.span[0] or not y.span[0] <= -1 <= y.span[1]:
        return None
    return await c.g.both(
        *await together(
            c.g.zero(c.g.add_public(x.value, word(-least))), c.g.zero(c.g.add_public(y.value, word(1)))
        )
    )


def _either(c: Context, first: Any, second: Any) -> Any:
    if first is None or second is None:
        return second if first is None else first
    return c.g.xor(first, second)


async def _factor(c: Context, negative: Any, none: Any) -> Any:
    """-1 where the quotient is negative, 0 where the divisor is 0, else 1 (None: always)."""
    if none is None:
        return None if negative is None else c.g.add_public(_twice_less(c, negative), word(1))
    some = c.g.flip(none, np.asarray(True))
    if negative is None:
        return c.g.to_ring(some)
    return c.g.add(c.g.to_ring(some), _twice_less(c, await c.g.both(some, negative)))


def _twice_less(c: Context, bit: Any) -> Any:
    return c.g.scale(c.g.to_ring(bit), word(-2))


def _quotient_span(x: Secret, y: Secret) -> Span:
    reach = _reach(x.span)
    least, most = dtype_span(x.dtype)
    if x.dtype.kind == "u":
        return (0, reach if y.span[0] > 0 else most)
    negative = x.span[0] < 0 or y.span[0] < 0
    return (max(least, -reach if negative else -1), min(most, reach))
