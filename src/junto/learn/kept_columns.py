"""Models of columns of several parties, in files: each party keeps its own part, and shares of secrets.

An owner of columns keeps what it knows of them, the label's owner its scale, and each party of the SPU its
share of what nobody sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from junto.device.disclosure import wait
from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.errors import LearnError
from junto.learn.dataset import Label, Scales
from junto.learn.estimator import require, run_at
from junto.learn.examine import ColumnScaling
from junto.learn.families import LabelScale
from junto.learn.kept_models import MODEL, Folders, Keeping, made, own, place
from junto.tree import leaves, map_leaves

SHARES: Final = "shares"


@dataclass(frozen=True, slots=True)
class KeptParts:
    """What a model consists of.

    Attributes:
        secret: a tree of what nobody sees, in the rings in which it is held; numbers of the script's own come
            back as secrets.
        owned: of each owner of columns a handle of a dict of plain values, of what it alone knows.
        widths: columns of each owner; or of all, if they were on the SPU.
        home: a handle of the label's scale, at its owner.
        facts: what all know, by name.
    """

    secret: Any
    owned: Mapping[PYU, PYUObject]
    widths: tuple[int, ...]
    home: PYUObject | None
    facts: Mapping[str, bool | int | float | None]


def save(spu: SPU, parts: KeptParts, folders: Folders, about: Mapping[str, Any], how: Keeping) -> str:
    """Write the files of all parties, and return the receipt of the shares.

    Raises:
        LearnError: there is no folder for a party.
        RemoteError: a folder has a model, a disk refuses, or a party has no passphrase.
    """
    overwrite, passphrase, home = how.overwrite, how.passphrase, parts.home
    needed = [node.party for node in spu.settings.nodes] + [owner.party for owner in parts.owned]
    _require_folders(needed + ([] if home is None else [home.device.party]), folders)
    wait([run_at(PYU(party), made, folder, overwrite) for party, folder in folders.items()])
    receipt = spu.dump(
        _secrets(spu, parts.secret), _shares(spu, folders), overwrite=overwrite, passphrase=passphrase
    )
    public = {
        **about,
        **parts.facts,
        "owners": [owner.party for owner in parts.owned],
        "widths": list(parts.widths),
        "home": "" if home is None else home.device.party,
        "receipt": receipt,
    }
    for party, folder in folders.items():
        who = PYU(party)
        scale = home if home is not None and home.device == who else None
        mine = run_at(who, _own, public, parts.owned.get(who), scale, party)
        who.dump(mine, place(folder, MODEL), passphrase=passphrase)
    return receipt


def read(
    spu: SPU,
    folders: Folders,
    found: tuple[Mapping[str, Any], Mapping[str, Any]],
    facts: Mapping[str, tuple[type, ...]],
    passphrase: str | None,
) -> KeptParts:
    """The parts of a model whose files are open: see `kept_models.opened`.

    Args:
        spu: of the same parties in the same roles.
        folders: as in `save`.
        found: what `opened` returned.
        facts: the names of `KeptParts.facts`, with their types.
        passphrase: as in `save`.

    Raises:
        LearnError: the files are of another kind of model; or there is no folder for a party.
        RemoteError: a file is missing, damaged, or another party's.
    """
    kept, public = found
    texts, lists = (public.get("home"), public.get("receipt")), (public.get("owners"), public.get("widths"))
    sound = all(isinstance(each, str) for each in texts) and all(isinstance(each, list) for each in lists)
    sound = sound and all(isinstance(each, str) for each in public["owners"])
    sound = sound and all(type(each) is int for each in public["widths"])
    if not sound or not all(isinstance(public.get(name), kinds) for name, kinds in facts.items()):
        raise LearnError(
            "the parties' files hold no model of columns of several parties",
            fix="each party gives the folder that save() wrote",
        )
    _require_folders([*public["owners"], *filter(None, [public["home"]])], kept)
    shares = spu.load(_shares(spu, folders), receipt=public["receipt"], passphrase=passphrase)
    owned = {PYU(party): kept[party] for party in public["owners"]}
    home = None if not public["home"] else run_at(PYU(public["home"]), _scale, kept[public["home"]])
    told = {name: public[name] for name in facts}
    return KeptParts(shares, owned, tuple(public["widths"]), home, told)


def _secrets(spu: SPU, tree: Any) -> Any:
    """The tree with a handle on the SPU for each number of the script's own; handles keep their ring."""
    told = [each for each in leaves(tree) if _is_told(each)]
    made = iter(spu(_same)(told) if told else ())
    return map_leaves(lambda each: next(made) if _is_told(each) else each, tree)


def _is_told(leaf: Any) -> bool:
    return leaf is not None and not isinstance(leaf, SPUObject)


def _require_folders(needed: list[str], folders: Mapping[str, Any]) -> None:
    lacking = sorted(set(needed) - set(folders))
    require(not lacking, f"there is no folder for {', '.join(lacking)}", 'pass {"alice": folder, ...}')


def _shares(spu: SPU, folders: Folders) -> dict[str, str]:
    return {node.party: place(folders.get(node.party), SHARES) for node in spu.settings.nodes}


# -------------------------------------------------------------------- scales of columns


def owned(scales: Scales) -> dict[PYU, PYUObject]:
    """`KeptParts.owned` of columns that their owners have scaled."""
    return {owner: run_at(owner, _told, scaling) for owner, scaling in scales.by_owner.items()}


def scales_of(parts: KeptParts, secret: Any = None) -> Scales:
    """The other way; `secret`: see `Scales`."""
    by_owner = {owner: run_at(owner, _scaling, each) for owner, each in parts.owned.items()}
    return Scales(by_owner, parts.widths, secret)


def label_of(parts: KeptParts, scale: Any) -> Label:
    """A label that was trained on; `scale`: see `Label`."""
    return Label(parts.home, scale, None)


# -------------------------------------------------------------------- at a party, and on the SPU


def _own(public: Any, mine: Any, scale: LabelScale | None, party: str) -> dict[str, Any]:
    return own(public, {**(mine or {}), "label": None if scale is None else asdict(scale)}, party)


def _scale(kept: Any) -> LabelScale:
    return LabelScale(**kept["label"])


def _told(scaling: ColumnScaling) -> dict[str, Any]:
    return {"scaling": {**asdict(scaling), "names": list(scaling.names)}}


def _scaling(kept: Any) -> ColumnScaling:
    told = kept["scaling"]
    return ColumnScaling(**{**told, "names": tuple(told["names"])})


def _same(numbers: Any) -> Any:
    return numbers
