"""SPUs without addresses of their own, whose parties' gateways carry the link: real processes, mutual TLS."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time

import pytest

from gateways import Proxy, Site, in_parallel, until
from junto.ledger import RECEIVED, SENT, read
from junto.mpc.channel import Channel, Ends
from junto.mpc.link_options import LinkOptions
from parties import KILL, STOP, Job, free_ports

pytestmark = pytest.mark.slow

PARTIES = ["alice", "bob", "carol"]

PRELUDE = """
sf.init()
import numpy as np, jax, jax.numpy as jnp
alice, bob, carol = map(sf.PYU, ("alice", "bob", "carol"))
"""


@pytest.fixture
def job(tmp_path):
    with Job(tmp_path, PARTIES) as job:
        yield job


def test_the_short_form_computes_what_the_direct_form_does(job):
    text = f"""
ports = {free_ports(3)}
at = {{p: f"127.0.0.1:{{q}}" for p, q in zip(("alice", "bob", "carol"), ports)}}
direct = sf.SPU(cluster_def={{"nodes": [
    {{"party": p, "address": a, "listen_addr": a}} for p, a in at.items()]}})
short = sf.SPU(parties=["alice", "bob", "carol"])
x = alice(lambda: np.linspace(-3, 3, 200_000).reshape(2, -1))()
y = bob(lambda: np.array([0.5, 1.0]))()
z = carol(lambda: np.arange(4))()
def f(x, y, z):
    p = y @ x
    return p[:50], p > 0.25, jnp.sort(z)[::-1] * 3, jax.nn.sigmoid(p[:8])
shown = [sf.reveal(spu(f)(x, y, z)) for spu in (direct, short)]
for one, other in zip(*shown):
    say(one.dtype == other.dtype, float(np.max(np.abs(one.astype(float) - other))), float(np.mean(one)))
def halve(y):
    turn = lambda s: (s[0] / 2, sf.reveal_inside(jnp.max(s[0] / 2), name="error"))
    return jax.lax.while_loop(lambda s: s[1] > 0.2, turn, (y, jnp.inf))
say([sf.reveal(spu(halve, reveals="error")(y)[0]).tolist() for spu in (direct, short)])
sf.shutdown()
"""
    for name in PARTIES:
        job.start(name, PRELUDE + text, ledger=f"{name}.jsonl")
    for party in job.running.values():
        for tolerance in (1e-4, 0, 0, 1e-4):
            same, difference, mean = party.next()
            assert same
            assert difference <= tolerance
            assert mean != 0
        assert party.next()[0] == [[0.0625, 0.125]] * 2
    assert set(job.all_end().values()) == {0}
    sums = {name: crossed(job.folder / f"{name}.jsonl") for name in PARTIES}
    for name in PARTIES:
        for way, nbytes in sums[name].items():
            other = way[1] if way[0] == name else way[0]
            assert sums[other][way] == nbytes
    assert sums["alice"]["alice", "bob", 1] > 200_000  # the inputs, masked, and what the gates opened
    for name in PARTIES:
        ways = [way for way in (("alice", "bob"), ("bob", "alice"), ("bob", "carol")) if name in way]
        assert sorted(revealed(job.folder / f"{name}.jsonl")) == sorted(
            2 * 3 * ways
        )  # two devices, three turns
    assert {(a, b) for a, b, _ in sums["carol"]} >= {("carol", "bob"), ("bob", "carol")}


def crossed(path):
    """Bytes of the SPUs' own messages by (sender, receiver, lane)."""
    entries = [each.entry for each in read(path)]
    assert {each.direction for each in entries} <= {SENT, RECEIVED}
    return {(each.sender, each.receiver, each.index): each.nbytes for each in entries if each.kind == "link"}


def revealed(path):
    """Sender and receiver of what a function has revealed."""
    entries = [each.entry for each in read(path) if each.entry.type_name == "error: float32"]
    assert {(each.kind, each.shape, each.nbytes, each.text) for each in entries} <= {
        ("reveal", (), 16, f"SPU#{number}(halve)") for number in (1, 2)
    }
    return [(each.sender, each.receiver) for each in entries]


