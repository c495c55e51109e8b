"""The two directions of a peer, without a network: a stream that was replaced says and hears nothing."""

from flows import Clock
from gateways import error_of, outcome, payload, stamp
from junto.config.model import LinkSettings
from junto.errors import PartyUnreachable
from junto.net import directions
from junto.net import frames as f
from junto.net.api import TransferKey
from junto.net.buffers import MemoryBuffer
from junto.net.directions import Receiving, Sending
from junto.net.line import Line
from junto.net.steps import Refusal

NOTHING = f.Resumed(0, (), (), 0)
LOST = PartyUnreachable("bob is gone", party="bob")


def sending() -> tuple[Sending, Line]:
    made = Sending("bob", lambda: None)
    line = Line(made.pull)
    made.open(line, NOTHING)
    return made, line


def never(refusal: Refusal) -> None:
    raise AssertionError(refusal.text)


def receiving() -> tuple[Receiving, Line]:
    made = Receiving("bob", LinkSettings(), never)
    line = Line(made.pull)
    made.open(line)
    return made, line


def said(line: Line) -> list[f.ControlFrame]:
    """What it would send now, up to where it would sleep."""
    frames: list[f.ControlFrame] = []
    while isinstance(message := line.step(), bytes):
        frames += f.open_message(message)
    return frames


def test_a_line_that_was_replaced_takes_no_value_along():
    out, old = sending()
    new = Line(out.pull)
    out.open(new, NOTHING)
    out.push(TransferKey(1, 0), stamp(1), payload(b"value"))
    assert out.pull(old) is None
    message = out.pull(new)
    assert message is not None
    assert isinstance(f.open_message(message)[0], f.Value)
    assert not out.close(old)
    assert out.close(new)


def test_a_value_on_a_line_that_was_replaced_is_not_taken():
    into, old = receiving()
    arrival = into.expect(TransferKey(1, 0))
    new = Line(into.pull)
    into.open(new)
    into.value(old, f.Value(0, TransferKey(1, 0), stamp(1), memoryview(b"old")))
    assert into.mailbox.settled == 0
    into.value(new, f.Value(0, TransferKey(1, 0), stamp(1), memoryview(b"new")))
    assert outcome(arrival) == b"new"


def test_bytes_that_were_being_stored_while_the_line_was_replaced_are_not_counted_twice(monkeypatch):
    into, old = receiving()
    arrival = into.expect(TransferKey(1, 0))
    into.value(old, f.Offer(0, TransferKey(1, 0), stamp(1), 6))
    new, write = Line(into.pull), MemoryBuffer.write

    def replaced_meanwhile(buffer, offset, data):
        monkeypatch.undo()
        into.open(new)
        write(buffer, offset, data)

    monkeypatch.setattr(MemoryBuffer, "write", replaced_meanwhile)
    into.chunk(old, f.Chunk(0, 0, memoryview(b"abc")))
    resumed = next(frame for frame in said(new) if isinstance(frame, f.Resumed))
    assert resumed.partial == ((0, 0),)
    into.chunk(new, f.Chunk(0, 0, memoryview(b"abc")))
    into.chunk(new, f.Chunk(0, 3, memoryview(b"def")))
    assert outcome(arrival) == b"abcdef"


def test_acknowledgements_of_small_values_wait_for_each_other_and_those_of_large_ones_do_not():
    into, line = receiving()
    said(line)
    for transfer in range(3):
        into.value(line, f.Value(transfer, TransferKey(1, transfer), stamp(1), memoryview(b"x")))
    assert isinstance(into.pull(line), float)
    into.value(line, f.Offer(3, TransferKey(1, 3), stamp(1), 5))
    into.chunk(line, f.Chunk(3, 0, memoryview(b"large")))
    assert said(line) == [f.Accept(3), f.Ack((0, 1, 2, 3), (), 0)]


def test_giving_up_ends_what_is_under_way_and_what_comes_later():
    out, _ = sending()
    into, line = receiving()
    begun, awaited = out.push(TransferKey(1, 0), stamp(1), payload(b"value")), into.expect(TransferKey(1, 0))
    into.value(line, f.Offer(0, TransferKey(1, 0), stamp(1), 100))
    assert out.give_up(LOST)
    into.give_up(LOST)
    assert error_of(begun) is LOST
    assert outcome(awaited) is LOST
    assert error_of(out.push(TransferKey(2, 0), stamp(2), payload(b""))) is LOST
    assert outcome(into.expect(TransferKey(2, 0))) is LOST
    assert not Sending("bob", lambda: None).give_up(LOST)


