"""Models train in the ring of 64 bits where owners have brought all to a fixed size, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import junto as sf
from junto.learn import PCA, KMeans, LinearRegression, LogisticRegression, PoissonRegressor, Ridge, dataset
from spu_values import PARTIES, at, spu_of

OWN = "@64.18"
ROWS = 200
RNG = np.random.default_rng(5)
COLUMNS = {"alice": RNG.normal(40, 12, (ROWS, 2)), "bob": np.exp(RNG.normal(10, 1, (ROWS, 1)))}
SCORE = (COLUMNS["alice"][:, 0] - 40) / 12 + RNG.normal(size=ROWS)
SGD: dict[str, Any] = {"solver": "sgd", "max_iter": 2}
TRAINED = [
    ("logistic", LogisticRegression, SGD, True),
    ("linear", LinearRegression, SGD, True),
    ("ridge", Ridge, {**SGD, "alpha": ROWS}, True),
    ("losses", LogisticRegression, {**SGD, "losses": True}, True),
    ("validated", LogisticRegression, {**SGD, "early_stopping": True}, True),
    ("gentle", LinearRegression, {**SGD, "eta0": 0.05, "momentum": 0.5}, True),
    ("groups", KMeans, {"n_clusters": 2, "max_iter": 2}, True),
    ("drawn", KMeans, {"n_clusters": 2, "max_iter": 2, "init": "random"}, True),
    ("columns as they are", LinearRegression, {**SGD, "standardize": False}, False),
    ("not centred", LinearRegression, {**SGD, "fit_intercept": False}, False),
    ("steps that may grow", LinearRegression, {**SGD, "eta0": 0.5}, False),
    ("long memory", LinearRegression, {**SGD, "momentum": 0.99}, False),
    ("strong penalty", Ridge, {**SGD, "alpha": 2 * ROWS}, False),
    ("standard errors", LinearRegression, {**SGD, "inference": True}, False),
    ("second order", LogisticRegression, {"solver": "newton", "max_iter": 1}, False),
    ("counts", PoissonRegressor, SGD, False),
    ("groups of columns as they are", KMeans, {"n_clusters": 2, "max_iter": 1, "standardize": False}, False),
    ("components", PCA, {"n_components": 1}, False),
]


@pytest.fixture(scope="module")
def spu() -> Iterator[sf.SPU]:
    sf.init(parties=PARTIES, address="local", debug_mode=True, logging_level="error")
    yield spu_of(*PARTIES)
    sf.shutdown()


def table() -> dict[sf.PYU, Any]:
    # in thousands where columns are not scaled, as numbers of training should be about 1 in size
    return {sf.PYU(party): at(party, values / values.max()) for party, values in COLUMNS.items()}


def label_of(kind: Any) -> Any:
    numbers = (
        SCORE > 0
        if kind is LogisticRegression
        else np.exp(SCORE).round()
        if kind is PoissonRegressor
        else SCORE
    )
    return at("bob", numbers.astype(float))


def ring_of(model: Any) -> str:
    learned = model._fitted()
    found = learned.inner[0] if hasattr(learned, "inner") else getattr(learned, "centers", None)
    found = learned.components if found is None else found
    return str(found.layout()).partition("]")[2]


@pytest.mark.parametrize(
    ("kind", "params", "small"), [each[1:] for each in TRAINED], ids=[each[0] for each in TRAINED]
)
def test_the_smaller_ring_is_taken_where_all_is_bounded(
    spu: sf.SPU, kind: Any, params: Any, small: bool
) -> None:
    model = kind(spu, **params).fit(table(), None if kind in (KMeans, PCA) else label_of(kind))
    assert ring_of(model) == (OWN if small else "")


def test_what_is_on_the_spu_already_has_no_known_bound(spu: sf.SPU) -> None:
    y = label_of(LinearRegression)
    assert ring_of(LinearRegression(spu, **SGD).fit(table(), y.to(spu))) == ""
    x = at("alice", (COLUMNS["alice"] - 40) / 12).to(spu)
    assert ring_of(LinearRegression(spu, **SGD, standardize=False).fit(x, y)) == ""
    given = {owner: owner(lambda t: t[:2])(part) for owner, part in table().items()}
    assert ring_of(KMeans(spu, n_clusters=2, max_iter=1, init=given).fit(table())) == ""


def test_where_there_is_no_smaller_ring_it_is_the_spu_s(spu: sf.SPU) -> None:
    for other in (spu_of(*PARTIES, field="FM64"), spu_of(*PARTIES, overflow="error")):
        assert ring_of(LinearRegression(other, **SGD).fit(table(), label_of(LinearRegression))) == ""


def test_a_table_whose_squares_may_add_up_to_too_much_stays_in_the_larger_ring(
    spu: sf.SPU, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most, small in ((3 * ROWS + 1, True), (3 * ROWS, False)):
        monkeypatch.setattr(dataset.examine, "LARGEST_SUM", most)
        model = LinearRegression(spu, **SGD).fit(table(), label_of(LinearRegression))
        assert ring_of(model) == (OWN if small else "")


@pytest.mark.parametrize("kind", [LogisticRegression, LinearRegression])
def test_it_finds_what_the_larger_ring_finds(spu: sf.SPU, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for ring in (OWN, ""):
        model = kind(spu, solver="sgd", max_iter=5).fit(table(), label_of(kind))
        assert ring_of(model) == ring
        seen = (model.coef_, model.intercept_, model.decision_function(table()), model.coef_of("alice"))
        found.append(np.concatenate([np.ravel(each) for each in sf.reveal(seen)]))
        monkeypatch.setattr(dataset, "small_ring", lambda *_: None)
    np.testing.assert_allclose(*found, atol=1e-3, rtol=1e-3)
