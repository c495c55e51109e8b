"""What is kept of a model of columns: each party's part at this party alone, and files that fit together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.learn import LinearRegression, LogisticRegression, kept_columns
from junto.learn.kept_models import Keeping, opened
from spu_values import PARTIES, at

TABLE = np.random.default_rng(4).normal(size=(30, 3))
HOW = Keeping(overwrite=False, passphrase=None)
OWNED = {"alice": ["income", "height"], "bob": ["calls"]}


@pytest.fixture(scope="module")
def model():
    sf.init(parties=PARTIES, debug_mode=True, logging_level="critical")
    spu, table = sf.SPU(parties=PARTIES), pd.DataFrame(TABLE, columns=["income", "height", "calls"])
    X = {sf.PYU(party): at(party, table[names]) for party, names in OWNED.items()}
    yield LinearRegression(spu).fit(X, at("bob", TABLE.sum(axis=1)))
    sf.shutdown()


def folders_in(path):
    return {party: path / party for party in PARTIES}


def test_each_party_keeps_its_own_part_and_no_other(model, tmp_path):
    """Names stand in a file as they are: so it is seen in which files the columns of a party are."""
    with pytest.raises(sf.LearnError, match="no folder for bob, carol"):
        model.save({"alice": tmp_path / "alice"})
    model.save(folders_in(tmp_path))
    for party, folder in folders_in(tmp_path).items():
        written = b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
        for owner, names in OWNED.items():
            assert [name.encode() in written for name in names] == [owner == party] * len(names)


def test_files_that_make_no_sense_are_refused_before_shares_are_read(model, tmp_path):
    folders = folders_in(tmp_path)
    model.save(folders)
    kept, public = opened(folders, None)
    facts = LinearRegression.kept_facts
    for name, wrong in (
        *((name, None) for name in ("home", "receipt", "owners", "widths", "known", "iterations", "rows")),
        ("owners", [3]),
        ("widths", ["2"]),
    ):
        with pytest.raises(sf.LearnError, match="no model of columns"):
            kept_columns.read(model.spu, folders, (kept, {**public, name: wrong}), facts, None)
    with pytest.raises(sf.LearnError, match="no folder for dave"):
        kept_columns.read(model.spu, folders, (kept, {**public, "owners": ["dave"]}), facts, None)


def test_shares_stay_in_their_ring_and_public_numbers_become_secrets(model, tmp_path):
    spu = model.spu
    small = spu.share(at("alice", TABLE[0]), field="FM64")
    secret = {"small": (small,), "wide": at("bob", TABLE[1]).to(spu), "told": {"n": 2.5}, "none": None}
    kept_columns.save(spu, kept_columns.KeptParts(secret, {}, (), None, {}), folders_in(tmp_path), {}, HOW)
    found = spu.load({party: folder / kept_columns.SHARES for party, folder in folders_in(tmp_path).items()})
    layout = {"small": (small.layout(),), "wide": "float32[3]", "told": {"n": "float32[]"}, "none": None}
    assert small.layout() == "float32[3]@64.18"
    assert found.layout() == layout
    assert sf.reveal(found)["told"]["n"] == 2.5


def test_a_model_that_came_says_as_before_whether_it_had_converged(model, tmp_path):
    data = at("alice", TABLE[:, :1])
    for steps, end in ((1, False), (12, True)):
        fitted = LogisticRegression(model.spu, max_iter=steps, C=10.0)
        fitted.fit({data.device: data}, at("bob", TABLE[:, 0] + TABLE[:, 1] > 0))
        fitted.save(folders_in(tmp_path), overwrite=True)
        again = LogisticRegression.load(model.spu, folders_in(tmp_path))
        assert [bool(sf.reveal(each.converged_)) for each in (fitted, again)] == [end, end]
