"""Whatever two programs do, a difference is found as soon as it can be, and never where there is none."""

from hypothesis import given
from hypothesis import strategies as st

from junto.program.divergence import DivergenceCheck, first_difference
from junto.program.operation import Description

programs = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=40)


def issue(agreement, names):
    stamps = []
    for number, name in enumerate(names):
        stamp, _ = agreement.record(Description("call", "alice", name), f"s.py:{number}")
        stamps.append(stamp)
    return stamps


@given(programs, st.data())
def test_equal_programs_agree_whatever_the_order_of_hearing(names, data):
    mine, theirs = DivergenceCheck(["bob"]), DivergenceCheck(["alice"])
    sent = issue(theirs, names)
    order = data.draw(st.permutations(range(len(names))))
    cut = data.draw(st.integers(0, len(names)))
    heard = [mine.agrees("bob", sent[index]) for index in order[:cut]]
    differing = [mine.record(Description("call", "alice", name), "t.py:1")[1] for name in names]
    heard += [mine.agrees("bob", sent[index]) for index in order[cut:]]
    assert all(heard)
    assert differing == [None] * len(names)


@given(programs, programs)
def test_different_programs_are_told_apart_at_the_first_common_operation_after_the_difference(left, right):
    common = min(len(left), len(right))
    at = next((index for index in range(common) if left[index] != right[index]), None)
    mine, theirs = DivergenceCheck(["bob"]), DivergenceCheck(["alice"])
    sent = issue(theirs, right)
    issue(mine, left)
    verdicts = [mine.agrees("bob", stamp) for stamp in sent[:common]]
    expected = [at is None or index < at for index in range(common)]
    assert verdicts == expected
    if at is not None:
        ours, others = first_difference(mine.history(), theirs.history())
        assert (ours.operation, others.operation) == (at + 1, at + 1)
        assert (ours.text, others.text) == (f"alice({left[at]})", f"alice({right[at]})")


@given(programs, programs)
def test_a_party_that_is_ahead_is_compared_when_we_get_there(left, right):
    common = min(len(left), len(right))
    at = next((index for index in range(common) if left[index] != right[index]), None)
    mine, theirs = DivergenceCheck(["bob"]), DivergenceCheck(["alice"])
    for stamp in issue(theirs, right):
        assert mine.agrees("bob", stamp)
    named = [mine.record(Description("call", "alice", name), "t.py:1")[1] for name in left]
    assert named[:common] == [None if at is None or index < at else "bob" for index in range(common)]
