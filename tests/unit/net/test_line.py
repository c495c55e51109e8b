import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from gateways import Heard, stamp
from junto.config.model import Address, LinkSettings, PartySettings
from junto.net import frames as f
from junto.net.api import Abort, Activity
from junto.net.line import InlineCarrier, Line
from junto.net.pace import FIRST_BYTES, PARTS
from junto.net.peer import Peer


def test_what_is_said_goes_before_what_is_pulled():
    pulled = [b"second", b"third"]
    line = Line(lambda _: pulled.pop(0) if pulled else None)
    line.open = True
    line.say(f.Bye(1), f.Bye(2))
    messages = line.messages()
    assert f.open_message(next(messages)) == [f.Bye(1), f.Bye(2)]
    assert [next(messages), next(messages)] == [b"second", b"third"]
    line.close(f.Noted("bye"))
    assert [f.open_message(message) for message in messages] == [[f.Noted("bye")]]


def test_nothing_is_pulled_before_the_line_is_open_or_after_it_is_closed():
    line = Line(lambda _: b"value")
    line.say(f.Bye(1))
    messages = line.messages()
    assert next(messages) == f.pack([f.Bye(1)])
    line.close()
    assert list(messages) == []


def test_a_sleeping_line_wakes_and_a_wake_is_not_lost():
    answers = [None, b"value"]
    line = Line(lambda _: answers.pop(0))
    line.open = True
    line.wake()
    line.wake()
    got = []
    thread = threading.Thread(target=lambda: got.append(next(line.messages())), daemon=True)
    thread.start()
    thread.join(5)
    assert got == [b"value"]


def test_a_line_waits_for_more_no_longer_than_it_is_told():
    answers = [0.001, b"acknowledgements"]
    line = Line(lambda _: answers.pop(0))
    line.open = True
    assert next(line.messages()) == b"acknowledgements"


class Slow(InlineCarrier):
    """A network that takes a message in part: the rest only from who waits for it."""

    attend = alarm = rest = None

    def __init__(self):
        self.busy = False
        self.sent = []

    def send(self, message, patience=None):
        if message is not None:
            assert not self.busy, "the rest of the last one is still to be sent"
            self.sent.append(message)
        self.busy = patience is None
        return not self.busy


def test_while_a_message_is_sent_in_part_the_next_one_waits_for_the_carriers_thread():
    due = [b"first", b"second"]
    line = Line(lambda _: due.pop(0) if due else None)
    line.open, line.in_place = True, Slow()
    line.wake()
    line.wake()
    assert line.in_place.sent == [b"first"]
    assert due == [b"second"]
    assert next(line.messages()) == b"second"
    assert not line.in_place.busy


def test_who_may_not_go_on_has_asked_also_where_the_sender_itself_sends_one_message():
    chunk = bytes(FIRST_BYTES // PARTS)

    class Quick(Slow):
        def send(self, message, patience=None):
            super().send(message, patience=0.0)
            return True

    due = [chunk]

    def pull(line):
        if not due:
            return None
        line.pace.sent += len(chunk)
        return due.pop()

    line = Line(pull)
    line.open, line.in_place = True, Quick()
    line.wake(one=True)
    assert [chunk, f.pack([f.Ping(len(chunk))])] == line.in_place.sent


HEARD = st.lists(
    st.one_of(
        st.sampled_from(["history", "ending", "bye"]).map(f.Noted),
        st.integers(1, 5).map(f.Turned),
        st.integers(1, 5).map(f.Pong),
        st.integers(1, 3).map(lambda n: f.Heartbeat(Activity(stamp(n)))),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(HEARD)
def test_what_nobody_reads_waits_once(said):
    """A party can make us answer as often as it likes: each answer is there, and nothing piles up."""
    line = Line(lambda _: None)
    for frame in said:
        line.say(frame)
    message = line.step()
    waiting = f.open_message(message) if isinstance(message, bytes) else []
    latest = {type(frame): frame for frame in said if not isinstance(frame, f.Noted)}
    noted = {frame for frame in said if isinstance(frame, f.Noted)}
    assert len(waiting) == len(noted) + len(latest)
    assert all(frame in waiting for frame in (*noted, *latest.values()))


def test_a_party_that_repeats_itself_and_does_not_read_takes_no_memory():
    nowhere = Address("127.0.0.1", 1)
    peer = Peer(PartySettings("bob", nowhere, nowhere), LinkSettings(), Heard())
    line = Line(lambda _: None)
    peer.opened(line)
    peer.connection.hear(line, [f.Resumed(0, (), (), 0, turn=1)])
    line.step()
    for turn in range(2, 300):
        repeated = [f.Bye(0), f.Ending(Abort("exit", "")), f.History(()), f.Resumed(0, (), (), 0, turn=turn)]
        peer.connection.hear(line, f.pack(repeated))
    answers = f.open_message(line.step())
    assert sorted(str(answer) for answer in answers) == sorted(
        str(answer) for answer in (*map(f.Noted, ("bye", "ending", "history")), f.Turned(299))
    )
    assert peer.refusals.by_cause() == {}
