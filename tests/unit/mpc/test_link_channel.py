"""Messages over every transport: what arrives is what was sent, or an error that says what was wrong."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import numpy as np
import pytest

from junto.errors import ConfigError, LinkError
from junto.mpc.channel import Channel, Counters
from junto.mpc.link_options import LinkOptions
from junto.net.header import Reason
from link_helpers import QUICK, Wires, both, channels, good

Pair: TypeAlias = tuple[Channel, Channel]
MakePair: TypeAlias = Callable[..., Pair]


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    made = Wires()
    yield made
    made.close()


@pytest.fixture(params=["memory", "stream", "socket"])
def make_pair(request: pytest.FixtureRequest, wires: Wires) -> Iterator[MakePair]:
    with ExitStack() as stack:

        def make(**options: Any) -> Pair:
            chosen = LinkOptions(**options) if options else QUICK
            return stack.enter_context(channels(request.param, wires, chosen))

        yield make


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair()


def link_error(result: Any) -> LinkError:
    assert isinstance(result, LinkError), result
    return result


# ---------------------------------------------------------------------------- what arrives


@pytest.mark.parametrize("size", [0, 1, 8, 16351, 16352, 16353, 16384, 100_000, 1_000_003])
def test_both_get_what_the_other_sent(pair: Pair, size: int) -> None:
    alice, bob = pair
    left, right = np.random.default_rng(size).bytes(size), np.random.default_rng(size + 1).bytes(size // 2)
    got = good(both(lambda: alice.exchange([left], len(right)), lambda: bob.exchange([right], len(left))))
    assert [bytes(each) for each in got] == [right, left]


def test_parts_are_joined_in_order(pair: Pair) -> None:
    alice, bob = pair
    parts = [
        b"",
        np.arange(5, dtype=np.uint64),
        bytearray(b"x" * 20_000),
        np.array(7, np.uint32),
        np.ones((0, 3)),
        memoryview(b"yz"),
        np.ones((50, 100)),
        np.array([True, False]),
    ]
    flat = b"".join(each.tobytes() if isinstance(each, np.ndarray) else bytes(each) for each in parts)
    assert bytes(good(both(lambda: alice.send(parts), lambda: bob.receive(len(flat))))[1]) == flat


def test_many_messages_keep_their_order(pair: Pair) -> None:
    alice, bob = pair

    def talk(channel: Channel) -> list[int]:
        seen = []
        for number in range(300):
            channel.label(number)
            seen.append(int.from_bytes(channel.exchange([number.to_bytes(8, "big")], 8), "big"))
        return seen

    assert good(both(lambda: talk(alice), lambda: talk(bob))) == [list(range(300))] * 2


def test_both_send_much_more_than_any_buffer_holds(pair: Pair) -> None:
    alice, bob = pair
    much = np.arange(3 << 20, dtype=np.uint64)
    size = much.nbytes
    got = good(both(lambda: alice.exchange([much], size), lambda: bob.exchange([much + 1], size)))
    assert (np.frombuffer(got[0], np.uint64) == much + 1).all()
    assert (np.frombuffer(got[1], np.uint64) == much).all()


def test_received_memory_is_the_callers_and_takes_any_dtype(pair: Pair) -> None:
    alice, bob = pair
    _, got = good(both(lambda: alice.send([np.arange(9, dtype=np.uint64)]), lambda: bob.receive(72)))
    array = np.frombuffer(got, np.uint64)
    assert array.flags.writeable
    assert array.flags.aligned
    assert array.tolist() == list(range(9))


def test_pieces_that_are_not_one_block_are_refused_and_nothing_is_sent(pair: Pair) -> None:
    alice, bob = pair
    with pytest.raises(TypeError):
        alice.send([np.zeros((4, 4))[:, 1]])
    good(both(lambda: alice.send([b"ok"]), lambda: bob.receive(2)))


# ---------------------------------------------------------------------------- counters, transcript


def test_counters_are_exact(pair: Pair) -> None:
    alice, bob = pair
    good(both(lambda: alice.exchange([b"abc", b"de"], 8), lambda: bob.exchange([bytes(8)], 5)))
    good(both(lambda: alice.send([bytes(20_000)]), lambda: bob.receive(20_000)))
    good(both(lambda: alice.read(3), lambda: (bob.write(b"abc"), bob.flush())))
    assert alice.counters == Counters(1, 2, 2, 20_005, 11)
    assert bob.counters == Counters(1, 2, 2, 11, 20_005)


def test_a_transcript_holds_every_payload_that_arrived(pair: Pair) -> None:
    alice, bob = pair
    seen: list[tuple[str, bytes]] = []
    bob.record(lambda operation, payload: seen.append((operation, payload)))

    def talk(channel: Channel, mine: bytes) -> None:
        channel.label(3, "fit.py:1")
        got = channel.exchange([mine], len(mine))
        got[:] = bytes(len(got))  # the transcript is a copy
        channel.label("reveal", "fit.py:2")
        if channel is alice:
            channel.write(b"stream")
            channel.flush()
        else:
            channel.read(4), channel.read(2)

    good(both(lambda: talk(alice, b"alice"), lambda: talk(bob, b"bobby")))
    assert seen == [("operation 3", b"alice"), ("reveal", b"stre"), ("reveal", b"am")]


# ---------------------------------------------------------------------------- what is not due


def test_another_operation_is_named_with_both_numbers_and_the_line(pair: Pair) -> None:
    alice, bob = pair
    alice.label(18, "fit.py:40")
    bob.label(17, "fit.py:31")
    error = link_error(both(lambda: alice.send([b"x"]), lambda: bob.receive(1))[1])
    assert "alice: the message is for operation 18; operation 17 is due (operation 17 at fit.py:31)" in str(
        error
    )
    assert (error.party, error.operation, error.line, error.code) == (
        "alice",
        "operation 17",
        "fit.py:31",
        "J206",
    )


def test_operations_may_be_words(pair: Pair) -> None:
    alice, bob = pair
    for channel in pair:
        channel.label("key agreement")
    good(both(lambda: alice.send([b"x"]), lambda: bob.receive(1)))
    alice.label("reveal")
    error = link_error(both(lambda: alice.send([b"x"]), lambda: bob.receive(1))[1])
    assert "the message is for another operation; key agreement is due" in str(error)


@pytest.mark.parametrize(("sent", "due"), [(9, 8), (7, 8), (0, 8), (8, 0), (100_000, 8)])
def test_another_size_is_an_error(pair: Pair, sent: int, due: int) -> None:
    alice, bob = pair
    error = link_error(both(lambda: alice.send([bytes(sent)]), lambda: bob.receive(due))[1])
    assert f"the message has {sent} bytes; {due} are due" in str(error)


def test_after_an_error_the_link_carries_nothing(pair: Pair) -> None:
    alice, bob = pair
    alice.send([b"long"])
    alice.send([b"x"])
    with pytest.raises(LinkError, match="4 bytes; 1 are due"):
        bob.receive(1)
    for call in (lambda: bob.receive(4), lambda: bob.send([b"x"]), lambda: bob.read(1)):
        with pytest.raises(LinkError, match="failed before: alice: the message has 4 bytes"):
            call()


def test_no_memory_is_taken_for_a_message_that_is_not_the_right_one(pair: Pair) -> None:
    alice, bob = pair
    tracemalloc.start()
    try:
        error = both(lambda: alice.send([b"x"]), lambda: bob.receive(1 << 30))[1]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "1 bytes; 1073741824 are due" in str(link_error(error))
    assert peak < 10 << 20


def test_a_message_longer_than_the_bound_is_refused_on_both_sides(make_pair: MakePair) -> None:
    alice, bob = make_pair(max_message_bytes=100)
    with pytest.raises(LinkError, match="101 bytes is longer than max_message_bytes, 100"):
        alice.send([bytes(50), bytes(51)])
    with pytest.raises(LinkError, match="max_message_bytes"):
        bob.receive(101)
    good(both(lambda: alice.send([bytes(100)]), lambda: bob.receive(100)))


# ---------------------------------------------------------------------------- deadlines


def test_silence_ends_at_the_deadline(make_pair: MakePair) -> None:
    alice, _ = make_pair(recv_timeout_ms=80)
    alice.label(17, "fit.py:31")
    start = time.monotonic()
    with pytest.raises(LinkError, match=r"bob: nothing arrived for 0\.1 s \(operation 17 at fit\.py:31\)"):
        alice.exchange([b"x"], 8)
    assert 0.07 < time.monotonic() - start < 5


def test_who_takes_nothing_ends_a_send_at_the_deadline(make_pair: MakePair) -> None:
    alice, _ = make_pair(recv_timeout_ms=10_000, send_timeout_ms=80)
    with pytest.raises(LinkError, match=r"took nothing of what is sent to it for 0\.1 s"):
        alice.send([bytes(64 << 20)])


@pytest.mark.slow
def test_every_byte_begins_the_deadline_anew(make_pair: MakePair) -> None:
    alice, bob = make_pair(recv_timeout_ms=400)
    pieces = iter(range(5))

    def slowly() -> None:
        for _ in pieces:
            time.sleep(0.15)
            alice.write(bytes(10))
            alice.flush()

    good(both(slowly, lambda: bob.read(50)))


# ---------------------------------------------------------------------------- cancel, abort, close


def when_it_waits(call: Callable[[], Any], then: Callable[[], Any]) -> Any:
    """What `call` comes to when `then` is called while it waits."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.extend(both(call)), daemon=True)
    thread.start()
    time.sleep(0.1)  # nothing outside shows that a call waits; being early only makes the test easier
    start = time.monotonic()
    then()
    thread.join(20)
    assert results, "it still waits"
    assert time.monotonic() - start < 5
    return results[0]


