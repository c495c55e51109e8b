"""Costs: what is added, what is the highest, and the time that a network takes."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.accounting import costs
from junto.accounting.costs import ELSEWHERE, LAN, WAN, Cost, Tally

COSTS = st.builds(Cost, *[st.integers(0, 10**12)] * 3)


def test_a_network_takes_its_rounds_and_all_bytes_that_one_party_takes_in():
    assert Cost(3, 1000, 250).seconds(WAN) == pytest.approx(3 * 0.04 + 10_000 / 1e8)
    assert Cost(0, 1000, 250).seconds(LAN) == pytest.approx(10_000 / 1e10)


@given(st.lists(COSTS, min_size=1, max_size=4))
def test_sums_differences_and_the_highest_are_those_of_each_number(parts):
    numbers = np.array(list(map(astuple, parts)))
    assert astuple(sum(parts, Cost())) == tuple(numbers.sum(0))
    assert astuple(parts[0] - parts[-1]) == tuple(numbers[0] - numbers[-1])
    assert astuple(costs.highest(parts)) == tuple(numbers.max(0))
    assert sum((Tally(1, *astuple(each)) for each in parts), Tally()).cost == sum(parts, Cost())


def test_of_parties_that_differ_a_step_has_the_highest_of_each_number_and_its_runs():
    tallies = [{"mul": Tally(2, *numbers)} for numbers in ((1, 9, 4), (3, 2, 5))]
    assert costs.highest_tallies(tallies) == {"mul": Tally(2, 3, 9, 5)}


def test_a_cost_is_read_as_rounds_and_bytes():
    assert str(Cost(1, 1500, 4_000_000)) == "1 round, 1.5 kB online, 4 MB offline"
    assert str(Cost()) == "0 rounds, 0 B online, 0 B offline"


def test_lines_of_several_runs_are_added_and_the_dearest_on_a_wan_comes_first():
    one, two = "`mul`, at fit.py:3 (loss)", "`add`, at fit.py:4"
    runs = [
        {one: Tally(1, 1, 8, 16, 0.5, 0.25), two: Tally(1, 0, 8_000_000, 0)},
        {one: Tally(2, 2, 8, 0, 0.25, 0.125), ELSEWHERE: Tally(1, 9, 9, 9)},
    ]
    first, second = costs.lines_of(runs)
    assert (first.line, first.primitive, first.cost) == ("fit.py:4", "add", Cost(0, 8_000_000, 0))
    assert (second.line, second.primitive, second.runs) == ("fit.py:3 (loss)", "mul", 3)
    assert (second.cost, second.seconds, second.waiting_s) == (Cost(3, 16, 16), 0.75, 0.375)