def test_settings_that_differ_are_printed_at_every_party_then_a_right_one_works(job):
    job.start_all(
        PRELUDE
        + f"ports = {free_ports(3)}"
        + """
def attempt(*args, **more):
    try:
        sf.SPU(*args, **more)
    except sf.JuntoError as error:
        say(type(error).__name__, str(error))
    else:
        say("built", "")
three = ["alice", "bob", "carol"]
attempt({"runtime_config": {"fxp_fraction_bits": 20 if PARTY == "bob" else 18}}, parties=three)
at = {p: f"127.0.0.1:{q}" for p, q in zip(three, ports)}
if PARTY == "carol":
    attempt(parties=three)
else:
    attempt({"nodes": [{"party": p, "address": a, "listen_addr": a} for p, a in at.items()]})
usual = jax.config.jax_enable_x64
if PARTY == "bob":
    jax.config.update("jax_enable_x64", not usual)
attempt(parties=three)
jax.config.update("jax_enable_x64", usual)
spu = sf.SPU(parties=three)
say(sf.reveal(spu(lambda a: a + 1)(alice(lambda: np.ones(2))())).tolist())
sf.shutdown()
"""
    )
    for party in job.running.values():
        kind, text = party.next()
        assert kind == "HandshakeRefused", text
        assert all(word in text for word in ("fxp_fraction_bits", "18", "20", "bob"))
        kind, text = party.next()
        assert kind == "HandshakeRefused", text
        assert all(word in text for word in ("through gateways", "between addresses", "carol"))
        kind, text = party.next()
        assert kind == "HandshakeRefused", text
        assert all(word in text for word in ("jax_enable_x64", "True", "False", "bob"))
        assert party.next()[0] == [2.0, 2.0]
    assert set(job.all_end().values()) == {0}


def test_a_late_party_is_awaited_and_one_that_never_comes_is_named(job):
    text = """
import time
if PARTY == "carol":
    hear()
spu = sf.SPU(parties=["alice", "bob", "carol"])
say("built")
if PARTY == "carol":
    hear()
try:
    sf.SPU(parties=["alice", "bob", "carol"], link_desc={"connect_retry_times": 1})
except sf.PartyUnreachable as error:
    say(str(error), error.party)
sys.exit(3)
"""
    job.start_all(PRELUDE + text)
    time.sleep(0.5)
    job.running["carol"].tell()
    for party in job.running.values():
        assert party.next() == ["built"]
    for name in ("alice", "bob"):
        message, who = job.running[name].next(20)
        assert "did not come to the link of the SPU within 1 s" in message
        assert who == "carol"


@pytest.mark.parametrize(
    ("victim", "how"),
    [
        pytest.param("carol", KILL, marks=pytest.mark.long),
        ("bob", STOP),
        ("alice", KILL),
    ],  # the helper: test_spu.py
    ids=["helper killed", "P1 frozen", "P0"],
)
def test_a_node_that_is_gone_is_named_at_the_others(job, victim, how):
    job.start_all(
        PRELUDE
        + """
spu = sf.SPU(parties=["alice", "bob", "carol"], link_desc={"recv_timeout_ms": 4000})
x = alice(lambda: np.linspace(0, 1, 300_000))().to(spu)
step = spu(lambda a: jax.nn.sigmoid(a))
sf.reveal(spu(lambda a: a[:2])(x))
say("ready")
try:
    while True:
        x = step(x)
        sf.wait(x)
except sf.JuntoError as error:
    say(type(error).__name__, str(error))
sys.exit(4)
""",
        peer_timeout_s=4.0,
    )
    for party in job.running.values():
        party.next()
    time.sleep(0.3)  # somewhere in the middle of a computation
    job.running[victim].signal(how)
    began = time.monotonic()
    others = [party for name, party in job.running.items() if name != victim]
    for party in others:
        kind, text = party.next(25)
        assert kind in ("PartyUnreachable", "LinkError", "RemoteError", "PartyAborted"), text
        assert victim in text  # the error itself: the log names every party when the device is made
    assert time.monotonic() - began < 20
    assert [party.ends(20) for party in others] == [4, 4]


def test_two_spus_with_the_same_parties_do_not_mix(job):
    job.start_all(
        PRELUDE
        + """
one = sf.SPU(parties=["alice", "bob", "carol"])
two = sf.SPU(parties=["carol", "alice", "bob"])
x = alice(lambda: np.arange(4.0))()
a, b = x.to(one), x.to(two)
r = [spu(f)(v) for _ in range(5) for spu, f, v in ((one, lambda v: v * v, a), (two, lambda v: v * v + 1, b))]
say([v.tolist() for v in sf.reveal(r)])
sf.shutdown()
"""
    )
    for party in job.running.values():
        assert party.next()[0] == [[0, 1, 4, 9], [1, 2, 5, 10]] * 5
    assert set(job.all_end().values()) == {0}


