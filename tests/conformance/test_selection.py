"""Folds, cross-validation and grid search are scikit-learn's, on rows of several parties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model, model_selection, tree

import junto as sf
from junto import learn
from junto.learn import metrics
from spu_values import PARTIES, at

RNG = np.random.default_rng(5)
TABLE = RNG.integers(0, 2, size=(61, 4)).astype(float)  # a split has one place, in every fold
NUMBER = TABLE @ [0.5, -0.7, 0.2, 0.4] + RNG.normal(size=61)
CLASS = (NUMBER.mean() < NUMBER).astype(int)
GRID = {"min_samples_leaf": [25, 1], "max_depth": [2]}


@pytest.fixture(scope="module")
def spu():
    sf.init(parties=PARTIES, address="local", debug_mode=True, logging_level="error")
    yield sf.SPU(parties=PARTIES)
    sf.shutdown()


def split(table=TABLE):
    return {sf.PYU("alice"): at("alice", table[:, :2]), sf.PYU("bob"): at("bob", pd.DataFrame(table[:, 2:]))}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("rows", "folds"), [(2, 2), (10, 3), (61, 5), (7, 7)])
def test_folds_are_scikit_learns(rows, folds, shuffle):
    theirs = model_selection.KFold(folds, shuffle=shuffle, random_state=3 if shuffle else None)
    ours = learn.KFold(folds, shuffle=shuffle, random_state=3)
    for mine, known in zip(ours.split(rows), theirs.split(np.zeros(rows)), strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(mine, known, strict=True))
    with pytest.raises(sf.LearnError, match="cannot be"):
        list(ours.split(folds - 1))


@pytest.mark.parametrize("where", ["alice", "bob", "the SPU"])
def test_scores_are_scikit_learns(spu, where):
    """The label may be anywhere, and one party alone sees the scores."""
    y = at("bob", NUMBER).to(spu) if where == "the SPU" else at(where, NUMBER)
    found = learn.cross_val_score(
        learn.DecisionTreeRegressor(spu, max_depth=2, max_bins=8), split(), y, cv=learn.KFold(3), to="alice"
    )
    want = model_selection.cross_val_score(
        tree.DecisionTreeRegressor(max_depth=2, random_state=0),
        TABLE,
        NUMBER,
        cv=model_selection.KFold(3, shuffle=True, random_state=0),
    )
    assert found.device.party == "alice"
    assert sf.reveal(found, to="alice") == pytest.approx(want, abs=1e-3)


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", "accuracy"])
def test_a_classifier_is_judged_by_what_is_named(spu, scoring):
    model = learn.LogisticRegression(spu, C=1.0)
    found = learn.cross_val_score(model, split(), at("bob", CLASS), cv=2, scoring=scoring, to="bob")
    want = model_selection.cross_val_score(
        linear_model.LogisticRegression(C=1.0),
        (TABLE - TABLE.mean(axis=0)) / TABLE.std(axis=0),
        CLASS,
        scoring=scoring,
        cv=model_selection.KFold(2, shuffle=True, random_state=0),
    )
    assert sf.reveal(found, to="bob") == pytest.approx(want, abs=0.04)  # theirs knows one scale for all folds


def test_a_search_finds_what_scikit_learns_finds(spu):
    search = learn.GridSearchCV(
        estimator=learn.DecisionTreeRegressor(spu, max_bins=8),
        param_grid=GRID,
        cv=learn.KFold(2),
        scoring="neg_root_mean_squared_error",
    )
    shapes = {sf.PYU("alice"): (61, 2), sf.PYU("bob"): (61, 2)}
    before = sf.explain(search.fit)(shapes, {sf.PYU("bob"): (61,)})
    assert before.rounds > 5 * 2 * 24  # trainings, levels, rounds
    with pytest.raises(sf.LearnError, match="nothing was searched"):
        search.best_params_  # noqa: B018
    assert repr(search).startswith("GridSearchCV(estimator=DecisionTreeRegressor(")
    search.fit(split(), at("bob", NUMBER))
    theirs = model_selection.GridSearchCV(
        tree.DecisionTreeRegressor(random_state=0),
        GRID,
        scoring="neg_root_mean_squared_error",
        cv=model_selection.KFold(2, shuffle=True, random_state=0),
    ).fit(TABLE, NUMBER)
    assert search.candidates == list(model_selection.ParameterGrid(GRID))
    assert search.best_params_ == theirs.best_params_
    results = sf.reveal(search.cv_results("bob"), to="bob")
    assert results["params"] == theirs.cv_results_["params"]
    for name in ("mean_test_score", "std_test_score", "split1_test_score", "rank_test_score"):
        assert results[name] == pytest.approx(theirs.cv_results_[name], abs=1e-3)
    got = sf.reveal(search.best_estimator_.predict(split(), to="bob"))
    assert got == pytest.approx(theirs.best_estimator_.predict(TABLE), abs=1e-3)


def test_a_fold_without_a_second_class_has_no_auc(spu):
    y = np.r_[np.zeros(30, int), np.ones(31, int)]
    y[:5] = 1

    def scoring(model, X, y):
        return metrics.roc_auc_score(y, model.decision_function(X))

    model = learn.DecisionTreeClassifier(spu, max_depth=1, max_bins=4)
    found = learn.cross_val_score(
        model, split(), at("bob", y).to(spu), cv=learn.KFold(2, shuffle=False), scoring=scoring, to="bob"
    )
    assert np.isnan(sf.reveal(found, to="bob")).tolist() == [False, True]


def test_what_cannot_be_searched_is_refused_before_anything_is_shared(spu):
    model = learn.DecisionTreeRegressor(spu)
    refused = (
        (lambda: learn.KFold(1), "n_splits"),
        (lambda: learn.KFold(3, random_state=None), "all parties know"),
        (lambda: learn.GridSearchCV(estimator=model, param_grid={"depth": [1]}), "no parameter depth"),
        (lambda: learn.GridSearchCV(estimator=model, param_grid={"max_depth": [99]}), "max_depth"),
        (lambda: learn.GridSearchCV(estimator=model, param_grid=[]), "nothing to try"),
        (lambda: learn.cross_val_score(model, split(), at("bob", NUMBER), scoring="gini"), "no scoring"),
        (lambda: learn.cross_val_score(model, split(), at("bob", NUMBER[1:])), "have .60, 61. rows"),
        (lambda: learn.cross_val_score(model, split(), NUMBER), "is no table or label"),
        (lambda: learn.cross_val_score(model, split(), at("bob", NUMBER), cv=70), "61 rows cannot be 70"),
    )
    for ask, says in refused:
        with pytest.raises(sf.LearnError, match=says):
            ask()
