"""Who calls a server of ours, and how many may: for streams of values and for doctors alike."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from junto.config.model import PartySettings
from junto.errors import IdentityError
from junto.reach.identity import party_of_certificate

CONNECTIONS: Final = 64
"""So many connections may be open, and this many more for each party: others are closed at once."""

CONNECTIONS_A_PARTY: Final = 16

Option = tuple[str, int | str]


def party_of(context: Any, parties: Mapping[str, PartySettings]) -> str:
    """The party that the certificate of a call's other end names.

    Raises IdentityError if it names none, or if the connection is not TLS 1.3.
    """
    facts = context.auth_context()
    version = _first(facts, "ssl_tls_version")
    if not version:
        raise IdentityError("this grpcio does not tell the TLS version; junto needs 1.85 or newer")
    if version != b"TLSv1.3":
        raise IdentityError(f"it speaks {version.decode('ascii', 'replace')!r}, not TLSv1.3")
    pem = _first(facts, "x509_pem_cert").decode("ascii", "replace")
    try:
        return party_of_certificate(ssl.PEM_cert_to_DER_cert(pem), parties)
    except ValueError as error:
        raise IdentityError(f"its certificate cannot be read: {error}") from error


def caller_host(context: Any) -> str:
    """The IP address from which a call comes, in its shortest form; empty if gRPC does not say."""
    host = unquote(context.peer()).partition(":")[2].rpartition(":")[0].strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def guard_options(parties: int, timeout_s: float) -> list[Option]:
    """What gRPC is told of callers that show no certificate: a deadline for the handshake, and a most."""
    return [
        ("grpc.server_handshake_timeout_ms", max(int(timeout_s * 1000), 1000)),
        ("grpc.max_allowed_incoming_connections", CONNECTIONS + CONNECTIONS_A_PARTY * parties),
    ]


def _first(facts: Mapping[str, Any], name: str) -> bytes:
    values = facts.get(name) or (b"",)
    return bytes(values[0])
