"""Steps of a program as float64 makes them of the same numbers (`twins`), for the debug mode.

Every step is followed here, or moves the twins itself (`MOVED`), or decides (`decisions`); a few are
`WITHOUT`, each for a reason. Signs and places that nothing but rounding decides are those that the
fixed-point numbers have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from junto.mpc.decisions import NARROW, distinct
from junto.mpc.plan_steps import CONTROL, PlanStep
from junto.mpc.ring128 import floats, lowest_words
from junto.mpc.values import Public, Secret, Value

_Floats = NDArray[np.float64]


def held(value: Secret) -> Any:
    """The numbers that are there: flags of bools, of integers as their dtype wraps them."""
    if value.kind == "bits":
        return np.broadcast_to(value.value.flags, value.shape)
    if value.kind == "integer":
        return np.broadcast_to(lowest_words(value.value.words).astype(value.dtype), value.shape)
    whole = np.ldexp(floats(value.value.words), -value.fraction)
    return np.broadcast_to(whole if value.scale is None else whole * value.scale, value.shape)


FINEST = 2.0**-36
"""A sum that is less than this part of what is added has few digits in float64 either."""

MOVED = frozenset(
    (
        "broadcast_in_dim", "convert_element_type", "copy", "device_put", "optimization_barrier", "pad",
        "reduce_precision", "reshape", "rev", "slice", "split", "squeeze", "stop_gradient", "transpose",
        *CONTROL,
    )
)  # fmt: skip
"""Steps whose rules move the twins as they move the numbers (`primitives.shape`)."""

Followed = Callable[..., Any]


def _of(function: Callable[..., Any]) -> Followed:
    return lambda step, results, *operands: function(*operands)


def _of_bits(function: Callable[..., Any]) -> Followed:
    """Of bools, or of integers."""
    return lambda step, results, *x: function(*[np.asarray(each).astype(step.forms[0].dtype) for each in x])


def _quotient(step: PlanStep, results: Any, x: _Floats, y: _Floats) -> _Floats:
    found = np.divide(x, y)
    return np.asarray(np.trunc(found) if np.dtype(step.forms[0].dtype).kind in "iu" else found)


def _along(function: Callable[..., Any]) -> Followed:
    """A reduction."""
    return lambda step, results, x: function(x, axis=tuple(step.params["axes"]))


def _running(function: Callable[..., Any]) -> Followed:
    def compute(step: PlanStep, results: Any, x: _Floats) -> _Floats:
        axis = int(step.params["axis"])
        if not step.params["reverse"]:
            return np.asarray(function(x, axis=axis))
        return np.flip(function(np.flip(x, axis), axis=axis), axis)

    return compute


def _dot(step: PlanStep, results: Any, x: _Floats, y: _Floats) -> _Floats:
    (left, right), (first, second) = step.params["dimension_numbers"]
    axes, others = list(range(x.ndim)), list(range(x.ndim, x.ndim + y.ndim))
    for a, b in zip((*left, *first), (*right, *second), strict=True):
        others[b] = axes[a]
    rest = [each for axis, each in enumerate(axes) if axis not in (*left, *first)]
    last = [each for axis, each in enumerate(others) if axis not in (*right, *second)]
    made: Callable[..., Any] = np.einsum
    return np.asarray(made(x, axes, y, others, [*[axes[a] for a in first], *rest, *last], optimize=True))


def _wide(step: PlanStep, results: Any, x: _Floats, y: _Floats) -> list[_Floats]:
    found = _dot(step, results, x, y)
    return [found, np.zeros_like(found)]


def _chosen(step: PlanStep, results: Any, which: Any, *cases: _Floats) -> _Floats:
    index = np.broadcast_to(np.asarray(which, np.int64), cases[0].shape)
    return np.asarray(np.choose(index, cases))


def _power(step: PlanStep, results: Any, x: _Floats) -> Any:
    return np.power(x, int(step.params.get("y", 2)))


def _triangular(step: PlanStep, results: Any, a: _Floats, b: _Floats) -> _Floats:
    a = np.tril(a) if step.params["lower"] else np.triu(a)
    if step.params["unit_diagonal"]:
        a = a - a * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
    if step.params["transpose_a"]:
        a = np.swapaxes(a, -1, -2)
    if step.params["left_side"]:
        return _solved(a, b)
    return np.swapaxes(_solved(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)


def _whole(function: Callable[..., Any]) -> Followed:
    """Of whole parts: as they are where that is decided by little (`decisions`)."""

    def compute(step: PlanStep, results: Sequence[Secret], x: _Floats, *others: _Floats) -> _Floats:
        want, actual = function(x, *others), held(results[0])
        near = np.abs(x / others[0] if others else 2 * x)  # halves count, as in `round`
        return np.asarray(np.where(np.abs(near - np.rint(near)) > NARROW * near, want, actual))

    return compute


def _sorted(step: PlanStep, results: Sequence[Value], *given: Any) -> list[Any]:
    """By several keys: numbers that are equal in all but the last, and differ enough there, are in order."""
    axis, count = int(step.params["dimension"]), int(step.params["num_keys"])
    order = np.lexsort([np.moveaxis(each, axis, -1) for each in given[count - 1 :: -1]])
    order = np.moveaxis(order, -1, axis)
    first, *moved = (np.take_along_axis(each, order, axis) for each in given)
    public = all(isinstance(each, Public) for each in results[:count])
    sure = public or distinct([first, *moved[: count - 1]], axis)
    return [first, *[_where(sure, each, result) for each, result in zip(moved, results[1:], strict=True)]]


def _highest(step: PlanStep, results: Sequence[Value], x: _Floats) -> list[Any]:
    axis = int(step.params["axis" if step.name == "top_k" else "reduction_dimension"])
    up = step.name == "approx_top_k" and not step.params["is_max_k"]
    order = np.argsort(x if up else -np.asarray(x, np.float64), axis=axis, kind="stable")
    keys, count = np.take_along_axis(x, order, axis), range(int(step.params["k"]))
    first, sure, places = (np.take(each, count, axis) for each in (keys, distinct([keys], axis), order))
    return [first, _where(sure, places, results[1])]


def _where(sure: Any, want: Any, result: Value) -> Any:
    """What a decision moves, but as it is where that is narrow."""
    return np.where(sure, want, held(result)) if isinstance(result, Secret) else None


def _solved(a: _Floats, b: _Floats) -> _Floats:
    """NaN where there is no answer."""
    some = np.linalg.det(a)[..., None, None] != 0
    found = np.linalg.solve(np.where(some, a, np.eye(a.shape[-1])), b)
    return np.asarray(np.where(some, found, np.nan))


def _decomposed(step: PlanStep, results: Sequence[Any], a: _Floats) -> list[_Floats | None]:
    """L and U, of rows in the order that the fixed-point numbers have found."""
    order = results[2]
    if isinstance(order, Public):
        return [None, None, None]
    places = floats(order.value.words).astype(np.int64)
    rest = np.take_along_axis(a, np.broadcast_to(places, order.shape)[..., None], -2)
    for k in range(min(rest.shape[-2:])):
        column = rest[..., k + 1 :, k] / rest[..., k, k, None]
        rest[..., k + 1 :, k + 1 :] -= column[..., None] * rest[..., k, None, k + 1 :]
        rest[..., k + 1 :, k] = column
    return [rest, None, None]


def _of_scipy(name: str) -> Followed:
    return lambda step, results, *operands: getattr(import_module("scipy.special"), name)(*operands)


def _polygamma(step: PlanStep, results: Any, order: _Floats, x: _Floats) -> Any:
    found = _by_jax(step, results, np.maximum(order, 1), x)
    return np.where(order == 0, _of_scipy("psi")(step, results, x), found)


def _cholesky(step: PlanStep, results: Any, a: _Floats) -> Any:
    """Of the lower triangle, with 0 above."""
    return np.tril(_by_jax(step, results, a))


def _eigenvectors(step: PlanStep, results: Sequence[Value], a: _Floats) -> list[Any]:
    vectors, numbers = _by_jax(step, results, a)
    signs = _signs(vectors, held(results[0]), -2)  # type: ignore[arg-type]
    return [np.where(_apart(numbers)[..., None, :], vectors * signs, np.nan), _without_noise(numbers)]


def _singular_vectors(step: PlanStep, results: Sequence[Any], a: _Floats) -> list[Any]:
    """Vectors of what is 0, or of equal numbers, are those that the fixed-point numbers have."""
    numbers, *vectors = _by_jax(step, results, a)
    found = [_without_noise(numbers)]
    if not vectors:
        return found
    count, (left, right) = numbers.shape[-1], (vectors[0], np.swapaxes(vectors[1], -1, -2))
    signs = _signs(left[..., :count], held(results[1])[..., :count], -2)
    apart = (_apart(numbers) & (numbers > NARROW * numbers[..., :1]))[..., None, :]
    for each in (left, right):
        known = np.where(apart, each[..., :count] * signs, np.nan)
        rest = np.full((*each.shape[:-1], each.shape[-1] - count), np.nan)
        found.append(np.concatenate([known, rest], -1))
    return [found[0], found[1], np.swapaxes(found[2], -1, -2)]


def _orthogonal(step: PlanStep, results: Sequence[Any], a: _Floats) -> list[Any]:
    """From the first column on that depends on those before it, as the fixed-point numbers have them."""
    left, upper = _by_jax(step, results, a)
    least = min(a.shape[-2:])
    along = np.diagonal(upper, axis1=-2, axis2=-1)
    signs = _signs(left[..., :least], held(results[0])[..., :least], -2)
    long = np.linalg.norm(a, axis=-2)[..., :least]
    known = np.logical_and.accumulate(np.abs(along) > NARROW * long, -1)
    signs = np.where(known[..., None, :], signs, np.nan)
    rest = np.full((*left.shape[:-1], left.shape[-1] - least), np.nan)
    below = np.zeros((*upper.shape[:-2], upper.shape[-2] - least, upper.shape[-1]))
    upper = np.concatenate([upper[..., :least, :] * np.swapaxes(signs, -1, -2), below], -2)
    return [np.concatenate([left[..., :least] * signs, rest], -1), upper]


def _signs(found: _Floats, there: _Floats, axis: int) -> _Floats:
    """By which columns are to be multiplied, so that they have the signs of those that are there."""
    return np.where(np.sum(found * there, axis, keepdims=True) < 0, -1.0, 1.0)


def _apart(numbers: _Floats) -> Any:
    """Which of sorted numbers have a vector of their own: no other number is near."""
    size = NARROW * np.abs(numbers).max(-1, keepdims=True)
    far = np.abs(np.diff(numbers, axis=-1)) > size
    edge = np.ones((*numbers.shape[:-1], min(numbers.shape[-1], 1)), np.bool_)
    return np.concatenate([edge, far], -1) & np.concatenate([far, edge], -1)


def _without_noise(numbers: _Floats) -> _Floats:
    """NaN for what is rounding alone."""
    size = np.abs(numbers).max(-1, keepdims=True, initial=0)
    return np.where(np.abs(numbers) < NOISE * size, np.nan, numbers)


def _over_axis(function: Callable[..., Any]) -> Followed:
    def compute(step: PlanStep, results: Any, *operands: _Floats) -> list[Any]:
        return [function(each, axis=tuple(step.params["axes"])) for each in operands]

    return compute


def _by_jax(step: PlanStep, results: Any, *operands: Any) -> Any:
    """Of a step that takes numbers of any dtype: jax itself, with float64 in place of its floats."""
    params = {name: value for name, value in step.params.items() if name in KNOWN}
    with jax.enable_x64(True):
        given = [
            jnp.asarray(each, np.float64 if np.dtype(form.dtype).kind == "f" else form.dtype)
            for each, form in zip(operands, step.given, strict=True)
        ]
        if step.name in SCATTERED:
            return np.asarray(SCATTERED[step.name](*given, **params))
        others = {name: None if name == "preferred_element_type" else x for name, x in step.params.items()}
        made = step.primitive.bind(*given, **others)
        return [np.asarray(each) for each in made] if isinstance(made, list | tuple) else np.asarray(made)


SCATTERED: Mapping[str, Callable[..., Any]] = {
    "scatter": lax.scatter,
    "scatter-add": lax.scatter_add,
    "scatter-max": lax.scatter_max,
    "scatter-min": lax.scatter_min,
    "scatter-mul": lax.scatter_mul,
    "scatter-sub": lax.scatter_sub,
    "scatter_add": lax.scatter_add,
}
KNOWN = frozenset(("dimension_numbers", "indices_are_sorted", "mode", "unique_indices"))
"""What is given to these, beside the operands; not the program of float32 by which numbers are added."""

CHOOSING = frozenset(
    (
        "cummax", "cummin", "dynamic_slice", "dynamic_update_slice", "gather", "reduce_window_max",
        "reduce_window_min", "scatter", "scatter-add", "scatter-max", "scatter-min", "scatter-sub",
        "scatter_add",
    )
)  # fmt: skip
"""Steps that only move numbers, by numbers that may be secret; they lose no digits themselves."""

NOISE = 2.0**-46
"""An eigenvalue or singular value that is less than this part of the greatest is rounding in float64, too."""

FOLLOWED: Mapping[str, Followed] = {
    "abs": _of(np.abs),
    "acos": _of(np.arccos),
    "acosh": _of(np.arccosh),
    "add": _of(np.add),
    "add_any": _of(np.add),
    "and": _of_bits(np.bitwise_and),
    "approx_top_k": _highest,
    "asin": _of(np.arcsin),
    "asinh": _of(np.arcsinh),
    "atan": _of(np.arctan),
    "atan2": _of(np.arctan2),
    "atanh": _of(np.arctanh),
    "bessel_i0e": _of_scipy("i0e"),
    "bessel_i1e": _of_scipy("i1e"),
    "cbrt": _of(np.cbrt),
    "ceil": _whole(np.ceil),
    "cholesky": _cholesky,
    "clamp": _of(lambda low, x, high: np.clip(x, low, high)),
    "clz": _by_jax,
    "convert_element_type": lambda step, results, x: np.asarray(x).astype(step.forms[0].dtype),
    "concatenate": lambda step, results, *parts: np.concatenate(parts, axis=int(step.params["dimension"])),
    "conv_general_dilated": _by_jax,
    "cos": _of(np.cos),
    "cosh": _of(np.cosh),
    "cumlogsumexp": _by_jax,
    "cumprod": _running(np.cumprod),
    "cumsum": _running(np.cumsum),
    "digamma": _of_scipy("psi"),
    "div": _quotient,
    "dot_general": _dot,
    "eigh": _eigenvectors,
    "erf": _of_scipy("erf"),
    "erf_inv": _of_scipy("erfinv"),
    "erfc": _of_scipy("erfc"),
    "exp": _of(np.exp),
    "exp2": _of(np.exp2),
    "expm1": _of(np.expm1),
    "floor": _whole(np.floor),
    "igamma": _of_scipy("gammainc"),
    "igammac": _of_scipy("gammaincc"),
    "integer_pow": _power,
    "lgamma": _of_scipy("gammaln"),
    "log": _of(np.log),
    "log1p": _of(np.log1p),
    "logistic": _of(lambda x: 1 / (1 + np.exp(-x))),
    "lu": _decomposed,
    "max": _of(np.maximum),
    "min": _of(np.minimum),
    "mul": _of(np.multiply),
    "neg": _of(np.negative),
    "not": _of_bits(np.invert),
    "or": _of_bits(np.bitwise_or),
    "pmax": _over_axis(np.max),
    "pmin": _over_axis(np.min),
    "polygamma": _polygamma,
    "population_count": _by_jax,
    "pow": _of(np.power),
    "psum": _over_axis(np.sum),
    "qr": _orthogonal,
    "reduce_and": _along(np.all),
    "reduce_max": _along(np.max),
    "reduce_min": _along(np.min),
    "reduce_or": _along(np.any),
    "reduce_prod": _along(np.prod),
    "reduce_sum": _along(np.sum),
    "reduce_xor": _by_jax,
    "regularized_incomplete_beta": _of_scipy("betainc"),
    "rem": _whole(np.fmod),
    "round": _whole(np.rint),
    "reduce_window_sum": _by_jax,
    "rsqrt": _of(lambda x: 1 / np.sqrt(x)),
    "scatter-mul": _by_jax,
    "select_and_scatter_add": _by_jax,
    "select_n": _chosen,
    "shift_left": _by_jax,
    "shift_right_arithmetic": _by_jax,
    "shift_right_logical": _by_jax,
    "sign": _of(np.sign),
    "sin": _of(np.sin),
    "sinh": _of(np.sinh),
    "sort": _sorted,
    "sqrt": _of(np.sqrt),
    "square": _power,
    "sub": _of(np.subtract),
    "svd": _singular_vectors,
    "tan": _of(np.tan),
    "tanh": _of(np.tanh),
    "top_k": _highest,
    "triangular_solve": _triangular,
    "wide_product": _wide,
    "wide_quotient": _of(lambda upper, lower, high, low: (upper + lower) / (high + low)),
    "wide_root": _of(lambda upper, lower: np.sqrt(upper + lower)),
    "xor": _of_bits(np.bitwise_xor),
    "zeta": _of_scipy("zeta"),
    **dict.fromkeys(CHOOSING, _by_jax),
}
"""Of a step, its results and the numbers of its operands, those of its results in float64."""

SUMS: Mapping[str, str] = {"add": "add", "add_any": "add", "reduce_sum": "reduce_sum", "sub": "add"}
"""Steps that add numbers of either sign, and the step that adds their magnitudes."""

WITHOUT: Mapping[str, str] = {
    "bitcast_convert_type": "of integers of one width: the same bits; of floats it is refused",
    "is_finite": "no secret is infinite or NaN",
    "lu_pivots_to_permutation": "of an order that the fixed-point numbers decide",
    "reveal_inside": "its result is public; what it reveals is compared as it leaves",
}
"""Steps that have no twins, and why."""
