"""Boosted trees in debug mode and in simulation find what XGBoost finds on the whole table."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets, tree
from sklearn.metrics import roc_auc_score

import junto as sf
from junto import learn
from junto.learn.trees import ensemble
from spu_values import PARTIES, at

xgboost = pytest.importorskip("xgboost")

SMALL = {"n_estimators": 2, "max_depth": 2, "max_bins": 8}


@pytest.fixture(scope="module", params=["debug"])
def spu(request):
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield sf.SPU(parties=PARTIES[:2] if request.param.endswith("two") else PARTIES)
    sf.shutdown()


def split(table, cut):
    return {sf.PYU("alice"): at("alice", table[:, :cut]), sf.PYU("bob"): at("bob", table[:, cut:])}


def theirs(model, y, params, **more):
    given = {"learning_rate": 0.3, "base_score": float(np.mean(y))} | {
        ("max_bin" if name == "max_bins" else name): params[name] for name in params
    }
    return model(tree_method="hist", **given | more)


def regression(spu, table, y, params, cut=2):
    X = split(table, cut)
    got = learn.GradientBoostingRegressor(spu, **params).fit(X, at("bob", y)).predict(X, to="bob")
    want = theirs(xgboost.XGBRegressor, y, params).fit(table, y).predict(table)
    return np.asarray(sf.reveal(got)), want


def classes(spu, table, y, params, cut=2):
    X = split(table, cut)
    got = learn.GradientBoostingClassifier(spu, **params).fit(X, at("bob", y)).decision_function(X, to="bob")
    want = theirs(xgboost.XGBClassifier, y, params).fit(table, y).predict(table, output_margin=True)
    return np.asarray(sf.reveal(got)), want


RNG = np.random.default_rng(6)
GRID = RNG.integers(0, 8, size=(300, 4)).astype(float)
WITH_GAPS = np.where(RNG.random(GRID.shape) < 0.2, np.nan, GRID)
SCORE = np.nan_to_num(WITH_GAPS, nan=6.0) @ [0.5, -0.7, 0.2, 0.4] + np.where(GRID[:, 0] > GRID[:, 2], 2, 0)
NUMBER = SCORE + RNG.normal(size=300)
CLASS = (RNG.random(300) < 1 / (1 + np.exp(SCORE.mean() - SCORE))).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("spu", ["debug", "simulation"], indirect=True)
def test_trees_are_xgboosts(spu):
    """Columns with no more values than bins, and gaps: the same splits, and so the same numbers."""
    got, want = regression(spu, WITH_GAPS, NUMBER, SMALL)
    assert got == pytest.approx(want, abs=2e-3)
    got, want = classes(spu, WITH_GAPS, CLASS, SMALL)
    assert got == pytest.approx(want, abs=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("spu", ["simulation of two"], indirect=True)
def test_two_parties_alone_grow_the_same(spu):
    few = WITH_GAPS[:40, ::3] // 3  # three values a column
    got, want = regression(spu, few, NUMBER[:40], SMALL | {"n_estimators": 1}, cut=1)
    assert got == pytest.approx(want, abs=2e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"max_depth": 4, "n_estimators": 3},
        {"reg_lambda": 0.0},
        {"reg_lambda": 50.0},
        {"gamma": 60.0, "max_depth": 3},
        {"gamma": 1e6},
        {"min_child_weight": 40.0, "max_depth": 3},
        {"learning_rate": 1.0},
        {"reg_alpha": 30.0, "max_depth": 3},
        {"base_score": 0.2},
    ],
    ids=str,
)
def test_each_parameter_means_what_it_means_to_xgboost(spu, change):
    params = SMALL | change
    units = 1e4  # gamma is in those of the label
    mine = params | {"gamma": params.get("gamma", 0.0) * units**2}
    mine |= {"reg_alpha": params.get("reg_alpha", 0.0) * units}
    got, want = regression(spu, WITH_GAPS, units * NUMBER, mine)
    assert got == pytest.approx(want, abs=5e-3 * units)
    smaller = {
        name: params.get(name, usual) / 4 for name, usual in (("min_child_weight", 1), ("reg_alpha", 0))
    }
    got, want = classes(spu, WITH_GAPS, CLASS, params | smaller)
    assert got == pytest.approx(want, abs=5e-3)


@pytest.mark.parametrize("weight", [0.2, 3.0, 100.0])
def test_rows_of_the_second_class_weigh_more(spu, weight):
    """As to XGBoost, which begins a Newton step from where we begin; far more than sums could hold, too."""
    rare = (CLASS * (RNG.random(300) < 3 / weight)).astype(int) if weight > 3 else CLASS
    rate = weight * rare.mean() / (weight * rare.mean() + 1 - rare.mean())
    params = SMALL | {"scale_pos_weight": weight, "max_depth": 3, "min_child_weight": 2.0, "reg_alpha": 0.5}
    X, theirs_too = split(WITH_GAPS, 2), {"base_score": rate}
    model = learn.GradientBoostingClassifier(spu, **params).fit(X, at("bob", rare))
    wanted = theirs(xgboost.XGBClassifier, rare, params, **theirs_too).fit(WITH_GAPS, rare)
    got = np.asarray(sf.reveal(model.decision_function(X, to="bob")))
    assert got == pytest.approx(wanted.predict(WITH_GAPS, output_margin=True), abs=5e-3)
    cover = sf.reveal(model.feature_importances("bob", importance_type="total_cover"))
    known = wanted.get_booster().get_score(importance_type="total_cover")
    assert list(cover.values()) == pytest.approx([known.get(f"f{c}", 0) for c in range(4)], rel=0.01)


def test_a_level_has_some_of_the_trees_columns_and_a_node_some_of_the_levels(spu):
    parts = {"colsample_bytree": 0.5, "colsample_bylevel": 0.5, "colsample_bynode": 0.5}
    by_tree, by_level, by_node = (
        learn.GradientBoostingRegressor(spu, **dict(list(parts.items())[:count])).growth(10, 40).columns
        for count in (1, 2, 3)
    )
    for number, level in product(range(2), range(3)):
        (tree_columns,), (level_columns,) = by_tree(number, level), by_level(number, level)
        nodes = by_node(number, level)
        assert [len(node) for node in nodes] == [5] * 2**level
        assert set().union(*nodes) <= set(level_columns) <= set(tree_columns) == set(by_tree(number, 0)[0])
        assert (len(level_columns), len(tree_columns)) == (10, 20)
    assert len(set(map(tuple, by_node(0, 2)))) > 1
    assert by_level(0, 1) != by_level(0, 2)


def test_nodes_of_all_classes_trees_have_their_own_columns(spu):
    """One of four columns a node: it is the one that splits it, in the tree of each class."""
    y = np.digitize(NUMBER, np.quantile(NUMBER, [0.3, 0.6]))
    params = SMALL | {"min_child_weight": 0.0, "colsample_bynode": 0.25, "classes": (0, 1, 2)}
    params |= {"random_state": 2}  # no node is pure
    model = learn.GradientBoostingClassifier(spu, **params).fit(split(WITH_GAPS, 2), at("bob", y))
    told = json.loads(sf.reveal(model.export("bob")))["learner"]["gradient_booster"]["model"]["trees"]
    drawn = model.growth(300, 4).columns
    for number, one in enumerate(told):
        wanted = [node[0] for level in (0, 1) for node in drawn(number // 3, level)]
        assert one["split_indices"][:3] == wanted


CLASSES = {
    "breast cancer": (datasets.load_breast_cancer, lambda y: y),
    "wine": (datasets.load_wine, lambda y: y),
    "iris": (datasets.load_iris, lambda y: y),
    "digits": (datasets.load_digits, lambda y: y % 2),
}
NUMBERS = {"diabetes": datasets.load_diabetes, "digits": datasets.load_digits}
WHOLE = {"n_estimators": 10, "max_depth": 3, "max_bins": 32}


def held_out(table, y):
    """Two thirds of the rows and the others, with their labels."""
    rows, cut = np.random.default_rng(0).permutation(len(y)), len(y) * 2 // 3
    return [(table[some], y[some]) for some in (rows[:cut], rows[cut:])]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spu", "name"),
    [*[("debug", name) for name in CLASSES], ("simulation", "wine")],
    indirect=["spu"],
)
def test_auc_is_within_two_thousandths_of_xgboosts(spu, name):
    """Of the rows that trees are grown from, and of others; nothing but the parameters is the same."""
    load, label = CLASSES[name]
    table, y = load(return_X_y=True)
    own, later = held_out(table, label(y))
    cut, several = table.shape[1] // 2, len(np.unique(own[1])) > 2
    classes = tuple(np.unique(own[1]).tolist())
    model = learn.GradientBoostingClassifier(spu, **WHOLE, classes=classes)
    model = model.fit(split(own[0], cut), at("bob", own[1]))
    wanted = theirs(xgboost.XGBClassifier, own[1], WHOLE, base_score=None).fit(*own)
    for rows, known in (own, later):
        got = sf.reveal(model.predict_proba(split(rows, cut), to="bob"))
        found = [
            roc_auc_score(known, each / each.sum(axis=1, keepdims=True), multi_class="ovr")
            if several
            else roc_auc_score(known, each[:, 1])
            for each in (got, wanted.predict_proba(rows))
        ]
        assert found[0] == pytest.approx(found[1], abs=0.002)


@pytest.mark.slow
@pytest.mark.parametrize("name", NUMBERS)
def test_rmse_is_within_a_hundredth_of_xgboosts(spu, name):
    table, y = NUMBERS[name](return_X_y=True)
    own, later = held_out(table, y.astype(float))
    cut = table.shape[1] // 2
    model = learn.GradientBoostingRegressor(spu, **WHOLE).fit(split(own[0], cut), at("bob", own[1]))
    wanted = theirs(xgboost.XGBRegressor, own[1], WHOLE, base_score=None).fit(*own)
    for rows, known in (own, later):
        found = [
            np.sqrt(np.mean((each - known) ** 2))
            for each in (sf.reveal(model.predict(split(rows, cut), to="bob")), wanted.predict(rows))
        ]
        assert found[0] == pytest.approx(found[1], rel=0.01)


@pytest.mark.slow
def test_deep_trees_are_xgboosts_where_splits_are_nearly_as_good_as_each_other(spu):
    """Nodes of few rows with small residuals, thousands of them: hardly any gain is larger than 0.1."""
    table, y = datasets.load_diabetes(return_X_y=True)
    bins = np.stack([np.searchsorted(np.quantile(x, np.arange(1, 16) / 16), x) for x in table.T], axis=1)
    params = {"n_estimators": 8, "max_depth": 6, "max_bins": 32}
    got, want = regression(spu, bins.astype(float), y, params, cut=5)
    off = np.abs(got - want) > 0.01
    assert off.mean() < 0.02
    assert np.sqrt(np.mean((got - y) ** 2)) == pytest.approx(np.sqrt(np.mean((want - y) ** 2)), rel=0.005)


# -------------------------------------------------------------------- single trees and forests


def in_sklearn(name, y, growth, **params):
    """The mean of trees from so many copies of each row."""
    found = []
    for number in range(growth.trees):
        weights = growth.growth(len(y), 4).rows(number)
        copies = np.ones(len(y), int) if weights is None else weights.astype(int)
        model = getattr(tree, name)(max_depth=growth.max_depth, random_state=0, **params)
        model.fit(WITH_GAPS.repeat(copies, 0), y.repeat(copies))
        found.append(
            model.predict_proba(WITH_GAPS)[:, 1] if name.endswith("Classifier") else model.predict(WITH_GAPS)
        )
    return np.mean(found, axis=0)


@pytest.mark.parametrize("least", [1, 30])
@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_trees_and_forests_are_scikit_learns(spu, kind, least):
    y = CLASS if kind == "Classifier" else 100 * NUMBER
    params = {"max_depth": 3, "max_bins": 8, "min_samples_leaf": least}
    for name, more in {
        "DecisionTree": {},
        "RandomForest": {"n_estimators": 2, "max_features": None, "bootstrap": least == 1},
    }.items():
        model = getattr(learn, name + kind)(spu, **params, **more).fit(split(WITH_GAPS, 2), at("bob", y))
        X = split(WITH_GAPS, 2)
        got = sf.reveal(
            model.predict_proba(X, to="bob") if kind == "Classifier" else model.predict(X, to="bob")
        )
        want = in_sklearn(f"DecisionTree{kind}", y, model, min_samples_leaf=least)
        assert (got[:, 1] if kind == "Classifier" else got) == pytest.approx(want, abs=1e-4 * np.ptp(y))
        if kind == "Classifier":
            assert (sf.reveal(model.predict(X, to="bob")) == (want > 0.5)).mean() > 0.99
            assert sf.reveal(model.decision_function(X, to="bob")) == pytest.approx(want - 0.5, abs=1e-4)


@pytest.mark.parametrize("some", ["sqrt", 1, 0.25])
def test_each_node_may_use_some_of_the_columns(spu, some):
    """One of four: where no node of a level had the column that says most, it splits none."""
    model = learn.RandomForestRegressor(spu, n_estimators=4, max_depth=2, max_bins=8, max_features=some)
    model = model.fit(split(WITH_GAPS, 2), at("bob", NUMBER))
    if some == "sqrt":
        assert len(model.growth(300, 4).columns(0, 1)[0]) == 2
        return
    used = [sf.reveal(model.split_counts_of(party)) for party in ("alice", "bob")]
    drawn = Counter(
        str(node[0])
        for each in range(4)
        for level in (0, 1)
        for node in model.growth(300, 4).columns(each, level)
    )
    assert {
        str(int(name) + 2 * place): count
        for place, each in enumerate(used)
        for name, count in each.items()
        if count
    } == drawn


@pytest.mark.parametrize("change", [{"subsample": 0.5}, {"colsample_bytree": 0.5}], ids=str)
def test_a_tree_may_use_some_of_the_rows_or_columns(spu, change):
    """As XGBoost grows it on those rows, or columns, alone."""
    model = learn.GradientBoostingRegressor(spu, **SMALL | {"n_estimators": 1}, **change, random_state=3)
    model = model.fit(split(WITH_GAPS, 2), at("bob", NUMBER))
    growth = model.growth(300, 4)
    rows = np.ones(300, bool) if growth.rows(0) is None else growth.rows(0) > 0
    columns = (growth.columns(0, 0) or [range(4)])[0]
    table = np.where(np.isin(np.arange(4), columns), WITH_GAPS, 0)
    given = {
        "max_bin": 8,
        "max_depth": 2,
        "n_estimators": 1,
        "learning_rate": 0.3,
        "base_score": NUMBER.mean(),
    }
    want = xgboost.XGBRegressor(tree_method="hist", **given).fit(table[rows], NUMBER[rows]).predict(table)
    assert sf.reveal(model.predict(split(WITH_GAPS, 2), to="bob")) == pytest.approx(want, abs=2e-3)


WEIGHTS = RNG.choice([0.0, 0.5, 1.0, 7.0], size=300)


@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_rows_weigh_what_they_weigh_to_xgboost(spu, kind):
    y = CLASS if kind == "Classifier" else NUMBER
    model = getattr(learn, f"GradientBoosting{kind}")(spu, **SMALL)
    model = model.fit(split(WITH_GAPS, 2), at("bob", y), sample_weight=at("alice", WEIGHTS))
    got = model.predict_proba if kind == "Classifier" else model.predict
    theirs = getattr(xgboost, f"XGB{kind}")(
        tree_method="hist", max_bin=8, max_depth=2, n_estimators=2, learning_rate=0.3, base_score=y.mean()
    ).fit(WITH_GAPS, y, sample_weight=WEIGHTS)
    want = theirs.predict_proba(WITH_GAPS) if kind == "Classifier" else theirs.predict(WITH_GAPS)
    assert sf.reveal(got(split(WITH_GAPS, 2), to="bob")) == pytest.approx(want, abs=2e-3)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (-WEIGHTS, "negative"),
        (np.full(300, 65.0), "too large"),
        (np.ones(299), "299 rows"),
        (np.full(300, np.nan), "missing"),
    ],
    ids=["negative", "large", "short", "missing"],
)
def test_weights_that_make_no_sense_are_refused(spu, weights, says):
    model = learn.GradientBoostingRegressor(spu, max_depth=1)
    with pytest.raises(sf.LearnError, match=says):
        model.fit(split(WITH_GAPS, 2), at("bob", NUMBER), sample_weight=at("alice", weights))


def test_rows_are_not_counted_by_their_weights(spu):
    model = learn.DecisionTreeRegressor(spu, max_depth=1, min_samples_leaf=2)
    with pytest.raises(sf.LearnError, match="min_samples_leaf counts rows"):
        model.fit(split(WITH_GAPS, 2), at("bob", NUMBER), sample_weight=at("alice", WEIGHTS))


@pytest.mark.parametrize("spu", ["debug"], indirect=True)
@pytest.mark.parametrize("unit", [1e-9, 1e-3, 0.02, 1.0, 1e6])
@pytest.mark.parametrize("weights", ["equal", "some", "one of all"])
def test_the_unit_of_weights_does_not_matter_to_a_tree(spu, unit, weights):
    """As to scikit-learn's."""
    far = np.where(np.arange(300) == 7, 60.0, 0.01)
    given = {"equal": np.ones(300), "some": WEIGHTS, "one of all": far}[weights] * unit
    model = learn.DecisionTreeRegressor(spu, max_depth=2)
    model = model.fit(split(GRID, 2), at("bob", NUMBER), sample_weight=at("alice", given))
    want = tree.DecisionTreeRegressor(max_depth=2, random_state=0).fit(GRID, NUMBER, sample_weight=given)
    got = np.asarray(sf.reveal(model.predict(split(GRID, 2), to="bob")))
    assert got == pytest.approx(want.predict(GRID), abs=2e-3 * np.ptp(NUMBER))


