"""Linear models of rows that several parties have are scikit-learn's of all rows together."""

from __future__ import annotations

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import junto as sf
from junto import learn
from junto.errors import LearnError
from junto.frame import HorizontalFrame

NAMES = ("alice", "bob", "carol")
CUTS = (0, 60, 200, 400)
COLUMNS = ["year", "tiny", "group"]


def made() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = CUTS[-1]
    table = pd.DataFrame(
        {
            "year": rng.normal(size=rows) * 1e6 + 5e8,
            "tiny": rng.normal(size=rows) * 1e-9,
            "group": rng.integers(0, 3, rows),
        }
    )
    eta = (table - table.mean()) / table.std() @ [1.0, -0.5, 0.3]
    table["late"] = (eta + rng.logistic(size=rows) > 0).astype(int)
    table.loc[: CUTS[1] - 1, "late"] = 0  # one party has one class only
    table["count"] = rng.poisson(np.exp(eta / 2))
    table["cost"] = rng.gamma(2, np.exp(eta) / 2)
    table["dose"] = (eta + rng.normal(size=rows)) * 1e-9
    table["answer"] = np.where(table["late"] == 1, "yes", "no")
    return table


TABLE = made()
PENALISED = {"tol": 1e-12, "max_iter": 2000}


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


def together(shown: dict) -> np.ndarray:
    return np.concatenate(list(sf.reveal(shown).values()))


@pytest.mark.parametrize(
    ("model", "params", "theirs", "label"),
    [
        ("LogisticRegression", {"C": 2.0}, PENALISED, "late"),
        ("LinearRegression", {}, {}, "dose"),
        ("LinearRegression", {"fit_intercept": False}, {}, "count"),
        ("Ridge", {"alpha": 3.0}, {}, "dose"),
        ("PoissonRegressor", {"alpha": 0.1}, PENALISED, "count"),
        ("GammaRegressor", {"alpha": 0.1}, PENALISED, "cost"),
        ("TweedieRegressor", {"alpha": 0.1, "power": 1.5}, PENALISED, "cost"),
    ],
)
def test_models_are_those_of_all_rows_together(model, params, theirs, label):
    oracle = getattr(linear_model, model)(**params, **theirs)
    frame = rows_of(TABLE[[*COLUMNS, label]])
    ours = getattr(learn, model)(spu(), **params).fit(frame[COLUMNS], frame[label])
    pipe = make_pipeline(StandardScaler(with_mean=ours.fit_intercept), oracle).fit(
        TABLE[COLUMNS], TABLE[label]
    )
    expected = np.ravel(oracle.coef_) / pipe[0].scale_
    for name in NAMES:
        assert np.allclose(sf.reveal(ours.coef_of(name)), expected, rtol=1e-6, atol=0)
    probability = hasattr(oracle, "predict_proba")
    found = together(ours.predict_proba(frame[COLUMNS]) if probability else ours.predict(frame[COLUMNS]))
    wanted = pipe.predict_proba(TABLE[COLUMNS]) if probability else pipe.predict(TABLE[COLUMNS])
    assert np.allclose(found, wanted, rtol=1e-6, atol=1e-7 * np.abs(wanted).max())
    if not probability and label != "cost" and label != "count":
        offset = sf.reveal(ours.intercept_of("bob")) + TABLE[COLUMNS] @ sf.reveal(ours.coef_of("bob"))
        assert np.allclose(offset, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())


def test_classes_have_their_names_and_columns_any_order():
    frame = rows_of(TABLE[[*COLUMNS, "answer"]])
    model = learn.LogisticRegression(spu(), classes=("yes", "no")).fit(frame[COLUMNS], frame["answer"])
    oracle = make_pipeline(StandardScaler(), linear_model.LogisticRegression()).fit(
        TABLE[COLUMNS], TABLE["answer"]
    )
    assert (together(model.predict(frame[COLUMNS[::-1]])) == oracle.predict(TABLE[COLUMNS])).mean() > 0.99
    assert (model.n_features_in_, model.n_iter_ > 1) == (3, True)
    assert set(model.export()) == set(frame.partitions)


def test_a_constant_column_counts_nothing_and_collinear_ones_share_their_effect():
    table = pd.DataFrame({"a": TABLE["tiny"], "b": TABLE["tiny"], "c": 7.0, "y": TABLE["tiny"] * 4})
    frame = rows_of(table)
    model = learn.LinearRegression(spu()).fit(frame[["a", "b", "c"]], frame["y"])
    assert np.allclose(sf.reveal(model.coef_of("alice")), [2, 2, 0], atol=1e-7)


def broken(**columns: object) -> pd.DataFrame:
    return TABLE.assign(**columns)


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        (broken(tiny=np.nan), {}, "column 'tiny' of alice's X has missing"),
        (broken(tiny="x"), {}, "column 'tiny' of alice's X is no column of numbers"),
        (broken(year=1e101), {}, "alice's X has numbers too large"),
        (broken(year=1e40), {}, "alice would add has numbers beyond"),
        (broken(late=0), {}, "one class only"),
        (broken(late=3), {}, "other values than the classes"),
        (TABLE, {"solver": "sgd"}, "no solver"),
        (TABLE, {"inference": True}, "no inference"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(table, change, said):
    frame = rows_of(table)
    with pytest.raises(LearnError, match=said):
        learn.LogisticRegression(spu(), **change).fit(frame[COLUMNS], frame["late"])


def test_what_a_model_of_rows_has_not_is_refused():
    frame = rows_of(TABLE)
    X, y = frame[COLUMNS], frame["late"]
    model = learn.LogisticRegression(spu()).fit(X, y)
    with pytest.raises(LearnError, match="all know it"):
        _ = model.coef_
    with pytest.raises(LearnError, match="lacks the column 'year'"):
        model.predict(frame[["tiny", "group"]])
    with pytest.raises(LearnError, match="had no part"):
        model.coef_of("dave")
    with pytest.raises(LearnError, match="y is PYUObject"):
        learn.LogisticRegression(spu()).fit(X, y.partitions[sf.PYU("alice")])
    two = HorizontalFrame({party: X.partitions[party] for party in map(sf.PYU, NAMES[:2])})
    with pytest.raises(LearnError, match="not at the parties of X"):
        learn.LogisticRegression(spu()).fit(two, y)
    labels = HorizontalFrame({party: y.partitions[party] for party in two.partitions})
    with pytest.raises(LearnError, match="of 2 parties each would work out"):
        learn.LogisticRegression(spu()).fit(two, labels)


def test_rows_of_two_parties_go_onto_the_spu():
    """As the refusal says."""
    table = (TABLE[COLUMNS] - TABLE[COLUMNS].mean()) / TABLE[COLUMNS].std(ddof=0)
    device, (alice, bob) = spu(), map(sf.PYU, NAMES[:2])
    together = device(lambda a, b: jnp.concatenate([a, b]))
    X = together(alice(table[:250].to_numpy)(), bob(table[250:].to_numpy)())
    y = together(
        *(
            party(TABLE["late"][rows].to_numpy)()
            for party, rows in ((alice, slice(250)), (bob, slice(250, None)))
        )
    )
    model = learn.LogisticRegression(device, standardize=False).fit(X, y)
    oracle = linear_model.LogisticRegression(**PENALISED).fit(table, TABLE["late"])
    assert np.allclose(sf.reveal(model.coef_), oracle.coef_, atol=1e-3)
