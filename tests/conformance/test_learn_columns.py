"""A model takes the columns that it was trained on: in any order where they have names, and no others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import junto as sf
from junto import learn

RNG = np.random.default_rng(4)
ROWS = 60
OURS = pd.DataFrame(RNG.normal(size=(ROWS, 3)) * [1, 50, 0.1], columns=["age", "pay", "debt"])
THEIRS = pd.DataFrame(RNG.normal(size=(ROWS, 1)), columns=["calls"])
LABEL = (OURS["age"] - OURS["debt"] * 20 > 0).astype(int).to_numpy()
NUMBER = (OURS["age"] + 0.1 * OURS["pay"]).to_numpy()
AMOUNT = np.exp(0.1 * NUMBER)
MODELS = {
    "LogisticRegression": (LABEL, ["predict", "predict_proba", "decision_function"]),
    "LinearRegression": (NUMBER, ["predict", "decision_function"]),
    "Ridge": (NUMBER, ["predict"]),
    "PoissonRegressor": (AMOUNT, ["predict"]),
    "GammaRegressor": (AMOUNT, ["predict", "decision_function"]),
    "TweedieRegressor": (AMOUNT, ["predict"]),
    "GradientBoostingClassifier": (LABEL, ["predict", "predict_proba", "decision_function"]),
    "GradientBoostingRegressor": (NUMBER, ["predict"]),
    "DecisionTreeClassifier": (LABEL, ["predict", "predict_proba", "decision_function"]),
    "RandomForestRegressor": (NUMBER, ["predict"]),
    "KMeans": (None, ["predict"]),
    "PCA": (None, ["transform"]),
}


@pytest.fixture(scope="module")
def spu():
    sf.init(parties=["alice", "bob", "carol"], debug_mode=True, logging_level="error")
    yield sf.SPU(parties=["alice", "bob", "carol"])
    sf.shutdown()


def at(party, value):
    return sf.PYU(party)(lambda: value)()


def tables(ours, theirs=THEIRS):
    return {sf.PYU("alice"): at("alice", ours), sf.PYU("bob"): at("bob", theirs)}


def trained(spu, name, X):
    label, _ = MODELS[name]
    params = {"n_clusters": 3, "max_iter": 3} if name == "KMeans" else {}
    params = {"max_depth": 2, "max_bins": 8} if "Tree" in name else params
    params = (
        {"n_estimators": 2, "max_depth": 2, "max_bins": 8}
        if "Boosting" in name or "Forest" in name
        else params
    )
    model = getattr(learn, name)(spu, **params)
    return model.fit(X) if label is None else model.fit(X, at("bob", label))


@pytest.fixture(scope="module")
def models(spu):
    return {name: trained(spu, name, tables(OURS)) for name in MODELS}


def asked(model, name):
    """Everything that can be asked of a model with a table, as functions of the table."""
    label, methods = MODELS[name]
    for method in methods:
        yield lambda X, method=method: sf.reveal(getattr(model, method)(X, to="bob"))
    if label is not None:
        yield lambda X: sf.reveal(model.score(X, at("bob", label), to="bob"))


OTHER_ORDER = OURS[["debt", "age", "pay"]]
SAME = {
    "another order": tables,
    "another order of polars": lambda _: tables(pl.DataFrame(OTHER_ORDER.to_dict("series"))),
    "another order of Arrow": lambda _: tables(pa.Table.from_pandas(OTHER_ORDER)),
    "an array has no names": lambda _: tables(OURS.to_numpy()),
    "numbers are no names": lambda _: tables(OURS.set_axis(range(3), axis=1)),
    "another order of parties": lambda _: dict(reversed(tables(OTHER_ORDER).items())),
}


@pytest.mark.parametrize("how", SAME)
@pytest.mark.parametrize("name", MODELS)
def test_the_order_is_put_right(models, name, how):
    for ask in asked(models[name], name):
        got, want = ask(SAME[how](OTHER_ORDER)), ask(tables(OURS))
        assert np.asarray(got) == pytest.approx(np.asarray(want), rel=1e-6)


OTHERS = {
    "another name": (
        OURS.rename(columns={"pay": "height"}),
        THEIRS,
        "column 'height' of alice's X is none that the model was trained on",
    ),
    "one more": (OURS.assign(height=1.0), THEIRS, "column 'height' of alice's X is none that"),
    "one less": (OURS[["age", "debt"]], THEIRS, "alice's X lacks the column 'pay'"),
    "one twice": (OURS.set_axis(["age", "pay", "pay"], axis=1), THEIRS, "lacks the column 'debt'"),
    "all twice": (pd.concat([OURS, OURS], axis=1), THEIRS, "two columns 'age'"),
    "of another party": (OURS.assign(calls=1.0), THEIRS, "column 'calls' of alice's X is none"),
    "of bob": (OURS, THEIRS.rename(columns={"calls": "age"}), "column 'age' of bob's X is none"),
    "one array too wide": (
        OURS.to_numpy().repeat(2, 1),
        THEIRS,
        "alice 6, bob 1, the model .* alice 3, bob 1",
    ),
    "one array too narrow": (OURS.to_numpy()[:, :2], THEIRS, "alice 2, bob 1, the model .* alice 3, bob 1"),
}


@pytest.mark.parametrize("how", OTHERS)
@pytest.mark.parametrize("name", MODELS)
def test_other_columns_are_refused(models, name, how):
    ours, theirs, says = OTHERS[how]
    for ask in asked(models[name], name):
        with pytest.raises(sf.LearnError, match=says):
            ask(tables(ours, theirs))


@pytest.mark.parametrize("name", MODELS)
def test_other_parties_are_refused(models, name):
    alice, carol = sf.PYU("alice"), sf.PYU("carol")
    for X in (
        {alice: at("alice", OURS)},
        {alice: at("alice", OURS), carol: at("carol", THEIRS)},
        {**tables(OURS), carol: at("carol", THEIRS)},
    ):
        for ask in asked(models[name], name):
            with pytest.raises(sf.LearnError, match=r"the model was trained on alice 3, bob 1"):
                ask(X)


def test_a_model_without_names_counts(spu):
    model = trained(spu, "Ridge", tables(OURS.to_numpy(), THEIRS.to_numpy()))
    want = sf.reveal(model.predict(tables(OURS.to_numpy()), to="bob"))
    assert sf.reveal(model.predict(tables(OURS), to="bob")) == pytest.approx(want)
    with pytest.raises(sf.LearnError, match="alice 2, bob 1"):
        model.predict(tables(OURS[["age", "pay"]]))


def test_the_centres_that_k_means_begins_with_have_the_same_columns(spu):
    init = tables(OURS[["pay", "debt", "age"]].iloc[:3], THEIRS.iloc[:3])
    same = tables(OURS.iloc[:3], THEIRS.iloc[:3])
    found = [
        sf.reveal(learn.KMeans(spu, n_clusters=3, init=each, max_iter=2).fit(tables(OURS)).labels_)
        for each in (init, same)
    ]
    assert (found[0] == found[1]).all()
    other = tables(OURS.iloc[:3].rename(columns={"age": "height"}), THEIRS.iloc[:3])
    with pytest.raises(sf.LearnError, match="'height'"):
        learn.KMeans(spu, n_clusters=3, init=other).fit(tables(OURS))
