"""Sizes and times as a person reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.accounting.units import bits_text, bytes_text, duration, seconds_text

UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (0.2, "0:01"), (9, "0:09"), (750, "12:30"), (3723, "1:02:03")]
)
def test_durations_are_read_as_on_a_clock(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.0123, "12.3 ms"), (1, "1 s"), (12.345, "12.3 s")])
def test_seconds(seconds, text):
    assert seconds_text(seconds) == text


@given(st.integers(0, 10**13))
def test_a_size_is_right_to_three_digits_and_its_unit_the_largest_that_fits(count):
    number, unit = bytes_text(count).split()
    assert float(number) * UNITS[unit] == pytest.approx(count, rel=0.005)
    assert float(number) >= 1 or not count
    assert unit == "GB" or float(number) <= 1000


@pytest.mark.parametrize(("rate", "text"), [(1e8, "100 Mbit/s"), (1e10, "10 Gbit/s"), (2.5e6, "2.5 Mbit/s")])
def test_rates(rate, text):
    assert bits_text(rate) == text
