import logging

import pytest

from junto.net.api import Arrival, Delivery


def delivery_of(nbytes):
    made = Delivery()
    made.nbytes = nbytes
    return made


def test_callbacks_run_once_before_and_after():
    arrival, seen = Arrival(), []
    arrival.add_done_callback(seen.append)
    assert seen == []
    arrival.there, arrival.nbytes = 3, 10
    assert arrival.progress() == (3, 10)
    arrival.settle(memoryview(b"0123456789"))
    arrival.settle(ValueError("late"))
    arrival.add_done_callback(seen.append)
    assert seen == [arrival, arrival]
    assert arrival.outcome() == b"0123456789"
    assert arrival.progress() == (10, 10)


def test_asking_too_early_is_a_mistake():
    for early in (Arrival().outcome, delivery_of(5).error):
        with pytest.raises(RuntimeError):
            early()


def test_a_delivery_knows_how_far_it_is():
    delivery = delivery_of(10)
    delivery.there = 4
    assert delivery.progress() == (4, 10)
    delivery.settle(None)
    assert (delivery.error(), delivery.progress()) == (None, (10, 10))


def test_a_callback_that_fails_is_logged_and_does_not_stop_the_others(caplog):
    delivery, seen = delivery_of(1), []
    delivery.add_done_callback(lambda _: 1 / 0)
    delivery.add_done_callback(seen.append)
    with caplog.at_level(logging.ERROR):
        delivery.settle(None)
    assert seen == [delivery]
    assert "callback" in caplog.text
