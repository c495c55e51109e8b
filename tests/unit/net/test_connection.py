"""What passes between two parties, without a network: a line that was replaced says and hears nothing."""

import pytest

from flows import Clock, connection_of
from gateways import error_of, outcome, payload, stamp
from junto.errors import PartyUnreachable
from junto.net import connection
from junto.net import frames as f
from junto.net.api import Activity, TransferKey
from junto.net.buffers import MemoryBuffer
from junto.net.connection import PeerConnection
from junto.net.line import Line
from junto.net.pace import FIRST_BYTES, LEAST_BYTES
from junto.net.steps import Refusal

NOTHING = f.Resumed(0, (), (), 0)
LOST = PartyUnreachable("bob is gone", party="bob")


def sending() -> tuple[PeerConnection, Line]:
    made = connection_of()
    line = Line(made.pull)
    made.resume(line, NOTHING)
    return made, line


def never(refusal: Refusal) -> None:
    raise AssertionError(refusal.text)


def receiving() -> tuple[PeerConnection, Line]:
    made = connection_of(refuse=never)
    line = Line(made.pull)
    made.want(line)
    return made, line


def said(line: Line) -> list[f.ControlFrame | f.Chunk]:
    """What it would send now, up to where it would sleep."""
    frames: list[f.ControlFrame | f.Chunk] = []
    while isinstance(message := line.step(), bytes):
        opened = f.open_message(message)
        frames += opened if isinstance(opened, list) else [opened]
    return frames


def test_a_line_that_was_replaced_takes_no_value_along():
    out, old = sending()
    new = Line(out.pull)
    out.resume(new, NOTHING)
    out.push(TransferKey(1, 0), stamp(1), payload(b"value"))
    assert out.pull(old) is None
    message = out.pull(new)
    assert message is not None
    assert isinstance(f.open_message(message)[0], f.Value)
    out.drop(old)
    assert out.sends is new
    out.drop(new)
    assert out.sends is None


def test_a_value_on_a_line_that_was_replaced_is_not_taken():
    into, old = receiving()
    arrival = into.expect(TransferKey(1, 0))
    new = Line(into.pull)
    into.want(new)
    into.hear(old, [f.Value(0, TransferKey(1, 0), stamp(1), memoryview(b"old"))])
    assert into.mailbox.settled == 0
    into.hear(new, [f.Value(0, TransferKey(1, 0), stamp(1), memoryview(b"new"))])
    assert outcome(arrival) == b"new"


def test_bytes_that_were_being_stored_while_the_line_was_replaced_are_not_counted_twice(monkeypatch):
    into, old = receiving()
    arrival = into.expect(TransferKey(1, 0))
    into.hear(old, [f.Offer(0, TransferKey(1, 0), stamp(1), 6)])
    new, write = Line(into.pull), MemoryBuffer.write

    def replaced_meanwhile(buffer, offset, data):
        monkeypatch.undo()
        into.want(new)
        write(buffer, offset, data)

    monkeypatch.setattr(MemoryBuffer, "write", replaced_meanwhile)
    into.hear(old, f.pack_chunk(0, 0, [memoryview(b"abc")]))
    resumed = next(frame for frame in said(new) if isinstance(frame, f.Resumed))
    assert resumed.partial == ((0, 0),)
    into.hear(new, f.pack_chunk(0, 0, [memoryview(b"abc")]))
    into.hear(new, f.pack_chunk(0, 3, [memoryview(b"def")]))
    assert outcome(arrival) == b"abcdef"


def test_acknowledgements_of_small_values_wait_for_each_other_and_those_of_large_ones_do_not():
    into, line = receiving()
    said(line)
    for transfer in range(3):
        into.hear(line, [f.Value(transfer, TransferKey(1, transfer), stamp(1), memoryview(b"x"))])
    assert isinstance(into.pull(line), float)
    into.hear(line, [f.Offer(3, TransferKey(1, 3), stamp(1), 5)])
    into.hear(line, f.pack_chunk(3, 0, [memoryview(b"large")]))
    assert said(line) == [f.Accept(3), f.Ack((0, 1, 2, 3), (), 0)]


