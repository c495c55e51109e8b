"""From one dtype to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from junto.errors import NotComputable
from junto.mpc.gates import BITS
from junto.mpc.primitives import ops, rounding
from junto.mpc.primitives.context import Context
from junto.mpc.values import WHOLE_RING, Public, Secret, Value, kind

Params = Mapping[str, Any]


async def convert(c: Context, params: Params, x: Secret) -> Value:
    """As `jax.lax.convert_element_type`; a float that an integer cannot hold is cut off modulo its range."""
    return await to_dtype(c, x, np.dtype(c.form.dtype))


async def to_dtype(c: Context, x: Secret, goal: np.dtype[Any]) -> Secret:
    """`x` as a number of that dtype."""
    if x.kind == "fixed" and kind(goal) != "fixed":
        x = ops.secret(await c.settled(x))
        c.expect_number(x)
    match (x.kind, kind(goal)):
        case ("fixed", "fixed") | ("bits", "bits"):
            return replace(x, dtype=goal)
        case ("bits", "integer"):
            return c.integer(c.g.to_ring(x.value), (0, 1), goal)
        case ("bits", "fixed"):
            return replace(c.fixed(c.g.to_ring(x.value), 0), span=(0, 1))
        case ("integer", "integer"):
            return await _integer_to_integer(c, x, goal)
        case ("integer", "fixed"):
            whole = await c.wrapped(x)
            if x.dtype == np.uint64 and not 0 <= whole.span[0] <= whole.span[1] <= WHOLE_RING[1]:
                whole = await _without_sign(c, whole)
            return replace(c.fixed(whole.value, 0), span=whole.span)
        case ("fixed", "integer"):
            return await rounding.to_integer(c, x, goal)
        case _:
            zero = Public(np.zeros((), x.dtype))
            return c.lift(ops.inverted(c, await ops.equal(c, x, zero)))  # known to all if never 0


async def _without_sign(c: Context, x: Secret) -> Secret:
    """An integer of 64 bits without a sign as the number that it is, if the ring has room for it."""
    if c.g.bits == BITS:
        c.g.expect(x.value, 0, WHOLE_RING[1], "an integer of 2**63 or more is out of a float's range")
        return x
    beyond = c.g.to_ring(await c.g.negative(await c.g.hold(x.value), BITS))
    held = c.g.add(x.value, c.g.scale(beyond, c.g.word(1 << BITS)))
    return c.integer(held, (0, (1 << BITS) - 1), x.dtype)


async def _integer_to_integer(c: Context, x: Secret, goal: np.dtype[Any]) -> Secret:
    """Narrower: the ring element stays, right modulo 2**width. Wider: it must be the number itself first."""
    if goal.itemsize > x.dtype.itemsize:
        x = await c.wrapped(x)
    return c.integer(x.value, x.span, goal)


async def bitcast(c: Context, params: Params, x: Secret) -> Value:
    """Between integers of one width: the ring element stays."""
    goal = np.dtype(c.form.dtype)
    if x.kind == kind(goal) == "integer" and x.dtype.itemsize == goal.itemsize:
        return c.integer(x.value, x.span, goal)
    raise NotComputable(
        "`bitcast_convert_type` asks for the bits of a float, and a secret has none",
        fix="use arithmetic: x < 0 for its sign, jnp.frexp(x)[1] for its exponent, x * 2.0**n where a "
        "derivative is taken of jnp.ldexp(x, n)",
    )
