"""The outbox against a receiver that is reduced to the law: whatever breaks, each value goes through once."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateways import payload, stamp
from junto.net import delivery as module
from junto.net import frames as f
from junto.net.api import Failure, TransferKey
from junto.net.outbox import Outbox
from junto.net.steps import Outgoing, Transfer
from tries import tries

SMALL = {"WINDOW": 4, "AHEAD": 3, "IN_FLIGHT_BYTES": 30, "CHUNK_BYTES": 10, "INLINE_BYTES": 8}
FAILURE = Failure("alice", 1, "f", "x.py:1", "ValueError", "abcd")


class OutboxMachine(RuleBasedStateMachine):
    """`got`: bytes by transfer, as a receiver holds them; `done`: transfers that it has settled."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        for name, number in SMALL.items():
            self.patch.setattr(f if name.endswith(("CHUNK_BYTES", "INLINE_BYTES")) else module, name, number)
        self.outbox = Outbox()
        self.pushed: dict[TransferKey, bytes | Failure] = {}
        self.finished: dict[TransferKey, str | None] = {}
        self.keys: dict[int, TransferKey] = {}
        self.sizes: dict[int, int] = {}
        self.got: dict[int, bytes] = {}
        self.offered: set[int] = set()
        self.done: set[int] = set()
        self.arrived: dict[TransferKey, bytes | Failure] = {}
        self.unheard: list[int] = []
        self.position = 0
        self.acked: dict[int, int] = {}

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            self.patch.undo()

    # The program.

    @rule(operation=st.integers(1, 12), size=st.sampled_from([0, 1, 8, 9, 35, 100, 101]))
    def push(self, operation: int, size: int) -> None:
        key = TransferKey(operation, len(self.pushed))
        data = bytes((len(self.pushed) + n) % 251 for n in range(size))
        self.pushed[key] = data
        self.outbox.push(key, stamp(operation), payload(data))

    @rule(operation=st.integers(1, 12))
    def push_a_failure(self, operation: int) -> None:
        key = TransferKey(operation, len(self.pushed))
        self.pushed[key] = FAILURE
        self.outbox.push(key, stamp(operation), FAILURE)

    # The line.

    @rule(steps=st.integers(1, 9), piece=st.sampled_from([None, None, 1, 3, 8, 1000]))
    def send(self, steps: int, piece: int | None = None) -> None:
        for _ in range(steps):
            step = self.outbox.take(piece)
            if step is None:
                return
            if isinstance(step, Outgoing):
                self.receive_chunk(step)
                assert piece is None or sum(map(len, step.pieces)) <= piece
            else:
                for frame in step:
                    assert piece is None or not isinstance(frame, f.Value) or len(frame.payload) <= piece
                    self.receive(frame)

    def receive(self, frame: f.ControlFrame) -> None:
        assert isinstance(frame, f.Value | f.Offer | f.Failed)
        assert frame.transfer not in self.done, "sent again though it was settled"
        assert self.keys.setdefault(frame.transfer, frame.key) == frame.key, "a number changed its value"
        assert frame.key.operation <= self.position + SMALL["WINDOW"], "beyond the window"
        if isinstance(frame, f.Offer):
            self.sizes[frame.transfer] = frame.nbytes
            self.offered.add(frame.transfer)
            return
        content = frame.failure if isinstance(frame, f.Failed) else bytes(frame.payload)
        self.settle(frame.transfer, content)

    def receive_chunk(self, chunk: Outgoing) -> None:
        data = b"".join(chunk.pieces)
        have = self.got[chunk.transfer]
        assert chunk.offset == len(have), "a gap or an overlap"
        assert len(data) <= SMALL["CHUNK_BYTES"]
        self.got[chunk.transfer] = have + data
        if len(have) + len(data) == self.sizes[chunk.transfer]:
            self.settle(chunk.transfer, self.got.pop(chunk.transfer))

    def settle(self, transfer: int, content: bytes | Failure) -> None:
        assert self.keys[transfer] not in self.arrived, "it arrived twice"
        self.done.add(transfer)
        self.arrived[self.keys[transfer]] = content
        self.unheard.append(transfer)

    # The receiver's answers.

    @rule(steps=st.integers(0, 4))
    def accept(self, steps: int) -> None:
        for transfer in sorted(self.offered):
            self.got[transfer], self.acked[transfer] = b"", 0
            self.outbox.accept(transfer)
        self.offered.clear()
        self.send(steps)

    @precondition(lambda self: self.offered)
    @rule(data=st.data())
    def decline(self, data: st.DataObject) -> None:
        transfer = data.draw(st.sampled_from(sorted(self.offered)))
        self.offered.remove(transfer)
        self.done.add(transfer)
        self.finish(self.outbox.settle((transfer,)), "no")
        self.arrived[self.keys[transfer]] = self.pushed[self.keys[transfer]]

    @rule(count=st.integers(1, 4))
    def acknowledge(self, count: int) -> None:
        heard, self.unheard = self.unheard[:count], self.unheard[count:]
        self.finish(self.outbox.settle(heard))

    @rule()
    def acknowledge_parts(self) -> None:
        for transfer, data in self.got.items():
            assert self.outbox.acknowledge(transfer, len(data)) == (len(data) > self.acked[transfer])
            self.acked[transfer] = len(data)

    @rule(step=st.integers(1, 6))
    def advance(self, step: int) -> None:
        self.position += step
        self.outbox.advance(self.position)

    @rule()
    def nonsense(self) -> None:
        assert self.outbox.settle((10_000,)) == []
        assert not self.outbox.acknowledge(10_000, 5)
        self.outbox.accept(10_000)
        self.outbox.advance(0)

    # Breaks.

    @rule()
    def interrupted(self) -> None:
        """Whatever a broken line takes along goes again after the resume."""
        self.outbox.interrupted()
        self.outbox.take()
        below = 0
        while below in self.done:
            below += 1
        also = tuple((n, n) for n in sorted(self.done) if n >= below)
        partial = tuple((n, len(data)) for n, data in self.got.items())
        self.offered.clear()
        self.unheard.clear()
        self.acked = {n: len(data) for n, data in self.got.items()}
        for transfer, declined in self.outbox.resume(f.Resumed(below, also, partial, self.position)):
            self.finish([transfer], declined and declined.cause)

    # The law.

    def finish(self, transfers: list[Transfer], declined: str | None = None) -> None:
        for transfer in transfers:
            assert transfer.key not in self.finished, "settled twice"
            self.finished[transfer.key] = declined

    @invariant()
    def little_is_in_flight(self) -> None:
        limit = SMALL["IN_FLIGHT_BYTES"] + SMALL["CHUNK_BYTES"]
        unacknowledged = sum(len(data) - self.acked.get(n, 0) for n, data in self.got.items())
        assert unacknowledged <= limit

    @invariant()
    def idle_means_all_settled(self) -> None:
        assert {each.key for each in self.outbox.underway} == self.pushed.keys() - self.finished.keys()

    @invariant()
    def few_lie_ahead(self) -> None:
        ahead = [key for key in self.keys.values() if key.operation > self.position]
        assert len(ahead) <= SMALL["AHEAD"]

    def drain(self) -> None:
        """Everything arrives, in whole, if only the receiver goes on."""
        self.outbox.advance(max(self.position, 100))
        self.position = max(self.position, 100)
        for _ in range(1000):
            if not self.outbox.underway:
                break
            self.send(50)
            self.accept(50)
            self.acknowledge_parts()
            self.acknowledge(100)
        assert not self.outbox.underway
        assert self.arrived == self.pushed


OutboxMachine.TestCase.settings = settings(max_examples=tries(150), stateful_step_count=40, deadline=None)
TestOutbox = OutboxMachine.TestCase
