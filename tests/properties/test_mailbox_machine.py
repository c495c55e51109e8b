"""The mailbox against an honest sender that is reduced to the law, and against one that sends anything."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateways import stamp
from junto.net import delivery as module
from junto.net import frames as f
from junto.net.api import Failure, TransferKey
from junto.net.buffers import Buffer
from junto.net.mailbox import Mailbox
from junto.net.steps import Deliver, Refusal, Write
from tries import tries

QUOTA, LIMIT = 60, 400
SMALL = {"WINDOW": 4, "ACK_BYTES": 20, "ABREAST": 2}
FAILURE = Failure("alice", 1, "f", "x.py:1", "ValueError", "abcd")


class Shelf(Buffer):
    """A buffer that remembers whether it is still held."""

    open_bytes = 0

    def __init__(self, nbytes: int, spill: bool) -> None:
        self.data = bytearray(nbytes)
        self.spill = spill
        self.held = True

    def write(self, offset: int, data: memoryview) -> None:
        assert self.held
        self.data[offset : offset + len(data)] = data

    def view(self) -> memoryview:
        self.held = False
        return memoryview(self.data)

    def discard(self) -> None:
        self.held = False


class MailboxMachine(RuleBasedStateMachine):
    """An honest sender. `sent`: what is on its way or there, by transfer."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        for name, number in SMALL.items():
            self.patch.setattr(module, name, number)
        self.shelves: list[Shelf] = []
        self.mailbox = Mailbox(self.open_buffer, QUOTA, LIMIT)
        self.position = 0
        self.next_number = 0
        self.content: dict[TransferKey, bytes | Failure] = {}
        self.number: dict[TransferKey, int] = {}
        self.chunked: dict[int, int] = {}  # transfer -> bytes sent, of those accepted
        self.settled: set[int] = set()
        self.expected: set[TransferKey] = set()
        self.delivered: dict[TransferKey, bytes | Failure] = {}
        self.clock = 0

    def open_buffer(self, nbytes: int, spill: bool) -> Shelf:
        self.shelves.append(Shelf(nbytes, spill))
        return self.shelves[-1]

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            self.patch.undo()

    def deliver(self, delivered: list[Deliver]) -> None:
        for deliver in delivered:
            self.deliver_one(deliver)

    def deliver_one(self, deliver: Deliver) -> None:
        assert deliver.arrival.key in self.expected, "delivered though nobody expects it"
        assert deliver.arrival.key not in self.delivered, "delivered twice"
        content = deliver.content
        assert not isinstance(content, OSError)
        self.delivered[deliver.arrival.key] = bytes(content) if isinstance(content, memoryview) else content

    # The program.

    @rule(count=st.integers(0, 3))
    def advance(self, count: int) -> None:
        """A new operation, whose values are expected at once; the sender sends exactly these."""
        self.position += 1
        assert self.mailbox.advance(self.position) == ([], [])
        for index in range(3):
            self.expect(TransferKey(self.position, index))
        del count

    def expect(self, key: TransferKey) -> None:
        self.expected.add(key)
        self.deliver(self.mailbox.expect(key)[1])

    # The sender.

    @rule(
        ahead=st.integers(-2, SMALL["WINDOW"]),
        index=st.integers(0, 2),
        size=st.sampled_from([0, 5, 30, 90, 200]),
    )
    def send(self, ahead: int, index: int, size: int) -> None:
        key = TransferKey(self.position + ahead, index)
        if key.operation < 1 or key in self.content:
            return
        self.clock += 1
        self.content[key] = (
            FAILURE if self.clock % 7 == 0 else bytes((self.clock + n) % 251 for n in range(size))
        )
        self.number[key] = self.next_number
        self.next_number += 1
        self.transmit(key)

    def transmit(self, key: TransferKey) -> None:
        content, number = self.content[key], self.number[key]
        if isinstance(content, Failure):
            self.deliver(self.mailbox.whole(f.Failed(number, key, stamp(key.operation), content)))
        elif len(content) <= 30:
            self.deliver(self.mailbox.whole(f.Value(number, key, stamp(key.operation), memoryview(content))))
        else:
            self.deliver(self.mailbox.offer(f.Offer(number, key, stamp(key.operation), len(content))))

    @precondition(lambda self: self.chunked)
    @rule(data=st.data(), size=st.integers(1, 50))
    def send_chunk(self, data: st.DataObject, size: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.chunked)))
        key = next(key for key, each in self.number.items() if each == number)
        all_but_one = len(self.content[key]) - self.chunked[number] - 1
        self.chunk(number, data.draw(st.sampled_from([size, max(all_but_one, 1)])))

    def chunk(self, number: int, size: int) -> None:
        content = next(self.content[key] for key, each in self.number.items() if each == number)
        assert isinstance(content, bytes)
        at = self.chunked[number]
        part = content[at : at + size]
        write = self.mailbox.chunk(number, at, memoryview(part))
        assert isinstance(write, Write)
        write.buffer.write(write.offset, write.data)
        self.deliver(self.mailbox.written(write))
        self.chunked[number] = at + len(part)
        if self.chunked[number] == len(content):
            del self.chunked[number]

    @rule()
    def hear_answers(self) -> None:
        for frame in self.mailbox.take():
            if isinstance(frame, f.Accept):
                self.chunked[frame.transfer] = 0
            else:
                assert isinstance(frame, f.Ack), frame
                assert not self.settled & set(frame.settled), "acknowledged twice"
                self.settled |= set(frame.settled)
                assert frame.position == self.position
        assert self.mailbox.take() == []

    @rule()
    def break_and_resume(self) -> None:
        resumed = self.mailbox.resume()
        self.settled = {
            number
            for number in self.number.values()
            if number < resumed.below or any(first <= number <= last for first, last in resumed.also)
        }
        partial = dict(resumed.partial)
        assert not self.settled & set(partial)
        for number, received in self.chunked.items():
            assert partial.get(number) == received, "bytes were forgotten"
        self.chunked = partial
        for key, number in list(self.number.items()):
            if number not in self.settled and number not in partial:
                self.transmit(key)

    # The law.

    @invariant()
    def memory_is_bounded(self) -> None:
        assert 0 <= self.mailbox.in_memory <= QUOTA
        held = sum(len(shelf.data) for shelf in self.shelves if shelf.held and not shelf.spill)
        assert held <= QUOTA

    @invariant()
    def what_is_delivered_is_what_was_sent(self) -> None:
        for key, content in self.delivered.items():
            assert content == self.content[key]

    def finish(self) -> None:
        """Whatever is sent and expected is delivered in the end, and nothing is left behind."""
        for key in sorted(self.content, key=lambda each: each.operation):
            while self.position < key.operation:
                self.advance(0)
        for _ in range(100):
            self.hear_answers()
            for number in list(self.chunked):
                self.chunk(number, 1000)
        assert self.delivered == self.content
        assert self.settled == set(self.number.values())
        assert self.mailbox.in_memory == 0
        assert not self.mailbox.early
        assert not any(shelf.held for shelf in self.shelves)


