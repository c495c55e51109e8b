"""Every model in debug mode and in simulation finds what scikit-learn finds on the whole table."""

from __future__ import annotations

import logging
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import cluster, decomposition, linear_model
from sklearn import metrics as their_metrics

import junto as sf
from junto import learn
from junto.errors import LearnError
from junto.learn import metrics
from spu_values import PARTIES, at, is_debug

RNG = np.random.default_rng(5)
ROWS = 400
TABLE = RNG.normal(size=(ROWS, 5)) @ (np.eye(5) + 0.3) * [1, 10, 0.1, 3, 1e4] + [0, 5, 1, -3, 2e4]
SCALED = (TABLE - TABLE.mean(0)) / TABLE.std(0)
SCORE = SCALED @ [0.5, -0.8, 0.3, 0.0, 0.6]
NOISE = RNG.normal(size=ROWS)
CLASSES = (RNG.random(ROWS) < 1 / (1 + np.exp(-SCORE + 0.7))).astype(int)
AMOUNTS = 3000 + 500 * SCORE + 300 * NOISE
COUNTS = RNG.poisson(np.exp(0.5 * SCORE + 1)).astype(float)
COSTS = np.exp(0.5 * SCORE + 3) * RNG.gamma(2, 0.5, size=ROWS)
CLAIMS = np.where(RNG.random(ROWS) < 0.3, 0, COSTS)
EXACTLY = {"max_iter": 10_000, "tol": 1e-10}


@pytest.fixture(scope="module", params=["debug", "simulation"])
def spu(request):
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield sf.SPU(parties=PARTIES[:2] if request.param.endswith("two") else PARTIES)
    sf.shutdown()


@pytest.fixture(autouse=True)
def in_range(caplog):
    """Debug mode says so if a number leaves the range of fixed point."""
    caplog.set_level(logging.WARNING, "junto.spu")
    yield
    assert [record.message for record in caplog.records if "range" in record.message] == []


def split(table=TABLE, cut=3):
    return {sf.PYU("alice"): at("alice", table[:, :cut]), sf.PYU("bob"): at("bob", table[:, cut:])}


def found(model):
    return np.append(sf.reveal(model.coef_), sf.reveal(model.intercept_))


def theirs(model):
    return np.append(np.ravel(model.coef_), model.intercept_)


# -------------------------------------------------------------------- coefficients


@pytest.mark.slow
@pytest.mark.parametrize("spu", ["simulation of two"], indirect=True)
def test_two_parties_alone_find_the_same(spu):
    """One model of each way to a solution, small: the gates of two parties are tried one by one elsewhere."""
    few = slice(0, 120)
    X = split(TABLE[few, :3], 1)
    scaled = (TABLE[few, :3] - TABLE[few, :3].mean(0)) / TABLE[few, :3].std(0)
    model = learn.LogisticRegression(spu).fit(X, at("bob", CLASSES[few]))
    reference = linear_model.LogisticRegression(**EXACTLY).fit(scaled, CLASSES[few])
    assert found(model) == pytest.approx(theirs(reference), abs=1e-4)
    guess = sf.reveal(model.predict_proba(X, to="alice"))
    assert guess == pytest.approx(reference.predict_proba(scaled), abs=1e-3)
    counts = learn.PoissonRegressor(spu, alpha=0.1).fit(X, at("bob", COUNTS[few]))
    reference = linear_model.PoissonRegressor(alpha=0.1, **EXACTLY).fit(scaled, COUNTS[few])
    assert found(counts) == pytest.approx(theirs(reference), abs=2e-4)
    amounts = learn.Ridge(spu, solver="sgd", max_iter=20, batch_size=40, alpha=5)
    amounts.fit(X, at("bob", AMOUNTS[few]))
    reference = linear_model.Ridge(alpha=5).fit(scaled, AMOUNTS[few])
    assert found(amounts) == pytest.approx(theirs(reference), abs=0.05 * np.abs(theirs(reference)).max())


