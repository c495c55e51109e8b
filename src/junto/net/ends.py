"""The handshake as it happens at an end of a line, the same at both: greet, say which run, and agree."""

from __future__ import annotations

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
from junto.net.line import USUAL, Line, Route
from junto.net.meeting import AnotherStart, Meeting, Restarted
from junto.net.peer import Peer
from junto.net.steps import Refusal, Story

EARLY = f.Hello | f.Resume | f.Refused | f.Ending | f.Noted
"""What a message may hold as long as we have not said which run it is: nothing that needs the line open."""

_AGAIN = "start the run again at every party"


class LineEnd(Story[HandshakeState, HandshakeEvent]):
    """One end of a line. Its steps are taken under its lock, by whichever thread has reason to.

    Args:
        peer: the party at the other end, whom its certificate names (in plaintext: its Hello).
        meeting: what is agreed.
        route: which way the line goes.
        caller: the network address of who has opened the line to us, for the log; None: we have opened it.

    Attributes:
        trouble: why a line that we have dialled did not open.
        hopeless: and the next one will not, either.
    """

    table = TRANSITIONS
    state = HandshakeState.NEW

    def __init__(self, peer: Peer, meeting: Meeting, route: Route = USUAL, caller: str | None = None) -> None:
        self.line: Line = Line(peer.connection.pull, route)
        self.peer = peer
        self.trouble: JuntoError | None = None
        self.hopeless = True
        self.lock = threading.RLock()  # a step may say words, and words may end the line
        self._meeting, self._caller = meeting, caller
        self._said: bytes | None = None  # which run it is, by us
        self._heard: bytes | None = None  # and by them
        if caller is None:
            self.line.on_refused = self._refused
            self.line.say(meeting.mine)

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
                if not opened or not (self._said or all(isinstance(frame, EARLY) for frame in opened)):
                    return self._wrong("out of order", "values before the handshake is over")
                if not line.open:
                    self._step(opened.pop(0))
            if not opened:
                break
        if opened is None or opened:
            connection.hear(line, message if opened is None else opened)
        return self._notice()

    def proceed(self) -> None:
        """The run may be known now: say which one it is; once both have said the same, the line is open."""
        with self.lock:
            run = self._meeting.run
            if run is None or self.line.closed:
                return
            if self.state is HandshakeState.GREETED:
                self.tell(HandshakeEvent.SAY_RUN)
                self._said = run
                self.line.say(f.Resume(run))
            if self.state is not HandshakeState.ASKED or self._heard is None:
                return
            if self._heard == self._said == run:
                self.tell(HandshakeEvent.AGREE)
                self.peer.opened(self.line)
            elif not self.line.ours:  # of two that differ, the one that was dialled says so
                over = self._meeting.over
                text = f"that is another run than ours: {_AGAIN}" if over else "the parties are still meeting"
                self._part("another run", text, None, final=over)
        self._meeting.opened()

    def _step(self, frame: f.Any) -> None:
        if isinstance(frame, f.Hello) and self.state is HandshakeState.NEW:
            self._greet(frame)
        elif isinstance(frame, f.Resume) and self.state in GREETED and self._heard is None:
            self._heard = frame.run
            self.proceed()
        elif self._is_last_word(frame):
            self.peer.connection.hear(self.line, [frame])
        else:
            self._wrong("out of order", "a frame that does not belong there before the handshake is over")

    def _greet(self, hello: f.Hello) -> None:
        name, mine, line, lost = self.peer.name, self._meeting.mine, self.line, self.peer.lost_to
        final = not (self.peer.left or self.peer.ended)  # else our run ends, and the next one may be its
        if hello.party != name:
            error: JuntoError = IdentityError(
                f"who answers at {self._place} says that it is {hello.party!r}, not {name}",
                fix="check cluster_config.parties and self_party at both parties",
            )
            text = f"the certificate names {name}, the message claims {hello.party!r}"
            return self._part("identity", text, error)
        if lost is not None:
            return self._part("given up", f"{mine.party} has given {name} up: {lost.message}", lost, final)
        try:
            self._meeting.greet(hello)
        except AnotherStart:
            text = f"{mine.party} is connected to another start of {name}"
            return self._part("another run", text, None, final=False)
        except Restarted:
            text = f"{name} was started again; the run that it was part of is over for it"
            error = PartyUnreachable(text, party=name, fix=_AGAIN)
            text = f"{mine.party}'s run began with an earlier start of {name}"
            return self._part("another run", text, error, final)
        except HandshakeRefused as error:
            if line.ours:
                self.trouble = error
                return line.close()
            self.peer.refusals.count(name, "settings", error.message)
            self._meeting.fail(error)
            return line.close(mine)  # so that it finds the same difference
        self.tell(HandshakeEvent.HELLO)
        if not line.ours:
            line.say(mine)
        self.peer.greeted(line)
        return self.proceed()

    def _part(self, kind: str, text: str, error: JuntoError | None, final: bool = True) -> None:
        """The line is over: who has dialled it hears why, or has `error`."""
        if self.line.ours:
            self.trouble = error
            self.line.close()
        else:
            self.peer.refusals.count(f"{self.peer.name} at {self._caller}", kind, text)
            self.line.refuse(kind, text, final=final)

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

    @property
    def _place(self) -> str:
        return self.line.route.at or str(self.peer.address)

    def _refused(self, frame: f.Refused) -> None:
        text = f"{self.peer.name} at {self._place} refuses us: {frame.cause}"
        if not self.line.route.direct:
            self.peer.down(f"it refuses us: {frame.cause}")
            self._meeting.note(self.peer.name, f"it refuses us: {frame.cause}")
        if frame.kind == "identity":
            self.trouble = IdentityError(text, fix="check self_party and tls_config.cert")
        elif frame.kind == "given up":
            self.trouble = PartyUnreachable(text, party=self.peer.name, fix=_AGAIN)
        else:
            self.trouble = HandshakeRefused(text, fix=_AGAIN)
        self.hopeless = frame.final
        self.line.close()
