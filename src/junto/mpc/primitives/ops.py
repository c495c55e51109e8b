"""Arithmetic, comparison and choice on values of any kind, for the rules to build on.

Operands may be public or secret, thin or full; floats must be settled unless a function says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import BITS, Words
from junto.mpc.primitives.context import Context, span_of, whole_span
from junto.mpc.ring128 import is_below_zero
from junto.mpc.rounds import together
from junto.mpc.values import (
    WHOLE_RING,
    Public,
    Secret,
    Span,
    Value,
    dtype_span,
    integer_words,
    word,
    wrapping,
)

# ---------------------------------------------------------------- sums


def plus(c: Context, x: Value, y: Value) -> Secret:
    """`x + y`; at least one of them secret. Floats may be pending: the result has the longer fraction."""
    if isinstance(x, Public):
        x, y = y, x
    if not isinstance(x, Secret):
        raise TypeError("a sum of public values is no secret")
    if x.kind == "integer":
        span = (x.span[0] + span_of(y)[0], x.span[1] + span_of(y)[1])
        if isinstance(y, Public):
            return c.integer(c.g.add_public(x.value, integer_words(y.array)), span, x.dtype)
        return c.integer(c.g.add(x.value, y.value), span, x.dtype)
    if isinstance(y, Public):
        fraction = max(x.fraction, c.exact_fraction(y.array, c.fraction))
        return c.fixed(c.g.add_public(c.at(x, fraction), c.fixed_words(y.array, fraction)), fraction)
    fraction = max(x.fraction, y.fraction)
    return c.fixed(c.g.add(c.at(x, fraction), c.at(y, fraction)), fraction)


def negated(c: Context, x: Value) -> Value:
    """`-x`."""
    if isinstance(x, Public):
        return Public(np.negative(x.array))
    unknown = WHOLE_RING if x.kind == "fixed" else c.whole
    span = x.span if x.span == unknown else (-x.span[1], -x.span[0])
    return replace(x, value=c.g.negate(x.value), span=span)


def minus(c: Context, x: Value, y: Value) -> Secret:
    """`x - y`; at least one of them secret. Floats may be pending."""
    if isinstance(x, Secret) and isinstance(y, Secret):
        if x.kind == "integer":
            span = (x.span[0] - y.span[1], x.span[1] - y.span[0])
            return c.integer(c.g.subtract(x.value, y.value), span, x.dtype)
        fraction = max(x.fraction, y.fraction)
        return c.fixed(c.g.subtract(c.at(x, fraction), c.at(y, fraction)), fraction)
    if isinstance(y, Public) and y.array.dtype.kind in "iu":
        x = secret(x)
        span = (x.span[0] - span_of(y)[1], x.span[1] - span_of(y)[0])
        return c.integer(
            c.g.add_public(x.value, wrapping(np.negative, integer_words(y.array))), span, x.dtype
        )
    return plus(c, x, negated(c, y))


# ---------------------------------------------------------------- products


async def times(c: Context, x: Value, y: Value) -> Secret:
    """`x * y`; at least one of them secret. A float's truncation stays pending."""
    if isinstance(x, Public):
        x, y = y, x
    x = secret(x)
    if isinstance(y, Public):
        return multiplied(c, x, y.array)
    held = await c.g.multiply(x.value, y.value)
    if x.kind == "fixed":
        return c.fixed(held, x.fraction + y.fraction)
    return c.integer(held, product_span(x, y), x.dtype)


def scaled(c: Context, x: Secret, factor: NDArray[Any]) -> Secret:
    """`x * factor` for public numbers of the same kind. Of floats, they wait as the result's `scale`."""
    if x.kind == "integer":
        return multiplied(c, x, factor)
    numbers = finite(c, factor)
    if numbers.ndim and numbers.size and bool((numbers == numbers.reshape(-1)[0]).all()):
        x = c.like(_spread(c, x, numbers.shape), x)
        numbers = numbers.reshape(-1)[0]
    scale = np.asarray(numbers if x.scale is None else x.scale * numbers, np.float64)
    return with_scale(x, scale)


