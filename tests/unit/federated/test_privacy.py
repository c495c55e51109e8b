"""Noise of the distribution that it is said to be of, and what it costs, against formulas of other papers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import junto as sf
from junto.errors import LearnError
from junto.federated import DifferentialPrivacy, FedAvg
from junto.federated.privacy import discrete_gaussian, epsilon_of, spent
from junto.ledger import read

pytest.importorskip("opendp")
pytestmark = pytest.mark.slow  # to load opendp takes seconds
NAMES = ("alice", "bob", "carol", "dave")


def test_draws_are_discrete_gaussian():
    drawn = discrete_gaussian(1.5, 6000)
    places = np.arange(-4, 5)
    likely = np.exp(-(np.arange(-60, 61) ** 2) / (2 * 1.5**2))
    expected = 6000 * np.exp(-(places**2) / (2 * 1.5**2)) / likely.sum()
    found = np.array([(drawn == place).sum() for place in places])
    assert ((found - expected) ** 2 / expected).sum() < 45  # 9 degrees of freedom: once in a million


def test_large_draws_keep_their_low_bits():
    drawn = discrete_gaussian(2.0**50, 2000)
    assert abs(drawn.std() / 2**50 - 1) < 0.1
    assert 800 < (drawn & 1).sum() < 1200


@pytest.mark.parametrize(("rho", "delta"), [(0.01, 1e-6), (0.5, 1e-5), (4.0, 1e-3)])
def test_epsilon_is_that_of_the_optimal_order(rho, delta):
    """Canonne, Kamath, Steinke 2020, proposition 12, over a grid of orders."""
    orders = 1 + np.logspace(-4, 5, 200_000)
    found = rho * orders + (np.log(1 / delta) + (orders - 1) * np.log(1 - 1 / orders) - np.log(orders)) / (
        orders - 1
    )
    assert epsilon_of(rho, delta) == pytest.approx(found.min(), rel=1e-4)


@pytest.mark.parametrize("parties", [2, 3, 10])
def test_a_sum_costs_what_the_noise_of_the_others_says(parties):
    privacy = DifferentialPrivacy(clip_norm=3.0, noise_multiplier=2.0)
    assert privacy.share(parties) * math.sqrt(parties - 1) == pytest.approx(6.0)
    assert privacy.rho(parties, 1000, 2.0**-40) == pytest.approx(1 / 8, rel=1e-9)
    assert privacy.rho(parties, 10_000, 0.03) == pytest.approx(1 / 2)  # rounding moves a sum, too
    assert spent(privacy, [0.1, 0.2]).rho == pytest.approx(0.3)


def test_few_steps_of_noise_cost_more():
    privacy = DifferentialPrivacy(clip_norm=1.0, noise_multiplier=1.0)
    coarse, fine = privacy.rho(5, 4, 2.0), privacy.rho(5, 4, 2.0**-20)
    assert coarse > 10 * fine


@pytest.mark.parametrize(
    "wrong",
    [
        {"clip_norm": 0.0},
        {"noise_multiplier": -1.0},
        {"delta": 1.0},
        {"unit": "patient"},
        {"clip_norm": math.inf},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(LearnError):
        DifferentialPrivacy(**{"clip_norm": 1.0, "noise_multiplier": 1.0, **wrong})


@pytest.mark.parametrize("unit", ["row", "party"])
def test_the_average_has_the_noise_that_is_accounted_for(unit, tmp_path):
    path = tmp_path / "ledger.jsonl"
    privacy = DifferentialPrivacy(clip_norm=2.0, noise_multiplier=1.5, delta=1e-5, unit=unit)
    with sf.Session(list(NAMES), debug_mode=True, ledger=path, logging_level="error"):
        rows = (10, 30, 40, 20)
        data = {
            sf.PYU(n): sf.PYU(n)(lambda k=k: np.full((k, 400), 3.0))()
            for n, k in zip(NAMES, rows, strict=True)
        }

        def update(parameters, data):
            return parameters + (data if unit == "row" else data.mean(axis=0))

        trained = FedAvg(list(data), update, privacy=privacy).fit(np.zeros(400), data, rounds=2)
        found = sf.reveal(trained.parameters[sf.PYU("alice")])
    over = 100 if unit == "row" else 4
    deviation = math.sqrt(2) * 2.0 * 1.5 * math.sqrt(4 / 3) / over
    mean = 2 * 2.0 / math.sqrt(400)  # two rounds, each clipped to norm 2
    assert abs(found.mean() - mean) < 5 * deviation / 20
    assert abs(found.std() / deviation - 1) < 0.2
    assert trained.privacy is not None
    assert trained.privacy.rho == pytest.approx(2 / (2 * 1.5**2))
    texts = {each.entry.text for each in read(path)}
    assert f"reveal differential privacy: {trained.privacy}" in texts


def test_with_noise_nothing_is_shown_that_has_none():
    privacy = DifferentialPrivacy(clip_norm=1.0, noise_multiplier=1.0)
    parties = [sf.PYU(name) for name in NAMES]
    for also in ({"evaluate": dict}, {"clip_norm": 1.0}):
        with pytest.raises(LearnError, match="no evaluate"):
            FedAvg(parties, max, privacy=privacy, **also)
