"""Both halves of an ordered stream composed, over lines that break: frames are read in order, each once."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from junto.net import ordered
from junto.net.header import Header, Kind, Ordered
from junto.net.ordered import WINDOW, StreamReader, StreamWriter
from tries import tries


def framed(data):
    return Ordered(Header(Kind.STREAM, 0, 0, 0, 0), memoryview(data))


def pushed(writer, data):
    return writer.push(Kind.STREAM, 0, 0, data)


class Line:
    """A writer, a reader, and what is on its way between them."""

    def __init__(self):
        self.tells = {}
        self.due = deque()
        self.writer, self.reader = StreamWriter(self.due, 0), StreamReader(self.tells, 0)
        self.there, self.back, self.sent, self.got = [], [], 0, []
        self.broken = True

    def write(self):
        if self.writer.room:
            pushed(self.writer, b"%d" % self.sent)
            self.sent += 1

    def send(self):
        if self.due and not self.broken:
            self.there.append(self.due.popleft())

    def arrive(self):
        if self.there:
            frame = self.there.pop(0)
            self.reader.take(frame.header.number, frame, last=False)

    def read(self):
        frame = self.reader.pop()
        if frame is not None:
            self.got.append(bytes(frame.body))

    def say(self):
        if not self.broken and self.tells:
            self.back.append(self.tells.pop(0).say())

    def hear(self):
        if self.back:
            assert self.writer.hear(self.back.pop(0))

    def cut(self):
        self.broken = True
        self.there, self.back = [], []

    def redial(self):
        if self.broken:
            self.broken = False
            assert self.writer.hear(self.reader.resume())
            self.tells.clear()
            self.due.clear()
            self.writer.resume()

    def close(self):
        self.reader.close()

    def settle(self):
        """All that can happen by itself."""
        before = None
        while before != (before := (len(self.got), self.sent, self.writer.read, len(self.there))):
            for step in (self.redial, self.send, self.arrive, self.say, self.hear):
                step()


STEPS = ["write", "send", "arrive", "read", "say", "hear", "cut", "redial", "close"]
counts = st.integers(1, WINDOW + 3)


@settings(max_examples=tries(150), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS[:-1]), counts)), st.booleans())
def test_everything_written_is_read_once_and_in_order(steps, closes):
    line = Line()
    for name, count in steps:
        for _ in range(count):
            getattr(line, name)()
        assert line.got == [b"%d" % number for number in range(len(line.got))]
        assert line.sent - len(line.got) <= WINDOW + WINDOW // 2
    if closes:
        line.close()
    line.settle()
    for _ in range(2 * WINDOW if not closes else 0):
        line.read()
        line.settle()
    if closes:
        assert not line.writer.unread, "the reader is closed, and its writer was not told"
    else:
        assert len(line.got) == line.sent
        assert line.writer.room, "all was read, and the writer waits"


def test_what_has_come_and_not_been_read_is_sent_again_after_a_break_and_read_once():
    line = Line()
    for _ in range(3):
        line.write()
    for step in ("redial", "send", "send", "arrive", "arrive", "cut"):
        getattr(line, step)()
    for _ in range(3):
        line.settle()
    for _ in range(5):
        line.read()
    assert line.got == [b"0", b"1", b"2"]


def taking(*numbers, ends=()):
    reader = StreamReader({}, 0)
    reader.say()
    return [reader.take(number, framed(b"x"), last=number in ends) for number in numbers]


@pytest.mark.parametrize(
    ("numbers", "ends", "text"),
    [
        ([1], [], "frame 1 of a stream came; frame 0 is due"),
        ([0, 0], [], "frame 0 of a stream came; frame 1 is due"),
        ([0, 2], [], "frame 2 of a stream came; frame 1 is due"),
        (range(WINDOW + 1), [], "no room"),
        (range(WINDOW + 2), [WINDOW], "no room"),
        ([0, 1], [0], "after its end"),
    ],
)
def test_a_frame_that_is_not_due_is_refused(numbers, ends, text):
    with pytest.raises(ValueError, match=text):
        taking(*numbers, ends=ends)


def test_large_frames_wait_for_each_other_by_their_bytes_and_the_reader_holds_no_more(monkeypatch):
    monkeypatch.setattr(ordered, "WINDOW_BYTES", 20)
    line = Line()
    line.redial()
    large = bytes(9)
    assert [pushed(line.writer, large) for _ in range(4)] == [True, True, True, False]
    for _ in range(3):
        line.send(), line.arrive()
    more = Ordered(Header(Kind.STREAM, 0, 0, 3, 0), memoryview(large))
    with pytest.raises(ValueError, match="no room"):
        line.reader.take(3, more, last=False)
    line.read()
    line.settle()
    assert not line.writer.room, "less than half of the window was read"
    line.read()
    line.settle()
    assert line.writer.room, "half of it was read, and its writer was not told"
    assert line.reader.take(3, more, last=False)


def test_for_the_end_there_always_is_room():
    assert all(taking(*range(WINDOW + 1), ends=[WINDOW]))


def test_a_reader_cannot_have_read_what_was_not_pushed():
    due = deque()
    writer = StreamWriter(due, 0)
    assert not writer.hear(1)
    assert not writer.opened
    pushed(writer, b"x")
    assert not due, "the reader has not opened its end"
    assert writer.hear(0)
    assert [frame.body for frame in due] == [b"x"]
    assert not writer.hear(2)
    assert writer.hear(1)


def test_what_is_read_between_the_break_and_the_first_frame_comes_again_and_is_let_go():
    due = deque()
    writer, reader = StreamWriter(due, 0), StreamReader({}, 0)
    assert writer.hear(reader.say())
    for part in (b"0", b"1", b"2"):
        pushed(writer, part)
        assert reader.take(writer.pushed - 1, due.popleft(), last=False)
    assert writer.hear(reader.resume())  # a new line, while nothing of the three is read
    due.clear()
    writer.resume()
    assert len(due) == 3
    assert [bytes(reader.pop().body) for _ in range(3)] == [b"0", b"1", b"2"]
    assert writer.hear(reader.say())
    pushed(writer, b"3")
    news = [reader.take(frame.header.number, frame, last=False) for frame in due]
    assert news == [False, False, False, True]
    with pytest.raises(ValueError, match="frame 3 of a stream came; frame 4 is due"):
        reader.take(3, framed(b"3"), last=False)
