"""Models of rows that several parties have, in files: each party keeps the model, which all know."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from junto.device.disclosure import wait
from junto.device.pyu import PYU
from junto.device.revealed_facts import fact, facts, text
from junto.errors import LearnError
from junto.learn.kept_models import MODEL, Folders, Keeping, made, own, place
from junto.learn.pooled import Pooled
from junto.learn.pooled_columns import RowScaling
from junto.learn.pooled_components import PooledComponents
from junto.learn.pooled_groups import PooledGroups
from junto.learn.pooled_linear import PooledLinear
from junto.learn.trees.xgboost_json import Plain

FORMS: Final[Mapping[str, Any]] = MappingProxyType(
    {"components": PooledComponents, "groups": PooledGroups, "linear": PooledLinear, "trees": Plain}
)
"""What `Pooled.found` may be, by the name in a file."""


def save(model: Pooled, folders: Folders, about: Mapping[str, Any], how: Keeping) -> str:
    """Write the files of all parties, and return the hash of the model.

    Raises:
        LearnError: there is no folder for a party.
        RemoteError: a folder has a model, a disk refuses, or a party has no passphrase.
    """
    lacking = sorted({party.party for party in model.found} - set(folders))
    if lacking:
        raise LearnError(f"there is no folder for {', '.join(lacking)}", fix='pass {"alice": folder, ...}')
    wait([party(made)(folders[party.party], how.overwrite) for party in model.found])
    told = {party: party(_told)(found) for party, found in model.found.items()}
    receipt = fact(model.first(_hash)(told[model.first]), text)
    public = {
        **about,
        "pooled": [party.party for party in model.found],
        "columns": list(model.columns),
        "rows": model.rows,
        "count": model.count,
        "receipt": receipt,
    }
    for party, each in told.items():
        kept = party(own)(public, {"model": each}, party.party)
        party.dump(kept, place(folders[party.party], MODEL), passphrase=how.passphrase)
    return receipt


def read(kept: Mapping[str, Any], public: Mapping[str, Any]) -> tuple[Mapping[str, Any], Pooled]:
    """The same of files that are open: see `kept_models.opened`."""
    parties, columns = public.get("pooled"), public.get("columns")
    sound = all(isinstance(each, list) for each in (parties, columns))
    sound = sound and all(type(public.get(key)) is int for key in ("rows", "count"))
    if not sound or set(parties or ()) != set(kept):
        raise LearnError("the parties' files hold no model of their rows", fix="one folder for each of them")
    told = {PYU(party): PYU(party)(_model)(kept[party]) for party in parties or ()}
    hashes = facts({party.party: party(_hash)(each) for party, each in told.items()}, text)
    if any(each != public.get("receipt") for each in hashes.values()):
        raise LearnError(
            "the parties' files are not of one model",
            fix="each loads the folder that it gave to the same save()",
        )
    found = {party: party(_built)(each) for party, each in told.items()}
    names = tuple(map(str, columns or ()))
    return public, Pooled(found, names, public["rows"], public["count"])


# -------------------------------------------------------------------- at a party


def _told(found: Any) -> dict[str, Any]:
    """A model in a form that may be written."""
    form = next(name for name, kind in FORMS.items() if isinstance(found, kind))
    return {"form": form, **asdict(found)}


def _built(told: Any) -> Any:
    """The other way."""
    rest = dict(told)
    form = rest.pop("form")
    if "scaling" in rest:
        scaling = RowScaling(**rest["scaling"])
        rest["scaling"] = replace(scaling, names=tuple(scaling.names))
    return FORMS[form](**rest)


def _model(kept: Any) -> Any:
    return kept["model"]


def _hash(told: Any) -> str:
    found = hashlib.blake2b(digest_size=16)
    _into(found, told)
    return found.hexdigest()


def _into(found: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value):
            found.update(f"{key}:".encode())
            _into(found, value[key])
    elif isinstance(value, list | tuple):
        for each in value:
            _into(found, each)
    elif isinstance(value, np.ndarray):
        found.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    else:
        found.update(f"{value!r};".encode())
