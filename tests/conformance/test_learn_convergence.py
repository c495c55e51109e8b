"""A fit is scikit-learn's, or `converged_` says that it is not, which debug mode says by itself."""

from __future__ import annotations

import logging
from functools import partial

import numpy as np
import pytest
from scipy import stats
from sklearn import linear_model
from sklearn.datasets import load_breast_cancer

import junto as sf
from junto import learn
from spu_values import at

ROWS = 600
EXACTLY = {"max_iter": 100_000, "tol": 1e-12}
IN_DEBUG = pytest.mark.parametrize("spu", ["debug"], indirect=True)
SETTLED = 0.01
"""How far scores of a fit that says it has converged may be from scikit-learn's, as a root mean square."""


def alike(part, rng):
    """Three columns, of which the last is the first with this part of noise, and what they explain."""
    x = rng.normal(size=(ROWS, 3))
    noise = x[:, 2].copy()
    x[:, 2] = x[:, 0] + part * noise
    return x, 0.5 * x[:, 0] + x[:, 1] + noise


def scores_of(spu, model, x, y):
    """Of each row, and whether the fit says that it had come to an end."""
    table = {at_name: at(at_name, part) for at_name, part in (("alice", x[:, :2]), ("bob", x[:, 2:]))}
    given = {handle.device: handle for handle in table.values()}
    fitted = model.fit(given, at("bob", y))
    return np.asarray(sf.reveal(fitted.decision_function(given))), bool(sf.reveal(fitted.converged_))


def gap(got, want):
    return np.sqrt(np.mean((got - want) ** 2))


