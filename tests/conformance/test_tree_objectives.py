"""Boosted trees of classes, counts and amounts are XGBoost's; forests of classes are scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sklearn import tree

import junto as sf
from junto import learn
from junto.device import encrypted_files
from junto.learn.trees import ensemble, keeping
from spu_values import PARTIES, at

xgboost = pytest.importorskip("xgboost")

RNG = np.random.default_rng(7)
TABLE = RNG.integers(0, 6, size=(160, 4)).astype(float)
TABLE[RNG.random(TABLE.shape) < 0.1] = np.nan
SCORE = np.nan_to_num(TABLE, nan=4.0) @ [0.5, -0.7, 0.2, 0.4]
CLASS = np.digitize(SCORE + RNG.normal(size=160), [0.0, 2.0])
WEIGHTS = RNG.choice([0.5, 1.0, 3.0], size=160)
NAMES = ("high", "low", "middle")
SMALL = {"n_estimators": 2, "max_depth": 2, "max_bins": 8}
THEIRS = {"n_estimators": 2, "max_depth": 2, "max_bin": 8, "learning_rate": 0.3, "tree_method": "hist"}


@pytest.fixture(scope="module", params=["debug"])
def spu(request):
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield sf.SPU(parties=PARTIES)
    sf.shutdown()


def split(table=TABLE):
    return {sf.PYU("alice"): at("alice", table[:, :2]), sf.PYU("bob"): at("bob", table[:, 2:])}


def booster(text):
    found = xgboost.Booster()
    found.load_model(bytearray(text, "utf-8"))
    return found


def centred_logs(y):
    start = np.log(np.bincount(y))
    return (start - start.mean()).tolist()


FEATURES = ["f0", "f1", "f2", "f3"]
OWNED = {"alice": FEATURES[:2], "bob": FEATURES[2:]}


def imported(spu, model):
    return learn.from_xgboost(spu, at("bob", model), {sf.PYU(who): names for who, names in OWNED.items()})


# -------------------------------------------------------------------- several classes


@pytest.mark.parametrize(
    ("spu", "weights"),
    [("debug", None), ("debug", WEIGHTS), pytest.param("simulation", None, marks=pytest.mark.slow)],
    indirect=["spu"],
    ids=["debug", "weighed", "simulation"],
)
def test_trees_of_several_classes_are_xgboosts(spu, weights):
    given = {} if weights is None else {"sample_weight": at("alice", weights)}
    words = np.asarray(NAMES)[CLASS]
    model = learn.GradientBoostingClassifier(spu, **SMALL, classes=NAMES[::-1])
    model = model.fit(split(), at("bob", words), **given)
    theirs = xgboost.XGBClassifier(**THEIRS, base_score=centred_logs(CLASS))
    theirs.fit(TABLE, CLASS, sample_weight=weights)
    want = theirs.predict(TABLE, output_margin=True)
    assert sf.reveal(model.decision_function(split(), to="bob")) == pytest.approx(want, abs=3e-3)
    if weights is None:
        guessed = sf.reveal(model.predict(split(), to="bob"))
        top = np.sort(want, axis=1)
        sure = top[:, 2] - top[:, 1] > 0.01
        assert (guessed == np.asarray(NAMES)[want.argmax(axis=1)])[sure].all()
        assert sf.reveal(model.score(split(), at("bob", words))) == pytest.approx(
            (guessed == words).mean(), abs=1e-4
        )
        text = sf.reveal(model.export("bob"))
        chances = sf.reveal(model.predict_proba(split(), to="bob"))
        assert booster(text).predict(xgboost.DMatrix(TABLE)) == pytest.approx(chances, abs=1e-4)


def test_a_model_of_several_classes_comes_and_is_kept(spu, tmp_path, monkeypatch):
    """Encrypted; and no party takes another one's folder for its own."""
    monkeypatch.setenv("KEPT", "correct horse")
    theirs = xgboost.XGBClassifier(**THEIRS).fit(TABLE, CLASS)
    model = imported(spu, theirs)
    folders = {party: tmp_path / party for party in PARTIES}
    model.save(folders, passphrase="env:KEPT")
    for folder in folders.values():
        assert all(path.read_bytes().startswith(b"junto encrypted") for path in folder.iterdir())
    again = learn.GradientBoostingClassifier.load(spu, folders, passphrase="env:KEPT")
    with pytest.raises(sf.RemoteError, match="alice"):
        learn.GradientBoostingClassifier.load(spu, folders)
    turned = {**folders, "alice": folders["bob"], "bob": folders["alice"]}
    with pytest.raises(sf.RemoteError, match="another party's file"):
        learn.GradientBoostingClassifier.load(spu, turned, passphrase="env:KEPT")
    assert again.classes_ == (0, 1, 2)
    assert again.n_iter_ == 2
    for each in (model, again):
        got = sf.reveal(each.predict_proba(split(), to="bob"))
        assert got == pytest.approx(theirs.predict_proba(TABLE), abs=1e-4)
    text = sf.reveal(again.export("bob"))
    back = booster(text).predict(xgboost.DMatrix(TABLE, feature_names=FEATURES), output_margin=True)
    assert back == pytest.approx(theirs.predict(TABLE, output_margin=True), abs=1e-4)