def test_giving_up_ends_what_is_under_way_and_what_comes_later():
    out, _ = sending()
    into, line = receiving()
    begun, awaited = out.push(TransferKey(1, 0), stamp(1), payload(b"value")), into.expect(TransferKey(1, 0))
    into.hear(line, [f.Offer(0, TransferKey(1, 0), stamp(1), 100)])
    out.lose(LOST)
    into.lose(LOST)
    with pytest.raises(PartyUnreachable):
        out.flush(0.0)
    assert error_of(begun) is LOST
    assert outcome(awaited) is LOST
    assert error_of(out.push(TransferKey(2, 0), stamp(2), payload(b""))) is LOST
    assert outcome(into.expect(TransferKey(2, 0))) is LOST
    quiet = connection_of()
    quiet.lose(LOST)
    quiet.flush(0.0)


def test_a_value_that_nobody_expects_is_declined_but_not_before_a_divergence_could_be_told():
    refusals = []
    into = connection_of(refuse=refusals.append)
    line = Line(into.pull)
    into.want(line)
    into.advance(3)
    said(line)
    into.hear(line, [f.Value(0, TransferKey(2, 0), stamp(2), memoryview(b"x"))])
    assert [refusal.kind for refusal in refusals] == ["unexpected"]
    assert not into.mailbox.early
    into.tick()
    assert said(line) == []
    into.tick()
    assert said(line) == [f.Declined(0, "nobody expects value 0 of operation 2")]


class Woken(Line):
    """Counts how often somebody wakes its thread."""

    count = 0

    def wake(self, one: bool = False) -> None:
        self.count += 1
        super().wake()


def test_a_sending_thread_is_woken_only_for_what_it_can_send():
    out = connection_of()
    line = Woken(out.pull)
    out.resume(line, NOTHING)
    before = line.count
    out.hear(line, [f.Heartbeat(Activity(stamp(1)))])
    out.hear(line, [f.Ack((), (), 2)])
    assert line.count == before
    out.push(TransferKey(2, 0), stamp(2), payload(b"demanded"))
    assert line.count == before + 1
    assert isinstance(out.pull(line), bytes)
    out.push(TransferKey(5000, 0), stamp(5000), payload(b"beyond the window"))
    assert line.count == before + 1
    out.hear(line, [f.Heartbeat(Activity(stamp(4900)))])
    assert line.count == before + 2


