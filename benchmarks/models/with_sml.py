"""The estimators of SecretFlow's sf-sml, fitted and asked on an SPU, beside scikit-learn.

They need `sf-sml`, which in turn imports `spu` for its own purposes: anything of that name will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import jax.numpy as jnp
import numpy as np
from sklearn import (
    datasets,
    decomposition,
    feature_selection,
    gaussian_process,
    linear_model,
    metrics,
    naive_bayes,
    neighbors,
    preprocessing,
    svm,
)

from benchmarks.models.model import Model, normal

LIBRARY = "sf-sml"
X = normal(1, 60, 4)
COEFFICIENTS = np.array([0.5, -0.3, 0.2, 0.1], np.float32)
Y = (X @ COEFFICIENTS + 0.2 * normal(2, 60)).astype(np.float32)
LABELS = (Y > 0).astype(np.float32)
COUNTS = np.random.default_rng(3).poisson(np.exp(X @ COEFFICIENTS)).astype(np.float32)
AMOUNTS = np.random.default_rng(4).gamma(2.0, np.exp(X @ COEFFICIENTS) / 2).astype(np.float32) + np.float32(
    0.05
)
GROUPS, GROUP = datasets.make_blobs(60, 3, centers=3, random_state=5)
GROUPS = GROUPS.astype(np.float32)
SCORES = (1 / (1 + np.exp(-3 * Y + normal(6, 60)))).astype(np.float32)


def _class(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(f"sml.{module}"), name)


def _numbers(want: Any) -> Callable[[Sequence[Any]], str]:
    """The greatest difference from scikit-learn, in proportion to its greatest number."""

    def say(got: Sequence[Any]) -> str:
        wanted = np.asarray(want(), np.float64)
        found = np.asarray(got[0], np.float64).reshape(wanted.shape)
        return f"{np.abs(found - wanted).max() / np.abs(wanted).max():.0e} of its greatest number"

    return say


def _labels(want: Any) -> Callable[[Sequence[Any]], str]:
    def say(got: Sequence[Any]) -> str:
        wanted = np.asarray(want())
        equal = (np.rint(np.asarray(got[0]).ravel()) == wanted.ravel()).mean()
        return f"{equal:.0%} of {wanted.size} labels equal"

    return say


def models() -> list[Model]:
    """All of them, of 60 rows or fewer."""
    return [*_regressions(), *_classifiers(), *_unsupervised(), *_selection(), *_metrics(), *_preprocessing()]


def _fitted(path: str, ask: str, rows: Sequence[Any], other: Any, **options: Any) -> Model:
    estimator = _class(path)

    def run(x: Any, *y: Any) -> Any:
        model = estimator(**options)
        return getattr(model.fit(x, *y) or model, ask)(x)

    name = path.rpartition(".")[2]
    shown = ", ".join(
        f"{key}={value!r}" for key, value in options.items() if isinstance(value, str | int | float)
    )
    return Model(f"{name}({shown}).{ask}", LIBRARY, run, rows, other)


def _coefficients(path: str, rows: Sequence[Any], want: Any, **options: Any) -> Model:
    estimator = _class(path)

    def run(x: Any, y: Any) -> Any:
        model = estimator(**options)
        model.fit(x, y)
        return model.coef_[1:]

    return Model(f"{path.rpartition('.')[2]}.coef_", LIBRARY, run, rows, _numbers(want))


def _regressions() -> list[Model]:
    def of(estimator: Any, y: Any) -> Callable[[], Any]:
        return lambda: estimator.fit(X, y).coef_

    column = Y[:, None]
    return [
        _coefficients(
            "linear_model.glm.PoissonRegressor",
            [X, COUNTS],
            of(linear_model.PoissonRegressor(alpha=0), COUNTS),
            max_iter=5,
        ),
        _coefficients(
            "linear_model.glm.GammaRegressor",
            [X, AMOUNTS],
            of(linear_model.GammaRegressor(alpha=0), AMOUNTS),
            max_iter=5,
        ),
        _coefficients(
            "linear_model.glm.TweedieRegressor",
            [X, AMOUNTS],
            of(linear_model.TweedieRegressor(power=0.5 + 1, alpha=0), AMOUNTS),
            max_iter=5,
        ),
        *[
            _fitted(
                "linear_model.ridge.Ridge",
                "predict",
                [X, column],
                _numbers(lambda: linear_model.Ridge(alpha=1.0).fit(X, Y).predict(X)),
                alpha=1.0,
                max_iter=20,
                solver=solver,
            )
            for solver in ("cholesky", "svd")
        ],
        _fitted(
            "linear_model.quantile.QuantileRegressor",
            "predict",
            [X[:10], Y[:10]],
            _numbers(
                lambda: (
                    linear_model.QuantileRegressor(quantile=0.3, alpha=0.1)
                    .fit(X[:10], Y[:10])
                    .predict(X[:10])
                )
            ),
            quantile=0.3,
            alpha=0.1,
            max_iter=20,
        ),
    ]


def _classifiers() -> list[Model]:
    signs = (2 * LABELS - 1).astype(np.float32)
    integers = GROUP.astype(np.int32)
    binary = (X > 0).astype(np.int32)
    column = LABELS[:, None]
    logistic = linear_model.LogisticRegression()

    def of(estimator: Any, x: Any, y: Any) -> Callable[[Sequence[Any]], str]:
        return _labels(lambda: estimator.fit(x, y).predict(x))

    return [
        _fitted(
            "linear_model.sgd_classifier.SGDClassifier",
            "predict_proba",
            [X, column],
            _numbers(lambda: logistic.fit(X, LABELS).predict_proba(X)[:, 1]),
            epochs=3,
            learning_rate=0.5,
            batch_size=20,
            reg_type="logistic",
            penalty="l2",
            l2_norm=0.05,
        ),
        _fitted(
            "linear_model.logistic.LogisticRegression",
            "predict",
            [X, column],
            of(logistic, X, LABELS),
            epochs=3,
            learning_rate=0.5,
            batch_size=20,
        ),
        _fitted(
            "linear_model.logistic.LogisticRegression",
            "predict",
            [X, column],
            of(logistic, X, LABELS),
            epochs=3,
            learning_rate=0.5,
            batch_size=20,
            early_stopping_threshold=0.1,
        ),
        _fitted(
            "linear_model.pla.Perceptron",
            "predict",
            [X, signs[:, None]],
            of(linear_model.Perceptron(), X, signs),
            max_iter=5,
        ),
        _fitted(
            "svm.svm.SVM", "predict", [X[:12], signs[:12]], of(svm.SVC(), X[:12], signs[:12]), max_iter=5
        ),
        _fitted(
            "neighbors.knn.KNNClassifer",
            "predict",
            [GROUPS, integers],
            of(neighbors.KNeighborsClassifier(), GROUPS, GROUP),
            n_classes=3,
        ),
        _fitted(
            "naive_bayes.gnb.GaussianNB",
            "predict",
            [GROUPS, integers],
            of(naive_bayes.GaussianNB(), GROUPS, GROUP),
            classes_=jnp.arange(3),
        ),
        _fitted(
            "gaussian_process._gpc.GaussianProcessClassifier",
            "predict",
            [GROUPS[:12], integers[:12]],
            of(gaussian_process.GaussianProcessClassifier(), GROUPS[:12], GROUP[:12]),
            max_iter_predict=3,
            n_classes=3,
        ),
        _fitted(
            "tree.tree.DecisionTreeClassifier",
            "predict",
            [binary, LABELS.astype(np.int32)],
            None,
            criterion="gini",
            splitter="best",
            max_depth=3,
            n_labels=2,
        ),
    ]


def _unsupervised() -> list[Model]:
    positive, a, b = np.abs(normal(7, 12, 5)), np.abs(normal(8, 2, 5)), np.abs(normal(9, 12, 2))
    start = jnp.asarray(GROUPS[:3])

    def means(x: Any) -> Any:
        model = _class("cluster.kmeans.KMEANS")(3, len(GROUPS), init=start, max_iter=5)
        model.fit(x)
        return model._centers

    def factors(x: Any) -> Any:
        model = _class("decomposition.nmf.NMF")(2, max_iter=30, random_matrixA=a, random_matrixB=b)
        return model.fit_transform(x)

    def components(method: str, **more: Any) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            model = _class("decomposition.pca.PCA")(method=method, n_components=2, **more)
            model.fit(x)
            return abs(model.transform(x))

        return run

    principal = _numbers(lambda: np.abs(decomposition.PCA(2).fit_transform(X)))
    return [
        Model("KMEANS(3).centers", LIBRARY, means, [GROUPS], None),
        Model(
            "PCA('power_iteration').transform",
            LIBRARY,
            components("power_iteration", max_power_iter=50),
            [X],
            principal,
        ),
        Model(
            "PCA('serial_jacobi_iteration').transform",
            LIBRARY,
            components("serial_jacobi_iteration", max_jacobi_iter=5),
            [X],
            principal,
        ),
        Model("NMF(2).fit_transform", LIBRARY, factors, [positive], None),
    ]


def _selection() -> list[Model]:
    positive = np.abs(GROUPS)
    return [
        Model(
            "chi2",
            LIBRARY,
            lambda x, y: _class("feature_selection.univariate_selection.chi2")(x, y, 3, 1, False)[0],
            [positive, GROUP.astype(np.int32)],
            _numbers(lambda: feature_selection.chi2(positive, GROUP)[0]),
        ),
        Model(
            "f_classif, the statistic",
            LIBRARY,
            lambda x, y: _class("feature_selection.anova_f.f_classif")(x, y, 2, 1)[0],
            [X, LABELS.astype(np.int32)],
            _numbers(lambda: feature_selection.f_classif(X, LABELS)[0]),
        ),
    ]


def _metrics() -> list[Model]:
    guess = (SCORES > 0.5).astype(np.float32)
    kind, real = "metrics.classification.classification", "metrics.regression.regression"
    rows = {
        f"{kind}.roc_auc_score": ([LABELS, SCORES], metrics.roc_auc_score, {}),
        f"{kind}.brier_score_loss": ([LABELS, SCORES], metrics.brier_score_loss, {}),
        f"{kind}.accuracy_score": ([LABELS, guess], metrics.accuracy_score, {}),
        f"{kind}.f1_score": (
            [LABELS, guess],
            metrics.f1_score,
            {"average": "binary", "labels": [0, 1], "pos_label": 1, "transform": 1},
        ),
        f"{kind}.average_precision_score": ([LABELS, SCORES], metrics.average_precision_score, {}),
        f"{real}.r2_score": ([Y, SCORES], metrics.r2_score, {}),
        f"{real}.mean_squared_error": ([Y, SCORES], metrics.mean_squared_error, {}),
        f"{real}.explained_variance_score": ([Y, SCORES], metrics.explained_variance_score, {}),
        f"{real}.mean_gamma_deviance": ([AMOUNTS, SCORES + 1], metrics.mean_gamma_deviance, {}),
        f"{real}.mean_poisson_deviance": ([AMOUNTS, SCORES + 1], metrics.mean_poisson_deviance, {}),
    }
    found = []
    for path, (arguments, theirs, options) in rows.items():

        def run(*given: Any, path: str = path, options: Any = options) -> Any:
            return _class(path)(*given, **options)

        def want(theirs: Any = theirs, arguments: Any = arguments) -> Any:
            return [theirs(*arguments)]

        found.append(Model(path.rpartition(".")[2], LIBRARY, run, arguments, _numbers(want)))
    return found


def _preprocessing() -> list[Model]:
    rows: dict[str, tuple[Any, dict[str, Any]]] = {
        "MinMaxScaler": (preprocessing.MinMaxScaler(), {}),
        "MaxAbsScaler": (preprocessing.MaxAbsScaler(), {}),
        "RobustScaler": (preprocessing.RobustScaler(), {}),
        "Normalizer": (preprocessing.Normalizer(), {}),
        "Binarizer": (preprocessing.Binarizer(), {}),
    }
    return [
        Model(
            f"{name}.fit_transform",
            LIBRARY,
            lambda x, name=name, options=options: _transformed(
                _class(f"preprocessing.preprocessing.{name}")(**options), x
            ),
            [X],
            _numbers(lambda theirs=theirs: theirs.fit_transform(X)),
        )
        for name, (theirs, options) in rows.items()
    ]


def _transformed(model: Any, x: Any) -> Any:
    if hasattr(model, "fit_transform"):
        return model.fit_transform(x)
    return (model.fit(x) if hasattr(model, "fit") else model).transform(x)
