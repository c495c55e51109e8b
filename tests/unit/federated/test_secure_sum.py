"""Sums and federated averages: right, refused, and without the parties that failed."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.errors import LearnError
from junto.federated import FedAvg, SecureAggregator
from junto.frame import HorizontalFrame

NAMES = ("alice", "bob", "carol", "dave")


@dataclass
class Layer:
    w: object
    b: object


@pytest.fixture(scope="module", autouse=True)
def session():
    sf.init(parties=list(NAMES), debug_mode=True, logging_level="critical", wire_types=[Layer])
    yield
    sf.shutdown()


def at(*values):
    """A handle of each value, at one party after the other."""
    return {sf.PYU(name): sf.PYU(name)(lambda v=v: v)() for name, v in zip(NAMES, values, strict=False)}


def failing():
    raise ValueError("secret text")


@pytest.mark.parametrize(
    "kind", [np.asarray, jnp.asarray, lambda x: x.tolist()], ids=["numpy", "jax", "list"]
)
def test_trees_are_added_leaf_by_leaf(kind):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(2, 3)).astype(np.float32).astype(np.float64) for _ in NAMES]
    values = at(*({"w": [kind(x), None, "relu"], "n": Layer(kind(x[0]), i)} for i, x in enumerate(arrays)))
    found = sf.reveal(SecureAggregator(list(values)).sum(values))
    for tree in found.values():
        assert np.allclose(tree["w"][0], sum(arrays), atol=1e-6)
        assert tree["w"][1:] == [None, "relu"]
        assert (type(tree["n"]), tree["n"].b) == (Layer, 6)
        assert type(tree["w"][0]) is type(kind(arrays[0]))


def test_sums_are_as_exact_as_they_say():
    values = [np.array([1e4 / 3, -(2.0**15), 2.0**-40]) * (i + 1) / 4 for i in range(4)]
    found = sf.reveal(SecureAggregator(list(at(*values))).sum(at(*values)))
    assert np.abs(found[sf.PYU("bob")] - np.sum(values, axis=0)).max() <= 4 * 2.0**-43


def test_averages_are_weighted():
    rng = np.random.default_rng(1)
    x, n = rng.normal(size=(4, 5)), [3, 0, 20, 7]
    found = sf.reveal(SecureAggregator(list(at(*x))).average(at(*x), weights=at(*n)))
    assert np.allclose(found[sf.PYU("dave")], np.average(x, axis=0, weights=n), atol=1e-11)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, np.nan, 2.0], "bob would add has numbers that are missing"),
        ([1.0, 2.0, np.inf], "carol would add has numbers that are missing"),
        ([1e5, 1.0, 1.0], "alice would add has numbers beyond the bound"),
        ([[1.0], [1.0, 2.0], [1.0]], "different forms"),
        ([1j, 1.0, 1.0], "alice would add has something that is no number"),
        ([1.0, np.array([True]), 1.0], "bob would add has something that is no number"),
    ],
)
def test_what_cannot_be_added_is_refused_before_it_is_sent(values, said):
    there = at(*values)
    with pytest.raises(LearnError, match=said) as raised:
        SecureAggregator(list(there)).sum(there)
    assert "1e5" not in str(raised.value)
    assert "100000" not in str(raised.value)


@pytest.mark.parametrize("weights", [[0, 0, 0], [1, -1, 1], [0.5, 1, 1], [1, 2.0**41, 1]])
def test_weights_are_whole_numbers_from_0_on(weights):
    values = at(1.0, 2.0, 3.0)
    with pytest.raises(LearnError):
        SecureAggregator(list(values)).average(values, weights=at(*weights))


def test_a_party_that_failed_is_named_and_left_out():
    values = at(1.0, 2.0, 3.0, 4.0)
    adder = SecureAggregator(list(values))
    values[sf.PYU("alice")] = sf.PYU("alice")(failing)()
    assert sf.reveal(adder.sum(values)) == dict(zip(map(sf.PYU, NAMES), [[9.0], 9.0, 9.0, 9.0], strict=True))
    assert adder.dropped == ("alice",)
    values[sf.PYU("carol")] = sf.PYU("carol")(failing)()
    with pytest.raises(LearnError, match="alice, carol failed, and min_parties is 3") as raised:
        adder.sum(values)
    assert "secret text" not in str(raised.value)
    assert sf.reveal(SecureAggregator(list(values), min_parties=2).sum(values))[sf.PYU("bob")] == 6.0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: SecureAggregator(p[:2]), "min_parties is 3"),
        (lambda p: SecureAggregator([p[0], p[0], p[1]]), "twice"),
        (lambda p: SecureAggregator(p, min_parties=1), "min_parties is 1"),
        (lambda p: SecureAggregator(["alice", "bob", "carol"]), "parties is"),
        (lambda p: FedAvg(p, 3), "(?s)client_update is 3.*a function"),
        (lambda p: FedAvg(p, failing, clip_norm=0.0), "clip_norm"),
        (lambda p: FedAvg(p, failing).fit(0.0, {}, rounds=1), "under each party"),
        (lambda p: FedAvg(p, failing).fit(0.0, {}, rounds=0), "rounds"),
    ],
)
def test_what_makes_no_sense_is_refused(make, said):
    with pytest.raises(LearnError, match=said):
        make([sf.PYU(name) for name in NAMES])


def descend(parameters, data):
    x, y = data
    for _ in range(3):
        parameters = {"w": parameters["w"] - 0.1 * x.T @ (x @ parameters["w"] - y) / len(y)}
    return parameters


def table(rows, seed):
    x = np.random.default_rng(seed).normal(size=(rows, 3))
    return x, x @ [1.0, -2.0, 0.5]


def test_federated_averaging_is_what_the_paper_says():
    tables = [table(rows, rows) for rows in (20, 50, 5)]
    data = at(*tables)
    averaging = FedAvg(
        list(data), descend, evaluate=lambda p, d: {"mse": float(np.mean((d[0] @ p["w"] - d[1]) ** 2))}
    )
    trained = averaging.fit({"w": np.zeros(3)}, data, rounds=4)
    expected = np.zeros(3)
    for told in trained.history:
        after = [descend({"w": expected}, each)["w"] for each in tables]
        expected = np.average(after, axis=0, weights=[20, 50, 5])
        mean = np.average([np.mean((x @ expected - y) ** 2) for x, y in tables], weights=[20, 50, 5])
        assert told.metrics["mse"] == pytest.approx(mean, abs=1e-7)
        assert (told.rows, told.parties, told.dropped) == (75, NAMES[:3], ())
    for tree in sf.reveal(trained.parameters).values():
        assert np.allclose(tree["w"], expected, atol=1e-10)
    assert trained.privacy is None


def test_changes_are_clipped_or_refused():
    data = at(*(np.full(4, size) for size in (1.0, 3.0, 1e9)))
    with pytest.raises(LearnError, match="carol would add has numbers beyond"):
        FedAvg(list(data), lambda p, d: p + d[0]).fit(np.zeros(2), data, rounds=1)
    found = FedAvg(list(data), lambda p, d: p + d[0], clip_norm=2.0).fit(np.zeros(2), data, rounds=1)
    clipped = [np.full(2, size) * min(1, 2 / np.linalg.norm(np.full(2, size))) for size in (1.0, 3.0, 1e9)]
    assert np.allclose(sf.reveal(found.parameters[sf.PYU("bob")]), np.mean(clipped, axis=0), rtol=2**-29)


def test_a_party_whose_training_failed_sits_a_round_out_and_comes_back():
    def update(parameters, data):
        if len(data) == 2 and parameters[0] == 0.0:
            raise RuntimeError("no memory")
        return parameters + len(data)

    data = at(*(np.zeros(rows) for rows in (2, 3, 3, 3)))
    trained = FedAvg(list(data), update).fit(np.zeros(1), data, rounds=2)
    assert [each.dropped for each in trained.history] == [("alice",), ()]
    assert [each.rows for each in trained.history] == [9, 11]
    assert sf.reveal(trained.parameters[sf.PYU("alice")])[0] == pytest.approx(3 + (4 + 27) / 11)


def test_a_horizontal_frame_is_data():
    frame = HorizontalFrame(at(*(pd.DataFrame({"x": np.arange(float(n))}) for n in (2, 3, 4))))
    trained = FedAvg(list(frame.partitions), lambda p, d: d["x"].mean()).fit(0.0, frame, rounds=1)
    pooled = np.concatenate([np.arange(float(n)) for n in (2, 3, 4)]).mean()
    assert sf.reveal(trained.parameters[sf.PYU("alice")]) == pytest.approx(pooled)
