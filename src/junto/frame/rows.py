"""What frames do to rows, at the owner: those of a public order, or those of masks that were shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.errors import FrameError
from junto.frame.native_tables import Positions, opened

Mask = NDArray[np.bool_]


def head(native: Any, count: int) -> Any:
    """The first rows."""
    table = opened(native)
    return table.take(np.arange(min(count, table.rows)))


def part(native: Any, seed: int, first: int, last: int, shuffle: bool) -> Any:
    """Rows `first` to `last` of a public order."""
    table = opened(native)
    return table.take(order(table.rows, seed, shuffle)[first:last])


def order(rows: int, seed: int, shuffle: bool) -> Positions:
    """The public order of so many rows that scikit-learn takes for the same seed."""
    if not shuffle:
        return np.arange(rows)
    # The legacy generator promises the same numbers in every version of numpy.
    return np.random.RandomState(seed).permutation(rows).astype(np.int64)


def stratified(native: Any, name: str, train: int, test: int, seed: int | None) -> dict[str, Positions]:
    """Rows to train and to test with, of each value of a column in proportion, as scikit-learn takes them.

    Without a seed nobody else can work out from the rows which of them are alike.
    """
    column = opened(native).column(name)
    if column.isna().any():
        raise FrameError(f"column {name!r} has missing values", fix="fill them (fillna) before the split")
    _, codes, counts = np.unique(np.asarray(column), return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise FrameError(f"column {name!r} has a value in one row only", fix="each needs two rows at least")
    if min(train, test) < len(counts):
        raise FrameError(f"a part has fewer rows than column {name!r} has values", fix="make it larger")
    random: Any = SecretOrder() if seed is None else np.random.RandomState(seed)
    of_train = _in_proportion(counts, train, random)
    of_test = _in_proportion(counts - of_train, test, random)
    chosen: dict[str, list[Positions]] = {"train": [], "test": []}
    for value, (count, first, more) in enumerate(zip(counts, of_train, of_test, strict=True)):
        rows = np.flatnonzero(codes == value)[random.permutation(count)]
        chosen["train"].append(rows[:first])
        chosen["test"].append(rows[first : first + more])
    return {part: random.permutation(np.concatenate(found)) for part, found in chosen.items()}


class SecretOrder:
    """An order that nobody can work out from a part of it, in place of `numpy.random.RandomState`."""

    def permutation(self, values: Any) -> NDArray[Any]:
        """In any order; of a number those below it."""
        found = np.arange(values) if np.ndim(values) == 0 else np.asarray(values)
        keys = np.frombuffer(os.urandom(8 * len(found)), np.uint64)
        return np.asarray(found[np.argsort(keys)])

    def choice(self, values: Any, size: int, replace: bool) -> NDArray[Any]:
        """Some of them, none of them twice."""
        return self.permutation(values)[:size]


def _in_proportion(counts: NDArray[Any], rows: int, random: Any) -> NDArray[Any]:
    """How many of each value, `rows` in all: the greatest remainders are rounded up, of equal ones some."""
    exact = counts / counts.sum() * rows
    found = np.floor(exact)
    rest = exact - found
    for remainder in np.unique(rest)[::-1]:
        left = int(rows - found.sum())
        if left > 0:
            (alike,) = np.nonzero(rest == remainder)
            found[random.choice(alike, size=min(len(alike), left), replace=False)] += 1
    whole_: NDArray[Any] = found.astype(np.int64)
    return whole_


def taken(native: Any, positions: Any, name: str) -> Any:
    """The rows of one part of `stratified`, which its owner has told."""
    table, found = opened(native), np.asarray(positions[name])
    inside = found.ndim == 1 and found.dtype.kind == "i" and ((found >= 0) & (found < table.rows)).all()
    if not inside:
        raise FrameError(
            "rows that were told for a part are not in the table",
            fix="give a table that has not changed since it was read",
        )
    return table.take(found)


def drawn_seed() -> int:
    """A seed that nobody chose."""
    return int(np.random.SeedSequence().generate_state(1)[0])


def where(native: Any, condition: Callable[[Any], Any], names: Sequence[str]) -> Mask:
    """The rows for which a function of one column, or of a table of several, is true; missing is not true."""
    table = opened(native)
    given = table.column(names[0]) if len(names) == 1 else table.pandas(names)
    answer = condition(given)
    mask = np.asarray(answer.fillna(False) if hasattr(answer, "fillna") else answer)
    if mask.shape != (table.rows,) or mask.dtype.kind not in "bO":
        raise FrameError(
            "the condition did not return one truth value for each row", fix='lambda table: table["age"] > 30'
        )
    return mask.astype(np.bool_)


def complete(native: Any, names: Sequence[str]) -> Mask:
    """The rows in which none of these columns is missing."""
    missing: Mask = opened(native).pandas(names).isna().to_numpy().any(axis=1)
    return ~missing


def kept(native: Any, *masks: Any) -> Any:
    """The rows where all masks are true."""
    table = opened(native)
    together = np.ones(table.rows, np.bool_)
    for mask in masks:
        mask = np.asarray(mask)
        if mask.shape != together.shape or mask.dtype != np.bool_:
            raise FrameError("a mask of rows does not fit the table", fix="make it of the same table")
        together &= mask
    return table.take(np.flatnonzero(together))


def all_true(*masks: Any) -> Any:
    """On the SPU: where all masks are true."""
    together = masks[0]
    for mask in masks[1:]:
        together = together & mask
    return together
