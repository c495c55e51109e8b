"""Functions of jax's that are computed otherwise on secrets, for what jax makes them of suits floats alone.

Some look at the bits of a float, some divide by small numbers before they multiply, which costs fixed-point
numbers their digits. Each is known by the name under which jax calls it (`steps`).

And primitives that newer versions of jax have, in terms of those that all supported versions have, so that a
function becomes the same plan with each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from junto.mpc.integrals import fresnel, sici
from junto.mpc.wide_products import widened


def _signbit(x: jax.Array) -> jax.Array:
    return x < 0


def _ldexp(x: jax.Array, exponent: jax.Array) -> jax.Array:
    return x * jnp.asarray(2.0, jnp.result_type(x, np.float32)) ** exponent


def _frexp(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The powers of two that x reaches are counted, from the last place to the largest number of a ring."""
    x = x.astype(jnp.promote_types(x.dtype, np.float32))
    least, most = -32, 63
    powers = np.arange(least, most)
    reached = jnp.abs(x)[..., None] >= np.ldexp(1.0, powers).astype(x.dtype)
    last = reached & ~jnp.concatenate([reached[..., 1:], jnp.zeros_like(reached[..., :1])], -1)
    below, factors = powers < 0, np.ldexp(1.0, -powers - 1).astype(x.dtype)
    small = (
        jnp.clip(x, -1, 1)[..., None] * factors[below]
    )  # times a large factor: numbers from 1 on have no room
    scaled = jnp.concatenate([small, x[..., None] * factors[~below]], -1)
    exponent = jnp.where(x != 0, reached.sum(-1) + least, 0)
    return jnp.where(last, scaled, 0).sum(-1), exponent


def _gammasgn(x: jax.Array) -> jax.Array:
    down = jnp.floor(x)
    odd = down - 2 * jnp.floor(down / 2)
    return jnp.where(x < 0, 1 - 2 * odd, jnp.ones_like(x))


EPSILON = float(np.finfo(np.float64).eps)
"""From this part of the greatest on a singular value counts, as in float64: `svd` has taken rounding out."""


def _pinv(a: jax.Array) -> jax.Array:
    u, s, vt = jnp.linalg.svd(a, full_matrices=False)
    kept = s > 10 * EPSILON * max(a.shape[-2:]) * s[..., :1]
    return vt.mT @ (u.mT / jnp.where(kept, s, jnp.inf)[..., None])


def _lstsq(a: jax.Array, b: jax.Array, rcond: Any = None) -> tuple[jax.Array, ...]:
    """Each coefficient is divided by its singular value, not multiplied by the inverse."""
    right = b if b.ndim == 2 else b[:, None]
    a, right = (each.astype(jnp.promote_types(jnp.result_type(a, b), np.float32)) for each in (a, right))
    least = EPSILON * max(a.shape) if rcond is None else jnp.where(rcond < 0, EPSILON, rcond)
    u, s, vt = jnp.linalg.svd(a, full_matrices=False)
    kept = (s > 0) & (s >= least * s[0])
    along = (u.T @ right) / jnp.where(kept, s, 1)[:, None]
    x = vt.T @ jnp.where(kept[:, None], along, 0)
    rest = jnp.sum((right - a @ x) ** 2, axis=0)
    return x if b.ndim == 2 else x.ravel(), rest, kept.sum(), s


UNIT = 2.0**-18
"""The last place of a fixed-point number, as it is by default."""


def _cond(x: jax.Array) -> jax.Array:
    """A singular value of nothing counts as a unit: a quotient by 0 would be 0, where jax says infinity."""
    s = jnp.linalg.svd(x, compute_uv=False)
    return s[..., 0] / jnp.where(s[..., -1] > 0, s[..., -1], UNIT)


def _polyfit(x: jax.Array, y: jax.Array, deg: int) -> jax.Array:
    """In powers of x divided by its greatest: those of an age, or of a year, leave the range."""
    x = x.astype(jnp.promote_types(jnp.result_type(x, y), np.float32))
    size = jnp.maximum(jnp.max(jnp.abs(x)), UNIT)
    powers = jnp.vander(x / size, deg + 1)
    long = jnp.sqrt(jnp.mean(powers * powers, axis=0))
    found = (_lstsq(powers / long, y)[0].T / long).T
    for power in range(1, deg + 1):  # one after the other: the power of a large number has no inverse
        found = jnp.concatenate([found[: deg + 1 - power] / size, found[deg + 1 - power :]])
    return found


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What is known of one of jax's functions.

    Attributes:
        function: computes the same.
        given: how many operands it may have.
        results: how many results.
        by: a primitive that it is made of. Derivatives have the same name, but not all of the rest.
        original: jax's own, where it has static parameters. They are not seen in a program; but if jax
            writes the same one for `settings`, it was called with those.
        settings: from the form of the first result, the parameters for which this stands.
    """

    function: Callable[..., Any]
    given: tuple[int, ...]
    results: int
    by: str
    original: Callable[..., Any] | None = None
    settings: Callable[[Any], dict[str, Any]] = lambda _: {}


REWRITTEN: Mapping[str, Rewritten] = {
    "_lstsq": Rewritten(_lstsq, (2, 3), 4, "svd"),
    "_pinv": Rewritten(_pinv, (1,), 1, "svd", jnp.linalg.pinv),
    "cond": Rewritten(_cond, (1,), 1, "svd", jnp.linalg.cond),
    "fresnel": Rewritten(lambda *given: fresnel(given[-1]), (1, 5), 2, "sin"),
    "frexp": Rewritten(_frexp, (1,), 2, "bitcast_convert_type"),
    "gammasgn": Rewritten(_gammasgn, (1,), 1, "floor"),
    "ldexp": Rewritten(_ldexp, (2,), 1, "bitcast_convert_type"),
    "polyfit": Rewritten(_polyfit, (2,), 1, "svd", jnp.polyfit, lambda c: {"deg": c.shape[0] - 1}),
    "sici": Rewritten(sici, (1,), 2, "log"),
    "signbit": Rewritten(_signbit, (1,), 1, "bitcast_convert_type"),
}
"""By the name of jax's function."""


