"""`sf.SPU`'s arguments to one frozen `SpuSettings`: who computes, who helps, and who could read what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from junto.config.section import LONGEST_S, Section
from junto.config.spu_keys import (
    CLUSTER_DEF,
    INERT_LINK,
    INERT_RUNTIME,
    LINK_DESC,
    MISPLACED_CLUSTER_DEF,
    MISPLACED_LINK,
    MISPLACED_RUNTIME,
    RUNTIME,
)
from junto.config.spu_model import (
    DEFAULT_FRACTION,
    MOST_FRACTION,
    FieldType,
    OverflowPolicy,
    ProtocolKind,
    SpuLink,
    SpuNode,
    SpuSettings,
    SpuSource,
)
from junto.config.spu_nodes import check_addresses, read_choice, read_nodes, read_section
from junto.config.spu_trust import check_protocol, read_asked, read_source
from junto.errors import ConfigError

__all__ = ["FieldType", "ProtocolKind", "SpuLink", "SpuNode", "SpuSettings", "SpuSource", "parse_spu"]

_LEAST_PIECE = 1024
_RUNTIME = "cluster_def.runtime_config"


def parse_spu(
    cluster_def: Mapping[str, Any] | None,
    link_desc: Mapping[str, Any] | None,
    parties: Sequence[str] | None,
    job_parties: tuple[str, ...],
    production: bool,
    short: Mapping[str, Any] | None = None,
) -> SpuSettings:
    """Check what `sf.SPU` was told and freeze it.

    Args:
        cluster_def: `{"nodes": [...], "runtime_config": {...}}`; without `nodes` if `parties` names them.
        link_desc: how the nodes talk; None: defaults.
        parties: the short form: the nodes' names; their link runs through the parties' gateways.
        job_parties: all parties of the job.
        production: whether each party runs on its own. What would let one party read everything is then
            refused unless it is asked for in so many words.
        short: settings of `runtime_config` that are arguments of `sf.SPU`; None: not given.

    Nothing is bound, resolved, dialled or logged. Raises ConfigError.
    """
    cluster = Section(
        "cluster_def", {} if cluster_def is None else cluster_def, CLUSTER_DEF, MISPLACED_CLUSTER_DEF
    )
    given = _merged(cluster.table("runtime_config") or {}, short or {})
    runtime = read_section(_RUNTIME, given, RUNTIME, INERT_RUNTIME, MISPLACED_RUNTIME)
    place, nodes = read_nodes(cluster, parties, job_parties)
    asked = read_asked(runtime, nodes, job_parties)
    check_protocol(place, nodes, asked, production)
    source = read_source(nodes, asked, production)
    if source is SpuSource.HELPER and asked.helper is not None:
        nodes = (*nodes, asked.helper)
    check_addresses(place, nodes)
    ring = _ring(runtime, source)
    return SpuSettings(
        nodes=nodes,
        compute=(nodes[0].party, nodes[1].party),
        helper=nodes[2].party if source is SpuSource.HELPER else None,
        source=source,
        protocol=asked.protocol,
        ring=ring,
        fraction=_fraction(runtime, ring),
        link=_link(link_desc),
        overflow=_overflow(runtime, ring),
    )


def _merged(runtime: Mapping[str, Any], short: Mapping[str, Any]) -> Mapping[str, Any]:
    """Both together; a setting has one place."""
    named = {name: value for name, value in short.items() if value is not None}
    for name in named:
        if name in runtime:
            raise ConfigError(
                f"{_RUNTIME}.{name} is given, and so is the argument {name} of sf.SPU", fix="write it once"
            )
    return {**runtime, **named}


def _ring(runtime: Section, source: SpuSource) -> FieldType:
    usual = FieldType.FM64 if source is SpuSource.BOTH_PARTIES else FieldType.FM128
    ring = read_choice(runtime, "field", FieldType) or usual
    if ring is FieldType.FM32:
        raise ConfigError(
            f"{runtime.at('field')} is FM32, which leaves too few bits for a product of fixed-point numbers",
            fix="write FM64",
        )
    return ring


def _overflow(runtime: Section, ring: FieldType) -> OverflowPolicy:
    overflow = read_choice(runtime, "overflow", OverflowPolicy) or OverflowPolicy.WRAP
    if overflow is OverflowPolicy.ERROR and ring is not FieldType.FM128:
        raise ConfigError(
            f"{runtime.at('overflow')} is error, which takes a ring in which products of numbers have room",
            fix='write "field": "FM128" beside it; in FM64 debug_mode=True tells, with made-up data',
        )
    return overflow


def _fraction(runtime: Section, ring: FieldType) -> int:
    default, most = DEFAULT_FRACTION[ring], MOST_FRACTION[ring]
    fraction = runtime.integer("fxp_fraction_bits", 0) or default
    if fraction > most:
        raise ConfigError(
            f"{runtime.at('fxp_fraction_bits')} is {fraction}; with {ring.name} it is at most {most}, "
            "because a product has twice as many before it is cut",
            fix=f"leave it out for {default}",
        )
    return fraction


def _link(link_desc: Mapping[str, Any] | None) -> SpuLink:
    section = read_section(
        "link_desc", {} if link_desc is None else link_desc, LINK_DESC, INERT_LINK, MISPLACED_LINK
    )
    default = SpuLink()
    for key in ("connect_retry_interval_ms", "recv_timeout_ms"):
        section.milliseconds(key)  # refused if it is too long
    link = SpuLink(
        connect_retry_times=section.integer("connect_retry_times", 1) or default.connect_retry_times,
        connect_retry_interval_ms=section.integer("connect_retry_interval_ms", 1)
        or default.connect_retry_interval_ms,
        recv_timeout_ms=section.integer("recv_timeout_ms", 1),
        throttle_window_size=section.integer("throttle_window_size", 1) or default.throttle_window_size,
        http_max_payload_size=section.integer("http_max_payload_size", _LEAST_PIECE),
    )
    if link.connect_retry_times * link.connect_retry_interval_ms > 1000 * LONGEST_S:
        raise ConfigError(
            f"link_desc has a node awaited for longer than {LONGEST_S:,} seconds",
            fix="lower connect_retry_times or connect_retry_interval_ms",
        )
    return link
