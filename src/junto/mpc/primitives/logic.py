"""Logic of bools and of integers, shifts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.primitives import ops
from junto.mpc.primitives.blocks import in_blocks
from junto.mpc.primitives.context import Context, bit_sum
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Span, Value, dtype_span, integer_words

Params = Mapping[str, Any]


def width(dtype: Any) -> int:
    """Bits of an integer dtype."""
    return int(np.dtype(dtype).itemsize * 8)


async def conjunction(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x & y`."""
    if x.dtype == np.bool_:
        return await ops.conjunction(c, x, y)
    return await _common(c, params, x, y)


async def disjunction(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x | y`, which of integers is `x + y - (x & y)`."""
    if x.dtype == np.bool_:
        return await ops.disjunction(c, x, y)
    shared = ops.secret(await _common(c, params, x, y))
    return ops.minus(c, ops.plus(c, x, y), shared)


async def exclusive(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x ^ y`, which of integers is `x + y - 2 (x & y)`."""
    if x.dtype == np.bool_:
        return ops.exclusive(c, x, y)
    shared = ops.secret(await _common(c, params, x, y))
    return ops.minus(c, ops.minus(c, ops.plus(c, x, y), shared), shared)


async def negation(c: Context, params: Params, x: Secret) -> Value:
    """`~x`, which of integers is `-x - 1`."""
    if x.kind == "bits":
        return ops.inverted(c, x)
    return ops.minus(c, ops.negated(c, x), Public(np.ones((), x.dtype)))


@in_blocks
async def _common(c: Context, params: Params, x: Value, y: Value) -> Secret:
    """`x & y` of integers; of a public operand only the bits that are set cost anything."""
    if isinstance(x, Public):
        x, y = y, x
    x = ops.secret(x)
    bits = width(x.dtype)
    if isinstance(y, Public):
        mask = integer_words(y.array)
        bits = min(bits, int(mask.max()).bit_length()) if mask.size else 1
        digits = await c.g.decompose(x.value, max(1, bits))
        places = _digits(mask, max(1, bits))
        kept = (await ops.conjunction(c, c.bits(digits), Public(places))).value
    else:
        first, second = await together(c.g.decompose(x.value, bits), c.g.decompose(y.value, bits))
        kept = await c.g.both(first, second)
    return number(c, c.bits(kept), x.dtype)


def _digits(words: NDArray[np.uint64], bits: int) -> NDArray[np.bool_]:
    return ((words[..., None] >> np.arange(bits, dtype=np.uint64)) & np.uint64(1)).astype(np.bool_)


def number(c: Context, bits: Secret, dtype: np.dtype[Any]) -> Secret:
    """The integer whose bits are in the last axis, lowest first; those that are missing are 0."""
    count = int(bits.value.shape[-1])
    signed = dtype.kind == "i" and count == width(dtype)
    span: Span = dtype_span(dtype) if signed or count >= 63 else (0, (1 << count) - 1)
    return c.integer(c.g.linear(c.g.to_ring(bits.value), bit_sum(count, signed)), span, dtype)


async def shift_left(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x << y`; 0 from the width on."""
    bits = width(x.dtype)
    if isinstance(y, Public):
        amount = y.array.astype(np.int64)
        inside = (amount >= 0) & (amount < bits)
        factor = np.where(
            inside, np.left_shift(np.uint64(1), np.where(inside, amount, 0).astype(np.uint64)), 0
        )
        return ops.scaled_words(c, ops.secret(x), factor.astype(np.uint64))
    return await _shift_left_by_secret(c, params, x, y)


@in_blocks
async def _shift_left_by_secret(c: Context, params: Params, x: Value, y: Secret) -> Value:
    bits = width(x.dtype)
    digits = await c.g.decompose(y.value, bits.bit_length() - 1)
    held = c.lift(x)
    for place in range(bits.bit_length() - 1):
        step = _digit(c, digits, place)
        moved = ops.scaled_words(c, held, np.asarray(1 << (1 << place), np.uint64))
        held = ops.secret(await ops.select(c, step, moved, held))
    return await ops.select(c, await _amount_fits(c, y, bits), held, Public(np.zeros((), x.dtype)))


@in_blocks
async def shift_right_logical(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x >> y`, zeros moving in."""
    return await _shift_right(c, x, y, fill_sign=False)


@in_blocks
async def shift_right_arithmetic(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x >> y`, the sign moving in."""
    return await _shift_right(c, x, y, fill_sign=True)


async def _shift_right(c: Context, x: Value, y: Value, fill_sign: bool) -> Value:
    bits = width(x.dtype)
    digits = await c.g.decompose(c.lift(x).value, bits)
    if isinstance(y, Public):
        amount = y.array.astype(np.int64)
        amount = np.where(amount < 0, bits, np.minimum(amount, bits))
        return number(c, c.bits(_right(c, digits, amount, fill_sign)), x.dtype)
    steps = await c.g.decompose(y.value, bits.bit_length() - 1)
    for place in range(bits.bit_length() - 1):
        moved = c.bits(_right(c, digits, np.asarray(1 << place), fill_sign))
        step = _column(c, _digit(c, steps, place))
        digits = ops.secret(await ops.select(c, step, moved, c.bits(digits))).value
    beyond = _right(c, digits, np.asarray(bits), fill_sign)
    fits = await _amount_fits(c, y, bits)
    inside = _column(c, fits) if isinstance(fits, Secret) else Public(fits.array[..., None])
    digits = ops.secret(await ops.select(c, inside, c.bits(digits), c.bits(beyond))).value
    return number(c, c.bits(digits), x.dtype)


def _right(c: Context, digits: Any, amount: NDArray[Any], fill_sign: bool) -> Any:
    """Bits moved down by public amounts, one for each number."""
    bits = int(digits.shape[-1])
    shape = np.broadcast_shapes(tuple(digits.shape[:-1]), amount.shape)
    source = np.arange(bits) + amount[..., None]
    inside = np.broadcast_to(source < bits, (*shape, bits))
    places = np.broadcast_to(np.minimum(source, bits - 1), (*shape, bits))

    def move(array: NDArray[Any]) -> NDArray[Any]:
        taken = np.take_along_axis(np.broadcast_to(array, (*shape, bits)), places, -1)
        return taken if fill_sign else np.where(inside, taken, np.zeros((), array.dtype))

    return c.g.arrange(digits, move)


async def _amount_fits(c: Context, y: Secret, bits: int) -> Value:
    """Whether an amount is from 0 to the width, which a negative one is not."""
    least = Public(np.zeros((), y.dtype))
    under, inside = await together(ops.below(c, y, least), ops.below(c, y, Public(np.asarray(bits, y.dtype))))
    if isinstance(under, Public) and isinstance(inside, Public):
        return Public(~under.array & inside.array)
    return await ops.conjunction(c, ops.inverted(c, under), inside)


def _column(c: Context, x: Secret) -> Secret:
    """With a new last axis, for what has one bit more."""
    return c.bits(c.g.arrange(x.value, lambda array: array[..., None]))


def _digit(c: Context, digits: Any, place: int) -> Secret:
    return c.bits(c.g.arrange(digits, lambda array: array[..., place]))


@in_blocks
async def population_count(c: Context, params: Params, x: Secret) -> Value:
    """How many bits are set."""
    bits = width(x.dtype)
    ones = c.g.to_ring(await c.g.decompose(x.value, bits))
    return c.integer(c.g.linear(ones, lambda a: a.sum(axis=-1, dtype=np.uint64)), (0, bits), x.dtype)


@in_blocks
async def count_leading_zeros(c: Context, params: Params, x: Secret) -> Value:
    """How many bits above the highest one."""
    bits = width(x.dtype)
    digits = await c.g.decompose(x.value, bits)
    clear = c.g.arrange(c.g.flip(digits, np.asarray(True)), lambda array: array[..., ::-1])
    gap = 1
    while gap < bits:  # prefixes twice as long each time
        before = c.g.arrange(c.g.flip(clear, np.asarray(True)), partial(_later, gap))
        clear = await c.g.both(clear, c.g.flip(before, np.asarray(True)))
        gap *= 2
    count = c.g.linear(c.g.to_ring(clear), lambda a: a.sum(axis=-1, dtype=np.uint64))
    return c.integer(count, (0, bits), x.dtype)


def _later(gap: int, array: NDArray[Any]) -> NDArray[Any]:
    """Each place gets what was `gap` places before it; the first ones 0."""
    result = np.zeros_like(array)
    result[..., gap:] = array[..., :-gap]
    return result
