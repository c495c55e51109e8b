"""Messages that are not taken: all are counted, few are written down."""

import logging
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from junto.net.peer import Refusals


@settings(deadline=None)
@given(st.lists(st.sampled_from(["malformed", "duplicate"]), max_size=40))
def test_each_is_counted_by_its_kind(kinds):
    refusals = Refusals()
    assert [refusals.count("bob", kind, "text") for kind in kinds] == list(range(1, len(kinds) + 1))
    assert refusals.by_cause() == Counter(kinds)


def test_whoever_sends_a_thousand_gets_ten_lines_in_our_log_and_each_kind_has_its_first(caplog):
    refusals = Refusals()
    with caplog.at_level(logging.WARNING, "junto.net"):
        for _ in range(1000):
            refusals.count("bob", "malformed", "nonsense")
        refusals.count("bob", "duplicate", "twice")
    assert len(caplog.messages) == 10 + 1
    assert caplog.messages[0] == "refused from bob (malformed, 1 so far): nonsense"
    assert caplog.messages[-1] == "refused from bob (duplicate, 1 so far): twice"