def divided(c: Context, x: Secret, divisor: NDArray[Any]) -> Secret:
    """`x / divisor` for public floats; 0 where the divisor is, which a fixed-point number cannot say."""
    numbers = np.asarray(divisor, np.float64)
    if x.scale is None:
        with np.errstate(divide="ignore"):
            return scaled(c, x, np.where(numbers == 0, 0.0, 1.0 / numbers))
    with np.errstate(divide="ignore"):
        scale = np.where(numbers == 0, 0.0, x.scale / numbers)
    return with_scale(x, np.asarray(scale))


def common_scale(x: Secret, y: Secret) -> NDArray[np.float64] | None:
    """By what a product is still to be multiplied; None: by nothing."""
    waiting = [each.scale for each in (x, y) if each.scale is not None]
    return np.asarray(np.prod(waiting)) if waiting else None


def with_scale(x: Secret, scale: NDArray[np.float64]) -> Secret:
    """The float `x` with another scale; with none if that is 1."""
    one = scale.ndim == 0 and float(scale) == 1.0
    shape = np.broadcast_shapes(tuple(x.value.shape), scale.shape)
    return replace(x, shape=shape, scale=None if one else scale)


def finite(c: Context, numbers: NDArray[Any]) -> NDArray[np.float64]:
    """Public factors in float64; for infinity, the largest number there is."""
    c.fixed_words(numbers, 0)  # refuses NaN
    return np.clip(np.asarray(numbers).astype(np.float64), -float(c.largest), float(c.largest))


async def unscaled(c: Context, x: Secret) -> Secret:
    """`x` with its scale multiplied in, and that pending: no round, where nothing else is pending.

    Right to 18 bits of the largest factor, so for sums of weighted numbers, and functions that level off.
    """
    if x.scale is None:
        return x
    if x.fraction > c.fraction:
        return secret(await c.fine(x))
    return multiplied(c, Secret(x.value, x.dtype, x.shape, x.fraction), x.scale)


def multiplied(c: Context, x: Secret, factor: NDArray[Any]) -> Secret:
    """`x * factor` for public numbers of the same kind, with more bits after the point."""
    if x.kind == "integer":
        held = c.g.scale(x.value, integer_words(factor))
        return c.integer(held, product_span(x, Public(factor)), x.dtype)
    if factor.size and bool(np.all(factor == 1)):
        return c.fixed(x.value if factor.ndim == 0 else _spread(c, x, factor.shape), x.fraction)
    fraction = factor_fraction(c, x, factor)
    c.expect_mask(x, np.asarray(factor, np.float64))
    held = c.g.scale(x.value, factor_words(c, factor, fraction), bounded=True)
    return c.fixed(held, x.fraction + fraction)


def factor_words(c: Context, factor: NDArray[Any], fraction: int) -> Words:
    """A public factor's ring elements; none is larger than the largest number of the settings' fraction."""
    most = float(c.largest >> c.fraction)
    return c.fixed_words(np.clip(np.asarray(factor).astype(np.float64), -most, most), fraction)


def scaled_words(c: Context, x: Secret, factor: NDArray[np.uint64]) -> Secret:
    """An integer times public ring elements, whatever its dtype holds."""
    return c.integer(c.g.scale(x.value, factor), c.whole, x.dtype)


def factor_fraction(c: Context, x: Secret, factor: NDArray[Any]) -> int:
    """How many bits after the point a public factor gets.

    All that it needs, but no more than keep numbers of `2**(62 - 2 * fraction)` in range: a factor of 0.001
    gets ten more than one of 1, so that its own error is the same in proportion.
    """
    sizes = np.abs(np.asarray(factor, dtype=np.float64))
    sizes = np.minimum(sizes[~np.isnan(sizes)], float(c.largest >> c.fraction))
    largest = float(sizes.max()) if sizes.size else 0.0
    if largest == 0.0:
        return 0
    spare = max(0, -int(np.frexp(largest)[1]))
    if largest >= c.largest >> c.fraction:
        return 0
    return c.exact_fraction(factor, min(c.fraction + spare, c.longest - x.fraction))


