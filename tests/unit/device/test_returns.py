"""How many values a function returns: as it says, or as its annotation says; never a guess."""

from __future__ import annotations

import pytest

from junto.device.returns import number_of_returns
from junto.errors import DeviceError


def pair() -> tuple[int, str]: ...


def alone() -> tuple[int]: ...


def many() -> tuple[int, ...]: ...


def listed() -> list[int]: ...


def unknown() -> tuple[Missing, int]: ...  # noqa: F821


def silent(): ...


@pytest.mark.parametrize(
    ("function", "count"),
    [(pair, 2), (alone, None), (many, None), (listed, None), (unknown, None), (silent, None), (len, None)],
)
def test_an_annotation_of_several_values_counts(function, count):
    assert number_of_returns(function, None) == count


@pytest.mark.parametrize(("said", "count"), [(1, None), (2, 2), (5, 5)])
def test_what_is_said_goes_before_the_annotation(said, count):
    assert number_of_returns(pair, said) == count


@pytest.mark.parametrize("said", [0, -1, True, 2.0, "2"])
def test_what_is_no_number_of_values_is_refused(said):
    with pytest.raises(DeviceError, match="whole number from 1 on"):
        number_of_returns(pair, said)