@pytest.mark.parametrize("call", ["receive", "read", "send", "exchange"])
def test_cancel_ends_a_call_with_just_that_error(pair: Pair, call: str) -> None:
    alice, _ = pair
    calls: dict[str, Callable[[], Any]] = {
        "receive": lambda: alice.receive(1),
        "read": lambda: alice.read(1),
        "send": lambda: alice.send([bytes(64 << 20)]),
        "exchange": lambda: alice.exchange([b""], 1),
    }
    why = KeyError("the program layer says so")
    assert when_it_waits(calls[call], lambda: alice.cancel(why)) is why
    with pytest.raises(KeyError) as raised:
        alice.send([b"x"])
    assert raised.value is why


def test_abort_tells_the_other_node_why(pair: Pair) -> None:
    alice, bob = pair
    alice.abort(Reason.FAILED)
    with pytest.raises(LinkError, match="alice: it gave up: its part of the computation failed"):
        bob.receive(8)
    with pytest.raises(LinkError, match="this node has closed the link"):
        alice.send([b"x"])


def test_abort_reaches_who_is_sending(pair: Pair) -> None:
    alice, bob = pair
    result = when_it_waits(lambda: bob.send([bytes(64 << 20)]), lambda: alice.abort(Reason.TIMEOUT))
    assert "it gave up: it waited too long" in str(link_error(result))


