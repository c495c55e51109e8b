"""Callers without a certificate: silent ones are few and soon gone; nobody is answered below TLS 1.3."""

from __future__ import annotations

import os
import socket
import ssl

import pytest

from gateways import FACTS, QUICK, Heard, Site, in_parallel, until
from junto.doctor.service import DoctorService
from junto.net.gateway import SiloGateway
from junto.net.grpc_carrier import CONNECTIONS, CONNECTIONS_A_PARTY, GrpcCarrier
from junto.reach.tls_context import client_context

MANY = 350


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plaintext"])
def test_silent_connections_are_bounded_and_closed_and_the_parties_meet_all_the_same(tls):
    with Site("alice", "bob", tls=tls) as site:
        alice = site.start("alice")
        listen = site.cluster["alice"].listen
        before = descriptors()
        silent = [socket.create_connection((listen.host, listen.port)) for _ in range(MANY)]
        most = CONNECTIONS + 2 * CONNECTIONS_A_PARTY + 10  # and the threads that just let go of one
        until(lambda: descriptors() - before - MANY <= most, 10, "the rest is closed at once")
        bob = site.start("bob")
        runs = in_parallel(*(lambda g=g: g.meet(20, lambda _: None) for g in (alice, bob)))
        assert isinstance(runs[0], bytes)
        assert runs[0] == runs[1]
        until(lambda: all(closed(one) for one in silent), 4 * QUICK.peer_timeout_s, "a deadline for each")
        for one in silent:
            one.close()


def closed(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        return one.recv(1 << 16) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("path", ["/junto.Doctor/describe", "/junto.Doctor/echo"])
def test_a_session_answers_no_doctor_below_tls_1_3(path):
    with Site("alice", "bob") as site:
        doctor = DoctorService(site.settings("alice"), "session").handlers()
        carrier = GrpcCarrier(site.credentials["alice"], site.cluster, site.link, doctor)
        site.gateways["alice"] = SiloGateway(site.settings("alice"), FACTS, Heard(), carrier)
        site.gateways["alice"].start()
        listen = site.cluster["alice"].listen
        credentials = site.credentials["bob"]
        assert credentials is not None
        for version, status in ((ssl.TLSVersion.TLSv1_2, b"7"), (ssl.TLSVersion.TLSv1_3, b"0")):
            context = client_context(credentials)
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2"])
            raw = socket.create_connection((listen.host, listen.port))
            with context.wrap_socket(raw, server_hostname="alice") as line:
                line.settimeout(10)
                assert grpc_status(line, path) == status


def grpc_status(line: ssl.SSLSocket, path: str) -> bytes:
    """Ask by hand (gRPC's own client speaks 1.3 wherever it can): the status in the trailers."""
    headers = {":method": "POST", ":scheme": "https", ":path": path, ":authority": "alice", "te": "trailers"}
    headers["content-type"] = "application/grpc"
    block = b"".join(
        b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(text)]) + text.encode()
        for name, text in headers.items()
    )
    line.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, b"", 0))
    line.sendall(frame(1, 4, block, 1) + frame(0, 1, bytes(5), 1))
    seen = b""
    while b"grpc-status" not in seen:
        data = line.recv(1 << 16)
        assert data, seen
        seen += data
    return seen.split(b"grpc-status", 1)[1][1:2]


def frame(kind: int, flags: int, payload: bytes, stream: int) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
