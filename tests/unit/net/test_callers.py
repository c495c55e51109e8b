"""Who calls, from what gRPC says of a call; a call that it says nothing of names nobody."""

import pytest

from junto.errors import IdentityError
from junto.net.grpc_carrier import CONNECTIONS, caller_host, guard_options, party_of


class Call:
    def __init__(self, peer="", **facts):
        self._peer = peer
        self._facts = {name: (value,) for name, value in facts.items()}

    def peer(self):
        return self._peer

    def auth_context(self):
        return self._facts


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, "does not tell the TLS version"),
        ({"ssl_tls_version": b"TLSv1.2"}, "'TLSv1.2', not TLSv1.3"),
        ({"ssl_tls_version": b"TLSv1.3"}, "its certificate cannot be read"),
        ({"ssl_tls_version": b"TLSv1.3", "x509_pem_cert": b"\xff\xfe"}, "its certificate cannot be read"),
        (
            {
                "ssl_tls_version": b"TLSv1.3",
                "x509_pem_cert": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            },
            "certificate",
        ),
    ],
)
def test_without_a_certificate_on_tls_1_3_nobody_is_named(facts, text):
    with pytest.raises(IdentityError, match=text):
        party_of(Call(**facts), {})


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:10.0.0.7:43210", "10.0.0.7"),
        ("ipv6:%5B::1%5D:43210", "::1"),
        ("ipv6:%5B::ffff:10.0.0.7%5D:1", "10.0.0.7"),
        ("unix:/tmp/socket", ""),
        ("", ""),
    ],
)
def test_the_address_is_in_its_shortest_form_or_empty(peer, host):
    assert caller_host(Call(peer)) == host


def test_the_guard_grows_with_the_parties_and_its_deadline_is_a_second_at_least():
    small, large = (dict(guard_options(parties, 0.1)) for parties in (2, 3))
    assert small["grpc.server_handshake_timeout_ms"] == 1000
    most = "grpc.max_allowed_incoming_connections"
    assert CONNECTIONS < small[most] < large[most]