# -------------------------------------------------------------------- models that leave, models that come


def booster(text):
    found = xgboost.Booster()
    found.load_model(bytearray(text, "utf-8"))
    return found


NAMED = pd.DataFrame(WITH_GAPS, columns=["age", "pay", "debt", "calls"])
OWNED = {"alice": ["age", "pay"], "bob": ["debt", "calls"]}


def frames(table=NAMED):
    return {sf.PYU(party): at(party, table[names]) for party, names in OWNED.items()}


@pytest.mark.parametrize("units", [1e-6, 1e6])
def test_an_exported_model_predicts_the_same(spu, units):
    """Shallow and deep trees, nodes that nothing splits, leaves that are empty."""
    model = learn.GradientBoostingRegressor(spu, **SMALL | {"max_depth": 4, "gamma": 5.0 * units**2})
    model = model.fit(frames(), at("bob", units * NUMBER))
    theirs = booster(sf.reveal(model.export("bob")))
    assert theirs.feature_names == list(NAMED.columns)
    want = sf.reveal(model.predict(frames(), to="bob"))
    assert theirs.predict(xgboost.DMatrix(NAMED)) == pytest.approx(want, abs=1e-4 * units)
    counted = theirs.get_score(importance_type="weight")
    mine = [sf.reveal(model.split_counts_of(party)) for party in OWNED]
    assert {name: count for each in mine for name, count in each.items() if count} == counted


