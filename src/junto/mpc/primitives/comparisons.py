"""Comparisons, maxima and minima, choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from junto.errors import NotComputable
from junto.mpc.primitives import ops
from junto.mpc.primitives.context import Context, span_of, whole_span
from junto.mpc.primitives.infinite import inside
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Span, Value

Params = Mapping[str, Any]


async def less(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x < y`."""
    return await ops.below(c, x, y)


async def greater(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x > y`."""
    return await ops.below(c, y, x)


async def at_most(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x <= y`."""
    return ops.inverted(c, await ops.below(c, y, x))


async def at_least(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x >= y`."""
    return ops.inverted(c, await ops.below(c, x, y))


async def equal(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x == y`. Of floats: equal as fixed-point numbers."""
    return await ops.equal(c, x, y)


async def differs(c: Context, params: Params, x: Value, y: Value) -> Value:
    """`x != y`."""
    return ops.inverted(c, await ops.equal(c, x, y))


async def is_finite(c: Context, params: Params, x: Secret) -> Value:
    """Public and true of what cannot be infinite; else whether the number is less than 2**60 of its units."""
    if not x.infinite:
        return Public(np.ones(c.form.shape, np.bool_))
    if x.infinite.lost:
        raise NotComputable(
            "`is_finite` of what was computed from an extremum that may be infinite has no secret form",
            fix="ask it of the extremum itself",
        )
    limit = np.ldexp(1.0, c.largest.bit_length() - 2 - x.fraction)
    above, under = await together(
        ops.below(c, x, Public(np.asarray(limit))), ops.below(c, Public(np.asarray(-limit)), x)
    )
    return await ops.conjunction(c, above, under)


async def sign(c: Context, params: Params, x: Secret) -> Value:
    """-1, 0 or 1."""
    if x.kind == "integer" and x.dtype.kind == "u":
        positive = await ops.equal(c, x, Public(np.zeros((), x.dtype)))
        return await _number(c, ops.inverted(c, positive), x, (0, 1))
    zero = Public(np.zeros((), x.dtype))
    signs = await together(ops.below(c, zero, x), ops.below(c, x, zero))
    above, under = [await _number(c, each, x, (0, 1)) for each in signs]
    if isinstance(above, Public) and isinstance(under, Public):  # the numbers that it can be have one sign
        return Public(above.array - under.array)
    return ops.minus(c, above, under)


async def _number(c: Context, flag: Value, like: Secret, span: Span) -> Value:
    """A bool as a number of the kind of `like`."""
    if isinstance(flag, Public):
        return Public(flag.array.astype(like.dtype))
    ones = c.g.to_ring(flag.value)
    return c.integer(ones, span, like.dtype) if like.kind == "integer" else c.fixed(ones, 0)


async def absolute(c: Context, params: Params, x: Secret) -> Value:
    """`|x|`."""
    if x.kind == "integer" and x.dtype.kind == "u":
        return x
    held = await _ready(c, x)
    negative = await ops.below(c, held, Public(np.zeros((), x.dtype)))
    result = await ops.select(c, negative, ops.negated(c, held), held)
    if isinstance(result, Secret) and x.kind == "integer":
        far = max(abs(x.span[0]), abs(x.span[1]))
        return c.integer(result.value, (min(0, x.span[0] if far == 1 << 63 else 0), far), x.dtype)
    return result


async def maximum(c: Context, params: Params, x: Value, y: Value) -> Value:
    """The greater of the two."""
    return await greater_of(c, x, y)


async def minimum(c: Context, params: Params, x: Value, y: Value) -> Value:
    """The lesser of the two."""
    return await lesser_of(c, x, y)


async def greater_of(c: Context, x: Value, y: Value) -> Value:
    """`max(x, y)`; of bools, or."""
    if x.dtype == np.bool_:
        return await ops.disjunction(c, x, y)
    return await _one_of(c, x, y, greatest=True)


async def lesser_of(c: Context, x: Value, y: Value) -> Value:
    """`min(x, y)`; of bools, and."""
    if x.dtype == np.bool_:
        return await ops.conjunction(c, x, y)
    return await _one_of(c, x, y, greatest=False)


async def _one_of(c: Context, x: Value, y: Value, greatest: bool) -> Value:
    """`y + [x is wanted] * (x - y)`; the difference is opened once, to be compared and to be multiplied."""
    if _simple(c, x, y):
        gap = await _ready(c, ops.minus(c, x, y))
        decided = _decided(x, y)
        if decided is None:
            less = c.bits(await c.g.negative(gap.value, ops.gap_bits(c, gap, x, y)))
            wanted = ops.secret(ops.inverted(c, less)) if greatest else less
            return _bounded(x, y, greatest, await _added(c, wanted, gap, y))
        return x if decided != greatest else y
    less_value = await ops.below(c, x, y)
    return await ops.select(c, less_value, *((y, x) if greatest else (x, y)))


async def _added(c: Context, wanted: Secret, gap: Secret, y: Value) -> Secret:
    """`y + wanted * gap`."""
    product = await c.g.multiply(c.g.to_ring(wanted.value), gap.value)
    change = Secret(product, gap.dtype, gap.shape, gap.fraction, gap.span)
    return ops.plus(c, change, y)


def _bounded(x: Value, y: Value, greatest: bool, result: Secret) -> Secret:
    """With the span that a maximum or minimum has."""
    first, second = whole_span(x), whole_span(y)
    if result.kind == "integer":
        first, second = span_of(x), span_of(y)
    if first is None or second is None or result.fraction:
        return result
    pick = max if greatest else min
    return replace(result, span=(pick(first[0], second[0]), pick(first[1], second[1])))


def _simple(c: Context, x: Value, y: Value) -> bool:
    """Whether the sign of the difference is the answer: not of integers that may have wrapped."""
    if np.issubdtype(x.dtype, np.integer):
        return ops.comparable(c, x, y)
    return True


def _decided(x: Value, y: Value) -> bool | None:
    """`x < y` where it is known to all."""
    if np.issubdtype(x.dtype, np.integer):
        return ops.decided(x, y)
    return ops.infinite(x, y)


async def _ready(c: Context, x: Secret) -> Secret:
    """`x` as an operand that costs no round any more."""
    return Secret(await c.g.hold(x.value), x.dtype, x.shape, x.fraction, x.span)


async def clamp(c: Context, params: Params, least: Value, x: Value, most: Value) -> Value:
    """`min(max(x, least), most)`. Both comparisons at once if the bounds are public."""
    if isinstance(least, Secret) or isinstance(most, Secret) or isinstance(x, Public) or x.kind == "bits":
        return await lesser_of(c, await greater_of(c, least, x), most)
    if not bool(np.all(least.array <= most.array)):
        return await lesser_of(c, await greater_of(c, least, x), most)
    held = await _ready(c, x)
    low, high = await together(ops.below(c, held, least), ops.below(c, most, held))
    raised = await ops.select(c, low, least, held)
    if not isinstance(low, Secret) or not isinstance(high, Secret):
        return await ops.select(c, high, most, raised)
    down = await ops.select(c, high, ops.minus(c, most, held), Public(np.zeros((), x.dtype)))
    result = ops.plus(c, raised, down)
    if result.kind == "integer":
        span = (int(least.array.min()), int(most.array.max())) if least.array.size else (0, 0)
        return c.integer(result.value, span, result.dtype)
    return result


async def select(c: Context, params: Params, which: Value, *cases: Value) -> Value:
    """`cases[which]`, element by element."""
    if len(cases) == 1:
        return cases[0]
    if isinstance(which, Secret):
        cases = tuple(map(inside, cases))
    if which.dtype == np.bool_:
        return await ops.select(c, which, cases[1], cases[0])
    if isinstance(which, Public):
        chosen: Value = cases[0]
        for number, case in enumerate(cases[1:], 1):
            chosen = await ops.select(c, Public(which.array == number), case, chosen)
        return chosen
    return await choose_case(c, which, cases)


async def choose_case(c: Context, which: Secret, cases: Sequence[Value]) -> Value:
    """`cases[which]` for a secret number that is cut to the range of the cases."""
    if len(cases) == 1:
        return cases[0]
    bounds = [Public(np.asarray(number, which.dtype)) for number in range(1, len(cases))]
    reached = await together(*[ops.below(c, which, bound) for bound in bounds])
    chosen: Value = cases[-1]
    for number in range(len(cases) - 2, -1, -1):
        chosen = await ops.select(c, reached[number], cases[number], await c.fine(chosen))
    return chosen
