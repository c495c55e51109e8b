"""From checked settings to an engine: who plays which role, over which channels."""

from __future__ import annotations

import logging
import os
from dataclasses import replace

from junto.config.model import Mode
from junto.config.plaintext import require_private
from junto.config.spu_settings import SpuSettings, SpuSource
from junto.device.spu.channels import Switchboard
from junto.device.spu.engine import Engine
from junto.device.spu.node import NodeThread
from junto.device.spu.node_context import NodeContext
from junto.device.spu.skipped_operations import NodeLinks
from junto.errors import JuntoError, LinkError
from junto.mpc.preprocess.correlations import Renewed
from junto.mpc.preprocess.oblivious import Oblivious
from junto.mpc.prg import SECRET_BYTES, Stream, derive
from junto.mpc.settings import MpcSettings
from junto.net.api import Stamp
from junto.program.program import Program

log: logging.Logger = logging.getLogger("junto.spu")

DEALER = "dealer of "
"""Before the first party's name, where that party makes the randomness itself: a third node, at its home."""


def open_engine(program: Program, settings: SpuSettings, stamp: Stamp) -> Engine:
    """The engine of a new SPU; waits until its nodes have met.

    Raises:
        LinkError, HandshakeRefused, IdentityError, PartyUnreachable: they did not.
        ConfigError: something of it would leave this machine without TLS.
    """
    require_private(program.settings, "an SPU", settings.places)
    numbers = MpcSettings(fraction=settings.fraction, width=settings.width, checked=settings.checked)
    if settings.warning is not None:
        log.warning("%s", settings.warning)
    if program.settings.mode is Mode.DEBUG or settings.source is SpuSource.NONE:
        from junto.device.spu.debug_engine import PlainEngine

        return PlainEngine(program, settings.compute, numbers)
    from junto.device.spu.secure import SecureEngine

    helper = _helper(settings)
    roles = settings.compute if helper is None else (*settings.compute, helper)
    home = {role: role.removeprefix(DEALER) for role in roles}
    link = program.settings.link
    alone = program.settings.mode is not Mode.PRODUCTION
    patience_s = 0.0 if alone else link.peer_timeout_s + 2 * link.heartbeat_s
    try:
        channels, secrets = Switchboard(program, settings, stamp, home).connect()
    except LinkError as error:
        # Whom a link names may only have heard of somebody's end itself: the program's own word is better.
        raise program.fault_within(patience_s) or error from None
    seats = {
        role: _seated(
            NodeContext(
                str(stamp.operation),
                role,
                home[role],
                settings.compute,
                helper,
                ways,
                secrets[role],
                board=program.board,
                width=settings.width,
            )
        )
        for role, ways in channels.items()
    }
    nodes = {
        role: NodeThread(f"{seat.name}-{role}", NodeLinks(seat, program.parties), patience_s)
        for role, seat in seats.items()
    }
    for node in nodes.values():
        program.on_fault(node.cancel)

    def interrupt(error: JuntoError) -> None:
        if any(node.working for node in nodes.values()):
            for node in nodes.values():
                node.cancel(error)

    program.on_interrupt(interrupt)
    return SecureEngine(program, seats, nodes, home, numbers)


def _helper(settings: SpuSettings) -> str | None:
    """The node that deals: a party, a second node of the first one, or none."""
    if settings.source is SpuSource.FIRST_PARTY:
        return DEALER + settings.compute[0]
    return settings.helper


def _seated(seat: NodeContext) -> NodeContext:
    """With a source of what two parties make together, where nobody helps."""
    if seat.helper is not None or seat.index is None:
        return seat
    own = os.urandom(SECRET_BYTES)
    channel, index = seat.channels[seat.peer], seat.index

    def begin(after: int) -> Oblivious:
        """What the two have together since an operation that one of them left out, perhaps in its middle."""
        stream = Stream(derive(own, "oblivious transfer", after))
        session = derive(seat.secrets[seat.peer], "oblivious transfer", seat.name, after)
        return Oblivious(channel, index, stream, session, seat.peer)

    source = Renewed(begin, channel.last_left_out)
    return replace(seat, secrets={**seat.secrets, seat.role_name: own}, source=source)
