"""What goes wrong in production, with real processes and real mutual TLS: nothing hangs in silence.

Seconds are never asserted tightly; the harness's limits (20-30 s) are what "in silence" means.
"""

import re
from datetime import UTC

import pytest
import trustme

from junto.reach.dial import unknown_hosts
from parties import CONTINUE, GUARDED, INTERRUPT, KILL, STOP, Job

pytestmark = pytest.mark.slow

PAIR = ["alice", "bob"]
THREE = ["alice", "bob", "carol"]

SLOW = """
import time
def slow(_=None):
    time.sleep(600)
def value(x=1):
    return x
def use(*args):
    return 1
"""


def outcomes(job, names, timeout=240):
    return {name: job.running[name].next(timeout) for name in names}


# One script makes another call.


def diverging(extra):
    return (
        SLOW
        + GUARDED
        + (
            """
alice, bob = sf.PYU("alice"), sf.PYU("bob")
def program():
    sf.init()  # who is still in it when others differ is told there
    x = alice(value)(1)
"""
            + extra
            + """
    sf.reveal(bob(use)(x.to(bob)))
    sf.reveal(x)
guarded(program)
"""
        )
    )


@pytest.mark.parametrize(
    "extra",
    [
        "    if PARTY == 'alice': alice(use)(2)\n",
        "    if PARTY == 'bob': alice(use)(2)\n",
        "    (alice if PARTY == 'alice' else bob)(value)(2)\n",
        "    if PARTY == 'alice': sf.reveal(x)\n",
        "    if PARTY == 'bob': sf.shutdown()\n",
        "    [alice(f)(1) for f in ((value, use) if PARTY == 'alice' else (use, value))]\n",
    ],
    ids=["extra-at-alice", "extra-at-bob", "another-party", "extra-reveal", "early-end", "another-order"],
)
def test_both_sides_of_a_divergence_stop_and_show_both_call_sites(tmp_path, extra):
    with Job(tmp_path, PAIR) as job:
        job.start_all(diverging(extra))
        said = outcomes(job, PAIR)
        for name, (kind, text, _) in said.items():
            assert kind == "ProgramDivergence", (name, kind, text)
            assert re.search(r"alice +\d+ .*at script\.py:\d+", text), text
            assert re.search(r"bob +\d+ .*at script\.py:\d+", text), text
        assert set(job.all_end().values()) == {3}


def test_a_third_party_hears_of_a_divergence_between_two_others(tmp_path):
    script = diverging("    if PARTY == 'alice': alice(use)(2)\n")
    with Job(tmp_path, THREE) as job:
        job.start_all(script)
        said = outcomes(job, THREE)
        assert {kind for kind, _, _ in said.values()} == {"ProgramDivergence"}, said


# A party is killed or frozen.

PAUSE = "sf.reveal(alice(value)(1)); say('now'); hear() if PARTY == 'alice' else None; "
STEPS = {
    "before-a-value": PAUSE + "sf.reveal(alice(value)(2))",
    "in-a-task": "say('now'); sf.reveal(alice(slow)())",
    "at-the-end": PAUSE + "sf.shutdown()",
}


@pytest.mark.parametrize("how", [KILL, STOP], ids=["killed", "frozen"])
@pytest.mark.parametrize("step", STEPS)
def test_a_dead_party_is_named_by_the_others(tmp_path, step, how):
    script = (
        SLOW
        + GUARDED
        + f"""
sf.init()
alice, bob, carol = map(sf.PYU, {THREE})
def program():
    {STEPS[step]}
guarded(program)
"""
    )
    with Job(tmp_path, THREE) as job:
        job.start_all(script, peer_timeout_s=4.0)  # with the usual one: test_gateway_pairs.py
        assert all(party.next() == ["now"] for party in job.running.values())
        job.running["alice"].signal(how)
        for name in ("bob", "carol"):
            kind, text, party = job.running[name].next(15)
            assert (kind, party) == ("PartyUnreachable", "alice"), text
            assert job.running[name].ends() == 3
        if how == STOP:
            job.running["alice"].signal(CONTINUE)
            kind, text, _ = job.running["alice"].next(25) if step == "in-a-task" else (None, None, None)
            if kind is not None:
                assert kind in ("PartyUnreachable", "PartyAborted"), text