def product_span(x: Value, y: Value) -> tuple[int, int]:
    """The values that a product of integers can have."""
    corners = [a * b for a in span_of(x) for b in span_of(y)]
    return min(corners), max(corners)


def _spread(c: Context, x: Secret, shape: tuple[int, ...]) -> Any:
    """`x` broadcast together with `shape`."""
    wide = np.broadcast_shapes(tuple(x.value.shape), shape)
    return spread(c, x.value, wide)


def spread(c: Context, value: Any, shape: tuple[int, ...]) -> Any:
    """A gates' array broadcast to `shape`."""
    if tuple(value.shape) == shape:
        return value
    return c.g.arrange(value, lambda array: np.broadcast_to(array, shape))


# ---------------------------------------------------------------- logic of bits


async def conjunction(c: Context, x: Value, y: Value) -> Secret:
    """`x and y`; at least one of them secret."""
    if isinstance(x, Public):
        x, y = y, x
    x = secret(x)
    if isinstance(y, Secret):
        return c.bits(await c.g.both(x.value, y.value))
    flags = y.array
    wide = np.broadcast_shapes(tuple(x.value.shape), flags.shape)
    kept = c.g.arrange(
        x.value, lambda array: np.where(flags, np.broadcast_to(array, wide), np.zeros((), array.dtype))
    )
    return c.bits(kept)


def inverted(c: Context, x: Value) -> Value:
    """`not x`."""
    if isinstance(x, Public):
        return Public(np.logical_not(x.array))
    return Secret(c.g.flip(x.value, np.asarray(True)), x.dtype, x.shape)


def exclusive(c: Context, x: Value, y: Value) -> Secret:
    """`x != y` of bits; at least one of them secret."""
    if isinstance(x, Public):
        x, y = y, x
    x = secret(x)
    if isinstance(y, Public):
        return c.bits(c.g.flip(x.value, y.array))
    return c.bits(c.g.xor(x.value, y.value))


async def disjunction(c: Context, x: Value, y: Value) -> Secret:
    """`x or y`; at least one of them secret."""
    return secret(inverted(c, await conjunction(c, inverted(c, x), inverted(c, y))))


# ---------------------------------------------------------------- comparison


async def below(c: Context, x: Value, y: Value) -> Value:
    """`x < y`; at least one of them secret. Public if the operands' spans decide it."""
    if _bools(x):
        return await conjunction(c, inverted(c, x), y)
    if _integers(x):
        return await _integer_below(c, x, y)
    known = infinite(x, y)
    if known is not None:
        return Public(np.asarray(known))
    gap = minus(c, x, y)
    return c.bits(await c.g.negative(gap.value, gap_bits(c, gap, x, y)))


async def equal(c: Context, x: Value, y: Value) -> Value:
    """`x == y`; at least one of them secret. Public if the operands' spans decide it."""
    if _bools(x):
        return inverted(c, exclusive(c, x, y))
    if _integers(x) and _apart(x, y):
        return Public(np.asarray(False))
    gap = minus(c, x, y)
    if _integers(x) and not (in_range(x) and in_range(y)):
        # what is equal modulo 2**width is equal
        return c.bits(await c.g.zero(gap.value, 8 * x.dtype.itemsize))
    return c.bits(await c.g.zero(gap.value, gap_bits(c, gap, x, y)))


async def _integer_below(c: Context, x: Value, y: Value) -> Value:
    known = decided(x, y)
    if known is not None:
        return Public(np.asarray(known))
    if comparable(c, x, y):
        gap = minus(c, x, y)
        return c.bits(await c.g.negative(gap.value, gap_bits(c, gap, x, y)))
    return await _wide_below(c, x, y)


