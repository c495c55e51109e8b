"""A standstill is told, with the value's name: in the pure watch, and by a peer whose other end is frozen."""

from __future__ import annotations

import logging

import pytest

from flows import Pair
from junto.config.model import LinkSettings
from junto.net.api import TransferKey
from junto.net.peer import Standstill

VALUE = (TransferKey(17, 3), 40, 100)


def test_a_value_that_does_not_move_is_named_ever_more_rarely():
    watch = Standstill("what we send to bob", 8.0)
    said = {now: text for now in range(100) if (text := watch.look(float(now), 5, VALUE))}
    assert list(said) == [8, 16, 32, 64]
    assert said[8].startswith(
        "what we send to bob has not moved for 8 s although it is alive: value 3 of operation 17 stands at 40"
    )


@pytest.mark.parametrize(
    "moves", [lambda now: (now, VALUE), lambda now: (5, None if now % 7 == 0 else VALUE)]
)
def test_what_moves_or_need_not_move_is_not_told(moves):
    watch = Standstill("what we send to bob", 8.0)
    assert not [now for now in range(100) if watch.look(float(now), *moves(now))]


LINK = LinkSettings(peer_timeout_s=4.0, heartbeat_s=0.5)


@pytest.fixture
def pair():
    made = Pair(LINK, {}, both=True)
    made.settle()
    yield made
    made.close()


def seconds(pair: Pair, count: int, *, silent: bool = False) -> None:
    """Time passes; both parties' machines are alive (unless silent), whatever else they do."""
    for _ in range(2 * count):
        pair.clock.now += 0.5
        for end in (pair.alice, pair.bob):
            end.peer.connection.heard = end.peer.connection.heard if silent else pair.clock.now
            end.peer.check_moving(pair.clock.now)


def demanded(pair: Pair) -> None:
    """Both are at operation 1, and bob needs a large value of alice there."""
    for end in (pair.alice, pair.bob):
        end.come_to(1)
    pair.bob.expect(TransferKey(1, 0))
    pair.alice.push(TransferKey(1, 0), bytes(3 << 20))


def test_a_receiver_that_no_longer_answers_is_told_of_at_the_sender(pair, caplog):
    demanded(pair)
    for _ in range(12):
        pair.steps()[0][1]()  # until some of it is on its way; then bob's answers stay away
    pair.streams[0].steps = lambda: iter(())
    with caplog.at_level(logging.WARNING, "junto"):
        seconds(pair, 3)
        assert not caplog.messages
        seconds(pair, 3)
    assert any("what we send to bob has not moved" in text for text in caplog.messages), caplog.messages


def test_nothing_is_told_of_a_value_that_nobody_needs_yet_of_a_dead_party_or_of_what_arrived(pair, caplog):
    with caplog.at_level(logging.WARNING, "junto"):
        pair.alice.come_to(1)
        pair.alice.push(TransferKey(1, 0), bytes(3 << 20))  # bob's program is not there yet
        pair.settle()
        seconds(pair, 20)
        pair.bob.come_to(1)
        pair.bob.expect(TransferKey(1, 0))
        seconds(pair, 20, silent=True)
        for end in (pair.alice, pair.bob):
            end.peer.connection.heard = pair.clock.now
        pair.settle()
        assert pair.bob.expected[TransferKey(1, 0)]
        seconds(pair, 20)
    assert not caplog.messages