def test_a_short_freeze_is_no_death(tmp_path):
    script = (
        SLOW
        + GUARDED
        + """
sf.init()
alice = sf.PYU("alice")
def program():
    sf.reveal(alice(value)(1)); say("now"); hear(); sf.reveal(alice(value)(2)); sf.shutdown()
guarded(program)
"""
    )
    with Job(tmp_path, PAIR) as job:
        job.start_all(script)
        assert all(party.next() == ["now"] for party in job.running.values())
        alice, bob = job.running["alice"], job.running["bob"]
        alice.signal(STOP)
        bob.tell()
        with pytest.raises(AssertionError, match="said nothing"):
            bob.next(2)
        alice.signal(CONTINUE)
        alice.tell()
        assert [party.next()[0] for party in (alice, bob)] == ["fine", "fine"]


# A party ends.


def test_an_exception_at_one_party_ends_all_without_its_text(tmp_path):
    script = (
        SLOW
        + GUARDED
        + """
def program():
    sf.init()
    alice = sf.PYU("alice")
    if PARTY == "bob":
        raise ValueError("patient 4711")
    sf.reveal(alice(slow)())

guarded(program)
"""
    )
    with Job(tmp_path, PAIR) as job:
        job.start_all(script)
        kind, text, party = job.running["alice"].next()
        assert (kind, party) == ("PartyAborted", "bob")
        assert "ValueError" in text
        assert "4711" not in text
        assert job.all_end() == {"alice": 3, "bob": 1}
        assert "4711" in job.running["bob"].text


def test_who_comes_to_meet_a_party_that_has_failed_is_told_why(tmp_path):
    script = (
        GUARDED
        + """
sf.init(enable_waiting_for_other_parties_ready=PARTY == "bob")
alice = sf.PYU("alice")
if PARTY == "bob":
    raise ValueError("patient 4711")
hear()
guarded(lambda: sf.reveal(alice(lambda: 7)()))
"""
    )
    with Job(tmp_path, PAIR) as job:
        job.start_all(script)
        assert job.running["bob"].ends() == 1
        job.running["alice"].tell()
        kind, text, party = job.running["alice"].next()
        assert (kind, party) == ("PartyAborted", "bob")
        assert "ValueError" in text
        assert "4711" not in text
        assert job.running["alice"].ends() == 3


def test_ctrl_c_at_one_party_ends_all_with_that_reason(tmp_path):
    script = (
        SLOW
        + GUARDED
        + """
sf.init()
alice, carol = sf.PYU("alice"), sf.PYU("carol")
never = [carol(slow)().to(alice) for _ in range(3)]
say("now")
guarded(lambda: sf.reveal(alice(slow)()))
"""
    )
    with Job(tmp_path, THREE) as job:
        job.start_all(script)
        assert all(party.next() == ["now"] for party in job.running.values())
        job.running["carol"].signal(INTERRUPT)
        for name in PAIR:
            kind, text, party = job.running[name].next()
            assert (kind, party) == ("PartyAborted", "carol"), text
            assert "Ctrl-C" in text
        codes = job.all_end()
        assert codes["alice"] == codes["bob"] == 3
        assert codes["carol"] != 0
        assert "KeyboardInterrupt" in job.running["carol"].text
        for party in job.running.values():
            assert "incident" not in party.text, "what cannot be finished any more is no failure"


def test_a_task_that_kills_its_process_is_a_death(tmp_path):
    script = (
        SLOW
        + GUARDED
        + """
def die():
    os._exit(9)
sf.init()
guarded(lambda: (sf.barrier(), sf.reveal(sf.PYU("alice")(die)())))  # who dies before all have met is awaited
"""
    )
    with Job(tmp_path, PAIR) as job:
        job.start_all(script, peer_timeout_s=4.0)
        kind, text, party = job.running["bob"].next(15)
        assert (kind, party) == ("PartyUnreachable", "alice"), text
        assert job.running["alice"].ends() == 9


