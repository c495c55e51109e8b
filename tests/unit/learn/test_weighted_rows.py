"""Models of rows with secret weights, all on the SPU, against scikit-learn with the same weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import cluster, decomposition, linear_model, metrics, preprocessing

import junto as sf
from junto import learn
from junto.frame import HorizontalFrame
from junto.learn import kmeans
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


GROUPS = np.column_stack([X[:, 0], X[:, 1] + 4e4 * (np.arange(ROWS) % 3), X[:, 0] + 1e3 * X[:, 2]])
OWN = {True: GROUPS, False: np.column_stack([X[:, 0] / 30, GROUPS[:, 1] / 3e4, X[:, 2]])}
"""Columns on any scale, and near 1, by whether they are standardized."""


def on_the_scale(table, weight, standardize):
    """As scikit-learn's scaler leaves them; rows of weight 0 stand where nothing is near them."""
    if not standardize:
        return table
    return preprocessing.StandardScaler().fit(table, sample_weight=weight).transform(table)


def apart(table, weight):
    """The same with anything in the rows that weigh nothing."""
    return np.where(weight[:, None] > 0, table, 50.0 * (-1) ** np.arange(len(table))[:, None])


@pytest.mark.parametrize(
    ("spu", "weights", "standardize"), each_once(RINGS, WEIGHTS, [True, False]), indirect=["spu"]
)
def test_groups_are_scikit_learns_with_the_same_weights(spu, weights, standardize):
    weight, table = WEIGHTS[weights], OWN[standardize]
    centres = table[np.flatnonzero(weight)[[0, 1, 2]]]
    model = learn.KMeans(
        spu, n_clusters=3, init=secret(spu, centres), max_iter=6, standardize=standardize
    ).fit(secret(spu, apart(table, weight)), sample_weight=secret(spu, weight))
    scaled = on_the_scale(table, weight, standardize)
    first = scaled[np.flatnonzero(weight)[[0, 1, 2]]]
    want = cluster.KMeans(3, init=first, n_init=1, max_iter=6, tol=0).fit(scaled, sample_weight=weight)
    assert np.asarray(sf.reveal(model.cluster_centers_)) == pytest.approx(want.cluster_centers_, abs=2e-3)
    assert float(sf.reveal(model.inertia_)) == pytest.approx(want.inertia_, rel=2e-3)
    there = weight > 0
    assert (np.asarray(sf.reveal(model.labels_)) == want.labels_)[there].all()
    assert (np.asarray(sf.reveal(model.predict(secret(spu, table)))) == want.labels_)[there].all()


@pytest.mark.parametrize("first", [0, 5])
@pytest.mark.parametrize("draw", [kmeans.LEAST_DRAW, 0.3, 1.0])
def test_groups_begin_with_rows_that_weigh_something_and_are_apart(draw, first):
    weight = np.zeros(ROWS, np.float32)
    counts = [first, 70, 90]
    weight[counts] = [1, 0.5, 2]
    found = kmeans._plus_plus_weighted(X.astype(np.float32), np.full(3, draw, np.float32), weight)
    assert sorted(np.asarray(found)[:, 0]) == pytest.approx(sorted(X[counts, 0]))


@pytest.mark.parametrize(
    ("spu", "weights", "standardize"),
    each_once(RINGS, ["a flag", "counts"], [True, False]),
    indirect=["spu"],
)
def test_components_are_those_of_rows_that_stand_as_often_as_they_count(spu, weights, standardize):
    weight = FLAG if weights == "a flag" else FLAG * (1 + np.arange(ROWS) % 4)
    table = OWN[standardize]
    model = learn.PCA(spu, n_components=2, standardize=standardize)
    model = model.fit(secret(spu, apart(table, weight)), sample_weight=secret(spu, weight))
    scaled = on_the_scale(table, weight, standardize)
    want = decomposition.PCA(2).fit(np.repeat(scaled, weight.astype(int), axis=0))
    assert np.asarray(sf.reveal(model.components_)) == pytest.approx(want.components_, abs=5e-3)
    assert np.asarray(sf.reveal(model.explained_variance_)) == pytest.approx(
        want.explained_variance_, rel=2e-3
    )
    assert np.asarray(sf.reveal(model.explained_variance_ratio_)) == pytest.approx(
        want.explained_variance_ratio_, abs=2e-3
    )
    found = np.asarray(sf.reveal(model.transform(secret(spu, table))))
    middle = 0 if standardize else want.mean_ @ want.components_.T
    assert found == pytest.approx(want.transform(scaled) + middle, abs=2e-2)


