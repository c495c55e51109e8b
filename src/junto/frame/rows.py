"""What frames do to rows, at the owner: those of a public order, or those of masks that were shown."""

from __future__ import annotations

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
        raise FrameError("the condition did not return one truth value for each row")
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
            raise FrameError("a mask of rows does not fit the table")
        together &= mask
    return table.take(np.flatnonzero(together))


def all_true(*masks: Any) -> Any:
    """On the SPU: where all masks are true."""
    together = masks[0]
    for mask in masks[1:]:
        together = together & mask
    return together
