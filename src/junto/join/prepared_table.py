"""A prepared table, as a script names it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from junto.device.boundary import Scripted
from junto.device.pyu import PYU
from junto.errors import JoinError
from junto.join.on import name_of


class PreparedTable(metaclass=Scripted):
    """A table that its owner has prepared once, so that others may ask it often: see `prepare`.

    Args:
        owner: whose table it is.
        path: of its file, at the owner (only the owner itself looks at it: the others may say None); or by
            party, where those that ask keep a copy, too: ``{bob: "bob.prepared", alice: "bob.copy"}``.
        keys: how many different keys it has, for `explain` only, which reads no file of another party.
        row: bytes of a key in it, likewise: 6, and more with columns.

    Nothing is opened before it is used: in another script, on another day, it is named again.

    Raises:
        JoinError: the owner is no party, or a path is none.
    """

    def __init__(
        self,
        owner: PYU,
        path: str | os.PathLike[str] | Mapping[Any, Any] | None,
        keys: int | None = None,
        row: int = 6,
    ) -> None:
        if not isinstance(owner, PYU):
            raise JoinError("a prepared table has an owner", fix='PreparedTable(bob, "bob.prepared")')
        by_party = path if isinstance(path, Mapping) else {owner: path}
        for each in by_party.values():
            if not isinstance(each, str | os.PathLike | None):
                raise JoinError(
                    f"a {type(each).__name__} is no path of a prepared table",
                    fix="give a text, or a pathlib.Path",
                )
        self.owner: PYU = owner
        self.keys: int | None = keys
        self.row: int = row
        self._paths = {name_of(party): None if p is None else os.fspath(p) for party, p in by_party.items()}

    def path_of(self, party: PYU) -> str | None:
        """Where that party has it, as far as this script says; None: nowhere, or it is not said here."""
        return self._paths.get(party.party)

    @property
    def paths(self) -> Mapping[str, str | None]:
        """All of them, as far as this script says, by name of the party."""
        return self._paths

    def __repr__(self) -> str:
        return f"<Prepared table of {self.owner.party}>"