@pytest.mark.parametrize(
    ("params", "tolerance"),
    [
        ({}, 1e-4),
        ({"C": 0.01}, 1e-4),
        ({"solver": "bound"}, 2e-3),
        ({"fit_intercept": False, "C": 0.1}, 1e-4),
        ({"solver": "sgd", "max_iter": 20, "batch_size": 64, "eta0": 0.2}, 0.02),
        (
            {"solver": "sgd", "max_iter": 12, "batch_size": 150, "learning_rate": "invscaling", "C": 0.01},
            0.02,
        ),
    ],
    ids=str,
)
def test_logistic_regression(spu, params, tolerance):
    model = learn.LogisticRegression(spu, **params).fit(split(), at("bob", CLASSES))
    scale = SCALED if params.get("fit_intercept", True) else TABLE / TABLE.std(0)
    shared = {key: params[key] for key in ("C", "fit_intercept") if key in params}
    assert found(model) == pytest.approx(
        theirs(linear_model.LogisticRegression(**shared, **EXACTLY).fit(scale, CLASSES)), abs=tolerance
    )
    assert model.n_features_in_ == 5
    assert model.classes_ == (0, 1)


def test_labels_of_any_two_classes(spu):
    """Mapped as scikit-learn does, where the label is; on the SPU, too, where they are numbers."""
    kinds = [("yes", "no"), (1, 2), (-1, 1), (False, True), ("1", "0")] if is_debug(spu) else [("yes", "no")]
    for classes in kinds:
        label = np.array(classes)[CLASSES.astype(int)]
        reference = linear_model.LogisticRegression(**EXACTLY).fit(SCALED, label)
        model = learn.LogisticRegression(spu, classes=classes).fit(split(), at("bob", label))
        assert list(model.classes_) == list(reference.classes_)
        assert found(model) == pytest.approx(theirs(reference), abs=1e-4)
        assert np.array_equal(sf.reveal(model.predict(split(), to="alice")), reference.predict(SCALED))
        shown = [model.score(split(), at("bob", label))]
        if label.dtype.kind in "iu":
            known = at("bob", label).to(spu)
            shown.append(model.with_params().fit(split(), known).score(split(), known))
        for each in sf.reveal(shown):
            assert each == pytest.approx(reference.score(SCALED, label), abs=1e-4)


@pytest.mark.parametrize("classes", [(1,), (1, 1), [1, 2], (1, "a"), (None, 1)], ids=str)
def test_classes_are_two(spu, classes):
    with pytest.raises(LearnError, match=r"two different numbers, or two texts|classes is \(1,\)"):
        learn.LogisticRegression(spu, classes=classes)


