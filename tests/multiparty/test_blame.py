"""Whoever fails first is named, in whatever phase and way, and although others may end sooner."""

import json
import subprocess
import sys

import pytest

from junto.cli.simulate import SimulateOptions, simulate

SCRIPT = """
import functools, logging, os, pathlib, signal, sys, threading, time, tomllib
import junto as sf
with open(os.environ["JUNTO_CONFIG"], "rb") as file:
    me = tomllib.load(file)["cluster_config"]["self_party"]
phase, how = sys.argv[1:3]
here = me == "bob"
met = pathlib.Path(__file__).with_name(f"{phase} {how}")

def fail():
    if how == "exception": raise ValueError("patient 4711")
    if how == "exit": raise SystemExit(5)
    if how == "gone": os._exit(5)
    if how == "gone in peace": os._exit(0)
    if how == "killed": os.kill(os.getpid(), signal.SIGKILL)
    if how == "terminated": os.kill(os.getpid(), signal.SIGTERM)
    if how == "interrupted": os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()  # until the signal is here

def at(point):
    if phase == point and here:
        fail()

def fails_at_turn(turn, function):
    left = [turn]
    def counted(*given, **named):
        left[0] -= 1
        if here and not left[0]:
            fail()
        return function(*given, **named)
    return counted

class Waits(logging.Handler):
    absent = False
    def emit(self, record):
        line = record.getMessage()
        if "for alice at" in line:
            self.absent = True
        elif "for carol at" in line and not self.absent:  # met, and carol is awaited
            met.touch()
            fail()
        else:
            self.absent = False

if phase == "meeting" and here:
    logging.getLogger("junto").addHandler(Waits())
while phase == "meeting" and me == "carol" and not met.exists():
    time.sleep(0.05)
at("start")
sf.init()
at("met")
alice, bob, carol = map(sf.PYU, ("alice", "bob", "carol"))
if phase == "moved":  # and nobody looks at it
    bob(fail)().to(carol)
x = bob(lambda: fail() if phase == "task" and here else 1)()
try:
    sf.reveal(alice(int)(x.to(alice)))
except sf.RemoteError:
    if how == "exception" and not here:
        handled = True
    else:
        raise
else:
    handled = False
if handled:
    sys.exit("it failed elsewhere")
at("between")
if phase.startswith("spu"):
    import jax.numpy as jnp
    from junto.device.spu import channels
    from junto.mpc.rounds import Rounds
    if phase == "spu agrees on keys":
        channels.shared_secret = fails_at_turn(1, channels.shared_secret)
    spu = sf.SPU(parties=["alice", "bob", "carol"])
    shared = alice(lambda: 2.0)().to(spu)
    if phase == "spu computes":
        Rounds._end_round = fails_at_turn(2, Rounds._end_round)
    def traced(x):
        at("spu traces")
        return x * x * x > x
    sf.reveal(spu(traced)(shared))
if phase.startswith("join"):
    import pandas as pd
    from junto.join import join
    from junto.join.table_actor import TableActor
    turn = int(phase.split()[1])
    kinds = [TableActor]
    for kind in kinds:
        kinds += kind.__subclasses__()
    fails = fails_at_turn(turn, lambda self, method, *given, **named: method(self, *given, **named))
    for kind in kinds:
        for name, method in {**vars(kind)}.items():
            if callable(method) and not name.startswith("_"):
                setattr(kind, name, functools.partialmethod(fails, method))
    table = lambda: pd.DataFrame({"id": range(20)})
    sf.wait([*join({party: party(table)() for party in (alice, bob, carol)}, on="id").parts.values()])
sf.barrier()
at("end")
sf.shutdown()
"""
QUICK = {"peer_timeout_s": 3.0, "heartbeat_s": 0.3}
PHASES = ("start", "meeting", "met", "moved", "task", "between", "end")
PHASES += ("spu agrees on keys", "spu traces", "spu computes", "join 1", "join 3", "join 7")
WAYS = ("exception", "exit", "gone", "gone in peace", "killed", "terminated", "interrupted")
CHOSEN = {
    ("start", "gone in peace"),
    ("meeting", "interrupted"),
    ("moved", "exception"),
    ("between", "killed"),
    ("spu agrees on keys", "exception"),
    ("join 3", "terminated"),
    ("end", "exit"),
}
"""Of all pairs, which take minutes, those that differ most; the command's test has a failed task."""
ALL = [
    pytest.param(phase, how, marks=() if (phase, how) in CHOSEN else pytest.mark.long)
    for phase in PHASES
    for how in WAYS
]


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "fit.py"
    path.write_text(SCRIPT)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("phase", "how"), ALL)
def test_a_simulation_names_who_failed_first(script, phase, how):
    lines = []
    options = SimulateOptions(show=lines.append, settings={**QUICK, "meet_timeout_s": 8}, timeout_s=90)
    result = simulate(script, ["alice", "bob", "carol"], [phase, how], options)
    said = "\n".join(f"{line.party} {line.text}" for line in lines)
    assert (result.failed, result.stopped) == ("bob", None), said
    assert result.exit_code != 0
    for party in ("alice", "carol"):
        # What a traceback says is the session's own word; a status line before it may be about anybody.
        errors = [line.text for line in lines if line.party == party and "junto.errors." in line.text]
        assert all("bob" in text for text in errors), said


@pytest.mark.slow
def test_the_command_says_so_in_its_last_line_and_in_json(script):
    command = [sys.executable, "-m", "junto", "simulate", str(script), "-p", "alice,bob,carol"]
    ran = [
        subprocess.run(
            [*command, *more, "--", "task", "exception"], capture_output=True, text=True, check=False
        )
        for more in ([], ["--json"])
    ]
    assert ran[0].stdout.splitlines()[-1].startswith("bob failed first")
    assert json.loads(ran[1].stdout)["failed"] == "bob"
