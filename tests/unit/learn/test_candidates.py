"""What an owner makes of its columns: bins, ways to split them, sides of rows, leaves in reach."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from junto.learn.trees import candidates
from junto.learn.trees.candidates import NONE

RNG = np.random.default_rng(1)
TABLES = {
    "numbers": RNG.normal(size=(200, 3)),
    "few values": RNG.integers(0, 4, size=(50, 2)).astype(float),
    "gaps": np.where(RNG.random((60, 3)) < 0.3, np.nan, RNG.integers(0, 9, size=(60, 3))),
    "constant": np.ones((5, 2)),
    "nothing but gaps": np.full((5, 1), np.nan),
    "one gap": np.array([[1.0], [np.nan], [1.0]]),
    "truth values": RNG.random((20, 2)) < 0.5,
    "far from 0": 1e30 * RNG.normal(size=(40, 1)),
    "one row": np.ones((1, 1)),
}


@pytest.mark.parametrize("bins", [2, 5, 64])
@pytest.mark.parametrize("name", TABLES)
def test_every_way_to_part_the_bins_is_a_candidate_once(name, bins):
    table = np.asarray(TABLES[name], float)
    known = candidates.candidates_of(TABLES[name], bins)
    left = candidates.sides(TABLES[name], known)
    assert left.shape == (len(known.column), len(table))
    assert set(left.ravel()) <= {0, 1}
    for place in range(table.shape[1]):
        numbers, gaps = table[:, place].astype(np.float32), np.isnan(table[:, place])
        rows = {tuple(row) for row in left[known.column == place]}
        distinct = np.unique(numbers[~gaps])
        if len(distinct) <= bins:
            ways = product(distinct[1:], {False, bool(gaps.any())})
            every = {tuple(((numbers < at) | (gaps & way)).astype(int)) for at, way in ways}
            if gaps.any() and len(distinct):
                every.add(tuple((~gaps).astype(int)))
            assert {row for row in rows if 0 < sum(row) < len(row)} == every
        else:
            assert 1 <= len(rows) < bins * (1 + int(gaps.any())) + int(gaps.any())


@pytest.mark.parametrize("bins", [2, 3, 16, 64, 255])
@pytest.mark.parametrize(
    "numbers",
    [
        RNG.normal(size=150),
        RNG.normal(size=2000).round(1),
        RNG.exponential(size=300).round(1),
        np.r_[np.zeros(990), np.arange(1, 11)],  # most rows have one number
        np.r_[np.arange(1, 11), np.full(990, 50.0)],
        RNG.permutation([0.0] * 480 + [1.0] * 10 + [2.0, 3.0, 7.0, 7.5] * 5),
    ],
    ids=["normal", "digits", "skewed", "few above", "few below", "codes"],
)
def test_thresholds_are_xgboosts_where_its_sketch_is_exact(numbers, bins):
    """That is up to about eight times as many different numbers as bins."""
    xgboost = pytest.importorskip("xgboost")
    if len(np.unique(numbers)) > 8 * bins:
        bins = 64
    numbers = numbers.astype(np.float32)
    told = xgboost.QuantileDMatrix(numbers[:, None], max_bin=bins)
    assert candidates.thresholds_of(numbers, bins).tolist() == told.get_quantile_cut()[1][1:-1].tolist()


def test_bins_hold_about_as_many_rows_each():
    numbers = RNG.exponential(size=10_000).astype(np.float32)
    cuts = candidates.thresholds_of(numbers, 16)
    assert len(cuts) == 15
    assert np.diff([0, *[(numbers < cut).sum() for cut in cuts], 10_000]) == pytest.approx(625, abs=2)


def test_a_threshold_of_quantiles_is_a_number_of_the_column():
    """So a float of 32 bits never rounds to the other side of it."""
    numbers = RNG.integers(0, 2**26, size=500).astype(np.float32)
    assert set(candidates.thresholds_of(numbers, 10)) <= set(numbers)


def test_rows_reach_the_leaf_to_which_the_owners_together_send_them():
    """Two owners' trees of two levels beside a walk from node to node; some nodes are split by nobody."""
    tables = [RNG.normal(size=(100, 2)), np.where(RNG.random((100, 2)) < 0.2, np.nan, 1.0)]
    known = [candidates.candidates_of(table, 4) for table in tables]
    picks = [[[2], [NONE, NONE]], [[NONE], [1, NONE]]]
    whole = [candidates.sides(*each) for each in zip(tables, known, strict=True)]
    together = np.logical_and(
        *[
            candidates.reachable(*each)
            for each in zip(tables, known, [candidates.in_one([p]) for p in picks], strict=True)
        ]
    )
    for row in range(100):
        node = 0
        for level in range(2):
            owner = next((who for who in (0, 1) if picks[who][level][node] != NONE), None)
            left = owner is not None and whole[owner][picks[owner][level][node], row]
            node = 2 * node + (not left)
        assert together[row, node]
        # where nobody splits, the left side is reached, too: nobody was there in `fit`, and its weight is 0
        assert set(np.flatnonzero(together[row])) - {node} <= {2}
    taken = candidates.taken(whole[0], np.array([2, NONE]))
    assert (taken == np.column_stack([whole[0][2], np.zeros(100)])).all()


def test_a_later_table_has_the_same_columns_in_any_order():
    table = pd.DataFrame(RNG.normal(size=(30, 3)), columns=["a", "b", "c"])
    known = candidates.candidates_of(table, 4)
    assert (candidates.sides(table[["c", "a", "b"]], known) == candidates.sides(table, known)).all()
    facts = candidates.examined(table[["a", "b"]], True, known)
    assert (facts["fault"], facts["column"]) == ("lost column", "c")


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (np.array([[np.inf]]), "missing"),
        (np.array([[1e39]]), "large"),
        (np.array([["a"]]), "text"),
        (np.zeros((0, 1)), "empty"),
        (np.array([[np.nan]]), ""),
    ],
    ids=str,
)
def test_what_is_no_table_of_numbers_is_told(table, fault):
    assert candidates.examined(table, True)["fault"] == fault


def test_a_node_may_use_a_part_of_the_columns_and_another_node_others():
    """Two owners of four and six columns, of which each node uses three."""
    known = [candidates.candidates_of(RNG.normal(size=(50, count)), 8) for count in (4, 6)]
    chosen = candidates.drawn(10, 3, (7, 0), nodes=5)
    parts = [candidates.allowed(each, begin, chosen) for each, begin in zip(known, (0, 4), strict=True)]
    for node in range(5):
        columns = [
            set(each.column[part[:, node] == 1] + begin)
            for each, part, begin in zip(known, parts, (0, 4), strict=True)
        ]
        assert set.union(*columns) == set(chosen[node])
    assert len({tuple(each) for each in chosen}) > 1
