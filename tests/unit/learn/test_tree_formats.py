"""Trees that leave predict elsewhere as they did, to the number next to a threshold."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.learn.trees import lightgbm_text, onnx_model, xgboost_json

xgboost = pytest.importorskip("xgboost")

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(200, 4))
TABLE[:, 2] = RNG.integers(0, 4, 200)
TABLE[::7, 1] = np.nan
LABEL = np.nan_to_num(TABLE[:, 0]) + TABLE[:, 2]
CASES = {
    "binary:logistic": ((LABEL > 1).astype(int), {}),
    "multi:softprob": (np.digitize(LABEL, [1, 2]), {}),
    "reg:squarederror": (LABEL, {}),
    "count:poisson": (RNG.poisson(np.exp(LABEL / 3)), {}),
    "reg:tweedie": (np.exp(LABEL / 3), {"tweedie_variance_power": 1.3}),
    "reg:quantileerror": (LABEL, {"quantile_alpha": 0.3}),
    "no splits": (np.ones(200), {"objective": "reg:squarederror"}),
}


@pytest.fixture(params=CASES)
def trained(request):
    """A model in the clear, rows, its scores of them, and its predictions."""
    y, more = CASES[request.param]
    params = {"objective": request.param, "max_depth": 3} | more
    params |= {"num_class": 3} if request.param.startswith("multi") else {}
    model = xgboost.train(params, xgboost.DMatrix(TABLE, y), 4)
    plain = xgboost_json.read(model, 10)
    thresholds = [node.threshold for tree in range(len(plain.leaves)) for node in splits_of(plain, tree)]
    edges = np.float32([0.0, *thresholds])
    edges = np.concatenate(
        [edges, np.nextafter(edges, np.float32(-9e9)), np.nextafter(edges, np.float32(9e9))]
    )
    rows = np.concatenate([TABLE, np.stack([np.roll(edges, k) for k in range(4)], axis=1)])
    told = xgboost.DMatrix(rows)
    return plain, rows, model.predict(told, output_margin=True), model.predict(told)


def splits_of(plain, tree):
    return [node for node in xgboost_json.nodes_of(plain, tree, plain.leaves) if node.left >= 0]


def leaf_of(tree, row):
    """By LightGBM's description of its text."""
    node = 0 if tree["num_leaves"][0] > 1 else -1
    while node >= 0:
        kind, value = int(tree["decision_type"][node]), row[int(tree["split_feature"][node])]
        assert kind & 13 == 8  # a number, whose missing value is NaN
        left = bool(kind & 2) if np.isnan(value) else value <= tree["threshold"][node]
        node = int(tree["left_child" if left else "right_child"][node])
    return tree["leaf_value"][~node]


def test_the_text_for_lightgbm_says_the_same_scores(trained):
    plain, rows, scores, _ = trained
    head, *blocks = lightgbm_text.write(plain).split("\nTree=")
    assert head.startswith("tree\nversion=v4\n")
    trees = [
        {
            key: [float(x) for x in text.split()]
            for key, text in (line.split("=") for line in block.split("\n") if "=" in line)
        }
        for block in blocks
    ]
    found = np.zeros((len(rows), plain.outputs))
    for number, tree in enumerate(trees):
        found[:, number % plain.outputs] += [leaf_of(tree, row) for row in rows]
    assert found.reshape(scores.shape) == pytest.approx(scores, abs=1e-5)


def test_lightgbm_reads_it(trained):
    try:
        import lightgbm
    except OSError as error:  # its wheel brings no libgomp along
        pytest.skip(str(error))
    plain, rows, _, predictions = trained
    found = lightgbm.Booster(model_str=lightgbm_text.write(plain)).predict(rows)
    assert found == pytest.approx(predictions, abs=1e-5)


def test_onnx_predicts_the_same(trained):
    plain, rows, scores, predictions = trained
    session = onnxruntime.InferenceSession(onnx_model.write(plain))
    found = dict(
        zip(("scores", "predictions"), session.run(None, {"X": rows.astype(np.float32)}), strict=True)
    )
    assert found["scores"].reshape(scores.shape) == pytest.approx(scores, abs=1e-5)
    if plain.objective == "binary:logistic":
        predictions = np.stack([1 - predictions, predictions], axis=1)
    assert found["predictions"].reshape(predictions.shape) == pytest.approx(predictions, rel=1e-5, abs=1e-6)


@given(
    st.floats(width=32, allow_nan=False, allow_infinity=False), st.floats(allow_nan=False), st.integers(-3, 3)
)
def test_numbers_of_64_bits_are_compared_as_those_of_32(threshold, number, steps):
    threshold = np.float32(threshold)
    edge = lightgbm_text._below(float(threshold))
    near = edge
    for _ in range(abs(steps)):
        near = np.nextafter(near, np.copysign(np.inf, steps))
    with np.errstate(over="ignore"):
        for each in (number, near, float(threshold), float(np.nextafter(threshold, np.float32(-np.inf)))):
            assert (each <= edge) == bool(np.float32(each) < threshold)
