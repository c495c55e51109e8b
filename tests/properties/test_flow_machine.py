"""Both ends composed: as long as something is due, something happens, and each value arrives exactly once."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flows import PACED, SMALL, Pair
from junto.config.model import LinkSettings
from junto.net.api import Failure, TransferKey
from junto.net.buffers import Buffer, MemoryBuffer
from junto.net.connection import PeerConnection
from tries import tries

QUOTA = 40
FAILURE = Failure("alice", 1, "f", "x.py:1", "ValueError", "abcd")
NO_ROOM, FULL, LATE = 77, 78, 79
"""Values of these sizes find no room: at once, when their bytes come, or when all have come."""

sizes = st.sampled_from([0, 1, 8, 9, 15, 31, 45, 100, NO_ROOM, FULL, LATE, -1])
plans = st.lists(st.tuples(st.booleans(), sizes), max_size=6)


class Full(MemoryBuffer):
    def write(self, offset: int, data: memoryview) -> None:
        raise OSError(28, "no space left")


class Late(MemoryBuffer):
    def view(self) -> memoryview:
        raise OSError(12, "no memory left")


def open_buffer(nbytes: int, spill: bool) -> Buffer:
    if nbytes == NO_ROOM:
        raise OSError(28, "no space left")
    return {FULL: Full, LATE: Late}.get(nbytes, MemoryBuffer)(nbytes)


class FlowMachine(RuleBasedStateMachine):
    """Two parties run one program; `plan[n]`: the values of operation n, (sent by alice?, bytes)."""

    def __init__(self) -> None:
        super().__init__()
        self.start(1)
        self.plan: list[list[tuple[bool, int]]] = [[]]
        self.due: list[tuple[bool, TransferKey, int]] = []
        self.lost = False

    @initialize(abreast=st.sampled_from([4, 1, 6]))
    def few_arrive_at_a_time(self, abreast: int) -> None:
        self.pair.close()
        self.start(abreast)

    def start(self, abreast: int) -> None:
        self.pair = Pair(LinkSettings(quota_bytes=QUOTA), SMALL | PACED | {"ABREAST": abreast})
        self.pair.patch.setattr(
            PeerConnection, "_open_buffer", lambda _, nbytes, spill: open_buffer(nbytes, spill)
        )

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            self.pair.close()

    # The programs.

    @rule(alice=st.booleans(), values=plans)
    def come_to_the_next_operation(self, alice: bool, values: list[tuple[bool, int]]) -> None:
        end = self.pair.alice if alice else self.pair.bob
        number = end.position + 1
        if number == len(self.plan):
            self.plan.append(values)
        end.come_to(number)
        for index, (from_alice, size) in enumerate(self.plan[number]):
            if from_alice == alice:
                self.due.append((alice, TransferKey(number, index), size))
            else:
                end.expect(TransferKey(number, index))

    @precondition(lambda self: self.due)
    @rule(data=st.data())
    def a_value_is_computed(self, data: st.DataObject) -> None:
        self.push(data.draw(st.integers(0, len(self.due) - 1)))

    def push(self, which: int) -> None:
        alice, key, size = self.due.pop(which)
        value = FAILURE if size < 0 else bytes((key.operation + key.index + n) % 251 for n in range(size))
        (self.pair.alice if alice else self.pair.bob).push(key, value)

    # The network.

    @rule(choices=st.lists(st.integers(0, 5), min_size=1, max_size=25))
    def go_on(self, choices: list[int]) -> None:
        for choice in choices:
            steps = self.pair.steps()
            if not steps:
                return
            steps[choice % len(steps)][1]()

    @rule()
    def time_passes(self) -> None:
        self.pair.clock.now += 0.02

    @rule(alice=st.booleans())
    def beat(self, alice: bool) -> None:
        (self.pair.alice if alice else self.pair.bob).peer.beat()

    @rule(index=st.integers(0, 1), still=st.integers(0, 3))
    def the_line_breaks(self, index: int, still: int) -> None:
        if not self.pair.streams[index].cut:
            self.pair.streams[index].breaks(still)

    @rule(index=st.integers(0, 1))
    def it_is_dialled_again(self, index: int) -> None:
        if self.pair.streams[index].cut:
            self.pair.redial(index)

    @precondition(lambda self: self.pair.old)
    @rule(data=st.data())
    def the_old_line_is_noticed(self, data: st.DataObject) -> None:
        self.pair.old.pop(data.draw(st.integers(0, len(self.pair.old) - 1))).noticed()

    # The law.

    @invariant()
    def nothing_arrives_twice_or_is_another(self) -> None:
        for sender, receiver in self.pair.ends():
            for key, results in receiver.expected.items():
                assert len(results) <= 1, "it arrived twice"
                if results:
                    assert as_it_should_be(sender.pushed[key], results[0])
                    taken = not isinstance(results[0], Exception)
                    assert all((error is None) is taken for error in sender.delivered[key]), (
                        "it was not taken"
                    )
            assert all(len(results) <= 1 for results in sender.delivered.values())
            assert receiver.peer.connection.mailbox.in_memory <= QUOTA
            assert not receiver.peer.refusals.by_cause(), "honest parties refuse nothing of each other"

    def finish(self) -> None:
        """Both programs come equally far; then all that is due happens, without a heartbeat."""
        last = len(self.plan) - 1
        for alice in (True, False):
            while (self.pair.alice if alice else self.pair.bob).position < last:
                self.come_to_the_next_operation(alice, [])
        while self.due:
            self.push(0)
        cut = [index for index, stream in enumerate(self.pair.streams) if stream.cut]
        if len(cut) == 2:
            self.pair.redial(cut[len(self.plan) % 2])
        for stream in (*self.pair.old, *self.pair.streams):
            if stream.cut:
                stream.noticed()  # one connection carries both directions
        self.pair.settle()
        for sender, receiver in self.pair.ends():
            out, into = sender.peer.connection, receiver.peer.connection
            assert out.outbox.numbers == into.mailbox.settled, "what was begun stands still"
            assert len(out.outbox.underway) == len(sender.pushed) - out.outbox.numbers
            assert out.outbox.must_move() is None
            assert into.mailbox.must_move() is None
        for end in (self.pair.alice, self.pair.bob):
            end.peer.beat()  # who waits tells where it is
        self.pair.settle()
        self.nothing_arrives_twice_or_is_another()
        for sender, receiver in self.pair.ends():
            assert receiver.expected.keys() == sender.pushed.keys()
            assert all(receiver.expected.values()), "something that is expected has not arrived"
            assert all(sender.delivered.values()), "something that was sent is not acknowledged"
            assert receiver.peer.connection.mailbox.in_memory == 0
            assert not receiver.peer.connection.mailbox.early


def as_it_should_be(sent: bytes | Failure, outcome: Any) -> bool:
    if isinstance(sent, bytes) and len(sent) in (NO_ROOM, FULL, LATE):
        return isinstance(outcome, Exception) or outcome == sent
    return bool(outcome == sent)


FlowMachine.TestCase.settings = settings(max_examples=tries(120), stateful_step_count=40, deadline=None)
TestFlow = FlowMachine.TestCase
