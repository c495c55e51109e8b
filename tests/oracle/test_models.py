"""Models written with jax alone, as the page on models measures them: what jax finds, without an overflow."""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from mpc_programs import Engine

sys.path.insert(0, str(Path(__file__).parents[2]))  # the package lies beside `src`, not in it

from benchmarks.models import with_jax
from benchmarks.models.model import Model

MODELS = with_jax.models()


@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
def test_a_model_is_that_of_jax(model: Model) -> None:
    engine = Engine("plain")
    got = engine.run(model.function, *model.arguments)
    want = jax.jit(model.function)(*model.arguments)
    for one, other in zip(jax.tree_util.tree_leaves(got), jax.tree_util.tree_leaves(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=5e-4)
    assert engine.overflows == []
