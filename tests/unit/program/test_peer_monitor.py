"""What a party hears from the others, and when that ends the run."""

import threading

import pytest

from junto.errors import DeadlineExceeded, PartyAborted, PartyUnreachable, ProgramDivergence, Terminated
from junto.net.api import Abort, Activity, Stamp
from junto.program.divergence import DivergenceCheck
from junto.program.fault import SessionFault
from junto.program.operation import START, Description
from junto.program.peer_monitor import PeerMonitor, abort_of, place


class Side:
    """One party's half, wired to the other without a network."""

    def __init__(self, me, other):
        self.agreement, self.fault = DivergenceCheck([other, "carol"]), SessionFault()
        self.peers = PeerMonitor(me, self.agreement, self.fault)

    def issue(self, *names):
        for name in names:
            stamp, _ = self.agreement.record(Description("call", "alice", name), f"{name}.py:1")
        return stamp


@pytest.fixture
def pair():
    alice, bob = Side("alice", "bob"), Side("bob", "alice")
    alice.peers.attach(lambda party, history: bob.peers.on_history("alice", history), lambda _: "")
    bob.peers.attach(lambda party, history: alice.peers.on_history("bob", history), lambda _: "")
    return alice, bob


def test_a_difference_ends_both_with_the_same_two_lines(pair):
    alice, bob = pair
    alice.issue("load", "train")
    stamp = bob.issue("load", "score")
    alice.peers.on_activity("bob", Activity(stamp))
    for side in pair:
        assert isinstance(side.fault.error, ProgramDivergence)
        assert "alice     2  alice(train)  at train.py:1" in side.fault.error.message
        assert "bob       2  alice(score)  at score.py:1" in side.fault.error.message


def test_a_program_that_has_ended_is_no_other_script(pair):
    """A notebook's kernel that is restarted between two cells ends its session as a script's end does."""
    alice, bob = pair
    alice.issue("load")
    ended, _ = bob.agreement.record(Description("shutdown"), "the end of the script")
    alice.peers.on_activity("bob", Activity(ended))
    for side in pair:
        assert "shutdown  at the end of the script" in side.fault.error.message
        assert "bob's program had ended there, as a notebook's" in side.fault.error.message


def test_equal_programs_go_on(pair):
    alice, bob = pair
    alice.issue("load", "train")
    alice.peers.on_activity("bob", Activity(bob.issue("load")))
    alice.peers.on_activity("bob", Activity(bob.issue("train")))
    assert alice.fault.error is None


def test_a_difference_is_told_even_if_the_other_side_never_answers(monkeypatch):
    monkeypatch.setattr("junto.program.peer_monitor.HISTORY_GRACE_S", 0.01)
    alice, bob = Side("alice", "bob"), Side("bob", "alice")
    ended = threading.Event()
    alice.fault.subscribe(ended.set)
    alice.issue("load")
    alice.peers.on_activity("bob", Activity(bob.issue("score")))
    assert ended.wait(10)
    assert "score.py:1" in alice.fault.error.message


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (KeyboardInterrupt(), PartyAborted),
        (ValueError("secret"), PartyAborted),
        (PartyUnreachable("carol is silent", party="carol"), PartyUnreachable),
        (ProgramDivergence("bob and carol differ"), ProgramDivergence),
        (SystemExit(1), PartyAborted),
    ],
)
def test_the_cause_of_an_end_reaches_the_others_without_its_text(cause, expected):
    side = Side("alice", "bob")
    side.peers.on_abort("bob", abort_of(cause, "bob"))
    assert type(side.fault.error) is expected
    assert "bob" in str(side.fault.error)
    assert "secret" not in str(side.fault.error)


def test_an_end_that_is_told_on_names_the_party_that_ended_first():
    bob, alice = Side("bob", "alice"), Side("alice", "bob")
    bob.peers.on_abort("carol", abort_of(KeyboardInterrupt(), "carol"))
    alice.peers.on_abort("bob", abort_of(bob.fault.error, "bob"))
    error = alice.fault.error
    assert (type(error), error.party) == (PartyAborted, "carol")
    assert "Ctrl-C" in error.message
    assert "as told by bob" in error.message
    assert "look at the log of carol" in str(error)


def test_a_party_that_is_gone_is_the_same_error_here_and_says_what_to_do_at_all_others():
    """The same one: whether the script was told of it is asked of the error itself."""
    alice, carol = Side("alice", "bob"), Side("carol", "bob")
    gone = PartyUnreachable("bob is gone", party="bob", fix="see bob")
    alice.peers.on_unreachable("bob", gone)
    assert alice.fault.error is gone
    carol.peers.on_abort("alice", abort_of(gone, "alice"))
    error = carol.fault.error
    assert "bob is gone (as told by alice)" in error.message
    assert (type(error), error.party) == (PartyUnreachable, "bob")
    assert "bob" in error.fix