def gap_bits(c: Context, gap: Secret, x: Value, y: Value) -> int | None:
    """How many bits `gap = x - y` has in two's complement, where `comparable`; None: perhaps all there are.

    A public whole number that is large is held with bits after the point: then all count.
    """
    first, second = (span_of(each) if _integers(each) else whole_span(each) for each in (x, y))
    if first is None or second is None or gap.fraction:
        return None
    ends = (first[0] - second[1], first[1] - second[0])
    count = max((each if each >= 0 else ~each).bit_length() for each in ends) + 1
    return count if count < c.g.bits else None


def comparable(c: Context, x: Value, y: Value) -> bool:
    """Whether the sign of `x - y` in the ring says which integer is less."""
    (x_least, x_most), (y_least, y_most) = span_of(x), span_of(y)
    fits = c.whole[0] <= x_least - y_most and x_most - y_least <= c.whole[1]
    return fits and in_range(x) and in_range(y)


def decided(x: Value, y: Value) -> bool | None:
    """`x < y` of integers, if their spans tell."""
    if not (in_range(x) and in_range(y)):
        return None
    (x_least, x_most), (y_least, y_most) = span_of(x), span_of(y)
    return x_most < y_least if x_most < y_least or x_least >= y_most else None


async def _wide_below(c: Context, x: Value, y: Value) -> Secret:
    """`x < y` where their difference may wrap: if the signs differ, `x`'s decides, else the difference's.

    All three are signs modulo 2**width, that is of the ring elements shifted up. Unsigned numbers are
    compared as signed ones, half the range lower.
    """
    up = _headroom(c, x)
    half = c.g.word(1 << (c.g.bits - 1)) if _dtype(x).kind == "u" else word(0)

    def shifted(value: Value) -> Value:
        if isinstance(value, Public) and c.g.bits > BITS:
            value = c.lift(value)
        if isinstance(value, Public):
            return Public(wrapping(np.add, wrapping(np.multiply, integer_words(value.array), up), half))
        return Secret(c.g.add_public(c.g.scale(value.value, up), half), value.dtype, value.shape)

    a, b = shifted(x), shifted(y)
    signs = [_sign(c, a), _sign(c, b), _sign(c, minus(c, a, b))]
    minus_a, minus_b, minus_gap = await together(*signs)
    differ = exclusive(c, minus_a, minus_b)
    # a where the signs differ, else the difference's
    change = await conjunction(c, differ, exclusive(c, minus_a, minus_gap))
    return exclusive(c, minus_gap, change)


async def _sign(c: Context, x: Value) -> Value:
    if isinstance(x, Public):
        return Public(is_below_zero(x.array))
    return c.bits(await c.g.negative(x.value))


def _dtype(x: Value) -> np.dtype[Any]:
    return x.dtype


def _bools(x: Value) -> bool:
    return x.dtype == np.bool_


def _integers(x: Value) -> bool:
    return bool(np.issubdtype(x.dtype, np.integer))


def _headroom(c: Context, x: Value) -> Words:
    """The factor that moves an integer's highest bit to the ring's."""
    return c.g.word(1 << (c.g.bits - x.dtype.itemsize * 8))


def in_range(x: Value) -> bool:
    """Whether the ring element, read as signed, is the integer itself."""
    least, greatest = dtype_span(x.dtype)
    if x.dtype == np.uint64:
        least = 0
    span = span_of(x)
    return least <= span[0] and span[1] <= greatest


def _apart(x: Value, y: Value) -> bool:
    """Whether two integers cannot be equal."""
    if not (in_range(x) and in_range(y)):
        return False
    return span_of(x)[1] < span_of(y)[0] or span_of(y)[1] < span_of(x)[0]


