"""Values between silos, with a gateway of a few lines in place of the network."""

import pytest

from junto.errors import PartyUnreachable, RemoteError, SessionError
from junto.execute.debug import DebugExecutor
from junto.net.api import Arrival, Delivery, Failure, TransferKey
from junto.program.between import SMALL_BYTES, BetweenSilos
from junto.program.exchange import CrossingObserver, ExchangeServices, ValueTransfer
from junto.program.failure import ErrorReporter
from junto.program.fault import SessionFault
from junto.program.in_flight import InFlight
from junto.program.operation import START, Description, follow
from junto.wire.codec import encode
from junto.wire.policy import WirePolicy

STAMP = follow(START, Description("move", "bob", "alice"), "fit.py:3")
INWARD = ValueTransfer(STAMP, 0, "move", "bob", "alice")
OUTWARD = ValueTransfer(STAMP, 0, "move", "alice", "bob")


class Wire:
    """As much of a gateway as an exchange uses."""

    def __init__(self):
        self.expected, self.pushed = {}, []

    def expect(self, party, key):
        self.expected[party, key] = Arrival()
        return self.expected[party, key]

    def push(self, party, key, stamp, letter):
        self.pushed.append((party, key, letter, Delivery()))
        return self.pushed[-1][3]


class Noted(CrossingObserver):
    def __init__(self):
        self.lines = []

    def sent(self, passage, summary, nbytes):
        self.lines.append(("sent", summary.type_name))

    def received(self, passage, summary, nbytes):
        self.lines.append(("received", summary.type_name))

    def undelivered(self, passage, error):
        self.lines.append(("undelivered", type(error).__name__))

    def close(self):
        pass


class Setup:
    def __init__(self):
        self.wire, self.witness, self.outstanding = Wire(), Noted(), InFlight()
        self.differing = set()
        self.fault, desk = SessionFault(), ErrorReporter(expose=False)
        office = ExchangeServices(WirePolicy(), desk, self.outstanding, self.witness, self.fault)
        self.executor = DebugExecutor()
        self.exchange = BetweenSilos(
            "alice", self.wire, self.executor, office, lambda party: party not in self.differing
        )

    def give(self, value):
        promise = self.executor.promise()
        promise.set_value(value)
        self.exchange.transfer(OUTWARD, promise)

    def arrive(self, outcome):
        ref = self.exchange.transfer(INWARD, None)
        self.wire.expected["bob", TransferKey(1, 0)].settle(outcome)
        return ref

    def send(self, value):
        self.give(value)
        return self.wire.pushed[-1]


def data(value):
    return memoryview(b"".join(encode(value, WirePolicy()).pieces))


@pytest.fixture
def setup():
    made = Setup()
    yield made
    made.exchange.close()


def test_a_value_arrives_and_is_noted(setup):
    assert setup.arrive(data((1, "x"))).value() == (1, "x")
    assert setup.witness.lines == [("received", "tuple")]
    assert setup.exchange.awaited() is None


def test_the_value_of_a_party_whose_program_differs_is_not_handed_over(setup):
    setup.differing.add("bob")
    assert not setup.arrive(data(1)).done()
    assert setup.witness.lines == []


def test_a_failure_arrives_as_everybody_s_error(setup):
    failure = Failure("bob", 7, "bob(train)", "fit.py:2", "ValueError", "ab12")
    error = setup.arrive(failure).error()
    assert isinstance(error, RemoteError)
    assert (error.party, error.origin.error_type) == ("bob", "ValueError")
    assert setup.outstanding.unseen() is error


def test_a_failure_that_the_script_has_seen_is_not_unseen_when_another_value_of_it_comes(setup):
    setup.outstanding.seen(7)
    setup.arrive(Failure("bob", 7, "bob(train)", "fit.py:2", "ValueError", "ab12"))
    assert setup.outstanding.unseen() is None


def test_bytes_that_are_no_value_are_the_operation_s_failure(setup):
    error = setup.arrive(memoryview(b"nonsense")).error()
    assert isinstance(error, RemoteError)
    assert error.origin.error_type == "MalformedBytes"


def test_a_lost_party_is_told_as_such(setup):
    lost = PartyUnreachable("bob is gone", party="bob")
    assert setup.arrive(lost).error() is lost


def test_what_is_sent_counts_as_unfinished_until_it_is_delivered(setup):
    party, key, _, delivery = setup.send([1, 2])
    assert (party, key) == ("bob", TransferKey(1, 0))
    assert not setup.outstanding.wait_idle(0)
    delivery.settle(None)
    assert setup.outstanding.wait_idle(0)
    assert setup.witness.lines == [("sent", "list")]


def test_what_cannot_travel_is_sent_as_a_failure(setup):
    _, _, letter, delivery = setup.send(object())
    delivery.settle(None)
    assert isinstance(letter, Failure)
    assert (letter.party, letter.error_type) == ("alice", "CannotTravel")
    assert setup.witness.lines == []


def test_what_is_not_delivered_is_noted(setup):
    *_, delivery = setup.send(1)
    delivery.settle(PartyUnreachable("bob is gone", party="bob"))
    assert setup.witness.lines == [("undelivered", "PartyUnreachable")]
    assert setup.outstanding.wait_idle(0)


def test_what_fails_after_our_end_is_told_to_nobody(setup):
    late = setup.executor.promise()
    setup.exchange.transfer(OUTWARD, late)
    setup.exchange.close()
    late.set_error(SessionError("the session is over"))
    setup.give(1)
    assert setup.wire.pushed == []
    assert setup.outstanding.wait_idle(0)


def no_thread(*given):
    raise RuntimeError("can't start new thread")


BROKEN = {
    "push": lambda setup, monkeypatch: monkeypatch.setattr(setup.wire, "push", no_thread),
    "sent": lambda setup, monkeypatch: monkeypatch.setattr(setup.witness, "sent", no_thread),
    "received": lambda setup, monkeypatch: monkeypatch.setattr(setup.witness, "received", no_thread),
    "courier": lambda setup, monkeypatch: monkeypatch.setattr(setup.exchange._couriers, "submit", no_thread),
}


@pytest.mark.parametrize("part", BROKEN)
def test_whatever_fails_between_a_value_and_its_receiver_ends_the_run_at_its_owner(part, monkeypatch):
    setup = Setup()
    BROKEN[part](setup, monkeypatch)
    letter = b"x" * (SMALL_BYTES + 1)
    if part in ("push", "sent"):
        setup.give(letter)
        for *_, delivery in setup.wire.pushed:
            delivery.settle(None)
    else:
        setup.arrive(memoryview(b"".join(encode(letter, WirePolicy()).pieces)))
    error = setup.fault.within(10)
    assert isinstance(error, RemoteError)
    assert (error.party, error.origin.error_type, error.origin.operation) == ("alice", "RuntimeError", 1)
