"""The handshake as it happens on one connection, on the dialled side and on the dialler's."""

from __future__ import annotations

import logging
import threading

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
from junto.net.header import MARKS
from junto.net.line import USUAL, Line, Route
from junto.net.meeting import AnotherStart, Meeting, Restarted
from junto.net.peer import Peer
from junto.net.steps import Refusal, Story

log: logging.Logger = logging.getLogger("junto.net")


class _ConnectionEnd(Story[HandshakeState, HandshakeEvent]):
    """One end of a connection. Its steps are taken under its lock, by whichever thread has reason to."""

    table = TRANSITIONS
    state = HandshakeState.NEW

    def __init__(self, line: Line) -> None:
        self.line: Line = line
        self.lock = threading.RLock()  # a step may say words, and words may end the connection

    def is_last_word(self, frame: f.Any) -> bool:
        """Whether it may be said before it is open: that a party ends the run, or the answer to it."""
        last = isinstance(frame, f.Ending) or (isinstance(frame, f.Noted) and frame.what == "ending")
        return last and self.state in GREETED


class Dialled(_ConnectionEnd):
    """A connection that a party has opened to us. Its messages come from the carrier's thread through `hear`.

    Args:
        peer: the party that the certificate names (in plaintext: that its Hello claims).
        meeting: what is agreed.
        place: the caller's network address, for the log.
        route: which way it came.
    """

    def __init__(self, peer: Peer, meeting: Meeting, place: str, route: Route = USUAL) -> None:
        super().__init__(Line(peer.pull, route))
        self.peer = peer
        self._meeting = meeting
        self._place = place

    def hear(self, message: bytes) -> None:
        """One message."""
        if message[:1] in MARKS and self.line.open and self.peer.hear_frame(self.line, message):
            return
        try:
            opened = f.open_message(message)
        except ProtocolViolation as error:
            self.peer.refused(Refusal("malformed", error.message))
            self.line.close(f.Refused("malformed", error.message, final=False))
            return
        while not self.line.open:
            with self.lock:
                if self.line.closed:
                    return
                if not isinstance(opened, list) or not _may_be_early(opened):
                    self._refuse("out of order", "values before the handshake is over")
                elif not self.line.open:
                    self._shake_hands(opened.pop(0))
            if not opened:
                return
        self.peer.hear(self.line, opened)
        if not self._meeting.over:
            _noticed(self.peer, self._meeting)

    def answer(self) -> None:
        """Answer the dialler's Resume, if it has come and the run is known."""
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

    def ended(self) -> None:
        """The connection is over."""
        self.peer.drop(self.line)

    def _shake_hands(self, frame: f.Any) -> None:
        state = self.state
        if isinstance(frame, f.Hello) and (state, HandshakeEvent.HELLO) in TRANSITIONS:
            self._greet(frame)
        elif isinstance(frame, f.Resume) and (state, HandshakeEvent.RESUME) in TRANSITIONS:
            self.line.run = frame.run
            self.tell(HandshakeEvent.RESUME)
            self.answer()
        elif self.is_last_word(frame):
            self.peer.hear(self.line, [frame])
            if not self._meeting.over:
                _noticed(self.peer, self._meeting)
        else:
            self._refuse("out of order", "a frame that does not belong there before the handshake is over")

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
    """A connection that we have opened to a party.

    Attributes:
        line: our half.
        over: why it should not be dialled again.
        refusal: what it was refused with the last time.
    """

    def __init__(self, peer: Peer, meeting: Meeting, route: Route = USUAL) -> None:
        super().__init__(Line(peer.pull, route))
        self.peer = peer
        self.over: JuntoError | None = None
        self.refusal: JuntoError | None = None
        self._meeting = meeting
        self.line.say(meeting.mine)

    def hear(self, message: bytes) -> bool:
        """One message; False if the connection should end."""
        if message[:1] in MARKS and self.line.open and self.peer.hear_frame(self.line, message):
            return True
        try:
            opened = f.open_message(message)
        except ProtocolViolation as error:
            self.peer.refused(Refusal("malformed", error.message))
            return False
        if isinstance(opened, list):
            return self._hear(opened)
        if self.line.open:
            self.peer.hear(self.line, opened)
            return True
        self.peer.refused(Refusal("out of order", "values before the handshake is over"))
        return False

    def ask(self) -> None:
        """Ask to resume the run, once it is known and the party has greeted."""
        with self.lock:
            run = self._meeting.run
            if run is not None and (self.state, HandshakeEvent.RESUME) in TRANSITIONS:
                self.tell(HandshakeEvent.RESUME)
                self.line.say(f.Resume(run))

    def _hear(self, frames: list[f.Any]) -> bool:
        for frame in frames:
            if self.line.closed:
                return False
            match frame:
                case f.Refused():
                    return self._refused(frame)
                case _ if self.line.open or self.is_last_word(frame):
                    self.peer.hear(self.line, [frame])
                    if not self._meeting.over:
                        _noticed(self.peer, self._meeting)
                case f.Hello() if (self.state, HandshakeEvent.HELLO) in TRANSITIONS:
                    if not self._greet(frame):
                        return False
                case f.Resumed() if (self.state, HandshakeEvent.RESUMED) in TRANSITIONS:
                    self.tell(HandshakeEvent.RESUMED)
                    self.peer.open_ours(self.line, frame)
                    self._meeting.opened()
                case _:
                    self.peer.refused(Refusal("out of order", "a frame that does not belong there"))
                    return False
        return True

    def _greet(self, hello: f.Hello) -> bool:
        if hello.party != self.peer.name:
            self.over = IdentityError(
                f"who answers at {self.line.route.at or self.peer.address} says that it is {hello.party!r}, "
                f"not {self.peer.name}",
                fix="check cluster_config.parties and self_party at both parties",
            )
            return False
        try:
            self._meeting.greet(hello)
        except AnotherStart:
            return False
        except Restarted:
            self.over = PartyUnreachable(
                f"{self.peer.name} was started again; the run that it was part of is over for it",
                party=self.peer.name,
                fix="start the run again at every party",
            )
            return False
        except HandshakeRefused as error:
            self.over = error
            return False
        self.tell(HandshakeEvent.HELLO)
        self.ask()
        self.peer.greeted(self.line)
        return True

    def _refused(self, frame: f.Refused) -> bool:
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
        return False


def _may_be_early(frames: list[f.Any]) -> bool:
    """Whether the dialler may say them before the connection is open."""
    return bool(frames) and all(
        isinstance(frame, f.Hello | f.Resume | f.Ending | f.Noted) for frame in frames
    )


def _noticed(peer: Peer, meeting: Meeting) -> None:
    """What was heard may be the last thing that the meeting waits for, or end the run before its begin."""
    if peer.ended:
        meeting.fail(PartyAborted(f"{peer.name} ended the run before its begin", party=peer.name))
    else:
        meeting.opened()
