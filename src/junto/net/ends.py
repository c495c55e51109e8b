"""The handshake as it happens on one connection, on the dialled side and on the dialler's."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from junto.errors import (
    HandshakeRefused,
    IdentityError,
    JuntoError,
    PartyAborted,
    PartyUnreachable,
    ProtocolViolation,
)
from junto.net import frames as f
from junto.net.handshake import GREETED, TRANSITIONS, HandshakeEvent, HandshakeState
from junto.net.line import USUAL, Line, Route
from junto.net.meeting import AnotherStart, Meeting, Restarted
from junto.net.peer import Peer
from junto.net.steps import Refusal, Story

log: logging.Logger = logging.getLogger("junto.net")


class _ConnectionEnd(Story[HandshakeState, HandshakeEvent], ABC):
    """One end of a line. Its steps are taken under its lock, by whichever thread has reason to.

    Args:
        peer: the party at the other end, as far as it is known: see the classes.
        meeting: what is agreed.
        route: which way the line goes.

    Attributes:
        heard: the frames with which it takes a step.
    """

    table = TRANSITIONS
    state = HandshakeState.NEW
    heard: ClassVar[Mapping[type[f.Any], HandshakeEvent]]

    def __init__(self, peer: Peer, meeting: Meeting, route: Route) -> None:
        self.line: Line = Line(peer.connection.pull, route)
        self.peer = peer
        self.lock = threading.RLock()  # a step may say words, and words may end the line
        self._meeting = meeting

    def hear(self, message: bytes) -> None:
        """One message. It closes the line if that should end."""
        line, connection = self.line, self.peer.connection
        opened: list[f.Any] | None = None
        if not line.open:
            try:
                frames = f.open_message(message)
            except ProtocolViolation as error:
                return self._wrong("malformed", error.message)
            opened = frames if isinstance(frames, list) else None
        while not line.open:
            with self.lock:
                if line.closed:
                    return None
                if opened is None or not self.may_begin(opened):
                    return self._wrong("out of order", "values before the handshake is over")
                if not line.open:
                    self._step(opened.pop(0))
            if not opened:
                break
        if opened is None or opened:
            connection.hear(line, message if opened is None else opened)
        return self._notice()

    def may_begin(self, frames: list[f.Any]) -> bool:
        """Whether a message of these may come before the line is open."""
        return bool(frames)

    def _step(self, frame: f.Any) -> None:
        if (self.state, self.heard.get(type(frame))) in TRANSITIONS:
            self.take(frame)
        elif self._is_last_word(frame):
            self.peer.connection.hear(self.line, [frame])
        else:
            self._wrong("out of order", "a frame that does not belong there before the handshake is over")

    @abstractmethod
    def take(self, frame: f.Any) -> None:
        """A frame for which there is a step."""

    @abstractmethod
    def proceed(self) -> None:
        """The run may be known now: ask to resume it, or answer who has asked."""

    def _wrong(self, kind: str, text: str) -> None:
        """What nobody honest says: it counts, and the line is over."""
        self.peer.refused(Refusal(kind, text))
        self.line.refuse(kind, text, final=kind != "malformed")

    def _is_last_word(self, frame: f.Any) -> bool:
        """Whether it may be said before the line is open: a refusal, or that a party ends the run."""
        if isinstance(frame, f.Refused):
            return self.line.ours
        ends = isinstance(frame, f.Ending) or (isinstance(frame, f.Noted) and frame.what == "ending")
        return ends and self.state in GREETED

    def _notice(self) -> None:
        """What was heard may be the last thing that the meeting waits for, or end the run."""
        peer, meeting = self.peer, self._meeting
        if meeting.over:
            return
        if peer.ended:
            meeting.fail(PartyAborted(f"{peer.name} ended the run before its begin", party=peer.name))
        else:
            meeting.opened()


class Dialled(_ConnectionEnd):
    """A line that a party has opened to us: the one that its certificate names (in plaintext: its Hello).

    Args:
        place: the caller's network address, for the log.
    """

    heard: ClassVar = {f.Hello: HandshakeEvent.HELLO, f.Resume: HandshakeEvent.RESUME}

    def __init__(self, peer: Peer, meeting: Meeting, place: str, route: Route = USUAL) -> None:
        super().__init__(peer, meeting, route)
        self._place = place

    def may_begin(self, frames: list[f.Any]) -> bool:
        early = f.Hello | f.Resume | f.Ending | f.Noted
        return bool(frames) and all(isinstance(frame, early) for frame in frames)

    def take(self, frame: f.Any) -> None:
        if isinstance(frame, f.Hello):
            self._greet(frame)
        elif isinstance(frame, f.Resume):
            self.line.run = frame.run
            self.tell(HandshakeEvent.RESUME)
            self.proceed()

    def proceed(self) -> None:
        with self.lock:
            asked, run = self.line.run, self._meeting.run
            if self.state is not HandshakeState.ASKED or run is None or self.line.closed:
                return
            if asked == run:
                self.tell(HandshakeEvent.RESUMED)
                self.peer.open_theirs(self.line)
            elif self._meeting.over:
                self._refuse("another run", "that is another run than ours: start again at every party")
            else:
                self._refuse("another run", "the parties are still meeting", final=False)
        self._meeting.opened()

    def _greet(self, hello: f.Hello) -> None:
        mine = self._meeting.mine
        if hello.party != self.peer.name:
            text = f"the certificate names {self.peer.name}, the message claims {hello.party!r}"
            self._refuse("identity", text)
            return
        final = not (self.peer.left or self.peer.ended)  # else our run ends, and the next one may be its
        if self.peer.lost_to is not None:
            text = f"{mine.party} has given {hello.party} up: {self.peer.lost_to.message}"
            self._refuse("given up", text, final=final)
            return
        try:
            self._meeting.greet(hello)
        except AnotherStart:
            text = f"{mine.party} is connected to another start of {hello.party}"
            self._refuse("another run", text, final=False)
        except Restarted:
            text = f"{mine.party}'s run began with an earlier start of {hello.party}"
            self._refuse("another run", text, final=final)
        except HandshakeRefused as error:
            self.peer.refusals.count(self.peer.name, "settings", error.message)
            self._meeting.fail(error)
            self.line.close(mine)
        else:
            self.tell(HandshakeEvent.HELLO)
            self.line.say(mine)
            self.peer.greeted(self.line)

    def _refuse(self, kind: str, text: str, *, final: bool = True) -> None:
        self.peer.refusals.count(f"{self.peer.name} at {self._place}", kind, text)
        self.line.close(f.Refused(kind, text, final))


class Dialler(_ConnectionEnd):
    """A line that we have opened to a party.

    Attributes:
        over: why it should not be dialled again.
        refusal: what it was refused with the last time.
    """

    heard: ClassVar = {f.Hello: HandshakeEvent.HELLO, f.Resumed: HandshakeEvent.RESUMED}

    def __init__(self, peer: Peer, meeting: Meeting, route: Route = USUAL) -> None:
        super().__init__(peer, meeting, route)
        self.over: JuntoError | None = None
        self.refusal: JuntoError | None = None
        self.line.on_refused = self._refused
        self.line.say(meeting.mine)

    def take(self, frame: f.Any) -> None:
        if isinstance(frame, f.Hello):
            self._greet(frame)
        elif isinstance(frame, f.Resumed):
            self.tell(HandshakeEvent.RESUMED)
            self.peer.open_ours(self.line, frame)
            self._meeting.opened()

    def proceed(self) -> None:
        with self.lock:
            run = self._meeting.run
            if run is not None and (self.state, HandshakeEvent.RESUME) in TRANSITIONS:
                self.tell(HandshakeEvent.RESUME)
                self.line.say(f.Resume(run))

    def _greet(self, hello: f.Hello) -> None:
        name = self.peer.name
        try:
            if hello.party != name:
                raise IdentityError(
                    f"who answers at {self.line.route.at or self.peer.address} says that it is "
                    f"{hello.party!r}, not {name}",
                    fix="check cluster_config.parties and self_party at both parties",
                )
            self._meeting.greet(hello)
        except AnotherStart:
            return self.line.close()
        except Restarted:
            self.over = PartyUnreachable(
                f"{name} was started again; the run that it was part of is over for it",
                party=name,
                fix="start the run again at every party",
            )
            return self.line.close()
        except (IdentityError, HandshakeRefused) as error:
            self.over = error
            return self.line.close()
        self.tell(HandshakeEvent.HELLO)
        self.proceed()
        return self.peer.greeted(self.line)

    def _refused(self, frame: f.Refused) -> None:
        text = f"{self.peer.name} at {self.line.route.at or self.peer.address} refuses us: {frame.cause}"
        if not self.line.route.direct:
            self.peer.down(f"it refuses us: {frame.cause}")
            self._meeting.note(self.peer.name, f"it refuses us: {frame.cause}")
        again = "start the run again at every party"
        if frame.kind == "identity":
            self.refusal = IdentityError(text, fix="check self_party and tls_config.cert")
        elif frame.kind == "given up":
            self.refusal = PartyUnreachable(text, party=self.peer.name, fix=again)
        else:
            self.refusal = HandshakeRefused(text, fix=again)
        self.over = self.refusal if frame.final else None
        self.line.close()