def test_a_kept_model_of_weighted_rows_has_their_scale(spu, tmp_path):
    x, weight = secret(spu, GROUPS), secret(spu, FLAG)
    model = learn.KMeans(spu, n_clusters=3, max_iter=2).fit(x, sample_weight=weight)
    folders = {party: str(tmp_path / party) for party in PARTIES}
    model.save(folders)
    again = learn.KMeans.load(spu, folders)
    assert np.array_equal(sf.reveal(again.predict(x)), sf.reveal(model.predict(x)))


@pytest.mark.slow
def test_on_shares():
    with sf.Session(PARTIES, address="local"):
        spu = spu_of("FM128")
        model, y = fitted(spu, "LinearRegression", X[:, :2], FLAG)
        there = FLAG > 0
        want = linear_model.LinearRegression().fit(X[there, :2], y[there]).predict(X[there, :2])
        assert np.abs(ours(spu, model, X[:, :2])[there] - want).max() < 3e-4 * np.abs(want).max()


SCORED = {
    "LogisticRegression": ("classes", metrics.accuracy_score, {}),
    "DecisionTreeClassifier": ("classes", metrics.accuracy_score, {"max_depth": 1, "max_bins": 4}),
    "LinearRegression": ("any", metrics.r2_score, {}),
    "Ridge": ("any", metrics.r2_score, {"alpha": 100.0}),
    "DecisionTreeRegressor": ("any", metrics.r2_score, {"max_depth": 1, "max_bins": 4}),
}


WHERE = [("FM64", "bob", "SPU", "SPU"), ("FM128", "SPU", "alice", "alice")]
"""The ring, where the label is that a model is trained on, where the one it is judged by, and the weights."""


@pytest.mark.parametrize(
    ("name", "spu", "trained", "judged", "weighed"),
    [(name, *places) for name in SCORED for places in WHERE] + [("Ridge", "FM64", "SPU", "SPU", "")],
    indirect=["spu"],
)
def test_a_score_is_that_of_scikit_learn_as_rows_weigh(name, spu, trained, judged, weighed):
    """Wherever labels and weights are."""

    def there(values, place):
        if not place:
            return None
        return secret(spu, values, "bob") if place == "SPU" else sf.PYU(place)(lambda: np.asarray(values))()

    domain, metric, parameters = SCORED[name]
    y, weight = LABELS[domain], WEIGHTS["numbers"]
    x = {sf.PYU("alice"): there(X[:, :2], "alice"), sf.PYU("bob"): there(X[:, 2:3], "bob")}
    train_y = (y - 500) / 900 if domain == "any" else y  # on the SPU a label is not scaled
    model = getattr(learn, name)(spu, **parameters).fit(x, there(train_y, trained))
    y = train_y + (np.arange(ROWS) % 7) ** 2 / 9 if domain == "any" else y  # R2 depends on the weights
    found = model.score(x, there(y, judged), sample_weight=there(weight, weighed), to="alice")
    want = metric(y, np.asarray(sf.reveal(model.predict(x))), sample_weight=weight if weighed else None)
    assert float(sf.reveal(found, to="alice")) == pytest.approx(want, abs=2e-3)


def test_a_score_that_cannot_be_weighed_says_so(spu):
    x, y = {sf.PYU("alice"): sf.PYU("alice")(lambda: X)()}, sf.PYU("bob")(lambda: LABELS["nonnegative"])()
    model = learn.PoissonRegressor(spu).fit(x, y)
    with pytest.raises(sf.LearnError, match="rows that weigh the same"):
        model.score(x, y, sample_weight=sf.PYU("bob")(lambda: FLAG)())


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
    model.fit(x, y, sample_weight=weight)
    for ask in (model.intercept_of, lambda party: model.export(to=party, format="sklearn")):
        with pytest.raises(sf.LearnError, match="scaled by is on the SPU"):
            ask("alice")


def test_what_cannot_be_of_models_without_a_label(spu):
    x, weight, mine = secret(spu, X), secret(spu, FLAG), {sf.PYU("alice"): sf.PYU("alice")(lambda: X)()}
    rows = HorizontalFrame({sf.PYU("alice"): sf.PYU("alice")(lambda: pd.DataFrame(X))()})
    for kind in (learn.KMeans, learn.PCA):
        for message, given, weights in [
            ("X is not", mine, weight),
            ("sample_weight is not", x, sf.PYU("bob")(lambda: FLAG)()),
            ("one of 120 numbers", x, secret(spu, FLAG[:7])),
            ("no weights of rows of several parties", rows, weight),
        ]:
            with pytest.raises(sf.LearnError, match=message):
                kind(spu).fit(given, sample_weight=weights)
        model = kind(spu).fit(x, sample_weight=weight)
        with pytest.raises(sf.LearnError, match="scaled by is on the SPU"):
            model.export(to="bob", format="sklearn")
    with pytest.raises(sf.LearnError, match="nobody knows whether they weigh"):
        learn.KMeans(spu, init="random").fit(x, sample_weight=weight)
