"""The programs that run on the SPU, as plain jax, beside the same written in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from junto.learn import descent, kmeans, newton, significance, solvers
from junto.learn.families import Bernoulli, Normal, Tweedie
from mpc_programs import Engine

RNG = np.random.default_rng(3)
RIDGE = newton.ridge(18)
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
    steps = newton.Steps(60 if bounded else 8, bounded, intercept=True, ridge=RIDGE)
    (w, b), _ = newton.train((x[:, :2], x[:, 2:]), (), (SCALE, y), 3.0, model=(Bernoulli(), steps))
    w, b = np.asarray(w, np.float64), float(b)
    r = residual(x @ w + b, y)
    assert x.T @ r - 3.0 * w == pytest.approx(np.zeros(4), abs=2e-3)
    assert r.sum() == pytest.approx(0, abs=2e-3)


def test_columns_of_zeros_and_twice_the_same_column_do_no_harm():
    x, y = table(200, 3)
    x[:, 1], x[:, 2] = 0, x[:, 0]
    constant = (np.array([0, 1, 0], np.float32),)
    steps = newton.Steps(6, False, intercept=True, ridge=RIDGE)
    (w, _), _ = newton.train((x,), constant, (SCALE, y), 0.0, model=(Normal(), steps))
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
    rough = np.asarray(newton.inverse(c.astype(np.float32), RIDGE))
    assert rough == pytest.approx(np.linalg.inv(c + RIDGE * np.eye(6)), abs=1e-4)
    assert np.asarray(newton.polished(c, rough)) == pytest.approx(np.linalg.inv(c), abs=1e-4)


@pytest.mark.slow
def test_the_factor_is_what_the_root_lacks():
    x, y = table(1000)
    found = (np.zeros(4, np.float32), np.float32(y.mean()))
    inflation, root = significance.errors((x,), (), y, found, 0.0, model=(Normal(), RIDGE))
    full = np.column_stack([x, np.ones(1000)])
    variance = np.sum((y - y.mean()) ** 2) / 995
    error = np.sqrt(np.diag(np.linalg.inv(full.T @ full)) * variance)[:4]
    assert np.asarray(root) * significance.factor(1000) == pytest.approx(error, rel=1e-3)
    assert np.asarray(inflation) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("name", "tolerance"), [("random", 1e-4), ("near", 1e-3), ("twice", 0.01), ("all alike", 0.01)]
)
def test_the_inverse_stands_collinear_columns_in_fixed_point(name, tolerance):
    x = RNG.normal(size=(300, 6))
    if name != "random":
        x[:, 1] = x[:, 0] + {"near": 0.05, "twice": 0, "all alike": 0.02}[name] * x[:, 1]
    if name == "all alike":
        x = x[:, :1] + 0.02 * x
    lifted = np.corrcoef(x.T) + RIDGE * np.eye(6)
    engine = Engine("plain")
    found = engine.run(lambda c: newton.inverse(c, RIDGE), np.corrcoef(x.T).astype(np.float32))
    assert engine.overflows == []
    assert np.abs(np.linalg.eigvals(np.eye(6) - found @ lifted)).max() < tolerance


@pytest.mark.parametrize("least", [RIDGE / size for size in (1, 2, 6, 65)])
def test_accelerated_eigenvalues_end_near_1(least):
    y = np.geomspace(least, 1, 1000)
    for square in newton.accelerations(least):
        a = np.sqrt(square)
        y = a * y * (2 - a * y)
        assert y.max() <= 1 + 1e-12
    assert y.min() >= newton.NEAR - 1e-12
    assert len(newton.accelerations(least)) <= 2 + np.log(1 / least) / np.log(3.4)


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "scale", "rate"), [(400, 3, 0), (400, 6, 0), (300, 2, -4), (60, 2, 1)])
def test_eight_steps_are_enough_for_classes_far_apart_and_rare_ones(rows, scale, rate):
    x = RNG.normal(size=(rows, 4))
    x = (x - x.mean(0)) / x.std(0)
    score = x @ np.array([0.5, -0.7, 0.3, 0.4]) * scale + rate
    y = (RNG.random(rows) < 1 / (1 + np.exp(-score))).astype(np.float32)
    want = LogisticRegression(tol=1e-10, max_iter=10_000).fit(x, y)
    start = {"start": float(np.log(y.mean() / (1 - y.mean())))}
    model = (Bernoulli(), newton.Steps(solvers.REWEIGHTED, False, True, RIDGE))
    engine = Engine("plain")
    coef, intercept = engine.run(
        lambda x, y: newton.train((x,), (), (start, y), 1.0, model=model)[0], x.astype(np.float32), y
    )
    assert coef == pytest.approx(want.coef_[0], abs=5e-4)
    assert intercept == pytest.approx(want.intercept_[0], abs=5e-4)
    assert engine.overflows == []


def test_centres_of_large_groups_are_their_means():
    x = RNG.normal(size=(20_000, 2)).astype(np.float32)
    x[:15_000] += 6
    first = np.array([[0, 0], [5, 5], [300, 300]], np.float32)
    centers, labels, inertia = Engine("plain").run(lambda x, c: kmeans._lloyd((x,), c, 2), x, first)
    want = np.stack([x[15_000:].mean(0), x[:15_000].mean(0), [300, 300]])
    assert centers == pytest.approx(want, abs=5e-4)
    assert (labels == (np.arange(20_000) < 15_000)).all()
    assert inertia == pytest.approx(((x - want[labels]) ** 2).sum(), rel=1e-3)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
def test_each_row_is_at_the_first_of_the_nearest(count):
    closeness = RNG.integers(0, 3, (50, count)).astype(np.float32)
    found = Engine("plain").run(kmeans._nearest, closeness)
    assert (found == np.eye(count)[closeness.argmax(1)]).all()
