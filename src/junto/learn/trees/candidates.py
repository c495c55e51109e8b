"""What runs at the owner of columns, in the clear: bins, ways to split, and on which side rows are.

A candidate is one way to send rows to the left of a node: those below a threshold, and those without a number
or not. On the SPU it is a row of truth values and nothing else: which column and which threshold it stands
for, its owner alone knows. Thresholds are those of XGBoost's ``hist`` (Chen and Guestrin, "XGBoost", KDD
2016): quantiles of a column, as float32, and a row goes left if its number is below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.learn import examine

NONE = -1
"""In place of a candidate: none of this party's splits the node."""


@dataclass(frozen=True, slots=True, repr=False)
class Candidates:
    """The ways in which a party's columns can split a node. It stays with the party.

    Attributes:
        names: of the columns.
        named: whether the table had names, not numbers alone.
        column: for each candidate, the place of its column.
        threshold: for each, below what a row goes left, as float32.
        missing: for each, whether rows without a number go left.
    """

    names: tuple[str, ...]
    named: bool
    column: NDArray[np.intp]
    threshold: NDArray[np.float32]
    missing: NDArray[np.bool_]


BELOW_ALL = np.float32(-examine.LARGEST_SINGLE)
"""A threshold that no number is below."""


def candidates_of(table: Any, max_bins: int, turned: bool = False) -> Candidates:
    """The candidates of a table in at most `max_bins` bins a column; at least one, if only an idle one.

    A column in which numbers are missing has two for each threshold, and one that parts them from the others;
    or two, if it matters which child is the left one.

    Args:
        table: of the columns.
        max_bins: of each.
        turned: whether it matters.
    """
    names, values = examine.matrix(table, gaps=True)
    columns, thresholds, lefts = [], [], []
    for place, numbers in enumerate(values.T.astype(np.float32)):
        gaps = np.isnan(numbers)
        cuts = thresholds_of(numbers[~gaps], max_bins)
        ways = [(cuts, False)]
        if gaps.any():
            ways += [(cuts, True), (np.array([np.inf], np.float32), False)]
            ways += [(np.array([BELOW_ALL]), True)] if turned else []
        for found, left in ways:
            columns.append(np.full(len(found), place))
            thresholds.append(found)
            lefts.append(np.full(len(found), left))
    if not sum(map(len, columns)):  # all columns are constant
        columns, thresholds, lefts = [np.zeros(1)], [np.full(1, -np.inf)], [np.zeros(1)]
    return Candidates(
        names=names,
        named=examine.has_names(table),
        column=np.concatenate(columns).astype(np.intp),
        threshold=np.concatenate(thresholds).astype(np.float32),
        missing=np.concatenate(lefts).astype(np.bool_),
    )


def thresholds_of(numbers: NDArray[np.float32], max_bins: int) -> NDArray[np.float32]:
    """The lower ends of all bins but the first: of each number, or of quantiles where there are more.

    Of the ranks that part the rows evenly, each takes the number whose own ranks are nearest, as a quantile
    summary of XGBoost's is pruned ("XGBoost", appendix A), from all numbers.
    """
    distinct, rows = np.unique(numbers, return_counts=True)
    if len(distinct) <= max_bins:
        return distinct[1:]
    above = rows.cumsum()
    below = above - rows
    middle = above + below  # twice
    wanted = 2 * (np.arange(1, max_bins) * (below[-1] - above[0]) / max_bins + above[0])
    place = np.searchsorted(middle[2:], wanted, side="right") + 1
    wanted, place = wanted[place < len(distinct) - 1], place[place < len(distinct) - 1]
    nearest = np.where(wanted < above[place] + below[place + 1], place, place + 1)
    chosen = np.unique(np.append(nearest, len(distinct) - 1))[: max_bins - 1]
    found: NDArray[np.float32] = distinct[chosen]
    return found


def sides(table: Any, known: Candidates) -> NDArray[np.int8]:
    """[candidates, rows]: 1 where a row goes left."""
    values = numbers_of(table, known).T[known.column]
    with np.errstate(invalid="ignore"):
        left = values < known.threshold[:, None]
    left |= np.isnan(values) & known.missing[:, None]
    return left.astype(np.int8)


def taken(rows: NDArray[np.int8], picks: Any) -> NDArray[np.int8]:
    """[rows, nodes]: 1 where a row goes left by this party's split of the node.

    Args:
        rows: see `sides`.
        picks: for each node the candidate, or `NONE`.
    """
    picks = np.asarray(picks)
    return np.where(picks == NONE, np.int8(0), rows[picks].T)


def in_one(trees: Sequence[Sequence[Any]]) -> NDArray[np.int32]:
    """[trees, nodes]: the picks of each tree, level after level, as one array.

    Trees that were grown side by side, as many as the first level has nodes, come one after the other.
    """
    found = []
    for levels in trees:
        apart = [np.asarray(each, np.int32).reshape(len(levels[0]), -1) for each in levels]
        found.append(np.concatenate(apart, axis=1))
    return np.concatenate(found)