def infinite(x: Value, y: Value) -> bool | None:
    """What `x < y` is if one of them is infinite throughout."""
    for value, other in ((x, False), (y, True)):
        if isinstance(value, Public) and value.array.size and bool(np.isinf(value.array).all()):
            if bool((value.array > 0).all()):
                return other
            if bool((value.array < 0).all()):
                return not other
    return None


# ---------------------------------------------------------------- choice


async def select(c: Context, condition: Value, yes: Value, no: Value) -> Value:
    """`yes` where `condition`, else `no`."""
    if isinstance(condition, Public):
        return _select_public(c, condition.array, yes, no)
    if _bools(yes):
        return await _select_bits(c, condition, yes, no)
    if isinstance(yes, Public) and isinstance(no, Public):
        return _select_constants(c, condition, yes.array, no.array)
    # a difference with something public stays as ready to be multiplied as it was
    gap = minus(c, yes, no)
    product = await c.g.multiply(c.g.to_ring(condition.value), gap.value)
    chosen = plus(c, Secret(product, gap.dtype, gap.shape, gap.fraction, gap.span), no)
    return c.integer(chosen.value, union(yes, no), chosen.dtype) if chosen.kind == "integer" else chosen


def union(x: Value, y: Value) -> Span:
    """The values that one of two integers can have."""
    (a, b), (d, e) = span_of(x), span_of(y)
    return min(a, d), max(b, e)


async def _select_bits(c: Context, condition: Secret, yes: Value, no: Value) -> Value:
    if isinstance(yes, Public) and isinstance(no, Public):
        differ = await conjunction(c, condition, Public(yes.array != no.array))
        return exclusive(c, differ, no)
    return exclusive(c, await conjunction(c, condition, exclusive(c, yes, no)), no)


def _select_constants(c: Context, condition: Secret, yes: NDArray[Any], no: NDArray[Any]) -> Secret:
    ones = c.g.to_ring(condition.value)
    if np.issubdtype(yes.dtype, np.integer):
        low, high = integer_words(no), integer_words(yes)
        span = union(Public(yes), Public(no))
        return c.integer(
            c.g.add_public(c.g.scale(ones, wrapping(np.subtract, high, low)), low), span, yes.dtype
        )
    fraction = max(c.exact_fraction(yes, c.fraction), c.exact_fraction(no, c.fraction))
    low, high = c.fixed_words(no, fraction), c.fixed_words(yes, fraction)
    return c.fixed(c.g.add_public(c.g.scale(ones, wrapping(np.subtract, high, low)), low), fraction)


def _select_public(c: Context, condition: NDArray[Any], yes: Value, no: Value) -> Value:
    """By public positions: no gate at all."""
    if bool(condition.all()):
        return yes
    if not condition.any():
        return no
    a, b = c.lift(_where(condition, yes)), c.lift(_where(~condition, no))
    shape = np.broadcast_shapes(condition.shape, tuple(a.value.shape), tuple(b.value.shape))
    fraction = max(a.fraction, b.fraction)

    def pick(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
        return np.where(condition, np.broadcast_to(first, shape), np.broadcast_to(second, shape))

    if a.kind == "fixed":
        return c.fixed(c.g.join([c.at(a, fraction), c.at(b, fraction)], pick), fraction)
    held = c.g.join([a.value, b.value], pick)
    span = union(a, b)
    return c.bits(held) if a.kind == "bits" else c.integer(held, span, a.dtype)


def _where(condition: NDArray[Any], x: Value) -> Value:
    """What is public only where it is chosen: elsewhere it may be NaN."""
    if isinstance(x, Secret):
        return x
    return Public(np.where(condition, x.array, np.zeros((), x.dtype)))


def secret(x: Value) -> Secret:
    """`x`, which is secret."""
    if isinstance(x, Public):
        raise TypeError("one operand must be secret")
    return x


def public(x: Value) -> Public:
    """`x`, which is public."""
    if isinstance(x, Secret):
        raise TypeError("this operand must be public")
    return x
