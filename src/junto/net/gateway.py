"""This party's one door to the other silos: the ways to them, and what all of them have in common."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from junto.config.model import Address, Settings
from junto.errors import ConfigError, DeadlineExceeded, PartyAborted, PeerError
from junto.locks import Event
from junto.net import frames as f
from junto.net import handshake
from junto.net.api import (
    Abort,
    Activity,
    Arrival,
    Delivery,
    DirectAddress,
    DirectUse,
    DirectWays,
    Events,
    Failure,
    Gateway,
    OrderedStream,
    Stamp,
    TransferKey,
)
from junto.net.carrier import Caller, Carrier, Listener
from junto.net.grpc_carrier import GrpcCarrier
from junto.net.line import Line, Route
from junto.net.meeting import Meeting
from junto.net.peer import Peer, Refusals
from junto.net.socket_carrier import SocketCarrier
from junto.net.streams import PeerStream
from junto.net.way import DirectMeeting, Way
from junto.reach.dial import unknown_hosts
from junto.wire.payload import Payload

log: logging.Logger = logging.getLogger("junto.net")

VALUES = DirectUse(
    "its socket_address", "`junto doctor` looks at the way there from both sides; without it all goes by gRPC"
)

NAMES_S = 3.0
"""How long `start` waits for a name server's word that a party's host does not exist."""

NOTED_S = 1.0
SETTLED_S = 2.0
"""How long `leave` waits for the others to note our Bye, once theirs is here: a courtesy, not a condition."""


class SiloGateway(Gateway):
    """See `Gateway`.

    Args:
        settings: checked; with `self_party` and `cluster`.
        facts: what must be equal at all parties, one readable line each.
        events: hears what the others say.
        carrier: of the usual connections; None: gRPC.
    """

    def __init__(
        self, settings: Settings, facts: Mapping[str, str], events: Events, carrier: Carrier | None = None
    ) -> None:
        me = settings.self_party or ""
        self._me = settings.cluster[me]
        self._settings = settings
        self._link = settings.link
        nonce = secrets.token_bytes(f.NONCE_BYTES)
        mine = handshake.hello(me, settings.job_name, settings.parties, facts, nonce)
        others = [party for party in settings.parties if party != me]
        self._peers = {
            party: Peer(settings.cluster[party], self._link, events, settings.parties) for party in others
        }
        self._meeting = Meeting(mine, self._peers)
        self._bare = SocketCarrier(settings.tls, settings.cluster, self._link)
        self._carrier = carrier or GrpcCarrier(settings.tls, settings.cluster, self._link)
        self._ways = {
            party: self._way(peer, self._carrier, Route("", peer.address, self._carrier.pings))
            for party, peer in self._peers.items()
        }
        for peer in self._peers.values():
            peer.pinged = self._carrier.pings
        self._direct: dict[tuple[str, str], Way] = {}
        self._kept: set[Way] = set()  # of these: those that we dial, and have begun to
        self._sockets: Mapping[str, Way] = {}  # and those to the parties' socket_address
        self._listeners: dict[str, Listener] = {}
        self._called: dict[str, dict[str, Way]] = {}  # by where we listen: who comes there
        self._refusals = Refusals()
        self._closed = Event()
        self._spawning = threading.Lock()
        self._threads: set[threading.Thread] = set()

    # Gateway.

    def start(self) -> None:
        self._check_names()
        self._listen(self._carrier, self._me.listen, self._ways)
        sockets = {name: DirectAddress(*places) for name, places in self._settings.sockets.items()}
        self._sockets = self._prepare(sockets) if self._me.name in sockets else {}
        for way in self._ways.values():
            self._keep_dialled(way)
        self._spawn(self._beat, "junto-heartbeat")

    def _check_names(self) -> None:
        """A name that does not exist will not come to exist by waiting for it."""
        addresses = {party: peer.address for party, peer in self._peers.items()}
        unknown = unknown_hosts({address.host for address in addresses.values()}, NAMES_S)
        for party, address in addresses.items():
            if address.host in unknown:
                raise ConfigError(
                    f"{party} is to be at {address}, but there is no such host ({unknown[address.host]})",
                    fix="check its spelling in cluster_config, or add it to the name server or /etc/hosts",
                )

    def meet(self, timeout_s: float | None, status: Callable[[str], None]) -> bytes:
        run = self._meeting.wait(timeout_s, status)
        for differ in filter(None, map(self.versions, self._peers)):
            log.warning("versions differ: %s. Of jax that matters to an SPU for a few functions only", differ)
        if self._sockets:
            ways = self._open(self._sockets, VALUES)
            ways.run(self._link.peer_timeout_s, lambda party, _: status(f"waiting for the socket of {party}"))
        return run

    def versions(self, party: str) -> str:
        return self._meeting.versions(party)

    def push(self, party: str, key: TransferKey, stamp: Stamp, value: Payload | Failure) -> Delivery:
        return self._peers[party].connection.push(key, stamp, value)

    def expect(self, party: str, key: TransferKey) -> Arrival:
        return self._peers[party].connection.expect(key)

    def stream(
        self, party: str, stream: int, is_trusted: Callable[[], bool], frame_bytes: int | None = None
    ) -> OrderedStream:
        return PeerStream(stream, self._peers[party].connection, is_trusted, frame_bytes)

    def direct(self, addresses: Mapping[str, DirectAddress], use: DirectUse) -> DirectWays:
        return self._open(self._prepare(addresses), use)

    def _prepare(self, addresses: Mapping[str, DirectAddress]) -> dict[str, Way]:
        """The ways to these parties; who dials us finds us listening."""
        me, ways = self._me.name, dict[str, Way]()
        for party in addresses:
            if party == me:
                continue
            dials = addresses[party].address if party < me else None
            at = str(dials or addresses[me].address)
            if (party, at) not in self._direct:
                route = Route(at, dials, self._bare.pings)
                self._direct[party, at] = self._way(self._peers[party], self._bare, route)
            ways[party] = self._direct[party, at]
        called = {party: way for party, way in ways.items() if way.route.dials is None}
        if called:
            self._listen(self._bare, addresses[me].listen, called)
        return ways

    def _open(self, ways: Mapping[str, Way], use: DirectUse) -> DirectWays:
        for way in ways.values():
            if way.route.dials is not None and way not in self._kept:
                self._kept.add(way)
                self._keep_dialled(way)
        return DirectMeeting(ways, use, self._turned_away, self._link.peer_timeout_s)

    def ports(self) -> set[int]:
        dialled = {way.route.dials.port for way in self._every_way() if way.route.dials is not None}
        return dialled | {listener.port for listener in self._listeners.values()}

    def _turned_away(self) -> list[str]:
        return [line for listener in self._listeners.values() for line in listener.turned_away]

    def publish(self, activity: Activity, *, now: bool = False) -> None:
        for peer in self._peers.values():
            peer.publish(activity)
            if now:
                peer.beat()

    def send_history(self, party: str, history: tuple[Stamp, ...]) -> None:
        self._peers[party].stand("history", f.History(history[-f.HISTORY_STAMPS :]))

    def abort(self, abort: Abort, timeout_s: float) -> None:
        frame = f.Ending(abort)
        for peer in self._peers.values():
            peer.stand("ending", frame)
        ends = time.monotonic() + timeout_s
        for peer in self._peers.values():
            if self._meeting.over or peer.is_here():
                self._await(peer, partial(peer.is_through, "ending"), ends)

    def flush(self, timeout_s: float | None) -> None:
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        for peer in self._peers.values():
            peer.connection.flush(ends)

    def leave(self, timeout_s: float | None) -> None:
        self.flush(timeout_s)
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        for name, peer in self._peers.items():
            if not self._await(peer, peer.has_read, ends):
                raise DeadlineExceeded(f"{name} has not read all that was sent to its node of an SPU")
        for peer in self._peers.values():
            peer.stand("bye", f.Bye(peer.connection.outbox.numbers))
        for name, peer in self._peers.items():
            if not self._await(peer, peer.is_over, ends):
                raise DeadlineExceeded(f"{name} has not ended its program; we have")
            if peer.ended:
                raise PartyAborted(f"{name} ended the run before its end", party=name)
            if peer.lost_to is not None and not peer.left:
                raise peer.lost_to
        noted = time.monotonic() + NOTED_S
        for peer in self._peers.values():
            self._await(peer, partial(peer.is_through, "bye"), noted)

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self._meeting.close()
        for peer in self._peers.values():
            peer.close()
        for way in self._every_way():
            way.close()
        self._settle(time.monotonic() + SETTLED_S)

    def statistics(self) -> dict[str, Any]:
        peers = {party: peer.statistics() for party, peer in self._peers.items()}
        return {"peers": peers, "refused": self._refusals.by_cause()}

    # Connections.

    def _way(self, peer: Peer, carrier: Carrier, route: Route) -> Way:
        return Way(peer, self._meeting, carrier, self._link, route, self._run_changed)

    def _every_way(self) -> list[Way]:
        return [*self._ways.values(), *self._direct.values()]

    def _listen(self, carrier: Carrier, place: Address, ways: Mapping[str, Way]) -> None:
        """Let these parties come at `place`; two devices may name the same one."""
        if str(place) in self._listeners:
            self._called[str(place)].update(ways)
            return
        called = self._called[str(place)] = dict(ways)
        listener = carrier.listen(place, partial(self._accept, called))
        self._listeners[str(place)] = listener
        listener.start()

    def _keep_dialled(self, way: Way) -> None:
        self._spawn(way.keep_dialled, f"junto-dial-{way.peer.name}")

    def _accept(self, ways: Mapping[str, Way], caller: Caller, messages: Iterator[bytes]) -> Line:
        if caller.error is not None:
            return self._turn_away(caller, caller.error.message)
        party = caller.party
        if self._settings.tls is None:
            first = next(messages, b"")
            party, messages = _claimed(first), chain((first,), messages)
        way = ways.get(party or "")
        if way is None:
            early = party in self._peers  # another device may listen here, and this one not yet
            which = "not awaited at this address" if early else "none of the other parties"
            return self._turn_away(caller, f"{party!r} is {which}", final=not early)
        dialled = way.answered(caller.place)
        self._spawn(partial(way.read, dialled, messages), f"junto-hear-{party}")
        return dialled.line

    def _turn_away(self, caller: Caller, why: str, *, final: bool = True) -> Line:
        self._refusals.count(caller.place, "identity", why)
        for way in self._ways.values():
            way.redial.set()
        line = Line(lambda _: None)
        line.close(f.Refused("identity", why, final))
        return line

    def _run_changed(self, before: bytes | None) -> None:
        for way in self._every_way():
            if before is None:
                way.run_known()
            else:
                way.hang_up()
        if before is not None:
            for peer in self._peers.values():
                peer.connection.forget()

    # Alive or not.

    def _beat(self) -> None:
        pause = min(self._link.heartbeat_s, self._link.peer_timeout_s / 8)
        before, told = time.monotonic(), since_boot()
        due = before + pause
        while not self._closed.wait(nap := max(min(due, self._first_given_up()) - before, 0)):
            now, boot = time.monotonic(), since_boot()
            absent, asleep = now - before - nap, boot - told - nap
            before, told = now, boot
            if asleep > self._link.peer_timeout_s / 2:
                log.warning(
                    "this process did not run for %.0f s: it was stopped, or the machine slept; "
                    "the others may take it for gone",
                    asleep,
                )
            for peer in self._peers.values():
                if absent > pause:  # it was us who did not run: nobody is to blame for that silence
                    peer.connection.heard += absent
                if asleep > self._link.peer_timeout_s / 2:
                    peer.stood_still = (now, asleep)
                if now >= due:
                    peer.beat()
                if self._meeting.over:
                    peer.check_alive(now)
                    peer.check_moving(now)
            if now >= due:
                due = now + pause

    def _first_given_up(self) -> float:
        """When the first of the others has been silent for too long: not a heartbeat later."""
        if not self._meeting.over:
            return math.inf
        return min((peer.given_up_at() for peer in self._peers.values()), default=math.inf)

    def _await(self, peer: Peer, condition: Callable[[], bool], ends: float | None) -> bool:
        with peer.changed:
            timeout = None if ends is None else max(ends - time.monotonic(), 0)
            return peer.changed.wait_for(condition, timeout)

    def _spawn(self, job: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=job, name=name, daemon=True)
        thread.start()
        with self._spawning:  # begun already: who closes meanwhile could not join it before
            self._threads = {thread} | {each for each in self._threads if each.is_alive()}

    def _settle(self, ends: float) -> None:
        """Wait for our threads and the carriers', about to end: see `CarrierConnection.join` for why."""
        for listener in self._listeners.values():
            listener.stop(max(ends - time.monotonic(), 0))
        for way in self._every_way():
            way.join(ends)
        probing = {way.probing for way in self._every_way()}  # no call is theirs, and none will be
        for thread in self._threads - probing - {threading.current_thread()}:
            thread.join(max(ends - time.monotonic(), 0))


def since_boot() -> float:
    """Seconds since the machine was started, with those in which it slept where the system counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux's; the monotonic clock stands still there meanwhile
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _claimed(message: bytes) -> str | None:
    """Whom the first message of a plaintext connection claims to come from. Nobody can check it."""
    try:
        frames = f.open_message(message)
    except PeerError:
        return None
    if isinstance(frames, list) and frames and isinstance(frames[0], f.Hello):
        return frames[0].party
    return None
