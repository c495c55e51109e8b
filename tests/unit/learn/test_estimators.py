"""Parameters are scikit-learn's, and never change; what is learned shows only after `fit`."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError
from inspect import isclass, signature

import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model
from sklearn.base import clone

import junto as sf
from junto import frame, learn
from junto.frame.parametrized import Parametrized
from junto.learn.estimator import Estimator

LINEAR = [
    learn.GammaRegressor,
    learn.LinearRegression,
    learn.LogisticRegression,
    learn.PoissonRegressor,
    learn.Ridge,
    learn.TweedieRegressor,
]
BOOSTED = [learn.GradientBoostingClassifier, learn.GradientBoostingRegressor]
FORESTS = [learn.RandomForestClassifier, learn.RandomForestRegressor]
TREES = [*BOOSTED, *FORESTS, learn.DecisionTreeClassifier, learn.DecisionTreeRegressor]
MODELS = [*LINEAR, *TREES, learn.KMeans, learn.PCA]

TRANSFORMERS = [
    each
    for each in (getattr(frame, name) for name in frame.__all__)
    if isclass(each) and hasattr(each, "fit") and each is not frame.Transformer
]
FASTEST = {"n_estimators": 1, "max_depth": 1, "max_iter": 1, "n_clusters": 2}
ROWS = 12
NUMBERS = np.random.default_rng(0).normal(size=(ROWS, 2))
LABEL = np.arange(ROWS) % 2


@pytest.fixture(scope="module")
def spu():
    sf.init(parties=["alice", "bob", "carol"], debug_mode=True, logging_level="error")
    yield sf.SPU(parties=["alice", "bob", "carol"])
    sf.shutdown()


def test_every_name_is_there():
    classes = sorted(each.__name__ for each in [*MODELS, learn.Scorecard, learn.GridSearchCV, learn.KFold])
    assert dir(learn) == [*classes, "as_sklearn", "cross_val_score", "from_xgboost", "metrics"]
    with pytest.raises(AttributeError, match="NoSuchModel"):
        learn.NoSuchModel  # noqa: B018


@pytest.mark.parametrize("model", MODELS)
def test_parameters_go_in_and_come_out(spu, model):
    one = model(spu)
    params = one.get_params()
    assert params["spu"] is spu
    assert model(**params).get_params() == params
    assert not [name for name in params if name.startswith("_")]
    name = next(name for name in params if name in ("max_iter", "max_depth", "n_components"))
    other = one.with_params(**{name: 3})
    assert (other.get_params()[name], one.get_params()[name]) == (3, params[name])
    with pytest.raises(FrozenInstanceError):
        setattr(one, name, 4)
    with pytest.raises(sf.LearnError, match="no parameter depth"):
        one.with_params(depth=3)


@pytest.mark.parametrize("model", LINEAR)
def test_names_that_scikit_learn_has_have_its_defaults(spu, model):
    theirs = getattr(linear_model, model.__name__)().get_params()
    ours = model(spu).get_params()
    differ = {"solver", "max_iter", "tol", "random_state"}  # other algorithms, other meanings
    assert {key: ours[key] for key in ours.keys() & theirs.keys() - differ} == {
        key: theirs[key] for key in ours.keys() & theirs.keys() - differ if key != "power"
    } | ({"power": 1.5} if model is learn.TweedieRegressor else {})


def test_repr_shows_what_is_not_the_default(spu):
    assert repr(learn.LogisticRegression(spu)) == f"LogisticRegression(spu={spu.name})"
    assert (
        repr(learn.Ridge(spu, alpha=2.0, solver="sgd")) == f"Ridge(spu={spu.name}, solver='sgd', alpha=2.0)"
    )
    assert "init=" not in repr(learn.KMeans(spu))
    assert "classes=(False, True)" in repr(learn.LogisticRegression(spu, classes=(False, True)))


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_learned_before_fit(spu, model):
    others = {learn.KMeans: "cluster_centers_", learn.PCA: "components_"}
    attribute = "coef_" if model in LINEAR else "n_iter_" if model in TREES else others[model]
    with pytest.raises(sf.LearnError, match="learned nothing yet"):
        getattr(model(spu), attribute)


@pytest.mark.parametrize(
    ("model", "params", "says"),
    [
        (learn.LogisticRegression, {"C": 0}, "(?s)C is 0.*above 0"),
        (learn.LogisticRegression, {"solver": "lbfgs"}, "(?s)lbfgs.*'auto', "),
        (learn.LogisticRegression, {"learning_rate": "adaptive"}, "'constant', 'invscaling' or 'cosine'"),
        (learn.LogisticRegression, {"batch_size": 0}, "batch_size"),
        (learn.LogisticRegression, {"max_iter": 0}, "max_iter"),
        (learn.LogisticRegression, {"momentum": 1.0}, "momentum"),
        (learn.LogisticRegression, {"eta0": 0.0}, "eta0"),
        (learn.LogisticRegression, {"validation_fraction": 1.0}, "validation_fraction"),
        (learn.LinearRegression, {"inference": True, "fit_intercept": False}, "intercept"),
        (learn.PoissonRegressor, {"solver": "bound"}, "no bound"),
        (learn.PoissonRegressor, {"inference": True}, "no inference"),
        (learn.PoissonRegressor, {"alpha": -1.0}, "alpha"),
        (learn.TweedieRegressor, {"power": 0}, "power"),
        (learn.Ridge, {"alpha": -1.0}, "alpha"),
        (learn.KMeans, {"n_clusters": 0}, "n_clusters"),
        (learn.KMeans, {"init": "best"}, "k-means"),
        (learn.PCA, {"n_components": 0}, "n_components"),
        *(
            (model, {name: value}, name)
            for model in TREES
            for name, value in [("max_depth", 0), ("max_depth", 11), ("max_bins", 1)]
        ),
        *((model, {"n_estimators": 0}, "n_estimators") for model in [*BOOSTED, *FORESTS]),
        *((model, {"max_features": value}, "max_features") for model in FORESTS for value in ["all", 0]),
        (learn.DecisionTreeClassifier, {"min_samples_leaf": 0}, "min_samples_leaf"),
        *(
            (model, {name: value}, name)
            for model in BOOSTED
            for name, value in [
                ("learning_rate", 0.0),
                ("reg_lambda", -1.0),
                ("gamma", -1.0),
                ("min_child_weight", -1.0),
                ("subsample", 0.0),
                ("colsample_bytree", 1.5),
                ("colsample_bylevel", 0.0),
                ("colsample_bynode", 2.0),
                ("reg_alpha", -1.0),
                ("base_score", "mean"),
            ]
        ),
        (learn.GradientBoostingClassifier, {"base_score": 1.0}, "base_score"),
        (learn.GradientBoostingRegressor, {"base_score": 0.0, "objective": "count:poisson"}, "base_score"),
        (learn.GradientBoostingClassifier, {"scale_pos_weight": 0.0}, "scale_pos_weight"),
        (learn.GradientBoostingClassifier, {"scale_pos_weight": 2.0, "classes": (0, 1, 2)}, "two classes"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(spu, model, params, says):
    with pytest.raises(sf.LearnError, match=says):
        model(spu, **params)


def at(party, value):
    return sf.PYU(party)(lambda: value)()


def made(each, spu):
    """One of each kind, which is quickly fitted."""
    if each in TRANSFORMERS:
        return each(spu=spu) if "spu" in signature(each).parameters else each()
    if each is learn.GridSearchCV:
        return each(estimator=learn.Ridge(spu, max_iter=1), param_grid={"alpha": [1.0]}, cv=2)
    return each(spu, **{name: FASTEST[name] for name in FASTEST.keys() & signature(each).parameters.keys()})


def fit(model, x=NUMBERS, y=LABEL, **weights):
    """With the second party's table as it should be, and a label above 0 where that is needed."""
    y = y + 1 if isinstance(model, learn.GammaRegressor) and y is LABEL else y
    if isinstance(model, frame.Transformer):
        table = frame.VerticalFrame({sf.PYU("alice"): at("alice", pd.DataFrame({"a": LABEL, "b": LABEL}))})
        return model.fit(table, "b")
    given = {name: at("bob", weight) for name, weight in weights.items()}
    return model.fit(
        {sf.PYU("alice"): at("alice", x), sf.PYU("bob"): at("bob", NUMBERS)}, at("bob", y), **given
    )


