"""Ways to a party: where it is dialled, on which carrier, and the connections that there are.

The usual way is dialled by both. One at an address of its own, such as that of an SPU's node, is preferred
while it stands: of two parties the one whose name comes first listens there, and the other one dials. The
hello is the one of every connection; what both have to have in common was compared when they met.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from junto.config.model import LinkSettings
from junto.errors import CertificateError, JuntoError, PartyUnreachable, PeerError
from junto.locks import Condition, Event
from junto.net.api import DirectUse, DirectWays, OnWait
from junto.net.carrier import Carrier, CarrierConnection
from junto.net.ends import LineEnd
from junto.net.handshake import HandshakeState
from junto.net.line import Line, Route
from junto.net.meeting import Meeting
from junto.net.peer import Peer
from junto.reach.probe import ProbeReport

log = logging.getLogger("junto.net")

STATUS_S = 1.0

SPARE_S = 0.5
"""Who listens waits so much longer than who dials, who can say more of what it has met."""

PENDING = 4
"""Connections of one party whose handshake is not over; the oldest goes when another one comes."""


class Way:
    """See the module. Thread-safe.

    Args:
        peer: the party.
        meeting: what is agreed.
        carrier: what carries the lines.
        link: pauses and deadlines.
        route: which way it is; a direct one that fails leaves the party reachable by the usual one.
        run_changed: called when another run than this is agreed, which may be the first.

    Attributes:
        redial: set: do not pause before the next attempt.
        trouble: why the last attempt failed.
        hopeless: and the next one will, too.
        changed: called when it may be open, or in trouble.
        probing: the thread that probes; of a way that is closed it makes no call any more.
    """

    def __init__(
        self,
        peer: Peer,
        meeting: Meeting,
        carrier: Carrier,
        link: LinkSettings,
        route: Route,
        run_changed: Callable[[bytes | None], None],
    ) -> None:
        self.peer, self.route = peer, route
        self.redial: Event = Event()
        self.trouble: JuntoError | None = None
        self.hopeless = False
        self.changed: Callable[[], None] = lambda: None
        self.probing: threading.Thread | None = None
        self._meeting, self._carrier, self._link = meeting, carrier, link
        self._run_changed = run_changed
        self._closed = False
        self._lock = threading.Lock()
        self._ends: list[LineEnd] = []
        self._call: CarrierConnection | None = None

    def is_open(self) -> bool:
        """Whether values can pass here."""
        return any(line.open for line in self._lines())

    def is_opening(self) -> bool:
        """Whether a handshake is under way."""
        return any(not line.open and not line.closed for line in self._lines())

    def _lines(self) -> list[Line]:
        with self._lock:
            return [end.line for end in self._ends]

    def run_known(self) -> None:
        """The run's id is known now: ask and answer."""
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            end.proceed()

    def hang_up(self) -> None:
        """End all lines; ours is dialled again."""
        for line in self._lines():
            line.close()
        if self._call is not None:
            self._call.close()

    def close(self) -> None:
        """End all connections."""
        self._closed = True
        self.redial.set()
        self.hang_up()

    def join(self, ends: float) -> None:
        """Once closed: see `CarrierConnection.join`."""
        if self._call is not None:
            self._call.join(ends)

    # Connections that it dials.

    def answered(self, caller: str) -> LineEnd:
        """It has opened one to us, from the network address `caller`."""
        dialled = LineEnd(self.peer, self._meeting, self.route, caller)
        with self._lock:
            self._ends.append(dialled)
            pending = [end.line for end in self._ends if not (end.line.open or end.line.ours)]
        for line in pending[:-PENDING]:
            line.close()
        return dialled

    def read(self, end: LineEnd, messages: Iterable[bytes]) -> None:
        """Hear what comes on a line, until it is over."""
        line, connection, meeting = end.line, self.peer.connection, self._meeting
        try:
            for message in messages:
                if line.open and meeting.over:
                    connection.hear(line, message)
                else:
                    before = meeting.run
                    end.hear(message)
                    if meeting.run != before:
                        self._run_changed(before)
                    if not line.ours:
                        self.redial.set()
                    self.changed()
                if line.closed:
                    return
        finally:
            self.peer.drop(line)
            with self._lock:
                self._ends.remove(end)

    # Connections that we dial.

    def keep_dialled(self) -> None:
        """Dial it until there is no reason to any more. Runs in a thread of its own."""
        link = self._link
        pause = link.retry_initial_s
        while not self._is_over():
            self.redial.clear()
            try:
                opened = self._dial()
            except CertificateError as error:
                self._meeting.fail(error)
                return
            except Exception:  # whatever went wrong in one attempt is no reason to give up
                log.exception("an attempt to reach %s failed", self.peer.name)
                opened = False
            if opened:
                pause = link.retry_initial_s
            if self._is_over():
                return
            self.redial.wait(pause)
            pause = min(pause * link.retry_multiplier, link.retry_max_s)

    def _dial(self) -> bool:
        """One attempt; True if the connection was open."""
        peer, address = self.peer, self.route.dials
        if address is None:
            return False
        self.probing = threading.current_thread()
        try:
            report = self._carrier.probe(address, peer.name, self._link.peer_timeout_s / 2)
        finally:
            self.probing = None
        if self._closed:
            return False
        if not report.ok:
            self._unreached(report)
            return False
        dialler = LineEnd(peer, self._meeting, self.route)
        call = self._carrier.dial(report, dialler.line)
        with self._lock:
            self._ends.append(dialler)
            self._call = call
        if not self._closed:
            self.read(dialler, call)
        if call.reason and not self.route.direct:
            peer.down(call.reason)
        call.close()
        if dialler.trouble is not None:
            self._fails(dialler.trouble, hopeless=dialler.hopeless)
        return dialler.state is HandshakeState.OPEN

    def _unreached(self, report: ProbeReport) -> None:
        error, failure, peer = report.error(), report.failure, self.peer
        if error is None or failure is None:
            return
        if not self.route.direct:
            peer.down(failure.text)
            self._meeting.note(peer.name, failure.text)
            if report.may_pass and peer.left and not peer.connection.outbox.underway:
                peer.lose(error)
        self._fails(error, hopeless=not report.may_pass)

    def _fails(self, error: JuntoError, *, hopeless: bool) -> None:
        self.trouble, self.hopeless = error, hopeless
        self.changed()
        if self.route.direct or not hopeless:
            return
        if not self._meeting.over:
            self._meeting.fail(error)
        elif isinstance(error, PeerError):
            self.peer.lose(error)

    def _is_over(self) -> bool:
        return self._closed or self.peer.lost_to is not None or (self.route.direct and self.hopeless)


