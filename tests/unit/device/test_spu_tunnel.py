"""The way of an SPU's bytes through the gateways, with lanes of a few lines in place of the network."""

import threading
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from junto.device.spu.tunnel import GRANTS, WINDOW, TunnelPipe
from junto.device.spu.tunnel_meeting import Introductions
from junto.errors import HandshakeRefused, LinkError, PartyAborted, PartyUnreachable
from junto.mpc.link import Greeting, LinkOptions, shared_secret
from junto.mpc.links.framed import Ends, FramedChannel
from junto.mpc.links.greeting import Hello
from junto.mpc.links.pipe import PipeEnded
from junto.program.aside import LANES, TURN, Aside
from junto.program.operation import START, Description, follow
from junto.silo.api import Failure
from junto.silo.settled import Awaited, Dispatched
from link_helpers import both, good
from tries import tries


class Lane:
    """One end of a lane. What is pushed waits in `on_way` unless it is delivered at once."""

    def __init__(self, at_once=True):
        self.at_once = at_once
        self.other = self
        self.lock = threading.RLock()
        self.expected, self.seen, self.on_way = {}, set(), deque()

    def push(self, number, message):
        self.on_way.append((number, message))
        if self.at_once:
            self.deliver()

    def expect(self, number, then):
        with self.lock:
            assert number not in self.seen, f"{number} is expected twice"
            self.seen.add(number)
            self.expected[number] = then

    def deliver(self, count=1):
        """Let the oldest messages arrive at the other end, which must expect each of them."""
        for _ in range(min(count, len(self.on_way))):
            number, message = self.on_way.popleft()
            with self.other.lock:
                then = self.other.expected.pop(number, None)
            assert then is not None, f"message {number} came, and nobody expected it"
            then(memoryview(bytearray(message)))

    def fail(self, error):
        """Nothing more arrives here."""
        expected, self.expected = self.expected, {}
        for then in expected.values():
            then(error)


def lanes(at_once=True):
    one, other = Lane(at_once), Lane(at_once)
    one.other, other.other = other, one
    return one, other


class Tunnel:
    def __init__(self, piece_bytes=1000, at_once=True):
        self.data, self.grants = lanes(at_once), lanes(at_once)
        self.pipes = [TunnelPipe(self.data[i], self.grants[i], piece_bytes) for i in range(2)]


def read(pipe, size=1 << 20):
    into = bytearray(size)
    return bytes(into[: pipe.read(memoryview(into))])


def fill(pipe):
    count = 0
    while pipe.write(memoryview(b"x" * 10)):
        count += 1
    return count


def channels(tunnel, timeout_ms=10_000):
    names = ("alice", "bob")
    options = LinkOptions(recv_timeout_ms=timeout_ms)
    return [
        FramedChannel(pipe, Ends(me, peer, b"agreed"), options)
        for pipe, me, peer in zip(tunnel.pipes, names, reversed(names), strict=True)
    ]


# The pipe.


def test_a_channel_over_it_carries_messages_and_a_stream_larger_than_its_window():
    alice, bob = channels(Tunnel(piece_bytes=500))
    size = 3 * WINDOW * 500

    def work(channel, byte):
        channel.label(7, "fit.py:3")
        got = channel.exchange([bytes([byte]) * size], size)
        for _ in range(5):
            channel.write([bytes([byte]) * 300])
        channel.flush()
        return bytes(got), bytes(channel.read(1500)), shared_secret(channel)

    (first, stream, key), (second, _, same) = good(both(lambda: work(alice, 1), lambda: work(bob, 2)))
    assert (first, second) == (b"\x02" * size, b"\x01" * size)
    assert stream == b"\x02" * 1500
    assert key == same


def test_who_does_not_read_is_not_filled_and_reading_lets_the_sender_go_on():
    tunnel = Tunnel()
    one, other = tunnel.pipes
    assert fill(one) == WINDOW
    assert not one.wait(False, True, 0)
    for _ in range(WINDOW // 2 - 1):
        read(other, 10)
    assert fill(one) == 0
    read(other, 10)
    assert one.wait(False, True, 0)
    assert fill(one) == WINDOW // 2


@settings(max_examples=tries(60), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["write", "read", "data", "grants"]), st.integers(1, 80))))
def test_nothing_is_ever_sent_that_is_not_expected(steps):
    tunnel = Tunnel(piece_bytes=3, at_once=False)
    one, other = tunnel.pipes
    sent, got = bytearray(), bytearray()

    def go(what, count):
        for _ in range(count):
            if what == "write":
                text = bytes([len(sent) % 251, 1, 2, 3, 4])
                sent.extend(text[: one.write(memoryview(text))])
            elif what == "read":
                got.extend(read(other, 2))
            elif what == "data":
                tunnel.data[0].deliver()
            else:
                tunnel.grants[1].deliver()
            assert len(tunnel.grants[1].on_way) < GRANTS

    for step in steps:
        go(*step)
    go("data", WINDOW)
    go("read", 3 * WINDOW)
    assert got == sent
    other.close()
    go("grants", GRANTS)
    assert one.wait(False, True, 0)