def same(one, other):
    """Two of the same parameters, and so are those that they hold."""
    pairs = zip(one.get_params().values(), other.get_params().values(), strict=True)
    alike = all(same(*pair) if isinstance(pair[0], Estimator) else pair[0] == pair[1] for pair in pairs)
    return type(one) is type(other) and one is not other and alike


@pytest.mark.parametrize("each", [*MODELS, learn.GridSearchCV, *TRANSFORMERS])
def test_copies_are_those_of_scikit_learn(spu, each):
    one = made(each, spu)
    params, shown = one.get_params(), repr(one)
    copies = (clone, copy.copy, copy.deepcopy)
    ways = {clone, copy.deepcopy} if each is learn.GridSearchCV else copies  # its copy holds the same model
    assert all(same(make(one), one) and repr(make(one)) == shown for make in ways)
    assert one.set_params(**params) is one
    with pytest.raises(each.mistake, match="no parameter colour"):
        one.set_params(colour=1)
    if any(value is spu for value in params.values()):
        with pytest.raises(each.mistake, match="is a device of this job"):
            pickle.dumps(one)
    else:
        assert same(pickle.loads(pickle.dumps(one)), one)
    if not hasattr(one, "transform") or each in TRANSFORMERS:
        with pytest.raises(each.mistake, match=r"learned nothing|nothing was searched|frame is None"):
            one.best_index_ if each is learn.GridSearchCV else (
                one.transform(None) if each in TRANSFORMERS else one.predict(None)
            )

    assert fit(one) is one
    assert (one.get_params(), repr(one)) == (params, shown)
    hidden = next(name for name in ("_learned", "_fitted", "_found") if hasattr(one, name))
    assert [getattr(make(one), hidden) is getattr(one, hidden) for make in copies] == [False, True, True]
    assert copy.copy(one).get_params() == one.get_params()
    with pytest.raises(each.mistake, match="is fitted"):
        one.set_params(**params)
    with pytest.raises(each.mistake, match=r"cannot be pickled.*\n.*(model.save\(|the attributes show)"):
        pickle.dumps(one)


