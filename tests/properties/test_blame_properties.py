"""Who failed first does not depend on who ended first."""

from hypothesis import given
from hypothesis import strategies as st

import junto as sf
from junto.cli.verdict import NOBODY, Verdict, first
from junto.errors import Origin
from junto.program.cause import cause_of, party_of

NAMES = ["alice", "bob", "carol", "dave", "erin"]


@given(st.data())
def test_the_earliest_cause_is_named_in_whatever_order_the_parties_end(data):
    """Each party failed by itself, heard of the failure of another one that failed, or does not know."""
    names = data.draw(st.permutations(NAMES))
    causes = data.draw(st.integers(1, 3))
    at = {name: float(number) for number, name in enumerate(data.draw(st.permutations(names)))}
    said = {name: name for name in names[:causes]}
    for number, name in enumerate(names[causes:], causes):
        said[name] = data.draw(st.sampled_from([*names[:number], NOBODY]))
    codes = {name: data.draw(st.sampled_from([1, 3, 6, 8, 130, -9])) for name in names}
    silent = data.draw(st.booleans())
    if silent and causes < len(names):
        codes[names[0]] = 0  # os._exit(0)
    ends = {name: (codes[name], Verdict(said[name], at[name])) for name in data.draw(st.permutations(names))}
    assert first(ends) == min(names[:causes], key=at.__getitem__)


def test_a_party_that_ended_well_is_named_if_the_others_blame_it():
    """Its task failed, and only those heard of it who were to get the value."""
    ends = {
        "alice": (6, Verdict("bob", 2.0)),
        "bob": (0, Verdict(NOBODY, 1.0)),
        "carol": (6, Verdict("bob", 3.0)),
    }
    assert first(ends) == "bob"
    assert first({**ends, "carol": (6, Verdict("carol", 3.0))}) == "carol"


def test_nobody_failed_if_no_code_says_so():
    assert first({name: (0, Verdict(NOBODY, 1.0)) for name in NAMES}) is None
    assert first({name: (0, Verdict(name, 1.0)) for name in NAMES}) is None, "os._exit(0) by all"


def raised(step, error=None):
    try:
        try:
            if error is not None:
                raise error
        except sf.JuntoError:
            step()
        else:
            step()
    except BaseException as caught:
        return caught
    raise AssertionError


def remote(party):
    return sf.RemoteError(Origin(party, 1, f"{party}(f)", "fit.py:1", "ValueError", "0"))


def own():
    raise ValueError


def leave():
    raise SystemExit(3)


def test_an_error_follows_from_what_was_handled_when_it_was_raised():
    gone = sf.PartyUnreachable("bob is gone", party="bob")
    for error in (remote("bob"), gone):
        for step in (own, leave):
            assert party_of(cause_of(raised(step, error), None)) == "bob"
        assert party_of(cause_of(error, None)) == "bob"
    assert cause_of(raised(own), remote("bob")) is None, "an exception of its own, later"
    assert party_of(cause_of(raised(leave), remote("bob"))) == "bob", "it exits because of what it was told"
    assert cause_of(KeyboardInterrupt(), remote("bob")) is None