def test_a_model_comes_as_it_predicts_or_is_refused(spu):
    """With the trees up to the best one; what is missing is NaN; a text says what it is."""
    y = np.random.default_rng(1).permutation((CLASS > 0).astype(int))
    early = xgboost.XGBClassifier(n_estimators=9, max_depth=2, early_stopping_rounds=2, learning_rate=1)
    early.fit(TABLE[:80], y[:80], eval_set=[(TABLE[80:], y[80:])], verbose=False)
    best, grown = early.best_iteration + 1, early.get_booster()
    assert best < grown.num_boosted_rounds()
    for model, rounds in ((early, best), (grown, 0), (grown[:best], 0)):
        want = grown.predict(xgboost.DMatrix(TABLE), output_margin=True, iteration_range=(0, rounds))
        if model is not early and model is not grown:
            want = early.predict(TABLE, output_margin=True)
        got = sf.reveal(imported(spu, model).decision_function(split(), to="bob"))
        assert got == pytest.approx(want, abs=1e-4)
    text = bytes(grown.save_raw("json")).decode()
    other = xgboost.XGBClassifier(n_estimators=1, missing=-1.0).fit(TABLE, y)
    one = xgboost.XGBClassifier(n_estimators=1, base_score=0.5).fit(TABLE, y)
    zero = bytes(one.get_booster().save_raw("json")).decode().replace("5E-1", "0E0")
    for model, says in (
        (text, r"ended early.*booster\[:"),
        (bytes(grown.save_raw("ubj")), "it is no JSON"),
        ("hello", "it is no JSON"),
        ('{"learner": {}}', "a part of it is missing"),
        (other, "takes -1.0 for what is missing"),
        (zero, "base_score is 0.0"),
    ):
        with pytest.raises(sf.LearnError, match=says):
            imported(spu, model)


def test_classes_may_be_any_numbers_and_the_label_on_the_spu(spu):
    numbers = np.array([-1.0, 7.0, 2.5])[CLASS]
    model = learn.GradientBoostingClassifier(spu, **SMALL, classes=(7, 2.5, -1))
    model.fit(split(), at("bob", numbers).to(spu))
    got = sf.reveal(model.predict(split(), to="bob"))
    assert set(np.unique(got)) <= {-1.0, 2.5, 7.0}
    assert sf.reveal(model.score(split(), at("bob", numbers))) == pytest.approx(
        (got == numbers).mean(), abs=1e-4
    )


