"""Trees in files: each party keeps what it has of a model, and shares of what nobody has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from junto.device.disclosure import reveal, wait
from junto.device.pyu import PYU
from junto.device.spu.spu import SPU
from junto.errors import LearnError
from junto.learn.dataset import Label, Scales
from junto.learn.estimator import require, run_at
from junto.learn.families import LabelScale
from junto.learn.trees import candidates
from junto.learn.trees.ensemble import Learned

Folders = Mapping[str, "str | os.PathLike[str] | None"]

MODEL: Final = "model"
SHARES: Final = "shares"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How files are kept.

    Attributes:
        overwrite: whether a model that is there may be replaced.
        passphrase: where each party has its own: see `SPU.dump`.
    """

    overwrite: bool = False
    passphrase: str | None = None


def save(spu: SPU, learned: Learned, folders: Folders, about: Mapping[str, Any], how: Keeping) -> str:
    """Write the files of all parties, and return the receipt; `about`: what is public of the model."""
    overwrite, passphrase = how.overwrite, how.passphrase
    owners, home = list(learned.scales.by_owner), learned.label.home
    needed = [node.party for node in spu.settings.nodes] + [owner.party for owner in owners]
    needed += [] if home is None else [home.device.party]
    lacking = sorted(set(needed) - set(folders))
    require(not lacking, f"there is no folder for {', '.join(lacking)}", 'pass {"alice": folder, ...}')
    wait([run_at(PYU(party), _made, folder, overwrite) for party, folder in folders.items()])
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
        who.dump(own, _place(folder, MODEL), passphrase=passphrase)
    return receipt


def load(spu: SPU, folders: Folders, passphrase: str | None = None) -> tuple[Mapping[str, Any], Learned]:
    """What is public of a model that was kept, and what is known of it."""
    kept = {
        party: PYU(party).load(_place(folder, MODEL), passphrase=passphrase)
        for party, folder in folders.items()
    }
    told = reveal({party: run_at(PYU(party), _public, each, party) for party, each in kept.items()})
    public = _believed(told)
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


def _believed(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What all parties say alike.

    Raises:
        LearnError: they do not, or it makes no sense.
    """
    public: Any = next(iter(told.values()), None)
    if any(each != public for each in told.values()):
        raise LearnError(
            "the parties' files are not of one model",
            fix="each loads the folder that it gave to the same save()",
        )
    texts, numbers = ("kind", "home", "receipt"), ("known", "count")
    sound = isinstance(public, Mapping) and all(isinstance(public.get(key), str) for key in texts)
    sound = sound and all(isinstance(public.get(key), int) for key in numbers)
    sound = sound and all(isinstance(public.get(key), list) for key in ("owners", "widths"))
    sound = sound and all(isinstance(each, str) for each in public["owners"])
    sound = sound and all(type(each) is int for each in public["widths"])
    if not sound or not isinstance(public.get("params"), Mapping):
        raise LearnError("the parties' files hold no model of trees")
    return public  # type: ignore[no-any-return]


def _place(folder: Any, name: str) -> str:
    return "" if folder is None else str(Path(folder) / name)


def _shares(spu: SPU, folders: Folders) -> dict[str, str]:
    return {node.party: _place(folders.get(node.party), SHARES) for node in spu.settings.nodes}


# -------------------------------------------------------------------- at a party, and on the SPU


def _made(folder: Any, overwrite: bool) -> None:
    """A folder of this party alone, without a model: one that is being written is none yet.

    Raises:
        LearnError: a model is in it.
    """
    place = Path(folder)
    if (place / MODEL).exists() and not overwrite:
        raise LearnError(f"there is a model in {place}", fix="another folder, or overwrite=True")
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / MODEL).unlink(missing_ok=True)


def _own(public: Any, splits: Any, scale: LabelScale | None, party: str) -> dict[str, Any]:
    label = None if scale is None else asdict(scale)
    return {"public": public, "splits": splits, "label": label, "party": party}


def _public(kept: Any, party: str) -> Any:
    """What all parties say alike.

    Raises:
        LearnError: it is another party's file.
    """
    if not isinstance(kept, dict) or "public" not in kept:
        raise LearnError("this party's file holds no model of trees")
    if kept.get("party", party) != party:
        raise LearnError("the folder of this party has another party's file", fix="give each its own folder")
    return kept["public"]


def _splits(kept: Any) -> candidates.Told:
    told: candidates.Told = kept["splits"]
    return told


def _scale(kept: Any) -> LabelScale:
    return LabelScale(**kept["label"])


def _together(weights: Any, scale: Any, worth: Any) -> Any:
    return {"weights": weights, "scale": scale, "worth": worth}


def _apart(kept: Any) -> tuple[Any, Any, Any]:
    return kept["weights"], kept["scale"], kept["worth"]
