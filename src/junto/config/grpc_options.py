"""`grpc_channel_options`: which of gRPC's options may be set, and which would weaken the silo."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import cast

from junto.config.section import wrong_type
from junto.errors import ConfigError

_IDENTITY = (
    "it decides whose certificate is accepted; that follows from the party's name, address and identity"
)
_CHUNKS = "values travel in chunks, so a message's size says nothing about a value's; the bound on a value is messages_max_size_in_bytes"  # noqa: E501
_RETRIES = (
    "repeating a call is the gateway's work: it resumes a value where it stopped; set grpc_retry_policy"
)
_DIRECT = "parties are dialled directly; whatever stands between them has to be transparent to TLS"
REFUSED: Mapping[str, str] = {
    "grpc.ssl_target_name_override": _IDENTITY,
    "grpc.default_authority": _IDENTITY,
    "grpc.secondary_user_agent": "it says nothing to anybody here",
    "grpc.so_reuseport": "with it another process of this machine could take a part of our connections",
    "grpc.ssl_session_cache": "resumed sessions would skip the check of the certificate",
    "grpc.tsi.max_frame_size": "frame sizes of TLS are left alone",
    "grpc.enable_retries": _RETRIES,
    "grpc.service_config": _RETRIES,
    "grpc.service_config_disable_resolution": _RETRIES,
    "grpc.http_proxy": _DIRECT,
    "grpc.enable_http_proxy": _DIRECT,
    "grpc.lb_policy_name": "a party has one address, so there is nothing to balance",
    "grpc.max_send_message_length": _CHUNKS,
    "grpc.max_receive_message_length": _CHUNKS,
}
KNOWN = (
    "grpc.bdp_probe", "grpc.client_idle_timeout_ms", "grpc.dns_ares_query_timeout",
    "grpc.dns_enable_srv_queries", "grpc.dns_min_time_between_resolutions_ms", "grpc.dscp",
    "grpc.enable_channelz", "grpc.experimental.tcp_max_read_chunk_size",
    "grpc.experimental.tcp_min_read_chunk_size", "grpc.experimental.tcp_read_chunk_size",
    "grpc.http2.bdp_probe", "grpc.http2.hpack_table_size.decoder",
    "grpc.http2.hpack_table_size.encoder", "grpc.http2.lookahead_bytes",
    "grpc.http2.max_frame_size", "grpc.http2.max_pings_without_data", "grpc.http2.max_ping_strikes",
    "grpc.http2.min_ping_interval_without_data_ms",
    "grpc.http2.min_recv_ping_interval_without_data_ms", "grpc.http2.min_time_between_pings_ms",
    "grpc.http2.write_buffer_size", "grpc.http2_scheme",
    "grpc.initial_reconnect_backoff_ms", "grpc.keepalive_permit_without_calls",
    "grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms",
    "grpc.max_channel_trace_event_memory_per_node", "grpc.max_concurrent_streams",
    "grpc.max_connection_age_grace_ms", "grpc.max_connection_age_ms", "grpc.max_connection_idle_ms",
    "grpc.max_metadata_size", "grpc.max_reconnect_backoff_ms", "grpc.min_reconnect_backoff_ms",
    "grpc.optimization_target", "grpc.per_message_compression", "grpc.primary_user_agent",
    "grpc.resource_quota", "grpc.server_handshake_timeout_ms", "grpc.tcp_receive_buffer_size",
    "grpc.use_local_subchannel_pool",
)  # fmt: skip


def parse_channel_options(place: str, value: object) -> tuple[tuple[str, int | str], ...]:
    """A table, or a list of (name, value) pairs, of options passed on to gRPC.

    gRPC ignores an option that it does not know, so a misspelt one is refused here. Raises ConfigError.
    """
    if value is None:
        return ()
    if isinstance(value, Mapping):
        pairs: list[object] = list(cast("Mapping[object, object]", value).items())
    elif isinstance(value, list | tuple):
        pairs = list(cast("list[object]", value))
    else:
        raise wrong_type(place, "a list of (name, value) pairs", value)
    options: dict[str, int | str] = {}
    for pair in pairs:
        name, option = _pair(place, pair)
        if name in options:
            raise ConfigError(f"{place} sets {name} twice", fix="keep one of them")
        options[name] = option
    return tuple(options.items())


def _pair(place: str, pair: object) -> tuple[str, int | str]:
    if not isinstance(pair, list | tuple):
        raise wrong_type(f"each entry of {place}", "a (name, value) pair", pair)
    entries = cast("tuple[object, ...]", tuple(cast("list[object]", pair)))
    if len(entries) != 2:
        raise ConfigError(
            f"{place} has an entry of length {len(entries)}; each one is a (name, value) pair",
            fix='write them as [["name", value], ...]',
        )
    name, option = entries
    if not isinstance(name, str):
        raise wrong_type(f"the name of each entry of {place}", "text", name)
    if name in REFUSED:
        if name == "grpc.so_reuseport" and option in (0, False):
            return name, 0
        raise ConfigError(f"{place}: {name} may not be set: {REFUSED[name]}", fix=f"remove {name}")
    if name not in KNOWN:
        near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.5)
        raise ConfigError(
            f"{place}: gRPC has no option {name!r} that makes sense here, and would ignore it",
            fix=f"did you mean {near[0]}?" if near else "compare it with gRPC's list of channel arguments",
        )
    if isinstance(option, bool):
        return name, int(option)
    if not isinstance(option, int | str):
        raise wrong_type(f"{place}: {name}", "a whole number or text", option)
    return name, option
