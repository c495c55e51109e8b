"""Large values arrive a few at a time; however one of them ends, the next one has its turn."""

from __future__ import annotations

import itertools

import pytest

from gateways import stamp
from junto.net import delivery as module
from junto.net import frames as f
from junto.net.api import TransferKey
from junto.net.buffers import Buffer, MemoryBuffer
from junto.net.mailbox import Mailbox
from junto.net.steps import Numbers, Write


class Room:
    """Makes buffers; the next one can be told to fail."""

    fails = ""

    def __call__(self, nbytes: int, spill: bool) -> Buffer:
        fails, self.fails = self.fails, ""
        if fails == "open":
            raise OSError(28, "no space left")
        buffer = MemoryBuffer(nbytes)
        if fails == "view":
            buffer.view = self.full  # type: ignore[method-assign]
        return buffer

    def full(self) -> memoryview:
        raise OSError(12, "no memory left")


@pytest.fixture
def mailbox(monkeypatch):
    monkeypatch.setattr(module, "ABREAST", 1)
    made = Mailbox(Room(), 1000, None)
    made.advance(1)
    return made


def offer(mailbox: Mailbox, number: int, operation: int = 1):
    return mailbox.offer(f.Offer(number, TransferKey(operation, number), stamp(operation), 10))


def accepted(mailbox: Mailbox) -> list[int]:
    return [frame.transfer for frame in mailbox.take() if isinstance(frame, f.Accept)]


def filled(mailbox: Mailbox, number: int) -> Write:
    write = mailbox.chunk(number, 0, memoryview(bytes(10)))
    assert write is not None
    return write


ENDS = {
    "it is here": lambda mailbox: mailbox.written(filled(mailbox, 0)),
    "its bytes cannot be stored": lambda mailbox: mailbox.written(filled(mailbox, 0), OSError(28, "full")),
    "it cannot be read back": lambda mailbox: mailbox.written(filled(mailbox, 0)),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_next_one_is_asked_for_when_one_ends(mailbox, end):
    mailbox._open_buffer.fails = "view" if "read" in end else ""
    for number in range(3):
        mailbox.expect(TransferKey(1, number))
        assert offer(mailbox, number) == []
    assert accepted(mailbox) == [0]
    delivered = ENDS[end](mailbox)
    assert [deliver.arrival.key for deliver in delivered] == [TransferKey(1, 0)]
    assert accepted(mailbox) == [1]
    assert [deliver.arrival.key for deliver in mailbox.written(filled(mailbox, 1))] == [TransferKey(1, 1)]


def test_one_for_which_there_is_no_room_when_its_turn_comes_fails_and_the_one_behind_it_follows(mailbox):
    for number in range(3):
        mailbox.expect(TransferKey(1, number))
        offer(mailbox, number)
    accepted(mailbox)
    mailbox._open_buffer.fails = "open"
    delivered = mailbox.written(filled(mailbox, 0))
    assert [(deliver.arrival.key, isinstance(deliver.content, OSError)) for deliver in delivered] == [
        (TransferKey(1, 0), False),
        (TransferKey(1, 1), True),
    ]
    assert accepted(mailbox) == [2]


def test_a_value_that_nobody_needs_any_more_gives_its_turn_away(mailbox):
    offer(mailbox, 0, operation=2)
    assert accepted(mailbox) == [0]
    mailbox.expect(TransferKey(1, 1))
    offer(mailbox, 1)
    assert accepted(mailbox) == []
    mailbox.expect(TransferKey(4, 4))
    refusals, delivered = mailbox.advance(3)
    assert ([refusal.kind for refusal in refusals], delivered) == (["unexpected"], [])
    assert accepted(mailbox) == [1]


def test_the_program_s_order_decides_whose_turn_it_is(mailbox):
    for number in range(4):
        mailbox.expect(TransferKey(1, number))
    for number in (3, 2, 0, 1):
        offer(mailbox, number)
    turns = accepted(mailbox)
    while len(turns) < 4:
        mailbox.written(filled(mailbox, turns[-1]))
        turns += accepted(mailbox)
    assert turns == [3, 0, 1, 2]


def test_what_waited_for_its_turn_when_the_line_broke_is_offered_again(mailbox):
    for number in range(2):
        mailbox.expect(TransferKey(1, number))
        offer(mailbox, number)
    assert mailbox.resume() == f.Resumed(0, (), ((0, 0),), 1, turn=1)
    offer(mailbox, 1)
    mailbox.written(filled(mailbox, 0))
    assert accepted(mailbox) == [1]


def test_numbers_are_a_set_in_whatever_order_they_come():
    for order in itertools.permutations(range(6)):
        numbers, plain = Numbers(), set()
        for number in order:
            numbers.add(number)
            plain.add(number)
            assert {each for each in range(8) if each in numbers} == plain
            assert len(numbers) == len(plain)
            told = set(range(numbers.below)).union(*(range(a, b + 1) for a, b in numbers.ranges()))
            assert told == plain
            assert numbers.gaps == len(numbers.ranges())
        assert (numbers.below, numbers.gaps) == (6, 0)


def test_a_million_numbers_above_one_that_is_missing_are_one_gap():
    numbers = Numbers()
    for number in range(1, 1_000_000):
        numbers.add(number)
    assert numbers.ranges() == ((1, 999_999),)
