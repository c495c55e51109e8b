"""Quotients and roots of sums in two parts (`wide_products`), which need not fit: at one of two scales.

A quotient does not depend on the scale that dividend and divisor share. So both parts are added up twice,
with the bits after the point that a number has, which may leave the ring, and with none, which has room for
2**60; and how large the divisor is says which of them count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from junto.mpc.functions.reciprocal import divide
from junto.mpc.functions.roots import sqrt
from junto.mpc.gates import BITS
from junto.mpc.primitives import ops
from junto.mpc.primitives.arithmetic import quotient
from junto.mpc.primitives.blocks import blockwise
from junto.mpc.primitives.context import Context
from junto.mpc.primitives.elementwise import proportional
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value

LARGE = 20
"""A divisor of 2**LARGE or more has digits enough without those after the point."""

DOWN = 12
"""So many bits less than whole numbers have has a large number of which the root is taken; an even number, as
is that with the bits after the point if the root is to have a whole factor."""


async def wide_quotient(
    c: Context, params: Mapping[str, Any], upper: Value, lower: Value, high: Value, low: Value
) -> Value:
    """`(upper + lower) / (high + low)`.

    Range: dividend and divisor up to 2**60, the quotient below 1.6e7 for 18 bits; of a divisor in one part,
    up to 2**42. Error: as of a division.
    """
    if c.g.bits > BITS:  # where there is room for each
        x, y = await together(_added(c, upper, lower), _added(c, high, low))
        return await quotient(c, x, y)
    (fine, coarse), (fine_y, coarse_y) = await together(_scales(c, upper, lower), _scales(c, high, low))
    most = 1 << LARGE
    if params["wide"]:
        large = c.g.to_ring(_either(c, await c.g.outside(coarse_y, -most, most - 1)))
        x, y = await together(_picked(c, large, coarse, fine), _picked(c, large, coarse_y, fine_y))
        return await _divided(c, x, y)
    # by a number of one part the quotient is large if |coarse| >= |fine_y|: then the divisor stays fine
    ends, below = await together(
        c.g.outside(coarse_y, -most, most - 1),
        c.g.negative(
            c.g.join([c.g.subtract(coarse, fine_y), c.g.add(coarse, fine_y)], lambda *a: np.stack(a))
        ),
    )
    far = c.g.flip(_either(c, below), np.asarray(True))
    shared = await c.g.both(_either(c, ends), c.g.flip(far, np.asarray(True)))
    either = c.g.to_ring(c.g.xor(shared, far))
    x, y = await together(_picked(c, either, coarse, fine), _picked(c, c.g.to_ring(shared), coarse_y, fine_y))
    found = await _divided(c, x, y)
    grown = await c.g.multiply(c.g.to_ring(far), found.value)
    more = c.g.scale(grown, c.g.word((1 << c.fraction) - 1), bounded=True)
    return c.fixed(c.g.add(found.value, more), c.fraction)


async def wide_root(c: Context, params: Mapping[str, Any], upper: Value, lower: Value) -> Value:
    """`sqrt(upper + lower)`; 0 of what is less than 0.

    Range: up to 2**60. Error: 5e-6 relative, or two units in the last place.
    """
    if c.g.bits > BITS:
        return await proportional(c, "sqrt", await _added(c, upper, lower))
    down = DOWN + c.fraction % 2
    fine, coarse = await _scales(c, upper, lower, down)
    # large: from 2**(fraction + down) on, so that the coarse number has as many bits as the fine one of 1
    ends = c.g.join(
        [c.g.add_public(coarse, c.g.word(-(1 << c.fraction))), c.g.add_public(fine, c.g.word(-1))],
        lambda *a: np.stack(a),
    )
    small, below = _rows(c, await c.g.negative(ends))
    kept = c.g.to_ring(await c.g.both(small, c.g.flip(below, np.asarray(True))))
    large = c.g.to_ring(c.g.flip(small, np.asarray(True)))
    some, more = await together(c.g.multiply(kept, fine), c.g.multiply(large, coarse))
    root = await blockwise(c, lambda x: sqrt(c.g, x, c.fraction), c.g.add(some, more))
    factor = (1 << ((c.fraction + down) // 2)) - 1
    grown = c.g.scale(await c.g.multiply(large, root), c.g.word(factor), bounded=True)
    return c.fixed(c.g.add(root, grown), c.fraction)


async def _added(c: Context, upper: Value, lower: Value) -> Secret:
    total = upper if _is_nothing(lower) else ops.plus(c, upper, lower)
    return ops.secret(await c.fine(c.lift(total)))


def _is_nothing(x: Value) -> bool:
    return isinstance(x, Public) and not np.any(x.array)


async def _scales(c: Context, upper: Value, lower: Value, down: int = 0) -> tuple[Any, Any]:
    """The sum with a number's bits after the point, and with none, or 2**down less: ready operands."""
    parts = [c.lift(each) for each in (upper, lower) if not _is_nothing(each)]
    fine, coarse = await together(_at(c, parts, c.fraction), _at(c, parts, -down))
    return fine, coarse


async def _at(c: Context, parts: list[Secret], fraction: int) -> Any:
    pieces = await together(*[_shifted(c, each, fraction) for each in parts])
    total = pieces[0] if len(pieces) == 1 else c.g.add(*pieces)
    return await c.g.hold(c.g.unvouched(total))


async def _shifted(c: Context, x: Secret, fraction: int) -> Any:
    drop = x.fraction - fraction
    if drop > 0:
        return await c.g.truncate(x.value, drop)
    return c.g.scale(x.value, c.g.word(1 << -drop)) if drop else x.value


def _either(c: Context, bits: Any) -> Any:
    """Whether one of two bits is set, of which at most one is; of any two, whether they differ."""
    first, second = _rows(c, bits)
    return c.g.xor(first, second)


def _rows(c: Context, bits: Any) -> tuple[Any, Any]:
    return c.g.arrange(bits, lambda a: a[0]), c.g.arrange(bits, lambda a: a[1])


async def _picked(c: Context, which: Any, coarse: Any, fine: Any) -> Any:
    """The coarse number where `which` is 1, else the fine one; a ready operand."""
    gap = await c.g.hold(c.g.subtract(coarse, fine))
    return await c.g.hold(c.g.add(fine, await c.g.multiply(which, gap)))


async def _divided(c: Context, x: Any, y: Any) -> Secret:
    shape = np.broadcast_shapes(tuple(x.shape), tuple(y.shape))
    found = await blockwise(c, lambda a, b: divide(c.g, a, b, c.fraction), ops.spread(c, x, shape), y)
    return c.fixed(found, c.fraction)