def test_a_script_without_shutdown_ends_in_agreement(tmp_path):
    script = "sf.init()\nx = sf.PYU('alice')(lambda: 7)()\nprint(sf.reveal(x.to(sf.PYU('bob'))))\n"
    with Job(tmp_path, PAIR) as job:
        job.start_all(script)
        assert job.all_end() == {"alice": 0, "bob": 0}, [p.text for p in job.running.values()]
        assert all("7" in party.text for party in job.running.values())


def test_fire_and_forget_work_is_finished_before_the_end(tmp_path):
    script = """
import time, pathlib
def save(path):
    time.sleep(0.5)
    pathlib.Path(path).write_text("saved")
sf.init()
sf.PYU("alice")(save)("out.txt")
sf.shutdown()
"""
    with Job(tmp_path, PAIR) as job:
        job.start_all(script)
        assert job.all_end() == {"alice": 0, "bob": 0}
    assert (tmp_path / "out.txt").read_text() == "saved"


# Start.


@pytest.mark.parametrize("late", ["alice", pytest.param("bob", marks=pytest.mark.long)])
def test_parties_start_in_any_order(tmp_path, late):
    script = "sf.init()\nsay(sf.reveal(sf.PYU('alice')(lambda: 7)()))\nsf.shutdown()\n"
    early = next(name for name in PAIR if name != late)
    with Job(tmp_path, PAIR) as job:
        first = job.start(early, script, logging_level="info")
        with pytest.raises(AssertionError, match="said nothing"):
            first.next(5)
        assert re.search(rf"waiting \d+ s for {late}", first.text), first.text
        job.start(late, script)
        assert [party.next() for party in job.running.values()] == [[7], [7]]
        assert set(job.all_end().values()) == {0}


def test_a_host_that_does_not_exist_is_one_sentence_before_anything_starts(tmp_path):
    script = GUARDED + "guarded(sf.init)\n"
    with Job(tmp_path, PAIR) as job:
        job.addresses["bob"] = "bob.invalid:9001"
        if unknown_hosts(["bob.invalid"], 5.0) == {}:
            pytest.skip("no name server says that bob.invalid does not exist")  # RFC 6761 says it does not
        kind, text, _ = job.start("alice", script, logging_level="info").next()
        assert kind == "ConfigError"
        assert "bob.invalid" in text
        assert "waiting" not in job.running["alice"].text


def test_a_party_that_never_comes_is_awaited_until_the_deadline(tmp_path):
    script = GUARDED + "guarded(sf.init)\n"
    with Job(tmp_path, PAIR) as job:
        party = job.start("alice", script, meet_timeout_s=2.0)
        kind, text, _ = party.next()
        assert kind == "DeadlineExceeded"
        assert "bob" in text
        assert job.addresses["bob"] in text


@pytest.mark.parametrize(
    ("at_bob", "said"),
    [
        ({"job_name": "another"}, "another"),
        ({"cross_silo_serializing_allowed_list": {"numpy": ["dtype"]}}, "pickle"),
    ],
)
def test_different_settings_are_a_printed_difference_on_both_sides(tmp_path, at_bob, said):
    script = GUARDED + "guarded(sf.init)\n"
    with Job(tmp_path, PAIR) as job:
        job.start("alice", script)
        job.start("bob", script, **at_bob)
        for name, (kind, text, _) in outcomes(job, PAIR).items():
            assert kind == "HandshakeRefused", (name, text)
            assert said in text


