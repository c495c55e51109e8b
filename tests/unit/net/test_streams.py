"""Our end of an ordered stream of a peer, over lines that a test moves."""

from __future__ import annotations

import threading

import pytest

from flows import LOST, Pair
from junto.config.model import LinkSettings
from junto.errors import ProtocolViolation
from junto.net import frames as f
from junto.net.api import PipeEnded, TransferKey
from junto.net.header import Header, Kind, pack
from junto.net.line import InlineCarrier
from junto.net.ordered import WINDOW
from junto.net.streams import PeerStream

STREAM = 5


class Two:
    """Alice and bob, and their ends of one stream."""

    def __init__(self, trusted=lambda: True):
        self.pair = Pair(LinkSettings())
        self.alice, self.bob = self.pair.alice.peer, self.pair.bob.peer
        self.one = PeerStream(STREAM, self.alice.connection, lambda: True, 10)
        self.other = PeerStream(STREAM, self.bob.connection, trusted, 10)
        self.pair.settle()


@pytest.fixture
def two():
    made = Two()
    yield made
    made.pair.close()


def framed(number, data, stream=STREAM, kind=Kind.STREAM):
    return pack(Header(kind, 0, stream, number, 0)) + data


def write(stream, data=b"x"):
    return stream.write(Kind.STREAM, 0, 0, data)


def take(stream):
    frame = stream.read()
    return None if frame is None else bytes(frame.body)


def test_who_does_not_read_is_not_filled_and_reading_lets_the_writer_go_on(two):
    while write(two.one):
        two.pair.settle()
    assert two.one._writer.pushed == WINDOW
    assert not two.one.wait(False, True, 0)
    for _ in range(WINDOW // 2 - 1):
        assert take(two.other) == b"x"
    two.pair.settle()
    assert not two.one.wait(False, True, 0)
    take(two.other)
    two.pair.settle()
    assert two.one.wait(False, True, 0)
    assert write(two.one)


def test_what_was_not_read_when_the_line_broke_is_read_once(two):
    for part in (b"a", b"b", b"c"):
        write(two.one, part)
    two.pair.settle()
    assert take(two.other) == b"a"
    write(two.one, b"d")
    for stream in two.pair.streams:
        stream.breaks(0)
    write(two.one, b"e")
    for index in range(2):
        two.pair.redial(index)
    two.pair.settle()
    write(two.one, b"f")
    two.pair.settle()
    assert [take(two.other) for _ in range(6)] == [b"b", b"c", b"d", b"e", b"f", None]
    assert not two.bob.refusals.by_cause()


def test_what_is_still_on_its_way_on_a_line_that_is_named_again_was_asked_for_before_and_is_let_go(two):
    def let_happen(all_but):
        while steps := [step for name, step in two.pair.steps() if name != all_but]:
            steps[0]()

    slow = "bob -> alice: hear answer"
    two.pair.streams[0].breaks(0)
    two.pair.streams[0].noticed()  # so bob names the connection that he has dialled, on which nothing arrives
    large = two.pair.alice, two.pair.bob, TransferKey(1, 0)
    for end in large[:2]:
        end.come_to(1)
    large[1].expect(large[2])
    large[0].push(large[2], bytes(40))
    write(two.one, b"a")
    write(two.one, b"b")
    let_happen(slow)
    two.pair.redial(0)
    let_happen(slow)
    assert [take(two.other), take(two.other)] == [b"a", b"b"]
    write(two.one, b"c")
    two.pair.streams[0].breaks(0)
    two.pair.streams[0].noticed()
    two.pair.settle()
    assert not two.bob.refusals.by_cause()
    assert [take(two.other), take(two.other)] == [b"c", None]
    assert large[1].expected[large[2]] == [bytes(40)]


def test_what_was_written_before_the_end_is_read_then_it_ends(two):
    write(two.one, b"last words")
    two.one.close()
    two.one.close()
    two.pair.settle()
    with pytest.raises(PipeEnded):
        write(two.other)
    assert two.other.wait(True, False, 0)
    assert take(two.other) == b"last words"
    assert two.other.wait(True, False, 0)
    with pytest.raises(PipeEnded):
        take(two.other)


def test_what_comes_for_an_end_that_is_closed_counts_as_read(two):
    two.other.close()
    for _ in range(3):
        two.one._writer.push(Kind.STREAM, 0, 0, b"late")
        two.alice.connection.sends.wake()
        two.pair.settle()
    assert not two.alice.connection.outbox.streams.unread()
    assert two.other.traffic() == (0, 3 * len(b"late"))
    assert not two.bob.refusals.by_cause()


def test_nothing_is_sent_before_the_other_end_is_open():
    pair = Pair(LinkSettings())
    one = PeerStream(STREAM, pair.alice.peer.connection, lambda: True, 10)
    write(one, b"first")
    one.close()
    pair.settle()
    assert pair.bob.peer.connection.received.nbytes == 0
    assert not pair.alice.peer.connection.outbox.streams.unread()  # nobody is there who could read it
    other = PeerStream(STREAM, pair.bob.peer.connection, lambda: True, 10)
    pair.settle()
    assert take(other) == b"first"
    with pytest.raises(PipeEnded):
        take(other)
    pair.close()


def test_a_peer_that_is_lost_ends_it_after_what_had_arrived(two):
    write(two.one, b"before")
    two.pair.settle()
    two.bob.connection.lose(LOST)
    assert two.other.wait(False, True, 0)
    with pytest.raises(PipeEnded):
        write(two.other)
    assert take(two.other) == b"before"
    with pytest.raises(PipeEnded) as caught:
        take(two.other)
    assert caught.value.__cause__ is LOST
    assert not two.bob.connection.outbox.streams.unread()


def test_a_stream_of_a_lost_peer_has_ended_when_it_is_opened(two):
    two.alice.lose(LOST)
    with pytest.raises(PipeEnded):
        write(PeerStream(9, two.alice.connection, lambda: True, None))


def test_of_a_party_with_another_program_nothing_is_read():
    trusted = [False]
    made = Two(lambda: trusted[0])
    write(made.one)
    made.pair.settle()
    assert take(made.other) is None
    assert not made.other.wait(True, False, 0)
    trusted[0] = True
    assert made.other.wait(True, False, 0)
    assert take(made.other) == b"x"
    made.pair.close()


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (framed(1, b"x"), "out of place"),
        (framed(2**64 - 1, b"x"), "out of place"),
        (framed(0, b"x", stream=6), "out of order"),
    ],
    ids=["gap", "far", "not open"],
)
def test_a_frame_that_no_honest_party_sends_is_refused_and_ends_its_stream(two, message, kind):
    line = two.pair.streams[0].back
    two.bob.connection.hear(line, message)
    assert two.bob.refusals.by_cause() == {kind: 1}
    if kind == "out of place":
        with pytest.raises(PipeEnded) as caught:
            take(two.other)
        assert isinstance(caught.value.__cause__, ProtocolViolation)
        assert caught.value.__cause__.party == "alice"


