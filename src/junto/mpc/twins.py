"""Where a result has lost its digits on the way: for the debug mode, which sees values.

`n / jnp.sum(1 / x)` of salaries adds reciprocals of a few units each: no step is wrong by more than half a
unit, the result by a half. So beside each float that a step has rounded the debug mode keeps the same number
as float64 makes it of the same inputs, its twin; where a result leaves the program, both are compared with
what is promised: the greatest error is within a thousandth of the greatest number, however small that is;
beside larger numbers, each one is within a thousandth of itself, or as near as a function is, 2e-5, and
within a hundredth, or 64 units. Twins begin with what a party puts in, before it is rounded, and go on from
call to call.

What lost digits decide is followed as numbers are (`decisions`): a count, an order, a choice.
A narrow decision is as the fixed-point numbers have it, and no error. A step that has no twin here, such as a
decomposition, begins anew from the numbers that are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from junto.mpc.decisions import DECIDING, NARROW, Choices, decided, distinct
from junto.mpc.digits import LOOSE, UNITS
from junto.mpc.plain_gates import PlainRing
from junto.mpc.plan_steps import CONTROL, Block, PlanStep, ShapeDtype
from junto.mpc.ring128 import floats, lowest_words
from junto.mpc.values import Public, Secret, Value
from junto.mpc.visibility import place

_Floats = NDArray[np.float64]

PROMISED = 1e-3
"""A result that is off by less than this part of itself is right."""

FUNCTIONS = 2e-5
"""What a function such as a sine may be off by, whatever the last place is."""

NOTHING = 2.0**-48
"""What is less than this in float64 is as good as 0 there: cos(pi / 2) is 6e-17."""


_NONE = np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class Twin:
    """The numbers of a secret as float64 has them.

    Args:
        numbers: as many as the secret holds, or as its scale has.
        lost: the step that was the first to lose more than a thousandth of its largest number, and where.
        outside: what is to be said if one of those that are NaN is chosen: a function is not defined there.
    """

    numbers: _Floats
    lost: str = ""
    outside: str = ""

    def moved(self, move: Callable[[Any], Any], shape: tuple[int, ...]) -> Twin | None:
        """The twin of a secret that is moved; None: it has another shape than what is moved."""
        return replace(self, numbers=move(self.numbers)) if self.numbers.shape == shape else None


class Twins:
    """Keeps twins, and compares them (`interpret.StepHooks.twins`).

    Args:
        fraction: the SPU's bits after the point.
        say: takes a sentence where a result is wrong.
        warn: takes one where a function is not defined for what it is given.
    """

    def __init__(self, fraction: int, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._fraction = fraction
        self._say = say
        self._warn = warn
        self._choices = Choices()
        self._step: PlanStep | None = None
        self._outside = ""

    def read(self, block: Block) -> None:
        """What is to be followed."""
        self._choices.read(block)

    def begin(self, step: PlanStep) -> None:
        """The step that `put_off` speaks of from here on."""
        self._step, self._outside = step, ""

    def put_off(self, sentence: str, domain: bool) -> bool:
        """Whether a number out of range is no matter unless it is chosen, and said where that happens.

        In `jnp.where(x > 0, jnp.log(x), 0)` it is none, whatever comes of it in the logarithm.

        Args:
            sentence: what is to be said.
            domain: whether a function is not defined there.
        """
        if domain and self._step is not None and self._choices.only(self._step):
            self._outside = sentence
        return bool(self._outside)

    def enter(self, value: Value, held: Any) -> Value:
        """An argument, with the twin that was kept beside what holds it."""
        if isinstance(value, Public) or not _is_float(value) or held.exact is None:
            return value
        return replace(value, twin=Twin(held.exact))

    def keep(self, value: Value, held: Any) -> None:
        """Beside what holds a result, for the next call."""
        if isinstance(value, Secret) and _is_float(value) and value.twin and isinstance(held, PlainRing):
            held.exact = np.broadcast_to(value.twin.numbers, value.shape)

    def follow(self, step: PlanStep, operands: Sequence[Value], results: Sequence[Value]) -> Sequence[Value]:
        """The results of a step with their twins."""
        if step.name in DECIDING and results and _is_decision(results[0]) and not _recounts(step, operands):
            return self._decided(step, operands, results)
        twins = [each.twin for each in operands if isinstance(each, Secret) and each.twin]
        outside = self._outside or next((each.outside for each in twins if each.outside), "")
        if step.name in MOVED and not _recounts(step, operands):
            return results
        made = self._made(step, operands, results)
        lost = twins[0].lost if twins else ""
        followed = [
            self._twin(step, number, each, Twin(_NONE, lost, outside))
            for number, each in enumerate(zip(results, made, strict=True))
        ]
        self._outside = ""
        return followed

    def _made(self, step: PlanStep, operands: Sequence[Value], results: Sequence[Value]) -> Sequence[Any]:
        """The numbers of the results; None: they begin anew."""
        compute = FOLLOWED.get(step.name)
        twins = any(isinstance(x, Secret) and x.twin for x in operands)
        follows = twins or (step.name not in CHOOSING and any(map(_is_float, results)))
        none = [None] * len(results)
        if not (compute and follows and all(map(_has_numbers, operands)) and isinstance(results[0], Secret)):
            return none
        numbers = [_numbers(each) for each in operands]
        try:
            with np.errstate(all="ignore"):
                found = compute(step, results, *numbers)
                if step.name in SUMS:  # NaN, for which the numbers that are there stand
                    whole = FOLLOWED[SUMS[step.name]](step, results, *map(np.abs, numbers))
                    found = np.where(np.abs(found) < FINEST * whole, np.nan, found)
        except (ArithmeticError, TypeError, ValueError):  # float64 has no such step: no reason to end a run
            return none
        return found if isinstance(found, list) else [found]

    def _decided(
        self, step: PlanStep, operands: Sequence[Value], results: Sequence[Value]
    ) -> Sequence[Value]:
        """A result that is no float, with the twin that its operands' twins decide."""
        twins = [each.twin for each in operands if isinstance(each, Secret) and each.twin]
        (value,) = results
        if not twins or not isinstance(value, Secret) or not all(map(_has_numbers, operands)):
            return results
        actual = np.broadcast_to(_held(value), step.forms[0].shape)
        numbers = [_numbers(each) for each in operands]
        try:
            with np.errstate(all="ignore"):
                found = decided(step.name, step.params, actual, numbers)
        except (ArithmeticError, TypeError, ValueError):  # of what cannot be compared: as it is
            return results
        lost = next((each.lost for each in twins if each.lost), "")
        thin = _thinned(np.broadcast_to(found, actual.shape).astype(np.float64), value.value.shape)
        return [replace(value, twin=Twin(thin, lost))]

    def _twin(self, step: PlanStep, number: int, pair: tuple[Value, Any], before: Twin) -> Value:
        value, made = pair
        lost, outside = before.lost, before.outside
        if outside and made is None:
            self._warn(outside)
        if not isinstance(value, Secret) or (value.twin is None and made is None):
            return value
        if made is None:
            return replace(value, twin=None)
        form, held = step.forms[number].shape, value.value.shape
        shape = held if value.scale is None else np.broadcast_shapes(held, value.scale.shape)
        there = _held(value)
        numbers, actual = (
            np.asarray(_thinned(np.broadcast_to(each, form), shape), np.float64) for each in (made, there)
        )
        known = np.isfinite(numbers) & (np.abs(numbers) < _most(value, step.forms[number], self._fraction))
        strays = np.isnan(numbers) if not self._outside else ~known
        kept = outside if outside and self._is_put_off(step, bool(strays.any()), outside) else ""
        right = np.where(known, numbers, actual)
        if not lost and numbers.size:
            gap, size = np.abs(right - actual).max(), np.abs(right).max()
            lost = f"`{step.name}`{place(step)}" if gap > PROMISED * size else ""
        return replace(value, twin=Twin(np.where(strays, np.nan, right) if kept else right, lost, kept))

    def _is_put_off(self, step: PlanStep, strays: bool, outside: str) -> bool:
        """Whether it may still be that nobody chooses what is outside of a domain; if not, it is said."""
        if strays and self._choices.only(step):
            return True
        if strays or self._outside:
            self._warn(outside)
        return False

    def leave(self, value: Secret) -> None:
        """Where a settled result leaves the program."""
        if value.twin is None:
            return
        if value.kind != "fixed":
            self._leave_decision(value)
            return
        part = wrong(_held(value), np.broadcast_to(value.twin.numbers, value.shape), self._fraction)
        if part:
            where = f", at {value.twin.lost} first" if value.twin.lost else ""
            self._say(
                f"a result has lost its digits{where}: it is off by {part:.1%} of what floating point makes "
                "of the same numbers; scale the numbers, or take more bits after the point "
                "(fxp_fraction_bits)"
            )

    def _leave_decision(self, value: Secret) -> None:
        right = np.broadcast_to(value.twin.numbers, value.shape)
        turned = int((_held(value) != right).sum())
        if turned:
            where = f", at {value.twin.lost} first" if value.twin.lost else ""
            self._say(
                f"a result is decided by numbers that have lost their digits{where}: {turned} of "
                f"{right.size} are others than floating point has; scale the numbers, or take more bits "
                "after the point (fxp_fraction_bits)"
            )


