"""One other party: what goes to it, what comes from it, and whether it is alive."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from junto.config.model import Address, LinkSettings, PartySettings
from junto.errors import JuntoError, PartyUnreachable, ProtocolViolation
from junto.locks import Condition
from junto.net import frames as f
from junto.net.api import Activity, Events, TransferKey
from junto.net.connection import NOWHERE, PeerConnection
from junto.net.line import Line
from junto.net.mailbox import Mailbox
from junto.net.outbox import Outbox
from junto.net.steps import Refusal

log: logging.Logger = logging.getLogger("junto.net")

MAX_REFUSALS = 256
"""So many messages of a party may be refused before the run with it is over."""

PATIENCE = 6
"""A party whose machine answers but whose program is silent (a task holds the interpreter) gets so many
times the peer timeout."""

ALIVE_BEATS = 3
"""A party that was heard of within so many heartbeats is alive without a doubt."""


class Refusals:
    """Counters. Thread-safe; the log gets the 1st, 2nd, 4th, 8th ... of a kind, so nobody can flood it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, who: str, kind: str, text: str) -> int:
        """Note one message of `who`; returns how many there were in all."""
        with self._lock:
            self._counts[kind] += 1
            number, total = self._counts[kind], self._counts.total()
        if number & (number - 1) == 0:
            log.warning("refused from %s (%s, %d so far): %s", who, kind, number, text)
        return total

    def by_cause(self) -> dict[str, int]:
        """How many of each kind."""
        with self._lock:
            return dict(self._counts)


class Standstill:
    """Whether something of one direction that has to get on stands still although the party is alive.

    By the law of `delivery` that cannot be. Should it be all the same (a fault of ours, a network that passes
    heartbeats only), then it is said, and which value it is: nobody has to guess why a run waits.

    Args:
        way: for a person, such as ``what we send to bob``.
        patience_s: how long nothing may move.
    """

    def __init__(self, way: str, patience_s: float) -> None:
        self._way = way
        self._patience_s = patience_s
        self._moved = -1
        self._since = 0.0
        self._next_s = patience_s

    def look(self, now: float, moved: int, value: tuple[TransferKey, int, int] | None) -> str | None:
        """What to tell a person now, if anything: first after the patience, then ever more rarely.

        Args:
            now: monotonic seconds.
            moved: grows whenever anything of this direction moves.
            value: one that has to move (key, bytes there, bytes in all); None: there is none, or the party is
                not alive, so nothing can.
        """
        if value is None or moved != self._moved:
            self._moved, self._since, self._next_s = moved, now, self._patience_s
            return None
        still = now - self._since
        if still < self._next_s:
            return None
        self._next_s *= 2
        key, done, nbytes = value
        return (
            f"{self._way} has not moved for {still:.0f} s although it is alive: value {key.index} of "
            f"operation {key.operation} stands at {done} of {nbytes} bytes. If that goes on, end the run and "
            "report it with the logs of both parties"
        )


