"""A model that leaves predicts the same in scikit-learn and in both evaluators of ONNX."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx.reference import ReferenceEvaluator

import junto as sf
from junto import learn
from junto.errors import LearnError
from junto.frame import HorizontalFrame
from junto.learn import clear_models
from tries import each_once

NAMES = ("alice", "bob", "carol")
ROWS = 60
rng = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {"year": rng.normal(size=ROWS) * 20 + 1980, "tiny": rng.normal(size=ROWS) * 1e-6, "same": 3.0}
)
TABLE["pay"] = rng.normal(size=ROWS) + TABLE["tiny"] * 1e6
COLUMNS = list(TABLE)
ETA = (TABLE["year"] - 1980) / 20 - TABLE["tiny"] * 1e6
LABELS = {
    "late": np.where(ETA + rng.logistic(size=ROWS) > 0, "yes", "no"),
    "dose": ETA * 100 + rng.normal(size=ROWS),
    "count": rng.poisson(np.exp(ETA / 3)),
}


@pytest.fixture(scope="module", autouse=True)
def spu():
    sf.init(parties=list(NAMES), debug_mode=True, logging_level="critical")
    yield sf.SPU(parties=list(NAMES))
    sf.shutdown()


def given(split: str, label: str | None):
    """Columns at two parties, or rows at three."""
    alice, bob = map(sf.PYU, NAMES[:2])
    if split == "columns":
        X = {alice: alice(lambda: TABLE[COLUMNS[:2]])(), bob: bob(lambda: TABLE[COLUMNS[2:]])()}
        return (X,) if label is None else (X, bob(lambda: LABELS[label])())
    table = TABLE if label is None else TABLE.assign(y=LABELS[label])
    cuts = {name: slice(20 * place, 20 * place + 20) for place, name in enumerate(NAMES)}
    frame = HorizontalFrame(
        {sf.PYU(name): sf.PYU(name)(lambda r=rows: table[r])() for name, rows in cuts.items()}
    )
    return (frame[COLUMNS],) if label is None else (frame[COLUMNS], frame["y"])


LEAVING = [
    ("LogisticRegression", "late", {"classes": ("yes", "no")}),
    ("Ridge", "dose", {}),
    ("PoissonRegressor", "count", {}),
    ("KMeans", None, {"n_clusters": 3}),
    ("PCA", None, {"n_components": 2}),
]


@pytest.mark.parametrize(("split", "kind"), each_once(["columns", "rows"], LEAVING))
def test_a_model_that_leaves_predicts_the_same(spu, kind, split):
    model, label, params = kind
    data = given(split, label)
    ours = getattr(learn, model)(spu, **params).fit(*data)
    method = {"LogisticRegression": "predict_proba", "PCA": "transform"}.get(model, "predict")
    wanted = sf.reveal(getattr(ours, method)(data[0], to="bob"))
    text = sf.reveal(ours.export(to="bob", format="sklearn"))
    theirs = learn.as_sklearn(text)
    found = getattr(theirs, method)(TABLE)
    exact = split == "rows"
    size = np.abs(wanted).max()
    if model == "KMeans":
        assert (found == wanted).all()
    else:
        assert np.allclose(found, wanted, rtol=0, atol=size * (1e-9 if exact else 1e-3))
    if model == "LogisticRegression":
        assert theirs.classes_.tolist() == ["no", "yes"]
        assert (theirs.predict(TABLE) == sf.reveal(ours.predict(data[0], to="bob"))).mean() > 0.98
    left = sf.reveal(ours.export(to="bob", format="onnx"))
    x = {"X": TABLE.to_numpy(np.float64)}
    for session in (onnxruntime.InferenceSession(left), ReferenceEvaluator(onnx.load_from_string(left))):
        (said,) = session.run(["predictions"], x)
        assert np.allclose(said.reshape(found.shape), found, rtol=1e-9, atol=size * 1e-9)
    assert clear_models.recipe(clear_models._read(text)) == text


def test_what_makes_no_sense_is_refused(spu):
    X, y = given("rows", "dose")
    model = learn.LinearRegression(spu).fit(X, y)
    with pytest.raises(LearnError, match="there is no format 'pickle'"):
        model.export(to="bob", format="pickle")
    with pytest.raises(LearnError, match="goes to one party"):
        model.export(format="onnx")
    told = json.loads(sf.reveal(model.export(to="bob", format="sklearn")))
    broken = [
        "",
        "[]",
        json.dumps({**told, "kind": "Pipeline"}),
        json.dumps({**told, "columns": ["one"]}),
        json.dumps({**told, "numbers": {"coef": told["numbers"]["coef"]}}),
        json.dumps({**told, "numbers": {**told["numbers"], "intercept": float("nan")}}),
        json.dumps({**told, "mean": [0.0]}),
        json.dumps({**told, "kind": "LogisticRegression"}),
        json.dumps({**told, "format": "junto model 2"}),
    ]
    for text in broken:
        with pytest.raises(LearnError, match="this is no model"):
            learn.as_sklearn(text)
