"""An SPU of three real processes over mutual TLS, and what the others do when one of them does wrong."""

from __future__ import annotations

import time

import pytest

from parties import KILL, STOP, Job, free_ports

PARTIES = ["alice", "bob", "carol"]

DEVICE = """
import time
import numpy as np, jax, jax.numpy as jnp
PORTS = dict(zip(("alice", "bob", "carol"), {ports}))
def spu_of(names=("alice", "bob", "carol"), ports=PORTS, **more):
    at = {{p: f"127.0.0.1:{{ports[p]}}" for p in names}}
    nodes = [{{"party": p, "address": at[p], "listen_addr": at[p]}} for p in names]
    return sf.SPU(cluster_def={{"nodes": nodes, **more.pop("cluster", {{}})}}, **more)
alice, bob, carol = sf.PYU("alice"), sf.PYU("bob"), sf.PYU("carol")
"""


def script(text: str) -> str:
    return "sf.init()\n" + DEVICE.format(ports=free_ports(3)) + text


@pytest.fixture
def job(tmp_path):
    with Job(tmp_path, PARTIES) as job:
        yield job


def test_values_of_every_party_in_one_function(job):
    job.start_all(
        script("""
spu = spu_of()
x = alice(lambda: np.arange(6.0).reshape(2, 3))()
y = bob(lambda: {"w": np.array([0.5, -1.0, 2.0]), "n": 3})()
z = carol(lambda: np.array([True, False]))()
def f(x, y, z, c):
    p = x @ y["w"] * y["n"] + c
    g = jax.grad(lambda q: jnp.sum(q**2))(p)
    return {"p": p, "s": jax.nn.sigmoid(p), "z": jnp.where(z, p, -p), "g": g}
out = spu(f)(x, y, z, 1.5)
shown = sf.reveal(out)
say({k: np.asarray(v, float).tolist() for k, v in shown.items()})
at_bob = out["p"].to(bob)
say(float(sf.reveal(bob(lambda v: v.sum())(at_bob))))
only = sf.reveal(out["p"], to=["carol"])
say(repr(only) if PARTY != "carol" else only.tolist())
say(repr(spu), str(out["p"].dtype), list(out["p"].shape))
wide = sf.SPU(
    cluster_def={"runtime_config": {"field": "FM128", "overflow": "error"}}, parties=["alice", "bob", "carol"]
)
large = carol(lambda: np.array([3e8, 4e8]))()
try:
    sf.reveal(wide(lambda x: (x * 1e6) ** 2)(large))
except sf.RemoteError as error:
    say(str(error))
say(float(sf.reveal(wide(lambda x, y: jnp.sqrt(jnp.sum(x * x)) + y["n"])(large, y))))
sf.shutdown()
""")
    )
    p = [3 * (0 * 0.5 - 1 + 4) + 1.5, 3 * (1.5 - 4 + 10) + 1.5]
    for name, party in job.running.items():
        values = party.next()[0]
        assert values["p"] == pytest.approx(p, abs=1e-4)
        assert values["s"] == pytest.approx([0.99997, 1.0], abs=1e-4)
        assert values["z"] == pytest.approx([p[0], -p[1]], abs=1e-4)
        assert values["g"] == pytest.approx([2 * v for v in p], abs=1e-3)
        assert party.next()[0] == pytest.approx(sum(p), abs=1e-3)
        shown = party.next()[0]
        assert shown == pytest.approx(p, abs=1e-4) if name == "carol" else "undisclosed" in shown
        about, dtype, shape = party.next()
        assert "any two of them together could read everything" in about
        assert (dtype, shape) == ("float32", [2])
        assert "a fixed-point number is out of range" in party.next()[0]
        assert party.next()[0] == pytest.approx(5e8, rel=1e-5)
    assert set(job.all_end().values()) == {0}


@pytest.mark.long  # over the gateways: test_spu_gateways.py
def test_a_late_node_is_awaited(job):
    text = script("""
spu = spu_of()
x = alice(lambda: np.ones(3))().to(spu)
say(sf.reveal(spu(lambda a: a + 1)(x)).tolist())
sf.shutdown()
""").replace("spu = spu_of()", "time.sleep(2 if PARTY == 'carol' else 0)\nspu = spu_of()")
    job.start_all(text)
    for party in job.running.values():
        assert party.next()[0] == [2.0, 2.0, 2.0]
    assert set(job.all_end().values()) == {0}


@pytest.mark.slow
def test_settings_that_differ_are_printed_as_a_difference(job):
    job.start_all(
        script("""
try:
    spu_of(cluster={"runtime_config": {"fxp_fraction_bits": 18 if PARTY != "bob" else 20}})
except sf.HandshakeRefused as error:
    say("refused", str(error))
else:
    say("built", "")
sys.exit(3)
""")
    )
    for party in job.running.values():
        what, text = party.next()
        assert what == "refused", (party.name, text)
        assert "fxp_fraction_bits" in text
        assert {"18", "20"} <= set(text.replace(":", " ").split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "victim"),
    [
        pytest.param(how, victim, id=f"{word}-{victim}", marks=() if often else pytest.mark.long)
        for how, word, victim, often in (
            (KILL, "killed", "alice", True),
            (STOP, "frozen", "bob", True),
            (KILL, "killed", "carol", True),  # the helper
            (STOP, "frozen", "alice", False),
            (KILL, "killed", "bob", False),
            (STOP, "frozen", "carol", False),
        )
    ],
)
def test_a_node_that_is_gone_is_named_and_nobody_hangs(job, victim, how):
    job.start_all(
        script("""
spu = spu_of(link_desc={"recv_timeout_ms": 4000})
x = alice(lambda: np.linspace(0, 1, 300_000))().to(spu)
step = spu(lambda a: jax.nn.sigmoid(a))
sf.reveal(spu(lambda a: a[:2])(x))
say("ready")
try:
    while True:
        x = step(x)
        sf.wait(x)
except Exception as error:
    say(type(error).__name__, str(error), getattr(error, "party", ""))
sys.exit(4)
"""),
        peer_timeout_s=4.0,
    )
    for party in job.running.values():
        party.next()
    time.sleep(0.3)  # somewhere in the middle of a computation
    job.running[victim].signal(how)
    began = time.monotonic()
    for name, party in job.running.items():
        if name != victim:
            kind, text, _ = party.next(25)
            assert kind in ("PartyUnreachable", "LinkError", "RemoteError", "PartyAborted"), text
            # The error itself: the log names every party when the device is made.
            assert victim in text, f"{name}: {text}"
    assert time.monotonic() - began < 25
    for name, party in job.running.items():
        if name != victim:
            assert party.ends(20) == 4


