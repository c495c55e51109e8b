"""A table fits if its names are known, none that is needed is lost, and none comes twice."""

from hypothesis import given
from hypothesis import strategies as st

from junto.columns import LOST, TWICE, UNKNOWN, misfit

NAMES = st.lists(st.sampled_from("abcd"), max_size=5)


@given(NAMES, NAMES, NAMES)
def test_what_is_found_holds_and_nothing_is_overlooked(names, known, needed):
    found = misfit(names, known, needed)
    problems = {
        UNKNOWN: [name for name in names if name not in known],
        LOST: [name for name in needed if name not in names],
        TWICE: [name for name in names if (names + known).count(name) > 2 or names.count(name) > 1],
    }
    if found is None:
        assert not set(names) - set(known)
        assert not set(needed) - set(names)
        assert len(set(names)) == len(names)
    else:
        kind, name = found
        assert name in problems[kind]


def test_the_order_of_the_columns_does_not_matter():
    assert misfit(["b", "a"], ["a", "b"], ["a", "b"]) is None
