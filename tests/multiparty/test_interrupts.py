"""Ctrl-C, and a notebook's stop: what is under way ends, at all parties; what is left works, or is over."""

import gc
import os
import signal
import sys
import threading
import time
import traceback

import jax.numpy as jnp
import numpy as np
import pytest

import junto as sf
from junto.program.waiting import Waiting
from parties import INTERRUPT, Job

QUICK = {"peer_timeout_s": 5.0, "heartbeat_s": 0.3}
SCRIPT = """
import threading
never = threading.Event()
def stuck(*_):
    never.wait()
sf.init()
alice, bob = sf.PYU("alice"), sf.PYU("bob")
x = alice(int)(1)
sf.reveal(x)
PHASES = {
    "reveal": lambda: sf.reveal(bob(stuck)()),
    "shutdown": lambda: sf.shutdown() if PARTY == "alice" else stuck(),
}
say("now")
try:
    PHASES[PHASE]()
except KeyboardInterrupt:
    say("stopped")
except sf.JuntoError as error:
    say(type(error).__name__, str(error), getattr(error, "party", None))
    raise SystemExit(3)
try:
    sf.reveal(x)
except sf.SessionError as error:
    say(str(error))
sf.shutdown()
say("down")
"""


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["reveal", "shutdown"])
def test_whoever_stops_a_cell_ends_the_run_and_the_others_learn_who_and_where(tmp_path, phase):
    with Job(tmp_path, ["alice", "bob"]) as job:
        job.start_all(f"PHASE = {phase!r}\n" + SCRIPT, **QUICK)
        alice, bob = job.running["alice"], job.running["bob"]
        assert [alice.next(), bob.next()] == [["now"], ["now"]]
        with pytest.raises(AssertionError, match="said nothing"):
            alice.next(1)
        alice.signal(INTERRUPT)
        assert alice.next() == ["stopped"]
        (said,) = alice.next()
        assert "this session is over: alice was interrupted (Ctrl-C) at operation" in said
        assert alice.next() == ["down"]
        assert alice.ends() == 0
        if phase == "reveal":
            kind, text, party = bob.next()
            assert (kind, party) == ("PartyAborted", "alice")
            assert "interrupted (Ctrl-C) at operation 4 reveal at script.py:" in text


@pytest.fixture
def session():
    made = sf.init(["alice", "bob", "carol"], address="local", logging_level="critical")
    yield made
    made.abort(ValueError())


def stands_in_a_wait():
    """Whether the script's thread does: an interrupt at any other point is tests/unit/test_locks.py's."""
    frame = sys._current_frames()[threading.main_thread().ident]
    while frame is not None and frame.f_code is not Waiting._slowly.__code__:
        frame = frame.f_back
    return frame is not None


def stopped(step, under_way):
    """Interrupt `step`, a reveal or a wait, once it waits for what is under way; how long it took to end."""
    began = []

    def stop():
        while not (under_way() and stands_in_a_wait()):
            time.sleep(0.01)
        began.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop, daemon=True).start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background jobs
    gc.disable()  # it calls a function of jax, in which an interrupt is ignored, as in all that it calls
    try:
        with pytest.raises(KeyboardInterrupt):
            step()
    finally:
        gc.enable()
        signal.signal(signal.SIGINT, before)
    return time.monotonic() - began[0]


@pytest.mark.parametrize("call", [sf.reveal, sf.wait])
def test_a_simulation_goes_on_after_a_stop_and_ends_at_once(session, call):
    running, release = threading.Event(), threading.Event()

    def slow():
        running.set()
        release.wait()

    never = sf.PYU("alice")(slow)()
    assert stopped(lambda: call([never]), running.is_set) < 10
    assert sf.reveal(sf.PYU("bob")(int)(5)) == 5
    sf.shutdown()
    release.set()


def test_a_stop_ends_what_an_spu_computes_and_another_spu_works(session):
    spu = sf.SPU(parties=["alice", "bob", "carol"])
    x = sf.PYU("alice")(lambda: np.ones((60, 60)))().to(spu)

    def power(x):
        for _ in range(300):
            x = x @ x / 60
        return x

    handle = spu(power)(x)
    took = stopped(lambda: sf.reveal(handle), lambda: session.program.board.look() is not None)
    assert took < 20
    with pytest.raises(sf.DeviceError, match="was interrupted at operation") as caught:
        sf.reveal(handle)
    assert caught.value.fix
    other = sf.SPU(parties=["alice", "bob", "carol"])
    assert sf.reveal(other(lambda x: jnp.sum(x))(sf.PYU("bob")(lambda: np.ones(3))())) == 3
    sf.shutdown()


def test_an_error_shows_the_script_s_own_frames(session):
    def bad():
        raise ValueError

    steps = [
        lambda: sf.reveal(sf.PYU("alice")(bad)()),
        lambda: sf.wait([sf.PYU("alice")(bad)()]),
        lambda: sf.PYU("alice")(bad)(sf.PYU("bob")(int)(1)),
        lambda: sf.to(None, 1),
        lambda: sf.SPU(parties=["alice", "nobody"]),
        lambda: sf.PYU("alice")(int)(1).to("bob"),
    ]
    for step in steps:
        with pytest.raises(sf.JuntoError) as caught:
            step()
        text = "".join(traceback.format_exception(caught.value))
        assert f"{os.sep}junto{os.sep}" not in text.replace(f"tests{os.sep}", ""), text
        assert "test_interrupts.py" in text
