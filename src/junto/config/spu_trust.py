"""Who makes the correlated randomness of an SPU, and whether the protocol's name promises what is done."""

from __future__ import annotations

from dataclasses import dataclass

from junto.config.section import Section
from junto.config.spu_keys import HELPER_NODE, INERT_HELPER
from junto.config.spu_model import BeaverType, ProtocolKind, SpuNode, SpuSource
from junto.config.spu_nodes import check_party, read_choice, read_node, read_section
from junto.errors import ConfigError

_RUNTIME = "cluster_def.runtime_config"


@dataclass(frozen=True, slots=True)
class Asked:
    """What `runtime_config` says about the preprocessing.

    Attributes:
        protocol: the name that was asked for.
        beaver: `beaver_type`, if given.
        helper: the node that `ttp_beaver_config` names.
        first_party: `insecure_first_party_dealer`, if given.
        ways_out: for an error: what to write instead, with a name of this job.
    """

    protocol: ProtocolKind
    beaver: BeaverType | None
    helper: SpuNode | None
    first_party: bool | None
    ways_out: str


def read_asked(runtime: Section, nodes: tuple[SpuNode, ...], job_parties: tuple[str, ...]) -> Asked:
    """The protocol and the preprocessing in `runtime_config`. Raises ConfigError."""
    flag = "insecure_first_party_dealer"
    taken = [node.party for node in nodes]
    spare = next((party for party in (*job_parties, "carol", "dave") if party not in taken), "helper")
    added = "" if spare in job_parties else " (who has to join it)"
    written = f"{{'party': {spare!r}" + (", 'address': '<host:port>'}" if nodes[0].address else "}")
    return Asked(
        protocol=read_choice(runtime, "protocol", ProtocolKind) or ProtocolKind.SEMI2K,
        beaver=read_choice(runtime, "beaver_type", BeaverType),
        helper=_read_helper(runtime, taken, job_parties, written),
        first_party=runtime.flag(flag, False) if runtime.has(flag) else None,
        ways_out=(
            "leave it out: the two parties make it together; or, which is quicker, name a third party of the "
            f"job, such as {spare}{added}, as third node: it helps, and sees masks only; or "
            f"runtime_config={{'ttp_beaver_config': {written}}}, which says the same; or, where nothing is "
            f"secret, set runtime_config={{{flag!r}: True}}"
        ),
    )


def _read_helper(
    runtime: Section, taken: list[str], job_parties: tuple[str, ...], written: str
) -> SpuNode | None:
    """The node that `ttp_beaver_config` names."""
    if not runtime.has("ttp_beaver_config"):
        return None
    place = runtime.at("ttp_beaver_config")
    section = read_section(place, runtime.raw("ttp_beaver_config"), HELPER_NODE, INERT_HELPER)
    if section.has("server_host"):
        raise ConfigError(
            f"{section.at('server_host')} names a server, but the helper here is a party of the job: it runs "
            "this same script, with a certificate and no data of its own",
            fix=f"write ttp_beaver_config={written}",
        )
    helper = read_node(section)
    check_party(place, helper.party, job_parties)
    if helper.party in taken:
        raise ConfigError(
            f"{place} names {helper.party}, which is one of the nodes already",
            fix="the third of three nodes helps: leave ttp_beaver_config out"
            if len(taken) > 2
            else "name a party of the job that does not compute",
        )
    if len(taken) > 2:
        raise ConfigError(
            f"{place} names {helper.party}, but {taken[2]}, the third of the nodes, helps already",
            fix="leave ttp_beaver_config out, or list two nodes",
        )
    return helper


