"""Models in the clear, at one party: as scikit-learn's, by a recipe in JSON, and as ONNX.

A recipe holds names and numbers, and nothing that is run: `as_sklearn` builds scikit-learn's own classes of
it. Linear models are in their columns' own units; before others stands a scaler.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from junto.device.boundary import public
from junto.errors import UNREADABLE, LearnError
from junto.extras import need
from junto.learn import clear_preprocessing
from junto.learn.examine import Floats

FORMAT: Final = "junto model 1"

OPERATORS: Final = 13
IR_VERSION: Final = 8
"""As of trees: whatever reads ONNX now reads them."""

FARTHEST: Final = 1e300
"""In place of the deviation of a constant column: whatever a later row has there comes to 0."""


@dataclass(frozen=True, slots=True)
class ClearModel:
    """What is known of a model.

    Attributes:
        kind: its class, a key of `KINDS`.
        columns: their names, in order.
        mean, scale: of the scaler before it [columns]; None: there is none.
        numbers: its matrices, by name.
        classes: of a label of classes; else empty.
        power: of a Tweedie model; else 0.
    """

    kind: str
    columns: tuple[str, ...]
    mean: Floats | None
    scale: Floats | None
    numbers: Mapping[str, Floats]
    classes: tuple[Any, ...] = ()
    power: float = 0.0


COEF, INTERCEPT, CENTERS, COMPONENTS, VARIANCE = "coef", "intercept", "centers", "components", "variance"

KINDS: Final[Mapping[str, Mapping[str, int]]] = MappingProxyType(
    {
        **{
            kind: {COEF: 1, INTERCEPT: 0}
            for kind in (
                "LinearRegression",
                "Ridge",
                "LogisticRegression",
                "TweedieRegressor",
                "PoissonRegressor",
                "GammaRegressor",
            )
        },
        "KMeans": {CENTERS: 2},
        "PCA": {COMPONENTS: 2, VARIANCE: 1},
    }
)
"""The names and dimensions of each class's matrices; the last dimension is that of the columns."""


def recipe(model: ClearModel) -> str:
    """The model as JSON."""
    finite = None if model.scale is None else np.minimum(model.scale, FARTHEST)
    told = {
        "format": FORMAT,
        "kind": model.kind,
        "columns": list(model.columns),
        "mean": None if model.mean is None else np.asarray(model.mean).tolist(),
        "scale": None if finite is None else finite.tolist(),
        "numbers": {name: np.asarray(each, np.float64).tolist() for name, each in model.numbers.items()},
        "classes": list(model.classes),
        "power": model.power,
    }
    return json.dumps(told, allow_nan=False)


@public
def as_sklearn(*texts: str, columns: Sequence[str] | None = None) -> Any:
    """The scikit-learn estimator of ``export(to, format="sklearn")``, fitted.

    Args:
        texts: the model's recipe; or before it those of the preprocessing (``export(to)`` of a transformer of
            `junto.frame`), in the order in which it was done: then what comes back takes tables of pandas
            with the columns as they were before. Or those of preprocessing alone.
        columns: what preprocessing alone is to give, in order, for a model of another kind behind it; of a
            single text by default all columns that it is for.

    Returns:
        One of scikit-learn's class of the same name; behind a ``StandardScaler`` in a ``Pipeline`` if groups
        or components are those of scaled columns. With preprocessing, a ``Pipeline`` that begins with it.

    Raises:
        LearnError: a text is no such recipe; a model is not the last one.
        MissingLibrary: scikit-learn is not installed.
    """
    need("sklearn", "as_sklearn")
    count = len(texts) - (not texts or not clear_preprocessing.is_step(texts[-1]))
    steps = [clear_preprocessing.step_of(text) for text in texts[: max(count, 0)]]
    models = [_read(text) for text in texts[count:]] if texts else [_read("")]
    if not steps:
        return _estimator(models[0])
    from sklearn.pipeline import make_pipeline

    wanted = models[0].columns if models else columns
    return make_pipeline(*clear_preprocessing.pipeline_of(steps, wanted), *map(_estimator, models))


def _estimator(model: ClearModel) -> Any:
    from sklearn import cluster, decomposition, linear_model
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    home = {"KMeans": cluster, "PCA": decomposition}.get(model.kind, linear_model)
    power = {"power": model.power} if model.kind == "TweedieRegressor" else {}
    made = getattr(home, model.kind)(**_sizes(model), **power)
    _fill(made, model)
    named = np.asarray(model.columns, object)
    if model.mean is None or model.scale is None:
        made.feature_names_in_ = named
        return made
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_ = np.asarray(model.mean), np.asarray(model.scale)
    scaler.var_ = np.minimum(scaler.scale_, np.sqrt(FARTHEST)) ** 2
    scaler.n_features_in_, scaler.feature_names_in_, scaler.n_samples_seen_ = len(named), named, 0
    return make_pipeline(scaler, made)


def onnx_bytes(model: ClearModel) -> bytes:
    """The model as ONNX: ``X`` [rows, columns], float64, to ``predictions``, and but for PCA to ``scores``.

    Predictions are probabilities [rows, classes], numbers [rows, 1], the group of each row [rows], or
    coordinates [rows, components].

    Raises:
        MissingLibrary: ``onnx`` is not installed.
    """
    need("onnx", 'export(format="onnx")')
    from onnx import TensorProto, checker, helper

    constants = {name: np.asarray(each, np.float64) for name, each in _constants(model).items()}
    nodes = [helper.make_node(kind, list(given), [to], **more) for kind, given, to, more in _steps(model)]
    real, whole = TensorProto.DOUBLE, TensorProto.INT64
    ends = [] if model.kind == "PCA" else [("scores", real, 2)]
    ends += [("predictions", whole, 1) if model.kind == "KMeans" else ("predictions", real, 2)]
    graph = helper.make_graph(
        nodes,
        "junto",
        [helper.make_tensor_value_info("X", real, [None, len(model.columns)])],
        [helper.make_tensor_value_info(name, kind, [None] * size) for name, kind, size in ends],
        [helper.make_tensor(name, real, each.shape, each.ravel()) for name, each in constants.items()],
        doc_string="columns: " + ", ".join(model.columns),
    )
    versions = [helper.make_opsetid("", OPERATORS)]
    made = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="junto")
    checker.check_model(made)
    return bytes(made.SerializeToString())


