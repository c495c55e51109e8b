"""Functions of one number, or two: by `junto.mpc.functions`, at the settings' precision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from junto.mpc.primitives import ops
from junto.mpc.primitives.context import Context, Rule
from junto.mpc.rounds import together
from junto.mpc.values import Public, Secret, Value

Params = Mapping[str, Any]
Function = Callable[[Any, Any, int], Awaitable[Any]]

HOMES: Mapping[str, str] = {
    "acos": "trigonometry",
    "acosh": "hyperbolic",
    "asin": "trigonometry",
    "asinh": "hyperbolic",
    "atan": "trigonometry",
    "atanh": "hyperbolic",
    "cbrt": "roots",
    "cos": "trigonometry",
    "digamma": "gamma",
    "erf": "logistic",
    "erf_inv": "inverse_erf",
    "exp": "exponential",
    "exp2": "exponential",
    "expm1": "exponential",
    "lgamma": "gamma",
    "log": "logarithm",
    "log1p": "logarithm",
    "logistic": "logistic",
    "rsqrt": "roots",
    "sin": "trigonometry",
    "sqrt": "roots",
    "tan": "trigonometry",
    "tanh": "logistic",
}
"""The module of `junto.mpc.functions` that has the function of that name."""


def function(name: str) -> Function:
    """A function of `junto.mpc.functions`, imported when it is first used."""
    found: Function = getattr(import_module(f"junto.mpc.functions.{HOMES[name]}"), name)
    return found


def of(name: str) -> Rule:
    """The rule of the primitive that is this function."""

    async def rule(c: Context, params: Params, x: Secret) -> Value:
        return c.fixed(await function(name)(c.g, c.number(x), c.fraction), c.fraction)

    return rule


async def erfc(c: Context, params: Params, x: Secret) -> Value:
    """`1 - erf(x)`."""
    made = c.fixed(await function("erf")(c.g, c.number(x), c.fraction), c.fraction)
    return ops.minus(c, Public(np.ones(())), made)


async def arc_tangent(c: Context, params: Params, x: Value, y: Value) -> Value:
    """The angle of the point `(y, x)`."""
    from junto.mpc.functions import trigonometry

    first, second = c.lift(x), c.lift(y)
    shape = np.broadcast_shapes(tuple(first.value.shape), tuple(second.value.shape))
    held = [ops.spread(c, c.number(each), shape) for each in (first, second)]
    return c.fixed(await trigonometry.atan2(c.g, held[0], held[1], c.fraction), c.fraction)


async def hyperbolic_sine(c: Context, params: Params, x: Secret) -> Value:
    """`(exp(x) - exp(-x)) / 2`."""
    return await _hyperbolic(c, x, ops.minus)


async def hyperbolic_cosine(c: Context, params: Params, x: Secret) -> Value:
    """`(exp(x) + exp(-x)) / 2`."""
    return await _hyperbolic(c, x, ops.plus)


async def _hyperbolic(c: Context, x: Secret, combine: Callable[[Context, Value, Value], Secret]) -> Value:
    exp = function("exp")
    up, down = await together(
        exp(c.g, c.number(x), c.fraction), exp(c.g, c.g.negate(c.number(x)), c.fraction)
    )
    both = combine(c, c.fixed(up, c.fraction), c.fixed(down, c.fraction))
    return ops.scaled(c, both, np.asarray(0.5))
