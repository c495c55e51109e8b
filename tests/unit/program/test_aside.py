"""What two parties say beside the values: a greeting, ordered streams, and a line of the ledger for each."""

import pytest

from junto.net.api import Arrival, Delivery, Failure, TransferKey
from junto.program.aside import LANES, Aside
from junto.program.operation import START, Description, follow

STAMP = follow(START, Description("spu", "alice,bob"), "fit.py:3")


class Wire:
    """As much of a gateway as it uses."""

    def __init__(self):
        self.expected, self.pushed, self.streams = {}, [], {}

    def expect(self, party, key):
        assert key not in self.expected
        self.expected[key] = Arrival()
        return self.expected[key]

    def push(self, party, key, stamp, payload):
        self.pushed.append((party, key, stamp, b"".join(payload.pieces)))
        return Delivery()

    def stream(self, party, number, is_trusted, frame_bytes=None):
        assert number not in self.streams
        self.streams[number] = Crossed(is_trusted)
        return self.streams[number]


class Crossed:
    def __init__(self, is_trusted):
        self.is_trusted = is_trusted
        self.nbytes = (0, 0)

    def traffic(self):
        return self.nbytes


class Lines:
    """As much of a witness as it uses."""

    def __init__(self):
        self.lines = []

    def sent(self, passage, summary, nbytes):
        self.lines.append(("sent", passage.kind, passage.source, passage.target, passage.index, nbytes))

    def received(self, passage, summary, nbytes):
        self.lines.append(("received", passage.kind, passage.source, passage.target, passage.index, nbytes))


def aside(wire, trusted=True, stamp=STAMP):
    return Aside(wire, stamp, ("alice", "bob"), lambda party: trusted)


def test_streams_of_different_operations_and_lanes_have_different_numbers():
    wire = Wire()
    for stamp in (STAMP, follow(STAMP, Description("spu", "alice,bob"), "fit.py:4")):
        way = aside(wire, stamp=stamp)
        for lane in range(1, LANES):
            way.stream(lane)
    assert len(wire.streams) == 2 * (LANES - 1)


def test_a_greeting_is_a_value_of_its_operation_with_its_stamp():
    wire = Wire()
    aside(wire).greet(b"hello")
    assert wire.pushed == [("bob", TransferKey(STAMP.operation, 0), STAMP, b"hello")]


@pytest.mark.parametrize(
    ("outcome", "trusted"),
    [
        (memoryview(b"hello"), True),
        (Failure("bob", 1, "bob(f)", "fit.py:3", "KeyError", ""), True),
        (memoryview(b"hello"), False),
    ],
    ids=["greeting", "failure", "another program"],
)
def test_a_greeting_is_handed_on_and_a_party_with_another_program_is_not_heard(outcome, trusted):
    wire, heard = Wire(), []
    way = aside(wire, trusted)
    way.hear(heard.append)
    wire.expected[TransferKey(STAMP.operation, 0)].settle(outcome)
    way.stream(1)
    (stream,) = wire.streams.values()
    assert stream.is_trusted() is trusted
    if not trusted:
        assert heard == []
    elif isinstance(outcome, Failure):
        assert isinstance(heard[0], Exception)
    else:
        assert bytes(heard[0]) == b"hello"


def test_the_ledger_has_one_line_a_stream_and_direction():
    wire, witness = Wire(), Lines()
    way = aside(wire)
    way.greet(b"12345")
    way.hear(lambda message: None)
    wire.expected[TransferKey(STAMP.operation, 0)].settle(memoryview(b"ab"))
    way.stream(1)
    way.stream(2)
    wire.streams[STAMP.operation * LANES + 2].nbytes = (100, 50)
    beside = [(each.sender, each.receiver, each.nbytes) for each in way.traffic()]
    assert beside == [("alice", "bob", 5), ("bob", "alice", 2), ("alice", "bob", 100), ("bob", "alice", 50)]
    way.account(witness)
    way.account(witness)
    assert way.traffic() == []  # counted once
    assert witness.lines == [
        ("sent", "link", "alice", "bob", 0, 5),
        ("received", "link", "bob", "alice", 0, 2),
        ("sent", "link", "alice", "bob", 2, 100),
        ("received", "link", "bob", "alice", 2, 50),
    ]
