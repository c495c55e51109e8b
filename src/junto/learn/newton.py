"""Second order: iteratively reweighted least squares, with an inverse that is computed by products alone.

Nelder and Wedderburn, "Generalized linear models", 1972: with G = X'WX + penalty and g = X'r - penalty w,

    w <- w + G^-1 g

W is the Fisher weight of each row: that of the present w (``newton``), or one number that no weight exceeds
(``bound``: Boehning and Lindsay, "Monotonicity of quadratic-approximation algorithms", 1988), for which G and
its inverse are computed once and no step can overshoot. Where the weight is constant, both are the same.

G is brought to the form of a correlation matrix C and inverted by an accelerated Newton-Schulz iteration (see
`inverse`): two rounds a turn, no division, no pivots. A `ridge` is added to its diagonal, so that collinear
columns do no harm. As g is exact, what is wrong with the inverse changes the way and not where it
ends; so the weights are not renewed in the last steps. Columns that are exactly collinear share their effect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, Final

import jax
import jax.numpy as jnp

from junto.learn.design import apart, design, diagonal, first_weights, penalised
from junto.learn.families import Family

DIGITS = 8
"""Bits of an inverse's largest entries that are right, before corrections."""

LIGHT = 16
"""From 2**LIGHT rows on weights are made smaller, so that sums of products stay below 2**26."""

SETTLING = 2
"""Steps at the end, of many, for which the weights stay: near the solution they change little."""

NEAR = 0.95
"""Eigenvalues of C Z from here on need corrections only."""

CORRECTIONS = 3
"""Turns with C itself, each of which squares what is left, where the inverse is a result: not only a way."""

POLISHING = 2
"""Turns that take the ridge off again, for standard errors: what is left of it is its fourth power."""


@dataclass(frozen=True)
class Steps:
    """How to iterate.

    Attributes:
        count: how often.
        bounded: one bound for all weights.
        intercept: whether there is one.
        ridge: see `inverse`.
    """

    count: int
    bounded: bool
    intercept: bool
    ridge: float


def ridge(fraction: int) -> float:
    """What is added to the diagonal of a correlation matrix, if numbers have so many bits after the point.

    Inverses are as large as this is small, and their last bits are multiplied by it: `DIGITS` are left.
    Columns whose inflation factor is beyond its inverse share what they explain together.
    """
    return 2.0 ** (DIGITS - fraction)


