"""The programs that run on the SPU, as plain jax, beside the same written in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from junto.learn import descent, newton, significance
from junto.learn.families import Bernoulli, Normal, Tweedie

RNG = np.random.default_rng(3)
SCALE = {"start": -0.4, "shift": 0.0, "spread": 1.0, "penalty": 1.0}


def table(rows, columns=4):
    x = RNG.normal(size=(rows, columns)).astype(np.float32)
    return x, (RNG.random(rows) < 1 / (1 + np.exp(-x[:, 0] - 0.3))).astype(np.float32)


def residual(eta, y):
    return y - 1 / (1 + np.exp(-eta))


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["constant", "invscaling", "cosine"])
@pytest.mark.parametrize(("rows", "size"), [(60, 20), (65, 20), (15, 15)])
def test_descent_is_polyaks(schedule, rows, size):
    x, y = table(rows)
    batches = descent.Batches(rows, size, 0.8, intercept=True)
    strides = descent.strides(schedule, 0.3, 0.5, 3, batches)
    state = descent.begin(SCALE, width=4, intercept=True)
    model = (Bernoulli(), batches)
    got = descent.train(state, (x[:, :1], x[:, 1:]), y, 2.0, strides, model=model).weights

    full = np.column_stack([x, np.ones(rows)])
    w, v = np.array([0, 0, 0, 0, -0.4]), np.zeros(5)
    for epoch in range(3):
        for number, start in enumerate(range(0, rows, size)):
            part, label = full[start : start + size], y[start : start + size]
            done = epoch + number / batches.steps
            rate = {
                "constant": 0.3,
                "invscaling": 0.3 * (1 + done) ** -0.5,
                "cosine": 0.15 * (1 + np.cos(np.pi * done / 3)),
            }[schedule]
            v = 0.8 * v + part.T @ residual(part @ w, label) - 2.0 * size / rows * w * [1, 1, 1, 1, 0]
            w = w + rate / len(part) * v
    assert np.asarray(got) == pytest.approx(w, rel=1e-4, abs=1e-5)


@pytest.mark.slow
def test_rows_for_validation_are_not_trained_on():
    x, y = table(60)
    batches = descent.Batches(45, 10, 0.0, intercept=False)
    strides = descent.strides("constant", 0.1, 0.5, 1, batches)
    state = descent.begin(SCALE, width=4, intercept=False)
    model = (Bernoulli(), batches)
    weights = [
        np.asarray(descent.train(state, (x,), labels, 0.0, strides, model=model).weights)
        for labels in (y, np.concatenate([y[:45], 1 - y[45:]]))
    ]
    assert (weights[0] == weights[1]).all()
    losses = [
        float(descent.loss(weights[0], (x,), y, model=model, rows=rows)) for rows in ((0, 45), (45, 60))
    ]
    eta = x @ weights[0]
    each = np.log1p(np.exp(eta)) - y * eta
    assert losses == pytest.approx([each[:45].mean(), each[45:].mean()], abs=1e-5)


def test_rates_are_coarse_enough_to_be_the_same_everywhere():
    strides = descent.strides("cosine", 0.1, 0.5, 4, descent.Batches(1000, 30, 0.9, intercept=True))
    assert strides.dtype == np.float32
    mantissa, _ = np.frexp(strides.astype(np.float64))
    assert (np.ldexp(mantissa, descent.DIGITS) % 1 == 0).all()
    assert strides.shape == (4, 34)


@pytest.mark.slow
@pytest.mark.parametrize("bounded", [False, True])
def test_second_order_finds_where_the_gradient_is_zero(bounded):
    x, y = table(200)
    steps = newton.Steps(60 if bounded else 8, bounded, intercept=True)
    w, b = newton.train((x[:, :2], x[:, 2:]), (), (SCALE, y), 3.0, model=(Bernoulli(), steps))
    w, b = np.asarray(w, np.float64), float(b)
    r = residual(x @ w + b, y)
    assert x.T @ r - 3.0 * w == pytest.approx(np.zeros(4), abs=2e-3)
    assert r.sum() == pytest.approx(0, abs=2e-3)


def test_columns_of_zeros_and_twice_the_same_column_do_no_harm():
    x, y = table(200, 3)
    x[:, 1], x[:, 2] = 0, x[:, 0]
    constant = (np.array([0, 1, 0], np.float32),)
    w, _ = newton.train((x,), constant, (SCALE, y), 0.0, model=(Normal(), newton.Steps(6, False, True)))
    slope = np.polyfit(x[:, 0], y, 1)[0]
    assert w[0] + w[2] == pytest.approx(slope, abs=1e-3)
    assert np.asarray(w) == pytest.approx([slope / 2, 0, slope / 2], abs=0.02)  # the ridge lets it drift


@pytest.mark.parametrize("rows", [500, 1 << 17])
def test_the_information_is_the_weighted_product(rows):
    x, _ = table(rows, 3)
    x[:, 1] += 0.5 * x[:, 0]
    weight = np.asarray(Tweedie(1.0).weight(x[:, 2]))
    for given in (weight, 1.0):
        d, c = newton.information(x, given, np.full(3, 2.0, np.float32), np.zeros(3, np.float32))
        gram = np.asarray(c) / np.outer(d, d) / newton.down(x)
        whole = x.astype(np.float64).T @ (x * np.broadcast_to(given, rows)[:, None]) + 2 * np.eye(3)
        assert gram == pytest.approx(whole, rel=1e-3, abs=1e-3 * rows**0.5)
        assert np.diag(c) == pytest.approx(1, abs=1e-4)


def test_the_inverse_is_one_and_polishing_takes_its_ridge_off():
    c = np.corrcoef(RNG.normal(size=(6, 40)))
    rough = np.asarray(newton.inverse(c.astype(np.float32)))
    assert rough == pytest.approx(np.linalg.inv(c + newton.RIDGE * np.eye(6)), abs=1e-4)
    assert np.asarray(newton.polished(c, rough)) == pytest.approx(np.linalg.inv(c), abs=1e-4)


@pytest.mark.slow
def test_the_factor_is_what_the_root_lacks():
    x, y = table(1000)
    found = (np.zeros(4, np.float32), np.float32(y.mean()))
    inflation, root = significance.errors((x,), (), y, found, family=Normal())
    full = np.column_stack([x, np.ones(1000)])
    variance = np.sum((y - y.mean()) ** 2) / 995
    error = np.sqrt(np.diag(np.linalg.inv(full.T @ full)) * variance)[:4]
    assert np.asarray(root) * significance.factor(1000) == pytest.approx(error, rel=1e-3)
    assert np.asarray(inflation) == pytest.approx(1, abs=0.05)
