"""Models of rows with secret weights, all on the SPU, against scikit-learn with the same weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import linear_model, preprocessing

import junto as sf
from junto import learn
from tries import each_once

PARTIES = ["alice", "bob", "carol"]
ROWS = 120
RNG = np.random.default_rng(3)
X = np.column_stack(
    [RNG.integers(18, 90, ROWS), RNG.lognormal(10, 0.6, ROWS), RNG.normal(size=ROWS) / 50, np.full(ROWS, 7e4)]
)
SCORE = (X[:, 0] - 50) / 20 + X[:, 2] * 30
LABELS = {
    "any": 500 + 900 * SCORE + RNG.normal(size=ROWS) * 100,
    "classes": (RNG.random(ROWS) < 1 / (1 + np.exp(-SCORE))).astype(int),
    "nonnegative": RNG.poisson(np.exp(SCORE)),
    "positive": RNG.gamma(2, np.exp(SCORE) * 800),
}
FLAG = (RNG.random(ROWS) < 0.6).astype(float)
WEIGHTS = {"a flag": FLAG, "numbers": FLAG * RNG.uniform(0.3, 4, ROWS)}
EXACT = {"tol": 1e-10, "max_iter": 10_000}
MODELS = {
    "LinearRegression": (linear_model.LinearRegression(), {}),
    "LinearRegression, no intercept": (
        linear_model.LinearRegression(fit_intercept=False),
        {"fit_intercept": False},
    ),
    "Ridge": (linear_model.Ridge(30.0), {"alpha": 30.0}),
    "LogisticRegression": (linear_model.LogisticRegression(**EXACT), {}),
    "LogisticRegression, bound": (
        linear_model.LogisticRegression(C=0.2, **EXACT),
        {"C": 0.2, "solver": "bound"},
    ),
    "PoissonRegressor": (linear_model.PoissonRegressor(alpha=0.1, **EXACT), {"alpha": 0.1}),
    "GammaRegressor": (linear_model.GammaRegressor(alpha=0.1, **EXACT), {"alpha": 0.1}),
}


RINGS = ["FM64", "FM128"]


@pytest.fixture(params=RINGS)
def spu(request):
    with sf.Session(PARTIES, debug_mode=True):
        yield spu_of(request.param)


def spu_of(ring):
    return sf.SPU(parties=PARTIES, cluster_def={"runtime_config": {"field": ring}})


def secret(spu, values, party="alice"):
    return sf.PYU(party)(lambda: np.asarray(values))().to(spu)


def fitted(spu, name, x, weight, **changed):
    """Our model, and its label in the clear."""
    kind, (_, parameters) = name.split(",")[0], MODELS[name]
    model = getattr(learn, kind)(spu, **(parameters | changed))
    y = LABELS[model.family.domain]
    return model.fit(secret(spu, x), secret(spu, y, "bob"), sample_weight=secret(spu, weight)), y


def answers(model, x):
    return model.predict_proba(x)[:, 1] if hasattr(model, "predict_proba") else model.predict(x)


def ours(spu, model, x):
    found = model.predict_proba if hasattr(model, "predict_proba") else model.predict
    shown = np.asarray(sf.reveal(found(secret(spu, x))))
    return shown[:, 1] if shown.ndim == 2 else shown


@pytest.mark.parametrize(("spu", "name", "weights"), each_once(RINGS, MODELS, WEIGHTS), indirect=["spu"])
def test_a_model_is_scikit_learns_with_the_same_weights(spu, name, weights):
    """Columns of any size, and one that is constant; a penalty is as after a scaler of the same weights."""
    weight = WEIGHTS[weights]
    model, y = fitted(spu, name, X, weight)
    scaled = preprocessing.StandardScaler().fit_transform(X[:, :3], sample_weight=weight)
    given = scaled if model.fit_intercept else X / np.sqrt(weight @ X**2)  # as raw columns lstsq drops one
    want = MODELS[name][0].fit(given, y, sample_weight=weight)
    there = weight > 0
    expected = answers(want, given)[there]
    found = ours(spu, model, X)[there]
    assert np.abs(found - expected).max() < 3e-4 * np.abs(expected).max()
    if model.fit_intercept:
        coefficients = np.asarray(sf.reveal(model.coef_))
        assert abs(coefficients[3]) < 1e-3 * np.abs(coefficients).max()  # of the constant column


@pytest.mark.parametrize(
    ("spu", "name"), each_once(RINGS, ["GammaRegressor", "LinearRegression"]), indirect=["spu"]
)
def test_what_stands_in_rows_that_weigh_nothing_does_not_matter(spu, name):
    plain = np.asarray(sf.reveal(fitted(spu, name, X, FLAG)[0].coef_))
    other = np.where(FLAG[:, None] > 0, X, 1e6 * (-1) ** np.arange(ROWS)[:, None])
    assert np.asarray(sf.reveal(fitted(spu, name, other, FLAG)[0].coef_)) == pytest.approx(
        plain, rel=1e-3, abs=0.05
    )


@pytest.mark.slow
def test_on_shares():
    with sf.Session(PARTIES, address="local"):
        spu = spu_of("FM128")
        model, y = fitted(spu, "LinearRegression", X[:, :2], FLAG)
        there = FLAG > 0
        want = linear_model.LinearRegression().fit(X[there, :2], y[there]).predict(X[there, :2])
        assert np.abs(ours(spu, model, X[:, :2])[there] - want).max() < 3e-4 * np.abs(want).max()


def test_what_cannot_be(spu):
    x, y, weight = secret(spu, X), secret(spu, LABELS["any"], "bob"), secret(spu, FLAG)
    at_bob, model = sf.PYU("bob")(lambda: LABELS["any"])(), learn.LinearRegression(spu)
    for message, given, parameters in [
        ("y is not", (x, at_bob, weight), {}),
        ("sample_weight is not", (x, y, at_bob), {}),
        ("X is not", ({sf.PYU("alice"): sf.PYU("alice")(lambda: X)()}, y, weight), {}),
        ("one of 120 numbers", (x, y, secret(spu, FLAG[:7])), {}),
        ("sgd takes no weights", (x, y, weight), {"solver": "sgd"}),
        ("no standard errors", (x, y, weight), {"inference": True}),
    ]:
        with pytest.raises(sf.LearnError) as caught:
            model.with_params(**parameters).fit(given[0], given[1], sample_weight=given[2])
        assert message in f"{caught.value}"
    with pytest.raises(sf.LearnError, match="scaled by is on the SPU"):
        model.fit(x, y, sample_weight=weight).intercept_of("alice")
