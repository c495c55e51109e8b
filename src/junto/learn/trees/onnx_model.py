"""Trees as an ONNX model, by the library ``onnx``.

Format: ONNX, operators of ``ai.onnx.ml``, version 3: ``TreeEnsembleRegressor``. It compares numbers of 32
bits by ``<``, as ours are compared.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from junto.extras import need
from junto.learn.trees.objectives import BINARY, GAMMA, POISSON, SOFTMAX, TWEEDIE
from junto.learn.trees.xgboost_json import Plain, nodes_of

OPERATORS: Final = 13
TREE_OPERATORS: Final = 3
IR_VERSION: Final = 8
"""Of ONNX 1.10 to 1.12, of 2021 and 2022: whatever reads ONNX now reads them."""


def write(model: Plain) -> bytes:
    """The model as bytes: ``X`` [rows, columns] as float32 to ``scores`` and ``predictions``.

    Of classes, predictions are probabilities [rows, classes]; else numbers [rows, 1].

    Raises:
        MissingLibrary: ``onnx`` is not installed.
    """
    need("onnx", 'export(format="onnx")')
    from onnx import TensorProto, checker, helper

    names, real = model.splits["names"], TensorProto.FLOAT
    trees = helper.make_node(
        "TreeEnsembleRegressor", ["X"], ["scores"], domain="ai.onnx.ml", **_ensemble(model)
    )
    nodes, constants = [trees, *_predictions(helper, model.objective)], list[Any]()
    if model.objective == BINARY:
        constants.append(helper.make_tensor("one", real, [1], [1.0]))
    width = 2 if model.objective == BINARY else model.outputs
    graph = helper.make_graph(
        nodes,
        "junto",
        [helper.make_tensor_value_info("X", real, [None, len(names)])],
        [
            helper.make_tensor_value_info("scores", real, [None, model.outputs]),
            helper.make_tensor_value_info("predictions", real, [None, width]),
        ],
        constants,
        doc_string="columns: " + ", ".join(names),
    )
    versions = [
        helper.make_opsetid("", OPERATORS),
        helper.make_opsetid("ai.onnx.ml", TREE_OPERATORS),
    ]
    made = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="junto")
    checker.check_model(made)
    return bytes(made.SerializeToString())


def _predictions(helper: Any, objective: str) -> list[Any]:
    if objective == BINARY:
        return [
            helper.make_node("Sigmoid", ["scores"], ["positive"]),
            helper.make_node("Sub", ["one", "positive"], ["negative"]),
            helper.make_node("Concat", ["negative", "positive"], ["predictions"], axis=1),
        ]
    if objective == SOFTMAX:
        return [helper.make_node("Softmax", ["scores"], ["predictions"], axis=1)]
    link = "Exp" if objective in (POISSON, GAMMA, TWEEDIE) else "Identity"
    return [helper.make_node(link, ["scores"], ["predictions"])]


def _ensemble(model: Plain) -> dict[str, Any]:
    """Attributes of the operator, a row a node and a row a leaf."""
    nodes, leaves = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for tree in range(len(model.leaves)):
        for place, node in enumerate(nodes_of(model, tree, model.leaves)):
            if node.left < 0:
                nodes.append((tree, place, 0, "LEAF", 0.0, 0, 0, 0))
                leaves.append((tree, place, tree % model.outputs, node.weight))
                continue
            split = node.column, "BRANCH_LT", node.threshold, node.left, node.left + 1, int(node.missing)
            nodes.append((tree, place, *split))
    of_nodes = (
        "treeids",
        "nodeids",
        "featureids",
        "modes",
        "values",
        "truenodeids",
        "falsenodeids",
        "missing_value_tracks_true",
    )
    columns = zip(*nodes, strict=True)
    found = {f"nodes_{name}": list(each) for name, each in zip(of_nodes, columns, strict=True)}
    of_leaves = ("treeids", "nodeids", "ids", "weights")
    columns = zip(*leaves, strict=True)
    found |= {f"target_{name}": list(each) for name, each in zip(of_leaves, columns, strict=True)}
    base = np.asarray(model.base, np.float32).tolist()
    return {**found, "n_targets": model.outputs, "base_values": base, "aggregate_function": "SUM"}