def check_protocol(place: str, nodes: tuple[SpuNode, ...], asked: Asked, production: bool) -> None:
    """Whether the protocol's name promises what is done here. The names' meaning: `spu-settings.md`."""
    name = asked.protocol.name
    if asked.protocol is ProtocolKind.CHEETAH:
        _check_cheetah(place, nodes, asked)
    if asked.protocol in (ProtocolKind.ABY3, ProtocolKind.SECURENN) and len(nodes) != 3:
        raise ConfigError(
            f"{_RUNTIME}.protocol is {name}, for exactly three parties, but {place} has {len(nodes)}",
            fix="list three nodes (two compute, the third helps), or write SEMI2K",
        )
    if asked.protocol is ProtocolKind.REF2K and production:
        raise ConfigError(
            f"{_RUNTIME}.protocol is REF2K, which computes in the clear, so every node would read everything",
            fix="write SEMI2K; to try a script in the clear use sf.init(parties=[...])",
        )


def _check_cheetah(place: str, nodes: tuple[SpuNode, ...], asked: Asked) -> None:
    """Two parties, and nobody else whom they trust."""
    said = f"{_RUNTIME}.protocol is CHEETAH, two parties and nobody else"
    if len(nodes) != 2:
        raise ConfigError(f"{said}, but {place} has {len(nodes)}", fix="list two nodes, or write SEMI2K")
    if asked.helper or asked.first_party or asked.beaver not in (None, BeaverType.MultiParty):
        raise ConfigError(
            f"{said}, but {_RUNTIME} also says that one party makes the randomness",
            fix="leave beaver_type, ttp_beaver_config and the dealer's flag out, or write SEMI2K",
        )


def read_source(nodes: tuple[SpuNode, ...], asked: Asked, production: bool) -> SpuSource:
    """Who makes the correlated randomness. What would let one party read everything has to be asked for."""
    if asked.protocol is ProtocolKind.REF2K:
        if asked.beaver or asked.helper or asked.first_party:
            raise ConfigError(
                f"{_RUNTIME} says who makes the randomness, but REF2K computes in the clear and needs none",
                fix="leave beaver_type, ttp_beaver_config and the dealer's flag out, or write SEMI2K",
            )
        return SpuSource.NONE
    third = next((node.party for node in nodes[2:3]), None)
    if third is not None:
        if asked.beaver is BeaverType.MultiParty:
            raise ConfigError(
                f"{_RUNTIME}.beaver_type is MultiParty, two parties without a helper, but {third}, the third "
                "node, helps",
                fix="leave it out, or list two nodes",
            )
        if asked.first_party:
            raise ConfigError(
                f"{_RUNTIME}.insecure_first_party_dealer is set, but {third}, the third node, helps",
                fix="leave it out",
            )
        return SpuSource.HELPER
    return _source_of_two(nodes, asked, production)


def _source_of_two(nodes: tuple[SpuNode, ...], asked: Asked, production: bool) -> SpuSource:
    first = nodes[0].party
    if asked.beaver is BeaverType.MultiParty:
        if asked.helper is not None or asked.first_party:
            raise ConfigError(
                f"{_RUNTIME}.beaver_type is MultiParty, both parties together, and {_RUNTIME} also says that "
                "one party makes the randomness",
                fix="leave ttp_beaver_config and insecure_first_party_dealer out, or beaver_type",
            )
        return SpuSource.BOTH_PARTIES
    if asked.helper is not None:
        if asked.first_party or asked.beaver is BeaverType.TrustedFirstParty:
            raise ConfigError(
                f"{_RUNTIME} names a helper in ttp_beaver_config, and {first} as maker of the randomness",
                fix="leave beaver_type and insecure_first_party_dealer out: the helper is safer",
            )
        return SpuSource.HELPER
    if asked.beaver is BeaverType.TrustedThirdParty:
        raise ConfigError(
            f"{_RUNTIME}.beaver_type is TrustedThirdParty, but nothing says who that is", fix=asked.ways_out
        )
    if asked.first_party:
        return SpuSource.FIRST_PARTY
    if asked.beaver is BeaverType.TrustedFirstParty:
        if asked.first_party is None and not production:
            return SpuSource.FIRST_PARTY
        raise ConfigError(
            f"{_RUNTIME}.beaver_type is TrustedFirstParty: {first} would make the randomness, and could read "
            "everything",
            fix=asked.ways_out,
        )
    return SpuSource.BOTH_PARTIES