def test_of_a_party_that_is_gone_it_is_known_what_it_did_last(pair):
    alice, bob = pair
    assert alice.peers.last_seen("bob") == ""
    alice.issue("load")
    alice.peers.on_activity("bob", Activity(bob.issue("load"), ("carol",), 1, "operation 1 bob(load)"))
    assert alice.peers.last_seen("bob") == "waiting for carol, busy with operation 1 bob(load)"


@pytest.mark.parametrize(
    "cause", [KeyboardInterrupt(), PartyUnreachable("x", party="carol"), ProgramDivergence("x")]
)
def test_what_is_told_on_says_what_to_do(cause):
    side = Side("alice", "bob")
    side.peers.on_abort("bob", abort_of(cause, "bob"))
    assert side.fault.error.fix


def test_who_has_waited_in_vain_is_not_blamed_for_whom_nobody_met():
    """Both wait as long: whose time is up first tells the other, and neither has failed."""
    side = Side("alice", "bob")
    side.peers.on_abort("bob", abort_of(DeadlineExceeded("waited 20 s for carol", party="carol"), "bob"))
    error = side.fault.error
    assert (type(error), error.party) == (PartyUnreachable, "carol")
    assert "waited 20 s for carol (as told by bob)" in error.message
    assert "carol" in error.fix
    side = Side("alice", "bob")
    side.peers.on_abort("bob", abort_of(DeadlineExceeded("waited 9 s for a value"), "bob"))
    assert (type(side.fault.error), side.fault.error.party) == (PartyAborted, "bob")


def test_only_the_first_cause_counts():
    side = Side("alice", "bob")
    side.peers.on_unreachable("bob", PartyUnreachable("gone", party="bob"))
    side.peers.on_abort("carol", Abort("exit", "left"))
    assert isinstance(side.fault.error, PartyUnreachable)


def test_a_status_line_says_what_is_known(pair):
    alice, bob = pair
    assert alice.peers.describe("bob") == "bob has not been heard of yet"
    alice.issue("load")
    stamp = bob.issue("load")
    alice.peers.on_activity("bob", Activity(stamp, (), 0, "operation 1 alice(load) at x.py:1"))
    assert alice.peers.describe("bob") == (
        "bob is alive, at operation 1 alice(load) at load.py:1, busy with operation 1 alice(load) at x.py:1"
    )
    alice.peers.on_activity("bob", Activity(stamp, ("alice",), 1))
    assert alice.peers.describe("bob") == "bob is alive, waiting for alice"
    alice.peers.on_activity("bob", Activity(stamp, ("bob",), 1, "operation 1 bob(load) at x.py:1"))
    assert alice.peers.describe("bob") == "bob is alive, busy with operation 1 bob(load) at x.py:1"
    assert alice.peers.describe("alice") == ""
    in_one_process = PeerMonitor("", DivergenceCheck([]), SessionFault())
    assert in_one_process.describe("bob") == ""


def test_an_interrupt_is_where_the_script_stands_and_not_where_its_last_operation_was():
    at = Stamp(5, b"", "reveal", "a.py:6")
    assert place(at) == place(at, "a.py:6") == " at operation 5 reveal at a.py:6"
    assert place(at, "a.py:9") == " at a.py:9, after operation 5 reveal at a.py:6"
    assert (place(START), place(START, "a.py:3")) == ("", " at a.py:3")


def test_a_signal_is_told_as_what_it_was():
    assert "(Ctrl-C) at a.py:3" in abort_of(KeyboardInterrupt(), "alice", " at a.py:3").message
    told = abort_of(Terminated(), "alice", " at a.py:3").message
    assert "SIGTERM" in told
    assert "at a.py:3" in told
    assert "Ctrl-C" not in told


def test_a_divergence_names_versions_that_differ(pair):
    alice, bob = pair
    alice.peers.attach(lambda party, history: None, lambda party: f"jax 0.10.2 at alice, 0.9.1 at {party}")
    alice.issue("load", "train")
    alice.peers.on_activity("bob", Activity(bob.issue("load", "score")))
    alice.peers.on_history("bob", ())
    assert "jax 0.10.2 at alice, 0.9.1 at bob" in alice.fault.error.message
    assert "install the same versions" in alice.fault.error.fix


@pytest.mark.parametrize("kind", ["unreachable", "aborted"])
def test_who_ends_the_run_can_blame_a_party_of_the_job_and_nobody_else(kind):
    for named, blamed in (
        ("carol", "carol"),
        ("alice", "alice"),
        ("zed", "bob"),
        ("", "bob"),
        ("bob", "bob"),
    ):
        side = Side("alice", "bob")
        side.agreement = DivergenceCheck(["bob", "carol"])
        side.peers = PeerMonitor("alice", side.agreement, side.fault)
        side.peers.on_abort("bob", Abort(f"{kind}:{named}", "it is gone"))
        assert side.fault.error.party == blamed, named