def wrong(found: _Floats, right: _Floats, fraction: int) -> float:
    """By which part of itself a result is off, at most, where that breaks the promise; else 0.

    Args:
        found: what fixed-point numbers have made.
        right: what floating point has made.
        fraction: the SPU's bits after the point.
    """
    if not found.size:
        return 0.0
    error, size, unit = np.abs(found - right), np.abs(right), 2.0**-fraction
    worst, most = float(error.max()), float(size.max())
    if worst > PROMISED * max(most, NOTHING) and (most > NOTHING or worst > UNITS * unit):
        return worst / max(most, unit)
    fine, own = UNITS * unit, max(UNITS * unit, FUNCTIONS)
    each = ((error > PROMISED * size) & (error > own)) | ((error > LOOSE * size) & (error > fine))
    return float((error[each] / np.maximum(size[each], unit)).max()) if each.any() else 0.0


def _is_decision(value: Value) -> bool:
    return isinstance(value, Secret) and value.kind != "fixed"


def _most(value: Secret, form: ShapeDtype, fraction: int) -> float:
    """Numbers from here on are as they are: floats out of range, integers that wrap or float64 rounds."""
    if value.kind == "integer":
        return min(2.0**53, float(np.iinfo(form.dtype).max) + 1)
    return float(np.ldexp(1.0, np.iinfo(np.int64).bits - fraction))