class Peer:
    """See the module. Thread-safe; `events` are called without a lock held.

    Args:
        settings: of the party.
        link: of the session.
        events: the program layer.
        parties: all of the job: whom it may speak of.

    Attributes:
        connection: what passes between us.
        stood_still: until when our own process did not run, and for how many seconds.
        lost_to: why it was given up.
        left: it has ended in agreement.
        ended: it has ended the run for all.
        pinged: of its usual connections, see `Route`: where they ask whether it runs, others do not count.
        changed: notified when one of these, or what it has noted, changes.
    """

    def __init__(
        self, settings: PartySettings, link: LinkSettings, events: Events, parties: Iterable[str] = ()
    ) -> None:
        self.name: str = settings.name
        self.address: Address = settings.address
        self.refusals: Refusals = Refusals()
        self.connection: PeerConnection = PeerConnection(
            self.name, link, events, frozenset((*parties, self.name)), self.refused, self._hear
        )
        self.stood_still: tuple[float, float] = (-math.inf, 0.0)
        self.lost_to: JuntoError | None = None
        self.left: bool = False
        self.ended: bool = False
        self.pinged: bool = True
        self.changed: Condition = Condition()
        self._timeout_s = link.peer_timeout_s
        self._alive_s = ALIVE_BEATS * link.heartbeat_s
        patience = max(link.status_after_s, link.peer_timeout_s)  # half a MiB on a slow line is no standstill
        self._watches = (
            Standstill(f"what we send to {self.name}", patience),
            Standstill(f"what we have asked {self.name} for", patience),
        )
        self._events = events
        self._lock = threading.RLock()  # which lines there are, and on which of them we want values
        self._lines: set[Line] = set()  # greeted by it: open, or to be so once the run is known
        self._standing: dict[str, f.ControlFrame] = {}
        self._ours = NOWHERE
        self._differs = False
        self._down: tuple[float, str] | None = None

    # What we say.

    def publish(self, activity: Activity) -> None:
        """Our program is at `activity`."""
        # First: as soon as it knows where we are, it sends what lies a whole window ahead of that.
        self.connection.advance(activity.stamp.operation)
        self._ours = activity

    def _pulse(self) -> f.Heartbeat:
        return f.Heartbeat(self._ours)

    def beat(self) -> None:
        """Send a heartbeat on each line."""
        self.connection.tick()
        for line in self._lines_open():
            line.say(self._pulse())

    def stand(self, what: str, frame: f.ControlFrame) -> None:
        """Send `frame` on each line, and again on new ones, until it is noted.

        That we end the run ("ending") is said before it has begun, too.
        """
        with self.changed:
            self._standing[what] = frame
        with self._lock:
            lines = [line for line in self._lines if line.open or what == "ending"]
        for line in lines:
            line.say(frame)

    def is_through(self, what: str) -> bool:
        """Whether it has noted our `what`, or is gone."""
        return what not in self._standing or self.lost_to is not None or self.ended

    def is_over(self) -> bool:
        """Whether nothing more is to be expected from it."""
        return self.left or self.ended or self.lost_to is not None

    def has_read(self) -> bool:
        """Whether it has read all that it was sent on ordered streams, or is gone."""
        return self.is_over() or not self.connection.outbox.streams.unread()

    # Lines. We want its values on a direct one, else on one that it has dialled, else on ours; it likewise.

    def _lines_open(self) -> list[Line]:
        """The best comes last."""
        with self._lock:
            there = [line for line in self._lines if line.open]
        return sorted(there, key=lambda line: (line.route.at, not line.ours))

    def _prefer(self) -> None:
        """Name the best of the lines, if another one is in use."""
        best = self._lines_open()[-1:]
        if best and best[0] is not self.connection.wants:
            self.connection.want(best[0])

    def greeted(self, line: Line) -> None:
        """The party has greeted us on this line, which will open once the run is known."""
        with self._lock:
            self._lines.add(line)
        ending = self._standing.get("ending")
        if ending is not None:
            line.say(ending)

    def is_here(self) -> bool:
        """Whether there is a line on which it has greeted us."""
        return bool(self._lines)

    def opened(self, line: Line) -> None:
        """Values may pass on this line; an older one that came the same way is over."""
        self.connection.heard = time.monotonic()
        self._down = None if line.ours else self._down
        with self._lock:
            for each in self._lines_open():
                if each.ours == line.ours and each.route == line.route:
                    each.close()
            self._lines.add(line)
            line.start(self._pulse(), *self._standing.values())
            self._prefer()
        line.wake()
        self._notify()

    def is_open(self) -> bool:
        """Whether values can go and come."""
        lines = (self.connection.sends, self.connection.wants)
        return all(line is not None and line.open for line in lines)

    def is_reached(self) -> bool:
        """Whether the line that we have dialled is open."""
        return any(line.ours and not line.route.direct for line in self._lines_open())

    def drop(self, line: Line) -> None:
        """A line is over."""
        line.close()
        with self._lock:
            self._lines.discard(line)
            self.connection.drop(line)
            self._prefer()
        self._notify()

    def down(self, cause: str) -> None:
        """We cannot reach it at the moment."""
        since = time.monotonic() if self._down is None else self._down[0]
        self._down = (since, cause)

    def hang_up(self, *last: f.ControlFrame) -> None:
        """End all lines; `last` goes to its dialler, who waits for answers."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            line.close(*(() if line.ours else last))

    # What it says.

    def _hear(self, line: Line, frame: f.Any) -> None:
        match frame:
            case f.History():
                line.say(f.Noted("history"))
                if not self._differs:
                    self._differs = True
                    self._events.on_history(self.name, frame.stamps)
            case f.Ending():
                line.say(f.Noted("ending"))
                if not self.ended:
                    self.ended = True
                    self._events.on_abort(self.name, frame.abort)
            case f.Bye():
                line.say(f.Noted("bye"))
                self._bye(frame)
            case f.Noted():
                with self.changed:
                    self._standing.pop(frame.what, None)
            case f.Refused() if line.on_refused:
                line.on_refused(frame)
            case f.Hello() | f.Resume() | f.Refused():
                self.refused(Refusal("out of order", "a handshake on an open connection"))
        self._notify()

    def _bye(self, frame: f.Bye) -> None:
        if self.left:
            return
        if frame.transfers != self.connection.mailbox.settled:
            text = f"it ends after {frame.transfers} values, of which {self.connection.mailbox.settled} came"
            self.refused(Refusal("incomplete", text))
        self.left = True
        self._events.on_left(self.name)

    def refused(self, refusal: Refusal) -> None:
        """Count a message that is not taken; too many of them end the run with this party."""
        total = self.refusals.count(self.name, refusal.kind, refusal.text)
        if total >= MAX_REFUSALS and self.lost_to is None:
            error = ProtocolViolation(
                f"{self.name} sent {total} messages that the protocol does not allow",
                fix=f"our log says which; ask {self.name}",
            )
            error.party = self.name
            self.lose(error)

    # Life and death.

    def check_moving(self, now: float) -> None:
        """Say so if it is alive and something that has to move stands still."""
        connection = self.connection
        alive = now - connection.heard < self._alive_s
        ways: tuple[tuple[Line | None, Outbox | Mailbox], ...] = (
            (connection.sends, connection.outbox),
            (connection.wants, connection.mailbox),
        )
        for watch, (line, values) in zip(self._watches, ways, strict=True):
            with connection.lock:
                each = values.must_move() if alive and line is not None and line.open else None
            value = None if each is None else (each.key, each.there, each.nbytes)
            warning = watch.look(now, values.moved, value)
            if warning is not None:
                log.warning("%s", warning)

    def given_up_at(self) -> float:
        """Until when something has to be heard of it (monotonic seconds), as things stand."""
        if self.lost_to is not None:
            return math.inf
        return self.connection.heard + self._timeout_s * (PATIENCE if self._answers() else 1)

    def _answers(self) -> bool:
        """Whether its machine does."""
        return any(line.route.pinged or not self.pinged for line in self._lines_open())

    def check_alive(self, now: float) -> None:
        """Give it up if nothing was heard of it for too long."""
        if now < self.given_up_at():
            return
        silent = now - self.connection.heard
        last = f"last heard of {silent:.1f} s ago"
        if self._down is not None:
            since, cause = self._down
            last += f", {cause} for {now - since:.1f} s"
        elif self._answers():
            last += "; its machine answers, its program does not"
        if doing := self._events.last_seen(self.name):
            last += f"; when last heard of it was {doing}"
        fix = f"see whether {self.name} still runs (its log), then start the run again at every party"
        until, long = self.stood_still
        if now - until < 2 * PATIENCE * self._timeout_s:
            last += f"; this process did not run for {long:.0f} s before, so {self.name} may have given it up"
            fix = "start the run again at every party, and let no machine or process sleep meanwhile"
        text = f"{self.name} at {self.address} is out of reach: {last}"
        self.lose(PartyUnreachable(text, party=self.name, fix=fix))

    def lose(self, error: JuntoError) -> None:
        """Give it up: everything that depends on it fails with `error`."""
        with self.changed:
            if self.lost_to is not None:
                return
            self.lost_to = error
        self.hang_up(f.Refused("given up", error.message, final=True))
        if not (self.ended or (self.left and not self.connection.outbox.underway)):
            self._events.on_unreachable(self.name, error)
        self.connection.lose(error)
        self._notify()

    def close(self) -> None:
        """Let go of everything."""
        self.hang_up()
        self.connection.clear()
        self._notify()

    def statistics(self) -> dict[str, Any]:
        """For a person."""
        each = self.connection
        state = "left" if self.left else "lost" if self.lost_to else "open" if each.sends else "down"
        return {
            "address": str(self.address),
            "state": state,
            "sent": {"values": each.sent.values, "bytes": each.sent.nbytes},
            "received": {"values": each.received.values, "bytes": each.received.nbytes},
            "in_memory_bytes": each.mailbox.in_memory,
            "early_values": len(each.mailbox.early),
            "refused": self.refusals.by_cause(),
        }

    def _notify(self) -> None:
        with self.changed:
            self.changed.notify_all()
