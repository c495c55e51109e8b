"""What a script ended for: the failure that its last error is, or follows from."""

import pytest

from junto.errors import DeadlineExceeded, PartyUnreachable
from junto.program.cause import cause_of, party_of

LOST = PartyUnreachable("bob is gone", party="bob")


def raised(outer, inner, *, how):
    """`outer`, as it comes out of a handler of `inner`."""
    try:
        try:
            raise inner
        except BaseException:
            if how == "from":
                raise outer from inner
            if how == "from None":
                raise outer from None
            raise outer  # noqa: B904 - that is the case
    except BaseException as error:
        return error


@pytest.mark.parametrize(
    ("error", "told", "cause"),
    [
        (LOST, None, LOST),
        (ValueError("own"), LOST, None),
        (raised(ValueError("own"), LOST, how="from"), None, LOST),
        (raised(ValueError("own"), LOST, how="while"), None, LOST),
        (raised(ValueError("own"), LOST, how="from None"), None, None),
        (raised(KeyboardInterrupt(), LOST, how="while"), LOST, None),
        (SystemExit(3), LOST, LOST),
        (SystemExit(3), ValueError("own"), None),
        (SystemExit(3), None, None),
    ],
)
def test_an_error_follows_from_what_it_was_raised_for(error, told, cause):
    assert cause_of(error, told) is cause


def test_whose_failure_it_is_but_of_a_deadline_nobody_knows():
    assert party_of(LOST) == "bob"
    assert party_of(DeadlineExceeded("waited 5 s for bob")) is None