@pytest.mark.parametrize("kind", ["DecisionTree", "RandomForest"])
def test_forests_of_several_classes_are_scikit_learns(spu, kind):
    more = {"n_estimators": 2, "max_features": None} if kind == "RandomForest" else {}
    model = getattr(learn, f"{kind}Classifier")(
        spu, max_depth=3, max_bins=8, min_samples_leaf=5, classes=(0, 1, 2), **more
    ).fit(split(), at("bob", CLASS))
    growth, found, drawn = model.growth(160, 4), [], np.ones(160, bool)
    for number in range(model.trees):
        copies = np.ones(160) if growth.rows(number) is None else growth.rows(number)
        rows = np.arange(160).repeat(copies.astype(int))
        drawn &= copies > 0
        theirs = tree.DecisionTreeClassifier(max_depth=3, min_samples_leaf=5, random_state=0)
        found.append(theirs.fit(TABLE[rows], CLASS[rows]).predict_proba(TABLE))
    want = np.mean(found, axis=0)
    got = sf.reveal(model.predict_proba(split(), to="bob"))
    assert got[drawn] == pytest.approx(
        want[drawn], abs=1e-3
    )  # between numbers that were drawn it may cut anywhere
    exported = booster(sf.reveal(model.export("bob"))).predict(xgboost.DMatrix(TABLE))
    assert exported == pytest.approx(got, abs=1e-3)


def test_what_a_fitted_model_does_is_explained_whatever_its_label_is(spu):
    fitted = [
        learn.DecisionTreeClassifier(spu, max_depth=1, max_bins=8, classes=NAMES).fit(
            split(), at("bob", np.asarray(NAMES)[CLASS])
        ),
        learn.GradientBoostingRegressor(spu, **SMALL, objective="reg:gamma").fit(
            split(), at("bob", LABELS["reg:gamma"])
        ),
        learn.LogisticRegression(spu, classes=("no", "yes")).fit(
            {sf.PYU("bob"): at("bob", np.nan_to_num(TABLE[:, 2:]))},
            at("bob", np.where(CLASS > 0, "yes", "no")),
        ),
    ]
    for model in fitted:
        shapes = {owner: (64, width) for owner, width in zip(*model_columns(model), strict=True)}
        assert sf.explain(model.predict)(shapes).rounds > 0
        label = {sf.PYU("bob"): (64,)}
        assert sf.explain(model.with_params().fit)(shapes, label).rounds > 0


def model_columns(model):
    owners = ["alice", "bob"] if model.n_features_in_ == 4 else ["bob"]
    return [sf.PYU(owner) for owner in owners], [2] * len(owners)


@pytest.mark.parametrize("name", ["GradientBoosting", "RandomForest"])
def test_a_label_of_other_classes_is_refused(spu, name):
    """Whatever the trees are grown for: no label of a third class counts as one of two."""
    with pytest.raises(sf.LearnError, match="other values than the classes"):
        getattr(learn, f"{name}Classifier")(spu, max_depth=1).fit(split(), at("bob", CLASS))
    for classes in (("a", 1), (1,), (1, 1), [0, 1], (0.0, float("nan"))):
        with pytest.raises(sf.LearnError, match="classes are different"):
            getattr(learn, f"{name}Classifier")(spu, classes=classes)


# -------------------------------------------------------------------- counts and amounts

MEAN = np.exp(SCORE / 3)
LABELS = {
    "count:poisson": RNG.poisson(MEAN),
    "reg:gamma": RNG.gamma(2, MEAN),
    "reg:tweedie": RNG.gamma(2, MEAN) * (RNG.random(160) < 0.6),
}


