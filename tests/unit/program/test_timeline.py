from junto.ledger import SENT, Edge, LedgerEntry
from junto.net.api import Stamp
from junto.program.in_flight import InFlight
from junto.program.timeline import MOST_WAITS, Spell, Timeline, Traffic, edges


def stamp(number, site="a.py:1", text="alice(f)"):
    return Stamp(number, bytes(16), text, site)


def entry(number, nbytes, kind="move"):
    return LedgerEntry(SENT, number, 0, "alice -> bob", "a.py:2", kind, "alice", "bob", "int", None, nbytes)


def test_a_loop_is_one_line():
    timeline = Timeline()
    for number in range(1000):
        timeline.begun(stamp(number))
        timeline.took(stamp(number), 0.5)
        timeline.crossed(entry(number, 10))
    timeline.begun(stamp(1000, "a.py:3", "reveal"))
    timeline.waited(stamp(1000, "a.py:3", "reveal"), ("bob", "carol"), 1.0)
    timeline.waited(stamp(1000, "a.py:3", "reveal"), ("carol",), 2.0)
    assert timeline.spells() == [
        Spell("a.py:1", "alice(f)", 1000, 500.0, {}),
        Spell("a.py:3", "reveal", 1, None, {"bob": 1.0, "carol": 3.0}),
    ]
    assert timeline.traffic() == [Traffic("a.py:2", "move", "alice", "bob", "int", 1000, 10_000)]


def test_the_longest_waits_are_kept_in_the_order_of_their_begins():
    timeline = Timeline()
    lengths = [(7 * number) % 1009 + 1.0 for number in range(1009)]
    for number, seconds in enumerate(lengths):
        timeline.waited(stamp(number), ("bob",), seconds)
    kept = timeline.waits()
    assert sorted(wait.took_s for wait in kept) == sorted(lengths)[-MOST_WAITS:]
    assert [wait.began_s for wait in kept] == sorted(wait.began_s for wait in kept)
    assert all(wait.parties == ("bob",) and wait.site == "a.py:1" for wait in kept)
    assert timeline.spells()[0].waited_s == {"bob": sum(lengths)}


def test_edges_are_sums_over_lines():
    lines = [
        Traffic("a.py:1", "move", "bob", "alice", "int", 2, 20),
        Traffic("a.py:2", "move", "alice", "bob", "int", 1, 5),
        Traffic("a.py:2", "reveal", "bob", "alice", "str", 1, 7),
    ]
    assert edges(lines) == [Edge("alice", "bob", 1, 5), Edge("bob", "alice", 3, 27)]


def test_what_was_handed_out_stays_as_it_was():
    timeline = Timeline()
    timeline.waited(stamp(1), ("bob",), 1.0)
    before = timeline.spells()
    timeline.waited(stamp(1), ("bob",), 1.0)
    assert before[0].waited_s == {"bob": 1.0}


def test_outstanding_work_tells_how_long_it_took():
    told = []
    outstanding = InFlight(lambda which, seconds: told.append((which.operation, seconds >= 0)))
    ticket = outstanding.enter(stamp(7))
    assert told == []
    outstanding.leave(ticket)
    outstanding.leave(ticket)
    assert told == [(7, True)]