def test_what_was_written_before_the_end_is_read_then_it_ends():
    one, other = Tunnel().pipes
    one.write(memoryview(b"last words"))
    one.close()
    one.close()
    with pytest.raises(PipeEnded):
        other.write(memoryview(b"too late"))
    assert other.wait(True, False, 0)
    assert read(other, 4) == b"last"
    assert read(other) == b" words"
    assert other.wait(True, False, 0)
    with pytest.raises(PipeEnded):
        read(other)


def test_goodbye_and_giving_up_are_told_as_such():
    alice, bob = channels(Tunnel())
    alice.send([b"one"])
    alice.close()
    assert bytes(bob.receive(3)) == b"one"
    with pytest.raises(LinkError, match="alice: it ended the link"):
        bob.receive(1)


@pytest.mark.parametrize("direction", [0, 1], ids=["data", "grants"])
def test_a_peer_that_is_lost_ends_it_after_what_had_arrived(direction):
    tunnel = Tunnel()
    one, other = tunnel.pipes
    one.write(memoryview(b"before"))
    (tunnel.data, tunnel.grants)[direction][1].fail(PartyUnreachable("alice is gone", party="alice"))
    assert other.wait(False, True, 0)
    with pytest.raises(PipeEnded):
        other.write(memoryview(b"x"))
    assert read(other) == b"before"
    with pytest.raises(PipeEnded) as caught:
        read(other)
    assert isinstance(caught.value.__cause__, PartyUnreachable)


@pytest.mark.parametrize(
    ("lane", "message"),
    [(0, b""), (1, b"short"), (1, b"\x00" + (99).to_bytes(8, "big")), (1, b"\x07" + bytes(8))],
    ids=["empty piece", "size", "never sent", "kind"],
)
def test_what_no_honest_node_sends_ends_it(lane, message):
    tunnel = Tunnel()
    (tunnel.data, tunnel.grants)[lane][0].push(0, message)
    with pytest.raises(PipeEnded):
        tunnel.pipes[1].write(memoryview(b"x"))


def test_a_wait_ends_when_something_arrives_when_it_is_woken_and_in_time():
    one, other = Tunnel().pipes
    assert not other.wait(True, False, 0.01)
    waits = threading.Thread(target=lambda: other.wait(True, False, 30))
    waits.start()
    one.write(memoryview(b"x"))
    waits.join(5)
    assert not waits.is_alive()
    one.wake()
    assert one.wait(True, False, 30)


def test_silence_is_a_link_error_that_names_who_is_silent():
    alice, _ = channels(Tunnel(), timeout_ms=50)
    alice.label(3, "fit.py:9")
    with pytest.raises(LinkError, match=r"bob: nothing arrived for 0\.1 s .*operation 3 at fit\.py:9"):
        alice.receive(4)


# The lane.

STAMP = follow(START, Description("spu", "alice,bob"), "fit.py:3")


class Wire:
    """As much of a gateway as a lane uses."""

    def __init__(self):
        self.expected, self.pushed = {}, []

    def expect(self, party, key):
        assert key not in self.expected
        self.expected[key] = Awaited()
        return self.expected[key]

    def push(self, party, key, stamp, payload):
        self.pushed.append((party, key, stamp, b"".join(payload.pieces)))
        return Dispatched(payload.nbytes)


class Lines:
    """As much of a witness as a lane uses."""

    def __init__(self):
        self.lines = []

    def sent(self, passage, summary, nbytes):
        self.lines.append(("sent", passage.kind, passage.source, passage.target, passage.index, nbytes))

    def received(self, passage, summary, nbytes):
        self.lines.append(("received", passage.kind, passage.source, passage.target, passage.index, nbytes))


def aside(wire, lane=1, trusted=True):
    return Aside(wire, STAMP, ("alice", "bob"), lane, lambda party: trusted)


