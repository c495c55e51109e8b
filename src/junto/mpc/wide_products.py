"""Sums of squares in functions of jax's own: variances, covariances and norms, of numbers up to 2**22.

A product of two fixed-point numbers has twice their bits after the point until it is truncated, so with 18 of
them it must stay below 2**26: a square below that of 8192. In a variance no square is needed for itself. So
these functions are computed with a primitive of their own, which multiplies upper and lower bits apart
(`primitives.wide`): the sum comes in two parts, that are divided, and only then added.

Which of a function's steps are such sums is found in its jaxpr. All other steps stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import mlir

WIDE: Mapping[str, bool] = {
    "_std": True,
    "_var": True,
    "corrcoef": True,
    "cov": True,
    "nanstd": True,
    "nanvar": True,
    "norm": False,
}
"""By the name of jax's function: whether it divides the sum by a number of rows, which then need not fit."""

NAME = "wide_product"

MOVES = frozenset({"broadcast_in_dim", "convert_element_type", "reshape", "squeeze"})
"""What may happen to both parts before they are divided."""


def wide_product(x: Any, y: Any, dimensions: Any, divided: bool) -> Sequence[Any]:
    """`lax.dot_general` of floats of one shape, in two parts of which the sum counts.

    Args:
        x, y: arrays.
        dimensions: as of `lax.dot_general`.
        divided: whether the result will be divided by the number of terms, or one of its size.
    """
    made: Sequence[Any] = _wide.bind(x, y, dimension_numbers=dimensions, divided=divided)
    return made


def _plainly(x: Any, y: Any, *, dimension_numbers: Any, divided: bool) -> list[Any]:
    found = lax.dot_general(x, y, dimension_numbers)
    return [found, jnp.zeros_like(found)]


def _form(x: Any, y: Any, **params: Any) -> Any:
    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in (x, y)]  # type: ignore[no-untyped-call]
    found = jax.eval_shape(lambda a, b: _plainly(a, b, **params), *shapes)
    return [x.update(shape=each.shape, weak_type=False) for each in found]


_wide: Any = Primitive(NAME)
_wide.multiple_results = True
_wide.def_impl(_plainly)
_wide.def_abstract_eval(_form)
mlir.register_lowering(_wide, mlir.lower_fun(_plainly, multiple_results=True))


def wide_quotient(upper: Any, lower: Any, high: Any, low: Any, *, wide: bool) -> Any:
    """`(upper + lower) / (high + low)`, of parts that need not fit together.

    Args:
        upper, lower: parts of a sum, or a number and 0.
        high, low: likewise, of the divisor.
        wide: whether the divisor is in parts; else it is a number.
    """
    return _wide_quotient.bind(upper, lower, high, low, wide=wide)


def _plain_quotient(upper: Any, lower: Any, high: Any, low: Any, *, wide: bool) -> Any:
    return (upper + lower) / (high + low)


def wide_root(upper: Any, lower: Any) -> Any:
    """`sqrt(upper + lower)`, of parts that need not fit together; 0 of what is less than 0 by an error."""
    return _wide_root.bind(upper, lower)


def _plain_root(upper: Any, lower: Any) -> Any:
    return jnp.sqrt(upper + lower)


def _primitive(name: str, plainly: Callable[..., Any]) -> Any:
    """A primitive of one result, to whose form the operands broadcast."""

    def form(*operands: Any, **params: Any) -> Any:
        return operands[0].update(shape=np.broadcast_shapes(*(x.shape for x in operands)), weak_type=False)

    made: Any = Primitive(name)
    made.def_impl(plainly)
    made.def_abstract_eval(form)
    mlir.register_lowering(made, mlir.lower_fun(plainly, multiple_results=False))
    return made


_wide_quotient = _primitive("wide_quotient", _plain_quotient)
_wide_root = _primitive("wide_root", _plain_root)


@dataclass(frozen=True, slots=True)
class _Parts:
    """A sum of which the parts are still apart."""

    upper: Any
    lower: Any
    squares: bool

    def both(self) -> Any:
        """The sum; of squares alone it is not less than 0, whatever the error of each part."""
        found = self.upper + self.lower
        return jnp.maximum(found, 0) if self.squares else found


def widened(name: str, called: Any) -> Any:
    """The program of a function of jax's with wide products; None if it has no sums of squares.

    Args:
        name: of the function.
        called: its jaxpr.
    """
    if name not in WIDE or len(called.outvars) != 1:  # a derivative, which divides by roots, has more
        return None
    if not any(_is_wide(each, _makers(called)) for each in called.eqns):
        return None
    forms = [each.aval for each in called.invars]
    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in forms]  # type: ignore[no-untyped-call]
    return jax.make_jaxpr(lambda *given: _evaluated(called, given, WIDE[name]))(*shapes)


def _is_wide(equation: Any, makers: Mapping[Any, Any]) -> bool:
    return equation.primitive.name == "sqrt" or _summed(equation, makers) is not None


LARGE, DOWN = 2.0**30, 2.0**7
"""From where on a root is taken of less, and the root of how much less: `roots.sqrt` ends at 2**32."""


