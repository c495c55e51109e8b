"""What runs at the owner of a table or label, in the clear: checks, scales, and what is shared of it.

Only `Facts` leave a party as they are: counts, and of the first fault its kind and the column's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.columns import misfit
from junto.errors import LearnError
from junto.frame.numeric import deviations, of_objects
from junto.learn.families import ClassFamily, Family, LabelScale
from junto.learn.faults import NAME_LENGTH, TableFault

Floats = NDArray[np.float64]

LARGEST: Final = 2.0**20
"""Labels must stay below, on their scale: products of fixed-point numbers end at 2**26."""

LARGEST_INPUT: Final = 1e100
"""Squares of larger numbers leave the range of floats."""

LARGEST_SINGLE: Final = 3e38
"""Numbers of 32 bits end here."""

LARGEST_SUM: Final = 2.0**25
"""So must the sum of the squares of a column, for every product of two columns adds up to less."""

LARGEST_PENALTY: Final = 2.0**14
"""A row. With a stronger one no coefficient is told apart from 0."""

LARGEST_OFFSET: Final = 2.0**18
"""A coefficient's error times this is as large as a label's deviation."""

Facts = Mapping[str, int | str]
"""``rows``, ``columns``, ``fault`` (a key of `faults.FAULTS`, or empty), ``column``, its name, and ``known``:
see `dataset.Checked`."""


@dataclass(frozen=True, slots=True)
class ColumnScaling:
    """How a party's columns are brought to mean 0 and deviation 1. It stays with the party.

    Attributes:
        names: of the columns.
        named: whether the table had names, not numbers alone.
        mean, deviation: of each; a constant column has deviation 1.
        constant: 1 where a column is constant, else 0.
    """

    names: tuple[str, ...]
    named: bool
    mean: Floats
    deviation: Floats
    constant: Floats


# -------------------------------------------------------------------- checks


def examine(table: Any, scaled: bool, scaling: ColumnScaling | None = None) -> Facts:
    """Facts of a table of columns.

    Args:
        table: see `matrix`.
        scaled: whether they will be brought to deviation 1.
        scaling: that of `fit`, if there was one: then the columns must be the same.
    """
    rows = columns = 0
    try:
        names, values = matrix(table)
        rows, columns = values.shape
        _check(rows > 0 and columns > 0, "empty")
        if scaling is not None and scaling.named and has_names(table):
            places(names, scaling.names)
        sums = [float(rows)] if scaled else np.sum(values**2, axis=0)
        _check_below(LARGEST_SUM, sums, names)
        _check_below(LARGEST_INPUT, np.abs(values).max(axis=0), names)
    except TableFault as fault:
        return facts(rows, columns, fault)
    return facts(rows, columns)


def examine_with_gaps(table: Any, known: Any = None) -> Facts:
    """Facts of a table in which numbers may be missing, of which no sum is taken.

    Args:
        table: see `matrix`.
        known: what `fit` knew, if there was one, with `names` and `named`: then the columns must be the same.
    """
    rows = columns = 0
    try:
        names, values = matrix(table, gaps=True)
        rows, columns = values.shape
        _check(rows > 0 and columns > 0, "empty")
        if known is not None and known.named and has_names(table):
            places(names, known.names)
        with np.errstate(invalid="ignore"):
            _check_below(LARGEST_SINGLE, np.nanmax(np.abs(values), axis=0, initial=0.0), names)
    except TableFault as fault:
        return facts(rows, columns, fault)
    return facts(rows, columns)


def examine_weights(weights: Any, most: float) -> Facts:
    """Facts of the weights of rows: numbers from 0 to `most`, not all of them 0."""
    rows = 0
    try:
        names, values = matrix(weights, vector=True)
        rows = len(values)
        _check(rows > 0, "empty")
        _check_domain(values[:, 0], "nonnegative", names[0])
        _check_below(most, values.max(axis=0), names)
    except TableFault as fault:
        return facts(rows, 1, fault)
    return facts(rows, 1)


def vector_of(column: Any) -> Floats:
    """A column, or a table of one, as an array of one dimension."""
    return matrix(column, vector=True)[1][:, 0]


def examine_label(
    label: Any, family: Family, centred: bool, scale: LabelScale | None = None, start: float | None = None
) -> Facts:
    """Facts of a label that is to be trained on.

    Args:
        label: see `matrix`.
        family: its distribution.
        centred: whether there is an intercept.
        scale: that of an earlier `fit`.
        start: the score with which training begins; None: that of the label's mean.
    """

    def judge(y: Floats, name: str) -> LabelScale:
        _check_domain(family.read(y), family.domain, name)
        if family.domain == "classes":
            _check(bool(y.min() < y.max()), "one class", name)
        _check(centred or family.fits(y), "no size", name)
        return _scale_for(y, family, centred, start) if scale is None else scale

    return _label_told(label, family, judge)


def examine_score_label(
    label: Any, family: Family, centred: bool, scale: LabelScale | None = None, start: float | None = None
) -> Facts:
    """Facts of a label that predictions are compared with: it may be constant. Arguments: `examine_label`."""

    def judge(y: Floats, name: str) -> LabelScale:
        _check_domain(family.read(y), family.domain, name)
        return LabelScale() if scale is None else scale

    return _label_told(label, family, judge)


def _label_told(label: Any, family: Family, judge: Callable[[Floats, str], LabelScale]) -> Facts:
    rows = 0
    try:
        names, values = _label_numbers(label, family)
        rows, y = len(values), values[:, 0]
        _check(rows > 0, "empty")
        _check_below(LARGEST_INPUT, np.abs(y).max(keepdims=True), names)
        scale = judge(y, names[0])
        _check_below(LARGEST, np.abs(family.scaled(y, scale)).max(keepdims=True).reshape(1), names)
    except TableFault as fault:
        return facts(rows, 1, fault)
    return {**facts(rows, 1), "known": family.known(scale)}


def _label_numbers(label: Any, family: Family) -> tuple[tuple[str, ...], Floats]:
    """See `matrix`; of classes, their numbers from 0 in their place."""
    if not isinstance(family, ClassFamily):
        return matrix(label, vector=True)
    try:
        names, numbers = matrix(label, vector=True)
        places = [numbers == each for each in family.classes]
    except TableFault as fault:
        if fault.kind != "text":
            raise
        names, texts = (fault.column,), _texts(label)
        places = [np.array([[isinstance(x, str) and x == each] for x in texts]) for each in family.classes]
    _check(bool(np.any(places, axis=0).all()), "classes", names[0])
    return names, np.argmax(places, axis=0).astype(np.float64)


def _texts(label: Any) -> NDArray[Any]:
    """The only column of a label that is no numbers."""
    named = _named(label)
    columns = [np.asarray(label)] if named is None else [np.asarray(each.to_numpy()) for _, each in named]
    _check(len(columns) == 1 and columns[0].size == len(columns[0]), "shape")
    return columns[0].reshape(-1)


def _check_domain(y: Floats, domain: str, name: str) -> None:
    if domain not in ("any", "classes"):
        _check(bool((y >= 0).all()), "negative", name)
        _check(bool((y > 0).all() if domain == "positive" else y.any()), "zero", name)


def facts(rows: int, columns: int, fault: TableFault | None = None) -> Facts:
    """What is told of a table."""
    kind, column = (fault.kind, fault.column) if fault else ("", "")
    return {"rows": rows, "columns": columns, "fault": kind, "column": column[:NAME_LENGTH], "known": True}


def _check(good: bool, kind: str, column: str = "") -> None:
    if not good:
        raise TableFault(kind, column)


def _check_below(limit: float, sizes: Any, names: tuple[str, ...]) -> None:
    large = np.flatnonzero(np.asarray(sizes) >= limit)
    _check(not large.size, "large", names[large[0]] if large.size else "")


# -------------------------------------------------------------------- tables as arrays


def matrix(table: Any, *, vector: bool = False, gaps: bool = False) -> tuple[tuple[str, ...], Floats]:
    """Names and numbers of an array, or of a pandas, polars or Arrow table.

    Args:
        table: of two dimensions; numbers or truth values, none of them missing.
        vector: it must have one column, and may have one dimension.
        gaps: some may be missing: they are NaN.

    Raises:
        Fault: it is something else.
    """
    named = _named(table)
    if named is None:
        array = np.asarray(table)
        _check(array.ndim == 2 or (vector and array.ndim == 1), "shape")
        array = array[:, None] if array.ndim == 1 else array
        names = tuple(str(i) for i in range(array.shape[1]))
        values = _as_floats(array, names[0] if names else "")
    else:
        columns = list(named)
        names = tuple(name for name, _ in columns)
        parts = [_numbers(name, column) for name, column in columns]
        values = np.stack(parts, axis=1) if parts else np.zeros((0, 0))
    _check(not vector or values.shape[1] == 1, "shape")
    bad = np.isinf(values) if gaps else ~np.isfinite(values)
    lost = np.flatnonzero(bad.any(axis=0))
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
        return iter([("0" if table.name is None else str(table.name), table)])
    if hasattr(table, "to_numpy"):  # one column of polars or Arrow
        return iter([(str(getattr(table, "name", "0")), table)])
    return None


def _numbers(name: str, column: Any) -> Floats:
    kind = getattr(column.dtype, "kind", "") if hasattr(column, "dtype") else ""
    if kind and kind in "biuf" and hasattr(column, "iloc"):  # pandas, whose own integers may be missing
        return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan), np.float64)
    return _as_floats(np.asarray(column.to_numpy()), name)


def _as_floats(array: NDArray[Any], name: str) -> Floats:
    """Numbers of any type, such as decimals, which numpy has as objects."""
    found = of_objects(array) if array.dtype.kind == "O" else array
    if found is None or found.dtype.kind not in "biuf":
        raise TableFault("text", name)
    return found.astype(np.float64, copy=False)


def has_names(table: Any) -> bool:
    """Whether columns have names: as in scikit-learn numbers are none, and an array has none."""
    columns = getattr(table, "column_names", getattr(table, "columns", ()))
    return _named(table) is not None and all(isinstance(name, str) for name in columns)


def places(names: tuple[str, ...], wanted: tuple[str, ...]) -> list[int]:
    """Where the wanted columns are among those of these names.

    Raises:
        Fault: there are others, or one is missing.
    """
    if names == wanted:
        return list(range(len(names)))
    found = misfit(names, wanted, wanted)
    if found is not None:
        raise TableFault(*found)
    return [names.index(name) for name in wanted]


# -------------------------------------------------------------------- what is shared


def scaling_of(table: Any, scaled: bool, centred: bool) -> ColumnScaling:
    """The scaling that training uses, now and for every later table."""
    names, values = matrix(table)
    mean, deviation, constant = deviations(values)
    return ColumnScaling(
        names=names,
        named=has_names(table),
        mean=np.where(centred, mean, 0.0),
        deviation=np.where(constant | (not scaled), 1.0, deviation),
        constant=constant.astype(np.float64) if centred else np.zeros(len(names)),
    )


def scaled_columns(table: Any, scaling: ColumnScaling, seed: int | None = None) -> Floats:
    """The columns on their scale, in the order of `fit`; rows in the public order of `seed`."""
    names, values = matrix(table)
    if scaling.named and has_names(table):
        values = values[:, places(names, scaling.names)]
    scaled = (values - scaling.mean) / scaling.deviation
    return scaled if seed is None else scaled[shuffled(len(scaled), seed)]


def constant_columns(scaling: ColumnScaling) -> Floats:
    """Where columns are constant: shared, so that nobody else learns it."""
    return scaling.constant


def offsets(scaling: ColumnScaling) -> Floats:
    """Mean over deviation: what an intercept for a party's own units takes off, times the coefficients.

    Raises:
        LearnError: a column is so far from 0 that the intercept would have no digit.
    """
    ratio: Floats = scaling.mean / scaling.deviation
    if np.abs(ratio).max() >= LARGEST_OFFSET:
        name = scaling.names[int(np.abs(ratio).argmax())]
        raise LearnError(
            f"the mean of column {name!r} is more than {LARGEST_OFFSET:.0f} times its deviation",
            fix="take off a constant before fit: the intercept in the columns' own units would be noise",
        )
    return ratio


def own_units(scaling: ColumnScaling, shown: Any) -> Floats:
    """Coefficients [1, columns] of scaled columns as those of the columns themselves [columns]."""
    return np.asarray(shown[0], np.float64) / scaling.deviation


def unscaled(scaling: ColumnScaling, points: Any) -> Floats:
    """Points [count, columns] of scaled columns as those of the columns themselves."""
    return np.asarray(points, np.float64) * scaling.deviation + scaling.mean


def scale_of_label(label: Any, family: Family, centred: bool, start: float | None = None) -> LabelScale:
    """The scale on which a label is fitted; `start`: see `examine_label`."""
    return _scale_for(numbers_of(label, family), family, centred, start)


def _scale_for(y: Floats, family: Family, centred: bool, start: float | None) -> LabelScale:
    return family.scale(y, centred) if start is None else family.started(y, start)


def scaled_label(label: Any, family: Family, scale: LabelScale, seed: int | None = None) -> Floats:
    """The label on its scale; rows in the public order of `seed`."""
    y = family.scaled(numbers_of(label, family), scale)
    return y if seed is None else y[shuffled(len(y), seed)]


def scale_numbers(scale: LabelScale, family: Family, penalty: float, rows: int) -> dict[str, Any]:
    """The scale in a form that can be shared.

    Args:
        scale: of the label.
        family: its distribution.
        penalty: of L2, for a label in its own units.
        rows: over which it is a sum.

    Returns:
        ``start`` and ``penalty`` of `LabelScale`, and what `Family.numbers` says.
    """
    each = min(scale.penalty * penalty / rows, LARGEST_PENALTY)
    start = np.asarray(scale.start) if isinstance(scale.start, tuple) else scale.start
    return {"start": start, "penalty": each * rows, **family.numbers(scale)}


def start_of(scale: LabelScale) -> dict[str, Any]:
    """Of `scale_numbers` what training begins with."""
    return {"start": scale.start}


def label_limits(label: Any, family: Family, scale: LabelScale) -> Floats:
    """See `Family.limits`."""
    return np.array(family.limits(family.scaled(numbers_of(label, family), scale)))


def numbers_of(label: Any, family: Family) -> Floats:
    """The label [rows] as numbers; of classes, 0, 1, ..."""
    return _label_numbers(label, family)[1][:, 0]


def shuffled(rows: int, seed: int) -> NDArray[np.intp]:
    """A public order of the rows, the same at every party."""
    return np.random.default_rng(seed).permutation(rows)
