"""Models in folders of the parties: what the files of all kinds of models have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from junto.device.disclosure import reveal
from junto.device.pyu import PYU
from junto.errors import UNREADABLE, LearnError

Folders = Mapping[str, "str | os.PathLike[str] | None"]

MODEL: Final = "model"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How files are kept.

    Attributes:
        overwrite: whether a model that is there may be replaced.
        passphrase: where each party has its own: see `SPU.dump`.
    """

    overwrite: bool = False
    passphrase: str | None = None


def opened(folders: Folders, passphrase: str | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """By party a handle of what its file holds; and what all files say alike.

    Raises:
        LearnError: they are not of one model.
        RemoteError: a file is missing, damaged, or another party's, or does not open with the passphrase.
    """
    kept = {
        party: PYU(party).load(place(folder, MODEL), passphrase=passphrase)
        for party, folder in folders.items()
    }
    told = reveal({party: PYU(party)(_public)(each, party) for party, each in kept.items()})
    public: Any = next(iter(told.values()), None)
    try:
        alike = all(bool(each == public) for each in told.values())
    except UNREADABLE:  # arrays, say, which no file of ours has there
        alike = False
    if not alike:
        raise LearnError(
            "the parties' files are not of one model",
            fix="each loads the folder that it gave to the same save()",
        )
    sound = isinstance(public, Mapping) and isinstance(public.get("kind"), str)
    if not sound or not isinstance(public.get("params"), Mapping):
        raise LearnError(
            "the parties' files hold no model", fix="each party gives the folder that save() wrote"
        )
    return kept, public


def place(folder: Any, name: str) -> str:
    """A file in a folder, if there is one."""
    return "" if folder is None else str(Path(folder) / name)


# -------------------------------------------------------------------- at a party


def made(folder: Any, overwrite: bool) -> None:
    """A folder of this party alone, without a model: one that is being written is none yet.

    Raises:
        LearnError: a model is in it.
    """
    here = Path(folder)
    if (here / MODEL).exists() and not overwrite:
        raise LearnError(f"there is a model in {here}", fix="another folder, or overwrite=True")
    here.mkdir(mode=0o700, parents=True, exist_ok=True)
    (here / MODEL).unlink(missing_ok=True)


def own(public: Any, parts: Mapping[str, Any], party: str) -> dict[str, Any]:
    """What a party's file holds."""
    return {"public": public, **parts, "party": party}


def _public(kept: Any, party: str) -> Any:
    """What all parties say alike.

    Raises:
        LearnError: it is another party's file.
    """
    if not isinstance(kept, dict) or "public" not in kept:
        raise LearnError("this party's file holds no model", fix="give the folder that save() wrote")
    if kept.get("party", party) != party:
        raise LearnError("the folder of this party has another party's file", fix="give each its own folder")
    return kept["public"]
