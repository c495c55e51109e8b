"""Ways of every speed, simulated: nothing stands still, and little waits in buffers."""

from collections import deque

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from junto.net.pace import FIRST_BYTES, LEAST_BYTES, MOST_BYTES, PARTS, SLOW_S, Pace

CHUNK = 1 << 19


class _Way:
    """Takes everything at once and brings it at a rate, in order; answers come back after a while."""

    def __init__(self, rate: float, latency: float) -> None:
        self.rate, self.latency = rate, latency
        self.pace, self.now, self.free = Pace(), 0.0, 0.0
        self.answers = deque[tuple[float, int]]()
        self.longest = self.last = 0.0

    def carry(self, nbytes: int) -> float:
        """When it is heard."""
        self.free = max(self.free, self.now) + nbytes / self.rate
        self.longest = max(self.longest, self.free - self.now)
        return self.free + self.latency

    def send(self, messages: list[int]) -> float:
        """How long that takes; by the rules of `Line.step` and `PeerConnection.pull`."""
        pace, left = self.pace, deque(messages)
        while left or self.answers:
            if pace.sent >= pace.ask_at:
                asked = pace.ask(self.now)
                self.answers.append((self.carry(20) + self.latency, asked))
            elif left and pace.sent - pace.there < pace.window:
                pace.sent += left[0]
                self.last = self.carry(left.popleft())
            else:
                assert self.answers, "it waits for room and has not asked for it"
                when, answer = self.answers.popleft()
                self.now = max(self.now, when)
                assert pace.hear(answer, self.now)
        return self.last


@given(
    st.floats(3e4, 3e9),
    st.floats(1e-5, 0.4),
    st.lists(st.integers(1, 3 * CHUNK), max_size=200),
)
@example(3.2e5, 0.1, [CHUNK] * 100)
@example(1e9, 0.1, [CHUNK] * 2000)
def test_all_arrives_and_no_more_stands_in_buffers_than_two_messages_or_what_goes_in_moments(
    rate: float, latency: float, messages: list[int]
) -> None:
    way = _Way(rate, latency)
    way.send(messages)
    assert way.pace.sent == sum(messages)
    largest = max(messages, default=0)
    # It is doubled by an answer that came in 0.75 of `SLOW_S`, and not again before that shows.
    assert way.longest <= max(2 * SLOW_S, (FIRST_BYTES + 2 * largest) / rate) + 0.1
    assert LEAST_BYTES <= way.pace.window <= MOST_BYTES


@pytest.mark.parametrize("rate", [1e5, 1e6, 1e7, 1e8])
def test_a_way_is_used(rate: float) -> None:
    way = _Way(rate, 0.02)
    took = way.send([CHUNK] * 400)
    assert took < 1.2 * 400 * CHUNK / rate + 0.5


def test_who_is_fast_is_asked_rarely() -> None:
    way = _Way(1e9, 1e-4)
    way.send([CHUNK] * 4000)  # 2 GB
    assert way.pace.window == MOST_BYTES
    asked = 0
    while way.pace.sent < 4 << 30:
        way.pace.sent += CHUNK
        if way.pace.sent >= way.pace.ask_at:
            asked += 1
            way.pace.hear(way.pace.ask(0.0), 0.0)
    assert asked <= PARTS * (4 << 30) // MOST_BYTES


def test_an_answer_that_nobody_has_asked_for_counts_for_nothing() -> None:
    pace = Pace()
    pace.sent = CHUNK
    place = pace.ask(0.0)
    for wrong in (0, place - 1, place + 1):
        assert not pace.hear(wrong, 1.0)
    assert pace.there == 0
    assert pace.hear(place, 1.0)
    assert not pace.hear(place, 1.0)
    assert pace.there == place


def test_answers_to_what_was_asked_before_the_window_grew_do_not_let_it_grow_again() -> None:
    pace = Pace()
    places = []
    for _ in range(PARTS):
        pace.sent += FIRST_BYTES // PARTS
        places.append(pace.ask(0.0))
    for place in places:
        assert pace.hear(place, 0.01)
        assert pace.window == 2 * FIRST_BYTES
    pace.sent += FIRST_BYTES
    assert pace.hear(pace.ask(0.02), 0.03)
    assert pace.window == 4 * FIRST_BYTES
