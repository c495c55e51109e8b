"""The channels between the nodes of a new SPU: in memory, or streams of the parties' connections."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import combinations

from junto.config.spu_settings import SpuSettings
from junto.device.spu.comparison import Introductions, Onlookers
from junto.device.spu.traced import tracing_text
from junto.mpc.channel import Channel, Counters, Ends
from junto.mpc.channel_keys import shared_secret
from junto.mpc.greeting import Greeting, NodeHello, binding
from junto.mpc.link_options import LinkOptions
from junto.mpc.memory_pipe import memory_pair
from junto.net.api import DirectAddress, Stamp
from junto.program.aside import Aside, beside
from junto.program.program import Program

log: logging.Logger = logging.getLogger("junto.spu")

A_DAY_MS = 86_400_000
"""Where nobody says how long a message may take: the heartbeats between the parties find out who is gone."""

NODE_LANE, DEALER_LANE = 1, 2
"""The party that makes the randomness itself has two nodes that reach the other party."""

Table = Mapping[str, Mapping[str, Channel]]
"""For each node in this process, its channels to the others."""

Secrets = Mapping[str, Mapping[str, bytes]]
"""For each channel 32 bytes that only its two ends know."""


class Switchboard:
    """Connects the nodes of one SPU that live in this process with all others.

    Args:
        program: the run.
        settings: of the SPU.
        stamp: of the operation that makes it; its number is in the messages' keys.
        home: for each of the three nodes the party that runs it; in the same order everywhere.
    """

    def __init__(
        self, program: Program, settings: SpuSettings, stamp: Stamp, home: Mapping[str, str]
    ) -> None:
        self._program = program
        self._settings = settings
        self._stamp = stamp
        self._home = home
        link = settings.link
        self._options = LinkOptions(
            connect_retry_times=link.connect_retry_times,
            connect_retry_interval_ms=link.connect_retry_interval_ms,
            recv_timeout_ms=link.recv_timeout_ms or A_DAY_MS,
        )
        self._asides: dict[str, Aside] = {}
        self._greeting = _greeting(program, settings, stamp)

    def connect(self) -> tuple[Table, Secrets]:
        """Wait until the nodes have met; the channels and secrets of those that live here.

        Raises:
            LinkError, HandshakeRefused, IdentityError, PartyUnreachable: they did not.
            ConfigError: the link would leave this machine without TLS.
        """
        here = [role for role in self._home if self._program.is_here(self._home[role])]
        channels: dict[str, dict[str, Channel]] = {role: {} for role in here}
        secrets: dict[str, dict[str, bytes]] = {role: {} for role in here}
        with ExitStack() as undo:
            if len(here) < len(self._home):
                self._meet(here)
            # In one order everywhere: of two nodes that are at different pairs, none waits for the other.
            for first, second in combinations(self._home, 2):
                if first in here and second in here:
                    pair = memory_pair((first, second), LinkOptions(recv_timeout_ms=A_DAY_MS))
                    channels[first][second], channels[second][first] = pair
                    secrets[first][second] = secrets[second][first] = os.urandom(32)
                    self._inside((self._home[first], self._home[second]), pair[0].counters)
                elif first in here or second in here:
                    mine, other = (first, second) if first in here else (second, first)
                    # A dealer is no party: the one that runs it has two nodes.
                    dealt = (mine, other) != (self._home[mine], self._home[other])
                    channel = self._streamed(mine, other, DEALER_LANE if dealt else NODE_LANE)
                    undo.callback(channel.close)
                    channels[mine][other] = channel
                    secrets[mine][other] = shared_secret(channel)
            undo.pop_all()
        return channels, secrets

    def _meet(self, here: Sequence[str]) -> None:
        """Compare settings with the other parties; then connections to the addresses of nodes.

        A party without a node (nothing is `here`) compares its settings with all nodes, too: they say how a
        result is to be read.
        """
        program = self._program
        (me,) = program.here()
        nodes_at = dict.fromkeys(self._home.values())
        ways = {party: self._aside(party) for party in nodes_at if party != me}
        if here:
            others = {party: self._aside(party) for party in program.parties if party not in nodes_at}
            Onlookers(me, self._greeting, others, program.fail).greet()
        introductions = Introductions(me, self._greeting, ways, self._options, _status)
        program.on_fault(introductions.cancel)
        introductions.run()
        if not (here and self._settings.direct):
            return
        nodes = {
            node.party: DirectAddress(node.address, node.listen or node.address)
            for node in self._settings.nodes
            if node.party in nodes_at and node.address is not None
        }
        program.open_direct(nodes, self._options.patience_s, _status)

    def _inside(self, ends: tuple[str, str], counters: Counters) -> None:
        """What two parties of this process send each other; a dealer is no party."""
        if ends[0] != ends[1]:
            ways, site = (ends, ends[::-1]), self._stamp.site
            self._program.inside(
                lambda: beside(site, ways, (counters.payload_sent, counters.payload_received))
            )

    def _aside(self, party: str) -> Aside:
        if party not in self._asides:
            self._asides[party] = self._program.aside(self._stamp, party)
        return self._asides[party]

    def _streamed(self, mine: str, other: str, lane: int) -> Channel:
        """A channel on the connection of the two parties: which one, the network knows."""
        stream = self._aside(self._home[other]).stream(lane, self._settings.link.http_max_payload_size)
        agreed = binding(NodeHello(mine, other, self._greeting), NodeHello(other, mine, self._greeting))
        channel = Channel(stream, Ends(mine, other, agreed), self._options)
        self._program.on_fault(channel.cancel)
        return channel


def _greeting(program: Program, settings: SpuSettings, stamp: Stamp) -> Greeting:
    text = f"{settings.fingerprint_text()}\n{tracing_text()}"
    state = hashlib.blake2b(program.run_id, digest_size=32)
    state.update(f"{program.settings.job_name}\n{stamp.operation}\n{text}".encode())
    return Greeting(state.digest(), text)


def _status(party: str, seconds: float) -> None:
    if seconds >= 3:
        log.info("waiting %.0f s for %s's node of the SPU", seconds, party)
