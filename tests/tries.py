"""How often a property is tried."""

from __future__ import annotations

from hypothesis import settings

USUAL = 100  # hypothesis' own number
FEWEST = 5


def tries(number: int) -> int:
    """`number`, or fewer in the same measure as the profile has fewer than the usual (see conftest.py)."""
    profile = settings.get_profile(settings.get_current_profile_name())
    return max(min(number, FEWEST), number * profile.max_examples // USUAL)
