"""Trees as XGBoost's JSON, and XGBoost's JSON as trees; in the clear, at one party.

Format: XGBoost's documentation, "Introduction to Model IO", version 3. A tree of ours has a place for every
node of its depth; one that is not split sends all rows to the right, and stands for its right child.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from junto.errors import UNREADABLE
from junto.learn.trees.candidates import NONE, Told, column_names
from junto.learn.trees.objectives import (
    BINARY,
    GAMMA,
    POISSON,
    QUANTILE,
    SECTIONS,
    SOFTMAX,
    TWEEDIE,
    score_of,
)

MOST_COLUMNS: Final = 1 << 20
"""Of a model that does not name them: numbers say nothing of the bytes that they stand in."""

NOWHERE: Final = 2**31 - 1
"""The root's parent."""

VERSION: Final = (3, 0, 0)


@dataclass(frozen=True, slots=True, repr=False)
class Plain:
    """A model in the clear.

    Attributes:
        objective: one of `objectives.SECTIONS`.
        number: of its section.
        base: the score without a tree, of each output.
        leaves: their weights [trees, leaves]; trees belong to the outputs in turn.
        splits: of all columns together; see `candidates.Told`.
        gain, cover: see `growing.worth`; None: not known.
    """

    objective: str
    number: float
    base: NDArray[np.float64]
    leaves: NDArray[np.float64]
    splits: Told
    gain: NDArray[np.float64] | None = None
    cover: NDArray[np.float64] | None = None

    @property
    def outputs(self) -> int:
        """Numbers that are predicted for a row."""
        return len(self.base)


def merged(parties: Sequence[str], parts: Sequence[Told]) -> Told:
    """The splits of all parties as those of one table, whose columns are theirs side by side."""
    column = np.full(np.shape(parts[0]["column"]), NONE, np.int64)
    threshold = np.zeros(column.shape, np.float32)
    missing = np.zeros(column.shape, np.bool_)
    begin = 0
    for part in parts:
        mine = np.asarray(part["column"]) != NONE
        column = np.where(mine, np.asarray(part["column"]) + begin, column)
        threshold = np.where(mine, part["threshold"], threshold)
        missing = np.where(mine, part["missing"], missing)
        begin += len(part["names"])
    return {
        "names": column_names(parties, [part["names"] for part in parts]),
        "named": all(part["named"] for part in parts),
        "column": column,
        "threshold": threshold,
        "missing": missing,
    }


def write(model: Plain) -> str:
    """The model as text, which ``xgboost.Booster().load_model(bytearray(text, "utf-8"))`` reads."""
    splits, width, outputs = model.splits, len(model.splits["names"]), model.outputs
    weights, base = _rooted(model)
    trees = [_tree(number, nodes_of(model, number, weights), width) for number in range(len(weights))]
    grown = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
        "iteration_indptr": list(range(0, len(trees) + 1, outputs)),
        "tree_info": [number % outputs for number in range(len(trees))],
        "trees": trees,
    }
    classes, targets = (outputs, 1) if model.objective == SOFTMAX else (0, outputs)
    numbers = {
        "num_class": str(classes),
        "num_feature": str(width),
        "num_target": str(targets),
        "boost_from_average": "1",
    }
    section, key = SECTIONS[model.objective]
    number = outputs if model.objective == SOFTMAX else float(model.number)
    learner = {
        "attributes": {},
        "feature_names": splits["names"] if splits["named"] else [],
        "feature_types": [],
        "gradient_booster": {"model": grown, "name": "gbtree"},
        "learner_model_param": {"base_score": f"{base:.9E}", **numbers},
        "objective": {
            "name": model.objective,
            section: {key: f"[{number}]" if model.objective == QUANTILE else str(number)},
        },
    }
    return json.dumps({"learner": learner, "version": VERSION})


def _rooted(model: Plain) -> tuple[NDArray[np.float64], float]:
    """Leaves and `base_score`.

    Not all versions of XGBoost read one for each output: then the first trees have it.
    """
    if model.outputs == 1:
        return model.leaves, _mean(model.objective, float(model.base[0]))
    leaves = model.leaves.copy()
    leaves[: model.outputs] += model.base[:, None]
    return leaves, 0.0


def _mean(objective: str, score: float) -> float:
    """`base_score` of a score without a tree."""
    if objective == BINARY:
        return 1 / (1 + math.exp(-score))
    return math.exp(score) if objective in (POISSON, GAMMA, TWEEDIE) else score


class Node(NamedTuple):
    """A node of a tree, as other libraries have it.

    Attributes:
        left: the place of its left child, the right one stands behind it; -1: it is a leaf.
        parent: the place of its parent.
        column, threshold, missing: of its split; see `candidates.Told`.
        weight: of a leaf.
        gain, cover: see `growing.worth`; 0: not known.
    """

    left: int
    parent: int
    column: int
    threshold: float
    missing: bool
    weight: float
    gain: float
    cover: float


