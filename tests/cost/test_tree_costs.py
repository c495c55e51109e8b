"""Rounds and bytes of a level of a tree, exactly: what docs/how-to/trees.md says they are."""

from __future__ import annotations

import numpy as np
import pytest

import junto as sf
from junto.learn import GradientBoostingClassifier
from spu_values import PARTIES, spu_of

ROWS = 512
BINS = 8
CANDIDATES = 4 * (BINS - 1)


@pytest.fixture(scope="module", params=["FM64", "FM128"])
def ring(request):
    """Of the SPU; trees grow in that of 64 bits, and what they compute stays in it."""
    return request.param


@pytest.fixture(scope="module")
def costs(ring):
    """Of a tree of so many levels over so many rows, as `explain` counts them."""
    sf.init(parties=PARTIES, debug_mode=True, logging_level="error")
    spu, alice, bob = spu_of(*PARTIES, field=ring), sf.PYU("alice"), sf.PYU("bob")

    def count(depth, rows=ROWS, constraints=None):
        model = GradientBoostingClassifier(spu, n_estimators=1, max_depth=depth, max_bins=BINS)
        model = model.with_params(monotone_constraints=constraints)
        cost = sf.explain(model.fit)({alice: (rows, 2), bob: (rows, 2)}, {bob: (rows,)})
        return np.array([cost.rounds, cost.online_bytes["alice"], cost.offline_bytes["carol"]])

    yield count
    sf.shutdown()


def test_a_level_takes_less_than_forty_rounds(costs):
    levels = [costs(depth) for depth in (1, 2, 3)]
    turns = 1  # of a tournament of 28 candidates and none; of 600 candidates there are two
    assert (levels[2] - levels[1])[0] == (levels[1] - levels[0])[0] <= 18 + 8 * turns


def test_a_level_sends_what_its_nodes_and_candidates_come_to(costs, ring):
    """Nothing of the table is sent again: a level's bytes do not grow with candidates times rows."""
    second, third = costs(2) - costs(1), costs(3) - costs(2)
    wider = costs(2, 2 * ROWS) - costs(1, 2 * ROWS)
    a_row = (wider - second)[1] / ROWS
    assert a_row <= 64
    nodes, worth = 2, 80  # what a split was worth is computed at the end, for each node
    a_candidate = ((second[1] - a_row * ROWS) / nodes - worth) / CANDIDATES
    assert a_candidate <= {"FM64": 870, "FM128": 900}[ring]  # quotients, all pairs
    assert third[1] <= 2.2 * second[1]


def test_constraints_take_as_many_rounds_again_and_a_tenth_of_the_bytes(costs, ring):
    free = costs(2) - costs(1)
    held = costs(2, constraints=(1, 0, -1, 0)) - costs(1, constraints=(1, 0, -1, 0))
    assert (free[0], held[0]) == {"FM64": (26, 51), "FM128": (26, 51)}[ring]
    assert held[1] <= 1.1 * free[1]
