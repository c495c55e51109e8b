"""The ladder below gRPC: every cause, against real sockets on loopback."""

from __future__ import annotations

import datetime
import errno
import os
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from junto.certificates import Credential, create_ca, ephemeral, issue, load_ca
from junto.config import Address, PartySettings, TlsSettings
from junto.errors import CertificateError, HandshakeRefused, IdentityError, PartyUnreachable
from junto.reach.dial import Cause, Place
from junto.reach.probe import ProbeReport, Rung, probe
from junto.reach.tls_context import client_context, server_context

CA = create_ca("Pilot")
OTHER_CA = create_ca("Elsewhere")
CREDENTIALS = {name: issue(name, (), CA) for name in ("alice", "bob")}
ALICE, BOB = (TlsSettings(CA.pem, own.pem, own.key) for own in CREDENTIALS.values())
STRANGER = ephemeral(["alice", "bob"])
DAY = datetime.timedelta(days=1)


def parties(port: int) -> dict[str, PartySettings]:
    alice, bob = Address("127.0.0.1", 1), Address("127.0.0.1", port)
    return {"alice": PartySettings("alice", alice, alice), "bob": PartySettings("bob", bob, bob)}


def look(
    port: int, tls: TlsSettings | None = ALICE, timeout_s: float = 5.0, host: str = "127.0.0.1"
) -> ProbeReport:
    return probe(Address(host, port), tls, "bob", parties(port), timeout_s)


def failed(report: ProbeReport, rung: Rung, cause: Cause) -> str:
    """The failed rung is `rung` with `cause`, the ones before it hold; its sentence and fix."""
    failure = report.failure
    assert failure is not None
    assert (failure.rung, failure.cause) == (rung, cause)
    assert report.steps[-1] is failure
    assert all(step.ok for step in report.steps[:-1])
    assert report.accepted_name is None
    assert failure.fix
    return f"{failure.text} / {failure.fix}"


@contextmanager
def grpc_server(tls: TlsSettings | None) -> Iterator[int]:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    if tls is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        pair = [(tls.key, tls.cert)]
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pair, tls.ca_cert, True))
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait(5)


@contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A listener that hands each connection to `serve` in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    threads: list[threading.Thread] = []

    def guarded(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(10)
            with suppress(OSError):
                serve(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=guarded, args=(connection,), daemon=True)
            thread.start()
            threads.append(thread)

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(5)
        for thread in threads:
            thread.join(5)


def tls_server(
    tls: TlsSettings, change: Callable[[ssl.SSLContext], None] = lambda context: None
) -> Callable[..., None]:
    """Handshakes, then reads until the peer hangs up, without a word of HTTP/2."""
    context = server_context(tls)
    change(context)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            while secured.recv(1000):
                pass

    return serve


def dated(start: datetime.timedelta, end: datetime.timedelta) -> TlsSettings:
    """Bob's certificate by our CA with these dates."""
    ca_certificate, ca_key = load_ca(CA)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bob")])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(ca_certificate.subject).serial_number(7)
    )
    builder = builder.public_key(key.public_key()).not_valid_before(now + start).not_valid_after(now + end)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("bob")]), critical=False)
    pem = builder.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM)
    return TlsSettings(CA.pem, pem, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


# --- all rungs hold -----------------------------------------------------------------------------------


def test_a_party_with_tls() -> None:
    with grpc_server(BOB) as port:
        report = look(port)
    assert report.ok
    assert report.error() is None
    assert [step.rung for step in report.steps] == list(Rung)
    assert (report.accepted_name, report.tls_version) == ("bob", "TLSv1.3")
    assert report.certificate == x509.load_pem_x509_certificate(BOB.cert).public_bytes(Encoding.DER)
    assert report.rtt_s is not None
    assert 0 < report.rtt_s < 1


def test_a_party_in_plaintext() -> None:
    with grpc_server(None) as port:
        report = look(port, tls=None)
    assert report.ok
    assert [step.rung for step in report.steps] == [Rung.RESOLVE, Rung.TCP, Rung.HTTP2]
    assert report.accepted_name is None


def test_a_name_that_has_several_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first refuses, the second answers: as gRPC, the probe goes on to the next."""
    with grpc_server(BOB) as port:
        places = [("127.0.0.2", port), ("127.0.0.1", port)]
        answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answers)
        report = look(port, host="bob.telco")
    assert report.ok
    assert report.steps[0].text == "bob.telco is 127.0.0.2, 127.0.0.1"


# --- resolve and tcp ----------------------------------------------------------------------------------


def test_name_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    report = look(9, host="bob.telco")
    assert "the name bob.telco is not found" in failed(report, Rung.RESOLVE, Cause.NAME_NOT_FOUND)
    assert report.may_pass


def test_a_name_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: over.wait(10) and [])
    start = time.monotonic()
    report = look(9, host="bob.telco", timeout_s=0.2)
    assert time.monotonic() - start < 2
    over.set()
    assert "did not answer" in failed(report, Rung.RESOLVE, Cause.NAME_NOT_FOUND)


def test_refused() -> None:
    with socket.socket() as bound:  # bound, so that nobody else takes it; not listening
        bound.bind(("127.0.0.1", 0))
        report = look(bound.getsockname()[1])
    text = failed(report, Rung.TCP, Cause.REFUSED)
    assert "nobody listens" in text
    assert "a firewall rejects us" in text
    error = report.error()
    assert isinstance(error, PartyUnreachable)
    assert error.party == "bob"


def test_filtered() -> None:
    """A full queue of connections drops packets just as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        place = listener.getsockname()
        for _ in range(64):
            filler = waiting.enter_context(socket.socket())
            filler.settimeout(0.2)
            try:
                filler.connect(place)
            except TimeoutError:
                break
        else:
            pytest.skip("this system's queue does not fill")
        report = look(place[1], timeout_s=0.3)
    text = failed(report, Rung.TCP, Cause.FILTERED)
    assert "a firewall drops the packets" in text
    assert "cannot be told from here whose" in text
    assert report.may_pass


# --- tls ----------------------------------------------------------------------------------------------


def test_the_peer_speaks_plaintext_grpc() -> None:
    with grpc_server(None) as port:
        report = look(port)
    assert "gRPC without TLS" in failed(report, Rung.TLS, Cause.PLAINTEXT_PEER)
    assert isinstance(report.error(), HandshakeRefused)


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "plain HTTP"),
        (b"SSH-2.0-x\r\n", "SSH"),
        (b"220 hello\r\n", "something else"),
    ],
)
def test_another_service_answers(greeting: bytes, kind: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(greeting)
        connection.recv(1000)

    with tcp_server(serve) as port:
        assert f"it speaks {kind}" in failed(look(port), Rung.TLS, Cause.PLAINTEXT_PEER)


@pytest.mark.parametrize("server", ["grpc", "openssl"])
def test_the_peer_expects_tls_where_we_have_none(server: str) -> None:
    with grpc_server(BOB) if server == "grpc" else tcp_server(tls_server(BOB)) as port:
        report = look(port, tls=None)
    assert "it expects TLS" in failed(report, Rung.HTTP2, Cause.TLS_PEER)


def test_tls_1_2_is_not_enough() -> None:
    def old(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    with tcp_server(tls_server(BOB, old)) as port:
        assert "does not speak TLS 1.3" in failed(look(port), Rung.TLS, Cause.TLS_VERSION)


def test_silent() -> None:
    with socket.create_server(
        ("127.0.0.1", 0)
    ) as listener:  # the kernel accepts, nobody answers: a frozen process
        start = time.monotonic()
        report = look(listener.getsockname()[1], timeout_s=0.5)
        assert time.monotonic() - start < 2
    assert "frozen" in failed(report, Rung.TLS, Cause.SILENT)
    assert report.may_pass


def test_closed_in_the_middle_of_the_handshake() -> None:
    with tcp_server(lambda connection: None) as port:
        report = look(port)
    failed(report, Rung.TLS, Cause.CLOSED)


# --- chain and identity -------------------------------------------------------------------------------


def test_another_ca() -> None:
    with grpc_server(STRANGER["bob"]) as port:
        report = look(port)
    text = failed(report, Rung.CHAIN, Cause.UNTRUSTED)
    assert "signed by CN=one run junto CA,O=one run" in text
    assert "our ca_cert is CN=Pilot junto CA,O=Pilot" in text
    assert isinstance(report.error(), IdentityError)


def test_another_ca_of_the_same_name() -> None:
    twin = create_ca("Pilot")
    bob = issue("bob", (), twin)
    with grpc_server(TlsSettings(twin.pem, bob.pem, bob.key)) as port:
        assert "the same name" in failed(look(port), Rung.CHAIN, Cause.UNTRUSTED)


@pytest.mark.parametrize(
    ("code", "words"), [("EHOSTUNREACH", "a firewall rejects us"), ("EPERM", "forbids us")]
)
def test_refused_on_the_way(code: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(place: Place, timeout_s: float, segment: int | None) -> None:
        raise OSError(getattr(errno, code), "")

    monkeypatch.setattr("junto.reach.dial.open_socket", refuse)
    assert words in failed(look(1), Rung.TCP, Cause.UNREACHABLE)


def authority(name: str, by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None) -> Any:
    """A CA's certificate and key, signed `by` another CA or by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(own).issuer_name(by[0].subject if by else own)
    builder = builder.serial_number(7).public_key(key.public_key())
    builder = builder.not_valid_before(now - DAY).not_valid_after(now + DAY)
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    return builder.sign(by[1] if by else key, hashes.SHA256()), key


def test_chains_with_an_intermediate() -> None:
    root = authority("Root", None)
    middle = authority("Middle", root)
    root_pem, middle_pem = (each[0].public_bytes(Encoding.PEM) for each in (root, middle))
    secret = middle[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    bob = issue("bob", (), Credential(middle_pem, secret))

    def seen(ours: bytes, shown: bytes) -> ProbeReport:
        with tcp_server(tls_server(TlsSettings(root_pem, shown, bob.key), lambda c: None)) as port:
            return look(port, TlsSettings(ours, ALICE.cert, ALICE.key), 2.0)

    text = failed(seen(middle_pem, bob.pem), Rung.CHAIN, Cause.UNTRUSTED)
    assert "intermediate CA: CN=Root" in text
    assert "another key" not in text
    text = failed(seen(root_pem, bob.pem), Rung.CHAIN, Cause.UNTRUSTED)
    assert "if CN=Middle is an intermediate CA of ours" in text
    whole = seen(root_pem, bob.pem + middle_pem)
    assert Rung.CHAIN in {step.rung for step in whole.steps if step.ok}


def test_expired() -> None:
    with tcp_server(tls_server(dated(-3 * DAY, -DAY))) as port:
        report = look(port)
    text = failed(report, Rung.CHAIN, Cause.EXPIRED)
    assert "its certificate expired on" in text
    assert "this machine's clock says" in text


def test_not_yet_valid() -> None:
    with tcp_server(tls_server(dated(datetime.timedelta(minutes=20), DAY))) as port:
        report = look(port)
    text = failed(report, Rung.CHAIN, Cause.NOT_YET_VALID)
    assert "from now; this machine's clock says" in text
    assert "one of the two clocks is wrong" in text


def test_the_wrong_party() -> None:
    with grpc_server(ALICE) as port:
        report = look(port)
    assert "carries DNS:alice, which is alice's; wanted was bob" in failed(
        report, Rung.IDENTITY, Cause.WRONG_PARTY
    )
    assert isinstance(report.error(), IdentityError)
    assert report.certificate is None


def test_nothing_but_the_handshake_is_said_to_the_wrong_party() -> None:
    heard: list[bytes] = []
    context = server_context(ALICE)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            heard.append(b"")  # the handshake is through
            with suppress(OSError):  # some Pythons say that the connection was reset
                heard.append(secured.recv(1000))

    with tcp_server(serve) as port:
        failed(look(port), Rung.IDENTITY, Cause.WRONG_PARTY)
    assert heard
    assert not any(heard)


# --- http2, and what the peer thinks of us ------------------------------------------------------------


def test_our_certificate_is_refused_without_a_reason() -> None:
    """gRPC's server closes without an alert."""
    ours = TlsSettings(CA.pem, STRANGER["alice"].cert, STRANGER["alice"].key)
    with grpc_server(BOB) as port:
        report = look(port, tls=ours)
    assert "most likely it does not accept our certificate" in failed(
        report, Rung.HTTP2, Cause.OWN_CERTIFICATE_REFUSED
    )
    assert not report.may_pass


def test_our_certificate_is_refused_with_an_alert() -> None:
    ours = TlsSettings(CA.pem, STRANGER["alice"].cert, STRANGER["alice"].key)
    with tcp_server(tls_server(BOB)) as port:
        report = look(port, tls=ours)
    text = failed(report, Rung.HTTP2, Cause.OWN_CERTIFICATE_REFUSED)
    assert "does not trust the CA that signed our certificate (alert unknown ca)" in text


def test_our_certificate_is_expired_by_the_peers_clock() -> None:
    with tcp_server(tls_server(BOB)) as port:
        report = look(port, tls=dated(-3 * DAY, -DAY))
    text = failed(report, Rung.HTTP2, Cause.OWN_CERTIFICATE_REFUSED)
    assert "by its clock our certificate has expired (alert certificate expired)" in text


def test_a_peer_that_ends_during_the_greeting_has_not_refused_us() -> None:
    context = server_context(BOB)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve_and_end() -> None:
            connection, _ = listener.accept()
            with context.wrap_socket(connection, server_side=True):
                listener.close()

        thread = threading.Thread(target=serve_and_end)
        thread.start()
        report = look(port)
        thread.join(5)
    failed(report, Rung.HTTP2, Cause.CLOSED)
    assert report.may_pass


def test_a_line_that_is_cut_once_has_not_refused_us() -> None:
    context = server_context(BOB)
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        with context.wrap_socket(connection, server_side=True) as secured:
            if len(connections) > 1:
                secured.sendall(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
                secured.recv(100)

    with tcp_server(serve) as port:
        report = look(port)
    failed(report, Rung.HTTP2, Cause.CLOSED)
    assert report.may_pass


def test_no_http2_offered() -> None:
    with tcp_server(tls_server(BOB, lambda context: context.set_alpn_protocols(["http/1.1"]))) as port:
        assert "ALPN h2" in failed(look(port), Rung.HTTP2, Cause.NO_HTTP2)


def test_a_server_that_waits_to_be_greeted() -> None:
    context = server_context(BOB)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            assert secured.recv(100).startswith(b"PRI * HTTP/2.0")
            secured.sendall(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
            secured.recv(100)

    with tcp_server(serve) as port:
        assert look(port, timeout_s=0.6).ok


def test_a_server_that_never_greets() -> None:
    with tcp_server(tls_server(BOB)) as port:
        failed(look(port, timeout_s=0.5), Rung.HTTP2, Cause.SILENT)


def test_something_that_is_no_http2_in_plaintext() -> None:
    with tcp_server(lambda connection: connection.sendall(b"220 hello there\r\n")) as port:
        failed(look(port, tls=None), Rung.HTTP2, Cause.NO_HTTP2)


# --- our own credentials ------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [True, False])
def test_no_key_stays_on_disk(memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if not memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    client_context(ALICE)
    assert list(tmp_path.iterdir()) == []


def test_descriptors_are_given_back() -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    client_context(ALICE)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        client_context(ALICE)
    assert len(os.listdir("/proc/self/fd")) == before


def test_our_own_credentials_do_not_fit() -> None:
    with pytest.raises(CertificateError, match="cannot be used together"):
        client_context(TlsSettings(CA.pem, ALICE.cert, BOB.key))
    with pytest.raises(CertificateError, match="ca_cert"):
        client_context(TlsSettings(b"hello", ALICE.cert, ALICE.key))
