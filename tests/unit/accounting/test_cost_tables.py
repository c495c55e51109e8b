"""Tables of costs: what is shown, how wide, and that a notebook shows the same."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from junto.accounting.cost_tables import COLUMNS, SHOWN, CostTable, line_table, text_table
from junto.accounting.costs import Cost, LineCost


def lines(count):
    return [LineCost(f"a.py:{i}", "mul", 1, Cost(i, 8, 0), 0.5) for i in range(count)]


def test_the_first_rows_are_shown_and_it_is_said_how_many_are_left_out():
    made = line_table(lines(SHOWN + 2), timed=False)
    head, *rows, more = str(made).splitlines()
    assert len(rows) == SHOWN
    assert more.strip() == "... and 2 more"
    assert all(row.index("mul") == head.index("primitive") for row in rows)
    assert made.html.count("a.py:") == SHOWN
    assert "... and 2 more" in made.html


def test_where_all_rows_are_shown_nothing_is_said_of_more():
    made = line_table(lines(SHOWN), timed=True, what="call")
    assert made.head == ["line", "call", "runs", "rounds", "online", "offline", "seconds"]
    assert made.rows[3] == ["a.py:3", "mul", "1", "3", "8 B", "0 B", "500 ms"]
    assert "more" not in str(made) + made.html


def test_a_line_that_nobody_knows_is_a_dash_and_text_is_escaped_in_a_notebook():
    made = line_table([LineCost("", "<lambda>", 1, Cost())], timed=False)
    assert made.rows[0][:2] == ["-", "<lambda>"]
    assert "&lt;lambda&gt;" in made.html
    assert not re.search("<lambda>", made.html)


@given(
    st.lists(st.tuples(st.text("ab.:() ", max_size=90), st.text("ab", max_size=60)), min_size=1, max_size=4),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_a_table_fits_a_terminal_and_its_numbers_stay_whole(texts, digits):
    numbers = ["9" * count for count in digits]
    rows = [[*row, *numbers] for row in texts]
    made = text_table(["line", "what", *numbers], rows, 2)
    assert str(CostTable(["line", "what", *numbers], rows)) == made
    for line in made.splitlines():
        assert len(line) <= COLUMNS
        assert line.isascii()
        assert line.split()[-len(numbers) :] == numbers
    assert len(made.splitlines()) == len(texts) + 1
