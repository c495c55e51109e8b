"""How often a property is tried, and which pairs of members of two enumerations a quick test looks at."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
from hypothesis import settings

USUAL = 100  # hypothesis' own number
FEWEST = 5


def tries(number: int) -> int:
    """`number`, or fewer in the same measure as the profile has fewer than the usual (see conftest.py)."""
    profile = settings.get_profile(settings.get_current_profile_name())
    return max(min(number, FEWEST), number * profile.max_examples // USUAL)


def each_once(*enumerations: Iterable[Any]) -> list[Any]:
    """For `parametrize`: every combination of members in the suite, every member in `make test-fast`."""
    members = [list(enumeration) for enumeration in enumerations]
    quick = {tuple(at % len(each) for each in members) for at in range(max(map(len, members)))}
    return [
        pytest.param(
            *(each[at] for each, at in zip(members, places, strict=True)),
            marks=() if places in quick else pytest.mark.slow,
        )
        for places in product(*(range(len(each)) for each in members))
    ]