@pytest.mark.long  # over the gateways: test_spu_gateways.py
def test_two_spus_with_the_same_parties_do_not_mix(job):
    job.start_all(
        script(f"""
second = dict(zip(("alice", "bob", "carol"), {free_ports(3)}))
one, two = spu_of(), spu_of(("carol", "alice", "bob"), ports=second)
x = alice(lambda: np.arange(4.0))()
a, b = x.to(one), x.to(two)
r = [one(lambda v: v * v)(a), two(lambda v: v * v + 1)(b), one(lambda v: v - 1)(a)]
say([v.tolist() for v in sf.reveal(r)])
sf.shutdown()
""")
    )
    for party in job.running.values():
        assert party.next()[0] == [[0, 1, 4, 9], [1, 2, 5, 10], [-1, 0, 1, 2]]
    assert set(job.all_end().values()) == {0}


@pytest.mark.slow
def test_a_value_moves_between_two_spus_and_one_party_asks_alone_what_that_costs(job):
    job.start_all(
        script(f"""
second = dict(zip(("alice", "bob", "carol"), {free_ports(3)}))
one, two = spu_of(), spu_of(("carol", "alice", "bob"), ports=second)
x = bob(lambda: {{"v": np.arange(4.0), "b": np.array([True, False])}})().to(one)
y = one(lambda t: {{"v": t["v"] * t["v"], "b": t["b"]}})(x)
long = one(lambda t: jax.lax.fori_loop(0, 300, lambda _, v: jnp.where(v > 1, v, -v), t["v"]))(x)
if PARTY == "alice":  # has to wait while she asks, and the others hear of it
    cost = one.explain(lambda v: v * v > 4)(y["v"])
    assert cost.rounds == 7 and cost.online_bytes["bob"] == cost.total.online_bytes > 0
with two.profile() as profile:
    z = two(lambda v, b: jnp.where(b[0], v, -v))(y["v"].to(two), y["b"].to(two))
say(sf.reveal(z).tolist(), sf.reveal(y["v"].to(two).to(one)).tolist(), profile.nodes)
sf.shutdown()
""")
    )
    for name, party in job.running.items():
        assert party.next() == [[0, 1, 4, 9], [0, 1, 4, 9], [name]]
    assert set(job.all_end().values()) == {0}


@pytest.mark.slow
def test_what_cannot_be_shared_or_computed_is_one_error_at_every_party(job):
    job.start_all(
        script("""
spu = spu_of()
def attempt(what):
    try:
        what()
    except sf.JuntoError as error:
        say(type(error).__name__, str(error))
    else:
        say("no error", "")
attempt(lambda: sf.reveal(alice(lambda: np.array([1.0, np.nan]))().to(spu)))
attempt(lambda: spu(lambda t: t["x"])({"x": bob(lambda: {"age": np.array([1e30])})()}))
attempt(lambda: sf.reveal(carol(lambda: ["text"])().to(spu)))
x = bob(lambda: np.ones(3))().to(spu)
attempt(lambda: spu(lambda a: jax.lax.while_loop(lambda c: c[0] > 0, lambda c: c - 1, a))(x))
def fails(): raise KeyError("private")
attempt(lambda: sf.reveal(spu(lambda a, b: a + b)(x, alice(fails)())))
say(sf.reveal(spu(lambda a: a * 2)(x)).tolist())
sf.shutdown()
""")
    )
    for name, party in job.running.items():
        for owner, says in (
            ("alice", "the value has NaN"),
            ("bob", "args[0]['x']['age'] has numbers of"),
            ("carol", "the value's part [0] is of type str"),
        ):
            got, text = party.next()
            assert got == "RemoteError", (name, text)
            assert f"{owner} -> SPU#1 at script.py:" in text
            assert says in text
        got, text = party.next()
        assert got == "NotComputable"
        assert "script.py" in text
        got, text = party.next()
        assert got == "RemoteError"
        assert "private" not in text
        assert party.next()[0] == [2.0, 2.0, 2.0]
    assert set(job.all_end().values()) == {0}


@pytest.mark.slow
def test_without_tls_off_loopback_is_refused(tmp_path):
    with Job(tmp_path, PARTIES, tls=False) as job:
        job.start_all(
            script("""
try:
    at = {p: (f"127.0.0.1:{q}", f"0.0.0.0:{q}") for p, q in PORTS.items()}
    nodes = [{"party": p, "address": a, "listen_addr": b} for p, (a, b) in at.items()]
    sf.SPU(cluster_def={"nodes": nodes})
except sf.ConfigError as error:
    say(str(error))
sf.shutdown()
""")
        )
        for party in job.running.values():
            assert "TLS" in party.next()[0]
        assert set(job.all_end().values()) == {0}
