"""Bins of a feature that follow a label: neighbours of many narrow bins are joined, by their counts alone.

A feature's owner does this by itself, with the counts that it was shown of its narrow bins.

    chi_merge   the two neighbours that differ least are joined, again and again
                (Kerber, "ChiMerge", AAAI 1992)
    tree        the split that lessens Gini's impurity most, again and again, as of scikit-learn's
                ``DecisionTreeClassifier(max_leaf_nodes=n_bins)`` (Breiman et al. 1984)
    monotone    of all bins whose rates of ones only rise, or only fall, those of the greatest
                information value
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHI_MERGE, TREE, MONOTONE = "chi_merge", "tree", "monotone"

DIFFERENT: Final = 2.705543454095404
"""What chi square exceeds with a probability of 0.1 where two rates are the same."""


def narrow_edges(values: Floats, count: int, least: int) -> Floats:
    """Edges of at most so many bins of about as many rows, none with fewer rows than `least`.

    A column with at most `count` different values has a bin for each. What is missing does not count.
    """
    values = values[~np.isnan(values)]
    different, rows = np.unique(values, return_counts=True)
    if len(different) > count:
        inner = np.percentile(values, np.linspace(0, 100, count + 1)[1:-1], method="averaged_inverted_cdf")
        different = np.unique(np.append(inner, different[0]))
        rows = np.bincount(np.searchsorted(different[1:], values, side="right"), minlength=len(different))
    chosen, inside = list[float](), 0
    for edge, more in zip(different[1:], rows[:-1], strict=True):
        inside += int(more)
        if inside >= least:
            chosen.append(float(edge))
            inside = 0
    if chosen and inside + int(rows[-1]) < least:
        chosen.pop()
    return np.array([-np.inf, *chosen, np.inf])


def joined(strategy: str, ones: Floats, zeros: Floats, n_bins: int) -> list[int]:
    """The first narrow bin of each bin.

    Args:
        strategy: a key of `STRATEGIES`.
        ones, zeros: rows of each narrow bin, in the order of the feature's values.
        n_bins: how many bins there may be.
    """
    return STRATEGIES[strategy](np.asarray(ones, np.float64), np.asarray(zeros, np.float64), n_bins)


def evidence(ones: Floats, zeros: Floats) -> tuple[Floats, float]:
    """Weight of each bin and information value, of how many ones and zeros are in each bin."""
    weights, values = _evidence(ones, zeros, ones.sum(), zeros.sum())
    return weights, float(values.sum())


def _evidence(ones: Floats, zeros: Floats, all_ones: float, all_zeros: float) -> tuple[Floats, Floats]:
    """Of each bin."""
    lacking = np.where((ones == 0) | (zeros == 0), 0.5, 0.0)
    share_of_ones, share_of_zeros = (ones + lacking) / all_ones, (zeros + lacking) / all_zeros
    weights = np.log(share_of_ones / share_of_zeros)
    return weights, (share_of_ones - share_of_zeros) * weights


def _chi_merge(ones: Floats, zeros: Floats, n_bins: int) -> list[int]:
    counts, starts = np.stack([ones, zeros]), list(range(len(ones)))
    while len(starts) > 1:
        apart = _chi_square(np.add.reduceat(counts, starts, axis=1))
        nearest = int(apart.argmin())
        if len(starts) <= n_bins and apart[nearest] >= DIFFERENT:
            break
        del starts[nearest + 1]
    return starts


def _chi_square(counts: Floats) -> Floats:
    """Of each bin [ones and zeros, bins] and the next one: Pearson's, without a correction."""
    left, right = counts[:, :-1], counts[:, 1:]
    rows = left.sum(axis=0), right.sum(axis=0)
    both = left + right
    crossed = (left[0] * right[1] - left[1] * right[0]) ** 2 * (rows[0] + rows[1])
    below = rows[0] * rows[1] * both[0] * both[1]
    found: Floats = np.divide(crossed, below, out=np.zeros_like(crossed), where=below > 0)
    return found


def _tree(ones: Floats, zeros: Floats, n_bins: int) -> list[int]:
    before = np.concatenate([np.zeros((2, 1)), np.stack([ones, zeros]).cumsum(axis=1)], axis=1)

    def gain(start: int, stop: int) -> tuple[float, int]:
        """By how much the best split of these bins lessens the impurity, and where it is."""
        at = np.arange(start + 1, stop)
        if not len(at):
            return 0.0, start
        parts = before[:, at] - before[:, [start]], before[:, [stop]] - before[:, at]
        whole = before[:, [stop]] - before[:, [start]]
        lessened = _impurity(whole) - _impurity(parts[0]) - _impurity(parts[1])
        return float(lessened.max()), int(at[lessened.argmax()])

    nodes = [(*gain(0, len(ones)), 0, len(ones))]
    while len(nodes) < n_bins:
        lessened, place, start, stop = max(nodes)
        if lessened <= 1e-9 * before[:, -1].sum():  # rounding
            break
        nodes.remove((lessened, place, start, stop))
        nodes += [(*gain(start, place), start, place), (*gain(place, stop), place, stop)]
    return sorted(start for _, _, start, _ in nodes)


def _impurity(counts: Floats) -> Floats:
    """Gini's, times the rows."""
    rows = counts.sum(axis=0)
    found: Floats = rows - (counts**2).sum(axis=0) / np.maximum(rows, 1)
    return found


def _monotone(ones: Floats, zeros: Floats, n_bins: int) -> list[int]:
    rising, falling = _ordered(ones, zeros, n_bins, 1), _ordered(ones, zeros, n_bins, -1)
    return max(rising, falling)[1]


def _ordered(ones: Floats, zeros: Floats, n_bins: int, sign: int) -> tuple[float, list[int]]:
    """The greatest information value of bins whose rates rise (`sign` 1) or fall (-1), and where they start.

    ``best[i, j]`` is that of bins up to `j` whose last one starts at `i`, for one bin, two, and so on.
    """
    width = len(ones)
    before = [np.append(0.0, each.cumsum()) for each in (ones, zeros)]
    inside = [each[None, :] - each[:, None] for each in before]  # [start, stop]
    some = np.triu(np.ones((width + 1, width + 1), bool), 1)
    rate = np.where(some, sign * inside[0] / np.where(some, inside[0] + inside[1], 1), np.nan)
    value = np.full(some.shape, -np.inf)
    value[some] = _evidence(inside[0][some], inside[1][some], before[0][-1], before[1][-1])[1]
    best = np.where(np.arange(width + 1)[:, None] == 0, value, -np.inf)
    found, steps = (float(best[0, width]), [0]), list[NDArray[np.intp]]()
    for _ in range(min(n_bins, width) - 1):
        # [before, start, stop]: the bin before the last one starts there
        follows = rate[:, :, None] <= rate[None, :, :]
        ways = np.where(follows, best[:, :, None], -np.inf)
        steps.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + value
        last = int(best[:, width].argmax())
        if best[last, width] > found[0] + 1e-12:
            found = float(best[last, width]), _starts(steps, last, width)
    return found


def _starts(steps: list[NDArray[np.intp]], last: int, width: int) -> list[int]:
    starts, stop = [last], width
    for step in reversed(steps):
        starts, stop = [int(step[starts[0], stop]), *starts], starts[0]
    return starts


STRATEGIES: Final[Mapping[str, Callable[[Floats, Floats, int], list[int]]]] = MappingProxyType(
    {CHI_MERGE: _chi_merge, TREE: _tree, MONOTONE: _monotone}
)