def nodes_of(model: Plain, number: int, weights: NDArray[np.float64]) -> list[Node]:
    """The nodes of a tree, the root first, children side by side, as some of what reads them expects.

    Args:
        model: with all trees.
        number: of the tree.
        weights: of all leaves, in place of the model's.
    """
    splits, leaves = model.splits, weights[number]
    column, threshold, missing = (splits[key][number] for key in ("column", "threshold", "missing"))
    gain = np.zeros(len(column)) if model.gain is None else model.gain[number]
    cover = np.zeros(2 * len(column) + 1) if model.cover is None else model.cover[number]
    waiting, nodes = [(0, NOWHERE)], list[Node]()
    while len(nodes) < len(waiting):
        node, parent = waiting[len(nodes)]
        while node < len(column) and column[node] == NONE:
            node = 2 * node + 2
        hessian = float(cover[node])
        if node >= len(column):
            weight = float(leaves[node - len(column)])
            nodes.append(Node(-1, parent, 0, 0.0, False, weight, 0.0, hessian))
            continue
        split = int(column[node]), float(threshold[node]), bool(missing[node])
        left, place = len(waiting), len(nodes)
        nodes.append(Node(left, parent, *split, 0.0, float(gain[node]), hessian))
        waiting += [(2 * node + 1, place), (2 * node + 2, place)]
    return nodes


def _tree(number: int, nodes: Sequence[Node], width: int) -> dict[str, Any]:
    leaf = [node.left < 0 for node in nodes]
    size = {"num_deleted": "0", "num_feature": str(width), "num_nodes": str(len(nodes))}
    return {
        "left_children": [node.left for node in nodes],
        "right_children": [-1 if end else node.left + 1 for node, end in zip(nodes, leaf, strict=True)],
        "parents": [node.parent for node in nodes],
        "split_indices": [node.column for node in nodes],
        "split_conditions": [
            node.weight if end else node.threshold for node, end in zip(nodes, leaf, strict=True)
        ],
        "default_left": [int(node.missing) for node in nodes],
        "loss_changes": [node.gain for node in nodes],
        "sum_hessian": [node.cover for node in nodes],
        "base_weights": [node.weight for node in nodes],
        "split_type": [0] * len(nodes),
        **{
            name: [] for name in ("categories", "categories_nodes", "categories_segments", "categories_sizes")
        },
        "id": number,
        "tree_param": {**size, "size_leaf_vector": "1"},
    }


# -------------------------------------------------------------------- the other way


def read(model: Any, deepest: int) -> Plain:
    """A model of XGBoost's.

    Args:
        model: an ``XGBClassifier`` or ``XGBRegressor``, a ``Booster``, its JSON as text, bytes or dicts.
        deepest: levels of splits that a tree may have.

    Raises:
        ValueError: it is none, or has something that our trees have not; the message says what.
    """
    try:
        return _read(_parsed(model)["learner"], deepest)
    except ValueError:
        raise
    except UNREADABLE:
        raise ValueError("a part of it is missing, or is not what XGBoost writes there") from None


def _read(learner: Mapping[str, Any], deepest: int) -> Plain:
    objective, booster = learner["objective"]["name"], learner["gradient_booster"]
    if objective not in SECTIONS:
        raise ValueError(f"its objective is {objective}, none of {', '.join(SECTIONS)}")
    if booster["name"] != "gbtree":
        raise ValueError(f"its booster is {booster['name']}, not gbtree")
    param = learner["learner_model_param"]
    count = int(param["num_feature"])
    if count > MOST_COLUMNS:
        raise ValueError(f"it has {count} columns; ours have up to {MOST_COLUMNS}")
    names = list(map(str, learner["feature_names"])) or [f"f{place}" for place in range(count)]
    trees = booster["model"]["trees"]
    if not trees or any(any(tree["split_type"]) for tree in trees):
        raise ValueError("it has no trees, or splits by categories")
    depth = max(1, *[_depth(tree) for tree in trees])
    if depth > deepest:
        raise ValueError(f"a tree has {depth} levels of splits; ours have up to {deepest}")
    outputs = max(1, int(param["num_class"]), int(param.get("num_target", 1)))
    if outputs > 1 and objective != SOFTMAX:
        raise ValueError(f"it predicts {outputs} numbers for each row")
    turns = [number % outputs for number in range(len(trees))]
    if list(booster["model"]["tree_info"]) != turns or len(trees) % outputs:
        raise ValueError("it has not the same number of trees for each class, in turn")
    filled = [_filled(tree, depth) for tree in trees]
    column, threshold, missing, leaves, gain, cover = map(np.stack, zip(*filled, strict=True))
    base = [float(each) for each in str(param["base_score"]).strip("[]").split(",")]
    section, key = SECTIONS[objective]
    return Plain(
        objective,
        float(str(learner["objective"][section][key]).strip("[]")),
        np.broadcast_to([score_of(objective, each) for each in base], (outputs,)).astype(np.float64),
        leaves,
        {"names": names, "named": True, "column": column, "threshold": threshold, "missing": missing},
        gain,
        cover,
    )


