"""Waits: an end, a deadline, a status line; no clock is asserted."""

import itertools
import threading
from types import SimpleNamespace

import pytest

from junto.accounting.status import Reporter
from junto.errors import DeadlineExceeded, PartyUnreachable
from junto.execute.embedded import EmbeddedExecutor
from junto.program.fault import SessionFault
from junto.program.operation import START, Description, follow
from junto.program.program import Program
from junto.program.waiting import AwaitedRef, Timeouts, Waiting

STAMP = follow(START, Description("reveal"), "fit.py:31")


class Heard(Reporter):
    def __init__(self):
        self.lines = []
        self.first = threading.Event()
        self.ended = 0

    def waiting(self, line, progress):
        self.lines.append((line, progress))
        self.first.set()

    def over(self):
        self.ended += 1


@pytest.fixture
def executor():
    made = EmbeddedExecutor(1)
    yield made
    made.shutdown(cancel=True)


def waiting(fault=None, patience=None, announced=None, describe=None):
    heard = Heard()
    announced = announced if announced is not None else []
    made = Waiting(
        fault or SessionFault(),
        patience or Timeouts(None, 0.0),
        heard,
        lambda stamp, parties: announced.append(parties),
        describe or (lambda party: {party: f"{party} is alive"}),
    )
    return made, heard


def test_a_value_that_is_there_is_not_waited_for(executor):
    promise = executor.promise()
    promise.set_value(1)
    announced = []
    made, heard = waiting(announced=announced)
    made.until_done(STAMP, [AwaitedRef(promise, "alice")], lambda: (0, 0))
    assert heard.lines == []
    assert announced == []


def test_a_slow_value_is_announced_and_shown(executor):
    promise = executor.promise()
    announced = []
    made, heard = waiting(announced=announced)
    threading.Thread(target=lambda: (heard.first.wait(10), promise.set_value(1))).start()
    made.until_done(STAMP, [AwaitedRef(promise, "alice")], lambda: (3, 7))
    assert [parties for parties, _ in itertools.groupby(announced)] == [("alice",), ()]
    line, progress = heard.lines[0]
    assert "for alice, operation 1 reveal at fit.py:31; alice is alive" in line
    assert progress == (3, 7)
    assert heard.ended == 1


def test_a_deadline_names_whom_it_waited_for(executor):
    made, _ = waiting(patience=Timeouts(0.05, 10.0))
    with pytest.raises(DeadlineExceeded, match=r"for bob, operation 1 reveal at fit\.py:31"):
        made.until_done(STAMP, [AwaitedRef(executor.promise(), "bob")], lambda: (0, 0))


def test_the_session_s_fault_ends_a_wait(executor):
    fault = SessionFault()
    made, heard = waiting(fault)
    gone = PartyUnreachable("bob is gone", party="bob")
    threading.Thread(target=lambda: (heard.first.wait(10), fault.set(gone))).start()
    with pytest.raises(PartyUnreachable, match="bob is gone"):
        made.until_done(STAMP, [AwaitedRef(executor.promise(), "bob")], lambda: (0, 0))


def test_values_that_arrived_count_even_if_the_session_broke_meanwhile(executor):
    fault = SessionFault()
    promise = executor.promise()
    made, heard = waiting(fault)

    def end():
        heard.first.wait(10)
        promise.set_value(1)
        fault.set(PartyUnreachable("bob is gone", party="bob"))

    threading.Thread(target=end).start()
    made.until_done(STAMP, [AwaitedRef(promise, "bob")], lambda: (0, 0))


def test_a_status_line_says_of_each_party_once_what_is_known(executor):
    """Whom we wait for by ourselves may be whom our own work waits for."""
    known = {"alice": {"alice": "alice awaits x", "bob": "bob is alive"}, "bob": {"bob": "bob is alive"}}
    made, heard = waiting(describe=lambda party: known.get(party, {party: ""}))
    refs = {party: executor.promise() for party in ("alice", "bob", "carol")}
    awaited = [AwaitedRef(ref, party) for party, ref in refs.items()]
    waiter = threading.Thread(target=made.until_done, args=(STAMP, awaited, lambda: (0, 0)))
    waiter.start()
    assert heard.first.wait(20)
    for ref in refs.values():
        ref.set_value(None)
    waiter.join(20)
    line, _ = heard.lines[0]
    assert line.endswith("at fit.py:31; alice awaits x; bob is alive")


def test_what_the_others_are_told_of_a_wait_is_told_anew_while_it_lasts(executor, monkeypatch):
    """They said of a party that it was busy with what had ended long before."""
    monkeypatch.setattr("junto.program.waiting.TICK_S", 0.005)
    told = threading.Semaphore(0)
    made, _ = waiting(announced=SimpleNamespace(append=lambda parties: told.release()))
    ref = executor.promise()
    waiter = threading.Thread(target=made.until_done, args=(STAMP, [AwaitedRef(ref, "bob")], lambda: (0, 0)))
    waiter.start()
    assert all(told.acquire(timeout=20) for _ in range(4))
    ref.set_value(None)
    waiter.join(20)


@pytest.mark.parametrize("waits", [True, False])
def test_news_of_a_wait_go_at_once_and_what_is_known_with_the_next_heartbeat(waits):
    said, running = [], STAMP
    parts = SimpleNamespace(
        gateway=SimpleNamespace(publish=lambda activity, now: said.append((activity.busy, now))),
        exchange=SimpleNamespace(awaited=lambda: None),
        office=SimpleNamespace(outstanding=SimpleNamespace(oldest=lambda: running)),
    )
    program = SimpleNamespace(_parts=parts, _announced=None)
    for running in (STAMP, STAMP, None):  # noqa: B007 - `oldest` says it
        Program._announce(program, STAMP, ("bob",) if waits else ())
    busy = f"operation {STAMP.operation} reveal at fit.py:31"
    assert said == [(busy, waits), (busy, False), ("", waits)]