@IN_DEBUG
@pytest.mark.parametrize("part", [1.0, 0.1, 0.01, 0.003, 1e-4, 1e-6, 1e-7, 0.0])
def test_columns_that_are_nearly_alike(spu, caplog, part):
    """And columns that are the same. Too much alike, they do not show what follows their difference."""
    caplog.set_level(logging.WARNING, "junto.learn")
    x, score = alike(part, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    y = score + 0.3 * rng.normal(size=ROWS)
    got, converged = scores_of(spu, learn.LinearRegression(spu), x, y)
    assert converged == (part == 0 or part > 1e-3)
    assert not converged or gap(got, linear_model.LinearRegression().fit(x, y).predict(x)) < 1e-4
    label = (rng.uniform(size=ROWS) < 1 / (1 + np.exp(-score))).astype(int)
    got, found = scores_of(spu, learn.LogisticRegression(spu, C=np.inf), x, label)
    assert found == converged
    scaled = (x - x.mean(0)) / x.std(0)
    want = linear_model.LogisticRegression(C=np.inf, **EXACTLY).fit(scaled, label).decision_function(scaled)
    assert not found or gap(got, want) < 1e-3
    assert ("still change" in caplog.text) == (not (converged and found))


@IN_DEBUG
@pytest.mark.parametrize(
    ("field", "part"),
    [
        *(("FM64", part) for part in (0.2, 0.07, 1e-3)),
        *(("FM128", part) for part in (0.01, 0.002, 1e-5, 0.0)),
    ],
)
def test_standard_errors_are_within_their_bound_or_none(spu, field, part):
    """From inflation factors of 2 on, and of columns that are the same: off by 0.2 %, NaN, or not settled.

    In FM64 columns that are alike to 1e-4 are the same.
    """
    device = sf.SPU(parties=["alice", "bob", "carol"], field=field)
    x, score = alike(part, np.random.default_rng(1))
    given = {sf.PYU("alice"): at("alice", x[:, :2]), sf.PYU("bob"): at("bob", x[:, 2:])}
    rng = np.random.default_rng(2)
    y = score + 0.3 * rng.normal(size=ROWS)
    label = (rng.uniform(size=ROWS) < 1 / (1 + np.exp(-score))).astype(int)
    plain = linear_model.LinearRegression().fit(x, y)
    chance = linear_model.LogisticRegression(C=np.inf, **EXACTLY).fit(x, label).predict_proba(x)[:, 1]
    variance, freedom = np.sum((y - plain.predict(x)) ** 2) / (ROWS - 4), ROWS - 4
    for model, target, weight, distribution in (
        (learn.LinearRegression, y, np.full(ROWS, 1 / variance), stats.t(freedom)),
        (partial(learn.LogisticRegression, C=np.inf), label, chance * (1 - chance), stats.norm()),
    ):
        fitted = model(device, inference=True).fit(given, at("bob", target))
        told = [sf.reveal(fitted.summary_of(party)) for party in ("alice", "bob")]
        coef, error, *ends = (
            np.concatenate([each[name] for each in told])
            for name in ("coef", "standard_error", "lower", "upper")
        )
        there = ~np.isnan(error)
        settled = bool(sf.reveal(fitted.converged_))
        assert there.all() == (part > (0.1 if field == "FM64" else 0.001))
        wide = distribution.ppf(0.975) * error
        assert np.stack(ends) == pytest.approx(np.stack([coef - wide, coef + wide]), nan_ok=True)
        if settled and part > (1e-4 if field == "FM64" else 0):  # by QR, which squares nothing
            full = np.column_stack([x, np.ones(ROWS)]) * np.sqrt(weight)[:, None]
            want = np.linalg.norm(np.linalg.inv(np.linalg.qr(full, mode="r")), axis=1)[:-1]
            assert error[there] == pytest.approx(want[there], rel=2e-3)


@IN_DEBUG
@pytest.mark.parametrize("size", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("power", [1.0, 1.5, 1.9, 2.0])
def test_means_that_differ_by_a_thousand(spu, caplog, power, size):
    """Of columns with a long tail and a logarithm: from the average alone steps go astray."""
    rng = np.random.default_rng(7)
    x = np.column_stack([np.exp(rng.normal(size=ROWS)), rng.normal(size=(ROWS, 2))])
    x = (x - x.mean(0)) / x.std(0)
    mean = np.exp(size * (x @ [0.3, 0.5, -0.2]))
    y = rng.poisson(mean) * 1.0 if power == 1 else mean * rng.gamma(2, 0.5, ROWS)
    if 1 < power < 2:
        y = y * (rng.uniform(size=ROWS) < 0.8)
    got, converged = scores_of(spu, learn.TweedieRegressor(spu, power=power, alpha=0.0), x, y)
    reference = linear_model.TweedieRegressor(power=power, alpha=0.0, link="log", **EXACTLY).fit(x, y)
    far = gap(got, np.log(reference.predict(x)))
    assert far < SETTLED if converged else "still change" in caplog.text
    assert converged or size == 2


@IN_DEBUG
@pytest.mark.parametrize("penalty", [0.1, 1.0, 100.0, np.inf])
def test_classes_that_can_be_separated(spu, caplog, penalty):
    """Without a penalty there is no end to come to."""
    caplog.set_level(logging.WARNING, "junto.learn")
    x, score = alike(1.0, np.random.default_rng(3))
    label = (score > 0).astype(int)
    got, converged = scores_of(spu, learn.LogisticRegression(spu, C=penalty, max_iter=12), x, label)
    assert ("still change" in caplog.text) != converged
    assert converged == (penalty < np.inf)
    if converged:
        scaled = (x - x.mean(0)) / x.std(0)
        want = linear_model.LogisticRegression(C=penalty, **EXACTLY).fit(scaled, label)
        assert gap(got, want.decision_function(scaled)) < SETTLED


@IN_DEBUG
def test_thirty_columns_of_cells(spu):
    """Radius, perimeter and area say nearly the same: inflation factors up to 3,800."""
    data = load_breast_cancer()
    x, y = data.data, data.target * 1.0
    got, converged = scores_of(spu, learn.LinearRegression(spu), x, y)
    scaled = (x - x.mean(0)) / x.std(0)
    assert converged
    assert gap(got, linear_model.LinearRegression().fit(scaled, y).predict(scaled)) < 1e-6


@IN_DEBUG
def test_mini_batches_have_no_last_step(spu):
    x, score = alike(1.0, np.random.default_rng(4))
    given = {sf.PYU("alice"): at("alice", x)}
    model = learn.LogisticRegression(spu, solver="sgd").fit(given, at("bob", (score > 0).astype(int)))
    with pytest.raises(sf.LearnError, match="does not say whether it converged"):
        _ = model.converged_
