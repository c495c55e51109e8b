"""Addresses and parties: text to checked values."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

from junto.config.model import Address, PartySettings
from junto.config.section import Section, as_table, wrong_type
from junto.config.setting_names import CLUSTER, PARTY, REFUSED_PARTY
from junto.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9_])?")
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}\.?)*")
_PLACEHOLDER_PORT = re.compile(r":\s*<?port\b", re.IGNORECASE)
_EXAMPLE = 'such as "alice.bank:9001", "10.0.0.1:9001" or "[2001:db8::1]:9001"'


def parse_address(place: str, value: object) -> Address:
    """`host:port` to an Address. Raises ConfigError that names `place`.

    IPv6 addresses stand in brackets. Nothing is resolved: that is done when the address is used.
    """
    if not isinstance(value, str):
        raise wrong_type(place, f"text {_EXAMPLE}", value)
    text = value.strip()
    _refuse_placeholder(place, text)
    if "://" in text:
        raise ConfigError(
            f"{place} is {text!r}: an address is host:port without a scheme",
            fix=f"write {text.split('://', 1)[1].rstrip('/')!r}",
        )
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ConfigError(
                f"{place} is {text!r}, which is not [IPv6]:port", fix=f"give an address {_EXAMPLE}"
            )
        return Address(_ipv6(place, host), _port(place, text, port[1:]))
    if text.count(":") > 1:
        raise ConfigError(
            f"{place} is {text!r}: an IPv6 address stands in brackets", fix=f"write it {_EXAMPLE}"
        )
    host, _, port = text.partition(":")
    return Address(_host(place, text, host), _port(place, text, port))


def _refuse_placeholder(place: str, text: str) -> None:
    if not text:
        raise ConfigError(f"{place} is empty", fix=f"give an address {_EXAMPLE}")
    if any(c.isspace() for c in text) or "<" in text or _PLACEHOLDER_PORT.search(text):
        raise ConfigError(
            f"{place} is still the placeholder {text!r}", fix=f"replace it by the real address, {_EXAMPLE}"
        )


def _host(place: str, text: str, host: str) -> str:
    if re.fullmatch(r"[0-9.]+", host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ConfigError(
                f"{place} is {text!r}: {host!r} is no IPv4 address",
                fix="write four numbers from 0 to 255, or a host name",
            ) from None
    if "/" in host or "@" in host or not _HOST.fullmatch(host):
        raise ConfigError(f"{place} is {text!r}: {host!r} is no host name", fix=f"give an address {_EXAMPLE}")
    return host.rstrip(".")


def _ipv6(place: str, host: str) -> str:
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError:
        raise ConfigError(
            f"{place}: {host!r} is no IPv6 address", fix=f"give an address {_EXAMPLE}"
        ) from None


def _port(place: str, text: str, port: str) -> int:
    if not port:
        raise ConfigError(f"{place} is {text!r}, without a port", fix=f"add the port, {_EXAMPLE}")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ConfigError(f"{place} is {text!r}: {port!r} is no port", fix="give a port from 1 to 65535")
    return int(port)


def check_party_names(place: str, names: Iterable[str]) -> tuple[str, ...]:
    """Names of parties, each one usable in a certificate and once only (upper or lower case is one)."""
    seen: dict[str, str] = {}
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{place}: {name!r} cannot be a party's name",
                fix="use up to 63 letters a-z, digits, '-', '_' or '.', so that it fits into a certificate",
            )
        if name.lower() in seen:
            raise ConfigError(
                f"{place} lists {name!r} twice"
                if seen[name.lower()] == name
                else f"{place}: {seen[name.lower()]!r} and {name!r} differ by case only: the same to TLS",
                fix="give every party one name of its own",
            )
        seen[name.lower()] = name
    if not seen:
        raise ConfigError(f"{place} is empty", fix="name at least one party")
    return tuple(seen.values())


def parse_party_list(place: str, value: object) -> tuple[str, ...]:
    """`parties=`: one name or a list of names."""
    if isinstance(value, str):
        return check_party_names(place, [value])
    if not isinstance(value, list | tuple):
        raise wrong_type(place, "a list of names", value)
    names: list[str] = []
    for name in value:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(name, str):
            raise wrong_type(f"each entry of {place}", "a name", name)  # pyright: ignore[reportUnknownArgumentType]
        names.append(name)
    return check_party_names(place, names)


def parse_cluster(value: object) -> tuple[dict[str, PartySettings], str]:
    """`cluster_config=`: the parties in their order, and who we are."""
    section = Section("cluster_config", value, CLUSTER)
    entries = section.required("parties", "list every party with its address")
    place = section.at("parties")
    if isinstance(entries, list | tuple):
        raise wrong_type(place, "a table from party name to its address", entries)  # pyright: ignore[reportUnknownArgumentType]
    table = as_table(place, entries)
    parties = {name: _party(f"{place}.{name}", name, table[name]) for name in check_party_names(place, table)}
    _refuse_shared_addresses(place, parties)
    _refuse_shared_names(place, parties)
    return parties, _self_party(section, parties)


def _party(place: str, name: str, value: object) -> PartySettings:
    if isinstance(value, str):
        raise ConfigError(
            f"{place} has to be a table, but it is text", fix=f'write {{"address": {value!r}}} for {place}'
        )
    section = Section(place, value, PARTY, REFUSED_PARTY)
    section.required("address", f"say where the others reach {name}, {_EXAMPLE}")
    address, listen = _place(section, "address", "listen_addr")
    socket = socket_listen = None
    if section.has("socket_address"):
        socket, socket_listen = _place(section, "socket_address", "socket_listen_addr")
    elif section.has("socket_listen_addr"):
        raise ConfigError(
            f"{section.at('socket_listen_addr')} is given without socket_address",
            fix="say where the others reach it (socket_address), or leave it out",
        )
    return PartySettings(name, address, listen, section.text("identity"), socket, socket_listen)


def _place(section: Section, at: str, bound: str) -> tuple[Address, Address]:
    """Where the others dial a party, and what it binds for that."""
    address = parse_address(section.at(at), section.raw(at))
    if address.host in ("0.0.0.0", "::"):  # noqa: S104 (refused, never bound)
        raise ConfigError(
            f"{section.at(at)} is {address}, which nobody can dial",
            fix=f"give the address that the others reach; 0.0.0.0 belongs in {bound}",
        )
    return address, parse_address(section.at(bound), section.raw(bound)) if section.has(bound) else address


def _refuse_shared_addresses(place: str, parties: Mapping[str, PartySettings]) -> None:
    owners: dict[Address, str] = {}
    for name, party in parties.items():
        for address in filter(None, (party.address, party.socket)):
            if address in owners:
                who = f"{owners[address]} and {name} have" if owners[address] != name else f"{name} has twice"
                raise ConfigError(
                    f"{place}: {who} the same address {address}",
                    fix="give each party its own address, or its own port on the same host",
                )
            owners[address] = name


def _refuse_shared_names(place: str, parties: Mapping[str, PartySettings]) -> None:
    """A name that a certificate may carry for one party must not stand for another one."""
    for name, party in parties.items():
        for other in parties.values():
            if other.name == name:
                continue
            theirs = {other.name.lower(), other.address.host.lower()} | (
                {other.identity.lower()} if other.identity else set()
            )
            if name.lower() in theirs or (party.identity and party.identity.lower() in theirs):
                raise ConfigError(
                    f"{place}: a name of {name} ({party.identity or name!r}) is also one of {other.name}, "
                    "so a certificate could stand for both",
                    fix="choose names and identities that belong to one party only",
                )


def _self_party(section: Section, parties: Mapping[str, PartySettings]) -> str:
    known = ", ".join(parties)
    name = section.required("self_party", f"say which of the parties this process is: {known}")
    if not isinstance(name, str):
        raise wrong_type(section.at("self_party"), "a party's name", name)
    if name not in parties:
        raise ConfigError(
            f"cluster_config.self_party is {name!r}, which is none of the parties",
            fix=f"choose one of: {known}",
        )
    return name