def test_lanes_never_share_a_key_and_numbers_begin_anew_after_a_turn():
    wire = Wire()
    for lane in range(LANES):
        way = aside(wire, lane)
        for number in (0, 1, TURN - 1):
            way.push(number, b"x")
            way.expect(number, print)
    keys = [key for _, key, _, _ in wire.pushed]
    assert len(set(keys)) == len(keys)
    assert all(0 <= key.index < 1 << 31 for key in keys)
    assert {key.operation for key in keys} == {STAMP.operation}
    aside(wire, 3).push(TURN, b"y")
    assert wire.pushed[-1][1] == wire.pushed[9][1]


def test_what_arrives_is_handed_on_and_a_party_with_another_program_is_not_heard():
    wire, heard = Wire(), []
    aside(wire).expect(0, heard.append)
    aside(wire, 2).expect(0, heard.append)
    aside(wire, 3, trusted=False).expect(0, heard.append)
    one, failing, other = wire.expected.values()
    one.settle(memoryview(b"hello"))
    failing.settle(Failure("bob", 1, "bob(f)", "fit.py:3", "KeyError", ""))
    other.settle(memoryview(b"hello"))
    assert bytes(heard[0]) == b"hello"
    assert isinstance(heard[1], Exception)
    assert len(heard) == 2


def test_the_ledger_has_one_line_a_direction():
    wire, witness = Wire(), Lines()
    way = aside(wire)
    way.push(0, b"12345")
    way.push(1, b"678")
    way.expect(0, lambda message: None)
    next(iter(wire.expected.values())).settle(memoryview(b"ab"))
    beside = [(each.sender, each.receiver, each.nbytes) for each in way.traffic()]
    assert beside == [("alice", "bob", 8), ("bob", "alice", 2)]
    way.account(witness)
    way.account(witness)
    assert way.traffic() == []  # counted once
    assert witness.lines == [
        ("sent", "link", "alice", "bob", 1, 8),
        ("received", "link", "bob", "alice", 1, 2),
    ]


# The greeting.

QUICK = LinkOptions(connect_retry_times=1, connect_retry_interval_ms=200, handshake_timeout_ms=200)


class Sent(Lane):
    """A lane whose deliveries can be asked after."""

    def push(self, number, message):
        super().push(number, message)
        delivery = Dispatched(len(message))
        delivery.settle(None)
        return delivery


def greeting(text="field: FM64", digest=b"d"):
    return Greeting(digest, text)


def meeting(one, other, options=QUICK):
    lanes = Sent(), Sent()
    lanes[0].other, lanes[1].other = lanes[1], lanes[0]
    gate = threading.Barrier(2)
    for lane in lanes:  # a gateway keeps what comes early; here both are ready before either speaks
        lane.expect = lambda number, then, lane=lane: (Lane.expect(lane, number, then), gate.wait(5))
    said = []
    pair = [
        Introductions(me, what, {peer: lane}, options, lambda *told: said.append(told))
        for me, peer, what, lane in (("alice", "bob", one, lanes[0]), ("bob", "alice", other, lanes[1]))
    ]
    return both(*(each.run for each in pair))


def test_nodes_with_the_same_settings_meet():
    assert meeting(greeting(), greeting()) == [None, None]


def test_both_print_the_same_difference():
    one, other = meeting(greeting("field: FM64\nbits: 18"), greeting("field: FM64\nbits: 20", b"e"))
    assert isinstance(one, HandshakeRefused)
    assert isinstance(other, HandshakeRefused)
    assert one.message == other.message
    assert all(word in one.message for word in ("bits", "18", "20"))
    assert "field" not in one.message


@pytest.mark.parametrize(
    "message",
    [b"nonsense", Hello("carol", "bob", greeting()).pack(), Hello("alice", "eve", greeting()).pack()],
)
def test_what_is_no_greeting_from_there_to_here_is_named(message):
    lane, other = Sent(at_once=False), Lane(at_once=False)
    lane.other, other.other = other, lane
    lane.expect = lambda number, then: then(memoryview(message))
    with pytest.raises(LinkError, match="alice"):
        Introductions("bob", greeting(), {"alice": lane}, QUICK, print).run()


def test_who_does_not_come_is_named_in_time():
    with pytest.raises(PartyUnreachable, match=r"carol did not come to the link of the SPU within 0\.2 s"):
        Introductions("bob", greeting(), {"carol": Sent(at_once=False)}, QUICK, print).run()


def test_a_fault_of_the_run_ends_the_wait():
    introductions = Introductions("bob", greeting(), {"carol": Sent(at_once=False)}, LinkOptions(), print)
    introductions.cancel(PartyAborted("carol ended the run", party="carol"))
    with pytest.raises(PartyAborted):
        introductions.run()