REGRESSORS = {
    "LinearRegression": (linear_model.LinearRegression(), AMOUNTS, 2e-2),
    "Ridge": (linear_model.Ridge(alpha=50), AMOUNTS, 2e-2),
    "PoissonRegressor": (linear_model.PoissonRegressor(alpha=0.1, **EXACTLY), COUNTS, 1e-4),
    "GammaRegressor": (linear_model.GammaRegressor(alpha=0.1, **EXACTLY), COSTS, 2e-4),
    "TweedieRegressor": (
        linear_model.TweedieRegressor(power=1.5, link="log", alpha=0.1, **EXACTLY),
        CLAIMS,
        2e-4,
    ),
}
LONG = {("simulation", name) for name in ("Ridge", "GammaRegressor", "TweedieRegressor")}
"""They go the ways of others to their solution; that their formulas are right, debug mode says."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spu", "ours"),
    [
        pytest.param(mode, name, marks=pytest.mark.long if (mode, name) in LONG else ())
        for mode in ("debug", "simulation")
        for name in REGRESSORS
    ],
    indirect=["spu"],
)
def test_regressors(spu, ours):
    reference, label, tolerance = REGRESSORS[ours]
    reference.fit(SCALED, label)
    params = {"alpha": reference.alpha} if hasattr(reference, "alpha") else {}
    model = getattr(learn, ours)(spu, **params).fit(split(), at("bob", label))
    assert found(model) == pytest.approx(theirs(reference), abs=tolerance)
    guess = sf.reveal(model.predict(split(), to="bob"))
    assert guess == pytest.approx(reference.predict(SCALED), rel=2e-3)
    score = model.score(split(), at("bob", label), to="alice")
    assert sf.reveal(score) == pytest.approx(reference.score(SCALED, label), abs=1e-3)
    descent = model.with_params(solver="sgd", max_iter=20, batch_size=64).fit(split(), at("bob", label))
    near = 0.05 * np.abs(theirs(reference)).max()
    assert found(descent) == pytest.approx(theirs(reference), abs=near)


def test_tables_of_pandas_and_a_label_of_alice_and_three_owners(spu):
    names = ["a", "b", "c", "d", "e"]
    table = pd.DataFrame(TABLE, columns=names)
    parts = {
        sf.PYU(p): at(p, table[c]) for p, c in zip(PARTIES, (["a"], ["b", "c"], ["d", "e"]), strict=True)
    }
    model = learn.LogisticRegression(spu).fit(parts, at("alice", pd.DataFrame({"y": CLASSES})))
    reference = linear_model.LogisticRegression(**EXACTLY).fit(SCALED, CLASSES)
    assert found(model) == pytest.approx(theirs(reference), abs=1e-4)


def test_anything_with_partitions_is_a_table(spu):
    class Frame:
        def __init__(self, partitions):
            self.partitions = partitions

    label = Frame({sf.PYU("bob"): at("bob", CLASSES)})
    model = learn.LogisticRegression(spu).fit(Frame(split()), label)
    reference = linear_model.LogisticRegression(**EXACTLY).fit(SCALED, CLASSES)
    assert found(model) == pytest.approx(theirs(reference), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["newton", "sgd"])
def test_values_that_are_on_the_spu_already(spu, solver):
    table, label = at("alice", SCALED).to(spu), at("bob", CLASSES.astype(float)).to(spu)
    model = learn.LogisticRegression(spu, solver=solver, max_iter=10).fit(table, label)
    reference = linear_model.LogisticRegression(**EXACTLY).fit(SCALED, CLASSES)
    assert found(model) == pytest.approx(theirs(reference), abs=1e-4 if solver == "newton" else 0.1)
    assert sf.reveal(model.decision_function(table)) == pytest.approx(
        SCALED @ found(model)[:5] + found(model)[5], abs=1e-3
    )


# -------------------------------------------------------------------- standard errors


def by_hand(x, weight, scale=1.0):
    """Coefficients' standard errors: the inverse of the information."""
    full = np.column_stack([x, np.ones(len(x))])
    return np.sqrt(np.diag(np.linalg.inv(full.T @ (full * weight[:, None]))) * scale)[:-1]


@pytest.mark.slow
def test_standard_errors_of_logistic_regression(spu):
    model = learn.LogisticRegression(spu, C=float("inf"), inference=True).fit(split(), at("bob", CLASSES))
    reference = linear_model.LogisticRegression(C=np.inf, **EXACTLY).fit(TABLE, CLASSES)
    p = reference.predict_proba(TABLE)[:, 1]
    coef, error = np.ravel(reference.coef_), by_hand(TABLE, p * (1 - p))
    summaries = [sf.reveal(model.summary_of(party)) for party in ("alice", "bob")]
    assert [len(each["coef"]) for each in summaries] == [3, 2]
    together = {key: np.concatenate([each[key] for each in summaries]) for key in summaries[0]}
    assert together["coef"] == pytest.approx(coef, rel=1e-2)
    assert together["standard_error"] == pytest.approx(error, rel=2e-3)
    assert together["z"] == pytest.approx(coef / error, abs=0.02)
    assert together["p_value"] == pytest.approx(2 * stats.norm.sf(np.abs(coef / error)), abs=2e-2)


def test_standard_errors_of_linear_regression(spu):
    model = learn.LinearRegression(spu, inference=True).fit(split(), at("bob", AMOUNTS))
    reference = linear_model.LinearRegression().fit(TABLE, AMOUNTS)
    freedom = ROWS - 6
    variance = np.sum((AMOUNTS - reference.predict(TABLE)) ** 2) / freedom
    t = reference.coef_ / by_hand(TABLE, np.ones(ROWS), variance)
    summaries = [sf.reveal(model.summary_of(party)) for party in ("alice", "bob")]
    together = {key: np.concatenate([each[key] for each in summaries]) for key in summaries[0]}
    assert together["z"] == pytest.approx(t, rel=2e-3, abs=0.01)
    assert together["p_value"] == pytest.approx(2 * stats.t.sf(np.abs(t), freedom), abs=1e-2)
    factors = np.diag(np.linalg.inv(np.corrcoef(TABLE.T)))
    assert together["inflation"] == pytest.approx(factors, rel=2e-3)


