"""Rows with secret weights, as those of a join that nobody sees: columns and label are scaled on the SPU.

What their owners do elsewhere (`examine`, `families`) is done here on secret numbers, over the rows as they
weigh. A row of weight 0 counts nowhere: its columns and its label become 0, whatever stands there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.learn.dataset import Columns, Label, Scales, on_scale, target_on
from junto.learn.estimator import Estimator, require
from junto.learn.families import IDENTITY, LOGIT, Family
from junto.learn.linear_parameters import SGD, LinearParameters
from junto.learn.magnitude import Norm, norm
from junto.learn.scaled import EXPONENT, powers
from junto.learn.solvers import FitTask

LEAST: Final = -12
"""A column whose deviation is below two to this power counts as constant."""

EXPONENTS: Final = np.arange(-14, 25)
"""Of sizes that are told apart."""

HALF: Final = 10
"""The power of two of the first factor ends here, for fixed point does soon after."""


def task_of(
    model: LinearParameters[Any], columns: Columns, label: Any, weight: Any
) -> tuple[FitTask, Scales]:
    """What there is to fit, and on what scales the columns are.

    Args:
        model: what is fitted.
        columns: on the SPU.
        label: likewise [rows].
        weight: likewise [rows], numbers from 0 on.

    Raises:
        LearnError: they are elsewhere, or the model cannot take weights as it is.
    """
    spu = model.spu
    require_weights(model, {"X": columns.array, "y": label, "sample_weight": weight}, columns.rows)
    require(model.solver_for(sum(columns.widths)) != SGD, "sgd takes no weights of rows", 'solver="newton"')
    require(not model.inference, "there are no standard errors of weighted rows", "leave out inference")
    x: Any = columns.array
    scales, constant = Scales({}, columns.widths), []
    if model.standardize:
        x, scales = scaled(spu, columns, weight, centred=model.fit_intercept)
        constant = [spu(_constant)(scales.secret)]
    one, two = (model.penalty_for(rows) for rows in (1, 2))  # of the weights' sum in place of rows
    make = spu(_label_scale, static_argnames=("family", "centred"), num_returns_policy="single")
    target = target_on(spu, label, model.family)
    scale = make(target, weight, (2 * one - two, two - one), family=model.family, centred=model.fit_intercept)
    target = spu(_target, static_argnames="family")(target, weight, scale, family=model.family)
    known = Label(None, scale, target)
    return FitTask(spu, model.family, [x], constant, known, scale, spu(_penalty)(scale), weight), scales


def require_weights(model: Estimator[Any], given: Mapping[str, Any], rows: int) -> None:
    """Look whether rows can be weighed.

    Args:
        model: what is fitted.
        given: what `fit` was, by parameter, ``sample_weight`` the last of them.
        rows: of X.

    Raises:
        LearnError: something is not on the SPU, or there is not a weight for each row.
    """
    *others, _ = given
    for what, each in given.items():
        require(
            isinstance(each, SPUObject),
            f"{type(model).__name__} has weights of rows only where {', '.join(others)} and the weights are "
            f"on the SPU, and {what} is not",
            "leave out sample_weight; with whole numbers that all parties know, each takes a row as often "
            "as it weighs",
        )
    weight = given["sample_weight"]
    require(weight.shape == (rows,), f"sample_weight is {weight!r}", f"one of {rows} numbers")


def scaled(
    spu: SPU, columns: Columns, weight: SPUObject, *, centred: bool = True
) -> tuple[SPUObject, Scales]:
    """Columns of mean 0 and deviation 1 as rows weigh, and what brings later ones there.

    Args:
        spu: where they are.
        columns: as they are.
        weight: of the rows [rows].
        centred: whether the mean is taken off; see `_moments`.
    """
    found = spu(_moments, static_argnames="centred", num_returns_policy="single")
    moments = found(columns.array, weight, centred=centred)
    x: SPUObject = spu(_scaled_rows)(columns.array, moments, weight)
    return x, Scales({}, columns.widths, moments)


# -------------------------------------------------------------------- what runs on the SPU


def at_most_one(weight: Any) -> Any:
    """Weights over the greatest of them."""
    most = jnp.max(weight.astype(jnp.float32))
    return weight / jnp.where(most > 0, most, 1)


def _moments(x: Any, weight: Any, *, centred: bool) -> Any:
    """What brings columns to mean 0 and deviation 1, see `dataset.on_scale`; and which are ``constant``.

    Not `centred` they are brought to a mean square of 1.
    """
    total = jnp.sum(weight)
    mean = _mean(x, weight, total) if centred else jnp.zeros(x.shape[1])
    found = jax.vmap(lambda gap: _spread(gap, weight, total), 1)(x - mean)
    return {"mean": mean, **found}


def _mean(x: Any, weight: Any, total: Any) -> Any:
    """The weighted mean; what a quotient has lost is taken from differences."""
    mean = (weight @ x) / total
    return mean + (weight @ (x - mean)) / total


def _spread(gap: Any, weight: Any, total: Any) -> Mapping[str, Any]:
    """The root of the weighted mean square of a vector (``spread``), and what brings it to 1.

    Two factors do. The first is a power of two, so that the second, which is rounded, has digits. What is
    left is a number near 1, which can be squared. Where there is no spread, both are 0 (``constant``).
    """
    size = _over_root(norm(gap * weight), total)
    constant = (size.digits == 0) | (size.exponent < LEAST)
    here = (jnp.clip(size.exponent, EXPONENTS[0], EXPONENTS[-1]) == EXPONENTS).astype(jnp.float32)
    rest = np.maximum(EXPONENTS - HALF, 0)
    first = jnp.where(constant, 0.0, here @ powers(rest - EXPONENTS))
    second = (here @ powers(-rest)) / jnp.where(constant, 1.0, size.digits)
    near = gap * first * second
    left = jnp.where(constant, 1.0, jnp.sqrt((near * near) @ weight / total))
    spread = jnp.where(constant, 1.0, size.digits * (here @ powers(EXPONENTS)) * left)
    return {
        "first": first,
        "second": second / left,
        "spread": spread,
        "constant": constant.astype(jnp.float32),
    }


def _over_root(size: Norm, total: Any) -> Norm:
    """A norm over the root of the sum of the weights."""
    root = norm(jnp.sqrt(total)[None])
    return Norm(size.digits / jnp.maximum(root.digits, 1), size.exponent - root.exponent)


def _constant(moments: Any) -> Any:
    return moments["constant"]


def _scaled_rows(x: Any, moments: Any, weight: Any) -> Any:
    return on_scale(x, moments) * (weight > 0)[:, None]


def _label_scale(
    y: Any, weight: Any, penalty: tuple[Any, Any], *, family: Family, centred: bool
) -> Mapping[str, Any]:
    """As `examine.scale_numbers`."""
    total = jnp.sum(weight)
    made = {"start": jnp.zeros(()), "penalty": penalty[0] + penalty[1] * total}
    y = y.astype(jnp.float32)
    mean = _mean(y, weight, total) if centred else jnp.zeros(())
    if family.link == LOGIT:
        return {**made, "start": jnp.log(mean / (1 - mean))} if centred else made
    whole = {EXPONENT: np.int32(0)}
    if family.link == IDENTITY:
        found = _spread(y - mean, weight, total)
        return {**made, **found, "shift": mean, "digits": found["spread"], "middle": mean, **whole}
    if not centred:
        return {**made, "shift": mean, "lift": mean, **whole, "first": mean + 1, "second": mean + 1}
    shift, one = jnp.log(mean), jnp.ones(1)
    if family.rescales:
        made["penalty"] = made["penalty"] * jnp.exp(shift * (family.power - 2))  # type: ignore[attr-defined]
    return {**made, "shift": shift, "lift": shift, **whole, **_spread(mean[None], one, one[0])}


def _target(y: Any, weight: Any, scale: Any, *, family: Family) -> Any:
    y = y.astype(jnp.float32)
    if family.link != LOGIT:
        shift = scale["shift"] if family.link == IDENTITY else 0.0
        y = (y - shift) * scale["first"] * scale["second"]
    return y * (weight > 0)


def _penalty(scale: Any) -> Any:
    return scale["penalty"]
