"""Division of integers, rounded towards zero like jax's: exact.

By a public number: one product with its reciprocal, which is off by one or two, and the remainder tells by
how much. By a secret one, or of numbers of more than 31 bits: long division, bit by bit (five rounds each).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import BITS
from junto.mpc.primitives import ops
from junto.mpc.primitives.context import Context
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value, integer_words, word

LONGEST = 31
"""Numbers of more bits have no room left for a reciprocal in the ring."""


async def division(c: Context, x: Value, y: Value, remainder: bool) -> Value:
    """The quotient, or the remainder, which has the sign of `x`."""
    dividend = await c.wrapped(c.lift(x))
    if isinstance(y, Public) and _bits(dividend) <= LONGEST:
        return await _by_public(c, dividend, y.array, remainder)
    return await _long(c, dividend, await c.wrapped(c.lift(y)), remainder)


def _bits(x: Secret) -> int:
    """The least b so that no magnitude is above 2**b."""
    return (max(abs(x.span[0]), abs(x.span[1]), 1) - 1).bit_length()


# ---------------------------------------------------------------- by a public number


async def _by_public(c: Context, x: Secret, divisor: NDArray[Any], remainder: bool) -> Value:
    signed = divisor.astype(np.int64)
    size = np.maximum(np.abs(signed), 2)  # what is left out is easy, and comes in below
    down, rest = await _floored(c, x, size)
    if x.span[0] < 0:
        down, rest = await _towards_zero(c, x, down, rest, size)
    if remainder:
        exact = await ops.select(c, Public(np.abs(signed) == 1), Public(np.zeros((), x.dtype)), rest)
        return await ops.select(c, Public(signed == 0), x, exact)
    reach = max(abs(x.span[0]), abs(x.span[1]))
    span = (-reach if x.span[0] < 0 or (signed < 0).any() else 0, reach)
    turned = ops.scaled_words(c, down, integer_words(np.where(signed < 0, -1, 1)))
    itself = ops.scaled_words(c, x, integer_words(np.where(signed < 0, -1, 1)))
    quotient = c.integer(turned.value, span, x.dtype)
    one = await ops.select(c, Public(np.abs(signed) == 1), c.integer(itself.value, span, x.dtype), quotient)
    nothing = Public(np.asarray(-1 if x.dtype.kind == "i" else np.iinfo(x.dtype).max, x.dtype))
    return await ops.select(c, Public(signed == 0), nothing, one)


async def _floored(c: Context, x: Secret, divisor: NDArray[np.int64]) -> tuple[Secret, Secret]:
    """Quotient, rounded down, and remainder, not negative, by positive numbers.

    With m = floor(2**s / d) the product x m / 2**s differs from x / d by less than 1, and its truncation is
    too large by 0 or 1: so the guess is at most 1 too small or 2 too large, and three comparisons say which.
    """
    smallest = int(divisor.min()) if divisor.size else 2
    shift = min(BITS - 4, BITS - 3 - _bits(x) + smallest.bit_length() - 1)
    reciprocal = integer_words(np.asarray((1 << shift) // divisor.astype(object)).astype(np.int64))
    held = await c.g.hold(x.value)
    guess = await c.g.truncate(c.g.scale(held, reciprocal), shift)
    size = integer_words(divisor)
    left = await c.g.hold(c.g.subtract(held, c.g.scale(guess, size)))
    under = await together(
        c.g.negative(c.g.add_public(left, size)),
        c.g.negative(left),
        c.g.negative(c.g.add_public(left, integer_words(-divisor))),
    )
    # left is in [-2 d, 2 d): one more for each multiple of d that it reaches
    quotient = c.g.add_public(guess, word(1))
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


async def _long(c: Context, x: Secret, y: Secret, remainder: bool) -> Value:
    """Long division of the magnitudes, which must be below 2**62."""
    (above, x_negative), (below, y_negative) = await together(_magnitude(c, x), _magnitude(c, y))
    count = min(_bits(x) + 1, BITS - 1)
    shape = np.broadcast_shapes(tuple(above.shape), tuple(below.shape))
    digits = await c.g.decompose(ops.spread(c, above, shape), count)
    divisor = await c.g.hold(ops.spread(c, below, shape))
    left = c.g.constant(np.zeros(shape, np.uint64))
    quotient = c.g.constant(np.zeros(shape, np.uint64))
    for place in reversed(range(count)):
        digit = c.g.to_ring(c.g.arrange(digits, partial(_digit, place)))
        taken = await c.g.hold(c.g.subtract(c.g.add(c.g.scale(left, word(2)), digit), divisor))
        short = c.g.to_ring(await c.g.negative(taken))
        left = c.g.add(taken, await c.g.multiply(short, divisor))
        one = c.g.add_public(c.g.negate(short), word(1))
        quotient = c.g.add(quotient, c.g.scale(one, word(1 << place)))
    if remainder:
        return await _signed(c, left, x_negative, x)
    negative = _either(c, x_negative, y_negative)
    return await _signed(c, quotient, negative, x)


def _digit(place: int, array: NDArray[Any]) -> NDArray[Any]:
    return array[..., place]


async def _magnitude(c: Context, x: Secret) -> tuple[Any, Any]:
    """|x| and whether x is negative (None: never)."""
    if x.span[0] >= 0 or x.dtype.kind == "u":
        return x.value, None
    held = await c.g.hold(x.value)
    negative = await c.g.negative(held)
    return await c.g.choose(negative, c.g.negate(held), held), negative


def _either(c: Context, first: Any, second: Any) -> Any:
    if first is None or second is None:
        return second if first is None else first
    return c.g.xor(first, second)


async def _signed(c: Context, value: Any, negative: Any, like: Secret) -> Secret:
    """`-value` where `negative`."""
    reach = max(abs(like.span[0]), abs(like.span[1]))
    if negative is None:
        return c.integer(value, (0, reach), like.dtype)
    turned = await c.g.multiply(c.g.to_ring(negative), value)
    return c.integer(c.g.subtract(value, c.g.scale(turned, word(2))), (-reach, reach), like.dtype)
