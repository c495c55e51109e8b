"""What anybody is sent while trees are grown of columns on the SPU: nothing but shares."""

from __future__ import annotations

import numpy as np
import pytest

import junto as sf
from junto.learn import GradientBoostingClassifier
from spu_values import PARTIES, at
from views import LIMIT, Views, chi_square


def test_of_columns_on_the_spu_nobody_is_shown_anything():
    """Neither a split nor how many numbers differ: of a label at bob that it can be used, and no more."""
    table = np.random.default_rng(0).integers(0, 3, (40, 2)).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        sf.init(parties=PARTIES, address="local", logging_level="error")
        spu = sf.SPU(parties=PARTIES)
        views = Views(patch)
        views.watch(spu)
        model = GradientBoostingClassifier(spu, n_estimators=1, max_depth=1, max_bins=4)
        model.fit(at("alice", table).to(spu), at("bob", (table[:, 0] > 0).astype(int)))
        sf.wait(model._fitted().weights)
        shown = [ref.value() for passage, ref in views.values if passage.kind == "reveal"]
        assert {repr(each) for each in shown} == {
            repr({"rows": 40, "columns": 1, "fault": "", "column": "", "known": True})
        }
        pieces = [data for passage, data in views.pieces() if passage.kind == "share"]
        assert chi_square(np.concatenate(pieces)) < LIMIT
        sf.shutdown()
