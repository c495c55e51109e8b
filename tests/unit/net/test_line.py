import threading

from junto.net import frames as f
from junto.net.line import InlineCarrier, Line


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
