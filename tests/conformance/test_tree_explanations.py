"""Importances, leaves and SHAP values of trees are XGBoost's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import tree

import junto as sf
from junto import learn
from spu_values import PARTIES, at

xgboost = pytest.importorskip("xgboost")

RNG = np.random.default_rng(8)
TABLE = RNG.integers(0, 6, size=(150, 4)).astype(float)
TABLE[RNG.random(TABLE.shape) < 0.1] = np.nan
SCORE = np.nan_to_num(TABLE, nan=4.0) @ [0.5, -0.7, 0.2, 0.4]
KINDS = ("gain", "cover", "weight", "total_gain", "total_cover")
NAMES = ["age", "pay", "debt", "calls"]
LABELS = {
    "reg:squarederror": 1e4 * (SCORE + RNG.normal(size=150)),
    "binary:logistic": (SCORE.mean() < SCORE).astype(int),
    "multi:softprob": np.digitize(SCORE, [0.0, 1.5]),
    "count:poisson": RNG.poisson(np.exp(SCORE / 3)),
}


@pytest.fixture(scope="module", params=["debug"])
def spu(request):
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield sf.SPU(parties=PARTIES)
    sf.shutdown()


def split(table=TABLE):
    named = pd.DataFrame(table, columns=NAMES)
    return {sf.PYU("alice"): at("alice", named[NAMES[:2]]), sf.PYU("bob"): at("bob", named[NAMES[2:]])}


def imported(spu, model):
    names = NAMES if model.get_booster().feature_names else ["f0", "f1", "f2", "f3"]
    return learn.from_xgboost(spu, at("bob", model), {sf.PYU("alice"): names[:2], sf.PYU("bob"): names[2:]})


def booster(text):
    found = xgboost.Booster()
    found.load_model(bytearray(text, "utf-8"))
    return found


def theirs(objective, **growth):
    kind = (
        xgboost.XGBClassifier if ":logistic" in objective or "softprob" in objective else xgboost.XGBRegressor
    )
    model = kind(objective=objective, tree_method="hist", learning_rate=0.3, **growth)
    return model.fit(pd.DataFrame(TABLE, columns=NAMES), LABELS[objective])


def assert_same(model, known):
    """Of one model, ours and theirs: all importances and SHAP values."""
    for kind in KINDS:
        got = sf.reveal(model.feature_importances("bob", importance_type=kind))
        want = known.get_score(importance_type=kind)
        assert list(got) == NAMES
        assert got == pytest.approx({name: want.get(name, 0.0) for name in got}, rel=1e-3, abs=1e-3)
    want = known.predict(xgboost.DMatrix(pd.DataFrame(TABLE, columns=NAMES)), pred_contribs=True)
    got = np.asarray(sf.reveal(model.shap_values(split(), to="alice"), to="alice"))
    assert got.shape == want.shape
    assert got == pytest.approx(want, abs=1e-4 * float(np.abs(want).max()))


@pytest.mark.parametrize(
    ("spu", "depth"),
    [("debug", 2), ("debug", 3), pytest.param("simulation", 2, marks=pytest.mark.slow)],
    indirect=["spu"],
)
def test_a_fitted_model_says_what_xgboost_says_of_it(spu, depth):
    """The model leaves with its gains and covers, and some nodes that nothing splits."""
    y = LABELS["reg:squarederror"]
    model = learn.GradientBoostingRegressor(spu, n_estimators=2, max_depth=depth, max_bins=8, gamma=1e9)
    model.fit(split(), at("bob", y))
    text = sf.reveal(model.export("bob", with_stats=True))
    assert_same(model, booster(text))
    grown = xgboost.XGBRegressor(
        n_estimators=2,
        max_depth=depth,
        max_bin=8,
        gamma=1e9,
        base_score=y.mean(),
        tree_method="hist",
        learning_rate=0.3,
    ).fit(pd.DataFrame(TABLE, columns=NAMES), y)
    assert_same(model, grown.get_booster())
    bare = booster(sf.reveal(model.export("bob")))
    assert set(bare.get_score(importance_type="cover").values()) == {0.0}  # what is not asked for stays


@pytest.mark.parametrize(
    ("objective", "growth"),
    [
        ("reg:squarederror", {"n_estimators": 1, "max_depth": 1}),
        ("binary:logistic", {"n_estimators": 3, "max_depth": 4}),
        ("multi:softprob", {"n_estimators": 2, "max_depth": 3}),
        ("count:poisson", {"n_estimators": 2, "max_leaves": 7, "max_depth": 0, "grow_policy": "lossguide"}),
    ],
    ids=str,
)
def test_a_model_from_the_clear_is_explained_as_it_was_there(spu, objective, growth):
    """Columns that come again on a path, uneven trees, several classes."""
    trained = theirs(objective, **growth)
    model = imported(spu, trained)
    assert_same(model, trained.get_booster())
    later = sf.reveal(model.apply(split(), to="bob"))
    known = (
        trained.get_booster()
        .predict(xgboost.DMatrix(pd.DataFrame(TABLE, columns=NAMES)), pred_leaf=True)
        .reshape(len(TABLE), -1)
    )
    assert later.shape == known.shape
    for mine, own in zip(later.T, known.T, strict=True):  # the same rows together, under other numbers
        assert len(set(zip(mine, own, strict=True))) == len(set(mine)) == len(set(own))


@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_a_trees_gains_are_scikit_learns(spu, kind):
    y = LABELS["multi:softprob" if kind == "Classifier" else "reg:squarederror"]
    more = {"classes": (0, 1, 2)} if kind == "Classifier" else {}
    model = getattr(learn, f"DecisionTree{kind}")(spu, max_depth=2, max_bins=8, **more)
    model.fit(split(), at("bob", y))
    found = sf.reveal(model.feature_importances("bob", importance_type="total_gain"))
    want = (
        getattr(tree, f"DecisionTree{kind}")(max_depth=2, random_state=0).fit(TABLE, y).feature_importances_
    )
    gain = np.array(list(found.values()))
    assert gain / gain.sum() == pytest.approx(want, abs=1e-3)
    text = sf.reveal(model.export("bob", with_stats=True))
    assert_same_shap(model, booster(text))


def assert_same_shap(model, known):
    want = known.predict(xgboost.DMatrix(pd.DataFrame(TABLE, columns=NAMES)), pred_contribs=True)
    got = sf.reveal(model.shap_values(split(), to="bob"))
    assert got == pytest.approx(want, abs=1e-4 * float(np.abs(want).max()))


def test_what_nodes_are_worth_is_kept_and_goes_on(spu, tmp_path):
    y = LABELS["binary:logistic"]
    first = learn.GradientBoostingClassifier(spu, n_estimators=1, max_depth=2, max_bins=8)
    first.fit(split(), at("bob", y))
    folders = {party: tmp_path / party for party in PARTIES}
    first.save(folders)
    again = learn.GradientBoostingClassifier.load(spu, folders)
    both = again.with_params().fit(split(), at("bob", y), xgb_model=again)
    assert_same(both, booster(sf.reveal(both.export("bob", with_stats=True))))


def test_what_cannot_be_said_is_refused(spu):
    trained = theirs("reg:squarederror", n_estimators=1, max_depth=2)
    text = sf.reveal(imported(spu, trained).export("bob"))
    bare = learn.from_xgboost(spu, at("bob", text), {sf.PYU("alice"): NAMES[:2], sf.PYU("bob"): NAMES[2:]})
    asked = (
        lambda: bare.feature_importances("bob"),
        lambda: bare.shap_values(split(), to="bob"),
        lambda: bare.export("bob", with_stats=True),
    )
    for ask in asked:
        with pytest.raises(sf.LearnError, match="without gains and covers"):
            ask()
    assert sum(sf.reveal(bare.feature_importances("bob", importance_type="weight")).values()) == 3
    with pytest.raises(sf.LearnError, match="no importance_type 'size'"):
        bare.feature_importances("bob", importance_type="size")
    with pytest.raises(sf.LearnError, match="learned nothing yet"):
        learn.DecisionTreeRegressor(spu).apply(split())