def test_an_acknowledging_thread_is_woken_once_for_all_values_of_its_delay(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(connection, "time", clock)
    into = connection_of(refuse=never)
    line = Woken(into.pull)
    into.want(line)
    said(line)
    before = line.count
    for number in range(5):
        into.expect(TransferKey(1, number))
        into.hear(line, [f.Value(number, TransferKey(1, number), stamp(1), memoryview(b"x"))])
        assert isinstance(into.pull(line), float), "it sleeps until the acknowledgement is due"
    assert line.count == before + 1
    clock.now += connection.ACK_DELAY_S
    (ack,) = said(line)
    assert isinstance(ack, f.Ack)
    assert ack.settled == (0, 1, 2, 3, 4)
    into.expect(TransferKey(2, 0))
    into.hear(line, [f.Value(5, TransferKey(2, 0), stamp(2), memoryview(b"x"))])
    assert line.count == before + 2, "the next delay begins"


def test_of_two_lines_the_one_that_was_named_last_counts_in_whichever_order_that_is_heard():
    out = connection_of()
    first, second = Line(out.pull), Line(out.pull)
    out.resume(second, f.Resumed(0, (), (), 0, turn=2))
    out.resume(first, f.Resumed(0, (), (), 0, turn=1))
    assert out.sends is second
    out.forget()  # another run: its turns begin anew
    out.resume(first, f.Resumed(0, (), (), 0, turn=1))
    assert out.sends is first


def test_an_answer_on_a_line_that_is_not_in_use_is_not_heard():
    out, line = sending()
    delivery = out.push(TransferKey(0, 0), stamp(0), payload(b"x"))
    assert out.pull(line) is not None
    out.hear(Line(out.pull), [f.Ack((0,), (), 0)])
    assert len(out.outbox.underway) == 1
    out.hear(line, [f.Ack((0,), (), 0)])
    assert error_of(delivery) is None


def test_a_line_that_is_over_is_not_taken_into_use_again():
    out, line = sending()
    line.close()
    out.drop(line)
    out.resume(line, f.Resumed(0, (), (), 0, turn=7))
    assert out.sends is None


def test_what_was_not_taken_is_said_again_on_a_new_line_and_is_not_delivered():
    into = connection_of()
    line, new = Line(into.pull), Line(into.pull)
    into.want(line)
    into.advance(3)
    into.hear(
        line, [f.Value(0, TransferKey(2, 0), stamp(2), memoryview(b"x"))]
    )  # its answer waits, and the line breaks
    into.want(new)
    (resumed,) = said(new)
    assert resumed.below == 1
    out, old = sending()
    delivery = out.push(TransferKey(2, 0), stamp(2), payload(b"x"))
    out.hear(line, [f.Heartbeat(Activity(stamp(3)))])
    assert out.pull(old) is not None
    out.resume(Line(out.pull), resumed)
    assert "nobody expects value 0 of operation 2" in str(error_of(delivery))


def test_what_follows_on_a_line_that_was_named_before_is_taken_from_where_it_answers_the_last_naming():
    into, line = receiving()
    other = Line(into.pull)
    into.want(other)
    into.want(line)
    small = f.Value(0, TransferKey(1, 0), stamp(1), memoryview(b"x"))
    into.hear(line, [f.Turned(1), small])  # it was asked for when the line was named first
    into.hear(other, [f.Turned(3)])  # and this is said of another line
    into.hear(line, [small])
    assert into.mailbox.settled == 0
    into.hear(line, [f.Turned(3), small])
    assert into.mailbox.settled == 1


def flowing(nbytes: int) -> tuple[PeerConnection, Line]:
    """A large value that the party has accepted."""
    out, line = sending()
    line.start()
    out.push(TransferKey(1, 0), stamp(1), payload(bytes(nbytes)))
    assert isinstance(said(line)[0], f.Offer)
    out.hear(line, [f.Accept(0)])
    return out, line


def test_a_line_carries_what_its_pace_allows_and_goes_on_with_each_answer():
    out, line = flowing(8 * FIRST_BYTES)
    rounds = 0
    while line.pace.sent < 8 * FIRST_BYTES:
        frames, rounds = said(line), rounds + 1
        assert line.pace.sent - line.pace.there < FIRST_BYTES + 2 * f.CHUNK_BYTES
        pings = [each for each in frames if isinstance(each, f.Ping)]
        out.hear(line, [f.Pong(pings[-1].sent)])
        line.pace.open(FIRST_BYTES)  # its answers say that it is fast; here it stays as it was
    assert rounds >= 7


def test_after_a_line_that_broke_before_it_had_answered_the_next_one_begins_slowly():
    out, line = flowing(FIRST_BYTES * 4)
    assert any(isinstance(each, f.Ping) for each in said(line))
    out.drop(line)
    slow, usual = Line(out.pull), Line(out.pull)
    slow.start()
    out.resume(slow, f.Resumed(0, (), ((0, 0),), 1, turn=1))
    assert slow.pace.window == LEAST_BYTES
    for frame in said(slow):
        assert not isinstance(frame, f.Chunk) or len(frame.data) <= LEAST_BYTES
    out.hear(slow, [f.Pong(slow.pace.sent)])
    out.drop(slow)
    out.resume(usual, f.Resumed(0, (), (), 1, turn=2))
    assert usual.pace.window > LEAST_BYTES


def test_an_answer_that_nobody_asked_for_is_refused():
    refused: list[Refusal] = []
    out = connection_of(refuse=refused.append)
    line = Line(out.pull)
    out.resume(line, NOTHING)
    out.hear(line, [f.Pong(5)])
    assert [each.text for each in refused] == ["an answer to a ping that nobody has sent"]