def train(
    parts: Sequence[Any],
    constant: Sequence[Any],
    label: tuple[Any, Any],
    penalty: Any,
    rows: Any = None,
    *,
    model: tuple[Family, Steps],
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Weights [columns] and intercept; and the last step of both, with the gradient that it followed.

    Args:
        parts: of each owner [rows, columns].
        constant: of each owner 1 for a constant column, else 0; none if unknown.
        label: scale and target of `dataset.Label`.
        penalty: of L2, for the sum over all rows.
        rows: what each row weighs [rows]; None: all the same.
        model: what is fitted, and how.
    """
    family, steps = model
    scale, y = label
    x = design(parts, steps.intercept)
    width = sum(part.shape[1] for part in parts)
    shrink = penalty * penalised(width, steps.intercept)
    empty = padded(constant, x.shape[1])
    weight = family.constant or (family.bound if steps.bounded else None)

    def counted(of_rows: Any) -> Any:
        return of_rows if rows is None else of_rows * rows

    def stepped(w: Any, inverted: Any, residual: Any) -> tuple[Any, Any, Any]:
        gradient = (counted(residual) @ x) * down(x) - (shrink * down(x)) * w
        step = inverted @ gradient
        return w + step, inverted, (step, gradient)

    def inverted_with(weights: Any) -> Any:
        return _inverted(x, counted(weights), shrink, empty, steps.ridge)

    def begun(w: Any) -> tuple[Any, Any, Any]:
        eta = family.begin(y)
        if eta is None:
            return renewed(0, (w,)) if weight is None else repeated(0, (w, inverted_with(weight)))
        residual, weights = family.slopes(eta, y)
        fixed = weights if weight is None else weight
        return stepped(w, inverted_with(fixed), residual + fixed * (eta - x @ w))

    def renewed(_: int, state: Any) -> tuple[Any, Any, Any]:
        residual, weights = family.slopes(x @ state[0], y)
        return stepped(state[0], inverted_with(weights), residual)

    def repeated(_: int, state: Any) -> tuple[Any, Any, Any]:
        return stepped(state[0], state[1], family.residual(x @ state[0], y))

    first = first_weights(scale, width, steps.intercept)
    renewals = max(steps.count - SETTLING, math.ceil(steps.count / 2)) if weight is None else 1
    state = jax.lax.fori_loop(1, renewals, renewed, begun(first))
    w, _, last = jax.lax.fori_loop(renewals, steps.count, repeated, state)
    return apart(w, width), last


LONGEST: Final = 2.0**-4
"""Of a coefficient's last step, of columns of deviation 1. Of the same columns rounding makes it 2**-8."""


def settled(last: tuple[Any, Any], rows: int, limit: float) -> Any:
    """Whether the root mean square of what the last step changed of the rows' scores is no more than `limit`.

    Step times gradient is that square, as the rows weigh, summed; half of it is the loss that is still to be
    had (Boyd and Vandenberghe, "Convex Optimization", 2004, section 9.5.1). Of columns that are so much alike
    that the ridge makes them share, each step changes little, and there is no end of steps: then they are
    long, for it takes large coefficients to tell such columns apart.

    Args:
        last: step and gradient, of `train`.
        rows: how many there are.
        limit: see above.
    """
    step, gradient = last
    short = jnp.all(jnp.abs(step) <= LONGEST)
    return short & (step @ gradient <= limit**2 * rows * down(range(rows)))


def information(x: Any, weight: Any, shrink: Any, empty: Any) -> tuple[Any, Any]:
    """Find d and C with G = D^-1 C D^-1, D = diag(d), C with ones on its diagonal.

    G is that of the module times `down`: so neither it nor d has numbers near the ends of fixed point.

    Args:
        x: [rows, columns].
        weight: [rows], or one public number.
        shrink: [columns].
        empty: [columns], 1 where a column is zero.
    """
    if isinstance(weight, float):
        gram = x.T @ x * (weight * down(x))
    else:
        light = 2.0 ** -max(0, len(x).bit_length() - LIGHT)
        gram = (x * (weight * light)[:, None]).T @ x * (down(x) / light)
    gram = gram + diagonal(shrink * down(x) + empty)
    d = jax.lax.rsqrt(jnp.diag(gram))
    return d, gram * (d[:, None] * d[None, :])


def _inverted(x: Any, weight: Any, shrink: Any, empty: Any, ridge: float) -> Any:
    """G^-1, but for the ridge, with G as in `information`."""
    d, c = information(x, weight, shrink, empty)
    return inverse(c, ridge, corrections=1) * (d[:, None] * d[None, :])


def down(x: Sized) -> float:
    """A power of two near the root of the number of rows, inverted."""
    return float(2.0 ** -(len(x).bit_length() // 2))


def inverse(c: Any, ridge: float, corrections: int = CORRECTIONS) -> Any:
    """(C + ridge)^-1 for a correlation matrix, whose eigenvalues lie between 0 and the number of its rows.

    Z and Y = C Z begin at 1 / size, and each turn multiplies both by a (2 - a Y): one product for the two of
    them. Rounding parts them; `corrections` with C itself bring them together again.
    """
    size = len(c)
    lifted = c + ridge * jnp.eye(size)
    both = jnp.concatenate([jnp.eye(size) / size, lifted / size])
    for square in accelerations(ridge / size):
        both = (both @ (2 / math.sqrt(square) * jnp.eye(size) - both[size:])) * float(square)
    z = both[:size]
    for _ in range(corrections):
        z = _closer(lifted, z)
    return z


def accelerations(least: float) -> list[int]:
    """For eigenvalues of Y from `least` to 1 squares of factors a that bring them near 1.

    Pan and Schreiber, "An improved Newton iteration for the generalized inverse of a matrix", SIAM Journal on
    Scientific and Statistical Computing 12, 1991, section 3: y becomes a y (2 - a y), so the smallest are up
    to four times as large after a turn, without a twice. Its square is whole: that costs no truncation.
    """
    found = []
    while least < NEAR:
        square = max((1, 2, 3), key=lambda each: _least(least, math.sqrt(each)))
        least = _least(least, math.sqrt(square))
        found.append(square)
    return found


def _least(least: float, a: float) -> float:
    return min(a * least * (2 - a * least), a * (2 - a))


def polished(c: Any, z: Any) -> Any:
    """C^-1 from (C + ridge)^-1; of a matrix without an inverse, something large."""
    for _ in range(POLISHING):
        z = _closer(c, z)
    return z


def _closer(c: Any, z: Any) -> Any:
    return z @ (2 * jnp.eye(len(c)) - c @ z)


def padded(parts: Sequence[Any], width: int) -> Any:
    """Vectors side by side, and zeros behind them."""
    given = jnp.concatenate(list(parts)) if parts else jnp.zeros(0)
    return jnp.concatenate([given, jnp.zeros(width - len(given))])
