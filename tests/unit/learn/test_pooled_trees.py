"""Boosted trees of rows that several parties have are XGBoost's of all rows together."""

from __future__ import annotations

from itertools import pairwise

import jax
import numpy as np
import pandas as pd
import pytest
import xgboost

import junto as sf
from junto.errors import LearnError
from junto.frame import HorizontalFrame
from junto.learn import GradientBoostingClassifier, GradientBoostingRegressor, dataset
from junto.learn.trees import objectives, pooled_bins, pooled_slopes

NAMES = ("alice", "bob", "carol")
CUTS = (0, 60, 200, 500)
COLUMNS = ["a", "b", "c"]


def made() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = CUTS[-1]
    table = pd.DataFrame({name: rng.integers(0, 10, rows).astype(float) for name in COLUMNS})
    table["b"] = (table["b"] - 5) * 1e-3
    table.loc[rng.random(rows) < 0.2, "c"] = np.nan
    table.loc[: CUTS[1] - 1, "c"] = np.nan  # one party has none of them
    eta = 0.2 * table["a"] - 300 * table["b"] + table["c"].isna() - 1
    table["late"] = (eta + rng.logistic(size=rows) > 0).astype(int)
    table["kind"] = np.where(table["a"] > 6, 2, rng.integers(0, 2, rows))
    table["dose"] = eta + rng.normal(size=rows)
    table["count"] = rng.poisson(np.exp(0.3 * eta))
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "label", "params"),
    [
        (GradientBoostingClassifier, "late", {"gamma": 0.0, "min_child_weight": 5.0}),
        (GradientBoostingClassifier, "kind", {"classes": (0, 1, 2), "reg_lambda": 0.5}),
        (GradientBoostingClassifier, "late", {"scale_pos_weight": 20.0, "base_score": 0.7}),
        (GradientBoostingRegressor, "dose", {"learning_rate": 0.1}),
        (GradientBoostingRegressor, "dose", {"reg_alpha": 8.0, "base_score": -3.0}),
        (GradientBoostingRegressor, "count", {"objective": "count:poisson"}),
        (GradientBoostingRegressor, "dose", {"monotone_constraints": {"a": -1, "b": -1}}),
        (GradientBoostingClassifier, "kind", {"classes": (0, 1, 2), "monotone_constraints": (1, 0, -1)}),
    ],
    ids=["binary", "softmax", "weighed", "squares", "sparse", "poisson", "monotone", "monotone softmax"],
)
def test_trees_are_xgboosts_of_all_rows_together(model, label, params):
    frame = rows_of(TABLE[[*COLUMNS, label]])
    ours = model(spu(), n_estimators=2, max_depth=3, **params).fit(frame[COLUMNS], frame[label])
    of_classes = model is GradientBoostingClassifier
    shown = sf.reveal((ours.predict_proba if of_classes else ours.predict)(frame[COLUMNS]))
    found = np.concatenate(list(shown.values()))

    y, several = TABLE[label], label == "kind"
    logs = np.log(np.bincount(TABLE["kind"]))
    margin = np.tile(logs - logs.mean(), (len(y), 1)).ravel() if several else None
    data = xgboost.DMatrix(TABLE[COLUMNS], y, base_margin=margin)
    objective = objectives.objective_of(ours.family)[0]
    theirs = {name: value for name, value in params.items() if name not in ("classes", "objective")}
    theirs |= {"objective": objective, "max_depth": 3, "tree_method": "hist"}
    theirs |= {"num_class": 3, "base_score": 0} if several else {"base_score": y.mean()} | theirs
    wanted = xgboost.train(theirs, data, 2).predict(data)
    assert np.allclose(found[:, 1] if label == "late" else found, wanted, atol=1e-5)

    booster = xgboost.Booster()
    booster.load_model(bytearray(sf.reveal(ours.export("bob")), "utf-8"))
    exported = booster.predict(xgboost.DMatrix(TABLE[COLUMNS]))
    assert np.allclose(found[:, 1] if label == "late" else found, exported, atol=1e-5)
    assert (ours.n_iter_, ours.n_features_in_) == (2, 3)
    if of_classes:
        guessed = np.concatenate(list(sf.reveal(ours.predict(frame[COLUMNS])).values()))
        assert (guessed == found.argmax(axis=1)).all()


@pytest.mark.parametrize(
    "objective", sorted({*objectives.SECTIONS} - {objectives.SOFTMAX, objectives.QUANTILE})
)
def test_slopes_are_those_of_the_objective(objective):
    rng = np.random.default_rng(0)
    number = {"reg:tweedie": 1.4, "count:poisson": 0.7}.get(objective, 1.0)
    family, score = objectives.family_of(objective, number), rng.normal(size=20)
    y = rng.integers(0, 2, 20).astype(float) if "binary" in objective else rng.gamma(2, size=20)
    found = pooled_slopes.newton(y, score[:, None], family)
    with jax.enable_x64(True):
        wanted = family.slopes(jax.numpy.asarray(score), jax.numpy.asarray(y))
    for ours, theirs in zip(found, wanted, strict=True):
        assert np.allclose(ours[:, 0], theirs)


def test_numbers_are_found_by_their_rank_without_being_shown():
    values = np.array([-np.inf, -3e38, -1.0, -1e-40, 0.0, 1e-40, 2.0, 3e38], np.float32)
    keys, _ = pooled_bins._keys(values[:, None])
    assert (np.diff(keys[:, 0].astype(np.int64)) > 0).all()
    assert pooled_bins.numbers_of(keys[:, 0].astype(np.int64)).tolist() == values.tolist()


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        ({}, {"sample_weight": 1}, "sample_weight is int"),
        ({"classes": (0, 1, 2)}, {}, None),
        ({"objective": "reg:quantileerror", "quantile_alpha": 0.5}, {}, "have no quantile"),
    ],
)
def test_what_is_not_there_for_rows_is_refused(change, more, said, monkeypatch):
    monkeypatch.setattr(pooled_bins, "SEARCHES", 1)
    frame = rows_of(TABLE)
    kind = GradientBoostingRegressor if "objective" in change else GradientBoostingClassifier
    model = kind(spu(), n_estimators=1, max_depth=1, **change)
    if said is None:  # a class without rows is one all the same
        fitted = model.fit(frame[COLUMNS], frame["late"])
        shown = sf.reveal(fitted.predict_proba(frame[COLUMNS]))[sf.PYU("alice")]
        assert shown.shape == (60, 3)
        with pytest.raises(LearnError, match="no folder for alice"):
            fitted.save({})
        with pytest.raises(LearnError, match="all know it"):
            fitted.shap_values(frame[COLUMNS])
        return
    with pytest.raises(LearnError, match=said):
        model.fit(frame[COLUMNS], frame["late"], **more)


def test_a_model_of_columns_does_not_take_rows_for_columns():
    """Parties with as many rows each would otherwise be put side by side."""
    with pytest.raises(LearnError, match="rows of several parties"):
        dataset.checked(rows_of(TABLE)[COLUMNS])
