"""An SPU of two parties and nobody else, in real processes over mutual TLS."""

from __future__ import annotations

import pytest

from parties import GUARDED, KILL, Job, free_ports

pytestmark = pytest.mark.slow

START = """
sf.init()
import numpy as np, jax, jax.numpy as jnp
alice, bob = sf.PYU("alice"), sf.PYU("bob")
def nodes(ports):
    at = {p: f"127.0.0.1:{q}" for p, q in zip(("alice", "bob"), ports)}
    return [{"party": p, "address": a, "listen_addr": a} for p, a in at.items()]
"""


@pytest.fixture
def job(tmp_path):
    with Job(tmp_path, ["alice", "bob"]) as job:
        yield job


@pytest.mark.parametrize(
    "device",
    [
        'sf.SPU(parties=["alice", "bob"])',
        "sf.SPU(cluster_def={'nodes': nodes(PORTS), 'runtime_config': {'protocol': 'CHEETAH'}})",
        "sf.SPU(cluster_def={'runtime_config': {'field': 'FM128'}}, parties=['alice', 'bob'])",
    ],
    ids=["gateways", "addresses", "FM128"],
)
def test_two_parties_compute_and_nobody_else_is_there(job, device):
    job.start_all(
        START
        + f"PORTS = {free_ports(2)}\nspu = {device}"
        + """
x = alice(lambda: np.linspace(-3, 3, 4000).reshape(2, -1))()
y = bob(lambda: np.array([0.5, 1.0]))()
def f(x, y):
    p = y @ x
    return p[:50], p > 0.25, jax.nn.sigmoid(p[:8]), jax.grad(lambda w: jnp.sum((w @ x[:, :9]) ** 2))(y)
products, signs, curve, slope = sf.reveal(spu(f)(x, y))
say(np.asarray(products, float).tolist(), int(signs.sum()), curve.tolist(), slope.tolist())
again = sf.reveal(spu(lambda a: a * 2)(spu(f)(x, y)[0]), to=["bob"])
say(again.tolist() if PARTY == "bob" else repr(again))
say(repr(spu))
sf.shutdown()
"""
    )
    for name, party in job.running.items():
        products, signs, curve, slope = party.next()
        assert len(products) == 50
        assert products[0] == pytest.approx(0.5 * -3 + (-3 + 2000 * 6 / 3999), abs=1e-3)
        assert 0 < signs < 2000
        assert curve == pytest.approx([1 / (1 + 2.718281828**-p) for p in products[:8]], abs=1e-3)
        assert len(slope) == 2
        (doubled,) = party.next()
        if name == "bob":
            assert doubled == pytest.approx([2 * p for p in products], abs=1e-3)
        else:
            assert "undisclosed" in doubled
        about = party.next(20)[0]
        assert "neither alone learns a value, and nobody else is trusted" in about
    assert set(job.all_end().values()) == {0}
    for party in job.running.values():
        assert "INSECURE" not in party.text


def test_a_party_that_dies_while_it_prepares_is_named(job):
    job.start_all(
        START
        + """
spu = sf.SPU(parties=["alice", "bob"])
x = alice(lambda: np.ones(200_000))()
out = spu(lambda x: x * x * x)(x)
say("begun")
try:
    sf.reveal(out)
except sf.JuntoError as error:
    say(type(error).__name__, str(error))
""",
        peer_timeout_s=4.0,
    )
    for party in job.running.values():
        party.next()
    job.running["bob"].signal(KILL)
    kind, text = job.running["alice"].next()
    assert "bob" in text, (kind, text)


POOL = """
from pathlib import Path
FOLDER = Path(%r)
spu = sf.SPU(parties=["alice", "bob"])
spu.open_pool({p: FOLDER / p for p in ("alice", "bob")})
def f(x, y):
    return x * y > 1
SHAPE = jax.ShapeDtypeStruct((50,), np.float32)
def call():
    x = alice(lambda: np.linspace(0, 2, 50, dtype=np.float32))()
    y = bob(lambda: np.full(50, 1.5, np.float32))()
    with spu.profile() as profile:
        shown = sf.reveal(spu(f)(x, y))
    say(int(shown.sum()), profile.total().offline_bytes)
"""
RIGHT = 33
CRASH = """
import os
from junto.device.spu.correlation_pool import Shelf
take = Shelf.take
def crashing(self, number):
    take(self, number)
    os._exit(9)
if PARTY == "bob":
    Shelf.take = crashing
try:
    call()
except sf.JuntoError as error:
    say(str(error))
"""
OPENS = """
spu = sf.SPU(parties=["alice", "bob"])
guarded(lambda: spu.open_pool({p: %r + "/" + p for p in ("alice", "bob")}))
"""


def test_what_was_made_in_one_run_is_used_in_the_next_and_never_twice_even_after_a_crash(tmp_path):
    for name in ("first", "second", "third", "fourth"):
        (tmp_path / name).mkdir()
    pool = START + POOL % str(tmp_path / "pools")

    def left():
        return [sorted(path.name for path in (tmp_path / "pools" / p).glob("*/0*")) for p in ("alice", "bob")]

    with Job(tmp_path / "first", ["alice", "bob"]) as job:
        job.start_all(pool + "spu.preprocess(f, SHAPE, SHAPE, runs=3)\nsf.shutdown()\n")
        assert set(job.all_end().values()) == {0}
    assert left() == [["00000000", "00000001", "00000002"]] * 2
    with Job(tmp_path / "second", ["alice", "bob"]) as job:
        job.start_all(pool + CRASH)
        assert "bob" in job.running["alice"].next()[0]
        job.all_end()
    assert left()[1] == ["00000001", "00000002"]
    with Job(tmp_path / "third", ["alice", "bob"]) as job:
        job.start_all(pool + "call()\ncall()\ncall()\nhear()\nsf.shutdown()\n")
        for party in job.running.values():
            told = [party.next() for _ in range(3)]
            assert [count for count, _ in told] == [RIGHT] * 3
            assert [sent > 0 for _, sent in told] == [False, False, True]
        with Job(tmp_path / "fourth", ["alice", "bob"]) as other:
            other.start_all(START + GUARDED + OPENS % str(tmp_path / "pools"))
            for party in other.running.values():
                kind, text, _ = party.next()
                assert kind == "RemoteError", text
                assert "another process has this party's pool open" in text
        for party in job.running.values():
            party.tell()
        assert set(job.all_end().values()) == {0}
    assert left() == [[], []]
