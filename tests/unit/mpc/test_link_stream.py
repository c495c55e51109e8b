"""The stream: bytes written in any pieces are read in any pieces, and no end runs away from the other."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from junto.errors import LinkError
from junto.mpc.channel import STREAM_BYTES, Channel, Ends
from junto.mpc.memory_pipe import memory_pair, memory_pipes
from junto.net.ordered import FRAME_BYTES
from link_helpers import QUICK, Wires, both, channels, good
from tries import tries


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    made = Wires()
    yield made
    made.close()


@pytest.fixture(params=["memory", "stream", "socket"])
def pair(request: pytest.FixtureRequest, wires: Wires) -> Iterator[tuple[Channel, Channel]]:
    with channels(request.param, wires) as made:
        yield made


sizes = st.lists(st.one_of(st.integers(0, 40), st.integers(0, 3 * STREAM_BYTES)), max_size=12)


@given(sizes, sizes, st.booleans())
@settings(max_examples=tries(60), deadline=None)
def test_any_pieces_in_any_pieces_out(written: list[int], read: list[int], flushing: bool) -> None:
    alice, bob = memory_pair()
    data = random.Random(1).randbytes(sum(written))
    total = sum(written)

    def write() -> None:
        view = memoryview(data)
        for size in written:
            alice.write(view[: size // 3])
            alice.write(view[size // 3 : size])
            view = view[size:]
            if flushing:
                alice.flush()
        alice.flush()

    def take() -> bytes:
        left, got = total, b""
        for size in [*read, total]:
            got += bytes(bob.read(min(size, left)))
            left = total - len(got)
        return got

    assert good(both(write, take))[1] == data
    assert alice.counters.payload_sent == bob.counters.payload_received == total


def test_much_more_than_any_buffer_holds_in_order(pair: tuple[Channel, Channel]) -> None:
    alice, bob = pair
    data = np.arange(4 << 20, dtype=np.uint64)

    def write() -> None:
        for piece in np.split(data, 64):
            alice.write(piece.view(np.uint8).data)
        alice.flush()

    got = good(both(write, lambda: [bob.read(800), bob.read(8), bob.read(data.nbytes - 808)]))[1]
    assert b"".join(got) == data.tobytes()


def test_a_writer_waits_for_a_reader_that_is_busy(pair: tuple[Channel, Channel]) -> None:
    alice, bob = pair
    written = 0

    def write() -> None:
        nonlocal written
        for _ in range(64):
            alice.write(bytes(1 << 20))
            written += 1
        alice.flush()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    last, deadline = -1, time.monotonic() + 5
    while written != last and time.monotonic() < deadline:  # until it gets no further
        last = written
        time.sleep(0.2)
    assert written < 40
    assert thread.is_alive()
    bob.read(64 << 20)
    thread.join(10)
    assert written == 64


def test_up_to_64_kib_stay_until_something_needs_them(pair: tuple[Channel, Channel]) -> None:
    alice, bob = pair
    alice.write(bytes(STREAM_BYTES))
    assert alice.counters.messages_sent == 0
    alice.write(b"more")
    assert alice.counters.messages_sent == 1
    alice.write(b"held")
    good(both(lambda: alice.send([b"message"]), lambda: bob.read(STREAM_BYTES + 8)))
    assert bytes(bob.receive(7)) == b"message"
    assert alice.counters.messages_sent == 3


@pytest.mark.parametrize("held", [0, 10])
def test_what_is_much_is_sent_from_where_it_lies(held: int) -> None:
    """A copy of all that is dealt would take as long as to encrypt it."""
    pipe, _ = memory_pipes()
    taken: list[bytes | memoryview] = []
    pipe.write = lambda kind, detail, check, body: taken.append(body) or True  # type: ignore[method-assign]
    alice, data = Channel(pipe, Ends("alice", "bob"), QUICK), np.arange(3 * FRAME_BYTES + 8, dtype=np.uint8)
    alice.write(bytes(held))
    alice.write(data.data)
    alice.flush()
    assert b"".join(taken) == bytes(held) + data.tobytes()
    assert all(np.shares_memory(data, np.frombuffer(each, np.uint8)) for each in taken[held > 0 :])


def test_whoever_waits_for_an_answer_sends_first_what_it_holds(pair: tuple[Channel, Channel]) -> None:
    alice, bob = pair

    def ask() -> bytes:
        alice.write(b"question")
        return bytes(alice.receive(6))

    def answer() -> None:
        bob.read(8)
        bob.send([b"answer"])

    assert good(both(ask, answer))[0] == b"answer"


def test_streams_and_messages_may_alternate(pair: tuple[Channel, Channel]) -> None:
    alice, bob = pair

    def one() -> list[bytes]:
        alice.write(b"abc")
        got = [bytes(alice.exchange([b"m1"], 2))]
        alice.write(b"def")
        alice.flush()
        return [*got, bytes(alice.read(3))]

    def other() -> list[bytes]:
        got = [bytes(bob.read(3)), bytes(bob.exchange([b"n1"], 2)), bytes(bob.read(1)), bytes(bob.read(2))]
        bob.write(b"xyz")
        bob.flush()
        return got

    assert good(both(one, other)) == [[b"n1", b"xyz"], [b"abc", b"m1", b"d", b"ef"]]


def test_a_message_is_not_due_before_the_stream_is_read(pair: tuple[Channel, Channel]) -> None:
    alice, bob = pair
    alice.write(b"abcd")
    alice.send([b"message"])
    bob.read(1)
    with pytest.raises(LinkError, match="3 bytes of the stream were not read before a message was awaited"):
        bob.receive(7)


@pytest.mark.parametrize("streaming", [True, False])
def test_a_stream_is_no_message_and_a_message_no_stream(
    pair: tuple[Channel, Channel], streaming: bool
) -> None:
    alice, bob = pair
    if streaming:
        alice.write(b"x")
        alice.flush()
        with pytest.raises(LinkError, match="a piece of the stream arrived; a message is due"):
            bob.receive(1)
    else:
        alice.send([b"x"])
        with pytest.raises(LinkError, match="a message arrived; a piece of the stream is due"):
            bob.read(1)


def test_operations_are_compared_inside_the_stream(pair: tuple[Channel, Channel]) -> None:
    alice, bob = pair
    for number in (1, 2, 3, 4):
        alice.label(number)
        if number != 2:  # an operation without data leaves no trace
            alice.write(bytes(5))
    alice.flush()
    for number in (1, 2, 3):
        bob.label(number, "fit.py:9")
        bob.read(5 if number != 2 else 0)
    bob.label(5, "fit.py:9")
    with pytest.raises(LinkError, match=r"the stream is for operation 4; operation 5 is due \(.*fit\.py:9\)"):
        bob.read(5)
    with pytest.raises(LinkError, match="failed before"):
        bob.read(5)


def test_a_stream_that_was_dealt_too_long_does_not_fit_the_next_operation(
    pair: tuple[Channel, Channel],
) -> None:
    alice, bob = pair
    for number in (1, 2):
        alice.label(number)
        alice.write(bytes(16))
    alice.flush()
    bob.label(1)
    bob.read(8)
    bob.label(2)
    with pytest.raises(LinkError, match="operation 2 is due"):
        bob.read(16)


def test_counters_leave_the_names_of_operations_out() -> None:
    alice, bob = memory_pair(options=QUICK)
    for channel in (alice, bob):
        channel.label(1)
    alice.write(bytes(5))
    alice.flush()
    bob.read(5)
    assert (alice.counters.payload_sent, bob.counters.payload_received) == (5, 5)