def test_a_value_that_nobody_expects_is_declined_but_not_before_a_divergence_could_be_told():
    refusals = []
    into = Receiving("bob", LinkSettings(), refusals.append)
    line = Line(into.pull)
    into.open(line)
    into.advance(3)
    said(line)
    into.value(line, f.Value(0, TransferKey(2, 0), stamp(2), memoryview(b"x")))
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
    out = Sending("bob", lambda: None)
    line = Woken(out.pull)
    out.open(line, NOTHING)
    before = line.count
    out.position(1)
    out.hear(line, f.Ack((), (), 2))
    assert line.count == before
    out.push(TransferKey(2, 0), stamp(2), payload(b"demanded"))
    assert line.count == before + 1
    assert isinstance(out.pull(line), bytes)
    out.push(TransferKey(5000, 0), stamp(5000), payload(b"beyond the window"))
    assert line.count == before + 1
    out.position(4900)
    assert line.count == before + 2


def test_an_acknowledging_thread_is_woken_once_for_all_values_of_its_delay(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(directions, "time", clock)
    into = Receiving("bob", LinkSettings(), never)
    line = Woken(into.pull)
    into.open(line)
    said(line)
    before = line.count
    for number in range(5):
        into.expect(TransferKey(1, number))
        into.value(line, f.Value(number, TransferKey(1, number), stamp(1), memoryview(b"x")))
        into.wake()
        assert isinstance(into.pull(line), float), "it sleeps until the acknowledgement is due"
    assert line.count == before + 1
    clock.now += directions.ACK_DELAY_S
    (ack,) = said(line)
    assert isinstance(ack, f.Ack)
    assert ack.settled == (0, 1, 2, 3, 4)
    into.expect(TransferKey(2, 0))
    into.value(line, f.Value(5, TransferKey(2, 0), stamp(2), memoryview(b"x")))
    into.wake()
    assert line.count == before + 2, "the next delay begins"


def test_of_two_lines_the_one_that_was_named_last_counts_in_whichever_order_that_is_heard():
    out = Sending("bob", lambda: None)
    first, second = Line(out.pull), Line(out.pull)
    out.open(second, f.Resumed(0, (), (), 0, turn=2))
    out.open(first, f.Resumed(0, (), (), 0, turn=1))
    assert out.line is second
    out.forget()  # another run: its turns begin anew
    out.open(first, f.Resumed(0, (), (), 0, turn=1))
    assert out.line is first


def test_an_answer_on_a_line_that_is_not_in_use_is_not_heard():
    out, line = sending()
    delivery = out.push(TransferKey(0, 0), stamp(0), payload(b"x"))
    assert out.pull(line) is not None
    out.hear(Line(out.pull), f.Ack((0,), (), 0))
    assert len(out.outbox.underway) == 1
    out.hear(line, f.Ack((0,), (), 0))
    assert error_of(delivery) is None


def test_a_line_that_is_over_is_not_taken_into_use_again():
    out, line = sending()
    line.close()
    out.close(line)
    out.open(line, f.Resumed(0, (), (), 0, turn=7))
    assert out.line is None


def test_what_was_not_taken_is_said_again_on_a_new_line_and_is_not_delivered():
    into = Receiving("bob", LinkSettings(), lambda refusal: None)
    line, new = Line(into.pull), Line(into.pull)
    into.open(line)
    into.advance(3)
    into.value(
        line, f.Value(0, TransferKey(2, 0), stamp(2), memoryview(b"x"))
    )  # its answer waits, and the line breaks
    into.open(new)
    (resumed,) = said(new)
    assert resumed.below == 1
    out, old = sending()
    delivery = out.push(TransferKey(2, 0), stamp(2), payload(b"x"))
    out.position(3)
    assert out.pull(old) is not None
    out.open(Line(out.pull), resumed)
    assert "nobody expects value 0 of operation 2" in str(error_of(delivery))