def _is_float(value: Value) -> bool:
    return isinstance(value, Secret) and value.kind == "fixed" and isinstance(value.value, PlainRing)


def _recounts(step: PlanStep, operands: Sequence[Value]) -> bool:
    """Whether it makes numbers of bools or of integers."""
    return step.name == "convert_element_type" and all(map(_is_decision, operands))


def _has_numbers(value: Value) -> bool:
    return isinstance(value, Secret) or (isinstance(value.array, np.ndarray) and value.dtype.kind in "biuf")


def _numbers(value: Value) -> Any:
    """A twin's, or those that are there; of bools the flags, of a public array itself."""
    if isinstance(value, Public):
        return value.array if value.dtype.kind == "b" else value.array.astype(np.float64)
    there = value.twin.numbers if value.twin is not None else _held(value)
    return np.broadcast_to(there.astype(np.bool_) if value.kind == "bits" else there, value.shape)


def _held(value: Secret) -> Any:
    """The numbers that are there: flags of bools, of integers as their dtype wraps them."""
    if value.kind == "bits":
        return np.broadcast_to(value.value.flags, value.shape)
    if value.kind == "integer":
        return np.broadcast_to(lowest_words(value.value.words).astype(value.dtype), value.shape)
    whole = np.ldexp(floats(value.value.words), -value.fraction)
    return np.broadcast_to(whole if value.scale is None else whole * value.scale, value.shape)


def _thinned(numbers: _Floats, shape: Sequence[int]) -> _Floats:
    """What broadcasts from a shape, in that shape."""
    wide = (1,) * (numbers.ndim - len(shape)) + tuple(shape)
    cut = tuple(slice(0, 1) if here == 1 else slice(None) for here in wide)
    return numbers[cut].reshape(tuple(shape))


FINEST = 2.0**-36
"""A sum that is less than this part of what is added has few digits in float64 either."""

# ---------------------------------------------------------------- steps

