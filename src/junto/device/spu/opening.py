"""From checked settings to an engine: who plays which role, and over which channels."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping

from junto.config.model import Mode, PartySettings, TlsSettings
from junto.config.spu import SpuSettings, SpuSource
from junto.device.spu.engine import Engine
from junto.device.spu.node import Node
from junto.device.spu.seat import Seat
from junto.errors import ConfigError
from junto.mpc.link import (
    ALPN,
    Channel,
    Credentials,
    Greeting,
    Introduction,
    LinkOptions,
    Meeting,
    Reason,
    memory_pair,
    shared_secret,
)
from junto.mpc.link import Node as LinkNode
from junto.mpc.settings import MpcSettings
from junto.program.program import Program
from junto.silo.api import Stamp
from junto.silo.identity import accepted_name
from junto.silo.tlscontext import client_context, server_context

log = logging.getLogger("junto.spu")

A_DAY_MS = 86_400_000
"""Where nobody says how long a message may take: the heartbeats between the parties find out who is gone."""

DEALER = "dealer of "
"""Before the first party's name, where that party makes the randomness itself."""

Roles = tuple[str, str, str]
Table = Mapping[str, Mapping[str, Channel]]
"""For each node in this process, its channels to the others."""

Secrets = Mapping[str, Mapping[str, bytes]]


def open_engine(program: Program, settings: SpuSettings, stamp: Stamp) -> Engine:
    """The engine of a new SPU; waits until its nodes have met.

    Raises:
        LinkError, HandshakeRefused, IdentityError: they did not.
        ConfigError: the link would leave this machine without TLS.
    """
    numbers = MpcSettings(fraction=settings.fraction)
    if settings.warning is not None:
        log.warning("%s", settings.warning)
    if program.settings.mode is Mode.DEBUG or settings.source is SpuSource.NONE:
        from junto.device.spu.plain import PlainEngine

        return PlainEngine(program, settings.compute[0], numbers)
    from junto.device.spu.secure import SecureEngine

    roles = (*settings.compute, settings.helper or DEALER + settings.compute[0])
    home = {role: role.removeprefix(DEALER) for role in roles}
    if program.settings.mode is Mode.PRODUCTION:
        channels, secrets = _between_silos(program, settings, roles, stamp)
    else:
        channels, secrets = _in_memory(roles)
    seats = {
        role: Seat(str(stamp.operation), role, home[role], settings.compute, roles[2], ways, secrets[role])
        for role, ways in channels.items()
    }
    nodes = {role: _node(seat) for role, seat in seats.items()}
    for node in nodes.values():
        program.on_fault(node.cancel)
    return SecureEngine(program, seats, nodes, settings.compute, numbers)


def _node(seat: Seat) -> Node:
    def interrupt(error: Exception) -> None:
        for channel in seat.channels.values():
            channel.cancel(error)

    def tell(error: Exception) -> None:
        for channel in seat.channels.values():
            channel.abort(Reason.FAILED)

    return Node(f"{seat.name}-{seat.role_name}", interrupt, tell)


def _in_memory(roles: Roles) -> tuple[Table, Secrets]:
    """All nodes live in this process."""
    patient = LinkOptions(recv_timeout_ms=A_DAY_MS)
    channels: dict[str, dict[str, Channel]] = {role: {} for role in roles}
    secrets: dict[str, dict[str, bytes]] = {role: {} for role in roles}
    for i, first in enumerate(roles):
        for second in roles[i + 1 :]:
            channels[first][second], channels[second][first] = memory_pair((first, second), patient)
            secrets[first][second] = secrets[second][first] = os.urandom(32)
    return channels, secrets


def _between_silos(
    program: Program, settings: SpuSettings, roles: Roles, stamp: Stamp
) -> tuple[Table, Secrets]:
    """Our own node, if we have one, and its channels to the others."""
    me = program.settings.self_party or ""
    if me not in roles:
        return {}, {}
    if not settings.direct or settings.helper is None:
        raise ConfigError(
            "an SPU whose nodes have no addresses of their own cannot be built in production yet",
            fix="name each node with its address: "
            'cluster_def={"nodes": [{"party": ..., "address": ..., "listen_addr": ...}, ...]}',
        )
    nodes = [
        LinkNode(node.party, node.address, node.listen or node.address)
        for node in settings.nodes
        if node.party in roles and node.address is not None
    ]
    credentials = _credentials(program.settings.tls, program.settings.cluster)
    introduction = Introduction(me, credentials, _greeting(program, settings, stamp))
    options = LinkOptions(
        connect_retry_times=settings.link.connect_retry_times,
        connect_retry_interval_ms=settings.link.connect_retry_interval_ms,
        recv_timeout_ms=settings.link.recv_timeout_ms or A_DAY_MS,
    )
    meeting = Meeting(nodes, introduction, options, _status)
    program.on_fault(meeting.cancel)
    channels = meeting.run()
    # In one order at all nodes: of two of them that are at different pairs, none waits for the other's turn.
    secrets = {name: shared_secret(channels[name]) for name in roles if name != me}
    return {me: channels}, {me: secrets}


def _greeting(program: Program, settings: SpuSettings, stamp: Stamp) -> Greeting:
    text = settings.fingerprint_text()
    state = hashlib.blake2b(program.run_id, digest_size=32)
    state.update(f"{program.settings.job_name}\n{stamp.operation}\n{text}".encode())
    return Greeting(state.digest(), text)


def _credentials(tls: TlsSettings | None, cluster: Mapping[str, PartySettings]) -> Credentials | None:
    """As between the gateways; another protocol's name keeps the two apart."""
    if tls is None:
        return None
    client, server = client_context(tls), server_context(tls)
    for context in (client, server):
        context.set_alpn_protocols([ALPN])

    def verify(der: bytes, party: str) -> None:
        accepted_name(der, party, cluster)

    return Credentials(client, server, verify)


def _status(party: str, seconds: float) -> None:
    if seconds >= 3:
        log.info("waiting %.0f s for %s's node of the SPU", seconds, party)
