"""Rounds and bytes of training steps, exactly: what docs/how-to/learn.md says they are.

A change here is a change of what users pay: raise a number only with a reason.
"""

from __future__ import annotations

import numpy as np
import pytest

from junto.learn import descent, kmeans, newton
from junto.learn.families import Bernoulli, Normal, Tweedie
from mpc_programs import Engine

RNG = np.random.default_rng(0)
SCALE = {"start": 0.0, "shift": 0.0, "spread": 1.0, "penalty": 1.0}
BATCH = 64


def table(rows):
    left, right = RNG.normal(size=(rows, 3)), RNG.normal(size=(rows, 2))
    return (
        left.astype(np.float32),
        right.astype(np.float32),
        (RNG.random(rows) < 0.5).astype(np.float32) + 0.1,
    )


def descent_costs(family, batches):
    form = descent.Batches(batches * BATCH, BATCH, 0.9, intercept=True)
    strides = descent.strides("constant", 0.1, 0.5, 1, form)

    def train(a, b, y):
        state = descent.begin(SCALE, width=5, intercept=True)
        return descent.train(state, (a, b), y, 1.0, strides, model=(family, form)).weights

    return costs(train, batches * BATCH)


def newton_costs(family, steps, rows=128, *, bounded=False):
    form = newton.Steps(steps, bounded, intercept=True, ridge=newton.ridge(18))

    def train(a, b, y):
        return newton.train((a, b), (), (SCALE, y), 1.0, model=(family, form))[0]

    return costs(train, rows)


def costs(function, rows):
    engine = Engine("secure")
    engine.run(function, *table(rows))
    return np.array([engine.rounds, engine.opened])


@pytest.mark.parametrize(
    ("family", "rounds", "row"),
    [(Bernoulli(), 8, 40), (Normal(), 5, 20), (Tweedie(1.0), 18, 100), (Tweedie(1.5), 21, 190)],
    ids=str,
)
def test_a_step_over_a_batch(family, rounds, row):
    two, three, four = (descent_costs(family, batches) for batches in (2, 3, 4))
    assert (three - two).tolist() == (four - three).tolist()
    assert (three - two)[0] <= rounds
    assert (three - two)[1] <= row * BATCH  # the table itself would be 40 bytes a row more


def test_a_step_of_second_order():
    rounds, sent = newton_costs(Bernoulli(), 4, bounded=True) - newton_costs(Bernoulli(), 3, bounded=True)
    assert rounds <= 10
    assert sent <= 128 * 60
    # two weights renewed, where one was
    rounds, sent = newton_costs(Bernoulli(), 3) - newton_costs(Bernoulli(), 2)
    assert rounds <= 50
    # six are renewed of eight
    rounds, sent = newton_costs(Bernoulli(), 8) - newton_costs(Bernoulli(), 7)
    assert rounds <= 50
    rounds, sent = newton_costs(Normal(), 3) - newton_costs(Normal(), 2)
    assert rounds <= 7


@pytest.mark.parametrize(("count", "rounds", "row"), [(4, 20, 154), (8, 24, 342)])
def test_a_turn_of_k_means(count, rounds, row):
    points = RNG.normal(size=(150, 4)).astype(np.float32)

    def turns(number):
        engine = Engine("secure")
        engine.run(lambda x, first: kmeans._lloyd((x,), first, number), points, points[:count])
        return np.array([engine.rounds, engine.opened])

    took, sent = turns(3) - turns(2)
    assert took <= rounds
    assert sent <= row * len(points)
