"""Trees that leave the SPU, and trees that come to it: export, and models that were trained in the clear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import any_text, integer, one_of, read, real, record, truth
from junto.device.spu.spu import SPU
from junto.learn import examine
from junto.learn.dataset import Label, Scales
from junto.learn.estimator import require, run_at
from junto.learn.families import IDENTITY, LARGEST_MEAN, LOGARITHM, Family, LabelScale
from junto.learn.own_units import scored
from junto.learn.scaled import DIGITS, EXPONENT, in_digits
from junto.learn.trees import candidates, lightgbm_text, onnx_model, secret_columns, xgboost_json
from junto.learn.trees.ensemble import Learned
from junto.learn.trees.explaining import known_worth
from junto.learn.trees.objectives import (
    BINARY,
    GAMMA,
    POISSON,
    SECTIONS,
    SOFTMAX,
    TWEEDIE,
    family_of,
    objective_of,
)
from junto.learn.trees.xgboost_json import Plain

WRITERS: Final[Mapping[str, Callable[[Plain], str | bytes]]] = MappingProxyType(
    {"xgboost": xgboost_json.write, "lightgbm": lightgbm_text.write, "onnx": onnx_model.write}
)
"""By `format` of `TreeModel.export`."""


def exported(
    spu: SPU, learned: Learned, family: Family, receiver: PYU, with_worth: bool, format: str
) -> PYUObject:
    """The whole model in the clear at one party; `with_worth`: gains and covers, too."""
    worth = known_worth(learned) if with_worth else None
    owners = list(learned.scales.by_owner)
    parts = [
        run_at(owner, candidates.told, learned.scales.by_owner[owner], learned.picks[owner]).to(receiver)
        for owner in owners
    ]
    compute = spu(_whole, static_argnames="family", num_returns_policy="single")
    shown = compute(learned.weights, learned.label.scale, worth, family=family).to(receiver)
    parties = [owner.party for owner in owners]
    if learned.hidden is not None:
        secret = {name: each.to(receiver) for name, each in learned.hidden.items()}
        parts, parties = [run_at(receiver, secret_columns.told, secret, spu.numbers.fraction)], [spu.name]
    plain = run_at(receiver, _merged, objective_of(family), parties, parts, shown)
    return run_at(receiver, WRITERS[format], plain)


def _whole(weights: Any, scale: Any, worth: Any, family: Family) -> Any:
    """On the SPU: leaves and the score without a tree, in the label's own units; and what nodes are worth."""
    zero = {**scale, "middle": 0, "shift": 0}
    return {
        "leaves": scored(weights, zero, family=family, told=True),
        "base": scored(scale["start"], scale, family=family, told=True),
        "worth": worth,
    }


def _merged(objective: tuple[str, float], parties: Sequence[str], parts: Sequence[Any], shown: Any) -> Plain:
    leaves, base = (np.ldexp(shown[key][DIGITS], shown[key][EXPONENT]) for key in ("leaves", "base"))
    splits, name = xgboost_json.merged(parties, parts), objective[0]
    worth = shown["worth"] or {}
    stats = [np.ldexp(worth[key], worth[f"{key}_exponent"]) for key in ("gain", "cover") if worth]
    if leaves.ndim == 3 and name == SOFTMAX:  # each tree is of one class
        trees, _, outputs = leaves.shape
        leaves = leaves[np.arange(trees), :, np.arange(trees) % outputs]
        base = np.broadcast_to(base, (outputs,))
    elif leaves.ndim == 3:  # each tree is of all classes
        outputs = leaves.shape[2]
        leaves = np.moveaxis(leaves, 2, 1).reshape(-1, leaves.shape[1])
        fields = ("column", "threshold", "missing")
        splits = {**splits, **{key: np.repeat(splits[key], outputs, axis=0) for key in fields}}
        stats = [np.repeat(each, outputs, axis=0) for each in stats]
        base = np.broadcast_to(base, (outputs,))
    base = np.reshape(base, -1).astype(np.float64)
    return Plain(name, objective[1], base, np.asarray(leaves), splits, *stats)


# -------------------------------------------------------------------- models that come


DEEPEST: Final = 10
"""A tree has a place for each of its 2**depth leaves, used or not."""

WORTH_ROOM: Final = 12
"""Bits before the point of gains and covers: their sums over all nodes stay in range."""

MOST_CLASSES: Final = 1000
"""Each has trees of its own."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What all parties learn of a model that comes.

    Attributes:
        objective: one of `objectives.SECTIONS`.
        number: of its section.
        classes: how many it has; 1 if its label is a number.
        trees: how many, of each class.
        depth: levels of splits.
        known: see `dataset.Checked`.
        worth: whether it has gains and covers of its nodes.
    """

    objective: str
    number: float
    classes: int
    trees: int
    depth: int
    known: bool
    worth: bool