def test_abort_after_an_error_and_messages_not_read_still_says_why(pair: Pair) -> None:
    alice, bob = pair
    alice.send([b"not what is due"])
    bob.send([bytes(30_000)])
    bob.send([b"neither"])
    with pytest.raises(LinkError):
        alice.receive(1)
    alice.abort(Reason.LINK)
    bob.label(4)
    error = both(lambda: bob.send([bytes(64 << 20)]))[0]
    assert "it gave up: one of its links failed" in str(link_error(error))


def test_abort_from_another_thread_ends_the_call_and_tells_the_peer(pair: Pair) -> None:
    alice, bob = pair
    result = when_it_waits(lambda: alice.receive(8), lambda: alice.abort(Reason.STOPPED))
    assert "this node has closed the link" in str(link_error(result))
    with pytest.raises(LinkError, match="it gave up: its program was stopped"):
        bob.receive(8)


@pytest.mark.parametrize("call", ["receive", "send"])
def test_a_link_closed_early_is_an_error(pair: Pair, call: str) -> None:
    alice, bob = pair
    calls: dict[str, Callable[[], Any]] = {
        "receive": lambda: bob.receive(8),
        "send": lambda: bob.send([bytes(64 << 20)]),
    }
    assert "alice: it ended the link" in str(link_error(when_it_waits(calls[call], alice.close)))


def test_what_was_sent_before_close_arrives(pair: Pair) -> None:
    alice, bob = pair
    alice.send([bytes(30_000)])
    alice.write(b"and the rest")
    alice.close()
    alice.close()
    assert len(bob.receive(30_000)) == 30_000
    assert bytes(bob.read(12)) == b"and the rest"
    with pytest.raises(LinkError, match="ended the link"):
        bob.read(1)


def test_two_threads_at_one_end_are_told(pair: Pair) -> None:
    alice, bob = pair
    told: list[Any] = []

    def disturb() -> None:
        told.extend(both(lambda: alice.receive(1)))
        bob.send([b"12345678"])

    assert bytes(when_it_waits(lambda: alice.receive(8), disturb)) == b"12345678"
    assert "two threads use this end" in str(link_error(told[0]))


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="recv_timeout_ms of a link has to be positive, and is 0"):
        LinkOptions(recv_timeout_ms=0)


# ---------------------------------------------------------------------------- what was left out


def test_what_comes_for_an_operation_that_was_left_out_here_is_dropped(make_pair: MakePair) -> None:
    alice, bob = make_pair(recv_timeout_ms=300)
    for channel in (alice, bob):
        channel.label(1)
    alice.leave_out(1, b"why")
    bob.send([b"late"])
    with pytest.raises(LinkError, match="nothing arrived"):
        alice.receive(4)
