"""Trees as a model of LightGBM's, in the text that ``lightgbm.Booster(model_str=text)`` reads.

Format: LightGBM's sources, ``GBDT::SaveModelToString`` and ``Tree::ToString``, version 4. LightGBM compares
numbers of 64 bits by ``<=``, ours are of 32 bits and compared by ``<``: a threshold is the largest number of
64 bits that becomes one of 32 bits below ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.learn.trees.objectives import BINARY, GAMMA, POISSON, QUANTILE, SOFTMAX, SQUARES, TWEEDIE
from junto.learn.trees.xgboost_json import Node, Plain, nodes_of

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        BINARY: "binary sigmoid:1",
        SOFTMAX: "multiclass num_class:{outputs}",
        SQUARES: "regression",
        POISSON: "poisson",
        GAMMA: "gamma",
        TWEEDIE: "tweedie tweedie_variance_power:{number}",
        QUANTILE: "quantile alpha:{number}",
    }
)
"""LightGBM's objectives."""

GAPS, LEFT = 8, 2
"""Bits of a ``decision_type``: NaN is missing; what is missing goes left."""


def write(model: Plain) -> str:
    """The model as text. LightGBM has no score without a tree: the first trees have it in their leaves."""
    leaves = model.leaves.copy()
    leaves[: model.outputs] += model.base[:, None]
    names = [re.sub(r"\s", "_", name) for name in model.splits["names"]]  # as LightGBM does
    if not model.splits["named"] or len(set(names)) < len(names):
        names = [f"Column_{place}" for place in range(len(names))]
    head = {
        "version": "v4",
        "num_class": model.outputs,
        "num_tree_per_iteration": model.outputs,
        "label_index": 0,
        "max_feature_idx": len(names) - 1,
        "objective": NAMES[model.objective].format(outputs=model.outputs, number=model.number),
        "feature_names": " ".join(names),
        "feature_infos": " ".join(["none"] * len(names)),
    }
    trees = [_tree(nodes_of(model, number, leaves)) for number in range(len(leaves))]
    parts = [_lines("tree", head)]
    parts += [_lines(f"Tree={number}", tree) for number, tree in enumerate(trees)]
    return "\n".join([*parts, "end of trees\n", "pandas_categorical:null\n"])


def _tree(nodes: list[Node]) -> dict[str, Any]:
    inner = [node for node in nodes if node.left >= 0]
    ends = [node for node in nodes if node.left < 0]
    places = {id(node): place for place, node in enumerate(inner)}
    places |= {id(node): ~place for place, node in enumerate(ends)}
    return {
        "num_leaves": len(ends),
        "num_cat": 0,
        "split_feature": _row(node.column for node in inner),
        "split_gain": _row(node.gain for node in inner),
        "threshold": _row(_below(node.threshold) for node in inner),
        "decision_type": _row(GAPS + LEFT * node.missing for node in inner),
        "left_child": _row(places[id(nodes[node.left])] for node in inner),
        "right_child": _row(places[id(nodes[node.left + 1])] for node in inner),
        "leaf_value": _row(node.weight for node in ends),
        "leaf_weight": _row(node.cover for node in ends),
        "leaf_count": _row(round(node.cover) for node in ends),
        "internal_value": _row(0 for _ in inner),
        "internal_weight": _row(node.cover for node in inner),
        "internal_count": _row(round(node.cover) for node in inner),
        "is_linear": 0,
        "shrinkage": 1,
    }


def _below(threshold: float) -> float:
    """See the module."""
    edge: NDArray[np.float32] = np.array([threshold], np.float32)
    lower = np.nextafter(edge, np.float32(-np.inf))
    middle = (edge.astype(np.float64) + lower.astype(np.float64)) / 2
    if middle.astype(np.float32) >= edge:  # what lies between two numbers goes to the even one
        middle = np.nextafter(middle, -np.inf)
    return float(middle[0])


def _row(values: Iterable[Any]) -> str:
    return " ".join(repr(value) for value in values)


def _lines(first: str, values: dict[str, Any]) -> str:
    return "\n".join([first, *[f"{key}={value}" for key, value in values.items()], "\n"])