STATSMODELS = {
    "coef": [1.741861, -1.028439],
    "standard_error": [0.491719, 0.411913],
    "p_value": [0.000397, 0.012534],
}
"""`GLM(y, add_constant(x), family=Binomial()).fit()` of statsmodels 0.15.0 for the first table below."""


@pytest.mark.slow
def test_standard_errors_are_those_of_the_solution_or_none(spu):
    """Where the classes can be separated there is no solution: each step moves the coefficients."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 2))
    y = (x @ [1.0, -0.5] + rng.logistic(size=60) > 0).astype(int)
    flag = np.arange(60) == np.flatnonzero(y)[0]  # no row with it has the other class

    def summary(x, y):
        model = learn.LogisticRegression(spu, C=float("inf"), inference=True).fit(split(x, 1), at("bob", y))
        told = [sf.reveal(model.summary_of(party)) for party in ("alice", "bob")]
        return {name: np.concatenate([each[name] for each in told]) for name in STATSMODELS}

    for scale in (1.0, 1e6):
        found = summary(x * [scale, 1 / scale], y)
        for name, want in STATSMODELS.items():
            unit = 1.0 if name == "p_value" else np.array([scale, 1 / scale])
            assert found[name] * unit == pytest.approx(want, rel=2e-3, abs=2e-4)
    for table, label in ((x, (x[:, 0] > 0).astype(int)), (np.column_stack([x[:, 0], flag]), y)):
        found = summary(table, label)
        assert np.isnan([found["standard_error"], found["p_value"]]).all()


def test_constant_and_collinear_columns(spu):
    rough = np.column_stack([TABLE[:, :2], np.full(ROWS, 7.0), TABLE[:, 2:], 2 * TABLE[:, 0] + 1])
    model = learn.LinearRegression(spu, inference=True).fit(split(rough, 3), at("bob", AMOUNTS))
    guess = sf.reveal(model.predict(split(rough, 3), to="bob"))
    assert guess == pytest.approx(
        linear_model.LinearRegression().fit(TABLE, AMOUNTS).predict(TABLE), rel=1e-3
    )
    coef = sf.reveal(model.coef_)
    assert coef[2] == pytest.approx(0, abs=0.02)  # the others are of the size of 100
    # The same column twice: both have a part. How much of it each has, roundings decide.
    assert min(coef[0], coef[6]) > 0
    assert coef[0] + coef[6] == pytest.approx(
        linear_model.LinearRegression().fit(SCALED, AMOUNTS).coef_[0], rel=1e-3
    )
    of_alice, of_bob = (sf.reveal(model.summary_of(party)) for party in ("alice", "bob"))
    assert np.isnan(of_alice["p_value"]).tolist() == [True, False, True]
    assert np.isnan(of_bob["p_value"]).tolist() == [False, False, False, True]


@pytest.mark.slow
def test_a_constant_column_does_no_harm_to_the_other_solvers(spu):
    rough = np.column_stack([np.full(ROWS, 7.0), TABLE])
    reference = linear_model.LogisticRegression(**EXACTLY).fit(SCALED, CLASSES)
    for params, tolerance in (({}, 1e-4), ({"solver": "sgd", "max_iter": 20, "batch_size": 64}, 0.05)):
        model = learn.LogisticRegression(spu, **params).fit(split(rough), at("bob", CLASSES))
        assert found(model) == pytest.approx([0, *theirs(reference)], abs=tolerance)


# -------------------------------------------------------------------- what is shown, and to whom


def test_each_party_gets_its_own_part(spu):
    model = learn.LogisticRegression(spu).fit(split(), at("bob", CLASSES))
    parts = model.export()
    assert {owner.party: part.device.party for owner, part in parts.items()} == {
        "alice": "alice",
        "bob": "bob",
    }
    coef = np.concatenate([sf.reveal(part) for part in parts.values()])
    intercept = model.intercept_of("carol")
    assert intercept.device.party == "carol"
    want = sf.reveal(model.decision_function(split(), to="alice"))
    assert TABLE @ coef + sf.reveal(intercept) == pytest.approx(want, abs=1e-3)
    with pytest.raises(sf.LearnError, match="carol has no columns"):
        model.coef_of("carol")
    with pytest.raises(sf.LearnError, match="inference=True"):
        model.summary_of("alice")


def test_predictions_go_where_they_are_told(spu):
    model = learn.LogisticRegression(spu).fit(split(), at("bob", CLASSES))
    reference = linear_model.LogisticRegression(**EXACTLY).fit(SCALED, CLASSES)
    chances, guess = model.predict_proba(split(), to=sf.PYU("bob")), model.predict(split(), to="carol")
    assert (chances.device.party, guess.device.party) == ("bob", "carol")
    assert sf.reveal(chances) == pytest.approx(reference.predict_proba(SCALED), abs=1e-3)
    assert np.mean(sf.reveal(guess) == reference.predict(SCALED)) > 0.99
    shared = model.predict_proba(split())
    assert isinstance(shared, sf.SPUObject)
    accuracy = sf.reveal(model.score(split(), at("bob", CLASSES)))
    assert accuracy == pytest.approx(reference.score(SCALED, CLASSES), abs=0.01)


@pytest.mark.slow
def test_early_stopping_ends_and_shows_its_losses_to_whom_one_says(spu, caplog):
    caplog.set_level(logging.INFO, "junto.learn")
    model = learn.LogisticRegression(spu, solver="sgd", max_iter=30, early_stopping=True, tol=1e-3)
    model = model.with_params(n_iter_no_change=2, eta0=0.05, validation_fraction=0.3)
    model.fit(split(), at("bob", CLASSES))
    assert 1 < model.n_iter_ < 30
    losses = [float(sf.reveal(each.to(sf.PYU("bob")))) for each in model.loss_curve_]
    assert len(losses) == model.n_iter_
    assert min(losses) < losses[0]
    assert min(losses[-2:]) > min(losses[:-2]) - 1e-3
    assert "every party learns whether the validation loss still falls" in caplog.text


def test_losses_of_each_epoch_are_those_of_the_rows(spu):
    model = learn.LogisticRegression(spu, solver="sgd", max_iter=2, losses=True, batch_size=64)
    model.fit(split(), at("bob", CLASSES))
    p = 1 / (1 + np.exp(-SCALED @ found(model)[:5] - found(model)[5]))
    assert sf.reveal(model.loss_curve_[-1]) == pytest.approx(their_metrics.log_loss(CLASSES, p), abs=1e-3)


# -------------------------------------------------------------------- metrics


def test_metrics_are_alike_on_the_spu_and_at_the_owner(spu):
    label, score = CLASSES[:150], np.round(SCORE[:150], 1)  # with ties
    chance = 1 / (1 + np.exp(-score))
    wanted = {
        "roc_auc_score": their_metrics.roc_auc_score(label, score),
        "log_loss": their_metrics.log_loss(label, chance),
        "root_mean_squared_error": np.sqrt(np.mean((label - chance) ** 2)),
        "r2_score": their_metrics.r2_score(label, chance),
        "accuracy_score": np.mean(label == (score > 0)),
    }
    given = {"roc_auc_score": score, "accuracy_score": (score > 0).astype(int)}
    for name, value in wanted.items():
        metric, argument = getattr(metrics, name), given.get(name, chance)
        in_clear = metric(at("bob", label), at("bob", argument))
        assert in_clear.device.party == "bob"
        assert sf.reveal(in_clear) == pytest.approx(value), name
        unseen = metric(at("bob", label), at("alice", argument).to(spu))
        assert isinstance(unseen, sf.SPUObject)
        assert sf.reveal(unseen) == pytest.approx(value, abs=1e-3), name


def test_some_metrics_are_for_one_party(spu):
    label, score = at("bob", CLASSES), at("bob", SCORE)
    assert sf.reveal(metrics.ks(label, score)) > 0.1
    assert sum(sf.reveal(metrics.gains_table(label, score))["rows"]) == ROWS
    assert sf.reveal(metrics.population_stability_index(score, score)) == pytest.approx(0)
    for other in (score.to(spu), at("alice", SCORE)):
        with pytest.raises(sf.LearnError, match="at one party"):
            metrics.ks(label, other)


# -------------------------------------------------------------------- groups and components


GROUPS = np.repeat(np.arange(3), 50)
POINTS = RNG.normal(size=(150, 4)) + np.array([[0, 0, 9, 0], [8, 0, 0, 0], [0, 8, 0, -8]])[GROUPS]


@pytest.mark.parametrize("init", ["k-means++", "random", "given"])
def test_k_means(spu, init):
    if init == "given":
        init = split(POINTS[[0, 60, 110]], 2)
    model = learn.KMeans(spu, n_clusters=3, init=init, max_iter=5, random_state=2).fit(split(POINTS, 2))
    scaled = (POINTS - POINTS.mean(0)) / POINTS.std(0)
    labels = sf.reveal(model.predict(split(POINTS, 2), to="bob"))
    reference = cluster.KMeans(3, random_state=0, n_init=5).fit(scaled)
    assert their_metrics.adjusted_rand_score(labels, GROUPS) == 1
    assert (labels == sf.reveal(model.labels_)).all()
    assert sf.reveal(model.inertia_) == pytest.approx(reference.inertia_, rel=1e-3)
    centers = np.hstack([sf.reveal(part) for part in model.export().values()])
    for center, group in zip(centers, (labels == k for k in range(3)), strict=True):
        assert center == pytest.approx(POINTS[group].mean(0), abs=1e-3)


def test_k_means_of_unscaled_columns_and_a_group_without_rows(spu):
    far = np.vstack([POINTS[[0, 60]], np.full((1, 4), 100.0)])
    model = learn.KMeans(spu, n_clusters=3, init=split(far, 2), max_iter=3, standardize=False)
    model.fit(split(POINTS, 2))
    centers = np.hstack([sf.reveal(part) for part in model.export().values()])
    assert centers[2] == pytest.approx([100] * 4, abs=1e-2)
    assert set(sf.reveal(model.labels_)) == {0, 1}


def test_centres_that_are_no_tables_of_their_owners_are_called_so(spu):
    model = learn.KMeans(spu, n_clusters=2, init=np.zeros((2, 4)))
    with pytest.raises(LearnError, match="init is a ndarray") as caught:
        model.fit(split(POINTS, 2))
    assert "{alice: her_columns" in caught.value.fix


@pytest.mark.slow
@pytest.mark.parametrize("scaled", [True, False])
def test_principal_components(spu, scaled):
    mixed = POINTS @ np.random.default_rng(8).normal(size=(4, 4))
    model = learn.PCA(spu, n_components=3, standardize=scaled).fit(split(mixed, 2))
    table = (mixed - mixed.mean(0)) / (mixed.std(0) if scaled else 1)
    reference = decomposition.PCA(3).fit(table)
    assert sf.reveal(model.components_) == pytest.approx(reference.components_, abs=2e-3)
    assert sf.reveal(model.explained_variance_) == pytest.approx(reference.explained_variance_, rel=1e-3)
    ratio = sf.reveal(model.explained_variance_ratio_)
    assert ratio == pytest.approx(reference.explained_variance_ratio_, abs=1e-3)
    coordinates = sf.reveal(model.transform(split(mixed, 2), to="bob"))
    assert coordinates == pytest.approx(reference.transform(table), abs=2e-3 * np.abs(table).max())
    parts = np.hstack([sf.reveal(part) for part in model.export().values()])
    assert parts == pytest.approx(sf.reveal(model.components_))


# -------------------------------------------------------------------- bad things


def frame(**columns):
    return pd.DataFrame(columns)


GOOD = frame(age=[1.0, 2, 4, 3])
BAD = {
    "text": (
        frame(city=["x", "y", "x", "z"]),
        [0, 1, 0, 1],
        "column 'city' of bob's X is no column of numbers",
    ),
    "missing": (frame(age=[1, np.nan, 2, 3]), [0, 1, 0, 1], "column 'age' of bob's X has missing"),
    "rows": (frame(age=[1, 2, 3]), [0, 1, 0, 1], "X of alice has 4 rows, X of bob has 3 rows"),
    "label rows": (GOOD, [0, 1, 0], "y of carol has 3 rows"),
    "one class": (GOOD, [1, 1, 1, 1], "column '0' of carol's y has one class only"),
    "other classes": (GOOD, [1, 2, 1, 2], "column '0' of carol's y has other values"),
    "text label": (GOOD, ["a", "b", "a", "b"], "its owner says which class is 1: y = bob(lambda y:"),
    "wide label": (GOOD, [[0, 1]] * 4, "carol's y has the wrong number"),
    "no rows": (frame(age=[]), [0, 1, 0, 1], "bob's X is empty"),
}


@pytest.mark.parametrize("spu", ["debug"], indirect=True)
def test_there_is_nothing_along_directions_in_which_rows_do_not_differ(spu):
    """As scikit-learn's coordinates there; a direction is anything."""
    one, two = np.random.default_rng(1).normal(size=(2, 50))
    table = np.stack([one, two, one, np.full(50, 3.0)], axis=1)
    scaled = (table - table.mean(0)) / np.where(table.std(0) > 0, table.std(0), 1)
    model = learn.PCA(spu, n_components=4).fit(split(table, 2))
    reference = decomposition.PCA(4).fit(scaled)
    found = sf.reveal(model.explained_variance_)
    assert found == pytest.approx(reference.explained_variance_, abs=1e-3)
    assert (np.asarray(sf.reveal(model.components_))[2:] == 0).all()
    assert (np.asarray(sf.reveal(model.transform(split(table, 2), to="bob")))[:, 2:] == 0).all()