@pytest.mark.parametrize(
    ("objective", "units", "more"),
    [
        ("count:poisson", 1, {}),
        ("count:poisson", 1, {"max_delta_step": 0.0, "reg_lambda": 30.0, "min_child_weight": 20.0}),
        ("count:poisson", 1, {"max_delta_step": 0.1, "gamma": 3.0}),
        ("reg:gamma", 1e5, {"gamma": 2.0, "reg_lambda": 5.0}),
        ("reg:tweedie", 100, {"tweedie_variance_power": 1.2, "reg_lambda": 30.0, "min_child_weight": 500.0}),
        ("reg:tweedie", 0.01, {"tweedie_variance_power": 1.7, "gamma": 0.5}),
    ],
    ids=str,
)
def test_what_is_minimised_is_xgboosts_in_any_units(spu, objective, units, more):
    y = LABELS[objective] * float(units)
    model = learn.GradientBoostingRegressor(spu, **SMALL, objective=objective, **more)
    model.fit(split(), at("bob", y))
    theirs = xgboost.XGBRegressor(**THEIRS, objective=objective, base_score=y.mean(), **more).fit(TABLE, y)
    got, want = sf.reveal(model.predict(split(), to="bob")), theirs.predict(TABLE)
    assert got == pytest.approx(want, rel=3e-3)
    exported = booster(sf.reveal(model.export("bob")))
    assert exported.predict(xgboost.DMatrix(TABLE)) == pytest.approx(got, rel=1e-3)
    come = imported(spu, theirs)
    assert come.objective == objective
    assert sf.reveal(come.predict(split(), to="bob")) == pytest.approx(want, rel=1e-3)


@pytest.mark.parametrize(
    ("spu", "alpha", "units", "more"),
    [
        ("debug", 0.5, 1, {}),
        ("debug", 0.3, 1, {}),
        ("debug", 0.9, 1e4, {"subsample": 0.8, "gamma": 2.0, "learning_rate": 1.0, "max_depth": 4}),
        ("debug", 0.003, 0.01, {"min_child_weight": 30.0}),  # below all ranks: the least residual
        pytest.param("simulation", 0.3, 1, {}, marks=pytest.mark.slow),
    ],
    indirect=["spu"],
    ids=str,
)
def test_a_quantile_is_xgboosts(spu, alpha, units, more):
    """Leaves are quantiles of their rows' residuals, and those of rows that were drawn alone."""
    y = (SCORE + np.random.default_rng(3).standard_t(2, size=160)) * units
    mine = SMALL | {"objective": "reg:quantileerror", "quantile_alpha": alpha} | more
    model = learn.GradientBoostingRegressor(spu, **mine).fit(split(), at("bob", y))
    params = {
        key: value for key, value in {**THEIRS, **mine}.items() if key not in ("n_estimators", "max_bins")
    }
    params |= {"subsample": 1.0, "base_score": np.quantile(y, alpha, method="weibull")}
    theirs = None
    for number in range(2):
        drawn = model.growth(160, 4).rows(number)
        rows = np.ones(160, bool) if drawn is None else drawn > 0
        theirs = xgboost.train(params, xgboost.DMatrix(TABLE[rows], y[rows]), 1, xgb_model=theirs)
    got, want = sf.reveal(model.predict(split(), to="bob")), theirs.predict(xgboost.DMatrix(TABLE))
    assert got == pytest.approx(want, rel=3e-3, abs=2e-3 * np.std(y))
    exported = booster(sf.reveal(model.export("bob")))
    assert exported.predict(xgboost.DMatrix(TABLE)) == pytest.approx(got, rel=1e-3, abs=1e-4 * np.std(y))
    theirs.feature_names = FEATURES
    come = imported(spu, theirs)
    assert come.quantile_alpha == pytest.approx(alpha)
    assert sf.reveal(come.predict(split(), to="bob")) == pytest.approx(want, rel=1e-3, abs=1e-4 * np.std(y))


@pytest.mark.parametrize("size", [1.0, 5e4])
def test_a_label_on_the_spu_may_have_any_size(spu, size):
    """Nobody has brought it to a fixed one, so its gradients have as much room as the SPU's ring has."""
    rng = np.random.default_rng(4)
    table = rng.integers(0, 8, (300, 4)).astype(float)
    y = size * (1 + 0.3 * table[:, 0] + 0.4 * (table[:, 2] > 4) + 0.05 * rng.normal(size=300))
    columns = {sf.PYU("alice"): at("alice", table[:, :2]), sf.PYU("bob"): at("bob", table[:, 2:])}
    mine = learn.GradientBoostingRegressor(spu, n_estimators=4, max_depth=2).fit(
        columns, at("bob", y).to(spu)
    )
    theirs = xgboost.XGBRegressor(n_estimators=4, max_depth=2, tree_method="hist", base_score=0.0)
    wanted = theirs.fit(table, y).predict(table)
    np.testing.assert_allclose(sf.reveal(mine.predict(columns)), wanted, rtol=2e-3)


