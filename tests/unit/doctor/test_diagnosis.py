"""The doctor: two sides on loopback, and each cause above TLS."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest

from junto.certificates import create_ca, ephemeral, issue
from junto.config import Settings, TlsSettings, build_settings
from junto.config.model import Address
from junto.doctor.diagnosis import BUDGET_S, Diagnosis, Finding, examine
from junto.doctor.service import SINK_LIMIT, DoctorClient, DoctorService, describe
from junto.doctor.views import Seen, View, Views
from junto.errors import ConfigError
from junto.execute.ray_reachability import check_ray
from junto.reach.dial import SMALL_SEGMENT
from parties import free_ports

CA = create_ca("Pilot")
TLS = {
    name: TlsSettings(CA.pem, own.pem, own.key)
    for name, own in ((name, issue(name, (), CA)) for name in ("alice", "bob", "carol", "mallory"))
}


@pytest.fixture
def make() -> Callable[..., Settings]:
    """Settings of a party; all of one test share their ports."""
    ports = dict(zip(("alice", "bob"), free_ports(2), strict=True))

    def build(me: str, tls: bool = True, **changes: Any) -> Settings:
        parties = {name: {"address": f"127.0.0.1:{port}"} for name, port in ports.items()}
        arguments: dict[str, Any] = {"cluster_config": {"parties": parties, "self_party": me}, **changes}
        settings = build_settings(arguments)
        return dataclasses.replace(settings, tls=TLS[me] if tls else None)

    return build


def both(alice: Settings, bob: Settings, budget_s: float = BUDGET_S) -> tuple[Diagnosis, Diagnosis]:
    with futures.ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(examine, alice, budget_s), pool.submit(examine, bob, budget_s)
        return one.result(20), other.result(20)


def by_rung(findings: tuple[Finding, ...]) -> Mapping[str, Finding]:
    return {finding.rung: finding for finding in findings}


@contextmanager
def session_of(settings: Settings, views: Views | None = None) -> Iterator[None]:
    """A running session's server, as far as a doctor sees it; with `views`, a doctor's."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(DoctorService(settings, "session", views and views.answer).handlers())
    listen = str(settings.cluster[settings.self_party or ""].listen)
    if settings.tls is None:
        server.add_insecure_port(listen)
    else:
        pair = [(settings.tls.key, settings.tls.cert)]
        server.add_secure_port(listen, grpc.ssl_server_credentials(pair, settings.tls.ca_cert, True))
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait(5)


@pytest.mark.parametrize("tls", [True, False])
def test_two_doctors_at_once(make: Callable[..., Settings], tls: bool) -> None:
    for diagnosis in both(make("alice", tls), make("bob", tls)):
        assert diagnosis.failures() == []
        (findings,) = diagnosis.peers.values()
        rungs = by_rung(findings)
        assert rungs["from there"].state == "ok"
        assert (rungs["direction"].cause, rungs["direction"].text) == (
            "both",
            "alice and bob dial each other, and both listen: what one side opened serves both ways",
        )
        assert {"answers", "version", "job", "config", "clock", "round trip", "bandwidth"} <= set(rungs)
        assert rungs["answers"].text == "its doctor answers"
        assert ("identity" in rungs) is tls
        assert diagnosis.seconds < 5


def with_sockets(settings: Settings, ports: list[int]) -> Settings:
    places = [Address("127.0.0.1", port) for port in ports]
    cluster = {
        party.name: dataclasses.replace(party, socket=place, socket_listen=place)
        for party, place in zip(settings.cluster.values(), places, strict=True)
    }
    return dataclasses.replace(settings, cluster=cluster)