@pytest.mark.parametrize("what", BAD)
def test_bad_tables_are_one_clear_error(spu, what):
    table, label, says = BAD[what]
    X = {sf.PYU("alice"): at("alice", GOOD), sf.PYU("bob"): at("bob", table)}
    with pytest.raises(sf.LearnError, match=re.escape(says)):
        learn.LogisticRegression(spu).fit(X, at("carol", np.array(label)))


def test_bad_arguments(spu):
    model = learn.LogisticRegression(spu)
    x, y = at("alice", TABLE), at("bob", CLASSES)
    for table in (x, {}, {"alice": x}, {sf.PYU("bob"): x}, TABLE):
        with pytest.raises(sf.LearnError):
            model.fit(table, y)
    with pytest.raises(sf.LearnError, match="y is ndarray"):
        model.fit(split(), CLASSES)
    with pytest.raises(sf.LearnError, match="has weights of rows only where") as caught:
        model.fit(split(), y, sample_weight=np.ones(len(CLASSES)))
    assert "as often as it weighs" in caught.value.fix
    model.fit(split(), y, sample_weight=None)
    with pytest.raises(
        sf.LearnError, match="columns alice 3, bob 1, the model was trained on alice 3, bob 2"
    ):
        model.predict(split(TABLE[:, :4]))
    with pytest.raises(sf.LearnError, match="trained on"):
        model.predict(at("alice", SCALED).to(spu))
    few = split(TABLE[:6])
    with pytest.raises(sf.LearnError, match="fewer rows"):
        model.with_params(inference=True).fit(few, at("bob", np.array([0, 1] * 3)))
    with pytest.raises(sf.LearnError, match="3 groups"):
        learn.KMeans(spu, n_clusters=3).fit(split(TABLE[:2]))
    with pytest.raises(sf.LearnError, match="no 6 components"):
        learn.PCA(spu, n_components=6).fit(split())
    counts = learn.PoissonRegressor(spu).fit(split(), at("bob", COUNTS))
    with pytest.raises(sf.LearnError, match="whose label"):
        counts.score(split(), at("alice", COUNTS))


def test_a_table_that_could_not_be_read_is_its_owners_failure(spu):
    def fails():
        raise FileNotFoundError("secret.csv")

    broken = {sf.PYU("alice"): at("alice", TABLE), sf.PYU("bob"): sf.PYU("bob")(fails)()}
    with pytest.raises(sf.RemoteError, match="FileNotFoundError"):
        learn.LogisticRegression(spu).fit(broken, at("bob", CLASSES))
