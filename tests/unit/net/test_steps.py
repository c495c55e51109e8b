import pytest

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
