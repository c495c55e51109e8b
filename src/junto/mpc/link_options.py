"""What a link is told."""

from __future__ import annotations

from dataclasses import dataclass, fields

from junto.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """The numbers of a link.

    Args:
        connect_retry_times: how many pauses a late node is worth.
        connect_retry_interval_ms: the longest pause between two attempts; the first ones are much shorter. A
            node is awaited `connect_retry_times * connect_retry_interval_ms`, whoever of the two dials.
        handshake_timeout_ms: how long a node that differs may take to hear of it.
        recv_timeout_ms: the longest silence while a message is awaited; a byte that arrives begins it anew.
        send_timeout_ms: how long the other node may take nothing of what is sent to it; None: the same.
        max_message_bytes: a longer message is an error, here and there.
    """

    connect_retry_times: int = 10
    connect_retry_interval_ms: int = 1000
    handshake_timeout_ms: int = 5000
    recv_timeout_ms: int = 30_000
    send_timeout_ms: int | None = None
    max_message_bytes: int = 1 << 34

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value < 1:
                raise ConfigError(
                    f"{field.name} of a link has to be positive, and is {value}", fix="give a number above 0"
                )

    @property
    def patience_s(self) -> float:
        """How long a late node is awaited."""
        return self.connect_retry_times * self.connect_retry_interval_ms / 1000
