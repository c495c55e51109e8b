"""What is computed of columns on the SPU is what their owners would compute in the clear."""

from __future__ import annotations

import numpy as np
import pytest

from junto.learn.trees import candidates, monotone, secret_columns
from junto.learn.trees.candidates import NONE

RNG = np.random.default_rng(2)
ROWS, COLUMNS, BINS = 60, 3, 5
X = RNG.normal(size=(ROWS, COLUMNS)).astype(np.float32)
X[:, 1] = RNG.random(ROWS) < 0.05  # rare
THRESHOLDS = np.asarray(secret_columns.cuts(X, None, bins=BINS))
KNOWN = candidates.Candidates(
    names=("0", "1", "2"),
    named=False,
    column=np.repeat(np.arange(COLUMNS), BINS - 1),
    threshold=THRESHOLDS.reshape(-1),
    missing=np.zeros(COLUMNS * (BINS - 1), np.bool_),
)
PICKS = np.array([[0, NONE, 9], [11, 4, NONE]], np.int32)  # of two trees
SPLITS = secret_columns.splits([[each[:1], each[1:]] for each in PICKS], THRESHOLDS)


def test_thresholds_part_the_rows_evenly_and_the_last_is_the_greatest_number():
    below = (X[:, :, None] < THRESHOLDS).mean(axis=0)
    assert below[[0, 2]][:, :-1] == pytest.approx(np.tile([0.2, 0.4, 0.6], (2, 1)), abs=1 / ROWS)
    assert np.array_equal(THRESHOLDS[:, -1], X.max(axis=0))
    assert 0.9 < below[1, -1] < 1


@pytest.mark.parametrize("bins", [2, 3, 8])
def test_rows_without_weight_do_not_count(bins):
    weight = RNG.choice([0.0, 0.5, 3.0], ROWS)
    padded = np.where(weight[:, None] > 0, X, 0)
    found = secret_columns.cuts(padded, weight, bins=bins)
    assert np.array_equal(found, secret_columns.cuts(X[weight > 0], None, bins=bins))
    assert found.shape == (COLUMNS, bins - 1)


def test_sides_and_leaves_are_those_that_an_owner_finds():
    sides = np.asarray(secret_columns.sides(X, THRESHOLDS))
    assert np.array_equal(sides, candidates.sides(X, KNOWN))
    for picks in PICKS:
        assert np.array_equal(secret_columns.taken(sides, picks), candidates.taken(sides, picks))
    leaves = np.asarray(secret_columns.reached(X, SPLITS, rows=(7, 30))).reshape(23, 2, 4)
    may = candidates.reachable(X, KNOWN, PICKS, 7, 30).reshape(23, 2, 4)
    last = 3 - may[..., ::-1].argmax(axis=2)  # a node that nobody splits sends its rows to the right
    assert np.array_equal(leaves, last[..., None] == np.arange(4))


def test_constraints_and_draws_are_of_the_columns_that_candidates_are_of():
    directions = (1, 0, -1)
    of_each = secret_columns.each_candidate(directions, BINS - 1)
    assert np.array_equal(of_each, np.array(directions)[KNOWN.column])
    turned = secret_columns.turns(PICKS[0], directions=directions, width=BINS - 1)
    assert np.array_equal(turned, monotone.turns(of_each, PICKS[0]))
    chosen = [[0, 2], [1]]
    wanted = candidates.allowed(KNOWN, 0, chosen)
    assert np.array_equal(secret_columns.allowed(chosen, COLUMNS, BINS - 1), wanted)


def test_splits_are_told_as_an_owner_tells_them_half_a_step_lower():
    """So what fixed point rounds to a threshold goes right in the clear, too, and what is below it left."""
    fraction = 10
    found, wanted = secret_columns.told(SPLITS, fraction), candidates.told(KNOWN, PICKS)
    assert found["names"] == wanted["names"]
    assert np.array_equal(found["column"], wanted["column"])
    mine = wanted["column"] != NONE
    assert np.allclose(found["threshold"][mine], wanted["threshold"][mine] - 2.0**-11, rtol=0, atol=1e-7)
    grid = np.float32(np.arange(-40, 40) / 2**fraction)
    told = {"column": np.ones((1, 1, 1)), "threshold": grid[40:41].reshape(1, 1)}
    exact = np.linspace(-0.01, 0.01, 4001, dtype=np.float32)
    edge = secret_columns.told(told, fraction)["threshold"][0, 0]
    assert np.array_equal(exact < edge, np.floor(exact * 2.0**fraction + 0.5) < 0)


def test_trees_of_two_models_stand_one_after_the_other():
    both = secret_columns.joined(SPLITS, SPLITS)
    assert np.array_equal(secret_columns.used(both["column"])[6:], secret_columns.used(SPLITS["column"]))
    assert np.array_equal(secret_columns.split(both["column"])[:2], PICKS != NONE)
    side_by_side = secret_columns.splits([[PICKS[:, 0], PICKS[:, 1:].reshape(-1)]], THRESHOLDS)
    assert np.array_equal(side_by_side["column"], SPLITS["column"])