WRITERS: Final[Mapping[str, Callable[[ClearModel], str | bytes]]] = MappingProxyType(
    {"sklearn": recipe, "onnx": onnx_bytes}
)
"""By `format`."""


# -------------------------------------------------------------------- scikit-learn


def _read(text: str) -> ClearModel:
    """A recipe, once it makes sense."""
    try:
        told = json.loads(text)
        if told["format"] != FORMAT:
            raise ValueError("format")
        kind, columns = told["kind"], tuple(told["columns"])
        shapes = KINDS[kind]
        numbers = {name: np.asarray(told["numbers"][name], np.float64) for name in shapes}
        mean, scale = (
            None if told[key] is None else np.asarray(told[key], np.float64) for key in ("mean", "scale")
        )
        sound = all(isinstance(name, str) for name in columns)
        sound = sound and all(each.ndim == shapes[name] for name, each in numbers.items())
        sound = sound and all(
            numbers[name].shape[-1] == len(columns) for name in (COEF, CENTERS, COMPONENTS) if name in numbers
        )
        sound = sound and all(each is None or each.shape == (len(columns),) for each in (mean, scale))
        every = [*numbers.values(), *(each for each in (mean, scale) if each is not None)]
        sound = sound and all(np.isfinite(each).all() for each in every)
        sound = sound and (kind != "LogisticRegression" or len(told["classes"]) == 2)
        sound = sound and all(isinstance(each, str | int | float) for each in told["classes"])
        classes, power = tuple(told["classes"]), float(told["power"])
    except UNREADABLE:
        sound = False
    if not sound:
        raise LearnError("this is no model of export(to, format='sklearn')", fix="pass the text as it is")
    return ClearModel(kind, columns, mean, scale, numbers, classes, power)


def _sizes(model: ClearModel) -> dict[str, int]:
    """The parameters that say how large a model is."""
    if model.kind == "KMeans":
        return {"n_clusters": len(model.numbers[CENTERS])}
    return {"n_components": len(model.numbers[COMPONENTS])} if model.kind == "PCA" else {}


def _fill(made: Any, model: ClearModel) -> None:
    """What `fit` sets of an estimator of scikit-learn."""
    numbers = model.numbers
    made.n_features_in_ = len(model.columns)
    if model.kind == "KMeans":
        made.cluster_centers_, made._n_threads, made.n_iter_ = numbers[CENTERS], 1, 0
        made.labels_ = np.arange(len(numbers[CENTERS]), dtype=np.int32)
    elif model.kind == "PCA":
        made.components_, made.explained_variance_ = numbers[COMPONENTS], numbers[VARIANCE]
        made.mean_, made.n_components_ = np.zeros(len(model.columns)), len(numbers[COMPONENTS])
    elif model.kind == "LogisticRegression":
        made.coef_, made.intercept_ = numbers[COEF][None], numbers[INTERCEPT].reshape(1)
        made.classes_ = np.asarray(model.classes)
    else:
        made.coef_, made.intercept_ = numbers[COEF], float(numbers[INTERCEPT])
        if hasattr(made, "_get_loss"):  # its link is part of what it knows after fit
            made._base_loss = made._get_loss()


# -------------------------------------------------------------------- ONNX


def _constants(model: ClearModel) -> dict[str, Any]:
    numbers, found = model.numbers, dict[str, Any]()
    if model.mean is not None and model.scale is not None:
        found |= {"mean": model.mean, "scale": np.minimum(model.scale, FARTHEST)}
    if model.kind == "KMeans":
        return {**found, "weights": numbers[CENTERS].T, "half": -(numbers[CENTERS] ** 2).sum(axis=1) / 2}
    if model.kind == "PCA":
        return {**found, "weights": numbers[COMPONENTS].T}
    found |= {"weights": numbers[COEF][:, None], "half": numbers[INTERCEPT].reshape(1)}
    return {**found, "one": np.ones(1)} if model.classes else found


Step = tuple[str, tuple[str, ...], str, dict[str, Any]]


def _steps(model: ClearModel) -> list[Step]:
    """Operators: kind, inputs, output, attributes."""
    start, steps = "X", list[Step]()
    if model.mean is not None:
        steps += [("Sub", ("X", "mean"), "centred", {}), ("Div", ("centred", "scale"), "scaled", {})]
        start = "scaled"
    if model.kind == "PCA":
        return [*steps, ("MatMul", (start, "weights"), "predictions", {})]
    steps += [("MatMul", (start, "weights"), "products", {}), ("Add", ("products", "half"), "scores", {})]
    if model.kind == "KMeans":
        return [*steps, ("ArgMax", ("scores",), "predictions", {"axis": 1, "keepdims": 0})]
    if model.classes:
        return [
            *steps,
            ("Sigmoid", ("scores",), "positive", {}),
            ("Sub", ("one", "positive"), "negative", {}),
            ("Concat", ("negative", "positive"), "predictions", {"axis": 1}),
        ]
    return [*steps, ("Exp" if model.power else "Identity", ("scores",), "predictions", {})]
