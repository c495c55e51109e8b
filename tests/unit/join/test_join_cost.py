"""What two small joins say of a large one: exact of all that grows by the key or by the batch."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.device.rehearsal import TrialRun
from junto.join.join_cost import Trend
from junto.join.travel import AHEAD

COUNTS = st.integers(1, 10**6)
SIZES = st.tuples(COUNTS, COUNTS, COUNTS).map(sorted).filter(lambda sizes: sizes[0] < sizes[1])


def trial(keys, batches, start, each, seconds=1.0):
    """Bytes grow with keys, and steps with batches."""
    return TrialRun({"alice": start + each * keys}, 3, seconds, [start + each * batches])


@given(SIZES, SIZES, st.integers(0, 1000), st.integers(0, 1000))
def test_what_grows_on_a_line_is_carried_on_along_it(keys, batches, start, each):
    trials = [trial(*sizes, start, each) for sizes in zip(keys[:2], batches[:2], strict=True)]
    trend = Trend(*trials, keys, batches)
    assert trend.sent("alice") == pytest.approx(start + each * keys[2], rel=1e-9)
    assert trend.sent("bob") == 0
    steps = start + each * batches[2]
    assert trend.rounds == pytest.approx(3 + max(1, math.ceil(steps / AHEAD)), abs=1 + steps * 1e-9)


@pytest.mark.parametrize(("small", "large", "wanted"), [(1.0, 3.0, 11.0), (3.0, 3.0, 9.0), (4.0, 2.0, 6.0)])
def test_a_machine_that_was_busy_in_the_small_trial_gives_no_time_that_shrinks(small, large, wanted):
    trials = [trial(keys, 1, 0, 1, seconds) for keys, seconds in ((1000, small), (2000, large))]
    assert Trend(*trials, [1000, 2000, 6000], [1, 1, 1]).seconds == pytest.approx(wanted)


def test_where_both_trials_were_as_large_as_what_is_asked_it_is_what_they_took():
    trend = Trend(*[trial(50, 1, 7, 2)] * 2, [50, 50, 50], [1, 1, 1])
    assert (trend.sent("alice"), trend.rounds, trend.seconds) == (107, 3 + math.ceil(9 / AHEAD), 1.0)