class DirectMeeting(DirectWays):
    """See `DirectWays`.

    Args:
        ways: to the other parties, by name.
        use: what they are for.
        turned_away: who has come where we listen, and went no further.
        grace_s: when patience ends, a handshake that is under way may take so much longer.
    """

    def __init__(
        self,
        ways: Mapping[str, Way],
        use: DirectUse,
        turned_away: Callable[[], Sequence[str]],
        grace_s: float,
    ) -> None:
        self._ways, self._use = ways, use
        self._turned_away = turned_away
        self._grace_s = grace_s
        self._changed = Condition()
        self._stop: JuntoError | None = None
        for way in ways.values():
            way.changed = self._tell

    def cancel(self, error: JuntoError) -> None:
        with self._changed:
            self._stop = self._stop or error
            self._changed.notify_all()

    def run(self, patience_s: float, on_wait: OnWait) -> None:
        began = time.monotonic()
        ends = began + patience_s + SPARE_S * any(way.route.dials is None for way in self._ways.values())
        while (left := self._until(ends) - time.monotonic()) > 0:
            with self._changed:
                if self._changed.wait_for(lambda: self._stop or self._is_over(), min(STATUS_S, left)):
                    break
            for party in self._missing():
                on_wait(party, time.monotonic() - began)
        if self._stop is not None:
            raise self._stop
        missing = self._missing()
        for party in missing:
            trouble = self._ways[party].trouble
            if trouble is not None and self._ways[party].hopeless:
                raise trouble
        if missing:
            raise self._nobody_came(missing, patience_s)

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _until(self, ends: float) -> float:
        opening = any(way.is_opening() and not way.is_open() for way in self._ways.values())
        return ends + self._grace_s if opening else ends

    def _missing(self) -> list[str]:
        return [party for party, way in self._ways.items() if not way.is_open()]

    def _is_over(self) -> bool:
        return all(way.is_open() for way in self._ways.values()) or any(
            way.hopeless and not way.is_open() for way in self._ways.values()
        )

    def _nobody_came(self, missing: list[str], patience_s: float) -> PartyUnreachable:
        said = [way.trouble.message for way in self._ways.values() if way.trouble and not way.is_open()]
        strangers = list(self._turned_away())
        if strangers:
            said.append(f"connections were turned away, the last: {strangers[-1]}")
        reasons = f" ({'; '.join(said)})" if said else ""
        return PartyUnreachable(
            f"{', '.join(missing)} did not come to {self._use.what} within {patience_s:g} s{reasons}",
            party=missing[0],
            fix=self._use.fix,
        )