@pytest.mark.parametrize("tls", [True, False])
def test_a_bare_socket_beside_is_looked_at_too(make: Callable[..., Settings], tls: bool) -> None:
    ports = free_ports(2)
    alice, bob = both(*(with_sockets(make(name, tls), ports) for name in ("alice", "bob")))
    assert alice.failures() == bob.failures() == []
    assert by_rung(alice.own)["socket listen"].state == by_rung(bob.own)["socket listen"].state == "ok"
    assert by_rung(alice.peers["bob"])["socket"].text.startswith(f"bob dials us at 127.0.0.1:{ports[0]}")
    assert by_rung(bob.peers["alice"])["socket"].text.endswith("answers as alice: values go there")


def test_a_bare_socket_that_is_not_reached_is_named_on_both_sides(make: Callable[..., Settings]) -> None:
    ports = free_ports(2)
    alice = with_sockets(make("alice"), ports)
    bob = with_sockets(make("bob"), [1, ports[1]])
    found = both(alice, bob)
    assert [causes(each) for each in found] == [
        [("from there", "socket-refused")],
        [("socket", "socket-refused")],
    ]
    for each in found:
        ((_, finding),) = each.failures()
        assert "bob does not reach the socket_address of alice, 127.0.0.1:1: connection ref" in finding.text


def test_who_alone_has_a_bare_socket_is_another_configuration(make: Callable[..., Settings]) -> None:
    alice, bob = both(with_sockets(make("alice"), free_ports(2)), make("bob"))
    for each in (alice, bob):
        ((_, finding),) = each.failures()
        assert finding.rung == "config"
        assert any("socket_address" in line for line in (finding.text, *finding.details))


def test_one_doctor_while_the_others_session_runs(make: Callable[..., Settings]) -> None:
    with session_of(make("bob")):
        diagnosis = examine(make("alice"))
    assert diagnosis.failures() == []
    assert by_rung(diagnosis.peers["bob"])["answers"].text == "its session answers"
    assert diagnosis.seconds < 4, "a session's doctor is not awaited"


def test_a_doctor_beside_our_own_session(make: Callable[..., Settings]) -> None:
    with session_of(make("alice")), session_of(make("bob")):
        diagnosis = examine(make("alice"))
    listen = by_rung(diagnosis.own)["listen"]
    assert (listen.state, diagnosis.failures()) == ("note", [])
    assert "by a session of ours" in listen.text


def test_nobody_there_is_tried_until_the_budget_is_over(make: Callable[..., Settings]) -> None:
    start = time.monotonic()
    diagnosis = examine(make("alice"), budget_s=0.8)
    assert 0.3 < time.monotonic() - start < 3
    ((party, finding),) = diagnosis.failures()
    assert (party, finding.rung, finding.cause) == ("bob", "tcp", "refused")


def test_a_late_doctor_is_met(make: Callable[..., Settings]) -> None:
    late: list[Diagnosis] = []
    thread = threading.Thread(target=lambda: late.append(examine(make("bob"))))
    timer = threading.Timer(0.7, thread.start)
    timer.start()
    diagnosis = examine(make("alice"))
    timer.join()
    thread.join(20)
    assert diagnosis.failures() == []
    assert late[0].failures() == []


def misplaced(settings: Settings, party: str) -> Settings:
    """The same, but `party` is sought where nobody listens."""
    there = settings.cluster[party]
    wrong = dataclasses.replace(there, address=dataclasses.replace(there.address, port=1))
    return dataclasses.replace(settings, cluster={**settings.cluster, party: wrong})


