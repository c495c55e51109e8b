"""Functions of one number, or two: by `junto.mpc.functions`, at the settings' precision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from junto.mpc.primitives import ops
from junto.mpc.primitives.blocks import blockwise
from junto.mpc.primitives.context import Context, Rule
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value

Params = Mapping[str, Any]
Function = Callable[..., Awaitable[Any]]

HOMES: Mapping[str, str] = {
    "acos": "trigonometry",
    "acosh": "hyperbolic",
    "asin": "trigonometry",
    "asinh": "hyperbolic",
    "atan": "trigonometry",
    "atan2": "trigonometry",
    "atanh": "hyperbolic",
    "cbrt": "roots",
    "cos": "trigonometry",
    "digamma": "gamma",
    "divide": "reciprocal",
    "erf": "sigmoids",
    "erf_inv": "inverse_erf",
    "exp": "exponential",
    "exp2": "exponential",
    "expm1": "exponential",
    "lgamma": "gamma",
    "log": "logarithm",
    "log1p": "logarithm",
    "logistic": "sigmoids",
    "pow": "power",
    "reciprocal": "reciprocal",
    "rsqrt": "roots",
    "sin": "trigonometry",
    "sqrt": "roots",
    "tan": "trigonometry",
    "tanh": "sigmoids",
}
"""The module of `junto.mpc.functions` that has the function of that name."""


def function(name: str) -> Function:
    """A function of `junto.mpc.functions`, imported when it is first used."""
    found: Function = getattr(import_module(f"junto.mpc.functions.{HOMES[name]}"), name)
    return found


def of(name: str) -> Rule:
    """The rule of the primitive that is this function."""

    async def rule(c: Context, params: Params, x: Secret) -> Value:
        return await applied(c, name, x)

    return rule


def of_pending(name: str) -> Rule:
    """The rule of a function that takes products before their truncation."""

    async def rule(c: Context, params: Params, x: Secret) -> Value:
        x = await ops.unscaled(c, x)
        c.g.expect(x.value, -c.largest, c.largest, f"`{name}` of a number that is out of range")
        if not c.fraction < x.fraction <= 2 * c.fraction:
            return await applied(c, name, ops.secret(await c.settled(x)))

        async def compute(value: Any) -> Any:
            return await function(name)(c.g, value, c.fraction, x.fraction)

        return c.fixed(await blockwise(c, compute, x.value), c.fraction)

    return rule


def in_proportion(name: str) -> Rule:
    """The rule of a function that takes numbers with more bits after the point, or gives such."""

    async def rule(c: Context, params: Params, x: Secret) -> Value:
        return await proportional(c, name, x)

    return rule


async def proportional(c: Context, name: str, x: Secret) -> Secret:
    """A function of that name, right in proportion where the step must be."""
    inner = max(x.fraction, c.fraction)
    out = c.settings.double if c.exact else c.fraction

    async def compute(value: Any) -> Any:
        return await function(name)(c.g, value, c.fraction, inner, out)

    return c.fixed(await blockwise(c, compute, c.at(x, inner)), out)


async def applied(c: Context, name: str, *operands: Secret) -> Secret:
    """A function of that name, block by block."""

    async def compute(*values: Any) -> Any:
        return await function(name)(c.g, *values, c.fraction)

    return c.fixed(await blockwise(c, compute, *[c.number(each) for each in operands]), c.fraction)


async def erfc(c: Context, params: Params, x: Secret) -> Value:
    """`1 - erf(x)`."""
    return ops.minus(c, Public(np.ones(())), await applied(c, "erf", x))


async def arc_tangent(c: Context, params: Params, x: Value, y: Value) -> Value:
    """The angle of the point `(y, x)`."""
    first, second = c.lift(x), c.lift(y)
    shape = np.broadcast_shapes(tuple(first.value.shape), tuple(second.value.shape))
    held = [c.fixed(ops.spread(c, c.number(each), shape), c.fraction) for each in (first, second)]
    return await applied(c, "atan2", *held)


async def hyperbolic_sine(c: Context, params: Params, x: Secret) -> Value:
    """`(exp(x) - exp(-x)) / 2`."""
    return await _hyperbolic(c, x, ops.minus)


async def hyperbolic_cosine(c: Context, params: Params, x: Secret) -> Value:
    """`(exp(x) + exp(-x)) / 2`."""
    return await _hyperbolic(c, x, ops.plus)


async def _hyperbolic(c: Context, x: Secret, combine: Callable[[Context, Value, Value], Secret]) -> Value:
    up, down = await together(applied(c, "exp", x), applied(c, "exp", ops.secret(ops.negated(c, x))))
    return ops.scaled(c, combine(c, up, down), np.asarray(0.5))
