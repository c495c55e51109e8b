"""Every word of `cluster_def` and `link_desc`, and why some of SPU's words change nothing here.

These literal tables are the whole vocabulary; `docs/reference/spu-settings.md` explains each word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CLUSTER_DEF = ("nodes", "runtime_config")
NODE = ("party", "address", "listen_addr", "listen_address")
HELPER_NODE = (*NODE, "server_host")
RUNTIME = (
    "protocol", "field", "fxp_fraction_bits", "beaver_type", "ttp_beaver_config",
    "insecure_first_party_dealer", "overflow",
)  # fmt: skip
LINK_DESC = (
    "connect_retry_times", "connect_retry_interval_ms", "recv_timeout_ms", "throttle_window_size",
    "http_max_payload_size",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inert:
    """A setting of SPU's without effect here.

    Attributes:
        because: why, as the end of a sentence; if there is another way to what it is for, that way.
        accepted: the values that ask for nothing, or for what happens anyway. SPU's default is one of them.
    """

    because: str
    accepted: tuple[object, ...] = ()


_TLS = "the link uses the certificates of sf.init(tls_config=...) and checks who the peer is"
_ERROR_BOUND = (
    "each function keeps the error bound that the table of primitives states; there is nothing to iterate"
)
_APPROXIMATION = (
    "each function is approximated in one way, within the error that the table of primitives states"
)
_SORT = "jax decides what a sort returns, and the engine how: in one way"
_TRACE = "an error names the operation and its source line; spu(fn).explain and spu.profile() show the rest"
_PROFILE = "rounds and bytes are always counted; spu.profile() shows them"
_SNAPSHOT = "spu.dump stores the values that you name; nothing else is written"
_THREADS = "operations that do not need each other share their rounds always, and kernels take the processors that omp_num_threads in sf.init allows"  # noqa: E501
_PRIME = "there is one exponential function here, and it is not exp prime"
_CHEETAH = "two parties without a helper use oblivious transfer and lattices in one way; nothing is to be set"
_STREAM = "each pair of nodes shares one TLS stream; there is no other transport to choose"
_TTP_SERVER = (
    "the helper is a party of the job, not a server: it runs this script, and its identity is its certificate"
)

INERT_RUNTIME: Mapping[str, Inert] = {
    "max_concurrency": Inert("kernels take the processors that omp_num_threads in sf.init allows", (0,)),
    "enable_action_trace": Inert(_TRACE, (False,)),
    "enable_type_checker": Inert("types are always checked", (False, True)),
    "enable_pphlo_trace": Inert(_TRACE, (False,)),
    "enable_runtime_snapshot": Inert(_SNAPSHOT, (False,)),
    "snapshot_dump_dir": Inert(_SNAPSHOT, ("",)),
    "enable_pphlo_profile": Inert(_PROFILE, (False,)),
    "enable_hal_profile": Inert(_PROFILE, (False,)),
    "public_random_seed": Inert("random numbers follow from the jax.random key that the function uses", (0,)),
    "share_max_chunk_size": Inert("shares travel in pieces of the gateway's choice", (0, 128 << 20)),
    "sort_method": Inert(_SORT, ("SORT_DEFAULT", 0)),
    "quick_sort_threshold": Inert(_SORT, (0, 32)),
    "fxp_div_goldschmidt_iters": Inert(_ERROR_BOUND, (0, 2)),
    "fxp_exp_mode": Inert(_APPROXIMATION, ("EXP_DEFAULT", 0)),
    "fxp_exp_iters": Inert(_ERROR_BOUND, (0, 8)),
    "fxp_log_mode": Inert(_APPROXIMATION, ("LOG_DEFAULT", 0)),
    "fxp_log_iters": Inert(_ERROR_BOUND, (0, 3)),
    "fxp_log_orders": Inert(_ERROR_BOUND, (0, 8)),
    "sigmoid_mode": Inert(
        "the logistic function is computed as it is defined (SIGMOID_REAL); for a straight line write "
        "0.5 + 0.125 * x, for three pieces jnp.clip(0.5 + 0.125 * x, 0, 1)",
        ("SIGMOID_DEFAULT", 0, "SIGMOID_REAL", 3),
    ),
    "enable_lower_accuracy_rsqrt": Inert(_ERROR_BOUND, (False,)),
    "sine_cosine_iters": Inert(_ERROR_BOUND, (0, 10)),
    "cheetah_2pc_config": Inert(_CHEETAH, ({},)),
    "trunc_allow_msb_error": Inert("a truncation is exact up to one unit in the last place", (False,)),
    "experimental_disable_mmul_split": Inert("matrix products are cut into blocks by the engine", (False,)),
    "experimental_enable_inter_op_par": Inert(_THREADS, (False,)),
    "experimental_enable_intra_op_par": Inert(_THREADS, (False,)),
    "experimental_disable_vectorization": Inert("operations of a round always travel together", (False,)),
    "experimental_inter_op_concurrency": Inert(_THREADS, (0, 8)),
    "experimental_enable_colocated_optimization": Inert(
        "arithmetic among values of one owner always stays with that owner", (False, True)
    ),
    "experimental_enable_exp_prime": Inert(_PRIME, (False,)),
    "experimental_exp_prime_offset": Inert(_PRIME, (0, 13)),
    "experimental_exp_prime_disable_lower_bound": Inert(_PRIME, (False,)),
    "experimental_exp_prime_enable_upper_bound": Inert(_PRIME, (False,)),
}  # fmt: skip
INERT_LINK: Mapping[str, Inert] = {
    "id": Inert("a link is named after its job, its SPU and its nodes", ("root",)),
    "parties": Inert("the parties are the nodes of cluster_def, or sf.SPU(parties=[...])"),
    "http_timeout_ms": Inert("there are no HTTP requests; recv_timeout_ms bounds sending, too", (20_000,)),
    "brpc_channel_protocol": Inert(_STREAM, ("baidu_std",)),
    "brpc_channel_connection_type": Inert(_STREAM, ("",)),
    "link_type": Inert(_STREAM, ("normal",)),
    "chunk_parallel_send_size": Inert("a message's pieces travel one after the other in one stream", (8,)),
    "disable_msg_seq_id": Inert(
        "messages are always numbered: that is how a lost or repeated one is noticed", (False,)
    ),
    "retry_opts": Inert("a broken stream is an error that names the party; TCP repeats the rest", ({},)),
    "exit_if_async_error": Inert("an error is raised where the program waits; it ends no process", (False,)),
    "enable_ssl": Inert(
        "the link is always TLS when it leaves the machine, whatever is written here", (False, True)
    ),
    "client_ssl_opts": Inert(_TLS, ({},)),
    "server_ssl_opts": Inert(_TLS, ({},)),
}  # fmt: skip
INERT_NODE: Mapping[str, Inert] = {
    "tls_opts": Inert(_TLS, ({},)),
    "id": Inert("a node is known by its party's name"),
}
INERT_HELPER: Mapping[str, Inert] = {
    "adjust_rank": Inert("the helper sends what it deals ahead of time; nobody asks it", (0,)),
    "asym_crypto_schema": Inert(_TTP_SERVER, ("",)),
    "server_public_key": Inert(_TTP_SERVER, ("", b"")),
    "transport_protocol": Inert(_STREAM, ("",)),
    "ssl_config": Inert(_TLS, ({},)),
}  # fmt: skip

_IN_RUNTIME = "it belongs in cluster_def['runtime_config']"
_IN_LINK = "it belongs in link_desc"
_IN_NODE = "it belongs to one of cluster_def['nodes']"

MISPLACED_CLUSTER_DEF: Mapping[str, str] = {
    **dict.fromkeys((*RUNTIME, *INERT_RUNTIME), _IN_RUNTIME),
    **dict.fromkeys(LINK_DESC, _IN_LINK),
    **dict.fromkeys(NODE, _IN_NODE),
    "parties": "name the parties in sf.SPU(parties=[...]), or in cluster_def['nodes'] with their addresses",
    "link_desc": "it is an argument of its own: sf.SPU(cluster_def, link_desc={...})",
}
MISPLACED_RUNTIME: Mapping[str, str] = {
    **dict.fromkeys(LINK_DESC, _IN_LINK),
    **dict.fromkeys(NODE, _IN_NODE),
    "server_host": "it belongs in ttp_beaver_config",
}
MISPLACED_LINK: Mapping[str, str] = {
    **dict.fromkeys((*RUNTIME, *INERT_RUNTIME), _IN_RUNTIME),
    **dict.fromkeys(NODE, _IN_NODE),
}
