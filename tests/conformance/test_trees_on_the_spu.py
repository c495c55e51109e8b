"""Trees of columns that nobody has, such as a hidden join leaves, are XGBoost's of the whole table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto import learn
from junto.join import join
from spu_values import PARTIES, at

xgboost = pytest.importorskip("xgboost")

SMALL = {"n_estimators": 2, "max_depth": 2}
RNG = np.random.default_rng(6)
TABLE = RNG.integers(0, 6, size=(150, 4)) - 2.5
SCORE = TABLE @ [0.5, -0.7, 0.2, 0.4] + np.where(TABLE[:, 0] > TABLE[:, 2], 2, 0)
NUMBER = SCORE + RNG.normal(size=150)
CLASS = (NUMBER.mean() < NUMBER).astype(int)
KINDS = np.digitize(NUMBER, [-1, 1])


@pytest.fixture(scope="module", params=["debug"])
def spu(request):
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield sf.SPU(parties=PARTIES)
    sf.shutdown()


def on(spu, values):
    return at("bob", values).to(spu)


def theirs(model, y, rows=slice(None), **params):
    made = model(tree_method="hist", max_bin=32, **{"learning_rate": 0.3, **SMALL, **params})
    return made.fit(TABLE[rows], y[rows])


def exported(model):
    booster = xgboost.Booster()
    booster.load_model(bytearray(sf.reveal(model.export("bob", with_stats=True)), "utf-8"))
    return booster


@pytest.mark.parametrize("spu", ["debug", pytest.param("simulation", marks=pytest.mark.long)], indirect=True)
def test_a_table_on_the_spu_is_enough(spu):
    """Rows that do not count have other numbers, as those of a hidden join, which would fill most bins."""
    rows = RNG.random(150) < 0.4
    X, y = on(spu, np.where(rows[:, None], TABLE, RNG.normal(size=TABLE.shape) + 100)), on(spu, CLASS)
    model = learn.GradientBoostingClassifier(spu, base_score=0.4, max_bins=12, **SMALL)
    model.fit(X, y, sample_weight=on(spu, rows.astype(float)))
    wanted = theirs(xgboost.XGBClassifier, CLASS, rows, base_score=0.4)
    whole = on(spu, TABLE)
    got = np.asarray(sf.reveal(model.decision_function(whole, to="bob")))
    assert got == pytest.approx(wanted.predict(TABLE, output_margin=True), abs=2e-3)
    left = exported(model)
    assert left.predict(xgboost.DMatrix(TABLE), output_margin=True) == pytest.approx(got, abs=1e-4)
    gains = sf.reveal(model.feature_importances("bob"))
    known = wanted.get_booster().get_score(importance_type="gain")
    assert gains == pytest.approx({str(c): known.get(f"f{c}", 0) for c in range(4)}, rel=1e-3)
    leaves = sf.reveal(model.apply(whole, to="bob"))
    assert np.array_equal(
        leaves[:, 0] == leaves[0, 0], wanted.apply(TABLE)[:, 0] == wanted.apply(TABLE)[0, 0]
    )


MEMBERS = {
    "classes": (learn.GradientBoostingClassifier, KINDS, {"classes": (0, 1, 2), "base_score": 0.0}, {}),
    "monotone": (learn.GradientBoostingRegressor, NUMBER, *[{"monotone_constraints": (1, 0, 0, -1)}] * 2),
    "quantile": (
        learn.GradientBoostingRegressor,
        NUMBER,
        *[{"objective": "reg:quantileerror", "quantile_alpha": 0.4}] * 2,
    ),
    "weighed": (learn.GradientBoostingClassifier, CLASS, *[{"scale_pos_weight": 3.0, "base_score": 0.5}] * 2),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_each_kind_of_tree_takes_such_columns(spu, name):
    """With the label at its owner."""
    model, y, mine, more = MEMBERS[name]
    X = on(spu, TABLE)
    found = model(spu, **SMALL, **mine).fit(X, at("bob", y))
    if name == "classes":
        wanted = theirs(xgboost.XGBClassifier, y, base_score=0.0).predict(TABLE, output_margin=True)
        got = sf.reveal(found.decision_function(X, to="bob"))
    else:
        kind = xgboost.XGBClassifier if model is learn.GradientBoostingClassifier else xgboost.XGBRegressor
        base = {"base_score": float(np.mean(y))} if name == "monotone" else {}
        told = {"output_margin": True} if kind is xgboost.XGBClassifier else {}
        wanted = theirs(kind, y, **base, **more).predict(TABLE, **told)
        got = sf.reveal((found.decision_function if told else found.predict)(X, to="bob"))
    assert np.asarray(got) == pytest.approx(wanted, abs=5e-3)


def test_a_forest_takes_such_columns_too(spu):
    X, y = on(spu, TABLE), at("bob", CLASS)
    model = learn.RandomForestClassifier(spu, n_estimators=3, max_depth=3, max_features=2).fit(X, y)
    chances = sf.reveal(model.predict_proba(X, to="bob"))[:, 1]
    assert exported(model).predict(xgboost.DMatrix(TABLE)) == pytest.approx(chances, abs=1e-4)
    assert sf.reveal(model.score(X, y, to="bob")) > 0.75


def test_training_goes_on_is_watched_and_is_kept(spu, tmp_path):
    X, y = on(spu, TABLE), on(spu, CLASS)
    params = {"base_score": 0.5, **SMALL}
    first = learn.GradientBoostingClassifier(spu, **params).fit(X, y)
    folders = {party: str(tmp_path / party) for party in PARTIES}
    first.save(folders)
    kept = learn.GradientBoostingClassifier.load(spu, folders)
    more = learn.GradientBoostingClassifier(spu, **params).fit(X, y, xgb_model=kept)
    wanted = theirs(xgboost.XGBClassifier, CLASS, base_score=0.5, n_estimators=4)
    got = sf.reveal(more.decision_function(X, to="bob"))
    assert np.asarray(got) == pytest.approx(wanted.predict(TABLE, output_margin=True), abs=2e-3)
    watched = learn.GradientBoostingClassifier(spu, **params, early_stopping_rounds=1)
    noise = on(spu, 1 - CLASS)
    assert watched.fit(X, y, eval_set=(X, noise)).n_iter_ == 1  # the loss is least with the first


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"monotone_constraints": (1, 0)}, "2 numbers, and X has 4 columns"),
        ({"monotone_constraints": {"age": 1}}, "no column has this name"),
    ],
    ids=str,
)
def test_what_nobody_knows_of_such_columns_is_refused(spu, params, says):
    with pytest.raises(sf.LearnError, match=says):
        learn.GradientBoostingRegressor(spu, **SMALL, **params).fit(on(spu, TABLE), at("bob", NUMBER))


def test_a_model_of_the_spus_columns_takes_no_others(spu):
    model = learn.DecisionTreeRegressor(spu, max_depth=1).fit(on(spu, TABLE), at("bob", NUMBER))
    for other in ({sf.PYU("bob"): at("bob", TABLE)}, on(spu, TABLE[:, :3])):
        with pytest.raises(sf.LearnError, match="the model was trained on SPU 4"):
            model.predict(other)
    with pytest.raises(sf.LearnError, match="no SHAP values"):
        model.shap_values(on(spu, TABLE))


def test_from_a_hidden_join_to_an_exported_model(spu):
    """Nobody learns whose rows the trees are grown from; bob is shown the model, and it is XGBoost's."""
    keys = np.arange(150)
    hers = pd.DataFrame({"id": keys, "age": TABLE[:, 0], "income": TABLE[:, 1]})
    his = pd.DataFrame({"id": keys + 50, "calls": np.roll(TABLE[:, 2], -50), "late": np.roll(CLASS, -50)})
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    hidden = join({alice: at("alice", hers), bob: at("bob", his)}, on="id", onto=spu)
    X, y, flag = hidden[["age", "income", "calls"]], hidden["late"], hidden.flag
    model = learn.GradientBoostingClassifier(spu, base_score=0.5, **SMALL).fit(X, y, sample_weight=flag)
    rows = slice(50, None)
    params = {"learning_rate": 0.3, "base_score": 0.5, "max_bin": 32, **SMALL}
    wanted = xgboost.XGBClassifier(tree_method="hist", **params).fit(TABLE[rows, :3], CLASS[rows])
    got = exported(model).predict(xgboost.DMatrix(TABLE[:, :3]))
    assert got == pytest.approx(wanted.predict_proba(TABLE[:, :3])[:, 1], abs=1e-3)