def spoil(job, kind):
    certificates = job.certificates
    if kind == "another-party":
        certificates.issue("bob", identity="mallory")
    elif kind == "another-ca":
        certificates.issue("bob", authority=trustme.CA())
    elif kind == "expired":
        from datetime import datetime

        certificates.issue("bob", not_after=datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("another-party", "mallory"), ("another-ca", "CA"), ("expired", "expired")],
)
def test_a_wrong_certificate_is_refused_with_its_cause_on_both_sides(tmp_path, kind, cause):
    script = GUARDED + "guarded(sf.init)\n"
    with Job(tmp_path, PAIR) as job:
        spoil(job, kind)
        job.start_all(script, meet_timeout_s=15.0)
        at_bob = job.running["bob"].next(25)
        if kind == "expired":  # its own program says so, before anything starts
            assert at_bob[0] == "CertificateError"
            assert cause in at_bob[1]
            return
        at_alice = job.running["alice"].next(25)
        assert at_alice[0] == "IdentityError"
        assert cause in at_alice[1]
        assert at_bob[0] in ("IdentityError", "HandshakeRefused")


def test_a_party_without_tls_is_refused_by_one_with(tmp_path):
    script = GUARDED + "guarded(sf.init)\n"
    with Job(tmp_path, PAIR) as job:
        job.start("alice", script, meet_timeout_s=4.0)
        job.tls = False
        job.start("bob", script, meet_timeout_s=4.0)
        for name, (kind, text, _) in outcomes(job, PAIR).items():
            assert kind in ("HandshakeRefused", "IdentityError", "DeadlineExceeded"), (name, text)
            assert re.search("TLS|plaintext", text), (name, text)


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plaintext"])
def test_a_taken_port_is_one_sentence(tmp_path, tls):
    import socket

    script = GUARDED + "guarded(sf.init)\n"
    with Job(tmp_path, PAIR, tls=tls) as job:
        host, port = job.addresses["alice"].split(":")
        with socket.create_server((host, int(port))):
            kind, text, _ = job.start("alice", script).next()
        assert kind == "ListenError"
        assert job.addresses["alice"] in text


# Values.


def test_what_cannot_travel_is_everybody_s_error(tmp_path):
    script = (
        GUARDED
        + """
class Own:
    pass
sf.init()
alice, bob = sf.PYU("alice"), sf.PYU("bob")
def program():
    sf.reveal(bob(lambda x: 1)(alice(Own)().to(bob)))
guarded(program)
"""
    )
    with Job(tmp_path, PAIR) as job:
        job.start_all(script)
        for name, (kind, text, party) in outcomes(job, PAIR).items():
            assert (kind, party) == ("RemoteError", "alice"), (name, text)
            assert "CannotTravel" in text
            assert "script.py:" in text


def test_a_failure_shows_its_text_only_where_its_owner_says_so(tmp_path):
    script = (
        GUARDED
        + """
def fail():
    raise ValueError("patient 4711")
sf.init()
guarded(lambda: sf.reveal(sf.PYU("alice")(fail)()))
"""
    )
    for expose in (False, True):
        with Job(tmp_path, PAIR) as job:
            job.start_all(script, expose_remote_errors=expose)
            kind, text, _ = job.running["bob"].next()
            assert kind == "RemoteError"
            assert "ValueError" in text
            assert ("4711" in text) == expose
            job.all_end()
            assert "4711" not in job.running["bob"].text


def test_messages_of_an_earlier_run_are_refused(tmp_path):
    script = (
        SLOW
        + GUARDED
        + """
sf.init()
def program():
    say("now"); hear(); sf.reveal(sf.PYU("alice")(value)(1))
guarded(program)
"""
    )
    with Job(tmp_path, PAIR) as job:
        job.start_all(script)
        assert all(party.next() == ["now"] for party in job.running.values())
        old = job.running["alice"]
        old.signal(KILL)
        old.ends()
        again = job.start("alice", GUARDED + "guarded(sf.init)\n", meet_timeout_s=6.0)
        bob = job.running["bob"]
        bob.tell()
        kind, text, party = bob.next(15)
        assert (kind, party) == ("PartyUnreachable", "alice"), text
        kind, text, _ = again.next(15)
        assert kind in ("HandshakeRefused", "DeadlineExceeded"), text
