"""What runs at the owner of a table or label, in the clear: checks, scales, and what is shared of it.

Only `Facts` leave a party as they are: counts, and of the first fault its kind and the column's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.learn.families import Family, LabelScale
from junto.learn.faults import NAME_LENGTH, Fault

Floats = NDArray[np.float64]

LARGEST: Final = 2.0**20
"""Labels must stay below: products of fixed-point numbers end at 2**26."""

LARGEST_SUM: Final = 2.0**25
"""So must the sum of the squares of a column, for every product of two columns adds up to less."""

Facts = Mapping[str, int | str]
"""``rows``, ``columns``, ``fault`` (a key of `faults.FAULTS`, or empty) and ``column``, its name."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a party's columns are brought to mean 0 and deviation 1. It stays with the party.

    Attributes:
        names: of the columns.
        mean, deviation: of each; a constant column has deviation 1.
        constant: 1 where a column is constant, else 0.
    """

    names: tuple[str, ...]
    mean: Floats
    deviation: Floats
    constant: Floats


# -------------------------------------------------------------------- checks


def examine(table: Any, scaled: bool) -> Facts:
    """Facts of a table of columns; `scaled`: whether they will be brought to deviation 1."""
    rows = columns = 0
    try:
        names, values = matrix(table)
        rows, columns = values.shape
        _check(rows > 0 and columns > 0, "empty")
        sums = [float(rows)] if scaled else np.sum(values**2, axis=0)
        _check_below(LARGEST_SUM, sums, names)
    except Fault as fault:
        return _facts(rows, columns, fault)
    return _facts(rows, columns)


def examine_label(label: Any, domain: str) -> Facts:
    """Facts of a label; `domain` as in `Family`."""
    rows, name = 0, ""
    try:
        names, values = matrix(label, vector=True)
        name, rows, y = names[0], len(values), values[:, 0]
        _check(rows > 0, "empty")
        _check_below(LARGEST, np.abs(y).max(keepdims=True), names)
        if domain == "classes":
            _check(bool(np.isin(y, (0, 1)).all()), "classes", name)
            _check(bool(y.min() < y.max()), "one class", name)
        elif domain != "any":
            _check(bool((y >= 0).all()), "negative", name)
            _check(bool((y > 0).all() if domain == "positive" else y.any()), "zero", name)
    except Fault as fault:
        return _facts(rows, 1, fault)
    return _facts(rows, 1)


def _facts(rows: int, columns: int, fault: Fault | None = None) -> Facts:
    kind, column = (fault.kind, fault.column) if fault else ("", "")
    return {"rows": rows, "columns": columns, "fault": kind, "column": column[:NAME_LENGTH]}


def _check(good: bool, kind: str, column: str = "") -> None:
    if not good:
        raise Fault(kind, column)


def _check_below(limit: float, sizes: Any, names: tuple[str, ...]) -> None:
    large = np.flatnonzero(np.asarray(sizes) >= limit)
    _check(not large.size, "large", names[large[0]] if large.size else "")


# -------------------------------------------------------------------- tables as arrays


def matrix(table: Any, *, vector: bool = False) -> tuple[tuple[str, ...], Floats]:
    """Names and numbers of an array, or of a pandas, polars or Arrow table.

    Args:
        table: of two dimensions; numbers or truth values, none of them missing.
        vector: it must have one column, and may have one dimension.

    Raises:
        Fault: it is something else.
    """
    named = _named(table)
    if named is None:
        array = np.asarray(table)
        _check(array.ndim == 2 or (vector and array.ndim == 1), "shape")
        array = array[:, None] if array.ndim == 1 else array
        names = tuple(str(i) for i in range(array.shape[1]))
        _check(array.dtype.kind in "biuf", "text", names[0] if names else "")
        values = array.astype(np.float64, copy=False)
    else:
        columns = list(named)
        names = tuple(name for name, _ in columns)
        parts = [_numbers(name, column) for name, column in columns]
        values = np.stack(parts, axis=1) if parts else np.zeros((0, 0))
    _check(not vector or values.shape[1] == 1, "shape")
    lost = np.flatnonzero(~np.isfinite(values).all(axis=0))
    _check(not lost.size, "missing", names[lost[0]] if lost.size else "")
    return names, values


def _named(table: Any) -> Iterator[tuple[str, Any]] | None:
    """The columns of a table by name; None of an array."""
    if hasattr(table, "column_names"):  # Arrow
        return zip(map(str, table.column_names), table.columns, strict=True)
    if hasattr(table, "iter_columns"):  # polars
        return ((str(column.name), column) for column in table.iter_columns())
    if hasattr(table, "to_numpy") and hasattr(table, "items"):  # pandas
        if hasattr(table, "columns"):
            return ((str(name), column) for name, column in table.items())
        return iter([(str(table.name), table)])
    if hasattr(table, "to_numpy"):  # one column of polars or Arrow
        return iter([(str(getattr(table, "name", "0")), table)])
    return None


def _numbers(name: str, column: Any) -> Floats:
    kind = getattr(column.dtype, "kind", "") if hasattr(column, "dtype") else ""
    if kind and kind in "biuf" and hasattr(column, "iloc"):  # pandas, whose own integers may be missing
        return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan), np.float64)
    array = np.asarray(column.to_numpy())
    _check(array.dtype.kind in "biuf", "text", name)
    return array.astype(np.float64)


# -------------------------------------------------------------------- what is shared


def scaling_of(table: Any, scaled: bool, centred: bool) -> Scaling:
    """The scaling that training uses, now and for every later table."""
    names, values = matrix(table)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    # rounding leaves a constant column some deviation
    constant = spread <= 1e-9 * np.maximum(np.abs(mean), 1e-30)
    return Scaling(
        names=names,
        mean=np.where(centred, mean, 0.0),
        deviation=np.where(constant | (not scaled), 1.0, spread),
        constant=constant.astype(np.float64) if centred else np.zeros(len(names)),
    )


def scaled_columns(table: Any, scaling: Scaling, seed: int | None = None) -> Floats:
    """The columns on their scale; rows in the public order of `seed`."""
    _, values = matrix(table)
    scaled = (values - scaling.mean) / scaling.deviation
    return scaled if seed is None else scaled[shuffled(len(scaled), seed)]


def constant_columns(scaling: Scaling) -> Floats:
    """Where columns are constant: shared, so that nobody else learns it."""
    return scaling.constant


def offsets(scaling: Scaling) -> Floats:
    """Mean over deviation: what an intercept for a party's own units takes off, times the coefficients."""
    return scaling.mean / scaling.deviation