def square_root(x: Any) -> Any:
    """The square root, up to 2**43; 0 of what is less than 0 by the error of a difference."""
    large = x > LARGE
    root = jnp.sqrt(jnp.where(large, x * DOWN**-2, jnp.maximum(x, 0)))
    return jnp.where(large, root * DOWN, root)


def inverse_root(x: Any) -> Any:
    """One over the square root, likewise."""
    large = x > LARGE * DOWN**-2
    root = lax.rsqrt(jnp.where(large, x * DOWN**-4, x))
    return jnp.where(large, root * DOWN**-2, root)


def _makers(jaxpr: Any) -> dict[Any, Any]:
    return {variable: each for each in jaxpr.eqns for variable in each.outvars}


def _summed(equation: Any, makers: Mapping[Any, Any]) -> tuple[Any, Any, Any] | None:
    """The operands and dimensions of the product that is summed, if it is one of a float with itself."""
    name, (first, *others) = equation.primitive.name, equation.invars or [None]
    if first is None or hasattr(first, "val") or first.aval.dtype.kind != "f":
        return None
    if name == "reduce_sum":
        base = _squared(makers.get(first))
        axes = tuple(equation.params["axes"])
        kept = tuple(axis for axis in range(len(first.aval.shape)) if axis not in axes)
        return base and (base, base, ((axes, axes), (kept, kept)))
    if name == "dot_general":
        return _with_itself(first, others[0], equation.params["dimension_numbers"], makers)
    return None


def _with_itself(x: Any, y: Any, dimensions: Any, makers: Mapping[Any, Any]) -> tuple[Any, Any, Any] | None:
    """A product of a matrix with its transpose, as one of a matrix with itself."""
    maker = None if hasattr(y, "val") else makers.get(y)
    (left, right), batch = dimensions
    if maker is None or maker.primitive.name != "transpose" or maker.invars[0] is not x or any(batch):
        return None
    if len(x.aval.shape) != 2 or len(right) != 1:
        return None
    return x, x, ((left, (maker.params["permutation"][right[0]],)), batch)


def _squared(maker: Any) -> Any:
    """What is squared, if a step squares."""
    if maker is None:
        return None
    first, name = maker.invars[0], maker.primitive.name
    same = name == "mul" and maker.invars[1] is first
    return first if name == "square" or same or (name == "integer_pow" and maker.params["y"] == 2) else None


def _evaluated(jaxpr: Any, given: Sequence[Any], divided: bool) -> list[Any]:
    """The results, of tracers."""
    known: dict[Any, Any] = dict(zip(jaxpr.invars, given, strict=True))
    makers = _makers(jaxpr)

    def value(atom: Any) -> Any:
        return atom.val if hasattr(atom, "val") else known[atom]

    for equation in jaxpr.eqns:
        form = _summed(equation, makers)
        if form is not None:
            upper, lower = wide_product(value(form[0]), value(form[1]), form[2], divided)
            known[equation.outvars[0]] = _Parts(upper, lower, equation.primitive.name == "reduce_sum")
            continue
        if equation.primitive.name == "sqrt":
            operand = value(equation.invars[0])
            total = operand.upper + operand.lower if isinstance(operand, _Parts) else operand
            known[equation.outvars[0]] = square_root(total)  # which takes no number below 0 for one
            continue
        known.update(
            zip(equation.outvars, _applied(equation, list(map(value, equation.invars))), strict=True)
        )
    return [_whole(value(each)) for each in jaxpr.outvars]


def _whole(value: Any) -> Any:
    return value.both() if isinstance(value, _Parts) else value


def _applied(equation: Any, operands: list[Any]) -> list[Any]:
    """A step's results; of parts it is applied to both where that is the same."""
    name = equation.primitive.name
    match operands:
        case [_Parts() as sums, *others] if name == "div" or name in MOVES:
            given = [_whole(each) for each in others]
            (upper,), (lower,) = (_bound(equation, [each, *given]) for each in (sums.upper, sums.lower))
            made = _Parts(upper, lower, sums.squares)
            return [made if name in MOVES else made.both()]
    if _is_nan_where(equation, operands):
        chosen, other, parts = operands
        (upper,), (lower,) = (_bound(equation, [chosen, other, each]) for each in (parts.upper, parts.lower))
        return [_Parts(upper, lower, parts.squares)]
    return _bound(equation, [_whole(each) for each in operands])


def _is_nan_where(equation: Any, operands: Sequence[Any]) -> bool:
    """Whether a step says NaN in place of parts: that is NaN with either of them."""
    if equation.params.get("name") != "_where" or not isinstance(operands[-1], _Parts):
        return False
    other = operands[1] if len(operands) == 3 else None
    return isinstance(other, float | np.ndarray | np.generic) and bool(np.isnan(other).all())


def _bound(equation: Any, operands: Sequence[Any]) -> list[Any]:
    bound = equation.primitive.get_bind_params(equation.params)
    functions, params = bound if isinstance(bound, tuple) else ((), bound)  # as older versions of jax say it
    made = equation.primitive.bind(*functions, *operands, **params)
    return list(made) if equation.primitive.multiple_results else [made]