def instead(name: str, called: Any) -> Any:
    """The program to be computed in place of a function of jax's.

    Args:
        name: of the function.
        called: its jaxpr.

    Returns:
        A closed jaxpr with its operands and results; None if the function is computed as it is.
    """
    known = REWRITTEN.get(name)
    if known is None:
        return widened(name, called)
    given, results = ([each.aval for each in side] for side in (called.invars, called.outvars))
    if len(given) not in known.given or len(results) != known.results:
        return None
    if known.by not in set(_primitives(called)) or not all(_is_number(each) for each in (*given, *results)):
        return None

    settings = known.settings(results[0])

    def call(*operands: Any) -> list[Any]:
        leaves = jax.tree_util.tree_leaves(known.function(*operands, **settings))
        return [leaf.astype(aval.dtype) for leaf, aval in zip(leaves, results, strict=True)]

    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in given]  # type: ignore[no-untyped-call]
    if known.original is not None:
        (own,) = jax.make_jaxpr(partial(known.original, **settings))(*shapes).eqns
        written = own.params.get("jaxpr") or own.params["call_jaxpr"]
        if str(written.jaxpr) != str(called):
            return None
    return jax.make_jaxpr(call)(*shapes)


def in_older(equation: Any) -> Any:
    """The program of a primitive that not all supported versions of jax have; None: all have it."""
    name, params = equation.primitive.name, equation.params
    if name == CALLED:
        called = params["_prim"]
        given = jax.tree_util.tree_unflatten(called.in_tree, [each.aval for each in equation.invars])
        return jax.make_jaxpr(called.expand)(*jax.tree_util.tree_map(_shape, given))
    if name not in NEWER:
        return None

    def call(*operands: Any) -> Any:
        return NEWER[name](params, *operands)

    return jax.make_jaxpr(call)(*[_shape(each.aval) for each in equation.invars])


def _shape(aval: Any) -> Any:
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype)  # type: ignore[no-untyped-call]


def _log2(params: Params, x: jax.Array) -> jax.Array:
    return lax.log(x) / lax.log(np.asarray(2, x.dtype))


def _one_minus_square(params: Params, x: jax.Array) -> jax.Array:
    return (1 + x) * (1 - x)


def _polynomial(params: Params, x: jax.Array, *coefficients: jax.Array) -> jax.Array:
    """By Horner's scheme, the constant last in it and first in the list."""
    *rest, total = coefficients
    for each in reversed(rest):
        total = total * x + each
    return jnp.broadcast_to(total, jnp.broadcast_shapes(x.shape, *(each.shape for each in coefficients)))


def _stack(params: Params, *parts: jax.Array) -> jax.Array:
    return lax.concatenate([lax.expand_dims(part, (params["axis"],)) for part in parts], params["axis"])


def _tile(params: Params, x: jax.Array) -> jax.Array:
    times = params["reps"]
    between = lax.reshape(x, [size for each in x.shape for size in (1, each)])
    shape = [size for time, each in zip(times, x.shape, strict=True) for size in (time, each)]
    spread = lax.broadcast_in_dim(between, shape, range(len(shape)))
    return lax.reshape(spread, [time * each for time, each in zip(times, x.shape, strict=True)])


def _unstack(params: Params, x: jax.Array) -> list[jax.Array]:
    axis = params["axis"]
    return [lax.index_in_dim(x, number, axis, keepdims=False) for number in range(x.shape[axis])]


Params = Mapping[str, Any]

NEWER: Mapping[str, Callable[..., Any]] = {
    "log2": _log2,
    "one_minus_square": _one_minus_square,
    "polynomial": _polynomial,
    "stack": _stack,
    "tile": _tile,
    "unstack": _unstack,
}
"""Primitives of jax 0.9 to 0.12: a function of the parameters and the operands."""

CALLED = "call_hi_primitive"
"""In jax 0.12 what has a program of its own, such as `searchsorted`: its parameter knows it."""


def _primitives(jaxpr: Any) -> Iterator[str]:
    """Their names, those of what is called, too."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in equation.params.values():
            if hasattr(getattr(inner, "jaxpr", inner), "eqns"):
                yield from _primitives(getattr(inner, "jaxpr", inner))


def _is_number(aval: Any) -> bool:
    """Whether it is an array of real numbers or bools, with elements."""
    return isinstance(aval.dtype, np.dtype) and aval.dtype.kind in "biuf" and 0 not in aval.shape