def imported(spu: SPU, model: PYUObject, columns: Mapping[PYU, Sequence[str]]) -> tuple[ModelFacts, Learned]:
    """What our models know of one that a party has in the clear.

    Args:
        spu: where leaves are secret.
        model: at its owner: see `xgboost_json.read`.
        columns: the names of each party's.
    """
    owner, names = model.device, {who: list(some) for who, some in columns.items()}
    plain = run_at(owner, _plain, model, list(chain(*names.values())))
    facts = reveal(run_at(owner, _facts, plain))
    told_facts = _believed(owner.party, facts)
    family = family_of(told_facts.objective, told_facts.number, told_facts.classes)
    told = {who: run_at(owner, _part, plain, names[who]).to(who) for who in names}
    known = {who: run_at(who, candidates.candidates_told, each) for who, each in told.items()}
    picks = {who: run_at(who, candidates.picks_told, each) for who, each in told.items()}
    home = run_at(owner, _scale, plain, family)
    scale = run_at(owner, examine.scale_numbers, home, family, 0.0, 1).to(spu)
    weights = run_at(owner, _leaves, plain, home).to(spu)
    scales = Scales(known, tuple(len(some) for some in names.values()))
    label, worth = Label(home, scale, None), None
    if told_facts.worth:
        shared = run_at(owner, _worth, plain).to(spu)
        worth = spu(dict)(shared)
    return told_facts, Learned(scales, label, told_facts.known, picks, weights, told_facts.trees, worth)


def _plain(model: Any, names: Sequence[str]) -> Plain | str:
    """The model, or why it cannot be used."""
    try:
        found = xgboost_json.read(model, DEEPEST)
    except ValueError as error:
        return str(error)
    if sorted(found.splits["names"]) != sorted(names):
        return f"its columns are {', '.join(found.splits['names'])}"
    return found


def _facts(plain: Plain | str) -> dict[str, Any]:
    if isinstance(plain, str):
        return {"fault": plain}
    count, leaves = plain.leaves.shape
    largest, base = np.abs(plain.leaves).max(), np.abs(plain.base).max()
    log_mean = plain.objective in (POISSON, GAMMA, TWEEDIE)
    classes = {BINARY: 2, SOFTMAX: plain.outputs}.get(plain.objective, 1)
    return {
        "fault": "",
        "objective": plain.objective,
        "number": plain.number,
        "classes": classes,
        "trees": count // plain.outputs,
        "depth": leaves.bit_length() - 1,
        "worth": bool(plain.cover is not None and np.all(plain.cover[:, 0] > 0)),
        "known": bool(largest < 2.0**20 and (base < LARGEST_MEAN if log_mean else base < 2.0**40)),
    }


def _believed(party: str, facts: Any) -> ModelFacts:
    told = read(party, facts, FAULT if isinstance(facts, dict) and set(facts) == {"fault"} else FACTS)
    fault = told.pop("fault")
    require(not fault, f"{party}'s model cannot be used: {fault[:500]!a}", "see docs/how-to/trees.md")
    if told["objective"] == SOFTMAX:
        read(party, told["classes"], integer(3, MOST_CLASSES))
    return ModelFacts(**told)


FAULT: Final = record(fault=any_text)
FACTS: Final = record(
    fault=one_of(""),
    objective=one_of(*SECTIONS),
    number=real,
    classes=integer(1, MOST_CLASSES),
    trees=integer(1, 1 << 40),
    depth=integer(1, DEEPEST),
    known=truth,
    worth=truth,
)
"""Of a model; see `ModelFacts`."""


def _part(plain: Plain, names: Sequence[str]) -> candidates.Told:
    return xgboost_json.part_of(plain.splits, names)


def _worth(plain: Plain) -> Any:
    """See `growing.worth`."""
    found = dict[str, Any]()
    for name in ("gain", "cover"):
        told = in_digits(getattr(plain, name), WORTH_ROOM)
        found |= {name: told[DIGITS], f"{name}_exponent": told[EXPONENT]}
    return found


def _scale(plain: Plain, family: Family) -> LabelScale:
    """A scale on which leaves are of a size that fixed point is good at."""
    first = float(plain.base[0])
    if family.link == LOGARITHM:
        return LabelScale(shift=first)
    if family.link != IDENTITY:
        return LabelScale(start=first if plain.outputs == 1 else tuple(plain.base.tolist()))
    return LabelScale(shift=first, spread=float(np.abs(plain.leaves).max()) or 1.0)


def _leaves(plain: Plain, scale: LabelScale) -> Any:
    """As `growing.stacked` has them."""
    if plain.outputs == 1:
        return plain.leaves / scale.spread
    own = np.arange(len(plain.leaves)) % plain.outputs
    return plain.leaves[:, :, None] * np.equal.outer(own, np.arange(plain.outputs))[:, None, :]
