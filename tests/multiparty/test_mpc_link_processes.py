"""Nodes in processes of their own, with mutual TLS; killed, stopped and failing in the middle of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parties import CONTINUE, KILL, STOP, Job, Party

NODES = ["alice", "bob", "carol"]

pytestmark = pytest.mark.slow

LINK = """
import time
from pathlib import Path
import numpy as np
from junto.config.model import Address, PartySettings, TlsSettings
from junto.errors import JuntoError
from junto.mpc.node_links import *
from junto.net.identity import accepted_name
from junto.net.tlscontext import client_context, server_context

PORTS = {ports}
settings = {{}}
for name, port in PORTS.items():
    place = Address("127.0.0.1", port)
    settings[name] = PartySettings(name, place, place)
nodes = [NodeOptions(each.name, each.address, each.listen) for each in settings.values()]
tls = TlsSettings(*(Path(name).read_bytes() for name in ("ca.pem", PARTY + ".pem", PARTY + ".key")))
contexts = [client_context(tls), server_context(tls)]
for context in contexts:
    context.set_alpn_protocols([ALPN])
credentials = Credentials(*contexts, lambda der, party: accepted_name(der, party, settings))

def meet(**options):
    greeting = Greeting(b"run 1", "field: FM64")
    return build(nodes, Introduction(PARTY, credentials, greeting), LinkOptions(**options))

def attempt(call):
    start = time.monotonic()
    try:
        call()
        say("fine", 0)
    except JuntoError as error:
        say(str(error), time.monotonic() - start)
        return error
"""


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with Job(tmp_path, NODES) as made:
        yield made


def start(job: Job, script: str, names: list[str] = NODES) -> dict[str, Party]:
    ports = {name: int(address.rpartition(":")[2]) for name, address in job.addresses.items()}
    return {name: job.start(name, LINK.format(ports=ports) + script) for name in names}


WORK = """
links = meet()
say("met", list(links))
secrets = {name: shared_secret(channel).hex() for name, channel in sorted(links.items())}
if PARTY == "carol":
    for number in range(200):
        links["bob"].label(number, "fit.py:3")
        links["bob"].write([np.full(1000, number, np.uint64)])
    links["bob"].flush()
    say(secrets, 0)
else:
    peer = links["bob" if PARTY == "alice" else "alice"]
    times = []
    for number in range(1000):
        peer.label(number, "fit.py:3")
        begin = time.perf_counter()
        assert int(np.frombuffer(peer.exchange([np.uint64([number])], 8), np.uint64)[0]) == number
        times.append(time.perf_counter() - begin)
        if PARTY == "bob" and number < 200:
            links["carol"].label(number, "fit.py:3")
            assert (np.frombuffer(links["carol"].read(8000), np.uint64) == number).all()
    large = np.arange(2 << 20, dtype=np.uint64)
    assert (np.frombuffer(peer.exchange([large], large.nbytes), np.uint64) == large).all()
    say(secrets, sorted(times)[500] * 1e6)
hear()
for channel in links.values():
    channel.close()
say("closed")
"""


def test_three_nodes_talk_and_share_secrets(job: Job, record_property: Callable[[str, object], None]) -> None:
    parties = start(job, WORK)
    assert {name: party.next() for name, party in parties.items()} == {
        "alice": ["met", ["bob", "carol"]],
        "bob": ["met", ["alice", "carol"]],
        "carol": ["met", ["alice", "bob"]],
    }
    said = {name: party.next() for name, party in parties.items()}
    secrets = {name: each[0] for name, each in said.items()}
    for one in NODES:
        for other in NODES:
            if one != other:
                assert secrets[one][other] == secrets[other][one]
    assert len({secret for each in secrets.values() for secret in each.values()}) == 3
    record_property("exchange_p50_us", said["alice"][1])
    print(f"exchange of 8 bytes: p50 {said['alice'][1]:.0f} us")
    for party in parties.values():
        party.tell()
    assert {name: party.next() for name, party in parties.items()} == {name: ["closed"] for name in NODES}
    assert set(job.all_end().values()) == {0}


WAIT = """
links = meet(recv_timeout_ms={timeout})
say("met")
hear()
if PARTY == "bob":
    time.sleep(100)
