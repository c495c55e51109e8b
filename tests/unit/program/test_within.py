"""Exchange within one process: what arrives is what the codec makes of it, and it is noted once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from junto.errors import CannotTravel, RemoteError
from junto.execute.debug import DebugExecutor
from junto.execute.executor import Ref
from junto.program.exchange import CrossingObserver, ExchangeServices, ValueTransfer
from junto.program.failure import ErrorReporter
from junto.program.fault import SessionFault
from junto.program.in_flight import InFlight
from junto.program.operation import START, Description, follow
from junto.program.within import WithinProcess, packed, unpacked
from junto.wire.payload import Summary
from junto.wire.policy import WirePolicy

PASSAGE = ValueTransfer(
    follow(START, Description("move", "bob", "alice"), "fit.py:3"), 0, "move", "alice", "bob"
)


class Noted(CrossingObserver):
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, int]] = []

    def sent(self, passage: ValueTransfer, summary: Summary, nbytes: int) -> None:
        self.lines.append(("sent", summary.type_name, nbytes))

    def received(self, passage: ValueTransfer, summary: Summary, nbytes: int) -> None:
        self.lines.append(("received", summary.type_name, nbytes))

    def undelivered(self, passage: ValueTransfer, error: Exception) -> None:
        raise AssertionError(error)

    def close(self) -> None: ...


class Setup:
    def __init__(self) -> None:
        self.witness, self.executor = Noted(), DebugExecutor()
        desk = ErrorReporter(expose=False)
        office = ExchangeServices(WirePolicy(), desk, InFlight(), self.witness, SessionFault())
        self.exchange = WithinProcess({"alice": self.executor, "bob": self.executor}, office)

    def given(self, value: Any) -> Ref:
        promise = self.executor.promise()
        promise.set_value(value)
        return promise


def test_a_value_comes_through_the_codec_as_one_of_its_own() -> None:
    setup, value = Setup(), np.arange(3)
    there = setup.exchange.transfer(PASSAGE, setup.given(value))
    assert there is not None
    np.testing.assert_array_equal(there.value(), value)
    assert there.value() is not value
    ((_, kind, nbytes), received) = setup.witness.lines
    assert received == ("received", kind, nbytes)
    assert nbytes > value.nbytes
    np.testing.assert_array_equal(setup.exchange.copy(PASSAGE, setup.given(value)).value(), value)
    assert len(setup.witness.lines) == 2  # a copy at its owner crosses nothing
    assert setup.exchange.awaited() is None
    assert setup.exchange.progress() == (0, 0)
    assert setup.exchange.transfer(PASSAGE, None) is None


@pytest.mark.parametrize("way", ["transfer", "copy"])
def test_what_could_not_travel_does_not_here(way: str) -> None:
    setup = Setup()
    there = getattr(setup.exchange, way)(PASSAGE, setup.given(object()))
    error = there.error()
    assert isinstance(error, RemoteError)
    assert (error.party, error.origin.error_type) == ("alice", "CannotTravel")
    assert setup.witness.lines == []


def test_both_halves_are_inverse_and_say_what_it_was() -> None:
    data, (summary, nbytes) = packed(WirePolicy(), (1, "x"))
    assert unpacked(WirePolicy(), data) == (1, "x")
    assert (summary.type_name, nbytes) == ("tuple", len(data))
    with pytest.raises(CannotTravel):
        packed(WirePolicy(), object())
