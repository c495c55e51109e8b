"""This party's one door to the other silos, over gRPC and mutual TLS."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from junto.config.model import Settings
from junto.errors import (
    CertificateError,
    ConfigError,
    DeadlineExceeded,
    JuntoError,
    PartyAborted,
    PeerError,
)
from junto.locks import Event
from junto.net import frames as f
from junto.net import handshake, transport
from junto.net.api import (
    Abort,
    Activity,
    Arrival,
    Delivery,
    Events,
    Failure,
    Gateway,
    OrderedStream,
    Stamp,
    TransferKey,
)
from junto.net.dial import unknown_hosts
from junto.net.doctor_service import DoctorService
from junto.net.meeting import Meeting
from junto.net.peer import Peer
from junto.net.probe import ProbeReport, probe
from junto.net.refusals import Refusals
from junto.net.stream import Dialled, Dialler
from junto.wire.payload import Payload

log: logging.Logger = logging.getLogger("junto.net")

PENDING = 4
"""Streams of one party whose handshake is not over; the oldest goes when another one comes."""

NAMES_S = 3.0
"""How long `start` waits for a name server's word that a party's host does not exist."""

NOTED_S = 1.0
SETTLED_S = 2.0
"""How long `leave` waits for the others to note our Bye, once theirs is here: a courtesy, not a condition."""


class GrpcGateway(Gateway):
    """See `Gateway`.

    Args:
        settings: checked; with `self_party` and `cluster`.
        facts: what must be equal at all parties, one readable line each.
        events: hears what the others say.
    """

    def __init__(self, settings: Settings, facts: Mapping[str, str], events: Events) -> None:
        me = settings.self_party or ""
        self._me = settings.cluster[me]
        self._settings = settings
        self._link = settings.link
        nonce = secrets.token_bytes(f.NONCE_BYTES)
        mine = handshake.hello(me, settings.job_name, settings.parties, facts, nonce)
        others = [party for party in settings.parties if party != me]
        self._meeting = Meeting(
            mine,
            others,
            lambda party: self._peers[party].is_open(),
            lambda party: self._peers[party].is_reached(),
            lambda party: self._peers[party].is_here(),
        )
        self._peers = {
            party: Peer(settings.cluster[party], self._link, events, settings.parties) for party in others
        }
        self._streams = {party: _Streams() for party in others}
        self._refusals = Refusals()
        self._closed = Event()
        self._spawning = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._server: transport.Server | None = None

    # Gateway.

    def start(self) -> None:
        tls, parties = self._settings.tls, self._settings.cluster
        self._check_names()
        doctor = DoctorService(self._settings, "session").handlers()
        self._server = transport.Server(self._me.listen, tls, parties, self._link, self._accept, doctor)
        self._server.start()
        for party in self._peers:
            self._spawn(partial(self._keep_dialled, party), f"junto-dial-{party}")
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
        run = self._meeting.wait(timeout_s, status, lambda party: str(self._peers[party].address))
        for differ in filter(None, map(self.versions, self._peers)):
            log.warning("versions differ: %s. Of jax that matters to an SPU for a few functions only", differ)
        return run

    def versions(self, party: str) -> str:
        return self._meeting.versions(party)

    def push(self, party: str, key: TransferKey, stamp: Stamp, value: Payload | Failure) -> Delivery:
        return self._peers[party].sending.push(key, stamp, value)

    def expect(self, party: str, key: TransferKey) -> Arrival:
        return self._peers[party].receiving.expect(key)

    def stream(
        self, party: str, stream: int, is_trusted: Callable[[], bool], frame_bytes: int | None = None
    ) -> OrderedStream:
        return self._peers[party].stream(stream, is_trusted, frame_bytes)

    def publish(self, activity: Activity, *, now: bool = False) -> None:
        for peer in self._peers.values():
            peer.publish(activity)
            if now:
                peer.beat()

    def send_history(self, party: str, history: tuple[Stamp, ...]) -> None:
        stamps = tuple(f.clip_stamp(stamp) for stamp in history[-f.HISTORY_STAMPS :])
        self._peers[party].stand("history", f.History(stamps))

    def abort(self, abort: Abort, timeout_s: float) -> None:
        frame = f.Ending(f.clip_abort(abort))
        for peer in self._peers.values():
            peer.stand("ending", frame)
        ends = time.monotonic() + timeout_s
        for peer in self._peers.values():
            if self._meeting.over or peer.is_here():
                self._await(peer, partial(peer.is_through, "ending"), ends)

    def flush(self, timeout_s: float | None) -> None:
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        for peer in self._peers.values():
            peer.sending.flush(ends)

    def leave(self, timeout_s: float | None) -> None:
        self.flush(timeout_s)
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        for name, peer in self._peers.items():
            if not self._await(peer, peer.has_read, ends):
                raise DeadlineExceeded(f"{name} has not read all that was sent to its node of an SPU")
        for peer in self._peers.values():
            peer.stand("bye", f.Bye(peer.sending.begun))
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
        for party, peer in self._peers.items():
            peer.close()
            self._streams[party].close()
        self._settle(time.monotonic() + SETTLED_S)

    def statistics(self) -> dict[str, Any]:
        peers = {party: peer.statistics() for party, peer in self._peers.items()}
        return {"peers": peers, "refused": self._refusals.by_cause()}

    # Streams that others dial.

    def _accept(self, caller: transport.Caller, messages: Iterator[bytes]) -> Iterator[bytes]:
        if caller.error is not None:
            return self._turn_away(caller, caller.error.message)
        party = caller.party
        if self._settings.tls is None:
            first = next(messages, b"")
            party, messages = _claimed(first), chain((first,), messages)
        if party not in self._peers:
            return self._turn_away(caller, f"{party!r} is none of the other parties")
        dialled = Dialled(self._peers[party], self._meeting, caller.place)
        self._streams[party].add(dialled)
        self._spawn(partial(self._read, dialled, messages), f"junto-hear-{party}")
        return dialled.line.messages()

    def _read(self, dialled: Dialled, messages: Iterator[bytes]) -> None:
        streams = self._streams[dialled.peer.name]
        try:
            for message in messages:
                if dialled.line.open:
                    dialled.hear(message)
                    continue
                before = self._meeting.run
                dialled.hear(message)
                self._run_changed(before)
                streams.redial.set()
                if dialled.line.closed:
                    return
        finally:
            dialled.ended()
            streams.remove(dialled)

    def _turn_away(self, caller: transport.Caller, why: str) -> Iterator[bytes]:
        self._refusals.count(caller.place, "identity", why)
        for streams in self._streams.values():
            streams.redial.set()
        return iter((f.pack([f.Refused("identity", why, final=True)]),))

    # Streams that we dial.

    def _keep_dialled(self, party: str) -> None:
        peer, streams, link = self._peers[party], self._streams[party], self._link
        pause = link.retry_initial_s
        while not self._is_over(peer):
            streams.redial.clear()
            try:
                opened = self._dial(peer, streams)
            except CertificateError as error:
                self._meeting.fail(error)
                return
            except Exception:  # whatever went wrong in one attempt is no reason to give up
                log.exception("an attempt to reach %s failed", party)
                opened = False
            if opened:
                pause = link.retry_initial_s
            if self._is_over(peer):
                return
            streams.redial.wait(pause)
            pause = min(pause * link.retry_multiplier, link.retry_max_s)

    def _dial(self, peer: Peer, streams: _Streams) -> bool:
        """One attempt; True if the stream was open."""
        report = probe(
            peer.address, self._settings.tls, peer.name, self._settings.cluster, self._link.peer_timeout_s / 2
        )
        if self._closed.is_set():
            return False
        if not report.ok:
            self._unreached(peer, report)
            return False
        dialler = Dialler(peer, self._meeting)
        call = transport.dial(
            peer.address, self._settings.tls, report.accepted_name, self._link, dialler.line.messages()
        )
        streams.dialling(dialler, call)
        if self._closed.is_set():
            call.close()
            return False
        opened = False
        for message in call:
            before = self._meeting.run
            going = dialler.hear(message)
            self._run_changed(before)
            opened = opened or dialler.line.open
            if not going:
                break
        peer.drop(dialler.line)
        if call.reason:
            peer.down(call.reason)
        call.close()
        if dialler.over is not None:
            self._hopeless(peer, dialler.over)
        return opened

    def _unreached(self, peer: Peer, report: ProbeReport) -> None:
        error, failure = report.error(), report.failure
        if error is None or failure is None:
            return
        peer.down(failure.text)
        self._meeting.note(peer.name, failure.text)
        if not report.may_pass:
            self._hopeless(peer, error)
        elif peer.left and peer.sending.unsettled == 0:
            peer.lose(error)

    def _hopeless(self, peer: Peer, error: JuntoError) -> None:
        if not self._meeting.over:
            self._meeting.fail(error)
        elif isinstance(error, PeerError):
            peer.lose(error)

    def _is_over(self, peer: Peer) -> bool:
        return self._closed.is_set() or peer.lost_to is not None

    def _run_changed(self, before: bytes | None) -> None:
        run = self._meeting.run
        if run == before:
            return
        for streams in self._streams.values():
            if before is None:
                streams.run_known()
            else:
                streams.hang_up()
        if before is not None:
            for peer in self._peers.values():
                peer.forget()

    # Alive or not.

    def _beat(self) -> None:
        pause = min(self._link.heartbeat_s, self._link.peer_timeout_s / 8)
        before = time.monotonic()
        while not self._closed.wait(pause):
            now = time.monotonic()
            absent = now - before - pause
            before = now
            for peer in self._peers.values():
                if absent > pause:  # it was us who did not run: nobody is to blame for that silence
                    peer.heard += absent
                peer.beat()
                if self._meeting.over:
                    peer.check_alive(now)
                    peer.check_moving(now)

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
        """Wait for our threads and gRPC's, which are about to end: see `transport.Call.join` for why."""
        if self._server is not None:
            self._server.stop(max(ends - time.monotonic(), 0))
        for streams in self._streams.values():
            streams.join(ends)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(ends - time.monotonic(), 0))


