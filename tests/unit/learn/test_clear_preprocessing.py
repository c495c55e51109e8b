"""Preprocessing that leaves does in scikit-learn what it does in a frame, also with a model behind it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xgboost

import junto as sf
from junto.errors import FrameError, LearnError
from junto.frame import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    SimpleImputer,
    StandardScaler,
    VerticalFrame,
)
from junto.learn import GradientBoostingClassifier, LogisticRegression, as_sklearn

NAMES = ("alice", "bob", "carol")
RNG = np.random.default_rng(5)
ROWS = 80
RAW = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, ROWS).astype(float),
        "town": RNG.choice(["north", "south", "west"], ROWS),
        "income": RNG.lognormal(8, 1, ROWS),
        "kind": RNG.choice([3, 5, 9], ROWS),
        "late": RNG.integers(0, 2, ROWS),
    }
)
RAW.loc[::7, "age"] = np.nan
RAW["flat"] = 2.0
OWNED = {"alice": ["age", "town"], "bob": ["income", "kind", "flat", "late"]}
LATER = RAW.sample(frac=1.0, random_state=0)[["late", "kind", "flat", "income", "town", "age"]]


@pytest.fixture(scope="module", autouse=True)
def session():
    sf.init(parties=list(NAMES), debug_mode=True, logging_level="critical")
    yield
    sf.shutdown()


def frame_of(table=RAW):
    parts = {sf.PYU(name): table[owned].reset_index(drop=True) for name, owned in OWNED.items()}
    return VerticalFrame({party: party(lambda p=part: p)() for party, part in parts.items()})


def shown(frame):
    return pd.concat([sf.reveal(part) for part in frame.partitions.values()], axis=1)


@pytest.mark.parametrize(
    "made",
    [
        StandardScaler(columns=["age", "income", "flat"]),
        StandardScaler(columns=["income"], with_std=False),
        StandardScaler(columns=["income", "age"], with_mean=False),
        MinMaxScaler(columns=["flat", "age", "income"], feature_range=(-1, 2), clip=True),
        MinMaxScaler(columns=["income"]),
        OneHotEncoder(columns=["town", "kind"]),
        OneHotEncoder(columns=["kind", "town"], drop="first", value_names=True),
        OneHotEncoder(columns=["late"], drop="if_binary", handle_unknown="ignore"),
        OrdinalEncoder(columns=["town", "kind", "age"]),
        OrdinalEncoder(columns=["town"], handle_unknown="use_encoded_value", unknown_value=-1),
        SimpleImputer(columns=["age", "income"], strategy="median"),
        SimpleImputer(columns=["town", "kind"], strategy="most_frequent"),
    ],
    ids=repr,
)
def test_each_kind_does_the_same(made):
    text = sf.reveal(made.fit(frame_of()).export("bob"), to="bob")
    want = shown(made.transform(frame_of(LATER)))
    done = as_sklearn(text).transform(LATER)
    assert set(done.columns) <= set(want.columns)
    assert {*want.columns} - {*done.columns} == {*RAW.columns} - {*made.columns}
    for name in done.columns:
        got = done[name].to_numpy()
        wanted = want[name].to_numpy()
        if wanted.dtype.kind in "OUT":
            assert (got == wanted).all()
        else:
            assert np.allclose(got.astype(float), wanted.astype(float), rtol=1e-12, equal_nan=True)


def test_what_leaves_predicts_on_columns_as_they_are():
    """Without the label, in any order, with columns besides; and what no model needs is not asked for."""
    spu = sf.SPU(parties=list(NAMES))
    steps = [
        SimpleImputer(columns="age"),
        StandardScaler(columns=["age", "income", "flat"]),
        OneHotEncoder(columns=["town", "kind"]),
    ]
    frame = frame_of()
    for step in steps:
        frame = step.fit_transform(frame)
    features = ["town_0", "town_2", "age", "income", "kind_1"]
    model = LogisticRegression(spu).fit(frame[features], frame["late"])
    texts = [*(step.export("bob") for step in steps), model.export("bob", format="sklearn")]
    whole = as_sklearn(*[sf.reveal(text, to="bob") for text in texts])
    want = sf.reveal(model.decision_function(frame[features], to="bob"), to="bob")
    raw = RAW[["kind", "income", "town", "age"]].assign(other=1)
    assert whole.decision_function(raw) == pytest.approx(want, abs=2e-5)
    bare = as_sklearn(*[sf.reveal(text, to="bob") for text in texts[:-1]], columns=features)
    assert bare.transform(raw).columns.tolist() == features
    assert np.allclose(bare.transform(raw), shown(frame)[features], rtol=1e-12)


def test_trees_leave_with_what_was_done_before_them():
    spu = sf.SPU(parties=list(NAMES))
    encoder = OneHotEncoder(columns=["town", "kind"], value_names=True)
    frame = encoder.fit_transform(frame_of())
    model = GradientBoostingClassifier(spu, n_estimators=2, max_depth=2)
    model.fit(frame[[name for name in frame.columns if name != "late"]], frame["late"])
    booster = xgboost.Booster()
    booster.load_model(bytearray(sf.reveal(model.export("bob"), to="bob"), "utf-8"))
    before = as_sklearn(sf.reveal(encoder.export("bob"), to="bob"), columns=booster.feature_names)
    got = booster.predict(xgboost.DMatrix(before.transform(RAW)))
    want = sf.reveal(model.predict_proba(frame.drop("late"), to="bob"), to="bob")[:, 1]
    assert got == pytest.approx(want, abs=1e-4)


def test_what_cannot_leave_or_come_is_refused():
    with pytest.raises(FrameError, match="KBinsDiscretizer has no counterpart"):
        KBinsDiscretizer(columns="age").fit(frame_of()).export("bob")
    with pytest.raises(FrameError, match="learned nothing"):
        StandardScaler().export("bob")
    with pytest.raises((FrameError, sf.RemoteError), match="what a recipe cannot say"):
        sf.reveal(OneHotEncoder(columns="age").fit(frame_of()).export("bob"), to="bob")
    text = sf.reveal(StandardScaler(columns="age").fit(frame_of()).export("bob"), to="bob")
    with pytest.raises(LearnError, match="several steps"):
        as_sklearn(text, text)
    for given in ((), (text, "{}"), ("{}", text), (text.replace('"mean"', '"median"'),)):
        with pytest.raises(LearnError, match="this is no"):
            as_sklearn(*given)
    other = json.loads(text) | {"kind": "Popen"}
    with pytest.raises(LearnError, match="no preprocessing"):
        as_sklearn(json.dumps(other))
