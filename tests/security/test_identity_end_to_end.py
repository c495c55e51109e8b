"""The probe's verdict and gRPC's own check agree: whom the name accepts, and whom it does not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from junto.certificates import create_ca, issue
from junto.config import Address, PartySettings, TlsSettings
from junto.reach.identity import party_of_certificate
from junto.reach.probe import probe

CA = create_ca("Pilot")


def credentials(name: str, *hosts: str) -> TlsSettings:
    own = issue(name, hosts, CA)
    return TlsSettings(CA.pem, own.pem, own.key)


ALICE = credentials("alice")


@contextmanager
def server(tls: TlsSettings, seen: list[str]) -> Iterator[dict[str, PartySettings]]:
    """Notes the party that each caller's certificate names."""
    parties: dict[str, PartySettings] = {}

    def answer(request: bytes, context: Any) -> bytes:
        import ssl

        pem = context.auth_context()["x509_pem_cert"][0].decode()
        seen.append(party_of_certificate(ssl.PEM_cert_to_DER_cert(pem), parties))
        return b"yes"

    running = grpc.server(futures.ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(answer)
    running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("x", {"y": handler}),))
    pair = [(tls.key, tls.cert)]
    port = running.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pair, tls.ca_cert, True))
    running.start()
    here, elsewhere = Address("127.0.0.1", port), Address("127.0.0.1", 1)
    parties["alice"] = PartySettings("alice", elsewhere, elsewhere)
    parties["bob"] = PartySettings("bob", here, here, "robert.telco")
    try:
        yield parties
    finally:
        running.stop(None).wait(5)


def call(parties: dict[str, PartySettings], override: str) -> bytes:
    channel_credentials = grpc.ssl_channel_credentials(ALICE.ca_cert, ALICE.key, ALICE.cert)
    options = [("grpc.ssl_target_name_override", override)]
    with grpc.secure_channel(str(parties["bob"].address), channel_credentials, options=options) as channel:
        return channel.unary_unary("/x/y")(b"", timeout=5)


@pytest.mark.parametrize(
    "tls", [credentials("bob"), credentials("other", "robert.telco"), credentials("BOB")]
)
def test_who_passes_the_probe_passes_grpc_under_that_name(tls: TlsSettings) -> None:
    seen: list[str] = []
    with server(tls, seen) as parties:
        report = probe(parties["bob"].address, ALICE, "bob", parties)
        assert report.ok
        assert call(parties, report.accepted_name or "") == b"yes"
    assert seen == ["alice"]


@pytest.mark.parametrize(
    "tls", [credentials("alice"), credentials("mallory", "127.0.0.1"), credentials("bob2")]
)
def test_who_fails_the_probe_fails_grpc_under_every_name_of_the_party(tls: TlsSettings) -> None:
    seen: list[str] = []
    with server(tls, seen) as parties:
        assert not probe(parties["bob"].address, ALICE, "bob", parties).ok
        for name in ("bob", "robert.telco"):
            with pytest.raises(grpc.RpcError):
                call(parties, name)
    assert seen == []
