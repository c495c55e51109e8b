"""Costs for people: what is added, what is the highest, what is shown of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.device.spu import costs
from junto.device.spu.costs import LAN, WAN, Cost, table
from junto.mpc.meter import ELSEWHERE, Tally


def test_a_network_takes_its_rounds_and_all_bytes_that_one_party_takes_in():
    assert Cost(3, 1000, 250).seconds(WAN) == pytest.approx(3 * 0.04 + 10_000 / 1e8)
    assert Cost(0, 1000, 250).seconds(LAN) == pytest.approx(10_000 / 1e10)


def test_of_parties_that_differ_each_number_is_the_highest():
    assert costs.highest([Cost(1, 9, 4), Cost(3, 2, 5)]) == Cost(3, 9, 5)
    tallies = [{"mul": Tally(2, *numbers)} for numbers in ((1, 9, 4), (3, 2, 5))]
    assert costs.highest_tallies(tallies) == {"mul": Tally(2, 3, 9, 5)}


def test_lines_of_several_runs_are_added_and_the_dearest_on_a_wan_comes_first():
    one, two = "`mul`, at fit.py:3 (loss)", "`add`, at fit.py:4"
    runs = [
        {one: Tally(1, 1, 8, 16), two: Tally(1, 0, 8_000_000, 0)},
        {one: Tally(2, 2, 8, 0), ELSEWHERE: Tally(1, 9, 9, 9)},
    ]
    first, second = costs.lines_of(runs)
    assert (first.line, first.primitive, first.cost) == ("fit.py:4", "add", Cost(0, 8_000_000, 0))
    assert (second.line, second.primitive, second.runs) == ("fit.py:3 (loss)", "mul", 3)
    assert second.cost == Cost(3, 16, 16)


def test_a_table_is_as_wide_as_its_widest_cells_and_says_what_it_leaves_out():
    lines = [costs.LineCost(f"a.py:{i}", "mul", 1, Cost(i, 8, 0)) for i in range(costs.SHOWN + 2)]
    head, *rows, more = costs.line_table(lines, timed=False).splitlines()
    assert len(rows) == costs.SHOWN
    assert more.strip() == "... and 2 more"
    assert all(row.index("mul") == head.index("primitive") for row in rows)


@pytest.mark.parametrize(("seconds", "text"), [(0.0123, "12.3 ms"), (1, "1 s"), (12.345, "12.3 s")])
def test_seconds(seconds, text):
    assert costs.seconds_text(seconds) == text


@given(
    st.lists(st.tuples(st.text("ab.:() ", max_size=90), st.text("ab", max_size=60)), min_size=1, max_size=4),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_a_table_fits_a_terminal_and_its_numbers_stay_whole(texts, digits):
    numbers = ["9" * count for count in digits]
    made = table(["line", "what", *numbers], [[*row, *numbers] for row in texts], 2).splitlines()
    assert len(made) == len(texts) + 1
    for line in made:
        assert len(line) <= 80
        assert line.isascii()
        assert line.split()[-len(numbers) :] == numbers