def causes(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    return [(finding.rung, finding.cause) for _, finding in diagnosis.failures()]


@pytest.mark.parametrize("tls", [True, False])
def test_both_sides_name_the_direction_that_is_closed(make: Callable[..., Settings], tls: bool) -> None:
    alice, bob = both(misplaced(make("alice", tls), "bob"), make("bob", tls), 2.0)
    assert causes(alice) == [("tcp", "refused")]
    assert causes(bob) == [("from there", "refused")]
    here, there = by_rung(alice.peers["bob"])["tcp"], by_rung(bob.peers["alice"])["from there"]
    assert (here.text, here.fix) == (there.text, there.fix)
    assert "alice does not reach bob at 127.0.0.1:1" in here.text


def test_what_is_wrong_in_the_other_itself_is_told(make: Callable[..., Settings]) -> None:
    alice = make("alice")
    own = alice.cluster["alice"]
    elsewhere = dataclasses.replace(own, listen=dataclasses.replace(own.listen, host="203.0.113.1"))
    one, other = both(
        dataclasses.replace(alice, cluster={**alice.cluster, "alice": elsewhere}), make("bob"), 4.0
    )
    assert ("listen", "not-ours") in causes(one)
    assert ("from there", "refused") in causes(one)
    assert causes(other) == [("tcp", "refused"), ("from there", "not-ours")]


@pytest.mark.parametrize("first", ["alice", "bob"])
def test_who_found_a_cause_stays_for_the_other(make: Callable[..., Settings], first: str) -> None:
    """Nobody reads that the other's program is not there, though one starts a second later."""
    sides = {
        "alice": make("alice"),
        "bob": dataclasses.replace(make("bob"), tls=ephemeral(["alice", "bob"])["bob"]),
    }
    with futures.ThreadPoolExecutor(2) as pool:
        early = pool.submit(examine, sides.pop(first), 2.5)
        time.sleep(1.0)
        (late,) = sides.values()
        diagnoses = [examine(late, 1.0), early.result(10)]
    for diagnosis in diagnoses:
        assert causes(diagnosis) == [("chain", "untrusted")]


def test_a_difference_that_both_see_is_told_once(make: Callable[..., Settings]) -> None:
    for diagnosis in both(make("alice", job_name="pilot"), make("bob")):
        assert causes(diagnosis) == [("job", "job-differs")]
        assert diagnosis.seconds < 4


@contextmanager
def narrow(target: int, most: int = 10_000) -> Iterator[int]:
    """A relay that forwards `most` bytes towards `target` and then no more, as if full packets were lost.

    What comes in small segments all passes.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket, left: float) -> None:
        with suppress(OSError):
            while left > 0 and (data := source.recv(2000)):
                sink.sendall(data)
                left -= len(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near = stack.enter_context(listener.accept()[0])
                far = stack.enter_context(socket.create_connection(("127.0.0.1", target)))
                small = near.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) <= SMALL_SEGMENT
                for way in ((near, far, float("inf") if small else most), (far, near, float("inf"))):
                    threading.Thread(target=pump, args=way, daemon=True).start()

    with ExitStack() as stack, listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


def test_a_path_that_loses_full_packets(make: Callable[..., Settings]) -> None:
    alice = make("alice")
    bob = alice.cluster["bob"]
    with session_of(make("bob")), narrow(bob.address.port) as port:
        behind = dataclasses.replace(bob, address=dataclasses.replace(bob.address, port=port))
        diagnosis = examine(dataclasses.replace(alice, cluster={**alice.cluster, "bob": behind}), 2.0)
    assert causes(diagnosis) == [("size", "mtu")]


def test_another_program_on_our_own_port(make: Callable[..., Settings]) -> None:
    alice = make("alice")
    server = ThreadingHTTPServer(("127.0.0.1", alice.cluster["alice"].listen.port), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        assert ("listen", "in-use") in causes(examine(alice, 0.3))
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_views_settle_only_when_both_are_final_and_told() -> None:
    ours = Views("alice", {"bob": "b:1"})
    ours.answer("bob", View("bob", final=True), "")
    assert not ours.wait("bob", 0), "bob does not have our final view"
    ours.publish("bob", (Seen("tcp", "refused", "\x1b[2Jno"),), final=True)
    told = ours.answer("bob", View("bob", (Seen("tcp", "filtered", "late"),)), "192.0.2.7")
    assert (told.address, told.calls_from) == ("b:1", "192.0.2.7")
    assert told.seen[0].text == "?[2Jno"
    assert ours.wait("bob", 0)
    assert ours.theirs("bob") == View("bob", final=True), "a final view stays"
    assert ours.answer("mallory", View("mallory"), "").seen == ()
    assert ours.theirs("mallory") is None


def test_job_and_settings_are_shown_as_a_difference(make: Callable[..., Settings]) -> None:
    bob = make("bob", job_name="other", cross_silo_comm_options={"messages_max_size_in_bytes": 1000})
    with session_of(bob):
        diagnosis = examine(make("alice", job_name="pilot"))
    rungs = by_rung(diagnosis.peers["bob"])
    assert (rungs["job"].cause, rungs["job"].text) == ("job-differs", "'pilot' here, 'other' at bob")
    assert rungs["config"].cause == "config-differs"
    assert rungs["config"].details == ("wire limit max_value_bytes: None here, 1000 at bob",)
    assert rungs["round trip"].state == "ok", "the rest is measured nevertheless"


def test_addresses_may_differ_but_are_told(make: Callable[..., Settings]) -> None:
    bob = make("bob")
    alice = bob.cluster["alice"]
    moved = dataclasses.replace(alice, address=dataclasses.replace(alice.address, host="alice.internal"))
    with session_of(dataclasses.replace(bob, cluster={**bob.cluster, "alice": moved})):
        config = by_rung(examine(make("alice")).peers["bob"])["config"]
    assert config.state == "note"
    assert "alice.internal" in config.details[0]


def test_our_own_certificate_is_judged_first(make: Callable[..., Settings]) -> None:
    diagnosis = examine(dataclasses.replace(make("alice"), tls=TLS["carol"]), budget_s=0.5)
    party, finding = diagnosis.failures()[0]
    assert (party, finding.rung, finding.cause) == ("alice", "certificate", "wrong-party")


def test_a_listen_address_that_is_not_ours(make: Callable[..., Settings]) -> None:
    settings = make("alice")
    alice = settings.cluster["alice"]
    elsewhere = dataclasses.replace(alice, listen=dataclasses.replace(alice.listen, host="203.0.113.1"))
    diagnosis = examine(dataclasses.replace(settings, cluster={**settings.cluster, "alice": elsewhere}), 0.5)
    finding = by_rung(diagnosis.own)["listen"]
    assert (finding.state, finding.cause) == ("failed", "not-ours")


def test_a_certificate_that_is_no_partys_is_not_answered(make: Callable[..., Settings]) -> None:
    bob = make("bob")
    with session_of(bob, Views("bob", {"alice": "a:1"})):
        client = DoctorClient(str(bob.cluster["bob"].address), TLS["mallory"], "bob")
        for ask in (
            lambda: client.describe(5),
            lambda: client.bandwidth(5, 0.1, 0.0),
            lambda: client.exchange(View("alice"), 5),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                ask()
            assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        client.close()


def test_an_older_session_does_not_answer_doctors(make: Callable[..., Settings]) -> None:
    bob = make("bob", tls=False)
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_insecure_port(str(bob.cluster["bob"].listen))
    server.start()
    try:
        diagnosis = examine(make("alice", tls=False))
    finally:
        server.stop(None).wait(5)
    finding = diagnosis.peers["bob"][-1]
    assert (finding.rung, finding.state) == ("answers", "note")
    assert "older version" in finding.text


def test_the_sink_is_bounded(make: Callable[..., Settings]) -> None:
    bob = make("bob", tls=False)
    with session_of(bob), grpc.insecure_channel(str(bob.cluster["bob"].address)) as channel:
        chunks = (bytes(1 << 20) for _ in range(2 * SINK_LIMIT >> 20))
        with pytest.raises(grpc.RpcError) as caught:
            channel.stream_unary("/junto.Doctor/sink")(chunks, timeout=240)
    assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE


def test_what_a_peer_says_cannot_steer_our_terminal(make: Callable[..., Settings]) -> None:
    settings = make("bob")
    hostile = dataclasses.replace(settings, job_name="\x1b[2Jpilot" + "x" * 1000)
    with session_of(hostile):
        job = by_rung(examine(make("alice")).peers["bob"])["job"]
    assert job.state == "failed"
    assert job.text.startswith("'junto' here, '?[2Jpilotxxx")
    assert len(job.text) < 300


def test_a_description_tells_no_secret(make: Callable[..., Settings], tmp_path: Path) -> None:
    settings = make("alice", ledger=str(tmp_path / "ledger.jsonl"))
    text = repr(describe(settings, "doctor"))
    assert "PRIVATE" not in text
    assert str(tmp_path) not in text


def test_a_certificate_of_another_ca_ends_the_ladder(make: Callable[..., Settings]) -> None:
    stranger = dataclasses.replace(make("bob"), tls=ephemeral(["alice", "bob"])["bob"])
    with session_of(stranger):
        ((_, finding),) = examine(make("alice"), 0.8).failures()
    assert (finding.rung, finding.cause) == ("chain", "untrusted")


def test_simulation_has_nothing_to_examine() -> None:
    with pytest.raises(ConfigError, match="without other silos"):
        examine(build_settings({"parties": ["alice"]}))


# --- Ray ----------------------------------------------------------------------------------------------


@contextmanager
def head(status: grpc.StatusCode | None, token: str = "") -> Iterator[str]:
    """Answers as the head of a Ray cluster: with its id, or with `status` to who lacks `token`."""

    def answer(request: bytes, context: Any) -> bytes:
        known = token and ("authorization", f"Bearer {token}") in context.invocation_metadata()
        if status is not None and not known:
            context.abort(status, "")
        return b"\x12\x01x"

    handler = grpc.method_handlers_generic_handler(
        "ray.rpc.NodeInfoGcsService", {"GetClusterId": grpc.unary_unary_rpc_method_handler(answer)}
    )
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait(5)


@pytest.mark.parametrize(
    ("status", "mode", "states"),
    [
        (None, "disabled", ["ok", "ok"]),
        (None, "token", ["ok", "failed"]),
        (grpc.StatusCode.UNAUTHENTICATED, "token", ["ok", "ok"]),
        (grpc.StatusCode.UNAUTHENTICATED, "disabled", ["ok", "failed"]),
        (grpc.StatusCode.UNIMPLEMENTED, "disabled", ["failed"]),
    ],
)
def test_ray_and_its_token(
    status: grpc.StatusCode | None, mode: str, states: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "right")
    with head(status, "right") as address:
        lines = check_ray(address, 5)
    assert [line[1] for line in lines] == states


@pytest.mark.parametrize("where", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "home", "nowhere"])
def test_another_token_than_that_of_ray(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    file = tmp_path / ".ray" / "auth_token"
    if where != "nowhere":
        file.parent.mkdir()
        file.write_text("wrong\n")
    if where.startswith("RAY"):
        monkeypatch.setenv(where, "wrong" if where == "RAY_AUTH_TOKEN" else str(file))
    with head(grpc.StatusCode.UNAUTHENTICATED, "right") as address:
        line = check_ray(address, 5)[1]
        assert line[1] == "failed"
        assert "not the one we have" in line[2]
        assert "wrong" not in "".join(line)
        file.parent.mkdir(exist_ok=True)
        file.write_text("right\n")
        monkeypatch.setenv("RAY_AUTH_TOKEN", "right")
        assert check_ray(address, 5)[1][1] == "ok"


def test_without_a_mode_the_token_file_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with head(None) as address:
        assert check_ray(address, 5)[1][1] == "ok"
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("x")
        assert "a token file is in ~/.ray" in check_ray(address, 5)[1][2]


def test_no_ray_there(make: Callable[..., Settings]) -> None:
    (port,) = free_ports(1)
    diagnosis = examine(make("alice", tls=False, address=f"127.0.0.1:{port}"), budget_s=0.5)
    finding = by_rung(diagnosis.own)["ray"]
    assert (finding.state, finding.cause) == ("failed", "refused")
    assert "ray start --head" in finding.fix
