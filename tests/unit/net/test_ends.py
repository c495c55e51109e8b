"""Every kind of message in every state before a connection is open: what has no step is out of order."""

from __future__ import annotations

import typing

import pytest

from gateways import stamp, value
from junto.errors import HandshakeRefused, IdentityError, PartyUnreachable
from junto.net import frames as f
from junto.net import header as h
from junto.net.api import Abort, Activity, Failure, TransferKey
from junto.net.ends import LineEnd
from junto.net.handshake import HandshakeState as State
from meetings import Side, hello

PARTIES = ("alice", "bob", "carol")
KEY = TransferKey(1, 0)
FAILURE = Failure("bob", 1, "f", "x.py:1", "ValueError", "abcd")
ENDING, NOTED = f.Ending(Abort("failed", "it is over")), f.Noted("ending")
HELLO, RESUME = hello("bob", PARTIES, b"b" * 16), f.Resume(b"r" * 16)
RESUMED, REFUSED = f.Resumed(0, (), (), 7), f.Refused("identity", "no", final=True)
FRAMES = [
    HELLO, REFUSED, RESUME, RESUMED, ENDING, NOTED, f.Noted("bye"), f.Turned(1), value(0, 1),
    f.Offer(0, KEY, stamp(1), 5), f.Failed(0, KEY, stamp(1), FAILURE), f.Accept(0), f.Ack((), (), 7),
    f.Declined(0, "no"), f.Heartbeat(Activity(stamp(7))), f.History((stamp(7),)), f.Bye(0),
    f.Ping(9), f.Pong(9),
]  # fmt: skip
MESSAGES = {
    **{f"{type(each).__name__} {getattr(each, 'what', '')}": f.pack([each]) for each in FRAMES},
    "chunk": f.pack_chunk(0, 0, [memoryview(b"x")]),
    "ordered": h.pack(h.Header(h.Kind.MESSAGE, 0, 1, 0, 1)) + b"x",
}
LAST_WORDS = ("Ending ", "Noted ending")
STEPS = {
    State.NEW: ("Hello ",),
    State.GREETED: ("Resume ", *LAST_WORDS),
    State.ASKED: ("Resume ", *LAST_WORDS),
}
"""What may be heard where, and by who has dialled a refusal: all else is out of order."""


def test_every_kind_of_frame_is_tried():
    assert {type(each) for each in FRAMES} == set(typing.get_args(f.Any))


def at(state: State, heard: bool, caller: str | None) -> LineEnd:
    """Alice's end of a line with bob; `heard`: which run it is, by him. She does not know carol at first."""
    side = Side("alice", PARTIES, 0)
    end = LineEnd(side.peers["bob"], side.meeting, caller=caller)
    if state is not State.NEW:
        end.hear(f.pack([HELLO]))
    if state is State.ASKED:
        side.meeting.run = RESUME.run
        end.proceed()
    if heard:
        end._heard = RESUME.run
    assert end.state is state
    assert not end.line.closed
    return end


def is_unheard(end: LineEnd) -> None:
    peer = end.peer
    assert peer.refusals.by_cause() == {"out of order": 1}
    assert not end.line.open
    assert (peer.connection.outbox.position, peer.connection.mailbox.settled) == (0, 0)
    assert not peer.ended
    assert not peer.left
    assert not peer._events.activities
    assert peer._events.events.empty()


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("caller", [None, "somewhere"], ids=["dials", "is dialled"])
@pytest.mark.parametrize(
    ("state", "heard"), [*((state, False) for state in STEPS), (State.GREETED, True)], ids=str
)
def test_an_end_takes_what_has_a_step(state: State, heard: bool, caller: str | None, name: str) -> None:
    end = at(state, heard, caller)
    end.hear(MESSAGES[name])
    if name == "Refused " and caller is None:
        assert end.line.closed
        assert isinstance(end.trouble, HandshakeRefused | IdentityError)
        assert end.hopeless
        assert not end.peer.refusals.by_cause()
    elif name in STEPS[state] and not (name == "Resume " and heard):
        assert not end.line.closed
        assert not end.peer.refusals.by_cause()
        assert end.line.open == (name == "Resume " and state is State.ASKED)
    else:
        assert end.line.closed
        message = end.line.step()
        if caller is not None:
            assert isinstance(message, bytes)
            assert f.open_message(message)[-1].kind == "out of order"
        is_unheard(end)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
@pytest.mark.parametrize("caller", [None, "somewhere"], ids=["dials", "is dialled"])
def test_before_we_have_said_the_run_a_message_holds_nothing_that_needs_the_line_open(
    frame: f.ControlFrame, caller: str | None
) -> None:
    end = at(State.GREETED, False, caller)
    end.hear(f.pack([RESUME, frame]))
    assert not end.line.open
    if isinstance(frame, f.Hello | f.Resume | f.Refused | f.Ending | f.Noted):
        assert end._heard == RESUME.run
    else:
        assert end.line.closed
        assert end._heard is None
        is_unheard(end)


@pytest.mark.parametrize("caller", [None, "somewhere"], ids=["dials", "is dialled"])
def test_two_that_mean_different_runs_do_not_open_the_line_and_the_dialled_one_says_why(
    caller: str | None,
) -> None:
    end = at(State.ASKED, False, caller)
    end.hear(f.pack([f.Resume(b"s" * 16)]))
    assert not end.line.open
    assert end.line.closed == (caller is not None)
    last = f.open_message(end.line.step())[-1]
    assert isinstance(last, f.Refused if caller is not None else f.Resume)


def test_a_run_that_has_changed_since_we_said_it_is_not_agreed_on() -> None:
    end = at(State.ASKED, False, None)
    end._meeting.run = b"s" * 16
    for run in (RESUME.run, b"s" * 16):
        end._heard = None
        end.hear(f.pack([f.Resume(run)]))
        assert not end.line.open


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize(
    ("kind", "error"),
    [("identity", IdentityError), ("given up", PartyUnreachable), ("another run", HandshakeRefused)],
)
def test_a_refusal_says_whether_it_is_of_use_to_dial_again(
    kind: str, error: type[Exception], final: bool
) -> None:
    end = at(State.NEW, False, None)
    end.hear(f.pack([f.Refused(kind, "no", final)]))
    assert end.line.closed
    assert isinstance(end.trouble, error)
    assert end.hopeless == final


@pytest.mark.parametrize(
    ("greeting", "error"),
    [
        (hello("carol", PARTIES, b"b" * 16), IdentityError),
        (hello("bob", PARTIES[:2], b"b" * 16), HandshakeRefused),
        (hello("bob", PARTIES, b"c" * 16), PartyUnreachable),
    ],
    ids=["another party", "other settings", "another start"],
)
def test_who_dials_and_finds_another_party_job_or_start_does_not_dial_again(
    greeting: f.Hello, error: type[Exception]
) -> None:
    end = at(State.NEW, False, None)
    end._meeting.greet(HELLO)
    end._meeting.over = True
    end.hear(f.pack([greeting]))
    assert end.line.closed
    assert isinstance(end.trouble, error)
    assert end.hopeless
