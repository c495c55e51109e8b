"""Every kind of message in every state before a connection is open: what has no step is out of order."""

from __future__ import annotations

import typing

import pytest

from gateways import stamp, value
from junto.net import frames as f
from junto.net import header as h
from junto.net.api import Abort, Activity, Failure, TransferKey
from junto.net.ends import Dialled, Dialler
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
DIALLED = {State.NEW: ("Hello ",), State.GREETED: ("Resume ", *LAST_WORDS), State.ASKED: LAST_WORDS}
DIALLER = {
    State.NEW: ("Hello ", "Refused "),
    State.GREETED: ("Refused ", *LAST_WORDS),
    State.ASKED: ("Resumed ", "Refused ", *LAST_WORDS),
}
"""What may be heard where: all else is out of order."""


def test_every_kind_of_frame_is_tried():
    assert {type(each) for each in FRAMES} == set(typing.get_args(f.Any))


def dialled(state: State) -> Dialled:
    """The end that bob has dialled at alice, who does not know carol yet, and so no run."""
    side = Side("alice", PARTIES, 0)
    end = Dialled(side.peers["bob"], side.meeting, "somewhere")
    for frame in (HELLO, RESUME)[: [State.NEW, State.GREETED, State.ASKED].index(state)]:
        end.hear(f.pack([frame]))
    assert end.state is state
    return end


def dialler(state: State) -> Dialler:
    """The end that alice has dialled to bob."""
    side = Side("alice", PARTIES, 0)
    end = Dialler(side.peers["bob"], side.meeting)
    if state is not State.NEW:
        end.hear(f.pack([HELLO]))
        assert not end.line.closed
    if state is State.ASKED:
        side.meeting.run = RESUME.run
        end.proceed()
    assert end.state is state
    return end


def is_unheard(end: Dialled | Dialler) -> None:
    peer = end.peer
    assert peer.refusals.by_cause() == {"out of order": 1}
    assert not end.line.open
    assert (peer.connection.outbox.position, peer.connection.mailbox.settled) == (0, 0)
    assert not peer.ended
    assert not peer.left
    assert not peer._events.activities
    assert peer._events.events.empty()


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("state", DIALLED, ids=lambda state: state.value)
def test_what_is_dialled_takes_what_has_a_step(state: State, name: str) -> None:
    end = dialled(state)
    end.hear(MESSAGES[name])
    if name in DIALLED[state]:
        assert not end.line.closed
        assert not end.peer.refusals.by_cause()
        return
    assert end.line.closed
    message = end.line.step()
    assert isinstance(message, bytes)
    assert f.open_message(message)[-1].kind == "out of order"
    is_unheard(end)


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("state", DIALLER, ids=lambda state: state.value)
def test_who_dials_takes_what_has_a_step(state: State, name: str) -> None:
    end = dialler(state)
    end.hear(MESSAGES[name])
    going = not end.line.closed
    if name in DIALLER[state]:
        assert going == (name != "Refused ")
        assert not end.peer.refusals.by_cause()
        return
    assert not going
    is_unheard(end)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_a_message_with_a_step_of_the_handshake_holds_nothing_that_needs_it_to_be_over(
    frame: f.ControlFrame,
) -> None:
    side = Side("alice", PARTIES[:2], 0)
    end = Dialled(side.peers["bob"], side.meeting, "somewhere")
    end.hear(f.pack([hello("bob", PARTIES[:2], b"b" * 16)]))
    assert side.meeting.run is not None
    end.hear(f.pack([f.Resume(side.meeting.run), frame]))
    assert end.line.open == isinstance(frame, f.Ending | f.Noted | f.Hello | f.Resume)
    if not end.line.open:
        is_unheard(end)
