"""Trees under monotone constraints are XGBoost's, and monotone to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

import junto as sf
from junto import learn
from spu_values import PARTIES, at

xgboost = pytest.importorskip("xgboost")

RNG = np.random.default_rng(3)
TABLE = RNG.integers(-6, 7, size=(250, 4)).astype(np.float32)
TABLE[RNG.random(TABLE.shape) < 0.1] = np.nan
CLEAR = np.nan_to_num(TABLE)
SCORE = CLEAR[:, 0] / 4 + np.sin(CLEAR[:, 1]) - CLEAR[:, 2] / 5 * (CLEAR[:, 3] > 0) + RNG.normal(size=250)
CONSTRAINTS = (1, 1, -1, 0)
LABELS = {
    "reg:squarederror": SCORE,
    "binary:logistic": (SCORE > 0).astype(int),
    "count:poisson": np.floor(np.exp(np.clip(SCORE, -2, 2))),
    "multi:softprob": np.digitize(SCORE, [-1, 1]),
}


@pytest.fixture(scope="module", params=["debug"])
def spu(request):
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield sf.SPU(parties=PARTIES)
    sf.shutdown()


def split(table=TABLE):
    return {sf.PYU("alice"): at("alice", table[:, :2]), sf.PYU("bob"): at("bob", table[:, 2:])}


def model_of(spu, objective, constraints=CONSTRAINTS, **more):
    given = {"n_estimators": 3, "max_depth": 3, "monotone_constraints": constraints, **more}
    if objective in ("binary:logistic", "multi:softprob"):
        classes = tuple(range(3 if objective == "multi:softprob" else 2))
        return learn.GradientBoostingClassifier(spu, classes=classes, **given)
    return learn.GradientBoostingRegressor(spu, objective=objective, **given)


def trained(objective, y, **more):
    rule = {"objective": objective, "max_depth": 3, "tree_method": "hist", "eta": 0.3, **more}
    rule |= {"num_class": 3} if objective == "multi:softprob" else {}
    return xgboost.train({**rule, "monotone_constraints": CONSTRAINTS}, xgboost.DMatrix(TABLE, y), 3)


def booster(text):
    found = xgboost.Booster()
    found.load_model(bytearray(text, "utf-8"))
    return found


@pytest.mark.parametrize("objective", LABELS)
def test_trees_and_what_their_splits_are_worth_are_xgboosts(spu, objective):
    """With gaps, and with a limit of leaves besides."""
    more = {"max_delta_step": 0.2} if objective == "binary:logistic" else {}
    model = model_of(spu, objective, **more).fit(split(), at("bob", LABELS[objective]))
    theirs = trained(objective, LABELS[objective], **more)
    ours = booster(sf.reveal(model.export("bob", with_stats=True)))
    data = xgboost.DMatrix(TABLE)
    assert ours.predict(data) == pytest.approx(theirs.predict(data), rel=1e-4, abs=1e-4)
    assert ours.get_score(importance_type="weight") == theirs.get_score(importance_type="weight")
    want = theirs.get_score(importance_type="total_gain")
    assert ours.get_score(importance_type="total_gain") == pytest.approx(want, rel=2e-3)


@pytest.mark.parametrize(
    ("spu", "objective"),
    [
        ("debug", "binary:logistic"),
        ("debug", "multi:softprob"),
        pytest.param("simulation", "reg:squarederror", marks=pytest.mark.slow),
    ],
    indirect=["spu"],
)
def test_a_model_follows_a_column_in_its_direction_whatever_the_others_are(spu, objective):
    """To the last bit, though each number is rounded on its way: see `Held`."""
    deep = {"max_depth": 4, "learning_rate": 0.1, "min_child_weight": 0.1}
    model = model_of(spu, objective, {"alice.0": 1, "alice.1": 1, "bob.0": -1}, **deep)
    model.fit(split(), at("bob", LABELS[objective]))
    ours = booster(sf.reveal(model.export("bob")))
    others = np.random.default_rng(1).integers(-6, 7, size=(40, 4)).astype(np.float32)
    moved = 0
    for column, direction in enumerate(CONSTRAINTS[:3]):
        values = np.arange(-7, 8)
        rows = np.repeat(others, len(values), axis=0)
        rows[:, column] = np.tile(values, len(others))
        margins = ours.predict(xgboost.DMatrix(rows), output_margin=True)
        steps = np.diff(margins.reshape(len(others), len(values), -1), axis=1) * direction
        assert (steps >= 0).all()
        moved += (steps > 0).any()
        if objective == "binary:logistic":  # nor does the SPU round what it adds up
            scores = sf.reveal(model.decision_function(split(rows), to="bob")).reshape(len(others), -1)
            assert (np.diff(scores, axis=1) * direction >= 0).all()
    assert moved >= 2


@pytest.mark.parametrize(
    ("constraints", "says"),
    [
        ((1, 0), "2 numbers, and X has 4 columns"),
        ({"age": 1}, "'age', and no column has this name"),
        ({"0": 1}, "'0', and no column has"),  # a table without names has none
        ({"bob.0": 2}, "monotone_constraints is"),
        ((0, 0, 0.5, 0), "monotone_constraints is"),
        ("(1,0,0,0)", "monotone_constraints is"),
    ],
)
def test_constraints_that_are_of_no_column_are_refused(spu, constraints, says):
    with pytest.raises(sf.LearnError, match=says):
        model_of(spu, "binary:logistic", constraints).fit(split(), at("bob", LABELS["binary:logistic"]))


def test_quantiles_and_constraints_do_not_go_together(spu):
    with pytest.raises(sf.LearnError, match="reg:quantileerror"):
        model_of(spu, "reg:quantileerror", quantile_alpha=0.5)


def test_a_model_under_constraints_is_kept_and_trained_further(spu, tmp_path):
    y = at("bob", LABELS["binary:logistic"])
    given = {"n_estimators": 1, "max_depth": 2}
    first = model_of(spu, "binary:logistic", **given).fit(split(), y)
    folders = {party: str(tmp_path / party) for party in PARTIES}
    first.save(folders)
    again = learn.GradientBoostingClassifier.load(spu, folders)
    assert tuple(again.monotone_constraints) == CONSTRAINTS
    whole = model_of(spu, "binary:logistic", **{**given, "n_estimators": 2}).fit(split(), y)
    further = again.with_params().fit(split(), y, xgb_model=again)
    got, want = (sf.reveal(each.decision_function(split(), to="bob")) for each in (further, whole))
    assert got == pytest.approx(want, abs=1e-4)
