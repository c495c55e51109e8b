"""Models of rows that parties of very different sizes have are those of all rows together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xgboost
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sklearn import cluster, decomposition, ensemble, linear_model, metrics, tree
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import junto as sf
from junto import learn
from junto.device import encrypted_files
from junto.errors import JuntoError, LearnError
from junto.frame import HorizontalFrame
from junto.learn.pooled import RowPart
from junto.learn.trees import pooled_bins

NAMES = ("alice", "bob", "carol")
CUTS = (0, 5, 405, 470)
COLUMNS = ["a", "b", "flag"]
GAPS = [*COLUMNS, "gap"]


def made() -> pd.DataFrame:
    """Alice has 5 rows, of one class; carol has nothing in a column; of a flag 1 % of the rows are 1."""
    rng, rows = np.random.default_rng(0), CUTS[-1]
    table = pd.DataFrame({name: rng.integers(0, 12, rows).astype(float) for name in ("a", "b", "gap")})
    table["b"] = (table["b"] - 5) * 1e-3
    table["flag"] = 0.0
    table.loc[[100, 200, 300, 410, 460], "flag"] = 1.0
    eta = 0.3 * table["a"] + 200 * table["b"] + 6 * table["flag"] + (table["gap"] > 6) - 2
    table.loc[CUTS[2] :, "gap"] = np.nan
    table.loc[rng.random(rows) < 0.1, "gap"] = np.nan
    table["late"] = (eta + rng.logistic(size=rows) > 0).astype(int)
    table.loc[: CUTS[1] - 1, "late"] = 0
    table["kind"] = np.digitize(eta + rng.normal(size=rows), [-1, 1])
    table["dose"] = (eta + rng.normal(size=rows)) * 1e-9
    table["count"] = rng.poisson(np.exp(eta / 3))
    table["weight"] = rng.choice([0.0, 0.5, 1.0, 20.0], rows)
    return table


TABLE = made()


@pytest.fixture(scope="module", autouse=True)
def session():
    sf.init(parties=list(NAMES), debug_mode=True, logging_level="critical")
    yield
    sf.shutdown()


def rows_of(table: pd.DataFrame) -> HorizontalFrame:
    parts = [table[a:b] for a, b in pairwise(CUTS)]
    return HorizontalFrame(
        {sf.PYU(name): sf.PYU(name)(lambda p=part: p)() for name, part in zip(NAMES, parts, strict=True)}
    )


def spu() -> sf.SPU:
    return sf.SPU(parties=list(NAMES))


@pytest.fixture
def known_cuts(monkeypatch):
    """Bins as they are found, without the search, which takes most of the time."""

    def cuts_of(task, max_bins):
        numbers = [np.unique(TABLE[name].dropna())[1:].astype(np.float32) for name in task.columns]
        return task.first(lambda: numbers)()

    monkeypatch.setattr(pooled_bins, "cuts_of", cuts_of)


PENALISED = {"tol": 1e-12, "max_iter": 2000}


@pytest.mark.parametrize(
    ("model", "label", "params", "theirs"),
    [
        ("LogisticRegression", "late", {"C": 2.0}, PENALISED),
        ("Ridge", "dose", {"alpha": 3.0}, {}),
        ("PoissonRegressor", "count", {"alpha": 0.1}, PENALISED),
    ],
)
def test_rows_have_weights_and_models_scores(model, label, params, theirs, tmp_path):
    frame = rows_of(TABLE)
    X, y = frame[COLUMNS], frame[label]
    ours = getattr(learn, model)(spu(), **params).fit(X, y, sample_weight=frame["weight"])
    oracle = getattr(linear_model, model)(**params, **theirs)
    name = f"{type(oracle).__name__.lower()}__sample_weight"
    pipe = make_pipeline(StandardScaler(), oracle).fit(
        TABLE[COLUMNS], TABLE[label], **{name: TABLE["weight"]}
    )
    expected = np.ravel(oracle.coef_) / pipe[0].scale_
    assert np.allclose(sf.reveal(ours.coef_of("bob")), expected, rtol=1e-5, atol=0)
    assert sf.reveal(ours.score(X, y)) == pytest.approx(pipe.score(TABLE[COLUMNS], TABLE[label]), rel=1e-6)
    shown = ours.predict(X, to="carol")
    assert shown.device == sf.PYU("carol")
    assert np.allclose(sf.reveal(shown), pipe.predict(TABLE[COLUMNS]), rtol=1e-5)

    folders = {name: tmp_path / name for name in NAMES}
    ours.save(folders)
    again = type(ours).load(spu(), folders)
    assert {**again.get_params(), "spu": 0} == {**ours.get_params(), "spu": 0}
    assert (sf.reveal(again.predict(X, to="bob")) == sf.reveal(shown)).all()
    with pytest.raises(LearnError, match="load loads its own"):
        learn.GammaRegressor.load(spu(), folders)
    with pytest.raises(LearnError, match="no model of their rows"):
        type(ours).load(spu(), {"alice": folders["alice"], "bob": folders["bob"]})
    folders["carol"] = folders["bob"]
    with pytest.raises(JuntoError, match="another party's file"):
        type(ours).load(spu(), folders)


def test_scores_are_scikit_learns_for_each_deviance():
    for power, low in ((1.0, 0.0), (1.5, 0.0), (2.0, 0.1)):
        table = TABLE.assign(count=TABLE["count"] + low)
        frame = rows_of(table)
        X, y = frame[COLUMNS], frame["count"]
        ours = learn.TweedieRegressor(spu(), power=power, alpha=0.1).fit(X, y)
        means, found = sf.reveal((ours.predict(X, to="bob"), ours.score(X, y, to="alice")))
        assert found == pytest.approx(metrics.d2_tweedie_score(table["count"], means, power=power))


def test_components_are_those_of_all_rows(tmp_path):
    X = rows_of(TABLE)[COLUMNS]
    ours = learn.PCA(spu(), n_components=2).fit(X)
    oracle = make_pipeline(StandardScaler(), decomposition.PCA(2)).fit(TABLE[COLUMNS])
    assert np.allclose(sf.reveal(ours.part_of("alice")), oracle[1].components_)
    assert np.allclose(sf.reveal(ours.components_), oracle[1].components_)
    assert np.allclose(sf.reveal(ours.explained_variance_), oracle[1].explained_variance_)
    assert np.allclose(sf.reveal(ours.explained_variance_ratio_), oracle[1].explained_variance_ratio_)
    assert np.allclose(sf.reveal(ours.transform(X, to="bob")), oracle.transform(TABLE[COLUMNS]))
    folders = {name: tmp_path / name for name in NAMES}
    ours.save(folders)
    assert np.allclose(sf.reveal(learn.PCA.load(spu(), folders).components_), oracle[1].components_)


def test_groups_are_those_of_all_rows(tmp_path):
    X, scaler = rows_of(TABLE)[["a", "b"]], StandardScaler().fit(TABLE[["a", "b"]])
    start = TABLE[["a", "b"]].to_numpy()[[50, 150, 250]]
    theirs = cluster.KMeans(
        3, init=scaler.transform(pd.DataFrame(start, columns=["a", "b"])), n_init=1, tol=0
    )
    theirs.fit(scaler.transform(TABLE[["a", "b"]]))
    ours = learn.KMeans(spu(), n_clusters=3, init=start, max_iter=100).fit(X)
    assert np.allclose(sf.reveal(ours.cluster_centers_), theirs.cluster_centers_)
    assert np.allclose(sf.reveal(ours.part_of("bob")), scaler.inverse_transform(theirs.cluster_centers_))
    assert sf.reveal(ours.inertia_) == pytest.approx(theirs.inertia_)
    assert (sf.reveal(ours.predict(X, to="carol")) == theirs.labels_).all()
    folders = {name: tmp_path / name for name in NAMES}
    ours.save(folders)
    assert (sf.reveal(learn.KMeans.load(spu(), folders).predict(X, to="carol")) == theirs.labels_).all()
    with pytest.raises(LearnError, match="all would see rows"):
        learn.KMeans(spu(), init="random").fit(X)


def test_first_centres_of_groups_are_no_rows_and_near_them():
    rng = np.random.default_rng(0)
    around = rng.normal(size=(5, 4)) * 10
    table = pd.DataFrame(
        around[rng.integers(0, 5, CUTS[-1])] + rng.normal(size=(CUTS[-1], 4)), columns=[*"abcd"]
    )
    ours = learn.KMeans(spu(), n_clusters=5).fit(rows_of(table))
    best = cluster.KMeans(5, n_init=10, random_state=0).fit(StandardScaler().fit_transform(table))
    assert sf.reveal(ours.inertia_) == pytest.approx(best.inertia_)


@pytest.mark.parametrize(
    ("model", "label", "params", "weighted"),
    [
        ("DecisionTreeClassifier", "late", {}, False),
        ("DecisionTreeClassifier", "kind", {"classes": (0, 1, 2)}, True),
        ("DecisionTreeRegressor", "dose", {"min_samples_leaf": 3}, False),
        ("RandomForestRegressor", "count", {"n_estimators": 3, "bootstrap": False}, True),
    ],
)
@pytest.mark.usefixtures("known_cuts")
def test_trees_beside_each_other_are_scikit_learns(model, label, params, weighted):
    frame = rows_of(TABLE)
    X, y = frame[COLUMNS], frame[label]
    weight = {"sample_weight": frame["weight"]} if weighted else {}
    ours = getattr(learn, model)(spu(), max_depth=3, **params).fit(X, y, **weight)
    theirs = getattr(tree if "Decision" in model else ensemble, model)
    given = {name: value for name, value in params.items() if name != "classes"}
    oracle = theirs(max_depth=3, random_state=0, **given)
    unit = TABLE[label].std() if label == "dose" else 1  # what is small scikit-learn does not split
    oracle.fit(TABLE[COLUMNS], TABLE[label] / unit, TABLE["weight"] if weighted else None)
    of_classes = model.endswith("Classifier")
    found = sf.reveal((ours.predict_proba if of_classes else ours.predict)(X, to="bob"))
    wanted = (oracle.predict_proba if of_classes else oracle.predict)(TABLE[COLUMNS])
    assert np.allclose(found, wanted * unit, rtol=1e-9, atol=1e-18)
    score = oracle.score(TABLE[COLUMNS], TABLE[label] / unit)
    assert sf.reveal(ours.score(X, y)) == pytest.approx(score)
    booster = xgboost.Booster()
    booster.load_model(bytearray(sf.reveal(ours.export("bob")), "utf-8"))
    exported = booster.predict(xgboost.DMatrix(TABLE[COLUMNS]))
    assert np.allclose(found[:, 1] if label == "late" else found, exported, rtol=1e-5)


@pytest.mark.usefixtures("known_cuts")
def test_a_forest_draws_rows_and_columns():
    frame = rows_of(TABLE)
    ours = learn.RandomForestClassifier(spu(), n_estimators=3, max_depth=2).fit(frame[GAPS], frame["late"])
    p = sf.reveal(ours.predict_proba(frame[GAPS], to="bob"))
    assert np.allclose(p.sum(axis=1), 1)
    assert metrics.roc_auc_score(TABLE["late"], p[:, 1]) > 0.7
    assert ((sf.reveal(ours.decision_function(frame[GAPS], to="bob")) > 0) == (p[:, 1] > 0.5)).all()


def boosted(weight: np.ndarray, label: str = "late", trees: int = 1, **more: object) -> xgboost.Booster:
    data = xgboost.DMatrix(TABLE[GAPS], TABLE[label], weight=weight)
    base = float(np.average(TABLE[label], weights=weight))
    params = {"objective": "binary:logistic", "max_depth": 3, "tree_method": "hist", "base_score": base}
    return xgboost.train({**params, **more}, data, trees)


@pytest.mark.slow
def test_boosted_rows_have_weights_and_are_drawn():
    frame, data = rows_of(TABLE), xgboost.DMatrix(TABLE[GAPS])
    X, y = frame[GAPS], frame["late"]
    model = learn.GradientBoostingClassifier(spu(), n_estimators=2, max_depth=3)
    weighted = sf.reveal(model.fit(X, y, sample_weight=frame["weight"]).predict_proba(X, to="bob"))[:, 1]
    wanted = boosted(TABLE["weight"].to_numpy(), trees=2).predict(data)
    assert np.allclose(weighted, wanted, atol=1e-5)

    half = model.with_params(subsample=0.5, n_estimators=1)
    drawn = half._sampled(len(TABLE), 0)
    assert drawn.sum() == len(TABLE) // 2
    found = sf.reveal(half.fit(X, y).predict_proba(X, to="bob"))[:, 1]
    wanted = boosted(drawn, base_score=float(TABLE["late"].mean())).predict(data)
    assert np.allclose(found, wanted, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("known_cuts")
def test_training_stops_goes_on_and_is_kept(tmp_path, monkeypatch):
    frame = rows_of(TABLE)
    X, y = frame[GAPS], frame["late"]
    kind = learn.GradientBoostingClassifier
    whole = kind(spu(), n_estimators=3, max_depth=2).fit(X, y)
    wanted = sf.reveal(whole.decision_function(X, to="bob"))

    monkeypatch.setattr(encrypted_files, "_key", lambda source, salt, new=False: AESGCM(bytes(16) + salt))
    kept = {name: tmp_path / name for name in NAMES}, "env:MODEL"
    kind(spu(), n_estimators=2, max_depth=2).fit(X, y, checkpoint=kept)
    with pytest.raises(JuntoError, match="encrypted"):
        kind(spu(), n_estimators=3, max_depth=2).fit(X, y, checkpoint=kept[0])
    kept = kind(spu(), n_estimators=3, max_depth=2).fit(X, y, checkpoint=kept)
    more = kind(spu(), n_estimators=1, max_depth=2).fit(
        X, y, xgb_model=kind(spu(), n_estimators=2, max_depth=2).fit(X, y)
    )
    for model in (kept, more):
        assert model.n_iter_ == 3
        assert np.allclose(sf.reveal(model.decision_function(X, to="bob")), wanted, atol=1e-12)
    with pytest.raises(LearnError, match="another max_depth"):
        kind(spu(), n_estimators=1, max_depth=3).fit(X, y, xgb_model=whole)

    noise = TABLE.assign(late=1 - TABLE["late"])  # each tree makes it worse
    stopped = kind(spu(), n_estimators=9, max_depth=1, early_stopping_rounds=2)
    stopped.fit(X, y, eval_set=(rows_of(noise)[GAPS], rows_of(noise)["late"]))
    assert (stopped.n_iter_, stopped.best_iteration) == (1, 0)


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (-1.0, "sample_weight"),
        (np.nan, "sample_weight"),
        (0.0, "all sample_weight is 0"),
        (1e300, "too large"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weight, said):
    frame = rows_of(TABLE.assign(weight=weight))
    for model in (learn.Ridge(spu()), learn.DecisionTreeRegressor(spu())):
        with pytest.raises(LearnError, match=said):
            model.fit(frame[COLUMNS], frame["dose"], sample_weight=frame["weight"])


class _Alone:
    """Rows of one party: sums are its own."""

    weighted = False

    def __init__(self, column: np.ndarray) -> None:
        self.part = RowPart(column[:, None], np.zeros(len(column)), np.ones(len(column)))

    def first(self, step):
        return step

    def everywhere(self, value):
        return {"here": value}

    def total(self, step, *given, whole):
        return step(self.part, *(each["here"] for each in given))


def test_each_number_of_a_column_of_few_has_a_bin_however_rare(monkeypatch):
    """As in XGBoost; here the parties' sums are made without them."""
    monkeypatch.setattr(pooled_bins, "fact", lambda value, form: form(value))
    rng = np.random.default_rng(1)
    columns = [
        np.r_[np.zeros(999), 1.0],
        np.r_[-7.0, np.zeros(999)],
        rng.choice(np.arange(9) - 4.0, 1000, p=np.r_[0.9, np.full(8, 0.0125)]),
        np.floor(rng.geometric(0.5, 1000)).astype(float),
        np.full(1000, 3.0),
        np.r_[np.full(999, np.nan), 2.0],
    ]
    for column in columns:
        task = _Alone(column)
        cuts = pooled_bins.cuts_of(task, 16)
        assert cuts[0].tolist() == np.unique(column[~np.isnan(column)])[1:].tolist()
    wide = rng.normal(size=1000)
    (cuts,) = pooled_bins.cuts_of(_Alone(wide), 16)
    assert len(cuts) == 15
    assert np.isin(cuts, wide.astype(np.float32)).all()
