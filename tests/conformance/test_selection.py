"""Folds, cross-validation and grid search are scikit-learn's, on rows of several parties."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model, model_selection, pipeline, preprocessing, tree
from sklearn import metrics as theirs_metrics

import junto as sf
from junto import learn
from junto.frame import HorizontalFrame
from junto.learn import metrics, selection
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


HORIZONTAL = ["alice", "bob", "carol"]


def by_rows(label):
    """The table and its label as rows of three parties, and how scikit-learn has them."""
    names = ["a", "b", "c", "d"]
    table = pd.DataFrame(TABLE, columns=names).assign(label=label)
    cuts = [0, 20, 45, 61]
    frame = HorizontalFrame(
        {
            sf.PYU(party): at(party, table.iloc[first:last])
            for party, first, last in zip(HORIZONTAL, cuts, cuts[1:], strict=False)
        }
    )
    return frame[names], frame["label"]


@pytest.mark.parametrize(
    "scoring", [None, "accuracy", "precision", "recall", "f1", "roc_auc", "neg_log_loss", "neg_brier_score"]
)
@pytest.mark.parametrize("classes", [(0, 1), ("no", "yes")])
def test_rows_of_several_parties_are_judged_as_one_table(spu, scoring, classes):
    X, y = by_rows(np.asarray(classes)[CLASS])
    model = learn.LogisticRegression(spu, C=float("inf"), classes=classes)
    found = learn.cross_val_score(model, X, y, cv=learn.KFold(3), scoring=scoring, to="bob")
    want = model_selection.cross_val_score(
        linear_model.LogisticRegression(C=np.inf, tol=1e-8),
        TABLE,
        CLASS,
        scoring=scoring,
        cv=model_selection.KFold(3, shuffle=True, random_state=0),
    )
    assert sf.reveal(found, to="bob") == pytest.approx(want, abs=1e-3)


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e7])
@pytest.mark.parametrize("scoring", [None, "r2", "neg_mean_squared_error", "neg_mean_absolute_error"])
def test_numbers_at_several_parties_are_judged_whatever_their_size(spu, scale, scoring):
    X, y = by_rows(NUMBER * scale)
    found = learn.cross_val_score(learn.LinearRegression(spu), X, y, cv=learn.KFold(2), scoring=scoring)
    want = model_selection.cross_val_score(
        linear_model.LinearRegression(),
        TABLE,
        NUMBER * scale,
        scoring=scoring,
        cv=model_selection.KFold(2, shuffle=True, random_state=0),
    )
    size = {None: 1, "r2": 1, "neg_mean_squared_error": scale**2, "neg_mean_absolute_error": scale}[scoring]
    assert sf.reveal(found) / size == pytest.approx(want / size, abs=1e-3)


def test_a_search_over_rows_of_several_parties_is_scikit_learns(spu):
    X, y = by_rows(NUMBER)
    search = learn.GridSearchCV(learn.Ridge(spu), {"alpha": [0.1, 5.0, 500.0]}, cv=learn.KFold(3)).fit(X, y)
    scaled = (TABLE - TABLE.mean(axis=0)) / TABLE.std(axis=0)
    theirs = model_selection.GridSearchCV(
        linear_model.Ridge(),
        {"alpha": [0.1, 5.0, 500.0]},
        cv=model_selection.KFold(3, shuffle=True, random_state=0),
    ).fit(scaled, NUMBER)  # theirs knows one scale for all folds
    assert search.best_params_ == theirs.best_params_
    assert sf.reveal(search.best_score_) == pytest.approx(theirs.best_score_, abs=0.02)
    answers = sf.reveal(search.predict(X, to="alice"), to="alice")
    assert answers == pytest.approx(theirs.predict(scaled), abs=1e-3)


@pytest.mark.parametrize("size", [1e-7, 1e6])
def test_a_search_tells_scores_apart_whatever_the_size_of_the_label(spu, size):
    """Fixed point has no digits for a squared error of 1e-14: then all candidates would be equally good."""
    grid = {"alpha": [1e4, 0.1, 1e3]}
    search = learn.GridSearchCV(learn.Ridge(spu), grid, cv=2, scoring="neg_mean_squared_error").fit(
        split(), at("bob", NUMBER * size)
    )
    want = model_selection.GridSearchCV(
        pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge()),
        {"ridge__alpha": grid["alpha"]},
        cv=model_selection.KFold(2, shuffle=True, random_state=0),
        scoring="neg_mean_squared_error",
    ).fit(TABLE, NUMBER * size)
    assert search.best_index_ == want.best_index_ == 1
    assert sf.reveal(search.best_score_) == pytest.approx(want.best_score_, rel=1e-3)
    found = sf.reveal(search.cv_results("bob"), to="bob")["mean_test_score"]
    assert found == pytest.approx(want.cv_results_["mean_test_score"], rel=1e-3)


def test_what_was_found_answers_as_in_scikit_learn(spu):
    search = learn.GridSearchCV(
        learn.DecisionTreeClassifier(spu, max_bins=8), {"max_depth": [1, 2]}, scoring="f1", cv=2
    ).fit(split(), at("bob", CLASS))
    best, X = search.best_estimator_, split()
    for ask in ("predict", "predict_proba", "decision_function"):
        one, other = (sf.reveal(getattr(each, ask)(X, to="bob"), to="bob") for each in (search, best))
        assert np.array_equal(one, other)
    score = sf.reveal(search.score(X, at("bob", CLASS), to="bob"), to="bob")
    guessed = sf.reveal(best.predict(X, to="bob"), to="bob")
    assert score == pytest.approx(theirs_metrics.f1_score(CLASS, guessed), abs=1e-4)


SPLITTERS = [
    model_selection.KFold(3),
    model_selection.KFold(3, shuffle=True, random_state=4),
    model_selection.ShuffleSplit(2, test_size=0.3, random_state=1),
    model_selection.TimeSeriesSplit(3),
    [(np.arange(40), np.arange(40, 61)), (list(range(30, 61)), [0, 5, 7])],
]


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
def test_splitters_of_scikit_learn_make_the_folds_that_they_make_there(spu, cv):
    model = learn.DecisionTreeRegressor(spu, max_depth=2, max_bins=8)
    found = learn.cross_val_score(model, split(), at("bob", NUMBER), cv=cv, scoring="r2", to="alice")
    known = tree.DecisionTreeRegressor(max_depth=2, random_state=0)
    want = model_selection.cross_val_score(known, TABLE, NUMBER, cv=cv, scoring="r2")
    assert sf.reveal(found, to="alice") == pytest.approx(want, abs=2e-3)


DRAWN_APART = [
    (model_selection.KFold(3, shuffle=True), "draw other folds"),
    (model_selection.ShuffleSplit(2), "draw other folds"),
    (model_selection.RepeatedKFold(n_splits=2), "draw other folds"),
    (model_selection.StratifiedKFold(3), "makes no folds"),
    (iter([]), "cv is list_iterator"),
    ("three", "cv is str"),
    (2.5, "cv is float"),
    ([(np.arange(61), np.array([61]))], "places below 61"),
    ([(np.arange(61), np.array([-1]))], "places below 61"),
    ([np.arange(5)], "two lists"),
    ([], "has no folds"),
]


@pytest.mark.parametrize(("cv", "says"), DRAWN_APART, ids=range(len(DRAWN_APART)))
def test_folds_that_parties_might_draw_otherwise_are_refused(spu, cv, says):
    model = learn.DecisionTreeRegressor(spu, max_depth=1)
    with pytest.raises(sf.LearnError, match=says):
        learn.cross_val_score(model, split(), at("bob", NUMBER), cv=cv)


def test_the_rows_of_a_fold_are_what_parties_compare(spu):
    """Scripts that draw other folds would put other rows together: the name of a step tells them apart."""
    table = at("alice", TABLE)
    one, other, same = (
        selection._part(table, np.asarray(places)) for places in ([0, 2], [0, 1], np.array([0, 2], np.int32))
    )
    names = [re.sub("operation [0-9]+", "", repr(each)) for each in (one, other, same)]
    assert names[0] == names[2] != names[1]


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


def test_a_search_ranks_what_is_not_defined_last(spu):
    y = np.r_[np.zeros(30, int), np.ones(31, int)]
    y[:5] = 1

    def scoring(model, X, y):
        """What is not defined of deep trees, and a bad score of the others."""
        said = model.decision_function(X)
        if model.max_depth == 1:
            return metrics.r2_score(y, spu(lambda score: score + 9)(said))
        return metrics.log_loss(y, spu(lambda score: 9 + 0 * score)(said))

    folds = [(np.arange(61), np.r_[0:15, 45:61])]
    grid = {"max_depth": [2, 1]}
    model = learn.DecisionTreeClassifier(spu, max_bins=4)
    search = learn.GridSearchCV(model, grid, scoring=scoring, cv=folds).fit(split(), at("bob", y).to(spu))
    assert search.best_params_ == {"max_depth": 1}
    found = sf.reveal(search.cv_results("bob"), to="bob")
    assert np.isnan(found["mean_test_score"]).tolist() == [True, False]
    assert found["rank_test_score"].tolist() == [2, 1]
    assert sf.reveal(search.best_score_) == pytest.approx(found["mean_test_score"][1])


@pytest.mark.parametrize("defined", [True, False])
def test_the_best_score_is_a_number_if_it_is_defined_however_bad_it_is(spu, defined):
    def scoring(model, X, y):
        said = model.decision_function(X)
        if defined:
            return metrics.r2_score(y, spu(lambda score: score + 495)(said))  # about -980,000
        return metrics.log_loss(y, spu(lambda score: 9 + 0 * score)(said))

    folds = [(np.arange(61), np.arange(61))]
    model = learn.DecisionTreeClassifier(spu, max_bins=4)
    y = at("bob", CLASS).to(spu)
    search = learn.GridSearchCV(model, {"max_depth": [1]}, scoring=scoring, cv=folds).fit(split(), y)
    best = sf.reveal(search.best_score_)
    shown = sf.reveal(search.cv_results("bob"), to="bob")["mean_test_score"]
    assert best == pytest.approx(shown[0], rel=1e-3, nan_ok=True)
    assert np.isnan(best) == (not defined)
    assert not defined or -(2**20) < best < -(2**19)


def test_what_cannot_be_searched_is_refused_before_anything_is_shared(spu):
    model = learn.DecisionTreeRegressor(spu)
    refused = (
        (lambda: learn.KFold(1), "n_splits"),
        (lambda: learn.KFold(3, random_state=None), "random_state is None"),
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