MailboxMachine.TestCase.settings = settings(max_examples=tries(150), stateful_step_count=40, deadline=None)
TestMailbox = MailboxMachine.TestCase

numbers = st.integers(0, 6) | st.sampled_from([1 << 20, 1 << 62])
keys = st.builds(TransferKey, st.integers(0, 8), st.integers(0, 1))
sizes = st.integers(0, 100) | st.sampled_from([1 << 40, 1 << 62])
events = st.one_of(
    st.tuples(st.just("value"), numbers, keys, st.integers(0, 50)),
    st.tuples(st.just("offer"), numbers, keys, sizes),
    st.tuples(st.just("failed"), numbers, keys),
    st.tuples(st.just("chunk"), numbers, sizes, st.integers(1, 50)),
    st.tuples(st.just("expect"), keys),
    st.tuples(st.just("advance"), st.integers(0, 8)),
    st.just(("resume",)),
    st.just(("take",)),
    st.just(("tick",)),
)


@settings(max_examples=tries(300), deadline=None)
@given(st.lists(events, max_size=40))
def test_whatever_comes_is_refused_or_taken_and_memory_is_bounded(story: list[tuple]) -> None:
    shelves: list[Shelf] = []

    def open_buffer(nbytes: int, spill: bool) -> Shelf:
        if nbytes > 1000:
            raise OSError("no room")
        shelves.append(Shelf(nbytes, spill))
        return shelves[-1]

    mailbox = Mailbox(open_buffer, QUOTA, None)
    expected: set[TransferKey] = set()
    delivered: list[TransferKey] = []

    def deliver(these: list[Deliver]) -> None:
        delivered.extend(one.arrival.key for one in these)

    def step(kind: str, *args: object) -> None:
        match kind, *args:
            case "value", number, key, size:
                deliver(mailbox.whole(f.Value(number, key, stamp(key.operation), memoryview(bytes(size)))))
            case "failed", number, key:
                deliver(mailbox.whole(f.Failed(number, key, stamp(key.operation), FAILURE)))
            case "offer", number, key, size:
                deliver(mailbox.offer(f.Offer(number, key, stamp(key.operation), size)))
            case "chunk", number, offset, size:
                write = mailbox.chunk(number, offset, memoryview(bytes(size)))
                if write is not None:
                    write.buffer.write(write.offset, write.data)
                    deliver(mailbox.written(write))
            case "expect", key if key not in expected:
                expected.add(key)
                deliver(mailbox.expect(key)[1])
            case "advance", position:
                deliver(mailbox.advance(position)[1])
            case ("resume",):
                mailbox.resume()
            case ("take",):
                mailbox.take()
            case ("tick",):
                mailbox.tick()

    for event in story:
        with contextlib.suppress(Refusal):
            step(*event)
        assert 0 <= mailbox.in_memory <= QUOTA
        assert sum(len(shelf.data) for shelf in shelves if shelf.held and not shelf.spill) <= QUOTA
    assert len(set(delivered)) == len(delivered)
    assert set(delivered) <= expected
    mailbox.clear()
    assert not any(shelf.held for shelf in shelves)
