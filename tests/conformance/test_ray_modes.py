"""The same script over Ray: one cluster for all parties, or one a party."""

from __future__ import annotations

import json

import pytest

import junto as sf
from parties import Job, free_ports

pytestmark = pytest.mark.ray

PARTIES = ["alice", "bob", "carol"]

SCRIPT = """
import os
import numpy as np

def load(offset):
    return np.arange(6.0).reshape(2, 3) + offset

def total(parts):
    return {"sum": sum(part.sum() for part in parts), "pid": os.getpid()}

def fail(_):
    raise ValueError("secret 4711")

@sf.proxy(sf.PYUObject)
class Counter:
    def __init__(self, start):
        self.total = start

    def add(self, value):
        self.total += float(value.sum())
        return self.total

def program():
    alice, bob, carol = sf.PYU("alice"), sf.PYU("bob"), sf.PYU("carol")
    a, b = alice(load, num_cpus=0.5)(0), bob(load)(10)
    both = sf.reveal(carol(total)([a.to(carol), {"b": b.to(carol)}["b"]]))
    counter = Counter(1.0, device=bob)
    counter.add(b)
    try:
        sf.reveal(carol(total)([alice(fail)(a).to(carol)]))
    except sf.RemoteError as error:
        failure = [error.party, error.origin.error_type]
    large = alice(np.ones)(1 << 20).to(bob)
    return {
        "sum": both["sum"],
        "elsewhere": both["pid"] != os.getpid(),
        "counter": sf.reveal(counter.add(a.to(bob))),
        "failure": failure,
        "large": sf.reveal(bob(len)(large)),
    }
"""

WHOLE = SCRIPT + "\nsf.init()\nsay(program())\nsf.shutdown()\n"

EXPECTED = {
    "sum": 90.0,
    "elsewhere": True,
    "counter": 91.0,
    "failure": ["alice", "ValueError"],
    "large": 1 << 20,
}


def test_simulation_on_one_cluster(ray_cluster):
    # As __main__, whose functions travel by value, as they do in a script.
    scope = {"__name__": "__main__", "sf": sf}
    exec(compile(SCRIPT, "script.py", "exec"), scope)
    with sf.Session(PARTIES, ray_cluster, log_to_driver=False):
        assert json.loads(json.dumps(scope["program"]())) == EXPECTED


SPU = """
import json, os
import numpy as np
import jax.numpy as jnp
PORTS = json.loads(os.environ.get("SPU_PORTS", "null"))
PARTIES = ["alice", "bob", "carol"]

def table(rows):
    return {"x": np.arange(float(rows)), "flags": np.arange(rows) % 2 == 0}

def program():
    alice, bob, carol = sf.PYU("alice"), sf.PYU("bob"), sf.PYU("carol")
    if PORTS:
        at = {party: f"127.0.0.1:{port}" for party, port in PORTS.items()}
        nodes = [{"party": party, "address": at[party], "listen_addr": at[party]} for party in PORTS]
        spu = sf.SPU(cluster_def={"nodes": nodes})
    else:
        spu = sf.SPU(parties=["alice", "bob", "carol"])
    def f(t, w, c):
        return jnp.where(t["flags"], t["x"], -1.0) @ w + c
    out = spu(f)(alice(table)(4), bob(np.ones)(4), carol(float)(0.5))
    there = out.to(bob)
    other = sf.SPU(parties=["carol", "bob", "alice"])
    moved = other(lambda v: 2 * v)(out.to(other))
    paths = {party: f"{os.environ['SPU_FOLDER']}/{party}.share" for party in PARTIES}
    other.dump(moved, paths)
    return {
        "value": float(sf.reveal(out)),
        "moved": float(sf.reveal(bob(np.add)(there, 1))),
        "kept": float(sf.reveal(other.load([paths[party] for party in ("carol", "bob", "alice")]))),
    }
"""


SPU_RESULT = {"value": 0.5, "moved": 1.5, "kept": 1.0}


def test_an_spu_beside_one_cluster(ray_cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("SPU_FOLDER", str(tmp_path))
    scope = {"__name__": "__main__", "sf": sf}
    exec(compile(SPU, "script.py", "exec"), scope)
    with sf.Session(PARTIES, ray_cluster, log_to_driver=False):
        assert scope["program"]() == pytest.approx(SPU_RESULT, abs=1e-4)


@pytest.mark.long  # of one cluster: above; of three without an SPU: below
def test_an_spu_between_three_clusters(ray_silos, tmp_path, monkeypatch):
    monkeypatch.setenv("SPU_FOLDER", str(tmp_path))
    monkeypatch.setenv("SPU_PORTS", json.dumps(dict(zip(PARTIES, free_ports(3), strict=True))))
    with Job(tmp_path, PARTIES) as job:
        for party in PARTIES:
            script = SPU + "\nsf.init()\nsay(program())\nsf.shutdown()\n"
            job.start(party, script, address=ray_silos[party])
        for party in job.running.values():
            assert party.next()[0] == pytest.approx(SPU_RESULT, abs=1e-4)
        assert job.all_end() == dict.fromkeys(PARTIES, 0), {n: p.text for n, p in job.running.items()}


def test_a_party_without_machines_leaves_no_connection(ray_cluster):
    import ray

    with pytest.raises(sf.ExecutorError, match="'dave'"):
        sf.init(["alice", "dave"], ray_cluster, log_to_driver=False)
    assert not ray.is_initialized()


def test_production_with_a_cluster_each(ray_silos, tmp_path):
    with Job(tmp_path, PARTIES) as job:
        for party in PARTIES:
            job.start(
                party, SCRIPT + "\nsf.init()\nsay(program())\nsf.shutdown()\n", address=ray_silos[party]
            )
        results = {name: party.next()[0] for name, party in job.running.items()}
        assert job.all_end() == dict.fromkeys(PARTIES, 0), {n: p.text for n, p in job.running.items()}
        output = {name: party.text for name, party in job.running.items()}
    assert results == dict.fromkeys(PARTIES, EXPECTED)
    assert "4711" in output["alice"]
    assert "4711" not in output["bob"] + output["carol"]


def test_one_party_with_a_cluster_and_two_without(ray_cluster, tmp_path):
    with Job(tmp_path, PARTIES) as job:
        for party in PARTIES:
            address = ray_cluster if party == "carol" else "local"
            job.start(party, WHOLE, address=address)
        results = {name: party.next()[0] for name, party in job.running.items()}
        assert job.all_end() == dict.fromkeys(PARTIES, 0), {n: p.text for n, p in job.running.items()}
    assert results == dict.fromkeys(PARTIES, EXPECTED)