def test_a_label_whose_scale_its_owner_must_know_is_at_its_owner(spu):
    for given in ({"objective": "count:poisson"}, {"objective": "reg:quantileerror", "quantile_alpha": 0.1}):
        model = learn.GradientBoostingRegressor(spu, **given)
        with pytest.raises(sf.LearnError, match="has to be at its owner"):
            model.fit(split(), at("bob", CLASS).to(spu))
    with pytest.raises(sf.LearnError, match="rows that weigh alike"):
        model.fit(split(), at("bob", CLASS), sample_weight=at("bob", WEIGHTS))


@pytest.mark.parametrize(
    "given",
    [
        {"objective": "reg:quantileerror"},
        {"quantile_alpha": 0.5},
        {"objective": "reg:quantileerror", "quantile_alpha": 1.0},
    ],
)
def test_a_quantile_is_one_number_between_0_and_1(spu, given):
    with pytest.raises(sf.LearnError, match="quantile_alpha is"):
        learn.GradientBoostingRegressor(spu, **given)


@pytest.mark.parametrize(
    ("objective", "y", "says"),
    [
        ("count:poisson", -TABLE[:, 0], "missing"),
        ("count:poisson", CLASS - 1.0, "negative"),
        ("count:poisson", np.zeros(160), "is 0 where it must not be"),
        ("reg:gamma", CLASS, "is 0 where it must not be"),
        ("reg:gamma", np.where(np.arange(160) == 3, 1e-46, 1.0), "is 0 where it must not be"),  # as float32
        ("reg:tweedie", np.where(np.arange(160) == 0, -1e-9, 1.0), "negative"),
    ],
    ids=str,
)
def test_a_label_that_an_objective_does_not_know_is_refused(spu, objective, y, says):
    model = learn.GradientBoostingRegressor(spu, objective=objective)
    with pytest.raises(sf.LearnError, match=says):
        model.fit(split(), at("bob", y))


# -------------------------------------------------------------------- training that ends early, or goes on


@pytest.mark.parametrize("kind", ["classes", "counts"])
def test_training_ends_where_xgboosts_does(spu, kind):
    """The label of the later rows is noise, so that soon no tree is better."""
    own, later = slice(0, 100), slice(100, 160)
    if kind == "classes":
        y, model, theirs = CLASS.copy(), learn.GradientBoostingClassifier, xgboost.XGBClassifier
        more, mine, score = {}, {"classes": (0, 1, 2)}, "decision_function"
    else:
        y, model, theirs = (
            LABELS["count:poisson"].copy(),
            learn.GradientBoostingRegressor,
            xgboost.XGBRegressor,
        )
        more = mine = {"objective": "count:poisson", "eval_metric": "poisson-nloglik"}
        mine, score = {"objective": "count:poisson"}, "predict"
    y[later] = np.random.default_rng(3).permutation(y[later])
    base = centred_logs(y[own]) if kind == "classes" else y[own].mean()
    wanted = theirs(**THEIRS | {"n_estimators": 9}, base_score=base, early_stopping_rounds=2, **more)
    wanted.fit(TABLE[own], y[own], eval_set=[(TABLE[later], y[later])], verbose=False)
    found = model(spu, **SMALL | {"n_estimators": 9}, early_stopping_rounds=2, **mine)
    found.fit(split(TABLE[own]), at("bob", y[own]), eval_set=(split(TABLE[later]), at("bob", y[later])))
    assert found.best_iteration == wanted.best_iteration < 7
    got = sf.reveal(getattr(found, score)(split(), to="bob"))
    assert got == pytest.approx(wanted.predict(TABLE, output_margin=kind == "classes"), abs=5e-3)


