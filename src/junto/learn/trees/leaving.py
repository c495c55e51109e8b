"""Trees that leave the SPU, and trees that come to it: export, and models that were trained in the clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np

from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject
from junto.device.spu.spu import SPU
from junto.errors import LearnError
from junto.learn import examine
from junto.learn.dataset import Label, Scales
from junto.learn.estimator import require, run_at
from junto.learn.families import IDENTITY, Family, LabelScale
from junto.learn.own_units import scored
from junto.learn.scaled import DIGITS, EXPONENT
from junto.learn.trees import candidates, xgboost_json
from junto.learn.trees.ensemble import Learned
from junto.learn.trees.xgboost_json import CLASSES, NUMBERS, Plain


def exported(spu: SPU, learned: Learned, family: Family, receiver: PYU) -> PYUObject:
    """The whole model in the clear, as XGBoost's JSON, at one party."""
    owners = list(learned.scales.by_owner)
    parts = [
        run_at(owner, candidates.told, learned.scales.by_owner[owner], learned.picks[owner]).to(receiver)
        for owner in owners
    ]
    compute = spu(_whole, static_argnames="family", num_returns_policy="single")
    shown = compute(learned.weights, learned.label.scale, family=family).to(receiver)
    objective = NUMBERS if family.link == IDENTITY else CLASSES
    return run_at(receiver, _written, objective, [owner.party for owner in owners], parts, shown)


def _whole(weights: Any, scale: Any, family: Family) -> Any:
    """On the SPU: leaves and the score without a tree, in the label's own units."""
    zero = {**scale, "middle": 0, "shift": 0}
    return {
        "leaves": scored(weights, zero, family=family, told=True),
        "base": scored(scale["start"], scale, family=family, told=True),
    }


def _written(objective: str, parties: Sequence[str], parts: Sequence[Any], shown: Any) -> str:
    leaves, base = (np.ldexp(shown[key][DIGITS], shown[key][EXPONENT]) for key in ("leaves", "base"))
    model = Plain(objective, float(base), np.asarray(leaves), xgboost_json.merged(parties, parts))
    return xgboost_json.write(model)


# -------------------------------------------------------------------- models that come


DEEPEST: Final = 10
"""A tree has a place for each of its 2**depth leaves, used or not."""


def imported(
    spu: SPU, model: PYUObject, columns: Mapping[PYU, Sequence[str]], families: Mapping[str, Family]
) -> tuple[str, int, Learned]:
    """The objective, the depth and what our models know of one that a party has in the clear.

    Args:
        spu: where leaves are secret.
        model: at its owner: see `xgboost_json.read`.
        columns: the names of each party's.
        families: of each objective.
    """
    owner, names = model.device, {who: list(some) for who, some in columns.items()}
    plain = run_at(owner, _plain, model, list(chain(*names.values())))
    facts = reveal(run_at(owner, _facts, plain))
    objective, trees, depth = _believed(owner.party, facts)
    family = families[objective]
    told = {who: run_at(owner, _part, plain, names[who]).to(who) for who in names}
    known = {who: run_at(who, candidates.candidates_told, each) for who, each in told.items()}
    picks = {who: run_at(who, candidates.picks_told, each) for who, each in told.items()}
    home = run_at(owner, _scale, plain, family)
    scale = run_at(owner, examine.scale_numbers, home, family, 0.0, 1).to(spu)
    weights = run_at(owner, _leaves, plain, home).to(spu)
    scales = Scales(known, tuple(len(some) for some in names.values()))
    fits = bool(facts["known"])
    return objective, depth, Learned(scales, Label(home, scale, None), fits, picks, weights, trees)


def _plain(model: Any, names: Sequence[str]) -> Plain | str:
    """The model, or why it cannot be used."""
    try:
        found = xgboost_json.read(model, DEEPEST)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return str(error)
    if sorted(found.splits["names"]) != sorted(names):
        return f"its columns are {', '.join(found.splits['names'])}"
    return found


def _facts(plain: Plain | str) -> dict[str, Any]:
    if isinstance(plain, str):
        return {"fault": plain, "objective": "", "trees": 0, "depth": 0, "known": True}
    count, leaves = plain.leaves.shape
    depth = leaves.bit_length() - 1
    fits = bool(np.abs(plain.leaves).max() < 2.0**20 and abs(plain.base) < 2.0**40)
    return {"fault": "", "objective": plain.objective, "trees": count, "depth": depth, "known": fits}


def _believed(party: str, facts: Any) -> tuple[str, int, int]:
    try:
        fault, objective, trees, depth = (facts[key] for key in ("fault", "objective", "trees", "depth"))
        sound = isinstance(fault, str) and isinstance(facts["known"], bool)
        sound = sound and (fault or (objective in (CLASSES, NUMBERS) and type(trees) is type(depth) is int))
        sound = sound and (fault or (trees > 0 and 1 <= depth <= DEEPEST))
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise LearnError(f"{party} described its model in a way that makes no sense")
    require(not fault, f"{party}'s model cannot be used: {fault[:500]}", "see docs/how-to/trees.md")
    return objective, trees, depth


def _part(plain: Plain, names: Sequence[str]) -> candidates.Told:
    return xgboost_json.part_of(plain.splits, names)


def _scale(plain: Plain, family: Family) -> LabelScale:
    """A scale on which leaves are of a size that fixed point is good at."""
    if family.link != IDENTITY:
        return LabelScale(start=plain.base)
    return LabelScale(shift=plain.base, spread=float(np.abs(plain.leaves).max()) or 1.0)


def _leaves(plain: Plain, scale: LabelScale) -> Any:
    return plain.leaves / scale.spread
