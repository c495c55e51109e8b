"""What trees say of rows, against scikit-learn's and scipy's words for it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from junto.learn.trees import predicting

RNG = np.random.default_rng(3)
TREES, LEAVES, ROWS = 3, 4, 20


def reachable(leaf):
    """Two owners, of whom each alone leaves more than one leaf open; together there is one a tree."""
    here = np.eye(LEAVES, dtype=bool)[leaf]
    others = RNG.random((2, *here.shape)) < 0.5
    others[1] &= ~others[0]
    return [(here | each).reshape(ROWS, -1) for each in others]


@pytest.mark.parametrize("outputs", [(), (3,)], ids=["one", "several"])
def test_scores_are_sums_of_the_leaves_that_no_owner_rules_out(outputs):
    leaf, weights = RNG.integers(0, LEAVES, (ROWS, TREES)), RNG.normal(size=(TREES, LEAVES, *outputs))
    start = np.float32(0.25)
    wanted = start + weights[np.arange(TREES), leaf].sum(axis=1)
    found = predicting.scores(reachable(leaf), weights, {"start": start})
    assert np.asarray(found) == pytest.approx(wanted, abs=1e-5)
    whole = np.asarray(found, np.float32)
    assert np.array_equal(predicting.joined([whole[:7], whole[7:]]), whole)


def test_chances_are_logistic_or_a_softmax():
    one, several = RNG.normal(size=ROWS), RNG.normal(size=(ROWS, 3))
    assert np.asarray(predicting.probabilities(one)) == pytest.approx(
        np.column_stack([1 - expit(one), expit(one)]), abs=1e-6
    )
    assert np.asarray(predicting.probabilities(several)) == pytest.approx(softmax(several, axis=1), abs=1e-6)


@pytest.mark.parametrize("values", [(0, 1), (2, 5), (0, 1, 2), (-1, 4, 9)], ids=str)
def test_the_likelier_class_is_that_of_the_greatest_score(values):
    score = RNG.normal(size=ROWS if len(values) == 2 else (ROWS, 3))
    place = (score > 0).astype(int) if score.ndim == 1 else score.argmax(axis=1)
    assert np.array_equal(predicting.likelier(score, values=values), np.array(values)[place])