@pytest.mark.parametrize("breaks", [(1, "shares"), (1, "model"), (3, "shares"), (4, "model")], ids=str)
def test_a_broken_training_goes_on_from_its_last_whole_checkpoint(spu, tmp_path, monkeypatch, breaks):
    """It breaks while a checkpoint is written: before shares are kept, or when some parties have theirs."""
    at_tree, where = breaks
    model = learn.GradientBoostingClassifier(spu, n_estimators=4, max_depth=1, max_bins=8, subsample=0.7)
    X, y = split(), at("bob", (CLASS > 0).astype(int))
    monkeypatch.setattr(encrypted_files, "_key", lambda source, salt, new=False: AESGCM(bytes(16) + salt))
    folders = {party: tmp_path / party for party in PARTIES}
    folders = folders if where == "shares" else (folders, "env:MODEL")  # encrypted, too
    wanted = sf.reveal(model.fit(X, y).decision_function(X, to="bob"))
    grown, kept = [], []
    real_grow, real_save, real_dump = ensemble.Ensemble.grow, keeping.save, sf.PYU.dump
    monkeypatch.setattr(ensemble.Ensemble, "grow", lambda *args: grown.append(args[1]) or real_grow(*args))

    def save(spu, learned, *args, **more):
        kept.append(learned.count)
        with pytest.MonkeyPatch.context() as patch:
            if kept[-1] == at_tree:
                broken = sf.SPU if where == "shares" else sf.PYU
                patch.setattr(broken, "dump", lambda who, *args, **more: stop(who, *args))
            return real_save(spu, learned, *args, **more)

    def stop(who, *args):
        if isinstance(who, sf.PYU) and who.party == "alice":
            return real_dump(who, *args)  # she has hers
        raise KeyboardInterrupt

    monkeypatch.setattr(keeping, "save", save)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y, checkpoint=folders)
    assert grown == list(range(at_tree))
    at_tree = None
    grown.clear()
    again = model.fit(X, y, checkpoint=folders)
    assert grown == list(range(breaks[0] - 1, 4))
    assert sf.reveal(again.decision_function(X, to="bob")) == pytest.approx(wanted, abs=2e-3)
    grown.clear()
    third = model.fit(X, y, checkpoint=folders)  # there is nothing left to do
    assert not grown
    assert third.n_iter_ == 4
    with pytest.raises(sf.LearnError, match="of another model"):
        model.with_params(subsample=0.6).fit(X, y, checkpoint=folders)
    with pytest.raises(sf.LearnError, match="goes with neither"):
        model.fit(X, y, checkpoint=folders, xgb_model=third)


def test_training_goes_on_from_a_model_that_was_kept(spu, tmp_path):
    """In two parts it grows the trees of one training, those of the second from draws of their own."""
    whole = learn.GradientBoostingClassifier(spu, **SMALL, classes=(0, 1, 2), subsample=0.7).fit(
        split(), at("bob", CLASS)
    )
    part = whole.with_params(n_estimators=1).fit(split(), at("bob", CLASS))
    folders = {party: tmp_path / party for party in PARTIES}
    part.save(folders)
    kept = learn.GradientBoostingClassifier.load(spu, folders)
    later = kept.with_params(n_estimators=1).fit(split(), at("bob", CLASS), xgb_model=kept)
    assert later.n_iter_ == whole.n_iter_ == 2
    got, want = (sf.reveal(each.decision_function(split(), to="bob")) for each in (later, whole))
    assert got == pytest.approx(want, abs=2e-3)
    assert sf.reveal(later.split_counts_of("alice")) == sf.reveal(whole.split_counts_of("alice"))
    for other, says in (
        (whole.with_params(max_depth=3), "max_depth"),
        (whole.with_params(classes=(0, 1)), "classes"),
    ):
        with pytest.raises(sf.LearnError, match=says):
            other.fit(
                split(),
                at("bob", CLASS % other.classes[-1] if other.max_depth < 3 else CLASS),
                xgb_model=kept,
            )
    with pytest.raises(sf.LearnError, match="go together"):
        whole.fit(split(), at("bob", CLASS), eval_set=(split(), at("bob", CLASS)))
