"""Models of columns of several parties are the same after they were kept."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest

import junto as sf
from junto import learn
from spu_values import PARTIES, at

RNG = np.random.default_rng(4)
TABLE = RNG.normal(size=(80, 3)) * [1.0, 1000.0, 0.1] + [0.0, 500.0, 3.0]
NUMBER = 4e4 + 1e3 * (TABLE[:, 0] + RNG.normal(size=80)) + TABLE[:, 1]
CLASS = np.where(TABLE[:, 0] + RNG.normal(size=80) > 0, "yes", "no")


@pytest.fixture(scope="module", params=["debug", "simulation"])
def spu(request):
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield sf.SPU(parties=PARTIES)
    sf.shutdown()


def columns(spu, together):
    """Of two parties; or on the SPU, where nobody knows their scale."""
    parts = {sf.PYU("alice"): at("alice", TABLE[:, :2]), sf.PYU("bob"): at("bob", TABLE[:, 2:])}
    scaled = (TABLE - TABLE.mean(axis=0)) / TABLE.std(axis=0)
    return at("alice", scaled).to(spu) if together else parts


MODELS = {
    "LogisticRegression": ({"classes": ("no", "yes"), "C": 0.5}, CLASS),
    "LinearRegression": ({"inference": True}, NUMBER),
    "GammaRegressor": ({"alpha": 0.1, "max_iter": 4}, NUMBER),
    "Ridge": ({"solver": "sgd", "max_iter": 2, "losses": True}, NUMBER),
    "KMeans": ({"n_clusters": 2, "max_iter": 3}, None),
    "PCA": ({"n_components": 2}, None),
    "DecisionTreeRegressor": ({"max_depth": 1, "max_bins": 4}, NUMBER),
}
"""One of each kind; another party than those that have columns helps."""

ON_SPU = ["GammaRegressor", "KMeans", "PCA"]
"""Also of columns that are on the SPU; there no column is anybody's."""


def shown(model, X):
    """All that a model is asked for, in the clear."""
    asked = [lambda: getattr(model, "predict" if hasattr(model, "predict") else "transform")(X, to="bob")]
    if not isinstance(X, sf.SPUObject):
        asked += [lambda: model.coef_of("alice")] if hasattr(model, "coef_of") else []
        asked += [lambda: model.summary_of("alice")] if getattr(model, "inference", False) else []
    names = ("loss_curve_", "labels_", *(() if getattr(model, "solver", "sgd") == "sgd" else ("converged_",)))
    asked += [partial(getattr, model, name) for name in names if hasattr(type(model), name)]
    return [sf.reveal(each()) for each in asked]


def close(got, want):
    if isinstance(want, tuple):
        return len(got) == len(want) and all(map(close, got, want))
    if isinstance(want, dict):
        return got.keys() == want.keys() and all(close(got[key], want[key]) for key in want)
    got, want = np.asarray(got), np.asarray(want)
    return np.array_equal(got, want) if want.dtype.kind in "UO" else np.allclose(got, want, 1e-3, 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "together"), [*((name, False) for name in MODELS), *((name, True) for name in ON_SPU)]
)
def test_a_model_that_was_kept_is_the_same(spu, name, together, tmp_path):
    given, label = MODELS[name]
    X = columns(spu, together)
    model = getattr(learn, name)(spu, **given)
    model = model.fit(X) if label is None else model.fit(X, at("bob", label))
    folders = {party: tmp_path / party for party in PARTIES}
    assert isinstance(model.save(folders), str)
    again = getattr(learn, name).load(spu, folders)
    assert again.get_params() == model.get_params()
    assert all(map(close, shown(again, X), shown(model, X)))
    with pytest.raises(sf.RemoteError, match="failed at alice: LearnError"):
        again.save(folders)
    with pytest.raises(sf.LearnError, match=f"this is a {name}"):
        getattr(learn, "PCA" if name == "KMeans" else "KMeans").load(spu, folders)


def test_a_model_of_the_smaller_ring_is_kept_where_a_script_computes_with_64_bits(spu, tmp_path):
    """What is loaded comes into the SPU's own ring, and no integer of 64 bits does from a smaller one."""
    folders = {party: tmp_path / party for party in PARTIES}
    with jax.enable_x64(True):
        model = learn.KMeans(spu, n_clusters=2, max_iter=1).fit(columns(spu, together=False))
        groups, first = sf.reveal((model.labels_, spu(lambda labels: labels[:1])(model.labels_)))
        assert groups[:1] == first
        model.save(folders)
        again = learn.KMeans.load(spu, folders)
        np.testing.assert_array_equal(*sf.reveal((again.labels_, model.labels_)))
