"""Trees in files: each party keeps what it has of a model, and shares of what nobody has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from junto.device.disclosure import wait
from junto.device.pyu import PYU
from junto.device.spu.spu import SPU
from junto.errors import LearnError
from junto.learn.dataset import Label, Scales
from junto.learn.estimator import require, run_at
from junto.learn.families import LabelScale
from junto.learn.kept_models import MODEL, Folders, Keeping, made, opened, own, place
from junto.learn.trees import candidates
from junto.learn.trees.ensemble import Learned

SHARES: Final = "shares"


def save(spu: SPU, learned: Learned, folders: Folders, about: Mapping[str, Any], how: Keeping) -> str:
    """Write the files of all parties, and return the receipt; `about`: what is public of the model."""
    overwrite, passphrase = how.overwrite, how.passphrase
    owners, home = list(learned.scales.by_owner), learned.label.home
    needed = [node.party for node in spu.settings.nodes] + [owner.party for owner in owners]
    needed += [] if home is None else [home.device.party]
    lacking = sorted(set(needed) - set(folders))
    require(not lacking, f"there is no folder for {', '.join(lacking)}", 'pass {"alice": folder, ...}')
    wait([run_at(PYU(party), made, folder, overwrite) for party, folder in folders.items()])
    kept = spu(_together, num_returns_policy="single")(learned.weights, learned.label.scale, learned.worth)
    receipt = spu.dump(kept, _shares(spu, folders), overwrite=overwrite, passphrase=passphrase)
    public = {
        **about,
        "owners": [owner.party for owner in owners],
        "widths": list(learned.scales.widths),
        "home": "" if home is None else home.device.party,
        "known": learned.known,
        "count": learned.count,
        "receipt": receipt,
    }
    for party, folder in folders.items():
        who = PYU(party)
        splits = None
        if who in learned.picks:
            splits = run_at(who, candidates.told, learned.scales.by_owner[who], learned.picks[who])
        scale = home if home is not None and home.device == who else None
        own = run_at(who, _own, public, splits, scale, party)
        who.dump(own, place(folder, MODEL), passphrase=passphrase)
    return receipt


def load(spu: SPU, folders: Folders, passphrase: str | None = None) -> tuple[Mapping[str, Any], Learned]:
    """What is public of a model that was kept, and what is known of it."""
    return read(spu, folders, opened(folders, passphrase), passphrase)


def read(
    spu: SPU, folders: Folders, found: tuple[Mapping[str, Any], Mapping[str, Any]], passphrase: str | None
) -> tuple[Mapping[str, Any], Learned]:
    """The same of files that are open: see `kept_models.opened`."""
    kept, public = found[0], _believed(found[1])
    lacking = sorted({*public["owners"], *filter(None, [public["home"]])} - set(kept))
    require(not lacking, f"there is no folder for {', '.join(lacking)}", 'pass {"alice": folder, ...}')
    shares = spu.load(_shares(spu, folders), receipt=public["receipt"], passphrase=passphrase)
    weights, scale, worth = spu(_apart)(shares)
    owners = [PYU(party) for party in public["owners"]]
    splits = {owner: run_at(owner, _splits, kept[owner.party]) for owner in owners}
    known = {owner: run_at(owner, candidates.candidates_told, each) for owner, each in splits.items()}
    picks = {owner: run_at(owner, candidates.picks_told, each) for owner, each in splits.items()}
    home = None if not public["home"] else run_at(PYU(public["home"]), _scale, kept[public["home"]])
    scales, label = Scales(known, tuple(public["widths"])), Label(home, scale, None)
    return public, Learned(scales, label, public["known"], picks, weights, public["count"], worth)


def _believed(public: Mapping[str, Any]) -> Mapping[str, Any]:
    """What all parties say alike.

    Raises:
        LearnError: it makes no sense.
    """
    texts, numbers = ("kind", "home", "receipt"), ("known", "count")
    sound = all(isinstance(public.get(key), str) for key in texts)
    sound = sound and all(isinstance(public.get(key), int) for key in numbers)
    sound = sound and all(isinstance(public.get(key), list) for key in ("owners", "widths"))
    sound = sound and all(isinstance(each, str) for each in public["owners"])
    sound = sound and all(type(each) is int for each in public["widths"])
    if not sound:
        raise LearnError("the parties' files hold no model of trees")
    return public


def _shares(spu: SPU, folders: Folders) -> dict[str, str]:
    return {node.party: place(folders.get(node.party), SHARES) for node in spu.settings.nodes}


# -------------------------------------------------------------------- at a party, and on the SPU


def _own(public: Any, splits: Any, scale: LabelScale | None, party: str) -> dict[str, Any]:
    return own(public, {"splits": splits, "label": None if scale is None else asdict(scale)}, party)


def _splits(kept: Any) -> candidates.Told:
    told: candidates.Told = kept["splits"]
    return told


def _scale(kept: Any) -> LabelScale:
    return LabelScale(**kept["label"])


def _together(weights: Any, scale: Any, worth: Any) -> Any:
    return {"weights": weights, "scale": scale, "worth": worth}


def _apart(kept: Any) -> tuple[Any, Any, Any]:
    return kept["weights"], kept["scale"], kept["worth"]
