"""Mini-batch gradient descent with momentum, as one program on the SPU.

Polyak, "Some methods of speeding up the convergence of iteration methods", 1964. For each batch of B rows

    velocity <- momentum velocity + X'r - penalty (B / n) w        r: the batch's residuals
    w        <- w + (rate / B) velocity

The velocity is a sum over rows, not a mean: so its fixed-point steps are the finer the more rows there are.
Batches are slices of the shared table, of which nothing is sent again; a step costs 8 rounds and about 40
bytes a row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.learn.design import apart, design, first_weights, penalised
from junto.learn.families import Family
from junto.learn.linear_parameters import CONSTANT, INVERSE

DIGITS = 16
"""Binary digits of a rate: all parties must have the same, and their libraries may differ in the last bit."""


@dataclass(frozen=True)
class Batches:
    """How an epoch goes through the rows.

    Attributes:
        rows: of the table; those behind are for validation.
        size: of a batch; the last one is what is left.
        momentum: how much of the last step is kept.
        intercept: whether there is one.
    """

    rows: int
    size: int
    momentum: float
    intercept: bool

    @property
    def full(self) -> int:
        """Batches of full size."""
        return self.rows // self.size

    @property
    def steps(self) -> int:
        """All batches of an epoch."""
        return -(-self.rows // self.size)


class DescentState(NamedTuple):
    """What a step changes: two secret vectors, a number a column, and one for the intercept."""

    weights: Any
    velocity: Any


def strides(schedule: str, eta0: float, power_t: float, epochs: int, batches: Batches) -> NDArray[np.float32]:
    """Learning rate over rows, of each batch: [epochs, batches].

    ``constant``: eta0. ``invscaling``: eta0 / t**power_t in epoch t from 1 on, spread over its batches.
    ``cosine``: from eta0 down to 0 along half a cosine (Loshchilov and Hutter, ICLR 2017, without restarts).
    """
    done = np.arange(epochs * batches.steps, dtype=np.float64).reshape(epochs, -1) / batches.steps
    if schedule == CONSTANT:
        factors = np.ones_like(done)
    elif schedule == INVERSE:
        factors = (1 + done) ** -power_t
    else:
        factors = (1 + np.cos(math.pi * done / epochs)) / 2
    rows = np.full(batches.steps, batches.size)
    rows[-1] = batches.rows - (batches.steps - 1) * batches.size
    return _coarse(eta0 * factors / rows)


def _coarse(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    mantissa, exponent = np.frexp(numbers)
    rounded = np.ldexp(np.round(np.ldexp(mantissa, DIGITS)), exponent - DIGITS)
    return np.asarray(rounded, np.float32)


def begin(scale: Any, *, width: int, intercept: bool) -> DescentState:
    """Weights of zero, and the constant that fits best without columns."""
    weights = first_weights(scale, width, intercept)
    return DescentState(weights, jnp.zeros(len(weights)))


def train(
    state: DescentState,
    parts: Sequence[Any],
    y: Any,
    penalty: Any,
    stride: Any,
    *,
    model: tuple[Family, Batches],
) -> DescentState:
    """As many epochs as `stride` has rows.

    Args:
        state: where to go on.
        parts: of each owner [rows, columns].
        y: the label's target [rows].
        penalty: of L2, for the sum over all rows.
        stride: see `strides`.
        model: what is fitted, and how rows are batched.
    """
    family, batches = model
    cut, end = batches.full * batches.size, batches.rows
    folded = [part[:cut].reshape(batches.full, batches.size, -1) for part in parts]
    labels = y[:cut].reshape(batches.full, batches.size)
    width = sum(part.shape[1] for part in parts)
    shrink = penalty * (batches.size / batches.rows) * penalised(width, batches.intercept)

    def step(state: DescentState, batch: Any) -> tuple[DescentState, None]:
        *columns, label, stride = batch
        x = design(columns, batches.intercept)
        weights, velocity = state
        residual = family.residual(x @ weights, label)
        velocity = batches.momentum * velocity + (residual @ x - shrink * weights)
        return DescentState(weights + stride * velocity, velocity), None

    def epoch(state: DescentState, stride: Any) -> tuple[DescentState, None]:
        if batches.full:
            state, _ = jax.lax.scan(step, state, (*folded, labels, stride[: batches.full]))
        if cut < end:
            state, _ = step(state, (*[part[cut:end] for part in parts], y[cut:end], stride[-1]))
        return state, None

    return jax.lax.scan(epoch, state, stride)[0]


def split(state: DescentState, *, width: int) -> tuple[Any, Any]:
    """Weights and intercept."""
    return apart(state.weights, width)


def loss(
    weights: Any, parts: Sequence[Any], y: Any, *, model: tuple[Family, Batches], rows: tuple[int, int]
) -> Any:
    """Mean loss of the rows from one to another."""
    family, batches = model
    x = design([part[slice(*rows)] for part in parts], batches.intercept)
    return jnp.mean(family.loss(x @ weights, y[slice(*rows)]))


def improves(now: Any, best: Any, tolerance: float) -> tuple[Any, Any]:
    """Whether the loss is below the best one by more than `tolerance`, and the lower of the two."""
    return now < best - tolerance, jnp.minimum(now, best)
