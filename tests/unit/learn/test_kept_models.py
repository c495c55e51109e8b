"""What the files of all kinds of models have in common: one model at all parties, or a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import junto as sf
from junto.errors import LearnError, RemoteError
from junto.learn.kept_models import MODEL, opened, place

SOUND = {"kind": "KMeans", "params": {}}


@pytest.fixture(scope="module")
def session() -> Iterator[sf.Session]:
    with sf.Session(["alice", "bob"], debug_mode=True, logging_level="critical") as made:
        yield made


def kept(folder: Path, said: dict[str, Any]) -> dict[str, str]:
    """A folder for each party, whose file holds this."""
    for party, value in said.items():
        (folder / party).mkdir()
        sf.PYU(party).dump(sf.PYU(party)(dict)(value), place(folder / party, MODEL))
    return {party: str(folder / party) for party in said}


@pytest.mark.usefixtures("session")
def test_files_of_one_model_open_with_what_they_say_alike(tmp_path: Path) -> None:
    handles, public = opened(kept(tmp_path, {party: {"public": SOUND} for party in ("alice", "bob")}), None)
    assert public == SOUND
    assert set(handles) == {"alice", "bob"}
    assert place(None, MODEL) == ""


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({**SOUND, "kind": "PCA"}, "not of one model"),
        ({**SOUND, "kind": np.array([1, 2])}, "not of one model"),
        (np.array([1, 2]), "not of one model"),
        (None, "not of one model"),
    ],
)
def test_files_of_two_models_are_told_apart_whatever_they_hold(other: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(LearnError, match=says):
        opened(kept(tmp_path, {"alice": {"public": SOUND}, "bob": {"public": other}}), None)


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("both", "kind", "says"),
    [
        ({"public": 3}, LearnError, "hold no model"),
        ({"public": {"kind": "KMeans"}}, LearnError, "hold no model"),
        ({}, RemoteError, "LearnError"),
        ({"public": SOUND, "party": "alice"}, RemoteError, "LearnError"),
    ],
)
def test_what_is_no_model_or_another_party_s_is_refused(
    both: Any, kind: type[Exception], says: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=says):
        opened(kept(tmp_path, {"alice": both, "bob": both}), None)