def test_a_header_that_the_one_before_foretells_is_one_byte_on_each_line_anew(two):
    there, seen = two.pair.streams[0], []

    def sent():
        for _ in range(2):
            write(two.one)
        while step := next((step for name, step in two.pair.steps() if name == "alice -> bob: send"), None):
            step()
        seen.append([len(message) for message in there.forward if message[:1] in b"\x02\x03"])
        two.pair.settle()

    sent()
    sent()
    assert seen == [[10, 2], [2, 2]]
    for stream in two.pair.streams:
        stream.breaks(0)
    for index in range(2):
        two.pair.redial(index)
    two.pair.settle()
    there = two.pair.streams[0]
    sent()
    assert len(two.one._writer._frames) == 6
    assert [take(two.other) for _ in range(7)] == [b"x"] * 6 + [None]
    assert two.other.traffic() == (0, 6 * len(b"x"))
    assert not two.bob.refusals.by_cause()


def test_a_header_of_which_nothing_was_said_before_is_none(two):
    line = two.pair.streams[0].back
    assert not two.bob.connection.hear_frame(line, b"\x03x")
    with pytest.raises(ProtocolViolation):
        f.open_message(b"\x03x")


def test_a_frame_twice_and_one_after_the_end_are_refused(two):
    line = two.pair.streams[0].back
    first, end = framed(0, b"x"), framed(1, b"", kind=Kind.END)
    for message in (first, first, end, framed(2, b"y"), framed(2, b"y")):
        two.bob.connection.hear(line, message)
    assert two.bob.refusals.by_cause() == {"out of place": 3}


@pytest.mark.parametrize("message", [framed(0, b"")[:-1], b"\x02", b"\x02" * 8, b"\x02\x41" + b"\x00" * 13])
def test_what_has_no_whole_header_is_malformed(message):
    with pytest.raises(ProtocolViolation):
        f.open_message(message)


def test_a_reader_that_has_read_more_than_there_is_ends_the_stream(two):
    write(two.one)
    two.alice.connection.hear(two.pair.streams[0].out, [f.Ack((), (), 0, ((STREAM, 2), (77, 0), (78, 5)))])
    with pytest.raises(PipeEnded) as caught:
        write(two.one)
    assert isinstance(caught.value.__cause__, ProtocolViolation)


def test_a_wait_ends_when_something_arrives_when_it_is_woken_and_in_time(two):
    assert not two.other.wait(True, False, 0.01)
    waits = threading.Thread(target=lambda: two.other.wait(True, False, 30))
    waits.start()
    write(two.one)
    two.pair.settle()
    waits.join(5)
    assert not waits.is_alive()
    two.one.wake()
    assert two.one.wait(True, False, 30)


@pytest.mark.parametrize("who", ["another thread", "itself"])
def test_who_reads_a_connection_itself_is_woken_by_what_others_hear_or_say(two, who):
    rung, attending, line = threading.Event(), threading.Event(), two.bob.connection.wants
    message = framed(0, b"x")

    class Held(InlineCarrier):
        busy = True
        send = rest = alarm = None

        def attend(self, hear, until):
            attending.set()
            return hear(message) if who == "itself" else rung.wait(20)

    line.in_place = Held()
    line.in_place.alarm = rung.set
    waits = threading.Thread(target=lambda: two.other.wait(True, False, 30))
    waits.start()
    assert attending.wait(20)
    if who == "another thread":
        assert two.bob.connection.hear_frame(line, message)
    waits.join(5)
    assert not waits.is_alive()
    assert rung.is_set() == (who == "another thread")
    assert take(two.other) == b"x"


def test_a_stream_is_opened_once():
    pair = Pair(LinkSettings())
    PeerStream(STREAM, pair.alice.peer.connection, lambda: True)
    with pytest.raises(ValueError, match="a second time"):
        PeerStream(STREAM, pair.alice.peer.connection, lambda: True)
    pair.close()