def own_units(scaling: Scaling, shown: Any) -> Floats:
    """Coefficients [1, columns] of scaled columns as those of the columns themselves [columns]."""
    return np.asarray(shown[0], np.float64) / scaling.deviation


def unscaled(scaling: Scaling, points: Any) -> Floats:
    """Points [count, columns] of scaled columns as those of the columns themselves."""
    return np.asarray(points, np.float64) * scaling.deviation + scaling.mean


def scale_of_label(label: Any, family: Family, centred: bool) -> LabelScale:
    """The scale on which a label is fitted."""
    return family.scale(_vector(label), centred)


def scaled_label(label: Any, family: Family, scale: LabelScale, seed: int | None = None) -> Floats:
    """The label on its scale; rows in the public order of `seed`."""
    y = family.scaled(_vector(label), scale)
    return y if seed is None else y[shuffled(len(y), seed)]


def scale_numbers(scale: LabelScale) -> dict[str, float]:
    """The scale in a form that can be shared."""
    return asdict(scale)


def label_limits(label: Any, family: Family, scale: LabelScale) -> Floats:
    """See `Family.limits`."""
    return np.array(family.limits(family.scaled(_vector(label), scale)))


def _vector(label: Any) -> Floats:
    return matrix(label, vector=True)[1][:, 0]


def shuffled(rows: int, seed: int) -> NDArray[np.intp]:
    """A public order of the rows, the same at every party."""
    return np.random.default_rng(seed).permutation(rows)
