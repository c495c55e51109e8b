import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways import payload, stamp
from junto.net import frames, steps
from junto.net.api import Abort, Failure, Stamp, TransferKey
from junto.net.mailbox import Mailbox
from junto.net.outbox import Outbox
from junto.net.steps import InvalidTransition, Story


def test_an_invalid_step_tells_the_story():
    class Told(Story[steps.TransferState, steps.TransferEvent]):
        table = steps.SENDING
        state = steps.TransferState.HELD

    story = Told()
    story.tell(steps.TransferEvent.RELEASE)
    story.tell(steps.TransferEvent.OFFER)
    with pytest.raises(InvalidTransition, match="'release' in state 'offered' after: release, offer"):
        story.tell(steps.TransferEvent.RELEASE)
    assert story.state is steps.TransferState.OFFERED


@pytest.mark.parametrize(
    ("transitions", "states", "events"),
    [
        (steps.SENDING, steps.TransferState, steps.TransferEvent),
        (steps.RECEIVING, steps.ArrivalState, steps.ArrivalEvent),
    ],
    ids=["outbox", "mailbox"],
)
def test_every_state_is_reached_and_every_event_is_used(transitions, states, events):
    begin = next(iter(states))
    reached, last = {begin}, None
    while reached != last:
        last = set(reached)
        reached |= {after for (before, _), after in transitions.items() if before in reached}
    assert reached == set(states)
    assert {event for _, event in transitions} == set(events)
    assert not [before for before, _ in transitions if before is states.OVER]


def test_expecting_twice_is_our_own_mistake():
    box = Mailbox(lambda nbytes, spill: None, 100, None)
    box.expect(TransferKey(1, 0))
    with pytest.raises(InvalidTransition):
        box.expect(TransferKey(1, 0))


def test_what_waits_goes_in_the_order_of_operations():
    box = Outbox()
    for operation in (5000, 3000, 4000, 1):
        box.push(TransferKey(operation, 0), stamp(operation), payload(b"x"))
    sent = []
    for position in (0, 2000, 3000, 5000):
        box.advance(position)
        sent += [frame.key.operation for frame in box.take() or []]
    assert sent == [1, 3000, 4000, 5000]


def test_a_batch_of_the_longest_frames_fits_into_a_message():
    box, long = Outbox(), "\U0001f600" * 100_000
    where = Stamp(1, b"d" * 16, long, long)
    failure = Failure("alice", 1, long, long, long, long, long, long)
    for index in range(200):
        box.push(TransferKey(1, index), where, failure)
        box.push(TransferKey(1, 200 + index), where, payload(bytes(frames.INLINE_BYTES)))
    sent = 0
    while batch := box.take():
        assert len(frames.pack(batch)) <= frames.MESSAGE_BYTES
        sent += len(batch)
    assert sent == 400
    history = frames.History((where,) * frames.HISTORY_STAMPS)
    assert len(frames.pack([history, frames.Ending(Abort(long, long))])) <= frames.MESSAGE_BYTES


RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12)


@settings(deadline=None)
@given(RANGES)
def test_a_number_is_covered_exactly_if_it_lies_in_a_range(ranges):
    """Whatever the ranges: out of order, in one another, or ending before they begin."""
    holds = steps.covered(ranges)
    for number in range(42):
        assert holds(number) == any(first <= number <= last for first, last in ranges), number


def test_what_a_resumption_costs_grows_with_its_bytes_and_not_with_what_is_under_way():
    """65,000 ranges, looked through for each of 20,000 values, kept a sender busy for a minute."""
    compared = [0]

    class Counted(int):
        def __lt__(self, other):
            compared[0] += 1
            return int(self) < int(other)

        def __le__(self, other):
            compared[0] += 1
            return int(self) <= int(other)

        def __gt__(self, other):
            compared[0] += 1
            return int(self) > int(other)

    count = 1 << 10
    sender = Outbox()
    for index in range(count):
        sender.push(TransferKey(1, index), stamp(1), payload(b"x"))
    sender.advance(1)
    while sender.take():
        pass
    also = tuple((Counted(10 * count + 2 * at), Counted(10 * count + 2 * at)) for at in range(count))
    assert sender.resume(frames.Resumed(0, also, (), 1)) == []
    assert compared[0] < 64 * count