def _parsed(model: Any) -> Mapping[str, Any]:
    """The model as JSON says it, with the trees by which what was given would predict."""
    given = model
    if hasattr(model, "get_booster"):
        if not np.isnan(model.missing):
            raise ValueError(f"it takes {model.missing} for what is missing, and only NaN and null are here")
        best, model = getattr(model, "best_iteration", None), model.get_booster()
        model = model if best is None else model[: best + 1]
    model = bytes(model.save_raw("json")) if hasattr(model, "save_raw") else model
    try:
        parsed = json.loads(model) if isinstance(model, str | bytes | bytearray) else model
    except ValueError:
        raise ValueError("it is no JSON: save_model('model.json') writes such") from None
    if not isinstance(parsed, Mapping) or "learner" not in parsed:
        raise ValueError(f"{type(model).__name__} is no model of XGBoost")
    best = parsed["learner"].get("attributes", {}).get("best_iteration")
    told = hasattr(given, "get_booster") or hasattr(given, "save_raw")
    rounds = len(parsed["learner"]["gradient_booster"].get("model", {}).get("iteration_indptr", [0])) - 1
    if not told and best is not None and rounds > int(best) + 1:
        raise ValueError(
            f"its training ended early, and its text does not say whether the {rounds - int(best) - 1} trees "
            f"after the best one count: pass the estimator, or booster[:{int(best) + 1}]"
        )
    return parsed


def _depth(tree: Mapping[str, Any]) -> int:
    """Levels of splits. A node may stand under one other alone: else what is short would take without end."""
    left, right = tree["left_children"], tree["right_children"]
    deepest, visited, waiting = 0, 0, [(0, 0)]
    while waiting:
        node, depth = waiting.pop()
        visited += 1
        if visited > len(left) or not 0 <= node < len(left):
            raise ValueError("what it has as a tree is none")
        deepest = max(deepest, depth)
        if left[node] >= 0:
            waiting += [(left[node], depth + 1), (right[node], depth + 1)]
    return deepest


def _filled(tree: Mapping[str, Any], depth: int) -> tuple[Any, ...]:
    """The tree with a place for each node of so many levels."""
    inner = 2**depth - 1
    column = np.full(inner, NONE, np.int32)
    threshold, missing = np.zeros(inner, np.float32), np.zeros(inner, np.bool_)
    leaves, gain, cover = np.zeros(inner + 1), np.zeros(inner), np.zeros(2 * inner + 1)
    for place, node in _places(tree, inner):
        if place >= inner:
            leaves[place - inner] = tree["split_conditions"][node]
            cover[place] = tree["sum_hessian"][node]
        else:
            column[place] = tree["split_indices"][node]
            threshold[place] = tree["split_conditions"][node]
            missing[place] = bool(tree["default_left"][node])
            gain[place] = tree["loss_changes"][node]
    for place in reversed(range(inner)):
        cover[place] = cover[2 * place + 1] + cover[2 * place + 2]
    return column, threshold, missing, leaves, gain, cover


def _places(tree: Mapping[str, Any], inner: int) -> Iterator[tuple[int, int]]:
    """Where its nodes stand among ours: a leaf at the right end of what would be under it."""
    waiting = [(0, 0)]
    while waiting:
        place, node = waiting.pop()
        left, right = tree["left_children"][node], tree["right_children"][node]
        if left >= 0:
            waiting += [(2 * place + 1, left), (2 * place + 2, right)]
        else:
            while place < inner:
                place = 2 * place + 2
        yield place, node


def part_of(splits: Told, names: Sequence[str]) -> Told:
    """The splits by these columns alone."""
    places = {splits["names"].index(name): own for own, name in enumerate(names)}
    lookup = np.array([places.get(place, NONE) for place in range(len(splits["names"]))] + [NONE], np.int32)
    column = lookup[np.asarray(splits["column"])]  # NONE is the last one
    mine = column != NONE
    return {
        "names": list(names),
        "named": splits["named"],
        "column": column,
        "threshold": np.where(mine, splits["threshold"], np.float32(0)),
        "missing": mine & splits["missing"],
    }
