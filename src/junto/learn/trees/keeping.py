"""Trees in files: see `kept_columns`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from junto.device.spu.spu import SPU
from junto.learn import kept_columns
from junto.learn.dataset import Scales
from junto.learn.estimator import run_at
from junto.learn.kept_columns import KeptParts
from junto.learn.kept_models import Folders, Keeping
from junto.learn.trees import candidates
from junto.learn.trees.ensemble import Learned

FACTS: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType({"known": (bool,), "count": (int,)})


def parts_of(learned: Learned) -> KeptParts:
    """What is kept of trees."""
    owned = {
        owner: run_at(owner, _own, known, learned.picks[owner])
        for owner, known in learned.scales.by_owner.items()
    }
    secret = {"weights": learned.weights, "scale": learned.label.scale, "worth": learned.worth}
    secret |= {"hidden": learned.hidden}
    facts = {"known": learned.known, "count": learned.count}
    return KeptParts(secret, owned, learned.scales.widths, learned.label.home, facts)


def learned_of(spu: SPU, parts: KeptParts) -> Learned:
    """The other way."""
    weights, scale, worth, hidden = spu(_apart)(parts.secret)
    splits = {owner: run_at(owner, _splits, kept) for owner, kept in parts.owned.items()}
    known = {owner: run_at(owner, candidates.candidates_told, each) for owner, each in splits.items()}
    picks = {owner: run_at(owner, candidates.picks_told, each) for owner, each in splits.items()}
    scales, facts = Scales(known, parts.widths), parts.facts
    label = kept_columns.label_of(parts, scale)
    known_range, count = bool(facts["known"]), int(facts["count"] or 0)
    return Learned(scales, label, known_range, picks, weights, count, worth, hidden)


def save(spu: SPU, learned: Learned, folders: Folders, about: Mapping[str, Any], how: Keeping) -> str:
    """Write the files of all parties, and return the receipt; `about`: what is public of the model."""
    return kept_columns.save(spu, parts_of(learned), folders, about, how)


def read(
    spu: SPU, folders: Folders, found: tuple[Mapping[str, Any], Mapping[str, Any]], passphrase: str | None
) -> tuple[Mapping[str, Any], Learned]:
    """What is public of a model whose files are open, see `kept_models.opened`, and what is known of it."""
    return found[1], learned_of(spu, kept_columns.read(spu, folders, found, FACTS, passphrase))


# -------------------------------------------------------------------- at a party, and on the SPU


def _own(known: Any, picks: Any) -> dict[str, Any]:
    return {"splits": candidates.told(known, picks)}


def _splits(kept: Any) -> candidates.Told:
    told: candidates.Told = kept["splits"]
    return told


def _apart(kept: Any) -> tuple[Any, Any, Any, Any]:
    return kept["weights"], kept["scale"], kept["worth"], kept["hidden"]
