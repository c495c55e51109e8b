"""What a channel receives: headers compared with what is due, and bytes put where they belong.

A frame is taken when somebody asks for something, and nothing is read ahead. So a node that does not read is
not filled with what others send: the network holds a window of frames, and then the sender waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from junto.errors import LinkError
from junto.mpc.links.channel import MOST_REASON, Counters, LeftOut
from junto.mpc.links.message_buffers import Due
from junto.mpc.links.place import Place
from junto.net.api import Pipe, PipeEnded
from junto.net.header import MORE, Header, Kind, sentence_of

_BURST = 32


class Incoming:
    """The receiving half of a channel. Nothing in it waits.

    Attributes:
        ended: the last operation of which the other node has said how it ended there; -1: none.
        last_left_out: the last operation that either node has left out; -1: none.
    """

    def __init__(self, pipe: Pipe, place: Place, counters: Counters) -> None:
        self._pipe = pipe
        self._place = place
        self._counters = counters
        self._number = 0
        self._header = _NONE
        self._left = _NOTHING  # of the frame that was taken last
        self._waits = False  # it is not compared with anything yet
        self._unwanted: set[int] = set()
        self._told: tuple[int, LeftOut] | None = None
        self.ended: int = -1
        self.last_left_out: int = -1

    @property
    def hears(self) -> bool:
        """Whether something can be read while nothing is due: no frame waits for whoever asks next."""
        return not (self._waits or (len(self._left) and self._header.check not in self._unwanted))

    def leave_out(self, operation: int) -> None:
        """What comes for this operation is dropped from here on."""
        self._unwanted.add(operation)
        self.last_left_out = max(self.last_left_out, operation)

    def pull(self, due: Due | None) -> bool:
        """Read what is there of what is due; whether anything was. None: only what is said of operations.

        Raises:
            LinkError: what comes is not what is due.
            LeftOut: the other node has left this operation out.
        """
        if self._told is not None and self._told[0] == self._place.check and due is not None:
            raise self._told[1]
        moved = False
        for _ in range(_BURST):
            if due is not None and due.done:
                break
            if not (self._waits or len(self._left)):
                if not self._next(due):
                    break
                moved = True
            compared = self._waits
            if compared and not self._begin(due):
                break
            if self._header.check in self._unwanted:
                self._left = _NOTHING
            elif len(self._left):
                if due is None:
                    break
                if not compared and (problem := self._difference(due, under_way=True)):
                    raise self._place.error(problem)
                self._left = self._left[due.take(self._left) :]
        return moved

    def last_words(self) -> LinkError:
        """The other node takes nothing any more: why, if it has said so in what is still to be read."""
        header = self._header if self._waits else _NONE
        with contextlib.suppress(PipeEnded, ValueError):
            while not (text := _departure(header)):
                frame = self._pipe.read()
                if frame is None:
                    break
                header = frame.header
            if text:
                return self._place.error(text)
        return self._ended(None)

    def _next(self, due: Due | None) -> bool:
        """Take another frame; whether there was one."""
        try:
            frame = self._pipe.read()
        except PipeEnded:
            raise self._ended(due) from None
        except ValueError as error:
            raise self._place.error(str(error)) from None
        if frame is None:
            return False
        self._header, self._left, nbytes = frame
        self._waits = True
        self._counters.wire_received += nbytes
        return True

    def _begin(self, due: Due | None) -> bool:
        """Compare a header with what is due, if it is anybody's turn; memory is taken only then."""
        header, left, pipe = self._header, self._left, self._pipe
        exact = due is not None and due.kind is Kind.MESSAGE and len(left) == due.left
        # The whole of the message that is due, as a rule: then nothing needs a sentence.
        exact = exact and header == (Kind.MESSAGE, 0, pipe.stream, self._number, self._place.check)
        if due is None and (header.kind not in _OUTCOMES or header.check > self._place.check):
            return False
        if not exact and (problem := _departure(header) or self._misplaced() or self._strange(due)):
            raise self._place.error(problem)
        self._waits = False
        self._number += 1
        self._counters.messages_received += 1
        if header.kind in _OUTCOMES:
            reason, self._left = bytes(self._left), _NOTHING
            self._heed(due, reason)
        elif due is not None and not len(self._left) and header.check not in self._unwanted:
            due.take(self._left)
        return True

    def _heed(self, due: Due | None, reason: bytes) -> None:
        """How an operation ended at the other node."""
        header = self._header
        self.ended = header.check
        self._unwanted.difference_update([each for each in self._unwanted if each < header.check])
        if header.kind == Kind.LEFT_OUT:
            self.last_left_out = max(self.last_left_out, header.check)
            if header.check == self._place.check and header.check not in self._unwanted:
                self._unwanted.add(header.check)
                self._told = header.check, LeftOut(self._place.peer, reason)
                raise self._told[1]
        if due is not None and due.kind is Kind.DONE:
            due.take(_NOTHING)

    def _misplaced(self) -> str:
        header = self._header
        if header.number != self._number:
            return f"message number {header.number} arrived; number {self._number} is due"
        if header.stream != self._pipe.stream:
            return "a message of another stream arrived"
        known = MORE if header.kind == Kind.MESSAGE else 0
        return "" if header.detail in (0, known) else "what arrives is no frame of a link"

    def _strange(self, due: Due | None) -> str:
        """What is wrong with a header; empty if nothing is."""
        header = self._header
        if header.kind in _OUTCOMES:
            most = MOST_REASON if header.kind == Kind.LEFT_OUT else 0
            late = not self.ended < header.check <= self._place.check
            return "what it says of an operation is not well-formed" if late or len(self._left) > most else ""
        if header.check in self._unwanted and header.kind in (Kind.MESSAGE, Kind.STREAM):
            return ""
        return "" if due is None else self._difference(due)

    def _difference(self, due: Due, *, under_way: bool = False) -> str:
        """What is wrong with the frame, for what is due."""
        header = self._header
        if header.kind == Kind.STREAM and under_way and due.kind is not Kind.STREAM:
            return f"{len(self._left)} bytes of the stream were not read before {_kind(due.kind)} was awaited"
        if header.kind != due.kind:
            return f"{_kind(header.kind)} arrived; {_kind(due.kind)} is due"
        if header.check != self._place.check:
            what = "the stream" if due.kind is Kind.STREAM else "the message"
            return self._place.differs(what, header.check)
        if due.kind is Kind.STREAM:
            return "" if len(self._left) or under_way else "a piece of the stream is not well-formed"
        return "" if under_way else self._wrong_size(due)

    def _wrong_size(self, due: Due) -> str:
        """What is wrong with the length of a message, or of a part of it."""
        length = len(self._left)
        if not self._header.detail:
            whole = due.size - due.left + length
            return "" if length == due.left else f"the message has {whole} bytes; {due.size} are due"
        return "" if 0 < length < due.left else f"the message is cut otherwise than into {due.size} bytes"

    def _ended(self, due: Due | None) -> LinkError:
        where = ""
        if due is not None and due.left < due.size:
            where = f" after {due.size - due.left} of {due.size} bytes"
        return self._place.error(
            f"the connection ended{where}",
            f"see whether {self._place.peer}'s process is still there, and what it said last",
        )


def _departure(header: Header) -> str:
    """What a frame says that is the last one of its sender; empty for all others."""
    if header.kind == Kind.ABORT:
        return f"it gave up: {sentence_of(header.detail)}"
    return "it ended the link" if header.kind == Kind.CLOSE else ""


def _kind(kind: int) -> str:
    if kind in _NAMES:
        return _NAMES[kind]
    return f"a frame of kind {kind}"


_OUTCOMES = (Kind.LEFT_OUT, Kind.DONE)
_NOTHING = memoryview(b"")
_NONE = Header(0, 0, 0, 0, 0)
_NAMES: Mapping[int, str] = {
    Kind.MESSAGE: "a message",
    Kind.STREAM: "a piece of the stream",
    Kind.DONE: "the end of an operation",
}