peer = links["bob"]
peer.label(17, "fit.py:31")
call = {call}
error = attempt(call)
attempt(call)
"""

CALLS = {
    "receive": "lambda: peer.receive(8)",
    "exchange": "lambda: peer.exchange([bytes(32 << 20)], 8)",
    "send": "lambda: peer.send([bytes(32 << 20)])",
    "stream": "lambda: (peer.write([bytes(32 << 20)]), peer.flush())",
}


def met(job: Job, call: str, timeout: int) -> dict[str, Party]:
    parties = start(job, WAIT.format(call=CALLS[call], timeout=timeout))
    for party in parties.values():
        assert party.next() == ["met"]
    return parties


def check_error(said: list[Any], text: str) -> None:
    message, seconds = said
    assert message.startswith(f"[J206] bob: {text}"), message
    assert "operation 17 at fit.py:31" in message
    assert seconds < 8


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("waiting", [True, False])
def test_a_killed_node_is_named_at_once(job: Job, call: str, waiting: bool) -> None:
    parties = met(job, call, 20_000)
    rest = [parties["alice"], parties["carol"]]
    if waiting:
        for party in rest:
            party.tell()
        time.sleep(0.3)  # so that they wait in the call; it does not matter if one is late
    parties["bob"].signal(KILL)
    parties["bob"].ends()
    if not waiting:
        for party in rest:
            party.tell()
    for party in rest:
        check_error(party.next(), "the connection ended")
        assert "the link has failed before: bob: the connection ended" in party.next()[0]


@pytest.mark.parametrize("call", CALLS)
def test_a_stopped_node_is_named_at_the_deadline(job: Job, call: str) -> None:
    parties = met(job, call, 600)
    parties["bob"].signal(STOP)
    try:
        for name in ("alice", "carol"):
            parties[name].tell()
        for name in ("alice", "carol"):
            said = parties[name].next()
            sending = call in ("send", "stream")
            check_error(said, "it took nothing of what is sent" if sending else "nothing arrived for 0.6 s")
            assert said[1] > 0.5
    finally:
        parties["bob"].signal(CONTINUE)


FAIL = """
links = meet()
if PARTY == "alice":
    try:
        raise ZeroDivisionError("in the middle of its part")
    except ZeroDivisionError:
        for channel in links.values():
            channel.abort(Reason.FAILED)
    say("aborted")
else:
    links["alice"].label(3, "fit.py:9")
    attempt(lambda: links["alice"].exchange([bytes({size})], 8))
"""


@pytest.mark.parametrize("size", [8, 32 << 20])
def test_a_node_that_fails_says_so(job: Job, size: int) -> None:
    parties = start(job, FAIL.format(size=size))
    assert parties["alice"].next() == ["aborted"]
    for name in ("bob", "carol"):
        message, _ = parties[name].next()
        assert "alice: it gave up: its part of the computation failed (operation 3 at fit.py:9)" in message
    assert set(job.all_end().values()) == {0}


MEET = """
attempt(lambda: meet(connect_retry_times={times}, connect_retry_interval_ms=100))
"""


@pytest.mark.parametrize("late", NODES)
def test_a_late_node_is_awaited(job: Job, late: str) -> None:
    others = [name for name in NODES if name != late]
    script = MEET.format(times=200)
    parties = start(job, script, others)
    time.sleep(1)  # its start takes about as long
    parties |= start(job, script, [late])
    for party in parties.values():
        assert party.next()[0] == "fine"


def test_a_node_that_is_killed_before_it_comes_is_named(job: Job) -> None:
    parties = start(job, MEET.format(times=20), ["alice", "carol"])
    for name, party in parties.items():
        message, seconds = party.next()
        assert message.startswith("[J201] bob did not come to the link of the SPU within 2 s"), (
            name,
            message,
        )
        assert seconds < 15


@pytest.mark.parametrize("wrong", ["alice", "carol"])
def test_a_certificate_of_another_party_is_refused(job: Job, wrong: str) -> None:
    job.certificates.issue(wrong, "bob")
    parties = start(job, MEET.format(times=10))
    said = {name: party.next()[0] for name, party in parties.items()}
    codes = {name: message[1:5] for name, message in said.items()}
    if wrong == "alice":  # it listens to both others, who see that the certificate names bob
        assert codes == {"alice": "J201", "bob": "J203", "carol": "J203"}
        assert "carries DNS:bob, which is bob's; wanted was alice" in said["bob"]
    else:  # it dials both others
        assert codes["carol"] == "J203"
        assert "turned us away: carol is not who it says" in said["carol"]
        assert "carol is not who it says" in said["alice"] + said["bob"]