def reachable(
    table: Any, known: Candidates, picks: NDArray[np.int32], begin: int = 0, end: int | None = None
) -> NDArray[np.bool_]:
    """[rows, all trees' leaves]: whether a row may come to a leaf, as far as this party's splits tell.

    Args:
        table: of the columns.
        known: of `fit`.
        picks: see `in_one`.
        begin, end: of which rows.
    """
    values = numbers_of(table, known)[begin:end]
    return np.concatenate([_reached(values, known, tree) for tree in picks], axis=1)


def _reached(values: NDArray[np.float32], known: Candidates, tree: NDArray[np.int32]) -> NDArray[np.bool_]:
    leaves = np.ones((len(values), 1), np.bool_)
    for level in range(len(tree).bit_length()):
        picks = tree[2**level - 1 : 2 ** (level + 1) - 1]
        numbers = values[:, known.column[picks]]
        with np.errstate(invalid="ignore"):
            left = (numbers < known.threshold[picks]) | (np.isnan(numbers) & known.missing[picks])
        mine = picks != NONE
        below = np.empty((*left.shape, 2), np.bool_)
        np.logical_and(leaves, left | ~mine, out=below[..., 0])
        np.logical_and(leaves, ~(left & mine), out=below[..., 1])
        leaves = below.reshape(len(values), -1)
    return leaves


def numbers_of(table: Any, known: Candidates) -> NDArray[np.float32]:
    """The columns of `fit`, as float32."""
    names, values = examine.matrix(table, gaps=True)
    if known.named and examine.has_names(table):
        values = values[:, examine.places(names, known.names)]
    return values.astype(np.float32)


def allowed(known: Candidates, begin: int, chosen: Sequence[Sequence[int]]) -> NDArray[np.int8]:
    """[candidates, nodes]: 1 for each candidate of the columns that a node may use.

    Args:
        known: this party's.
        begin: the place of its first column among all parties'.
        chosen: of each node, or once for all nodes, the places of the columns.
    """
    return np.stack([np.isin(known.column + begin, each) for each in chosen], axis=1).astype(np.int8)


def drawn(count: int, chosen: int, seed: Sequence[int], nodes: int = 1) -> list[list[int]]:
    """So many of `count` columns or rows for each node, by public random numbers."""
    rng = np.random.default_rng(seed)
    return [sorted(rng.permutation(count)[:chosen].tolist()) for _ in range(nodes)]


def examined(table: Any, scaled: bool, known: Candidates | None = None) -> examine.Facts:
    """Facts of a table: see `examine.examine`; numbers may be missing."""
    return examine.examine_with_gaps(table, known)


# -------------------------------------------------------------------- what was learned, in plain arrays

Told = Mapping[str, Any]
"""``names``, ``named``, and of each tree and node [trees, nodes] ``column`` (`NONE`: split by another party),
``threshold`` and ``missing``."""


def told(known: Candidates, picks: NDArray[np.int32]) -> Told:
    """A party's splits in a form that may travel."""
    return {
        "names": list(known.names),
        "named": known.named,
        "column": np.where(picks == NONE, NONE, known.column[picks]).astype(np.int32),
        "threshold": known.threshold[picks],
        "missing": known.missing[picks],
    }


def candidates_told(splits: Told) -> Candidates:
    """The candidates of these splits: each node has one of its own."""
    column = np.asarray(splits["column"], np.intp).reshape(-1)
    return Candidates(
        names=tuple(splits["names"]),
        named=bool(splits["named"]),
        column=np.maximum(column, 0),
        threshold=np.asarray(splits["threshold"], np.float32).reshape(-1),
        missing=np.asarray(splits["missing"], np.bool_).reshape(-1),
    )


def picks_told(splits: Told) -> NDArray[np.int32]:
    """The picks that go with `candidates_told`."""
    column = np.asarray(splits["column"])
    own = np.arange(column.size, dtype=np.int32).reshape(column.shape)
    return np.where(column == NONE, np.int32(NONE), own)


def column_names(parties: Sequence[str], names: Sequence[Sequence[str]]) -> list[str]:
    """The names of all parties' columns; with the party where two have a name in common."""
    bare = [name for mine in names for name in mine]
    if len(set(bare)) == len(bare):
        return bare
    return [f"{party}.{name}" for party, mine in zip(parties, names, strict=True) for name in mine]


def counts(known: Candidates, picks: NDArray[np.int32]) -> dict[str, int]:
    """How many nodes each column splits."""
    found = np.bincount(known.column[picks[picks != NONE]], minlength=len(known.names))
    return dict(zip(known.names, map(int, found), strict=True))