MOVED = frozenset(
    (
        "broadcast_in_dim", "convert_element_type", "copy", "optimization_barrier", "pad",
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
        want, actual = function(x, *others), _held(results[0])
        near = np.abs(x / others[0] if others else 2 * x)  # halves count, as in `round`
        return np.asarray(np.where(np.abs(near - np.rint(near)) > NARROW * near, want, actual))

    return compute


def _sorted(step: PlanStep, results: Sequence[Value], x: _Floats, *others: Any) -> list[Any]:
    """By one key; by several all begins anew."""
    if step.params["num_keys"] > 1:
        return [None] * len(results)
    axis = int(step.params["dimension"])
    order = np.argsort(x, axis=axis, kind="stable")
    keys, *moved = (np.take_along_axis(each, order, axis) for each in (x, *others))
    sure = distinct(keys, axis)
    return [keys, *[_where(sure, each, result) for each, result in zip(moved, results[1:], strict=True)]]


def _highest(step: PlanStep, results: Sequence[Value], x: _Floats) -> list[Any]:
    axis, count = int(step.params["axis"]), range(int(step.params["k"]))
    order = np.argsort(-np.asarray(x, np.float64), axis=axis, kind="stable")
    keys = np.take_along_axis(x, order, axis)
    first, sure, places = (np.take(each, count, axis) for each in (keys, distinct(keys, axis), order))
    return [first, _where(sure, places, results[1])]


def _where(sure: Any, want: Any, result: Value) -> Any:
    """What a decision moves, but as it is where that is narrow."""
    return np.where(sure, want, _held(result)) if isinstance(result, Secret) else None


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
    return lambda step, results, x: getattr(import_module("scipy.special"), name)(x)


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
        return np.asarray(step.primitive.bind(*given, **others))


SCATTERED: Mapping[str, Callable[..., Any]] = {
    "scatter": lax.scatter,
    "scatter-add": lax.scatter_add,
    "scatter_add": lax.scatter_add,
}
KNOWN = frozenset(("dimension_numbers", "indices_are_sorted", "mode", "unique_indices"))
"""What is given to these, beside the operands; not the program of float32 by which numbers are added."""

CHOOSING = frozenset(
    (
        "cummax", "cummin", "dynamic_slice", "dynamic_update_slice", "gather", "scatter", "scatter-add",
        "scatter_add",
    )
)  # fmt: skip
"""Steps that only move numbers, by numbers that may be secret; they lose no digits themselves."""

FOLLOWED: Mapping[str, Followed] = {
    "abs": _of(np.abs),
    "acos": _of(np.arccos),
    "acosh": _of(np.arccosh),
    "add": _of(np.add),
    "add_any": _of(np.add),
    "and": _of_bits(np.bitwise_and),
    "asin": _of(np.arcsin),
    "asinh": _of(np.arcsinh),
    "atan": _of(np.arctan),
    "atan2": _of(np.arctan2),
    "atanh": _of(np.arctanh),
    "cbrt": _of(np.cbrt),
    "ceil": _whole(np.ceil),
    "clamp": _of(lambda low, x, high: np.clip(x, low, high)),
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
    "erf": _of_scipy("erf"),
    "erf_inv": _of_scipy("erfinv"),
    "erfc": _of_scipy("erfc"),
    "exp": _of(np.exp),
    "exp2": _of(np.exp2),
    "expm1": _of(np.expm1),
    "floor": _whole(np.floor),
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
    "pow": _of(np.power),
    "reduce_and": _along(np.all),
    "reduce_max": _along(np.max),
    "reduce_min": _along(np.min),
    "reduce_or": _along(np.any),
    "reduce_prod": _along(np.prod),
    "reduce_sum": _along(np.sum),
    "rem": _whole(np.fmod),
    "round": _whole(np.rint),
    "reduce_window_sum": _by_jax,
    "rsqrt": _of(lambda x: 1 / np.sqrt(x)),
    "select_n": _chosen,
    "sign": _of(np.sign),
    "sin": _of(np.sin),
    "sinh": _of(np.sinh),
    "sort": _sorted,
    "sqrt": _of(np.sqrt),
    "square": _power,
    "sub": _of(np.subtract),
    "tan": _of(np.tan),
    "tanh": _of(np.tanh),
    "top_k": _highest,
    "triangular_solve": _triangular,
    "wide_product": _wide,
    "wide_quotient": _of(lambda upper, lower, high, low: (upper + lower) / (high + low)),
    "wide_root": _of(lambda upper, lower: np.sqrt(upper + lower)),
    "xor": _of_bits(np.bitwise_xor),
    **dict.fromkeys(CHOOSING, _by_jax),
}
"""Of a step, its results and the numbers of its operands, those of its results in float64."""

SUMS: Mapping[str, str] = {"add": "add", "add_any": "add", "reduce_sum": "reduce_sum", "sub": "add"}
"""Steps that add numbers of either sign, and the step that adds their magnitudes."""
