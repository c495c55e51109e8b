"""The byte quota of a mailbox, to the byte."""

from __future__ import annotations

import pytest

from junto.net import delivery
from junto.net.api import Stamp, TransferKey
from junto.net.buffers import Buffer, MemoryBuffer
from junto.net.frames import Accept, Offer, Value
from junto.net.mailbox import Mailbox
from junto.net.steps import Refusal

QUOTA = 1000
STAMP = Stamp(2, bytes(16), "alice -> bob", "fit.py:3")


class Room:
    """Makes the buffers, and remembers which were to be files."""

    def __init__(self) -> None:
        self.spilled: list[bool] = []

    def __call__(self, nbytes: int, spill: bool) -> Buffer:
        self.spilled.append(spill)
        return MemoryBuffer(nbytes)


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def mailbox(room: Room) -> Mailbox:
    return Mailbox(room, QUOTA, None)


def offered(mailbox: Mailbox, number: int, nbytes: int) -> bool:
    """Whether an offer is taken at once."""
    assert mailbox.offer(Offer(number, TransferKey(2, number), STAMP, nbytes)) == []
    return Accept(number) in mailbox.take()


def came(mailbox: Mailbox, number: int, nbytes: int) -> None:
    """A small value, before anybody expects it."""
    assert mailbox.whole(Value(number, TransferKey(2, number), STAMP, memoryview(bytes(nbytes)))) == []


def test_an_early_offer_that_just_fits_is_taken_and_one_byte_more_waits(mailbox: Mailbox, room: Room) -> None:
    assert not offered(mailbox, 0, QUOTA + 1)
    assert offered(mailbox, 1, QUOTA)
    assert not offered(mailbox, 2, 1)
    assert room.spilled == [False]
    assert mailbox.in_memory == QUOTA


def test_an_early_value_that_just_fits_is_kept_and_one_byte_more_is_let_go(mailbox: Mailbox) -> None:
    came(mailbox, 0, QUOTA - 10)
    came(mailbox, 1, 10)
    assert mailbox.in_memory == QUOTA
    came(mailbox, 2, 1)
    assert mailbox.in_memory == QUOTA
    assert mailbox.settled == 2
    assert mailbox.expect(TransferKey(2, 2))[1] == []  # asked for now, as chunks
    assert Accept(2) in mailbox.take()


def test_an_expected_offer_beyond_the_quota_is_received_into_a_file(mailbox: Mailbox, room: Room) -> None:
    for number in range(3):
        mailbox.expect(TransferKey(2, number))
    assert offered(mailbox, 0, QUOTA)
    assert offered(mailbox, 1, 1)
    assert room.spilled == [False, True]
    assert mailbox.in_memory == QUOTA


def test_what_the_program_has_got_makes_room(mailbox: Mailbox) -> None:
    came(mailbox, 0, QUOTA)
    assert mailbox.expect(TransferKey(2, 0))[1] != []
    assert mailbox.in_memory == 0
    assert offered(mailbox, 1, QUOTA)


@pytest.mark.parametrize("numbers", [[0], [0, 1], [1], [1, 0], [0, 2, 1], [2, 1, 0]])
def test_a_number_that_came_in_whichever_order_is_no_other_value_either(
    mailbox: Mailbox, numbers: list[int]
) -> None:
    for number in numbers:
        came(mailbox, number, 1)
    for number in numbers:
        again = Value(number, TransferKey(2, 100 + number), STAMP, memoryview(b"x"))
        mailbox.expect(again.key)
        with pytest.raises(Refusal) as refused:
            mailbox.whole(again)
        assert refused.value.kind == "duplicate"
    assert mailbox.settled == len(numbers)


def test_an_answer_is_due_at_once_when_much_has_come_since_the_last_one(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "ACK_BYTES", 100)
    owed = []
    for number, nbytes in enumerate((60, 39, 1, 99)):
        came(mailbox, number, nbytes)
        owed.append(mailbox.owes)
        if mailbox.owes:
            mailbox.take()
    assert owed == [False, False, True, False]
