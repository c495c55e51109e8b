"""Whoever fails first is named, in whatever phase and way, and although others may end sooner."""

import json
import subprocess
import sys

import pytest

from junto.cli.simulate import SimulateOptions, simulate

SCRIPT = """
import os, signal, sys, threading, tomllib
import junto as sf
with open(os.environ["JUNTO_CONFIG"], "rb") as file:
    me = tomllib.load(file)["cluster_config"]["self_party"]
phase, how = sys.argv[1:3]

def fail():
    if how == "exception": raise ValueError("patient 4711")
    if how == "exit": raise SystemExit(5)
    if how == "gone": os._exit(5)
    if how == "gone in peace": os._exit(0)
    if how == "killed": os.kill(os.getpid(), signal.SIGKILL)
    if how == "interrupted": raise KeyboardInterrupt

def at(here):
    if phase == here and me == "bob":
        fail()

at("start")
sf.init()
at("met")
alice, bob, carol = map(sf.PYU, ("alice", "bob", "carol"))
if phase == "moved":  # and nobody looks at it
    bob(fail)().to(carol)
x = bob(lambda: fail() if phase == "task" else 1)()
try:
    sf.reveal(alice(int)(x.to(alice)))
except sf.RemoteError:
    if how == "exception" and me != "bob":
        handled = True
    else:
        raise
else:
    handled = False
if handled:
    sys.exit("it failed elsewhere")
at("between")
if phase == "spu":
    if me == "bob":
        from junto.device.spu import channels
        channels.shared_secret = lambda _: fail()
    sf.SPU(parties=["alice", "bob", "carol"])
sf.barrier()
at("end")
sf.shutdown()
"""
QUICK = {"peer_timeout_s": 3.0, "heartbeat_s": 0.3}
PHASES = ("start", "met", "moved", "task", "between", "spu", "end")
WAYS = ("exception", "exit", "gone", "gone in peace", "killed", "interrupted")
CHOSEN = [
    ("start", "gone in peace"),
    ("moved", "exception"),
    ("between", "killed"),
    ("spu", "exception"),
    ("end", "exit"),
]
"""Of all pairs, which take minutes, those that differ most; the command's test has a failed task."""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "fit.py"
    path.write_text(SCRIPT)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("phase", "how"), CHOSEN)
def test_a_simulation_names_who_failed_first(script, phase, how):
    lines = []
    options = SimulateOptions(show=lines.append, settings={**QUICK, "meet_timeout_s": 4}, timeout_s=50)
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