def test_what_nobody_waits_for_does_not_disturb_the_end(job):
    job.start_all(
        PRELUDE
        + """
spu = sf.SPU(parties=["alice", "bob", "carol"])
x = alice(lambda: np.linspace(-1, 1, 30_000))().to(spu)
sf.wait(x)
left = [spu(jnp.tanh)(x) for _ in range(5)]
sf.shutdown()
"""
    )
    assert set(job.all_end().values()) == {0}
    for party in job.running.values():
        assert "refused from" not in party.text


# Two parties, of which the first makes the randomness.


@pytest.mark.parametrize(
    "direct", [pytest.param(True, id="addresses", marks=pytest.mark.long), pytest.param(False, id="gateways")]
)
def test_the_first_party_deals_if_it_is_asked_to_in_so_many_words(job, direct):
    ports = free_ports(2)
    at = "{}" if not direct else '{"address": "127.0.0.1:%d", "listen_addr": "127.0.0.1:%d"}'
    nodes = ", ".join(
        '{"party": "%s", **%s}' % (name, at % (port, port) if direct else at)  # noqa: UP031
        for name, port in zip(("bob", "alice"), ports, strict=True)
    )
    job.start_all(
        PRELUDE
        + f"""
nodes = [{nodes}]
def spu_of(**config):
    return sf.SPU({{"nodes": nodes, "runtime_config": config}})
try:
    spu_of(beaver_type="TrustedFirstParty")
except sf.ConfigError as error:
    say(str(error))
spu = spu_of(insecure_first_party_dealer=True)
x, y = alice(lambda: np.linspace(-2, 2, 50_000))(), carol(lambda: np.float32(3))()
out = spu(lambda x, y: (jnp.sum(jnp.maximum(x, 0) * y), jax.nn.sigmoid(x)[::10_000]))(x, y)
total, curve = sf.reveal(out)
say(float(total), curve.tolist())
sf.shutdown()
"""
    )
    curve = [0.1192, 0.2315, 0.4013, 0.5987, 0.7685]
    for party in job.running.values():
        assert "insecure_first_party_dealer" in party.next()[0]
        total, shown = party.next()
        assert total == pytest.approx(75_001.5, rel=1e-3)
        assert shown == pytest.approx(curve, abs=1e-3)
    assert set(job.all_end().values()) == {0}
    for party in job.running.values():
        assert len(re.findall(r"warning INSECURE SPU of bob, alice", party.text)) == 1
        assert "bob alone could read everything" in party.text


# The stream over real gateways.


def test_a_stream_survives_cuts_of_the_connections_below_it():
    with Site("alice", "bob") as site:
        proxies = {party: Proxy(site.cluster[party].address.port) for party in site.parties}
        for party, proxy in proxies.items():
            site.reroute(party, proxy.port)
        gateways = dict(zip(site.parties, site.meet(), strict=True))
        channels = {}
        for me, peer in (("alice", "bob"), ("bob", "alice")):
            stream = gateways[me].stream(peer, 1, lambda: True, 10_000)
            channels[me] = Channel(stream, Ends(me, peer), LinkOptions(recv_timeout_ms=20_000))
        rounds, half = 30, threading.Event()

        def play(me):
            seen = hashlib.sha256()
            mine = os.urandom(100_000)
            said = hashlib.sha256()
            for number in range(rounds):
                if number == rounds // 3:
                    half.set()
                said.update(mine)
                seen.update(channels[me].exchange([mine], len(mine)))
            channels[me].close()
            return said.digest(), seen.digest()

        def disturb():
            assert half.wait(20)
            for _ in range(3):
                before = sum(proxy.forwarded for proxy in proxies.values())
                for proxy in proxies.values():
                    proxy.cut()
                    proxy.restore()
                until(lambda before=before: sum(p.forwarded for p in proxies.values()) > before + 50_000)

        one, other, _ = in_parallel(lambda: play("alice"), lambda: play("bob"), disturb)
        assert one == tuple(reversed(other))
        in_parallel(*(lambda g=g: g.leave(10) for g in gateways.values()))
        for party in site.parties:
            assert gateways[party].statistics()["refused"] == {}
        for proxy in proxies.values():
            proxy.close()
