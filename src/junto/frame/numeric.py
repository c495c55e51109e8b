"""Columns as arrays of numbers: what is checked of them, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.device.pyu import PYU
from junto.device.revealed_facts import list_of, one_of, read
from junto.errors import FrameError, ProtocolViolation
from junto.frame.facts import Facts
from junto.frame.native_tables import NUMBER, TRUTH, kind_of_objects, opened

MISSING, INFINITE = "missing", "infinite"
FAULTS: Final[Mapping[str, str]] = {
    MISSING: "fill them (fillna), or leave the rows out (dropna)",
    INFINITE: "replace them by finite numbers",
}
"""What an owner finds in a column, and what to do about it."""


def require_kinds(known: Mapping[PYU, Facts], owned: Mapping[PYU, Sequence[str]], who: str) -> None:
    """Raise FrameError unless these columns are of numbers or truth values."""
    for party, names in owned.items():
        for column in known[party].select(names).columns:
            if column.kind not in (NUMBER, TRUTH):
                raise FrameError(
                    f"column {column.name!r} of {party.party} is {column.dtype}: {who} takes numbers",
                    fix="encode it (OneHotEncoder, OrdinalEncoder), cast it (astype), or leave it out",
                )


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    """A numpy type of numbers.

    Raises:
        FrameError: it is none.
    """
    try:
        known: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        known = np.dtype(object)
    if known.kind not in "iuf":
        raise FrameError(f"dtype is {dtype!r}", fix="a type of numbers, such as float or 'float32'")
    return known


def first_fault(native: Any, names: Sequence[str] | None = None) -> list[str]:
    """At the owner: the first column with something missing or infinite, and which; or nothing."""
    table = opened(native)
    for name in table.names if names is None else names:
        values = as_floats(table.column(name))
        if np.isnan(values).any():
            return [name, MISSING]
        if np.isinf(values).any():
            return [name, INFINITE]
    return []


def require_none(party: str, fault: Any, names: Sequence[str]) -> None:
    """Raise FrameError if `party` has found a fault in one of these columns."""
    found = read(party, fault, list_of(one_of(*names, *FAULTS), 0, 2))
    if not found:
        return
    if len(found) != 2 or found[0] not in names or found[1] not in FAULTS:
        raise ProtocolViolation(f"what {party} says of its columns makes no sense")
    name, what = found
    raise FrameError(f"column {name!r} of {party} has {what} values", fix=FAULTS[what])


def as_floats(column: Any) -> NDArray[np.float64]:
    """A pandas column of numbers or truth values; missing is NaN."""
    made: NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return made


def of_objects(values: NDArray[Any]) -> NDArray[np.float64] | None:
    """Python's own numbers as floats, NaN where one is missing; None if there is anything else."""
    import pandas as pd

    flat = pd.Series(values.reshape(-1), dtype=object)
    return as_floats(flat).reshape(values.shape) if kind_of_objects(flat) else None


def present(column: Any) -> NDArray[Any]:
    """The values of a pandas column that are there: whole numbers and truth values as whole ones."""
    there = column.dropna().infer_objects()
    if there.dtype.kind not in "iub":
        floats = as_floats(there)
        return floats[~np.isnan(floats)]
    return np.asarray(there.to_numpy(np.uint64 if there.dtype.kind == "u" else np.int64))


def exact_sum(values: NDArray[Any]) -> int | float:
    """The sum; of whole numbers that of all digits, however large it is."""
    return sum(values.tolist()) if values.dtype.kind in "iu" else float(values.sum())


def near_one(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intc]]:
    """Numbers, divided by two to a power, so that of each column the greatest magnitude is from 0.5 to 1.

    Nothing is rounded, and squares of numbers of any size stay in the range of floats.

    Returns:
        The numbers, and the powers.
    """
    powers = np.frexp(np.abs(values).max(axis=0, initial=0.0))[1]
    return np.ldexp(values, -powers), powers


def deviations(values: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Means and deviations of columns without missing values, and which are constant.

    A column is constant if its variance is no more than rounding may leave it: the bound is scikit-learn's.
    """
    near, powers = near_one(values)
    mean, variance = near.mean(axis=0), near.var(axis=0)
    eps = len(values) * np.finfo(np.float64).eps
    constant = variance <= eps * variance + (eps * mean) ** 2
    return np.ldexp(mean, powers), np.ldexp(np.sqrt(variance), powers), constant


def array(native: Any, dtype: str = "float64") -> NDArray[Any]:
    """A table of numbers as an array [rows, columns]."""
    table = opened(native)
    made = np.empty((table.rows, len(table.names)), dtype)
    for place, name in enumerate(table.names):
        column = table.column(name)
        exact = made.dtype.kind in "iu" and column.dtype.kind in "iub"
        made[:, place] = column.to_numpy() if exact else as_floats(column)
    return made
