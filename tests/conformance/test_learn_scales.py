"""What a model says does not depend on the units of its label or its columns."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from sklearn import linear_model
from sklearn import metrics as their_metrics

import junto as sf
from junto import learn
from junto.learn import metrics
from spu_values import at

RNG = np.random.default_rng(8)
ROWS = 80
TABLE = RNG.normal(size=(ROWS, 3)) + 0.5
SCALED = (TABLE - TABLE.mean(0)) / TABLE.std(0)
SCORE = SCALED @ [0.5, -0.3, 0.2]
EXACTLY = {"max_iter": 10_000, "tol": 1e-12}
AMOUNTS = RNG.gamma(2, np.exp(SCORE))
LABELS = {
    "LinearRegression": SCORE + 3 + 0.2 * RNG.normal(size=ROWS),
    "Ridge": SCORE + 0.2 * RNG.normal(size=ROWS),
    "PoissonRegressor": RNG.poisson(np.exp(SCORE + 1)).astype(float),
    "GammaRegressor": AMOUNTS,
    "TweedieRegressor": np.where(RNG.random(ROWS) < 0.2, 0, AMOUNTS),
}
LARGE = 1e9
"""A label of this size is too large for functions on the SPU."""
UNITS = [(1e-6, 1.0), (1e-6, 1e9), (1e-3, 1.0), (1e5, 1.0), (LARGE, 1e-6), (LARGE, 1e9)]
IN_MODES = pytest.mark.parametrize("spu", ["debug", "simulation"], indirect=True)


@pytest.fixture(autouse=True)
def in_range(caplog):
    """Debug mode says so if a number leaves the range of fixed point."""
    caplog.set_level(logging.WARNING, "junto.spu")
    yield
    assert [record.message for record in caplog.records if "range" in record.message] == []


def reference_of(name, scale):
    """The penalty means the same at every scale."""
    if name == "LinearRegression":
        return linear_model.LinearRegression()
    if name == "Ridge":
        return linear_model.Ridge(alpha=5)
    power = {"PoissonRegressor": 1.0, "GammaRegressor": 2.0, "TweedieRegressor": 1.5}[name]
    alpha = 0.02 * scale ** (2 - power)
    more = {"power": power, "link": "log"} if name == "TweedieRegressor" else {}
    return getattr(linear_model, name)(alpha=alpha, **more, **EXACTLY)


def unexplained(got, want):
    """1 - R2 of what scikit-learn predicts."""
    got = np.asarray(got, np.float64)
    return np.sum((got - want) ** 2) / np.sum((want - want.mean()) ** 2)


@pytest.mark.parametrize(
    ("spu", "name", "scale", "unit"),
    [
        *(("debug", name, scale, unit) for name in LABELS for scale, unit in UNITS),
        *(("simulation", name, 1e-6, 1e9) for name in ("LinearRegression", "GammaRegressor")),
    ],
    indirect=["spu"],
)
def test_units_do_not_matter(spu, name, scale, unit):
    table, label = TABLE * unit, LABELS[name] * scale
    reference = reference_of(name, scale).fit(SCALED, label)
    want = reference.predict(SCALED)
    params = {"alpha": reference.alpha} if hasattr(reference, "alpha") else {}
    X = {sf.PYU("alice"): at("alice", table[:, :2]), sf.PYU("bob"): at("bob", table[:, 2:])}
    y = at("bob", label)
    model = getattr(learn, name)(spu, **params).fit(X, y)

    assert unexplained(sf.reveal(model.predict(X, to="alice")), want) < 1e-7
    coef, intercept = sf.reveal((model.coef_, model.intercept_))
    assert np.asarray(coef) == pytest.approx(
        reference.coef_, rel=1e-3, abs=1e-4 * np.abs(reference.coef_).max()
    )
    assert float(intercept) == pytest.approx(reference.intercept_, rel=1e-4)
    own = np.concatenate([sf.reveal(part) for part in model.export().values()])
    by_hand = table @ own + sf.reveal(model.intercept_of("carol"))
    is_linear = name in ("LinearRegression", "Ridge")
    assert unexplained(by_hand if is_linear else np.exp(by_hand), want) < 1e-7
    assert sf.reveal(model.decision_function(X, to="bob")) == pytest.approx(
        by_hand, rel=1e-3, abs=1e-3 * scale
    )

    unseen = model.predict(X)
    assert unexplained(sf.reveal(unseen), want) < 1e-7
    score = sf.reveal(model.score(X, y, to="carol"))
    assert score == pytest.approx(reference.score(SCALED, label), abs=5e-4)
    found = sf.reveal((metrics.r2_score(y, unseen), metrics.root_mean_squared_error(y, unseen)))
    assert found[0] == pytest.approx(their_metrics.r2_score(label, want), abs=2e-4)
    assert found[1] == pytest.approx(np.sqrt(np.mean((label - want) ** 2)), rel=2e-4)
    if scale == LARGE and is_linear:
        with pytest.raises(sf.DeviceError, match="too large for fixed point"):
            spu(lambda p: p + 1)(unseen)
    elif scale != LARGE:
        doubled = sf.reveal(spu(lambda p: 2 * p)(unseen))
        assert doubled == pytest.approx(2 * want, rel=2e-3, abs=1e-4)


@IN_MODES
def test_standard_errors_have_the_labels_units(spu):
    X = {sf.PYU("alice"): at("alice", TABLE[:, :2]), sf.PYU("bob"): at("bob", TABLE[:, 2:])}
    found = []
    for scale in (1.0, 1e-7):
        model = learn.LinearRegression(spu, inference=True)
        model.fit(X, at("bob", LABELS["LinearRegression"] * scale))
        summary = sf.reveal(model.summary_of("alice"))
        found.append((summary["coef"] / scale, summary["standard_error"] / scale, summary["z"]))
    for one, other in zip(*found, strict=True):
        assert one == pytest.approx(other, rel=1e-3)


@IN_MODES
def test_a_label_is_one_number_far_from_0(spu):
    X = {sf.PYU("alice"): at("alice", TABLE)}
    for label in (np.full(ROWS, 1e-5), 1e9 + SCORE):
        model = learn.LinearRegression(spu).fit(X, at("bob", label))
        guess = np.asarray(sf.reveal(model.predict(X, to="bob")))
        assert guess == pytest.approx(label, rel=1e-5, abs=1e-4 * label.std())
        assert guess - label.mean() == pytest.approx(label - label.mean(), abs=1e-3 * label.std() + 1e-10)


@IN_MODES
def test_an_amount_without_an_intercept_must_be_about_1(spu):
    X = {sf.PYU("alice"): at("alice", TABLE)}
    with pytest.raises(sf.LearnError, match="mean far from 1"):
        learn.PoissonRegressor(spu, fit_intercept=False).fit(X, at("bob", AMOUNTS * 1e-6))


@IN_MODES
def test_an_intercept_that_would_be_noise_is_refused(spu):
    X = {sf.PYU("alice"): at("alice", TABLE + 1e9)}
    model = learn.Ridge(spu).fit(X, at("bob", LABELS["Ridge"]))
    want = linear_model.Ridge().fit(SCALED, LABELS["Ridge"]).predict(SCALED)
    assert unexplained(sf.reveal(model.predict(X, to="bob")), want) < 1e-7
    with pytest.raises(sf.RemoteError, match="times its deviation"):
        sf.reveal(model.intercept_of("bob"))