def test_an_exported_classifier_gives_the_same_chances_at_the_receiver_alone(spu):
    model = learn.GradientBoostingClassifier(spu, **SMALL).fit(split(WITH_GAPS, 2), at("bob", CLASS))
    theirs = booster(sf.reveal(model.export(to="alice"), to="alice"))
    want = sf.reveal(model.predict_proba(split(WITH_GAPS, 2), to="bob"))[:, 1]
    assert theirs.predict(xgboost.DMatrix(WITH_GAPS)) == pytest.approx(want, abs=1e-4)
    with pytest.raises(sf.LearnError, match="no format 'pmml'"):
        model.export(to="alice", format="pmml")


@pytest.mark.parametrize("kind", ["classes", "numbers"])
@pytest.mark.parametrize(
    "growth", [{"max_depth": 3}, {"max_leaves": 6, "grow_policy": "lossguide", "max_depth": 0}]
)
def test_a_model_from_the_clear_scores_secret_rows(spu, kind, growth):
    theirs, y = {
        "classes": (xgboost.XGBClassifier, CLASS),
        "numbers": (xgboost.XGBRegressor, 1e5 * NUMBER),
    }[kind]
    trained = theirs(n_estimators=4, tree_method="hist", **growth).fit(NAMED, y)
    owned = {sf.PYU(party): names for party, names in OWNED.items()}
    model = learn.from_xgboost(spu, at("bob", trained), owned)
    later = NAMED.sample(frac=1, random_state=1)[::-1].iloc[:, ::-1]
    ask = model.decision_function if kind == "classes" else model.predict
    got = sf.reveal(ask(frames(later), to="bob"))
    want = trained.predict(later[NAMED.columns], output_margin=True)
    assert got == pytest.approx(want, abs=1e-4 if kind == "classes" else 10)
    text = sf.reveal(model.export("bob"))
    back = booster(text).predict(xgboost.DMatrix(NAMED), output_margin=True)
    assert back == pytest.approx(trained.predict(NAMED, output_margin=True), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (lambda: "no model", "bob's model cannot be used"),
        (lambda: {"learner": {}}, "bob's model cannot be used"),
        (
            lambda: xgboost.XGBRegressor(n_estimators=1, objective="reg:absoluteerror").fit(NAMED, NUMBER),
            "its objective is",
        ),
        (
            lambda: xgboost.XGBRegressor(n_estimators=1, booster="dart").fit(NAMED, NUMBER),
            "its booster is dart",
        ),
        (
            lambda: xgboost.XGBRegressor(n_estimators=1, max_depth=12, min_child_weight=0).fit(NAMED, NUMBER),
            "levels of splits",
        ),
        (
            lambda: xgboost.XGBRegressor(n_estimators=1).fit(NAMED[["age", "pay"]], NUMBER),
            "its columns are age, pay",
        ),
        (
            lambda: xgboost.XGBRegressor(n_estimators=1).fit(NAMED, np.stack([NUMBER, NUMBER], axis=1)),
            "it predicts 2 numbers",
        ),
        (
            lambda: xgboost.XGBClassifier(n_estimators=1, num_parallel_tree=2).fit(NAMED, np.arange(300) % 3),
            "not the same number of trees for each class, in turn",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else "model",
)
def test_what_our_trees_have_not_is_refused(spu, model, says):
    made = sf.PYU("bob")(model)()
    with pytest.raises(sf.LearnError, match=says):
        learn.from_xgboost(spu, made, {sf.PYU(party): names for party, names in OWNED.items()})


def test_many_rows_are_scored_in_blocks(spu, monkeypatch):
    monkeypatch.setattr(ensemble, "BLOCK", 8 * 20)  # 20 rows of 8 leaves
    model = learn.GradientBoostingRegressor(spu, **SMALL).fit(split(WITH_GAPS, 2), at("bob", NUMBER))
    whole = sf.reveal(model.predict(split(WITH_GAPS[:20], 2), to="bob"))
    parts = sf.reveal(model.predict(split(WITH_GAPS[:51], 2), to="bob"))
    assert parts[:20] == pytest.approx(whole, abs=1e-4)
    assert parts.shape == (51,)
    text = sf.reveal(model.export("bob"))
    assert parts == pytest.approx(booster(text).predict(xgboost.DMatrix(WITH_GAPS[:51])), abs=1e-4)


# -------------------------------------------------------------------- models in files


@pytest.mark.parametrize("name", ["GradientBoostingClassifier", "GradientBoostingRegressor"])
def test_a_model_that_was_kept_is_the_same(spu, name, tmp_path):
    y = CLASS if name.endswith("Classifier") else 1e4 * NUMBER
    model = getattr(learn, name)(spu, **SMALL, min_child_weight=2.0).fit(frames(), at("bob", y))
    folders = {party: tmp_path / party for party in PARTIES}
    model.save(folders)
    again = getattr(learn, name).load(spu, folders)
    assert again.get_params() == model.get_params()
    got, want = (sf.reveal(each.predict(frames(), to="bob")) for each in (again, model))
    assert got == pytest.approx(want)
    assert sf.reveal(again.score(frames(), at("bob", y))) == pytest.approx(
        sf.reveal(model.score(frames(), at("bob", y)))
    )
    third = getattr(learn, name).load(spu, folders)
    third.save({party: tmp_path / "again" / party for party in PARTIES})
    with pytest.raises(sf.RemoteError, match="failed at alice: LearnError"):
        model.save(folders)
    other = model.with_params(n_estimators=1).fit(frames(), at("bob", y))
    other.save({party: tmp_path / "other" / party for party in PARTIES})
    mixed = folders | {"alice": tmp_path / "other" / "alice"}
    with pytest.raises(sf.LearnError, match="not of one model"):
        getattr(learn, name).load(spu, mixed)
    with pytest.raises(sf.LearnError, match="no folder for alice, carol"):
        model.save({"bob": tmp_path})
    wrong = {"GradientBoostingClassifier", "GradientBoostingRegressor"} - {name}
    with pytest.raises(sf.LearnError, match=f"this is a {name}"):
        getattr(learn, *wrong).load(spu, folders)
