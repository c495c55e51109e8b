"""The nodes of an SPU from `cluster_def`, and how SPU's tables are read."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from junto.config.addresses import parse_address, parse_party_list
from junto.config.model import Address
from junto.config.section import Section, wrong_type
from junto.config.spu_keys import INERT_NODE, NODE, Inert
from junto.config.spu_model import SpuNode
from junto.errors import ConfigError

E = TypeVar("E", bound=enum.IntEnum)

_NODES = "cluster_def.nodes"


# --- reading one table ----------------------------------------------------------------------------


def read_section(
    place: str,
    values: object,
    known: tuple[str, ...],
    inert: Mapping[str, Inert],
    misplaced: Mapping[str, str] | None = None,
) -> Section:
    """A section in which SPU's words without effect here have a value that asks for nothing."""
    section = Section(place, values, (*known, *inert), misplaced)
    for key, word in inert.items():
        if section.has(key) and not _asks_nothing(section.raw(key), word):
            kept = " or ".join(dict.fromkeys(repr(value) for value in word.accepted))
            raise ConfigError(
                f"{section.at(key)} cannot be set: {word.because}",
                fix=f"leave it out (or {kept})" if kept else "leave it out",
            )
    return section


def _asks_nothing(value: object, word: Inert) -> bool:
    name = getattr(value, "name", None)
    value = name if isinstance(name, str) else value
    if isinstance(value, str):
        return value.upper() in {text.upper() for text in word.accepted if isinstance(text, str)}
    return isinstance(value, bool | int | bytes | dict) and value in word.accepted


def read_choice(section: Section, key: str, kind: type[E]) -> E | None:
    """A member of `kind`, given as such, by its name in any case, or by its number; None: not given."""
    value = section.raw(key)
    if value is None or isinstance(value, kind):
        return value
    name = value if isinstance(value, str) else getattr(value, "name", None)
    spelt = {member.name.upper(): member for member in kind}
    if isinstance(name, str):
        word = name.strip().upper()
        if word in spelt:
            return spelt[word]
        near = difflib.get_close_matches(word, spelt, n=1, cutoff=0.5)
        fix = f"did you mean {spelt[near[0]].name}?" if near else ""
    elif isinstance(value, int) and not isinstance(value, bool):
        if value in kind.__members__.values():
            return kind(value)
        name, fix = str(value), ""
    else:
        raise wrong_type(section.at(key), f"one of {_names(kind)}", value)
    raise ConfigError(f"{section.at(key)} is {name!r}, which is none of {_names(kind)}", fix=fix)


def _names(kind: type[enum.IntEnum]) -> str:
    return ", ".join(f"{member.name} ({member.value})" for member in kind)


# --- nodes ----------------------------------------------------------------------------------------


def read_nodes(
    cluster: Section, parties: Sequence[str] | None, job_parties: tuple[str, ...]
) -> tuple[str, tuple[SpuNode, ...]]:
    """Where the nodes are listed, and the nodes in that order."""
    if parties is not None:
        if cluster.has("nodes"):
            raise ConfigError(
                f"both parties and {_NODES} are given, but each of them lists the nodes",
                fix="keep parties (a link through the gateways) or nodes (with addresses of their own)",
            )
        place, nodes = "parties", tuple(SpuNode(name) for name in parse_party_list("parties", parties))
    else:
        entries = cluster.required("nodes", f"name the nodes: sf.SPU(parties={list(job_parties)!r})")
        if not isinstance(entries, list | tuple):
            raise wrong_type(_NODES, "a list of tables, one a party", entries)
        place = _NODES
        nodes = tuple(
            _node(f"{_NODES}[{index}]", entry) for index, entry in enumerate(cast("list[object]", entries))
        )
    for node in nodes:
        check_party(place, node.party, job_parties)
    _check_count(place, nodes)
    return place, nodes


def _node(place: str, value: object) -> SpuNode:
    if isinstance(value, str):
        raise ConfigError(
            f"{place} has to be a table, but it is text",
            fix=f'write {{"party": {value!r}}}, or use parties=[...]',
        )
    return read_node(read_section(place, value, NODE, INERT_NODE))


def read_node(section: Section) -> SpuNode:
    """One node from its table. Raises ConfigError."""
    section.required("party", "say which party of the job this node is")
    party = section.text("party")
    listen = _listen(section)
    if not section.has("address"):
        if listen is not None:
            raise ConfigError(
                f"{section.place} says what to bind, but not where the others reach it",
                fix="add address, or leave listen_addr out: without addresses the link uses the gateways",
            )
        return SpuNode(cast("str", party))
    address = parse_address(section.at("address"), section.raw("address"))
    if address.host in ("0.0.0.0", "::"):  # noqa: S104 (refused, never bound)
        raise ConfigError(
            f"{section.at('address')} is {address}, which nobody can dial",
            fix=f"give the address at which the others reach {party}; 0.0.0.0 belongs in listen_addr",
        )
    return SpuNode(cast("str", party), address, listen or address)


def _listen(section: Section) -> Address | None:
    """`listen_addr`, or `listen_address`: the two spellings of one setting."""
    given = {
        key: parse_address(section.at(key), section.raw(key))
        for key in ("listen_addr", "listen_address")
        if section.has(key)
    }
    if len(set(given.values())) > 1:
        raise ConfigError(
            f"{section.place}: listen_addr is {given['listen_addr']} and listen_address "
            f"{given['listen_address']}, but they are one setting",
            fix="keep one of them",
        )
    return next(iter(given.values()), None)


def check_party(place: str, party: str, job_parties: tuple[str, ...]) -> None:
    """Raise ConfigError unless `party` belongs to the job."""
    if party in job_parties:
        return
    near = difflib.get_close_matches(party, job_parties, n=1, cutoff=0.5)
    known = ", ".join(job_parties)
    raise ConfigError(
        f"{place}: {party!r} is no party of this job",
        fix=f"did you mean {near[0]}?" if near else f"choose among: {known}",
    )


def _check_count(place: str, nodes: tuple[SpuNode, ...]) -> None:
    names = [node.party for node in nodes]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{place} lists {name!r} twice", fix="a party is one node of an SPU")
    if len(names) < 2:
        raise ConfigError(
            f"{place} lists {len(names)}, but a secret is shared between two at least",
            fix="name two parties that compute and a third one that helps them",
        )


def check_addresses(place: str, nodes: tuple[SpuNode, ...]) -> None:
    """Either each node has an address of its own, or none has."""
    without = [node.party for node in nodes if node.address is None]
    if without and len(without) < len(nodes):
        raise ConfigError(
            f"{place}: {', '.join(without)} without an address, the others with one",
            fix="give every node an address, or none: then the link runs through the parties' gateways",
        )
    owners: dict[Address, str] = {}
    for node in nodes:
        if node.address is None:
            continue
        if node.address in owners:
            raise ConfigError(
                f"{place}: {owners[node.address]} and {node.party} have the same address {node.address}",
                fix="give each node its own address, or its own port on the same host",
            )
        owners[node.address] = node.party
