"""What the owner of a failed operation finds in its log."""

import logging

import pytest

from junto.errors import LinkError, PartyAborted, PartyUnreachable, SessionError
from junto.program.failure import FailureDesk
from junto.program.operation import START, Description, follow

STAMP = follow(START, Description("call", "alice", "train"), "fit.py:3")


def noted(caplog, desk, error):
    """The level and the text, and whether the traceback is there."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "junto.program"):
        told = desk.explain("alice", STAMP, error)
    (record,) = caplog.records
    assert told.origin.incident in record.message
    assert told.__cause__ is error
    return record.levelname, record.message, record.exc_info is not None


@pytest.mark.parametrize("error", [ValueError("of the task"), LinkError("broken", party="bob")])
def test_a_failure_is_an_error_with_its_traceback(caplog, error):
    level, text, traced = noted(caplog, FailureDesk(expose=False), error)
    assert (level, traced) == ("ERROR", True)
    assert "alice(train) at fit.py:3" in text


@pytest.mark.parametrize("kind", [PartyUnreachable, PartyAborted])
def test_that_a_party_is_gone_is_one_line(caplog, kind):
    level, text, traced = noted(caplog, FailureDesk(expose=False), kind("bob is gone", party="bob"))
    assert (level, traced) == ("WARNING", False)
    assert "bob is gone" in text


def test_what_the_end_of_the_run_breaks_off_is_for_debugging(caplog):
    desk = FailureDesk(expose=False)
    desk.close()
    assert noted(caplog, desk, SessionError("the executor was shut down"))[0] == "DEBUG"
    assert noted(caplog, desk, PartyUnreachable("bob is gone", party="bob"))[0] == "DEBUG"
    assert noted(caplog, desk, ValueError("of the task"))[0] == "ERROR"
