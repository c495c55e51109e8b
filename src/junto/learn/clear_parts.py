"""What parties send to one that gets a whole model, and how it puts that together; all of it in the clear.

The owners of columns send their names, means and deviations; the SPU shows what it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.learn.clear_models import CENTERS, COEF, COMPONENTS, INTERCEPT, VARIANCE, WRITERS, ClearModel
from junto.learn.dataset import Scales
from junto.learn.estimator import require, run_at
from junto.learn.examine import ColumnScaling, Floats
from junto.learn.pooled_groups import PooledGroups
from junto.learn.pooled_linear import PooledLinear, coefficients, intercept
from junto.learn.trees.candidates import column_names


def receiver_of(to: PYU | str | None, format: str | None) -> PYU:
    """Who gets a whole model.

    Raises:
        LearnError: nobody is named; or there is no such format.
    """
    require(
        to is not None and format is not None,
        "a whole model goes to one party, in a format",
        'export(to=bob, format="sklearn"); export() shows each party its own part',
    )
    require(format in WRITERS, f"there is no format {format!r}", " or ".join(WRITERS))
    return to if isinstance(to, PYU) else PYU(str(to))


def exported(
    scales: Scales, shown: Mapping[str, Any], about: tuple[str, tuple[Any, ...], float], to: PYU, format: str
) -> PYUObject:
    """A model of columns of several parties, at one party.

    Args:
        scales: of the columns.
        shown: handles at `to` of the matrices of `KINDS`, of scaled columns.
        about: kind, classes and power of `ClearModel`.
        to: who gets it.
        format: a key of `WRITERS`.

    Raises:
        LearnError: the columns were scaled on the SPU, so that nobody knows their own units.
    """
    require(scales.secret is None, "what the columns are scaled by is on the SPU", "predict with the model")
    parts = [run_at(owner, _told, scaling).to(to) for owner, scaling in scales.by_owner.items()]
    parties = [owner.party for owner in scales.by_owner]
    model = run_at(to, _together, parties, parts, dict(shown), about, scales.widths)
    return run_at(to, WRITERS[format], model)


def exported_rows(found: PYUObject, about: tuple[str, tuple[Any, ...], float], format: str) -> PYUObject:
    """A model of rows of several parties, at one that knows it."""
    return run_at(found.device, WRITERS[format], run_at(found.device, _of_rows, found, about))


# -------------------------------------------------------------------- at a party


def _told(scaling: ColumnScaling) -> dict[str, Any]:
    return {"names": list(scaling.names), "mean": scaling.mean, "deviation": scaling.deviation}


def _together(
    parties: Sequence[str],
    parts: Sequence[Mapping[str, Any]],
    shown: Mapping[str, Any],
    about: tuple[str, tuple[Any, ...], float],
    widths: Sequence[int],
) -> ClearModel:
    if parts:
        names = tuple(column_names(parties, [part["names"] for part in parts]))
        mean, scale = (np.concatenate([np.asarray(p[key]) for p in parts]) for key in ("mean", "deviation"))
    else:  # the columns were on the SPU
        names = tuple(map(str, range(sum(widths))))
        mean, scale = np.zeros(len(names)), np.ones(len(names))
    return _made(about, names, (mean, scale), shown)


def _made(
    about: tuple[str, tuple[Any, ...], float],
    names: tuple[str, ...],
    scaler: tuple[Floats, Floats],
    shown: Mapping[str, Any],
) -> ClearModel:
    """Linear models in their columns' own units; others behind the scaler."""
    numbers = {name: np.asarray(each, np.float64) for name, each in shown.items()}
    kind, classes, power = about
    if COEF not in numbers:
        return ClearModel(kind, names, *scaler, numbers, classes, power)
    coef = numbers[COEF].reshape(-1) / scaler[1]
    constant = numbers[INTERCEPT].reshape(()) - coef @ scaler[0]
    return ClearModel(kind, names, None, None, {COEF: coef, INTERCEPT: constant}, classes, power)


def _of_rows(found: Any, about: tuple[str, tuple[Any, ...], float]) -> ClearModel:
    names, scaler = found.scaling.names, (found.scaling.mean, found.scaling.deviation)
    kind, classes, power = about
    if isinstance(found, PooledLinear):
        numbers = {COEF: coefficients(found), INTERCEPT: np.asarray(intercept(found))}
        return ClearModel(kind, names, None, None, numbers, classes, power)
    if isinstance(found, PooledGroups):
        return _made(about, names, scaler, {CENTERS: found.centers})
    return _made(about, names, scaler, {COMPONENTS: found.components, VARIANCE: found.variance})
