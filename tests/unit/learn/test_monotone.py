"""What monotone constraints ask of children, and of which candidates."""

from __future__ import annotations

import numpy as np
import pytest

from junto.errors import LearnError
from junto.learn.trees import candidates, growing, monotone

RATE = 0.3


def test_children_are_within_their_parents_bounds_and_parted_by_one_number():
    """Though the bounds of steps, and those of what is paid, are no longer the same up to the rate."""
    rng = np.random.default_rng(0)
    nodes = 300
    bounds = np.sort(rng.integers(-3, 4, size=(nodes, 2)), axis=1).astype(np.float32)
    paid = np.sort(bounds * RATE + rng.choice([-1e-3, 0, 1e-3], size=(nodes, 2)), axis=1)
    steps = rng.normal(size=2 * nodes).astype(np.float32) * 3
    direction = rng.integers(-1, 2, size=nodes)
    turns = [np.stack([direction > 0, direction < 0])]
    held = growing.Held(np.concatenate([bounds, paid], axis=1).astype(np.float32), turns)
    found = np.asarray(growing._narrowed(held, steps, RATE)).reshape(nodes, 2, 4)
    for lower, upper in ((0, 1), (2, 3)):
        assert (found[:, :, lower] >= held.bounds[:, None, lower]).all()
        assert (found[:, :, upper] <= held.bounds[:, None, upper]).all()
        assert (found[:, :, lower] <= found[:, :, upper]).all()
        rising, falling = found[direction > 0], found[direction < 0]
        assert (rising[:, 0, lower] == rising[:, 1, upper]).all()  # steps are weights with the other sign
        assert (falling[:, 1, lower] == falling[:, 0, upper]).all()
        free = direction == 0
        assert (found[free][:, :, [lower, upper]] == held.bounds[free][:, None, [lower, upper]]).all()


def test_a_split_turns_as_its_column_does():
    known = candidates.candidates_of(np.array([[0.0, 5.0], [1.0, 6.0], [2.0, 7.0]]), 8)
    directions = monotone._directions(known, [1, -1], "alice")
    assert directions.tolist() == [1, 1, -1, -1]
    assert monotone._directions(known, {"alice.1": -1, "1": 1}, "alice").tolist() == [0, 0, -1, -1]
    turns = monotone.turns(directions, np.array([2, candidates.NONE, 0]))
    assert turns.tolist() == [[False, False, True], [True, False, False]]


@pytest.mark.parametrize("given", [None, (), (0, 0), {"a": 0}])
def test_without_a_direction_nothing_is_asked(given):
    monotone.require_constraints(given)
    assert monotone.directions_of(given, ["a", "b"]) is None


def test_columns_that_all_know_are_told_by_name_or_by_place():
    assert monotone.directions_of({"b": -1}, ["a", "b"]) == (0, -1)
    assert monotone.directions_of([1, 0], ["a", "b"]) == (1, 0)
    for given, says in (({"c": 1}, "'c', and no column"), ((1,), "1 numbers, and X has 2")):
        with pytest.raises(LearnError, match=says):
            monotone.directions_of(given, ["a", "b"])
