"""Parameters are scikit-learn's, and never change; what is learned shows only after `fit`."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import pytest
from sklearn import linear_model

import junto as sf
from junto import learn
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


@pytest.fixture(scope="module")
def spu():
    sf.init(parties=["alice", "bob", "carol"], debug_mode=True, logging_level="error")
    yield sf.SPU(parties=["alice", "bob", "carol"])
    sf.shutdown()


def test_every_name_is_there():
    classes = sorted(each.__name__ for each in [*MODELS, learn.Scorecard, learn.GridSearchCV, learn.KFold])
    assert dir(learn) == [*classes, "cross_val_score", "from_xgboost", "metrics"]
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


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_learned_before_fit(spu, model):
    others = {learn.KMeans: "cluster_centers_", learn.PCA: "components_"}
    attribute = "coef_" if model in LINEAR else "n_iter_" if model in TREES else others[model]
    with pytest.raises(sf.LearnError, match="learned nothing yet"):
        getattr(model(spu), attribute)


@pytest.mark.parametrize(
    ("model", "params", "says"),
    [
        (learn.LogisticRegression, {"C": 0}, "C must"),
        (learn.LogisticRegression, {"solver": "lbfgs"}, "one of auto"),
        (learn.LogisticRegression, {"learning_rate": "adaptive"}, "constant, invscaling, cosine"),
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
            ]
        ),
    ],
)
def test_parameters_that_make_no_sense_are_refused(spu, model, params, says):
    with pytest.raises(sf.LearnError, match=says):
        model(spu, **params)


def test_the_error_survives_a_process():
    error = pickle.loads(pickle.dumps(sf.LearnError("one", fix="two")))
    assert (error.code, error.message, error.fix) == ("J112", "one", "two")


def test_the_base_names_no_model():
    assert Estimator.__abstractmethods__ == {"fit"}
    assert "predict" not in vars(Estimator)
