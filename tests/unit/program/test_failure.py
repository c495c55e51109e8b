"""What the owner of a failed operation finds in its log."""

import errno
import logging
from types import SimpleNamespace

import msgspec
import pytest

from junto.device.spu.skipped_operations import NodeLinks
from junto.errors import LinkError, NotComputable, PartyAborted, PartyUnreachable, RemoteError, SessionError
from junto.mpc.channel import MOST_REASON, LeftOut
from junto.net.api import Failure
from junto.program.failure import ErrorReporter, log, remote_error, told
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


def raised(error, *, by_a_task):
    """The error with a traceback, of a frame of the script's or of none but ours."""
    scope = {"__name__": "fit" if by_a_task else "junto.execute.local", "error": error}
    try:
        exec("def work():\n    raise error\nwork()", scope)
    except type(error) as caught:
        caught.__traceback__ = caught.__traceback__.tb_next
    return error


@pytest.mark.parametrize("by_a_task", [True, False])
@pytest.mark.parametrize("error", [ValueError("of the task"), LinkError("broken", party="bob")])
@pytest.mark.parametrize("debugging", [True, False])
def test_a_failure_has_its_traceback_unless_it_is_ours_and_no_frame_is_the_scripts(
    caplog, monkeypatch, error, by_a_task, debugging
):
    monkeypatch.setattr(log, "isEnabledFor", lambda level: debugging or level > logging.DEBUG)
    error.__traceback__ = None
    level, text, traced = noted(caplog, ErrorReporter(expose=False), raised(error, by_a_task=by_a_task))
    in_words = isinstance(error, LinkError) and not by_a_task and not debugging
    assert (level, traced) == ("ERROR", not in_words)
    assert ("broken" in text) == in_words
    assert "alice(train) at fit.py:3" in text


@pytest.mark.parametrize("kind", [PartyUnreachable, PartyAborted])
def test_that_a_party_is_gone_is_one_line(caplog, kind):
    level, text, traced = noted(caplog, ErrorReporter(expose=False), kind("bob is gone", party="bob"))
    assert (level, traced) == ("WARNING", False)
    assert "bob is gone" in text


def test_what_the_end_of_the_run_breaks_off_is_for_debugging(caplog):
    desk = ErrorReporter(expose=False)
    desk.close()
    assert noted(caplog, desk, SessionError("the executor was shut down"))[0] == "DEBUG"
    assert noted(caplog, desk, PartyUnreachable("bob is gone", party="bob"))[0] == "DEBUG"
    ended = RuntimeError("cannot schedule new futures after interpreter shutdown")  # of a join's step, say
    assert noted(caplog, desk, raised(ended, by_a_task=False))[0] == "DEBUG"
    assert noted(caplog, desk, raised(ValueError("of the task"), by_a_task=True))[0] == "ERROR"


class _Channel:
    """Carries what is said of an operation that is left out."""

    def __init__(self) -> None:
        self.reason = b""

    def leave_out(self, operation: int, reason: bytes, *, wait: bool = True) -> None:
        self.reason = reason[:MOST_REASON]


@pytest.mark.parametrize("over_the_spu", [False, True])
@pytest.mark.parametrize("long", ["do this", "\x1b[31m" + "\U0001f600" * 100_000])
def test_what_is_to_be_done_reaches_the_other_parties_bounded_and_printable(over_the_spu, long):
    error = ErrorReporter(expose=False).explain("alice", STAMP, NotComputable(f"no: {long}", fix=long))
    if over_the_spu:
        channel = _Channel()
        links = NodeLinks(
            SimpleNamespace(home="alice", channels={"bob": channel}, compute=("bob",), index=None), ["alice"]
        )
        links.leave_out(3, error)
        heard = links.reason(LeftOut("alice", channel.reason))
    else:
        heard = remote_error(msgspec.msgpack.decode(msgspec.msgpack.encode(told(error)), type=Failure))
    assert isinstance(heard, RemoteError)
    assert heard.party == "alice"
    assert long.isascii() == ("no: do this" in heard.message and "do this; " in heard.fix)
    assert "\x1b" not in str(heard)
    assert len(heard.fix) < 6_000
    assert heard.origin.incident in heard.fix


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "in our words: secret"), "No space left on device"),
        (FileNotFoundError(errno.ENOENT, "secret", "secret.csv"), "No such file or directory"),
        (OSError("secret"), ""),
        (OSError(987654, "secret"), ""),
        (ValueError("secret"), ""),
    ],
)
def test_what_the_system_refuses_is_told_in_its_words_and_no_others(error, told):
    origin = ErrorReporter(expose=False).explain("alice", STAMP, error).origin
    assert origin.detail == told
