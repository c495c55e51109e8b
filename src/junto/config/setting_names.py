"""Every setting's name, and every name that is refused with its reason.

These literal tables are the whole vocabulary; `docs/reference/settings.md` explains each word.
"""

from __future__ import annotations

from collections.abc import Mapping

TOP = (
    "config", "parties", "address", "cluster_config", "tls_config",
    "cross_silo_serializing_allowed_list", "cross_silo_comm_backend", "cross_silo_comm_options",
    "debug_mode", "job_name", "num_cpus", "num_gpus", "log_to_driver", "logging_level",
    "omp_num_threads", "enable_waiting_for_other_parties_ready",
    "require_tls", "expose_remote_errors", "wire_types", "ledger", "peer_timeout_s", "heartbeat_s",
    "meet_timeout_s", "wait_timeout_s", "spill_dir", "quota_bytes", "workers", "runtime_env",
)  # fmt: skip
CLUSTER = ("parties", "self_party")
PARTY = ("address", "listen_addr", "identity", "socket_address", "socket_listen_addr")
TLS = ("ca_cert", "cert", "key", "key_password")
COMM = (
    "timeout_in_ms", "messages_max_size_in_bytes", "exit_on_sending_failure",
    "sending_failure_handler", "serializing_allowed_list", "grpc_retry_policy",
    "grpc_channel_options",
)  # fmt: skip
RETRY = ("maxAttempts", "initialBackoff", "maxBackoff", "backoffMultiplier", "retryableStatusCodes")

PLACES: Mapping[str, tuple[str, ...]] = {
    "sf.init": TOP,
    "cluster_config": CLUSTER,
    "cluster_config.parties.<name>": PARTY,
    "tls_config": TLS,
    "cross_silo_comm_options": COMM,
    "cross_silo_comm_options.grpc_retry_policy": RETRY,
}

REFUSED_TOP: Mapping[str, str] = {
    "ray_mode": "whether Ray is used follows from `address`: give the Ray head's host:port, or leave it out",
    "auth_manager_config": "there are no trusted execution environments here, so there is nobody to attest",
    "party_key_pair": "a party's identity is the certificate in tls_config; there is no second key pair",
    "tee_simulation": "there are no trusted execution environments here",
    "namespace": "actors live as long as their session; there are no named ones to keep apart",
    "self_party": "it belongs inside cluster_config",
    "expose_error_trace": "it is called expose_remote_errors here",
}  # fmt: skip
REFUSED_PARTY: Mapping[str, str] = {
    "listen_address": "it is called listen_addr, as in the deployment guide",
}
_OTHER_TRANSPORT = (
    "connect_retry_times", "connect_retry_interval_ms", "recv_timeout_ms", "http_timeout_ms",
    "http_max_payload_size", "throttle_window_size", "brpc_channel_protocol",
    "brpc_channel_connection_type", "brpc_retry_count", "brpc_retry_interval_ms",
    "brpc_aggressive_retry",
)  # fmt: skip
REFUSED_COMM: Mapping[str, str] = {
    **dict.fromkeys(_OTHER_TRANSPORT, "it is a setting of another transport; values travel by gRPC only"),
    "http_header": "values travel on one gRPC stream between the parties; nobody reads headers of yours",
    "max_concurrency": "each pair of parties shares one stream; there is no pool of senders to size",
    "proxy_max_restarts": "the gateway lives in the driver's process; there is no proxy actor to restart",
    "send_resource_label": "the gateway lives in the driver's process and needs no Ray resource",
    "recv_resource_label": "the gateway lives in the driver's process and needs no Ray resource",
    "use_global_proxy": "each session has its own gateway",
    "continue_waiting_for_data_sending_on_error":
        "shutdown always waits for what is in flight unless a party is unreachable",
    "expose_error_trace": "it is called expose_remote_errors here and belongs at the top level",
}  # fmt: skip
