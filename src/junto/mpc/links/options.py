"""What a link is told: nodes, numbers, and whom to trust."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, fields

from junto.config.model import Address
from junto.errors import ConfigError

ALPN = "junto-spu/2"
"""What both sides of a TLS connection have to name, so that no other service is mistaken for a node."""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """One node of an SPU.

    Args:
        name: the party that it belongs to; its certificate names it.
        address: where the others reach it.
        listen: what it binds.
    """

    name: str
    address: Address
    listen: Address


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """The numbers of a link.

    Args:
        connect_retry_times: how many pauses a late node is worth.
        connect_retry_interval_ms: the longest pause between two attempts; the first ones are much shorter. A
            node is awaited `connect_retry_times * connect_retry_interval_ms`, whoever of the two dials.
        handshake_timeout_ms: for one connection, from its first packet until both nodes know each other.
        recv_timeout_ms: the longest silence while a message is awaited; a byte that arrives begins it anew.
        send_timeout_ms: how long the other node may take nothing of what is sent to it; None: the same.
        max_message_bytes: a longer message is an error, here and there.
        send_buffer_bytes, receive_buffer_bytes: of the system, a connection; None: it finds out by itself.
    """

    connect_retry_times: int = 10
    connect_retry_interval_ms: int = 1000
    handshake_timeout_ms: int = 5000
    recv_timeout_ms: int = 30_000
    send_timeout_ms: int | None = None
    max_message_bytes: int = 1 << 34
    send_buffer_bytes: int | None = None
    receive_buffer_bytes: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value < 1:
                raise ConfigError(f"{field.name} of a link has to be positive, and is {value}")

    @property
    def patience_s(self) -> float:
        """How long a late node is awaited."""
        return self.connect_retry_times * self.connect_retry_interval_ms / 1000


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a node proves who it is, and how it checks the others.

    Args:
        client_context, server_context: TLS 1.3 only, with our certificate, a CA, and `CERT_REQUIRED`. Both
            have to offer `ALPN` and nothing else.
        verify: called with the DER certificate of the other side, whose chain TLS has checked, and the party
            that it should name. Raises IdentityError if it does not name this party and no other.

    Raises:
        ConfigError: a context that would accept an older version, or a peer without a certificate.
    """

    client_context: ssl.SSLContext
    server_context: ssl.SSLContext
    verify: Callable[[bytes, str], None]

    def __post_init__(self) -> None:
        for context in (self.client_context, self.server_context):
            if context.verify_mode is not ssl.CERT_REQUIRED:
                raise ConfigError("the link of an SPU needs a certificate from both sides")
            if context.minimum_version is not ssl.TLSVersion.TLSv1_3:
                raise ConfigError("the link of an SPU needs TLS 1.3")
