"""A step of the handshake is one, its words included, whichever threads take it at the same time."""

from __future__ import annotations

import threading
from collections import deque

import pytest

from flows import connection_of
from gateways import in_parallel
from junto.net import frames as f
from junto.net.handshake import TRANSITIONS, HandshakeEvent, HandshakeState
from junto.net.line import Line
from meetings import World

THREADS = 6


def said(end) -> list[f.ControlFrame]:
    message = end.line.step()
    return f.open_message(message) if isinstance(message, bytes) and end.line else []


@pytest.fixture
def talk():
    """Alice has dialled bob, and both have greeted; the run is known to both."""
    world = World(("alice", "bob"))
    made = None
    for dialler in ("alice", "bob"):
        dict(world.steps())[f"{dialler}: dials {'bob' if dialler == 'alice' else 'alice'}"]()
    made = world.talks[0]
    dict(world.steps())["bob -> alice: hear"]()  # alice knows the run
    made.into.hear(made.forward.popleft())  # bob, too
    return made


def at_once(step) -> None:
    barrier = threading.Barrier(THREADS)

    def run() -> None:
        barrier.wait(10)
        step()

    assert in_parallel(*[run] * THREADS) == [None] * THREADS


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("side", ["out", "into"])
def test_each_end_says_the_run_once_by_however_many_threads_and_opens_once_both_have(talk, side, heard):
    talk.flush()
    end, meeting = getattr(talk, side), getattr(talk, side)._meeting
    run, meeting.run = meeting.run, None
    end.state, end._said, end.line._urgent = HandshakeState.GREETED, None, deque()
    if heard:
        end.hear(f.pack([f.Resume(run)]))
        assert end.line.step() is None
    meeting.run = run
    at_once(end.proceed)
    opened = [f.Resumed, f.Heartbeat] if heard else []
    assert [type(frame) for frame in said(end)] == [f.Resume, *opened]
    assert end.line.open == heard
    assert end.line.step() is None


def test_whoever_hears_that_a_line_is_open_finds_it_open():
    heard = []

    class Quick(Line):
        def wake(self, one: bool = False) -> None:
            message = self.step()  # the network is as quick as can be
            if isinstance(message, bytes):
                heard.extend((frame, self.open) for frame in f.open_message(message))

    into = connection_of()
    line = Quick(lambda _: None)
    into.want(line, f.Bye(1))
    assert heard == [(f.Resumed(0, (), (), 0, turn=1), True), (f.Bye(1), True)]


def test_the_table_is_a_line_from_new_to_open():
    state, walked = HandshakeState.NEW, []
    for event in HandshakeEvent:
        walked.append(state)
        state = TRANSITIONS[state, event]
    assert (*walked, state) == tuple(HandshakeState)
    assert len(TRANSITIONS) == len(HandshakeEvent)