class _Streams:
    """The streams with one party. Thread-safe."""

    def __init__(self) -> None:
        self.redial = Event()
        self._lock = threading.Lock()
        self._dialled: list[Dialled] = []
        self._dialler: tuple[Dialler, transport.Call] | None = None

    def add(self, dialled: Dialled) -> None:
        """It has opened one."""
        with self._lock:
            self._dialled.append(dialled)
            pending = [each for each in self._dialled if not each.line.open]
        for each in pending[:-PENDING]:
            each.line.close()

    def remove(self, dialled: Dialled) -> None:
        """One of its is over."""
        with self._lock:
            self._dialled.remove(dialled)

    def dialling(self, dialler: Dialler, call: transport.Call) -> None:
        """We have opened one."""
        with self._lock:
            self._dialler = (dialler, call)

    def run_known(self) -> None:
        """The run's id is known now: ask and answer."""
        with self._lock:
            dialled, dialler = list(self._dialled), self._dialler
        for each in dialled:
            each.answer()
        if dialler is not None:
            dialler[0].ask()

    def hang_up(self) -> None:
        """End all of them; ours is dialled again."""
        with self._lock:
            dialled, dialler = list(self._dialled), self._dialler
        for each in dialled:
            each.line.close()
        if dialler is not None:
            dialler[0].line.close()
            dialler[1].close()

    def close(self) -> None:
        """End all of them."""
        self.redial.set()
        self.hang_up()

    def join(self, ends: float) -> None:
        """Once closed: see `transport.Call.join`."""
        with self._lock:
            dialler = self._dialler
        if dialler is not None:
            dialler[1].join(ends)


def _claimed(message: bytes) -> str | None:
    """Whom the first message of a plaintext stream claims to come from. Nobody can check it."""
    try:
        frames = f.open_message(message)
    except PeerError:
        return None
    if isinstance(frames, list) and frames and isinstance(frames[0], f.Hello):
        return frames[0].party
    return None
