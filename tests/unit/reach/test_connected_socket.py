"""Where the other end has gone away before TLS begins, `wrap_socket` fails and leaves nothing open."""

import select
import socket
import ssl
import struct

import pytest

from junto.certificates import create_ca, issue
from junto.config import TlsSettings
from junto.reach.tls_context import client_context, server_context, unverified_context

CA = create_ca("Pilot")
OWN = issue("alice", (), CA)
TLS = TlsSettings(CA.pem, OWN.pem, OWN.key)
RESET = struct.pack("ii", 1, 0)  # linger, for no time: closing sends a reset


@pytest.mark.parametrize("reported", [False, True])
@pytest.mark.parametrize(
    "context",
    [client_context(TLS), server_context(TLS), unverified_context()],
    ids=["client", "server", "any"],
)
def test_whose_other_end_is_gone_fails_and_is_closed(context: ssl.SSLContext, reported: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plain = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        other.close()
        told = select.poll()
        told.register(plain, 0)
        assert told.poll(30_000)
        if reported:  # the system says it once
            assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        server = context.protocol is ssl.PROTOCOL_TLS_SERVER
        with pytest.raises(OSError, match="the other end is gone") as caught:
            context.wrap_socket(plain, server_side=server, do_handshake_on_connect=not server)
    assert isinstance(caught.value, ConnectionResetError)
    assert plain.fileno() == -1
    # What was left open would be a warning here, and warnings are errors.