def test_parameters_of_parameters_have_two_underscores(spu):
    search = made(learn.GridSearchCV, spu)
    inner = search.estimator
    assert search.get_params()["estimator__alpha"] == 1.0
    assert "estimator__alpha" not in search.get_params(deep=False)
    assert search.set_params(estimator__alpha=3.0, cv=3).estimator.alpha == 3.0
    assert (search.cv, inner.alpha) == (3, 1.0)
    for name in ("estimator__colour", "cv__n_splits", "colour__alpha"):
        with pytest.raises(sf.LearnError, match="no parameter"):
            search.set_params(**{name: 1})


def test_everything_with_parameters_is_of_the_one_base():
    classes = [each for each in map(learn.__getattr__, learn.__all__) if isclass(each)]
    assert {each for each in classes if not issubclass(each, Parametrized)} == {learn.KFold}
    assert all(issubclass(each, Parametrized) for each in TRANSFORMERS)


def other(value, *, row=0):
    changed = NUMBERS.copy()
    changed[row, -1] = value
    return changed


@pytest.mark.parametrize("each", [*MODELS, learn.GridSearchCV])
def test_what_cannot_be_trained_on_is_refused(spu, each):
    """As scikit-learn does it; trees take numbers that are missing."""
    tables = [NUMBERS[:, 0], NUMBERS[:0], NUMBERS[:, :0], NUMBERS[1:], other(np.inf), other(1e200)]
    tables += [NUMBERS.astype(str), NUMBERS.astype(complex), NUMBERS[:, :, None]]
    tables += [] if each in TREES else [other(np.nan)]
    for x in tables:
        with pytest.raises(sf.LearnError):
            fit(made(each, spu), x)
    if each in (learn.KMeans, learn.PCA):
        return
    labels = [LABEL[1:], LABEL[:0], np.stack([LABEL, LABEL], 1), np.array(["no", "yes"])[LABEL], 1.0, None]
    labels += [np.where(LABEL, value, 1.0) for value in (np.nan, np.inf)]
    labels += (
        [LABEL + 1, 2 * LABEL - 1, LABEL + 0.5, 0 * LABEL] if "classes" in signature(each).parameters else []
    )
    for y in labels:
        with pytest.raises(sf.LearnError):
            fit(made(each, spu), y=y)
    if "sample_weight" not in signature(each.fit).parameters:
        return
    ones = np.ones(ROWS)
    weights = [ones[1:], 0 * ones, -ones, ones * np.nan, ones.astype(str), np.stack([ones, ones], 1)]
    for weight in weights:
        with pytest.raises(sf.LearnError):
            fit(made(each, spu), sample_weight=weight)


@pytest.mark.parametrize(
    ("classes", "refused"),
    [
        ((1, 2), None),
        ((-1, 1), None),
        ((2, 1), None),
        ((0.5, 1.5), None),
        ((0, 2**31 - 1), None),
        ((False, True), None),
        (("no", "yes"), None),
        ((0, 2**31), "to the last bit"),
        ((0.1, 0.2), "to the last bit"),
        ((0, 2.0**25), "to the last bit"),
        ((0, np.inf), "to the last bit"),
        ((1, 1.0), "different"),
        ((0, "yes"), "different"),
        ([0, 1], "different"),
    ],
)
def test_classes_come_back_as_they_are(spu, classes, refused):
    if refused:
        for model in (learn.LogisticRegression, learn.DecisionTreeClassifier):
            with pytest.raises(sf.LearnError, match=refused):
                model(spu, classes=classes)
        return
    x, y = np.stack([LABEL, LABEL], 1), np.asarray(classes)[LABEL]
    tables = {sf.PYU("alice"): at("alice", x), sf.PYU("bob"): at("bob", NUMBERS)}
    for model in (
        learn.DecisionTreeClassifier(spu, classes=classes, max_depth=1, min_samples_leaf=1),
        learn.LogisticRegression(spu, classes=classes, C=100, max_iter=8),
    ):
        found = sf.reveal(fit(model, x, y).predict(tables, to="bob"))
        assert np.array_equal(found, y)
        assert found.dtype.kind == y.dtype.kind


def test_the_error_survives_a_process():
    error = pickle.loads(pickle.dumps(sf.LearnError("one", fix="two")))
    assert (error.code, error.message, error.fix) == ("J112", "one", "two")


def test_the_base_names_no_model():
    assert Estimator.__abstractmethods__ == {"fit", "_kept", "_restored"}
    assert "predict" not in vars(Estimator)
