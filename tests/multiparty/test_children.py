"""Processes that a task or a script starts: all end, and none of them is a second copy of the party."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from parties import KILL, Job

# What a task may do. Each is called at a party and returns when its child has ended; 7 is right.
WAYS = """
import multiprocessing, subprocess, sys
from concurrent.futures import ProcessPoolExecutor
from math import ceil

def pool(method):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as made:
        return max(made.map(ceil, [6.5, 1.5]))

def process(method):
    child = multiprocessing.get_context(method).Process(target=ceil, args=(6.5,))
    child.start()
    child.join()
    return 7 + child.exitcode

def workers(method):
    with multiprocessing.get_context(method).Pool(2) as made:
        return max(made.map(ceil, [6.5, 1.5]))

def forked(end):
    child = os.fork()
    if child == 0:
        return end()  # at the latest there, the child ends
    return 7 + os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def raising():
    raise SystemExit(0)

def calling():
    try:
        sf.PYU("alice")(ceil)(6.5)
    except sf.SessionError as error:
        os._exit(0 if "child" in str(error) else 1)

def starting():
    try:
        sf.init(["alice", "bob"], address="local")
    except sf.SessionError as error:
        os._exit(0 if "child" in str(error) else 1)

def command(_):
    return 7 + subprocess.run([sys.executable, "-c", "import junto"]).returncode

def loky(_):
    from joblib import Parallel, delayed
    return max(Parallel(n_jobs=2, backend="loky")(delayed(ceil)(x) for x in (6.5, 1.5)))
"""
TASKS = "[(f, m) for f in (pool, process, workers) for m in ('fork', 'spawn', 'forkserver')]"
FORKS = "[(forked, each) for each in (int, raising, calling, starting, sf.shutdown)]"
PROGRAM = f"""
if __name__ == "__main__":
    sf.init(**OPTIONS)
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    for way, how in {TASKS} + [(command, None), (loky, None)]:
        got = sf.reveal(alice(way)(how))
        assert got == 7, (way, how, got)
    for way, how in {FORKS}[:4]:
        got = sf.reveal([alice(way)(how), bob(way)(how)])
        assert got == [7, 7], (way, how, got)
    for _, end in {FORKS}[1:]:  # in the script itself
        if os.fork() == 0:
            end()
        assert os.waitstatus_to_exitcode(os.wait()[1]) == (1 if end is sf.shutdown else 0), end
    if os.fork() == 0:
        sys.exit(0)  # the interpreter's end, with all its hooks
    assert os.wait()[1] == 0
    print(sf.reveal(bob(int)(sf.reveal(alice(int)(3)))), "right", flush=True)
    sf.shutdown()
"""


@pytest.mark.slow
@pytest.mark.parametrize("debug", [False, pytest.param(True, marks=pytest.mark.long)])
def test_children_end_in_a_simulation(tmp_path, debug):
    options = f"OPTIONS = dict(parties=['alice', 'bob'], address='local', debug_mode={debug})\n"
    path = tmp_path / "script.py"
    path.write_text("import os, sys, junto as sf\n" + options + WAYS + PROGRAM)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 right" in done.stdout


@pytest.mark.slow
def test_children_end_in_production(tmp_path):
    with Job(tmp_path, ["alice", "bob"]) as job:
        job.start_all("OPTIONS = {}\n" + WAYS + PROGRAM)
        assert job.all_end() == {"alice": 0, "bob": 0}, job.running["alice"].text
        for party in job.running.values():
            assert "3 right" in party.text


@pytest.mark.slow
def test_a_child_that_survives_does_not_keep_the_party_s_place(tmp_path):
    script = """
import threading
sf.init()
if PARTY == "bob":
    child = os.fork()
    if child == 0:
        say("child", os.getpid())
        threading.Event().wait()
sf.reveal(sf.PYU("alice")(int)(1))
say("now")
sf.reveal(sf.PYU("bob")(threading.Event().wait)())
"""
    with Job(tmp_path, ["alice", "bob"]) as job:
        job.start_all(script, peer_timeout_s=4.0)
        bob = job.running["bob"]
        said = sorted([bob.next(), bob.next()])
        child = said[0][1]
        try:
            assert job.running["alice"].next() == ["now"], "the child has not cut the parent's connections"
            bob.signal(KILL)
            bob.process.wait(10)
            host, port = job.addresses["bob"].split(":")
            socket.create_server((host, int(port))).close()
            assert job.running["alice"].ends() != 0
            assert "bob" in job.running["alice"].text
        finally:
            os.kill(child, signal.SIGKILL)
