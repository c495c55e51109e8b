"""A training that is kept after each tree, and from which a broken one goes on.

Two checkpoints take turns in each party's folder. One that is being written is told by its lacking file, so
whenever the parties break off, one of the two is whole at all of them, or none was ever.

Learns: when a training begins, every party learns whether each other one has a checkpoint, and of how many
trees; both have been seen before, when it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from junto.device.pyu import PYU
from junto.device.revealed_facts import facts, list_of, truth
from junto.device.spu.spu import SPU
from junto.learn import pooled_files
from junto.learn.estimator import require, run_at
from junto.learn.kept_models import MODEL, Folders, Keeping, opened
from junto.learn.pooled import Pooled
from junto.learn.trees import keeping
from junto.learn.trees.ensemble import Learned


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a training is kept.

    Attributes:
        spu: where it is trained.
        folders: see `TreeModel.save`.
        passphrase: likewise.
        about: what is public of the model: its class, and its parameters but for the number of trees.
    """

    spu: SPU
    folders: Folders
    passphrase: str | None
    about: Mapping[str, Any]

    def latest(self) -> Learned | Pooled | None:
        """What was learned when the training broke off; None: it is to begin.

        Raises:
            LearnError: it was another model's training, or the parties do not have the same one.
        """
        if self.spu.session.rehearsal is not None:
            return None
        asked = {
            party: run_at(PYU(party), _there, [folders[party] for folders in self._turns])
            for party in self.folders
        }
        told = facts(asked, list_of(truth, len(self._turns)))
        whole = [turn for turn, _ in enumerate(self._turns) if all(each[turn] for each in told.values())]
        require(
            bool(whole) or not any(all(each) for each in told.values()),  # else the first one broke off
            "the parties' folders have no checkpoint of the same tree",
            "empty the folders at all parties, and train from the beginning",
        )
        found = [self._read(self._turns[turn]) for turn in whole]
        for public, _ in found:
            same = {key: public.get(key) for key in self.about} == self.about
            require(same, "the folders have a checkpoint of another model", "other folders, or empty them")
        return max((learned for _, learned in found), key=lambda learned: learned.count, default=None)

    def keep(self, learned: Learned | Pooled) -> None:
        """Keep what was learned so far, in place of the last but one."""
        if self.spu.session.rehearsal is not None:
            return
        folders, how = self._turns[learned.count % 2], Keeping(True, self.passphrase)
        if isinstance(learned, Pooled):
            pooled_files.save(learned, folders, self.about, how)
        else:
            keeping.save(self.spu, learned, folders, self.about, how)

    def _read(self, folders: Folders) -> tuple[Mapping[str, Any], Learned | Pooled]:
        found = opened(folders, self.passphrase)
        if "pooled" in found[1]:
            return pooled_files.read(*found)
        return keeping.read(self.spu, folders, found, self.passphrase)

    @property
    def _turns(self) -> tuple[Folders, Folders]:
        return _within(self.folders, "even"), _within(self.folders, "odd")


def checkpoint_of(spu: SPU, given: Any, about: Mapping[str, Any]) -> Checkpoint:
    """Where a training is kept, of the folders, or of a pair of them and a passphrase.

    Raises:
        LearnError: it is neither.
    """
    folders, passphrase = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    require(
        isinstance(folders, Mapping) and isinstance(passphrase, str | None),
        "checkpoint is neither folders nor a pair of folders and a passphrase",
        'checkpoint={"alice": folder, ...}, or ({"alice": folder, ...}, "env:MODEL")',
    )
    return Checkpoint(spu, folders, passphrase, about)


def _within(folders: Folders, name: str) -> Folders:
    return {party: None if each is None else str(Path(each) / name) for party, each in folders.items()}


def _there(folders: list[str]) -> list[bool]:
    """At a party: which checkpoints are whole."""
    return [(Path(folder) / MODEL).exists() for folder in folders]
